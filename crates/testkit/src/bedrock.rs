//! Answers in the public wire shapes of Amazon Bedrock's Converse API: messages, their streams of binary frames, errors.
//!
//! Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>, the same for `ConverseStream`;
//! the event stream encoding of the Smithy specification. Written apart from the gateway's own, which it checks.
//!
//! INVARIANT: the text of the stream's deltas, joined by block, is the text of the unstreamed body.

use serde_json::{Value, json};

use crate::Scenario;
use crate::reply::{Json, words};
use crate::script::{Choice, Prompt, split};

/// What stands for the provider's signature under reasoning.
const SIGNATURE: &str = "EqQBCgIYAhIMZmFrZSBzaWduYXR1cmU=";

/// The model of a path and whether its answer is a stream.
pub(crate) fn asked(path: &str) -> Option<(String, bool)> {
    let (model, method) =
        path.strip_prefix("/v1").unwrap_or(path).strip_prefix("/model/")?.split_once('/')?;
    let model =
        model.replace("%3A", ":").replace("%2F", "/").replace("%2B", "+").replace("%40", "@");
    match method {
        "converse" => Some((model, false)),
        "converse-stream" => Some((model, true)),
        _ => None,
    }
}

/// A request as chat completions would write it.
pub(crate) fn as_chat(request: &Value, model: &str, streamed: bool) -> Value {
    let tools: Vec<Value> = request
        .pointer("/toolConfig/tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|tool| tool["toolSpec"].clone())
        .collect();
    json!({ "model": model, "messages": request["messages"], "tools": tools, "stream": streamed })
}

/// Everything an answer is rendered from.
#[derive(Debug)]
pub(crate) struct Converse<'a> {
    pub(crate) prompt: &'a Prompt,
    pub(crate) scenario: &'a Scenario,
    pub(crate) choice: Choice,
    /// Names the answer: of the model and the prompt.
    pub(crate) fingerprint: u64,
}

/// A block: whole, what opens it in a stream, where its deltas stand, and their text.
struct Block {
    whole: Value,
    start: Option<Value>,
    delta: fn(&str) -> Value,
    text: String,
    is_signed: bool,
}

impl Converse<'_> {
    fn blocks(&self) -> Vec<Block> {
        let choice = &self.choice;
        let reasoning = choice.reasoning.iter().map(|text| Block {
            whole: json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": SIGNATURE } } }),
            start: None,
            delta: |piece| json!({ "reasoningContent": { "text": piece } }),
            text: text.clone(),
            is_signed: true,
        });
        let texts = choice.content.iter().chain(&choice.refusal).map(|text| Block {
            whole: json!({ "text": text }),
            start: None,
            delta: |piece| json!({ "text": piece }),
            text: text.clone(),
            is_signed: false,
        });
        let calls = choice.tools.iter().chain(&choice.function).map(|call| {
            let id = format!("tooluse_{}", call.id);
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            Block {
                whole: json!({ "toolUse": { "toolUseId": id, "name": call.name, "input": input } }),
                start: Some(json!({ "toolUse": { "toolUseId": id, "name": call.name } })),
                delta: |piece| json!({ "toolUse": { "input": piece } }),
                text: call.arguments.clone(),
                is_signed: false,
            }
        });
        reasoning.chain(texts).chain(calls).collect()
    }

    fn stop_reason(&self) -> &'static str {
        match self.choice.finish {
            "tool_calls" | "function_call" => "tool_use",
            "length" => "max_tokens",
            _ => "end_turn",
        }
    }

    fn usage(&self, blocks: &[Block]) -> Value {
        let output: usize = blocks.iter().map(|block| words(&block.text)).sum();
        let input = words(&self.prompt.text) + 7;
        json!({ "inputTokens": input, "outputTokens": output, "totalTokens": input + output })
    }

    /// The unstreamed body.
    pub(crate) fn body(&self) -> String {
        let blocks = self.blocks();
        let usage = self.usage(&blocks);
        let content: Vec<Value> = blocks.into_iter().map(|block| block.whole).collect();
        self.text_of(&json!({
            "metrics": { "latencyMs": 42 },
            "output": { "message": { "content": content, "role": "assistant" } },
            "stopReason": self.stop_reason(), "usage": usage,
        }))
    }

    /// The stream's events: their types and their payloads.
    pub(crate) fn events(&self) -> Vec<(&'static str, String)> {
        let blocks = self.blocks();
        let mut events = vec![("messageStart", json!({ "p": "abcdefghij", "role": "assistant" }))];
        for (index, block) in blocks.iter().enumerate() {
            let mut push = |name, member: &str, value: Value| {
                events.push((
                    name,
                    json!({ "contentBlockIndex": index, member: value, "p": "abcd" }),
                ));
            };
            if let Some(start) = &block.start {
                push("contentBlockStart", "start", start.clone());
            }
            for piece in split(&block.text, self.scenario.split(), self.fingerprint ^ index as u64)
            {
                push("contentBlockDelta", "delta", (block.delta)(piece));
            }
            if block.is_signed {
                let delta = json!({ "reasoningContent": { "signature": SIGNATURE } });
                push("contentBlockDelta", "delta", delta);
            }
            events.push(("contentBlockStop", json!({ "contentBlockIndex": index, "p": "ab" })));
        }
        events.push(("messageStop", json!({ "p": "abc", "stopReason": self.stop_reason() })));
        let metrics = json!({ "latencyMs": 42 });
        let told = json!({ "metrics": metrics, "p": "a", "usage": self.usage(&blocks) });
        events.push(("metadata", told));
        events.into_iter().map(|(name, data)| (name, self.text_of(&data))).collect()
    }

    fn text_of(&self, value: &Value) -> String {
        Json { ascii: self.scenario.ascii }.of(value)
    }
}

/// The body of an error.
pub(crate) fn error(message: &str) -> String {
    json!({ "message": message }).to_string()
}

/// The class of an error, which stands in a header.
pub(crate) fn error_type(status: u16) -> &'static str {
    match status {
        400 => "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        401 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

/// A frame with these headers, all of them text.
pub fn event_frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(name.len() as u8);
        written.extend(name.as_bytes());
        written.push(7);
        written.extend((value.len() as u16).to_be_bytes());
        written.extend(value.as_bytes());
    }
    let length = (12 + written.len() + payload.len() + 4) as u32;
    let mut frame = [length.to_be_bytes(), (written.len() as u32).to_be_bytes()].concat();
    frame.extend(crc32(&frame).to_be_bytes());
    frame.extend(written);
    frame.extend(payload);
    frame.extend(crc32(&frame).to_be_bytes());
    frame
}

/// A frame of an event or an exception as the service sends it.
pub fn converse_frame(kind: &str, name: &str, payload: &[u8]) -> Vec<u8> {
    let type_header = if kind == "event" { ":event-type" } else { ":exception-type" };
    let headers =
        [(type_header, name), (":content-type", "application/json"), (":message-type", kind)];
    event_frame(&headers, payload)
}

/// The frames in a body: the types of what they carry, and their payloads. Nothing, if a length or a checksum is wrong or a
/// frame is cut short.
pub(crate) fn frames(mut body: &[u8]) -> Option<Vec<(String, String)>> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        let number = |at: usize| Some(u32::from_be_bytes(body.get(at..at + 4)?.try_into().ok()?));
        let (length, headers) = (number(0)? as usize, number(4)? as usize);
        let frame = body.get(..length)?;
        if crc32(&frame[..8]) != number(8)? || crc32(&frame[..length - 4]) != number(length - 4)? {
            return None;
        }
        let mut rest = frame.get(12..12 + headers)?;
        let mut kind = String::new();
        while let Some((length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let value_length = usize::from(u16::from_be_bytes(after.get(1..3)?.try_into().ok()?));
            let value = after.get(3..3 + value_length)?;
            if name == b":event-type" || name == b":exception-type" {
                kind = String::from_utf8_lossy(value).into_owned();
            }
            rest = after.get(3 + value_length..)?;
        }
        let payload = frame.get(12 + headers..length - 4)?;
        frames.push((kind, String::from_utf8_lossy(payload).into_owned()));
        body = &body[length..];
    }
    Some(frames)
}

/// CRC-32 (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}
