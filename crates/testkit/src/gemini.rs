//! Answers in the public wire shapes of Google's Gemini API: contents, their streams, token counts, vectors, models,
//! errors.
//!
//! Source: <https://ai.google.dev/api/generate-content>, and the same place for embeddings, tokens and models.
//!
//! INVARIANT: the text of the stream's events, joined by candidate and kind, is the text of the unstreamed body.

use serde_json::{Value, json};

use crate::Scenario;
use crate::reply::{Json, words};
use crate::script::{Choice, Prompt, split};

/// What stands for the provider's signature under thoughts.
const SIGNATURE: &str = "EqQBCgIYAhIMZmFrZSBzaWduYXR1cmU=";
/// Numbers of a vector.
const DIMENSIONS: usize = 8;

/// What a path asks of which model.
pub(crate) fn asked(path: &str) -> Option<(&str, &str)> {
    let (_, rest) = path.split_once("/models/")?;
    rest.rsplit_once(':')
}

/// A request as chat completions would write it.
pub(crate) fn as_chat(request: &Value, model: &str, method: &str) -> Value {
    let request = request.get("generateContentRequest").unwrap_or(request);
    let contents = request.get("contents").or_else(|| request.get("content"));
    let contents = match contents {
        Some(Value::Array(contents)) => contents.clone(),
        Some(content) => vec![content.clone()],
        None => Vec::new(),
    };
    let messages: Vec<Value> = contents
        .iter()
        .map(|content| {
            let role = match content["role"].as_str() {
                Some("model") => "assistant",
                Some("function") => "tool",
                _ => "user",
            };
            // One part may stand for a list of one.
            let parts = match &content["parts"] {
                part @ Value::Object(_) => json!([part]),
                parts => parts.clone(),
            };
            json!({ "role": role, "content": parts })
        })
        .collect();
    let tools: Vec<Value> = request["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|tool| tool["functionDeclarations"].as_array().cloned().unwrap_or_default())
        .collect();
    json!({
        "model": model, "messages": messages, "tools": tools,
        "stream": method == "streamGenerateContent",
        "n": request.pointer("/generationConfig/candidateCount").cloned().unwrap_or(json!(1)),
    })
}

/// Everything an answer is rendered from.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) scenario: &'a Scenario,
    pub(crate) choices: Vec<Choice>,
    /// Names the answer: of the model and the prompt.
    pub(crate) fingerprint: u64,
}

impl Contents<'_> {
    /// An answer with these candidates.
    fn answer(&self, candidates: &[Value]) -> String {
        let (mut thoughts, mut said) = (0, 0);
        for choice in &self.choices {
            thoughts += choice.reasoning.as_deref().map_or(0, words);
            let texts = choice.content.iter().chain(&choice.refusal);
            said += texts.map(|text| words(text)).sum::<usize>();
            let calls = choice.tools.iter().chain(&choice.function);
            said += calls.map(|call| words(&call.arguments)).sum::<usize>();
        }
        let input = words(&self.prompt.text) + 7;
        let mut answer = json!({
            "candidates": candidates,
            "usageMetadata": {
                "promptTokenCount": input, "candidatesTokenCount": said,
                "totalTokenCount": input + said + thoughts,
                "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": input }],
            },
            "modelVersion": self.prompt.model,
            "responseId": format!("r{:016x}", self.fingerprint),
        });
        if thoughts > 0 {
            answer["usageMetadata"]["thoughtsTokenCount"] = json!(thoughts);
        }
        if self.choices.is_empty() {
            answer["promptFeedback"] = json!({ "blockReason": "OTHER" });
        }
        Json { ascii: self.scenario.ascii }.of(&answer)
    }

    /// The parts of a choice: those that are said piece by piece, and those that come whole.
    fn parts(choice: &Choice) -> (Vec<(bool, &str)>, Vec<Value>) {
        let thoughts = choice.reasoning.iter().map(|text| (true, text.as_str()));
        let texts = choice.content.iter().chain(&choice.refusal).map(|text| (false, text.as_str()));
        let calls = choice.tools.iter().chain(&choice.function).map(|call| {
            let args: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            json!({
                "functionCall": { "id": call.id, "name": call.name, "args": args },
                "thoughtSignature": SIGNATURE,
            })
        });
        (thoughts.chain(texts).collect(), calls.collect())
    }

    fn candidate(index: usize, parts: &[Value], finish: Option<&str>) -> Value {
        let mut candidate =
            json!({ "content": { "parts": parts, "role": "model" }, "index": index });
        if let Some(finish) = finish {
            candidate["finishReason"] =
                json!(if finish == "length" { "MAX_TOKENS" } else { "STOP" });
        }
        candidate
    }

    /// The unstreamed body.
    pub(crate) fn body(&self) -> String {
        let candidates: Vec<Value> = self
            .choices
            .iter()
            .enumerate()
            .map(|(index, choice)| {
                let (texts, calls) = Self::parts(choice);
                let texts = texts.into_iter().map(|(is_thought, text)| part(is_thought, text));
                let parts: Vec<Value> = texts.chain(calls).collect();
                Self::candidate(index, &parts, Some(choice.finish))
            })
            .collect();
        self.answer(&candidates)
    }

    /// The data of the stream's events. Candidates take turns.
    pub(crate) fn events(&self) -> Vec<String> {
        let mut turns: Vec<Vec<Value>> = Vec::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let (texts, calls) = Self::parts(choice);
            let mut said = Vec::new();
            for (lane, (is_thought, text)) in texts.into_iter().enumerate() {
                let seed = self.fingerprint ^ (index as u64) << 8 ^ lane as u64;
                let pieces = split(text, self.scenario.split(), seed).into_iter();
                said.extend(pieces.map(|piece| part(is_thought, piece)));
            }
            said.extend(calls);
            let mut turn: Vec<Value> =
                said.into_iter().map(|part| Self::candidate(index, &[part], None)).collect();
            turn.push(Self::candidate(index, &[part(false, "")], Some(choice.finish)));
            turns.push(turn);
        }
        let longest = turns.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn = (0..longest).flat_map(|at| turns.iter().filter_map(move |turn| turn.get(at)));
        let mut events: Vec<String> =
            in_turn.map(|candidate| self.answer(std::slice::from_ref(candidate))).collect();
        if events.is_empty() {
            events.push(self.answer(&[]));
        }
        events
    }
}

fn part(is_thought: bool, text: &str) -> Value {
    if is_thought { json!({ "text": text, "thought": true }) } else { json!({ "text": text }) }
}

/// How many tokens a prompt has.
pub(crate) fn count(prompt: &Prompt) -> String {
    let tokens = words(&prompt.text) + 7;
    json!({ "totalTokens": tokens, "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": tokens }] })
        .to_string()
}

/// One vector, or one for each request of a batch.
pub(crate) fn embeddings(request: &Value) -> String {
    let vector = || {
        let numbers: Vec<f64> = (0..DIMENSIONS).map(|at| at as f64 / 16.0).collect();
        json!({ "values": numbers })
    };
    match request["requests"].as_array() {
        Some(requests) => {
            let vectors: Vec<Value> = requests.iter().map(|_| vector()).collect();
            json!({ "embeddings": vectors }).to_string()
        }
        None => json!({ "embedding": vector() }).to_string(),
    }
}

/// One model.
pub(crate) fn model(id: &str) -> Value {
    json!({
        "name": format!("models/{id}"), "version": "001", "displayName": format!("The model {id}"),
        "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"], "temperature": 1,
    })
}

/// The body of an error.
pub(crate) fn error(message: &str, status: u16) -> String {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    };
    json!({ "error": { "code": status, "message": message, "status": name } }).to_string()
}
