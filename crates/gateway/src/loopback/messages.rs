//! The loopback model in the Anthropic dialect: the same answers, as blocks.
//!
//! Not here: what is answered (`loopback`).

use std::collections::VecDeque;

use bytes::Bytes;
use http::Response;
use net::Body;
use serde_json::{Value, json};

use super::{Chat, Say, streamed, whole};

impl Chat {
    /// The answer as a message, streamed or not.
    pub(super) fn answer_as_message(&self) -> Response<Body> {
        if self.streamed {
            return streamed(self.message_events(), self.pause);
        }
        let mut message = self.message_head();
        message["stop_reason"] = json!(self.stop_reason());
        message["content"] = json!([match &self.say {
            Say::Text(text) => json!({ "type": "text", "text": text }),
            Say::Call { tool, arguments } => {
                let input: Value = serde_json::from_str(arguments).unwrap_or_default();
                json!({ "type": "tool_use", "id": "toolu_loopback", "name": tool, "input": input })
            }
        }]);
        whole(&message)
    }

    /// How many words a prompt has, which count as tokens here.
    pub(super) fn count(&self) -> Response<Body> {
        whole(&json!({ "input_tokens": self.prompt_words }))
    }

    fn stop_reason(&self) -> &'static str {
        match self.say {
            Say::Text(_) => "end_turn",
            Say::Call { .. } => "tool_use",
        }
    }

    fn message_head(&self) -> Value {
        let usage = self.usage();
        json!({
            "id": "msg_loopback", "type": "message", "role": "assistant", "model": self.model,
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {
                "input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"],
            },
        })
    }

    fn message_events(&self) -> VecDeque<Bytes> {
        let mut frames = VecDeque::new();
        let mut push = |name: &str, mut data: Value| {
            data["type"] = json!(name);
            frames.push_back(Bytes::from(format!("event: {name}\ndata: {data}\n\n")));
        };
        let head = self.message_head();
        let usage = head["usage"].clone();
        push("message_start", json!({ "message": head }));
        let (block, kind, member, text) = match &self.say {
            Say::Text(text) => (json!({ "type": "text", "text": "" }), "text_delta", "text", text),
            Say::Call { tool, arguments } => (
                json!({ "type": "tool_use", "id": "toolu_loopback", "name": tool, "input": {} }),
                "input_json_delta",
                "partial_json",
                arguments,
            ),
        };
        push("content_block_start", json!({ "index": 0, "content_block": block }));
        for piece in text.split_inclusive(' ') {
            let delta = json!({ "type": kind, member: piece });
            push("content_block_delta", json!({ "index": 0, "delta": delta }));
        }
        push("content_block_stop", json!({ "index": 0 }));
        let delta = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        push("message_delta", json!({ "delta": delta, "usage": usage }));
        push("message_stop", json!({}));
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_a_call_is_a_block_with_an_end() {
        let asked = json!({
            "model": "m", "stream": true, "tools": [{ "name": "find" }],
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "/tool a b" }] }],
        });
        let events = Chat::plan(&asked).message_events();
        let text: String = events.iter().map(|event| String::from_utf8_lossy(event)).collect();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
        assert_eq!(names.first(), Some(&"message_start"));
        assert_eq!(
            names[names.len() - 3..],
            ["content_block_stop", "message_delta", "message_stop"]
        );
        assert!(text.contains(r#""name":"find""#) && text.contains(r#""stop_reason":"tool_use""#));
    }
}
