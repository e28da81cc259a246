//! What was said to the model in a session, for what its answers are compared with.
//!
//! INVARIANT: bounded: what is oldest is forgotten first, and prompts last of all.

use events::Provenance;
use wire::Document;

/// Bytes of text that are remembered of one session.
const TEXTS_BYTES_MAX: usize = 1 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct Memory {
    bytes: usize,
    said: Vec<(Provenance, String)>,
}

impl Memory {
    /// Takes over what an event says.
    pub(super) fn add(&mut self, document: &Document<'_>) {
        for field in &document.fields {
            let text = &field.text[..field.text.floor_char_boundary(TEXTS_BYTES_MAX)];
            self.bytes += text.len();
            self.said.push((field.provenance, text.to_owned()));
        }
        while self.bytes > TEXTS_BYTES_MAX {
            let is_prompt =
                |from: &Provenance| matches!(from, Provenance::System | Provenance::Developer);
            let oldest = self.said.iter().position(|(from, _)| !is_prompt(from)).unwrap_or(0);
            let (_, text) = self.said.remove(oldest);
            self.bytes -= text.len();
        }
    }

    /// All that is remembered, oldest first.
    pub(super) fn said(&self) -> &[(Provenance, String)] {
        &self.said
    }
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
            memory.add(&read.expect("an event"));
        };
        let prompt = "be kind";
        say(serde_json::json!({ "type": "session.update", "session": { "instructions": prompt } }));
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
