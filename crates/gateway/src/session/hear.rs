//! What the server of a session says: under which record it is told, and what ends with it.
//!
//! INVARIANT: nothing of a response that was announced is told before its record is synced. INVARIANT: what cannot be read, says
//! a text where it does not belong, or is stopped by policy, ends the session, and the server is told to stop.
//!
//! Not here: how texts are told (`telling`).

use std::{borrow::Cow, sync::Arc};

use events::Ending;
use http::StatusCode;
use net::SocketMessage;
use wire::{Document, Operation};

use super::{
    items::Said,
    say::{RESPONSES_MAX, unrecorded},
    talk::{FAILED, Leave, POLICY, Session, telling},
    telling::{Ends, Stopped, Told, is_sound},
};
use crate::{
    allowance, exchange::Exchange, judge::Subject, refusal::Refusal, reply::ANSWER_UNKNOWN_FIELDS,
    service::Journey, tally::Tally,
};

/// What the user said was transcribed, or could not be.
const TRANSCRIBED: &str = "conversation.item.input_audio_transcription.completed";
const NOT_TRANSCRIBED: &str = "conversation.item.input_audio_transcription.failed";

impl Session {
    /// Something came from the upstream.
    pub(super) async fn upstream_said(&mut self, message: SocketMessage) -> Result<(), Leave> {
        match message {
            SocketMessage::Text(text) => self.server_event(&text).await,
            SocketMessage::Alive => Ok(()),
            SocketMessage::Binary => Err(self.unreadable("upstream_garbage", None).await),
            SocketMessage::Closed(code) => {
                let ending =
                    if self.is_answering() { Ending::UpstreamFailed } else { Ending::Answered };
                let code = code.filter(|code| matches!(code, 1000 | 1001 | 1008 | 1011..=1013));
                Err(Leave::new(code.unwrap_or(FAILED), ending, "upstream_closed"))
            }
        }
    }

    /// An event of the server.
    async fn server_event(&mut self, text: &str) -> Result<(), Leave> {
        let limits = self.service.0.read_limits;
        let read =
            wire::read_session_event(Operation::Realtime, text, ANSWER_UNKNOWN_FIELDS, &limits);
        let mut document = match read {
            Ok(document) => document,
            Err(error) => {
                tracing::warn!(%error, "unreadable event of a session");
                return Err(self.unreadable("upstream_garbage", None).await);
            }
        };
        let Ok(about) = self.items.place(&mut document) else {
            return Err(self.unreadable("upstream_answer_too_large", None).await);
        };
        let vault = Arc::clone(&self.vault);
        if self.cover(self.memory.bytes(), &vault).is_err() {
            return Err(self.unreadable("overloaded", None).await);
        }
        let event = document.facts.event.clone().unwrap_or_default();
        let response = document.facts.id.clone();
        match (&*event, &response) {
            ("response.created", Some(id)) => self.begin_response(id).await?,
            ("error", _) => {
                let over = self.pending.complain(document.facts.complains_of.as_deref());
                refused_by_server(over);
            }
            (TRANSCRIBED, _) => self.charge(&document).await?,
            _ => {}
        }
        let said = Said { about, is_sound: is_sound(&event), response: response.as_deref() };
        let is_open = |id: &str| self.responses.contains_key(id);
        let Ok(of) = self.items.told_under(&document, &said, is_open) else {
            return Err(self.unreadable("upstream_garbage", None).await);
        };
        let ends = match &*event {
            "response.done" if of.is_some() => Ends::All,
            TRANSCRIBED | NOT_TRANSCRIBED | "conversation.item.deleted" => Ends::Item,
            _ => Ends::Nothing,
        };
        let telling =
            of.as_deref().and_then(|id| self.responses.get_mut(id)).unwrap_or(&mut self.own);
        let began = std::time::Instant::now();
        let told = telling.tell(text, &mut document, about, ends);
        telling.exchange.inspected(began.elapsed());
        telling.note_keys();
        let has_failed = document_failed(&document);
        self.pass(told, of.as_deref()).await?;
        if let Some(id) = of.filter(|_| ends == Ends::All)
            && let Some(mut telling) = self.responses.remove(&*id)
        {
            let ending = if has_failed { Ending::UpstreamFailed } else { Ending::Answered };
            telling.end(ending, has_failed.then_some("upstream_error"));
        }
        Ok(())
    }

    /// What the user said was transcribed: nobody asked for that, so nothing was reserved for it. It counts before it is told.
    async fn charge(&mut self, document: &Document<'_>) -> Result<(), Leave> {
        let mut tally = Tally::default();
        tally.add(document, |_| false);
        let used = tally.tokens(0);
        self.own.exchange.uses(used);
        let (place, shared) = (&self.place, &self.service.0);
        match allowance::charge(shared, &place.caller, (&place.model, &place.route), used) {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.stop(&refusal, None, Leave::refused(&refusal)).await),
        }
    }

    /// Tells the client, and stops if that follows.
    async fn pass(&mut self, told: Told, of: Option<&str>) -> Result<(), Leave> {
        for message in told.out {
            let telling = of.and_then(|id| self.responses.get_mut(id)).unwrap_or(&mut self.own);
            telling.exchange.sends(message.as_bytes());
            self.client.send(message).await.map_err(Leave::client)?;
        }
        match told.stopped {
            None => Ok(()),
            Some(Stopped::Unreadable(code)) => Err(self.unreadable(code, of).await),
            Some(Stopped::Blocked) => {
                let telling = of.and_then(|id| self.responses.get_mut(id)).unwrap_or(&mut self.own);
                let code = Cow::<'static, str>::Owned(telling.code());
                let message =
                    "the answer was stopped by policy; if this is wrong, quote the interaction id";
                let refusal = Refusal {
                    ending: Ending::Blocked,
                    kind: "policy_violation",
                    ..Refusal::request(StatusCode::FORBIDDEN, code.clone(), message)
                };
                let leave = Leave { code: POLICY, ending: Ending::Blocked, reason: code };
                Err(self.stop(&refusal, of, leave).await)
            }
        }
    }

    /// What the server says cannot be read.
    async fn unreadable(&mut self, code: &'static str, of: Option<&str>) -> Leave {
        let message = "what the upstream said cannot be sent on; what was sent is incomplete";
        let refusal = Refusal::upstream(code, message);
        let leave = Leave::new(FAILED, refusal.ending, code);
        self.stop(&refusal, of, leave).await
    }

    /// Tells both sides that it ends here.
    pub(super) async fn stop(
        &mut self,
        refusal: &Refusal,
        of: Option<&str>,
        leave: Leave,
    ) -> Leave {
        let _gone = self.tell_error(refusal, None, of).await.is_err();
        let _gone = self.send(wire::session_cancel()).await.is_err();
        if let Some(mut telling) = of.and_then(|id| self.responses.remove(id)) {
            telling.end(leave.ending, Some(&leave.reason));
        }
        leave
    }

    /// A response begins: one that was asked for, or one that the server begins by itself.
    async fn begin_response(&mut self, id: &str) -> Result<(), Leave> {
        if self.responses.contains_key(id) || self.responses.len() >= RESPONSES_MAX {
            return Err(self.unreadable("upstream_garbage", None).await);
        }
        let (over, asked) = self.pending.begin();
        refused_by_server(over);
        let (exchange, subject) = match asked {
            Some(asked) => asked,
            None => match self.judge_begun().await? {
                (Journey { mut exchange, .. }, Ok(prepared)) => {
                    exchange.status(StatusCode::OK.as_u16());
                    exchange.is_sent();
                    exchange.attempts(self.place.target.name());
                    exchange.attempted("begun".to_owned(), true);
                    (exchange, prepared.subject)
                }
                (journey, Err(refusal)) => {
                    let leave = Leave::refused(&refusal);
                    self.refuse(journey, &refusal, None).await?;
                    let _gone = self.send(wire::session_cancel()).await.is_err();
                    return Err(leave);
                }
            },
        };
        exchange.synced().await.map_err(|error| unrecorded(&error))?;
        let telling = telling(&self.service, exchange, &subject, (&self.vault, &self.reference));
        self.responses.insert(id.to_owned(), telling);
        Ok(())
    }
}

/// Nothing becomes of these responses that were asked for.
fn refused_by_server(over: Vec<(Exchange, Arc<Subject>)>) {
    for (mut exchange, _) in over {
        exchange.end(Ending::UpstreamFailed, Some("upstream_error"));
    }
}

/// Whether an event says that its response has failed.
fn document_failed(document: &Document<'_>) -> bool {
    let is_at_fault = |path: String| path.starts_with("response.status_details.error");
    document.fields.iter().any(|field| is_at_fault(document.path_of(field)))
}
