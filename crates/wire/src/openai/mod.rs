//! The OpenAI dialect: its content maps, one file per message, and what this gateway says in it.
//!
//! INVARIANT: adding a message is adding a table here; nothing else in this crate names a field of it.

mod chat_answer;
mod chat_request;
mod embeddings;
mod models;
mod write;

use crate::table::{Fact, MessageTable, Row};

pub(crate) use write::{DONE, blocked_ending, delta_event, error_body, error_event};

/// Every message of the dialect.
pub(crate) static TABLES: &[&MessageTable] = &[
    &chat_request::TABLE,
    &chat_answer::RESPONSE,
    &chat_answer::CHUNK,
    &embeddings::REQUEST,
    &embeddings::RESPONSE,
    &models::LIST,
    &models::SHOWN,
];

pub(crate) const HOSTS: &str = "the caller does not choose hosts, keys or fallback models";
pub(crate) const STORED: &str = "it stands for content stored at the provider, which no guard sees";
const UNSEEN: &str = "it changes the prompt in ways that no guard sees";

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
