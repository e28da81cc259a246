//! What may stand in `POST /v1/images/generations`, `POST /v1/images/edits` and `POST /v1/images/variations`, in their
//! answers, and in one event of a stream of pictures. Edits come as a form or as JSON, variations as a form.
//!
//! The pictures are not looked into; what the model made of the prompt is text.

use events::Provenance::User;

use crate::form::Form;
use crate::openai::{ELSEWHERE, ERROR, ERROR_EVENT, STORED, USAGE};
use crate::route::{Direction, Operation};
use crate::table::{EventKind, Fact, MessageTable, Origin, Row, Scope};

/// The request.
pub(crate) static REQUEST: MessageTable = MessageTable {
    operation: Operation::ImageGenerations,
    direction: Direction::Request,
    parts: &[ASKED, STREAMED, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"gpt-image-1\""), ("prompt", "\"a cat\"")],
};

/// The answer.
pub(crate) static RESPONSE: MessageTable = MessageTable {
    operation: Operation::ImageGenerations,
    direction: Direction::Response,
    parts: &[ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: ANSWER_SKELETON,
};

/// The request for edits.
pub(crate) static EDIT: MessageTable = MessageTable {
    operation: Operation::ImageEdits,
    direction: Direction::Request,
    parts: &[ASKED, STREAMED, PICTURES, LINKED, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"gpt-image-1\""), ("prompt", "\"a cat\"")],
};

/// The request for variations.
pub(crate) static VARIATION: MessageTable = MessageTable {
    operation: Operation::ImageVariations,
    direction: Direction::Request,
    parts: &[ASKED, &[Row::constrained("stream", Form::Off)], PICTURES, ELSEWHERE],
    scopes: &[],
    skeleton: &[("model", "\"dall-e-2\""), ("image.filename", "\"cat.png\"")],
};

/// The answer with edits.
pub(crate) static EDITED: MessageTable = MessageTable {
    operation: Operation::ImageEdits,
    direction: Direction::Response,
    parts: &[ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: ANSWER_SKELETON,
};

/// The answer with variations.
pub(crate) static VARIED: MessageTable = MessageTable {
    operation: Operation::ImageVariations,
    direction: Direction::Response,
    parts: &[ANSWERED, USAGE, ERROR],
    scopes: &[],
    skeleton: ANSWER_SKELETON,
};

/// One event of a stream.
pub(crate) static EVENT: MessageTable = MessageTable {
    operation: Operation::ImageGenerations,
    direction: Direction::Stream,
    parts: &[EVENT_SAYS, USAGE, ERROR_EVENT],
    scopes: &[("", Scope::Event(EVENTS))],
    skeleton: EVENT_SKELETON,
};

/// One event of a stream of edits.
pub(crate) static EDIT_EVENT: MessageTable = MessageTable {
    operation: Operation::ImageEdits,
    direction: Direction::Stream,
    parts: &[EVENT_SAYS, USAGE, ERROR_EVENT],
    scopes: &[("", Scope::Event(EVENTS))],
    skeleton: EVENT_SKELETON,
};

const ANSWER_SKELETON: &[(&str, &str)] =
    &[("created", "1700000000"), ("data[].b64_json", "\"AAAA\"")];
const EVENT_SKELETON: &[(&str, &str)] =
    &[("type", "\"image_generation.partial_image\""), ("b64_json", "\"AAAA\"")];

const EVENTS: &[EventKind] = &[
    EventKind::finishing("image_generation.completed", None),
    EventKind::finishing("image_edit.completed", None),
];

const PICTURE: &str = "opaque: an image";

const STREAMED: &[Row] = &[Row::flag("stream").fact(Fact::Stream)];

/// Pictures that a form brings.
const PICTURES: &[Row] = &[
    Row::word("input_fidelity"),
    Row::presence("image", Some(PICTURE)),
    Row::guarded("image.filename", Origin::Is(User)),
    Row::constrained("image.content_type", Form::MediaType),
    Row::presence("image[]", Some(PICTURE)),
    Row::guarded("image[].filename", Origin::Is(User)),
    Row::constrained("image[].content_type", Form::MediaType),
    Row::presence("mask", Some(PICTURE)),
    Row::guarded("mask.filename", Origin::Is(User)),
    Row::constrained("mask.content_type", Form::MediaType),
];

/// Pictures elsewhere, in requests of JSON.
const LINKED: &[Row] = &[
    Row::media("mask.image_url", Origin::Is(User)),
    Row::denied("mask.file_id", STORED),
    Row::media("images[].image_url", Origin::Is(User)),
    Row::denied("images[].file_id", STORED),
];

const ASKED: &[Row] = &[
    Row::constrained("model", Form::Model).fact(Fact::Model),
    Row::guarded("prompt", Origin::Is(User)).fact(Fact::Opening),
    Row::guarded("negative_prompt", Origin::Is(User)),
    Row::guarded("safety_identifier", Origin::Is(User)).fact(Fact::EndUser(0)),
    Row::guarded("user", Origin::Is(User)).fact(Fact::EndUser(1)),
    Row::constrained("n", Form::Integer(1, 128)),
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
    Row::opaque_form("data[].b64_json", Form::Base64, PICTURE),
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

const EVENT_SAYS: &[Row] = &[
    Row::word("type").fact(Fact::Kind),
    Row::opaque_form("b64_json", Form::Base64, PICTURE),
    Row::media("url", Origin::Is(events::Provenance::Output)),
    Row::said("revised_prompt"),
    Row::number("created_at").fact(Fact::Created),
    Row::integer("partial_image_index"),
    Row::word("background"),
    Row::word("output_format"),
    Row::word("quality"),
    Row::word("size"),
    Row::number("usage.input_tokens").fact(Fact::InputTokens),
    Row::number("usage.output_tokens").fact(Fact::OutputTokens),
];
