//! Zip archives and PDF files, made in code: no binary file lies in the repository.
//!
//! INVARIANT: the same parts make the same bytes.
//!
//! Not here: damaged files; a test breaks what it needs broken.

use miniz_oxide::deflate::compress_to_vec;

/// A zip archive, long entries compressed.
pub fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let is_deflated = content.len() > 200;
        let data = if is_deflated {
            compress_to_vec(content.as_bytes(), 6)
        } else {
            content.as_bytes().to_vec()
        };
        let offset = file.len() as u32;
        let mut shared =
            vec![20, 0, 0, 0, if is_deflated { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        shared.extend((data.len() as u32).to_le_bytes());
        shared.extend((content.len() as u32).to_le_bytes());
        shared.extend((name.len() as u16).to_le_bytes());
        shared.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&shared);
        file.extend(name.as_bytes());
        file.extend(&data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&shared);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// A docx of one paragraph.
pub fn docx(text: &str) -> Vec<u8> {
    let paragraph = format!("<w:document><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>");
    zip(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", &paragraph)])
}

/// An object with a stream.
pub fn stream(id: usize, entries: &str, content: &str) -> String {
    format!(
        "{id} 0 obj << {entries} /Length {} >> stream\n{content}\nendstream endobj\n",
        content.len()
    )
}

/// A PDF with a content stream per page; fonts `F1`, `G1` to `G3` (objects 80, 82, 83) and a form `X1` (object 61) are
/// its resources. It has no index: readers repair that.
pub fn pdf(pages: &[&str], more: &str) -> Vec<u8> {
    let first = 1000;
    let kids = (0..pages.len()).map(|page| format!("{} 0 R ", first + 2 * page));
    let kids = kids.collect::<Vec<_>>().concat();
    let mut file = format!(
        "%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n\
         2 0 obj << /Type /Pages /Kids [{kids}] /Resources << /XObject << /X1 61 0 R >> \
         /Font << /F1 3 0 R /G1 80 0 R /G2 82 0 R /G3 83 0 R >> >> >> endobj\n\
         3 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj\n"
    );
    for (page, content) in pages.iter().enumerate() {
        let id = first + 2 * page;
        let page = format!(
            "{id} 0 obj << /Type /Page /Parent 2 0 R /Contents {} 0 R >> endobj\n{}",
            id + 1,
            stream(id + 1, "", content)
        );
        file.push_str(&page);
    }
    file.push_str(more);
    file.push_str("%%EOF\n");
    file.into_bytes()
}
