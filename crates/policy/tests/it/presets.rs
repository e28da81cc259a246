//! What each preset does to ordinary use, to clear attacks and to callers without permission.

use events::{Action, Outcome, Provenance};
use policy::{Grants, Hours, PolicyOptions, Preset, Verb, reference_markdown};

use crate::attempts::{Attempt, engine, fired};

fn preset(preset: Preset) -> PolicyOptions {
    PolicyOptions { preset, ..PolicyOptions::default() }
}

#[test]
fn ordinary_use_passes_untouched() {
    for name in Preset::ALL {
        let engine = engine(&preset(name));
        for attempt in [
            Attempt::request(),
            Attempt::response(),
            Attempt { action: Verb::Embed, ..Attempt::request() },
            // Operators' instructions look like attacks by nature.
            Attempt::request().with("injection", Provenance::System, 60),
            Attempt::request().with("injection", Provenance::Developer, 60),
            Attempt::request().with("injection", Provenance::User, 9),
        ] {
            let judgement = attempt.judged_by(&engine);
            assert!(judgement.is_allowed(), "{name}: {:?}", judgement.decision());
            assert_eq!(judgement.decision().rules, [], "{name}");
            assert_eq!(judgement.clear("hello").map(policy::Cleared::into_inner), Ok("hello"));
        }
    }
}

#[test]
fn a_clear_attack_is_blocked_and_says_why() {
    let engine = engine(&PolicyOptions::default());
    let judgement = Attempt::request().with("injection", Provenance::User, 34).judged_by(&engine);
    let decision = judgement.decision();
    assert_eq!(decision.outcome, Outcome::Refused);
    assert_eq!(decision.reason.as_deref(), Some("policy_block"));
    assert_eq!(decision.actions, [Action::Annotate, Action::Block]);
    assert_eq!(fired(&judgement), ["injection-from-user", "suspicious-user-text"]);
    assert!(decision.rules[0].controls.contains(&"AML.T0051.000".to_owned()));
    assert_eq!(judgement.clear("hello").map(policy::Cleared::into_inner), Err("hello"));
}

#[test]
fn text_to_be_embedded_is_not_refused_for_what_it_says() {
    let engine = engine(&PolicyOptions::default());
    let attempt = Attempt { action: Verb::Embed, ..Attempt::request() };
    let judgement = attempt.with("injection", Provenance::User, 50).judged_by(&engine);
    assert_eq!(judgement.decision().actions, [Action::Annotate]);
}

#[test]
fn content_of_third_parties_taints_and_a_tainted_conversation_may_do_less() {
    let engine = engine(&PolicyOptions::default());
    for provenance in
        [Provenance::Retrieved, Provenance::ToolResult, Provenance::Memory, Provenance::File]
    {
        let judgement = Attempt::request().with("injection", provenance, 30).judged_by(&engine);
        assert!(judgement.is_allowed(), "{provenance}");
        assert!(judgement.decision().actions.contains(&Action::Taint), "{provenance}");
    }
    let answer = Attempt::response().with("exfiltration", Provenance::Output, 25);
    assert!(answer.judged_by(&engine).is_allowed());
    let tainted = Attempt { tainted: true, ..answer };
    assert!(!tainted.judged_by(&engine).is_allowed());
}

#[test]
fn personal_data_and_secrets_are_masked_where_they_were_found() {
    let engine = engine(&PolicyOptions::default());
    let judgement = Attempt::request()
        .with("injection", Provenance::User, 5)
        .with("pii.email", Provenance::User, 60)
        .with("pii.phone", Provenance::User, 12)
        .with("secret.github_token", Provenance::ToolResult, 60)
        .with("pii.iban", Provenance::System, 20)
        .judged_by(&engine);
    assert!(judgement.is_allowed());
    assert_eq!(judgement.decision().actions, [Action::Redact]);
    assert_eq!(judgement.redactions().collect::<Vec<_>>(), [1, 3, 4]);

    let judgement = Attempt::response()
        .with("pii.email", Provenance::Output, 60)
        .with("pii.email", Provenance::User, 60)
        .judged_by(&engine);
    assert_eq!(judgement.redactions().collect::<Vec<_>>(), [0], "the caller's own is restored");
}

#[test]
fn our_own_keys_go_nowhere() {
    for name in [Preset::Balanced, Preset::Strict] {
        let engine = engine(&preset(name));
        for provenance in Provenance::ALL {
            let attempt = Attempt::request().with("secret.bartizan_key", provenance, 60);
            assert!(!attempt.judged_by(&engine).is_allowed(), "{name} {provenance}");
        }
    }
}

#[test]
fn strict_refuses_what_balanced_lets_pass() {
    let (balanced, strict) = (engine(&preset(Preset::Balanced)), engine(&preset(Preset::Strict)));
    for attempt in [
        Attempt::request().with("injection", Provenance::User, 20),
        Attempt::request().with("secret.aws_key", Provenance::User, 60),
        Attempt::request().with("injection", Provenance::Retrieved, 30),
        Attempt { unknown_fields: 1, ..Attempt::request() },
    ] {
        assert!(attempt.judged_by(&balanced).is_allowed(), "{attempt:?}");
        assert!(!attempt.judged_by(&strict).is_allowed(), "{attempt:?}");
    }
}

#[test]
fn observe_records_everything_and_enforces_authorisation_only() {
    let engine = engine(&preset(Preset::Observe));
    let judgement = Attempt::request()
        .with("injection", Provenance::User, 60)
        .with("pii.email", Provenance::User, 60)
        .judged_by(&engine);
    assert!(judgement.is_allowed());
    assert_eq!(judgement.decision().actions, []);
    assert_eq!(judgement.redactions().len(), 0);
    assert_eq!(
        fired(&judgement),
        ["injection-from-user", "suspicious-user-text", "personal-data-out"]
    );
    assert!(judgement.decision().rules.iter().all(|rule| rule.shadow));

    let expired = Grants { expires_ms: Some(999), ..Grants::UNLIMITED };
    let judgement = Attempt { grants: expired, ..Attempt::request() }.judged_by(&engine);
    assert_eq!(judgement.decision().reason.as_deref(), Some("not_authorised"));
}

#[test]
fn what_nothing_permits_is_refused() {
    let engine = engine(&PolicyOptions::default());
    for action in Verb::ALL {
        let judgement = Attempt { action, ..Attempt::request() }.judged_by(&engine);
        let permitted = matches!(action, Verb::Infer | Verb::Embed);
        assert_eq!(judgement.is_allowed(), permitted, "{action}");
        let reason = judgement.decision().reason.as_deref();
        assert_eq!(reason, (!permitted).then_some("not_authorised"), "{action}");
    }
}

#[test]
fn each_missing_grant_is_refused_by_name() {
    let engine = engine(&PolicyOptions::default());
    let hours = Hours { from_hour: 8, until_hour: 18, weekdays: None };
    for (grants, rule) in [
        (Grants { expires_ms: Some(1_000), ..Grants::UNLIMITED }, "key-expired"),
        (Grants { actions: Some(vec![Verb::Embed]), ..Grants::UNLIMITED }, "action-not-granted"),
        (Grants { models: Some(vec!["o*".into()]), ..Grants::UNLIMITED }, "model-not-granted"),
        (Grants { routes: Some(vec!["o*".into()]), ..Grants::UNLIMITED }, "route-not-granted"),
        (Grants { tools: Some(vec!["o*".into()]), ..Grants::UNLIMITED }, "tool-not-granted"),
        (
            Grants {
                addresses: Some(vec!["10.0.0.0/8".parse().expect("a range")]),
                ..Grants::UNLIMITED
            },
            "address-not-granted",
        ),
        (Grants { hours: Some(hours), ..Grants::UNLIMITED }, "hour-not-granted"),
    ] {
        let judgement = Attempt { grants, ..Attempt::request() }.judged_by(&engine);
        assert_eq!(judgement.decision().reason.as_deref(), Some("not_authorised"), "{rule}");
        assert_eq!(fired(&judgement), [rule]);
    }
}

#[test]
fn the_reference_names_every_rule() {
    let text = reference_markdown().expect("the reference");
    for name in Preset::ALL {
        for card in engine(&preset(name)).rules() {
            assert!(text.contains(&format!("### `{}`", card.id)), "{}", card.id);
        }
    }
}

#[test]
fn the_digest_tells_policies_apart() {
    let mut digests: Vec<_> = Preset::ALL.map(|name| engine(&preset(name)).digest()).into();
    let shadow = vec!["injection-from-user".to_owned()];
    digests.push(engine(&PolicyOptions { shadow, ..PolicyOptions::default() }).digest());
    digests.push(engine(&crate::attempts::with_rules("// nothing")).digest());
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), count);
    let again = engine(&PolicyOptions::default()).digest();
    assert!(digests.contains(&again), "the same options give the same digest");
}
