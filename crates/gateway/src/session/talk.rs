//! What is said in a session: events of the client judged like requests, events of the server guarded like answers.
//!
//! Each event of the client that says something has a record of its own, written before it is sent on; that of one that asks
//! for a response stays open until the response has ended, and what is told of it belongs to it. A response that the
//! server begins by itself, because it heard somebody speak, gets a record when it begins.
//!
//! INVARIANT: one task reads both sides in turn and waits for each write, so that whoever does not read slows the other
//! down, and nothing is queued. INVARIANT: an event that is refused is not sent on, and the session goes on; an answer that is
//! stopped ends it. INVARIANT: however the session ends, its records are closed with the reason.
//!
//! Not here: how a session is opened (`session`), how texts are told (`telling`).

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
};

use events::{ConversationId, Ending};
use http::{StatusCode, request::Parts};
use net::{ConnectionHold, Socket, SocketError, SocketMessage, UpstreamSocket};
use policy::Judgement;
use telemetry::Counted;
use tokio::time::Instant;
use wire::{Document, ErrorShape, Operation};

use super::{DIALECT, Within, items::Items, memory::Memory, telling::Telling};
use crate::{
    answer::AnswerGuard,
    exchange::{Early, Exchange},
    isolation::named,
    judge::Subject,
    refusal::Refusal,
    request::Prepared,
    service::{Journey, Service},
    target::Target,
    vault::Vault,
    ways_in::Shown,
};

/// Responses of one session that were asked for and have not ended.
pub(super) const RESPONSES_MAX: usize = 32;

/// Everything went as it should (RFC 6455, section 7.4.1, as all of these).
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const UNSUPPORTED: u16 = 1003;
pub(super) const POLICY: u16 = 1008;
pub(super) const FAILED: u16 = 1011;

/// Where a session is, and whose.
pub(super) struct Place {
    pub(super) certificate: Option<Arc<[u8]>>,
    pub(super) client_address: Option<IpAddr>,
    pub(super) conversation: ConversationId,
    /// Of the handshake, with its key.
    pub(super) head: Parts,
    pub(super) hold: ConnectionHold,
    pub(super) model: String,
    pub(super) target: Arc<Target>,
}

/// An open session.
pub(super) struct Session {
    pub(super) client: Socket,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(super) items: Items,
    /// With which the session was let in.
    judgement: Judgement,
    pub(super) memory: Memory,
    _open: Counted,
    /// What is said beside responses.
    pub(super) own: Telling,
    /// Responses that were asked for and have not begun.
    pub(super) pending: VecDeque<(Exchange, Arc<Subject>)>,
    pub(super) place: Place,
    /// Responses that have begun, by their ids.
    pub(super) responses: BTreeMap<String, Telling>,
    pub(super) service: Service,
    /// Whether policy has let sound in.
    is_heard: bool,
    tainted: bool,
    upstream: UpstreamSocket,
    pub(super) vault: Arc<Vault>,
}

/// Why a session ends.
pub(super) struct Leave {
    pub(super) code: u16,
    pub(super) ending: Ending,
    pub(super) reason: Cow<'static, str>,
}

impl Leave {
    pub(super) const fn new(code: u16, ending: Ending, reason: &'static str) -> Self {
        Self { code, ending, reason: Cow::Borrowed(reason) }
    }

    pub(super) const fn client(error: SocketError) -> Self {
        let ending = match error {
            SocketError::Broken | SocketError::Slow => Ending::ClientLeft,
            _ => Ending::Malformed,
        };
        Self::new(error.close_code(), ending, error.code())
    }

    const fn upstream(error: SocketError) -> Self {
        Self::new(FAILED, Ending::UpstreamFailed, error.code())
    }
}

/// What comes next in a session.
enum Next {
    Client(Result<SocketMessage, SocketError>),
    Upstream(Result<SocketMessage, SocketError>),
    Leave(Leave, Option<Refusal>),
    ShuttingDown,
}

impl Session {
    pub(super) fn new(
        service: Service,
        place: Place,
        prepared: Prepared,
        exchange: Exchange,
        (client, upstream): (Socket, UpstreamSocket),
    ) -> Self {
        let shared = &service.0;
        let Prepared { judgement, mut subject, vault, .. } = prepared;
        if subject.upstream != place.target.name() {
            place.target.name().clone_into(&mut Arc::make_mut(&mut subject).upstream);
        }
        let model = named(Operation::Realtime, &place.model);
        let cut = Box::pin(shared.isolation.cut(place.target.name(), model));
        let open = shared.watch.metrics.streams.hold();
        let memory = Memory::default();
        let own = telling(&service, exchange, &subject, &vault, &memory);
        Self {
            client,
            cut,
            items: Items::default(),
            judgement,
            memory,
            _open: open,
            own,
            pending: VecDeque::new(),
            place,
            responses: BTreeMap::new(),
            service,
            is_heard: false,
            tainted: false,
            upstream,
            vault,
        }
    }

    /// Speaks until somebody has had enough.
    pub(super) async fn run(mut self) {
        let Leave { code, ending, reason } = self.talk().await;
        // The records are closed before the connection is: who waits for its end finds them.
        let is_well = ending == Ending::Answered;
        let (rest, why) =
            if is_well { (Ending::UpstreamFailed, "session_ended") } else { (ending, &*reason) };
        for (mut exchange, _) in std::mem::take(&mut self.pending) {
            exchange.end(rest, Some(why));
        }
        for (_, mut telling) in std::mem::take(&mut self.responses) {
            telling.end(rest, Some(why));
        }
        self.own.end(ending, (!is_well).then_some(&*reason));
        self.upstream.close(NORMAL).await;
        self.client.close(code).await;
        drop(self.place.hold);
    }

    async fn talk(&mut self) -> Leave {
        let limits = &self.service.0.limits;
        let (idle, whole) = (limits.session_idle_time_max, limits.session_time_max);
        let (ends_at, mut last, mut is_ending) = (Instant::now() + whole, Instant::now(), false);
        loop {
            if is_ending && self.responses.is_empty() && self.pending.is_empty() {
                return Leave::new(GOING_AWAY, Ending::InternalError, "shutdown");
            }
            let next = self.next(ends_at.min(last + idle), ends_at, is_ending).await;
            // A ping says nothing.
            let is_ping = matches!(
                next,
                Next::Client(Ok(SocketMessage::Alive)) | Next::Upstream(Ok(SocketMessage::Alive))
            );
            if !is_ping {
                last = Instant::now();
            }
            let done = match next {
                Next::Client(Ok(message)) => self.client_said(message).await,
                Next::Client(Err(error)) => Err(Leave::client(error)),
                Next::Upstream(Ok(message)) => self.upstream_said(message).await,
                Next::Upstream(Err(error)) => Err(Leave::upstream(error)),
                Next::ShuttingDown => {
                    is_ending = true;
                    Ok(())
                }
                Next::Leave(leave, refusal) => {
                    if let Some(refusal) = refusal {
                        let _gone = self.tell_error(&refusal, None, None).await.is_err();
                    }
                    Err(leave)
                }
            };
            if let Err(leave) = done {
                return leave;
            }
        }
    }

    /// Waits for whatever comes first.
    async fn next(&mut self, until: Instant, ends_at: Instant, is_ending: bool) -> Next {
        tokio::select! {
            () = &mut self.cut => {
                let refusal = Refusal::isolated();
                Next::Leave(Leave::new(POLICY, Ending::Refused, "isolated"), Some(refusal))
            }
            () = self.service.0.shutdown.begun(), if !is_ending => Next::ShuttingDown,
            () = tokio::time::sleep_until(until) => {
                let reason = if until == ends_at { "session_time_max" } else { "session_idle" };
                let refusal = Refusal::request(
                    StatusCode::BAD_REQUEST,
                    reason,
                    "the session has lasted, or was silent, as long as it may; open another",
                );
                Next::Leave(Leave::new(GOING_AWAY, Ending::Answered, reason), Some(refusal))
            }
            said = self.client.receive() => Next::Client(said),
            said = self.upstream.receive() => Next::Upstream(said),
        }
    }

    async fn client_said(&mut self, message: SocketMessage) -> Result<(), Leave> {
        match message {
            SocketMessage::Text(text) => self.client_event(text).await,
            SocketMessage::Alive => Ok(()),
            SocketMessage::Binary => {
                Err(Leave::new(UNSUPPORTED, Ending::Malformed, "binary_message"))
            }
            SocketMessage::Closed(_) => {
                let is_well = self.responses.is_empty() && self.pending.is_empty();
                let ending = if is_well { Ending::Answered } else { Ending::ClientLeft };
                Err(Leave::new(NORMAL, ending, "client_left"))
            }
        }
    }

    /// An event of the client: what says nothing is sent on as the session was let in, all else is judged for itself.
    async fn client_event(&mut self, text: String) -> Result<(), Leave> {
        let shared = Arc::clone(&self.service.0);
        let (unknown, limits) = (shared.unknown_fields, &shared.read_limits);
        let read = wire::read_request(Operation::Realtime, text.as_bytes(), unknown, limits);
        let (event, id) = match &read {
            Ok(document) => {
                let own = |fact: &Option<Cow<'_, str>>| fact.as_deref().map(str::to_owned);
                (own(&document.facts.event).unwrap_or_default(), own(&document.facts.id))
            }
            Err(_) => (String::new(), None),
        };
        let is_sound = event == "input_audio_buffer.append";
        if let Some(document) = read.as_ref().ok().filter(|_| is_sound) {
            self.own.exchange.unscanned(&document.unscanned());
        }
        if read.as_ref().is_ok_and(|document| says_nothing(&event, document, self.is_heard)) {
            drop(read);
            return self.send(text).await;
        }
        drop(read);
        let asks = event == "response.create";
        let (journey, judged) = self.judge(text.clone().into_bytes(), asks).await?;
        match judged {
            Ok(prepared) => {
                self.is_heard |= is_sound;
                self.send_on(journey, prepared, &text, asks).await
            }
            Err(refusal) => self.refuse(journey, &refusal, id.as_deref()).await,
        }
    }

    /// Judges an event, or a response that the server begins by itself, for which there is none.
    pub(super) async fn judge(
        &mut self,
        event: Vec<u8>,
        is_counted: bool,
    ) -> Result<(Journey, Result<Prepared, Refusal>), Leave> {
        let operation = Operation::Realtime;
        let shown = Shown::of(self.place.certificate.as_deref());
        let mut early = Early::of_nobody(self.place.client_address, DIALECT, operation.as_str());
        early.credentials = shown.credentials();
        let begun = self.service.begin(Instant::now().into_std(), early, &self.place.head);
        let mut journey = begun.map_err(|refusal| Leave {
            code: FAILED,
            ending: refusal.ending,
            reason: refusal.code,
        })?;
        let is_asked = !event.is_empty();
        journey.received.operation = operation;
        journey.received.body = event.into();
        journey.received.opened.streamed = true;
        journey.received.within = Some(Box::new(Within {
            conversation: self.place.conversation,
            is_counted,
            model: self.place.model.clone(),
            tainted: self.tainted,
            upstream: Some(self.place.target.name().to_owned()),
            vault: Arc::clone(&self.vault),
        }));
        if let Err(refusal) = self.service.admit(&mut journey, &self.place.head, &shown).await {
            return Ok((journey, Err(refusal)));
        }
        if is_counted && is_asked && self.pending.len() + self.responses.len() >= RESPONSES_MAX {
            return Ok((journey, Err(too_many_responses())));
        }
        let bodies = &self.service.0.bodies;
        let length = journey.received.body.len();
        if let Err(error) = bodies.cover(&mut journey.received.share, length) {
            return Ok((journey, Err(error.into())));
        }
        Ok(Box::pin(self.service.judged(journey)).await)
    }

    /// Sends an event on that was judged and whose record is open.
    async fn send_on(
        &mut self,
        journey: Journey,
        prepared: Prepared,
        text: &str,
        asks: bool,
    ) -> Result<(), Leave> {
        let Journey { mut exchange, .. } = journey;
        let Prepared { body, judgement, subject, vault, .. } = prepared;
        let Ok(event) = judgement.clear(String::from_utf8_lossy(&body).into_owned()) else {
            return Err(Leave::new(POLICY, Ending::Refused, "not_cleared"));
        };
        self.learn(text, &subject, vault);
        exchange.status(StatusCode::OK.as_u16());
        exchange.is_sent();
        exchange.attempts(self.place.target.name());
        if let Err(error) = self.upstream.send(event).await {
            exchange.attempted(error.code().to_owned(), true);
            exchange.end(Ending::UpstreamFailed, Some(error.code()));
            return Err(Leave::upstream(error));
        }
        exchange.attempted("sent".to_owned(), true);
        if asks {
            self.pending.push_back((exchange, subject));
            return Ok(());
        }
        exchange.synced().await.map_err(|error| unrecorded(&error))?;
        exchange.end(Ending::Answered, None);
        Ok(())
    }

    /// Takes over what an event that is sent on says and means for what follows.
    fn learn(&mut self, text: &str, subject: &Subject, vault: Arc<Vault>) {
        let shared = &self.service.0;
        self.tainted |= subject.tainted;
        self.vault = vault;
        if let Some(guard) = self.own.guard() {
            guard.knows(&self.vault);
        }
        let (unknown, limits) = (shared.unknown_fields, &shared.read_limits);
        let read = wire::read_request(Operation::Realtime, text.as_bytes(), unknown, limits);
        if let Ok(document) = read {
            self.memory.add(&document);
        }
    }

    /// Tells the client why its event is not sent on. Who is no longer let in leaves.
    pub(super) async fn refuse(
        &mut self,
        mut journey: Journey,
        refusal: &Refusal,
        event: Option<&str>,
    ) -> Result<(), Leave> {
        let message = error_message(refusal, event, &journey.exchange);
        let recorded = journey.refused(refusal, message.as_bytes()).await;
        recorded.map_err(|error| unrecorded(&error))?;
        self.client.send(message).await.map_err(Leave::client)?;
        if refusal.status == StatusCode::UNAUTHORIZED {
            let reason = refusal.code.clone();
            return Err(Leave { code: POLICY, ending: refusal.ending, reason });
        }
        Ok(())
    }

    /// Sends on what says nothing, as the session was let in.
    pub(super) async fn send(&mut self, text: String) -> Result<(), Leave> {
        let Ok(text) = self.judgement.clear(text) else {
            return Err(Leave::new(POLICY, Ending::Refused, "not_cleared"));
        };
        self.upstream.send(text).await.map_err(Leave::upstream)
    }

    pub(super) async fn tell_error(
        &mut self,
        refusal: &Refusal,
        event: Option<&str>,
        of: Option<&str>,
    ) -> Result<(), Leave> {
        let telling = of.and_then(|id| self.responses.get_mut(id)).unwrap_or(&mut self.own);
        let message = error_message(refusal, event, &telling.exchange);
        telling.exchange.sends(message.as_bytes());
        self.client.send(message).await.map_err(Leave::client)
    }
}

/// A record under which something is told.
pub(super) fn telling(
    service: &Service,
    exchange: Exchange,
    subject: &Arc<Subject>,
    vault: &Arc<Vault>,
    memory: &Memory,
) -> Telling {
    let shared = &service.0;
    let guard = (shared.judge.guards() || !vault.is_empty()).then(|| {
        let reference = Arc::new(shared.judge.reference_of(memory.said()));
        AnswerGuard::new(
            Arc::clone(&shared.judge),
            Arc::clone(subject),
            Arc::clone(vault),
            reference,
        )
    });
    let limits = (shared.read_limits, shared.limits.answer_bytes_max);
    Telling::new(exchange, guard, shared.judge.report(), shared.bodies.clone(), limits)
}

/// Whether an event has no text, and asks for nothing that is judged; sound was let in before, if `is_heard`.
fn says_nothing(event: &str, document: &Document<'_>, is_heard: bool) -> bool {
    !matches!(event, "session.update" | "transcription_session.update" | "response.create" | "")
        && document.fields.is_empty()
        && document.files.is_empty()
        && !document.has_unknown()
        // What no guard can read is for policy to let in. The first sound of a session stands for all that follows.
        && (is_heard && event == "input_audio_buffer.append" || document.unscanned().is_empty())
}

fn error_message(refusal: &Refusal, event: Option<&str>, exchange: &Exchange) -> String {
    let interaction = exchange.interaction().to_string();
    let shape = ErrorShape {
        code: &refusal.code,
        interaction: Some(&interaction),
        kind: refusal.kind,
        message: &refusal.message,
        param: refusal.param.as_deref(),
        status: 0,
    };
    wire::session_error(&shape, event)
}

fn too_many_responses() -> Refusal {
    Refusal {
        kind: "rate_limit_error",
        ..Refusal::request(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_responses",
            "too many responses are under way in this session; wait for one to end",
        )
    }
}

pub(super) fn unrecorded(error: &journal::JournalError) -> Leave {
    let refusal = Refusal::record(error);
    Leave { code: FAILED, ending: refusal.ending, reason: refusal.code }
}
