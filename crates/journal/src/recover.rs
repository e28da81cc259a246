//! What happens to the record when a journal is opened.
//!
//! The last segment is read from its start (or, if nothing in it proves that the one before had been
//! synced, from there on). Whole frames are kept. What comes after the last good frame is one of two
//! things:
//!
//! - never finished: the process or the power went while it was written, and nobody was told that it
//!   was safe. It is moved to `journal/aside/` and the record goes on from the last good frame;
//! - damaged: a later frame proves that it had been synced. The journal does not open
//!   ([`JournalError::Damaged`]) unless [`OnDamage::SetAside`] was chosen.
//!
//! INVARIANT: nothing is deleted: every byte that is cut is kept in `journal/aside/`.
//! INVARIANT: when this returns, everything that was kept has been synced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::NodeId;

use crate::disk::{Disk, DiskFile, fill};
use crate::error::{JournalError, ReadError};
use crate::segment::{
    self, Opened, SegmentReader, Step, any_head_from, proves_synced, segment_path,
};
use crate::settings::OnDamage;
use crate::walk::{Refused, Walk};

const ASIDE_FOLDER: &str = "aside";
const COPY_BYTES: usize = 256 * 1024;
/// Names tried for one piece that is set aside.
const ASIDE_NAMES_MAX: u32 = 10_000;

/// What opening found. Worth a `recovered` record when `cut` is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Whose record this is.
    pub node: NodeId,
    /// Whether the record was made by this call.
    pub created: bool,
    /// Whether the last process closed the journal before it ended.
    pub closed_cleanly: bool,
    /// Records found; the next one has this sequence number.
    pub records: u64,
    /// What was cut off the end, if anything.
    pub cut: Option<Cut>,
}

/// Bytes at the end of the record that were set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment that was cut.
    pub segment: u64,
    /// At which byte.
    pub offset: u64,
    /// How many bytes were set aside, whole segments after it included.
    pub bytes: u64,
    /// Where they are now.
    pub aside: Vec<PathBuf>,
    /// Whether they had been synced, so that records are lost: only with [`OnDamage::SetAside`].
    pub damaged: bool,
}

/// Where writing goes on.
pub(crate) struct Recovered {
    pub(crate) walk: Walk,
    pub(crate) segment: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) length: u64,
    /// Records before that segment.
    pub(crate) first: u64,
}

/// The first place that does not follow.
struct Stop {
    segment: u64,
    offset: u64,
    detail: String,
}

/// Where the good frames end.
#[derive(Clone, Copy)]
struct End {
    segment: u64,
    length: u64,
    /// Records before that segment.
    first: u64,
}

/// Recovers the record in a folder. There is nothing to go on from if not even its first header was
/// finished: then a record is to be created.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    journal: &Path,
    node: NodeId,
    on_damage: OnDamage,
) -> Result<(Option<Recovered>, Recovery), JournalError> {
    let here = Recoverer { disk: disk.as_ref(), journal, node };
    let numbers = segment::segment_numbers(disk.as_ref(), journal)
        .map_err(JournalError::file("list", journal))?;
    let mut recovery =
        Recovery { node, created: true, closed_cleanly: true, records: 0, cut: None };
    let Some(last) = numbers.last().copied() else { return Ok((None, recovery)) };
    let anchor = here.anchor(&numbers)?;
    let (walk, end, stop) = here.walk(anchor, last)?;
    let expected = walk.as_ref().map_or(0, Walk::records);
    if let Some(stop) = stop {
        let damaged = here.was_synced(&numbers, &stop, expected)?;
        if damaged && on_damage == OnDamage::Refuse {
            return Err(JournalError::Damaged {
                path: segment_path(journal, stop.segment),
                sequence: expected,
                offset: stop.offset,
                detail: stop.detail,
            });
        }
        recovery.cut = Some(here.cut(&numbers, &stop, damaged)?);
        recovery.closed_cleanly = false;
    }
    let Some(walk) = walk else { return Ok((None, recovery)) };
    let End { segment, length, first } = end;
    let file = here.sync_all(anchor, segment)?;
    recovery.created = false;
    recovery.closed_cleanly &= walk.unsealed == 0;
    recovery.records = walk.records();
    Ok((Some(Recovered { walk, segment, file, length, first }), recovery))
}

struct Recoverer<'a> {
    disk: &'a dyn Disk,
    journal: &'a Path,
    node: NodeId,
}

impl Recoverer<'_> {
    fn path(&self, number: u64) -> PathBuf {
        segment_path(self.journal, number)
    }

    /// The newest segment before which everything is known to have been synced.
    fn anchor(&self, numbers: &[u64]) -> Result<u64, JournalError> {
        let mut anchor = numbers.first().copied().unwrap_or_default();
        for number in numbers.iter().rev().copied() {
            if self.proves_the_ones_before(number)? {
                anchor = number;
                break;
            }
        }
        Ok(anchor)
    }

    /// Not only the records before it (`durable == first`): the seal that closes them has to be safe too,
    /// and that is only known once a record of this segment is.
    fn proves_the_ones_before(&self, number: u64) -> Result<bool, JournalError> {
        let Opened::Segment(header, mut reader) =
            SegmentReader::open(self.disk, &self.path(number))?
        else {
            return Ok(false);
        };
        let first = header.tree.records();
        if first == 0 {
            return Ok(true);
        }
        while let Step::Frame(frame) = reader.step()? {
            if frame.head.durable > first {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Walks from the anchor to the end or the first place that does not follow. The walk is `None` if
    /// there was not even a header.
    fn walk(
        &self,
        anchor: u64,
        last: u64,
    ) -> Result<(Option<Walk>, End, Option<Stop>), JournalError> {
        let mut walk: Option<Walk> = None;
        let mut end = End { segment: anchor, length: 0, first: 0 };
        for number in anchor..=last {
            let (fresh, mut reader) = match self.enter(number, walk.as_ref())? {
                Ok(entered) => entered,
                Err(detail) => {
                    return Ok((walk, end, Some(Stop { segment: number, offset: 0, detail })));
                }
            };
            let here = walk.get_or_insert(fresh);
            end = End { segment: number, length: reader.offset(), first: here.records() };
            if let Some(detail) = follow(here, &mut reader, &mut end)? {
                let stop = Stop { segment: number, offset: end.length, detail };
                return Ok((walk, end, Some(stop)));
            }
        }
        Ok((walk, end, None))
    }

    /// Opens the next segment of a walk; the inner error says why it does not follow.
    fn enter(
        &self,
        number: u64,
        walk: Option<&Walk>,
    ) -> Result<Result<(Walk, SegmentReader), String>, JournalError> {
        let opened = match SegmentReader::open(self.disk, &self.path(number)) {
            Err(ReadError::File { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Ok(Err("the segment is missing".into()));
            }
            opened => opened?,
        };
        Ok(match opened {
            Opened::Unfinished => Err("the header was not finished".into()),
            Opened::Bad(why) => Err(why.into()),
            Opened::Segment(header, reader) => {
                let begin = Walk::resume(&header);
                let follows = match walk {
                    Some(walk) => walk.header(&header, number),
                    None if header.node != self.node => Err(Refused::OtherNode(header.node)),
                    None if header.number != number => {
                        Err(Refused::Changed("the file has the number of another segment"))
                    }
                    None => Ok(()),
                };
                follows.map(|()| (begin, reader)).map_err(describe)
            }
        })
    }

    /// Whether anything after the stop proves that what should be there had been synced.
    fn was_synced(
        &self,
        numbers: &[u64],
        stop: &Stop,
        expected: u64,
    ) -> Result<bool, JournalError> {
        for number in numbers.iter().copied().filter(|number| *number >= stop.segment) {
            let path = self.path(number);
            let file = self.disk.open_read(&path).map_err(JournalError::file("read", &path))?;
            let from = if number == stop.segment { stop.offset } else { 0 };
            let proves = |head: &_| proves_synced(head, expected);
            if any_head_from(file.as_ref(), from, proves)
                .map_err(JournalError::file("read", &path))?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sets aside everything from the stop on, newest first, so that a cut that is itself interrupted
    /// is simply done again.
    fn cut(&self, numbers: &[u64], stop: &Stop, damaged: bool) -> Result<Cut, JournalError> {
        let aside = self.journal.join(ASIDE_FOLDER);
        self.disk.create_folder(&aside).map_err(JournalError::file("create", &aside))?;
        let mut cut = Cut {
            segment: stop.segment,
            offset: stop.offset,
            bytes: 0,
            aside: Vec::new(),
            damaged,
        };
        for number in numbers.iter().rev().copied().filter(|number| *number >= stop.segment) {
            let from = if number == stop.segment { stop.offset } else { 0 };
            let path = self.path(number);
            let (bytes, kept) = self
                .set_aside(&aside, number, from)
                .map_err(JournalError::file("set aside the end of", &path))?;
            cut.bytes += bytes;
            cut.aside.push(kept);
        }
        let failed = || JournalError::file("sync", self.journal);
        self.disk.sync_folder(&aside).map_err(failed())?;
        self.disk.sync_folder(self.journal).map_err(failed())?;
        Ok(cut)
    }

    fn set_aside(&self, aside: &Path, number: u64, from: u64) -> std::io::Result<(u64, PathBuf)> {
        let taken: BTreeSet<String> = self.disk.names(aside)?.into_iter().collect();
        let name = (0..ASIDE_NAMES_MAX)
            .map(|attempt| format!("{number:08}-{from}-{attempt}.cut"))
            .find(|name| !taken.contains(name))
            .ok_or_else(|| std::io::Error::other("too many pieces were set aside already"))?;
        let (source, target) = (self.path(number), aside.join(name));
        let reader = self.disk.open_read(&source)?;
        let length = reader.length()?;
        if from == 0 {
            self.disk.rename(&source, &target)?;
            return Ok((length, target));
        }
        let copy = self.disk.open_append(&target)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut at = from;
        while at < length {
            let bytes = fill(reader.as_ref(), &mut buffer, at)?;
            copy.append(buffer.get(..bytes).unwrap_or_default())?;
            at += (bytes as u64).max(1);
        }
        copy.sync()?;
        self.disk.sync_folder(aside)?;
        let file = self.disk.open_append(&source)?;
        file.truncate(from)?;
        file.sync()?;
        Ok((length.saturating_sub(from), target))
    }

    /// Syncs what was kept, and opens the last segment for appending.
    fn sync_all(&self, anchor: u64, last: u64) -> Result<Arc<dyn DiskFile>, JournalError> {
        let mut open = None;
        for number in anchor..=last {
            let path = self.path(number);
            let file = self.disk.open_append(&path).map_err(JournalError::file("open", &path))?;
            file.sync().map_err(JournalError::file("sync", &path))?;
            open = Some(file);
        }
        self.disk.sync_folder(self.journal).map_err(JournalError::file("sync", self.journal))?;
        open.ok_or(JournalError::Closed)
    }
}

/// Walks along one segment; says why, if it stops before the end of the file.
fn follow(
    walk: &mut Walk,
    reader: &mut SegmentReader,
    end: &mut End,
) -> Result<Option<String>, JournalError> {
    loop {
        match reader.step()? {
            Step::Frame(frame) => {
                if let Err(refused) = walk.frame(&frame) {
                    return Ok(Some(describe(refused)));
                }
                end.length = reader.offset();
            }
            Step::End => return Ok(None),
            Step::Unfinished(bytes) => {
                return Ok(Some(format!("{bytes} bytes were not finished")));
            }
            Step::Bad(why) => return Ok(Some(why.to_owned())),
        }
    }
}

/// In words.
pub(crate) fn describe(refused: Refused) -> String {
    match refused {
        Refused::Elsewhere(sequence) => format!("record {sequence} stands there"),
        Refused::Changed(why) | Refused::Forged(why) => why.into(),
        Refused::OtherNode(node) => format!("it was written by {node}"),
    }
}
