//! What may stand in `POST /v1/images/generations` and its answer.
//!
//! The pictures are not looked into; what the model made of the prompt is text. Streams of pictures are not
//! passed on, so none can be asked for.

use events::Provenance::User;

use crate::form::Form;
use crate::openai::{ELSEWHERE, ERROR, USAGE};
use crate::route::{Direction, Operation};
use crate::table::{Fact, MessageTable, Origin, Row};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::ImageGenerations,
    direction: Direction::Request,
    parts: &[ASKED, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"gpt-image-1\""), ("prompt", "\"a cat\"")],
};

/// The answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::ImageGenerations,
    direction: Direction::Response,
    parts: &[ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: &[("created", "1700000000"), ("data[].b64_json", "\"AAAA\"")],
};

const ASKED: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("prompt", Origin::Is(User)).fact(Fact::Opening),
    Row::guarded("negative_prompt", Origin::Is(User)),
    Row::guarded("safety_identifier", Origin::Is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", Origin::Is(User)).fact(Fact::EndUser(1)),
    Row::constrained("n", Form::Integer(1, 128)),
    Row::constrained("stream", Form::Off),
    Row::word("background"),
    Row::word("complexity"),
    Row::word("moderation"),
    Row::word("output_format"),
    Row::word("quality"),
    Row::word("response_format"),
    Row::word("size"),
    Row::word("style"),
    Row::integer("frame_count"),
    Row::integer("frame_duration_ms"),
    Row::integer("output_compression"),
    Row::integer("partial_images"),
    Row::integer("seed"),
    Row::constrained("svg.model", Form::Model),
    Row::word("svg.reasoning.effort"),
];

const ANSWERED: &[Row] = &[
    Row::word("object").fact(Fact::Object),
    Row::number("created").fact(Fact::Created),
    Row::opaque_form("data[].b64_json", Form::Base64, "opaque: an image"),
    Row::media("data[].url", Origin::Is(events::Provenance::Output)),
    Row::said("data[].revised_prompt"),
    Row::said("data[].content_filter_results.**"),
    Row::said("data[].prompt_filter_results.**"),
    Row::word("background"),
    Row::word("output_format"),
    Row::word("quality"),
    Row::word("size"),
    Row::said("safety_identifier"),
    Row::number("usage.input_tokens").fact(Fact::InputTokens),
    Row::number("usage.output_tokens").fact(Fact::OutputTokens),
    Row::constrained("svg_usage.model", Form::Id),
    Row::number("svg_usage.*"),
];
