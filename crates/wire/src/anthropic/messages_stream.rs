//! What may stand in one event of the streamed answer to `POST /v1/messages`.
//!
//! `message_start`, then for each block `content_block_start`, its deltas, and `content_block_stop`, then
//! `message_delta` and `message_stop`; `ping` and `error` anywhere. The `index` of the block is the number of its lanes,
//! so what one block says is joined and two blocks are not.

use crate::anthropic::messages_answer::{OUTPUT, blocks};
use crate::anthropic::rows::{citation, provider_result, usage};
use crate::anthropic::{ENCRYPTED, ERROR};
use crate::form::Form;
use crate::lane::Channel;
use crate::route::{Direction, Operation};
use crate::table::{Fact, Mark, MessageTable, Row, Scope, rows};

/// See the module.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::Messages,
    direction: Direction::Stream,
    parts: &[
        EVENTS,
        START,
        usage!("message.usage"),
        TEXT,
        blocks!("content_block"),
        citation!("content_block.citations[]", OUTPUT),
        provider_result!("content_block.content", OUTPUT),
        DELTA,
        citation!("delta.citation", OUTPUT),
        usage!("usage"),
        ERROR,
    ],
    scopes: &[("", Scope::Block), ("content_block.content.content.source", Scope::Source)],
    skeleton: &[
        ("type", "\"content_block_delta\""),
        ("index", "0"),
        ("delta.type", "\"text_delta\""),
        ("delta.text", "\"hello\""),
    ],
};

const MARKS: &[(&str, Mark)] = &[
    ("content_block_start", Mark::Begins),
    ("content_block_stop", Mark::Ends),
    ("message_stop", Mark::Last),
    ("error", Mark::Error),
];

const EVENTS: &[Row] = &[
    Row::word("type").fact(Fact::Event(MARKS)),
    Row::constrained("index", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index),
    Row::said("context_management.**"),
    Row::said("input_transformations[].**"),
];

const START: &[Row] = rows!("message":
    constrained(".id", Form::Id).fact(Fact::Id);
    word(".type");
    word(".role");
    constrained(".model", Form::Id).fact(Fact::Model);
    said(".content.**");
    word(".stop_reason");
    said(".stop_sequence");
    said(".stop_details.**");
    said(".container.**");
    said(".diagnostics.**");
    said(".context_management.**");
    said(".input_transformations[].**");
);

const TEXT: &[Row] = &[
    Row::output("content_block.text", Channel::Content),
    Row::output("content_block.thinking", Channel::Reasoning),
];

const DELTA: &[Row] = rows!("delta":
    word(".type");
    output(".text", Channel::Content);
    output(".partial_json", Channel::ToolArguments(0));
    output(".thinking", Channel::Reasoning);
    integer(".estimated_tokens");
    opaque_form(".signature", Form::Base64, ENCRYPTED);
    output(".content", Channel::BlockContent);
    opaque_form(".encrypted_content", Form::Base64, ENCRYPTED);
    word(".stop_reason");
    said(".stop_sequence");
    said(".stop_details.**");
    said(".container.**");
);
