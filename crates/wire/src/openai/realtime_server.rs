//! What a server says in a session of the Realtime API: one event, which is one message of its WebSocket.
//!
//! From the OpenAI API reference ("Realtime: server events", generally available and beta), and what Azure adds.
//!
//! Texts come in pieces and whole again: in the event that ends the piece, its part, its item and its response. The lanes are
//! those of items, by their ids ([`crate::Document::items`]), and their parts. What the client said itself (texts of its items, settings
//! of its session) is repeated on a channel of its own. Sound has no text: it is listed as not read, and whoever guards the
//! session sends it on when its transcript was let go; in parts it becomes `null` else.

use crate::document::EchoOf;
use crate::form::Form;
use crate::lane::Channel;
use crate::openai::{ERROR, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{EventKind, Fact, MessageTable, Origin, Row, Scope};

/// An event.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::Realtime,
    direction: Direction::Stream,
    parts: &[
        SAID,
        FAILED,
        part!("part."),
        items!("item."),
        items!("response.output[]."),
        settings!("session."),
        settings!("response."),
        SESSION,
        RESPONSE,
    ],
    scopes: &[
        ("", Scope::Event(EVENTS)),
        ("part", Scope::OutputPart),
        ("item", Scope::Output),
        ("item.content[]", Scope::OutputPart),
        ("response.output[]", Scope::Output),
        ("response.output[].content[]", Scope::OutputPart),
    ],
    skeleton: &[
        ("type", "\"response.output_text.delta\""),
        ("event_id", "\"event_1\""),
        ("response_id", "\"resp_1\""),
        ("item_id", "\"item_1\""),
        ("output_index", "0"),
        ("content_index", "0"),
        ("delta", "\"hello\""),
    ],
};

/// What is answered instead of opening a session.
pub(crate) static REFUSED: MessageTable = MessageTable {
    operation: Operation::Realtime,
    direction: Direction::Response,
    parts: &[KIND, ERROR],
    scopes: &[],
    skeleton: &[("error.message", "\"hello\"")],
};

const KIND: &[Row] = &[Row::word("object").fact(Fact::Object)];
const SOUND: Channel = Channel::Sound;
const OUTPUT: Origin = Origin::Is(events::Provenance::Output);
const LOGPROBS: &str = "repeats the text token by token";
const AUDIO: &str = "opaque: audio";

/// The events that say something themselves.
const EVENTS: &[EventKind] = &[
    EventKind::saying("response.output_text.delta", Channel::PartText(0)),
    EventKind::saying("response.output_text.done", Channel::PartText(0)),
    EventKind::saying("response.text.delta", Channel::PartText(0)),
    EventKind::saying("response.text.done", Channel::PartText(0)),
    EventKind::saying("response.output_audio_transcript.delta", Channel::PartTranscript(0)),
    EventKind::saying("response.output_audio_transcript.done", Channel::PartTranscript(0)),
    EventKind::saying("response.audio_transcript.delta", Channel::PartTranscript(0)),
    EventKind::saying("response.audio_transcript.done", Channel::PartTranscript(0)),
    EventKind::saying("response.output_audio.delta", SOUND),
    EventKind::saying("response.audio.delta", SOUND),
    EventKind::saying("response.function_call_arguments.delta", Channel::ToolArguments(0)),
    EventKind::saying("response.function_call_arguments.done", Channel::ToolArguments(0)),
    EventKind::saying("response.mcp_call_arguments.delta", Channel::McpArguments),
    EventKind::saying("response.mcp_call_arguments.done", Channel::McpArguments),
    EventKind::saying(
        "conversation.item.input_audio_transcription.delta",
        Channel::InputTranscript(0),
    ),
    EventKind::saying(
        "conversation.item.input_audio_transcription.completed",
        Channel::InputTranscript(0),
    ),
];

/// What an event says itself.
const SAID: &[Row] = &[
    Row::word("type").fact(Fact::Kind),
    Row::constrained("event_id", Form::Id),
    Row::constrained("response_id", Form::Id).fact(Fact::Id),
    Row::constrained("item_id", Form::Id).fact(Fact::ItemId),
    Row::constrained("previous_item_id", Form::Id),
    Row::constrained("call_id", Form::Id),
    Row::constrained("id", Form::Id),
    Row::constrained("output_index", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index),
    Row::constrained("content_index", Form::Integer(0, u32::MAX as i64)).fact(Fact::PartIndex),
    Row::integer("audio_start_ms"),
    Row::integer("audio_end_ms"),
    Row::number("start"),
    Row::number("end"),
    Row::word("event"),
    Row::integer("received_at"),
    Row::said("speaker"),
    Row::said("name"),
    Row::constrained("obfuscation", Form::Id),
    Row::output("delta", Channel::OfEvent),
    Row::output("text", Channel::OfEvent),
    Row::output("transcript", Channel::OfEvent),
    Row::output("arguments", Channel::OfEvent),
    Row::echo("logprobs", EchoOf::Transcript, LOGPROBS),
    Row::word("languages[]"),
    Row::word("languages[].code"),
    Row::number("languages[].*"),
    Row::word("usage.type"),
    Row::integer("usage.input_tokens").fact(Fact::InputTokens),
    Row::integer("usage.output_tokens").fact(Fact::OutputTokens),
    Row::number("usage.*"),
    Row::number("usage.*.*"),
    Row::constrained("conversation.id", Form::Id),
    Row::word("conversation.object"),
    Row::word("rate_limits[].name"),
    Row::number("rate_limits[].*"),
];

/// What went wrong.
const FAILED: &[Row] = &[
    Row::constrained("error.event_id", Form::Id).fact(Fact::ComplainsOf),
    Row::said("error.**"),
    Row::said("message"),
];

/// The rows of a part.
macro_rules! part {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "type")).fact(Fact::Kind),
            Row::constrained(concat!($at, "id"), Form::Id),
            Row::output(concat!($at, "text"), Channel::PartText(0)),
            Row::output(concat!($at, "transcript"), Channel::PartTranscript(0)),
            Row::echo(concat!($at, "audio"), EchoOf::Sound, AUDIO),
            Row::media(concat!($at, "image_url"), OUTPUT),
            Row::word(concat!($at, "detail")),
        ]
    };
}
use part;

/// The rows of an item.
macro_rules! items {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "type")).fact(Fact::Kind),
            Row::constrained(concat!($at, "id"), Form::Id).fact(Fact::ItemId),
            Row::word(concat!($at, "object")),
            Row::word(concat!($at, "status")),
            Row::word(concat!($at, "role")),
            Row::word(concat!($at, "phase")),
            Row::word(concat!($at, "content[].type")).fact(Fact::Kind),
            Row::constrained(concat!($at, "content[].id"), Form::Id),
            Row::output(concat!($at, "content[].text"), Channel::PartText(0)),
            Row::output(concat!($at, "content[].transcript"), Channel::PartTranscript(0)),
            Row::echo(concat!($at, "content[].audio"), EchoOf::Sound, AUDIO),
            Row::media(concat!($at, "content[].image_url"), OUTPUT),
            Row::word(concat!($at, "content[].detail")),
            Row::constrained(concat!($at, "call_id"), Form::Id),
            Row::output(concat!($at, "name"), Channel::ToolName(0)),
            Row::output(concat!($at, "arguments"), Channel::ToolArguments(0)),
            Row::asked(concat!($at, "output")),
            Row::said(concat!($at, "server_label")),
            Row::constrained(concat!($at, "approval_request_id"), Form::Id),
            Row::flag(concat!($at, "approve")),
            Row::asked(concat!($at, "reason")),
            Row::said(concat!($at, "error.**")),
            Row::said(concat!($at, "tools.**")).vocabulary(is_schema_word),
        ]
    };
}
use items;

/// What a session and a response both state: what the client said, or what holds without a word.
macro_rules! settings {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "object")),
            Row::asked(concat!($at, "instructions")),
            Row::word(concat!($at, "output_modalities[]")),
            Row::word(concat!($at, "modalities[]")),
            Row::word(concat!($at, "audio.output.format")),
            Row::constrained(concat!($at, "audio.output.format.type"), Form::MediaType),
            Row::integer(concat!($at, "audio.output.format.rate")),
            Row::number(concat!($at, "audio.output.speed")),
            Row::word(concat!($at, "audio.output.voice")),
            Row::constrained(concat!($at, "audio.output.voice.id"), Form::Id),
            Row::word(concat!($at, "voice")),
            Row::word(concat!($at, "output_audio_format")),
            Row::number(concat!($at, "speed")),
            Row::number(concat!($at, "temperature")),
            Row::integer(concat!($at, "max_output_tokens")),
            Row::word(concat!($at, "max_output_tokens")),
            Row::integer(concat!($at, "max_response_output_tokens")),
            Row::word(concat!($at, "max_response_output_tokens")),
            Row::flag(concat!($at, "parallel_tool_calls")),
            Row::word(concat!($at, "reasoning.effort")),
            Row::asked(concat!($at, "tool_choice.**")),
            Row::asked(concat!($at, "tools.**")).vocabulary(is_schema_word),
            Row::asked(concat!($at, "prompt.**")),
        ]
    };
}
use settings;

const SESSION: &[Row] = &[
    Row::constrained("session.id", Form::Id),
    Row::word("session.type"),
    Row::constrained("session.model", Form::Id),
    Row::integer("session.expires_at"),
    Row::word("session.include[]"),
    Row::word("session.audio.input.format"),
    Row::constrained("session.audio.input.format.type", Form::MediaType),
    Row::integer("session.audio.input.format.rate"),
    Row::word("session.audio.input.noise_reduction.type"),
    Row::asked("session.audio.input.transcription.**"),
    Row::asked("session.audio.input.turn_detection.**"),
    Row::word("session.input_audio_format"),
    Row::word("session.input_audio_noise_reduction.type"),
    Row::asked("session.input_audio_transcription.**"),
    Row::asked("session.turn_detection.**"),
    Row::asked("session.tracing.**"),
    Row::asked("session.truncation.**"),
    Row::denied("session.client_secret", "with it a client would go round the gateway"),
];

const RESPONSE: &[Row] = &[
    Row::constrained("response.id", Form::Id).fact(Fact::Id),
    Row::constrained("response.conversation_id", Form::Id),
    Row::word("response.status"),
    Row::word("response.status_details.type"),
    Row::word("response.status_details.reason"),
    Row::said("response.status_details.error.**"),
    Row::asked("response.metadata.*"),
    Row::integer("response.usage.input_tokens").fact(Fact::InputTokens),
    Row::integer("response.usage.output_tokens").fact(Fact::OutputTokens),
    Row::number("response.usage.*"),
    Row::number("response.usage.*.*"),
    Row::number("response.usage.*.*.*"),
];
