//! Segments: the files of the record, `journal/NNNNNNNN.log`.
//!
//! ```text
//!  0  magic            8     "BTZLOG1\n"
//!  8  version          u16   1
//! 10  peaks            u16   how many subtree roots follow
//! 12  zero             4
//! 16  node             u64
//! 24  number           u64   the number in the file's name
//! 32  first_sequence   u64   records in the segments before
//! 40  chain            32    head of the chain before the first frame
//! 72  peaks × 32             the Merkle tree over the records before, as subtree roots
//!     crc              u32   CRC32C of everything above
//! ```
//!
//! Numbers are little endian; frames (`frame`) follow until the end of the file. A segment that was
//! left for the next one ends with a seal.
//!
//! INVARIANT: every field of a header follows from the segments before it, so none can be changed
//! unnoticed. INVARIANT: the subtree roots let a start read the last segment alone.

use std::path::{Path, PathBuf};

use events::{Digest, NodeId};

use crate::ReadError;
use crate::disk::{Disk, DiskRead, fill};
use crate::frame::{self, Decoded, Frame, FrameHead, FrameKind, u32_at, u64_at};
use crate::tree::{PEAKS_MAX, Tree};

/// The folder of segments inside the data folder.
pub(crate) const JOURNAL_FOLDER: &str = "journal";

/// The version of the layout of segments and frames.
pub(crate) const LAYOUT_VERSION: u16 = 1;

const MAGIC: &[u8; 8] = b"BTZLOG1\n";
const FIXED_BYTES: usize = 72;
const HEADER_BYTES_MAX: usize = FIXED_BYTES + 32 * PEAKS_MAX + 4;
/// Read ahead at most, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// Searched through at a time, in bytes.
const SCAN_BYTES: usize = 16 * 1024;

/// The file of a segment.
pub(crate) fn segment_path(journal: &Path, number: u64) -> PathBuf {
    journal.join(segment_name(number))
}

/// The file name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:08}.log")
}

/// The numbers of the segments in a folder, in order.
pub(crate) fn segment_numbers(disk: &dyn Disk, journal: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = disk
        .names(journal)?
        .iter()
        .filter_map(|name| {
            let number = name.strip_suffix(".log")?.parse().ok()?;
            (segment_name(number) == *name).then_some(number)
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// What a segment begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) node: NodeId,
    pub(crate) number: u64,
    pub(crate) chain: Digest,
    pub(crate) tree: Tree,
}

/// What the first bytes of a segment are.
pub(crate) enum DecodedHeader {
    /// A header of this many bytes.
    Header(SegmentHeader, usize),
    /// Not all there.
    Short,
    /// Not a header.
    Bad(&'static str),
}

impl SegmentHeader {
    /// As written.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let peaks = self.tree.peaks();
        let mut bytes = Vec::with_capacity(FIXED_BYTES + 32 * peaks.len() + 4);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&LAYOUT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(peaks.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.node.get().to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.tree.records().to_le_bytes());
        bytes.extend_from_slice(&self.chain.0);
        for peak in peaks {
            bytes.extend_from_slice(&peak.0);
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// From the first bytes of a segment.
    pub(crate) fn decode(bytes: &[u8]) -> DecodedHeader {
        let Some(fixed) = bytes.first_chunk::<FIXED_BYTES>() else { return DecodedHeader::Short };
        if !fixed.starts_with(MAGIC) {
            return DecodedHeader::Bad("this is not a segment of the record");
        }
        let version = u16::from_le_bytes([fixed[8], fixed[9]]);
        let count = usize::from(u16::from_le_bytes([fixed[10], fixed[11]]));
        if version != LAYOUT_VERSION || count > PEAKS_MAX || fixed[12..16] != [0; 4] {
            return DecodedHeader::Bad("the header was changed, or a newer version wrote it");
        }
        if u64_at(fixed, 32).count_ones() as usize != count {
            return DecodedHeader::Bad("the header contradicts itself");
        }
        let end = FIXED_BYTES + 32 * count;
        let Some(bytes) = bytes.get(..end + 4) else { return DecodedHeader::Short };
        if u32_at(bytes, end) != crc32c::crc32c(&bytes[..end]) {
            return DecodedHeader::Bad("the header was changed");
        }
        let digests = bytes[40..end].chunks_exact(32).map(|chunk| {
            let mut digest = Digest::default();
            digest.0.copy_from_slice(chunk);
            digest
        });
        let mut digests = digests.collect::<Vec<_>>().into_iter();
        let chain = digests.next().unwrap_or_default();
        match Tree::from_peaks(u64_at(fixed, 32), digests.collect()) {
            Some(tree) => {
                let node = NodeId::new(u64_at(fixed, 16));
                let number = u64_at(fixed, 24);
                DecodedHeader::Header(Self { node, number, chain, tree }, end + 4)
            }
            None => DecodedHeader::Bad("the header contradicts itself"),
        }
    }
}

/// What a reader of a segment comes upon next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame.
    Frame(Frame),
    /// The end of the file, between two frames. More may be appended.
    End,
    /// The end of the file, this many bytes into a frame or into nothing but zeros. More may come.
    Unfinished(u64),
    /// Bytes that are no frame and never will be.
    Bad(&'static str),
}

/// What opening a segment comes upon.
pub(crate) enum Opened {
    /// A header, and a reader of what follows.
    Segment(SegmentHeader, SegmentReader),
    /// The header is not all there (yet), or all zeros.
    Unfinished,
    /// The file is not a segment.
    Bad(&'static str),
}

/// Reads the frames of one segment in order, while it may still grow.
pub(crate) struct SegmentReader {
    file: Box<dyn DiskRead>,
    path: PathBuf,
    /// Bytes of the file from `offset` on.
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    start: usize,
    /// Where in the file the buffer begins.
    offset: u64,
}

impl SegmentReader {
    /// Opens a segment and reads its header.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Result<Opened, ReadError> {
        let failed = || ReadError::file(path);
        let file = disk.open_read(path).map_err(failed())?;
        let mut start = vec![0; HEADER_BYTES_MAX];
        let filled = fill(file.as_ref(), &mut start, 0).map_err(failed())?;
        let start = start.get(..filled).unwrap_or_default();
        Ok(match SegmentHeader::decode(start) {
            DecodedHeader::Header(header, bytes) => {
                let offset = bytes as u64;
                let path = path.to_path_buf();
                let reader = Self { file, path, buffer: Vec::new(), start: 0, offset };
                Opened::Segment(header, reader)
            }
            DecodedHeader::Short => Opened::Unfinished,
            DecodedHeader::Bad(_) if only_zeros_from(file.as_ref(), 0).map_err(failed())? => {
                Opened::Unfinished
            }
            DecodedHeader::Bad(why) => Opened::Bad(why),
        })
    }

    /// Where the next frame begins, in bytes from the start of the segment.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset + self.start as u64
    }

    /// The file being read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next frame. After anything else the same place is read again by the next call.
    pub(crate) fn step(&mut self) -> Result<Step, ReadError> {
        let mut wanted = frame::FRAME_HEAD_BYTES;
        loop {
            if self.buffer.len() - self.start < wanted {
                self.refill(wanted)?;
            }
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            let available = rest.len();
            match frame::decode(rest, self.offset()) {
                Decoded::Frame(frame) => {
                    self.start += frame.head.frame_bytes();
                    return Ok(Step::Frame(frame));
                }
                Decoded::Short(needed) if available >= wanted => wanted = needed,
                Decoded::Short(_) => return self.unfinished(available),
                Decoded::Bad(why) => return self.bad(why),
            }
        }
    }

    fn unfinished(&mut self, available: usize) -> Result<Step, ReadError> {
        self.forget();
        let shrunk = self.file.length().map_err(ReadError::file(&self.path))? < self.offset;
        Ok(match available {
            _ if shrunk => Step::Bad("the segment is shorter than it was"),
            0 => Step::End,
            bytes => Step::Unfinished(bytes as u64),
        })
    }

    fn bad(&mut self, why: &'static str) -> Result<Step, ReadError> {
        self.forget();
        let failed = || ReadError::file(&self.path);
        if only_zeros_from(self.file.as_ref(), self.offset).map_err(failed())? {
            let length = self.file.length().map_err(failed())?;
            return Ok(Step::Unfinished(length.saturating_sub(self.offset)));
        }
        Ok(Step::Bad(why))
    }

    /// Drops what was read ahead: it may be written anew.
    fn forget(&mut self) {
        self.offset = self.offset();
        self.buffer.clear();
        self.start = 0;
    }

    fn refill(&mut self, wanted: usize) -> Result<(), ReadError> {
        self.buffer.drain(..self.start);
        self.offset += self.start as u64;
        self.start = 0;
        let filled = self.buffer.len();
        let length = self.file.length().map_err(ReadError::file(&self.path))?;
        let ahead = length.saturating_sub(self.offset).min(READ_BYTES as u64);
        self.buffer.resize(wanted.max(ahead as usize), 0);
        let rest = self.buffer.get_mut(filled..).unwrap_or_default();
        let more = fill(self.file.as_ref(), rest, self.offset + filled as u64);
        self.buffer.truncate(filled + more.as_ref().copied().unwrap_or_default());
        more.map(drop).map_err(ReadError::file(&self.path))
    }
}

/// Whether there is nothing but zeros from an offset on.
fn only_zeros_from(file: &dyn DiskRead, offset: u64) -> std::io::Result<bool> {
    let mut buffer = vec![0; SCAN_BYTES];
    let mut at = offset;
    loop {
        match fill(file, &mut buffer, at)? {
            0 => return Ok(true),
            bytes if buffer.iter().take(bytes).any(|byte| *byte != 0) => return Ok(false),
            bytes => at += bytes as u64,
        }
    }
}

/// Looks for a frame head anywhere from an offset on, at any byte, for which `wanted` holds.
pub(crate) fn any_head_from(
    file: &dyn DiskRead,
    offset: u64,
    wanted: impl Fn(&FrameHead) -> bool,
) -> std::io::Result<bool> {
    let mut buffer = vec![0; SCAN_BYTES];
    let mut at = offset;
    loop {
        let filled = fill(file, &mut buffer, at)?;
        let bytes = buffer.get(..filled).unwrap_or_default();
        let found = bytes
            .windows(frame::FRAME_HEAD_BYTES)
            .any(|window| FrameHead::decode(window).is_some_and(|head| wanted(&head)));
        if found {
            return Ok(true);
        }
        if filled < buffer.len() {
            return Ok(false);
        }
        at += (filled - frame::FRAME_HEAD_BYTES + 1) as u64;
    }
}

/// Whether a head says that the record with this sequence number had been synced when it was written.
pub(crate) const fn proves_synced(head: &FrameHead, sequence: u64) -> bool {
    head.durable > sequence && head.durable <= head.sequence
}

/// Whether a head is that of the record with this sequence number.
pub(crate) fn is_record(head: &FrameHead, sequence: u64) -> bool {
    head.kind == FrameKind::Record && head.sequence == sequence
}

#[cfg(test)]
mod tests {
    use events::leaf_digest;
    use proptest::prelude::*;

    use super::*;

    fn header(records: u64) -> SegmentHeader {
        let mut tree = Tree::default();
        for record in 0..records {
            tree.push(leaf_digest(&record.to_be_bytes()));
        }
        SegmentHeader { node: NodeId::new(3), number: 9, chain: leaf_digest(b"chain"), tree }
    }

    #[test]
    fn more_subtrees_than_a_tree_can_have_are_refused() {
        let mut bytes = header(0).encode();
        bytes[10] = PEAKS_MAX as u8 + 1;
        bytes.resize(HEADER_BYTES_MAX + 32, 0);
        assert!(matches!(SegmentHeader::decode(&bytes), DecodedHeader::Bad(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn headers_are_read_as_written(
            records in 0..300u64, at: prop::sample::Index, bit in 0..8u8
        ) {
            let header = header(records);
            let bytes = header.encode();
            let DecodedHeader::Header(read, length) = SegmentHeader::decode(&bytes) else {
                return Err(TestCaseError::fail("not read"));
            };
            prop_assert_eq!((read, length), (header, bytes.len()));
            let at = at.index(bytes.len());
            prop_assert!(matches!(SegmentHeader::decode(&bytes[..at]), DecodedHeader::Short));
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(matches!(SegmentHeader::decode(&changed), DecodedHeader::Bad(_)));
        }

        #[test]
        fn any_bytes_are_read_without_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..300), magic: bool
        ) {
            if magic && bytes.len() > 16 {
                bytes[..16].copy_from_slice(b"BTZLOG1\n\x01\0\x02\0\0\0\0\0");
            }
            let _ = SegmentHeader::decode(&bytes);
        }
    }
}
