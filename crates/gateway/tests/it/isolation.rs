//! The switch that cuts upstreams and models off: new requests, answers under way, and what is on record of them.

use std::time::{Duration, Instant};

use events::Ending;
use gateway::Isolation;
use serde_json::json;
use testkit::{FakeUpstream, Request, Response};

use crate::bed::{Bed, Plan, upstream};

/// A bed with the upstream `a` and the fallback `b`, and its switch.
fn bed(first: &FakeUpstream, fallback: Option<&FakeUpstream>) -> (Bed, Isolation) {
    let isolation = Isolation::default();
    let named = |name, one: &FakeUpstream| upstream(name, &one.base_url(), "sk-of-the-test-bed");
    let mut upstreams = vec![named("a", first)];
    upstreams.extend(fallback.map(|fallback| named("b", fallback)));
    let plan = Plan {
        fallback: fallback.map(|_| "b".to_owned()).into_iter().collect(),
        isolation: isolation.clone(),
        upstreams,
        weighted: vec![("a".to_owned(), 1)],
        ..Plan::default()
    };
    (Bed::new("", plan), isolation)
}

fn isolate(isolation: &Isolation, targets: &[&str]) {
    let parsed = targets.iter().map(|target| target.parse().expect("a target"));
    isolation.set(parsed.collect());
}

fn ask(bed: &Bed, model: &str) -> Response {
    bed.client().send(&Request::chat(model, "hello", &json!({}))).expect("an answer")
}

#[test]
fn what_is_isolated_is_not_asked_until_it_is_restored() {
    let (first, fallback) = (FakeUpstream::start(), FakeUpstream::start());
    let (first, fallback) = (first.expect("an upstream"), fallback.expect("an upstream"));
    let (bed, isolation) = bed(&first, Some(&fallback));
    isolate(&isolation, &["upstream:a"]);
    assert_eq!(ask(&bed, "m").status, 200);
    assert_eq!((first.received(), fallback.received()), (0, 1), "the fallback answers");
    assert_eq!(bed.opened()[0].upstream.as_deref(), Some("b"));

    isolate(&isolation, &["upstream:a", "upstream:b"]);
    let refused = ask(&bed, "m");
    assert_eq!((refused.status, refused.error_code().as_deref()), (403, Some("isolated")));
    let closed = bed.closed(2).remove(1);
    assert_eq!((closed.ending, closed.reason.as_deref()), (Ending::Refused, Some("isolated")));

    isolate(&isolation, &["model:gpt-*"]);
    assert_eq!(ask(&bed, "gpt-5").status, 403, "a model is isolated wherever it is served");
    assert_eq!(ask(&bed, "other").status, 200);
    assert_eq!((first.received(), fallback.received()), (1, 1));

    isolate(&isolation, &[]);
    assert_eq!(ask(&bed, "gpt-5").status, 200);
}

#[test]
fn streams_under_way_end_with_the_dialects_own_error() {
    let (first, fallback) = (FakeUpstream::start(), FakeUpstream::start());
    let (first, fallback) = (first.expect("an upstream"), fallback.expect("an upstream"));
    let slow = "fake-slow+pace-200";
    let requests = [
        Request::chat(slow, "hello there", &json!({ "stream": true })),
        Request::messages(slow, "hello there", &json!({ "stream": true })),
    ];
    for request in requests {
        for target in ["upstream:a", "model:fake-slow*"] {
            let (bed, isolation) = bed(&first, Some(&fallback));
            let mut connection = bed.client().connect().expect("connected");
            connection.write(&bed.client().bytes(&request)).expect("written");
            let (sender, receiver) = std::sync::mpsc::sync_channel(1_000);
            let begun = Instant::now();
            let reader = std::thread::spawn(move || {
                connection.read_until(move |body| {
                    // The answer has begun; whoever waited for that may have left.
                    let _left = !body.is_empty() && sender.send(()).is_err();
                    false
                })
            });
            receiver.recv().expect("the answer begins");
            isolate(&isolation, &[target]);
            let answer = reader.join().expect("read").expect("an answer");
            let text = answer.text();
            assert!(
                begun.elapsed() < Duration::from_secs(4),
                "of 8 seconds: {:?}",
                begun.elapsed()
            );
            assert!(text.contains("isolated") && text.contains("error"), "{text}");
            assert!(!text.contains("[DONE]") && !text.contains("message_stop"), "{text}");
            let closed = bed.closed(1).remove(0);
            assert_eq!(
                (closed.ending, closed.reason.as_deref()),
                (Ending::Refused, Some("isolated"))
            );
        }
    }
    assert_eq!(fallback.received(), 0, "what may have been processed is not sent again");
}

#[test]
fn answers_that_are_waited_for_are_given_up() {
    let first = FakeUpstream::start().expect("an upstream");
    for model in ["fake-hang", "fake-hang-stream"] {
        let (bed, isolation) = bed(&first, None);
        let before = first.received();
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask(&bed, model));
            while first.received() == before {
                std::thread::sleep(Duration::from_millis(5));
            }
            isolate(&isolation, &["upstream:a"]);
            let answer = asking.join().expect("asked");
            assert_eq!(
                (answer.status, answer.error_code().as_deref()),
                (403, Some("isolated")),
                "{model}"
            );
        });
        let closed = bed.closed(1).remove(0);
        assert_eq!(closed.reason.as_deref(), Some("isolated"));
    }
}
