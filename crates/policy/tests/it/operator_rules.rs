//! Rules of the operator's: what they can do, and what is said of those that cannot be enforced.

use events::{Action, Outcome, Provenance};
use policy::{Engine, PolicyError, PolicyOptions, PolicySource, Verb};

use crate::attempts::{Attempt, engine, fired, with_rules};

#[test]
fn the_example_of_the_design_works() {
    let text = r#"
        @id("injection-from-documents")
        @action("taint")
        @controls("LLM01:2026, AML.T0051.001, MEASURE 2.7")
        @playbook("indirect-injection")
        forbid (principal, action == Action::"infer", resource)
        when { context.findings.injection.retrieved >= 30 };"#;
    let engine = engine(&with_rules(text));
    let judgement =
        Attempt::request().with("injection", Provenance::Retrieved, 30).judged_by(&engine);
    let rule = judgement.decision().rules.iter().find(|rule| rule.id == "injection-from-documents");
    let rule = rule.expect("it fired");
    assert_eq!(rule.action, Action::Taint);
    assert_eq!(rule.controls, ["LLM01:2026", "AML.T0051.001", "MEASURE 2.7"]);
    assert_eq!(rule.playbook.as_deref(), Some("indirect-injection"));
}

#[test]
fn rules_may_speak_of_callers_models_addresses_time_and_size() {
    for (condition, holds) in [
        ("principal in Application::\"search\"", true),
        ("principal in Application::\"chat\"", false),
        ("principal.application like \"sea*\"", true),
        ("principal == Key::\"none\"", true),
        ("resource == Model::\"gpt-4o\"", true),
        ("resource.name like \"gpt-*\" && resource in Upstream::\"openai\"", true),
        ("resource in Route::\"other\"", false),
        (
            "context has client_address && context.client_address.isInRange(ip(\"192.0.2.0/24\"))",
            true,
        ),
        ("context.time.weekday == 4 && context.time.hour == 0 && context.time.unix_s == 1", true),
        ("context.time.hour >= 8", false),
        ("context.request_bytes > 99", true),
        ("context.kinds.contains(\"pii.email@user\")", true),
        ("context.kinds.contains(\"pii.email@output\")", false),
        ("context.findings.custom.any == 7", true),
        ("context.stage == \"request\" && !context.tainted && !context.streamed", true),
    ] {
        let text = format!(
            "@id(\"own\") @action(\"block\") forbid (principal, action, resource) when {{ {condition} }};"
        );
        let judgement = Attempt::request()
            .with("pii.email", Provenance::User, 1)
            .with("brandnew.thing", Provenance::User, 7)
            .judged_by(&engine(&with_rules(&text)));
        assert_eq!(!judgement.is_allowed(), holds, "{condition}");
    }
}

#[test]
fn a_permit_of_ones_own_opens_what_no_rule_forbids() {
    let text = "@id(\"tools\") permit (principal, action == Action::\"call_tool\", resource);";
    let engine = engine(&with_rules(text));
    let tool = Attempt { action: Verb::CallTool, ..Attempt::request() };
    assert!(tool.judged_by(&engine).is_allowed());
    let expired = policy::Grants { expires_ms: Some(1), ..policy::Grants::UNLIMITED };
    assert!(!Attempt { grants: expired, ..tool }.judged_by(&engine).is_allowed());
}

/// Cedar itself skips a rule that fails, so a `forbid` that fails would not forbid.
#[test]
fn a_rule_that_cannot_be_evaluated_refuses_the_message() {
    let overflow = "context.request_bytes * 9223372036854775807 > 0";
    for rule in [
        format!(
            "@id(\"own\") @action(\"annotate\") forbid (principal, action, resource) when {{ {overflow} }};"
        ),
        format!("@id(\"own\") forbid (principal, action, resource) when {{ {overflow} }};"),
        format!("@id(\"own\") permit (principal, action, resource) when {{ {overflow} }};"),
    ] {
        let mut options = with_rules(&rule);
        let judgement = Attempt::request().judged_by(&engine(&options));
        assert_eq!(judgement.decision().outcome, Outcome::Refused, "{rule}");
        assert_eq!(judgement.decision().reason.as_deref(), Some("policy_error"), "{rule}");
        assert_eq!(judgement.decision().actions, [Action::Block]);
        assert!(judgement.clear(()).is_err());
        // Not even in shadow.
        options.preset = policy::Preset::Observe;
        assert!(!Attempt::request().judged_by(&engine(&options)).is_allowed(), "{rule}");
        let small = Attempt { request_bytes: 1, ..Attempt::request() };
        let reason = small.judged_by(&engine(&options)).decision().reason.clone();
        assert_ne!(reason.as_deref(), Some("policy_error"), "only where it fails");
    }
}

fn check(text: &str, expect: &str) {
    match Engine::new(&with_rules(text)) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => assert_eq!(error.to_string(), expect),
    }
}

#[test]
fn mistakes_are_explained() {
    check(
        "\n\nforbid (principal, action, resource);",
        "own.cedar:3: this rule has no `@id`; hint: write `@id(\"what-it-is-about\")` before it, so that records can name it",
    );
    check(
        "@id(\"A b\") forbid (principal, action, resource);",
        "own.cedar:1: `A b` is not an id; hint: use at most 64 lower-case letters, digits and `-`",
    );
    check(
        "@id(\"a\")\n@action(\"reject\")\nforbid (principal, action, resource);",
        "own.cedar:1: `reject` is not an action; hint: write one of `annotate`, `redact`, `taint`, `challenge`, `tarpit`, `decoy`, `block`, `quarantine`, `isolate`",
    );
    check(
        "// one\n@id(\"a\") forbid (principal, action, resource);\n@id(\"b\") @control(\"LLM01:2026\") forbid (principal, action, resource);",
        "own.cedar:3: `@control` is not an annotation; hint: write one of `@id`, `@action`, `@applies_to`, `@summary`, `@severity`, `@controls`, `@playbook`",
    );
    check(
        "@id(\"a\") @severity(\"huge\") forbid (principal, action, resource);",
        "own.cedar:1: `huge` is not a severity; hint: write one of `low`, `medium`, `high`, `critical`",
    );
    check(
        "@id(\"a\") @playbook forbid (principal, action, resource);",
        "own.cedar:1: `@playbook` is empty; hint: write `@playbook(\"…\")`, or leave it out",
    );
    check(
        "@id(\"a\") @action(\"block\") permit (principal, action, resource);",
        "own.cedar:1: `a` is a `permit` with an `@action`, but a consequence only tightens; hint: write `forbid`, or leave `@action` out to make it a rule of authorisation",
    );
    check(
        "@id(\"a\") @action(\"redact\") forbid (principal, action, resource);",
        "own.cedar:1: `a` redacts but does not say what; hint: add `@applies_to(\"pii\")` or whichever findings it is to replace",
    );
    check(
        "@id(\"a\") @action(\"block\") @applies_to(\"pii\") forbid (principal, action, resource);",
        "own.cedar:1: `a` has `@applies_to` but does not redact; hint: leave `@applies_to` out, or write `@action(\"redact\")`",
    );
    check(
        "@id(\"a\") @action(\"redact\") @applies_to(\"pii@nowhere\") forbid (principal, action, resource);",
        "own.cedar:1: `pii@nowhere` in `@applies_to` does not name findings; hint: write a family or kind, and if need be where and from which rank on, as in `pii.email@user>=20`; families are `injection`, `extraction`, `jailbreak`, `exfiltration`, `tool_abuse`, `toxicity`, `pii`, `secret`, `obfuscation`, `canary`, `url`, `leak`, `regurgitation`, `code`, `output`, `custom`",
    );
    check(
        "\n@id(\"key-expired\") forbid (principal, action, resource);",
        "own.cedar:2: the id `key-expired` is already taken by the rule at shipped:authorisation.cedar:9; hint: give this rule another `@id`, and list `key-expired` under `shadow` if it is to replace that one",
    );
}

#[test]
fn what_the_validator_says_is_passed_on_with_its_line() {
    for (text, line, part) in [
        (
            "@id(\"a\")\nforbid (principal, action, resource)\nwhen { context.findings.injektion.user > 1 };",
            3,
            "injektion",
        ),
        ("@id(\"a\") forbid (principal, action == Action::\"infr\", resource);", 1, "infr"),
        (
            "@id(\"a\") forbid (principal, action, resource) when { context.risk > \"high\" };",
            1,
            "expected",
        ),
        (
            "@id(\"a\") forbid (principal, action, resource) when { context.client_address.isLoopback() };",
            1,
            "client_address",
        ),
        ("@id(\"a\") forbid (principal is Team, action, resource);", 1, "impossible"),
    ] {
        let error = Engine::new(&with_rules(text)).expect_err(text);
        let PolicyError::Schema { message, place, .. } = &error else { panic!("{error}") };
        assert!(message.contains(part), "{error}");
        assert_eq!(place.line, line, "{error}");
    }
    for text in [
        "@id(\"a\")\nforbid principal;",
        "@id(\"a\"\n",
        "@id(\"a\") forbid (principal == ?principal, action, resource);",
    ] {
        let error = Engine::new(&with_rules(text)).expect_err(text);
        assert!(matches!(error, PolicyError::Syntax { .. }), "{error}");
        assert!(error.to_string().starts_with("own.cedar:"), "{error}");
    }
}

#[test]
fn limits_are_kept() {
    let longest = " ".repeat(policy::SOURCE_BYTES_MAX);
    assert!(Engine::new(&with_rules(&longest)).is_ok());
    let error = Engine::new(&with_rules(&format!("{longest} "))).expect_err("too long");
    assert_eq!(
        error.to_string(),
        "own.cedar has 262145 bytes, more than 262144; hint: split the file in two"
    );
    let rules = |count: usize| -> String {
        (0..count).fold(String::new(), |text, number| {
            text + "@id(\"n" + &number.to_string() + "\") forbid (principal, action, resource);"
        })
    };
    let shipped = engine(&PolicyOptions::default()).rules().count();
    let error = Engine::new(&with_rules(&rules(policy::RULES_MAX - shipped + 1)));
    assert!(matches!(error, Err(PolicyError::Limit { unit: "rules", .. })));
}

/// Within the limits nothing overflows the stack of a thread of 2 MiB; beyond them, it is said.
#[test]
fn depth_and_length_of_a_rule_have_limits() {
    let rule = |condition: &str| {
        with_rules(&format!(
            "@id(\"a\") forbid (principal, action == Action::\"promote\", resource) when {{ {condition} }};"
        ))
    };
    let nested = |depth: usize| rule(&format!("{}true{}", "(".repeat(depth), ")".repeat(depth)));
    assert!(Engine::new(&nested(policy::NESTING_MAX - 1)).is_ok());
    for depth in [policy::NESTING_MAX, 100_000] {
        assert!(matches!(Engine::new(&nested(depth)), Err(PolicyError::Limit { .. })), "{depth}");
    }
    let longest = policy::RULE_BYTES_MAX - 100;
    for part in ["true&&", "1+", "if true then true else ", "!", "context.", "!!!!true=="] {
        let options = rule(&format!("{}true", part.repeat(longest / part.len())));
        // Some of these are rules and some are not; what matters is that they are answered.
        let _ = Engine::new(&options).map(|engine| Attempt::request().judged_by(&engine));
    }
    let longer = rule(&"true&&".repeat(policy::RULE_BYTES_MAX / 6));
    assert!(matches!(Engine::new(&longer), Err(PolicyError::Limit { .. })));

    // The longest chain can be evaluated: each link is one deeper, and the innermost is four deep.
    let chain = |links: usize| {
        let links = vec!["context.findings.url.any >= 50"; links].join(" || ");
        with_rules(&format!(
            "@id(\"a\") @action(\"block\") forbid (principal, action, resource) when {{ {links} }};"
        ))
    };
    let most = policy::RULE_DEPTH_MAX - 4;
    let seen = Attempt::request().with("url", Provenance::User, 50);
    assert_eq!(fired(&seen.judged_by(&engine(&chain(most)))), ["a"]);
    let error = Engine::new(&chain(most + 1)).expect_err("one link more");
    assert_eq!(
        error.to_string(),
        "own.cedar:1: rule `a` has 129 expressions inside each other, more than 128; hint: split the rule in two"
    );
}

#[test]
fn sources_have_names_of_their_own() {
    let mut options = with_rules("// nothing");
    options.sources.push(PolicySource { name: "own.cedar".into(), text: String::new() });
    assert!(matches!(Engine::new(&options), Err(PolicyError::Setting { .. })));
}

#[test]
fn cards_say_where_rules_are() {
    let engine = engine(&with_rules(
        "// first\n\n@id(\"own\")\n@summary(\"Mine.\")\nforbid (principal, action == Action::\"promote\", resource);",
    ));
    let card = engine.rules().last().expect("a rule");
    assert_eq!((card.id.as_str(), card.source.as_str(), card.line), ("own", "own.cedar", 3));
    assert_eq!(card.summary.as_deref(), Some("Mine."));
    let judgement = Attempt { action: Verb::Promote, ..Attempt::request() }.judged_by(&engine);
    assert_eq!(fired(&judgement), ["own"]);
}
