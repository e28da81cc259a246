//! The end of the record: where the next frame goes. Everything here happens under one short lock.
//!
//! Records that nobody waits for stand in a queue, and are written together with the next one that
//! somebody does wait for: one system call for all.
//!
//! INVARIANT: no more than `SEAL_INTERVAL_RECORDS_MAX` records stand between two seals.
//! INVARIANT: after a write fails, the file ends where it ended before, or nothing is ever written
//! again; what was in the queue stays there. INVARIANT: a segment is left only behind a seal, and what was
//! written to it is synced before anything in the next one counts as synced.
//!
//! Not here: who waits for what (`journal`), when to sync (`commit`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use events::{Digest, NodeId};

use crate::checkpoint::{Checkpoint, Head};
use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::frame::Draft;
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

/// Bytes of records that wait to be written with others; one more is written at once.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// Bytes of records that may wait while they cannot be written.
const STUCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What every frame changes.
#[derive(Clone)]
struct Tip {
    /// Bytes of the current segment.
    length: u64,
    chain: Digest,
    tree: Tree,
    unsealed: u64,
}

/// Frames that have their places and are not written yet.
struct Batch {
    bytes: Vec<u8>,
    /// Drafts of the queue that are in it.
    drafts: usize,
    /// What the end of the record will be.
    tip: Tip,
}

/// The end of the record.
pub(crate) struct Log {
    parts: LogParts,
    file: Arc<dyn DiskFile>,
    segment: u64,
    /// Records before the current segment.
    first: u64,
    /// As written.
    tip: Tip,
    /// Records that nobody waits for, not written yet.
    waiting: Vec<Draft>,
    waiting_bytes: usize,
    waiting_since: Option<Instant>,
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
        let tip = Tip { length, chain: walk.chain, tree: walk.tree, unsealed: walk.unsealed };
        Self::new(parts, file, segment, first, tip)
    }

    /// Makes the first segment, synced.
    pub(crate) fn create(parts: LogParts) -> Result<Self, JournalError> {
        let walk = Walk::begin(parts.key.node());
        let (file, length) = make_segment(&parts, 0, &walk.tree, walk.chain)?;
        let path = segment_path(&parts.journal, 0);
        file.sync().map_err(JournalError::file("sync", &path))?;
        let folder = parts.disk.sync_folder(&parts.journal);
        folder.map_err(JournalError::file("sync", &parts.journal))?;
        let tip = Tip { length, chain: walk.chain, tree: walk.tree, unsealed: 0 };
        Ok(Self::new(parts, file, 0, 0, tip))
    }

    fn new(parts: LogParts, file: Arc<dyn DiskFile>, segment: u64, first: u64, tip: Tip) -> Self {
        Self {
            parts,
            file,
            segment,
            first,
            tip,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_since: None,
            unsynced: false,
            left: Vec::new(),
            stopped: None,
        }
    }

    /// The node that writes here.
    pub(crate) fn node(&self) -> NodeId {
        self.parts.key.node()
    }

    /// Records so far.
    pub(crate) const fn records(&self) -> u64 {
        self.tip.tree.records()
    }

    /// Bytes of records that wait to be written with others.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Records since the last seal.
    pub(crate) const fn unsealed(&self) -> u64 {
        self.tip.unsealed
    }

    /// Since when records wait to be written.
    pub(crate) const fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
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
        Head { chain: self.tip.chain, records: self.records(), root: self.tip.tree.root() }
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

    /// Writes a record, after those that wait; returns its sequence number. `durable` is how many records
    /// are known to be synced.
    pub(crate) fn append(&mut self, draft: Draft, durable: u64) -> Result<u64, JournalError> {
        self.check()?;
        self.waiting.push(draft);
        match self.write_waiting(durable) {
            Ok(()) => Ok(self.records().saturating_sub(1)),
            Err(error) => {
                // Nothing after a failure was written, so the last in the queue is the new one.
                self.waiting.pop();
                self.count_waiting();
                Err(error)
            }
        }
    }

    /// Puts a record into the queue, to be written with the next one or by [`Log::write_waiting`].
    pub(crate) fn append_later(&mut self, draft: Draft, durable: u64) -> Result<(), JournalError> {
        self.check()?;
        let bytes = self.waiting_bytes + draft.frame_bytes_max();
        if bytes > WAITING_BYTES_MAX {
            match self.append(draft.clone(), durable) {
                Err(JournalError::Write { .. } | JournalError::File { .. })
                    if bytes <= STUCK_BYTES_MAX => {}
                written => return written.map(drop),
            }
        }
        self.waiting.push(draft);
        self.waiting_bytes = bytes;
        self.waiting_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Writes the records that wait.
    pub(crate) fn write_waiting(&mut self, durable: u64) -> Result<(), JournalError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.check()?;
        let mut batch = Batch { bytes: Vec::new(), drafts: 0, tip: self.tip.clone() };
        let mut at = 0;
        while let Some(draft) = self.waiting.get(at) {
            let grown = batch.tip.length + draft.frame_bytes_max() as u64;
            if grown > self.parts.segment_bytes && batch.tip.tree.records() > self.first {
                self.seal_in(&mut batch, durable)?;
                self.write(batch)?;
                self.roll()?;
                batch = Batch { bytes: Vec::new(), drafts: 0, tip: self.tip.clone() };
                at = 0;
                continue;
            }
            let draft = draft.clone();
            if batch.tip.unsealed >= SEAL_INTERVAL_RECORDS_MAX {
                self.seal_in(&mut batch, durable)?;
            }
            let leaf = batch.place(draft, self.node(), durable);
            batch.tip.tree.push(leaf);
            batch.tip.unsealed += 1;
            batch.drafts += 1;
            at += 1;
        }
        self.write(batch)?;
        if self.tip.unsealed >= self.parts.seal_records {
            // The records are written. A seal that could not be is tried again with the next.
            drop(self.seal_written(durable));
        }
        Ok(())
    }

    /// Writes what waits, and signs everything before, if anything is unsigned.
    pub(crate) fn seal(&mut self, durable: u64) -> Result<(), JournalError> {
        self.write_waiting(durable)?;
        self.check()?;
        self.seal_written(durable)
    }

    fn seal_written(&mut self, durable: u64) -> Result<(), JournalError> {
        let mut batch = Batch { bytes: Vec::new(), drafts: 0, tip: self.tip.clone() };
        self.seal_in(&mut batch, durable)?;
        self.write(batch)
    }

    fn seal_in(&self, batch: &mut Batch, durable: u64) -> Result<(), JournalError> {
        if batch.tip.unsealed == 0 {
            return Ok(());
        }
        let tip = &batch.tip;
        let head = Head { chain: tip.chain, records: tip.tree.records(), root: tip.tree.root() };
        let checkpoint = Checkpoint::sign(&self.parts.key, head, now_ms())?;
        let _leaf = batch.place(Draft::seal(&checkpoint)?, self.node(), durable);
        batch.tip.unsealed = 0;
        Ok(())
    }

    fn check(&self) -> Result<(), JournalError> {
        match self.stopped() {
            Some(reason) => Err(JournalError::Stopped { reason }),
            None => Ok(()),
        }
    }

    fn write(&mut self, batch: Batch) -> Result<(), JournalError> {
        if batch.bytes.is_empty() {
            return Ok(());
        }
        if let Err(source) = self.file.append(&batch.bytes) {
            let path = segment_path(&self.parts.journal, self.segment);
            if let Err(error) = self.file.truncate(self.tip.length) {
                let reason = self.stop(&format!(
                    "a partial write to `{}` could not be taken back: {error}",
                    path.display()
                ));
                return Err(JournalError::Stopped { reason });
            }
            return Err(JournalError::Write { path, source });
        }
        self.tip = batch.tip;
        self.unsynced = true;
        drop(self.waiting.drain(..batch.drafts.min(self.waiting.len())));
        self.count_waiting();
        Ok(())
    }

    fn count_waiting(&mut self) {
        self.waiting_bytes = self.waiting.iter().map(Draft::frame_bytes_max).sum();
        if self.waiting.is_empty() {
            self.waiting_since = None;
        }
    }

    fn roll(&mut self) -> Result<(), JournalError> {
        let next = self.segment + 1;
        let (file, length) = make_segment(&self.parts, next, &self.tip.tree, self.tip.chain)?;
        self.left.push(std::mem::replace(&mut self.file, file));
        self.segment = next;
        self.tip.length = length;
        self.first = self.records();
        Ok(())
    }
}

impl Batch {
    /// Gives a frame its place; returns its leaf.
    fn place(&mut self, draft: Draft, node: NodeId, durable: u64) -> Digest {
        let finished = draft.finish(node, self.tip.tree.records(), durable, self.tip.chain);
        self.tip.length += finished.bytes.len() as u64;
        self.tip.chain = finished.chain;
        if self.bytes.is_empty() {
            self.bytes = finished.bytes;
        } else {
            self.bytes.extend_from_slice(&finished.bytes);
        }
        finished.leaf
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
