//! Answers in the public wire shapes of OpenAI: chat completions, embeddings, models, errors.
//!
//! Written by hand in the key order of the public reference, because a JSON library would choose
//! its own.
//!
//! Source: <https://platform.openai.com/docs/api-reference>; `reasoning_content` as vLLM and
//! DeepSeek send it.
//!
//! INVARIANT: the text of the stream's deltas, joined by lane, is the text of the unstreamed body.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Scenario;
use crate::random::fingerprint;
use crate::script::{Choice, Prompt, ToolCall, split};

/// When every answer was made, in seconds since 1970.
const CREATED: u64 = 1_741_569_952;
/// Dimensions of an embedding when the request does not say.
const DIMENSIONS: u64 = 16;
/// Most dimensions of an embedding.
const DIMENSIONS_MAX: u64 = 4096;
/// Most inputs of an embedding request (the public limit).
const INPUTS_MAX: usize = 2048;

/// Writes JSON, with non-ASCII characters escaped when the scenario says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json {
    pub(crate) ascii: bool,
}

impl Json {
    fn string(self, text: &str) -> String {
        self.of(&Value::from(text))
    }

    pub(crate) fn of(self, value: &Value) -> String {
        let json = value.to_string();
        if !self.ascii || json.is_ascii() {
            return json;
        }
        let mut escaped = String::with_capacity(json.len() * 2);
        for character in json.chars() {
            if character.is_ascii() {
                escaped.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
        escaped
    }

    fn optional(self, text: Option<&str>) -> String {
        text.map_or_else(|| "null".to_owned(), |text| self.string(text))
    }
}

/// Everything an answer is rendered from.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) scenario: &'a Scenario,
    pub(crate) choices: Vec<Choice>,
    /// Names the answer: of the model and the prompt.
    pub(crate) fingerprint: u64,
}

impl Reply<'_> {
    fn json(&self) -> Json {
        Json { ascii: self.scenario.ascii }
    }

    fn head(&self, object: &str) -> String {
        format!(
            r#""id":"chatcmpl-{:024x}","object":"{object}","created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_b376dfbbd5""#,
            self.fingerprint,
            self.json().string(&self.prompt.model),
        )
    }

    /// The unstreamed body.
    pub(crate) fn body(&self) -> String {
        let choices: Vec<String> = self
            .choices
            .iter()
            .enumerate()
            .map(|(index, choice)| self.message(index, choice))
            .collect();
        format!(
            r#"{{{},"choices":[{}],"usage":{}}}"#,
            self.head("chat.completion"),
            choices.join(","),
            self.usage()
        )
    }

    fn message(&self, index: usize, choice: &Choice) -> String {
        let json = self.json();
        let mut message =
            format!(r#""role":"assistant","content":{}"#, json.optional(choice.content.as_deref()));
        if let Some(reasoning) = &choice.reasoning {
            let _ = write!(message, r#","reasoning_content":{}"#, json.string(reasoning));
        }
        if let Some(call) = &choice.function {
            let _ = write!(message, r#","function_call":{}"#, function(json, call));
        }
        if !choice.tools.is_empty() {
            let tools: Vec<String> = choice
                .tools
                .iter()
                .map(|call| {
                    format!(
                        r#"{{"id":"{}","type":"function","function":{}}}"#,
                        call.id,
                        function(json, call)
                    )
                })
                .collect();
            let _ = write!(message, r#","tool_calls":[{}]"#, tools.join(","));
        }
        let _ = write!(
            message,
            r#","refusal":{},"annotations":[]"#,
            json.optional(choice.refusal.as_deref())
        );
        let logprobs = match (&choice.content, choice.logprobs) {
            (Some(content), true) => self.logprobs(&self.pieces(content, index, 0)),
            _ => "null".to_owned(),
        };
        format!(
            r#"{{"index":{index},"message":{{{message}}},"logprobs":{logprobs},"finish_reason":"{}"}}"#,
            choice.finish
        )
    }

    fn pieces<'t>(&self, text: &'t str, index: usize, lane: u64) -> Vec<&'t str> {
        split(text, self.scenario.split(), self.fingerprint ^ (index as u64) << 8 ^ lane)
    }

    fn logprobs(&self, tokens: &[&str]) -> String {
        let tokens: Vec<String> = tokens
            .iter()
            .map(|token| {
                format!(
                    r#"{{"token":{},"logprob":-0.25,"bytes":{:?},"top_logprobs":[]}}"#,
                    self.json().string(token),
                    token.as_bytes()
                )
            })
            .collect();
        format!(r#"{{"content":[{}],"refusal":null}}"#, tokens.join(","))
    }

    fn usage(&self) -> String {
        let output: usize = self
            .choices
            .iter()
            .map(|choice| {
                let texts = [&choice.reasoning, &choice.content, &choice.refusal];
                let texts = texts.into_iter().flatten().map(|text| words(text)).sum::<usize>();
                let calls = choice.tools.iter().chain(&choice.function);
                texts + calls.map(|call| words(&call.arguments)).sum::<usize>()
            })
            .sum();
        let input = words(&self.prompt.text) + 7;
        format!(
            r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#,
            input + output
        )
    }

    /// The stream's events, without the `data: ` and the line ends, and without `[DONE]`.
    ///
    /// Choices take turns, and so do the tool calls of one choice.
    pub(crate) fn events(&self) -> Vec<String> {
        let mut events: Vec<String> = round_robin(
            self.choices
                .iter()
                .enumerate()
                .map(|(index, choice)| self.choice_events(index, choice))
                .collect(),
        );
        if self.prompt.include_usage {
            events.push(format!(
                r#"{{{},"choices":[],"usage":{}}}"#,
                self.head("chat.completion.chunk"),
                self.usage()
            ));
        }
        events
    }

    fn choice_events(&self, index: usize, choice: &Choice) -> Vec<String> {
        let json = self.json();
        let content = if choice.content.is_some() { r#""""# } else { "null" };
        let mut deltas = vec![format!(r#""role":"assistant","content":{content},"refusal":null"#)];
        let texts = [
            ("reasoning_content", &choice.reasoning),
            ("content", &choice.content),
            ("refusal", &choice.refusal),
        ];
        let mut logprobs = vec!["null".to_owned()];
        for (lane, (field, text)) in texts.into_iter().enumerate() {
            for piece in self.pieces(text.as_deref().unwrap_or_default(), index, lane as u64) {
                deltas.push(format!(r#""{field}":{}"#, json.string(piece)));
                logprobs.push(if choice.logprobs && field == "content" {
                    self.logprobs(&[piece])
                } else {
                    "null".to_owned()
                });
            }
        }
        if let Some(call) = &choice.function {
            deltas.extend(
                self.call_deltas(index, 0, call)
                    .into_iter()
                    .map(|function| format!(r#""function_call":{{{function}}}"#)),
            );
        }
        let calls = choice.tools.iter().enumerate().map(|(number, call)| {
            let functions = self.call_deltas(index, number, call);
            let mut opening = format!(r#","id":"{}","type":"function""#, call.id);
            let deltas = functions.into_iter().map(|function| {
                let opening = std::mem::take(&mut opening);
                format!(r#""tool_calls":[{{"index":{number}{opening},"function":{{{function}}}}}]"#)
            });
            deltas.collect()
        });
        deltas.extend(round_robin(calls.collect()));
        let mut events: Vec<String> = deltas
            .iter()
            .enumerate()
            .map(|(number, delta)| {
                let logprobs = logprobs.get(number).map_or("null", String::as_str);
                self.event(index, delta, logprobs, "null")
            })
            .collect();
        events.push(self.event(index, "", "null", &format!("\"{}\"", choice.finish)));
        events
    }

    /// The members of `function` in each delta of a call: the name first, then the arguments.
    fn call_deltas(&self, index: usize, number: usize, call: &ToolCall) -> Vec<String> {
        let json = self.json();
        let mut deltas = vec![format!(r#""name":{},"arguments":"""#, json.string(&call.name))];
        let lane = 16 + number as u64;
        deltas.extend(
            self.pieces(&call.arguments, index, lane)
                .into_iter()
                .map(|piece| format!(r#""arguments":{}"#, json.string(piece))),
        );
        deltas
    }

    fn event(&self, index: usize, delta: &str, logprobs: &str, finish: &str) -> String {
        let usage = if self.prompt.include_usage { r#","usage":null"# } else { "" };
        let obfuscation = if self.prompt.include_obfuscation {
            format!(r#","obfuscation":"{}""#, obfuscation(delta))
        } else {
            String::new()
        };
        format!(
            r#"{{{},"choices":[{{"index":{index},"delta":{{{delta}}},"logprobs":{logprobs},"finish_reason":{finish}}}]{usage}{obfuscation}}}"#,
            self.head("chat.completion.chunk"),
        )
    }
}

fn function(json: Json, call: &ToolCall) -> String {
    format!(
        r#"{{"name":{},"arguments":{}}}"#,
        json.string(&call.name),
        json.string(&call.arguments)
    )
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Padding that makes events of similar length, as the public API sends it.
fn obfuscation(delta: &str) -> String {
    let mut name = fingerprint(delta.as_bytes());
    let length = 12_usize.saturating_sub(delta.len() % 12);
    (0..length)
        .map(|_| {
            name = name.rotate_left(7).wrapping_mul(31);
            char::from(b'a' + (name % 26) as u8)
        })
        .collect()
}

/// Takes one item of each list in turn until all are empty.
fn round_robin<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        for list in &mut lists {
            all.extend(list.next());
        }
        if all.len() == before {
            return all;
        }
    }
}

/// The body of an embeddings answer.
pub(crate) fn embeddings(request: &Value) -> String {
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    let dimensions = request.get("dimensions").and_then(Value::as_u64).unwrap_or(DIMENSIONS);
    let dimensions = dimensions.clamp(1, DIMENSIONS_MAX);
    let base64 = request.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let inputs = match request.get("input") {
        Some(Value::Array(items)) if items.first().is_some_and(|item| !item.is_number()) => {
            items.iter().take(INPUTS_MAX).map(Value::to_string).collect()
        }
        Some(other) => vec![other.to_string()],
        None => Vec::new(),
    };
    let data: Vec<String> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(fingerprint(input.as_bytes()), dimensions);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                format!("\"{}\"", data_encoding::BASE64.encode(&bytes))
            } else {
                format!("{vector:?}")
            };
            format!(r#"{{"object":"embedding","index":{index},"embedding":{embedding}}}"#)
        })
        .collect();
    let tokens: usize = inputs.iter().map(|input| words(input)).sum();
    format!(
        r#"{{"object":"list","data":[{}],"model":{},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#,
        data.join(","),
        Value::from(model)
    )
}

/// A vector of about unit length whose values are multiples of 1/1024, exact in every encoding.
fn vector(name: u64, dimensions: u64) -> Vec<f32> {
    let mut random = crate::Random::new(name);
    (0..dimensions).map(|_| (random.one_to(1024) as f32 - 512.0) / 1024.0).collect()
}

/// One entry of the list of models.
pub(crate) fn model(id: &str) -> String {
    format!(
        r#"{{"id":{},"object":"model","created":{CREATED},"owned_by":"testkit"}}"#,
        Value::from(id)
    )
}

/// The body of an error.
pub(crate) fn error(message: &str, class: &str, param: Option<&str>, code: Option<&str>) -> String {
    format!(
        r#"{{"error":{{"message":{},"type":"{class}","param":{},"code":{}}}}}"#,
        Value::from(message),
        Value::from(param),
        Value::from(code)
    )
}
