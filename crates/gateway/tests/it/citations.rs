//! An answer that quotes what no tool returned is a finding in its close record, streamed or not.

use testkit::Request;

use crate::bed::{Bed, Canned, Plan};

const INVENTED: &str = "The contract says: “either side can cancel immediately by telephone and receives all fees back”.";
const TRUE: &str =
    "The contract says: “Either party may terminate this agreement with a notice of thirty days”.";

fn whole(text: &str) -> String {
    let message = serde_json::json!({ "role": "assistant", "content": text });
    serde_json::json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
    })
    .to_string()
}

fn streamed(text: &str) -> String {
    let chunk = |delta: serde_json::Value, finish: Option<&str>| {
        let choice = serde_json::json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let chunk = serde_json::json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice],
        });
        format!("data: {chunk}\n\n")
    };
    let (first, second) = text.split_at(text.floor_char_boundary(30));
    let pieces = [first, second].map(|piece| chunk(serde_json::json!({ "content": piece }), None));
    format!("{}{}data: [DONE]\n\n", pieces.concat(), chunk(serde_json::json!({}), Some("stop")))
}

/// What was found in the answers, one after the other.
fn found(answers: &[(&str, bool)], with_tool: bool) -> Vec<bool> {
    let upstream = Canned::start();
    let bed = Bed::new(&upstream.base_url, Plan::default());
    let mut messages =
        vec![serde_json::json!({ "role": "user", "content": "How do I get out of the contract?" })];
    if with_tool {
        let text = "12. Either party may terminate this agreement with a notice of thirty days, given in writing.";
        let call = serde_json::json!({ "id": "t1", "type": "function", "function": { "name": "read", "arguments": "{}" } });
        messages.push(serde_json::json!({ "role": "assistant", "tool_calls": [call] }));
        messages.push(serde_json::json!({ "role": "tool", "tool_call_id": "t1", "content": text }));
    }
    for (text, is_streamed) in answers {
        let (content_type, answer) = if *is_streamed {
            ("text/event-stream", streamed(text))
        } else {
            ("application/json", whole(text))
        };
        upstream.answer(content_type, answer);
        let body = serde_json::json!({ "model": "m", "messages": messages, "stream": is_streamed });
        let request = Request::post("/v1/chat/completions", body.to_string());
        assert_eq!(bed.client().send(&request).expect("an answer").status, 200);
    }
    let closed = bed.closed(answers.len());
    let is_citation = |one: &events::LocatedFinding| one.finding.kind.as_str() == "output.citation";
    closed.iter().map(|closed| closed.findings.iter().any(is_citation)).collect()
}

#[test]
fn invented_quotations_are_on_record() {
    let answers = [(INVENTED, false), (TRUE, false), (INVENTED, true), (TRUE, true)];
    assert_eq!(found(&answers, true), [true, false, true, false]);
    assert_eq!(found(&[(INVENTED, false)], false), [false], "nothing was there to be quoted");
}
