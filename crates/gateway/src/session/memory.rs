//! What was said to the model in a session, for what its answers are compared with.
//!
//! INVARIANT: bounded: what is oldest is forgotten first, and prompts last of all.

use events::Provenance;
use wire::Document;

use crate::joined::{REACH_BYTES, Tail};

/// Bytes of text that are remembered of one session.
const TEXTS_BYTES_MAX: usize = 1 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct Memory {
    bytes: usize,
    /// Whether there was anything that answers are compared with: a prompt, or what may be quoted.
    is_compared: bool,
    said: Vec<(Provenance, String)>,
    /// The end of what was said last.
    tail: Option<Tail>,
}

impl Memory {
    /// Takes over what an event says. Whether answers are compared with something else from now on.
    pub(super) fn add(&mut self, document: &Document<'_>) -> bool {
        self.note_tail(document);
        for field in &document.fields {
            let text = &field.text[..field.text.floor_char_boundary(TEXTS_BYTES_MAX)];
            self.bytes += text.len();
            self.is_compared |= is_prompt(field.provenance)
                || matches!(field.provenance, Provenance::Retrieved | Provenance::ToolResult);
            self.said.push((field.provenance, text.to_owned()));
        }
        while self.bytes > TEXTS_BYTES_MAX {
            let oldest = self.said.iter().position(|(from, _)| !is_prompt(*from)).unwrap_or(0);
            let (_, text) = self.said.remove(oldest);
            self.bytes -= text.len();
        }
        self.is_compared && !document.fields.is_empty()
    }

    /// The end of what was said last, which the next text may go on from.
    pub(super) const fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// Somebody else has said something.
    pub(super) fn forget_tail(&mut self) {
        self.tail = None;
    }

    fn note_tail(&mut self, document: &Document<'_>) {
        let pieces = document.runs();
        for field in pieces.iter().flatten().filter_map(|at| document.fields.get(*at)) {
            let tail = self.tail.take().filter(|tail| tail.provenance == field.provenance);
            let mut text = tail.map(|tail| tail.text).unwrap_or_default();
            let end = field.text.len().saturating_sub(REACH_BYTES);
            text.push_str(&field.text[field.text.floor_char_boundary(end)..]);
            let excess = text.floor_char_boundary(text.len().saturating_sub(REACH_BYTES));
            text.drain(..excess);
            self.tail = Some(Tail { provenance: field.provenance, text });
        }
    }

    /// Bytes that it holds at most, once it has taken over what an event says.
    pub(super) fn bytes_with(&self, document: &Document<'_>) -> usize {
        let more: usize = document.fields.iter().map(|field| field.text.len()).sum();
        self.bytes.saturating_add(more).min(TEXTS_BYTES_MAX)
    }

    /// Bytes that it holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All that is remembered, oldest first.
    pub(super) fn said(&self) -> &[(Provenance, String)] {
        &self.said
    }
}

fn is_prompt(from: Provenance) -> bool {
    matches!(from, Provenance::System | Provenance::Developer)
}

#[cfg(test)]
mod tests {
    use wire::{Operation, ReadLimits, UnknownFields, read_request};

    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_prompts_last() {
        let mut memory = Memory::default();
        let mut say = |event: serde_json::Value| {
            let (event, limits) = (event.to_string(), ReadLimits::default());
            let scan = UnknownFields::Scan;
            let read = read_request(Operation::Realtime, event.as_bytes(), scan, &limits);
            let (event, before) = (read.expect("an event"), memory.bytes());
            let expected = memory.bytes_with(&event);
            let is_compared = memory.add(&event);
            assert!((before..=TEXTS_BYTES_MAX).contains(&expected) && memory.bytes() <= expected);
            is_compared
        };
        let hello = || {
            serde_json::json!({ "type": "conversation.item.create", "item": {
            "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "hello" }] } })
        };
        assert!(!say(hello()), "nothing of it is compared");
        let prompt = "be kind";
        let update =
            serde_json::json!({ "type": "session.update", "session": { "instructions": prompt } });
        assert!(say(update) && say(hello()), "what the user knows counts too");
        for _ in 0..5 {
            let text = "x".repeat(TEXTS_BYTES_MAX / 4);
            say(serde_json::json!({ "type": "conversation.item.create", "item": {
                "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }] } }));
        }
        assert!(memory.bytes <= TEXTS_BYTES_MAX);
        assert_eq!(memory.said.first().map(|(_, text)| text.as_str()), Some(prompt));
        assert_eq!(memory.said.len(), 4, "the prompt, and what fits beside it");
    }
}
