//! Answers in Ollama's public wire shapes: chats, completions, embeddings, lists of models, errors.
//!
//! Source: <https://github.com/ollama/ollama/blob/main/docs/api.md>.
//!
//! INVARIANT: the text of the stream's lines, joined by member, is the text of the unstreamed body.

use serde_json::{Value, json};

use crate::reply::{Json, embeddings};
use crate::script::{Choice, Prompt, split};
use crate::{Kind, Scenario};

/// When every answer was made.
const CREATED_AT: &str = "2025-10-17T23:14:07.414671Z";
/// What an answer took, in nanoseconds.
const TOOK_NS: u64 = 174_560_334;

/// Everything an answer is rendered from.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) scenario: &'a Scenario,
    pub(crate) choice: Choice,
    /// Whether it is a chat, and not a completion.
    pub(crate) is_chat: bool,
    /// Names the answer: of the model and the prompt.
    pub(crate) fingerprint: u64,
}

impl Lines<'_> {
    /// The unstreamed body.
    pub(crate) fn body(&self) -> String {
        let mut body = self.ending();
        let choice = &self.choice;
        let content = choice.content.as_deref().or(choice.refusal.as_deref()).unwrap_or_default();
        self.say(&mut body, "content", content);
        if let Some(reasoning) = &choice.reasoning {
            self.say(&mut body, "thinking", reasoning);
        }
        self.call(&mut body);
        self.text_of(&body)
    }

    /// The stream's lines, without their ends, as the scenario spoils them.
    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        let choice = &self.choice;
        let mut lines = Vec::new();
        for (member, text) in [
            ("thinking", &choice.reasoning),
            ("content", &choice.content),
            ("content", &choice.refusal),
        ] {
            let text = text.as_deref().unwrap_or_default();
            for piece in split(text, self.scenario.split(), self.fingerprint ^ lines.len() as u64) {
                let mut line = self.head(false);
                self.say(&mut line, "content", "");
                self.say(&mut line, member, piece);
                lines.push(self.text_of(&line).into_bytes());
            }
        }
        if !choice.tools.is_empty() || choice.function.is_some() {
            let mut line = self.head(false);
            self.say(&mut line, "content", "");
            self.call(&mut line);
            lines.push(self.text_of(&line).into_bytes());
        }
        let mut last = self.ending();
        self.say(&mut last, "content", "");
        lines.push(self.text_of(&last).into_bytes());
        self.spoil(&mut lines);
        lines
    }

    fn spoil(&self, lines: &mut Vec<Vec<u8>>) {
        let middle = lines.len() / 2;
        match self.scenario.kind {
            Kind::NoDone => drop(lines.pop()),
            Kind::InvalidSse => lines.insert(middle, br#"{"model":"m","mess"#.to_vec()),
            Kind::InvalidUtf8 => {
                lines.insert(middle, b"{\"message\":{\"content\":\"\xff\xfe\"}}".to_vec());
            }
            Kind::DuplicateKeys => lines.insert(middle, br#"{"done":false,"done":false}"#.to_vec()),
            Kind::ErrorEvent => {
                lines.truncate(middle);
                lines.push(error("the model runner stopped").into_bytes());
            }
            _ => {}
        }
    }

    fn head(&self, is_last: bool) -> Value {
        json!({ "model": self.prompt.model, "created_at": CREATED_AT, "done": is_last })
    }

    /// The last line, without what it says.
    fn ending(&self) -> Value {
        let words =
            |text: &Option<String>| text.iter().flat_map(|text| text.split_whitespace()).count();
        let choice = &self.choice;
        let calls = choice.tools.iter().chain(&choice.function);
        let said = words(&choice.reasoning) + words(&choice.content) + words(&choice.refusal);
        let called = calls.map(|call| call.arguments.split_whitespace().count()).sum::<usize>();
        let mut line = self.head(true);
        line["done_reason"] = json!(if choice.finish == "length" { "length" } else { "stop" });
        line["total_duration"] = json!(TOOK_NS);
        line["prompt_eval_count"] = json!(self.prompt.text.split_whitespace().count() + 7);
        line["eval_count"] = json!(said + called);
        if !self.is_chat {
            line["context"] = json!([1, 2, 3]);
        }
        line
    }

    fn say(&self, line: &mut Value, member: &str, text: &str) {
        match (self.is_chat, member) {
            (true, _) => {
                line["message"]["role"] = json!("assistant");
                line["message"][member] = json!(text);
            }
            (false, "content") => line["response"] = json!(text),
            (false, _) => line[member] = json!(text),
        }
    }

    fn call(&self, line: &mut Value) {
        let calls = self.choice.tools.iter().chain(&self.choice.function);
        let calls: Vec<Value> = calls
            .enumerate()
            .map(|(index, call)| {
                let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                let function = json!({ "index": index, "name": call.name, "arguments": arguments });
                json!({ "id": call.id, "function": function })
            })
            .collect();
        if calls.is_empty() {
            return;
        }
        let place = if self.is_chat { &mut line["message"] } else { line };
        place["tool_calls"] = Value::from(calls);
    }

    fn text_of(&self, value: &Value) -> String {
        Json { ascii: self.scenario.ascii }.of(value)
    }
}

/// The vectors that OpenAI's shape has, in Ollama's: all of them, or in the older shape the first.
pub(crate) fn vectors(request: &Value, is_old: bool) -> String {
    let mut asked = request.clone();
    if is_old {
        asked["input"] = request["prompt"].clone();
    }
    asked["encoding_format"] = Value::Null;
    let answer: Value = serde_json::from_str(&embeddings(&asked)).unwrap_or_default();
    let data = answer["data"].as_array().cloned().unwrap_or_default();
    let vectors: Vec<Value> = data.into_iter().map(|one| one["embedding"].clone()).collect();
    if is_old {
        return json!({ "embedding": vectors.first() }).to_string();
    }
    let count = answer["usage"]["prompt_tokens"].clone();
    json!({ "model": request["model"], "embeddings": vectors, "prompt_eval_count": count })
        .to_string()
}

/// What is asked with `GET`, and the description of a model; nothing for other paths.
pub(crate) fn described(path: &str) -> Option<String> {
    let details = json!({ "format": "gguf", "family": "fake", "families": ["fake"],
        "parameter_size": "1B", "quantization_level": "Q4_0" });
    let card = |name: &str| {
        json!({ "name": name, "model": name, "modified_at": CREATED_AT, "size": 1_000_000,
            "digest": format!("sha256:{name}"), "details": details })
    };
    let models: Vec<Value> =
        Kind::ALL.iter().map(|(name, _)| card(&format!("fake-{name}"))).collect();
    let answer = match path {
        "/api/tags" => json!({ "models": models }),
        "/api/ps" => json!({ "models": models.get(..1) }),
        "/api/version" => json!({ "version": "0.12.6" }),
        "/api/show" => json!({ "license": "MIT", "details": details, "modified_at": CREATED_AT,
            "template": "{{ .Prompt }}", "model_info": { "general.architecture": "fake" },
            "capabilities": ["completion", "tools"] }),
        _ => return None,
    };
    Some(answer.to_string())
}

/// The body of an error.
pub(crate) fn error(message: &str) -> String {
    json!({ "error": message }).to_string()
}
