//! What may stand in vLLM's `POST /tokenize` and `POST /detokenize`, and in their answers.
//!
//! From vLLM's protocol: a prompt, or a conversation with the same fields as chat completions. Token ids are
//! text that cannot be read here: they are forwarded and listed, and what they come to is read in the answer.

use events::Provenance::User;

use crate::form::Form;
use crate::openai::chat_request::{CALLS, MESSAGES, PARTS, SCOPES, TOOLS};
use crate::openai::{ELSEWHERE, ERROR, TEMPLATE};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row};

/// The request for ids.
pub(crate) static TOKENIZE: MessageTable = MessageTable {
    operation: Operation::Tokenize,
    direction: Direction::Request,
    parts: &[MESSAGES, PARTS, CALLS, TOOLS, ASKED, TEMPLATE, ELSEWHERE],
    scopes: SCOPES,
    skeleton: &[("model", "\"m\""), ("prompt", "\"hello\"")],
};

/// The ids.
pub(crate) static TOKENIZED: MessageTable = MessageTable {
    operation: Operation::Tokenize,
    direction: Direction::Response,
    parts: &[IDS, ERROR],
    scopes: &[],
    skeleton: &[("count", "1"), ("max_model_len", "4096"), ("tokens[]", "7")],
};

/// The request for text.
pub(crate) static DETOKENIZE: MessageTable = MessageTable {
    operation: Operation::Detokenize,
    direction: Direction::Request,
    parts: &[ASKED_TEXT, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"m\""), ("tokens[]", "7")],
};

/// The text.
pub(crate) static DETOKENIZED: MessageTable = MessageTable {
    operation: Operation::Detokenize,
    direction: Direction::Response,
    parts: &[TEXT, ERROR],
    scopes: &[],
    skeleton: &[("prompt", "\"hello\"")],
};

const TOKENS: &str = "opaque: text as token ids";

const ASKED: &[Row] = &[
    Row::guarded("prompt", Origin::Is(User)).fact(Fact::Opening),
    Row::flag("add_special_tokens"),
    Row::flag("add_generation_prompt"),
    Row::flag("continue_final_message"),
    Row::flag("return_token_strs"),
];

const IDS: &[Row] = &[
    Row::word("object").fact(Fact::Object),
    Row::integer("count"),
    Row::integer("max_model_len"),
    Row::opaque("tokens", TOKENS),
    Row::opaque("token_strs", "repeats the prompt token by token"),
];

const ASKED_TEXT: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::opaque_form("tokens[]", Form::Integer(0, 1 << 32), TOKENS),
];

const TEXT: &[Row] = &[Row::word("object").fact(Fact::Object), Row::said("prompt")];
