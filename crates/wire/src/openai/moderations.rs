//! What may stand in `POST /v1/moderations` and its answer.

use events::Provenance::User;

use crate::form::Form;
use crate::openai::{ELSEWHERE, ERROR, USAGE};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::Moderations,
    direction: Direction::Request,
    parts: &[ASKED, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"omni-moderation-latest\""), ("input", "\"hello\"")],
};

/// The answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::Moderations,
    direction: Direction::Response,
    parts: &[ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: &[
        ("id", "\"modr-1\""),
        ("model", "\"omni-moderation-latest\""),
        ("results[].flagged", "false"),
        ("results[].categories.hate", "false"),
        ("results[].category_scores.hate", "0.25"),
    ],
};

const ASKED: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("input", Origin::Is(User)),
    Row::guarded("input[]", Origin::Is(User)),
    Row::word("input[].type"),
    Row::guarded("input[].text", Origin::Is(User)),
    Row::media("input[].image_url.url", Origin::Is(User)),
];

/// Categories are words with slashes in them: `self-harm/intent`.
const ANSWERED: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("object").fact(Fact::Object),
    Row::number("created").fact(Fact::Created),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::flag("results[].flagged"),
    Row::flag("results[].categories.*").keys(Form::Id),
    Row::number("results[].category_scores.*").keys(Form::Id),
    Row::word("results[].category_applied_input_types.*[]").keys(Form::Id),
];
