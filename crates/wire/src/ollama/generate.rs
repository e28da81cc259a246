//! What may stand in `POST /api/generate`, its answer, and one line of it as a stream.
//!
//! From Ollama's API reference (`docs/openapi.yaml`, `api/types.go`) and its official clients.
//!
//! Judgements: a `template` decides what of the prompt the model reads, so only an empty one passes (clients
//! send it empty). The `context` of an earlier answer is text as token ids: it is forwarded and listed; in an
//! answer it repeats everything that was said, and is `null` if anything of that was changed.

use events::Provenance::{System, User};

use crate::document::EchoOf;
use crate::form::Form;
use crate::lane::Channel;
use crate::ollama::{ANSWERING, COUNTS, ENVELOPE, ERROR, RUN, TEMPLATE, is};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row, Scope};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::OllamaGenerate,
    direction: Direction::Request,
    parts: &[RUN, ANSWERING, ASKED],
    scopes: &[],
    skeleton: &[("model", "\"llama3.2\""), ("prompt", "\"hello\"")],
};

/// The whole answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::OllamaGenerate,
    direction: Direction::Response,
    parts: &[ENVELOPE, ANSWERED, COUNTS, ERROR],
    scopes: &[("tool_calls[]", Scope::Call)],
    skeleton: &[
        ("model", "\"llama3.2\""),
        ("created_at", "\"2025-10-17T23:14:07.414671Z\""),
        ("response", "\"hello\""),
        ("done", "true"),
        ("done_reason", "\"stop\""),
    ],
};

/// One line of a stream.
pub(crate) static CHUNK: MessageTable = MessageTable {
    operation: Operation::OllamaGenerate,
    direction: Direction::Stream,
    parts: &[ENVELOPE, ANSWERED, COUNTS, ERROR],
    scopes: &[("tool_calls[]", Scope::Call)],
    skeleton: &[
        ("model", "\"llama3.2\""),
        ("created_at", "\"2025-10-17T23:14:07.414671Z\""),
        ("response", "\"hello\""),
        ("done", "false"),
    ],
};

const ASKED: &[Row] = &[
    Row::guarded("prompt", is(User)).fact(Fact::Opening),
    Row::guarded("suffix", is(User)),
    Row::guarded("system", is(System)),
    Row::constrained("template", Form::Empty(TEMPLATE)),
    Row::opaque_form("context[]", Form::Integer(0, 1 << 32), "opaque: text as token ids"),
    Row::file("images[]", "opaque: image"),
    Row::flag("raw"),
    Row::integer("height"),
    Row::integer("steps"),
    Row::integer("width"),
];

const ANSWERED: &[Row] = &[
    Row::output("response", Channel::Content),
    Row::output("thinking", Channel::Reasoning),
    Row::echo("context", EchoOf::Everything, "repeats the conversation as token ids"),
    Row::opaque_form("image", Form::Base64, "opaque: an image"),
    Row::integer("completed"),
    Row::integer("total"),
    Row::constrained("tool_calls[].id", Form::Id),
    Row::word("tool_calls[].type"),
    Row::constrained("tool_calls[].function.index", Form::Integer(0, u32::MAX as i64))
        .fact(Fact::Index),
    Row::output("tool_calls[].function.name", Channel::ToolName(0)),
    Row::said("tool_calls[].function.description"),
    Row::said("tool_calls[].function.arguments.**"),
];
