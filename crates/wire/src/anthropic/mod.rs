//! The Anthropic dialect (Messages): its content maps, one file per message, and what this gateway says in it.
//!
//! From Anthropic's API reference and the request and response types of its official client, beta features
//! included. A message is made of blocks; a stream opens, fills and closes them one by one.
//!
//! INVARIANT: adding a message is adding a table here; nothing else in this crate names a field of it.

mod batches;
mod messages_answer;
mod messages_request;
mod messages_stream;
mod models;
pub(crate) mod rows;
mod write;

use crate::form::Form;
use crate::table::{Fact, MessageTable, Row};

pub(crate) use write::{blocked_ending, delta_event, error_body, error_event, refused_answer};

/// Every message of the dialect.
pub(crate) static TABLES: &[&MessageTable] = &[
    &messages_request::ASKED,
    &messages_answer::RESPONSE,
    &messages_stream::EVENT,
    &messages_request::COUNTED,
    &messages_answer::COUNT,
    &models::LIST,
    &models::SHOWN,
    &batches::CREATE,
    &batches::REQUEST_LINE,
    &batches::CREATED_BATCH,
    &batches::SHOWN_BATCH,
    &batches::CANCELLED_BATCH,
    &batches::DELETED_BATCH,
    &batches::RESULT_LINE,
    &batches::NO_RESULTS,
];

const ENCRYPTED: &str = "opaque: encrypted or signed by the provider";
const KEPT: &str = "opaque: earlier output, kept by the provider";

/// An error in the place of an answer, as Anthropic writes it, and as servers do that speak other dialects too.
const ERROR: &[Row] = &[
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::constrained("request_id", Form::Id),
    Row::word("object").fact(Fact::Object),
    Row::said("message"),
    Row::said("param"),
    Row::said("code"),
    Row::said("detail.**").fact(Fact::Error),
];
