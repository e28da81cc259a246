//! Limits and budgets: requests, tokens, money and requests under way, by key, team, model and so on.
//!
//! What a request may cost at most is reserved in every limit that counts it before anything is inspected or sent, and
//! settled with what it did cost when it ends, however it ends. Minutes slide (a bucket that fills evenly); days and months
//! are those of the calendar in UTC.
//!
//! INVARIANT: a request is let in by all its limits or counted by none. INVARIANT: what was used and what is reserved are
//! together never above a budget when a request is let in; only an answer that is longer than it was said to be can go
//! beyond, and then it is counted. INVARIANT: who takes nothing of a limit is not refused by it. INVARIANT: bounded:
//! [`SUBJECTS_MAX`] counters; if all of them are in use, requests that need another are refused, and no others.
//!
//! Not here: counters shared by several gateways (`shared_quota`); the counters' file (`bartizan`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connect::Lease;
use events::{Principal, TokenUsage};
use policy::NamePattern;
use serde::{Deserialize, Serialize};
use store::Quota;

use crate::begun::{Batches, Counted, Estimate, Known};
use crate::counter::{Amount, Counter, QuotaRefusal, Window, cost, month};
use crate::exchange::now_ms;
use crate::shared_quota::{self, SharedQuota};
use crate::tally::TOKEN_BYTES;

/// Counters in use at a time, some 300 bytes each.
pub const SUBJECTS_MAX: usize = 200_000;
/// Time between two searches for counters at rest, in milliseconds.
const SWEEP_PAUSE_MS: u64 = 1_000;
/// What refusals call the limit of a key's own quota.
const OF_KEY: &str = "of this key";

/// What a limit counts separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Each virtual key.
    Key,
    /// Each application.
    Application,
    /// Each team.
    Team,
    /// Each tenant.
    Tenant,
    /// Each model asked for.
    Model,
    /// Each route.
    Route,
    /// Everything together.
    All,
}

/// A limit of the configuration.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// What refusals call it.
    pub name: String,
    /// What it counts separately. What has no such name (a key without a team) is counted together.
    pub per: Per,
    /// Models that it counts.
    pub models: Vec<NamePattern>,
    /// How much.
    pub quota: Quota,
}

/// What tokens of a model cost, in thousand-millionths of a US dollar each.
#[derive(Clone, Debug)]
pub struct Price {
    /// The models.
    pub models: Vec<NamePattern>,
    /// A token of a request.
    pub input_nanousd: u64,
    /// A token of an answer.
    pub output_nanousd: u64,
}

/// All limits.
#[derive(Clone, Debug)]
pub struct QuotaSettings {
    /// Tokens that each answer is taken to have at most if its request does not say how many.
    pub assumed_output_tokens: u64,
    /// The limits besides those of keys.
    pub limits: Vec<LimitSettings>,
    /// The first that fits counts.
    pub prices: Vec<Price>,
    /// Where gateways count together; without it, each for itself.
    pub shared: Option<SharedQuota>,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        let (limits, prices) = (Vec::new(), Vec::new());
        Self { assumed_output_tokens: 1_024, limits, prices, shared: None }
    }
}

/// What a request uses besides its place among the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uses {
    /// Nothing: no model works for it.
    Nothing,
    /// Tokens of the request; of an answer, if the upstream counts any.
    Input,
    /// Tokens of the request, and of an answer of text.
    InputAndOutput,
}

/// A request that asks to be let in.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) principal: &'a Principal,
    /// The quota of the caller's key.
    pub(crate) of_key: &'a Quota,
    pub(crate) model: &'a str,
    pub(crate) route: &'a str,
    pub(crate) request_bytes: u64,
    /// What it uses, where that is not what its own bytes and the upstream's count say.
    pub(crate) tokens: Option<TokenUsage>,
    /// How many answers it asks for.
    pub(crate) answers: u64,
    /// The most tokens of each.
    pub(crate) output_tokens_max: u64,
    pub(crate) uses: Uses,
}

/// The limits, and every counter. Cheap to clone; clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    counters: Arc<Counters>,
    pub(crate) settings: Arc<QuotaSettings>,
}

#[derive(Debug, Default)]
struct Counters {
    batches: Mutex<Batches>,
    map: Mutex<HashMap<CounterId, Counter>>,
    /// When counters at rest were searched for, in milliseconds since 1970.
    swept_ms: AtomicU64,
}

/// Which limit, and whose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CounterId {
    /// The name of a limit of the configuration; nothing for a key's own quota.
    pub(crate) limit: Option<String>,
    pub(crate) subject: String,
}

impl CounterId {
    /// What refusals call the limit.
    pub(crate) fn name(&self) -> &str {
        self.limit.as_deref().unwrap_or(OF_KEY)
    }
}

/// What a request wants of its limits.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) counters: Vec<(CounterId, Quota)>,
    price: (u64, u64),
    tokens: Option<TokenUsage>,
    pub(crate) reserved: Amount,
    uses: Uses,
}

/// What a request holds until it ends.
#[derive(Debug)]
pub(crate) struct Reservation {
    /// The batch that was begun with it, and what that may use.
    batch: Option<Box<(String, Estimate)>>,
    claim: Claim,
    counters: Arc<Counters>,
    /// What it holds of limits that are shared.
    lease: Option<Lease>,
    used: Amount,
}

impl Reservation {
    /// The request was sent and may have been answered in full, though nobody knows: what was reserved is used.
    pub(crate) fn used_up(&mut self) {
        if !matches!(self.claim.uses, Uses::Nothing) {
            self.used = self.claim.reserved;
            if let Some(lease) = &mut self.lease {
                lease.used(shared_quota::amount(self.used));
            }
        }
    }

    /// The request was sent, and has used so many tokens with its answer.
    pub(crate) fn used(&mut self, tokens: TokenUsage) {
        if !matches!(self.claim.uses, Uses::Nothing) {
            let TokenUsage { input, output } = self.claim.tokens.unwrap_or(tokens);
            self.used = cost(input, output, self.claim.price);
            if let Some(lease) = &mut self.lease {
                lease.used(shared_quota::amount(self.used));
            }
        }
    }

    /// A batch was begun with it.
    pub(crate) fn begins_batch(&mut self, batch: String, estimate: Estimate) {
        self.batch = Some(Box::new((batch, estimate)));
    }

    /// It is counted together with other gateways.
    pub(crate) fn holds(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let at_ms = now_ms();
        let mut counters = self.counters.map();
        for (id, quota) in &self.claim.counters {
            if let Some(counter) = counters.get_mut(id) {
                counter.settle(quota, self.claim.reserved, self.used, at_ms);
            }
        }
        drop(counters);
        // What is counted elsewhere too, is not corrected here alone.
        if let Some(begun) = self.batch.take().filter(|_| self.lease.is_none()) {
            let (batch, estimate) = *begun;
            let counters = self.claim.counters.iter().map(|(id, _)| id.clone()).collect();
            let (owed, price) = (self.used, self.claim.price);
            let counted = Counted { at_ms, counters, estimate, output: None, owed, price };
            self.counters.batches().add(batch, counted);
        }
    }
}

/// What was used in the running day and month, for a file that outlives the process.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaSnapshot {
    counters: Vec<SavedCounter>,
}

/// One counter. The limit goes by its name, since the configuration may change in between.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedCounter {
    /// Nothing for a key's own quota.
    limit: Option<String>,
    subject: String,
    day: Window,
    month: Window,
}

impl Quotas {
    /// Counters at rest.
    pub fn new(settings: QuotaSettings) -> Self {
        Self { settings: Arc::new(settings), ..Self::default() }
    }

    /// Other limits over the same counters: those of limits that keep their name go on, and so do shared ones that stay as
    /// they are.
    #[must_use]
    pub fn with(&self, mut settings: QuotaSettings) -> Self {
        if let (Some(new), Some(before)) = (&mut settings.shared, &self.settings.shared) {
            new.limits = new.limits.clone().after(&before.limits);
        }
        Self { counters: Arc::clone(&self.counters), settings: Arc::new(settings) }
    }

    /// What a request wants of its limits; nothing, if none counts it.
    pub(crate) fn claim(&self, ask: &Ask<'_>) -> Result<Option<Claim>, QuotaRefusal> {
        let counters = self.limits_of(ask);
        if counters.is_empty() {
            return Ok(None);
        }
        let price = self.price_of(ask.model);
        if let (None, Some((id, _))) =
            (price, counters.iter().find(|(_, quota)| quota.limits_money()))
            && ask.uses != Uses::Nothing
        {
            return Err(QuotaRefusal::NoPrice { limit: id.name().to_owned() });
        }
        let price = price.unwrap_or_default();
        let input_tokens = ask.request_bytes.div_ceil(TOKEN_BYTES);
        let output_tokens = ask.output_tokens_max.saturating_mul(ask.answers);
        let reserved = match ask.uses {
            Uses::Nothing => Amount::default(),
            Uses::Input => cost(input_tokens, 0, price),
            Uses::InputAndOutput => cost(input_tokens, output_tokens, price),
        };
        let Ask { tokens, uses, .. } = *ask;
        Ok(Some(Claim { counters, price, tokens, reserved, uses }))
    }

    /// Lets a request in by the counters of this process, or says which limit does not.
    pub(crate) fn admit(&self, claim: Claim, now_ms: u64) -> Result<Reservation, QuotaRefusal> {
        let mut counters = self.counters.map();
        for (id, quota) in &claim.counters {
            let counter = counters.get(id).copied().unwrap_or_default();
            counter.admits(id.name(), quota, claim.reserved, now_ms)?;
        }
        self.hold(&mut counters, claim, now_ms)
    }

    /// Counts a request that was let in by counters elsewhere, of which this is known: what was used of each, in its day and
    /// month.
    pub(crate) fn follow(
        &self,
        claim: Claim,
        used: &[(Window, Window)],
        now_ms: u64,
    ) -> Result<Reservation, QuotaRefusal> {
        let mut counters = self.counters.map();
        let reservation = self.hold(&mut counters, claim, now_ms)?;
        for ((id, _), (day, month)) in reservation.claim.counters.iter().zip(used) {
            if let Some(counter) = counters.get_mut(id) {
                (counter.day, counter.month) = (*day, *month);
            }
        }
        Ok(reservation)
    }

    /// Counts what was used without being asked for, which is no request, and is known only when it was used. An error, if a limit
    /// would not have let it in: it is counted all the same.
    pub(crate) fn charge(&self, ask: &Ask<'_>, used: TokenUsage) -> Result<(), QuotaRefusal> {
        let Some(claim) = self.claim(ask)? else { return Ok(()) };
        let (used, now_ms) = (cost(used.input, used.output, claim.price), now_ms());
        let mut counters = self.counters.map();
        let mut charged = Ok(());
        for (id, quota) in &claim.counters {
            let is_full = counters.len() >= SUBJECTS_MAX && !counters.contains_key(id);
            if is_full {
                self.counters.sweep(&mut counters, now_ms);
            }
            if is_full && counters.len() >= SUBJECTS_MAX {
                charged = Err(QuotaRefusal::Full);
                continue;
            }
            let counter = counters.entry(id.clone()).or_default();
            let admitted = counter.charge(id.name(), quota, used, now_ms);
            charged = charged.and(admitted);
        }
        drop(counters);
        self.tell(&claim, used);
        charged
    }

    fn hold(
        &self,
        counters: &mut HashMap<CounterId, Counter>,
        claim: Claim,
        now_ms: u64,
    ) -> Result<Reservation, QuotaRefusal> {
        let new = claim.counters.iter().filter(|(id, _)| !counters.contains_key(id)).count();
        if new > 0 && counters.len() + new > SUBJECTS_MAX {
            self.counters.sweep(counters, now_ms);
            if counters.len() + new > SUBJECTS_MAX {
                return Err(QuotaRefusal::Full);
            }
        }
        for (id, quota) in &claim.counters {
            let counter = counters.entry(id.clone()).or_default();
            counter.reserve(quota, claim.reserved, now_ms);
        }
        let (counters, used) = (Arc::clone(&self.counters), Amount::default());
        Ok(Reservation { batch: None, claim, counters, lease: None, used })
    }

    /// The batches that were counted here.
    pub(crate) fn batches(&self) -> MutexGuard<'_, Batches> {
        self.counters.batches()
    }

    /// A batch owes what is known of it, if it was counted here.
    pub(crate) fn correct(&self, batch: &str, known: Known) {
        let Some((counted, right)) = self.batches().corrected(batch, known) else {
            return;
        };
        let mut counters = self.counters.map();
        for id in &counted.counters {
            if let Some(counter) = counters.get_mut(id) {
                counter.correct(counted.at_ms, counted.owed, right);
            }
        }
    }

    /// The limits that count a request, and how much they allow.
    fn limits_of(&self, ask: &Ask<'_>) -> Vec<(CounterId, Quota)> {
        let mut limits = Vec::new();
        if !ask.of_key.is_unlimited() {
            let id = CounterId { limit: None, subject: subject(Per::Key, ask) };
            limits.push((id, ask.of_key.clone()));
        }
        for limit in &self.settings.limits {
            if limit.models.iter().any(|pattern| pattern.means(ask.model)) {
                let subject = subject(limit.per, ask);
                limits.push((
                    CounterId { limit: Some(limit.name.clone()), subject },
                    limit.quota.clone(),
                ));
            }
        }
        limits
    }

    /// The models that have a price.
    pub(crate) fn priced(&self) -> impl Iterator<Item = &NamePattern> {
        self.settings.prices.iter().flat_map(|price| &price.models)
    }

    /// What an answer of a model cost, in thousand-millionths of a US dollar, if the model has a price.
    pub(crate) fn cost_of(&self, model: &str, usage: TokenUsage) -> Option<u64> {
        Some(cost(usage.input, usage.output, self.price_of(model)?).nanousd)
    }

    fn price_of(&self, model: &str) -> Option<(u64, u64)> {
        let fits = |price: &&Price| price.models.iter().any(|pattern| pattern.means(model));
        let price = self.settings.prices.iter().find(fits)?;
        Some((price.input_nanousd, price.output_nanousd))
    }

    /// What is worth keeping.
    pub fn snapshot(&self) -> QuotaSnapshot {
        let this_month = month(now_ms());
        let mut counters: Vec<SavedCounter> = self
            .counters
            .map()
            .iter()
            .filter(|(_, counter)| counter.month.used_in(this_month) != Amount::default())
            .map(|(id, counter)| {
                let CounterId { limit, subject } = id.clone();
                SavedCounter { limit, subject, day: counter.day, month: counter.month }
            })
            .collect();
        counters.sort_by(|a, b| (&a.limit, &a.subject).cmp(&(&b.limit, &b.subject)));
        QuotaSnapshot { counters }
    }

    /// Goes on from what was kept. Limits that are no longer there are forgotten.
    pub fn restore(&self, snapshot: QuotaSnapshot) {
        let mut counters = self.counters.map();
        for saved in snapshot.counters.into_iter().take(SUBJECTS_MAX) {
            let is_known = |name: &String| self.settings.limits.iter().any(|it| it.name == *name);
            if saved.limit.as_ref().is_none_or(is_known) {
                let id = CounterId { limit: saved.limit, subject: saved.subject };
                let counter = Counter { day: saved.day, month: saved.month, ..Counter::default() };
                counters.insert(id, counter);
            }
        }
    }
}

impl Counters {
    fn map(&self) -> MutexGuard<'_, HashMap<CounterId, Counter>> {
        // Every change is made whole.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batches(&self) -> MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets counters at rest, unless that was just done.
    fn sweep(&self, counters: &mut HashMap<CounterId, Counter>, now_ms: u64) {
        // Only who holds the counters comes here.
        if now_ms.abs_diff(self.swept_ms.load(Ordering::Relaxed)) < SWEEP_PAUSE_MS {
            return;
        }
        counters.retain(|_, counter| !counter.is_at_rest(now_ms));
        self.swept_ms.store(now_ms, Ordering::Relaxed);
    }
}

fn subject(per: Per, ask: &Ask<'_>) -> String {
    let principal = ask.principal;
    let name = match per {
        Per::Key => match &principal.key {
            Some(key) => return key.to_string(),
            None => match (&principal.issuer, &principal.user) {
                (Some(issuer), Some(user)) => return format!("{issuer}: {user}"),
                // Callers with keys of their own provider account are told apart by its hash.
                _ => principal.application.as_deref(),
            },
        },
        Per::Application => principal.application.as_deref(),
        Per::Team => principal.team.as_deref(),
        Per::Tenant => principal.tenant.as_deref(),
        Per::Model => Some(ask.model),
        Per::Route => Some(ask.route),
        Per::All => None,
    };
    name.unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
