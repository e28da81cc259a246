//! What may stand in `POST /v1/embeddings` and its answer, and in vLLM's `POST /pooling`, which asks the same and
//! answers with whatever numbers the model's head gives.
//!
//! Text sent as token ids cannot be read here: it is forwarded and listed, so that policy can refuse it.

use events::Provenance::User;

use crate::form::Form;
use crate::openai::{ERROR, HOSTS, UNSEEN, USAGE};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::Embeddings,
    direction: Direction::Request,
    parts: &[ASKED],
    scopes: &[],
    skeleton: &[("model", "\"text-embedding-3-small\""), ("input", "\"hello\"")],
};

/// The answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::Embeddings,
    direction: Direction::Response,
    parts: &[ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: &[
        ("object", "\"list\""),
        ("data[].object", "\"embedding\""),
        ("data[].index", "0"),
        ("data[].embedding[]", "0.25"),
        ("model", "\"text-embedding-3-small\""),
    ],
};

/// The request for pooling.
pub(crate) static POOLING: MessageTable = MessageTable {
    operation: Operation::Pooling,
    direction: Direction::Request,
    parts: &[ASKED, POOLING_ASKED],
    scopes: &[],
    skeleton: &[("model", "\"m\""), ("input", "\"hello\"")],
};

/// The numbers.
pub(crate) static POOLED: MessageTable = MessageTable {
    operation: Operation::Pooling,
    direction: Direction::Response,
    parts: &[ANSWERED, POOLING_ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: &[
        ("id", "\"pool-1\""),
        ("object", "\"list\""),
        ("data[].index", "0"),
        ("data[].data[]", "0.25"),
        ("model", "\"m\""),
    ],
};

const POOLING_ASKED: &[Row] = &[
    Row::word("task"),
    Row::word("embed_dtype"),
    Row::word("endianness"),
    Row::flag("activation"),
    Row::flag("softmax"),
    Row::flag("use_activation"),
];

const POOLING_ANSWERED: &[Row] = &[Row::opaque("data[].data", "opaque: numbers")];

const TOKENS: &str = "opaque: text as token ids";

const ASKED: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("input", Origin::Is(User)),
    Row::guarded("input[]", Origin::Is(User)),
    Row::opaque_form("input[]", Form::Integer(0, 1 << 32), TOKENS),
    Row::opaque_form("input[][]", Form::Integer(0, 1 << 32), TOKENS),
    Row::word("encoding_format"),
    Row::constrained("dimensions", Form::Integer(1, 1 << 20)),
    Row::guarded("safety_identifier", Origin::Is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", Origin::Is(User)).fact(Fact::EndUser(1)),
    Row::word("input_type"),
    Row::word("truncate"),
    Row::integer("truncate_prompt_tokens"),
    Row::integer("priority"),
    Row::flag("add_special_tokens"),
    Row::flag("normalize"),
    Row::denied("api_base", HOSTS),
    Row::denied("base_url", HOSTS),
    Row::denied("api_key", HOSTS),
    Row::denied("custom_llm_provider", HOSTS),
    Row::denied("extra_headers", HOSTS),
    Row::denied("extra_body", "a second body that clients merge before they send"),
    Row::denied("mm_processor_kwargs", UNSEEN),
];

const ANSWERED: &[Row] = &[
    Row::constrained("id", Form::Id).fact(Fact::Id),
    Row::word("object").fact(Fact::Object),
    Row::number("created").fact(Fact::Created),
    Row::constrained("model", Form::Id).fact(Fact::Model),
    Row::word("data[].object"),
    Row::integer("data[].index"),
    Row::opaque("data[].embedding", "opaque: a vector"),
];
