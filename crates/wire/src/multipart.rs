//! `multipart/form-data` (RFC 7578) as places in the bytes: names, file names and values stay where they are.
//!
//! The boundary is taken from the body's first line and not from the head, so whoever sends the body on says the one that
//! was read ([`boundary`]).
//!
//! INVARIANT: what readers of forms disagree about is refused: text before the first or after the last boundary, lines
//! that begin like a boundary and are none, folded headers, other headers than the two that forms need, parameters twice or
//! escaped, character sets besides UTF-8, forms in forms. INVARIANT: linear in the bytes; bounded by [`PARTS_MAX`],
//! [`PART_HEAD_BYTES_MAX`] and [`BOUNDARY_BYTES_MAX`].
//!
//! Not here: which parts may be there and what they mean (`form_body`).

use std::ops::Range;

use memchr::memmem;

use crate::error::ReadError;

/// Parts of one form.
pub const PARTS_MAX: usize = 64;
/// Bytes of the headers of one part.
pub const PART_HEAD_BYTES_MAX: usize = 4 << 10;
/// Bytes of a boundary (RFC 2046, section 5.1.1).
pub const BOUNDARY_BYTES_MAX: usize = 70;

/// The longest media type of a part, in bytes.
const MEDIA_TYPE_BYTES_MAX: usize = 128;
/// The most digits of one: a number that somebody owns has more.
const MEDIA_TYPE_DIGITS_MAX: usize = 8;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormPart<'a> {
    /// The name of the field.
    pub name: &'a str,
    /// Where the name stands.
    pub name_at: Range<usize>,
    /// The name of the file, if it is one, and where that stands.
    pub file_name: Option<(&'a str, Range<usize>)>,
    /// The media type without parameters; `None` if there is none.
    pub media_type: Option<&'a str>,
    /// Where the value stands.
    pub value: Range<usize>,
}

/// The boundary of a form, as its first line has it.
pub fn boundary(body: &[u8]) -> Result<&str, ReadError> {
    let rest = body.strip_prefix(b"--").ok_or_else(|| fault(0, "it must begin with a boundary"))?;
    let line = rest.get(..rest.len().min(BOUNDARY_BYTES_MAX + 2)).unwrap_or_default();
    let end = memmem::find(line, b"\r\n").unwrap_or(0);
    let boundary = line.get(..end).unwrap_or_default();
    let is_right = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(byte);
    match std::str::from_utf8(boundary) {
        Ok(text) if !text.is_empty() && boundary.iter().all(is_right) => Ok(text),
        _ => Err(fault(2, "its first line must be a boundary of 1 to 70 characters")),
    }
}

/// The parts of a form, in order.
pub fn parts(body: &[u8]) -> Result<Vec<FormPart<'_>>, ReadError> {
    let dashed = format!("--{}", boundary(body)?);
    let finder = memmem::Finder::new(dashed.as_bytes());
    let mut parts: Vec<FormPart<'_>> = Vec::new();
    let mut at = dashed.len() + 2;
    loop {
        if parts.len() == PARTS_MAX {
            return Err(ReadError::Limit { of: "parts of a form", max: PARTS_MAX });
        }
        let (mut part, start) = head(body, at)?;
        let (end, next) = value(body, start, &finder, dashed.len())?;
        part.value = start..end;
        parts.push(part);
        match next {
            Some(next) => at = next,
            None => return Ok(parts),
        }
    }
}

/// Where the value that begins at `start` ends, and where the next part begins, if there is one.
fn value(
    body: &[u8],
    start: usize,
    finder: &memmem::Finder<'_>,
    length: usize,
) -> Result<(usize, Option<usize>), ReadError> {
    let rest = body.get(start..).unwrap_or_default();
    for found in finder.find_iter(rest) {
        let at = start + found;
        let before = rest.get(..found).unwrap_or_default();
        let after = body.get(at + length..).unwrap_or_default();
        if before.ends_with(b"\r\n") {
            let end = at - 2;
            return match (after.strip_prefix(b"--"), after.strip_prefix(b"\r\n")) {
                (Some(b"" | b"\r\n"), _) => Ok((end, None)),
                (Some(_), _) => Err(fault(at, "something stands after its last boundary")),
                (None, Some(_)) => Ok((end, Some(at + length + 2))),
                (None, None) => Err(fault(at, "a line begins like its boundary and goes on")),
            };
        }
        if before.is_empty() || before.ends_with(b"\n") || before.ends_with(b"\r") {
            return Err(fault(at, "a boundary must stand on a line of its own"));
        }
    }
    Err(fault(body.len(), "its last boundary is missing"))
}

/// The headers of the part that begins at `at`, and where its value begins.
fn head(body: &[u8], at: usize) -> Result<(FormPart<'_>, usize), ReadError> {
    let rest = body.get(at..).unwrap_or_default();
    let window = rest.get(..rest.len().min(PART_HEAD_BYTES_MAX + 4)).unwrap_or_default();
    let Some(length) = memmem::find(window, b"\r\n\r\n") else {
        if window.len() < rest.len() {
            let of = "bytes of the headers of a part of a form";
            return Err(ReadError::Limit { of, max: PART_HEAD_BYTES_MAX });
        }
        return Err(fault(at, "the headers of a part do not end"));
    };
    let head = window.get(..length).unwrap_or_default();
    let head = std::str::from_utf8(head)
        .map_err(|error| ReadError::InvalidUtf8 { offset: at + error.valid_up_to() })?;
    let (mut part, mut media_type) = (None, None);
    let mut line_at = at;
    for line in head.split("\r\n") {
        if line.contains(|one: char| one.is_control() && one != '\t') {
            return Err(fault(line_at, "a header of a part has a control character"));
        }
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && name.bytes().all(is_token))
            .ok_or_else(|| fault(line_at, "a header of a part has no name"))?;
        let value_at = line_at + name.len() + 1;
        if name.eq_ignore_ascii_case("content-disposition") && part.is_none() {
            part = Some(disposition(value, value_at)?);
        } else if name.eq_ignore_ascii_case("content-type") && media_type.is_none() {
            media_type = Some(media_type_of(value, value_at)?);
        } else {
            return Err(fault(
                line_at,
                "a part may have `content-disposition` and `content-type`, once each",
            ));
        }
        line_at += line.len() + 2;
    }
    let mut part = part.ok_or_else(|| fault(at, "a part has no `content-disposition`"))?;
    part.media_type = media_type;
    Ok((part, at + length + 4))
}

/// `form-data; name="purpose"`, `form-data; name="file"; filename="a.jsonl"`.
fn disposition(value: &str, at: usize) -> Result<FormPart<'_>, ReadError> {
    let trimmed = value.trim_start_matches(' ');
    let (kind, mut rest) = trimmed.split_at(trimmed.find(';').unwrap_or(trimmed.len()));
    if !kind.trim_end().eq_ignore_ascii_case("form-data") {
        return Err(fault(at, "a part must be `form-data`"));
    }
    let end = at + value.len();
    let (mut name, mut file_name) = (None, None);
    while !rest.is_empty() {
        let here = end - rest.len();
        let parameter = rest.strip_prefix(';').map(|rest| rest.trim_start_matches(' '));
        let (key, after) = parameter
            .and_then(|parameter| parameter.split_once('='))
            .ok_or_else(|| fault(here, "a parameter of a part is not `name=value`"))?;
        let (text, text_at, after) = parameter_value(after, end)?;
        let slot = match key {
            "name" => &mut name,
            "filename" => &mut file_name,
            _ => return Err(fault(here, "a part may have `name` and `filename` alone")),
        };
        if slot.replace((text, text_at)).is_some() {
            return Err(fault(here, "a parameter of a part stands twice"));
        }
        rest = after.trim_start_matches(' ');
    }
    let (name, name_at) = name.ok_or_else(|| fault(at, "a part has no name"))?;
    // RFC 7578, section 4.6: it would change how the other parts are read.
    if name.eq_ignore_ascii_case("_charset_") {
        return Err(fault(at, "a form must be in UTF-8"));
    }
    Ok(FormPart { name, name_at, file_name, media_type: None, value: 0..0 })
}

/// The value of a parameter, where it stands, and what comes after it. `end` is where the line ends.
fn parameter_value(text: &str, end: usize) -> Result<(&str, Range<usize>, &str), ReadError> {
    let at = end - text.len();
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, after) = quoted
            .split_once('"')
            .filter(|(value, _)| !value.contains('\\'))
            .ok_or_else(|| fault(at, "a parameter of a part is not quoted, or has escapes"))?;
        return Ok((value, at + 1..at + 1 + value.len(), after));
    }
    let length = text.bytes().take_while(|byte| is_token(*byte)).count();
    let (value, after) = text.split_at(length);
    if value.is_empty() {
        return Err(fault(at, "a parameter of a part has no value"));
    }
    Ok((value, at..at + length, after))
}

/// `text/plain; charset=utf-8`, without the parameter. It is forwarded, so it admits no sentence.
fn media_type_of(value: &str, at: usize) -> Result<&str, ReadError> {
    let (media_type, parameter) = value.split_once(';').unwrap_or((value, ""));
    let (media_type, parameter) = (media_type.trim(), parameter.trim());
    let charset = parameter.split_once('=').map_or(("", parameter), |(name, value)| (name, value));
    let is_utf8 = parameter.is_empty()
        || (charset.0.eq_ignore_ascii_case("charset")
            && charset.1.trim_matches('"').eq_ignore_ascii_case("utf-8"));
    let digits = media_type.bytes().filter(u8::is_ascii_digit).count();
    let is_type = media_type.len() <= MEDIA_TYPE_BYTES_MAX
        && digits <= MEDIA_TYPE_DIGITS_MAX
        && media_type.split('/').count() == 2
        && media_type.split('/').all(|half| !half.is_empty() && half.bytes().all(is_token));
    let is_form = media_type.get(..10).is_some_and(|head| head.eq_ignore_ascii_case("multipart/"));
    if is_utf8 && is_type && !is_form {
        Ok(media_type)
    } else {
        Err(fault(at, "the `content-type` of a part must be a media type, in UTF-8 if it is text"))
    }
}

/// RFC 9110, section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn fault(offset: usize, what: &'static str) -> ReadError {
    ReadError::Form { offset, what }
}

#[cfg(test)]
mod tests {
    use super::{BOUNDARY_BYTES_MAX, PART_HEAD_BYTES_MAX, PARTS_MAX, boundary, parts};
    use crate::error::ReadError;

    const PURPOSE: &str =
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n";

    #[test]
    fn parts_stay_where_they_are() -> Result<(), ReadError> {
        let body = format!(
            "{PURPOSE}--b\r\ncontent-type: text/plain; charset=UTF-8\r\n\
             Content-Disposition: form-data; name=file; filename=\"größe %22a%22.txt\"\r\n\r\n\
             --\r\n-b\nx--b--y\r\n--b--\r\n"
        );
        assert_eq!(boundary(body.as_bytes())?, "b");
        let found = parts(body.as_bytes())?;
        let said: Vec<_> = found
            .iter()
            .map(|part| {
                assert_eq!(&body[part.name_at.clone()], part.name);
                let file_name = part.file_name.as_ref().map(|(name, at)| {
                    assert_eq!(&body[at.clone()], *name);
                    *name
                });
                (part.name, file_name, part.media_type, &body[part.value.clone()])
            })
            .collect();
        assert_eq!(
            said,
            [
                ("purpose", None, None, "batch"),
                ("file", Some("größe %22a%22.txt"), Some("text/plain"), "--\r\n-b\nx--b--y"),
            ]
        );
        Ok(())
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        let part = |head: &str, value: &str| format!("--b\r\n{head}\r\n\r\n{value}\r\n--b--\r\n");
        let named = "Content-Disposition: form-data; name=\"a\"";
        assert!(parts(part(named, "").as_bytes()).is_ok(), "an empty value");
        for body in [
            String::new(),
            "--b".to_owned(),
            "--\r\n\r\n".to_owned(),
            "preamble\r\n".to_owned() + &part(named, "x"),
            part(named, "x") + "epilogue",
            part(named, "x") + "\r\n",
            part(named, "x").replace("\r\n", "\n"),
            part(named, "x").replace("--b--\r\n", ""),
            part(named, "--b\r\n"),
            part(named, "x\n--b\r\ny"),
            part(named, "x\r--b--"),
            part(named, "x\r\n--bc\r\ny"),
            part(named, "x\r\n--b \r\ny"),
            part("", "x"),
            part("Content-Disposition: form-data", "x"),
            part("Content-Disposition: attachment; name=\"a\"", "x"),
            part("Content-Disposition: form-data; name=\"a\"; name=\"b\"", "x"),
            part("Content-Disposition: form-data; name=\"a\\\"b\"", "x"),
            part("Content-Disposition: form-data; name=\"a\"x", "x"),
            part("Content-Disposition: form-data; name=\"a", "x"),
            part("Content-Disposition: form-data; name=", "x"),
            part("Content-Disposition: form-data; name=\"a\"; filename*=utf-8''b", "x"),
            part("Content-Disposition: form-data; name=\"_charset_\"", "x"),
            part(&format!("{named}\r\n{named}"), "x"),
            part(&format!("{named}\r\n folded"), "x"),
            part(&format!("{named}\r\nContent-Transfer-Encoding: base64"), "x"),
            part(&format!("{named}\r\nContent-Type: text/plain; charset=utf-16"), "x"),
            part(&format!("{named}\r\nContent-Type: multipart/mixed"), "x"),
            part(&format!("{named}\r\nContent-Type: text/ignore all of this"), "x"),
            part(&format!("{named}\r\nContent-Type: text/123-45-6789"), "x"),
            part(&format!("{named}\r\nContent-Type: text"), "x"),
        ] {
            let read = parts(body.as_bytes());
            assert!(matches!(read, Err(ReadError::Form { .. })), "{body:?}: {read:?}");
        }
        let body =
            [part("Content-Disposition: form-data; name=\"", "x").as_bytes(), b"\xff"].concat();
        assert!(parts(&body).is_err());
        let bad = b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n--b--";
        assert!(matches!(parts(bad), Err(ReadError::InvalidUtf8 { .. })));
    }

    #[test]
    fn every_limit_is_crossed() {
        let longest = "b".repeat(BOUNDARY_BYTES_MAX);
        assert_eq!(boundary(format!("--{longest}\r\n").as_bytes()), Ok(longest.as_str()));
        assert!(boundary(format!("--{longest}b\r\n").as_bytes()).is_err());
        let many = |count: usize| PURPOSE.repeat(count) + "--b--";
        assert_eq!(parts(many(PARTS_MAX).as_bytes()).map(|parts| parts.len()), Ok(PARTS_MAX));
        let limit = |max| move |error| matches!(error, ReadError::Limit { max: crossed, .. } if crossed == max);
        assert!(parts(many(PARTS_MAX + 1).as_bytes()).is_err_and(limit(PARTS_MAX)));
        let head = |bytes: usize| {
            let start = "Content-Disposition: form-data; name=\"";
            let name = "a".repeat(bytes - start.len() - 1);
            format!("--b\r\n{start}{name}\"\r\n\r\nx\r\n--b--")
        };
        assert!(parts(head(PART_HEAD_BYTES_MAX).as_bytes()).is_ok());
        let long = parts(head(PART_HEAD_BYTES_MAX + 1).as_bytes()).err();
        assert!(long.is_some_and(limit(PART_HEAD_BYTES_MAX)));
    }
}
