//! What may stand in a request for a batch, and in what is said of batches.

use events::Provenance;

use crate::document::HandleOf;
use crate::form::Form;
use crate::openai::{ELSEWHERE, ERROR, HOSTS, STORED};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row, Told};

/// The request for one.
pub(crate) static CREATE: MessageTable = MessageTable {
    operation: Operation::BatchCreate,
    direction: Direction::Request,
    parts: &[CREATED, ELSEWHERE],
    scopes: &[],
    skeleton: &[
        ("input_file_id", "\"file-1\""),
        ("endpoint", "\"/v1/chat/completions\""),
        ("completion_window", "\"24h\""),
    ],
};

/// A batch that was begun.
pub(crate) static CREATED_BATCH: MessageTable = batch(Operation::BatchCreate);
/// A batch that is there.
pub(crate) static SHOWN_BATCH: MessageTable = batch(Operation::BatchShow);
/// A batch that is being stopped.
pub(crate) static CANCELLED_BATCH: MessageTable = batch(Operation::BatchCancel);

const fn batch(operation: Operation) -> MessageTable {
    MessageTable {
        operation,
        direction: Direction::Response,
        parts: &[BATCH, ERROR],
        scopes: &[],
        skeleton: &[
            ("id", "\"batch_1\""),
            ("object", "\"batch\""),
            ("endpoint", "\"/v1/chat/completions\""),
            ("input_file_id", "\"file-1\""),
            ("status", "\"validating\""),
        ],
    }
}

const CREATED: &[Row] = &[
    Row::handle("input_file_id", HandleOf::Input),
    Row::constrained("endpoint", Form::Id).fact(Fact::Url),
    Row::word("completion_window"),
    Row::guarded("metadata.**", Origin::Is(Provenance::User)).free(),
    Row::word("output_expires_after.anchor"),
    Row::integer("output_expires_after.seconds"),
    // Azure's storage.
    Row::denied("input_blob", STORED),
    Row::denied("output_folder", HOSTS),
];

/// What becomes of batches.
const STATUS: Told =
    Told::Status { done: &["completed"], given_up: &["failed", "expired", "cancelled"] };

const BATCH: &[Row] = &[
    Row::handle("id", HandleOf::Itself),
    Row::word("object").fact(Fact::Object),
    Row::constrained("endpoint", Form::Id),
    Row::constrained("model", Form::Model),
    Row::presence("errors", None),
    Row::word("errors.object"),
    Row::said("errors.data[].code"),
    Row::said("errors.data[].message"),
    Row::said("errors.data[].param"),
    Row::integer("errors.data[].line"),
    Row::handle("input_file_id", HandleOf::Input),
    Row::word("completion_window"),
    Row::word("status").fact(Fact::Progress(STATUS)),
    Row::handle("output_file_id", HandleOf::Output),
    Row::handle("error_file_id", HandleOf::Errors),
    Row::number("created_at"),
    Row::number("in_progress_at"),
    Row::number("expires_at"),
    Row::number("finalizing_at"),
    Row::number("completed_at"),
    Row::number("failed_at"),
    Row::number("expired_at"),
    Row::number("cancelling_at"),
    Row::number("cancelled_at"),
    Row::number("request_counts.total").fact(Fact::Progress(Told::Requests)),
    Row::number("request_counts.completed").fact(Fact::Progress(Told::Answered)),
    Row::number("request_counts.*"),
    // What the batch has used, and not what asking for it uses.
    Row::number("usage.input_tokens").fact(Fact::Progress(Told::Input)),
    Row::number("usage.output_tokens").fact(Fact::Progress(Told::Output)),
    Row::number("usage.*"),
    Row::number("usage.*.*"),
    Row::said("metadata.**"),
];
