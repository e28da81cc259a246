//! The shipped sets against a model of them, written from the table in the reference and not from
//! the Cedar text: over random messages, both fire the same rules and decide the same.

use std::collections::BTreeSet;

use events::{Action, LocatedFinding, Outcome, Provenance, Trust};
use policy::{
    Engine, ExceptionOptions, ExceptionScope, Grants, PolicyOptions, Preset, Stage, Verb,
};
use proptest::prelude::*;

use crate::attempts::{Attempt, engine, finding, fired};

/// What the model knows of a message.
struct Seen<'a>(&'a Attempt);

impl Seen<'_> {
    fn highest(&self, families: &[&str], counts: impl Fn(Provenance) -> bool) -> u8 {
        let family = |located: &LocatedFinding| match located.finding.kind.family() {
            "brandnew" => "custom".to_owned(),
            family => family.to_owned(),
        };
        let findings = self.0.findings.iter();
        let counted = findings
            .filter(|one| families.contains(&family(one).as_str()) && counts(one.provenance));
        counted.map(|one| one.finding.rank.get()).max().unwrap_or(0)
    }

    fn at(&self, families: &[&str], provenance: Provenance) -> u8 {
        self.highest(families, |one| one == provenance)
    }

    fn low_trust(&self, families: &[&str]) -> u8 {
        self.highest(families, |one| one.trust() == Trust::Low)
    }

    fn any(&self, family: &str) -> u8 {
        self.highest(&[family], |_| true)
    }
}

const ATTACKS: [&str; 5] = ["injection", "jailbreak", "extraction", "exfiltration", "tool_abuse"];
const ORDERS: [&str; 3] = ["injection", "exfiltration", "tool_abuse"];

/// The consequences of a preset: thresholds `sure` and `maybe`, and what each rule asks for.
fn consequences(attempt: &Attempt, strict: bool) -> Vec<(&'static str, Action)> {
    use Action::{Annotate, Block, Challenge, Redact, Taint};
    use Provenance::{Assistant, Output, ToolCall, ToolDefinition, User};
    let seen = Seen(attempt);
    let (sure, maybe) = if strict { (20, 10) } else { (30, 20) };
    let infer = attempt.action == Verb::Infer;
    let (request, response) = (attempt.stage == Stage::Request, attempt.stage == Stage::Response);
    let own_key =
        attempt.findings.iter().any(|one| one.finding.kind.as_str() == "secret.bartizan_key");
    let has = |kind: &str| {
        let of_output = attempt.findings.iter().filter(|one| one.provenance == Output);
        of_output.map(|one| one.finding.kind.as_str()).any(|one| one == kind)
    };
    let (leak, copied) = (seen.at(&["leak"], Output), seen.at(&["regurgitation"], Output));
    let code = seen.at(&["code"], Output);
    let history = seen.at(&["injection"], Assistant).max(seen.at(&["injection"], ToolCall));
    let carried = seen.at(&["exfiltration"], Output);
    let link = seen.at(&["url"], Output);
    let secret_out = if request { seen.any("secret") } else { 0 };
    let secret_back = if response { seen.at(&["secret"], Output) } else { 0 };
    let toxic = seen.at(&["toxicity"], User).max(seen.at(&["toxicity"], Output));
    let answer = ["injection", "extraction", "exfiltration", "tool_abuse", "url"];
    let both = [
        ("injection-from-user", Block, infer && seen.at(&["injection"], User) >= sure),
        ("jailbreak-from-user", Block, infer && seen.at(&["jailbreak"], User) >= sure),
        ("extraction-from-user", Block, infer && seen.at(&["extraction"], User) >= sure),
        ("exfiltration-from-user", Block, infer && seen.at(&["exfiltration"], User) >= sure),
        ("tool-abuse-from-user", Block, infer && seen.at(&["tool_abuse"], User) >= sure),
        ("suspicious-user-text", Annotate, seen.at(&ATTACKS, User) >= maybe),
        ("injection-from-content", Taint, seen.low_trust(&ORDERS) >= sure),
        ("suspicious-content", Annotate, seen.low_trust(&ATTACKS) >= maybe),
        ("hidden-text", Annotate, seen.any("obfuscation") >= maybe),
        ("hidden-text-in-content", Taint, seen.low_trust(&["obfuscation"]) >= sure),
        ("personal-data-out", Redact, request && seen.any("pii") >= maybe),
        ("own-key-out", Block, own_key),
        ("canary-seen", Block, seen.any("canary") >= sure),
        ("personal-data-in-answer", Redact, response && seen.at(&["pii"], Output) >= maybe),
        (
            "instructions-in-answer",
            Block,
            infer && (seen.at(&["extraction"], Output) >= sure || leak >= sure + 10),
        ),
        ("protected-text-in-answer", Block, infer && copied >= sure + 10),
        (
            "dangerous-code-in-answer",
            if strict { Block } else { Annotate },
            infer && code >= if strict { 40 } else { 30 },
        ),
        (
            "exfiltration-from-tainted",
            Block,
            infer && attempt.tainted && carried.max(link) >= maybe,
        ),
        ("tool-abuse-in-answer", Block, infer && seen.at(&["tool_abuse"], Output) >= sure),
        ("suspicious-answer", Annotate, seen.at(&answer, Output) >= maybe),
        ("own-patterns", Annotate, seen.any("custom") >= maybe),
    ];
    let definition = seen.at(&["injection"], ToolDefinition);
    let one = if strict {
        vec![
            ("orders-in-content", Challenge, infer && seen.low_trust(&ORDERS) >= 30),
            ("injection-in-tool-definitions", Challenge, infer && definition >= 30),
            ("suspicious-tool-definitions", Annotate, definition >= 20),
            ("injection-in-history", Taint, history >= 30),
            ("hidden-text-from-user", Block, infer && seen.at(&["obfuscation"], User) >= 30),
            ("secrets-out", Block, secret_out >= 20),
            ("possible-secrets-out", Redact, secret_out >= 10),
            ("secrets-in-answer", Block, secret_back >= 20),
            ("possible-secrets-in-answer", Redact, secret_back >= 10),
            ("exfiltration-in-answer", Block, infer && carried.max(link) >= 20),
            ("unusual-code-in-answer", Annotate, infer && code >= 20),
            ("toxic-text", Block, infer && toxic >= 30),
            ("suspicious-toxic-text", Annotate, seen.any("toxicity") >= 20),
            ("unknown-fields", Block, attempt.unknown_fields > 0),
            ("conversation-at-risk", Challenge, infer && request && attempt.risk >= 80),
        ]
    } else {
        vec![
            ("injection-in-tool-definitions", Annotate, definition >= 30),
            ("injection-in-history", Annotate, history >= 30),
            ("secrets-out", Redact, secret_out >= 20),
            ("secrets-in-answer", Redact, secret_back >= 20),
            (
                "exfiltration-in-answer",
                Block,
                infer
                    && (carried >= 50
                        || has("exfiltration.encoded")
                        || (carried >= 30 && has("exfiltration"))),
            ),
            (
                "exfiltration-removed",
                Redact,
                infer && (has("exfiltration.image") || has("exfiltration.link")),
            ),
            ("denied-address-in-answer", Redact, infer && has("url.denied")),
            ("instructions-quoted", Annotate, infer && leak >= 20),
            ("protected-text-quoted", Annotate, infer && copied >= 20),
            ("toxic-text", Annotate, seen.any("toxicity") >= 20),
        ]
    };
    let all = both.into_iter().chain(one);
    all.filter(|(_, _, holds)| *holds).map(|(id, action, _)| (id, action)).collect()
}

fn authorised(attempt: &Attempt) -> bool {
    let grants = &attempt.grants;
    matches!(attempt.action, Verb::Infer | Verb::Embed)
        && grants.allows_model(&attempt.model)
        && grants.expires_ms.is_none_or(|expires| attempt.time_ms < expires)
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let kinds = [
        "injection",
        "jailbreak",
        "extraction",
        "exfiltration",
        "tool_abuse",
        "toxicity",
        "obfuscation",
        "canary",
        "url",
        "custom",
        "brandnew.thing",
        "exfiltration.image",
        "exfiltration.encoded",
        "leak.system_prompt",
        "regurgitation.page",
        "code.sql",
        "url.denied",
        "pii.email",
        "pii.iban",
        "secret.aws_key",
        "secret.bartizan_key",
    ];
    let findings = proptest::collection::vec(
        (
            proptest::sample::select(kinds.to_vec()),
            proptest::sample::select(Provenance::ALL.to_vec()),
            prop_oneof![
                Just(9u8),
                Just(10),
                Just(19),
                Just(20),
                Just(29),
                Just(30),
                Just(39),
                Just(40),
                Just(50),
                0u8..=60
            ],
        )
            .prop_map(|(kind, provenance, rank)| finding(kind, provenance, rank)),
        0..4,
    );
    let action = prop_oneof![
        6 => Just(Verb::Infer),
        2 => Just(Verb::Embed),
        1 => Just(Verb::CallTool),
    ];
    let grants = prop_oneof![
        4 => Just(Grants::UNLIMITED),
        1 => Just(Grants { models: Some(vec!["other".into()]), ..Grants::UNLIMITED }),
        1 => Just(Grants { expires_ms: Some(1_000), ..Grants::UNLIMITED }),
    ];
    let risk = prop_oneof![Just(0u8), Just(79), Just(80)];
    (findings, action, grants, any::<[bool; 2]>(), risk, 0u32..2).prop_map(
        |(findings, action, grants, [answer, tainted], risk, unknown_fields)| {
            let start = if answer { Attempt::response() } else { Attempt::request() };
            Attempt { action, findings, grants, risk, tainted, unknown_fields, ..start }
        },
    )
}

/// What the model expects, against what the engine decided.
fn agrees(attempt: &Attempt, engine: &Engine, preset: Preset) -> Result<(), TestCaseError> {
    let expected = consequences(attempt, preset == Preset::Strict);
    let enforced: BTreeSet<Action> = match preset {
        Preset::Observe => BTreeSet::new(),
        _ => expected.iter().map(|(_, action)| *action).collect(),
    };
    let judgement = attempt.judged_by(engine);
    let decision = judgement.decision();
    let ids: BTreeSet<&str> = fired(&judgement).into_iter().collect();
    let wanted: BTreeSet<&str> = expected.iter().map(|(id, _)| *id).collect();
    let of_authorisation = ["key-expired", "model-not-granted"];
    let others: BTreeSet<&str> =
        ids.iter().copied().filter(|id| !of_authorisation.contains(id)).collect();
    prop_assert_eq!(others, wanted);
    let refused = !authorised(attempt) || enforced.iter().any(|action| action.refuses());
    prop_assert_eq!(decision.outcome == Outcome::Refused, refused);
    prop_assert_eq!(decision.reason.is_some(), refused);
    // A consequence never opens what authorisation refused, whatever fired.
    prop_assert!(authorised(attempt) || !judgement.is_allowed());
    let mut actions = enforced.clone();
    actions.extend((!authorised(attempt)).then_some(Action::Block));
    prop_assert_eq!(&decision.actions, &actions.into_iter().collect::<Vec<_>>());
    // Whoever is told that something was masked finds something masked.
    prop_assert_eq!(enforced.contains(&Action::Redact), judgement.redactions().len() > 0);
    for index in judgement.redactions() {
        let family = attempt.findings[index].finding.kind.family();
        prop_assert!(["pii", "secret", "exfiltration", "url"].contains(&family));
    }
    Ok(())
}

fn check(preset: Preset, cases: u32) {
    let engine = engine(&PolicyOptions { preset, ..PolicyOptions::default() });
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(attempt in attempts())| agrees(&attempt, &engine, preset)?);
}

#[test]
fn balanced_is_what_the_reference_says() {
    check(Preset::Balanced, 10_000);
}

#[test]
fn strict_is_what_the_reference_says() {
    check(Preset::Strict, 10_000);
}

#[test]
fn observe_is_balanced_in_shadow() {
    check(Preset::Observe, 1_000);
}

/// With an exception, nothing is refused that was not, and what is let go is what it names.
#[test]
fn exceptions_only_let_go_of_what_they_name() {
    let without = engine(&PolicyOptions::default());
    let exception = |rule: &str, kind: Option<&str>| ExceptionOptions {
        expires_ms: 2_000,
        id: format!("{rule} {kind:?}"),
        owner: "ana".to_owned(),
        reason: "a trial".to_owned(),
        rule: rule.to_owned(),
        scope: ExceptionScope {
            application: Some("search".to_owned()),
            kind: kind.map(str::to_owned),
            ..ExceptionScope::default()
        },
    };
    let with = engine(&PolicyOptions {
        exceptions: vec![
            exception("injection-from-user", None),
            exception("personal-data-out", Some("pii.email")),
            exception("suspicious-content", Some("injection")),
        ],
        ..PolicyOptions::default()
    });
    let config =
        ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(attempt in attempts())| {
        let (strict, loose) = (attempt.judged_by(&without), attempt.judged_by(&with));
        prop_assert!(loose.is_allowed() || !strict.is_allowed());
        prop_assert!(authorised(&attempt) || !loose.is_allowed());
        let let_go: Vec<usize> =
            strict.redactions().filter(|index| !loose.redactions().any(|one| one == *index)).collect();
        for index in &let_go {
            prop_assert_eq!(attempt.findings[*index].finding.kind.as_str(), "pii.email");
        }
        prop_assert_eq!(strict.redactions().len(), loose.redactions().len() + let_go.len());
        // As if the e-mail addresses had not been there.
        let mut bare = attempt.clone();
        bare.findings.retain(|one| one.finding.kind.as_str() != "pii.email");
        let named = |judgement: &policy::Judgement| {
            let rules = judgement.decision().rules.iter();
            rules.filter(|rule| rule.exception.is_none()).any(|rule| rule.id == "personal-data-out")
        };
        prop_assert_eq!(named(&loose), named(&bare.judged_by(&without)));
    });
}
