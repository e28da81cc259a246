//! Hunts in a running gateway: the rules over the record as it grows, and what they find onto the record.
//!
//! A thread of its own reads the record's files, as any other reader does; interactions never wait for it. When it begins, it reads so far back that
//! its answers are those of somebody who always was there, and tells what the last day has that nobody told.
//!
//! INVARIANT: what is found is what `bartizan hunt run` finds in the same record. INVARIANT: what is on record is not told again.
//! INVARIANT: that hunts cannot go on is on record.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use events::{Anomaly, Event, EventBody, NodeNotice};
use export::FactReader;
use hunt::sigma::{HUNT_KIND_PREFIX, Hunter, Rules};
use journal::{Journal, Position, ReadError, Reader, RealDisk, Records};
use net::{Shutdown, Tasks};

use crate::hunting::{entry, observe};
use crate::time::now_ms;

/// How far back findings are told that nobody told before, in milliseconds.
const TOLD_BACK_MS: u64 = 86_400_000;
/// How long before that interactions may have begun that are still open, in milliseconds.
const OPEN_MS_MAX: u64 = 3_600_000;
/// Findings that wait until it is known whether they are on record; more are counted as lost.
const PENDING_MAX: usize = 4_096;

/// Hunts as they are configured.
pub(crate) struct HuntSettings {
    pub(crate) rules: Rules,
    /// Time between two looks at the record.
    pub(crate) interval: Duration,
}

/// Hunts until the gateway stops, if that is configured.
pub(crate) fn start(
    settings: Option<HuntSettings>,
    data: PathBuf,
    journal: &Journal,
    (tasks, shutdown): (&Tasks, &Shutdown),
) {
    let Some(settings) = settings else { return };
    let (stop, stopped) = sync_channel::<()>(1);
    let writer = journal.clone();
    let thread = std::thread::Builder::new().name(String::from("hunts")).spawn(move || {
        if let Err(why) = follow(&settings, &data, &writer, &stopped) {
            tracing::error!("hunts have stopped: {why}");
            let notice = NodeNotice {
                detail: format!("hunts have stopped: {why}"),
                state: String::from("degraded"),
            };
            tell(&writer, EventBody::Node(notice));
        }
    });
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => {
            tracing::error!(%error, "hunts cannot begin");
            return;
        }
    };
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        shutdown.begun().await;
        drop(stop);
        // The record is closed after this, so that what was found last is on it.
        let _it_told_why = tokio::task::spawn_blocking(move || thread.join()).await;
    });
}

fn follow(
    settings: &HuntSettings,
    data: &Path,
    journal: &Journal,
    stopped: &Receiver<()>,
) -> Result<(), String> {
    let reader = Reader::new(data, Arc::new(RealDisk));
    let mut hunt = Hunt::begin(&settings.rules, &reader, now_ms())?;
    loop {
        hunt.pass(journal).map_err(|error| error.to_string())?;
        match stopped.recv_timeout(settings.interval) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn tell(journal: &Journal, body: EventBody) {
    if let Err(error) = journal.append_later(&Event::new(now_ms(), body)) {
        tracing::error!(%error, "a finding of hunts is not on record");
    }
}

/// Hunting in a record that grows.
struct Hunt<'r> {
    facts: FactReader,
    hunter: Hunter<'r>,
    records: Records,
    /// Records that were there at the beginning: what they have on record is not told again.
    there: u64,
    since_ms: u64,
    pending: Vec<Anomaly>,
    forgotten: u64,
}

impl<'r> Hunt<'r> {
    fn begin(rules: &'r Rules, reader: &Reader, now_ms: u64) -> Result<Self, String> {
        let words = |error: ReadError| error.to_string();
        let there = reader.count().map_err(words)?;
        let since_ms = now_ms.saturating_sub(TOLD_BACK_MS);
        let horizon_ms = rules.horizon_s().saturating_mul(1_000) + OPEN_MS_MAX;
        let first =
            first_since(reader, there, since_ms.saturating_sub(horizon_ms)).map_err(words)?;
        let records = reader.records(Position::Sequence(first)).map_err(words)?;
        let hunter = Hunter::new(rules, None)?;
        Ok(Self {
            facts: FactReader::default(),
            hunter,
            records,
            there,
            since_ms,
            pending: Vec::new(),
            forgotten: 0,
        })
    }

    /// Takes what is new.
    fn pass(&mut self, journal: &Journal) -> Result<(), ReadError> {
        while let Some(record) = self.records.next() {
            let record = record?;
            if record.sequence >= self.there {
                self.settle(journal);
            }
            if let EventBody::Anomaly(known) = &record.event.body
                && known.kind.as_str().starts_with(HUNT_KIND_PREFIX)
            {
                self.pending.retain(|one| *one != **known);
                continue;
            }
            let (hunter, since_ms) = (&mut self.hunter, self.since_ms);
            let found = observe(&mut self.facts, &entry(&record), |facts| {
                let hits = hunter.observe(facts);
                let late = hits.iter().filter(|hit| hit.time_ms >= since_ms);
                late.map(|hit| hit.anomaly(facts)).collect::<Vec<_>>()
            });
            for one in found {
                if self.pending.len() < PENDING_MAX {
                    self.pending.push(one);
                } else {
                    tracing::warn!(kind = %one.kind, "a finding of hunts is not told: there are too many");
                }
            }
        }
        self.settle(journal);
        if self.hunter.forgotten() > self.forgotten {
            self.forgotten = self.hunter.forgotten();
            tracing::warn!(
                groups = self.forgotten,
                "hunts forgot groups of correlations for want of room"
            );
        }
        Ok(())
    }

    /// Whatever the record has of these, it would have been read by now.
    fn settle(&mut self, journal: &Journal) {
        for one in self.pending.drain(..) {
            tracing::warn!(kind = %one.kind, "{}", one.detail);
            tell(journal, EventBody::Anomaly(Box::new(one)));
        }
    }
}

/// The first record of a time or later, if times only grow; of `count` records.
fn first_since(reader: &Reader, count: u64, time_ms: u64) -> Result<u64, ReadError> {
    let (mut first, mut end) = (0, count);
    while first < end {
        let middle = first + (end - first) / 2;
        match reader.records(Position::Sequence(middle))?.next().transpose()? {
            Some(record) if record.event.time_ms < time_ms => first = middle + 1,
            _ => end = middle,
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use events::{Administration, EventBody};
    use journal::{JournalSettings, Record};

    use super::*;
    use crate::hunting::RuleFiles;

    /// In the past: what is told gets the time of the clock, which no record is ahead of.
    const START_MS: u64 = 1_700_000_000_000;

    fn append(journal: &Journal, second: u64, operation: &str, target: &str) {
        let body = EventBody::Administration(Administration {
            actor: String::from("cli"),
            operation: operation.to_owned(),
            target: target.to_owned(),
            why: None,
        });
        let event = Event::new(START_MS + second * 1_000, body);
        let _nobody_waits = journal.append(&event).expect("appended");
    }

    fn told(reader: &Reader) -> Vec<(String, u64)> {
        let records: Vec<Record> = reader
            .records(Position::Start)
            .expect("a record")
            .map(|one| one.expect("read"))
            .collect();
        let anomalies = records.into_iter().filter_map(|record| match record.event.body {
            EventBody::Anomaly(one) => Some((one.kind.to_string(), one.since_ms)),
            _ => None,
        });
        anomalies.collect()
    }

    /// What is told of the same record when it is looked at after every so many records, by one who is restarted every so many looks.
    fn check(batch: usize, restart: usize) -> Vec<(String, u64)> {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = Journal::open(folder.path(), JournalSettings::default(), Arc::new(RealDisk));
        let (journal, _) = opened.expect("a record");
        let reader = Reader::new(folder.path(), Arc::new(RealDisk));
        let files = RuleFiles::load(None).expect("the shipped rules");
        let mut hunt = Hunt::begin(&files.rules, &reader, START_MS).expect("it begins");
        for number in 0..120_u64 {
            match number % 3 {
                0 => append(&journal, number * 20, "key.create", &format!("app{number:07}")),
                1 => append(&journal, number * 20, "isolate", &format!("model:{number}")),
                _ => append(&journal, number * 20, "key.exposed", &format!("app{number:07}")),
            }
            if (number as usize + 1).is_multiple_of(batch) {
                hunt.pass(&journal).expect("a look");
                journal
                    .synced_blocking(
                        journal
                            .append(&Event::new(
                                START_MS + number * 20_000,
                                EventBody::Node(NodeNotice::default()),
                            ))
                            .expect("appended"),
                    )
                    .expect("synced");
            }
            if (number as usize + 1).is_multiple_of(batch * restart) {
                hunt = Hunt::begin(&files.rules, &reader, START_MS + number * 20_000)
                    .expect("it begins again");
            }
        }
        hunt.pass(&journal).expect("the last look");
        journal.close().expect("closed");
        told(&reader)
    }

    #[test]
    fn the_same_is_told_whatever_the_batches_and_restarts() {
        let all = check(120, 100);
        assert!(all.len() > 3, "{all:?}");
        for (batch, restart) in [(1, 7), (5, 3), (13, 2), (40, 1)] {
            assert_eq!(check(batch, restart), all, "{batch} {restart}");
        }
    }
}
