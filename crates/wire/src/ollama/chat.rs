//! What may stand in `POST /api/chat`, its answer, and one line of it as a stream.
//!
//! From Ollama's API reference (`docs/openapi.yaml`, `api/types.go`) and its official clients. The arguments of
//! a tool are an object here, and each text in it is a text of its own; a call comes whole in one line.

use events::Provenance::{ToolCall, ToolDefinition, ToolResult};

use crate::form::Form;
use crate::lane::Channel;
use crate::ollama::{ANSWERING, COUNTS, ENVELOPE, ERROR, RUN, is};
use crate::openai::is_schema_word;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::OllamaChat,
    direction: Direction::Request,
    parts: &[RUN, ANSWERING, MESSAGES, TOOLS],
    scopes: &[("messages[]", Scope::Message), ("tools[]", Scope::Tool)],
    skeleton: &[
        ("model", "\"llama3.2\""),
        ("messages[].role", "\"user\""),
        ("messages[].content", "\"hello\""),
    ],
};

/// The whole answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::OllamaChat,
    direction: Direction::Response,
    parts: &[ENVELOPE, MESSAGE, COUNTS, ERROR],
    scopes: &[("message.tool_calls[]", Scope::Call)],
    skeleton: &[
        ("model", "\"llama3.2\""),
        ("created_at", "\"2025-10-17T23:14:07.414671Z\""),
        ("message.role", "\"assistant\""),
        ("message.content", "\"hello\""),
        ("done", "true"),
        ("done_reason", "\"stop\""),
    ],
};

/// One line of a stream.
pub(crate) static CHUNK: MessageTable = MessageTable {
    operation: Operation::OllamaChat,
    direction: Direction::Stream,
    parts: &[ENVELOPE, MESSAGE, COUNTS, ERROR],
    scopes: &[("message.tool_calls[]", Scope::Call)],
    skeleton: &[
        ("model", "\"llama3.2\""),
        ("created_at", "\"2025-10-17T23:14:07.414671Z\""),
        ("message.role", "\"assistant\""),
        ("message.content", "\"hello\""),
        ("done", "false"),
    ],
};

const ROLES: &[&str] = &["system", "user", "assistant", "tool"];

const MESSAGES: &[Row] = &[
    Row::constrained("messages[].role", Form::OneOf(ROLES)).fact(Fact::Role),
    Row::guarded("messages[].content", Origin::Role),
    Row::guarded("messages[].thinking", Origin::Role),
    Row::file("messages[].images[]", "opaque: image"),
    Row::guarded("messages[].tool_name", is(ToolResult)),
    Row::guarded("messages[].tool_call_id", is(ToolResult)),
    Row::guarded("messages[].tool_calls[].id", is(ToolCall)),
    Row::word("messages[].tool_calls[].type"),
    Row::integer("messages[].tool_calls[].function.index"),
    Row::guarded("messages[].tool_calls[].function.name", is(ToolCall)),
    Row::guarded("messages[].tool_calls[].function.description", is(ToolCall)),
    Row::guarded("messages[].tool_calls[].function.arguments.**", is(ToolCall)).free(),
];

const TOOLS: &[Row] = &[
    Row::word("tools[].type"),
    Row::guarded("tools[].items.**", is(ToolDefinition)).free().vocabulary(is_schema_word),
    Row::guarded("tools[].function.name", is(ToolDefinition)).fact(Fact::Tool),
    Row::guarded("tools[].function.description", is(ToolDefinition)),
    Row::guarded("tools[].function.parameters.**", is(ToolDefinition))
        .free()
        .vocabulary(is_schema_word),
];

const MESSAGE: &[Row] = &[
    Row::word("message.role"),
    Row::output("message.content", Channel::Content),
    Row::output("message.thinking", Channel::Reasoning),
    Row::opaque_form("message.images[]", Form::Base64, "opaque: an image"),
    Row::said("message.tool_name"),
    Row::constrained("message.tool_call_id", Form::Id),
    Row::constrained("message.tool_calls[].id", Form::Id),
    Row::word("message.tool_calls[].type"),
    Row::constrained("message.tool_calls[].function.index", Form::Integer(0, u32::MAX as i64))
        .fact(Fact::Index),
    Row::output("message.tool_calls[].function.name", Channel::ToolName(0)),
    Row::said("message.tool_calls[].function.description"),
    Row::presence("message.tool_calls[].function.arguments", None).fact(Fact::Written),
    Row::said("message.tool_calls[].function.arguments.**"),
];
