//! Limits that several gateways count together: who is asked, and what follows while nobody answers.
//!
//! A request is examined until its limits are known, and its examination ends, as a refusal, with something to ask
//! ([`Allowance`]); the store is asked; and it is examined again, with what the store said. What the store lets in is
//! counted by this process too, on top of what the store knows all gateways to have used: so a process that goes on
//! without the store ([`OnAway::Local`]) goes on from there.
//!
//! INVARIANT: a request whose limits were not asked is refused, so that forgetting to ask lets nothing through.
//!
//! Not here: what is counted in one process (`quota`), the store and its leases (`connect`).

use connect::{Maxima, SharedAmount, SharedCounter, SharedLimits, SharedUse, Verdict};
use events::{Event, EventBody, NodeNotice};
use journal::Journal;
use net::{Shutdown, Tasks};
use store::Quota;

use crate::counter::{Amount, MICROUSD_NANO, QuotaRefusal, Window};
use crate::exchange::now_ms;
use crate::quota::{Ask, Claim, CounterId, Quotas, Reservation};
use crate::refusal::Refusal;

/// What follows when the store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAway {
    /// Each gateway counts for itself, and tells the store afterwards.
    Local,
    /// Requests that a limit counts are refused.
    #[default]
    Refuse,
}

/// Where gateways count together.
#[derive(Clone, Debug)]
pub struct SharedQuota {
    /// The store.
    pub limits: SharedLimits,
    /// What follows when it does not answer.
    pub on_away: OnAway,
}

/// How far a request has got with its limits.
#[derive(Debug, Default)]
pub(crate) enum Allowance {
    /// They are not known yet.
    #[default]
    Unknown,
    /// They are shared, and have to be asked.
    ToAsk(Claim),
    /// They do not let it in.
    Refused(QuotaRefusal),
    /// They let it in. Nothing, if none counts it.
    Held(Option<Reservation>),
}

impl Allowance {
    /// Lets a request in, or ends its examination with a refusal, which is one for now if the limits have to be asked.
    pub(crate) fn claim(&mut self, quotas: &Quotas, ask: &Ask<'_>) -> Result<(), Refusal> {
        if let Self::Unknown = self {
            *self = match quotas.claim(ask)? {
                None => Self::Held(None),
                Some(claim) if quotas.settings.shared.is_some() => Self::ToAsk(claim),
                Some(claim) => Self::Held(Some(quotas.admit(claim, now_ms())?)),
            };
        }
        match self {
            Self::Held(_) => Ok(()),
            Self::Refused(refusal) => Err(refusal.clone().into()),
            Self::Unknown | Self::ToAsk(_) => {
                Err(Refusal::internal("limits_unavailable", "the shared limits were not asked"))
            }
        }
    }

    /// Asks, if there is something to ask. Whether there was.
    pub(crate) async fn ask(&mut self, quotas: &Quotas) -> bool {
        let Self::ToAsk(_) = self else { return false };
        if let Self::ToAsk(claim) = std::mem::take(self) {
            *self = match quotas.ask(claim).await {
                Ok(reservation) => Self::Held(Some(reservation)),
                Err(refusal) => Self::Refused(refusal),
            };
        }
        true
    }

    /// What is held.
    pub(crate) fn take(&mut self) -> Option<Reservation> {
        match std::mem::take(self) {
            Self::Held(reservation) => reservation,
            Self::Unknown | Self::ToAsk(_) | Self::Refused(_) => None,
        }
    }
}

impl Quotas {
    /// Lets a request in, or says which limit does not.
    pub(crate) async fn ask(&self, claim: Claim) -> Result<Reservation, QuotaRefusal> {
        let Some(SharedQuota { limits, on_away }) = &self.settings.shared else {
            return self.admit(claim, now_ms());
        };
        let counters: Vec<SharedCounter> = claim.counters.iter().map(counter).collect();
        match limits.reserve(&counters, amount(claim.reserved)).await {
            Verdict::Admitted(lease, used) => {
                let used: Vec<_> = used.into_iter().map(windows).collect();
                let mut reservation = self.follow(claim, &used, now_ms())?;
                reservation.holds(lease);
                Ok(reservation)
            }
            Verdict::Refused { counter, maximum, after_ms } => {
                let limit = claim.counters.get(counter).map(|(id, _)| id.name().to_owned());
                Err(QuotaRefusal::of(limit.unwrap_or_default(), maximum, after_ms))
            }
            Verdict::Away => match on_away {
                OnAway::Refuse => {
                    limits.decided_alone("refused");
                    Err(QuotaRefusal::Away)
                }
                OnAway::Local => {
                    limits.decided_alone("local");
                    let mut reservation = self.admit(claim, now_ms())?;
                    reservation.holds(limits.on_its_own(&counters));
                    Ok(reservation)
                }
            },
        }
    }

    /// Tells the store, if there is one, what was used without being asked for.
    pub(crate) fn tell(&self, claim: &Claim, used: Amount) {
        if let Some(SharedQuota { limits, .. }) = &self.settings.shared {
            let counters: Vec<SharedCounter> = claim.counters.iter().map(counter).collect();
            limits.on_its_own(&counters).used(amount(used));
        }
    }

    /// Keeps the shared limits in order until the gateway stops, if nobody does yet, and puts on record when their store
    /// goes away and comes back, as long as this configuration holds.
    pub(crate) fn keep_shared(
        &self,
        journal: &Journal,
        tasks: &Tasks,
        (shutdown, generation): (&Shutdown, &Shutdown),
    ) {
        let Some(SharedQuota { limits, on_away }) = &self.settings.shared else { return };
        tasks.spawn(limits.clone().run(shutdown.clone()));
        tasks.spawn(note_changes(limits.clone(), *on_away, journal.clone(), generation.clone()));
    }

    /// What is measured of shared limits.
    pub(crate) fn shared_snapshot(&self) -> Vec<telemetry::FamilySnapshot> {
        self.settings.shared.as_ref().map(|shared| shared.limits.snapshot()).unwrap_or_default()
    }
}

async fn note_changes(limits: SharedLimits, on_away: OnAway, journal: Journal, shutdown: Shutdown) {
    let mut away = limits.away();
    loop {
        tokio::select! {
            changed = away.changed() => if changed.is_err() { return },
            () = shutdown.begun() => return,
        }
        let (state, detail) = match (*away.borrow_and_update(), on_away) {
            (false, _) => ("recovered", "the store of shared limits answers again"),
            (true, OnAway::Local) => {
                ("degraded", "the store of shared limits is away: this gateway counts for itself")
            }
            (true, OnAway::Refuse) => {
                ("degraded", "the store of shared limits is away: what limits count is refused")
            }
        };
        let notice = NodeNotice { detail: detail.to_owned(), state: state.to_owned() };
        let noted = journal.append_later(&Event::new(now_ms(), EventBody::Node(notice)));
        if let Err(error) = noted {
            tracing::error!(%error, "that the store of shared limits came or went is not on record");
        }
    }
}

/// An amount as the store counts it.
pub(crate) const fn amount(amount: Amount) -> SharedAmount {
    SharedAmount { tokens: amount.tokens, nanousd: amount.nanousd }
}

fn windows(used: SharedUse) -> (Window, Window) {
    let window = |(number, used): (u64, SharedAmount)| {
        Window::of(number, Amount { tokens: used.tokens, nanousd: used.nanousd })
    };
    (window(used.day), window(used.month))
}

fn counter((id, quota): &(CounterId, Quota)) -> SharedCounter {
    let CounterId { limit, subject } = id.clone();
    SharedCounter { limit, subject, maxima: maxima(quota) }
}

fn maxima(quota: &Quota) -> Maxima {
    let nanousd = |max: Option<u64>| max.map(|max| max.saturating_mul(MICROUSD_NANO));
    [
        quota.concurrent_max,
        quota.requests_per_minute,
        quota.tokens_per_minute,
        quota.tokens_per_day,
        quota.tokens_per_month,
        nanousd(quota.microusd_per_day),
        nanousd(quota.microusd_per_month),
    ]
}

#[cfg(test)]
#[path = "shared_quota_tests.rs"]
mod tests;
