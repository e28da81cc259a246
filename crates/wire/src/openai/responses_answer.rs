//! What may stand in an answer to `POST /v1/responses`: whole, and as one event of a stream.
//!
//! From the OpenAI API reference (the response object, every item, every streaming event), and what Azure and
//! vLLM add.
//!
//! An event that ends something repeats its text: `response.output_text.done` the part, the events of the
//! part and of the item too, and `response.completed` the whole answer. Those fields say so, so that whoever
//! guards the stream makes them agree with what was sent. The settings of the request are repeated as well:
//! they have a channel of their own, on which the caller's words are not a leak.

use crate::document::EchoOf;
use crate::form::Form;
use crate::lane::Channel;
use crate::openai::{ERROR, is_schema_word};
use crate::route::{Direction, Operation};
use crate::table::{EventKind, Fact, MessageTable, Origin, Row, Scope};

/// The whole answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::Responses,
    direction: Direction::Response,
    parts: &[answer!(""), items!("output[]."), ERROR],
    scopes: &[
        ("output[]", Scope::Output),
        ("output[].content[]", Scope::OutputPart),
        ("output[].summary[]", Scope::OutputPart),
        ("output[].output[]", Scope::OutputPart),
    ],
    skeleton: &[
        ("id", "\"resp_1\""),
        ("object", "\"response\""),
        ("created_at", "1700000000"),
        ("status", "\"completed\""),
        ("model", "\"gpt-4o\""),
        ("output[].type", "\"message\""),
        ("output[].content[].type", "\"output_text\""),
        ("output[].content[].text", "\"hello\""),
    ],
};

/// One event of a stream.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::Responses,
    direction: Direction::Stream,
    parts: &[
        SAID,
        part!("part."),
        items!("item."),
        answer!("response."),
        items!("response.output[]."),
        FAILED,
    ],
    scopes: &[
        ("", Scope::Event(EVENTS)),
        ("part", Scope::OutputPart),
        ("item", Scope::Output),
        ("item.content[]", Scope::OutputPart),
        ("item.summary[]", Scope::OutputPart),
        ("item.output[]", Scope::OutputPart),
        ("response.output[]", Scope::Output),
        ("response.output[].content[]", Scope::OutputPart),
        ("response.output[].summary[]", Scope::OutputPart),
        ("response.output[].output[]", Scope::OutputPart),
    ],
    skeleton: &[
        ("type", "\"response.output_text.delta\""),
        ("sequence_number", "4"),
        ("item_id", "\"msg_1\""),
        ("output_index", "0"),
        ("content_index", "0"),
        ("delta", "\"hello\""),
    ],
};

/// The answer to counting tokens.
pub(crate) static COUNT: MessageTable = MessageTable {
    operation: Operation::ResponseInputTokens,
    direction: Direction::Response,
    parts: &[COUNTED, ERROR],
    scopes: &[],
    skeleton: &[("object", "\"response.input_tokens\""), ("input_tokens", "7")],
};

const COUNTED: &[Row] =
    &[Row::word("object").fact(Fact::Object), Row::integer("input_tokens").fact(Fact::InputTokens)];

/// The events that say something themselves, and those that come last.
const EVENTS: &[EventKind] = &[
    EventKind::saying("response.output_text.delta", Channel::PartText(0)),
    EventKind::saying("response.output_text.done", Channel::PartText(0)),
    EventKind::saying("response.refusal.delta", Channel::PartRefusal(0)),
    EventKind::saying("response.refusal.done", Channel::PartRefusal(0)),
    EventKind::saying("response.reasoning_text.delta", Channel::ReasoningText(0)),
    EventKind::saying("response.reasoning_text.done", Channel::ReasoningText(0)),
    EventKind::saying("response.reasoning_summary_text.delta", Channel::SummaryText(0)),
    EventKind::saying("response.reasoning_summary_text.done", Channel::SummaryText(0)),
    EventKind::saying("response.function_call_arguments.delta", Channel::ToolArguments(0)),
    EventKind::saying("response.function_call_arguments.done", Channel::ToolArguments(0)),
    EventKind::saying("response.mcp_call_arguments.delta", Channel::McpArguments),
    EventKind::saying("response.mcp_call_arguments.done", Channel::McpArguments),
    EventKind::saying("response.custom_tool_call_input.delta", Channel::CustomInput(0)),
    EventKind::saying("response.custom_tool_call_input.done", Channel::CustomInput(0)),
    EventKind::saying("response.code_interpreter_call_code.delta", Channel::Code),
    EventKind::saying("response.code_interpreter_call_code.done", Channel::Code),
    EventKind::saying("response.shell_call_command.added", Channel::ShellCommand(0)),
    EventKind::saying("response.shell_call_command.delta", Channel::ShellCommand(0)),
    EventKind::saying("response.shell_call_command.done", Channel::ShellCommand(0)),
    EventKind::saying("response.audio.transcript.delta", Channel::Transcript),
    EventKind::ending("response.completed"),
    EventKind::ending("response.incomplete"),
    EventKind::ending("response.failed"),
];

const OUTPUT: Origin = Origin::Is(events::Provenance::Output);
const LOGPROBS: &str = "repeats the text token by token";
const ENCRYPTED: &str = "opaque: encrypted by the provider";
const IMAGE: &str = "opaque: an image";

/// What an event says itself.
const SAID: &[Row] = &[
    Row::word("type").fact(Fact::Kind),
    Row::integer("sequence_number").fact(Fact::Sequence),
    Row::constrained("item_id", Form::Id).fact(Fact::ItemId),
    Row::constrained("output_index", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index),
    Row::constrained("content_index", Form::Integer(0, u32::MAX as i64)).fact(Fact::PartIndex),
    Row::constrained("summary_index", Form::Integer(0, u32::MAX as i64)).fact(Fact::PartIndex),
    Row::constrained("command_index", Form::Integer(0, u32::MAX as i64)).fact(Fact::PartIndex),
    Row::integer("annotation_index"),
    Row::word("status"),
    Row::constrained("obfuscation", Form::Id),
    Row::output("delta", Channel::OfEvent),
    Row::output("text", Channel::OfEvent),
    Row::output("refusal", Channel::OfEvent),
    Row::output("arguments", Channel::OfEvent),
    Row::output("input", Channel::OfEvent),
    Row::output("command", Channel::OfEvent),
    Row::output("delta.stdout", Channel::ShellOutput(0)),
    Row::output("delta.stderr", Channel::ShellErrors(0)),
    Row::output("output[].stdout", Channel::ShellOutput(0)),
    Row::output("output[].stderr", Channel::ShellErrors(0)),
    Row::word("output[].outcome.type"),
    Row::integer("output[].outcome.exit_code"),
    Row::said("output[].created_by"),
    Row::said("name"),
    Row::echo("logprobs", EchoOf::Answer, LOGPROBS),
    Row::said("annotation.**"),
    Row::opaque_form("partial_image_b64", Form::Base64, IMAGE),
    Row::integer("partial_image_index"),
    Row::word("background"),
    Row::word("output_format"),
    Row::word("quality"),
    Row::word("size"),
    Row::said("content_filters.**"),
];

/// A failure: inside the response object, as an event of its own, or in the place of an event.
const FAILED: &[Row] = &[
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::said("message"),
    Row::said("param"),
    Row::said("detail.**").fact(Fact::Error),
    Row::output("code", Channel::OfEvent).free(),
    Row::presence("response.error", None).fact(Fact::Error),
    Row::said("response.error.**"),
];

/// The rows of a part.
macro_rules! part {
    ($at:literal) => {
        &[
            Row::word(concat!($at, "type")).fact(Fact::Kind),
            Row::output(concat!($at, "text"), Channel::PartText(0)),
            Row::output(concat!($at, "refusal"), Channel::PartRefusal(0)),
            Row::said(concat!($at, "annotations.**")),
            Row::echo(concat!($at, "logprobs"), EchoOf::Answer, LOGPROBS),
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
            Row::word(concat!($at, "status")),
            Row::word(concat!($at, "role")),
            Row::word(concat!($at, "phase")),
            Row::word(concat!($at, "content[].type")).fact(Fact::Kind),
            Row::output(concat!($at, "content[].text"), Channel::PartText(0)),
            Row::output(concat!($at, "content[].refusal"), Channel::PartRefusal(0)),
            Row::said(concat!($at, "content[].annotations.**")),
            Row::echo(concat!($at, "content[].logprobs"), EchoOf::Answer, LOGPROBS),
            Row::word(concat!($at, "summary[].type")).fact(Fact::Kind),
            Row::output(concat!($at, "summary[].text"), Channel::SummaryText(0)),
            Row::opaque_form(concat!($at, "encrypted_content"), Form::Base64, ENCRYPTED),
            Row::constrained(concat!($at, "call_id"), Form::Id),
            Row::output(concat!($at, "name"), Channel::ToolName(0)),
            Row::said(concat!($at, "namespace")),
            Row::output(concat!($at, "arguments"), Channel::ToolArguments(0)),
            Row::said(concat!($at, "arguments.**")),
            Row::output(concat!($at, "input"), Channel::CustomInput(0)),
            Row::output(concat!($at, "code"), Channel::Code),
            Row::word(concat!($at, "caller.type")),
            Row::constrained(concat!($at, "caller.caller_id"), Form::Id),
            Row::word(concat!($at, "execution")),
            Row::flag(concat!($at, "async")),
            Row::said(concat!($at, "queries[]")),
            Row::said(concat!($at, "results.**")),
            Row::output(concat!($at, "action.commands[]"), Channel::ShellCommand(0)),
            Row::said(concat!($at, "action.**")),
            Row::said(concat!($at, "actions.**")),
            Row::said(concat!($at, "pending_safety_checks.**")),
            Row::said(concat!($at, "acknowledged_safety_checks.**")),
            Row::said(concat!($at, "output")),
            Row::media(concat!($at, "output.image_url"), OUTPUT),
            Row::said(concat!($at, "output.*")),
            Row::said(concat!($at, "output[]")),
            Row::word(concat!($at, "output[].type")),
            Row::said(concat!($at, "output[].text")),
            Row::media(concat!($at, "output[].image_url"), OUTPUT),
            Row::media(concat!($at, "output[].file_url"), OUTPUT),
            Row::file(concat!($at, "output[].file_data"), "opaque: file"),
            Row::said(concat!($at, "output[].filename")),
            Row::constrained(concat!($at, "output[].file_id"), Form::Id),
            Row::word(concat!($at, "output[].detail")),
            Row::word(concat!($at, "output[].prompt_cache_breakpoint.mode")),
            Row::word(concat!($at, "output[].prompt_cache_breakpoint.ttl")),
            Row::output(concat!($at, "output[].stdout"), Channel::ShellOutput(0)),
            Row::output(concat!($at, "output[].stderr"), Channel::ShellErrors(0)),
            Row::word(concat!($at, "output[].outcome.type")),
            Row::integer(concat!($at, "output[].outcome.exit_code")),
            Row::said(concat!($at, "output[].created_by")),
            Row::integer(concat!($at, "max_output_length")),
            Row::said(concat!($at, "created_by")),
            Row::constrained(concat!($at, "container_id"), Form::Id),
            Row::word(concat!($at, "outputs[].type")),
            Row::said(concat!($at, "outputs[].logs")),
            Row::media(concat!($at, "outputs[].url"), OUTPUT),
            Row::opaque_form(concat!($at, "result"), Form::Base64, IMAGE),
            Row::said(concat!($at, "revised_prompt")),
            Row::word(concat!($at, "background")),
            Row::word(concat!($at, "output_format")),
            Row::word(concat!($at, "quality")),
            Row::word(concat!($at, "size")),
            Row::constrained(concat!($at, "svg_usage.model"), Form::Id),
            Row::number(concat!($at, "svg_usage.*")),
            Row::said(concat!($at, "error.**")),
            Row::said(concat!($at, "server_label")),
            Row::constrained(concat!($at, "approval_request_id"), Form::Id),
            Row::flag(concat!($at, "approve")),
            Row::said(concat!($at, "reason")),
            Row::said(concat!($at, "tools.**")).vocabulary(is_schema_word),
            Row::word(concat!($at, "operation.type")),
            Row::said(concat!($at, "operation.path")),
            Row::said(concat!($at, "operation.diff")),
            Row::said(concat!($at, "environment.**")),
            Row::constrained(concat!($at, "fingerprint"), Form::Id),
        ]
    };
}
use items;

/// The rows of the response object.
macro_rules! answer {
    ($at:literal) => {
        &[
            Row::constrained(concat!($at, "id"), Form::Id).fact(Fact::Id),
            Row::word(concat!($at, "object")).fact(Fact::Object),
            Row::number(concat!($at, "created_at")).fact(Fact::Created),
            Row::number(concat!($at, "completed_at")),
            Row::word(concat!($at, "status")),
            Row::flag(concat!($at, "background")),
            Row::constrained(concat!($at, "model"), Form::Id).fact(Fact::Model),
            Row::word(concat!($at, "incomplete_details.reason")),
            Row::said(concat!($at, "output_text")),
            Row::integer(concat!($at, "usage.input_tokens")).fact(Fact::InputTokens),
            Row::integer(concat!($at, "usage.output_tokens")).fact(Fact::OutputTokens),
            Row::number(concat!($at, "usage.*")),
            Row::number(concat!($at, "usage.*.*")),
            Row::number(concat!($at, "usage.*.*.*")),
            Row::said(concat!($at, "tool_usage.**")),
            Row::said(concat!($at, "moderation.**")),
            Row::said(concat!($at, "content_filters.**")),
            Row::said(concat!($at, "input_transformations.**")),
            Row::said(concat!($at, "prompt_cache_diagnostics.**")),
            Row::word(concat!($at, "billing.payer")),
            // What the request said.
            Row::asked(concat!($at, "instructions.**")),
            Row::asked(concat!($at, "metadata.*")),
            Row::asked(concat!($at, "tools.**")).vocabulary(is_schema_word),
            Row::asked(concat!($at, "tool_choice.**")),
            Row::asked(concat!($at, "text.format.**")).vocabulary(is_schema_word),
            Row::word(concat!($at, "text.verbosity")),
            Row::asked(concat!($at, "prompt.**")),
            Row::asked(concat!($at, "user")),
            Row::asked(concat!($at, "safety_identifier")),
            Row::asked(concat!($at, "prompt_cache_key")),
            Row::word(concat!($at, "prompt_cache_retention")),
            Row::word(concat!($at, "prompt_cache_options.mode")),
            Row::word(concat!($at, "prompt_cache_options.ttl")),
            Row::asked(concat!($at, "prompt_cache_options.comparison_response_id")),
            Row::word(concat!($at, "reasoning.*")),
            Row::word(concat!($at, "truncation")),
            Row::word(concat!($at, "service_tier")),
            Row::flag(concat!($at, "parallel_tool_calls")),
            Row::flag(concat!($at, "store")),
            Row::number(concat!($at, "temperature")),
            Row::number(concat!($at, "top_p")),
            Row::number(concat!($at, "top_logprobs")),
            Row::number(concat!($at, "presence_penalty")),
            Row::number(concat!($at, "frequency_penalty")),
            Row::integer(concat!($at, "max_output_tokens")),
            Row::integer(concat!($at, "max_tool_calls")),
            Row::constrained(concat!($at, "previous_response_id"), Form::Id),
            Row::constrained(concat!($at, "conversation.id"), Form::Id),
            Row::word(concat!($at, "access_programs.*")),
            Row::word(concat!($at, "image.*")),
        ]
    };
}
use answer;
