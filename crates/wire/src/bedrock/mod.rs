//! The dialect of Amazon Bedrock's Converse API: its content maps, one file per message, and what this gateway says in
//! it.
//!
//! From Amazon's model of the service (`bedrock-runtime`, 2023-09-30) as its official Python client 1.44 has it. A message
//! is made of blocks; a stream is binary frames (`event_stream`) whose headers say what an event is.
//!
//! INVARIANT: adding a message is adding a table here; nothing else in this crate names a field of it.

/// Token counts. What is read from a cache and written to it is input that `inputTokens` does not count.
macro_rules! usage {
    ($prefix:literal) => {
        $crate::table::rows!($prefix:
            integer(".inputTokens").fact($crate::table::Fact::InputTokens);
            integer(".cacheReadInputTokens").fact($crate::table::Fact::InputTokens);
            integer(".cacheWriteInputTokens").fact($crate::table::Fact::InputTokens);
            integer(".outputTokens").fact($crate::table::Fact::OutputTokens);
            number(".*");
            word(".cacheDetails[].ttl");
            integer(".cacheDetails[].inputTokens");
        )
    };
}

mod converse_answer;
mod converse_request;
mod converse_stream;
mod write;

use crate::table::{Fact, Mark, MessageTable, Row};

pub(crate) use write::{blocked_ending, delta_event, error_body, error_event, error_type};

/// Every message of the dialect.
pub(crate) static TABLES: &[&MessageTable] = &[
    &converse_request::WHOLE,
    &converse_answer::WHOLE,
    &converse_request::STREAM,
    &converse_answer::OF_STREAM,
    &converse_stream::EVENT,
];

/// What the types of events mean that mean something.
pub(crate) const MARKS: &[(&str, Mark)] = &[
    ("messageStart", Mark::Opens),
    ("contentBlockStart", Mark::Begins),
    ("contentBlockStop", Mark::Ends),
    ("messageStop", Mark::Closes),
];

const SIGNED: &str = "opaque: encrypted or signed by the provider";
const FILE: &str = "opaque: file";

/// An error in the place of an answer. Amazon says of which kind it is in a header.
const ERROR: &[Row] = &[
    Row::said("__type"),
    Row::presence("error", None).fact(Fact::Error),
    Row::said("error").fact(Fact::Error),
    Row::said("error.**"),
    Row::word("object").fact(Fact::Object),
    Row::said("type"),
    Row::said("param"),
    Row::said("code"),
    Row::said("detail.**").fact(Fact::Error),
    Row::said("message").fact(Fact::Error),
    Row::said("Message").fact(Fact::Error),
    Row::said("originalMessage"),
    Row::integer("originalStatusCode"),
    Row::said("resourceName"),
];
