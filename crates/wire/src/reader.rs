//! stub
use crate::document::Document;
use crate::error::ReadError;
use crate::limits::{ReadLimits, UnknownFields};
use crate::route::Operation;

/// Reads a request's body. Operations asked with `GET` have an empty one.
pub fn read_request<'a>(
    operation: Operation,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let _ = (operation, bytes, unknown, limits);
    Err(ReadError::WrongBody { expected: "a JSON object" })
}

/// Reads a whole answer, or an error in its place ([`crate::Facts::error`]).
pub fn read_response<'a>(
    operation: Operation,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    let _ = (operation, bytes, unknown, limits);
    Err(ReadError::WrongBody { expected: "a JSON object" })
}
