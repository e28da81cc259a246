//! Bytes to typed messages and back: content maps, a span-yielding tokenizer, events of streams.
//!
//! One call reads a message: [`read_request`], [`read_response`] or, for each event of a stream,
//! [`read_stream_event`]. The answer is a [`Document`]: every piece of text in it as a [`Field`] with
//! its provenance, its lane and its place in the bytes, and the facts that routing needs. [`Edit`]s
//! against decoded text go back into the original bytes with [`splice`] and [`splice_event`].
//!
//! What is text, what is a setting, what cannot be read and what is refused stands in one declarative
//! table per message (`openai/`, `anthropic/`, `bedrock/`, `gemini/`, `ollama/`). The tables are the contract: [`contract`] prints them, and the tests
//! plant a canary in every path they name.
//!
//! INVARIANT: nothing is skipped: each value of a message is matched by a row of its table or is
//! unknown, and what is unknown is scanned or refused, never ignored. INVARIANT: bytes that no edit
//! touches come back exactly as they were. INVARIANT: hostile bytes give an error, never a panic, and
//! cost time linear in their length.
//!
//! Not here: sockets and HTTP (`net`), what text means (`detect`), what follows from it (`policy`).

mod address;
mod answer_shape;
mod anthropic;
mod bedrock;
mod collect;
mod contract;
mod dialect;
mod direction;
mod document;
mod embedded;
mod error;
mod event_kind;
mod event_stream;
mod facts;
mod form;
mod form_body;
mod form_head;
mod form_object;
mod form_parts;
mod frames;
mod gemini;
mod json;
mod json_text;
mod lane;
mod limits;
mod machine;
mod maps;
mod media_url;
mod member;
mod members;
mod named;
mod ollama;
mod openai;
mod operation;
mod path;
mod plant;
mod progress;
mod read_within;
mod reader;
mod route;
mod runs;
mod scope;
mod splice;
mod sse;
mod stored;
mod stream;
mod table;
#[cfg(test)]
mod table_tests;
mod transcript;
mod write;

pub use address::{Address, AddressStyle, address};
pub use answer_shape::{AnswerShape, read_answer, shape_of_answer};
pub use contract::{ContractRow, contract, contract_markdown};
pub use document::{
    Document, Echo, EchoOf, Embedded, Facts, Field, FilePart, Finish, Handle, HandleOf, Item,
    Literal, Member, MemberAt, REPORTED_PATHS_MAX,
};
pub use embedded::{EmbeddedJson, Unescaped};
pub use error::ReadError;
pub use event_stream::{
    EventFrame, FrameError, FrameKind, FrameReader, HEADERS_BYTES_MAX, HEADERS_MAX,
};
pub use form::is_media_type;
pub use form_body::read_upload;
pub use form_head::{FORM_HEAD_BYTES_MAX, Writing};
pub use form_object::Form;
pub use form_parts::{FORM_BOUNDARY_BYTES_MAX, FORM_PARTS_MAX, boundary_of, form_content_type};
pub use lane::{Channel, Delivery, Lane};
pub use limits::{
    BODY_BYTES_MAX, DEPTH_MAX, FIELDS_MAX, KEY_BYTES_MAX, MEMBER_BYTES_MAX, MEMBERS_FIELDS_FACTOR,
    MEMBERS_MAX, NUMBER_BYTES_MAX, OBJECT_KEYS_MAX, ReadLimits, UnknownFields, VALUES_MAX,
};
pub use members::read_batch_output;
pub use plant::{Planting, plantings};
pub use progress::Progress;
pub use reader::{read_request, read_response};
pub use route::{
    Dialect, Direction, Operation, Route, dialect_of, route, session_model, shown_model,
};
pub use splice::{Echoes, Edit, SpliceError, splice};
pub use sse::{EVENT_BYTES_MAX, EventReader, Framing, SseError, SseEvent};
pub use stored::{batched, results_path, stored};
pub use stream::{
    StreamError, StreamEvent, StreamPart, StreamReader, read_session_event, read_stream_event,
    splice_event,
};
pub use transcript::{TRANSCRIPT_BYTES_MAX, TRANSCRIPT_ITEMS_MAX, Transcript};
pub use write::{
    Choices, Envelope, ErrorShape, Notice, blocked_ending, delta_event, error_body, error_class,
    error_event, refused_answer, session_cancel, session_error,
};
