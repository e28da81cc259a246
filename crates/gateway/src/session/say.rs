//! What the client of a session says: each event judged like a request, and sent on or refused.
//!
//! INVARIANT: an event that is refused is not sent on, and the session goes on. INVARIANT: an event is read once.
//!
//! Not here: what its answers are told like (`hear`, `telling`).

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use events::Ending;
use http::StatusCode;
use net::SocketMessage;
use tokio::time::Instant;
use wire::{Document, Field, Operation};

use super::{
    DIALECT, Within,
    talk::{FAILED, Leave, NORMAL, POLICY, Session, UNSUPPORTED, error_message},
};
use crate::{
    early::Early, judge::Judge, refusal::Refusal, request::Prepared, service::Journey,
    vault::Vault, ways_in::Shown,
};

/// Responses of one session that were asked for and have not ended.
pub(super) const RESPONSES_MAX: usize = 32;
/// Bytes of an event's id that is no text: names that programs make up are not longer.
const ID_BYTES_MAX: usize = 64;

impl Session {
    /// Something came from the client.
    pub(super) async fn client_said(&mut self, message: SocketMessage) -> Result<(), Leave> {
        match message {
            SocketMessage::Text(text) => self.client_event(text).await,
            SocketMessage::Alive => Ok(()),
            SocketMessage::Binary => {
                Err(Leave::new(UNSUPPORTED, Ending::Malformed, "binary_message"))
            }
            SocketMessage::Closed(_) => {
                let ending =
                    if self.is_answering() { Ending::ClientLeft } else { Ending::Answered };
                Err(Leave::new(NORMAL, ending, "client_left"))
            }
        }
    }

    /// An event of the client: what says nothing is sent on as the session was let in, all else is judged for itself.
    async fn client_event(&mut self, text: String) -> Result<(), Leave> {
        let shared = Arc::clone(&self.service.0);
        let (unknown, limits) = (shared.unknown_fields, &shared.read_limits);
        let read = || wire::read_request(Operation::Realtime, text.as_bytes(), unknown, limits);
        let mut document = match shared.cpu.inspect(text.len(), read).await {
            Ok(document) => document,
            Err(error) => {
                let (journey, admitted) = self.arrived(text.into(), false).await?;
                let refusal = admitted.err().unwrap_or_else(|| error.into());
                return self.refuse(journey, &refusal, None).await;
            }
        };
        let own = |fact: &Option<Cow<'_, str>>| fact.as_deref().map(str::to_owned);
        let (event, id) = (own(&document.facts.event).unwrap_or_default(), own(&document.facts.id));
        let is_sound = event == "input_audio_buffer.append";
        if is_sound {
            self.own.exchange.unscanned(&document.unscanned());
        }
        if says_nothing(&event, &document, self.is_heard, &shared.judge) {
            drop(document);
            return self.send(text).await;
        }
        let asks = event == "response.create";
        let body = Bytes::copy_from_slice(text.as_bytes());
        let (journey, judged) = match self.arrived(body, asks).await? {
            (journey, Ok(())) => Box::pin(self.service.judged(journey, Some(&mut document))).await,
            (journey, Err(refusal)) => (journey, Err(refusal)),
        };
        match judged {
            Ok(prepared) => {
                self.is_heard |= is_sound;
                self.send_on(journey, prepared, &document, (asks, id)).await
            }
            Err(refusal) => self.refuse(journey, &refusal, id.as_deref()).await,
        }
    }

    /// Judges a response that the server begins by itself.
    pub(super) async fn judge_begun(
        &mut self,
    ) -> Result<(Journey, Result<Prepared, Refusal>), Leave> {
        Ok(match self.arrived(Bytes::new(), true).await? {
            (journey, Ok(())) => Box::pin(self.service.judged(journey, None)).await,
            (journey, Err(refusal)) => (journey, Err(refusal)),
        })
    }

    /// An event has come, or a response that the server begins by itself, for which there is none. Whether it may be judged.
    async fn arrived(
        &mut self,
        event: Bytes,
        is_counted: bool,
    ) -> Result<(Journey, Result<(), Refusal>), Leave> {
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
        let length = event.len();
        journey.received.operation = operation;
        journey.received.body = event;
        journey.received.opened.streamed = true;
        journey.received.within = Some(Box::new(Within {
            before: self.memory.tail().cloned(),
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
        if is_counted && is_asked && self.service.0.shutdown.has_begun() {
            return Ok((journey, Err(shutting_down())));
        }
        let responses = self.pending.awaited() + self.responses.len();
        if is_counted && is_asked && responses >= RESPONSES_MAX {
            return Ok((journey, Err(too_many_responses())));
        }
        let covered = self.service.0.bodies.cover(&mut journey.received.share, length);
        Ok((journey, covered.map_err(Refusal::from)))
    }

    /// Sends an event on that was judged and whose record is open. Whether it asks for a response, and its id.
    async fn send_on(
        &mut self,
        journey: Journey,
        prepared: Prepared,
        document: &Document<'_>,
        (asks, id): (bool, Option<String>),
    ) -> Result<(), Leave> {
        let Prepared { body, judgement, subject, vault, .. } = prepared;
        if let Err(error) = self.cover(self.memory.bytes_with(document), &vault) {
            return self.refuse(journey, &error.into(), id.as_deref()).await;
        }
        let Journey { mut exchange, .. } = journey;
        let Ok(event) = judgement.clear(String::from_utf8_lossy(&body).into_owned()) else {
            return Err(Leave::new(POLICY, Ending::Refused, "not_cleared"));
        };
        self.tainted |= subject.tainted;
        if asks {
            // What the model says comes in between.
            self.memory.forget_tail();
        }
        self.learn(document, vault).await;
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
            self.pending.add(id, (exchange, subject));
            return Ok(());
        }
        exchange.synced().await.map_err(|error| unrecorded(&error))?;
        exchange.end(Ending::Answered, None);
        Ok(())
    }

    /// Takes over what an event that is sent on says for what follows.
    async fn learn(&mut self, document: &Document<'_>, vault: Arc<Vault>) {
        self.vault = vault;
        if self.memory.add(document) {
            let (shared, memory) = (&self.service.0, &self.memory);
            let reference = || shared.judge.reference_of(memory.said());
            self.reference = Arc::new(shared.cpu.inspect(memory.bytes(), reference).await);
        }
        if let Some(guard) = self.own.guard() {
            guard.knows(&self.vault, &self.reference);
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
            return Err(Leave::refused(refusal));
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
}

/// Whether an event has no text, and asks for nothing that is judged; sound was let in before, if `is_heard`.
fn says_nothing(event: &str, document: &Document<'_>, is_heard: bool, judge: &Judge) -> bool {
    !matches!(event, "session.update" | "transcription_session.update" | "response.create" | "")
        && document.fields.iter().all(|field| is_name(document, field, judge))
        && document.files.is_empty()
        && !document.has_unknown()
        // What no guard can read is for policy to let in. The first sound of a session stands for all that follows.
        && (is_heard && event == "input_audio_buffer.append" || document.unscanned().is_empty())
}

/// Whether a text is no more than the name that a program gave its event: short, of one word, and nothing that anybody looks for.
fn is_name(document: &Document<'_>, field: &Field<'_>, judge: &Judge) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    field.text.len() <= ID_BYTES_MAX
        && field.text.bytes().all(is_of_name)
        && document.path_of(field) == "event_id"
        && (!judge.guards() || judge.findings_in(&field.text).is_empty())
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

fn shutting_down() -> Refusal {
    Refusal::internal(
        "shutting_down",
        "this gateway is shutting down and begins no more responses; open another session",
    )
}

pub(super) fn unrecorded(error: &journal::JournalError) -> Leave {
    let refusal = Refusal::record(error);
    Leave { code: FAILED, ending: refusal.ending, reason: refusal.code }
}
