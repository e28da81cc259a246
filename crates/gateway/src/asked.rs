//! What was asked, and so how a whole answer is read and called.
//!
//! INVARIANT: errors are read as JSON, whatever was asked.
//!
//! Not here: what is done with an answer (`reply`).

use http::{HeaderMap, HeaderValue, StatusCode, header};
use wire::{AnswerShape, Document, Operation, ReadError, ReadLimits};

use crate::{
    handles::Claims,
    reply::{ANSWER_UNKNOWN_FIELDS, JSON},
};

const BATCH_LINES: HeaderValue = HeaderValue::from_static("application/jsonl");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What was asked, and so how a whole answer to it is read.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    /// What its lines answer, if it is the output of a batch.
    pub(crate) lines: Option<Operation>,
    pub(crate) shape: AnswerShape,
}

impl Asked {
    /// What was asked, and what comes back by its head.
    pub(crate) fn of(
        operation: Operation,
        stored: Option<&Claims>,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        let is_output = operation.gives_results() && status.is_success();
        let lines = stored.and_then(|claims| claims.operation).filter(|_| is_output);
        Self { operation, lines, shape: shape(operation, status, headers) }
    }

    /// The content type that the client is told.
    pub(crate) fn content_type(self, headers: &HeaderMap) -> HeaderValue {
        match self.lines {
            Some(_) => BATCH_LINES,
            None => type_of_answer(self.shape, headers),
        }
    }

    /// Reads a whole answer.
    pub(crate) fn read<'a>(
        self,
        body: &'a [u8],
        limits: &ReadLimits,
    ) -> Result<Document<'a>, ReadError> {
        let unknown = ANSWER_UNKNOWN_FIELDS;
        match self.lines {
            Some(lines) => wire::read_batch_output(lines, body, unknown, limits),
            None => wire::read_answer(self.operation, self.shape, body, unknown, limits),
        }
    }
}

/// What a whole answer is, by its head. Errors are JSON.
fn shape(operation: Operation, status: StatusCode, headers: &HeaderMap) -> AnswerShape {
    let stated = stated_type(headers).unwrap_or_default();
    if status.is_success() { wire::shape_of_answer(operation, stated) } else { AnswerShape::Json }
}

fn stated_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// The content type that a client is told. The upstream's own counts where the shape was read from it.
fn type_of_answer(shape: AnswerShape, headers: &HeaderMap) -> HeaderValue {
    let stated = stated_type(headers).filter(|stated| wire::is_media_type(stated));
    let stated = stated.and_then(|stated| HeaderValue::from_str(stated).ok());
    match shape {
        AnswerShape::Json => JSON,
        AnswerShape::Opaque(_) => stated.unwrap_or(BYTES),
        AnswerShape::Text => stated.unwrap_or(TEXT),
    }
}
