//! A request's whole life, top to bottom.
//!
//! INVARIANT: whatever happens to a request on a guarded path, it is recorded as what it was, and the
//! record is synced before the first byte of the answer or refusal leaves; but for refusals of nobody beyond those of
//! [`Nobodies`], which are counted. INVARIANT: every answer that is on record carries the interaction's id.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use events::{Decision, Ending, InteractionId, Principal};
use http::{HeaderValue, Response, StatusCode, request::Parts};
use journal::{Journal, JournalError};
use net::{Arrival, Body, BodyBudget, Handler, RequestBody};
use ring::hmac;
use store::KeySnapshot;
use wire::{
    Dialect, Document, ErrorShape, Operation, ReadLimits, Route as WireRoute, UnknownFields,
};

use crate::{
    addresses::AddressSettings,
    allowance, break_glass,
    cpu::Cpu,
    early::Early,
    exchange::{Exchange, Randomness},
    exposure::Exposures,
    isolation::Isolation,
    judge::Judge,
    nobody::Nobodies,
    provider_keys::ProviderKeys,
    quota::{Quotas, Uses},
    refusal::Refusal,
    reply, report,
    request::{Prepared, Received},
    risk::Conversations,
    session::{self, Visitor},
    settings::{Limits, MaskStyle, Routes},
    speech::{self, Speech},
    trace,
    watch::{Watch, key_holder},
    ways_in::{self, Caller, Shown, WaysIn},
};

const INTERACTION_HEADER: &str = "x-bartizan-interaction";
const DECISION_HEADER: &str = "x-bartizan-decision";
const BREAK_GLASS_HEADER: &str = "x-bartizan-break-glass";

/// What every request under one configuration shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) addresses: AddressSettings,
    pub(crate) bodies: BodyBudget,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) cpu: Cpu,
    pub(crate) exposures: Exposures,
    pub(crate) external: connect::ExternalGuards,
    /// Seals the ids of what is stored at providers.
    pub(crate) handle_key: hmac::Key,
    pub(crate) hash_key: hmac::Key,
    pub(crate) isolation: Isolation,
    pub(crate) journal: Journal,
    pub(crate) judge: Arc<Judge>,
    pub(crate) keys: Arc<ArcSwap<KeySnapshot>>,
    pub(crate) limits: Limits,
    pub(crate) mask_key: hmac::Key,
    pub(crate) mask_style: MaskStyle,
    pub(crate) nobodies: Arc<Nobodies>,
    pub(crate) provider_keys: Arc<ProviderKeys>,
    pub(crate) quotas: Quotas,
    pub(crate) randomness: Arc<Randomness>,
    pub(crate) read_limits: ReadLimits,
    pub(crate) routes: Routes,
    pub(crate) shutdown: net::Shutdown,
    pub(crate) tasks: net::Tasks,
    pub(crate) unknown_fields: UnknownFields,
    pub(crate) watch: Watch,
    pub(crate) ways_in: Arc<WaysIn>,
}

impl Shared {
    /// Notes whose interaction it was, once its request was sent on, and that the upstream accepts the caller's key if
    /// it does. Strangers have made nothing until then: who invents keys must not push others' interactions out.
    pub(crate) fn was_sent(&self, interaction: InteractionId, caller: &Caller, is_accepted: bool) {
        if caller.is_stranger && !is_accepted {
            return;
        }
        if let Some(name) = caller.principal.application.as_deref().filter(|_| caller.is_stranger) {
            self.provider_keys.note(name);
        }
        self.watch.owners.note(interaction, &key_holder(&caller.principal));
    }
}

/// Answers requests, each under the configuration that holds when it arrives.
pub(crate) struct Front(pub(crate) ArcSwap<Shared>);

impl Handler for Front {
    fn handle(
        &self,
        arrival: Arrival,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        let service = Service(self.0.load_full());
        Box::pin(async move { service.answer(arrival).await })
    }
}

/// Answers a request, under one configuration to its end.
pub(crate) struct Service(pub(crate) Arc<Shared>);

/// A request on its way: its record, and what is known of it.
pub(crate) struct Journey {
    pub(crate) exchange: Exchange,
    pub(crate) received: Received,
}

impl Service {
    async fn answer(&self, arrival: Arrival) -> Response<Body> {
        match arrival.request.uri().path() {
            "/healthz" => plain(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            report::PATH => Box::pin(report::report(self, arrival)).await,
            _ => Box::pin(self.interact(arrival)).await,
        }
    }

    fn ready(&self) -> Response<Body> {
        if self.0.shutdown.has_begun() {
            plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
        } else if self.0.journal.check().is_err() {
            plain(StatusCode::SERVICE_UNAVAILABLE, "the record cannot be written\n")
        } else {
            plain(StatusCode::OK, "ready\n")
        }
    }

    async fn interact(&self, arrival: Arrival) -> Response<Body> {
        let shared = &*self.0;
        let (head, body) = arrival.request.into_parts();
        let (certificate, hold) = (arrival.certificate, arrival.hold);
        let shown = Shown::of(certificate.as_deref());
        let route = match wire::route(head.method.as_str(), head.uri.path()) {
            WireRoute::Known(operation) => WireRoute::Known(speech::operation(operation, &head)),
            other => other,
        };
        let (operation, dialect) = match route {
            WireRoute::Known(operation) => (operation.as_str(), operation.dialect()),
            WireRoute::WrongMethod { .. } | WireRoute::Denied { .. } | WireRoute::Unknown => {
                ("unknown", wire::dialect_of(head.uri.path()))
            }
        };
        let client_address = shared.addresses.client(arrival.peer, &head.headers);
        let mut early = Early::of_nobody(client_address, dialect, operation);
        early.credentials = shown.credentials();
        let mut journey = match self.begin(arrival.at, early, &head) {
            Ok(journey) => journey,
            Err(refusal) => return shape(dialect, &refusal, "none"),
        };
        let interaction = journey.exchange.interaction();
        let result = match route {
            WireRoute::Known(operation) if operation.is_session() => {
                journey.received.operation = operation;
                let visitor = Visitor { certificate, head, hold };
                Box::pin(session::open(self, journey, visitor)).await
            }
            WireRoute::Known(operation) => {
                journey.received.operation = operation;
                self.guarded(journey, (&head, &shown), body).await
            }
            WireRoute::WrongMethod { allow } => Err((journey, wrong_method(allow))),
            WireRoute::Denied { why } => Err((journey, denied_path(why))),
            WireRoute::Unknown => Err((journey, unknown_path())),
        };
        match result {
            Ok(mut response) => {
                insert(&mut response, INTERACTION_HEADER, &interaction.to_string());
                response
            }
            Err((journey, refusal)) => self.refuse(dialect, journey, &refusal).await,
        }
    }

    /// An interaction begins.
    pub(crate) fn begin(
        &self,
        at: Instant,
        early: Early,
        head: &Parts,
    ) -> Result<Journey, Refusal> {
        let shared = &*self.0;
        let Some(interaction) = shared.randomness.interaction() else {
            return Err(Refusal::internal("no_randomness", "this host gives no random numbers"));
        };
        let client_address = early.client_address;
        let place = trace::Place::of(&head.headers, interaction);
        let (is_sampled, trace) = (place.is_sampled(), Some(place.record()));
        let early = Early { is_sampled, trace, ..early };
        let parts = (&shared.exposures, &shared.shutdown, &shared.watch);
        let exchange =
            Exchange::new(parts, interaction, at, shared.limits.content_bytes_max, early);
        let (opened, path) = (Box::new(exchange.opening()), head.uri.path());
        let mut received = Received::new(opened, Operation::ChatCompletions, client_address, path);
        received.place = Some(Box::new(place));
        Ok(Journey { exchange, received })
    }

    /// Refuses what is no interaction with a model, and puts that on record like a refused one.
    pub(crate) async fn refuse_at_once(
        &self,
        at: Instant,
        early: Early,
        head: &Parts,
        refusal: &Refusal,
    ) -> Response<Body> {
        let dialect = early.dialect;
        let journey = match self.begin(at, early, head) {
            Ok(journey) => journey,
            Err(refusal) => return shape(dialect, &refusal, "none"),
        };
        self.refuse(dialect, journey, refusal).await
    }

    /// Sees, judges, records, forwards.
    async fn guarded(
        &self,
        mut journey: Journey,
        head: (&Parts, &Shown),
        body: RequestBody,
    ) -> Result<Response<Body>, (Journey, Refusal)> {
        let shared = &*self.0;
        if let Err(refusal) = self.receive(&mut journey, head, body).await {
            return Err((journey, refusal));
        }
        let (journey, prepared) = match self.judged(journey, None).await {
            (journey, Ok(prepared)) => (journey, prepared),
            (journey, Err(refusal)) => return Err((journey, refusal)),
        };
        let decision = decision_words(prepared.judgement.decision());
        let let_go = break_glass::named(prepared.judgement.decision()).map(str::to_owned);
        let (operation, interaction) = (journey.received.operation, journey.exchange.interaction());
        let replied = reply::reply(shared, &journey.received, prepared, journey.exchange).await;
        // Lists of models are public at some providers.
        let is_accepted = allowance::uses(operation) != Uses::Nothing
            && replied.as_ref().is_ok_and(|response| response.status().is_success());
        shared.was_sent(interaction, &journey.received.caller, is_accepted);
        match replied {
            Ok(mut response) => {
                insert(&mut response, DECISION_HEADER, &decision);
                if let Some(id) = let_go {
                    insert(&mut response, BREAK_GLASS_HEADER, &id);
                }
                Ok(response)
            }
            Err((exchange, refusal)) => {
                Err((Journey { exchange, received: journey.received }, refusal))
            }
        }
    }

    /// Sees and judges what was received, and opens its record if it may be sent on.
    /// What was `read` of it already is not read again.
    pub(crate) async fn judged(
        &self,
        journey: Journey,
        mut read: Option<&mut Document<'_>>,
    ) -> (Journey, Result<Prepared, Refusal>) {
        let shared = &*self.0;
        let Journey { mut exchange, received } = journey;
        let began = Instant::now();
        let (mut received, mut prepared) = self.examine(received, read.as_deref_mut()).await;
        // What has to be asked is asked once each: shared limits, then guards outside.
        while received.allowance.ask(&shared.quotas).await
            || received.external.ask(&shared.journal).await
        {
            (received, prepared) = self.examine(received, read.as_deref_mut()).await;
        }
        exchange.examined(began.elapsed());
        exchange.counted_as(&received.caller.counted);
        exchange.turn(received.turn.take());
        exchange.holds(received.allowance.take());
        exchange.says(received.text_bytes);
        let mut journey = Journey { exchange, received };
        if prepared.is_ok() {
            if let Err(error) = journey.open() {
                prepared = Err(Refusal::record(&error));
            }
            journey.exchange.examined(began.elapsed());
        }
        (journey, prepared)
    }

    /// Who asks, and what bytes they send.
    async fn receive(
        &self,
        journey: &mut Journey,
        (head, shown): (&Parts, &Shown),
        body: RequestBody,
    ) -> Result<(), Refusal> {
        self.admit(journey, head, shown).await?;
        let Journey { received, .. } = journey;
        let operation = received.operation;
        received.speech = Speech::of(operation, head)?;
        received.boundary = speech::check_headers(operation, &head.headers)?;
        let limits = &self.0.limits;
        let (bytes_max, time_max) = (limits.body_bytes_max, limits.body_time_max);
        let share = &mut received.share;
        received.body = net::read_bounded(body, bytes_max, time_max, &self.0.bodies, share).await?;
        Ok(())
    }

    /// Who asks, and from where.
    pub(crate) async fn admit(
        &self,
        journey: &mut Journey,
        head: &Parts,
        shown: &Shown,
    ) -> Result<(), Refusal> {
        let Journey { exchange, received } = journey;
        let (address, dialect) = (received.client_address, received.operation.dialect());
        received.caller = self.admitted((address, dialect), head, shown).await?;
        received.opened.credentials = received.caller.credentials.clone();
        received.opened.principal = received.caller.principal.clone();
        exchange.asked_by(&received.caller);
        exchange.counted_as(&received.caller.counted);
        Ok(())
    }

    /// Who is let in from there.
    pub(crate) async fn admitted(
        &self,
        (client_address, dialect): (Option<IpAddr>, Dialect),
        head: &Parts,
        shown: &Shown,
    ) -> Result<Caller, Refusal> {
        self.0.addresses.rules.check(client_address)?;
        ways_in::authenticate(&self.0, dialect, head, shown).await
    }

    /// Records a refusal and words it for the client.
    async fn refuse(
        &self,
        dialect: Dialect,
        mut journey: Journey,
        refusal: &Refusal,
    ) -> Response<Body> {
        if journey.is_of_nobody()
            && !self.0.nobodies.is_recorded(journey.received.client_address, &self.0.journal)
        {
            journey.exchange.goes_unrecorded(refusal);
            return shape(dialect, refusal, "none");
        }
        let interaction = journey.exchange.interaction().to_string();
        let body = error_body(dialect, refusal, &interaction);
        if let Err(error) = journey.refused(refusal, &body).await {
            let mut response = shape(dialect, &Refusal::record(&error), &interaction);
            insert(&mut response, INTERACTION_HEADER, &interaction);
            return response;
        }
        let mut response = shape(dialect, refusal, &interaction);
        insert(&mut response, INTERACTION_HEADER, &interaction);
        insert(&mut response, DECISION_HEADER, "refuse");
        response
    }
}

impl Journey {
    /// Whether nothing is known of who asks, and nothing is on record yet.
    fn is_of_nobody(&self) -> bool {
        !self.exchange.is_open() && self.received.caller.principal == Principal::default()
    }

    /// Puts a refusal on record, worded for the client like this.
    pub(crate) async fn refused(
        &mut self,
        refusal: &Refusal,
        sent: &[u8],
    ) -> Result<(), JournalError> {
        let code = refusal.recorded.unwrap_or(&refusal.code);
        if !self.exchange.is_open() {
            let decision = &mut self.received.opened.decision;
            if decision.reason.is_none() {
                decision.reason = Some(code.to_owned().into());
            }
            self.received.opened.request_bytes = self.received.body.len() as u64;
            self.open()?;
        }
        self.exchange.status(refusal.status.as_u16());
        self.exchange.refused(code);
        self.exchange.sends(sent);
        self.exchange.end(refusal.ending, Some(code));
        self.exchange.synced().await
    }

    fn open(&mut self) -> Result<(), JournalError> {
        let known = self.exchange.opening();
        let opened = std::mem::replace(&mut *self.received.opened, known);
        self.exchange.open(opened, &self.received.body)?;
        self.exchange.exposes(&std::mem::take(&mut self.received.keys_seen));
        Ok(())
    }
}

fn decision_words(decision: &Decision) -> String {
    if decision.actions.is_empty() {
        return "allow".to_owned();
    }
    let actions: Vec<&str> = decision.actions.iter().map(|action| action.as_str()).collect();
    actions.join(",")
}

fn wrong_method(allow: &'static str) -> Refusal {
    Refusal {
        allow: Some(allow),
        ..Refusal::request(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("this path takes {allow}"),
        )
    }
}

fn denied_path(why: &str) -> Refusal {
    Refusal {
        ending: Ending::Refused,
        kind: "policy_violation",
        ..Refusal::request(
            StatusCode::FORBIDDEN,
            "endpoint_denied",
            format!("this endpoint is never forwarded: {why}"),
        )
    }
}

fn unknown_path() -> Refusal {
    Refusal::request(
        StatusCode::NOT_FOUND,
        "unknown_endpoint",
        "this endpoint is not guarded here, so it is not forwarded; \
         `bartizan config coverage` lists those that are",
    )
}

fn error_body(dialect: Dialect, refusal: &Refusal, interaction: &str) -> Vec<u8> {
    wire::error_body(
        dialect,
        &ErrorShape {
            code: &refusal.code,
            interaction: Some(interaction),
            kind: refusal.kind,
            message: &refusal.message,
            param: refusal.param.as_deref(),
            status: refusal.status.as_u16(),
        },
    )
}

/// The refusal in the dialect's own shape.
fn shape(dialect: Dialect, refusal: &Refusal, interaction: &str) -> Response<Body> {
    let mut response = Response::new(net::full(error_body(dialect, refusal, interaction)));
    *response.status_mut() = refusal.status;
    insert(&mut response, "content-type", "application/json");
    if dialect == Dialect::Anthropic {
        // Its clients quote this one in their errors.
        insert(&mut response, "request-id", interaction);
    }
    if let Some(class) = wire::error_class(dialect, refusal.status.as_u16()) {
        insert(&mut response, "x-amzn-errortype", class);
        insert(&mut response, "x-amzn-requestid", interaction);
    }
    if refusal.status == StatusCode::UNAUTHORIZED {
        let challenge = match &*refusal.code {
            "invalid_token" => "Bearer error=\"invalid_token\"",
            _ => "Bearer",
        };
        insert(&mut response, "www-authenticate", challenge);
    }
    if let Some(allow) = refusal.allow {
        insert(&mut response, "allow", allow);
    }
    if let Some(seconds) = refusal.retry_after_s {
        insert(&mut response, "retry-after", &seconds.to_string());
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(net::full(text));
    *response.status_mut() = status;
    insert(&mut response, "content-type", "text/plain; charset=utf-8");
    response
}

fn insert(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
