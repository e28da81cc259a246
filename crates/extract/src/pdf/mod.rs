//! PDF (ISO 32000-1).
//!
//! Objects are looked for where they stand, not where the file's own index says they are: so a damaged index hides
//! nothing, and text of earlier revisions is read too. Text is read page by page in the order of its operators; marked as
//! hidden are letters that are not drawn (rendering mode 3), white or too small to see, and pages outside the tree. Notes,
//! form fields, titles, scripts and metadata are strings of other objects and are read as such.
//!
//! Does not read: encrypted files, pictures of text, fonts without a map to characters, text placed outside the page.
//!
//! INVARIANT: every object is parsed at most once, nesting is at most [`NESTING_MAX`] deep, all streams together inflate
//! to at most [`crate::INFLATED_BYTES_MAX`], and cyclic references end at a visited set or a depth.

mod content;
mod document;
mod filters;
mod font;
mod lexer;
mod pen;
mod value;

use std::collections::HashSet;

use crate::markup::{Token, Tokens, decoded, unescaped};
use crate::sink::Sink;
use document::Document;
use value::{Id, Value};

/// The most pages that are read.
pub(crate) const PAGES_MAX: usize = 10_000;
/// How deep arrays and dictionaries may be nested.
pub(crate) const NESTING_MAX: usize = 64;
/// How far up or down the tree of pages is followed.
const TREE_DEPTH_MAX: usize = 32;
/// Entries of dictionaries that hold words, and what they are called.
const WORDS: [(&str, &str); 17] = [
    ("Title", "titles and metadata"),
    ("Author", "titles and metadata"),
    ("Subject", "titles and metadata"),
    ("Keywords", "titles and metadata"),
    ("Creator", "titles and metadata"),
    ("Producer", "titles and metadata"),
    ("Contents", "notes"),
    ("Subj", "notes"),
    ("RC", "notes"),
    ("V", "form fields"),
    ("DV", "form fields"),
    ("TU", "form fields"),
    ("JS", "scripts"),
    ("URI", "links"),
    ("Alt", "alternative text"),
    ("ActualText", "alternative text"),
    ("E", "alternative text"),
];

pub(crate) fn read(bytes: &[u8], sink: &mut Sink) {
    let mut document = Document::open(bytes, sink);
    if document.is_encrypted() {
        return sink.unread("the file", "encrypted");
    }
    if document.is_truncated() {
        sink.unread("the end of the file", "it is missing");
    }
    let (pages, in_tree) = pages(&document, sink);
    if pages.is_empty() {
        sink.unread("the file", "it has no pages");
    }
    for (index, page) in pages.iter().enumerate() {
        if index >= PAGES_MAX {
            sink.limit("the rest of the pages", "pages_max");
            break;
        }
        let is_loose = index >= in_tree;
        let name = format!("page {}", index + 1);
        content::read_page(
            &mut document,
            *page,
            &name,
            is_loose.then_some("not in the tree of pages"),
            sink,
        );
    }
    other_words(&mut document, sink);
    if document.is_spent() {
        sink.limit("the rest of the streams", "inflated_bytes_max");
    }
}

/// The pages in the order of their tree, then those outside it; and how many are in the tree.
fn pages(document: &Document<'_>, sink: &mut Sink) -> (Vec<Id>, usize) {
    let is = |value: &Value, name: &str| value.get("Type").and_then(Value::name) == Some(name);
    let (mut ordered, mut seen) = (Vec::new(), HashSet::new());
    for (_, catalog) in document.objects().filter(|(_, value)| is(value, "Catalog")) {
        let mut open: Vec<(Id, usize)> = Vec::new();
        open.extend(catalog.get("Pages").and_then(Value::reference).map(|id| (id, 0)));
        while let Some((id, depth)) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if depth > TREE_DEPTH_MAX {
                sink.limit("some pages: their tree is too deep", "tree_depth_max");
                continue;
            }
            let Some(node) = document.object(id) else {
                sink.unread("a page", "it is missing");
                continue;
            };
            let kids = node.get("Kids").map(|kids| document.resolved(kids)).and_then(Value::array);
            match kids {
                Some(kids) => {
                    let kids = kids.iter().rev().filter_map(Value::reference);
                    open.extend(kids.map(|id| (id, depth + 1)));
                }
                None => ordered.push(id),
            }
        }
    }
    let in_tree = ordered.len();
    let loose = document.objects().filter(|(id, value)| is(value, "Page") && !seen.contains(id));
    ordered.extend(loose.map(|(id, _)| id));
    (ordered, in_tree)
}

/// Strings of other objects, and the metadata that is XML.
fn other_words(document: &mut Document<'_>, sink: &mut Sink) {
    let ids: Vec<Id> = document.objects().map(|(id, _)| id).collect();
    for id in ids {
        if sink.is_full() {
            return;
        }
        let Some(object) = document.object(id) else { continue };
        let kind = object.get("Type").and_then(Value::name);
        match kind {
            Some("Metadata") => {
                if let Some(bytes) = document.stream(id, sink) {
                    metadata(&decoded(&bytes), sink);
                }
                continue;
            }
            Some("EmbeddedFile") => sink.unread("an embedded file", "not opened"),
            _ => {}
        }
        let mut found = Vec::new();
        collect(document, object, 0, &mut found);
        for (part, words) in found {
            sink.part(part, Some(part));
            sink.line();
            sink.push(&words);
            sink.line();
        }
    }
}

fn collect(
    document: &Document<'_>,
    value: &Value,
    depth: usize,
    found: &mut Vec<(&'static str, String)>,
) {
    if depth > NESTING_MAX {
        return;
    }
    if let Some(items) = value.array() {
        for item in items {
            collect(document, item, depth + 1, found);
        }
    }
    for (key, inner) in value.entries() {
        let known = WORDS.iter().find(|(known, _)| known == key);
        // A string of its own may be an object of its own.
        let words = known.and_then(|_| document.resolved(inner).string());
        match (known, words) {
            (Some((_, part)), Some(words)) => found.push((part, value::text_string(words))),
            _ => collect(document, inner, depth + 1, found),
        }
    }
}

fn metadata(xml: &str, sink: &mut Sink) {
    const PART: &str = "titles and metadata";
    for token in Tokens::new(xml) {
        if let Token::Text(text) | Token::Raw(text) = token
            && !text.trim().is_empty()
        {
            sink.part(PART, Some(PART));
            sink.line();
            sink.push(unescaped(text).trim());
            sink.line();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Extracted, Format, extract};
    use testkit::{pdf, stream};

    fn read(pages: &[&str], more: &str) -> Extracted {
        extract(&pdf(pages, more), Format::Pdf)
    }

    #[track_caller]
    fn check(extracted: &Extracted, words: &str, part: &str) {
        let at = extracted.text.find(words).unwrap_or_else(|| panic!("{extracted:?}"));
        let found = extracted.part_of(&(at..at + 1)).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(part), "{extracted:?}");
    }

    #[test]
    fn pages_are_read_with_what_is_hidden() {
        let extracted = read(
            &[
                "BT /F1 12 Tf 1 0 0 1 50 700 Tm [(Pl) -20 (ain) -300 (words)] TJ 0 -14 Td (next) Tj ET",
                "BT /F1 12 Tf 3 Tr (undrawn) Tj 0 Tr 1 1 1 rg (whitened) Tj 0 g (seen) Tj /F1 1 Tf (shrunk) Tj ET",
            ],
            "",
        );
        check(&extracted, "Plain words\nnext", "page 1");
        check(&extracted, "undrawn", "page 2, hidden: not drawn");
        check(&extracted, "whitened", "page 2, hidden: white");
        check(&extracted, "seen", "page 2");
        check(&extracted, "shrunk", "page 2, hidden: tiny");
        assert!(extracted.unread.is_empty(), "{extracted:?}");
    }

    #[test]
    fn words_elsewhere_are_read() {
        let extracted = read(
            &[""],
            "90 0 obj << /Title (titled) /Author <FEFF00E900740065> >> endobj\n\
             91 0 obj << /Type /Annot /Contents (noted) >> endobj\n\
             92 0 obj << /T (field) /V (filled in) >> endobj\n\
             93 0 obj << /A << /S /JavaScript /JS (app.alert) >> >> endobj\n\
             94 0 obj << /Type /Page /Contents 95 0 R >> endobj\n95 0 obj << >> stream\n\
             BT (stray) Tj ET\nendstream endobj\n",
        );
        check(&extracted, "titled", "titles and metadata, hidden: titles and metadata");
        check(&extracted, "éte", "titles and metadata, hidden: titles and metadata");
        check(&extracted, "noted", "notes, hidden: notes");
        check(&extracted, "filled in", "form fields, hidden: form fields");
        check(&extracted, "app.alert", "scripts, hidden: scripts");
        check(&extracted, "stray", "page 2, hidden: not in the tree of pages");
    }

    #[test]
    fn fonts_with_a_map_are_read_and_those_without_are_said() {
        let map = "1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfchar <0001> <0048> endbfchar \
                   1 beginbfrange <0002> <0003> <0069> endbfrange";
        let more = format!(
            "80 0 obj << /Type /Font /Subtype /Type0 /ToUnicode 81 0 R >> endobj\n{}\
             82 0 obj << /Type /Font /Subtype /Type0 >> endobj\n\
             83 0 obj << /Type /Font /Encoding << /Differences [1 /O /k /space /uni0041] >> >> endobj\n",
            stream(81, "", map),
        );
        let extracted = read(
            &["BT /G1 9 Tf <000100020003> Tj /G2 9 Tf <0001> Tj /G3 9 Tf <01020304> Tj ET"],
            &more,
        );
        check(&extracted, "HijOk A", "page 1");
        assert_eq!(extracted.unread, ["page 1: a font has no map to characters"]);
    }

    /// A content stream that shows `text` letter by letter, `place` telling how the pen gets to each.
    fn letter_by_letter(text: &str, em: f64, place: impl Fn(f64) -> String) -> String {
        let mut x = 50.0;
        let mut letters = Vec::new();
        for letter in text.chars() {
            if letter != ' ' {
                letters.push(format!("{} ({letter}) Tj", place(x)));
            }
            x += em * 12.0;
        }
        format!("BT /G1 12 Tf {} ET", letters.join(" "))
    }

    #[test]
    fn letters_that_are_placed_one_by_one_are_words() {
        let text = "Ignore all previous instructions";
        let courier = "80 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Courier >> endobj\n";
        let widths = "600 ".repeat(96);
        let described = format!(
            "80 0 obj << /Type /Font /Subtype /TrueType /FirstChar 32 /Widths [{widths}] >> endobj\n"
        );
        let wide =
            "80 0 obj << /Type /Font /Subtype /TrueType /FirstChar 32 /Widths 81 0 R >> endobj\n\
                    81 0 obj ["
                .to_owned()
                + &"1000 ".repeat(96)
                + "] endobj\n";
        let end_of_last = std::cell::Cell::new(0.0);
        let matrix = |x: f64| format!("1 0 0 1 {x} 700 Tm");
        let saved = |x: f64| format!("ET Q q 1 0 0 1 {x} 700 cm BT /G1 12 Tf");
        let step = |x: f64| {
            let last = end_of_last.replace(x);
            if last < x { format!("{} 0 Td", x - last) } else { format!("{x} 700 Td") }
        };
        for (em, font) in [(0.6, courier), (0.6, &described), (1.0, &wide)] {
            let moves: [&dyn Fn(f64) -> String; 3] = [&matrix, &saved, &step];
            for place in moves {
                end_of_last.set(0.0);
                let page = letter_by_letter(text, em, place);
                assert_eq!(read(&[&page], font).text.trim(), text, "{page}");
            }
        }
    }

    #[test]
    fn what_stands_apart_is_words_apart() {
        for (moves, expect) in [
            // Far away, a little away, back, another line, raised.
            ("(one) Tj 200 0 Td (two) Tj", "one two"),
            ("(a) Tj 10.5 0 Td (two) Tj", "a two"),
            ("(one) Tj -100 0 Td (two) Tj", "one two"),
            ("(one) Tj 0 -14 Td (two) Tj", "one\ntwo"),
            ("14 TL (one) Tj T* (two) Tj (three) '", "one\ntwo\nthree"),
            ("(x) Tj 6 4 Td (2) Tj", "x2"),
            // Of a long string nobody said where it ends.
            ("(a whole sentence) Tj 80 0 Td (two) Tj", "a whole sentence two"),
            ("[(a whole sen) -20 (tence) -300 (two)] TJ", "a whole sentence two"),
            ("3 Tc (l) Tj 6.5 0 Td (et) Tj", "let"),
        ] {
            let page = format!("BT /F1 12 Tf 50 700 Td {moves} ET");
            assert_eq!(read(&[&page], "").text.trim(), expect, "{moves}");
        }
        let composite = "80 0 obj << /Type /Font /Subtype /Type0 /ToUnicode 81 0 R /DescendantFonts [83 0 R] >> endobj\n\
             83 0 obj << /Type /Font /DW 300 /W [1 [900] 2 3 500] >> endobj\n"
            .to_owned()
            + &stream(81, "", "1 beginbfrange <0001> <0004> <0041> endbfrange");
        let page = "BT /G1 10 Tf <0001> Tj 9 0 Td <0002> Tj 5 0 Td <0004> Tj 6 0 Td <0003> Tj ET";
        assert_eq!(read(&[page], &composite).text.trim(), "ABD C");
    }

    #[test]
    fn forms_and_object_streams_are_read() {
        let inner = "70 0 71 27 << /Title (in a stream) >>  << /A 1 >>";
        let more = format!(
            "{}{}",
            stream(60, "/Type /ObjStm /N 2 /First 11", inner),
            stream(61, "/Type /XObject /Subtype /Form", "BT (formed) Tj ET /X1 Do"),
        );
        let extracted = read(&["/X1 Do"], &more);
        check(&extracted, "in a stream", "titles and metadata, hidden: titles and metadata");
        check(&extracted, "formed", "page 1");
        assert_eq!(extracted.text.matches("formed").count(), 1, "a form that draws itself ends");
    }

    #[test]
    fn references_that_turn_in_circles_end() {
        let bytes = b"%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
            2 0 obj << /Kids [2 0 R 3 0 R] /Parent 2 0 R >> endobj\n\
            3 0 obj << /Type /Page /Parent 4 0 R /Contents 5 0 R >> endobj\n\
            4 0 obj << /Parent 4 0 R >> endobj\n5 0 obj 6 0 R endobj\n6 0 obj 5 0 R endobj\n";
        assert_eq!(extract(bytes, Format::Pdf).text, "");
    }

    #[test]
    fn nothing_hides_what_follows_it() {
        for before in [
            "50 0 obj (never ends ",
            "50 0 obj << >> stream\n",
            "50 0 obj << /Length 3 >> stream\nabc\n",
        ] {
            let mut bytes = before.as_bytes().to_vec();
            bytes.splice(0..0, *b"%PDF-1.7\n");
            bytes.extend(pdf(&["BT (words) Tj ET"], ""));
            check(&extract(&bytes, Format::Pdf), "words", "page 1");
        }
        let nested = "5 0 obj (".repeat(30_000);
        let extracted = extract(format!("%PDF-1.7\n{nested}").as_bytes(), Format::Pdf);
        assert!(extracted.unread.iter().any(|unread| unread.contains("parsed_times_max")));
    }

    #[test]
    fn an_encrypted_file_is_said_to_be_one() {
        for more in [
            "trailer << /Root 1 0 R /Encrypt 9 0 R >>",
            "9 0 obj << /Type /XRef /Encrypt 8 0 R >> endobj",
        ] {
            let extracted = read(&["BT (x) Tj ET"], more);
            assert_eq!(
                (extracted.text.as_str(), extracted.unread[0].as_str()),
                ("", "the file: encrypted")
            );
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let zeros =
            miniz_oxide::deflate::compress_to_vec_zlib(&vec![b' '; crate::INFLATED_BYTES_MAX], 6);
        let mut bytes = pdf(&["BT (x) Tj ET"], "");
        for id in [60, 61, 62] {
            bytes.extend(
                format!(
                    "{id} 0 obj << /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode >> stream\n"
                )
                .bytes(),
            );
            bytes.extend(&zeros);
            bytes.extend(b"\nendstream endobj\n");
        }
        let extracted = extract(&bytes, Format::Pdf);
        assert!(
            extracted.unread.iter().any(|unread| unread.contains("inflated_bytes_max")),
            "{extracted:?}"
        );
    }

    #[test]
    fn limits_of_pages_objects_depth_and_forms_are_said() {
        let said = |extracted: &Extracted, limit: &str| {
            assert!(
                extracted.unread.iter().any(|unread| unread.contains(limit)),
                "{limit}: {:?}",
                extracted.unread
            );
        };
        let pages = vec![""; super::PAGES_MAX + 1];
        said(&read(&pages, ""), "pages_max");
        let objects = (0..=super::document::OBJECTS_MAX).map(|id| format!("{id} 0 obj 1 endobj\n"));
        let objects = objects.collect::<Vec<_>>().concat();
        said(&extract(objects.as_bytes(), Format::Pdf), "objects_max");
        let nodes =
            (500..600).map(|id| format!("{id} 0 obj << /Kids [{} 0 R] >> endobj\n", id + 1));
        let deep = format!(
            "499 0 obj << /Type /Catalog /Pages 500 0 R >> endobj\n{}",
            nodes.collect::<String>()
        );
        said(&extract(deep.as_bytes(), Format::Pdf), "tree_depth_max");
        let forms = (0..20).map(|level| {
            let resources =
                format!("/Subtype /Form /Resources << /XObject << /X1 {} 0 R >> >>", 62 + level);
            stream(61 + level, &resources, "/X1 Do")
        });
        said(&read(&["/X1 Do"], &forms.collect::<String>()), "forms_depth_max");
    }

    #[test]
    fn what_is_missing_is_said() {
        let missing = |page: &str| {
            let more = format!("1000 0 obj << /Type /Page /Parent 2 0 R {page} >> endobj\n");
            read(&["BT (words) Tj ET"], &more).unread
        };
        for page in ["/Contents 77 0 R", "/Contents [1001 0 R 77 0 R]"] {
            assert_eq!(missing(page), ["page 1: its content is missing"], "{page}");
        }
        let more =
            "78 0 obj null endobj\n79 0 obj [1001 0 R] endobj\n1000 0 obj << /Type /Page /Contents";
        for page in ["78 0 R", "79 0 R", "[]", "null"] {
            let read = read(&["BT (words) Tj ET"], &format!("{more} {page} >> endobj\n"));
            assert!(read.unread.is_empty(), "{page}: {read:?}");
        }
        let kids = "2 0 obj << /Type /Pages /Kids [1000 0 R 77 0 R] >> endobj\n";
        assert_eq!(read(&["BT (words) Tj ET"], kids).unread, ["a page: it is missing"]);
        let open =
            [pdf(&[""], ""), b"70 0 obj << /Length 9 >> stream\nabc %%EOF\n".to_vec()].concat();
        assert_eq!(extract(&open, Format::Pdf).unread, ["the end of the file: it is missing"]);
    }

    #[test]
    fn a_file_cut_anywhere_is_read_as_far_as_it_goes_and_that_is_said() {
        let whole = pdf(&["BT (words) Tj ET"], "");
        let mut revised = whole.clone();
        revised.extend(&whole[9..]);
        for (file, from) in [(&whole, 0), (&revised, whole.len() + "1 0 obj".len())] {
            for end in from..file.len() - "\n".len() {
                let unread = extract(&file[..end], Format::Pdf).unread;
                assert!(!unread.is_empty(), "{end}");
            }
            assert!(extract(file, Format::Pdf).unread.is_empty());
        }
        let body_end = whole.windows(9).position(|nine| nine == b"endstream").expect("a stream");
        assert!(extract(&whole[..body_end], Format::Pdf).text.contains("words") || body_end == 0);
    }
}
