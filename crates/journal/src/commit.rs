//! The group commit: one thread syncs whatever was written when it starts, again and again.
//!
//! It starts as soon as a record is unsynced, so that the sync overlaps the upstream's work, but no sooner
//! than [`SYNC_INTERVAL`] after the sync before, so that under load each covers many; when somebody already
//! waits, than [`AWAITED_SYNC_INTERVAL`]. What nobody waits for (records of what has ended, content) is
//! written after [`LATER_DELAY`] at the latest and synced once a second. When records have waited long
//! enough for a seal, it writes one.
//!
//! INVARIANT: `durable` grows only after every file and folder that the records are in was synced, oldest
//! first. INVARIANT: a failed sync is never repeated: the kernel may already have dropped the data and
//! report success the second time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use telemetry::Histogram;

use crate::content::ContentBuffer;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::log::{Log, Unsynced};
use crate::settings::{JournalSettings, SyncMode};

/// Between the starts of two syncs that nobody waits for yet.
const SYNC_INTERVAL: Duration = Duration::from_millis(4);
/// Between the starts of two syncs when somebody waits.
const AWAITED_SYNC_INTERVAL: Duration = Duration::from_millis(1);
/// How long what nobody waits for stays in memory. A process that is killed loses it.
const LATER_DELAY: Duration = Duration::from_millis(20);
/// Between two syncs of what nobody waits for.
const LATER_SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Upper bounds of how long a sync takes, in microseconds: from a good disk to one that fails.
const SYNC_BOUNDS_US: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];

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
    /// How long syncs took, in microseconds.
    pub(crate) syncs: Histogram,
    seal_delay: Duration,
}

/// The end of the record, and what the thread has to know.
pub(crate) struct Guarded {
    pub(crate) log: Log,
    /// What the thread does at the moment.
    phase: Phase,
    /// Who wants what is unsynced to be synced.
    urgency: Urgency,
    /// How many wait for the thread without being async.
    sleepers: usize,
    /// When the last sync started.
    sync_started: Option<Instant>,
    /// Nothing more is accepted.
    pub(crate) closing: bool,
}

/// Who wants a sync.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// Nobody in particular.
    Later,
    /// Somebody will wait for it.
    Soon,
    /// Somebody waits.
    Awaited,
    /// Somebody waits, whatever the mode and however recent the last sync.
    Forced,
}

/// What the thread does at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It works, and will look again before it sleeps.
    Awake,
    /// It sleeps until then, or until it is told.
    Until(Option<Instant>),
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
    WriteContent,
    SyncContent,
    End,
}

/// When the thread did what, for what it does on a schedule.
struct Schedule {
    content_synced: Instant,
    /// When content that waits is written again after it could not be.
    content_retried: Option<Instant>,
    /// Until when it looks again by itself, so that nobody needs to wake it for what can wait.
    lingers: Instant,
    unsealed_since: Option<Instant>,
}

impl Shared {
    pub(crate) fn new(log: Log, content: ContentBuffer, settings: &JournalSettings) -> Self {
        let durable = log.records();
        let guarded = Guarded {
            log,
            phase: Phase::Awake,
            urgency: Urgency::Later,
            sleepers: 0,
            sync_started: None,
            closing: false,
        };
        Self {
            guarded: Mutex::new(guarded),
            work: Condvar::new(),
            committed: Condvar::new(),
            durable: AtomicU64::new(durable),
            progress: watch::Sender::new(Progress { durable, stopped: None }),
            content,
            sync: settings.sync,
            syncs: Histogram::new(SYNC_BOUNDS_US),
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

    /// Tells the thread that a record was written which somebody will wait for.
    pub(crate) fn wake(&self, mut guarded: MutexGuard<'_, Guarded>) {
        if self.sync == SyncMode::Group {
            guarded.urgency = guarded.urgency.max(Urgency::Soon);
            let due = guarded.next_sync();
            self.wake_by(guarded, due);
        } else if guarded.log.has_left() || guarded.phase == Phase::Until(None) {
            self.wake_by(guarded, Instant::now());
        }
    }

    /// Tells the thread that something is there which can wait for a while.
    pub(crate) fn wake_later(&self, guarded: MutexGuard<'_, Guarded>) {
        self.wake_by(guarded, Instant::now() + LATER_DELAY);
    }

    /// Tells the thread that somebody waits for a record.
    pub(crate) fn want(&self, sequence: u64) -> Result<(), JournalError> {
        let mut guarded = self.lock()?;
        if !self.is_durable(sequence) && guarded.urgency < Urgency::Awaited {
            guarded.urgency = Urgency::Awaited;
            let due = guarded.next_sync();
            self.wake_by(guarded, due);
        }
        Ok(())
    }

    /// Wakes the thread if it would sleep longer: without the lock, which is the first thing it takes.
    fn wake_by(&self, mut guarded: MutexGuard<'_, Guarded>, due: Instant) {
        if let Phase::Until(until) = guarded.phase
            && until.is_none_or(|until| until > due)
        {
            guarded.phase = Phase::Awake;
            drop(guarded);
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
            guarded.urgency = Urgency::Forced;
            self.work.notify_one();
            guarded.sleepers += 1;
            guarded = self.committed.wait(guarded).map_err(|_| JournalError::Closed)?;
            guarded.sleepers -= 1;
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
            // Says so if content could not be written to the last.
            None => sealed.and_then(|()| self.content.write_waiting()),
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
            let at_once = guarded.closing || guarded.urgency == Urgency::Forced;
            let is_over = |due: Option<Instant>| due.is_some_and(|due| due <= now || at_once);
            let written_due = guarded.log.waiting_since().map(|since| since + LATER_DELAY);
            if is_over(written_due) {
                // Most likely the disk is full; appends say so, and the queue is kept for them.
                drop(guarded.log.write_waiting(self.durable.load(Ordering::Relaxed)));
            }
            let seal_due = self.seal_if_due(&mut guarded, schedule, now);
            let sync_due = self.sync_due(&guarded, now);
            if is_over(sync_due) {
                guarded.urgency = Urgency::Later;
                guarded.sync_started = Some(now);
                schedule.lingers = now + LATER_DELAY;
                return Some(Task::Commit(guarded.log.take_unsynced()));
            }
            // What could not be written a moment ago is not tried again at once, whoever waits.
            let retried = schedule.content_retried;
            let content_due =
                self.content.waiting_since().map(|since| retried.unwrap_or(since + LATER_DELAY));
            if content_due.is_some_and(|due| due <= now || at_once && retried.is_none()) {
                schedule.lingers = now + LATER_DELAY;
                return Some(Task::WriteContent);
            }
            let content_sync_due =
                self.content.has_unsynced().then(|| schedule.content_synced + LATER_SYNC_INTERVAL);
            if is_over(content_sync_due) {
                schedule.content_synced = now;
                return Some(Task::SyncContent);
            }
            if guarded.closing {
                return Some(Task::End);
            }
            let lingers = (schedule.lingers > now).then_some(schedule.lingers);
            let still = guarded.log.waiting_since().map(|_| now + LATER_DELAY);
            let due = [still, content_due, content_sync_due, seal_due, sync_due, lingers]
                .into_iter()
                .flatten()
                .min();
            guarded.phase = Phase::Until(due);
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

    /// When the next sync starts, if there is anything to sync.
    fn sync_due(&self, guarded: &Guarded, now: Instant) -> Option<Instant> {
        if !guarded.log.has_unsynced() {
            return None;
        }
        if guarded.urgency == Urgency::Forced || guarded.closing || guarded.log.has_left() {
            return Some(now);
        }
        if self.sync == SyncMode::Off {
            return None;
        }
        Some(guarded.sync_due().unwrap_or(now))
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
            Err(_) => Some(now + self.seal_delay.max(LATER_SYNC_INTERVAL)),
        }
    }

    fn commit(&self, disk: &dyn Disk, journal: &std::path::Path, unsynced: &Unsynced) {
        let began = Instant::now();
        let synced = unsynced
            .files
            .iter()
            .try_for_each(|file| file.sync())
            .and_then(|()| if unsynced.folder { disk.sync_folder(journal) } else { Ok(()) });
        self.syncs.observe(began.elapsed().as_micros() as u64);
        match synced {
            Ok(()) => {
                self.durable.store(unsynced.records, Ordering::Release);
                self.progress.send_modify(|progress| progress.durable = unsynced.records);
                // Under the lock, so that nobody is between looking and going to sleep.
                let sleepers = self.guarded.lock().map_or(1, |guarded| guarded.sleepers);
                if sleepers > 0 {
                    self.committed.notify_all();
                }
            }
            Err(error) => self.stop(&format!("the record could not be synced: {error}")),
        }
    }

    fn run(&self, disk: &dyn Disk, journal: &std::path::Path) {
        let _ending = Ending(self);
        let now = Instant::now();
        let mut schedule = Schedule {
            content_synced: now,
            content_retried: None,
            lingers: now,
            unsealed_since: None,
        };
        while let Some(task) = self.next_task(&mut schedule) {
            match task {
                Task::Commit(unsynced) => self.commit(disk, journal, &unsynced),
                Task::WriteContent => {
                    // What cannot be written is kept, and `keep` says so once it is too much.
                    let failed = self.content.write_waiting().is_err();
                    schedule.content_retried = failed.then(|| Instant::now() + LATER_SYNC_INTERVAL);
                }
                Task::SyncContent => {
                    if let Err(error) = self.content.sync() {
                        self.stop(&format!("content could not be synced: {error}"));
                    }
                }
                Task::End => break,
            }
        }
    }
}

impl Guarded {
    /// When the next sync starts.
    fn next_sync(&self) -> Instant {
        let now = Instant::now();
        self.sync_due().map_or(now, |due| due.max(now))
    }

    /// When the next sync may start; `None` if there was none yet.
    fn sync_due(&self) -> Option<Instant> {
        let interval = match self.urgency {
            Urgency::Later => LATER_SYNC_INTERVAL,
            Urgency::Soon => SYNC_INTERVAL,
            Urgency::Awaited => AWAITED_SYNC_INTERVAL,
            Urgency::Forced => Duration::ZERO,
        };
        self.sync_started.map(|started| started + interval)
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
