//! How sinks are doing, read from the data folder, whether or not a gateway runs.
//!
//! INVARIANT: what was logged since a sink began is `sent + filtered + dead + lost + waiting`; a report that does not add up says
//! so. INVARIANT: nothing is written.

use std::path::Path;
use std::sync::Arc;

use events::NodeId;
use journal::{Disk, Position, ReadError, Reader};
use serde::Serialize;

use super::cursor::{CURSOR_SUFFIX, Cursor, CursorFile, SINKS_FOLDER, Trouble};

/// How one sink is doing.
#[derive(Clone, Debug, Serialize)]
pub struct SinkReport {
    /// Its name.
    pub sink: String,
    /// Whether the configuration names it; nothing if that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured: Option<bool>,
    /// Whose record it sends.
    pub node: Option<NodeId>,
    /// The first record that it is to have.
    pub begun_at: u64,
    /// The first record that is not settled.
    pub next: u64,
    /// Records since it began.
    pub logged: u64,
    /// Taken by the receiver.
    pub sent: u64,
    /// Not meant for it.
    pub filtered: u64,
    /// Refused for good: dead letters, and those of them that are lost.
    pub refused: u64,
    /// With the dead letters.
    pub dead: u64,
    /// Never delivered: what could not be read, and dead letters that had no room.
    pub lost: u64,
    /// Not settled yet.
    pub waiting: u64,
    /// How old the oldest of those is, in milliseconds.
    pub lag_ms: u64,
    /// How often it began anew because the record was another one.
    pub restarts: u64,
    /// Whether what was logged is what was sent, filtered, dead, lost, or waits.
    pub reconciled: bool,
    /// Why nothing goes on, while it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

impl SinkReport {
    /// Whether something did not reach its receiver, or nobody knows.
    pub const fn is_well(&self) -> bool {
        self.reconciled && self.dead == 0 && self.lost == 0
    }

    /// Of a sink that never ran.
    pub fn of_new(sink: &str, records: u64) -> Self {
        Self::of(sink, &Cursor::begin(NodeId::new(0), 0), records, 0)
    }

    fn of(sink: &str, cursor: &Cursor, records: u64, lag_ms: u64) -> Self {
        let logged = records.saturating_sub(cursor.begun_at);
        let waiting = records.saturating_sub(cursor.next);
        let settled = cursor.sent + cursor.filtered + cursor.dead + cursor.lost;
        Self {
            sink: sink.to_owned(),
            configured: None,
            node: (cursor.node.get() > 0).then_some(cursor.node),
            begun_at: cursor.begun_at,
            next: cursor.next,
            logged,
            sent: cursor.sent,
            filtered: cursor.filtered,
            refused: cursor.refused,
            dead: cursor.dead,
            lost: cursor.lost,
            waiting,
            lag_ms,
            restarts: cursor.restarts,
            reconciled: logged == settled + waiting,
            trouble: cursor.trouble.clone(),
        }
    }
}

/// How the sinks that ran in a data folder are doing, by name; and how many records there are.
pub fn sink_reports(
    data: &Path,
    disk: &Arc<dyn Disk>,
    now_ms: u64,
) -> Result<(Vec<SinkReport>, u64), ReadError> {
    let reader = Reader::new(data, Arc::clone(disk));
    let folder = data.join(SINKS_FOLDER);
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ReadError::File { path, source }
    };
    let mut names = disk.names(&folder).map_err(failed(&folder))?;
    names.retain(|name| name.ends_with(CURSOR_SUFFIX));
    names.sort_unstable();
    let mut cursors = Vec::new();
    for name in names {
        let sink = name.trim_end_matches(CURSOR_SUFFIX);
        let file = CursorFile::new(Arc::clone(disk), data, sink);
        if let Some(cursor) = file.read().map_err(failed(file.path()))? {
            cursors.push((sink.to_owned(), cursor));
        }
    }
    // After the cursors, so that a record that was sent meanwhile is counted.
    let records = reader.count()?;
    let reports = cursors.into_iter().map(|(sink, cursor)| {
        let lag_ms = if cursor.next < records { lag(&reader, cursor.next, now_ms) } else { 0 };
        SinkReport::of(&sink, &cursor, records, lag_ms)
    });
    Ok((reports.collect(), records))
}

/// How old the record at a place is, as far as it can be read.
fn lag(reader: &Reader, sequence: u64, now_ms: u64) -> u64 {
    let first =
        reader.records(Position::Sequence(sequence)).ok().and_then(|mut records| records.next());
    first.and_then(Result::ok).map_or(0, |record| now_ms.saturating_sub(record.event.time_ms))
}
