//! The group commit: one thread syncs whatever was written when it starts, again and again.
//!
//! It starts as soon as anything is unsynced, so that the sync overlaps the upstream's work, and it never
//! waits to gather more: under load the previous sync is what gathers. Content is synced once a second.
//! When records have waited long enough for a seal, it writes one.
//!
//! INVARIANT: `durable` grows only after every file and folder that the records are in was synced, oldest
//! first. INVARIANT: a failed sync is never repeated: the kernel may already have dropped the data and
//! report success the second time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::content::ContentBuffer;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::log::{Log, Unsynced};
use crate::settings::{JournalSettings, SyncMode};

/// Between two syncs of the content buffer.
const CONTENT_SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What the journal's handles and its thread share.
pub(crate) struct Shared {
    guarded: Mutex<Guarded>,
    /// The thread waits here for work.
    work: Condvar,
    /// Blocking waiters wait here for progress.
    committed: Condvar,
    /// Records known to be synced.
    pub(crate) durable: AtomicU64,
    /// The same, for those who wait without blocking.
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) content: ContentBuffer,
    pub(crate) sync: SyncMode,
    seal_delay: Duration,
}

/// The end of the record, and what the thread has to know.
pub(crate) struct Guarded {
    pub(crate) log: Log,
    /// What the thread does at the moment.
    phase: Phase,
    /// Somebody waits for a sync, whatever the mode.
    wanted: bool,
    /// Nothing more is accepted.
    pub(crate) closing: bool,
}

/// What the thread does at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It works, and will look again before it sleeps.
    Awake,
    /// It sleeps and wants to know of the next append.
    Listening,
    /// It sleeps until a time, or until somebody waits for a sync.
    Dozing,
    /// It has ended.
    Ended,
}

/// How far the record is safe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) durable: u64,
    pub(crate) stopped: Option<Arc<str>>,
}

enum Task {
    Commit(Unsynced),
    Content,
    End,
}

/// When the thread did what, for what it does on a schedule.
struct Schedule {
    content_synced: Instant,
    unsealed_since: Option<Instant>,
}

impl Shared {
    pub(crate) fn new(log: Log, content: ContentBuffer, settings: &JournalSettings) -> Self {
        let durable = log.records();
        let guarded = Guarded { log, phase: Phase::Awake, wanted: false, closing: false };
        Self {
            guarded: Mutex::new(guarded),
            work: Condvar::new(),
            committed: Condvar::new(),
            durable: AtomicU64::new(durable),
            progress: watch::Sender::new(Progress { durable, stopped: None }),
            content,
            sync: settings.sync,
            seal_delay: settings.seal_delay(),
        }
    }

    /// The lock. If a thread panicked while it held it, the state cannot be trusted.
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, Guarded>, JournalError> {
        self.guarded.lock().map_err(|_| JournalError::Stopped {
            reason: "a thread panicked while it wrote to the record".into(),
        })
    }

    /// Whether a record is known to be synced.
    pub(crate) fn is_durable(&self, sequence: u64) -> bool {
        self.durable.load(Ordering::Acquire) > sequence
    }

    /// Fails if nothing is accepted any more.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        match &self.progress.borrow().stopped {
            Some(reason) => Err(JournalError::Stopped { reason: Arc::clone(reason) }),
            None => Ok(()),
        }
    }

    /// Tells the thread that something was written.
    pub(crate) fn wake(&self, guarded: &mut Guarded) {
        let asleep = matches!(guarded.phase, Phase::Listening)
            || (guarded.phase == Phase::Dozing && guarded.log.has_left());
        if asleep {
            guarded.phase = Phase::Awake;
            self.work.notify_one();
        }
    }

    /// Tells everyone who waits that nothing is accepted any more.
    pub(crate) fn publish_stop(&self, reason: &Arc<str>) {
        self.progress.send_if_modified(|progress| {
            let is_new = progress.stopped.is_none();
            progress.stopped.get_or_insert_with(|| Arc::clone(reason));
            is_new
        });
        self.work.notify_one();
        self.committed.notify_all();
    }

    /// Waits, blocking, until that many records are synced.
    pub(crate) fn wait_until_durable(&self, records: u64) -> Result<(), JournalError> {
        let mut guarded = self.lock()?;
        loop {
            if self.durable.load(Ordering::Acquire) >= records {
                return Ok(());
            }
            if let Some(reason) = guarded.log.stopped() {
                return Err(JournalError::Stopped { reason });
            }
            if guarded.phase == Phase::Ended {
                return Err(JournalError::Closed);
            }
            guarded.wanted = true;
            self.work.notify_one();
            guarded = self.committed.wait(guarded).map_err(|_| JournalError::Closed)?;
        }
    }

    /// Lets the thread sync what is there and end. Fails if not everything is safe.
    pub(crate) fn close(&self, seal: bool) -> Result<(), JournalError> {
        let mut guarded = self.lock()?;
        let sealed = if seal && !guarded.closing {
            guarded.log.seal(self.durable.load(Ordering::Relaxed))
        } else {
            Ok(())
        };
        guarded.closing = true;
        self.work.notify_one();
        while guarded.phase != Phase::Ended {
            guarded = self.committed.wait(guarded).map_err(|_| JournalError::Closed)?;
        }
        match guarded.log.stopped() {
            Some(reason) => Err(JournalError::Stopped { reason }),
            None => sealed,
        }
    }

    fn stop(&self, reason: &str) {
        if let Ok(mut guarded) = self.lock() {
            let reason = guarded.log.stop(reason);
            drop(guarded);
            self.publish_stop(&reason);
        }
    }

    fn next_task(&self, schedule: &mut Schedule) -> Option<Task> {
        let mut guarded = self.lock().ok()?;
        loop {
            if guarded.log.stopped().is_some() {
                return Some(Task::End);
            }
            let now = Instant::now();
            let content_due = self
                .content
                .has_unsynced()
                .then(|| schedule.content_synced + CONTENT_SYNC_INTERVAL);
            if content_due.is_some_and(|due| due <= now || guarded.closing) {
                schedule.content_synced = now;
                return Some(Task::Content);
            }
            let seal_due = self.seal_if_due(&mut guarded, schedule, now);
            let syncs = self.sync == SyncMode::Group
                || guarded.wanted
                || guarded.closing
                || guarded.log.has_left();
            if syncs && guarded.log.has_unsynced() {
                guarded.wanted = false;
                return Some(Task::Commit(guarded.log.take_unsynced()));
            }
            if guarded.closing {
                return Some(Task::End);
            }
            let due = [content_due, seal_due].into_iter().flatten().min();
            let listens = self.sync == SyncMode::Group || due.is_none();
            guarded.phase = if listens { Phase::Listening } else { Phase::Dozing };
            guarded = match due {
                None => self.work.wait(guarded).ok()?,
                Some(due) => {
                    let timeout = due.saturating_duration_since(now);
                    self.work.wait_timeout(guarded, timeout).ok()?.0
                }
            };
            guarded.phase = Phase::Awake;
        }
    }

    /// Writes a seal if records have waited long enough for one; otherwise says when they will have.
    fn seal_if_due(
        &self,
        guarded: &mut Guarded,
        schedule: &mut Schedule,
        now: Instant,
    ) -> Option<Instant> {
        if guarded.log.unsealed() == 0 {
            schedule.unsealed_since = None;
            return None;
        }
        let due = *schedule.unsealed_since.get_or_insert(now) + self.seal_delay;
        if due > now {
            return Some(due);
        }
        schedule.unsealed_since = Some(now);
        match guarded.log.seal(self.durable.load(Ordering::Relaxed)) {
            Ok(()) => None,
            // Most likely the disk is full; appends say so. Tried again after the same delay.
            Err(_) => Some(now + self.seal_delay.max(CONTENT_SYNC_INTERVAL)),
        }
    }

    fn commit(&self, disk: &dyn Disk, journal: &std::path::Path, unsynced: &Unsynced) {
        let synced = unsynced
            .files
            .iter()
            .try_for_each(|file| file.sync())
            .and_then(|()| if unsynced.folder { disk.sync_folder(journal) } else { Ok(()) });
        match synced {
            Ok(()) => {
                self.durable.store(unsynced.records, Ordering::Release);
                self.progress.send_modify(|progress| progress.durable = unsynced.records);
                // Taken and released, so that nobody is between looking and going to sleep.
                drop(self.guarded.lock());
                self.committed.notify_all();
            }
            Err(error) => self.stop(&format!("the record could not be synced: {error}")),
        }
    }

    fn run(&self, disk: &dyn Disk, journal: &std::path::Path) {
        let _ending = Ending(self);
        let mut schedule = Schedule { content_synced: Instant::now(), unsealed_since: None };
        while let Some(task) = self.next_task(&mut schedule) {
            match task {
                Task::Commit(unsynced) => self.commit(disk, journal, &unsynced),
                Task::Content => {
                    if let Err(error) = self.content.sync() {
                        self.stop(&format!("content could not be synced: {error}"));
                    }
                }
                Task::End => break,
            }
        }
    }
}

/// Says that the thread has ended, however it did, so that nobody waits for it in vain.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let reason = match self.0.guarded.lock() {
            Ok(mut guarded) => {
                guarded.phase = Phase::Ended;
                let finished = guarded.closing && !guarded.log.has_unsynced();
                match guarded.log.stopped() {
                    None if finished => None,
                    None => Some(guarded.log.stop("its sync thread ended")),
                    stopped => stopped,
                }
            }
            Err(_) => Some("a thread panicked while it wrote to the record".into()),
        };
        if let Some(reason) = reason {
            self.0.publish_stop(&reason);
        }
        self.0.committed.notify_all();
    }
}

/// Starts the thread.
pub(crate) fn start(
    shared: &Arc<Shared>,
    disk: Arc<dyn Disk>,
    journal: std::path::PathBuf,
) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("journal-sync".into())
        .spawn(move || shared.run(disk.as_ref(), &journal))
}
