//! Limits that several gateways count together, in Redis or Valkey.
//!
//! What a request may use at most is reserved in all its counters by one call, which lets it in or says which limit
//! does not; when it ends, one call puts what it used in its place. Each reservation is a lease: it is renewed while its
//! request lasts, and when its gateway dies, or cannot reach the store for as long, it runs out: its place among the
//! requests under way is free again, and what it had reserved counts as used. Calls that get no answer are taken back
//! (before) or repeated (after), which the script takes for the same; so an outage makes the store count too much, never
//! too little, but for what gateways let in on their own meanwhile ([`SharedLimits::on_its_own`]), which they tell it when it is back.
//!
//! INVARIANT: a lease is settled once, by whoever drops it, or runs out. INVARIANT: bounded: [`WAITING_MAX`] settlements
//! wait, what does not fit runs out; [`OWED_MAX`] counters are owed to, what does not fit is counted as lost.
//! INVARIANT: the store's clock decides, not ours. INVARIANT: nothing is stored there but sums, the names of limits, and hashes
//! of whom they count.
//!
//! Not here: which counters a request has, and what follows while the store is away (`gateway::quota`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use futures_util::{StreamExt as _, stream};
use net::Shutdown;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{Notify, watch};

use crate::CircuitSettings;
use crate::circuit::{Change, Circuit};
use crate::error::SharedLimitsError;
use crate::limit_books::{Ledger, Settlement, State};
use crate::limit_metrics::LimitMetrics;
use crate::limit_store::{LimitStore, StoreFailure};
use crate::limit_words::{
    Answer, COUNT_MAX, Maximum, SharedAmount, SharedCounter, SharedLimitsSettings, SharedUse,
    answer_of, done, maximum,
};

/// Settlements that wait to be sent.
pub const WAITING_MAX: usize = 65_536;
/// Counters that have to be told what was used while the store was away.
pub const OWED_MAX: usize = 65_536;
/// Settlements sent at a time.
const SENDING_MAX: usize = 8;
/// How often settlements that could not be sent, and renewals, are seen to.
const TICK: Duration = Duration::from_millis(250);
/// How long the store is tried to be told of the last requests before the process ends, once all have ended.
const LAST_TIME_MAX: Duration = Duration::from_secs(2);
/// Leaving a store alone that fails.
const CIRCUIT: CircuitSettings = CircuitSettings {
    failures_max: 3,
    pause: Duration::from_secs(1),
    window: Duration::from_secs(10),
};

/// What became of a request for a reservation.
#[derive(Debug)]
pub enum Verdict {
    /// It is let in, until the lease is dropped. What was used of each counter so far.
    Admitted(Lease, Vec<SharedUse>),
    /// A counter, by its place, does not let it in; it may when so many milliseconds are over, or never.
    Refused {
        /// The place of the counter.
        counter: usize,
        /// Which of its maxima.
        maximum: Maximum,
        /// When, in milliseconds.
        after_ms: Option<u64>,
    },
    /// The store did not answer, or nothing that can be understood.
    Away,
}

/// Limits that are shared. Cheap to clone.
#[derive(Clone)]
pub struct SharedLimits(Arc<Shared>);

impl std::fmt::Debug for SharedLimits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SharedLimits").finish_non_exhaustive()
    }
}

struct Shared {
    /// Whether the store is away, as far as is known.
    away: watch::Sender<bool>,
    circuit: Circuit,
    /// What our leases are called, so that those of other gateways have other names.
    instance: String,
    is_run: AtomicBool,
    metrics: Arc<LimitMetrics>,
    next: AtomicU64,
    settings: SharedLimitsSettings,
    state: Mutex<State>,
    /// Told when there is less to settle.
    settled: Notify,
    /// Settlements that are not known to have arrived.
    unsettled: AtomicU64,
    store: LimitStore,
    wake: Notify,
}

/// What a request holds until it ends.
pub struct Lease {
    ledger: Arc<Ledger>,
    /// Nothing for what was let in without the store.
    number: Option<u64>,
    shared: Arc<Shared>,
    used: SharedAmount,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lease").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl Lease {
    /// The request has used so much.
    pub const fn used(&mut self, amount: SharedAmount) {
        self.used = amount;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.ended(self.number, Arc::clone(&self.ledger), self.used);
    }
}

impl SharedLimits {
    /// Prepares the store; nothing is connected yet.
    pub fn new(settings: &SharedLimitsSettings) -> Result<Self, SharedLimitsError> {
        Self::with(settings, Arc::default())
    }

    /// These limits instead of those of `before`, when a configuration is read again: the same ones, if it says the same of
    /// them. Else what is measured goes on, and what was reserved is settled where it was.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        if self.0.settings.is_same(&before.0.settings) {
            return before.clone();
        }
        Self::with(&self.0.settings, Arc::clone(&before.0.metrics)).unwrap_or(self)
    }

    fn with(
        settings: &SharedLimitsSettings,
        metrics: Arc<LimitMetrics>,
    ) -> Result<Self, SharedLimitsError> {
        let mut instance = [0; 8];
        let filled = SystemRandom::new().fill(&mut instance);
        filled.map_err(|_| SharedLimitsError::Randomness)?;
        Ok(Self(Arc::new(Shared {
            away: watch::Sender::new(false),
            circuit: Circuit::new(CIRCUIT),
            instance: HEXLOWER.encode(&instance),
            is_run: AtomicBool::new(false),
            metrics,
            next: AtomicU64::new(0),
            settings: settings.clone(),
            state: Mutex::default(),
            settled: Notify::new(),
            unsettled: AtomicU64::new(0),
            store: LimitStore::new(settings)?,
            wake: Notify::new(),
        })))
    }

    /// Asks whether a request is let in that may use so much.
    pub async fn reserve(&self, counters: &[SharedCounter], reserved: SharedAmount) -> Verdict {
        let shared = &self.0;
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let ledger = Arc::new(shared.ledger(counters, reserved, Some(number)));
        // Whatever becomes of the question, this takes back what the store may have counted.
        let lease = Lease {
            ledger: Arc::clone(&ledger),
            number: Some(number),
            shared: Arc::clone(shared),
            used: SharedAmount::default(),
        };
        shared.state().open.insert(number, (Arc::clone(&ledger), Instant::now()));
        let Ledger { keys, member, reserved, .. } = &*ledger;
        let mut arguments = vec!["reserve".to_owned(), member.clone()];
        let lease_ms = shared.settings.lease.as_millis() as u64;
        arguments.extend([lease_ms, reserved.tokens, reserved.nanousd].map(|it| it.to_string()));
        for counter in counters {
            let maxima = counter.maxima.iter().zip(Maximum::ALL);
            arguments.extend(maxima.map(|(max, which)| maximum(*max, which)));
        }
        let read = |answer: &[i64]| answer_of(answer, counters.len());
        match shared.ask("reserve", keys, &arguments, read).await {
            Ok(Answer::Admitted(used)) => Verdict::Admitted(lease, used),
            Ok(Answer::Refused(counter, maximum, after_ms)) => {
                // Nothing was counted.
                shared.state().open.remove(&number);
                Verdict::Refused { counter, maximum, after_ms }
            }
            Err(StoreFailure::CircuitOpen) => {
                // Nothing was asked.
                shared.state().open.remove(&number);
                Verdict::Away
            }
            Err(_) => Verdict::Away,
        }
    }

    /// A request that was let in without asking; the store is told what it used when it can be.
    pub fn on_its_own(&self, counters: &[SharedCounter]) -> Lease {
        let ledger = self.0.ledger(counters, SharedAmount::default(), None);
        let (shared, used) = (Arc::clone(&self.0), SharedAmount::default());
        Lease { ledger: Arc::new(ledger), number: None, shared, used }
    }

    /// Whether the store is away, and when that changes.
    pub fn away(&self) -> watch::Receiver<bool> {
        self.0.away.subscribe()
    }

    /// What is measured.
    pub fn snapshot(&self) -> Vec<telemetry::FamilySnapshot> {
        let owed = self.0.state().owed.len() as u64;
        let waiting = self.0.unsettled.load(Ordering::Relaxed);
        self.0.metrics.snapshot(*self.0.away.borrow(), waiting, owed)
    }

    /// Waits until everything that has ended is settled, and the store was told what it is owed.
    pub async fn is_settled(&self) {
        loop {
            let settled = self.0.settled.notified();
            if self.0.unsettled.load(Ordering::Relaxed) == 0 && self.0.state().owed.is_empty() {
                return;
            }
            settled.await;
        }
    }

    /// Notes what became of a request while the store was away: `local` or `refused`.
    pub fn decided_alone(&self, how: &'static str) {
        self.0.metrics.alone.with([how]).add(1);
    }

    /// Settles and renews, until the shutdown has begun and nothing is under way, or everybody else has let go of these
    /// limits. Once at a time: who calls it meanwhile gets nothing.
    pub async fn run(self, shutdown: Shutdown) {
        let shared = &self.0;
        if shared.is_run.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut last = None;
        loop {
            tokio::select! {
                () = shared.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            shared.catch_up().await;
            let is_ending = shutdown.has_begun();
            let is_left = Arc::strong_count(shared) == 1;
            if !is_left && (!is_ending || !shared.state().open.is_empty()) {
                continue;
            }
            // Nobody waits for limits that were replaced; what is not settled by then has run out.
            let time_max = if is_ending { LAST_TIME_MAX } else { shared.settings.lease };
            let is_over = last.get_or_insert_with(Instant::now).elapsed() > time_max;
            let (unsettled, owed) =
                (shared.unsettled.load(Ordering::Relaxed), shared.state().owed.len() as u64);
            if unsettled + owed == 0 {
                return;
            }
            if is_over {
                shared.metrics.lost.add(owed);
                tracing::error!(
                    unsettled,
                    owed,
                    "shared limits: the store was not told what was used"
                );
                return;
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(
        &self,
        counters: &[SharedCounter],
        reserved: SharedAmount,
        number: Option<u64>,
    ) -> Ledger {
        let reserved = SharedAmount {
            tokens: reserved.tokens.min(COUNT_MAX),
            nanousd: reserved.nanousd.min(COUNT_MAX),
        };
        let SharedAmount { tokens, nanousd } = reserved;
        let member = number.map(|number| format!("{tokens} {nanousd} {}-{number}", self.instance));
        Ledger {
            keys: counters
                .iter()
                .flat_map(|counter| counter.keys(&self.settings.key_prefix))
                .collect(),
            member: member.unwrap_or_default(),
            reserved,
            tokens_per_minute: counters.iter().map(|counter| counter.maxima[2]).collect(),
        }
    }

    /// Asks the store, unless it is left alone.
    async fn ask<T>(
        &self,
        what: &'static str,
        keys: &[String],
        arguments: &[String],
        read: impl FnOnce(&[i64]) -> Option<T>,
    ) -> Result<T, StoreFailure> {
        let Some(admission) = self.circuit.admit(Instant::now()) else {
            self.metrics.failed(StoreFailure::CircuitOpen);
            return Err(StoreFailure::CircuitOpen);
        };
        let began = Instant::now();
        let answer = self.store.ask(keys, arguments).await;
        let answer = answer.and_then(|answer| read(&answer).ok_or(StoreFailure::Unreadable));
        self.metrics.duration.with([what]).observe(began.elapsed().as_micros() as u64);
        let change = match &answer {
            Ok(_) => admission.succeeded(Instant::now()),
            Err(failure) => {
                self.metrics.failed(*failure);
                admission.failed(Instant::now())
            }
        };
        match change {
            Some(Change::Opened) => {
                let reason = answer.as_ref().err().map(ToString::to_string);
                tracing::warn!(reason, "shared limits: the store is away");
                self.away.send_replace(true);
            }
            Some(Change::Closed) => {
                tracing::info!("shared limits: the store is back");
                self.away.send_replace(false);
            }
            None => {}
        }
        answer
    }

    /// A request has ended: its lease is settled soon.
    fn ended(&self, number: Option<u64>, ledger: Arc<Ledger>, used: SharedAmount) {
        let mut state = self.state();
        match number {
            Some(number) => {
                // What is not there was never counted.
                if state.open.remove(&number).is_none() {
                    return;
                }
                if state.waiting.len() < WAITING_MAX {
                    state.waiting.push_back(Settlement { ledger, since: Instant::now(), used });
                    self.unsettled.fetch_add(1, Ordering::Relaxed);
                } else {
                    self.metrics.ran_out.add(1);
                }
            }
            None if used == SharedAmount::default() => return,
            None => {
                for (keys, size) in ledger.keys.chunks(2).zip(&ledger.tokens_per_minute) {
                    if state.owed.contains_key(keys) || state.owed.len() < OWED_MAX {
                        state.owes(keys.to_vec(), used, *size);
                    } else {
                        self.metrics.lost.add(1);
                    }
                }
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Sends what waits, and renews what lasts.
    async fn catch_up(&self) {
        loop {
            let batch: Vec<Settlement> = {
                let mut state = self.state();
                let count = state.waiting.len().min(SENDING_MAX * 8);
                state.waiting.drain(..count).collect()
            };
            if batch.is_empty() {
                break;
            }
            let sent = stream::iter(batch).map(|settlement| self.settle(settlement));
            let left: Vec<Option<Settlement>> = sent.buffer_unordered(SENDING_MAX).collect().await;
            let left: Vec<Settlement> = left.into_iter().flatten().collect();
            if !left.is_empty() {
                let mut state = self.state();
                for settlement in left {
                    state.waiting.push_front(settlement);
                }
                return;
            }
        }
        self.pay().await;
        self.renew().await;
    }

    /// Settles one lease; gives it back, if it has to be tried again.
    async fn settle(&self, settlement: Settlement) -> Option<Settlement> {
        let Settlement { ledger, since, used } = &settlement;
        if since.elapsed() > self.settings.lease {
            // The store has counted, or will, what was reserved.
            self.metrics.ran_out.add(1);
        } else if self.tell(ledger, *used).await.is_err() {
            return Some(settlement);
        }
        self.unsettled.fetch_sub(1, Ordering::Relaxed);
        self.settled.notify_waiters();
        None
    }

    async fn tell(&self, ledger: &Ledger, used: SharedAmount) -> Result<(), StoreFailure> {
        let Ledger { keys, member, reserved, tokens_per_minute } = ledger;
        let amounts = [reserved.tokens, reserved.nanousd, used.tokens, used.nanousd];
        let mut arguments = vec!["settle".to_owned(), member.clone()];
        arguments.extend(amounts.map(|amount| amount.min(COUNT_MAX).to_string()));
        let sizes = tokens_per_minute.iter();
        arguments.extend(sizes.map(|size| maximum(*size, Maximum::TokensPerMinute)));
        self.ask("settle", keys, &arguments, done).await
    }

    /// Tells the store what was used while it was away.
    async fn pay(&self) {
        loop {
            let first =
                self.state().owed.first_key_value().map(|(keys, owed)| (keys.clone(), *owed));
            let Some((keys, (used, size))) = first else { return };
            let ledger = Ledger {
                keys,
                member: String::new(),
                reserved: SharedAmount::default(),
                tokens_per_minute: vec![size],
            };
            if self.tell(&ledger, used).await.is_err() {
                return;
            }
            self.state().paid(&ledger.keys, used);
            self.settled.notify_waiters();
        }
    }

    /// Renews leases of which a third is over.
    async fn renew(&self) {
        let due: Vec<(u64, Arc<Ledger>)> = {
            let state = self.state();
            let due =
                state.open.iter().filter(|(_, (_, at))| at.elapsed() > self.settings.lease / 3);
            due.map(|(number, (ledger, _))| (*number, Arc::clone(ledger))).collect()
        };
        let renewed = stream::iter(due).map(|(number, ledger)| async move {
            let lease_ms = self.settings.lease.as_millis().to_string();
            let arguments = ["renew".to_owned(), ledger.member.clone(), lease_ms];
            if self.ask("renew", &ledger.keys, &arguments, done).await.is_ok()
                && let Some((_, at)) = self.state().open.get_mut(&number)
            {
                *at = Instant::now();
            }
        });
        renewed.buffer_unordered(SENDING_MAX).collect::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use telemetry::Point;

    use super::*;

    fn nowhere() -> SharedLimitsSettings {
        SharedLimitsSettings {
            ca_pem: None,
            key_prefix: "test".to_owned(),
            lease: Duration::from_mins(1),
            password: Some(stdx::Secret::new("open-sesame".to_owned())),
            time_max: Duration::from_secs(1),
            url: "redis://127.0.0.1:1".to_owned(),
            user: None,
        }
    }

    fn limits() -> SharedLimits {
        SharedLimits::new(&nowhere()).expect("settings")
    }

    fn counter(subject: usize) -> [SharedCounter; 1] {
        let subject = subject.to_string();
        [SharedCounter { limit: None, subject, maxima: [None; 7] }]
    }

    fn measured(limits: &SharedLimits, name: &str) -> Point {
        let families = limits.snapshot();
        let family = families.into_iter().find(|family| family.about.name == name);
        family.and_then(|family| family.series.into_iter().next()).expect("a series").point
    }

    #[test]
    fn limits_that_stay_as_they_are_go_on_and_others_take_their_place() {
        let changes: [fn(&mut SharedLimitsSettings); 7] = [
            |settings| settings.url.push('2'),
            |settings| settings.key_prefix.push('x'),
            |settings| settings.lease *= 2,
            |settings| settings.password = None,
            |settings| settings.password = Some(stdx::Secret::new("other".to_owned())),
            |settings| settings.time_max *= 2,
            |settings| settings.user = Some("somebody".to_owned()),
        ];
        let before = limits();
        for change in changes {
            assert!(Arc::ptr_eq(&limits().after(&before).0, &before.0));
            let mut settings = nowhere();
            change(&mut settings);
            before.decided_alone("local");
            let other = SharedLimits::new(&settings).expect("settings").after(&before);
            assert!(!Arc::ptr_eq(&other.0, &before.0) && other.0.settings.is_same(&settings));
            let name = "bartizan.limits.shared.alone";
            assert_eq!(measured(&other, name), measured(&before, name), "it goes on");
        }
    }

    #[test]
    fn what_waits_is_limited_and_what_does_not_fit_runs_out() {
        let limits = limits();
        let reserved = SharedAmount::default();
        let ledger = Arc::new(limits.0.ledger(&counter(0), reserved, Some(0)));
        for number in 0..WAITING_MAX as u64 + 5 {
            limits.0.state().open.insert(number, (Arc::clone(&ledger), Instant::now()));
            limits.0.ended(Some(number), Arc::clone(&ledger), reserved);
        }
        let waiting = Point::Number(WAITING_MAX as u64);
        assert_eq!(measured(&limits, "bartizan.limits.shared.waiting"), waiting);
        assert_eq!(measured(&limits, "bartizan.limits.shared.ran_out"), Point::Number(5));
        assert!(limits.0.state().open.is_empty());
    }

    #[test]
    fn counters_that_are_owed_to_are_limited_and_what_does_not_fit_is_lost() {
        let limits = limits();
        for _ in 0..2 {
            for subject in 0..OWED_MAX + 5 {
                let mut alone = limits.on_its_own(&counter(subject));
                alone.used(SharedAmount { tokens: 1, nanousd: 2 });
            }
        }
        // Those that use nothing are owed nothing.
        drop(limits.on_its_own(&counter(OWED_MAX + 9)));
        let owed = Point::Number(OWED_MAX as u64);
        assert_eq!(measured(&limits, "bartizan.limits.shared.owed"), owed);
        assert_eq!(measured(&limits, "bartizan.limits.shared.lost"), Point::Number(10));
        let twice = SharedAmount { tokens: 2, nanousd: 4 };
        assert!(limits.0.state().owed.values().all(|(amount, _)| *amount == twice));
    }
}
