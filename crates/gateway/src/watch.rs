//! What baselines, campaigns and reports need of every interaction: noted as it opens, is sent on and ends, without ever making it wait.
//!
//! INVARIANT: an interaction that ends is handed on or counted as lost; nothing here blocks. INVARIANT: bounded: [`WAITING_MAX`] interactions on their way, and the
//! owners of the last [`crate::owners::INTERACTIONS_MAX`].
//!
//! Not here: what is ordinary (`hunt`), the task that finds out (`watch_task`), reports (`report`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use events::{Ending, InteractionClosed, InteractionOpened, Principal, TokenUsage};
use hunt::{Observation, Outcome, Print, SeriesName, Sighting, Sketch};
use telemetry::{Counted, Span};
use tokio::sync::mpsc;

use crate::{
    exchange::now_ms,
    metrics::{Labels, MetricNames, Metrics},
    owners::Owners,
    quota::Quotas,
    refusal::ISOLATED,
    settings::Settings,
    sighting,
    spans::{self, Spans},
};

/// Interactions that have ended and wait to be compared; about six megabytes.
const WAITING_MAX: usize = 8_192;

/// One that has ended.
pub(crate) struct Ended {
    pub(crate) name: Arc<SeriesName>,
    pub(crate) seen: Observation,
    pub(crate) sighting: Box<Sighting>,
}

/// Where interactions are noted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Watch {
    ended: mpsc::Sender<Ended>,
    pub(crate) lost: Arc<AtomicU64>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) owners: Arc<Owners>,
    /// Where spans go, if anywhere.
    spans: Option<Spans>,
}

/// What a configuration says of upstreams and models.
pub(crate) struct WatchNames {
    metrics: MetricNames,
    spans: spans::Servers,
}

/// What an open record says that is wanted again when the interaction ends.
pub(crate) struct Watched {
    name: Arc<SeriesName>,
    is_streamed: bool,
    labels: Labels,
    /// It is under way until this is dropped.
    _open: Counted,
    sighting: Box<Sighting>,
    span: Option<Span>,
}

/// What was observed of an interaction besides its record: where its time went, and nothing where it never was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// With us, on its way to the upstream.
    pub(crate) request: Option<Duration>,
    /// With us, on its way back.
    pub(crate) answer: Option<Duration>,
    /// From being sent on to its end.
    pub(crate) upstream: Option<Duration>,
    /// From being sent on to the first piece of its answer.
    pub(crate) first_chunk: Option<Duration>,
    /// The model that answered, as the upstream calls it.
    pub(crate) answered_by: Option<String>,
    /// Whether it is owed: it was sent on, and not refused by the upstream.
    pub(crate) is_owed: bool,
    /// What it used, as limits count it.
    pub(crate) tokens: TokenUsage,
}

impl Watch {
    /// The place to note interactions, and where they come out.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        spans: Option<Spans>,
    ) -> (Self, mpsc::Receiver<Ended>) {
        let (ended, waiting) = mpsc::channel(WAITING_MAX);
        (Self { ended, lost: Arc::default(), metrics, owners: Arc::default(), spans }, waiting)
    }

    /// What another configuration says of upstreams and models.
    pub(crate) fn names(&self, settings: &Settings, quotas: &Quotas) -> WatchNames {
        WatchNames {
            metrics: self.metrics.names(settings, quotas.clone()),
            spans: spans::servers(&settings.upstreams),
        }
    }

    /// The configuration is another from now on.
    pub(crate) fn change(&self, names: WatchNames) {
        self.metrics.change(names.metrics);
        if let Some(spans) = &self.spans {
            spans.change(names.spans);
        }
    }

    /// An interaction begins, of whom baselines count as `counted`; with a span, if its trace is sampled.
    pub(crate) fn opened(
        &self,
        opened: &InteractionOpened,
        counted: &Principal,
        is_sampled: bool,
    ) -> Watched {
        let spans = self.spans.as_ref().filter(|_| is_sampled);
        let principal = key_holder(counted);
        let upstream = opened.upstream.clone().unwrap_or_default();
        // Without an upstream the model is any word that a caller thought of.
        let model = opened.model.clone().filter(|_| !upstream.is_empty()).unwrap_or_default();
        Watched {
            name: Arc::new(SeriesName { principal, model, upstream }),
            is_streamed: opened.streamed,
            labels: self.metrics.opened(opened),
            _open: self.metrics.open.hold(),
            sighting: Box::new(sighting::began(opened)),
            span: spans.and_then(|spans| spans.begin(opened)),
        }
    }

    /// It has ended.
    pub(crate) fn closed(
        &self,
        one: Watched,
        closed: &InteractionClosed,
        said: Option<(Print, Sketch)>,
        observed: &Observed,
    ) {
        self.metrics.closed(&one.labels, closed, observed);
        if let (Some(spans), Some(span)) = (&self.spans, one.span)
            && !spans.end(
                span,
                closed,
                observed,
                &self.metrics.naming(&one.labels, closed, observed),
            )
        {
            self.metrics.spans_lost(1);
        }
        let (tokens, time_ms) = (observed.tokens, now_ms());
        let (print, sketch) = said.unzip();
        let seen = Observation {
            time_ms,
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            duration_us: closed.duration_us,
            first_byte_us: closed.first_byte_us.filter(|_| one.is_streamed),
            outcome: outcome(closed),
            print,
        };
        let (mut sighting, name) = (one.sighting, one.name);
        sighting::ended(&mut sighting, closed, sketch, time_ms);
        if self.ended.try_send(Ended { name, seen, sighting }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            self.metrics.watch_lost();
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
    // What operators cut off says nothing about who asked.
    if closed.reason.as_deref() == Some(ISOLATED) {
        return Outcome::Other;
    }
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
        let (watch, mut waiting) = Watch::new(Arc::new(crate::metrics::at_rest()), None);
        let named = |name: &str| Principal {
            application: Some(name.to_owned()),
            end_user: Some("u".to_owned()),
            ..Principal::default()
        };
        let interaction = events::InteractionId::new(1, 1);
        let opened = InteractionOpened {
            principal: named("invented"),
            ..crate::blank::opening(interaction, String::new(), "messages")
        };
        let watched = watch.opened(&opened, &named("strangers"), false);
        let closed = crate::blank::closing(interaction);
        watch.closed(watched, &closed, None, &Observed::default());
        let ended = waiting.try_recv().expect("handed on");
        assert_eq!(ended.name.principal, key_holder(&named("strangers")));
    }

    #[test]
    fn what_nobody_takes_is_counted_and_nothing_waits() {
        let (watch, waiting) = Watch::new(Arc::new(crate::metrics::at_rest()), None);
        let closed = crate::blank::closing(events::InteractionId::new(1, 1));
        let opened = crate::blank::opening(closed.interaction, String::new(), "models");
        let one = || watch.opened(&opened, &opened.principal, false);
        for _ in 0..WAITING_MAX + 5 {
            watch.closed(one(), &closed, None, &Observed::default());
        }
        assert_eq!((watch.lost.load(Ordering::Relaxed), waiting.len()), (5, WAITING_MAX));
    }

    #[test]
    fn spans_that_find_no_room_are_counted_and_nobody_waits() {
        let metrics = Arc::new(crate::metrics::at_rest());
        let (spans, queue) = Spans::new(&[]);
        let (watch, _ended) = Watch::new(Arc::clone(&metrics), Some(spans));
        let closed = crate::blank::closing(events::InteractionId::new(1, 1));
        let place = crate::trace::Place::of(&http::HeaderMap::new(), closed.interaction);
        let opened = InteractionOpened {
            trace: Some(place.record()),
            ..crate::blank::opening(closed.interaction, String::new(), "models")
        };
        for _ in 0..spans::WAITING_MAX + 5 {
            let one = watch.opened(&opened, &opened.principal, true);
            watch.closed(one, &closed, None, &Observed::default());
        }
        assert_eq!(queue.len(), spans::WAITING_MAX);
        let families = metrics.snapshot();
        let lost = families.iter().find(|family| family.about.name == "bartizan.spans.lost");
        let point = lost.map(|family| family.series[0].point.clone());
        assert_eq!(point, Some(telemetry::Point::Number(5)));
    }
}
