//! What a client may say in a session of the Realtime API: one event, which is one message of its WebSocket.
//!
//! From the OpenAI API reference ("Realtime: client events", generally available and beta), and what Azure takes.
//! Judgements are those of the Responses API: a stored prompt is denied, and so is what would let the caller choose a host.
//! Items are referred to by ids that mean something in this session alone, all of whose items were read here, so such
//! references pass. Sound and pictures are listed as not read.
//!
//! INVARIANT: an event of a type that is not listed here is refused, whatever is done with unknown fields: nobody knows
//! what it would make the server do.

use events::Provenance::{System, ToolCall, ToolDefinition, ToolResult, User};

use crate::form::Form;
use crate::openai::{ELSEWHERE, HOSTS, STORED, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// See the module.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::Realtime,
    direction: Direction::Request,
    parts: &[
        SAID,
        items!("item."),
        items!("response.input[]."),
        settings!("session."),
        settings!("response."),
        tools!("session.tools[]."),
        tools!("response.tools[]."),
        SESSION,
        hearing!(
            "session.audio.input.noise_reduction",
            "session.audio.input.transcription",
            "session.audio.input.turn_detection"
        ),
        hearing!(
            "session.input_audio_noise_reduction",
            "session.input_audio_transcription",
            "session.turn_detection"
        ),
        RESPONSE,
        ELSEWHERE,
    ],
    scopes: &[
        ("item", Scope::Item),
        ("response.input[]", Scope::Item),
        ("item.tools[]", Scope::Tool),
        ("response.input[].tools[]", Scope::Tool),
        ("session.tools[]", Scope::Tool),
        ("response.tools[]", Scope::Tool),
    ],
    skeleton: &[
        ("type", "\"conversation.item.create\""),
        ("item.type", "\"message\""),
        ("item.role", "\"user\""),
        ("item.content[].type", "\"input_text\""),
        ("item.content[].text", "\"hello\""),
        ("response.input[].type", "\"message\""),
    ],
};

/// The events that a client may send.
const EVENTS: &[&str] = &[
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "input_audio_buffer.append",
    "input_audio_buffer.clear",
    "input_audio_buffer.commit",
    "output_audio_buffer.clear",
    "response.cancel",
    "response.create",
    "session.update",
    "transcription_session.update",
];
const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool", "function"];
const AUDIO: &str = "opaque: audio";

const fn is(provenance: events::Provenance) -> Origin {
    Origin::Is(provenance)
}

/// What an event says itself.
const SAID: &[Row] = &[
    Row::constrained("type", Form::OneOf(EVENTS)).fact(Fact::Event(&[])),
    Row::guarded("event_id", is(User)).fact(Fact::Id),
    Row::guarded("item_id", is(User)),
    Row::guarded("previous_item_id", is(User)),
    Row::guarded("response_id", is(User)),
    Row::integer("content_index"),
    Row::integer("audio_end_ms"),
    Row::opaque_form("audio", Form::Base64, AUDIO),
];

/// The rows of an item.
macro_rules! items {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "type")).fact(Fact::Kind),
            Row::guarded(concat!($at, "id"), Origin::Participant),
            Row::word(concat!($at, "object")),
            Row::word(concat!($at, "status")),
            Row::word(concat!($at, "phase")),
            Row::constrained(concat!($at, "role"), Form::OneOf(ROLES)).fact(Fact::Role),
            Row::guarded(concat!($at, "content"), Origin::Role),
            Row::guarded(concat!($at, "content[]"), Origin::Role),
            Row::word(concat!($at, "content[].type")),
            Row::guarded(concat!($at, "content[].text"), Origin::Role),
            Row::guarded(concat!($at, "content[].transcript"), Origin::Role),
            Row::opaque_form(concat!($at, "content[].audio"), Form::Base64, AUDIO),
            Row::media(concat!($at, "content[].image_url"), Origin::Role),
            Row::word(concat!($at, "content[].detail")),
            Row::guarded(concat!($at, "content[].id"), Origin::Participant),
            Row::guarded(concat!($at, "call_id"), is(ToolCall)),
            Row::guarded(concat!($at, "name"), is(ToolCall)),
            Row::guarded(concat!($at, "arguments"), is(ToolCall)).json(),
            Row::guarded(concat!($at, "output"), is(ToolResult)),
            Row::guarded(concat!($at, "error.**"), is(ToolResult)).free(),
            Row::guarded(concat!($at, "server_label"), is(ToolCall)),
            Row::guarded(concat!($at, "tools[].name"), is(ToolDefinition)).fact(Fact::Tool),
            Row::guarded(concat!($at, "tools[].description"), is(ToolDefinition)),
            Row::guarded(concat!($at, "tools[].input_schema.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::guarded(concat!($at, "tools[].annotations.**"), is(ToolDefinition)).free(),
            Row::guarded(concat!($at, "approval_request_id"), is(ToolCall)),
            Row::flag(concat!($at, "approve")),
            Row::guarded(concat!($at, "reason"), is(User)),
        ]
    };
}
use items;

/// What a session and a response both state.
macro_rules! settings {
    ($at:literal) => {
        &[
            Row::guarded(concat!($at, "instructions"), is(System)),
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
            Row::constrained(concat!($at, "max_output_tokens"), Form::Integer(0, 1 << 40))
                .fact(Fact::OutputTokensMax),
            Row::word(concat!($at, "max_output_tokens")),
            Row::constrained(concat!($at, "max_response_output_tokens"), Form::Integer(0, 1 << 40))
                .fact(Fact::OutputTokensMax),
            Row::word(concat!($at, "max_response_output_tokens")),
            Row::flag(concat!($at, "parallel_tool_calls")),
            Row::word(concat!($at, "reasoning.effort")),
            Row::word(concat!($at, "tool_choice")),
            Row::word(concat!($at, "tool_choice.type")),
            Row::guarded(concat!($at, "tool_choice.name"), is(ToolDefinition)),
            Row::guarded(concat!($at, "tool_choice.server_label"), is(ToolDefinition)),
            Row::denied(concat!($at, "prompt"), STORED),
            Row::denied(concat!($at, "client_secret"), HOSTS),
        ]
    };
}
use settings;

/// The rows of a tool.
macro_rules! tools {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "type")).fact(Fact::ToolKind),
            Row::guarded(concat!($at, "name"), is(ToolDefinition)).fact(Fact::Tool),
            Row::guarded(concat!($at, "description"), is(ToolDefinition)),
            Row::guarded(concat!($at, "parameters.**"), is(ToolDefinition))
                .free()
                .vocabulary(is_schema_word),
            Row::flag(concat!($at, "strict")),
            Row::flag(concat!($at, "defer_loading")),
            Row::word(concat!($at, "allowed_callers[]")),
            // Servers that speak the Model Context Protocol.
            Row::guarded(concat!($at, "server_label"), is(ToolDefinition)).fact(Fact::Tool),
            Row::guarded(concat!($at, "server_description"), is(ToolDefinition)),
            Row::denied(concat!($at, "server_url"), HOSTS),
            Row::denied(concat!($at, "connector_id"), HOSTS),
            Row::denied(concat!($at, "tunnel_id"), HOSTS),
            Row::denied(concat!($at, "authorization"), HOSTS),
            Row::denied(concat!($at, "headers"), HOSTS),
            Row::guarded(concat!($at, "allowed_tools[]"), is(ToolDefinition)),
            Row::flag(concat!($at, "allowed_tools.read_only")),
            Row::guarded(concat!($at, "allowed_tools.tool_names[]"), is(ToolDefinition)),
            Row::word(concat!($at, "require_approval")),
            Row::flag(concat!($at, "require_approval.always.read_only")),
            Row::guarded(concat!($at, "require_approval.always.tool_names[]"), is(ToolDefinition)),
            Row::flag(concat!($at, "require_approval.never.read_only")),
            Row::guarded(concat!($at, "require_approval.never.tool_names[]"), is(ToolDefinition)),
        ]
    };
}
use tools;

/// What hears: noise, turns and the transcription of what the user says.
macro_rules! hearing {
    ($noise:literal, $transcription:literal, $turns:literal) => {
        &[
            Row::word(concat!($noise, ".type")),
            Row::constrained(concat!($transcription, ".model"), Form::Model),
            Row::word(concat!($transcription, ".language")),
            Row::word(concat!($transcription, ".languages[]")),
            Row::word(concat!($transcription, ".delay")),
            Row::guarded(concat!($transcription, ".keywords[]"), is(User)),
            Row::guarded(concat!($transcription, ".prompt"), is(User)),
            Row::word(concat!($turns, ".type")),
            Row::flag(concat!($turns, ".create_response")),
            Row::flag(concat!($turns, ".interrupt_response")),
            Row::integer(concat!($turns, ".idle_timeout_ms")),
            Row::integer(concat!($turns, ".prefix_padding_ms")),
            Row::integer(concat!($turns, ".silence_duration_ms")),
            Row::number(concat!($turns, ".threshold")),
            Row::word(concat!($turns, ".eagerness")),
        ]
    };
}
use hearing;

const SESSION: &[Row] = &[
    Row::word("session.type"),
    Row::constrained("session.model", Form::Model).fact(Fact::Model),
    Row::word("session.include[]"),
    Row::word("session.audio.input.format"),
    Row::constrained("session.audio.input.format.type", Form::MediaType),
    Row::integer("session.audio.input.format.rate"),
    Row::word("session.input_audio_format"),
    Row::word("session.tracing"),
    Row::guarded("session.tracing.workflow_name", is(User)),
    Row::guarded("session.tracing.group_id", is(User)),
    Row::guarded("session.tracing.metadata.**", is(User)).free(),
    Row::word("session.truncation"),
    Row::word("session.truncation.type"),
    Row::number("session.truncation.retention_ratio"),
    Row::integer("session.truncation.token_limits.post_instructions"),
];
const RESPONSE: &[Row] = &[
    // The API has no such members; what would read them would read a model.
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::constrained("response.model", Form::Model).fact(Fact::Model),
    Row::word("response.conversation"),
    Row::guarded("response.metadata.*", is(User)).free(),
];
