//! Whether the record is what was written.
//!
//! By itself it detects that a record was changed, removed, reordered or repeated: every frame follows from
//! the one before. Who makes the whole chain fit again still needs the node's key for the seals, which stand at
//! the end of every segment but the last and at most `SEAL_INTERVAL_RECORDS_MAX` records apart; only the
//! records after the last seal, whose number the report gives, are not signed yet.
//! That records were cut off the end can be seen only against a checkpoint that was exported before; the
//! report says against which one it looked.
//!
//! INVARIANT: a record that does not verify is never reported as intact; the first fault is named with its
//! place. INVARIANT: verifying changes nothing on disk.

use std::path::{Path, PathBuf};

use events::NodeId;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Head};
use crate::disk::Disk;
use crate::error::{JournalError, ReadError};
use crate::keys;
use crate::log::now_ms;
use crate::recover::describe;
use crate::segment::{
    JOURNAL_FOLDER, Opened, SegmentHeader, SegmentReader, Step, any_head_from, is_record,
    segment_name, segment_numbers, segment_path,
};
use crate::walk::{Refused, Walk};

/// What was checked, and the first fault. Its JSON is what `bartizan log verify --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// What was read before the first fault, or all of it.
    pub checked: Checked,
    /// The first fault, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Where the record stands after what was checked.
    pub head: Head,
    /// Whose record it is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// What truncation was looked for against.
    pub truncation: Truncation,
    /// The last frame, if it is not finished: the node is writing, or its power went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedEnd>,
    /// Records after the last seal: they are chained, but nothing signed covers them yet.
    pub unsealed_records: u64,
    /// In one word.
    pub verdict: Verdict,
}

/// The outcome in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything is what was written.
    Intact,
    /// Everything is what was written, up to a last frame that is not finished.
    UnfinishedEnd,
    /// It is not: see the fault.
    Faulty,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Seals.
    pub seals: u64,
    /// Segments.
    pub segments: u64,
}

/// What truncation was looked for against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "against", rename_all = "snake_case")]
pub enum Truncation {
    /// A checkpoint: if there is no fault, at least its records are here, unchanged.
    Checkpoint {
        /// Records it covers.
        records: u64,
        /// When it was signed, in milliseconds since 1970.
        time_ms: u64,
    },
    /// Only the last seal in the record itself: whatever came after it could have been cut off.
    LastSeal {
        /// Records it covers.
        records: u64,
        /// When it was signed, in milliseconds since 1970.
        time_ms: u64,
    },
    /// Nothing: any number of records could have been cut off.
    Nothing,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// In words.
    pub detail: String,
    /// What kind.
    pub kind: FaultKind,
    /// Where in the segment, in bytes.
    pub offset: u64,
    /// The segment's file name.
    pub segment: String,
    /// The sequence number that was expected there.
    pub sequence: u64,
}

/// Kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Bytes are not what was written.
    Changed,
    /// A signature does not fit, in the record or on the checkpoint.
    Forged,
    /// Another node's record or checkpoint.
    OtherNode,
    /// Records are missing from the middle or the beginning.
    Removed,
    /// Records stand in another order, or twice.
    Reordered,
    /// Records are missing from the end.
    Truncated,
}

/// A last frame that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedEnd {
    /// How many bytes of it are there.
    pub bytes: u64,
    /// Where it begins in the segment.
    pub offset: u64,
    /// The segment's file name.
    pub segment: String,
}

/// Verifies the record in the data folder `dir`, whether or not a process is writing to it. Blocking.
///
/// Fails only if the files cannot be read at all; what is wrong with them is in the report.
pub fn verify(
    dir: &Path,
    against: Option<&Checkpoint>,
    disk: &dyn Disk,
) -> Result<VerifyReport, ReadError> {
    let mut verifier = Verifier {
        disk,
        journal: dir.join(JOURNAL_FOLDER),
        against,
        met: false,
        walk: None,
        checked: Checked::default(),
        unfinished: None,
        number: 0,
        offset: 0,
    };
    let fault = verifier.run()?;
    Ok(verifier.report(fault))
}

/// Verifies the record in `dir` and signs a checkpoint over it with the node's key, whether or not a
/// process is writing to it. What it covers is synced first. Blocking.
pub fn sign_checkpoint(dir: &Path, disk: &dyn Disk) -> Result<Checkpoint, JournalError> {
    let report = verify(dir, None, disk)?;
    if let Some(fault) = report.fault {
        return Err(JournalError::NotIntact { detail: fault.detail });
    }
    let journal = dir.join(JOURNAL_FOLDER);
    let numbers = segment_numbers(disk, &journal).map_err(JournalError::file("list", &journal))?;
    for number in numbers.iter().rev().take(2).rev() {
        let path = segment_path(&journal, *number);
        let file = disk.open_append(&path).map_err(JournalError::file("open", &path))?;
        file.sync().map_err(JournalError::file("sync", &path))?;
    }
    disk.sync_folder(&journal).map_err(JournalError::file("sync", &journal))?;
    let key = keys::node_key(disk, dir, false)?;
    Ok(Checkpoint::sign(&key, report.head, now_ms())?)
}

struct Verifier<'a> {
    disk: &'a dyn Disk,
    journal: PathBuf,
    against: Option<&'a Checkpoint>,
    /// The record stood where the checkpoint says.
    met: bool,
    walk: Option<Walk>,
    checked: Checked,
    unfinished: Option<UnfinishedEnd>,
    number: u64,
    offset: u64,
}

impl Verifier<'_> {
    fn run(&mut self) -> Result<Option<Fault>, ReadError> {
        if self.against.is_some_and(|checkpoint| !checkpoint.is_signed_by_its_node()) {
            let detail = "the checkpoint itself is not signed by its node";
            return Ok(Some(self.fault(FaultKind::Forged, detail.into())));
        }
        let numbers =
            segment_numbers(self.disk, &self.journal).map_err(ReadError::file(&self.journal))?;
        for (expected, number) in (0..).zip(numbers.iter().copied()) {
            (self.number, self.offset) = (expected, 0);
            if number != expected {
                let detail = format!("segment `{}` is missing", segment_name(expected));
                return Ok(Some(self.fault(FaultKind::Removed, detail)));
            }
            if let Some(fault) = self.segment(&numbers)? {
                return Ok(Some(fault));
            }
        }
        Ok(self.missing_from_the_end())
    }

    /// Verifies the segment `self.number`.
    fn segment(&mut self, numbers: &[u64]) -> Result<Option<Fault>, ReadError> {
        let is_last = numbers.last() == Some(&self.number);
        let path = segment_path(&self.journal, self.number);
        let (header, mut reader) = match SegmentReader::open(self.disk, &path)? {
            Opened::Segment(header, reader) => (header, reader),
            Opened::Unfinished if is_last => {
                let bytes = self.disk.open_read(&path).and_then(|file| file.length());
                self.note_unfinished(bytes.map_err(ReadError::file(&path))?);
                return Ok(None);
            }
            Opened::Unfinished => {
                let detail = "the header is not all there";
                return Ok(Some(self.fault(FaultKind::Changed, detail.into())));
            }
            Opened::Bad(why) => return Ok(Some(self.fault(FaultKind::Changed, why.into()))),
        };
        if let Some(fault) = self.header(&header, numbers)? {
            return Ok(Some(fault));
        }
        self.checked.segments += 1;
        loop {
            self.offset = reader.offset();
            if let Some(fault) = self.meet_checkpoint() {
                return Ok(Some(fault));
            }
            match reader.step()? {
                Step::Frame(frame) => {
                    let Some(walk) = self.walk.as_mut() else { return Ok(None) };
                    if let Err(refused) = walk.frame(&frame) {
                        return self.refused(refused, numbers).map(Some);
                    }
                    self.checked.bytes += frame.head.frame_bytes() as u64;
                }
                Step::End => return Ok(None),
                Step::Unfinished(bytes) if is_last => {
                    self.note_unfinished(bytes);
                    return Ok(None);
                }
                Step::Unfinished(_) => {
                    let detail = "the segment ends within a frame, yet there is a next one";
                    return Ok(Some(self.fault(FaultKind::Removed, detail.into())));
                }
                Step::Bad(why) => return Ok(Some(self.fault(FaultKind::Changed, why.into()))),
            }
        }
    }

    fn header(
        &mut self,
        header: &SegmentHeader,
        numbers: &[u64],
    ) -> Result<Option<Fault>, ReadError> {
        if let Some(checkpoint) = self.against.filter(|given| given.node != header.node) {
            let detail =
                format!("the checkpoint is of {}, the record of {}", checkpoint.node, header.node);
            return Ok(Some(self.fault(FaultKind::OtherNode, detail)));
        }
        let walk = self.walk.get_or_insert_with(|| Walk::begin(header.node));
        match walk.header(header, self.number) {
            Ok(()) => Ok(None),
            Err(refused) => self.refused(refused, numbers).map(Some),
        }
    }

    /// Compares with the checkpoint wherever the record has as many records as it covers: seals after
    /// them move the head of the chain.
    fn meet_checkpoint(&mut self) -> Option<Fault> {
        let (checkpoint, walk) = (self.against?, self.walk.as_ref()?);
        if self.met || walk.records() < checkpoint.records {
            return None;
        }
        if walk.records() == checkpoint.records {
            self.met = walk.chain == checkpoint.chain && walk.head() == checkpoint.head();
            return None;
        }
        Some(self.disagrees(checkpoint))
    }

    fn disagrees(&self, checkpoint: &Checkpoint) -> Fault {
        let detail = format!(
            "the first {} records are not those that the checkpoint was signed over",
            checkpoint.records
        );
        self.fault(FaultKind::Changed, detail)
    }

    fn missing_from_the_end(&self) -> Option<Fault> {
        let checkpoint = self.against.filter(|_| !self.met)?;
        let records = self.records();
        if records < checkpoint.records {
            let detail = format!(
                "the checkpoint covers {} records, only {records} are here",
                checkpoint.records
            );
            return Some(self.fault(FaultKind::Truncated, detail));
        }
        // A record that was only just made has no segment yet, and nothing to compare.
        self.walk.as_ref().map(|_| self.disagrees(checkpoint))
    }

    fn refused(&self, refused: Refused, numbers: &[u64]) -> Result<Fault, ReadError> {
        let kind = match refused {
            Refused::Changed(_) => FaultKind::Changed,
            Refused::Forged(_) => FaultKind::Forged,
            Refused::OtherNode(_) => FaultKind::OtherNode,
            Refused::Elsewhere(found) if found < self.records() => FaultKind::Reordered,
            Refused::Elsewhere(_) if self.stands_later(numbers)? => FaultKind::Reordered,
            Refused::Elsewhere(_) => FaultKind::Removed,
        };
        Ok(self.fault(kind, describe(refused)))
    }

    /// Whether the record that was expected here stands somewhere after.
    fn stands_later(&self, numbers: &[u64]) -> Result<bool, ReadError> {
        let expected = self.records();
        for number in numbers.iter().copied().filter(|number| *number >= self.number) {
            let path = segment_path(&self.journal, number);
            let from = if number == self.number { self.offset } else { 0 };
            let file = self.disk.open_read(&path).map_err(ReadError::file(&path))?;
            if any_head_from(file.as_ref(), from, |head| is_record(head, expected))
                .map_err(ReadError::file(&path))?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn records(&self) -> u64 {
        self.walk.as_ref().map_or(0, Walk::records)
    }

    fn note_unfinished(&mut self, bytes: u64) {
        let segment = segment_name(self.number);
        self.unfinished = Some(UnfinishedEnd { bytes, offset: self.offset, segment });
    }

    fn fault(&self, kind: FaultKind, detail: String) -> Fault {
        let segment = segment_name(self.number);
        Fault { detail, kind, offset: self.offset, segment, sequence: self.records() }
    }

    fn report(self, fault: Option<Fault>) -> VerifyReport {
        let walk = self.walk.as_ref();
        let seal = walk.and_then(|walk| walk.seal);
        let truncation = match (self.against, seal) {
            (Some(Checkpoint { records, time_ms, .. }), _) => {
                Truncation::Checkpoint { records: *records, time_ms: *time_ms }
            }
            (None, Some(seal)) => {
                Truncation::LastSeal { records: seal.records, time_ms: seal.time_ms }
            }
            (None, None) => Truncation::Nothing,
        };
        let checked = Checked {
            records: self.records(),
            seals: walk.map_or(0, |walk| walk.seals),
            ..self.checked
        };
        let verdict = match (&fault, &self.unfinished) {
            (Some(_), _) => Verdict::Faulty,
            (None, Some(_)) => Verdict::UnfinishedEnd,
            (None, None) => Verdict::Intact,
        };
        VerifyReport {
            checked,
            fault,
            head: walk.map_or_else(Head::of_nothing, Walk::head),
            node: walk.map(|walk| walk.node),
            truncation,
            unfinished: self.unfinished,
            unsealed_records: walk.map_or(0, |walk| walk.unsealed),
            verdict,
        }
    }
}
