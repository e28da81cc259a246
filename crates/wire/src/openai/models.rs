//! What may stand in the answers to `GET /v1/models` and `GET /v1/models/{model}`.

use crate::form::Form;
use crate::openai::ERROR;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row};

/// The list.
pub(crate) static LIST: MessageTable = MessageTable {
    operation: Operation::ModelList,
    direction: Direction::Response,
    parts: &[LISTED, ERROR],
    scopes: &[],
    skeleton: &[
        ("object", "\"list\""),
        ("data[].id", "\"gpt-4o\""),
        ("data[].object", "\"model\""),
        ("data[].created", "1700000000"),
        ("data[].owned_by", "\"openai\""),
    ],
};

/// One model.
pub(crate) static SHOWN: MessageTable = MessageTable {
    operation: Operation::ModelShow,
    direction: Direction::Response,
    parts: &[MODEL, ERROR],
    scopes: &[],
    skeleton: &[
        ("id", "\"gpt-4o\""),
        ("object", "\"model\""),
        ("created", "1700000000"),
        ("owned_by", "\"openai\""),
    ],
};

const LISTED: &[Row] = &[
    Row::word("object").fact(Fact::Object),
    Row::flag("has_more"),
    Row::constrained("first_id", Form::Id),
    Row::constrained("last_id", Form::Id),
    Row::constrained("data[].id", Form::Id),
    Row::word("data[].object"),
    Row::number("data[].created"),
    Row::said("data[].owned_by"),
    Row::word("data[].shutdown_date"),
    Row::constrained("data[].root", Form::Id),
    Row::constrained("data[].parent", Form::Id),
    Row::integer("data[].max_model_len"),
    Row::said("data[].permission.**"),
    Row::said("data[].name"),
    Row::said("data[].description"),
];

const MODEL: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("object").fact(Fact::Object),
    Row::number("created").fact(Fact::Created),
    Row::said("owned_by"),
    Row::word("shutdown_date"),
    Row::constrained("root", Form::Id),
    Row::constrained("parent", Form::Id),
    Row::integer("max_model_len"),
    Row::said("permission.**"),
    Row::said("name"),
    Row::said("description"),
];
