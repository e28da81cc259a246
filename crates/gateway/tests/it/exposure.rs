//! Virtual keys of ours that stand in requests: refused, on record, told.

use events::{Administration, EventBody};
use testkit::Request;

use crate::bed::{Bed, COMPLETION, Canned, Plan};

fn exposed(bed: &Bed) -> Vec<String> {
    let of_key = |body| match body {
        EventBody::Administration(Administration { operation, target, .. })
            if operation == gateway::KEY_EXPOSED =>
        {
            Some(target)
        }
        _ => None,
    };
    bed.record().into_iter().filter_map(of_key).collect()
}

fn ask(text: &str) -> Request {
    let messages = serde_json::json!([{"role": "user", "content": text}]);
    let body = serde_json::json!({"model": "m", "messages": messages});
    Request::post("/v1/chat/completions", body.to_string())
}

#[test]
fn a_key_in_a_prompt_is_refused_told_and_on_record() {
    let upstream = Canned::start();
    upstream.answer("application/json", COMPLETION);
    let (sender, mut told) = tokio::sync::mpsc::channel(4);
    let bed = Bed::new(&upstream.base_url, Plan { exposed: sender, ..Plan::default() });
    let id = events::parse_virtual_key(&bed.key).expect("a key");

    // Somebody who knows the public id alone cannot have the key revoked.
    let forged = events::compose_virtual_key(id, &[7; 32]);
    let stranger = events::compose_virtual_key(events::KeyId::new(1), &[7; 32]);
    for text in [format!("is {forged} mine?"), format!("and {stranger}?")] {
        bed.client().send(&ask(&text)).expect("an answer");
    }
    assert!(exposed(&bed).is_empty() && told.try_recv().is_err());

    let key = &bed.key;
    let answer =
        bed.client().send(&ask(&format!("my key {key} does not work, {key}!"))).expect("an answer");
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(upstream.take_received().is_empty(), "nothing is sent on");
    bed.closed(3);
    assert_eq!(exposed(&bed), [id.to_string()], "once for each request");
    assert_eq!(told.try_recv().ok(), Some(id));
}
