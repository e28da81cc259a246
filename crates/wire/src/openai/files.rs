//! What may stand in the upload of a file, in what is said of files, and in the lines of the files of batches.

use events::Provenance;

use crate::document::HandleOf;
use crate::form::Form;
use crate::openai::ERROR;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row};

/// The upload, a form.
pub(crate) static UPLOAD: MessageTable = MessageTable {
    operation: Operation::FileUpload,
    direction: Direction::Request,
    parts: &[UPLOADED],
    scopes: &[],
    skeleton: &[("purpose", "\"user_data\""), ("file", "\"hello\"")],
};

/// A line of a file that is to be a batch.
pub(crate) static REQUEST_LINE: MessageTable = MessageTable {
    operation: Operation::FileUpload,
    direction: Direction::RequestLine,
    parts: &[ASKED_LINE],
    scopes: &[],
    skeleton: &[
        ("custom_id", "\"request-1\""),
        ("method", "\"POST\""),
        ("url", "\"/v1/embeddings\""),
        ("body", "{\"model\":\"m\",\"input\":\"hello\"}"),
    ],
};

/// A line of a file that a batch has written.
pub(crate) static RESPONSE_LINE: MessageTable = MessageTable {
    operation: Operation::FileContent,
    direction: Direction::ResponseLine,
    parts: &[SAID_LINE],
    scopes: &[],
    skeleton: &[
        ("id", "\"batch_req_1\""),
        ("custom_id", "\"request-1\""),
        ("response.status_code", "200"),
        ("response.body", "{\"object\":\"list\",\"data\":[]}"),
    ],
};

/// An error in the place of a file.
pub(crate) static CONTENT: MessageTable = MessageTable {
    operation: Operation::FileContent,
    direction: Direction::Response,
    parts: &[NO_FILE, ERROR],
    scopes: &[],
    skeleton: &[("error.message", "\"no such file\"")],
};

/// A file that was uploaded.
pub(crate) static UPLOADED_FILE: MessageTable = file(Operation::FileUpload);

/// A file that is there.
pub(crate) static SHOWN_FILE: MessageTable = file(Operation::FileShow);

/// A file that was.
pub(crate) static DELETED_FILE: MessageTable = MessageTable {
    operation: Operation::FileDelete,
    direction: Direction::Response,
    parts: &[DELETED, ERROR],
    scopes: &[],
    skeleton: &[("id", "\"file-1\""), ("object", "\"file\""), ("deleted", "true")],
};

const fn file(operation: Operation) -> MessageTable {
    MessageTable {
        operation,
        direction: Direction::Response,
        parts: &[FILE, ERROR],
        scopes: &[],
        skeleton: &[("id", "\"file-1\""), ("object", "\"file\""), ("purpose", "\"batch\"")],
    }
}

const USER: Origin = Origin::Is(Provenance::User);

const UPLOADED: &[Row] = &[
    Row::word("purpose"),
    Row::word("expires_after[anchor]"),
    Row::constrained("expires_after[seconds]", Form::Digits),
    Row::guarded("file.filename", USER),
    Row::file("file", "opaque: a file"),
];

const ASKED_LINE: &[Row] = &[
    Row::guarded("custom_id", USER).fact(Fact::Id),
    Row::constrained("method", Form::OneOf(&["POST"])),
    Row::constrained("url", Form::Id).fact(Fact::Url),
    Row::message("body", "what its `url` takes"),
];

const SAID_LINE: &[Row] = &[
    Row::constrained("id", Form::Id),
    Row::said("custom_id").fact(Fact::Id),
    Row::presence("response", None).fact(Fact::Answer),
    Row::integer("response.status_code"),
    Row::constrained("response.request_id", Form::Id),
    Row::message("response.body", "what the path of its batch answers"),
    Row::presence("error", None),
    Row::said("error.code"),
    Row::said("error.message"),
];

const NO_FILE: &[Row] = &[Row::word("object").fact(Fact::Object)];

const FILE: &[Row] = &[
    Row::handle("id", HandleOf::Itself),
    Row::word("object").fact(Fact::Object),
    Row::number("bytes"),
    Row::number("created_at"),
    Row::number("expires_at"),
    Row::said("filename"),
    Row::word("purpose"),
    Row::word("status"),
    Row::said("status_details"),
];

const DELETED: &[Row] = &[
    Row::handle("id", HandleOf::Itself),
    Row::word("object").fact(Fact::Object),
    Row::flag("deleted"),
];
