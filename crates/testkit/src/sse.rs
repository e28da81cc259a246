//! What a streamed chat completion, message or Gemini answer said, lane by lane, and when.
//!
//! INVARIANT: nothing is repaired: what is not an event, or not JSON, is counted as such.
//!
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html>. Not here: reconnection.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

/// A choice (or a block of a message) and a kind of output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// `delta.content`.
    Content(u64),
    /// `delta.reasoning_content`.
    Reasoning(u64),
    /// `delta.refusal`.
    Refusal(u64),
    /// `delta.function_call.arguments`.
    Function(u64),
    /// `delta.tool_calls[…].function.arguments`: the choice and the call's index. In a message, the block, and 0.
    Tool(u64, u64),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// `event:`, when it was given.
    pub name: Option<String>,
    /// `data:` lines, joined.
    pub data: String,
    /// When its last byte came, since the request was written.
    pub at: Duration,
}

/// What a stream said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseCollected {
    /// Every event that ended, in order.
    pub events: Vec<SseEvent>,
    /// Whether `[DONE]`, `message_stop` or a candidate's `finishReason` came, and came last.
    pub is_done: bool,
    /// The text of every lane that had any.
    pub lanes: BTreeMap<Lane, String>,
    /// The last finish reason of every choice.
    pub finish_reasons: BTreeMap<u64, String>,
    /// Names of tools by choice and index.
    pub tool_names: BTreeMap<(u64, u64), String>,
    /// The `error` object, when an event carried one.
    pub error: Option<Value>,
    /// The `usage` object, when an event carried one.
    pub usage: Option<Value>,
    /// Events whose data was neither JSON nor `[DONE]`.
    pub not_json: usize,
    /// When the first text of any lane came.
    pub first_content: Option<Duration>,
    /// Bytes after the last event that ended.
    pub unfinished: Vec<u8>,
}

impl SseCollected {
    /// Reads a body and the times its parts came.
    pub fn of(body: &[u8], arrivals: &[(usize, Duration)]) -> Self {
        let mut collected = Self::default();
        let mut name = None;
        let mut data: Vec<String> = Vec::new();
        let mut start = 0;
        while let Some((line, end)) = next_line(body, start) {
            start = end;
            if line.is_empty() {
                let name = name.take();
                if data.is_empty() {
                    continue;
                }
                let arrival = arrivals.iter().find(|(length, _)| *length >= end);
                let at = arrival.map_or(Duration::ZERO, |(_, at)| *at);
                let data = std::mem::take(&mut data).join("\n");
                collected.event(SseEvent { name, data, at });
                collected.unfinished = body.get(end..).unwrap_or_default().to_vec();
                continue;
            }
            let line = String::from_utf8_lossy(line);
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => data.push(value.to_owned()),
                "event" => name = Some(value.to_owned()),
                _ => {}
            }
        }
        if collected.events.is_empty() {
            collected.unfinished = body.to_vec();
        }
        collected
    }

    /// Reads the frames of a Converse stream, each as an event. Nothing, if one of them is wrong.
    pub(crate) fn of_frames(body: &[u8]) -> Option<Self> {
        let mut collected = Self::default();
        for (name, data) in crate::bedrock::frames(body)? {
            match serde_json::from_str::<Value>(&data) {
                Ok(event) => collected.converse_event(&name, &event),
                Err(_) => collected.not_json += 1,
            }
            collected.is_done = matches!(&*name, "messageStop" | "metadata");
            collected.events.push(SseEvent { name: Some(name), data, at: Duration::ZERO });
        }
        Some(collected)
    }

    /// The text of a lane; empty when it had none.
    pub fn lane(&self, lane: &Lane) -> &str {
        self.lanes.get(lane).map_or("", String::as_str)
    }

    /// The text of the first choice.
    pub fn content(&self) -> &str {
        self.lane(&Lane::Content(0))
    }

    fn event(&mut self, event: SseEvent) {
        self.is_done = event.data == "[DONE]";
        if !self.is_done {
            match serde_json::from_str::<Value>(&event.data) {
                Ok(chunk) => self.chunk(&chunk, event.at),
                Err(_) => self.not_json += 1,
            }
        }
        self.events.push(event);
    }

    fn chunk(&mut self, chunk: &Value, at: Duration) {
        if let Some(kind) = chunk.get("type").and_then(Value::as_str) {
            self.is_done = kind == "message_stop";
            self.message_event(kind, chunk, at);
        }
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            self.error = Some(error.clone());
        }
        let usage = chunk.get("usage").or_else(|| chunk.get("usageMetadata"));
        if let Some(usage) = usage.filter(|usage| !usage.is_null()) {
            self.usage = Some(usage.clone());
        }
        for (position, candidate) in
            (0..).zip(chunk.get("candidates").and_then(Value::as_array).into_iter().flatten())
        {
            self.candidate(position, candidate, at);
        }
        for choice in chunk.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
            if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
                self.finish_reasons.insert(index, reason.to_owned());
            }
            let delta = choice.get("delta").unwrap_or(&Value::Null);
            self.text(Lane::Content(index), delta.get("content"), at);
            self.text(Lane::Reasoning(index), delta.get("reasoning_content"), at);
            self.text(Lane::Refusal(index), delta.get("refusal"), at);
            self.text(Lane::Function(index), delta.pointer("/function_call/arguments"), at);
            for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                let number = call.get("index").and_then(Value::as_u64).unwrap_or(0);
                if let Some(name) = call.pointer("/function/name").and_then(Value::as_str) {
                    self.tool_names.entry((index, number)).or_default().push_str(name);
                }
                self.text(Lane::Tool(index, number), call.pointer("/function/arguments"), at);
            }
        }
    }

    /// What an event of a Gemini stream says of one candidate.
    fn candidate(&mut self, position: u64, candidate: &Value, at: Duration) {
        let index = candidate.get("index").and_then(Value::as_u64).unwrap_or(position);
        let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            let is_thought = part.get("thought") == Some(&Value::Bool(true));
            let lane = if is_thought { Lane::Reasoning(index) } else { Lane::Content(index) };
            self.text(lane, part.get("text"), at);
            let Some(call) = part.get("functionCall") else { continue };
            let number = self.tool_names.keys().filter(|(choice, _)| *choice == index).count();
            let (number, name) = (number as u64, call["name"].as_str().unwrap_or_default());
            self.tool_names.insert((index, number), name.to_owned());
            let args = Value::from(call["args"].to_string());
            self.text(Lane::Tool(index, number), Some(&args), at);
        }
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            self.finish_reasons.insert(index, reason.to_owned());
            self.is_done = true;
        }
    }

    /// An event of a Converse stream.
    fn converse_event(&mut self, name: &str, event: &Value) {
        let index = event.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or(0);
        if let Some(tool) = event.pointer("/start/toolUse/name").and_then(Value::as_str) {
            self.tool_names.entry((index, 0)).or_default().push_str(tool);
        }
        if let Some(reason) = event.get("stopReason").and_then(Value::as_str) {
            self.finish_reasons.insert(0, reason.to_owned());
        }
        if let Some(usage) = event.get("usage") {
            self.usage = Some(usage.clone());
        }
        if name.ends_with("Exception") {
            self.error = Some(event.clone());
        }
        let at = Duration::ZERO;
        self.text(Lane::Content(index), event.pointer("/delta/text"), at);
        self.text(Lane::Reasoning(index), event.pointer("/delta/reasoningContent/text"), at);
        self.text(Lane::Tool(index, 0), event.pointer("/delta/toolUse/input"), at);
    }

    /// An event of a message.
    fn message_event(&mut self, kind: &str, event: &Value, at: Duration) {
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        let block = event.get("content_block").unwrap_or(&Value::Null);
        if let Some(name) = block.get("name").and_then(Value::as_str) {
            self.tool_names.entry((index, 0)).or_default().push_str(name);
        }
        let delta = event.get("delta").unwrap_or(&Value::Null);
        if let Some(reason) = delta.get("stop_reason").and_then(Value::as_str) {
            self.finish_reasons.insert(0, reason.to_owned());
        }
        if kind == "content_block_delta" {
            self.text(Lane::Content(index), delta.get("text"), at);
            self.text(Lane::Reasoning(index), delta.get("thinking"), at);
            self.text(Lane::Tool(index, 0), delta.get("partial_json"), at);
        }
    }

    fn text(&mut self, lane: Lane, text: Option<&Value>, at: Duration) {
        if let Some(text) = text.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            self.first_content.get_or_insert(at);
            self.lanes.entry(lane).or_default().push_str(text);
        }
    }
}

/// The line that starts at `start`, without its end, and where the next one starts.
fn next_line(body: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let rest = body.get(start..)?;
    let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let is_pair = rest.get(length..length + 2) == Some(b"\r\n");
    Some((rest.get(..length)?, start + length + if is_pair { 2 } else { 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_joined_and_timed() {
        let body = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
            : ping\r\n\r\ndata: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"he\"}}]}\r\rdata: [DONE]\n\nrest";
        let times = [(90, Duration::from_millis(1)), (body.len(), Duration::from_millis(9))];
        let stream = SseCollected::of(body, &times);
        assert_eq!(stream.lane(&Lane::Content(1)), "he");
        assert_eq!(stream.first_content, Some(Duration::from_millis(9)));
        assert!(stream.is_done);
        assert_eq!(stream.events.len(), 3);
        assert_eq!(stream.unfinished, b"rest");
    }
}
