//! What may stand in a request for a batch of messages, in what is said of such batches, and in the lines of their results.
//!
//! From the reference of the Message Batches API and the types of Anthropic's official clients. A request of a batch is what
//! a line of a file is elsewhere: `params` is read by the map of `POST /v1/messages`, and what a line answers by that of
//! its answers.

use events::Provenance;

use crate::anthropic::ERROR;
use crate::document::HandleOf;
use crate::openai::HOSTS;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Told};

/// The request for one.
pub(crate) static CREATE: MessageTable = MessageTable {
    operation: Operation::MessageBatchCreate,
    direction: Direction::Request,
    parts: &[CREATED],
    scopes: &[],
    skeleton: &[
        ("requests[].custom_id", "\"request-1\""),
        ("requests[].params", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}"),
    ],
};

/// One of its requests.
pub(crate) static REQUEST_LINE: MessageTable = MessageTable {
    operation: Operation::MessageBatchCreate,
    direction: Direction::RequestLine,
    parts: &[ASKED],
    scopes: &[],
    skeleton: &[
        ("custom_id", "\"request-1\""),
        ("params", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}"),
    ],
};

/// A batch that was begun.
pub(crate) static CREATED_BATCH: MessageTable = batch(Operation::MessageBatchCreate);
/// A batch that is there.
pub(crate) static SHOWN_BATCH: MessageTable = batch(Operation::MessageBatchShow);
/// A batch that is being stopped.
pub(crate) static CANCELLED_BATCH: MessageTable = batch(Operation::MessageBatchCancel);

/// A batch that was.
pub(crate) static DELETED_BATCH: MessageTable = MessageTable {
    operation: Operation::MessageBatchDelete,
    direction: Direction::Response,
    parts: &[DELETED, ERROR],
    scopes: &[],
    skeleton: &[("id", "\"msgbatch_1\""), ("type", "\"message_batch_deleted\"")],
};

/// A line of its results.
pub(crate) static RESULT_LINE: MessageTable = MessageTable {
    operation: Operation::MessageBatchResults,
    direction: Direction::ResponseLine,
    parts: &[SAID],
    scopes: &[],
    skeleton: &[
        ("custom_id", "\"request-1\""),
        ("result.type", "\"succeeded\""),
        ("result.message", "{\"type\":\"message\",\"content\":[]}"),
    ],
};

/// An error in the place of results.
pub(crate) static NO_RESULTS: MessageTable = MessageTable {
    operation: Operation::MessageBatchResults,
    direction: Direction::Response,
    parts: &[TYPE, ERROR],
    scopes: &[],
    skeleton: &[("type", "\"error\""), ("error.message", "\"no such batch\"")],
};

const fn batch(operation: Operation) -> MessageTable {
    MessageTable {
        operation,
        direction: Direction::Response,
        parts: &[BATCH, ERROR],
        scopes: &[],
        skeleton: &[
            ("id", "\"msgbatch_1\""),
            ("type", "\"message_batch\""),
            ("processing_status", "\"in_progress\""),
            ("created_at", "\"2025-09-29T00:00:00Z\""),
        ],
    }
}

const CREATED: &[Row] = &[
    Row::message("requests[]", "a line of a request: `request line` below"),
    Row::denied("api_base", HOSTS),
    Row::denied("base_url", HOSTS),
    Row::denied("api_key", HOSTS),
    Row::denied("custom_llm_provider", HOSTS),
    Row::denied("extra_headers", HOSTS),
    Row::denied("extra_body", "a second body that clients merge before they send"),
];

const ASKED: &[Row] = &[
    Row::guarded("custom_id", Origin::Is(Provenance::User)).fact(Fact::Id),
    Row::message("params", "what `POST /v1/messages` takes"),
];

const STATUS: Told = Told::Status { done: &["ended"], given_up: &[] };

const BATCH: &[Row] = &[
    Row::handle("id", HandleOf::Itself),
    Row::word("type").fact(Fact::Object),
    Row::word("processing_status").fact(Fact::Progress(STATUS)),
    Row::number("request_counts.succeeded").fact(Fact::Progress(Told::Answered)),
    Row::number("request_counts.processing").fact(Fact::Progress(Told::Unanswered)),
    Row::number("request_counts.errored").fact(Fact::Progress(Told::Unanswered)),
    Row::number("request_counts.canceled").fact(Fact::Progress(Told::Unanswered)),
    Row::number("request_counts.expired").fact(Fact::Progress(Told::Unanswered)),
    Row::number("request_counts.*"),
    Row::said("created_at"),
    Row::said("expires_at"),
    Row::said("ended_at"),
    Row::said("archived_at"),
    Row::said("cancel_initiated_at"),
    Row::handle("results_url", HandleOf::Results),
];

const DELETED: &[Row] =
    &[Row::handle("id", HandleOf::Itself), Row::word("type").fact(Fact::Object)];

const SAID: &[Row] = &[
    Row::said("custom_id").fact(Fact::Id),
    Row::presence("result", None).fact(Fact::Answer),
    Row::word("result.type"),
    Row::message("result.message", "what `POST /v1/messages` answers"),
    Row::said("result.error.**"),
];

const TYPE: &[Row] = &[Row::word("type").fact(Fact::Object)];
