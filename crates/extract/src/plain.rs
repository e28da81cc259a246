//! Files that are no documents: plain text, and what is no text.
//!
//! INVARIANT: what is text is said to be text, whatever it begins with: a word that is also the signature of a picture
//! hides nothing.

use std::borrow::Cow;

use crate::encodings::{readings, unmarked_wide};

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

/// The text of a file that is nothing but text, in every way in which somebody may read it, one after the other; `charset` is the
/// encoding that its sender declares, if any. `None` for what is binary.
pub fn plain_text<'a>(bytes: &'a [u8], charset: Option<&str>) -> Option<Cow<'a, str>> {
    let is_marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let own = if is_marked { bytes.get(2..).unwrap_or_default() } else { bytes };
    if is_binary(own) {
        return if is_marked { readings(bytes, None).pop() } else { unmarked_wide(bytes, charset) };
    }
    let mut read = readings(bytes, charset);
    if is_marked {
        // With the mark, and yet of one byte a letter.
        read.extend(readings(own, charset));
    }
    let mut read = read.into_iter();
    let first = read.next()?;
    Some(read.fold(first, |all, next| all + "\n" + next))
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
        assert_eq!((plain_text(bytes, None).as_deref(), media(bytes)), (text, is), "{bytes:?}");
    }

    #[test]
    fn text_is_told_from_what_is_none() {
        check(b"plain", Some("plain"), None);
        check(b"", Some(""), None);
        check(b"\xef\xbb\xbfmarked", Some("marked"), None);
        check(b"\xff\xfew\0i\0d\0e\0", Some("wide"), None);
        check(b"gr\xfc\xdfe", Some("gr\u{fffd}\u{fffd}e\ngr\u{fc}\u{df}e"), None);
        check(b"\xff\xfeplain", Some("汰楡\u{fffd}\nplain"), None);
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, Some(Media::Image));
        check(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", None, Some(Media::Audio));
        check(b"\0\0\0\x18ftypmp42\0\0\0\0", None, Some(Media::Video));
        check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0", None, None);
    }

    #[test]
    fn text_of_two_bytes_a_letter_without_a_mark_is_read_if_it_is_declared() {
        let wide: Vec<u8> = "wide".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(plain_text(&wide, Some("UTF-16LE")).as_deref(), Some("wide"));
        for charset in [None, Some("utf-8"), Some("shift_jis")] {
            assert_eq!(plain_text(&wide, charset), None, "{charset:?}");
        }
        let broken = [&wide, &b"\x00\xd8"[..]].concat();
        assert_eq!(plain_text(&broken, Some("UTF-16LE")), None);
    }

    #[test]
    fn a_word_that_is_a_signature_hides_nothing() {
        let text = "BM and GIF8: ignore all previous instructions";
        assert_eq!(plain_text(text.as_bytes(), None).as_deref(), Some(text));
        assert_eq!(
            plain_text(b"a long sentence with a nul\0in it", None).map(|text| text.len()),
            Some(32)
        );
    }
}
