//! Documents to text: what a model would be shown of a PDF, Office or HTML file, hidden text included.
//!
//! [`sniff`] and [`recognise`] say what a file is by its content; [`extract`] gives its text, which part of the text came from
//! where, and what could not be read. Hidden text (invisible or white letters, hidden sheets, comments, notes,
//! metadata) is text like any other and marked: it is how orders to a model travel.
//!
//! INVARIANT: pure, and no panic on any bytes. INVARIANT: work and memory are bounded by the limits below, whatever
//! the file claims about itself. INVARIANT: what was not read is said in [`Extracted::unread`]; a damaged,
//! encrypted or endless file is a result and not an error.
//!
//! [`plain_text`] is the text of a file that is no document, [`media`] what it is if it is no text either.
//!
//! Not here: images, sound, fonts (they are listed as unread), what the text means (`detect`).

mod encodings;
mod html;
mod markup;
mod office;
mod pdf;
mod plain;
mod sink;
mod zip;

pub use plain::{Media, media, plain_text};
pub use sink::{Extracted, PARTS_MAX, Part, TEXT_BYTES_MAX, UNREAD_MAX};
pub use zip::{ENTRIES_MAX, INFLATED_BYTES_MAX};

use sink::Sink;

/// The longest file that is read, in bytes; callers refuse what is longer.
pub const FILE_BYTES_MAX: usize = 32 << 20;
/// How many bytes at the beginning of a file say what it is.
pub const SNIFF_BYTES: usize = 1024;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Document Format (ISO 32000).
    Pdf,
    /// Office Open XML: docx, xlsx, pptx (ECMA-376), in its zip container.
    Office,
    /// HTML.
    Html,
}

impl Format {
    /// The name people know.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Office => "Office",
            Self::Html => "HTML",
        }
    }
}

/// What a file is, by its first [`SNIFF_BYTES`]; `None` for plain text and for what is not read here.
pub fn sniff(beginning: &[u8]) -> Option<Format> {
    let beginning = beginning.get(..SNIFF_BYTES).unwrap_or(beginning);
    // Readers accept anything before the header, within the first 1,024 bytes.
    if memchr::memmem::find(beginning, b"%PDF-").is_some() {
        return Some(Format::Pdf);
    }
    if beginning.starts_with(b"PK\x03\x04") || beginning.starts_with(b"PK\x05\x06") {
        return Some(Format::Office);
    }
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let begins = |prefix: &[u8]| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let is_html =
        begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") || begins(b"<body");
    is_html.then_some(Format::Html)
}

/// Everything that a whole file may be to some reader: there may be anything before a PDF or a zip archive, and one file
/// may be several things.
pub fn recognise(bytes: &[u8]) -> Vec<Format> {
    let mut formats = Vec::from_iter(sniff(bytes));
    let has = |words: &[u8]| memchr::memmem::find(bytes, words).is_some();
    if !formats.contains(&Format::Pdf) && has(b"%PDF-") && has(b"endobj") {
        formats.push(Format::Pdf);
    }
    if !formats.contains(&Format::Office) && zip::has_end(bytes) {
        formats.push(Format::Office);
    }
    formats
}

/// The text of a file.
pub fn extract(bytes: &[u8], format: Format) -> Extracted {
    let mut sink = Sink::default();
    let (bytes, is_cut) =
        bytes.get(..FILE_BYTES_MAX).map_or((bytes, false), |most| (most, most.len() < bytes.len()));
    if is_cut {
        sink.limit("the rest of the file", "file_bytes_max");
    }
    match format {
        Format::Pdf => pdf::read(bytes, &mut sink),
        Format::Office => office::read(bytes, &mut sink),
        Format::Html => {
            for page in encodings::readings(bytes, None) {
                html::read(&page, &mut sink);
            }
        }
    }
    sink.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_told_by_their_content() {
        for (beginning, format) in [
            (&b"junk\n%PDF-1.7"[..], Some(Format::Pdf)),
            (b"PK\x03\x04", Some(Format::Office)),
            (b"\xef\xbb\xbf\n <!DOCTYPE html>", Some(Format::Html)),
            (b"<html>", Some(Format::Html)),
            (b"plain text with <b>tags</b>", None),
            (b"", None),
        ] {
            assert_eq!(sniff(beginning), format, "{beginning:?}");
        }
    }

    #[test]
    fn a_file_may_be_several_things() {
        let (pdf, office) = (testkit::pdf(&["BT (words) Tj ET"], ""), testkit::docx("words"));
        assert_eq!(recognise(&[pdf.as_slice(), &office].concat()), [Format::Pdf, Format::Office]);
        assert_eq!(recognise(&[office.as_slice(), &pdf].concat()), [Format::Pdf, Format::Office]);
        let late = [vec![b'x'; 2 * SNIFF_BYTES], pdf].concat();
        assert_eq!((sniff(&late), recognise(&late)), (None, vec![Format::Pdf]));
        assert_eq!(recognise(b"%PDF-1.7 is how they begin"), [Format::Pdf]);
        assert_eq!(recognise(b"plain"), []);
    }

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let mut page = b"<html>begins ".to_vec();
        page.resize(FILE_BYTES_MAX + 1, b' ');
        let extracted = extract(&page, Format::Html);
        assert!(extracted.unread.iter().any(|unread| unread.contains("file_bytes_max")));
        assert!(extracted.unread.iter().any(|unread| unread.contains("text_bytes_max")));
        assert!(extracted.text.len() <= TEXT_BYTES_MAX && extracted.is_cut);
        assert!(extracted.reasons.contains(&"file_bytes_max"));
    }

    #[test]
    fn parts_and_remarks_are_limited() {
        let page = "a<!--b-->".repeat(PARTS_MAX);
        let extracted = extract(page.as_bytes(), Format::Html);
        assert_eq!(extracted.parts.len(), PARTS_MAX);
        assert!(extracted.unread.iter().any(|unread| unread.contains("parts_max")));
        let names: Vec<String> =
            (0..UNREAD_MAX + 9).map(|number| format!("{number}.bin")).collect();
        let entries: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(extract(&testkit::zip(&entries), Format::Office).unread.len(), UNREAD_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            for format in [Format::Pdf, Format::Office, Format::Html] {
                let extracted = extract(&bytes, format);
                prop_assert!(extracted.parts.iter().all(|part| extracted.text.is_char_boundary(part.start)));
            }
        }

        #[test]
        fn damaged_files_are_read_without_panic(at in 0_usize..2000, byte in any::<u8>(), cut in 0_usize..2000) {
            let pdf = testkit::pdf(&["BT /F1 12 Tf (some words) Tj ET"], "");
            let office = testkit::zip(&[("[Content_Types].xml", "<T/>"), ("word/document.xml", "<w:t>words</w:t>")]);
            for (mut bytes, format) in [(pdf, Format::Pdf), (office, Format::Office)] {
                bytes.truncate(cut.max(1));
                let at = at % bytes.len();
                bytes[at] = byte;
                extract(&bytes, format);
            }
        }
    }
}
