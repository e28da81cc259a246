//! Interactions as spans of their traces, for a collector.
//!
//! INVARIANT: an interaction whose span finds no room in the queue is counted as lost and waits for nothing.
//! INVARIANT: a span holds names, counts, times and decisions, never content.
//!
//! Not here: how spans are written (`telemetry`), the collector (`collector`).

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use events::{Ending, InteractionClosed, InteractionOpened};
use telemetry::{Attribute, Span, names};
use tokio::sync::mpsc;

use crate::settings::UpstreamOptions;
use crate::watch::Observed;

/// Spans that wait to be sent; about four megabytes.
pub(crate) const WAITING_MAX: usize = 4_096;
/// Microseconds in a millisecond.
const MILLISECOND_US: u64 = 1_000;

/// Where spans go.
#[derive(Clone)]
pub(crate) struct Spans {
    sender: mpsc::Sender<Span>,
    servers: Arc<ArcSwap<Servers>>,
}

/// Host and port of each upstream.
pub(crate) type Servers = HashMap<String, (String, u16)>;

/// What an interaction is called where only few names may be.
pub(crate) struct Naming<'a> {
    pub(crate) decision: &'static str,
    pub(crate) model: &'a str,
    pub(crate) operation: Option<&'static str>,
    pub(crate) provider: Option<&'static str>,
}

impl Spans {
    /// The queue's two ends.
    pub(crate) fn new(upstreams: &[UpstreamOptions]) -> (Self, mpsc::Receiver<Span>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self { sender, servers: Arc::new(ArcSwap::from_pointee(servers(upstreams))) }, receiver)
    }

    /// The upstreams are others from now on.
    pub(crate) fn change(&self, servers: Servers) {
        self.servers.store(Arc::new(servers));
    }

    /// What is known as an interaction begins; nothing, if it is in no trace.
    pub(crate) fn begin(&self, opened: &InteractionOpened) -> Option<Span> {
        let trace = opened.trace?;
        let started_us = opened.interaction.time_ms() * MILLISECOND_US;
        let mut attributes = Vec::with_capacity(24);
        let mut text =
            |name, value: &str| attributes.push((name, Attribute::Text(value.to_owned())));
        text("bartizan.interaction", &opened.interaction.to_string());
        text("bartizan.dialect", &opened.dialect);
        text("bartizan.operation", &opened.operation);
        if let Some(conversation) = opened.conversation {
            text(names::CONVERSATION_ID, &conversation.to_string());
        }
        if let Some(route) = &opened.route {
            text("bartizan.route", route);
        }
        if let (Some(model), Some(_)) = (&opened.model, &opened.upstream) {
            text(names::REQUEST_MODEL, model);
        }
        let servers = self.servers.load();
        let server = opened.upstream.as_ref().and_then(|name| servers.get(name));
        if let Some((host, port)) = server {
            text(names::SERVER_ADDRESS, host);
            attributes.push((names::SERVER_PORT, Attribute::Whole(u64::from(*port))));
        }
        if opened.streamed {
            attributes.push((names::REQUEST_STREAM, Attribute::Is(true)));
        }
        let counts = [
            ("bartizan.request.findings", opened.findings.len()),
            ("bartizan.request.unscanned", opened.unscanned.len()),
            ("bartizan.request.masked", opened.masked as usize),
        ];
        attributes.extend(counts.map(|(name, count)| (name, Attribute::Whole(count as u64))));
        Some(Span {
            attributes,
            ended_us: started_us,
            is_client: false,
            is_error: false,
            name: String::new(),
            parent: trace.parent,
            span: trace.span,
            started_us,
            trace: trace.trace,
        })
    }

    /// An interaction has ended. Whether its span was handed on.
    pub(crate) fn end(
        &self,
        mut span: Span,
        closed: &InteractionClosed,
        observed: &Observed,
        naming: &Naming<'_>,
    ) -> bool {
        let operation = naming.operation.unwrap_or("request");
        span.name = match naming.model {
            "" => operation.to_owned(),
            model => format!("{operation} {model}"),
        };
        span.ended_us = span.started_us + closed.duration_us;
        span.is_client = observed.upstream.is_some();
        span.is_error = !matches!(closed.ending, Ending::Answered | Ending::ClientLeft);
        let mut add = |name, value| span.attributes.push((name, value));
        let texts = [
            (names::OPERATION_NAME, naming.operation),
            (names::PROVIDER_NAME, naming.provider),
            (names::RESPONSE_MODEL, observed.answered_by.as_deref()),
            (names::ERROR_TYPE, error_type(closed)),
            ("bartizan.decision", Some(naming.decision)),
            ("bartizan.ending", Some(closed.ending.as_str())),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                add(name, Attribute::Text(value.to_owned()));
            }
        }
        if let Some(usage) = closed.usage {
            add(names::INPUT_TOKENS, Attribute::Whole(usage.input));
            add(names::OUTPUT_TOKENS, Attribute::Whole(usage.output));
        }
        if let Some(first) = observed.first_chunk {
            add(names::RESPONSE_FIRST_CHUNK, Attribute::Real(first.as_secs_f64()));
        }
        let counts = [
            ("http.response.status_code", u64::from(closed.status)),
            ("bartizan.answer.findings", closed.findings.len() as u64),
            ("bartizan.answer.unscanned", closed.unscanned.len() as u64),
            ("bartizan.answer.masked", u64::from(closed.masked)),
            ("bartizan.answer.restored", u64::from(closed.restored)),
        ];
        for (name, count) in counts {
            add(name, Attribute::Whole(count));
        }
        self.sender.try_send(span).is_ok()
    }
}

/// Where upstreams are.
pub(crate) fn servers(upstreams: &[UpstreamOptions]) -> Servers {
    let server = |one: &UpstreamOptions| {
        let base = one.settings.base_url.parse::<http::Uri>().ok()?;
        let port = if base.scheme_str() == Some("https") { 443 } else { 80 };
        let server = (base.host()?.to_owned(), base.port_u16().unwrap_or(port));
        Some((one.settings.name.clone(), server))
    };
    upstreams.iter().filter_map(server).collect()
}

/// What went wrong with what was asked of an upstream, as a stable code; nothing, if nothing did.
pub(crate) fn error_type(closed: &InteractionClosed) -> Option<&str> {
    (closed.ending != Ending::Answered).then(|| closed.reason.as_deref().unwrap_or("_OTHER"))
}
