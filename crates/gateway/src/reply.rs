//! From the upstream's answer to what the client gets.
//!
//! INVARIANT: nothing of an answer leaves before the open record is synced. INVARIANT: an answer is
//! forwarded only if it was read, unless guards are off and nothing has to be restored. INVARIANT:
//! response headers are an allow-list.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use events::{Ending, Span};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::BodyExt;
use net::{AnswerBody, BesideVersion, Body, BodyReadError, BodyShare};
use wire::{AddressStyle, Document, Echoes, Edit, Framing, Operation, ReadError, UnknownFields};

use crate::{
    answer::{AnswerGuard, Passed, Verdict},
    asked::Asked,
    attempts::{self, Answer},
    batch_output::guard_lines,
    begun,
    echo::{self, EchoWatch},
    exchange::{Exchange, now_ms},
    external_answer::{AtEnd, ask_whole},
    handles::{self, Claims, Stored},
    isolation::named,
    judge::Subject,
    not_scanned,
    refusal::Refusal,
    request::{Prepared, Received},
    service::Shared,
    sigv4,
    speech::add_key,
    stream::{GuardedStream, StreamParts},
    target::Target,
    vault::Vault,
};

pub(crate) const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("bartizan/", env!("CARGO_PKG_VERSION")));
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const FRAMES: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// Answers are never refused for fields that the content map does not know: they are scanned in every
/// mode, since the provider and not the caller decides what is in an answer.
pub(crate) const ANSWER_UNKNOWN_FIELDS: UnknownFields = UnknownFields::Scan;

/// Upstream headers that clients use; everything else stays here.
const FORWARDED_HEADERS: [&str; 9] = [
    "openai-model",
    "openai-processing-ms",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-request-id",
    "x-should-retry",
];
const FORWARDED_HEADER_PREFIXES: [&str; 2] = ["anthropic-ratelimit-", "x-ratelimit-"];

/// The request to the upstream, built from nothing but what we mean to send.
pub(crate) fn outgoing(
    received: &Received,
    prepared: &Prepared,
    target: &Target,
) -> Result<Request<Bytes>, Refusal> {
    let Received { boundary, caller, operation, place, speech, .. } = received;
    let (below, is_beside) = below(received, target);
    let mut request = Request::new(prepared.body.clone());
    *request.method_mut() = operation
        .method()
        .parse()
        .map_err(|_| Refusal::internal("internal_request", "the request could not be built"))?;
    *request.uri_mut() = below
        .parse::<Uri>()
        .map_err(|_| Refusal::internal("internal_request", "the request could not be built"))?;
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, USER_AGENT);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if !prepared.body.is_empty() {
        headers.insert(header::CONTENT_TYPE, content_type(boundary.as_deref())?);
    }
    speech.add_to(headers);
    if let Some(place) = place {
        place.add_to(headers);
    }
    add_key(headers, operation.dialect(), caller.provider_key.as_ref(), target)?;
    if is_beside {
        request.extensions_mut().insert(BesideVersion);
    }
    if let Some(aws) = target.aws.as_ref().filter(|_| caller.provider_key.is_none()) {
        let place = (target.upstream.host(), target.upstream.path());
        sigv4::sign(&mut request, place, aws, now_ms() / 1000)?;
    }
    Ok(request)
}

/// The content type of what is sent on.
fn content_type(boundary: Option<&str>) -> Result<HeaderValue, Refusal> {
    let Some(boundary) = boundary else { return Ok(JSON) };
    HeaderValue::from_str(&wire::form_content_type(boundary))
        .map_err(|_| Refusal::internal("internal_request", "the request could not be built"))
}

/// Path and query at the upstream, and whether they stand beside the version of its base URL.
fn below(received: &Received, target: &Target) -> (String, bool) {
    let Received { path, speech, stored, within, .. } = received;
    if let Some(within) = within.as_ref().filter(|_| !target.kind.is_azure()) {
        return (format!("/realtime?model={}", within.model.replace('+', "%2B")), false);
    }
    let path = stored.as_ref().and_then(|stored| stored.path.as_ref()).unwrap_or(path);
    let address = wire::address(path);
    let below = address.path.strip_prefix("/v1");
    match (address.style, target.kind.is_azure()) {
        (AddressStyle::Azure, true) => {
            (speech.target(path.strip_prefix("/openai").unwrap_or(path)), true)
        }
        // The version of Azure's API says nothing to others.
        (AddressStyle::Azure | AddressStyle::AzureVersion1, false) => {
            (below.unwrap_or(&address.path).to_owned(), below.is_none())
        }
        (AddressStyle::Gemini | AddressStyle::Bedrock, _) => (speech.target(&address.path), false),
        _ => (speech.target(below.unwrap_or(&address.path)), below.is_none()),
    }
}

/// What the answer is made with.
pub(crate) struct Replying {
    /// Ready when what answers is isolated.
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Looks for the key that the upstream was asked with.
    echo: EchoWatch,
    pub(crate) exchange: Exchange,
    pub(crate) operation: Operation,
    pub(crate) reference: Arc<detect::Reference>,
    /// What is known of what it is about, if that is stored at the provider.
    stored: Option<Stored>,
    pub(crate) subject: Arc<Subject>,
    pub(crate) vault: Arc<Vault>,
}

/// Has the request answered and guards what comes back. The exchange comes back with a refusal.
pub(crate) async fn reply(
    shared: &Shared,
    received: &Received,
    prepared: Prepared,
    mut exchange: Exchange,
) -> Result<Response<Body>, (Exchange, Refusal)> {
    let Answer { response: answer, target } =
        match attempts::ask(&shared.isolation, received, &prepared, &mut exchange).await {
            Ok(answer) => answer,
            Err(refusal) => return Err((exchange, refusal)),
        };
    let operation = received.operation;
    let Prepared { reference, mut subject, vault, .. } = prepared;
    if subject.upstream != target.name() {
        target.name().clone_into(&mut Arc::make_mut(&mut subject).upstream);
    }
    if let Err(error) = exchange.synced().await {
        return Err((exchange, Refusal::record(&error)));
    }
    let model = named(operation, &subject.model);
    let cut = Box::pin(shared.isolation.cut(target.name(), model));
    let of_target = |stored: &Stored| {
        let claims = Claims { upstream: target.name().to_owned(), ..stored.claims.clone() };
        Stored { claims, ..stored.clone() }
    };
    let stored = received.stored.as_ref().map(of_target);
    let echo = EchoWatch::new(&target, received.caller.provider_key.is_some());
    let replying = Replying { cut, echo, exchange, operation, reference, stored, subject, vault };
    let (head, body) = answer.into_parts();
    match kind(operation.dialect().framing(), &head.headers, head.status) {
        Ok(Kind::Stream) if replying.subject.streamed => {
            Ok(stream(shared, replying, head.status, &head.headers, body))
        }
        Ok(Kind::Whole) => whole(shared, replying, head.status, &head.headers, body).await,
        Ok(Kind::Stream) => Err((
            replying.exchange,
            Refusal::upstream("upstream_garbage", "the upstream streamed although nobody asked"),
        )),
        Err(refusal) => Err((replying.exchange, refusal)),
    }
}

enum Kind {
    Stream,
    Whole,
}

/// What an answer is, by its head. Servers of Ollama's dialect send some errors that are one document as lines.
fn kind(framing: Framing, headers: &HeaderMap, status: StatusCode) -> Result<Kind, Refusal> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return Err(Refusal::upstream(
            "upstream_encoding",
            "the upstream compressed its answer although it was asked not to",
        ));
    }
    if status.is_redirection() || status.is_informational() {
        return Err(Refusal::upstream(
            "upstream_redirect",
            "the upstream redirected; redirects are not followed",
        ));
    }
    let streams = match framing {
        Framing::Events => "text/event-stream",
        Framing::Frames => "application/vnd.amazon.eventstream",
        Framing::Lines if !status.is_success() => return Ok(Kind::Whole),
        Framing::Lines => "application/x-ndjson",
    };
    let is_stream = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with(streams));
    Ok(if is_stream { Kind::Stream } else { Kind::Whole })
}

fn stream(
    shared: &Shared,
    replying: Replying,
    status: StatusCode,
    headers: &HeaderMap,
    upstream: AnswerBody,
) -> Response<Body> {
    let Replying { cut, echo, mut exchange, operation, reference, subject, vault, .. } = replying;
    exchange.status(status.as_u16());
    let guard = (shared.judge.guards() || !vault.is_empty())
        .then(|| AnswerGuard::new(Arc::clone(&shared.judge), subject, vault, reference))
        .map(|guard| guard.of_stream(operation));
    let mut response = Response::new(());
    *response.status_mut() = status;
    forward_headers(headers, response.headers_mut(), &echo);
    let content_type = match operation.dialect().framing() {
        Framing::Events => EVENT_STREAM,
        Framing::Frames => FRAMES,
        Framing::Lines => JSON_LINES,
    };
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    say_not_scanned(shared, &exchange, response.headers_mut());
    let parts = StreamParts {
        bodies: shared.bodies.clone(),
        cut,
        event_bytes_max: shared.limits.event_bytes_max,
        exchange,
        external: AtEnd::new(shared.external.clone(), shared.journal.clone(), shared.cpu.clone()),
        guard,
        guards: shared.judge.report(),
        idle_time_max: shared.limits.stream_idle_time_max,
        limits: shared.read_limits,
        open: shared.watch.metrics.streams.hold(),
        operation,
        unknown: ANSWER_UNKNOWN_FIELDS,
    };
    let body = GuardedStream::new(parts, echo, upstream);
    response.map(|()| body.boxed_unsync())
}

async fn whole(
    shared: &Shared,
    replying: Replying,
    status: StatusCode,
    headers: &HeaderMap,
    upstream: AnswerBody,
) -> Result<Response<Body>, (Exchange, Refusal)> {
    let mut share = BodyShare::default();
    let (bytes_max, time_max) = (shared.limits.answer_bytes_max, shared.limits.answer_time_max);
    let Replying { mut cut, mut echo, mut exchange, operation, reference, stored, subject, vault } =
        replying;
    let read = tokio::select! {
        read = net::read_bounded(upstream, bytes_max, time_max, &shared.bodies, &mut share) => read,
        () = &mut cut => return Err((exchange, Refusal::isolated())),
    };
    let body = match read {
        Ok(body) => body,
        Err(error) => return Err((exchange, cut_short(&error))),
    };
    if echo.sees(&body) {
        exchange.echoes(&echo);
        return Err((exchange, echo::refusal()));
    }
    let claims = stored.as_ref().map(|stored| &stored.claims);
    let asked = Asked::of(operation, claims, status, headers);
    let began = Instant::now();
    let is_passed = !shared.judge.guards() && vault.is_empty() && status.is_success();
    let guarded = if is_passed && stored.is_none() {
        exchange.guards(shared.judge.report());
        count_unguarded(shared, asked, &body, &mut exchange).await;
        Ok(body)
    } else {
        let mut guard = AnswerGuard::new(Arc::clone(&shared.judge), subject, vault, reference);
        let outside = tokio::select! {
            outside = ask_whole(shared, asked, &body, &mut guard, &mut exchange) => outside,
            () = &mut cut => Err(Refusal::isolated()),
        };
        let outside = match outside {
            Ok(reports) => reports,
            Err(refusal) => {
                count_unguarded(shared, asked, &body, &mut exchange).await;
                return Err((exchange, refusal));
            }
        };
        let about = (asked, stored.as_ref());
        let guard = || guard_whole(shared, about, (guard, outside), &body, status, &mut exchange);
        shared.cpu.inspect(body.len(), guard).await
    };
    exchange.inspected(began.elapsed());
    match guarded {
        Ok(bytes) => {
            let mut response = Response::new(());
            say_not_scanned(shared, &exchange, response.headers_mut());
            exchange.status(status.as_u16());
            exchange.sends(&bytes);
            if status.is_success() {
                exchange.end(Ending::Answered, None);
            } else {
                exchange.end(Ending::UpstreamFailed, Some("upstream_error"));
            }
            let mut response = response.map(|()| net::full_with(bytes, share));
            *response.status_mut() = status;
            forward_headers(headers, response.headers_mut(), &echo);
            response.headers_mut().insert(header::CONTENT_TYPE, asked.content_type(headers));
            Ok(response)
        }
        Err(refusal) => Err((exchange, refusal)),
    }
}

/// Counts a whole answer that no guard reads, or that was refused before one did. What cannot be read is not counted.
async fn count_unguarded(shared: &Shared, asked: Asked, body: &Bytes, exchange: &mut Exchange) {
    let count = || {
        if let Ok(document) = asked.read(body, &shared.read_limits) {
            exchange.counts(&document, |_| false);
        }
    };
    shared.cpu.inspect(body.len(), count).await;
}

/// Reads a whole answer, or an upstream's error, and edits it.
fn guard_whole(
    shared: &Shared,
    (asked, stored): (Asked, Option<&Stored>),
    (mut guard, outside): (AnswerGuard, Vec<events::GuardReport>),
    body: &Bytes,
    status: StatusCode,
    exchange: &mut Exchange,
) -> Result<Bytes, Refusal> {
    let mut document =
        asked.read(body, &shared.read_limits).map_err(|error| unreadable(status, &error))?;
    exchange.counts(&document, |_| false);
    exchange.answered_by(document.facts.model.as_deref());
    exchange.unscanned(&document.unscanned());
    exchange.guards([shared.judge.report(), outside].concat());
    guard.foresee_joined(&document);
    let edits = if asked.lines.is_some() {
        let interaction = exchange.interaction().to_string();
        let guarded = guard_lines(&mut guard, &mut document, &interaction);
        let (edits, verdict) = guarded.map_err(|verdict| stopped(exchange, verdict))?;
        exchange.verdict(verdict);
        edits
    } else {
        guard_fields(&mut guard, &document, exchange)?
    };
    if let Some(stored) = stored {
        begun::note(&shared.quotas, exchange, asked, stored, &document);
        let (key, principal) = (&shared.handle_key, guard.principal());
        handles::seal_all(key, principal, asked.operation, &stored.claims, &mut document)?;
    }
    if edits.is_empty() && !document.has_replacements() {
        return Ok(body.clone());
    }
    wire::splice(&document, &edits, Echoes::All).map(Bytes::from).map_err(|error| {
        tracing::error!(interaction = %exchange.interaction(), %error, "splice failed");
        Refusal::internal("internal_splice", "the answer could not be edited, so it is withheld")
    })
}

/// The edits of an answer that is one message.
fn guard_fields(
    guard: &mut AnswerGuard,
    document: &Document<'_>,
    exchange: &mut Exchange,
) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    for (index, field) in document.fields.iter().enumerate() {
        let Some(lane) = field.lane else { continue };
        match guard.push_last(lane, &document.path_of(field), &field.text) {
            Passed::Unchanged => {}
            Passed::Text(replacement) => {
                let span = Span::new(0, field.text.len());
                edits.push(Edit::verbatim(index, span, replacement));
            }
            Passed::Stopped(_) => {
                let verdict = std::mem::take(&mut guard.verdict);
                return Err(stopped(exchange, verdict));
            }
        }
    }
    exchange.verdict(std::mem::take(&mut guard.verdict));
    Ok(edits)
}

fn cut_short(error: &BodyReadError) -> Refusal {
    let message = format!("the upstream's answer could not be read: {error}");
    match error {
        BodyReadError::Broken => Refusal::upstream("upstream_reset", message),
        BodyReadError::Busy => Refusal::busy(),
        // Asking again would give the same answer.
        BodyReadError::TooLarge { .. } => Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Refusal::upstream("upstream_answer_too_large", message)
        },
        BodyReadError::TimedOut { .. } => Refusal {
            status: StatusCode::GATEWAY_TIMEOUT,
            ..Refusal::upstream("upstream_timeout", message)
        },
    }
}

fn stopped(exchange: &mut Exchange, verdict: Verdict) -> Refusal {
    if verdict.gave_up {
        exchange.verdict(verdict);
        return Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Refusal::upstream(
                "upstream_answer_too_large",
                "the upstream's answer is too large to be read, so it is withheld",
            )
        };
    }
    let code = verdict.decision.as_ref().and_then(|decision| decision.reason.clone());
    exchange.verdict(verdict);
    Refusal {
        ending: Ending::Blocked,
        ..Refusal::policy(
            code.unwrap_or(std::borrow::Cow::Borrowed("policy_block")),
            "the answer was withheld",
        )
    }
}

/// An answer that is not of the dialect. The status is kept when it already is an error, because
/// clients decide by it whether to try again.
fn unreadable(status: StatusCode, error: &ReadError) -> Refusal {
    let mut refusal = Refusal::upstream(
        if status.is_success() { "upstream_garbage" } else { "upstream_error" },
        format!("the upstream's answer could not be read: {error}"),
    );
    if !status.is_success() {
        refusal.status = status;
    }
    refusal
}

/// Says in an answer's head what no guard read, as far as it is known now.
fn say_not_scanned(shared: &Shared, exchange: &Exchange, headers: &mut HeaderMap) {
    let value = if shared.judge.guards() {
        HeaderValue::from_str(&exchange.not_scanned()).ok()
    } else {
        Some(HeaderValue::from_static(not_scanned::EVERYTHING))
    };
    if let Some(value) = value {
        headers.insert(not_scanned::HEADER, value);
    }
}

fn forward_headers(from: &HeaderMap, to: &mut HeaderMap, echo: &EchoWatch) {
    for (name, value) in from {
        let is_for_clients = FORWARDED_HEADERS.contains(&name.as_str())
            || FORWARDED_HEADER_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
        if is_for_clients && !echo.is_in(value) {
            to.insert(HeaderName::clone(name), value.clone());
        }
    }
}
