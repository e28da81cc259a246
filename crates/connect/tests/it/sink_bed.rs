//! A record that can be written to, and sinks that follow it, on disks that can fail apart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connect::{SinkKind, SinkPlace, SinkReport, SinkSettings, Sinks, sink_reports};
use events::{Administration, Event, EventBody, InteractionId};
use journal::testing::FaultDisk;
use journal::{
    Disk, DiskFile, DiskLock, DiskRead, Journal, JournalSettings, SEGMENT_BYTES_MIN, SyncMode,
};
use net::{Shutdown, Tasks};
use serde_json::Value;
use stdx::Secret;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The record on one disk, the sinks' own files on another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disks {
    pub(crate) record: FaultDisk,
    pub(crate) sinks: FaultDisk,
}

impl Disks {
    fn of(&self, path: &Path) -> &FaultDisk {
        if path.components().any(|part| part.as_os_str() == "sinks") {
            &self.sinks
        } else {
            &self.record
        }
    }

    /// As another process finds them after this one was killed.
    pub(crate) fn after_kill(&self) -> Self {
        Self { record: self.record.after_kill(), sinks: self.sinks.after_kill() }
    }

    /// The lines of a file of the sinks.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        let bytes = self.sinks.contents(&Path::new("data/sinks").join(name)).unwrap_or_default();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("whole lines of JSON")).collect()
    }
}

impl Disk for Disks {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.of(folder).create_folder(folder)
    }
    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.of(folder).names(folder)
    }
    fn open_append(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.of(file).open_append(file)
    }
    fn open_read(&self, file: &Path) -> io::Result<Box<dyn DiskRead>> {
        self.of(file).open_read(file)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.of(from).rename(from, to)
    }
    fn remove(&self, file: &Path) -> io::Result<()> {
        self.of(file).remove(file)
    }
    fn destroy(&self, file: &Path) -> io::Result<()> {
        self.of(file).destroy(file)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.of(folder).sync_folder(folder)
    }
    fn lock(&self, file: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.of(file).lock(file)
    }
}

/// A gateway's record and sinks, without the gateway.
pub(crate) struct Bed {
    pub(crate) disks: Disks,
    pub(crate) journal: Journal,
    pub(crate) shutdown: Shutdown,
    pub(crate) sinks: Sinks,
    pub(crate) tasks: Tasks,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::on(Disks::default())
    }

    /// On disks that may hold a record already.
    pub(crate) fn on(disks: Disks) -> Self {
        let settings =
            JournalSettings { segment_bytes_max: SEGMENT_BYTES_MIN, ..JournalSettings::default() };
        let disk: Arc<dyn Disk> = Arc::new(disks.clone());
        let (journal, _) =
            Journal::open(Path::new("data"), settings, Arc::clone(&disk)).expect("opens");
        let (shutdown, tasks) = (Shutdown::default(), Tasks::default());
        let sinks = Sinks::new(SinkPlace {
            data: PathBuf::from("data"),
            disk,
            journal: journal.clone(),
            secret: Secret::new([3; 32]),
            shutdown: shutdown.clone(),
            sync: SyncMode::Group,
            tasks: tasks.clone(),
            version: "1.2.3",
        });
        Self { disks, journal, shutdown, sinks, tasks }
    }

    /// Puts so many changes on record, whose targets are numbers from `from` on.
    pub(crate) fn log(&self, from: u64, count: u64) {
        for number in from..from + count {
            self.append(&change(&number.to_string()));
        }
    }

    pub(crate) fn append(&self, event: &Event) {
        let _ticket = self.journal.append(event).expect("appended");
    }

    /// How a sink is doing.
    pub(crate) fn report(&self, sink: &str) -> Option<SinkReport> {
        let disk: Arc<dyn Disk> = Arc::new(self.disks.clone());
        let (reports, _) = sink_reports(Path::new("data"), &disk, 0).expect("readable");
        reports.into_iter().find(|report| report.sink == sink)
    }

    /// Waits until a sink has settled everything; the counts add up.
    pub(crate) async fn settled(&self, sink: &str) -> SinkReport {
        self.until(sink, |report| report.waiting == 0 && report.trouble.is_none()).await
    }

    /// Waits until this holds of a sink.
    pub(crate) async fn until(
        &self,
        sink: &str,
        holds: impl Fn(&SinkReport) -> bool,
    ) -> SinkReport {
        let mut last = None;
        eventually(|| {
            last = self.report(sink);
            last.as_ref().is_some_and(&holds)
        })
        .await
        .unwrap_or_else(|()| panic!("{last:?}"));
        let report = last.expect("there is one");
        assert!(report.reconciled, "{report:?}");
        report
    }

    /// Stops everything at once, as a killed process does; what was on disk then.
    pub(crate) async fn killed(self) -> Disks {
        let disks = self.disks.after_kill();
        self.tasks.stop().await;
        disks
    }

    /// What is on record of how sinks are doing.
    pub(crate) fn notices(&self) -> Vec<String> {
        let reader = journal::Reader::new(Path::new("data"), Arc::new(self.disks.clone()));
        let records = reader.records(journal::Position::Start).expect("readable");
        let notices = records.filter_map(Result::ok).filter_map(|record| match record.event.body {
            EventBody::Node(notice) => Some(format!("{}: {}", notice.state, notice.detail)),
            _ => None,
        });
        notices.collect()
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) -> Result<(), ()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if holds() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(())
}

/// A sink that loses no time.
pub(crate) fn quick(name: &str, kind: SinkKind, url: &str) -> SinkSettings {
    let mut settings = SinkSettings::new(name, kind);
    url.clone_into(&mut settings.url);
    settings.batch.age_max = Duration::from_millis(5);
    settings.retry.first = Duration::from_millis(1);
    settings.retry.max = Duration::from_millis(10);
    settings
}

/// A change whose target is this.
pub(crate) fn change(target: &str) -> Event {
    let (actor, operation) = ("cli".to_owned(), "key.create".to_owned());
    let change = Administration { actor, operation, target: target.to_owned(), why: None };
    Event::new(1_800_000_000_000, EventBody::Administration(change))
}

/// Both records of an interaction, by somebody.
pub(crate) fn interaction(number: u64, user: &str) -> [Event; 2] {
    let (mut opened, mut closed) = (export::testing::opened(&[]), export::testing::closed(&[]));
    opened.interaction = InteractionId::new(1_800_000_000_000, number.into());
    closed.interaction = opened.interaction;
    opened.principal.user = Some(user.to_owned());
    [
        Event::new(1_800_000_000_000, EventBody::InteractionOpened(Box::new(opened))),
        Event::new(1_800_000_000_001, EventBody::InteractionClosed(Box::new(closed))),
    ]
}

/// The targets of changes in lines of JSON, in their order.
pub(crate) fn targets(lines: &str) -> Vec<String> {
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let target = |line: Value| {
        line.pointer("/event/body/data/target").and_then(Value::as_str).map(str::to_owned)
    };
    lines.filter_map(target).collect()
}

/// So many targets, from a number on.
pub(crate) fn numbers(from: u64, count: u64) -> Vec<String> {
    (from..from + count).map(|number| number.to_string()).collect()
}
