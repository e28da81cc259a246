//! The end of the record: where the next frame goes. Everything here happens under one short lock.
//!
//! INVARIANT: no more than `SEAL_INTERVAL_RECORDS_MAX` records stand between two seals.
//! INVARIANT: after an append fails, the file ends where it ended before, or nothing is ever appended
//! again. INVARIANT: a segment is left only behind a seal, and what was written to it is synced before
//! anything in the next one counts as synced.
//!
//! Not here: who waits for what (`journal`), when to sync (`commit`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use events::{Digest, NodeId};

use crate::checkpoint::{Checkpoint, Head};
use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::frame::{Draft, Finished};
use crate::keys::NodeKey;
use crate::recover::Recovered;
use crate::segment::{SegmentHeader, segment_path};
use crate::settings::SEAL_INTERVAL_RECORDS_MAX;
use crate::tree::Tree;
use crate::walk::Walk;

/// What a log is opened with.
pub(crate) struct LogParts {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) journal: PathBuf,
    pub(crate) key: Arc<NodeKey>,
    pub(crate) segment_bytes: u64,
    pub(crate) seal_records: u64,
}

/// The end of the record.
pub(crate) struct Log {
    parts: LogParts,
    file: Arc<dyn DiskFile>,
    segment: u64,
    /// Bytes of the current segment.
    length: u64,
    /// Records before the current segment.
    first: u64,
    chain: Digest,
    tree: Tree,
    unsealed: u64,
    /// Whether anything was written since the last [`Log::take_unsynced`].
    unsynced: bool,
    /// Segments that were left since then.
    left: Vec<Arc<dyn DiskFile>>,
    /// The first failure after which nothing can be trusted.
    stopped: Option<Arc<str>>,
}

/// What one group commit has to sync, in this order.
pub(crate) struct Unsynced {
    /// Segments, oldest first.
    pub(crate) files: Vec<Arc<dyn DiskFile>>,
    /// Whether a segment was made.
    pub(crate) folder: bool,
    /// Records that are safe afterwards.
    pub(crate) records: u64,
}

impl Log {
    /// Goes on where recovery ended.
    pub(crate) fn resume(parts: LogParts, recovered: Recovered) -> Self {
        let Recovered { walk, segment, file, length, first, .. } = recovered;
        Self {
            parts,
            file,
            segment,
            length,
            first,
            chain: walk.chain,
            tree: walk.tree,
            unsealed: walk.unsealed,
            unsynced: false,
            left: Vec::new(),
            stopped: None,
        }
    }

    /// Makes the first segment, synced.
    pub(crate) fn create(parts: LogParts) -> Result<Self, JournalError> {
        let walk = Walk::begin(parts.key.node());
        let (file, length) = make_segment(&parts, 0, &walk.tree, walk.chain)?;
        let path = segment_path(&parts.journal, 0);
        file.sync().map_err(JournalError::file("sync", &path))?;
        let folder = parts.disk.sync_folder(&parts.journal);
        folder.map_err(JournalError::file("sync", &parts.journal))?;
        Ok(Self {
            parts,
            file,
            segment: 0,
            length,
            first: 0,
            chain: walk.chain,
            tree: walk.tree,
            unsealed: 0,
            unsynced: false,
            left: Vec::new(),
            stopped: None,
        })
    }

    /// The node that writes here.
    pub(crate) fn node(&self) -> NodeId {
        self.parts.key.node()
    }

    /// Records so far.
    pub(crate) const fn records(&self) -> u64 {
        self.tree.records()
    }

    /// Records since the last seal.
    pub(crate) const fn unsealed(&self) -> u64 {
        self.unsealed
    }

    /// Whether anything was written that no group commit has taken yet.
    pub(crate) const fn has_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Whether a segment was left since the last group commit.
    pub(crate) const fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// What a checkpoint over everything written would say.
    pub(crate) fn head(&self) -> Head {
        Head { chain: self.chain, records: self.records(), root: self.tree.root() }
    }

    /// Why nothing is accepted any more, if so.
    pub(crate) fn stopped(&self) -> Option<Arc<str>> {
        self.stopped.clone()
    }

    /// Accepts nothing from now on. The first reason stays.
    pub(crate) fn stop(&mut self, reason: &str) -> Arc<str> {
        Arc::clone(self.stopped.get_or_insert_with(|| reason.into()))
    }

    /// What has to be synced so that everything written so far is safe.
    pub(crate) fn take_unsynced(&mut self) -> Unsynced {
        let mut files = std::mem::take(&mut self.left);
        let folder = !files.is_empty();
        files.push(Arc::clone(&self.file));
        self.unsynced = false;
        Unsynced { files, folder, records: self.records() }
    }

    /// Writes a record; returns its sequence number. `durable` is how many records are known to be
    /// synced.
    pub(crate) fn append(&mut self, draft: Draft, durable: u64) -> Result<u64, JournalError> {
        self.check()?;
        let grown = self.length + draft.frame_bytes_max() as u64;
        if grown > self.parts.segment_bytes && self.records() > self.first {
            self.roll(durable)?;
        }
        if self.unsealed >= SEAL_INTERVAL_RECORDS_MAX {
            self.seal(durable)?;
        }
        let sequence = self.records();
        let finished = draft.finish(self.node(), sequence, durable, self.chain);
        self.write(&finished)?;
        self.tree.push(finished.leaf);
        self.unsealed += 1;
        if self.unsealed >= self.parts.seal_records {
            // The record itself is written. A seal that could not be is tried again with the next.
            drop(self.seal(durable));
        }
        Ok(sequence)
    }

    /// Signs everything before, if anything is unsigned.
    pub(crate) fn seal(&mut self, durable: u64) -> Result<(), JournalError> {
        self.check()?;
        if self.unsealed == 0 {
            return Ok(());
        }
        let checkpoint = Checkpoint::sign(&self.parts.key, self.head(), now_ms())?;
        let sequence = self.records();
        let finished = Draft::seal(&checkpoint)?.finish(self.node(), sequence, durable, self.chain);
        self.write(&finished)?;
        self.unsealed = 0;
        Ok(())
    }

    fn check(&self) -> Result<(), JournalError> {
        match self.stopped() {
            Some(reason) => Err(JournalError::Stopped { reason }),
            None => Ok(()),
        }
    }

    fn write(&mut self, finished: &Finished) -> Result<(), JournalError> {
        if let Err(source) = self.file.append(&finished.bytes) {
            let path = segment_path(&self.parts.journal, self.segment);
            if let Err(error) = self.file.truncate(self.length) {
                let reason = self.stop(&format!(
                    "a partial write to `{}` could not be taken back: {error}",
                    path.display()
                ));
                return Err(JournalError::Stopped { reason });
            }
            return Err(JournalError::Write { path, source });
        }
        self.length += finished.bytes.len() as u64;
        self.chain = finished.chain;
        self.unsynced = true;
        Ok(())
    }

    fn roll(&mut self, durable: u64) -> Result<(), JournalError> {
        self.seal(durable)?;
        let next = self.segment + 1;
        let (file, length) = make_segment(&self.parts, next, &self.tree, self.chain)?;
        self.left.push(std::mem::replace(&mut self.file, file));
        self.segment = next;
        self.length = length;
        self.first = self.records();
        Ok(())
    }
}

/// Makes a segment that holds a header and nothing else. Not synced.
fn make_segment(
    parts: &LogParts,
    number: u64,
    tree: &Tree,
    chain: Digest,
) -> Result<(Arc<dyn DiskFile>, u64), JournalError> {
    let path = segment_path(&parts.journal, number);
    let file = parts.disk.open_append(&path).map_err(JournalError::file("create", &path))?;
    let header = SegmentHeader { node: parts.key.node(), number, chain, tree: tree.clone() };
    let bytes = header.encode();
    // An attempt that failed for want of space may have left a part of a header.
    let written = file.truncate(0).and_then(|()| file.append(&bytes));
    match written {
        Ok(()) => Ok((file, bytes.len() as u64)),
        Err(source) => Err(JournalError::Write { path, source }),
    }
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
