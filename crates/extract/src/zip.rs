//! Zip archives (APPNOTE.TXT 6.3), as far as Office files use them: stored and deflated entries.
//!
//! INVARIANT: all entries together inflate to at most [`INFLATED_BYTES_MAX`], whatever the archive says.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

/// The most entries of an archive.
pub const ENTRIES_MAX: usize = 4096;
/// What all entries of an archive, or all streams of a PDF, inflate to at most, in bytes.
pub const INFLATED_BYTES_MAX: usize = 64 << 20;
/// The end record and the longest comment after it.
const END_BYTES_MAX: usize = 22 + 65_535;

/// An entry of the directory.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    method: u16,
    is_encrypted: bool,
    compressed_bytes: usize,
    offset: usize,
}

/// An archive.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    pub(crate) entries: Vec<Entry>,
    /// Why the directory was not read to its end.
    pub(crate) incomplete: Option<&'static str>,
    /// Bytes that may still be inflated.
    left: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(bytes)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes) as usize)
}

impl<'a> Archive<'a> {
    /// Reads the directory; `None` if there is none.
    pub(crate) fn open(bytes: &'a [u8]) -> Option<Self> {
        let from = bytes.len().saturating_sub(END_BYTES_MAX);
        let end = from + memchr::memmem::rfind(bytes.get(from..)?, b"PK\x05\x06")?;
        let mut archive =
            Self { bytes, entries: Vec::new(), incomplete: None, left: INFLATED_BYTES_MAX };
        let mut at = u32_at(bytes, end + 16)?;
        while bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
            if archive.entries.len() >= ENTRIES_MAX {
                archive.incomplete = Some("the rest of the archive (entries_max)");
                break;
            }
            let Some((entry, next)) = entry(bytes, at) else {
                archive.incomplete = Some("the rest of the archive: its directory is damaged");
                break;
            };
            archive.entries.push(entry);
            at = next;
        }
        Some(archive)
    }

    /// What is in an entry, or why it cannot be read.
    pub(crate) fn read(&mut self, entry: &Entry) -> Result<Vec<u8>, &'static str> {
        if entry.is_encrypted {
            return Err("encrypted");
        }
        let header = self.bytes.get(entry.offset..).filter(|rest| rest.starts_with(b"PK\x03\x04"));
        let data = header.and_then(|header| {
            let start = 30 + u16_at(header, 26)? + u16_at(header, 28)?;
            let data = header.get(start..)?;
            Some(data.get(..entry.compressed_bytes).unwrap_or(data))
        });
        let data = data.ok_or("damaged")?;
        if self.left == 0 {
            return Err("inflated_bytes_max");
        }
        let bytes = match entry.method {
            0 => data.get(..self.left).unwrap_or(data).to_vec(),
            // What came before the limit or the damage is text all the same; the caller sees that it ends early.
            8 => decompress_to_vec_with_limit(data, self.left).unwrap_or_else(|error| error.output),
            _ => return Err("compressed in a way that is not read"),
        };
        self.left = self.left.saturating_sub(bytes.len());
        Ok(bytes)
    }

    /// Whether nothing more may be inflated.
    pub(crate) const fn is_spent(&self) -> bool {
        self.left == 0
    }
}

fn entry(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let field = |offset: usize| u16_at(bytes, at + offset);
    let (name_bytes, extra_bytes, comment_bytes) = (field(28)?, field(30)?, field(32)?);
    let name = bytes.get(at + 46..at + 46 + name_bytes)?;
    let entry = Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: field(10)? as u16,
        is_encrypted: field(8)? & 1 != 0,
        compressed_bytes: u32_at(bytes, at + 20)?,
        offset: u32_at(bytes, at + 42)?,
    };
    Some((entry, at + 46 + name_bytes + extra_bytes + comment_bytes))
}
