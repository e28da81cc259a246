//! Families of wire formats.
//!
//! INVARIANT: what holds for all messages of a dialect is said here.
//!
//! Not here: what can be asked in one (`operation`).

use crate::sse::Framing;

/// A family of wire formats that share error and stream shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Anthropic's Messages API, and what speaks it.
    Anthropic,
    /// Amazon Bedrock's Converse API.
    Bedrock,
    /// Google's Gemini API, and Vertex AI's form of it.
    Gemini,
    /// Ollama's native API.
    Ollama,
    /// OpenAI's API, and what speaks it: vLLM, DeepSeek, Groq, OpenRouter, Azure `v1`.
    OpenAi,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 5] =
        [Self::Anthropic, Self::Bedrock, Self::Gemini, Self::Ollama, Self::OpenAi];

    /// Whether its streams say of each choice that it begins, and of themselves that they end.
    pub const fn says_what_begins(self) -> bool {
        matches!(self, Self::Anthropic)
    }

    /// Whether its streams say that they have come to an end, and may tell more after it.
    pub const fn says_that_it_closes(self) -> bool {
        matches!(self, Self::Bedrock)
    }

    /// Whether its servers read messages as protocol buffers in JSON: every key of a table may also be written with
    /// underscores, and in requests an object stands for an array of one.
    pub(crate) const fn is_protobuf(self) -> bool {
        matches!(self, Self::Gemini)
    }

    /// How its streams are cut into events.
    pub const fn framing(self) -> Framing {
        match self {
            Self::Ollama => Framing::Lines,
            Self::Bedrock => Framing::Frames,
            Self::Anthropic | Self::Gemini | Self::OpenAi => Framing::Events,
        }
    }

    /// The name in events and contracts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
        }
    }
}
