//! What may stand in `POST /api/embed` and in the older `POST /api/embeddings`, and in their answers.

use events::Provenance::User;

use crate::form::Form;
use crate::ollama::{COUNTS, ERROR, RUN, is};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::OllamaEmbed,
    direction: Direction::Request,
    parts: &[RUN, ASKED],
    scopes: &[],
    skeleton: &[("model", "\"all-minilm\""), ("input", "\"hello\"")],
};

/// The answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::OllamaEmbed,
    direction: Direction::Response,
    parts: &[ANSWERED, COUNTS, ERROR],
    scopes: &[],
    skeleton: &[("model", "\"all-minilm\""), ("embeddings[][]", "0.25")],
};

/// The older request.
pub(crate) static OLD_REQUEST: MessageTable = MessageTable {
    operation: Operation::OllamaEmbeddings,
    direction: Direction::Request,
    parts: &[RUN, OLD_ASKED],
    scopes: &[],
    skeleton: &[("model", "\"all-minilm\""), ("prompt", "\"hello\"")],
};

/// Its answer.
pub(crate) static OLD_RESPONSE: MessageTable = MessageTable {
    operation: Operation::OllamaEmbeddings,
    direction: Direction::Response,
    parts: &[ANSWERED, COUNTS, ERROR],
    scopes: &[],
    skeleton: &[("embedding[]", "0.25")],
};

const VECTOR: &str = "opaque: a vector";

const ASKED: &[Row] = &[
    Row::guarded("input", is(User)),
    Row::guarded("input[]", is(User)),
    Row::constrained("dimensions", Form::Integer(0, 1 << 20)),
];

const OLD_ASKED: &[Row] = &[Row::guarded("prompt", is(User))];

const ANSWERED: &[Row] = &[
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::opaque("embeddings", VECTOR),
    Row::opaque("embedding", VECTOR),
];
