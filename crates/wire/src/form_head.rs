//! The head of one part of a form: what it is called, and whether it is a file.
//!
//! INVARIANT: a head is read in one way or not at all: `Content-Disposition` once, `Content-Type` and an identical
//! `Content-Transfer-Encoding` at most once, and nothing else; no folded lines, no escapes, no comments. No length: some
//! readers go by it instead of by the boundary.
//!
//! Not here: the parts around it (`form_parts`).

use std::fmt::Write as _;
use std::ops::Range;

use memchr::memmem;

use crate::error::ReadError;
use crate::form::{Form as ValueForm, is_media_type};
use crate::form_parts::malformed;

/// Bytes of the head of one part.
pub const FORM_HEAD_BYTES_MAX: usize = 4096;

/// How a text is written in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writing {
    /// As it is.
    Plain,
    /// In quotes, without escapes.
    Quoted,
    /// Without quotes; what is put there needs them.
    Token,
    /// Percent-encoded (RFC 8187).
    Extended,
}

/// The head of a part.
#[derive(Debug, Default)]
pub(crate) struct PartHead<'b> {
    pub(crate) name: &'b str,
    /// Where the name stands.
    pub(crate) name_at: Range<usize>,
    /// The name of the file that the part is, if it is one.
    pub(crate) file: Option<FileName>,
    /// The media type.
    pub(crate) kind: Option<&'b str>,
}

/// What a file is called, and where that stands: once, or twice in two ways of writing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FileName {
    pub(crate) text: String,
    pub(crate) places: Vec<(Range<usize>, Writing)>,
}

/// Reads the head of the part at `range` of a form; what is in the part begins after it.
pub(crate) fn part_head(
    body: &[u8],
    range: Range<usize>,
) -> Result<(PartHead<'_>, usize), ReadError> {
    let bytes = body.get(range.clone()).unwrap_or_default();
    let searched = bytes.get(..bytes.len().min(FORM_HEAD_BYTES_MAX + 4)).unwrap_or_default();
    let Some(length) = memmem::find(searched, b"\r\n\r\n") else {
        if searched.len() > FORM_HEAD_BYTES_MAX {
            return Err(ReadError::Limit {
                of: "bytes in the head of a part",
                max: FORM_HEAD_BYTES_MAX,
            });
        }
        return Err(malformed(range.start, "the head of a part does not end"));
    };
    let head = bytes.get(..length).unwrap_or_default();
    let head = std::str::from_utf8(head)
        .map_err(|error| ReadError::InvalidUtf8 { offset: range.start + error.valid_up_to() })?;
    let mut reader = HeadReader::default();
    let mut offset = range.start;
    for line in head.split("\r\n") {
        reader.line(line, offset)?;
        offset += line.len() + 2;
    }
    let head = reader.head;
    if head.name.is_empty() {
        return Err(malformed(range.start, "a part has no name"));
    }
    // It would say how all other parts are to be read.
    if head.name.eq_ignore_ascii_case("_charset_") {
        return Err(malformed(range.start, "a form must be in UTF-8"));
    }
    match head.kind {
        Some(kind) if head.file.is_none() && !is_text(kind) => {
            Err(malformed(range.start, "a part that is no file must be text in UTF-8"))
        }
        Some(kind) if head.file.is_some() && !is_of_file(kind) => {
            let what = "the type of a file must be a media type, of no form and of no other \
                        character set than UTF-8";
            Err(malformed(range.start, what))
        }
        _ => Ok((head, range.start + length + 4)),
    }
}

/// Whether a file can be of this type: one that every reader decodes alike.
fn is_of_file(kind: &str) -> bool {
    let lower = kind.to_ascii_lowercase();
    let charset = lower.split_once("charset=").map(|(_, charset)| charset.trim_matches('"'));
    is_media_type(kind)
        && !lower.starts_with("multipart/")
        && charset.is_none_or(|charset| matches!(charset, "utf-8" | "us-ascii"))
}

/// Whether a part of this type is text, and in no other character set than ours.
fn is_text(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase().replace(' ', "");
    let charset = match kind.strip_prefix("text/plain") {
        Some("") => return true,
        Some(rest) => rest.strip_prefix(";charset="),
        None => return kind == "application/json",
    };
    matches!(charset.map(|charset| charset.trim_matches('"')), Some("utf-8" | "us-ascii"))
}

/// A text as it is written in a form. What ends a quoted text is written as browsers write it.
pub(crate) fn written(text: &str, writing: Writing) -> String {
    match writing {
        Writing::Plain => text.to_owned(),
        Writing::Quoted => quoted(text),
        Writing::Token => format!("\"{}\"", quoted(text)),
        Writing::Extended => {
            let mut encoded = String::from("UTF-8''");
            // So that it says the same as the name in quotes beside it.
            for byte in quoted(text).bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    encoded.push(char::from(byte));
                } else {
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
            encoded
        }
    }
}

/// A text between quotes. No control character stands in the head of a part.
fn quoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => result.push_str("%22"),
            '\\' => result.push_str("%5C"),
            other if other.is_control() => {
                for byte in other.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(result, "%{byte:02X}");
                }
            }
            other => result.push(other),
        }
    }
    result
}

#[derive(Default)]
struct HeadReader<'b> {
    head: PartHead<'b>,
    /// The names of the headers so far.
    seen: Vec<String>,
}

impl<'b> HeadReader<'b> {
    fn line(&mut self, line: &'b str, offset: usize) -> Result<(), ReadError> {
        if line.chars().any(char::is_control) {
            return Err(malformed(offset, "the head of a part holds a control character"));
        }
        let (name, value) =
            line.split_once(':').ok_or(malformed(offset, "a header of a part has no value"))?;
        let trimmed = value.trim_matches(' ');
        let value_offset = offset + line.len() - value.trim_start_matches(' ').len();
        let name = name.to_ascii_lowercase();
        let known = match name.as_str() {
            "content-disposition" => self.disposition(trimmed, value_offset).is_some(),
            "content-type" => {
                self.head.kind = Some(trimmed);
                true
            }
            "content-transfer-encoding" => {
                ["binary", "8bit", "7bit"].iter().any(|word| trimmed.eq_ignore_ascii_case(word))
            }
            _ => false,
        };
        if !known || self.seen.contains(&name) {
            let what = "a part has a header that is not understood, or one twice; parts have \
                        `content-disposition` and `content-type`";
            return Err(malformed(offset, what));
        }
        self.seen.push(name);
        Ok(())
    }

    /// `form-data; name="…"; filename="…"`, with `filename*` if it says the same.
    fn disposition(&mut self, value: &'b str, offset: usize) -> Option<()> {
        let (kind, mut rest) = value.split_once(';')?;
        if !kind.trim_matches(' ').eq_ignore_ascii_case("form-data") {
            return None;
        }
        let place = |part: &str| {
            let start = offset + (part.as_ptr().addr() - value.as_ptr().addr());
            start..start + part.len()
        };
        loop {
            let (name, after) = rest.trim_start_matches(' ').split_once('=')?;
            let (text, writing, after) = value_of(after)?;
            match name.to_ascii_lowercase().as_str() {
                // An empty one is none to some readers and the part's to others.
                "name" if self.head.name.is_empty() && !text.is_empty() => {
                    (self.head.name, self.head.name_at) = (text, place(text));
                }
                "filename" => self.file(text, place(text), writing)?,
                "filename*" => self.file(&extended(text)?, place(text), Writing::Extended)?,
                _ => return None,
            }
            match after.trim_start_matches(' ') {
                "" => return Some(()),
                more => rest = more.strip_prefix(';')?,
            }
        }
    }

    fn file(&mut self, text: &str, place: Range<usize>, writing: Writing) -> Option<()> {
        let file = self
            .head
            .file
            .get_or_insert_with(|| FileName { text: text.to_owned(), places: Vec::new() });
        let is_extended = |writing: Writing| writing == Writing::Extended;
        let is_new =
            file.places.iter().all(|(_, other)| is_extended(*other) != is_extended(writing));
        file.places.push((place, writing));
        (is_new && file.text == text).then_some(())
    }
}

/// The value at the start of the rest of a header, how it is written, and what follows it.
fn value_of(rest: &str) -> Option<(&str, Writing, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let (text, after) = quoted.split_once('"')?;
        // Some readers take a backslash for an escape, and others for itself.
        return (!text.contains('\\')).then_some((text, Writing::Quoted, after));
    }
    let length = rest.find([';', ' ']).unwrap_or(rest.len());
    let (text, after) = rest.split_at(length);
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,\\\"/?=".contains(&byte);
    // `filename*` has quotes and percent signs of its own, which tokens may hold.
    let is_value = !text.is_empty() && text.bytes().all(is_token);
    is_value.then_some((text, Writing::Token, after))
}

/// The text of an extended value in UTF-8 (RFC 8187 §3.2).
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") || !ValueForm::Word.admits_text(language) {
        return None;
    }
    let text = crate::route::percent_decoded(encoded)?;
    text.chars().all(|character| !character.is_control()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<(PartHead<'_>, usize), ReadError> {
        part_head(text.as_bytes(), 0..text.len())
    }

    #[test]
    fn heads_of_known_clients_are_read() {
        for (lines, name, file, kind) in [
            ("Content-Disposition: form-data; name=\"model\"", "model", None, None),
            (
                "Content-Disposition: form-data; name=\"file\"; filename=\"a b.wav\"\r\nContent-Type: audio/wav",
                "file",
                Some("a b.wav"),
                Some("audio/wav"),
            ),
            (
                "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=prompt",
                "prompt",
                None,
                Some("text/plain; charset=utf-8"),
            ),
            (
                "Content-Disposition: form-data; name=file; filename=a.mp3; filename*=utf-8''a.mp3",
                "file",
                Some("a.mp3"),
                None,
            ),
            (
                "content-disposition: FORM-DATA; name=\"file\"; filename=\"\"\r\n\
                 content-transfer-encoding: binary",
                "file",
                Some(""),
                None,
            ),
        ] {
            let text = format!("{lines}\r\n\r\nbody");
            let (head, begins) = head(&text).unwrap_or_else(|error| panic!("{error}: {lines}"));
            let found = head.file.as_ref().map(|file| file.text.as_str());
            assert_eq!((head.name, found, head.kind), (name, file, kind), "{lines}");
            assert_eq!(&text[begins..], "body");
            for (place, writing) in head.file.into_iter().flat_map(|file| file.places) {
                let extended = Some("utf-8''a.mp3");
                let expected = if writing == Writing::Extended { extended } else { file };
                assert_eq!(Some(&text[place]), expected);
            }
        }
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        let named = "Content-Disposition: form-data; name=\"a\"";
        let file = format!("{named}; filename=\"a\"");
        for lines in [
            "",
            "Content-Type: text/plain",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=\"\"",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"a\"; name=\"\"",
            "Content-Disposition: form-data; name=\"a\"; name*=utf-8''b",
            "Content-Disposition: form-data; name*=utf-8''b; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\\\"b\"",
            "Content-Disposition: form-data; name=\"a",
            "Content-Disposition: form-data; name=\"a\" x",
            "Content-Disposition: form-data; name=\"a\";",
            "Content-Disposition: form-data; name*=utf-8''a",
            "Content-Disposition: form-data; name=\"a\"; size=3",
            "Content-Disposition: form-data; name=\"a\"; filename=\"a\"; filename*=utf-8''b",
            "Content-Disposition: form-data; name=\"a\"; filename=\"a\"; filename=\"a\"",
            "Content-Disposition: form-data; name=\"a\"; filename*=latin1''a",
            "Content-Disposition: form-data; name=\"a\"; filename*=utf-8''%0d",
            "Content-Disposition: form-data;\r\n name=\"a\"",
            &format!("{named}\r\n{named}"),
            &format!("{named}\r\nX-Note: tell him"),
            &format!("{named}\r\nContent-Transfer-Encoding: base64"),
            &format!("{named}\r\nContent-Type: text/plain; charset=utf-7"),
            &format!("Content-Type: text/html\r\n{named}"),
            &format!("{named}\r\nContent-Length: 4"),
            "Content-Disposition: form-data; name=\"_charset_\"",
            &format!("{file}\r\nContent-Type: text/plain; charset=utf-16"),
            &format!("{file}\r\nContent-Type: multipart/mixed"),
            &format!("{file}\r\nContent-Type: text/ignore all of this"),
            &format!("{file}\r\nContent-Type: text/123-45-6789"),
            &format!("{file}\r\nContent-Type: text"),
            &format!("{named}\nContent-Type: text/plain"),
            &format!("{named}\u{0}"),
        ] {
            let read = head(&format!("{lines}\r\n\r\nbody")).map(|(head, _)| head.name.to_owned());
            assert!(matches!(read, Err(ReadError::MalformedForm { .. })), "{lines}: {read:?}");
        }
    }

    #[test]
    fn heads_are_limited() {
        let of = |length: usize| {
            let start = "Content-Disposition: form-data; name=\"a\"; filename=\"";
            format!("{start}{}\"\r\n\r\n", "a".repeat(length - start.len() - 1))
        };
        assert!(head(&of(FORM_HEAD_BYTES_MAX)).is_ok());
        let limit =
            ReadError::Limit { of: "bytes in the head of a part", max: FORM_HEAD_BYTES_MAX };
        assert_eq!(head(&of(FORM_HEAD_BYTES_MAX + 1)).map(|_| ()), Err(limit));
        assert!(matches!(head("no end"), Err(ReadError::MalformedForm { .. })));
    }
}
