//! Where a request stands in a distributed trace (W3C trace context), and what the upstream is told of it.
//!
//! A trace that begins here has the interaction's own 128 bits as its id, and the span its last 64, so that
//! one can be looked up by the other; 80 of them are random.
//!
//! INVARIANT: what is not exactly of the recommendation's form is as if it had not been sent. INVARIANT: what
//! is sent on says that we are the parent.
//!
//! Not here: the form itself (`telemetry`).

use events::{InteractionId, SpanId, Trace, TraceId};
use http::{HeaderMap, HeaderName, HeaderValue};
use telemetry::{TraceParent, trace_parent, trace_state};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// A request's place in a trace.
#[derive(Debug)]
pub(crate) struct Place {
    /// What the upstream is told.
    next: TraceParent,
    record: Trace,
    state: Option<String>,
}

impl Place {
    /// Reads what the caller says.
    pub(crate) fn of(headers: &HeaderMap, interaction: InteractionId) -> Self {
        let bytes = interaction.to_bytes();
        let span = SpanId::of_random(*bytes.last_chunk().unwrap_or(&[1; 8]));
        let mut given = headers.get_all(PARENT).into_iter();
        let parent = match (given.next(), given.next()) {
            (Some(one), None) => one.to_str().ok().and_then(trace_parent),
            _ => None,
        };
        let Some(parent) = parent else {
            let trace = TraceId::of_random(bytes);
            let record = Trace { parent: None, span, trace };
            return Self { next: TraceParent::begun(trace, span), record, state: None };
        };
        let states: Result<Vec<&str>, _> =
            headers.get_all(STATE).into_iter().map(HeaderValue::to_str).collect();
        Self {
            next: TraceParent { parent: span, ..parent },
            record: Trace { parent: Some(parent.parent), span, trace: parent.trace },
            state: states.ok().and_then(trace_state),
        }
    }

    /// What is on record.
    pub(crate) const fn record(&self) -> Trace {
        self.record
    }

    /// Whether spans of the trace are collected.
    pub(crate) const fn is_sampled(&self) -> bool {
        self.next.is_sampled()
    }

    /// Tells the upstream.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        let state = self.state.as_deref().map(|state| (STATE, HeaderValue::from_str(state)));
        let parent = (PARENT, HeaderValue::from_str(&self.next.to_header()));
        for (name, value) in [Some(parent), state].into_iter().flatten() {
            if let Ok(value) = value {
                headers.insert(name, value);
            }
        }
    }
}
