//! A session from its opening to its end: one task that reads both sides in turn.
//!
//! Each event of the client that says something has a record of its own, written before it is sent on; that of one that asks
//! for a response stays open until the response has ended, and what is told of it belongs to it. A response that the
//! server begins by itself, because it heard somebody speak, gets a record when it begins.
//!
//! INVARIANT: whoever does not read slows the other side down, and nothing is queued. INVARIANT: whoever is no longer let in leaves
//! within [`crate::Limits::session_check_pause`], whatever is said. INVARIANT: what the session holds counts in the
//! budget of all bodies. INVARIANT: however it ends, its records are closed with the reason.
//!
//! Not here: how a session is opened (`session`), what its client says (`say`) and its server (`hear`).

use std::{borrow::Cow, collections::BTreeMap, future::Future, net::IpAddr, pin::Pin, sync::Arc};

use detect::Reference;
use events::{ConversationId, Ending};
use http::{StatusCode, request::Parts};
use net::{
    BodyReadError, BodyShare, ConnectionHold, Socket, SocketError, SocketMessage, UpstreamSocket,
};
use policy::Judgement;
use telemetry::Counted;
use tokio::time::Instant;
use wire::{ErrorShape, Operation};

use super::{DIALECT, items::Items, memory::Memory, pending::Pending, telling::Telling};
use crate::{
    answer::AnswerGuard,
    exchange::Exchange,
    isolation::named,
    judge::Subject,
    refusal::Refusal,
    request::Prepared,
    service::Service,
    settings::Route,
    target::Target,
    vault::Vault,
    ways_in::{Caller, Shown},
};

/// Everything went as it should (RFC 6455, section 7.4.1, as all of these).
pub(super) const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
pub(super) const UNSUPPORTED: u16 = 1003;
pub(super) const POLICY: u16 = 1008;
pub(super) const FAILED: u16 = 1011;
const TRY_LATER: u16 = 1013;

/// Where a session is, and whose.
pub(super) struct Place {
    /// Whose it is, as it was when that was last asked.
    pub(super) caller: Caller,
    pub(super) certificate: Option<Arc<[u8]>>,
    pub(super) client_address: Option<IpAddr>,
    pub(super) conversation: ConversationId,
    /// Of the handshake, with its key.
    pub(super) head: Parts,
    pub(super) hold: ConnectionHold,
    pub(super) model: String,
    pub(super) route: Arc<Route>,
    pub(super) target: Arc<Target>,
}

/// An open session.
pub(super) struct Session {
    /// When it was last asked whether its caller is let in.
    checked: Instant,
    pub(super) client: Socket,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether policy has let sound in.
    pub(super) is_heard: bool,
    pub(super) items: Items,
    /// With which the session was let in.
    pub(super) judgement: Judgement,
    pub(super) memory: Memory,
    _open: Counted,
    /// What is said beside responses.
    pub(super) own: Telling,
    /// Responses that were asked for and have not begun.
    pub(super) pending: Pending<(Exchange, Arc<Subject>)>,
    pub(super) place: Place,
    /// What answers are compared with: made of the memory whenever that changes.
    pub(super) reference: Arc<Reference>,
    /// Responses that have begun, by their ids.
    pub(super) responses: BTreeMap<String, Telling>,
    pub(super) service: Service,
    /// What it takes of the memory for all bodies, beside messages and what is told.
    share: BodyShare,
    pub(super) tainted: bool,
    pub(super) upstream: UpstreamSocket,
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
            SocketError::Busy => Ending::InternalError,
            _ => Ending::Malformed,
        };
        Self::new(error.close_code(), ending, error.code())
    }

    pub(super) const fn upstream(error: SocketError) -> Self {
        match error {
            SocketError::Busy => Self::new(TRY_LATER, Ending::InternalError, error.code()),
            _ => Self::new(FAILED, Ending::UpstreamFailed, error.code()),
        }
    }

    /// Because of a refusal.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let reason = refusal.recorded.map_or_else(|| refusal.code.clone(), Cow::Borrowed);
        Self { code: POLICY, ending: refusal.ending, reason }
    }
}

/// What comes next in a session.
enum Next {
    Client(Result<SocketMessage, SocketError>),
    Upstream(Result<SocketMessage, SocketError>),
    Leave(Leave, Option<Refusal>),
    ShuttingDown,
    /// It is time to ask whether the caller is still let in.
    Check,
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
        let reference = Arc::default();
        let own = telling(&service, exchange, &subject, (&vault, &reference));
        Self {
            checked: Instant::now(),
            client,
            cut,
            is_heard: false,
            items: Items::default(),
            judgement,
            memory: Memory::default(),
            _open: open,
            own,
            pending: Pending::default(),
            place,
            reference,
            responses: BTreeMap::new(),
            service,
            share: BodyShare::default(),
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
        for (mut exchange, _) in self.pending.take() {
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
            if is_ending && !self.is_answering() {
                return Leave::new(GOING_AWAY, Ending::InternalError, "shutdown");
            }
            let next = self.next(ends_at.min(last + idle), ends_at, is_ending).await;
            // A ping says nothing.
            if let Next::Client(Ok(said)) | Next::Upstream(Ok(said)) = &next
                && *said != SocketMessage::Alive
            {
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
                Next::Check => self.check().await,
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
        let check_at = self.checked + self.service.0.limits.session_check_pause;
        tokio::select! {
            () = &mut self.cut => {
                let refusal = Refusal::isolated();
                Next::Leave(Leave::new(POLICY, Ending::Refused, "isolated"), Some(refusal))
            }
            () = self.service.0.shutdown.begun(), if !is_ending => Next::ShuttingDown,
            () = tokio::time::sleep_until(check_at) => Next::Check,
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

    /// Asks whether the caller is still let in.
    async fn check(&mut self) -> Result<(), Leave> {
        let Place { certificate, client_address, head, .. } = &self.place;
        let shown = Shown::of(certificate.as_deref());
        match self.service.admitted((*client_address, DIALECT), head, &shown).await {
            Ok(caller) => self.place.caller = caller,
            // That nobody can tell now ends nothing; what is judged is refused.
            Err(refusal) if refusal.status.is_server_error() => {}
            Err(refusal) => return Err(self.stop(&refusal, None, Leave::refused(&refusal)).await),
        }
        self.checked = Instant::now();
        Ok(())
    }

    /// Whether a response is under way, or awaited.
    pub(super) fn is_answering(&self) -> bool {
        !self.responses.is_empty() || self.pending.awaited() > 0
    }

    /// Makes the budget of all bodies cover what the session holds, with this much of what was said to the model, and this
    /// vault.
    pub(super) fn cover(
        &mut self,
        memory_bytes: usize,
        vault: &Vault,
    ) -> Result<(), BodyReadError> {
        let bytes = memory_bytes + vault.bytes() + self.items.bytes() + self.reference.bytes();
        self.service.0.bodies.cover(&mut self.share, bytes)
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
    (vault, reference): (&Arc<Vault>, &Arc<Reference>),
) -> Telling {
    let shared = &service.0;
    let guard = (shared.judge.guards() || !vault.is_empty()).then(|| {
        AnswerGuard::new(
            Arc::clone(&shared.judge),
            Arc::clone(subject),
            Arc::clone(vault),
            Arc::clone(reference),
        )
    });
    let limits = (shared.read_limits, shared.limits.answer_bytes_max);
    Telling::new(exchange, guard, shared.judge.report(), shared.bodies.clone(), limits)
}

pub(super) fn error_message(refusal: &Refusal, event: Option<&str>, exchange: &Exchange) -> String {
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
