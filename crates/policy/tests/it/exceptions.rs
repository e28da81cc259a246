//! Rules in shadow, and rules switched off for somebody until some time.

use events::{KeyId, Outcome, Principal, Provenance};
use policy::{Engine, ExceptionOptions, ExceptionScope, PolicyError, PolicyOptions, Verb};

use crate::attempts::{Attempt, engine, fired, with_rules};

fn exception(rule: &str, scope: ExceptionScope) -> ExceptionOptions {
    ExceptionOptions {
        expires_ms: 2_000,
        id: "waiver-7".to_owned(),
        owner: "ana".to_owned(),
        reason: "the red team's key".to_owned(),
        rule: rule.to_owned(),
        scope,
    }
}

fn for_search() -> ExceptionScope {
    ExceptionScope { application: Some("search".to_owned()), ..ExceptionScope::default() }
}

fn with(exceptions: Vec<ExceptionOptions>) -> PolicyOptions {
    PolicyOptions { exceptions, ..PolicyOptions::default() }
}

fn attack() -> Attempt {
    Attempt::request().with("injection", Provenance::User, 60)
}

#[test]
fn a_rule_in_shadow_is_recorded_and_not_enforced() {
    let shadow = vec!["injection-from-user".to_owned()];
    let engine = engine(&PolicyOptions { shadow, ..PolicyOptions::default() });
    let judgement = attack().judged_by(&engine);
    assert!(judgement.is_allowed());
    let rules = &judgement.decision().rules;
    assert_eq!(fired(&judgement), ["injection-from-user", "suspicious-user-text"]);
    assert!(rules[0].shadow && !rules[1].shadow);
    let other = Attempt::request().with("jailbreak", Provenance::User, 60);
    assert!(!other.judged_by(&engine).is_allowed(), "other rules stand");
}

#[test]
fn a_rule_of_authorisation_can_be_in_shadow_but_a_permit_cannot() {
    let text = "@id(\"no-gpt\") forbid (principal, action, resource == Model::\"gpt-4o\");";
    let shadow = vec!["no-gpt".to_owned()];
    let judgement =
        Attempt::request().judged_by(&engine(&PolicyOptions { shadow, ..with_rules(text) }));
    assert!(judgement.is_allowed());
    assert_eq!(fired(&judgement), ["no-gpt"]);
    assert!(!Attempt::request().judged_by(&engine(&with_rules(text))).is_allowed());

    for id in ["use-models", "no-such-rule"] {
        let shadow = vec![id.to_owned()];
        let error = Engine::new(&PolicyOptions { shadow, ..PolicyOptions::default() });
        assert!(matches!(error, Err(PolicyError::Setting { .. })), "{id}");
    }
}

#[test]
fn an_exception_holds_within_its_scope_until_it_expires() {
    let engine = engine(&with(vec![exception("injection-from-user", for_search())]));
    let judgement = attack().judged_by(&engine);
    assert!(judgement.is_allowed());
    let rules = &judgement.decision().rules;
    assert_eq!(rules[0].id, "injection-from-user");
    assert_eq!(rules[0].exception.as_deref(), Some("waiver-7"), "recorded");

    let late = Attempt { time_ms: 2_000, ..attack() };
    assert!(!late.judged_by(&engine).is_allowed(), "expired");
    let other = Principal { application: Some("chat".into()), ..Principal::default() };
    let other = Attempt { principal: other, ..attack() };
    assert!(!other.judged_by(&engine).is_allowed(), "out of scope");
    let other = Attempt { principal: Principal::default(), ..attack() };
    assert!(!other.judged_by(&engine).is_allowed(), "unknown application");
    let rule = attack().with("jailbreak", Provenance::User, 60);
    assert!(!rule.judged_by(&engine).is_allowed(), "another rule");
}

#[test]
fn every_part_of_a_scope_must_match() {
    let key = KeyId::new(7);
    let whole = ExceptionScope {
        key: Some(key),
        model: Some("gpt-4o".to_owned()),
        route: Some("default".to_owned()),
        team: Some("t".to_owned()),
        tenant: Some("x".to_owned()),
        ..for_search()
    };
    let principal = Principal {
        application: Some("search".to_owned()),
        key: Some(key),
        team: Some("t".to_owned()),
        tenant: Some("x".to_owned()),
        ..Principal::default()
    };
    let inside = Attempt { principal, ..attack() };
    let allowed = |scope| {
        inside.judged_by(&engine(&with(vec![exception("injection-from-user", scope)]))).is_allowed()
    };
    assert!(allowed(whole.clone()));
    let other = || Some("other".to_owned());
    assert!(!allowed(ExceptionScope { application: other(), ..whole.clone() }));
    assert!(!allowed(ExceptionScope { key: Some(KeyId::new(8)), ..whole.clone() }));
    assert!(!allowed(ExceptionScope { model: other(), ..whole.clone() }));
    assert!(!allowed(ExceptionScope { route: other(), ..whole.clone() }));
    assert!(!allowed(ExceptionScope { team: other(), ..whole.clone() }));
    assert!(!allowed(ExceptionScope { tenant: other(), ..whole }));
}

#[test]
fn an_exception_for_a_kind_lets_that_kind_go_and_no_other() {
    let emails = ExceptionScope { kind: Some("pii.email".to_owned()), ..for_search() };
    let engine = engine(&with(vec![exception("personal-data-out", emails)]));
    let redacted = |attempt: Attempt| {
        let judgement = attempt.judged_by(&engine);
        let enforced = |rule: &&events::FiredRule| rule.exception.is_none();
        let enforced = judgement.decision().rules.iter().filter(enforced).count();
        (judgement.redactions().collect::<Vec<_>>(), judgement.decision().rules.len(), enforced)
    };
    let email = Attempt::request().with("pii.email", Provenance::User, 60);
    assert_eq!(redacted(email.clone()), (vec![], 1, 0));
    let both = email.with("pii.iban", Provenance::User, 60);
    assert_eq!(redacted(both), (vec![1], 2, 1), "let go for one, enforced for the other");
    let iban = Attempt::request().with("pii.iban", Provenance::User, 60);
    assert_eq!(redacted(iban), (vec![0], 1, 1), "the exception has no part in it");
}

#[test]
fn an_exception_for_a_provenance_lets_its_findings_go_and_no_others() {
    let judge = |scope: ExceptionScope, findings: &[(&'static str, Provenance)]| {
        let engine = engine(&with(vec![exception("personal-data-out", scope)]));
        let attempt = findings.iter().fold(Attempt::request(), |attempt, (kind, provenance)| {
            attempt.with(kind, *provenance, 60)
        });
        let judgement = attempt.judged_by(&engine);
        judgement.redactions().collect::<Vec<_>>()
    };
    let files = ExceptionScope { provenance: Some(Provenance::File), ..ExceptionScope::default() };
    let both = [("pii.email", Provenance::File), ("pii.email", Provenance::User)];
    assert_eq!(judge(files.clone(), &both), [1], "what the user writes is masked as before");
    assert_eq!(judge(files.clone(), &both[..1]), [] as [usize; 0]);
    assert_eq!(judge(files.clone(), &[("secret.aws_key", Provenance::File)]), [0], "another rule");
    let emails = ExceptionScope { kind: Some("pii.email".to_owned()), ..files.clone() };
    let kinds = [("pii.email", Provenance::File), ("pii.iban", Provenance::File)];
    assert_eq!(judge(emails, &kinds), [1], "both parts must match");
    assert_eq!(judge(ExceptionScope { team: Some("x".to_owned()), ..files }, &both[..1]), [0]);
}

#[test]
fn an_exception_never_opens_what_authorisation_refused() {
    let engine = engine(&with(vec![exception("injection-from-user", for_search())]));
    let judgement = Attempt { action: Verb::Promote, ..attack() }.judged_by(&engine);
    assert_eq!(judgement.decision().outcome, Outcome::Refused);
    let over = with(vec![exception("key-expired", for_search())]);
    let error = Engine::new(&over).expect_err("no exceptions to authorisation");
    assert!(error.to_string().contains("change what the key is granted"), "{error}");
}

#[test]
fn an_exception_needs_a_rule_an_id_an_owner_a_reason_and_a_scope() {
    let good = exception("injection-from-user", for_search());
    let bad = [
        vec![ExceptionOptions { rule: "no-such-rule".into(), ..good.clone() }],
        vec![ExceptionOptions { id: " ".into(), ..good.clone() }],
        vec![ExceptionOptions { owner: String::new(), ..good.clone() }],
        vec![ExceptionOptions { reason: "\t".into(), ..good.clone() }],
        vec![ExceptionOptions { scope: ExceptionScope::default(), ..good.clone() }],
        vec![good.clone(), good.clone()],
    ];
    for exceptions in bad {
        let error = Engine::new(&with(exceptions)).expect_err("a bad exception");
        assert!(matches!(error, PolicyError::Setting { .. }), "{error}");
        assert!(error.to_string().contains("hint: "), "{error}");
    }
    let many = (0..=policy::EXCEPTIONS_MAX)
        .map(|number| ExceptionOptions { id: number.to_string(), ..good.clone() })
        .collect();
    assert!(matches!(Engine::new(&with(many)), Err(PolicyError::Limit { .. })));
}

#[test]
fn what_is_suspended_does_not_hold_for_whom_it_is_suspended_and_then_again() {
    let engine = engine(&PolicyOptions::default());
    let rules = ["injection-from-user", "suspicious-user-text"];
    let options: Vec<_> = rules.iter().map(|rule| exception(rule, for_search())).collect();
    let suspensions = engine.suspensions(&options).expect("rules of consequence");
    let judged = |application: &str, time_ms| {
        let principal =
            Principal { application: Some(application.to_owned()), ..Principal::default() };
        let attempt = Attempt { principal, time_ms, ..attack() };
        let without = attempt.judged_by(&engine).is_allowed();
        (attempt.judged_with(&engine, &suspensions), without)
    };
    let (judgement, without) = judged("search", 1_999);
    assert!(judgement.is_allowed() && !without);
    let named = |rule: &events::FiredRule| rule.exception.as_deref() == Some("waiver-7");
    assert!(judgement.decision().rules.iter().all(named), "the record says why it was let go");
    assert!(!judged("search", 2_000).0.is_allowed(), "its time is over");
    assert!(!judged("other", 1_999).0.is_allowed(), "it is not for others");
    for (rule, scope) in [
        ("key-expired", for_search()),
        ("no-such-rule", for_search()),
        ("injection-from-user", ExceptionScope::default()),
    ] {
        assert!(engine.suspensions(&[exception(rule, scope)]).is_err(), "{rule}");
    }
}
