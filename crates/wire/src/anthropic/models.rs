//! What may stand in the answers to `GET /v1/models` and `GET /v1/models/{model}`, asked as Anthropic's clients ask.

use crate::anthropic::ERROR;
use crate::form::Form;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row};

/// The list.
pub(crate) static LIST: MessageTable = MessageTable {
    operation: Operation::AnthropicModelList,
    direction: Direction::Response,
    parts: &[LISTED, ERROR],
    scopes: &[],
    skeleton: &[
        ("data[].type", "\"model\""),
        ("data[].id", "\"claude-sonnet-4-5\""),
        ("data[].display_name", "\"Claude Sonnet 4.5\""),
        ("data[].created_at", "\"2025-09-29T00:00:00Z\""),
        ("has_more", "false"),
    ],
};

/// One model.
pub(crate) static SHOWN: MessageTable = MessageTable {
    operation: Operation::AnthropicModelShow,
    direction: Direction::Response,
    parts: &[MODEL, ERROR],
    scopes: &[],
    skeleton: &[
        ("type", "\"model\""),
        ("id", "\"claude-sonnet-4-5\""),
        ("display_name", "\"Claude Sonnet 4.5\""),
        ("created_at", "\"2025-09-29T00:00:00Z\""),
    ],
};

const LISTED: &[Row] = &[
    Row::word("type").fact(Fact::Object),
    Row::flag("has_more"),
    Row::constrained("first_id", Form::Id),
    Row::constrained("last_id", Form::Id),
    Row::word("data[].type"),
    Row::constrained("data[].id", Form::Id),
    Row::said("data[].display_name"),
    Row::said("data[].created_at"),
    Row::integer("data[].max_input_tokens"),
    Row::integer("data[].max_tokens"),
    Row::said("data[].capabilities.**"),
];

const MODEL: &[Row] = &[
    Row::word("type").fact(Fact::Object),
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::said("display_name"),
    Row::said("created_at"),
    Row::integer("max_input_tokens"),
    Row::integer("max_tokens"),
    Row::said("capabilities.**"),
];
