//! The sinks that run, and others in their place when the configuration is read again.
//!
//! Every sink begins anew on a reload, from its cursor: what was under way is sent again at worst. One that is no longer
//! configured stops, and its cursor stays: it goes on where it was if it comes back.
//!
//! INVARIANT: one courier at a time has a sink's cursor, whatever is reloaded meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use events::{Event, EventBody, NodeNotice};
use export::{Exporter, KeyedHash, Redaction, Selection};
use journal::{Disk, Journal, Reader, SyncMode};
use net::{Shutdown, Tasks};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use stdx::{Secret, SplitMix64};
use telemetry::FamilySnapshot;

use super::courier::Courier;
use super::cursor::{Cursor, CursorFile};
use super::dead::DeadLetters;
use super::deliver::{Deliver, SinkError};
use super::feed::{Bound, Feed};
use super::metrics::{Course, SinkMetrics};
use super::settings::{Begin, SinkSettings};

/// How often a cursor that cannot be read is tried again.
const CURSOR_PAUSE: Duration = Duration::from_secs(5);

/// Where sinks run.
#[expect(missing_debug_implementations, reason = "holds a key")]
pub struct SinkPlace {
    /// The data folder.
    pub data: PathBuf,
    /// Its disk.
    pub disk: Arc<dyn Disk>,
    /// The record: what is sent, and where it is noted how sinks are doing.
    pub journal: Journal,
    /// The key under which fields are hashed.
    pub secret: Secret<[u8; 32]>,
    /// Tells them to stop.
    pub shutdown: Shutdown,
    /// How the record reaches the medium. Only what did is sent, unless nobody waits for that.
    pub sync: SyncMode,
    /// Where they run.
    pub tasks: Tasks,
    /// The version that exported events name.
    pub version: &'static str,
}

/// What couriers share.
pub(crate) struct Place {
    pub(crate) bound: Bound,
    pub(crate) disk: Arc<dyn Disk>,
    data: PathBuf,
    hash: KeyedHash,
    pub(crate) journal: Journal,
    version: &'static str,
}

/// The sinks of this process. Cheap to clone.
#[derive(Clone)]
pub struct Sinks(Arc<Running>);

impl std::fmt::Debug for Sinks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sinks").finish_non_exhaustive()
    }
}

struct Running {
    metrics: Arc<SinkMetrics>,
    place: Arc<Place>,
    shutdown: Shutdown,
    state: Mutex<State>,
    tasks: Tasks,
}

#[derive(Default)]
struct State {
    courses: Vec<Arc<Course>>,
    /// Whose turn it is to have a sink's cursor.
    cursors: BTreeMap<String, Arc<tokio::sync::Mutex<()>>>,
    stop: Shutdown,
}

impl Sinks {
    /// No sinks yet.
    pub fn new(place: SinkPlace) -> Self {
        let SinkPlace { data, disk, journal, secret, shutdown, sync, tasks, version } = place;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        // Another key for another purpose.
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, b"sinks").as_ref());
        let hash: KeyedHash = Arc::new(move |text| {
            let mut hash = [0; 32];
            hash.copy_from_slice(hmac::sign(&key, text.as_bytes()).as_ref());
            hash
        });
        let record = journal.clone();
        let bound: Bound = Arc::new(move || {
            record.stats().map(|stats| match sync {
                SyncMode::Group => stats.records.saturating_sub(stats.unsynced_records),
                SyncMode::Off => stats.records,
            })
        });
        let place = Arc::new(Place { bound, disk, data, hash, journal, version });
        let state = Mutex::default();
        Self(Arc::new(Running { metrics: Arc::default(), place, shutdown, state, tasks }))
    }

    /// Whether a sink can be run as it is configured; nothing is connected.
    pub fn check(settings: &SinkSettings, disk: &Arc<dyn Disk>) -> Result<(), SinkError> {
        let hash: KeyedHash = Arc::new(|_| [0; 32]);
        redaction(settings, hash)?;
        settings.kind.deliver(settings, disk).map(drop)
    }

    /// Runs these sinks instead of those that run.
    pub fn change(&self, sinks: Vec<SinkSettings>) {
        let running = &self.0;
        let mut state = running.state();
        std::mem::take(&mut state.stop).begin();
        state.courses.clear();
        for settings in sinks {
            let course = Arc::new(Course::new(&settings.name, &running.metrics));
            state.courses.push(Arc::clone(&course));
            let turn = Arc::clone(state.cursors.entry(settings.name.clone()).or_default());
            let (place, stop) = (Arc::clone(&running.place), state.stop.clone());
            let deliver = match settings.kind.deliver(&settings, &place.disk) {
                Ok(deliver) => deliver,
                Err(error) => {
                    tracing::error!(sink = settings.name, %error, "a sink does not run");
                    course.troubled(Some(&error.to_string()));
                    continue;
                }
            };
            running.tasks.spawn(async move {
                let _turn = turn.lock().await;
                carry(place, settings, deliver, course, stop).await;
            });
        }
        let (stop, shutdown) = (state.stop.clone(), running.shutdown.clone());
        running.tasks.spawn(async move {
            tokio::select! {
                () = shutdown.begun() => stop.begin(),
                () = stop.begun() => {}
            }
        });
    }

    /// What is measured.
    pub fn snapshot(&self) -> Vec<FamilySnapshot> {
        let courses = self.0.state().courses.clone();
        if courses.is_empty() {
            return Vec::new();
        }
        self.0.metrics.snapshot(&courses, (self.0.place.bound)().unwrap_or_default(), now_ms())
    }
}

impl Running {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Follows the record for a sink.
    pub(crate) fn feed(&self, settings: &SinkSettings, cursor: &Cursor) -> Feed {
        let conditions = settings.conditions.clone();
        let selection = Selection { conditions, ..Selection::default() };
        let mut exporter = Exporter::new(settings.format, selection, self.version);
        // It was checked when the sink was configured.
        if let Ok(redaction) = redaction(settings, Arc::clone(&self.hash)) {
            exporter = exporter.redacting(redaction);
        }
        let reader = Reader::new(&self.data, Arc::clone(&self.disk));
        Feed::new(reader, Arc::clone(&self.bound), exporter, cursor)
    }

    /// Puts something on record. What cannot be is in the log.
    pub(crate) fn note(&self, notice: NodeNotice) {
        if let Err(error) =
            self.journal.append_later(&Event::new(now_ms(), EventBody::Node(notice)))
        {
            tracing::error!(%error, "how a sink is doing is not on record");
        }
    }
}

fn redaction(settings: &SinkSettings, hash: KeyedHash) -> Result<Redaction, SinkError> {
    let fields = settings.redact.iter().map(|(name, how)| (name.as_str(), *how));
    Ok(Redaction::new(fields, hash)?)
}

/// Runs one sink from its cursor.
async fn carry(
    place: Arc<Place>,
    settings: SinkSettings,
    deliver: Box<dyn Deliver>,
    course: Arc<Course>,
    stop: Shutdown,
) {
    let sink = &settings.name;
    let file = CursorFile::new(Arc::clone(&place.disk), &place.data, sink);
    let cursor = loop {
        let reading = file.clone();
        let read = tokio::task::spawn_blocking(move || reading.read()).await;
        match read.map_err(std::io::Error::other).and_then(|read| read) {
            Ok(Some(cursor)) => break cursor,
            Ok(None) => {
                let at = if settings.begin == Begin::Now { (place.bound)() } else { Some(0) };
                if let Some(at) = at {
                    break Cursor::begin(place.journal.node(), at);
                }
            }
            Err(error) => {
                let why = format!("`{}` is no cursor: {error}", file.path().display());
                tracing::error!(sink, why, "a sink does not run");
                course.troubled(Some(&why));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(CURSOR_PAUSE) => {}
            () = stop.begun() => return,
        }
    };
    course.troubled(None);
    course.stands(cursor.next);
    let mut seed = [0; 8];
    let _equal_pauses = SystemRandom::new().fill(&mut seed);
    let bytes_max = settings.dead_bytes_max;
    let courier = Courier {
        chance: SplitMix64::new(u64::from_le_bytes(seed)),
        course,
        cursor,
        dead: DeadLetters::new(Arc::clone(&place.disk), &place.data, sink, bytes_max),
        deliver,
        failures: 0,
        file,
        place: Arc::clone(&place),
        refused_in_a_row: 0,
        settings,
        stop,
    };
    courier.run().await;
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
