//! Tests that need to see inside: memory against no memory, coarse against exact, requests against
//! the schema. What a user sees is tested in `tests/it`.

use std::sync::Arc;

use cedar_policy::{Context, Request};
use events::{Finding, KeyId, Kind, LocatedFinding, Principal, Provenance, Rank, Score, Span};
use proptest::prelude::*;

use crate::engine::Engine;
use crate::reads::Reads;
use crate::request::Names;
use crate::view::View;
use crate::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Owned facts.
#[derive(Clone, Debug)]
struct Sample {
    action: Verb,
    address: Option<std::net::IpAddr>,
    findings: Vec<LocatedFinding>,
    grants: Grants,
    names: [&'static str; 3],
    numbers: (u64, u8, u64, u32, u32),
    principal: Principal,
    stage: Stage,
    streamed: bool,
    tainted: bool,
    tools: Vec<String>,
}

impl Sample {
    fn facts(&self) -> Facts<'_> {
        let [name, route, upstream] = self.names;
        let (request_bytes, risk, time_ms, unknown_fields, unscanned) = self.numbers;
        Facts {
            action: self.action,
            client_address: self.address,
            findings: &self.findings,
            grants: &self.grants,
            principal: &self.principal,
            request_bytes,
            resource: Resource { name, route, upstream },
            risk,
            stage: self.stage,
            streamed: self.streamed,
            tainted: self.tainted,
            time_ms,
            tools: &self.tools,
            unknown_fields,
            unscanned,
        }
    }
}

fn finding() -> impl Strategy<Value = LocatedFinding> {
    let kind = prop_oneof![
        proptest::sample::select(FAMILIES.to_vec()),
        Just("pii.email"),
        Just("secret.bartizan_key"),
        Just("newfamily.x"),
    ];
    let rank = prop_oneof![Just(19u8), Just(20), Just(29), Just(30), 0u8..=60];
    (kind, rank, proptest::sample::select(Provenance::ALL.to_vec())).prop_map(
        |(kind, rank, provenance)| LocatedFinding {
            finding: Finding {
                detector: "test".into(),
                kind: Kind::of(kind),
                rank: Rank::new(rank),
                score: Score::ONE,
                span: Span::new(0, 1),
                view: "raw".into(),
            },
            path: "messages[0].content".into(),
            provenance,
        },
    )
}

fn name() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::sample::select(vec!["", "a", "b"]).prop_map(str::to_owned))
}

fn principal() -> impl Strategy<Value = Principal> {
    (name(), name(), proptest::option::of(0u64..3), name(), name()).prop_map(
        |(application, end_user, key, team, tenant)| Principal {
            application,
            end_user,
            key: key.map(KeyId::new),
            team,
            tenant,
            ..Principal::default()
        },
    )
}

fn grants() -> impl Strategy<Value = Grants> {
    let limit = |text: &'static str| proptest::option::of(Just(text));
    (limit("a*"), limit("10.0.0.0/8"), proptest::option::of(0u64..200_000_000), 0u8..8).prop_map(
        |(model, range, expires_ms, other)| Grants {
            actions: (other & 1 == 1).then(|| vec![Verb::Infer]),
            addresses: range.map(|range| vec![range.parse().expect("a range")]),
            expires_ms,
            hours: (other & 2 == 2).then_some(Hours {
                from_hour: 8,
                until_hour: 18,
                weekdays: (other & 4 == 4).then(|| vec![1, 5]),
            }),
            models: model.map(|model| vec![model.into()]),
            routes: (other & 3 == 3).then(|| vec!["m*".into()]),
            tools: (other & 5 == 5).then(|| vec!["search*".into()]),
        },
    )
}

fn sample() -> impl Strategy<Value = Sample> {
    let edge = || prop_oneof![0u64..4, 98u64..103, any::<u64>()];
    let address = proptest::option::of(proptest::sample::select(vec![
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "192.0.2.1",
        "2001:db8::1",
    ]));
    let names = ["a", "b", "ab"];
    let name = move || proptest::sample::select(names.to_vec());
    (
        (proptest::sample::select(Verb::ALL.to_vec()), any::<[bool; 4]>(), address),
        proptest::collection::vec(finding(), 0..4),
        (grants(), principal()),
        [name(), name(), name()],
        (edge(), 0u8..=100, 0u64..200_000_000, 0u32..3, 0u32..3),
    )
        .prop_map(
            |((action, flags, address), findings, (grants, principal), names, numbers)| Sample {
                action,
                address: address.map(|address| address.parse().expect("an address")),
                findings,
                grants,
                names,
                numbers,
                principal,
                stage: if flags[0] { Stage::Request } else { Stage::Response },
                streamed: flags[1],
                tainted: flags[2],
                tools: vec![if flags[3] { "search_web" } else { "shell" }.to_owned()],
            },
        )
}

/// Conditions that read facts in every way the analysis tells apart.
fn condition() -> impl Strategy<Value = String> {
    let number = proptest::sample::select(vec![
        "context.findings.injection.user",
        "context.findings.pii.any",
        "context.findings.custom.low_trust",
        "context[\"findings\"][\"secret\"].output",
        "context.risk",
        "context.request_bytes",
        "context.unknown_fields",
        "context.unscanned",
        "context.time.hour",
        "context.time.weekday",
        "context.time.unix_s",
    ]);
    let op = proptest::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let literal =
        || proptest::sample::select(vec![-1i64, 0, 1, 2, 5, 12, 20, 30, 31, 60, 61, 100, 100_000]);
    let flag = proptest::sample::select(vec![
        "context.tainted",
        "context.streamed",
        "context.stage == \"request\"",
        "context.end_user == \"a\"",
        "context.kinds.contains(\"pii.email\")",
        "context.kinds.containsAny([\"pii.email@user\", \"injection\"])",
        "context.kinds.containsAll([\"newfamily.x\"])",
        "context.kinds == [\"pii.email\", \"pii.email@user\"]",
        "context.kinds.isEmpty()",
        "context has client_address && context.client_address.isInRange(ip(\"10.0.0.0/8\"))",
        "principal in Team::\"a\"",
        "principal.application like \"a*\"",
        "Key::\"none\" in Tenant::\"b\"",
        "resource.name == \"ab\"",
        "resource in Upstream::\"a\"",
        "[1, context.findings.pii.user].contains(30)",
        "{f: context.findings}.f.pii.user == 30",
        "context.findings.pii == context.findings.secret",
        "context.grants.model",
        "context.grants.tools",
    ]);
    let leaf = prop_oneof![
        (number.clone(), op.clone(), literal()).prop_map(|(n, op, l)| format!("{n} {op} {l}")),
        (number.clone(), op.clone(), literal()).prop_map(|(n, op, l)| format!("{l} {op} {n}")),
        (number.clone(), op, number.clone()).prop_map(|(n, op, m)| format!("{n} {op} {m}")),
        number.prop_map(|n| format!("if {n} > 1 then {n} * 2 == 40 else false")),
        flag.prop_map(str::to_owned),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), inner, any::<bool>()).prop_map(|(left, right, and)| {
            if and { format!("({left}) && !({right})") } else { format!("({left}) || ({right})") }
        })
    })
}

/// An engine of these conditions and nothing shipped: what is permitted when the first holds, forbidden
/// when the second does, and consequences of the others.
fn engine(may: &str, may_not: &str, consequences: &[String]) -> Option<Engine> {
    let scope = "(principal, action, resource)";
    let forbid = |(index, condition): (usize, &String)| {
        let action = ["block", "annotate", "challenge"][index % 3];
        format!("@id(\"own-{index}\") @action(\"{action}\") forbid {scope} when {{ {condition} }};")
    };
    let consequences: Vec<String> = consequences.iter().enumerate().map(forbid).collect();
    let text = format!(
        "@id(\"may\") permit {scope} when {{ {may} }};
         @id(\"may-not\") forbid {scope} when {{ {may_not} }};
         {}",
        consequences.join("\n")
    );
    let source = compile::Source { name: "own.cedar", shipped: false, text: &text };
    match Engine::of(&PolicyOptions::default(), &[source]) {
        Ok(engine) => Some(engine),
        // The validator refuses conditions that can never hold.
        Err(PolicyError::Schema { message, .. }) if message.contains("impossible") => None,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// 60 policies of five random conditions, each judging 50 random messages twice. Coarse views and
    /// remembered answers decide as exact views and no memory do; and consequences only tighten.
    #[test]
    fn what_is_remembered_never_changes_an_answer(
        (may, may_not) in (condition(), condition()),
        consequences in proptest::collection::vec(condition(), 3),
        samples in proptest::collection::vec(sample(), 50),
    ) {
        let Some(engine) = engine(&may, &may_not, &consequences) else { return Ok(()) };
        let everything = Reads::everything();
        for sample in &samples {
            let facts = sample.facts();
            let exact = engine.evaluate(&View::of(&facts, &everything, |_| true), &everything);
            for _ in 0..2 {
                let judgement = engine.judge(&facts);
                let decision = judgement.decision();
                prop_assert_eq!(decision, &*exact.decision, "{} {} {:?}", may, may_not, consequences);
                prop_assert!(exact.authorised || !judgement.is_allowed());
                let forbidden = decision.rules.iter().any(|rule| rule.id == "may-not");
                prop_assert!(!(exact.authorised && forbidden));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn two_views_share_a_key_only_if_they_are_the_same(left in sample(), right in sample()) {
        let reads = Reads::everything();
        let (left, right) = (left.facts(), right.facts());
        let left = View::of(&left, &reads, |_| true);
        let right = View::of(&right, &reads, |_| true);
        // Principals that differ only in what stands for nothing are one to Cedar as well.
        prop_assert!(left.key() != right.key() || same(&left, &right));
        prop_assert!(left != right || left.key() == right.key());
    }
}

fn same(left: &View<'_>, right: &View<'_>) -> bool {
    let principal = |view: &View<'_>| {
        view.principal.map(|principal| {
            let text = |name: &Option<String>| name.clone().unwrap_or_default();
            let Principal { application, key, team, tenant, .. } = principal;
            (text(application), *key, text(team), text(tenant))
        })
    };
    principal(left) == principal(right)
        && View { principal: None, ..left.clone() } == View { principal: None, ..right.clone() }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn requests_conform_to_the_schema(sample in sample()) {
        let schema = compile::schema().expect("a schema");
        let names = Names::new().expect("names");
        let facts = sample.facts();
        let view = View::of(&facts, &READS, |_| true);
        let (request, entities) = names.request(&view, &READS).expect("a request");
        let context: Context = request.context().cloned().expect("a context");
        let action = request.action().cloned().expect("an action");
        prop_assert!(context.validate(&schema, &action).is_ok());
        let (principal, resource) = (request.principal().cloned(), request.resource().cloned());
        let checked = Request::new(
            principal.expect("a principal"),
            action,
            resource.expect("a resource"),
            context,
            Some(&schema),
        );
        prop_assert!(checked.is_ok(), "{:?}", checked.err());
        let checked = cedar_policy::Entities::from_entities(entities, Some(&schema));
        prop_assert!(checked.is_ok(), "{:?}", checked.err());
    }
}

static READS: std::sync::LazyLock<Reads> = std::sync::LazyLock::new(Reads::everything);

#[test]
fn an_engine_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Arc::new(Engine::new(&PolicyOptions::default()).expect("the shipped policy")));
}
