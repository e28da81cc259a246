//! The task that compares interactions with baselines and with each other, puts findings and campaigns on record, and keeps what was learnt.
//!
//! INVARIANT: it ends when nothing can end any more, and has then kept what it knows. INVARIANT: what is lost is counted, logged and recorded.
//! INVARIANT: what was learnt is replaced in one step: a crash leaves the file of before.
//!
//! Not here: what is ordinary, and what belongs together (`hunt`).

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use events::{Anomaly, CampaignNotice, CampaignPhase, Event, EventBody, NodeNotice};
use hunt::{
    Baselines, CAMPAIGNS_BYTES_MAX, Campaigns, SERIES_BYTES_MAX, SERIES_MAX, SnapshotError,
};
use journal::Journal;
use net::Shutdown;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

use crate::{exchange::now_ms, metrics::Metrics, watch::Ended};

/// How often what was learnt is kept, and losses are told.
const KEEP_PAUSE: Duration = Duration::from_mins(10);
/// Interactions taken at a time; between them others may run.
const TAKEN_MAX: usize = 256;
/// Bytes of a file of what was learnt: all series, and the fleet.
const FILE_BYTES_MAX: u64 = (SERIES_MAX * SERIES_BYTES_MAX + (1 << 20)) as u64;

/// What the task works with.
pub(crate) struct WatchTask {
    pub(crate) baselines: Baselines,
    pub(crate) campaigns: Campaigns,
    pub(crate) files: WatchFiles,
    pub(crate) journal: Journal,
    pub(crate) lost: Arc<AtomicU64>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: Shutdown,
    pub(crate) waiting: Receiver<Ended>,
}

/// Where what was learnt is kept; nowhere without them.
#[derive(Clone, Debug, Default)]
pub(crate) struct WatchFiles {
    pub(crate) baselines: Option<PathBuf>,
    pub(crate) campaigns: Option<PathBuf>,
}

impl WatchTask {
    /// Runs until nobody is left who could hand on an interaction.
    pub(crate) async fn run(mut self) {
        let mut taken = Vec::with_capacity(TAKEN_MAX);
        let mut next = Instant::now() + KEEP_PAUSE;
        let mut was_told = false;
        loop {
            tokio::select! {
                count = self.waiting.recv_many(&mut taken, TAKEN_MAX) => {
                    if count == 0 {
                        return self.keep();
                    }
                    self.take(&mut taken);
                }
                () = sleep_until(next) => {
                    self.keep();
                    next = Instant::now() + KEEP_PAUSE;
                }
                // Should open requests be cut off, this task is too.
                () = self.shutdown.begun(), if !was_told => {
                    was_told = true;
                    self.keep();
                }
            }
        }
    }

    fn take(&mut self, taken: &mut Vec<Ended>) {
        let mut is_changed = false;
        for Ended { name, seen, sighting } in taken.drain(..) {
            for found in self.baselines.observe(&name, &seen) {
                self.tell(found);
            }
            let told = self.campaigns.observe(&sighting).notices;
            is_changed |= told.iter().any(|one| one.campaign.phase != CampaignPhase::Grown);
            self.tell_campaigns(told);
        }
        // What is on record as begun must be known after a crash, or it would begin again.
        if is_changed {
            self.keep_campaigns();
        }
    }

    fn tell_campaigns(&self, told: Vec<CampaignNotice>) {
        for notice in told {
            let phase = notice.campaign.phase.as_str();
            tracing::warn!(campaign = %notice.campaign.id, phase, "{}", notice.detail);
            self.metrics.campaign(phase);
            self.record(EventBody::Campaign(Box::new(notice)));
        }
    }

    fn tell(&self, anomaly: Anomaly) {
        tracing::warn!(kind = %anomaly.kind, "{}", anomaly.detail);
        self.metrics.anomaly(&anomaly.kind);
        self.record(EventBody::Anomaly(Box::new(anomaly)));
    }

    fn record(&self, body: EventBody) {
        if let Err(error) = self.journal.append_later(&Event::new(now_ms(), body)) {
            tracing::error!(%error, "a finding of the baselines is not on record");
        }
    }

    /// Keeps what was learnt; says what was lost.
    fn keep(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let detail = format!("{lost} interactions were not compared with baselines");
            tracing::warn!("{detail}: they ended faster than that takes");
            self.record(EventBody::Node(NodeNotice { detail, state: String::from("degraded") }));
        }
        let told = self.campaigns.advance(now_ms());
        self.tell_campaigns(told);
        self.keep_campaigns();
        let Some(file) = &self.files.baselines else { return };
        let baselines = &mut self.baselines;
        let kept = tokio::task::block_in_place(|| write(file, &baselines.to_snapshot(now_ms())));
        if let Err(error) = kept {
            tracing::error!(%error, file = %file.display(), "what baselines learnt is not kept");
        }
    }
}

impl WatchTask {
    fn keep_campaigns(&self) {
        let Some(file) = &self.files.campaigns else { return };
        let campaigns = &self.campaigns;
        let kept = tokio::task::block_in_place(|| write(file, &campaigns.to_snapshot()));
        if let Err(error) = kept {
            tracing::error!(%error, file = %file.display(), "what is known of campaigns is not kept");
        }
    }
}

fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    let mut options = OpenOptions::new();
    let mut new = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    std::fs::rename(&beside, file)
}

/// What was learnt before; nothing, with a warning, if that cannot be read.
pub(crate) fn load(file: Option<&Path>) -> Baselines {
    let read = |bytes: &[u8]| Baselines::from_snapshot(bytes, SERIES_MAX, now_ms());
    kept((file, FILE_BYTES_MAX), "baselines begin anew", read)
}

/// What was known of campaigns; nothing, with a warning, if that cannot be read.
pub(crate) fn load_campaigns(file: Option<&Path>) -> Campaigns {
    kept((file, CAMPAIGNS_BYTES_MAX as u64), "campaigns begin anew", Campaigns::from_snapshot)
}

fn kept<T: Default>(
    (file, bytes_max): (Option<&Path>, u64),
    otherwise: &str,
    read: impl Fn(&[u8]) -> Result<T, SnapshotError>,
) -> T {
    let Some(file) = file else { return T::default() };
    let mut bytes = Vec::new();
    let filled = File::open(file).and_then(|open| open.take(bytes_max).read_to_end(&mut bytes));
    let why = match filled {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return T::default(),
        Err(error) => error.to_string(),
        Ok(_) => match read(&bytes) {
            Ok(known) => return known,
            Err(error) => error.to_string(),
        },
    };
    tracing::warn!(file = %file.display(), "{otherwise}: {why}");
    T::default()
}

#[cfg(test)]
mod tests {
    use hunt::{Observation, SeriesName};

    use super::*;

    #[test]
    fn what_was_learnt_is_read_again_and_rubbish_is_not() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("baselines.bin");
        assert!(load(Some(&file)).is_empty(), "there is none yet");
        let mut baselines = Baselines::default();
        let seen = Observation { time_ms: now_ms(), ..Observation::default() };
        baselines.observe(&SeriesName::default(), &seen);
        write(&file, &baselines.to_snapshot(now_ms())).expect("written");
        assert_eq!(load(Some(&file)).len(), 1);
        write(&file, b"rubbish").expect("written");
        assert!(load(Some(&file)).is_empty());
        assert_eq!(load_campaigns(Some(&file)).open(), 0);
    }
}
