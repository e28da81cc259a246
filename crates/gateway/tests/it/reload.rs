//! Another configuration while requests are under way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use events::{FiredRule, InteractionId};
use gateway::{LimitSettings, Per, QuotaSettings};
use policy::PolicySource;
use serde_json::json;
use store::Quota;
use testkit::{FakeUpstream, Request};

use crate::bed::{Bed, COMPLETION, Canned, PROVIDER_KEY, Plan, upstream};

const NAMES: [&str; 2] = ["even", "odd"];

/// A plan with an upstream and a rule of its own, by which its requests and answers can be told.
fn plan(generation: usize, upstreams: &[FakeUpstream; 2]) -> Plan {
    let name = NAMES[generation % 2];
    let text = format!(
        "@id(\"{name}\")\n@action(\"annotate\")\nforbid (principal, action, resource) when {{ true }};"
    );
    let url = upstreams[generation % 2].base_url();
    Plan {
        policies: vec![PolicySource { name: "own".to_owned(), text }],
        upstreams: vec![upstream(name, &url, PROVIDER_KEY)],
        weighted: vec![(name.to_owned(), 1)],
        ..Plan::default()
    }
}

/// Which of the plans these rules are of.
fn generation(rules: &[FiredRule]) -> Vec<&'static str> {
    let fired = |name: &&str| rules.iter().any(|rule| rule.id == **name);
    NAMES.into_iter().filter(|name| fired(name)).collect()
}

#[test]
fn a_reload_under_load_loses_no_request_and_mixes_no_configurations() {
    const RELOADS: usize = 24;
    let upstreams = [(); 2].map(|()| FakeUpstream::start().expect("an upstream"));
    let bed = Bed::new("", plan(0, &upstreams));
    let is_over = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let asking: Vec<_> = ["fake-pii", "fake-pii+token+pace-5"]
            .into_iter()
            .cycle()
            .take(4)
            .map(|model| {
                let (bed, is_over) = (&bed, &is_over);
                scope.spawn(move || {
                    let is_streamed = model != "fake-pii";
                    let request =
                        Request::chat(model, "hello there", &json!({ "stream": is_streamed }));
                    let client = bed.client();
                    let mut kept = client.connect().expect("connected");
                    let mut count = 0;
                    while !is_over.load(Ordering::SeqCst) {
                        let answer = if is_streamed {
                            client.send(&request).expect("an answer")
                        } else {
                            kept.write(&client.bytes(&request)).expect("the connection stays");
                            kept.read().expect("an answer")
                        };
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        assert_eq!(is_streamed, answer.text().contains("[DONE]"));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for number in 1..=RELOADS {
            std::thread::sleep(Duration::from_millis(40));
            bed.reload("", plan(number, &upstreams)).expect("a good plan");
        }
        is_over.store(true, Ordering::SeqCst);
        asking.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>()
    });
    let closed: BTreeMap<InteractionId, _> =
        bed.closed(asked).into_iter().map(|closed| (closed.interaction, closed)).collect();
    assert_eq!(closed.len(), asked);
    let mut counts = BTreeMap::new();
    for opened in bed.opened() {
        let closed = &closed[&opened.interaction];
        let rules = generation(&opened.decision.rules);
        assert_eq!(rules.len(), 1, "{opened:?}");
        assert_eq!(opened.upstream.as_deref(), rules.first().copied(), "{opened:?}");
        assert_eq!(generation(&closed.decision.rules), rules, "{opened:?} {closed:?}");
        *counts.entry(rules[0]).or_insert(0) += 1;
    }
    assert!(counts.len() == 2 && counts.values().all(|count| *count > 5), "{counts:?}");
}

#[test]
fn what_was_counted_outlives_a_reload_and_limits_may_change() {
    let canned = Canned::start();
    canned.answer("application/json", COMPLETION);
    let limited = |name: &str, requests: u64| Plan {
        quotas: QuotaSettings {
            limits: vec![LimitSettings {
                name: name.to_owned(),
                per: Per::All,
                models: vec!["*".into()],
                quota: Quota { requests_per_minute: Some(requests), ..Quota::default() },
            }],
            ..QuotaSettings::default()
        },
        ..Plan::default()
    };
    let bed = Bed::new(&canned.base_url, limited("house", 2));
    let ask =
        || bed.client().send(&Request::chat("m", "hi", &json!({}))).expect("an answer").status;
    assert_eq!([ask(), ask(), ask()], [200, 200, 429]);
    bed.reload(&canned.base_url, limited("house", 2)).expect("the same");
    assert_eq!(ask(), 429, "the two are not forgotten");
    bed.reload(&canned.base_url, limited("house", 4)).expect("more");
    assert_eq!([ask(), ask()], [200, 200]);
    bed.reload(&canned.base_url, limited("another", 1)).expect("another limit");
    assert_eq!([ask(), ask()], [200, 429]);
    let page = testkit::Client::new(bed.metrics).send(&Request::get("/metrics")).expect("a page");
    let counted = "bartizan_refusals_total{code=\"rate_limited\"} 3";
    assert!(page.text().contains(counted), "{}", page.text());
}

#[test]
fn a_plan_that_does_not_fit_together_changes_nothing() {
    let canned = Canned::start();
    canned.answer("application/json", COMPLETION);
    let bed = Bed::new(&canned.base_url, Plan::default());
    let text =
        "@id(\"none\")\n@action(\"block\")\nforbid (principal, action, resource) when { true };";
    let wrong = Plan {
        policies: vec![PolicySource { name: "own".to_owned(), text: text.to_owned() }],
        fallback: vec!["nowhere".to_owned()],
        ..Plan::default()
    };
    let error = bed.reload(&canned.base_url, wrong).expect_err("no such upstream");
    assert!(error.to_string().contains("`nowhere`"), "{error}");
    let answer = bed.client().send(&Request::chat("m", "hi", &json!({}))).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}
