//! The loopback model in the shapes of the Responses API, and of legacy completions and moderations.
//!
//! Not here: what is answered (`loopback`).

use std::collections::VecDeque;

use bytes::Bytes;
use http::Response;
use net::Body;
use serde_json::{Value, json};

use super::{Chat, Say, streamed, whole};

impl Chat {
    /// The answer as a response, streamed or not.
    pub(super) fn answer_as_response(&self) -> Response<Body> {
        if self.streamed {
            return streamed(self.response_events(), self.pause);
        }
        whole(&self.response("completed", &json!([self.item()])))
    }

    fn response(&self, status: &str, output: &Value) -> Value {
        let usage = self.usage();
        json!({
            "id": "resp_loopback", "object": "response", "created_at": 1_700_000_000,
            "model": self.model, "status": status, "error": null, "incomplete_details": null,
            "output": output, "tools": [], "tool_choice": "auto", "parallel_tool_calls": true,
            "usage": {
                "input_tokens": usage["prompt_tokens"], "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": usage["completion_tokens"],
                "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": usage["total_tokens"],
            },
        })
    }

    fn item(&self) -> Value {
        match &self.say {
            Say::Text(text) => json!({
                "id": "msg_loopback", "type": "message", "role": "assistant", "status": "completed",
                "content": [part(text)],
            }),
            Say::Call { tool, arguments } => json!({
                "id": "fc_loopback", "type": "function_call", "status": "completed",
                "call_id": "call_loopback", "name": tool, "arguments": arguments,
            }),
        }
    }

    fn response_events(&self) -> VecDeque<Bytes> {
        let mut frames = VecDeque::new();
        let mut push = |kind: &str, mut event: Value| {
            event["type"] = json!(kind);
            event["sequence_number"] = json!(frames.len());
            frames.push_back(Bytes::from(format!("event: {kind}\ndata: {event}\n\n")));
        };
        let done = self.item();
        let mut begun = done.clone();
        let (events, member, text) = match &self.say {
            Say::Text(text) => ("response.output_text", "text", text),
            Say::Call { arguments, .. } => {
                ("response.function_call_arguments", "arguments", arguments)
            }
        };
        let place = |member: &str, value: Value| {
            let mut event = json!({ "item_id": done["id"], "output_index": 0, "content_index": 0 });
            event[member] = value;
            event
        };
        push("response.created", json!({ "response": self.response("in_progress", &json!([])) }));
        let has_part = matches!(self.say, Say::Text(_));
        begun[if has_part { "content" } else { "arguments" }] =
            if has_part { json!([]) } else { json!("") };
        push("response.output_item.added", json!({ "output_index": 0, "item": begun }));
        if has_part {
            push("response.content_part.added", place("part", part("")));
        }
        for piece in text.split_inclusive(' ') {
            push(&format!("{events}.delta"), place("delta", json!(piece)));
        }
        push(&format!("{events}.done"), place(member, json!(text)));
        if has_part {
            push("response.content_part.done", place("part", part(text)));
        }
        push("response.output_item.done", json!({ "output_index": 0, "item": done }));
        let response = self.response("completed", &json!([done]));
        push("response.completed", json!({ "response": response }));
        frames
    }

    /// The answer as a legacy completion, streamed or not.
    pub(super) fn answer_as_completion(&self) -> Response<Body> {
        let text = match &self.say {
            Say::Text(text) => text,
            Say::Call { arguments, .. } => arguments,
        };
        let completion = |choices: Vec<Value>| {
            json!({
                "id": "cmpl-loopback", "object": "text_completion", "created": 1_700_000_000,
                "model": self.model, "choices": choices,
            })
        };
        let choice = |index: u64, text: &str, reason: Value| json!({ "index": index, "text": text, "logprobs": null, "finish_reason": reason });
        if !self.streamed {
            let choices = (0..self.choices).map(|index| choice(index, text, json!("stop")));
            let mut answer = completion(choices.collect());
            answer["usage"] = self.usage();
            return whole(&answer);
        }
        let pieces = |index: u64| {
            let texts =
                text.split_inclusive(' ').map(move |piece| choice(index, piece, Value::Null));
            texts.chain([choice(index, "", json!("stop"))])
        };
        let chunks = (0..self.choices).flat_map(pieces).map(|choice| completion(vec![choice]));
        let frames = chunks.map(|chunk| Bytes::from(format!("data: {chunk}\n\n")));
        streamed(frames.chain([Bytes::from_static(b"data: [DONE]\n\n")]).collect(), self.pause)
    }

    /// How many words a prompt has, which count as tokens here.
    pub(super) fn count_as_response(&self) -> Response<Body> {
        whole(&json!({ "object": "response.input_tokens", "input_tokens": self.prompt_words }))
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [] })
}

/// Nothing is ever flagged.
pub(super) fn moderation() -> Value {
    json!({
        "id": "modr-loopback", "model": super::LOOPBACK_MODEL,
        "results": [{ "flagged": false, "categories": {}, "category_scores": {} }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stream_says_again_is_what_it_said() {
        for input in [json!("/echo a b c"), json!([{ "role": "user", "content": "/tool a b" }])] {
            let asked = json!({ "model": "m", "stream": true, "input": input });
            let chat = Chat::plan(&asked);
            let events: Vec<Value> = chat
                .response_events()
                .iter()
                .map(|event| {
                    let text = String::from_utf8_lossy(event);
                    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
                    serde_json::from_str(data.unwrap_or_default()).expect("JSON")
                })
                .collect();
            let said: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
            assert!(said.contains("a b"), "{said}");
            let last = events.last().expect("an event");
            assert_eq!(last["response"]["output"][0], chat.item());
            assert!(chat.item().to_string().contains(&json!(said).to_string()));
            let numbers: Vec<u64> =
                events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
            assert!(numbers.iter().copied().eq(0..events.len() as u64), "{numbers:?}");
        }
    }
}
