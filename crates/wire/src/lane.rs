//! Lanes: which text of an answer continues which.
//!
//! In a stream, pieces of the same lane are joined by the client; pieces of different lanes are not.
//! A guard therefore keeps one state per lane. A lane is a choice and a channel.
//!
//! INVARIANT: a lane says where its text lives in the message, so that text can be written to it
//! again ([`crate::delta_event`]), for every channel whose [`Channel::delivery`] is incremental.

/// A choice × a kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// The `index` of the choice (or of the block of content, where a message is made of blocks) as the
    /// upstream states it, or its position where it states none.
    pub choice: u32,
    /// The kind of output.
    pub channel: Channel,
}

/// A kind of output. Numbers are the tool call's (or reasoning detail's) `index` in its choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// `content`: the answer.
    Content,
    /// `refusal`: why there is no answer.
    Refusal,
    /// `reasoning_content`: the model's reasoning (DeepSeek, vLLM until 0.12).
    ReasoningContent,
    /// `reasoning`: the model's reasoning (vLLM, OpenRouter, Groq).
    Reasoning,
    /// `content[].thinking[].text`: the model's reasoning (Mistral).
    Thinking,
    /// `reasoning_details[].text`: the model's reasoning (OpenRouter).
    ReasoningDetail(u32),
    /// `tool_calls[].function.name`.
    ToolName(u32),
    /// `tool_calls[].function.arguments`: a JSON document.
    ToolArguments(u32),
    /// `tool_calls[].custom.name`.
    CustomName(u32),
    /// `tool_calls[].custom.input`: free text.
    CustomInput(u32),
    /// `function_call.name` (deprecated form).
    FunctionName,
    /// `function_call.arguments`: a JSON document (deprecated form).
    FunctionArguments,
    /// `audio.transcript`.
    Transcript,
    /// Responses: `output[].content[].text`; the number is the part's.
    PartText(u32),
    /// Responses: `output[].content[].refusal`.
    PartRefusal(u32),
    /// Responses: `output[].content[].text` of a reasoning item.
    ReasoningText(u32),
    /// Responses: `output[].summary[].text`.
    SummaryText(u32),
    /// Responses: `output[].arguments` of a call of an MCP server's tool: a JSON document.
    McpArguments,
    /// Responses: `output[].code`.
    Code,
    /// Responses: `output[].action.commands[]`.
    ShellCommand(u32),
    /// Responses: `output[].output[].stdout`.
    ShellOutput(u32),
    /// Responses: `output[].output[].stderr`.
    ShellErrors(u32),
    /// Responses: what events of a type say that the content map does not name. The first number is a hash of
    /// the type, the second the part's.
    Unlisted(u64, u32),
    /// Responses: what an event says in its own `delta` or `text`; its type says which channel that is.
    OfEvent,
    /// Responses: settings of the request that the answer repeats.
    Asked,
    /// Realtime: `transcript` of what the model says; the number is the part's.
    PartTranscript(u32),
    /// Realtime: the transcript of what the user says; the number is the part's.
    InputTranscript(u32),
    /// Realtime: the sound that an event says in its `delta`, in base64. Nothing of it is text.
    Sound,
    /// `content` of a block: a summary of the conversation (Anthropic).
    BlockContent,
    /// Chat completions: text below `delta` that the content map does not name. Clients join what they find there, whatever it
    /// is called. The first number is a hash of its path without array positions, the second the call's.
    Extension(u64, u32),
    /// Any other text, known to the content map or not: annotations, errors, extensions. The number
    /// is a hash of its path without array positions.
    Other(u64),
}

/// How the text of a channel arrives in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// In pieces that the client joins: hold back what is not settled.
    Incremental,
    /// Whole in one event: judge it when it arrives and never hold it. Clients read a tool's name from
    /// the event that opens the call, and nothing says how text of an unknown field beside the deltas would be joined.
    Whole,
}

impl Channel {
    /// How its text arrives in a stream.
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::ToolName(_)
            | Self::CustomName(_)
            | Self::FunctionName
            | Self::OfEvent
            | Self::Asked
            | Self::Sound
            | Self::Other(_) => Delivery::Whole,
            _ => Delivery::Incremental,
        }
    }

    /// Whether its text is itself a JSON document, so that what is put into it needs escaping twice.
    pub const fn is_json(self) -> bool {
        matches!(self, Self::ToolArguments(_) | Self::FunctionArguments | Self::McpArguments)
    }

    /// Whether readers go on from one text on this channel to the next as if both were one.
    pub const fn is_read_on(self) -> bool {
        self.is_said() || self.is_reasoning()
    }

    /// What is said aloud, or shown as the answer.
    const fn is_said(self) -> bool {
        matches!(
            self,
            Self::Content
                | Self::Refusal
                | Self::Transcript
                | Self::PartText(_)
                | Self::PartRefusal(_)
                | Self::PartTranscript(_)
                | Self::BlockContent
        )
    }

    /// Whether it is the model's reasoning, which is shown apart.
    pub const fn is_reasoning(self) -> bool {
        matches!(
            self,
            Self::ReasoningContent
                | Self::Reasoning
                | Self::ReasoningDetail(_)
                | Self::ReasoningText(_)
                | Self::SummaryText(_)
        )
    }

    /// The name in contracts: `content`, `tool_arguments`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Refusal | Self::PartRefusal(_) => "refusal",
            Self::ReasoningContent => "reasoning_content",
            Self::Reasoning | Self::ReasoningText(_) | Self::Thinking => "reasoning",
            Self::ReasoningDetail(_) => "reasoning_detail",
            Self::ToolName(_) => "tool_name",
            Self::ToolArguments(_) => "tool_arguments",
            Self::CustomName(_) => "custom_name",
            Self::CustomInput(_) => "custom_input",
            Self::FunctionName => "function_name",
            Self::FunctionArguments => "function_arguments",
            Self::Transcript | Self::PartTranscript(_) => "transcript",
            Self::InputTranscript(_) => "input_transcript",
            Self::Sound => "sound",
            Self::PartText(_) => "text",
            Self::SummaryText(_) => "reasoning_summary",
            Self::McpArguments => "mcp_arguments",
            Self::Code => "code",
            Self::ShellCommand(_) => "shell_command",
            Self::ShellOutput(_) => "shell_output",
            Self::ShellErrors(_) => "shell_errors",
            Self::Unlisted(..) => "unlisted",
            Self::Extension(..) => "extension",
            Self::OfEvent => "by the event's type",
            Self::Asked => "asked",
            Self::BlockContent => "block_content",
            Self::Other(_) => "other",
        }
    }

    /// The same channel of the tool call (or reasoning detail) with this index.
    pub(crate) const fn at(self, index: u32) -> Self {
        match self {
            Self::ReasoningDetail(_) => Self::ReasoningDetail(index),
            Self::ToolName(_) => Self::ToolName(index),
            Self::ToolArguments(_) => Self::ToolArguments(index),
            Self::CustomName(_) => Self::CustomName(index),
            Self::CustomInput(_) => Self::CustomInput(index),
            Self::PartText(_) => Self::PartText(index),
            Self::PartTranscript(_) => Self::PartTranscript(index),
            Self::InputTranscript(_) => Self::InputTranscript(index),
            Self::PartRefusal(_) => Self::PartRefusal(index),
            Self::ReasoningText(_) => Self::ReasoningText(index),
            Self::SummaryText(_) => Self::SummaryText(index),
            Self::ShellCommand(_) => Self::ShellCommand(index),
            Self::ShellOutput(_) => Self::ShellOutput(index),
            Self::ShellErrors(_) => Self::ShellErrors(index),
            Self::Unlisted(kind, _) => Self::Unlisted(kind, index),
            Self::Extension(path, _) => Self::Extension(path, index),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Delivery};

    #[test]
    fn names_and_what_is_beside_the_deltas_are_never_held() {
        for channel in
            [Channel::ToolName(0), Channel::FunctionName, Channel::Asked, Channel::Other(7)]
        {
            assert_eq!(channel.delivery(), Delivery::Whole);
        }
        for channel in [Channel::ToolArguments(1), Channel::Thinking, Channel::Extension(7, 0)] {
            assert_eq!(channel.delivery(), Delivery::Incremental);
        }
    }

    #[test]
    fn only_numbered_channels_are_renumbered() {
        assert_eq!(Channel::ToolArguments(0).at(3), Channel::ToolArguments(3));
        assert_eq!(Channel::Content.at(3), Channel::Content);
    }
}
