//! Office Open XML (ECMA-376): docx, xlsx and pptx.
//!
//! Every XML entry of the archive is read, whatever it is called: programs find their parts through relations, so a
//! name is no proof that nobody reads it. Marked as hidden: letters that are not printed (`vanish`), white or too small
//! to see, hidden sheets, rows, columns and slides, comments, notes, metadata, links to the outside.
//!
//! Does not read: pictures, embedded files, macros; they are listed as unread. Styles are not applied.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::markup::{Token, Tokens, attribute, decoded, unescaped};
use crate::sink::Sink;
use crate::zip::{Archive, Entry, Incomplete};

/// The most strings that cells share.
const SHARED_STRINGS_MAX: usize = 500_000;
/// The most digits of the number of a slide or sheet.
const NUMBER_DIGITS_MAX: usize = 6;
/// Half points below which nobody reads: two points.
const TINY_HALF_POINTS: u32 = 4;
/// Hundredths of points below which nobody reads: two points.
const TINY_HUNDREDTHS: u32 = 200;
/// Elements whose text is shown or means something; of other entries everything is.
const TEXT_ELEMENTS: [&str; 7] = ["t", "delText", "instrText", "text", "v", "f", "title"];

/// Pictures, sound, fonts and settings of printers.
const OPAQUE_ENDINGS: [&str; 16] = [
    "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "emf", "wmf", "wdp", "mp3", "mp4", "wav",
    "m4a", "odttf", "ttf",
];

/// The strings that cells share.
const SHARED_STRINGS: &str = "xl/sharedStrings.xml";

/// What sheets need from the rest of a workbook.
#[derive(Default)]
struct Book {
    strings: Vec<String>,
    /// Which of them a cell shows.
    shown: RefCell<Vec<bool>>,
    /// Name and state of a sheet, by the name of its entry.
    sheets: HashMap<String, (String, bool)>,
}

pub(crate) fn read(bytes: &[u8], sink: &mut Sink) {
    let Some(mut archive) = Archive::open(bytes) else {
        return sink.unread("the file", "its archive has no directory");
    };
    match archive.incomplete {
        None => {}
        Some(Incomplete::Limit(limit)) => sink.limit("the rest of the archive", limit),
        Some(Incomplete::Damaged) => {
            sink.unread("the rest of the archive", "its directory is damaged");
        }
    }
    let entries = archive.entries.clone();
    if !entries.iter().any(|entry| entry.name.eq_ignore_ascii_case("[Content_Types].xml")) {
        sink.unread("the archive", "it is no Office document");
    }
    let book = book(&mut archive, &entries, sink);
    for entry in &entries {
        if sink.is_full() {
            return;
        }
        let name = entry.name.as_str();
        if name.ends_with('/')
            || name.eq_ignore_ascii_case("[Content_Types].xml")
            || name.eq_ignore_ascii_case(SHARED_STRINGS)
        {
            continue;
        }
        let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if !["xml", "rels", "vml", "svg"].contains(&ending.as_str()) {
            if OPAQUE_ENDINGS.contains(&ending.as_str()) {
                sink.opaque(&format!("{name}: it is no text"));
            } else {
                sink.unread(name, "it is no text");
            }
            continue;
        }
        if let Some(text) = text_of(&mut archive, entry, sink) {
            part(name, &text, &book, sink);
        }
    }
    for (string, _) in book.strings.iter().zip(book.shown.take()).filter(|(_, shown)| !shown) {
        sink.part("shared strings", Some("in no cell"));
        sink.line();
        sink.push(string);
        sink.line();
    }
}

/// The XML of an entry; says so if it cannot be read.
fn text_of(archive: &mut Archive<'_>, entry: &Entry, sink: &mut Sink) -> Option<String> {
    let read = archive.read(entry);
    sink.inflated(archive.inflated_bytes());
    if archive.is_spent() {
        sink.limit("the rest of the archive", "inflated_bytes_max");
    }
    match read {
        Ok(bytes) => {
            let text = decoded(&bytes).into_owned();
            // A document ends with the end of its outermost element.
            if !text.trim_end().ends_with('>') {
                sink.unread(&entry.name, "it ends early");
            }
            Some(text)
        }
        Err(why) => {
            sink.unread(&entry.name, why);
            None
        }
    }
}

fn book(archive: &mut Archive<'_>, entries: &[Entry], sink: &mut Sink) -> Book {
    let mut book = Book::default();
    let find = |name: &str| entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
    if let Some(text) = find(SHARED_STRINGS).and_then(|entry| text_of(archive, entry, sink)) {
        book.strings = shared_strings(&text, sink);
        book.shown = RefCell::new(vec![false; book.strings.len()]);
    }
    let Some(workbook) = find("xl/workbook.xml").and_then(|entry| text_of(archive, entry, sink))
    else {
        return book;
    };
    let relations =
        find("xl/_rels/workbook.xml.rels").and_then(|entry| text_of(archive, entry, sink));
    let relations = relations.unwrap_or_default();
    let targets: HashMap<&str, &str> = opened(&relations, "Relationship")
        .filter_map(|of| Some((attribute(of, "Id")?, attribute(of, "Target")?)))
        .collect();
    for of in opened(&workbook, "sheet") {
        let name = unescaped(attribute(of, "name").unwrap_or_default()).into_owned();
        let is_hidden = attribute(of, "state").is_some_and(|state| state != "visible");
        let id = crate::markup::attributes(of).filter(|(name, _)| *name == "id").last();
        if let Some(target) = id.and_then(|(_, id)| targets.get(id)) {
            let entry = format!("xl/{}", target.trim_start_matches("/xl/"));
            book.sheets.insert(entry, (name, is_hidden));
        }
    }
    book
}

/// The attributes of all elements of a name.
fn opened<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    Tokens::new(text).filter_map(move |token| match token {
        Token::Open { name, attributes, .. } if name == wanted => Some(attributes),
        _ => None,
    })
}

fn shared_strings(text: &str, sink: &mut Sink) -> Vec<String> {
    let (mut strings, mut current, mut is_text) = (Vec::new(), String::new(), false);
    for token in Tokens::new(text) {
        match token {
            Token::Open { name: "t", is_empty, .. } => is_text = !is_empty,
            Token::Close("t") => is_text = false,
            Token::Close("si") => {
                if strings.len() >= SHARED_STRINGS_MAX {
                    sink.limit("the rest of the shared strings", "shared_strings_max");
                    return strings;
                }
                strings.push(std::mem::take(&mut current));
            }
            Token::Text(text) if is_text => current.push_str(&unescaped(text)),
            Token::Raw(text) if is_text => current.push_str(text),
            _ => {}
        }
    }
    strings
}

/// What an entry is called, how it is hidden, and whether only its text elements say something.
fn name_of(entry: &str, book: &Book) -> (String, Option<&'static str>, bool) {
    let file = entry.rsplit('/').next().unwrap_or(entry);
    let stem = file.split('.').next().unwrap_or(file);
    let number = stem.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let kind = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    // A longer one is somebody's and no place in a document.
    let number = if number.len() > NUMBER_DIGITS_MAX { "" } else { number };
    let numbered = |what: &str| format!("{what} {number}").trim_end().to_owned();
    if file.to_ascii_lowercase().rsplit('.').next() == Some("rels") {
        return (String::from("links"), Some("link"), false);
    }
    match (entry.split('/').next().unwrap_or_default(), kind) {
        ("docProps", _) => (String::from("metadata"), Some("metadata"), false),
        ("word", "document") => (String::from("document"), None, true),
        ("ppt", "slide") => (numbered("slide"), None, true),
        ("ppt", "notesSlide") => (numbered("notes of slide"), Some("notes"), true),
        ("xl", "sheet") => {
            let (name, is_hidden) = book.sheets.get(entry).cloned().unwrap_or_default();
            let name = if name.is_empty() { numbered("sheet") } else { format!("sheet `{name}`") };
            (name, is_hidden.then_some("hidden sheet"), true)
        }
        ("word", "header" | "footer" | "footnotes" | "endnotes") => (numbered(kind), None, true),
        (_, "comments" | "comment" | "threadedComment" | "modernComment") => {
            (numbered("comments"), Some("comment"), true)
        }
        ("word" | "xl" | "ppt", _) => (format!("part `{entry}`"), Some("not shown"), true),
        _ => (format!("part `{entry}`"), Some("not shown"), false),
    }
}

/// Where a reader of one entry stands.
struct Reader<'a> {
    name: &'a str,
    /// How all of it is hidden.
    all: Option<&'static str>,
    /// How the letters of this run are.
    run: Option<&'static str>,
    /// How the row is.
    row: Option<&'static str>,
    only_text_elements: bool,
    is_text: bool,
    /// The cell has the number of a shared string.
    is_shared: bool,
}

fn part(entry: &str, text: &str, book: &Book, sink: &mut Sink) {
    let (name, all, only_text_elements) = name_of(entry, book);
    let mut reader = Reader {
        name: &name,
        all,
        run: None,
        row: None,
        only_text_elements,
        is_text: false,
        is_shared: false,
    };
    for token in Tokens::new(text) {
        if sink.is_full() {
            return;
        }
        match token {
            Token::Open { name, attributes, is_empty } => {
                reader.open(name, attributes, is_empty, sink);
            }
            Token::Close(name) => reader.close(name, sink),
            Token::Text(text) => reader.text(&unescaped(text), book, sink),
            Token::Raw(text) => reader.text(text, book, sink),
            // An XML declaration is no comment of anybody's.
            Token::Comment(text) if text.starts_with("xml") || text.trim().is_empty() => {}
            Token::Comment(text) => {
                sink.part(reader.name, Some("comment in the XML"));
                sink.push(text);
                sink.line();
            }
        }
    }
    sink.line();
}

impl Reader<'_> {
    fn open(&mut self, name: &str, attributes: &str, is_empty: bool, sink: &mut Sink) {
        let value = || attribute(attributes, "val").unwrap_or_default();
        let number = |name| attribute(attributes, name).and_then(|size| size.parse::<u32>().ok());
        match name {
            "sld" if attribute(attributes, "show") == Some("0") => self.all = Some("hidden slide"),
            "r" => self.run = None,
            "vanish" | "webHidden" if !matches!(value(), "0" | "false" | "off") => {
                self.run = Some("not printed");
            }
            "color" | "srgbClr" if value().eq_ignore_ascii_case("ffffff") => {
                self.run = Some("white");
            }
            "sz" if number("val").is_some_and(|size| size <= TINY_HALF_POINTS) => {
                self.run = Some("tiny");
            }
            "rPr" if number("sz").is_some_and(|size| size <= TINY_HUNDREDTHS) => {
                self.run = Some("tiny");
            }
            "row" => {
                self.row = (attribute(attributes, "hidden") == Some("1")).then_some("hidden row");
            }
            "c" => {
                self.is_shared = attribute(attributes, "t") == Some("s");
                sink.space();
            }
            "tab" => sink.space(),
            "br" | "cr" => sink.line(),
            "Relationship" if attribute(attributes, "TargetMode") == Some("External") => {
                self.say(&unescaped(attribute(attributes, "Target").unwrap_or_default()), sink);
                sink.line();
            }
            // Alternative texts of pictures, and what a mouse brings up.
            "docPr" | "cNvPr" | "hlinkClick" => {
                for words in ["descr", "title", "tooltip"] {
                    let words = attribute(attributes, words).filter(|words| !words.is_empty());
                    if let Some(words) = words {
                        sink.part(self.name, Some("attribute"));
                        sink.line();
                        sink.push(&unescaped(words));
                        sink.line();
                    }
                }
            }
            _ => {}
        }
        if TEXT_ELEMENTS.contains(&name) {
            self.is_text = !is_empty;
        }
    }

    fn close(&mut self, name: &str, sink: &mut Sink) {
        match name {
            "p" | "row" | "si" | "comment" => sink.line(),
            "r" => self.run = None,
            _ => {}
        }
        if TEXT_ELEMENTS.contains(&name) {
            self.is_text = false;
        }
        if !self.only_text_elements {
            sink.space();
        }
    }

    fn text(&self, text: &str, book: &Book, sink: &mut Sink) {
        if !self.is_text && (self.only_text_elements || text.trim().is_empty()) {
            return;
        }
        let shared = if self.is_shared { text.trim().parse::<usize>().ok() } else { None };
        if let Some((at, string)) = shared.and_then(|at| Some((at, book.strings.get(at)?))) {
            if let Some(shown) = book.shown.borrow_mut().get_mut(at) {
                *shown = true;
            }
            return self.say(string, sink);
        }
        self.say(text, sink);
    }

    fn say(&self, text: &str, sink: &mut Sink) {
        sink.part(self.name, self.run.or(self.row).or(self.all));
        sink.push(text);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Extracted, Format, extract};
    use testkit::zip;

    fn office(entries: &[(&str, &str)]) -> Extracted {
        let mut all = vec![("[Content_Types].xml", "<Types/>")];
        all.extend(entries);
        extract(&zip(&all), Format::Office)
    }

    #[track_caller]
    fn check(extracted: &Extracted, words: &str, part: &str) {
        let at = extracted.text.find(words).unwrap_or_else(|| panic!("{extracted:?}"));
        let found = extracted.part_of(&(at..at + 1)).map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(part), "{extracted:?}");
    }

    #[test]
    fn anything_may_stand_before_an_archive() {
        let file =
            zip(&[("[Content_Types].xml", "<T/>"), ("word/document.xml", "<w:t>words</w:t>")]);
        let file = [b"GIF89a and more".as_slice(), &file].concat();
        assert_eq!(crate::recognise(&file), [Format::Office]);
        let extracted = extract(&file, Format::Office);
        assert_eq!((&*extracted.text, extracted.unread.len()), ("words\n", 0), "{extracted:?}");
    }

    #[test]
    fn what_the_author_named_is_no_label() {
        let extracted = extract(
            &zip(&[("[Content_Types].xml", "<T/>"), ("x/anna.xml", "<a>words</a>")]),
            Format::Office,
        );
        let part = extracted.parts.first().expect("a part");
        assert_eq!((part.name.as_str(), part.label()), ("part `x/anna.xml`", "part"));
    }

    #[test]
    fn documents_are_read_with_what_is_hidden() {
        let body = "<w:document><w:body><w:p><w:r><w:t>Plain &amp; </w:t></w:r><w:r><w:t>simple</w:t></w:r></w:p>\
                    <w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>unprinted</w:t></w:r>\
                    <w:r><w:rPr><w:color w:val=\"FFFFFF\"/></w:rPr><w:t>whitened</w:t></w:r>\
                    <w:r><w:rPr><w:sz w:val=\"2\"/></w:rPr><w:t>shrunk</w:t></w:r>\
                    <w:r><w:rPr><w:vanish w:val=\"0\"/></w:rPr><w:t>shown</w:t></w:r></w:p></w:body></w:document>";
        let extracted = office(&[
            ("word/document.xml", body),
            (
                "word/comments.xml",
                "<w:comments><w:comment><w:p><w:r><w:t>remark</w:t></w:r></w:p></w:comment></w:comments>",
            ),
            ("docProps/core.xml", "<c><dc:title>titled</dc:title></c>"),
            (
                "word/_rels/document.xml.rels",
                "<R><Relationship Target=\"https://x.example/\" TargetMode=\"External\"/></R>",
            ),
            ("other/strange.xml", "<a>elsewhere</a>"),
            ("word/media/image1.png", ""),
            ("word/embeddings/ole.bin", ""),
        ]);
        check(&extracted, "Plain & simple", "document");
        check(&extracted, "unprinted", "document, hidden: not printed");
        check(&extracted, "whitened", "document, hidden: white");
        check(&extracted, "shrunk", "document, hidden: tiny");
        check(&extracted, "shown", "document");
        check(&extracted, "remark", "comments, hidden: comment");
        check(&extracted, "titled", "metadata, hidden: metadata");
        check(&extracted, "https://x.example/", "links, hidden: link");
        check(&extracted, "elsewhere", "part `other/strange.xml`, hidden: not shown");
        assert_eq!(extracted.opaque, ["word/media/image1.png: it is no text"]);
        assert_eq!(extracted.unread, ["word/embeddings/ole.bin: it is no text"]);
    }

    #[test]
    fn sheets_are_read_with_their_names() {
        let extracted = office(&[
            (
                "xl/workbook.xml",
                "<workbook><sheets><sheet name=\"Prices\" sheetId=\"1\" r:id=\"rId1\"/>\
              <sheet name=\"Other\" state=\"veryHidden\" r:id=\"rId2\"/></sheets></workbook>",
            ),
            (
                "xl/_rels/workbook.xml.rels",
                "<R><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/>\
              <Relationship Id=\"rId2\" Target=\"/xl/worksheets/sheet2.xml\"/></R>",
            ),
            (
                "xl/sharedStrings.xml",
                "<sst><si><t>first</t></si><si><r><t>sec</t></r><r><t>ond</t></r></si><si><t>spare</t></si></sst>",
            ),
            (
                "xl/worksheets/sheet1.xml",
                "<s><row><c t=\"s\"><v>1</v></c><c><v>42</v></c></row>\
              <row hidden=\"1\"><c t=\"inlineStr\"><is><t>unseen row</t></is></c></row></s>",
            ),
            (
                "xl/worksheets/sheet2.xml",
                "<s><row><c t=\"s\"><v>0</v></c><c><f>HYPERLINK(1)</f></c></row></s>",
            ),
        ]);
        check(&extracted, "second 42", "sheet `Prices`");
        check(&extracted, "unseen row", "sheet `Prices`, hidden: hidden row");
        check(&extracted, "spare", "shared strings, hidden: in no cell");
        check(&extracted, "first HYPERLINK(1)", "sheet `Other`, hidden: hidden sheet");
        assert!(extracted.unread.is_empty(), "{extracted:?}");
    }

    #[test]
    fn slides_are_read_with_their_notes() {
        let slide = |text: &str| {
            format!("<p:sld><a:p><a:r><a:rPr sz=\"100\"/><a:t>{text}</a:t></a:r></a:p></p:sld>")
        };
        let extracted = office(&[
            (
                "ppt/slides/slide2.xml",
                "<p:sld show=\"0\"><a:p><a:r><a:t>skipped</a:t></a:r></a:p></p:sld>",
            ),
            ("ppt/slides/slide3.xml", &slide("shrunk")),
            (
                "ppt/notesSlides/notesSlide2.xml",
                "<n><a:p><a:r><a:t>whispered</a:t></a:r></a:p></n>",
            ),
            ("ppt/slides/slide4.xml", "<p:sld><p:cNvPr descr=\"a picture of\"/></p:sld>"),
        ]);
        check(&extracted, "skipped", "slide 2, hidden: hidden slide");
        check(&extracted, "shrunk", "slide 3, hidden: tiny");
        check(&extracted, "whispered", "notes of slide 2, hidden: notes");
        check(&extracted, "a picture of", "slide 4, hidden: attribute");
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let xml = format!("<a b='{}'/>", " ".repeat(crate::INFLATED_BYTES_MAX / 2));
        let extracted = office(&[("word/a.xml", &xml), ("word/b.xml", &xml), ("word/c.xml", &xml)]);
        let is_said = |unread: &String| unread.contains("inflated_bytes_max");
        assert!(extracted.unread.iter().any(is_said), "{:?}", extracted.unread);
        assert!(extracted.text.len() <= crate::TEXT_BYTES_MAX);
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!("{}<w:t>bottom</w:t>", "<w:p>".repeat(500_000));
        check(&office(&[("word/document.xml", &deep)]), "bottom", "document");
    }

    #[test]
    fn shared_strings_are_limited() {
        let strings =
            format!("<sst>{}</sst>", "<si/><si></si>".repeat(super::SHARED_STRINGS_MAX + 1));
        let extracted = office(&[("xl/sharedStrings.xml", &strings)]);
        assert!(extracted.unread.iter().any(|unread| unread.contains("shared_strings_max")));
    }

    #[test]
    fn entries_are_limited() {
        let names: Vec<String> =
            (0..=crate::ENTRIES_MAX).map(|number| format!("{number}.xml")).collect();
        let entries: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "<a/>")).collect();
        let extracted = office(&entries);
        assert!(
            extracted.unread.iter().any(|unread| unread.contains("entries_max")),
            "{:?}",
            extracted.unread
        );
    }

    #[test]
    fn what_is_damaged_is_said() {
        let whole =
            zip(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", "<w:t>words</w:t>")]);
        // The length of the archive's comment, at the very end, is not asked for.
        for end in 0..whole.len() - 2 {
            let extracted = extract(&whole[..end], Format::Office);
            assert!(!extracted.unread.is_empty(), "cut at {end}: {extracted:?}");
        }
        let mut encrypted = whole.clone();
        let directory = whole.windows(4).rposition(|four| four == b"PK\x01\x02").expect("an entry");
        encrypted[directory + 8] |= 1;
        assert_eq!(extract(&encrypted, Format::Office).unread, ["word/document.xml: encrypted"]);
    }
}
