//! Reading the record while it is being written, perhaps by another process.
//!
//! INVARIANT: a record is returned only if its checksums agree; whether it follows from the ones before is
//! for `verify` to say. INVARIANT: reading changes nothing on disk.
//!
//! Not here: making it pretty (the command line), checking the chain (`verify`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Digest, Event, EventBody, InteractionId, NodeId};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::content::{Content, Part};
use crate::content_find;
use crate::disk::Disk;
use crate::error::ReadError;
use crate::frame::{Frame, FrameKind};
use crate::keys::read_master_key;
use crate::segment::{JOURNAL_FOLDER, Opened, SegmentReader, Step, segment_numbers, segment_path};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// With the first record.
    Start,
    /// With the record of this sequence number.
    Sequence(u64),
    /// With the last so many records. `Last(0)` yields only what is appended from now on.
    Last(u64),
}

/// One record, as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Head of the chain after it.
    pub chain: Digest,
    /// What happened.
    pub event: Event,
    /// Its Merkle leaf (RFC 6962 §2.1), over `{"event":…,"node":…,"sequence":…}`.
    pub leaf: Digest,
    /// Which node wrote it.
    pub node: NodeId,
    /// Its place: 0 for the node's first.
    pub sequence: u64,
}

/// Reads the record in a data folder.
#[derive(Clone, Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    data: PathBuf,
    journal: PathBuf,
}

impl Reader {
    /// A reader of the data folder `dir`. Nothing is opened yet.
    pub fn new(dir: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { disk, data: dir.to_path_buf(), journal: dir.join(JOURNAL_FOLDER) }
    }

    /// The records from a position on.
    pub fn records(&self, from: Position) -> Result<Records, ReadError> {
        let first = match from {
            Position::Start => 0,
            Position::Sequence(sequence) => sequence,
            Position::Last(count) => self.count()?.saturating_sub(count),
        };
        let mut number = None;
        for candidate in self.numbers()?.into_iter().rev() {
            number = Some(candidate);
            if self.first_of(candidate)?.is_some_and(|before| before <= first) {
                break;
            }
        }
        let reader = self.clone();
        Ok(Records { reader, first, number, segment: None, next_exists: false })
    }

    /// How many records there are.
    pub fn count(&self) -> Result<u64, ReadError> {
        for number in self.numbers()?.into_iter().rev() {
            let opened = SegmentReader::open(self.disk.as_ref(), &self.path(number))?;
            let Opened::Segment(header, mut segment) = opened else { continue };
            let mut records = header.tree.records();
            while let Step::Frame(frame) = segment.step()? {
                records += u64::from(frame.head.kind == FrameKind::Record);
            }
            return Ok(records);
        }
        Ok(0)
    }

    /// Where the record goes on behind a place that cannot be read: the first sequence number of the earliest segment whose
    /// header can be read and that begins at `sequence` or later. Nothing, if there is none (yet).
    pub fn resumes_from(&self, sequence: u64) -> Result<Option<u64>, ReadError> {
        for number in self.numbers()? {
            // A segment that was removed meanwhile, or whose header is gone, is none to go on with.
            let first = self.first_of(number).ok().flatten();
            if let Some(first) = first.filter(|first| *first >= sequence) {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// Every record of one interaction, in order; none if there is no such interaction. Reads backwards
    /// from the newest segment to the one in which the interaction was opened.
    pub fn find(&self, interaction: InteractionId) -> Result<Vec<Record>, ReadError> {
        let id = interaction.to_string();
        let finder = memmem::Finder::new(id.as_bytes());
        let mut found = Vec::new();
        for number in self.numbers()?.into_iter().rev() {
            let mut here = Vec::new();
            let path = self.path(number);
            let opened = SegmentReader::open(self.disk.as_ref(), &path)?;
            let Opened::Segment(_, mut segment) = opened else { continue };
            loop {
                match segment.step()? {
                    Step::Frame(frame) if finder.find(&frame.payload).is_some() => {
                        here.extend(record(&frame)?.filter(|one| is_about(one, interaction)));
                    }
                    Step::Frame(_) => {}
                    Step::End | Step::Unfinished(_) => break,
                    Step::Bad(why) => return Err(damaged(&segment, why)),
                }
            }
            let opened_here =
                here.iter().any(|one| matches!(one.event.body, EventBody::InteractionOpened(_)));
            here.append(&mut found);
            found = here;
            if opened_here {
                break;
            }
        }
        Ok(found)
    }

    /// What was kept of a part of an interaction: `None` if nothing was, or if it has expired.
    pub fn content(
        &self,
        interaction: InteractionId,
        part: Part,
    ) -> Result<Option<Content>, ReadError> {
        let disk = self.disk.as_ref();
        let master = || read_master_key(disk, &self.data);
        content_find::find(disk, &self.data, interaction, part, master)
    }

    fn numbers(&self) -> Result<Vec<u64>, ReadError> {
        segment_numbers(self.disk.as_ref(), &self.journal).map_err(ReadError::file(&self.journal))
    }

    fn path(&self, number: u64) -> PathBuf {
        segment_path(&self.journal, number)
    }

    /// Records before a segment, if it has a header.
    fn first_of(&self, number: u64) -> Result<Option<u64>, ReadError> {
        Ok(match SegmentReader::open(self.disk.as_ref(), &self.path(number))? {
            Opened::Segment(header, _) => Some(header.tree.records()),
            Opened::Unfinished | Opened::Bad(_) => None,
        })
    }
}

/// Records in order. When it yields `None` there are no more *yet*: ask again to follow.
pub struct Records {
    reader: Reader,
    /// Records before this sequence number are passed over.
    first: u64,
    number: Option<u64>,
    segment: Option<SegmentReader>,
    /// The next segment was seen, so this one does not grow any more.
    next_exists: bool,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Records").field("segment", &self.number).finish_non_exhaustive()
    }
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

impl Records {
    fn advance(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let Some(mut segment) = self.take_segment()? else { return Ok(None) };
            match segment.step()? {
                Step::Frame(frame) => {
                    self.segment = Some(segment);
                    if frame.head.sequence >= self.first
                        && let Some(record) = record(&frame)?
                    {
                        return Ok(Some(record));
                    }
                }
                Step::Bad(why) => {
                    let error = damaged(&segment, why);
                    self.segment = Some(segment);
                    return Err(error);
                }
                Step::End if self.next_exists => {
                    self.number = self.number.map(|number| number + 1);
                    self.next_exists = false;
                }
                Step::Unfinished(_) if self.next_exists => {
                    let error = damaged(&segment, "the segment ends within a frame");
                    self.segment = Some(segment);
                    return Err(error);
                }
                // Once the next segment is there, this one is read once more, to its real end.
                Step::End | Step::Unfinished(_) => {
                    self.segment = Some(segment);
                    self.next_exists = self.sees_next()?;
                    if !self.next_exists {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn take_segment(&mut self) -> Result<Option<SegmentReader>, ReadError> {
        if let Some(segment) = self.segment.take() {
            return Ok(Some(segment));
        }
        if self.number.is_none() {
            self.number = self.reader.numbers()?.first().copied();
        }
        let Some(number) = self.number else { return Ok(None) };
        let path = self.reader.path(number);
        match SegmentReader::open(self.reader.disk.as_ref(), &path)? {
            Opened::Segment(_, segment) => Ok(Some(segment)),
            Opened::Unfinished => Ok(None),
            Opened::Bad(why) => Err(ReadError::Damaged { path, offset: 0, detail: why.to_owned() }),
        }
    }

    fn sees_next(&self) -> Result<bool, ReadError> {
        let Some(number) = self.number else { return Ok(false) };
        let path = self.reader.path(number + 1);
        match self.reader.disk.open_read(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(ReadError::File { path, source }),
        }
    }
}

fn damaged(segment: &SegmentReader, why: &str) -> ReadError {
    ReadError::Damaged {
        path: segment.path().to_path_buf(),
        offset: segment.offset(),
        detail: why.to_owned(),
    }
}

fn is_about(record: &Record, interaction: InteractionId) -> bool {
    match &record.event.body {
        EventBody::InteractionOpened(opened) => opened.interaction == interaction,
        EventBody::InteractionClosed(closed) => closed.interaction == interaction,
        EventBody::UserReport(report) => report.interaction == interaction,
        EventBody::Administration(_)
        | EventBody::Anomaly(_)
        | EventBody::Campaign(_)
        | EventBody::Node(_) => false,
    }
}

#[derive(Deserialize)]
struct Payload {
    event: Event,
    node: NodeId,
    sequence: u64,
}

/// The record in a frame; `None` if it holds a seal.
fn record(frame: &Frame) -> Result<Option<Record>, ReadError> {
    if frame.head.kind == FrameKind::Seal {
        return Ok(None);
    }
    let Payload { event, node, sequence } = serde_json::from_slice(&frame.payload)
        .map_err(|source| ReadError::Shape { sequence: frame.head.sequence, source })?;
    let leaf = events::leaf_digest(&frame.payload);
    Ok(Some(Record { chain: frame.chain, event, leaf, node, sequence }))
}
