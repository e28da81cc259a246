//! What may stand in one event of the streamed answer to `POST /model/{modelId}/converse-stream`.
//!
//! `messageStart`, then for each block its deltas and `contentBlockStop`, for those that are no text `contentBlockStart`
//! before them, then `messageStop` and `metadata`; an exception in the place of any. What an event is, the headers of its frame
//! say ([`super::MARKS`]). `contentBlockIndex` is the number of a block's lanes.

use crate::bedrock::{ERROR, FILE, SIGNED};
use crate::form::Form;
use crate::lane::Channel;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row, Scope, rows};

/// See the module.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::ConverseStream,
    direction: Direction::Stream,
    parts: &[EVENTS, START, DELTA, usage!("usage"), ERROR],
    scopes: &[("", Scope::Block)],
    skeleton: &[("contentBlockIndex", "0"), ("delta.text", "\"hello\"")],
};

const EVENTS: &[Row] = &[
    Row::constrained("contentBlockIndex", Form::Integer(0, u32::MAX as i64)).fact(Fact::Index),
    Row::word("role"),
    // Padding that makes events of similar length.
    Row::constrained("p", Form::Id),
    Row::word("stopReason"),
    Row::said("additionalModelResponseFields.**"),
    Row::number("metrics.*"),
    Row::said("trace.**"),
    Row::word("performanceConfig.latency"),
    Row::word("serviceTier.type"),
];

const START: &[Row] = rows!("start":
    constrained(".toolUse.toolUseId", Form::Id);
    output(".toolUse.name", Channel::ToolName(0));
    word(".toolUse.type");
    constrained(".toolResult.toolUseId", Form::Id);
    said(".toolResult.type");
    word(".toolResult.status");
    word(".image.format");
);

const DELTA: &[Row] = rows!("delta":
    output(".text", Channel::Content);
    output(".toolUse.input", Channel::ToolArguments(0));
    said(".toolResult[].**");
    output(".reasoningContent.text", Channel::Reasoning);
    opaque_form(".reasoningContent.redactedContent", Form::Base64, SIGNED);
    opaque_form(".reasoningContent.signature", Form::Base64, SIGNED);
    said(".citation.**");
    file(".image.source.bytes", FILE);
    said(".image.source.s3Location.**");
    said(".image.error.message");
);
