//! The loopback model in Ollama's dialect: the same answers, one JSON object a line.
//!
//! Not here: what is answered (`loopback`).

use std::collections::VecDeque;

use bytes::Bytes;
use http::{Method, Response};
use net::Body;
use serde_json::{Value, json};

use super::{Chat, LOOPBACK_MODEL, Say, embedding, not_found, streamed_as, whole};

/// When every answer was made.
const CREATED_AT: &str = "2023-11-14T22:13:20Z";

/// Answers whatever is asked below `/api/`.
pub(super) fn answer(method: &Method, path: &str, asked: &Value) -> Response<Body> {
    match (method, path) {
        (&Method::POST, "/api/chat") => Chat::plan(asked).answer_in_lines(asked, true),
        (&Method::POST, "/api/generate") => Chat::plan(asked).answer_in_lines(asked, false),
        (&Method::POST, "/api/embed") => whole(&json!({
            "model": LOOPBACK_MODEL, "embeddings": vectors(&asked["input"]),
        })),
        (&Method::POST, "/api/embeddings") => {
            whole(&json!({ "embedding": vectors(&asked["prompt"]).first() }))
        }
        (&Method::GET, "/api/tags" | "/api/ps") => whole(&json!({ "models": [{
            "name": LOOPBACK_MODEL, "model": LOOPBACK_MODEL, "modified_at": CREATED_AT, "size": 0,
            "digest": "0", "details": { "format": "none", "family": LOOPBACK_MODEL },
        }] })),
        (&Method::POST, "/api/show") => whole(&json!({
            "details": { "format": "none", "family": LOOPBACK_MODEL }, "model_info": {},
            "capabilities": ["completion", "tools", "embedding"], "modified_at": CREATED_AT,
        })),
        (&Method::GET, "/api/version") => whole(&json!({ "version": env!("CARGO_PKG_VERSION") })),
        _ => not_found(&json!("not found")),
    }
}

fn vectors(input: &Value) -> Vec<Vec<f32>> {
    let texts = match input {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    texts.iter().map(|text| embedding(text.as_str().unwrap_or_default()).to_vec()).collect()
}

impl Chat {
    fn answer_in_lines(&self, asked: &Value, is_chat: bool) -> Response<Body> {
        if asked["stream"] == false {
            return whole(&self.line(&self.said(), is_chat, true));
        }
        let mut lines = VecDeque::new();
        let mut push = |line: Value| lines.push_back(Bytes::from(format!("{line}\n")));
        match &self.say {
            Say::Text(text) => {
                for piece in text.split_inclusive(' ') {
                    push(self.line(
                        &json!({ "role": "assistant", "content": piece }),
                        is_chat,
                        false,
                    ));
                }
            }
            Say::Call { .. } => push(self.line(&self.said(), is_chat, false)),
        }
        push(self.line(&json!({ "role": "assistant", "content": "" }), is_chat, true));
        streamed_as("application/x-ndjson", lines, self.pause)
    }

    /// All that is said, as one message.
    fn said(&self) -> Value {
        match &self.say {
            Say::Text(text) => json!({ "role": "assistant", "content": text }),
            Say::Call { tool, arguments } => {
                let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
                json!({ "role": "assistant", "content": "", "tool_calls": [
                    { "function": { "name": tool, "arguments": arguments } },
                ] })
            }
        }
    }

    /// One line, or the whole answer, which is the last.
    fn line(&self, message: &Value, is_chat: bool, is_last: bool) -> Value {
        let mut line = json!({ "model": self.model, "created_at": CREATED_AT, "done": is_last });
        if is_chat {
            line["message"] = message.clone();
        } else {
            line["response"] = message["content"].clone();
        }
        if is_last {
            let usage = self.usage();
            line["done_reason"] = json!("stop");
            line["prompt_eval_count"] = usage["prompt_tokens"].clone();
            line["eval_count"] = usage["completion_tokens"].clone();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_lines() {
        let asked =
            json!({ "model": "m", "messages": [{ "role": "user", "content": "/echo a b" }] });
        let chat = Chat::plan(&asked);
        assert_eq!(chat.line(&chat.said(), true, true)["message"]["content"], "a b");
        let line = chat.line(&chat.said(), false, true);
        assert_eq!((&line["response"], &line["eval_count"]), (&json!("a b"), &json!(2)));
    }
}
