//! What may stand in vLLM's `POST /score` and `POST /rerank`, and in their answers.
//!
//! From vLLM's protocol, which follows Jina's and Cohere's for `/rerank`. The documents are what a search
//! brought along, whoever sends them.

use events::Provenance::{Retrieved, User};

use crate::form::Form;
use crate::openai::{ELSEWHERE, ERROR, TEMPLATE, TEMPLATE_TOOLS, USAGE};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row};

/// Two texts, or one and many.
pub(crate) static SCORE: MessageTable = MessageTable {
    operation: Operation::Score,
    direction: Direction::Request,
    parts: &[PAIRS, SETTINGS, TEMPLATE, ELSEWHERE],
    scopes: &[TEMPLATE_TOOLS],
    skeleton: &[("model", "\"m\""), ("text_1", "\"hello\""), ("text_2", "\"hi\"")],
};

/// How near they are.
pub(crate) static SCORED: MessageTable = MessageTable {
    operation: Operation::Score,
    direction: Direction::Response,
    parts: &[SCORES, USAGE, ERROR],
    scopes: &[],
    skeleton: &[
        ("id", "\"score-1\""),
        ("object", "\"list\""),
        ("created", "1700000000"),
        ("model", "\"m\""),
        ("data[].index", "0"),
        ("data[].score", "0.25"),
    ],
};

/// A query and documents.
pub(crate) static RERANK: MessageTable = MessageTable {
    operation: Operation::Rerank,
    direction: Direction::Request,
    parts: &[QUERY, SETTINGS, TEMPLATE, ELSEWHERE],
    scopes: &[TEMPLATE_TOOLS],
    skeleton: &[("model", "\"m\""), ("query", "\"hello\""), ("documents[]", "\"hi\"")],
};

/// The documents in order.
pub(crate) static RERANKED: MessageTable = MessageTable {
    operation: Operation::Rerank,
    direction: Direction::Response,
    parts: &[RESULTS, USAGE, ERROR],
    scopes: &[],
    skeleton: &[
        ("id", "\"rerank-1\""),
        ("model", "\"m\""),
        ("results[].index", "0"),
        ("results[].relevance_score", "0.25"),
    ],
};

const SETTINGS: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("safety_identifier", Origin::Is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", Origin::Is(User)).fact(Fact::EndUser(1)),
    Row::guarded("instruction", Origin::Is(User)),
    Row::integer("truncate_prompt_tokens"),
    Row::integer("max_tokens_per_doc"),
    Row::integer("max_tokens_per_query"),
    Row::word("truncation_side"),
    Row::integer("priority"),
    Row::flag("activation"),
    Row::flag("softmax"),
    Row::flag("use_activation"),
    Row::flag("add_special_tokens"),
    Row::guarded("request_id", Origin::Is(User)),
];

/// Texts, lists of texts, and objects with parts, as they are called now and were before.
const PAIRS: &[Row] = &[
    Row::guarded("text_1.**", Origin::Is(User)).free(),
    Row::guarded("text_2.**", Origin::Is(Retrieved)).free(),
    Row::guarded("data_1.**", Origin::Is(User)).free(),
    Row::guarded("data_2.**", Origin::Is(Retrieved)).free(),
    Row::guarded("queries.**", Origin::Is(User)).free(),
    Row::guarded("query.**", Origin::Is(User)).free(),
    Row::guarded("documents.**", Origin::Is(Retrieved)).free(),
    Row::guarded("items.**", Origin::Is(Retrieved)).free(),
];

const QUERY: &[Row] = &[
    Row::guarded("query.**", Origin::Is(User)).free(),
    Row::guarded("documents.**", Origin::Is(Retrieved)).free(),
    Row::integer("top_n"),
    Row::flag("return_documents"),
];

const SCORES: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("object").fact(Fact::Object),
    Row::number("created").fact(Fact::Created),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::integer("data[].index"),
    Row::word("data[].object"),
    Row::number("data[].score"),
];

/// The documents are the request's own.
const RESULTS: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("object").fact(Fact::Object),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::integer("results[].index"),
    Row::number("results[].relevance_score"),
    Row::asked("results[].document.**"),
    Row::word("meta.api_version.version"),
    Row::flag("meta.api_version.is_experimental"),
    Row::number("meta.billed_units.*"),
    Row::number("meta.tokens.*"),
    Row::said("meta.warnings[]"),
];
