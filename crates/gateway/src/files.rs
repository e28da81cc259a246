//! Files that arrive inside a request: what they are, and what they say.
//!
//! What a file is, its content says, and not its name or declared type; what is several things at once is read as each of
//! them. PDF, Office, HTML and plain text become texts that the judge reads like any other; pictures, sound and whatever
//! else is no text are listed as opaque.
//!
//! INVARIANT: a guard reads what the provider decodes: base64 that readers understand differently (another alphabet,
//! padding in the middle, a cut) is refused. INVARIANT: files that cross a limit are refused; what cannot be read for
//! another reason is listed as unscanned. INVARIANT: nothing of a file's content goes into a path or a reason.
//!
//! Not here: what the texts mean (`judge`), how documents are read (`extract`).

use data_encoding::BASE64;
use events::{Span, Unscanned};
use extract::{Extracted, FILE_BYTES_MAX, Format, INFLATED_BYTES_MAX, Media, Part, SNIFF_BYTES};
use http::StatusCode;
use wire::{Document, FilePart};

use crate::refusal::Refusal;

/// Files that are read of one request; more is refused. Pictures do not count.
const FILES_READ_MAX: usize = 64;
/// Text of all files of one request, in bytes; more is refused.
const FILES_TEXT_BYTES_MAX: usize = extract::TEXT_BYTES_MAX;
/// What all files of one request may inflate to, in bytes; more is refused.
const FILES_INFLATED_BYTES_MAX: usize = INFLATED_BYTES_MAX;
/// Pieces of files that are listed as not scanned; what follows is of the same sort.
const UNSCANNED_MAX: usize = 128;
/// Formats of text, in dialects that declare formats and not media types.
const TEXT_FORMATS: [&str; 4] = ["csv", "html", "md", "txt"];
/// Characters of base64 that say what a file begins with: whole groups of four.
const SNIFF_CHARACTERS: usize = SNIFF_BYTES.div_ceil(3) * 4;

/// The files of one request, as far as they are text.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) texts: Vec<FileText>,
    pub(crate) unscanned: Vec<Unscanned>,
}

/// The text of one file.
#[derive(Debug)]
pub(crate) struct FileText {
    /// Which of the document's files it is of.
    pub(crate) file: usize,
    parts: Vec<Part>,
    path: String,
    /// How many of the document's fields stand before it.
    pub(crate) position: usize,
    pub(crate) text: String,
}

impl FileText {
    /// Where a stretch of the text stands: the file's path and the parts, `…file_data#page 2, hidden: white`.
    pub(crate) fn path_of(&self, span: Span) -> String {
        let label = |offset: u32| {
            let next = self.parts.partition_point(|part| part.start <= offset as usize);
            let part = self.parts.get(next.checked_sub(1)?)?;
            let hidden = part.hidden.map_or_else(String::new, |how| format!(", hidden: {how}"));
            Some(format!("{}{hidden}", part.label()))
        };
        let (first, last) = (label(span.start), label(span.end.saturating_sub(1).max(span.start)));
        match (first, last) {
            (Some(first), Some(last)) if first != last => {
                format!("{}#{first} to {last}", self.path)
            }
            (Some(part), _) | (None, Some(part)) => format!("{}#{part}", self.path),
            (None, None) => self.path.clone(),
        }
    }

    /// The path of the file.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

/// Whether there are files to be opened, which takes a while.
pub(crate) fn are_to_be_opened(document: &Document<'_>) -> bool {
    document.files.iter().any(|file| !is_picture(file))
}

/// Lists all files as not scanned.
pub(crate) fn leave(document: &Document<'_>) -> Files {
    let mut files = Files::default();
    for file in &document.files {
        files.skip(document, file, file.why.to_owned());
    }
    files
}

/// Opens the files of a request.
pub(crate) fn open(document: &Document<'_>) -> Result<Files, Refusal> {
    let (mut files, mut left) = (Files::default(), Left::default());
    for (index, file) in document.files.iter().enumerate() {
        if is_picture(file) {
            files.skip(document, file, file.why.to_owned());
            continue;
        }
        let opened = left.open(file).map_err(|fault| fault.refusal(document.path_of_file(file)))?;
        match opened {
            Opened::Other(why) => files.skip(document, file, why.to_owned()),
            Opened::Texts(readings) => {
                for reading in readings {
                    files.add(document, (index, file), reading);
                }
            }
        }
    }
    Ok(files)
}

impl Files {
    fn add(
        &mut self,
        document: &Document<'_>,
        (index, file): (usize, &FilePart<'_>),
        reading: Extracted,
    ) {
        let Extracted { text, parts, reasons, opaque, .. } = reading;
        for why in reasons {
            self.skip(document, file, format!("unread: {why}"));
        }
        if !opaque.is_empty() {
            self.skip(document, file, "opaque: pictures in a document".to_owned());
        }
        let (path, position) = (document.path_of_file(file), file.position);
        self.texts.push(FileText { file: index, parts, path, position, text });
    }

    fn skip(&mut self, document: &Document<'_>, file: &FilePart<'_>, why: String) {
        if self.unscanned.len() >= UNSCANNED_MAX {
            return;
        }
        self.unscanned.push(Unscanned { path: document.path_of_file(file), why });
    }
}

/// Whether it stands where pictures and sound belong, is declared as such, and does not begin like a document.
fn is_picture(file: &FilePart<'_>) -> bool {
    let declared = file.declared().to_ascii_lowercase();
    let is_declared = ["image/", "audio/", "video/"].iter().any(|kind| declared.starts_with(kind));
    if !file.is_media || !is_declared {
        return false;
    }
    // Lines may be broken, so that fewer bytes are seen; a reader of pictures sees the same.
    let beginning = file.base64().bytes().filter(|byte| !is_break(*byte)).take(SNIFF_CHARACTERS);
    let mut beginning: Vec<u8> = beginning.collect();
    beginning.truncate(beginning.len() / 4 * 4);
    let decoded = BASE64.decode(&beginning);
    decoded.is_ok_and(|bytes| extract::sniff(&bytes).is_none())
}

const fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

enum Opened {
    /// What readers of different kinds see.
    Texts(Vec<Extracted>),
    /// No text, and what it is instead.
    Other(&'static str),
}

/// Why a file is not opened and its request refused.
enum Fault {
    Base64,
    Limit { of: &'static str, max: usize },
    Reading(Format),
}

impl Fault {
    fn refusal(self, path: String) -> Refusal {
        let (code, message) = match self {
            Self::Base64 => (
                "invalid_value",
                format!(
                    "`{path}` must be base64 (RFC 4648, section 4, padded); send the whole file"
                ),
            ),
            Self::Limit { of, max } => {
                ("limit_exceeded", format!("`{path}` is beyond {max} {of}; send less, or its text"))
            }
            Self::Reading(format) => (
                "limit_exceeded",
                format!(
                    "`{path}` is {} that takes too much to be read; send less, or its text",
                    format.as_str()
                ),
            ),
        };
        let param = Some(path);
        Refusal { param, ..Refusal::request(StatusCode::BAD_REQUEST, code, message) }
    }
}

/// What the files of one request may still take.
struct Left {
    files: usize,
    inflated_bytes: usize,
    text_bytes: usize,
}

impl Default for Left {
    fn default() -> Self {
        Self {
            files: FILES_READ_MAX,
            inflated_bytes: FILES_INFLATED_BYTES_MAX,
            text_bytes: FILES_TEXT_BYTES_MAX,
        }
    }
}

impl Left {
    fn open(&mut self, file: &FilePart<'_>) -> Result<Opened, Fault> {
        take(&mut self.files, 1, "files in one request", FILES_READ_MAX)?;
        let bytes = decoded(file.base64())?;
        let mut readings = Vec::new();
        for format in extract::recognise(&bytes) {
            let reading = extract::extract(&bytes, format);
            if reading.is_cut {
                return Err(Fault::Reading(format));
            }
            readings.push(self.within(reading)?);
        }
        // A text may begin like a document and be shown to a model as the text that it is.
        let declared = file.declared();
        let is_declared = TEXT_FORMATS.contains(&declared)
            || declared.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("text/"));
        if (is_declared || readings.iter().all(|reading| reading.text.trim().is_empty()))
            && let Some(text) = extract::plain_text(&bytes, file.charset())
        {
            let text = text.into_owned();
            readings.push(self.within(Extracted { text, ..Extracted::default() })?);
        }
        // What stands around a document is text to whoever shows the file as it is.
        for around in beside_pdf(&bytes) {
            if let Some(text) =
                extract::plain_text(around, None).filter(|text| !text.trim().is_empty())
            {
                let text = text.into_owned();
                readings.push(self.within(Extracted { text, ..Extracted::default() })?);
            }
        }
        if !readings.is_empty() {
            return Ok(Opened::Texts(readings));
        }
        Ok(Opened::Other(match extract::media(&bytes) {
            Some(Media::Image) => "opaque: image",
            Some(Media::Audio) => "opaque: audio",
            Some(Media::Video) => "opaque: video",
            None => "unread: a file of an unknown kind",
        }))
    }

    fn within(&mut self, reading: Extracted) -> Result<Extracted, Fault> {
        let inflated = reading.inflated_bytes;
        let of = "bytes of decompressed content";
        take(&mut self.inflated_bytes, inflated, of, FILES_INFLATED_BYTES_MAX)?;
        let text = reading.text.len();
        take(&mut self.text_bytes, text, "bytes of text in files", FILES_TEXT_BYTES_MAX)?;
        Ok(reading)
    }
}

/// What stands before and after a PDF.
fn beside_pdf(bytes: &[u8]) -> [&[u8]; 2] {
    const BEGINS: &[u8] = b"%PDF-";
    const ENDS: &[u8] = b"%%EOF";
    let Some(begin) = memchr::memmem::find(bytes, BEGINS) else { return [&[], &[]] };
    let end = memchr::memmem::rfind(bytes, ENDS).map_or(bytes.len(), |at| at + ENDS.len());
    [bytes.get(..begin).unwrap_or_default(), bytes.get(end..).unwrap_or_default()]
}

fn take(left: &mut usize, count: usize, of: &'static str, max: usize) -> Result<(), Fault> {
    *left = left.checked_sub(count).ok_or(Fault::Limit { of, max })?;
    Ok(())
}

/// The bytes behind base64, if there is only one way to read it.
fn decoded(base64: &str) -> Result<Vec<u8>, Fault> {
    if base64.len() / 4 * 3 > FILE_BYTES_MAX + FILE_BYTES_MAX / 16 {
        return Err(Fault::Limit { of: "bytes of a file", max: FILE_BYTES_MAX });
    }
    let joined: Vec<u8>;
    let mut base64 = base64.as_bytes();
    if memchr::memchr2(b'\r', b'\n', base64).is_some() {
        joined = base64.iter().copied().filter(|byte| !is_break(*byte)).collect();
        base64 = &joined;
    }
    // Some decoders take several padded pieces one after the other, and others stop at the first.
    let padding = memchr::memchr(b'=', base64).unwrap_or(base64.len());
    if base64.len() - padding > 2 {
        return Err(Fault::Base64);
    }
    let bytes = BASE64.decode(base64).map_err(|_| Fault::Base64)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Fault::Limit { of: "bytes of a file", max: FILE_BYTES_MAX });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base64: &str, expect: Option<&[u8]>) {
        assert_eq!(decoded(base64).ok().as_deref(), expect, "{base64}");
    }

    #[test]
    fn base64_is_read_in_one_way_or_not_at_all() {
        check("", Some(b""));
        check("aGVsbG8=", Some(b"hello"));
        check("aGVs\r\nbG8=\n", Some(b"hello"));
        for ambiguous in
            ["aGVsbG8", "aGVsbG", "aGVsb", "aGVsbG9=", "aGk=aGk=", "aG==bG8=", "a-_-", "aGVsbG8=="]
        {
            check(ambiguous, None);
        }
    }

    #[test]
    fn the_file_limit_is_crossed() {
        let more = BASE64.encode(&vec![b'a'; FILE_BYTES_MAX + 1]);
        assert!(matches!(decoded(&more), Err(Fault::Limit { max: FILE_BYTES_MAX, .. })));
    }

    #[test]
    fn what_is_left_is_counted_over_all_files() {
        let mut left = Left::default();
        for count in [FILES_TEXT_BYTES_MAX - 1, 1] {
            assert!(take(&mut left.text_bytes, count, "bytes", FILES_TEXT_BYTES_MAX).is_ok());
        }
        assert!(take(&mut left.text_bytes, 1, "bytes", FILES_TEXT_BYTES_MAX).is_err());
        assert_eq!((left.files, left.inflated_bytes), (FILES_READ_MAX, FILES_INFLATED_BYTES_MAX));
    }
}
