//! The Gemini dialect: its content maps, one file per message, and what this gateway says in it.
//!
//! From the reference of the Gemini API and of Vertex AI, which are one API at two addresses, and the types of the
//! official client. Whatever either of them has, stands in the tables: they are the union of both.
//!
//! Servers read a body as a protocol buffer: every key may be written as in the reference or with underscores, and
//! an object stands for an array of one. So do we ([`crate::route::Dialect::is_protobuf`]).
//!
//! INVARIANT: adding a message is adding a table here; nothing else in this crate names a field of it.

mod embed;
mod generate_answer;
mod generate_request;
mod models;
mod rows;
mod write;

use crate::table::{Fact, MessageTable, Row};

pub(crate) use write::{blocked_ending, delta_event, error_body, error_event};

/// Every message of the dialect.
pub(crate) static TABLES: &[&MessageTable] = &[
    &generate_request::GENERATE,
    &generate_answer::WHOLE,
    &generate_request::STREAM,
    &generate_answer::OF_STREAM,
    &generate_answer::EVENT,
    &generate_request::COUNT,
    &generate_answer::COUNTED,
    &embed::REQUEST,
    &embed::RESPONSE,
    &embed::BATCH_REQUEST,
    &embed::BATCH_RESPONSE,
    &models::LIST,
    &models::SHOWN,
];

const SIGNED: &str = "opaque: encrypted or signed by the provider";
const FILE: &str = "opaque: file";
const HOSTED: &str = "opaque: what the provider's own tools read";
const VECTOR: &str = "opaque: numbers";

/// An error in the place of an answer, as Google writes it (google.rpc.Status), and as others do.
const ERROR: &[Row] = &[
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::word("object").fact(Fact::Object),
    Row::said("message"),
    Row::said("type"),
    Row::said("param"),
    Row::said("code"),
    Row::said("detail.**").fact(Fact::Error),
];

/// Whether `text` is a word of JSON Schema, or of the schemas of OpenAPI as this dialect writes them.
fn is_schema_word(text: &str) -> bool {
    crate::openai::is_schema_word(text)
        || matches!(
            text,
            "ARRAY"
                | "BOOLEAN"
                | "INTEGER"
                | "NULL"
                | "NUMBER"
                | "OBJECT"
                | "STRING"
                | "maxProperties"
                | "minProperties"
                | "propertyOrdering"
                | "property_ordering"
        )
}
