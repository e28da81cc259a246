//! What may stand in the answer to `POST /model/{modelId}/converse`.
//!
//! The place of a block is the number of its lanes. The input of a tool is an object here, and each text in it is a text
//! of its own; in a stream it is the pieces of a JSON document (`converse_stream`).

use crate::bedrock::{ERROR, FILE, SIGNED};
use crate::form::Form;
use crate::lane::Channel;
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Row, Scope, rows};

/// The answer.
pub(crate) static WHOLE: MessageTable = MessageTable {
    operation: Operation::Converse,
    direction: Direction::Response,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

/// What answers a request for a stream with one body: an error.
pub(crate) static OF_STREAM: MessageTable = MessageTable {
    operation: Operation::ConverseStream,
    direction: Direction::Response,
    parts: PARTS,
    scopes: SCOPES,
    skeleton: SKELETON,
};

const PARTS: &[&[Row]] = &[BLOCKS, ENVELOPE, usage!("usage"), ERROR];

const SCOPES: &[(&str, Scope)] = &[("output.message.content[]", Scope::Block)];

const SKELETON: &[(&str, &str)] = &[
    ("output.message.role", "\"assistant\""),
    ("output.message.content[].text", "\"hello\""),
    ("stopReason", "\"end_turn\""),
    ("usage.inputTokens", "7"),
];

const BLOCKS: &[Row] = rows!("output.message":
    word(".role");
    output(".content[].text", Channel::Content);
    output(".content[].reasoningContent.reasoningText.text", Channel::Reasoning);
    opaque_form(".content[].reasoningContent.reasoningText.signature", Form::Base64, SIGNED);
    opaque_form(".content[].reasoningContent.redactedContent", Form::Base64, SIGNED);
    constrained(".content[].toolUse.toolUseId", Form::Id);
    output(".content[].toolUse.name", Channel::ToolName(0));
    presence(".content[].toolUse.input", None).fact(Fact::Written);
    said(".content[].toolUse.input.**");
    word(".content[].toolUse.type");
    said(".content[].citationsContent.content[].text");
    said(".content[].citationsContent.citations[].**");
    constrained(".content[].toolResult.toolUseId", Form::Id);
    said(".content[].toolResult.content[].**");
    word(".content[].toolResult.status");
    said(".content[].toolResult.type");
    said(".content[].guardContent.**");
    said(".content[].searchResult.**");
    said(".content[].toolAddition.**");
    said(".content[].toolRemoval.**");
    word(".content[].cachePoint.type");
    word(".content[].cachePoint.ttl");
    word(".content[].image.format");
    file(".content[].image.source.bytes", FILE);
    said(".content[].image.source.s3Location.**");
    said(".content[].image.error.message");
    word(".content[].audio.format");
    file(".content[].audio.source.bytes", FILE);
    said(".content[].audio.source.s3Location.**");
    said(".content[].audio.error.message");
    word(".content[].video.format");
    file(".content[].video.source.bytes", FILE);
    said(".content[].video.source.s3Location.**");
    said(".content[].document.**");
    said(".content[].document.source.**");
    file(".content[].document.source.bytes", FILE);
);

const ENVELOPE: &[Row] = &[
    Row::word("stopReason").fact(Fact::Finish),
    Row::number("metrics.*"),
    Row::said("additionalModelResponseFields.**"),
    Row::said("trace.**"),
    Row::word("performanceConfig.latency"),
    Row::word("serviceTier.type"),
];
