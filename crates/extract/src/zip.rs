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

/// Why a directory was not read to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Incomplete {
    /// The limit so called.
    Limit(&'static str),
    Damaged,
}

/// An archive.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    pub(crate) entries: Vec<Entry>,
    /// Why the directory was not read to its end.
    pub(crate) incomplete: Option<Incomplete>,
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

/// Where the end record of an archive is.
fn end_of(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_BYTES_MAX);
    Some(from + memchr::memmem::rfind(bytes.get(from..)?, b"PK\x05\x06")?)
}

/// Whether the file ends like an archive, whatever it begins with.
pub(crate) fn has_end(bytes: &[u8]) -> bool {
    end_of(bytes).is_some()
}

impl<'a> Archive<'a> {
    /// Reads the directory; `None` if there is none.
    pub(crate) fn open(bytes: &'a [u8]) -> Option<Self> {
        let end = end_of(bytes)?;
        let mut archive =
            Self { bytes, entries: Vec::new(), incomplete: None, left: INFLATED_BYTES_MAX };
        let said = u32_at(bytes, end + 16)?;
        archive.directory(said, 0);
        // Some readers look where the directory ends, whatever is said, and so take archives with anything before them.
        let found = end.saturating_sub(u32_at(bytes, end + 12)?);
        if found != said {
            archive.directory(found, found.cast_signed().wrapping_sub(said.cast_signed()));
        }
        Some(archive)
    }

    /// Reads the directory at a place; its offsets count from `before`.
    fn directory(&mut self, mut at: usize, before: isize) {
        while self.bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
            if self.entries.len() >= ENTRIES_MAX {
                self.incomplete = Some(Incomplete::Limit("entries_max"));
                return;
            }
            let Some((mut entry, next)) = entry(self.bytes, at) else {
                self.incomplete = Some(Incomplete::Damaged);
                return;
            };
            entry.offset = entry.offset.saturating_add_signed(before);
            self.entries.push(entry);
            at = next;
        }
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

    /// What was inflated so far, in bytes.
    pub(crate) const fn inflated_bytes(&self) -> usize {
        INFLATED_BYTES_MAX - self.left
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
