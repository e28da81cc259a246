//! The OpenAI dialect: its content maps, one file per message, and what this gateway says in it.
//!
//! INVARIANT: adding a message is adding a table here; nothing else in this crate names a field of it.

mod audio;
mod batches;
mod chat_answer;
mod chat_request;
mod completions;
mod embeddings;
mod files;
mod images;
mod models;
mod moderations;
mod ranking;
mod realtime_client;
mod realtime_server;
mod responses_answer;
mod responses_request;
mod tokens;
mod write;
mod write_completions;
mod write_realtime;
mod write_responses;

use events::Provenance::{ToolDefinition, User};

use crate::table::{Fact, MessageTable, Origin, Row, Scope};

pub(crate) use write::{
    DONE, blocked_ending, delta_event, error_body, error_event, refused_answer,
};
pub(crate) use write_realtime::{session_cancel, session_error};

/// Every message of the dialect.
pub(crate) static TABLES: &[&MessageTable] = &[
    &chat_request::TABLE,
    &chat_answer::RESPONSE,
    &chat_answer::CHUNK,
    &embeddings::REQUEST,
    &embeddings::RESPONSE,
    &models::LIST,
    &models::SHOWN,
    &completions::REQUEST,
    &completions::RESPONSE,
    &completions::CHUNK,
    &moderations::REQUEST,
    &moderations::RESPONSE,
    &responses_request::TABLE,
    &responses_request::COUNTED,
    &responses_answer::RESPONSE,
    &responses_answer::EVENT,
    &responses_answer::COUNT,
    &tokens::TOKENIZE,
    &tokens::TOKENIZED,
    &tokens::DETOKENIZE,
    &tokens::DETOKENIZED,
    &ranking::SCORE,
    &ranking::SCORED,
    &ranking::RERANK,
    &ranking::RERANKED,
    &embeddings::POOLING,
    &embeddings::POOLED,
    &images::REQUEST,
    &images::RESPONSE,
    &files::UPLOAD,
    &files::REQUEST_LINE,
    &files::UPLOADED_FILE,
    &files::SHOWN_FILE,
    &files::DELETED_FILE,
    &files::CONTENT,
    &files::RESPONSE_LINE,
    &batches::CREATE,
    &batches::CREATED_BATCH,
    &batches::SHOWN_BATCH,
    &batches::CANCELLED_BATCH,
    &images::EVENT,
    &images::EDIT,
    &images::EDITED,
    &images::EDIT_EVENT,
    &images::VARIATION,
    &images::VARIED,
    &audio::TRANSCRIPTION,
    &audio::TRANSCRIBED,
    &audio::TRANSCRIPT_EVENT,
    &audio::TRANSLATION,
    &audio::TRANSLATED,
    &audio::TRANSLATION_EVENT,
    &audio::SPEECH,
    &audio::SPOKEN,
    &audio::SPEECH_EVENT,
    &realtime_client::EVENT,
    &realtime_server::EVENT,
    &realtime_server::REFUSED,
];

pub(crate) const HOSTS: &str = "the caller does not choose hosts, keys or fallback models";
pub(crate) const STORED: &str = "it stands for content stored at the provider, which no guard sees";
const UNSEEN: &str = "it changes the prompt in ways that no guard sees";

/// What would let a caller choose where a request goes, or change it after it was read.
const ELSEWHERE: &[Row] = &[
    Row::denied("extra_body", "a second body that clients merge before they send"),
    Row::denied("prompt_embeds", UNSEEN),
    Row::denied("vllm_xargs", UNSEEN),
    Row::denied("logits_processors", UNSEEN),
    Row::denied("kv_transfer_params", HOSTS),
    Row::denied("ec_transfer_params", HOSTS),
    Row::denied("mm_processor_kwargs", UNSEEN),
    Row::denied("media_io_kwargs", UNSEEN),
    Row::denied("data_sources", HOSTS),
    Row::denied("api_base", HOSTS),
    Row::denied("base_url", HOSTS),
    Row::denied("api_key", HOSTS),
    Row::denied("api_version", HOSTS),
    Row::denied("custom_llm_provider", HOSTS),
    Row::denied("extra_headers", HOSTS),
    Row::denied("headers", HOSTS),
    Row::denied("provider", HOSTS),
    Row::denied("models", HOSTS),
    Row::denied("fallbacks", HOSTS),
    Row::denied("route", HOSTS),
    Row::denied("plugins", UNSEEN),
    Row::denied("transforms", UNSEEN),
];

/// vLLM: the template that makes a prompt of a request, and what it is handed by name, which stands in for the request's own
/// members: `tools` for `tools`.
const TEMPLATE: &[Row] = &[
    Row::denied("chat_template", REWRITTEN),
    Row::denied("chat_template_kwargs.chat_template", REWRITTEN),
    Row::word("chat_template_kwargs.tools[].type").fact(Fact::ToolKind),
    Row::guarded("chat_template_kwargs.tools[].name", DEFINED).fact(Fact::Tool),
    Row::guarded("chat_template_kwargs.tools[].description", DEFINED),
    Row::guarded("chat_template_kwargs.tools[].parameters.**", DEFINED)
        .free()
        .vocabulary(is_schema_word),
    Row::guarded("chat_template_kwargs.tools[].function.name", DEFINED).fact(Fact::Tool),
    Row::guarded("chat_template_kwargs.tools[].function.description", DEFINED),
    Row::guarded("chat_template_kwargs.tools[].function.parameters.**", DEFINED)
        .free()
        .vocabulary(is_schema_word),
    Row::flag("chat_template_kwargs.tools[].function.strict"),
    Row::guarded("chat_template_kwargs.**", Origin::Is(User)).free().fact(Fact::Unnamed),
];
const TEMPLATE_TOOLS: (&str, Scope) = ("chat_template_kwargs.tools[]", Scope::Tool);
const DEFINED: Origin = Origin::Is(ToolDefinition);
const REWRITTEN: &str = "a template rewrites what the guards have read";

/// Token counts. Providers add counts and prices of their own.
const USAGE: &[Row] = &[
    Row::integer("usage.prompt_tokens").fact(Fact::InputTokens),
    Row::integer("usage.completion_tokens").fact(Fact::OutputTokens),
    Row::number("usage.*"),
    Row::number("usage.*.*"),
];

/// An error in the place of an answer, as OpenAI, vLLM, Azure and FastAPI write them.
const ERROR: &[Row] = &[
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::said("message"),
    Row::said("type"),
    Row::said("param"),
    Row::said("code"),
    Row::said("detail.**").fact(Fact::Error),
];

/// An error in the place of an event, whose `type` is the event's.
const ERROR_EVENT: &[Row] = &[
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::said("message"),
    Row::said("param"),
    Row::said("code"),
    Row::said("detail.**").fact(Fact::Error),
];

/// Whether `text` is a word of JSON Schema (2020-12 and before). As keys and values of a schema they say
/// nothing about anybody, and a request has thousands of them, so they are not yielded as text.
pub(crate) fn is_schema_word(text: &str) -> bool {
    matches!(
        text,
        "$defs"
            | "$id"
            | "$ref"
            | "$schema"
            | "additionalProperties"
            | "allOf"
            | "anyOf"
            | "array"
            | "boolean"
            | "const"
            | "default"
            | "definitions"
            | "deprecated"
            | "description"
            | "enum"
            | "example"
            | "examples"
            | "exclusiveMaximum"
            | "exclusiveMinimum"
            | "format"
            | "integer"
            | "items"
            | "maxItems"
            | "maxLength"
            | "maximum"
            | "minItems"
            | "minLength"
            | "minimum"
            | "multipleOf"
            | "not"
            | "null"
            | "nullable"
            | "number"
            | "object"
            | "oneOf"
            | "pattern"
            | "patternProperties"
            | "prefixItems"
            | "properties"
            | "propertyNames"
            | "readOnly"
            | "required"
            | "string"
            | "title"
            | "type"
            | "uniqueItems"
            | "writeOnly"
    )
}
