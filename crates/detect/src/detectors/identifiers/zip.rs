//! `zip` is a postcode, and it is an archive: what stands around a number tells which.
//!
//! INVARIANT: only what stands before the number and the word after it count, so that the answer is the same in a stream.
//!
//! Not here: other names of postcodes (`topics`), which name nothing else.

use crate::text::Text;

/// What may stand between `zip` and its number, which has not five digits.
const BETWEEN: &[&str] = &[
    "is", "was", "are", "of", "no", "number", "nr", "postal", "post", "and", "in", "the", "my",
    "city",
];
/// What stands near a number that is one of files or of changes to a program.
const NOT_OF_PLACES: &[&str] = &[
    "archive",
    "archives",
    "bug",
    "bytes",
    "compress",
    "docs",
    "documents",
    "entries",
    "extract",
    "file",
    "files",
    "fix",
    "folder",
    "folders",
    "format",
    "handling",
    "images",
    "into",
    "issue",
    "items",
    "kb",
    "library",
    "mb",
    "pages",
    "photos",
    "pictures",
    "pr",
    "release",
    "support",
    "unzip",
    "version",
];
/// The longest word after a number that is read.
const AFTER_BYTES_MAX: usize = 10;

/// Whether the number that ends at `end` is named by `zip` alone, and that is no postcode there.
pub(super) fn is_archive(text: &Text<'_>, end: usize) -> bool {
    let context = text.context();
    let mut after_zip: Vec<&[u8]> = Vec::new();
    let words = context.split(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80);
    let mut words = words.filter(|word| !word.is_empty()).rev();
    loop {
        match words.next() {
            None => return false,
            Some(word) if word.eq_ignore_ascii_case(b"zip") => break,
            Some(word) => after_zip.push(word),
        }
    }
    let before_zip = words.next();
    let is_one_of = |words: &[&str], word: &[u8]| {
        words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
    };
    // `zip code`, `zip/postal code`
    if after_zip.iter().any(|word| is_one_of(&["code", "codes"], word)) {
        return false;
    }
    if text.back(0) == Some(b'#') {
        return true;
    }
    let is_us = text.slice(0, end).iter().take_while(|byte| byte.is_ascii_digit()).count() == 5;
    let is_far = |word: &&[u8]| {
        if is_us { is_one_of(NOT_OF_PLACES, word) } else { !is_one_of(BETWEEN, word) }
    };
    after_zip.iter().any(is_far)
        || before_zip.is_some_and(|word| is_one_of(NOT_OF_PLACES, word))
        || is_one_of(NOT_OF_PLACES, word_after(text, end))
}

/// The word after the number, if it is on the same line and short.
fn word_after<'a>(text: &Text<'a>, end: usize) -> &'a [u8] {
    if text.get(end) != Some(b' ') {
        return &[];
    }
    let len = text.run_within(end + 1, AFTER_BYTES_MAX, |byte| byte.is_ascii_alphabetic());
    text.slice(end + 1, end + 1 + len)
}

#[cfg(test)]
mod tests {
    use crate::detectors::tests::located_hits;

    /// Kinds of postcodes found.
    fn found(text: &str) -> Vec<&str> {
        let hits = located_hits(text).into_iter();
        let codes = hits.filter(|(_, hit)| {
            ["zip", "post", "plz", "cep"].iter().any(|part| hit.kind.contains(part))
        });
        codes.filter_map(|(at, hit)| text.get(at..at + hit.len)).collect()
    }

    #[test]
    fn numbers_of_archives_are_no_postcodes() {
        for text in [
            "Fix zip handling #435",
            "the zip file 2023",
            "Update zip to 220",
            "zip 12345 files into one",
            "unzip and zip 12345 pages",
            "fix zip 54321",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        for (text, expect) in [
            ("zip 12345", "12345"),
            ("ZIP: 90210.", "90210"),
            ("my zip is 90210 and", "90210"),
            ("zip code of the file 90210", "90210"),
            ("the zip for the billing address is 94107-1234", "94107-1234"),
            ("zip/postal code 4431", "4431"),
            ("ZIP 4431 Wien", "4431"),
            ("Postcode: 2023 file", "2023"),
        ] {
            assert_eq!(found(text), [expect], "{text}");
        }
    }
}
