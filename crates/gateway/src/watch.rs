//! What baselines and reports need of every interaction: noted as it opens, is sent on and ends, without ever making it wait.
//!
//! INVARIANT: an interaction that ends is handed on or counted as lost; nothing here blocks. INVARIANT: bounded: [`WAITING_MAX`] interactions on their way, and the
//! owners of the last [`crate::owners::INTERACTIONS_MAX`].
//!
//! Not here: what is ordinary (`hunt`), the task that finds out (`watch_task`), reports (`report`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use events::{Ending, InteractionClosed, InteractionOpened, Principal, TokenUsage};
use hunt::{Observation, Outcome, Print, SeriesName};
use tokio::sync::mpsc;

use crate::{exchange::now_ms, owners::Owners};

/// Interactions that have ended and wait to be compared; about two megabytes.
const WAITING_MAX: usize = 8_192;

/// One that has ended.
pub(crate) type Ended = (Arc<SeriesName>, Observation);

/// Where interactions are noted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Watch {
    ended: mpsc::Sender<Ended>,
    pub(crate) lost: Arc<AtomicU64>,
    pub(crate) owners: Arc<Owners>,
}

/// What an open record says that is wanted again when the interaction ends.
pub(crate) struct Watched {
    name: Arc<SeriesName>,
    is_streamed: bool,
}

impl Watched {
    /// An interaction begins, of whom baselines count as `counted`.
    pub(crate) fn of(opened: &InteractionOpened, counted: &Principal) -> Self {
        let principal = key_holder(counted);
        let upstream = opened.upstream.clone().unwrap_or_default();
        // Without an upstream the model is any word that a caller thought of.
        let model = opened.model.clone().filter(|_| !upstream.is_empty()).unwrap_or_default();
        let name = Arc::new(SeriesName { principal, model, upstream });
        Self { name, is_streamed: opened.streamed }
    }
}

impl Watch {
    /// The place to note interactions, and where they come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ended>) {
        let (ended, waiting) = mpsc::channel(WAITING_MAX);
        (Self { ended, lost: Arc::default(), owners: Arc::default() }, waiting)
    }

    /// It has ended, and has used so many tokens.
    pub(crate) fn closed(
        &self,
        one: Watched,
        closed: &InteractionClosed,
        tokens: TokenUsage,
        print: Option<Print>,
    ) {
        let seen = Observation {
            time_ms: now_ms(),
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            duration_us: closed.duration_us,
            first_byte_us: closed.first_byte_us.filter(|_| one.is_streamed),
            outcome: outcome(closed),
            print,
        };
        if self.ended.try_send((one.name, seen)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The principal without what it says about its own end user.
pub(crate) fn key_holder(principal: &Principal) -> Principal {
    Principal { end_user: None, ..principal.clone() }
}

fn outcome(closed: &InteractionClosed) -> Outcome {
    let declines =
        || closed.findings.iter().any(|one| one.finding.kind.as_str() == "output.refusal");
    match closed.ending {
        Ending::Answered if declines() => Outcome::Declined,
        Ending::Answered => Outcome::Answered,
        // What cannot be read is refused too, and probing begins with it.
        Ending::Blocked | Ending::Refused | Ending::Malformed => Outcome::Blocked,
        Ending::InternalError | Ending::UpstreamFailed => Outcome::Failed,
        Ending::ClientLeft => Outcome::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_count_who_is_counted_and_not_who_it_says_it_is() {
        let (watch, mut waiting) = Watch::new();
        let named = |name: &str| Principal {
            application: Some(name.to_owned()),
            end_user: Some("u".to_owned()),
            ..Principal::default()
        };
        let interaction = events::InteractionId::new(1, 1);
        let opened = InteractionOpened {
            principal: named("invented"),
            ..crate::exchange::opening(interaction, String::new(), "messages")
        };
        let watched = Watched::of(&opened, &named("strangers"));
        watch.closed(watched, &crate::exchange::closing(interaction), TokenUsage::default(), None);
        let (name, _) = waiting.try_recv().expect("handed on");
        assert_eq!(name.principal, key_holder(&named("strangers")));
    }

    #[test]
    fn what_nobody_takes_is_counted_and_nothing_waits() {
        let (watch, waiting) = Watch::new();
        let one = || Watched { name: Arc::default(), is_streamed: false };
        let closed = crate::exchange::closing(events::InteractionId::new(1, 1));
        for _ in 0..WAITING_MAX + 5 {
            watch.closed(one(), &closed, TokenUsage::default(), None);
        }
        assert_eq!((watch.lost.load(Ordering::Relaxed), waiting.len()), (5, WAITING_MAX));
    }
}
