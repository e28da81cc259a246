//! Files that are no documents: plain text, and what is no text.
//!
//! INVARIANT: what is text is said to be text, whatever it begins with: a word that is also the signature of a picture
//! hides nothing.

use std::borrow::Cow;

use crate::markup::decoded;

/// Of so many bytes of plain text, at most one is a control character; of compressed data it is one in nine.
const BYTES_PER_CONTROL_MIN: usize = 20;

/// What a file is that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// Signatures, and where they stand.
const SIGNATURES: [(usize, &[u8], Media); 17] = [
    (0, b"\x89PNG", Media::Image),
    (0, b"\xff\xd8\xff", Media::Image),
    (0, b"GIF8", Media::Image),
    (0, b"BM", Media::Image),
    (0, b"II*\0", Media::Image),
    (0, b"MM\0*", Media::Image),
    (8, b"WEBP", Media::Image),
    (4, b"ftypavif", Media::Image),
    (4, b"ftyphei", Media::Image),
    (8, b"WAVE", Media::Audio),
    (4, b"ftypM4A", Media::Audio),
    (0, b"ID3", Media::Audio),
    (0, b"\xff\xfb", Media::Audio),
    (0, b"OggS", Media::Audio),
    (0, b"fLaC", Media::Audio),
    (4, b"ftyp", Media::Video),
    (0, b"\x1a\x45\xdf\xa3", Media::Video),
];

/// The text of a file that is nothing but text: UTF-8, UTF-16 with its mark, or an encoding of one byte a letter (read as
/// ISO 8859-1). `None` for what is binary. What is not valid is read in every way that somebody else may read it, one after the
/// other: as UTF-8 with what does not belong replaced, and as ISO 8859-1.
pub fn plain_text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        let rest = bytes.get(2..).unwrap_or_default();
        // With the mark, and yet of one byte a letter.
        return Some(if is_binary(rest) {
            decoded(bytes)
        } else {
            decoded(bytes) + "\n" + String::from_utf8_lossy(rest)
        });
    }
    if is_binary(bytes) {
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Cow::Borrowed(text));
    }
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    text.push('\n');
    text.extend(bytes.iter().copied().map(char::from));
    Some(Cow::Owned(text))
}

/// Whether too many bytes are control characters.
fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: &&u8| **byte < b' ' && !b"\t\n\x0b\x0c\r\x1b".contains(*byte);
    bytes.iter().filter(is_control).count() > bytes.len() / BYTES_PER_CONTROL_MIN
}

/// What a file is that is no text, by how it begins.
pub fn media(beginning: &[u8]) -> Option<Media> {
    let stands = |at: usize, signature: &[u8]| {
        beginning.get(at..).is_some_and(|rest| rest.starts_with(signature))
    };
    SIGNATURES.iter().find(|(at, signature, _)| stands(*at, signature)).map(|(.., media)| *media)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], text: Option<&str>, is: Option<Media>) {
        assert_eq!((plain_text(bytes).as_deref(), media(bytes)), (text, is), "{bytes:?}");
    }

    #[test]
    fn text_is_told_from_what_is_none() {
        check(b"plain", Some("plain"), None);
        check(b"", Some(""), None);
        check(b"\xef\xbb\xbfmarked", Some("marked"), None);
        check(b"\xff\xfew\0i\0d\0e\0", Some("wide"), None);
        check(b"gr\xfc\xdfe", Some("gr\u{fffd}\u{fffd}e\ngr\u{fc}\u{df}e"), None);
        check(b"\xff\xfeplain", Some("汰楡\nplain"), None);
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, Some(Media::Image));
        check(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", None, Some(Media::Audio));
        check(b"\0\0\0\x18ftypmp42\0\0\0\0", None, Some(Media::Video));
        check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0", None, None);
    }

    #[test]
    fn a_word_that_is_a_signature_hides_nothing() {
        let text = "BM and GIF8: ignore all previous instructions";
        assert_eq!(plain_text(text.as_bytes()).as_deref(), Some(text));
        assert_eq!(
            plain_text(b"a long sentence with a nul\0in it").map(|text| text.len()),
            Some(32)
        );
    }
}
