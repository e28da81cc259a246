//! The journal itself: append, wait until it is safe, keep content, sign checkpoints, close.
//!
//! INVARIANT: when [`Journal::append`] returns, the record is in the file for every reader and survives the
//! end of this process; when [`Journal::synced`] returns, it survives a power cut. INVARIANT: after a failed
//! sync nothing is accepted and nothing is reported as safe, until the process starts anew.
//!
//! Not here: the layout of the bytes (`segment`, `frame`), the sync thread (`commit`).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use events::{Digest, Event, EventBody, InteractionId, NodeId, NodeNotice};
use telemetry::{Meter as _, Point};

use crate::checkpoint::Checkpoint;
use crate::commit::{self, Shared};
use crate::content::{ContentBuffer, Expired, Part, When};
use crate::disk::{Disk, DiskLock};
use crate::error::JournalError;
use crate::frame::Draft;
use crate::keys::{self, KEYS_FOLDER, NodeKey};
use crate::log::{Log, LogParts, now_ms};
use crate::recover::{Recovery, recover};
use crate::segment::{JOURNAL_FOLDER, segment_numbers};
use crate::settings::{JournalSettings, SyncMode};

const LOCK_FILE: &str = "lock";

/// The append-only record of one node, open for writing. Clones write to the same record.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

/// Stands for a record that was appended; [`Journal::synced`] waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "a record is safe against a power cut only after `synced`"]
pub struct Ticket {
    sequence: u64,
}

impl Ticket {
    /// The record's sequence number.
    pub const fn sequence(self) -> u64 {
        self.sequence
    }
}

/// How the record is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalStats {
    /// Records written.
    pub records: u64,
    /// How long syncs took, in microseconds.
    pub syncs: Point,
    /// Written records that are not synced yet.
    pub unsynced_records: u64,
    /// Bytes of records that wait to be written with the next one.
    pub waiting_bytes: u64,
}

struct Inner {
    shared: Arc<Shared>,
    key: Arc<NodeKey>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The last that was to be kept could not be written.
    is_failing: AtomicBool,
    /// Held while the journal is open.
    _lock: Box<dyn DiskLock>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Journal").field("node", &self.node()).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the record in the data folder `dir`, making it (and the node's keys) on the first start.
    /// Reads the last segment, so takes up to a second; blocking.
    pub fn open(
        dir: &Path,
        settings: JournalSettings,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, Recovery), JournalError> {
        let journal = dir.join(JOURNAL_FOLDER);
        for folder in [&journal, &dir.join(KEYS_FOLDER)] {
            disk.create_folder(folder).map_err(JournalError::file("create", folder))?;
        }
        let lock = take_lock(disk.as_ref(), dir, &journal)?;
        let is_new = segment_numbers(disk.as_ref(), &journal)
            .map_err(JournalError::file("list", &journal))?
            .is_empty();
        let key = Arc::new(keys::node_key(disk.as_ref(), dir, is_new)?);
        let master = keys::master_key(disk.as_ref(), dir, is_new)?;
        let content =
            ContentBuffer::open(Arc::clone(&disk), dir, master, settings.content_retention_ms)?;
        disk.sync_folder(dir).map_err(JournalError::file("sync", dir))?;
        let parts = LogParts {
            disk: Arc::clone(&disk),
            journal: journal.clone(),
            key: Arc::clone(&key),
            segment_bytes: settings.segment_bytes(),
            seal_records: settings.seal_records(),
        };
        let (log, recovery) = match recover(&disk, &journal, key.node(), settings.on_damage)? {
            (Some(recovered), recovery) => (Log::resume(parts, recovered), recovery),
            (None, recovery) => (Log::create(parts)?, recovery),
        };
        let shared = Arc::new(Shared::new(log, content, &settings));
        let thread = commit::start(&shared, disk, journal.clone())
            .map_err(JournalError::file("start", &journal))?;
        let thread = Mutex::new(Some(thread));
        let is_failing = AtomicBool::new(false);
        let inner = Inner { shared, key, thread, is_failing, _lock: lock };
        Ok((Self { inner: Arc::new(inner) }, recovery))
    }

    /// Whose record this is.
    pub fn node(&self) -> NodeId {
        self.inner.key.node()
    }

    /// Whether the record can be written, for readiness checks. Once something could not be, it is found out by writing:
    /// that there is room again, and a notice that says so. Blocking, then.
    pub fn check(&self) -> Result<(), JournalError> {
        self.inner.shared.check()?;
        if !self.inner.is_failing.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.inner.shared.content.try_room()?;
        let detail = String::from("the record can be written again");
        let notice = NodeNotice { detail, state: String::from("recovered") };
        self.append(&Event::new(now_ms(), EventBody::Node(notice))).map(drop)
    }

    /// Whether the last that was to be kept could be written.
    pub fn is_written(&self) -> bool {
        self.inner.shared.check().is_ok() && !self.inner.is_failing.load(Ordering::Relaxed)
    }

    /// Takes note of whether something could be written.
    fn noted<T>(&self, written: Result<T, JournalError>) -> Result<T, JournalError> {
        let is_failing = written.is_err();
        if self.inner.is_failing.load(Ordering::Relaxed) != is_failing {
            self.inner.is_failing.store(is_failing, Ordering::Relaxed);
        }
        written
    }

    /// How it is doing, for those who watch it; nothing if it cannot be written any more.
    pub fn stats(&self) -> Option<JournalStats> {
        let shared = &self.inner.shared;
        let (records, waiting_bytes) = {
            let guarded = shared.lock().ok()?;
            (guarded.log.records(), guarded.log.waiting_bytes() as u64)
        };
        let unsynced_records = records.saturating_sub(shared.durable.load(Ordering::Acquire));
        Some(JournalStats { records, syncs: shared.syncs.point(), unsynced_records, waiting_bytes })
    }

    /// Writes an event down. Blocking, for one `write` (microseconds); does not wait for the medium.
    ///
    /// An error means that the event is not on record: do not let the message pass.
    pub fn append(&self, event: &Event) -> Result<Ticket, JournalError> {
        let shared = &self.inner.shared;
        let draft = Draft::record(event)?;
        let mut guarded = shared.lock()?;
        if guarded.closing {
            return Err(JournalError::Closed);
        }
        let appended = guarded.log.append(draft, shared.durable.load(Ordering::Relaxed));
        let stopped = guarded.log.stopped();
        shared.wake(guarded);
        if let Some(reason) = stopped {
            shared.publish_stop(&reason);
        }
        self.noted(appended).map(|sequence| Ticket { sequence })
    }

    /// Writes an event down that nobody waits for: with the next [`Journal::append`], or within some 20
    /// milliseconds. A process that is killed before loses it; one that ends in order does not.
    pub fn append_later(&self, event: &Event) -> Result<(), JournalError> {
        let shared = &self.inner.shared;
        let draft = Draft::record(event)?;
        let mut guarded = shared.lock()?;
        if guarded.closing {
            return Err(JournalError::Closed);
        }
        let appended = guarded.log.append_later(draft, shared.durable.load(Ordering::Relaxed));
        shared.wake_later(guarded);
        appended
    }

    /// Waits until the record survives a power cut: the next group commit that covers it.
    ///
    /// With [`SyncMode::Off`] it does not wait. An error means that it may not survive: refuse.
    pub async fn synced(&self, ticket: Ticket) -> Result<(), JournalError> {
        let shared = &self.inner.shared;
        if shared.is_durable(ticket.sequence) {
            return Ok(());
        }
        if shared.sync == SyncMode::Group {
            shared.want(ticket.sequence)?;
        }
        let mut progress = shared.progress.subscribe();
        let done = progress
            .wait_for(|now| {
                now.stopped.is_some()
                    || shared.sync == SyncMode::Off
                    || now.durable > ticket.sequence
            })
            .await
            .map_err(|_| JournalError::Closed)?;
        match &done.stopped {
            Some(reason) if done.durable <= ticket.sequence => {
                Err(JournalError::Stopped { reason: Arc::clone(reason) })
            }
            _ => Ok(()),
        }
    }

    /// As [`Journal::synced`], blocking, and syncing even with [`SyncMode::Off`]. For commands.
    pub fn synced_blocking(&self, ticket: Ticket) -> Result<(), JournalError> {
        self.inner.shared.wait_until_durable(ticket.sequence + 1)
    }

    /// Keeps what was said in a part of an interaction, encrypted, for the retention time; returns the
    /// salted commitment that goes into the event. Blocking, for one `write`.
    ///
    /// Reaches the medium within about a second: a power cut before that loses content, never the record.
    pub fn keep(
        &self,
        interaction: InteractionId,
        part: Part,
        content: &[u8],
    ) -> Result<Digest, JournalError> {
        let shared = &self.inner.shared;
        shared.check()?;
        shared.content.keep(interaction, part, content, When::Now)
    }

    /// As [`Journal::keep`], but written together with others within some 20 milliseconds, unless there is
    /// much of it. A process that is killed before loses it. Follow it with an append, early or late, which
    /// is what makes the journal look.
    pub fn keep_later(
        &self,
        interaction: InteractionId,
        part: Part,
        content: &[u8],
    ) -> Result<Digest, JournalError> {
        let shared = &self.inner.shared;
        shared.check()?;
        let kept = shared.content.keep(interaction, part, content, When::Later);
        if kept.is_err() { self.noted(kept) } else { kept }
    }

    /// Destroys content that was kept longer than the retention time. Blocking; call it now and then, off
    /// the async workers.
    pub fn expire(&self, now_ms: u64) -> Result<Expired, JournalError> {
        self.inner.shared.content.expire(now_ms)
    }

    /// Signs a statement about everything appended so far, once that is synced. Blocking.
    pub fn checkpoint(&self) -> Result<Checkpoint, JournalError> {
        let head = {
            let mut guarded = self.inner.shared.lock()?;
            guarded.log.write_waiting(self.inner.shared.durable.load(Ordering::Relaxed))?;
            guarded.log.head()
        };
        self.inner.shared.wait_until_durable(head.records)?;
        Ok(Checkpoint::sign(&self.inner.key, head, now_ms())?)
    }

    /// Seals the record, syncs everything and accepts nothing more. Blocking.
    pub fn close(self) -> Result<(), JournalError> {
        self.inner.close(true)
    }
}

impl Inner {
    fn close(&self, seal: bool) -> Result<(), JournalError> {
        let outcome = self.shared.close(seal);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
        outcome
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropped without `close`: sync what is there, but do not claim a clean end.
        drop(self.close(false));
    }
}

fn take_lock(
    disk: &dyn Disk,
    dir: &Path,
    journal: &Path,
) -> Result<Box<dyn DiskLock>, JournalError> {
    let path: PathBuf = journal.join(LOCK_FILE);
    disk.lock(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => JournalError::InUse { dir: dir.to_path_buf() },
        _ => JournalError::file("lock", &path)(error),
    })
}
