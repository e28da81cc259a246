//! `extract`: any bytes read as PDF, as an Office archive, as HTML and as plain text.

use extract::{Format, extract, plain_text};

use crate::engine::{Outcome, Target, fingerprint};

const PDF: &str = "%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
    2 0 obj << /Type /Pages /Kids [3 0 R] >> endobj\n\
    3 0 obj << /Type /Page /Parent 2 0 R /Contents [4 0 R] /Resources << /Font << /F1 5 0 R >> /XObject << /X1 6 0 R >> >> >> endobj\n\
    4 0 obj << /Length 60 >> stream\nBT /F1 12 Tf 1 0 0 1 5 7 Tm 3 Tr (some) Tj [(wo) -20 (rds)] TJ ET /X1 Do\nendstream endobj\n\
    5 0 obj << /Type /Font /Subtype /Type0 /ToUnicode 7 0 R >> endobj\n\
    6 0 obj << /Subtype /Form >> stream\nBT <0102> Tj ET\nendstream endobj\n\
    7 0 obj << >> stream\n1 beginbfrange <0001> <00ff> <0041> endbfrange\nendstream endobj\n\
    8 0 obj << /Type /ObjStm /N 1 /First 4 >> stream\n9 0 << /Title (titled) >>\nendstream endobj\n\
    trailer << /Root 1 0 R /Info 9 0 R >>";
const HTML: &str = "<!DOCTYPE html><title>a</title><p style='display:none'>b &amp; <b>c</b></p><!-- d --><script>e</script>";
/// An archive of one stored entry, `a.xml`.
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x18\0\0\0\x18\0\0\0\x05\0\0\0a.xml<w:r><w:t>bc</w:t></w:r>\
    PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x18\0\0\0\x18\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a.xml\
    PK\x05\x06\0\0\0\0\x01\0\x01\x003\0\0\0;\0\0\0\0\0";

const DICTIONARY: &[&[u8]] = &[
    b" 0 obj ",
    b" endobj ",
    b"stream\n",
    b"endstream",
    b"<<",
    b">>",
    b"/Kids",
    b" 0 R",
    b"/Filter /FlateDecode",
    b"/Filter /ASCII85Decode",
    b"/Type /ObjStm",
    b"BT ",
    b" Tj",
    b" Do",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x03\x04",
    b"<w:p>",
    b"<w:vanish/>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"&#x41;",
    b"</script>",
    b"hidden='",
    b"<",
    b"\xff\xfe",
    b"\x1b$B",
    b"\xcf\xf0\xe8\xe2\xe5\xf2 ",
    b"\x82\xb1\x82\xea\x82\xdc\x82\xc5",
];

/// Any bytes are read as any format, and the parts are places in the text.
pub(super) const EXTRACT: Target = Target {
    name: "extract",
    seeds: || vec![PDF.into(), HTML.into(), ZIP.to_vec()],
    dictionary: DICTIONARY,
    run,
};

fn run(bytes: &[u8]) -> Outcome {
    let mut seen = Vec::new();
    for format in [Format::Pdf, Format::Office, Format::Html] {
        let extracted = extract(bytes, format);
        for part in &extracted.parts {
            assert!(extracted.text.is_char_boundary(part.start), "{part:?}");
        }
        let hidden = extracted.parts.iter().filter(|part| part.hidden.is_some()).count();
        seen.push(format!("{} {} {hidden}", extracted.unread.join(" "), extracted.parts.len()));
    }
    for charset in [None, Some("shift_jis"), Some("utf-16le")] {
        let text = plain_text(bytes, charset);
        seen.push(format!("{charset:?} {}", text.is_some()));
        assert!(text.is_none_or(|text| text.len() <= 12 * bytes.len() + 12), "{charset:?}");
    }
    fingerprint(&seen.join("\n"))
}
