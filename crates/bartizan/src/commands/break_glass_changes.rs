//! Break-glass, from the data folder to the running gateway and onto its record.
//!
//! INVARIANT: what cannot be put on record is not let go, and what is on record as begun was begun: it is stored as begun, then
//! on record, then let go; who is killed in between ends it at the next start. INVARIANT: it does not outlive the gateway that began it: a start
//! ends whatever was begun before, because nobody can say how much time has passed. INVARIANT: nothing here is needed for it to
//! end in time ([`gateway::BreakGlass`]); this puts the end on record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use events::{Administration, Event, EventBody};
use gateway::{BREAK_GLASS_PREFIX, BreakGlass};
use journal::Journal;
use net::Shutdown;
use policy::{Engine, ExceptionOptions};
use store::{
    APPROVAL_MS_MAX, BREAK_GLASS_MS_MAX, BreakGlassError, BreakGlassRecord, BreakGlassRequests,
    BreakGlassState,
};

use crate::time::now_ms;

/// How often changes by other processes are looked for.
const PAUSE: Duration = Duration::from_millis(250);

/// What a record says of a change: who, what and why.
pub(crate) fn administration(
    actor: &str,
    what: &str,
    record: &BreakGlassRecord,
    why: Option<String>,
) -> EventBody {
    EventBody::Administration(Administration {
        actor: actor.to_owned(),
        operation: format!("break_glass.{what}"),
        target: format!("{BREAK_GLASS_PREFIX}{}", record.id),
        why,
    })
}

/// What was asked for, in words.
pub(crate) fn words(record: &BreakGlassRecord) -> String {
    let request = &record.request;
    let scope = serde_json::to_string(&request.scope).unwrap_or_default();
    let (rules, minutes) = (request.rules.join(", "), request.time_ms.div_ceil(60_000));
    format!("{rules} for {minutes} min, {scope}: {}", request.why)
}

/// What a change that another process made has to be on record as.
pub(crate) fn noticed(
    before: Option<&BreakGlassRecord>,
    after: &BreakGlassRecord,
) -> Vec<EventBody> {
    let mut bodies = Vec::new();
    if before.is_none() {
        let by = after.request.by.to_string();
        bodies.push(administration(&by, "request", after, Some(words(after))));
    }
    let was = before.map(|before| &before.state);
    match &after.state {
        BreakGlassState::Approved { by, .. } if was != Some(&after.state) => {
            bodies.push(administration(&by.to_string(), "approve", after, None));
        }
        BreakGlassState::Ended { by } if was != Some(&after.state) => {
            bodies.push(administration(by, "end", after, None));
        }
        _ => {}
    }
    bodies
}

/// The exceptions that a request is made of.
pub(crate) fn exceptions(record: &BreakGlassRecord, until_ms: u64) -> Vec<ExceptionOptions> {
    let request = &record.request;
    let exception = |rule: &String| ExceptionOptions {
        expires_ms: until_ms,
        id: format!("{BREAK_GLASS_PREFIX}{}", record.id),
        owner: request.by.to_string(),
        reason: request.why.clone(),
        rule: rule.clone(),
        scope: request.scope.clone(),
    };
    request.rules.iter().map(exception).collect()
}

/// Break-glass as one gateway knows it.
pub(crate) struct Follower {
    changes: u64,
    known: BTreeMap<String, BreakGlassRecord>,
    open: BTreeSet<String>,
    requests: BreakGlassRequests,
    /// The rules, and what is let go of them, as they were last looked at.
    ruled: Arc<Ruled>,
    rules: Arc<ArcSwap<Ruled>>,
}

/// The rules that hold, and what is let go of them. A reload replaces both together.
pub(crate) struct Ruled {
    pub(crate) engine: Arc<Engine>,
    pub(crate) glass: BreakGlass,
}

impl Ruled {
    /// These rules, of which nothing is let go.
    pub(crate) fn beginning(engine: &Arc<Engine>) -> Arc<ArcSwap<Self>> {
        let (engine, glass) = (Arc::clone(engine), BreakGlass::default());
        Arc::new(ArcSwap::from_pointee(Self { engine, glass }))
    }
}

impl Follower {
    /// Ends what a gateway before has begun.
    pub(crate) async fn start(
        requests: BreakGlassRequests,
        rules: Arc<ArcSwap<Ruled>>,
        journal: &Journal,
    ) -> Result<Self, BreakGlassError> {
        let (known, open) = (BTreeMap::new(), BTreeSet::new());
        let ruled = rules.load_full();
        let mut follower = Self { changes: 0, known, open, requests, ruled, rules };
        for record in follower.requests.list().await? {
            let id = record.id.clone();
            let record = match &record.state {
                BreakGlassState::Begun { .. } => {
                    follower.ended(&record, "restart", journal).await?
                }
                _ => record,
            };
            follower.known.insert(id, record);
        }
        Ok(follower)
    }

    /// Follows changes until the gateway stops.
    pub(crate) async fn follow(mut self, journal: Journal, shutdown: Shutdown) {
        let mut was_failing = false;
        loop {
            let is_last = tokio::select! {
                () = tokio::time::sleep(PAUSE) => false,
                () = shutdown.begun() => true,
            };
            match self.refresh(&journal, is_last).await {
                Ok(()) => was_failing = false,
                Err(error) if was_failing => {
                    tracing::debug!(%error, "break-glass still cannot be followed");
                }
                Err(error) => {
                    was_failing = true;
                    tracing::error!(%error, "break-glass cannot be followed: none begins, all end in time");
                }
            }
            if is_last {
                return;
            }
        }
    }

    async fn refresh(&mut self, journal: &Journal, is_last: bool) -> Result<(), BreakGlassError> {
        let ruled = self.rules.load_full();
        let is_reloaded = !Arc::ptr_eq(&ruled, &self.ruled);
        self.ruled = ruled;
        let changes = self.requests.store().changes().await?;
        if changes != self.changes {
            let found = self.requests.list().await?;
            self.changes = changes;
            let found: BTreeMap<_, _> =
                found.into_iter().map(|one| (one.id.clone(), one)).collect();
            for (id, record) in &found {
                for body in noticed(self.known.get(id), record) {
                    append(journal, body);
                }
            }
            self.known = found;
        }
        let is_begun =
            |record: &BreakGlassRecord| matches!(record.state, BreakGlassState::Begun { .. });
        self.open.retain(|id| {
            let stays = self.known.get(id).is_some_and(is_begun);
            if !stays {
                self.ruled.glass.end(id);
            }
            stays
        });
        for record in self.known.values().cloned().collect::<Vec<_>>() {
            // What waits for its beginning waits for the next gateway.
            let is_approved = matches!(record.state, BreakGlassState::Approved { .. });
            if !(is_last && is_approved) {
                self.go_on(record, is_reloaded, journal).await?;
            }
        }
        Ok(())
    }

    /// What is due.
    async fn go_on(
        &mut self,
        record: BreakGlassRecord,
        is_reloaded: bool,
        journal: &Journal,
    ) -> Result<(), BreakGlassError> {
        let now_ms = now_ms();
        let waited_too_long = |since_ms: u64| {
            now_ms.checked_sub(since_ms).is_none_or(|waited| waited > APPROVAL_MS_MAX)
        };
        let ends = match &record.state {
            BreakGlassState::Requested => waited_too_long(record.asked_ms).then_some("lapsed"),
            BreakGlassState::Approved { at_ms, .. } if waited_too_long(*at_ms) => Some("lapsed"),
            BreakGlassState::Approved { by, .. } => {
                return self.begin(&record, *by, now_ms, journal).await;
            }
            BreakGlassState::Begun { .. } => {
                let holds = self.ruled.glass.holds(&record.id, Instant::now(), now_ms);
                (!holds).then_some(if is_reloaded { "reload" } else { "expiry" })
            }
            BreakGlassState::Ended { .. } => None,
        };
        if let Some(by) = ends {
            self.ruled.glass.end(&record.id);
            self.open.remove(&record.id);
            let ended = self.ended(&record, by, journal).await?;
            self.known.insert(ended.id.clone(), ended);
        }
        Ok(())
    }

    async fn begin(
        &mut self,
        record: &BreakGlassRecord,
        by: events::KeyId,
        now_ms: u64,
        journal: &Journal,
    ) -> Result<(), BreakGlassError> {
        let time_ms = record.request.time_ms.min(BREAK_GLASS_MS_MAX);
        let options = exceptions(record, now_ms.saturating_add(time_ms));
        let suspensions = match self.ruled.engine.suspensions(&options) {
            Ok(suspensions) => suspensions,
            Err(error) => {
                tracing::error!(%error, id = record.id, "break-glass cannot begin");
                let ended = self.ended(record, "policy", journal).await?;
                self.known.insert(ended.id.clone(), ended);
                return Ok(());
            }
        };
        let began = Instant::now();
        let state = BreakGlassState::Begun { at_ms: now_ms, by };
        // Stored first: what others made of it meanwhile has not begun, and must not be on record as begun.
        let begun = self.requests.put(record.clone(), state, now_ms).await?;
        let body = administration(&by.to_string(), "begin", record, Some(words(record)));
        if !append(journal, body) {
            let ended = self.ended(&begun, "record", journal).await?;
            self.known.insert(ended.id.clone(), ended);
            return Ok(());
        }
        tracing::warn!(id = record.id, "break-glass: rules are let go");
        let time = Duration::from_millis(time_ms);
        self.ruled.glass.begin(&record.id, suspensions, time, (began, now_ms));
        self.open.insert(begun.id.clone());
        self.known.insert(begun.id.clone(), begun);
        Ok(())
    }

    /// It is over, and that is on record.
    async fn ended(
        &self,
        record: &BreakGlassRecord,
        by: &str,
        journal: &Journal,
    ) -> Result<BreakGlassRecord, BreakGlassError> {
        let ended = self.requests.end(&record.id, by, now_ms()).await?;
        tracing::warn!(id = record.id, by, "break-glass is over");
        append(journal, administration(by, "end", record, None));
        Ok(ended)
    }
}

/// Whether it is on record.
fn append(journal: &Journal, body: EventBody) -> bool {
    match journal.append(&Event::new(now_ms(), body)) {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(%error, "a change of break-glass could not be recorded");
            false
        }
    }
}

#[cfg(test)]
#[path = "break_glass_changes_tests.rs"]
mod tests;
