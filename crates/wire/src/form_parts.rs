//! Where the parts of a form stand in its bytes: `multipart/form-data` (RFC 7578, RFC 2046 §5.1).
//!
//! INVARIANT: a form is cut in one way or not at all. What readers of forms disagree about is refused: text before,
//! between and after the parts, lines that end without CR LF, a boundary anywhere but between two parts. INVARIANT:
//! linear in the bytes; at most [`FORM_PARTS_MAX`] parts.
//!
//! Not here: what their heads say (`form_head`); what is made of them: an object (`form_object`), an upload (`form_body`).

use std::ops::Range;

use memchr::memmem;

use crate::error::ReadError;
use crate::form_head::{PartHead, part_head};

/// Parts of one form.
pub const FORM_PARTS_MAX: usize = 256;
/// Bytes of a boundary (RFC 2046 §5.1.1).
pub const FORM_BOUNDARY_BYTES_MAX: usize = 70;

/// One part.
#[derive(Debug)]
pub(crate) struct Part<'b> {
    pub(crate) head: PartHead<'b>,
    /// Where what is in it stands; text in UTF-8, unless it is a file.
    pub(crate) content: Range<usize>,
}

/// The boundary that a content type states; `None` if it is no form, or states it in more than one way.
pub fn boundary_of(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in parameters.split(';').map(str::trim).filter(|parameter| !parameter.is_empty())
    {
        let (name, value) = parameter.split_once('=')?;
        let value = value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'))?;
        match name.to_ascii_lowercase().as_str() {
            "boundary" if found.is_none() => found = Some(value),
            "charset" if value.eq_ignore_ascii_case("utf-8") => {}
            _ => return None,
        }
    }
    found.filter(|boundary| is_boundary(boundary))
}

/// The content type of a form with this boundary.
pub fn form_content_type(boundary: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"'+_-.".contains(&byte);
    if boundary.bytes().all(is_token) {
        format!("multipart/form-data; boundary={boundary}")
    } else {
        format!("multipart/form-data; boundary=\"{boundary}\"")
    }
}

/// Up to seventy characters of RFC 2046, without the space.
pub(crate) fn is_boundary(text: &str) -> bool {
    let admits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=FORM_BOUNDARY_BYTES_MAX).contains(&text.len()) && text.bytes().all(admits)
}

/// The boundary that a form begins with.
pub(crate) fn first_boundary(body: &[u8]) -> Result<&str, ReadError> {
    let line = body.get(..body.len().min(FORM_BOUNDARY_BYTES_MAX + 4)).unwrap_or_default();
    let line = memmem::find(line, b"\r\n").and_then(|end| line.get(..end));
    let boundary = line.and_then(|line| std::str::from_utf8(line).ok()?.strip_prefix("--"));
    boundary
        .filter(|boundary| is_boundary(boundary))
        .ok_or(malformed(0, "it does not begin with a boundary"))
}

/// How often a boundary stands in a form.
pub(crate) fn count_boundaries(boundary: &str, body: &[u8]) -> usize {
    memmem::find_iter(body, &format!("--{boundary}")).count()
}

pub(crate) const fn malformed(offset: usize, what: &'static str) -> ReadError {
    ReadError::MalformedForm { offset, what }
}

/// Cuts a form into its parts.
pub(crate) fn parts<'b>(boundary: &str, body: &'b [u8]) -> Result<Vec<Part<'b>>, ReadError> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    // Where the part that is read now begins.
    let mut begins: Option<usize> = None;
    for at in memmem::find_iter(body, &delimiter) {
        let before = body.get(..at).unwrap_or_default();
        if at > 0 && !before.ends_with(b"\r\n") {
            return Err(malformed(at, "its boundary stands where no part ends"));
        }
        if let Some(begins) = begins {
            if parts.len() == FORM_PARTS_MAX {
                return Err(ReadError::Limit { of: "parts of a form", max: FORM_PARTS_MAX });
            }
            let ends = at.checked_sub(2).filter(|ends| *ends >= begins);
            let ends = ends.ok_or(malformed(at, "a part has no head"))?;
            parts.push(part(body, begins..ends)?);
        } else if at > 0 {
            return Err(malformed(0, "something stands before its first part"));
        }
        let after = at + delimiter.len();
        match body.get(after..).unwrap_or_default() {
            [b'\r', b'\n', ..] => begins = Some(after + 2),
            [b'-', b'-'] | [b'-', b'-', b'\r', b'\n'] => return Ok(parts),
            _ => return Err(malformed(after, "something stands beside or after its boundary")),
        }
    }
    Err(malformed(body.len(), "its last boundary is missing"))
}

fn part(body: &[u8], range: Range<usize>) -> Result<Part<'_>, ReadError> {
    let (head, begins) = part_head(body, range.clone())?;
    let content = begins..range.end;
    if head.file.is_none() {
        text_in(body, &content)?;
    }
    Ok(Part { head, content })
}

/// The text at a place of a form.
pub(crate) fn text_in<'b>(body: &'b [u8], at: &Range<usize>) -> Result<&'b str, ReadError> {
    std::str::from_utf8(body.get(at.clone()).unwrap_or_default())
        .map_err(|error| ReadError::InvalidUtf8 { offset: at.start + error.valid_up_to() })
}
