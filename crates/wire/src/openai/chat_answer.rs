//! What may stand in an answer to `POST /v1/chat/completions`: whole, and as one chunk of a stream.
//!
//! From the OpenAI API reference (the chat completion object and the chunk object), and what vLLM,
//! DeepSeek, Azure, OpenRouter, Groq, Mistral and Perplexity add. A value that does not fit its row does not stop
//! an answer: it is scanned as text of an unknown field.
//!
//! Log probabilities, token ids and audio repeat what the text says. They are echoes: not scanned, and
//! `null` as soon as the text is changed.

use crate::document::EchoOf;
use crate::form::Form;
use crate::lane::Channel;
use crate::openai::{ERROR, USAGE};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Scope};

/// The whole answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::ChatCompletions,
    direction: Direction::Response,
    parts: &[ENVELOPE, MESSAGE, USAGE, ERROR],
    scopes: &[
        ("choices[]", Scope::Choice),
        ("choices[].message.tool_calls[]", Scope::Call),
        ("choices[].message.reasoning_details[]", Scope::Call),
    ],
    skeleton: &[
        ("id", "\"chatcmpl-1\""),
        ("object", "\"chat.completion\""),
        ("created", "1700000000"),
        ("model", "\"gpt-4o\""),
        ("choices[].index", "0"),
        ("choices[].message.role", "\"assistant\""),
        ("choices[].message.content", "\"hello\""),
        ("choices[].finish_reason", "\"stop\""),
    ],
};

/// One chunk of a stream.
pub(crate) static CHUNK: MessageTable = MessageTable {
    operation: Operation::ChatCompletions,
    direction: Direction::Stream,
    parts: &[ENVELOPE, DELTA, USAGE, ERROR],
    scopes: &[
        ("choices[]", Scope::Choice),
        ("choices[].delta.tool_calls[]", Scope::Call),
        ("choices[].delta.reasoning_details[]", Scope::Call),
    ],
    skeleton: &[
        ("id", "\"chatcmpl-1\""),
        ("object", "\"chat.completion.chunk\""),
        ("created", "1700000000"),
        ("model", "\"gpt-4o\""),
        ("choices[].index", "0"),
        ("choices[].delta.content", "\"hello\""),
    ],
};

const OUTPUT: Origin = Origin::Is(events::Provenance::Output);
const LOGPROBS: &str = "repeats the text token by token";
const TOKENS: &str = "repeats the text as token ids";
const AUDIO: &str = "opaque: audio that says the transcript";
const ENCRYPTED: &str = "opaque: encrypted by the provider";

/// What surrounds the choices' own text; legacy completions have the same.
pub(super) const ENVELOPE: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("object").fact(Fact::Object),
    Row::number("created").fact(Fact::Created),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::constrained("system_fingerprint", Form::Id).fact(Fact::Fingerprint),
    Row::word("service_tier"),
    Row::constrained("obfuscation", Form::Id),
    Row::constrained("choices[].index", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index),
    Row::word("choices[].finish_reason").fact(Fact::Finish),
    Row::word("choices[].native_finish_reason"),
    Row::said("choices[].stop_reason"),
    Row::echo("choices[].logprobs", EchoOf::Answer, LOGPROBS),
    Row::echo("choices[].token_ids", EchoOf::Everything, TOKENS),
    Row::opaque("choices[].routed_experts", "opaque: numbers of the model's inside"),
    Row::said("choices[].content_filter_results.**"),
    Row::said("choices[].content_filter_result.**"),
    Row::said("choices[].content_filter_offsets.**"),
    Row::said("prompt_filter_results.**"),
    Row::said("moderation.**"),
    Row::said("metadata.*"),
    Row::word("provider"),
    Row::said("citations[]"),
    Row::said("search_results.**"),
    Row::said("images.**"),
    Row::said("related_questions[]"),
    Row::said("prompt_text"),
    Row::opaque("prompt_token_ids", "repeats the prompt as token ids"),
    Row::opaque("prompt_logprobs", "repeats the prompt token by token"),
    Row::opaque("kv_transfer_params", "opaque: settings between servers"),
    Row::opaque("ec_transfer_params", "opaque: settings between servers"),
    Row::number("metrics.*"),
    Row::constrained("x_groq.id", Form::Id),
    Row::number("x_groq.usage.*"),
];

const MESSAGE: &[Row] = &[
    Row::word("choices[].message.role"),
    Row::output("choices[].message.content", Channel::Content),
    Row::word("choices[].message.content[].type"),
    Row::output("choices[].message.content[].text", Channel::Content),
    Row::word("choices[].message.content[].thinking[].type"),
    Row::output("choices[].message.content[].thinking[].text", Channel::Thinking),
    Row::output("choices[].message.refusal", Channel::Refusal),
    Row::output("choices[].message.reasoning_content", Channel::ReasoningContent),
    Row::output("choices[].message.reasoning", Channel::Reasoning),
    Row::constrained("choices[].message.reasoning_details[].id", Form::Id),
    Row::constrained(
        "choices[].message.reasoning_details[].index",
        Form::Integer(0, u32::MAX as i64),
    )
    .fact(Fact::Index),
    Row::word("choices[].message.reasoning_details[].type"),
    Row::word("choices[].message.reasoning_details[].format"),
    Row::output("choices[].message.reasoning_details[].text", Channel::ReasoningDetail(0)),
    Row::said("choices[].message.reasoning_details[].summary"),
    Row::opaque_form("choices[].message.reasoning_details[].data", Form::Base64, ENCRYPTED),
    Row::opaque_form("choices[].message.reasoning_details[].signature", Form::Base64, ENCRYPTED),
    Row::constrained("choices[].message.tool_calls[].id", Form::Id),
    Row::constrained("choices[].message.tool_calls[].index", Form::Integer(0, u32::MAX as i64))
        .fact(Fact::Index),
    Row::word("choices[].message.tool_calls[].type"),
    Row::output("choices[].message.tool_calls[].function.name", Channel::ToolName(0)),
    Row::output("choices[].message.tool_calls[].function.arguments", Channel::ToolArguments(0)),
    Row::output("choices[].message.tool_calls[].custom.name", Channel::CustomName(0)),
    Row::output("choices[].message.tool_calls[].custom.input", Channel::CustomInput(0)),
    Row::opaque_form(
        "choices[].message.tool_calls[].extra_content.google.thought_signature",
        Form::Base64,
        ENCRYPTED,
    ),
    Row::output("choices[].message.function_call.name", Channel::FunctionName),
    Row::output("choices[].message.function_call.arguments", Channel::FunctionArguments),
    Row::word("choices[].message.annotations[].type"),
    Row::integer("choices[].message.annotations[].url_citation.start_index"),
    Row::integer("choices[].message.annotations[].url_citation.end_index"),
    Row::said("choices[].message.annotations[].url_citation.title"),
    Row::said("choices[].message.annotations[].url_citation.url"),
    Row::said("choices[].message.annotations[].url_citation.content"),
    Row::constrained("choices[].message.audio.id", Form::Id),
    Row::integer("choices[].message.audio.expires_at"),
    Row::echo("choices[].message.audio.data", EchoOf::Transcript, AUDIO),
    Row::output("choices[].message.audio.transcript", Channel::Transcript),
    Row::word("choices[].message.images[].type"),
    Row::integer("choices[].message.images[].index"),
    Row::media("choices[].message.images[].image_url.url", OUTPUT),
];

const DELTA: &[Row] = &[
    Row::word("choices[].delta.role"),
    Row::word("choices[].delta.channel"),
    Row::output("choices[].delta.content", Channel::Content),
    Row::word("choices[].delta.content[].type"),
    Row::output("choices[].delta.content[].text", Channel::Content),
    Row::word("choices[].delta.content[].thinking[].type"),
    Row::output("choices[].delta.content[].thinking[].text", Channel::Thinking),
    Row::output("choices[].delta.refusal", Channel::Refusal),
    Row::output("choices[].delta.reasoning_content", Channel::ReasoningContent),
    Row::output("choices[].delta.reasoning", Channel::Reasoning),
    Row::constrained("choices[].delta.reasoning_details[].id", Form::Id),
    Row::constrained(
        "choices[].delta.reasoning_details[].index",
        Form::Integer(0, u32::MAX as i64),
    )
    .fact(Fact::Index),
    Row::word("choices[].delta.reasoning_details[].type"),
    Row::word("choices[].delta.reasoning_details[].format"),
    Row::output("choices[].delta.reasoning_details[].text", Channel::ReasoningDetail(0)),
    Row::said("choices[].delta.reasoning_details[].summary"),
    Row::opaque_form("choices[].delta.reasoning_details[].data", Form::Base64, ENCRYPTED),
    Row::opaque_form("choices[].delta.reasoning_details[].signature", Form::Base64, ENCRYPTED),
    Row::constrained("choices[].delta.tool_calls[].id", Form::Id),
    Row::constrained("choices[].delta.tool_calls[].index", Form::Integer(0, u32::MAX as i64))
        .fact(Fact::Index),
    Row::word("choices[].delta.tool_calls[].type"),
    Row::output("choices[].delta.tool_calls[].function.name", Channel::ToolName(0)),
    Row::output("choices[].delta.tool_calls[].function.arguments", Channel::ToolArguments(0)),
    Row::output("choices[].delta.tool_calls[].custom.name", Channel::CustomName(0)),
    Row::output("choices[].delta.tool_calls[].custom.input", Channel::CustomInput(0)),
    Row::opaque_form(
        "choices[].delta.tool_calls[].extra_content.google.thought_signature",
        Form::Base64,
        ENCRYPTED,
    ),
    Row::output("choices[].delta.function_call.name", Channel::FunctionName),
    Row::output("choices[].delta.function_call.arguments", Channel::FunctionArguments),
    Row::word("choices[].delta.annotations[].type"),
    Row::integer("choices[].delta.annotations[].url_citation.start_index"),
    Row::integer("choices[].delta.annotations[].url_citation.end_index"),
    Row::said("choices[].delta.annotations[].url_citation.title"),
    Row::said("choices[].delta.annotations[].url_citation.url"),
    Row::said("choices[].delta.annotations[].url_citation.content"),
    Row::constrained("choices[].delta.audio.id", Form::Id),
    Row::integer("choices[].delta.audio.expires_at"),
    Row::echo("choices[].delta.audio.data", EchoOf::Transcript, AUDIO),
    Row::output("choices[].delta.audio.transcript", Channel::Transcript),
    Row::word("choices[].delta.images[].type"),
    Row::integer("choices[].delta.images[].index"),
    Row::media("choices[].delta.images[].image_url.url", OUTPUT),
];
