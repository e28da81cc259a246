//! Upstreams that fail in every way: stated behaviour, a record, nothing hanging.

use std::time::Duration;

use events::Ending;
use gateway::Limits;
use serde_json::json;
use testkit::{FakeUpstream, Request};

use crate::bed::{Bed, Plan};

fn bed(upstream: &FakeUpstream) -> Bed {
    let limits = Limits { stream_idle_time_max: Duration::from_millis(600), ..Limits::default() };
    Bed::new(&upstream.base_url(), Plan { limits, ..Plan::default() })
}

#[test]
fn a_failing_upstream_gives_a_retryable_error_in_the_dialects_shape() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream);
    let cases = [
        ("fake-reset-early", 502, "upstream_reset"),
        ("fake-reset", 502, "upstream_reset"),
        ("fake-truncate", 502, "upstream_reset"),
        ("fake-garbage", 502, "upstream_reset"),
        ("fake-garbage-json", 502, "upstream_garbage"),
        ("fake-html", 502, "upstream_garbage"),
    ];
    for (model, status, code) in cases {
        let response =
            bed.client().send(&Request::chat(model, "hi", &json!({}))).expect("an answer");
        assert_eq!(
            (response.status, response.error_code().as_deref()),
            (status, Some(code)),
            "{model}: {}",
            response.text()
        );
    }
    let closed = bed.closed(cases.len());
    assert!(closed.iter().all(|closed| closed.ending == Ending::UpstreamFailed));
}

#[test]
fn an_upstream_that_is_not_there_gives_502() {
    let address = testkit::free_port().expect("a free port");
    let bed = Bed::new(&format!("http://{address}/v1"), Plan::default());
    let response = bed.client().send(&Request::chat("m", "hi", &json!({}))).expect("an answer");
    assert_eq!(
        (response.status, response.error_code().as_deref()),
        (502, Some("upstream_unreachable"))
    );
}

#[test]
fn the_providers_own_errors_keep_their_status() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream);
    for (model, status) in [("fake-500", 500), ("fake-429", 429)] {
        let response =
            bed.client().send(&Request::chat(model, "hi", &json!({}))).expect("an answer");
        assert_eq!(response.status, status, "{model}: {}", response.text());
        assert!(response.json()["error"].is_object());
    }
}

#[test]
fn a_stream_that_breaks_ends_in_an_error_that_clients_notice() {
    let upstream = FakeUpstream::start().expect("an upstream");
    let bed = bed(&upstream);
    let cases = [
        ("fake-reset+token", "upstream_reset"),
        ("fake-truncate+token", "upstream_"),
        ("fake-no-done", "upstream_truncated"),
        ("fake-invalid-sse", "upstream_garbage"),
        ("fake-slow+pace-5000", "upstream_idle"),
    ];
    for (model, code) in cases {
        let request = Request::chat(model, "hello there", &json!({ "stream": true }));
        let response = bed.client().send(&request).expect("an answer");
        let text = response.text();
        assert!(text.contains(code), "{model}: {text}");
        assert!(!text.contains("[DONE]"), "{model}: a broken stream must not look whole: {text}");
    }
    let closed = bed.closed(cases.len());
    assert!(closed.iter().all(|closed| closed.ending == Ending::UpstreamFailed));
}
