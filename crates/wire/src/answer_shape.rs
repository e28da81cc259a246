//! What the body of an answer is, and reading it as that.
//!
//! INVARIANT: what is not known for something else is read as JSON.
//!
//! Not here: how JSON is read (`reader`).

use crate::document::Document;
use crate::error::ReadError;
use crate::limits::{ReadLimits, UnknownFields};
use crate::reader::{read_response, text_of};
use crate::route::Operation;

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnswerShape {
    /// A document of JSON.
    Json,
    /// What no guard can read; why, for the record.
    Opaque(&'static str),
    /// One text, as it stands.
    Text,
}

/// Types of answers that are text: a transcript, or subtitles.
const TEXT_TYPES: [&str; 5] =
    ["text/plain", "text/vtt", "text/srt", "application/x-subrip", "application/srt"];

/// What the body of a good answer is, by its content type. What is not known for something else is read as JSON.
pub fn shape_of_answer(operation: Operation, content_type: &str) -> AnswerShape {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match operation {
        Operation::AudioTranscriptions | Operation::AudioTranslations
            if TEXT_TYPES.contains(&kind.as_str()) =>
        {
            AnswerShape::Text
        }
        Operation::AudioSpeech
            if kind.starts_with("audio/") || kind == "application/octet-stream" =>
        {
            AnswerShape::Opaque("opaque: audio that says the input")
        }
        _ => AnswerShape::Json,
    }
}

/// Reads a whole answer of this shape.
pub fn read_answer<'a>(
    operation: Operation,
    shape: AnswerShape,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    match shape {
        AnswerShape::Json => read_response(operation, bytes, unknown, limits),
        AnswerShape::Text => Ok(Document::of_text(text_of(bytes, limits)?)),
        AnswerShape::Opaque(why) => Ok(Document::of_opaque(why)),
    }
}
