//! Several upstreams for one route: who is asked, with which key, what is asked again and what never is.

use std::time::{Duration, Instant};

use events::Ending;
use gateway::{HealthCheck, RetrySettings};
use policy::PolicySource;
use serde_json::json;
use testkit::{FakeUpstream, Request, Response, UpstreamOptions};

use crate::bed::{Bed, Plan, upstream};

/// An upstream that does this with every request that does not say otherwise.
fn fake(scenario: &str) -> FakeUpstream {
    let scenario = scenario.parse().expect("a scenario");
    FakeUpstream::start_with(UpstreamOptions { scenario, ..UpstreamOptions::default() })
        .expect("an upstream")
}

/// Upstreams `a`, `b`, … with keys of their own, spread over by these weights; those of weight 0 are fallbacks.
fn plan(base_urls: &[String], weights: &[u32]) -> Plan {
    let names = ["a", "b", "c", "d"];
    let named = || names.into_iter().zip(weights.iter().copied());
    Plan {
        fallback: named().filter(|(_, of)| *of == 0).map(|(name, _)| name.to_owned()).collect(),
        upstreams: names
            .into_iter()
            .zip(base_urls)
            .map(|(name, base_url)| upstream(name, base_url, &format!("sk-key-of-{name}")))
            .collect(),
        weighted: named()
            .filter(|(_, of)| *of > 0)
            .map(|(name, of)| (name.to_owned(), of))
            .collect(),
        ..Plan::default()
    }
}

fn bed(upstreams: &[&FakeUpstream], weights: &[u32]) -> Bed {
    let base_urls: Vec<String> = upstreams.iter().map(|upstream| upstream.base_url()).collect();
    Bed::new("", plan(&base_urls, weights))
}

fn ask(bed: &Bed, model: &str) -> Response {
    bed.client().send(&Request::chat(model, "hello", &json!({}))).expect("an answer")
}

/// A base URL at which nobody listens.
fn nobody() -> String {
    format!("http://{}/v1", testkit::free_port().expect("a free port"))
}

/// The attempts of the last interaction on record: `a upstream_unreachable`.
fn attempts(bed: &Bed, count: usize) -> Vec<String> {
    let closed = bed.closed(count);
    let last = closed.last().expect("a record");
    last.attempts.iter().map(|one| format!("{} {}", one.upstream, one.outcome)).collect()
}

#[test]
fn requests_are_spread_by_weight_and_conversations_stay() {
    let upstreams = [fake("fake-echo"), fake("fake-echo")];
    let bed = bed(&[&upstreams[0], &upstreams[1]], &[3, 1]);
    for number in 0..80 {
        // Two turns of a conversation: the second begins with the first.
        let first = json!({"role": "user", "content": format!("question {number}")});
        let answer = json!({"role": "assistant", "content": "yes"});
        let second = json!({"role": "user", "content": "and then?"});
        for messages in [json!([first]), json!([first, answer, second])] {
            let request = Request::chat("m", "", &json!({ "messages": messages }));
            assert_eq!(bed.client().send(&request).expect("an answer").status, 200);
        }
    }
    let firsts = |upstream: &FakeUpstream| -> Vec<String> {
        let texts = upstream.requests().into_iter();
        texts.map(|seen| seen.json()["messages"][0]["content"].to_string()).collect()
    };
    let (a, b) = (firsts(&upstreams[0]), firsts(&upstreams[1]));
    assert_eq!(a.len() + b.len(), 160);
    assert!(a.iter().all(|text| !b.contains(text)), "both turns go to the same upstream");
    assert!((90..=145).contains(&a.len()), "{} of 160 for weights 3 and 1", a.len());
    for (upstream, key) in upstreams.iter().zip(["a", "b"]) {
        for seen in upstream.requests() {
            let expected = format!("Bearer sk-key-of-{key}");
            assert_eq!(seen.header("authorization"), Some(expected.as_str()), "its own key only");
        }
    }
    assert!(bed.closed(160).iter().all(|closed| closed.attempts.is_empty()), "nothing to tell");
}

#[test]
fn an_upstream_that_is_not_there_is_replaced_by_the_fallback() {
    let fallback = fake("fake-echo");
    let bed = Bed::new("", plan(&[nobody(), fallback.base_url()], &[1, 0]));
    let answer = ask(&bed, "m");
    assert_eq!((answer.status, answer.content().as_str()), (200, "hello"));
    assert_eq!(attempts(&bed, 1), ["a upstream_unreachable", "b answered"]);
    let stream = Request::chat("m", "hello", &json!({ "stream": true }));
    let answer = bed.client().send(&stream).expect("an answer");
    assert!(answer.text().contains("[DONE]"), "{}", answer.text());
    let keys: Vec<_> = fallback.requests();
    assert!(keys.iter().all(|seen| seen.header("authorization") == Some("Bearer sk-key-of-b")));
    assert_eq!(keys.len(), 2);
}

#[test]
fn who_leaves_in_the_middle_hides_no_attempt() {
    let (first, fallback) = (fake("fake-503"), fake("fake-echo+delay-5000"));
    let bed = bed(&[&first, &fallback], &[1, 0]);
    let mut connection = bed.client().connect().expect("a connection");
    let request = Request::chat("m", "hello", &json!({}));
    connection.write(&bed.client().bytes(&request)).expect("it goes out");
    let begun = Instant::now();
    while fallback.received() == 0 && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(bed.opened()[0].upstream_fallbacks, ["b"], "before anything is sent on");
    drop(connection);
    assert_eq!(attempts(&bed, 1), ["a status_503", "b under_way"]);
}

#[test]
fn what_may_have_been_processed_is_never_sent_twice() {
    for (scenario, status) in [("fake-reset-early", 502), ("fake-garbage", 502), ("fake-500", 500)]
    {
        let (first, fallback) = (fake(scenario), fake("fake-echo"));
        let bed = bed(&[&first, &fallback], &[1, 0]);
        assert_eq!(ask(&bed, "m").status, status, "{scenario}");
        assert_eq!((first.received(), fallback.received()), (1, 0), "{scenario}");
    }
    // Nor what was passed on in part.
    let (first, fallback) = (fake("fake-reset+token"), fake("fake-echo"));
    let bed = bed(&[&first, &fallback], &[1, 0]);
    let stream = Request::chat("m", "hello there", &json!({ "stream": true }));
    let answer = bed.client().send(&stream).expect("an answer");
    assert!(answer.text().contains("upstream_reset"), "{}", answer.text());
    assert_eq!((first.received(), fallback.received()), (1, 0));
}

#[test]
fn statuses_that_the_route_repeats_go_to_the_next_and_others_are_passed_on() {
    for (scenario, is_repeated) in
        [("fake-429", true), ("fake-503", true), ("fake-500", false), ("fake-400", false)]
    {
        let (first, fallback) = (fake(scenario), fake("fake-echo"));
        let bed = bed(&[&first, &fallback], &[1, 0]);
        let answer = ask(&bed, "m");
        assert_eq!(answer.status == 200, is_repeated, "{scenario}: {}", answer.text());
        assert_eq!(fallback.received(), u64::from(is_repeated), "{scenario}");
        if is_repeated {
            let status = scenario.trim_start_matches("fake-");
            assert_eq!(attempts(&bed, 1), [format!("a status_{status}"), "b answered".to_owned()]);
        }
    }
    let (first, fallback) = (fake("fake-429"), fake("fake-echo"));
    let retries = RetrySettings { statuses: Vec::new(), ..RetrySettings::default() };
    let base_urls = [first.base_url(), fallback.base_url()];
    let bed = Bed::new("", Plan { retries, ..plan(&base_urls, &[1, 0]) });
    let answer = ask(&bed, "m");
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
}

#[test]
fn attempts_are_bounded_and_retry_after_is_waited_for_within_its_limit() {
    let upstream = fake("fake-429");
    let waits = |retry_after_max, attempts_max| {
        let retries = RetrySettings { attempts_max, retry_after_max, ..RetrySettings::default() };
        let bed = Bed::new("", Plan { retries, ..plan(&[upstream.base_url()], &[1]) });
        let (before, begun) = (upstream.received(), Instant::now());
        assert_eq!(ask(&bed, "m").status, 429);
        (upstream.received() - before, begun.elapsed())
    };
    let (asked, time) = waits(Duration::from_millis(999), 3);
    assert_eq!(asked, 1, "`retry-after: 1` is longer than it may wait");
    assert!(time < Duration::from_secs(1), "{time:?}");
    let (asked, time) = waits(Duration::from_secs(1), 2);
    assert_eq!(asked, 2);
    assert!(time >= Duration::from_secs(1), "{time:?}");

    let retries = RetrySettings { attempts_max: 2, ..RetrySettings::default() };
    let bed = Bed::new("", Plan { retries, ..plan(&[nobody(), nobody(), nobody()], &[1, 1, 1]) });
    assert_eq!(ask(&bed, "m").status, 502);
    assert_eq!(attempts(&bed, 1).len(), 2);
    let retries = RetrySettings { time_max: Duration::ZERO, ..RetrySettings::default() };
    let bed = Bed::new("", Plan { retries, ..plan(&[nobody(), nobody()], &[1, 1]) });
    assert_eq!(ask(&bed, "m").status, 502);
    assert_eq!(bed.closed(1)[0].ending, Ending::UpstreamFailed);
    assert_eq!(bed.closed(1)[0].attempts, [], "one attempt, at the one that was meant");
}

#[test]
fn an_upstream_that_keeps_failing_is_asked_last_and_not_never() {
    let (failing, other) = (fake("fake-503"), fake("fake-echo"));
    let bed = bed(&[&failing, &other], &[1, 0]);
    for _ in 0..10 {
        assert_eq!(ask(&bed, "m").status, 200);
    }
    assert_eq!(failing.received(), 3, "after three failures it is out");
    assert_eq!(other.received(), 10);
    let opened = bed.opened();
    assert_eq!(opened.last().and_then(|opened| opened.upstream.as_deref()), Some("b"));

    // The pause over, one request tries it.
    std::thread::sleep(Duration::from_millis(1_100));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(ask(&bed, "m").status, 200));
        }
    });
    assert_eq!(failing.received(), 4, "one trial, whoever else asks");
    drop(other);

    // When all fail, requests still go where there is most hope.
    let answer = ask(&bed, "m");
    assert!(answer.status >= 502, "{}", answer.text());
    for _ in 0..4 {
        ask(&bed, "m");
    }
    assert!(failing.received() > 4, "all are out, so the least bad is asked");
}

#[test]
fn an_upstream_that_policy_forbids_is_not_asked_even_when_all_others_fail() {
    let forbidden = fake("fake-echo");
    let policies = vec![PolicySource {
        name: "house.cedar".to_owned(),
        text: "@id(\"not-there\") forbid (principal, action, resource) when { resource.upstream == \"b\" };"
            .to_owned(),
    }];
    let base_urls = [nobody(), forbidden.base_url()];
    let bed = Bed::new("", Plan { policies, ..plan(&base_urls, &[1, 0]) });
    assert_eq!(ask(&bed, "m").status, 502);
    assert_eq!(forbidden.received(), 0);
}

#[test]
fn an_upstream_whose_checks_fail_is_asked_last() {
    // The fake upstream knows `/v1/models` and answers 404 to anything else.
    let (checked, other) = (fake("fake-echo"), fake("fake-echo"));
    let bed = |path: &str| {
        let mut plan = plan(&[checked.base_url(), other.base_url()], &[1, 0]);
        let interval = Duration::from_millis(20);
        plan.upstreams[0].dialects = vec![wire::Dialect::OpenAi];
        plan.upstreams[0].check = Some(HealthCheck { interval, path: path.to_owned() });
        Bed::new("", plan)
    };
    let asked = |bed: &Bed| {
        let before = other.received();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(ask(bed, "m").status, 200);
        if other.received() > before { "the other" } else { "the first" }
    };
    let well = bed("/v1/models");
    assert_eq!(asked(&well), "the first");
    let seen = checked.requests();
    let check = seen.iter().find(|seen| seen.target == "/v1/models").expect("a check");
    assert_eq!(check.header("authorization"), Some("Bearer sk-key-of-a"));
    assert!(check.body.is_empty());
    assert_eq!(asked(&bed("/nowhere")), "the other");
}
