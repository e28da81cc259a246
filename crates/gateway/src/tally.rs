//! How many tokens an interaction has used: as its upstream counts them, and by the bytes of what it has not counted.
//!
//! An upstream's count stands for everything that it has sent so far; text that comes after it, or without one, is taken for a
//! token for each [`TOKEN_BYTES`] bytes. So a stream that is cut before its final count owes what had come of it.
//!
//! INVARIANT: text is what a model writes (its answer, its reasoning, the arguments of its calls): neither the events around it nor pictures, vectors
//! and lists are. INVARIANT: nothing that an upstream says makes one interaction owe more than [`TOKENS_MAX`].
//!
//! Not here: which limits count it (`quota`).

use events::TokenUsage;
use wire::{Channel, Document, Lane};

/// A token is taken for so many bytes where nobody counted.
pub(crate) const TOKEN_BYTES: u64 = 4;
/// Tokens that one interaction can owe, of its request and of its answer each; no model takes or gives so many.
pub(crate) const TOKENS_MAX: u64 = 1 << 26;

/// What is known of one answer so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    counted: Option<TokenUsage>,
    /// Bytes of text since then.
    text_bytes: u64,
}

impl Tally {
    /// Takes a whole answer, or an event of a streamed one. Text that repeats what its lane has said, as `is_said` knows,
    /// counts once.
    pub(crate) fn add(&mut self, document: &Document<'_>, is_said: impl Fn(Lane) -> bool) {
        let is_new = |lane: Lane, repeats: bool| match lane.channel {
            Channel::Asked | Channel::Other(_) => false,
            _ => !repeats || !is_said(lane),
        };
        let fields = document.fields.iter();
        let written =
            fields.filter(|field| field.lane.is_some_and(|lane| is_new(lane, field.repeats)));
        let bytes: u64 = written.map(|field| field.text.len() as u64).sum();
        let bytes = bytes.saturating_add(document.facts.written_bytes);
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        let Some(usage) = document.facts.usage else { return };
        let counted = self.counted.get_or_insert_default();
        counted.input = counted.input.max(usage.input);
        counted.output = counted.output.max(usage.output);
        if usage.output > 0 {
            self.text_bytes = 0;
        }
    }

    /// Takes what was used beside the answer.
    pub(crate) fn also(&mut self, tokens: TokenUsage) {
        let counted = self.counted.get_or_insert_default();
        counted.input = counted.input.saturating_add(tokens.input);
        counted.output = counted.output.saturating_add(tokens.output);
    }

    /// What the upstream has counted.
    pub(crate) const fn counted(self) -> Option<TokenUsage> {
        self.counted
    }

    /// Whether nothing has come of the answer.
    pub(crate) const fn is_empty(self) -> bool {
        self.counted.is_none() && self.text_bytes == 0
    }

    /// What a request of so many bytes has used with it.
    pub(crate) fn tokens(self, request_bytes: u64) -> TokenUsage {
        let counted = self.counted.unwrap_or_default();
        let input = match counted.input {
            0 => request_bytes.div_ceil(TOKEN_BYTES),
            counted => counted,
        };
        let output = counted.output.saturating_add(self.text_bytes.div_ceil(TOKEN_BYTES));
        TokenUsage { input: input.min(TOKENS_MAX), output: output.min(TOKENS_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use wire::{Operation, ReadLimits, UnknownFields};

    use super::*;

    /// What an answer to a request of 400 bytes has used.
    fn tokens(operation: Operation, answer: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        let limits = ReadLimits::default();
        let answer =
            wire::read_response(operation, answer.as_bytes(), UnknownFields::Scan, &limits);
        tally.add(&answer.expect("an answer"), |_| false);
        let TokenUsage { input, output } = tally.tokens(400);
        (input, output)
    }

    #[test]
    fn arguments_that_are_objects_count_in_streams_that_are_cut() {
        // 27 bytes of arguments; names and what is around them are not counted so closely.
        let arguments = r#"{"city":"Rome","days":"17"}"#;
        let gemini = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","args":{arguments}}}}}]}}}}]}}"#
        );
        let ollama = format!(
            r#"{{"model":"m","message":{{"role":"assistant","tool_calls":[{{"function":{{"name":"f","arguments":{arguments}}}}}]}},"done":false}}"#
        );
        let bedrock = format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":[{{"toolUse":{{"toolUseId":"t","name":"f","input":{arguments}}}}}]}}}}}}"#
        );
        for (operation, answer) in [
            (Operation::GenerateContent, gemini),
            (Operation::OllamaChat, ollama),
            (Operation::Converse, bedrock),
        ] {
            let (_, output) = tokens(operation, &answer);
            assert!((7..=8).contains(&output), "{answer}: {output}");
        }
    }

    #[test]
    fn only_what_a_model_writes_is_counted_by_its_bytes() {
        let long = "x".repeat(4_000);
        let said = format!(r#"{{"choices":[{{"message":{{"content":"{long}"}}}}]}}"#);
        let called = r#"{"choices":[{"message":{"reasoning":"12345678","tool_calls":[{"function":{"name":"f","arguments":"1234567"}}]}}]}"#;
        let listed = format!(r#"{{"object":"list","data":[{{"id":"m","owned_by":"{long}"}}]}}"#);
        let drawn = format!(r#"{{"data":[{{"b64_json":"{long}"}}]}}"#);
        let drawn_and_counted = format!(
            r#"{{"data":[{{"b64_json":"{long}"}}],"usage":{{"input_tokens":9,"output_tokens":70}}}}"#
        );
        let numbers = ["0.25"; 1_000].join(",");
        let embedded = format!(
            r#"{{"object":"list","data":[{{"object":"embedding","embedding":[{numbers}]}}]}}"#
        );
        let too_much = r#"{"choices":[],"usage":{"prompt_tokens":9000000000000000000,"completion_tokens":9000000000000000000}}"#;
        for (operation, answer, expected) in [
            (Operation::ChatCompletions, &*said, (100, 1_000)),
            (Operation::ChatCompletions, called, (100, 4)),
            (Operation::ModelList, &*listed, (100, 0)),
            (Operation::ImageGenerations, &*drawn, (100, 0)),
            (Operation::ImageGenerations, &*drawn_and_counted, (9, 70)),
            (Operation::Embeddings, &*embedded, (100, 0)),
            (Operation::ChatCompletions, too_much, (TOKENS_MAX, TOKENS_MAX)),
        ] {
            assert_eq!(tokens(operation, answer), expected, "{answer:.80}");
        }
    }
}
