//! Answers in the public wire shapes of Anthropic: messages, their streams, token counts, errors.
//!
//! Source: <https://docs.anthropic.com/en/api/messages>, and the same place for streaming and errors.
//!
//! INVARIANT: the text of the stream's deltas, joined by block, is the text of the unstreamed body.

use serde_json::{Value, json};

use crate::Scenario;
use crate::reply::Json;
use crate::script::{Choice, Prompt, split};

/// What stands for the provider's signature under thinking.
const SIGNATURE: &str = "EqQBCgIYAhIMZmFrZSBzaWduYXR1cmU=";

/// Everything an answer is rendered from.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) scenario: &'a Scenario,
    pub(crate) choice: Choice,
    /// Names the answer: of the model and the prompt.
    pub(crate) fingerprint: u64,
}

/// A block, and what its deltas are made of: their type, the member, the text.
struct Block {
    whole: Value,
    empty: Value,
    delta: (&'static str, &'static str, String),
    is_signed: bool,
}

impl Message<'_> {
    fn head(&self) -> Value {
        json!({
            "id": format!("msg_{:022x}", self.fingerprint), "type": "message", "role": "assistant",
            "model": self.prompt.model, "content": [], "stop_reason": null, "stop_sequence": null,
        })
    }

    fn blocks(&self) -> Vec<Block> {
        let choice = &self.choice;
        let thinking = choice.reasoning.iter().map(|text| Block {
            whole: json!({ "type": "thinking", "thinking": text, "signature": SIGNATURE }),
            empty: json!({ "type": "thinking", "thinking": "", "signature": "" }),
            delta: ("thinking_delta", "thinking", text.clone()),
            is_signed: true,
        });
        let texts = choice.content.iter().chain(&choice.refusal).map(|text| Block {
            whole: json!({ "type": "text", "text": text }),
            empty: json!({ "type": "text", "text": "" }),
            delta: ("text_delta", "text", text.clone()),
            is_signed: false,
        });
        let calls = choice.tools.iter().chain(&choice.function).map(|call| {
            let id = format!("toolu_{}", call.id);
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            let block = |input: Value| {
                json!({ "type": "tool_use", "id": id, "name": call.name, "input": input })
            };
            Block {
                whole: block(input),
                empty: block(json!({})),
                delta: ("input_json_delta", "partial_json", call.arguments.clone()),
                is_signed: false,
            }
        });
        thinking.chain(texts).chain(calls).collect()
    }

    fn stop_reason(&self) -> &'static str {
        match self.choice.finish {
            "tool_calls" | "function_call" => "tool_use",
            "length" => "max_tokens",
            _ if self.choice.refusal.is_some() => "refusal",
            _ => "end_turn",
        }
    }

    fn usage(&self, blocks: &[Block]) -> Value {
        let words = |text: &str| text.split_whitespace().count();
        let output: usize = blocks.iter().map(|block| words(&block.delta.2)).sum();
        json!({
            "input_tokens": words(&self.prompt.text) + 7, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": output, "service_tier": "standard",
        })
    }

    /// The unstreamed body.
    pub(crate) fn body(&self) -> String {
        let blocks = self.blocks();
        let mut body = self.head();
        body["usage"] = self.usage(&blocks);
        body["stop_reason"] = json!(self.stop_reason());
        body["content"] = blocks.into_iter().map(|block| block.whole).collect();
        self.text_of(&body)
    }

    /// The stream's events: their names and their data.
    pub(crate) fn events(&self) -> Vec<(&'static str, String)> {
        let blocks = self.blocks();
        let mut head = self.head();
        let mut usage = self.usage(&blocks);
        head["usage"] = usage.clone();
        head["usage"]["output_tokens"] = json!(1);
        let mut events = vec![
            ("message_start", json!({ "type": "message_start", "message": head })),
            ("ping", json!({ "type": "ping" })),
        ];
        for (index, block) in blocks.iter().enumerate() {
            let (start, delta) = ("content_block_start", "content_block_delta");
            events.push((
                start,
                json!({ "type": start, "index": index, "content_block": block.empty }),
            ));
            let mut push = |piece: Value| {
                events.push((delta, json!({ "type": delta, "index": index, "delta": piece })));
            };
            let (kind, member, text) = &block.delta;
            for piece in split(text, self.scenario.split(), self.fingerprint ^ index as u64) {
                push(json!({ "type": kind, *member: piece }));
            }
            if block.is_signed {
                push(json!({ "type": "signature_delta", "signature": SIGNATURE }));
            }
            let stop = "content_block_stop";
            events.push((stop, json!({ "type": stop, "index": index })));
        }
        usage["input_tokens"] = Value::Null;
        let delta = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        events.push((
            "message_delta",
            json!({ "type": "message_delta", "delta": delta, "usage": usage }),
        ));
        events.push(("message_stop", json!({ "type": "message_stop" })));
        events.into_iter().map(|(name, data)| (name, self.text_of(&data))).collect()
    }

    fn text_of(&self, value: &Value) -> String {
        Json { ascii: self.scenario.ascii }.of(value)
    }
}

/// How many tokens a prompt has.
pub(crate) fn count(prompt: &Prompt) -> String {
    json!({ "input_tokens": prompt.text.split_whitespace().count() + 7 }).to_string()
}

/// A page of the list of models.
pub(crate) fn models(ids: &[String], query: &str) -> String {
    let asked = |name: &str| {
        let mut members = query.split('&').filter_map(|member| member.split_once('='));
        members.find(|(member, _)| *member == name).map(|(_, value)| value)
    };
    let limit = asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20);
    let place = |name: &str| asked(name).and_then(|id| ids.iter().position(|other| other == id));
    let (from, to) = match (place("after_id"), place("before_id")) {
        (Some(after), _) => (after + 1, ids.len().min(after + 1 + limit)),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, ids.len().min(limit)),
    };
    let page: Vec<Value> = ids[from..to].iter().map(|id| model(id)).collect();
    json!({
        "first_id": ids[from..to].first(), "last_id": ids[from..to].last(),
        "has_more": to < ids.len(), "data": page,
    })
    .to_string()
}

/// One model.
pub(crate) fn model(id: &str) -> Value {
    json!({
        "type": "model", "id": id, "display_name": format!("The model {id}"),
        "created_at": "2025-09-29T00:00:00Z",
    })
}

/// The body of an error.
pub(crate) fn error(message: &str, status: u16) -> String {
    let class = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": class, "message": message }, "request_id": "req_1" })
        .to_string()
}
