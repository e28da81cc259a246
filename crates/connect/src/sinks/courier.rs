//! Carries one sink's records from the record to its receiver.
//!
//! ```text
//! fill a batch ─▶ send ─┬─▶ taken, refused (dead letters) ─▶ all settled: cursor
//!                       ├─▶ too large, refused as a whole ─▶ halves, down to one record
//!                       └─▶ wait ─▶ the same again, later
//! ```
//!
//! A receiver that refuses [`REFUSED_IN_A_ROW_MAX`] records with none taken between them refuses everything: its configuration is
//! wrong rather than each of them, so the sink waits instead of emptying the record into the dead letters.
//!
//! INVARIANT: the cursor goes on over a batch once every record of it is settled, and nothing is sent after a cursor that could
//! not be written. INVARIANT: what ends the task (a stop, a reload) loses nothing: what was under way is sent again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{Digest, NodeNotice};
use stdx::SplitMix64;

use super::backoff;
use super::cursor::{Cursor, CursorFile, Trouble};
use super::dead::{DeadLetters, Letter};
use super::deliver::{Answer, Deliver, Failure, Verdict};
use super::feed::{Feed, Filled};
use super::item::{Batch, Item};
use super::metrics::Course;
use super::running::{Place, now_ms};
use super::settings::SinkSettings;

/// Records refused in a row after which nothing more is refused.
pub(crate) const REFUSED_IN_A_ROW_MAX: u32 = 32;
/// How often the record is looked at for more.
const POLL_PAUSE: Duration = Duration::from_millis(200);
/// How long an attempt that is under way may still take once the sink is to stop.
const LAST_ATTEMPT_TIME_MAX: Duration = Duration::from_secs(2);
/// Failures in a row after which it goes on record that a sink is failing.
const FAILURES_NOTED: u32 = 3;

/// What a courier needs.
pub(crate) struct Courier {
    pub(crate) chance: SplitMix64,
    pub(crate) course: Arc<Course>,
    pub(crate) cursor: Cursor,
    pub(crate) dead: DeadLetters,
    pub(crate) deliver: Box<dyn Deliver>,
    pub(crate) failures: u32,
    pub(crate) file: CursorFile,
    pub(crate) place: Arc<Place>,
    pub(crate) refused_in_a_row: u32,
    pub(crate) settings: SinkSettings,
    pub(crate) stop: net::Shutdown,
}

/// The sink is to stop.
struct Stopped;

/// What became of the records of one batch so far.
#[derive(Default)]
struct Tally {
    letters: Vec<Letter>,
    sent: u64,
}

impl Courier {
    /// Runs until it is to stop.
    pub(crate) async fn run(mut self) {
        // Where it begins is written down before anything is sent, so that a crash does not begin elsewhere.
        if self.write().await.is_ok() {
            while self.follow().await.is_ok() {}
        }
    }

    /// Follows the record from where the cursor is, until it turns out to be another one.
    async fn follow(&mut self) -> Result<(), Stopped> {
        let mut feed = self.feed().await?;
        loop {
            let (again, batch, other) = self.batch(feed).await?;
            feed = again;
            if other {
                return self.begin_again().await;
            }
            self.settle(batch).await?;
        }
    }

    async fn feed(&mut self) -> Result<Feed, Stopped> {
        if (self.place.bound)().is_some_and(|bound| bound < self.cursor.next) {
            self.begin_again().await?;
        }
        Ok(self.place.feed(&self.settings, &self.cursor))
    }

    /// The record is not the one that the cursor was in: all of it is sent.
    async fn begin_again(&mut self) -> Result<(), Stopped> {
        let restarts = self.cursor.restarts + 1;
        let node = self.place.journal.node();
        let why = "the record is not the one it was sent from: all of it is sent";
        self.note("degraded", why);
        self.cursor = Cursor::begin(node, 0);
        self.cursor.restarts = restarts;
        self.course.stands(0);
        self.write().await
    }

    /// A batch that is full or old enough; whether the record turned out to be another one.
    async fn batch(&mut self, mut feed: Feed) -> Result<(Feed, Batch, bool), Stopped> {
        let mut batch = Batch::new(self.cursor.next);
        let limits = self.settings.batch;
        let mut since = None;
        loop {
            let filling = tokio::task::spawn_blocking(move || {
                let filled = feed.fill(&mut batch, limits);
                (feed, batch, filled)
            });
            let filled;
            // A feed that panicked is gone with what it knew; the sink stays stopped and says so.
            let Ok(again) = filling.await else {
                self.course.troubled(Some("reading the record failed"));
                return Err(Stopped);
            };
            (feed, batch, filled) = again;
            self.course.reading(&batch);
            match filled {
                Ok(Filled::Full) => return Ok((feed, batch, false)),
                Ok(Filled::OtherRecord) => return Ok((feed, batch, true)),
                Ok(Filled::Drained) => {}
                Err(_) if !batch.is_empty() => return Ok((feed, batch, false)),
                Err(error) => {
                    self.fail(None, &error.to_string()).await?;
                    continue;
                }
            }
            let pause = if batch.is_empty() {
                POLL_PAUSE
            } else {
                let waited = since.get_or_insert_with(Instant::now).elapsed();
                limits.age_max.saturating_sub(waited).min(POLL_PAUSE)
            };
            if pause.is_zero() {
                return Ok((feed, batch, false));
            }
            self.sleep(pause).await?;
        }
    }

    /// Sends a batch until every record of it is settled, and notes that.
    async fn settle(&mut self, batch: Batch) -> Result<(), Stopped> {
        let mut tally = Tally::default();
        let mut waiting = VecDeque::new();
        if !batch.items.is_empty() {
            waiting.push_back(batch.items);
        }
        while let Some(items) = waiting.pop_front() {
            match self.attempt(&items).await? {
                Ok(answer) => {
                    let again = self.sort(items, answer, &mut tally);
                    if let Some((items, why)) = again {
                        waiting.push_front(items);
                        self.fail(None, &why).await?;
                    }
                }
                Err(Failure::Wait { after, why }) => {
                    waiting.push_front(items);
                    self.fail(after, &why).await?;
                }
                Err(failure) => self.divide(items, failure, &mut waiting, &mut tally).await?,
            }
        }
        if batch.lost > 0 {
            let why = format!("{} records could not be read and were not sent", batch.lost);
            self.note("degraded", &why);
        }
        let Batch { chain, filtered, lost, next, .. } = batch;
        self.advance((chain, filtered, lost, next), tally).await
    }

    /// Halves of what was refused whole, or its one record to the dead letters.
    async fn divide(
        &mut self,
        mut items: Vec<Item>,
        failure: Failure,
        waiting: &mut VecDeque<Vec<Item>>,
        tally: &mut Tally,
    ) -> Result<(), Stopped> {
        if items.len() > 1 {
            let second = items.split_off(items.len() / 2);
            waiting.push_front(second);
            waiting.push_front(items);
            return Ok(());
        }
        let why = match failure {
            Failure::TooLarge => String::from("too large"),
            Failure::Refused(why) | Failure::Wait { why, .. } => why,
        };
        let answer = Answer::of(vec![Verdict::Refused(why)]);
        if let Some((items, why)) = self.sort(items, answer, tally) {
            waiting.push_front(items);
            self.fail(None, &why).await?;
        }
        Ok(())
    }

    /// Takes note of what became of records; gives those that are to be sent again, and why.
    fn sort(
        &mut self,
        items: Vec<Item>,
        answer: Answer,
        tally: &mut Tally,
    ) -> Option<(Vec<Item>, String)> {
        let Answer { untold, mut verdicts } = answer;
        // What a receiver says nothing of was not taken.
        verdicts.resize(items.len(), Verdict::Again(String::from("the answer leaves it out")));
        let mut taken = verdicts.iter().filter(|one| **one == Verdict::Taken).count() as u64;
        if taken > 0 {
            self.refused_in_a_row = 0;
            self.recovered();
        }
        if let Some((count, why)) = untold {
            let count = count.min(taken);
            taken -= count;
            tally.letters.extend(Letter::some_of(&items, count, why));
        }
        tally.sent += taken;
        let (mut again, mut words) = (Vec::new(), None);
        for (item, verdict) in items.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Taken => {}
                Verdict::Again(why) => {
                    words.get_or_insert(why);
                    again.push(item);
                }
                Verdict::Refused(why) if taken > 0 || self.may_refuse() => {
                    tally.letters.push(Letter::of(item, why));
                }
                Verdict::Refused(why) => {
                    words.get_or_insert(format!("everything is refused: {why}"));
                    again.push(item);
                }
            }
        }
        words.map(|why| (again, why))
    }

    /// Whether one more record may be refused.
    const fn may_refuse(&mut self) -> bool {
        self.refused_in_a_row = self.refused_in_a_row.saturating_add(1);
        self.refused_in_a_row <= REFUSED_IN_A_ROW_MAX
    }

    /// Sends records once. What is under way when the sink is to stop may end, for a while.
    async fn attempt(&mut self, items: &[Item]) -> Result<Result<Answer, Failure>, Stopped> {
        let stop = self.stop.clone();
        let stopped = async {
            stop.begun().await;
            tokio::time::sleep(LAST_ATTEMPT_TIME_MAX).await;
        };
        let time_max = self.settings.time_max.saturating_mul(2);
        let sending = tokio::time::timeout(time_max, self.deliver.deliver(items));
        let answer = tokio::select! {
            answer = sending => answer,
            () = stopped => return Err(Stopped),
        };
        let answer = answer.unwrap_or_else(|_| Err(Failure::wait("it took too long")));
        self.course.attempted(match &answer {
            Ok(answer)
                if answer.untold.is_none()
                    && answer.verdicts.iter().all(|one| *one == Verdict::Taken) =>
            {
                "taken"
            }
            Ok(_) => "partly",
            Err(Failure::Refused(_)) => "refused",
            Err(Failure::TooLarge) => "too_large",
            Err(Failure::Wait { .. }) => "failed",
        });
        Ok(answer)
    }

    /// Notes that a batch is settled. Nothing more is sent until that is written down.
    async fn advance(
        &mut self,
        (chain, filtered, lost, next): (Option<Digest>, u64, u64, u64),
        tally: Tally,
    ) -> Result<(), Stopped> {
        let refused: u64 = tally.letters.iter().map(|letter| letter.refused).sum();
        let dead = self.bury(tally.letters).await?;
        let cursor = &mut self.cursor;
        cursor.chain = chain;
        cursor.dead += dead;
        cursor.filtered += filtered;
        cursor.lost += lost + refused - dead;
        cursor.next = next;
        cursor.refused += refused;
        cursor.sent += tally.sent;
        cursor.trouble = None;
        self.write().await?;
        self.recovered();
        let lost = lost + refused - dead;
        self.course.settled(&self.cursor, [tally.sent, filtered, dead, lost]);
        Ok(())
    }

    /// Keeps dead letters; says how many records had room there.
    async fn bury(&mut self, letters: Vec<Letter>) -> Result<u64, Stopped> {
        if letters.is_empty() {
            return Ok(0);
        }
        let letters = Arc::new(letters);
        let refused: u64 = letters.iter().map(|letter| letter.refused).sum();
        loop {
            let (dead, kept) = (self.dead.clone(), Arc::clone(&letters));
            let kept = tokio::task::spawn_blocking(move || dead.keep(&kept)).await;
            match kept.map_err(std::io::Error::other).and_then(|kept| kept) {
                Ok(kept) => {
                    let sink = &self.settings.name;
                    tracing::warn!(sink, refused, kept, "records were refused for good");
                    return Ok(kept);
                }
                Err(error) => {
                    self.fail(None, &format!("dead letters cannot be kept: {error}")).await?;
                }
            }
        }
    }

    /// Writes the cursor down, however long that takes.
    async fn write(&mut self) -> Result<(), Stopped> {
        loop {
            let (file, cursor) = (self.file.clone(), self.cursor.clone());
            let written = tokio::task::spawn_blocking(move || file.write(&cursor)).await;
            match written.map_err(std::io::Error::other).and_then(|written| written) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let path = self.file.path().display();
                    let why = format!("`{path}` cannot be written: {error}");
                    self.fail(None, &why).await?;
                }
            }
        }
    }

    /// Notes a failure, and waits.
    async fn fail(&mut self, after: Option<Duration>, why: &str) -> Result<(), Stopped> {
        self.failures = self.failures.saturating_add(1);
        let pause =
            backoff::pause(self.failures, after, self.settings.retry, self.chance.next_u64());
        let sink = &self.settings.name;
        tracing::warn!(sink, why, failures = self.failures, ?pause, "a sink waits");
        self.course.troubled(Some(why));
        if self.cursor.trouble.as_ref().is_none_or(|known| known.why != why) {
            let since_ms = self.cursor.trouble.as_ref().map_or_else(now_ms, |known| known.since_ms);
            self.cursor.trouble = Some(Trouble { since_ms, why: why.to_owned() });
            // For those who ask while it lasts; the next cursor that is written says it anyway.
            let (file, cursor) = (self.file.clone(), self.cursor.clone());
            drop(tokio::task::spawn_blocking(move || file.write(&cursor)).await);
        }
        if self.failures == FAILURES_NOTED {
            self.note("degraded", why);
        }
        self.sleep(pause).await
    }

    fn recovered(&mut self) {
        if self.failures >= FAILURES_NOTED {
            self.note("recovered", "records are taken again");
        }
        self.failures = 0;
        self.course.troubled(None);
    }

    /// Puts on record how the sink is.
    fn note(&self, state: &str, why: &str) {
        let detail = format!("sink `{}`: {why}", self.settings.name);
        tracing::warn!(state, detail, "a sink");
        self.place.note(NodeNotice { detail, state: state.to_owned() });
    }

    async fn sleep(&mut self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.stop.begun() => Err(Stopped),
        }
    }
}
