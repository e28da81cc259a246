//! A streamed answer, guarded as it passes.
//!
//! Upstream bytes are cut into events, each event is read, its text goes through the lanes of the
//! [`AnswerGuard`], and the event is forwarded: as it came if nothing in it changed, else with its
//! text replaced in place. Before a choice ends, what its lanes still hold is sent in an event of its
//! own.
//!
//! INVARIANT: what is sent depends on the upstream's events and not on how their bytes were cut.
//! INVARIANT: there is no queue and no task: the client's reading drives the upstream's sending, one
//! read at a time. INVARIANT: however the stream ends, the exchange is closed with the reason.
//!
//! Not here: what text is released when (`answer`), the shapes of events (`wire`).

mod ending;
mod names;
mod said_again;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use events::{Ending, Span};
use http_body::{Body, Frame};
use net::{AnswerBody, BodyBudget, BodyFault, BodyShare};
use telemetry::Counted;
use tokio::time::{Instant, Sleep};
use wire::{
    Channel, Delivery, Document, Echoes, Edit, Envelope, Lane, Operation, ReadLimits, StreamError,
    StreamEvent, StreamPart, StreamReader, UnknownFields,
};

use crate::{
    answer::{AnswerGuard, Passed},
    echo::{self, EchoWatch},
    exchange::Exchange,
    external_answer::{AtEnd, SoFar},
    refusal::Refusal,
};

/// What a guarded stream is made of.
pub(crate) struct StreamParts {
    /// The memory for what is kept of the answer.
    pub(crate) bodies: BodyBudget,
    /// Ready when what answers is isolated.
    pub(crate) cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(crate) event_bytes_max: usize,
    pub(crate) exchange: Exchange,
    /// The guards outside.
    pub(crate) external: AtEnd,
    /// `None` when guards are off and nothing has to be restored: then events pass as they come, and are only counted.
    pub(crate) guard: Option<AnswerGuard>,
    pub(crate) guards: Vec<events::GuardReport>,
    pub(crate) idle_time_max: Duration,
    pub(crate) limits: ReadLimits,
    /// It is under way until this is dropped.
    pub(crate) open: Counted,
    pub(crate) operation: Operation,
    pub(crate) unknown: UnknownFields,
}

/// The body sent to the client.
pub(crate) struct GuardedStream {
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Looks for the key that the upstream was asked with.
    echo: EchoWatch,
    idle: Pin<Box<Sleep>>,
    idle_time_max: Duration,
    machine: Machine,
    /// Since when guards outside look.
    asked_at: Option<Instant>,
    upstream: AnswerBody,
}

impl GuardedStream {
    pub(crate) fn new(mut parts: StreamParts, echo: EchoWatch, upstream: AnswerBody) -> Self {
        Self {
            cut: std::mem::replace(&mut parts.cut, Box::pin(std::future::pending())),
            echo,
            idle: Box::pin(tokio::time::sleep(parts.idle_time_max)),
            idle_time_max: parts.idle_time_max,
            machine: Machine::new(parts),
            asked_at: None,
            upstream,
        }
    }
}

impl Body for GuardedStream {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        loop {
            if !this.machine.out.is_empty() {
                let bytes = this.machine.out.split().freeze();
                this.machine.note_keys();
                this.machine.exchange.sends(&bytes);
                if this.machine.ended.is_some() {
                    // The record closes before the last bytes leave: clients that have what they
                    // wanted do not wait for the end of the body.
                    this.machine.close();
                }
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.machine.ended.is_some() {
                this.machine.close();
                return Poll::Ready(None);
            }
            if this.cut.as_mut().poll(context).is_ready() {
                this.machine.fail_as(&Refusal::isolated());
                continue;
            }
            if this.machine.external.is_waiting() {
                let asked_at = *this.asked_at.get_or_insert_with(Instant::now);
                if this.machine.poll_external(context).is_pending() {
                    return Poll::Pending;
                }
                this.asked_at = None;
                this.machine.exchange.inspected(asked_at.elapsed());
                this.idle.as_mut().reset(Instant::now() + this.idle_time_max);
                continue;
            }
            match Pin::new(&mut this.upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.idle.as_mut().reset(Instant::now() + this.idle_time_max);
                    if let Ok(data) = frame.into_data() {
                        this.machine.exchange.hears();
                        let began = Instant::now();
                        if this.echo.sees(&data) {
                            this.machine.exchange.echoes(&this.echo);
                            this.machine.fail_as(&echo::refusal());
                            continue;
                        }
                        this.machine.read(&data);
                        this.machine.exchange.inspected(began.elapsed());
                    }
                }
                Poll::Ready(Some(Err(_))) => this.machine.fail("upstream_reset"),
                Poll::Ready(None) => this.machine.upstream_ended(),
                Poll::Pending if this.idle.as_mut().poll(context).is_ready() => {
                    this.machine.fail("upstream_idle");
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Upstream bytes in, client bytes out; no waiting in here.
struct Machine {
    bodies: BodyBudget,
    /// Choices seen so far.
    choices: BTreeSet<u32>,
    /// Whether the upstream has said that nothing more is said.
    closed: bool,
    /// Choices that have ended.
    finished: BTreeSet<u32>,
    /// How the stream ended, once it has.
    ended: Option<(Ending, Option<String>)>,
    envelope: Envelope,
    exchange: Exchange,
    external: AtEnd,
    guard: Option<AnswerGuard>,
    guards: Vec<events::GuardReport>,
    limits: ReadLimits,
    /// What the tools are called that are called so far.
    names: BTreeMap<Lane, String>,
    _open: Counted,
    operation: Operation,
    out: BytesMut,
    reader: StreamReader,
    /// What the transcript takes of the memory for all bodies.
    share: BodyShare,
    /// Choices that have begun and not ended: by what the upstream says of them, in dialects that say it, else by their
    /// text.
    unfinished: BTreeSet<u32>,
    unknown: UnknownFields,
    /// Whether events pass as they come.
    unread: bool,
}

/// Text to be sent in an event of its own.
type Held = Vec<(Lane, String)>;

impl Machine {
    fn new(parts: StreamParts) -> Self {
        Self {
            bodies: parts.bodies,
            choices: BTreeSet::new(),
            closed: false,
            finished: BTreeSet::new(),
            ended: None,
            envelope: Envelope::default(),
            exchange: parts.exchange,
            external: parts.external,
            unread: parts.guard.is_none(),
            guard: parts.guard,
            guards: parts.guards,
            limits: parts.limits,
            names: BTreeMap::new(),
            _open: parts.open,
            operation: parts.operation,
            out: BytesMut::new(),
            reader: StreamReader::new(parts.operation.dialect().framing(), parts.event_bytes_max),
            share: BodyShare::default(),
            unfinished: BTreeSet::new(),
            unknown: parts.unknown,
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        if self.unread {
            self.out.extend_from_slice(bytes);
            return self.count_unread(bytes);
        }
        self.reader.push(bytes);
        while self.ended.is_none() && !self.external.is_waiting() {
            match self.reader.next_event() {
                Some(Ok(event)) => self.event(&event),
                Some(Err(error)) => {
                    tracing::warn!(interaction = %self.exchange.interaction(), %error, "bad stream");
                    self.fail(match error {
                        StreamError::Sse(_) => "invalid_sse",
                        StreamError::Frames(_) => "invalid_frames",
                    });
                }
                None => return,
            }
        }
    }

    /// Counts events that pass unread; from the first one on that cannot be cut out, nothing.
    fn count_unread(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
        while let Some(Ok(event)) = self.reader.next_event() {
            let read = wire::read_stream_event(self.operation, &event, self.unknown, &self.limits);
            if let Ok(StreamEvent::Chunk(document) | StreamEvent::Last(document)) = read {
                self.exchange.counts(&document, |_| true);
            }
        }
    }

    fn event(&mut self, event: &StreamPart) {
        let read = wire::read_stream_event(self.operation, event, self.unknown, &self.limits);
        let (document, is_last) = match &read {
            Ok(StreamEvent::Chunk(document)) => (Some(&**document), false),
            Ok(StreamEvent::Last(document) | StreamEvent::Error(document)) => {
                (Some(&**document), true)
            }
            Ok(StreamEvent::Done) => (None, true),
            Ok(StreamEvent::Comment) | Err(_) => (None, false),
        };
        let so_far = SoFar { guard: self.guard.as_ref(), transcript: &self.envelope.transcript };
        if self.external.holds(event, document, is_last, &so_far) {
            return;
        }
        match read {
            Ok(StreamEvent::Chunk(mut document)) => self.chunk(event, &mut document),
            Ok(StreamEvent::Error(mut document)) => {
                self.chunk(event, &mut document);
                self.end(Ending::UpstreamFailed, Some("upstream_error"));
            }
            Ok(StreamEvent::Last(mut document)) => {
                self.chunk(event, &mut document);
                self.end(Ending::Answered, None);
            }
            Ok(StreamEvent::Done) => {
                if self.may_end() {
                    self.out.extend_from_slice(&event.frame());
                    self.end(Ending::Answered, None);
                }
            }
            Ok(StreamEvent::Comment) => self.out.extend_from_slice(&event.frame()),
            Err(error) => {
                tracing::warn!(
                    interaction = %self.exchange.interaction(), %error, "unreadable event"
                );
                self.fail("upstream_garbage");
            }
        }
    }

    /// Goes on with the event that waited for the guards outside, once they have looked.
    fn poll_external(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let waited = std::task::ready!(self.external.poll(context, self.guard.as_mut()));
        match waited {
            Some((_, Some(refusal))) => self.fail_as(&refusal),
            Some(_) if self.guard.as_ref().is_some_and(|guard| guard.stops) => {
                self.block(Held::new());
            }
            Some((event, None)) => {
                self.event(&event);
                self.read(&[]);
            }
            None => self.fail("internal_guard"),
        }
        Poll::Ready(())
    }

    /// One piece of the answer.
    fn chunk(&mut self, event: &StreamPart, document: &mut Document<'_>) {
        self.envelope.observe(&document.facts);
        let transcript = &self.envelope.transcript;
        self.exchange.counts(document, |lane| transcript.text(lane).is_some());
        self.exchange.answered_by(document.facts.model.as_deref());
        self.exchange.unscanned(&document.unscanned());
        if document.facts.begun.is_some_and(|choice| self.choices.contains(&choice)) {
            // Clients would start it anew, and its guard would not.
            return self.fail("upstream_garbage");
        }
        let Some(edits) = self.texts(document) else { return };
        if document.facts.closes {
            if !self.flush(None) {
                return;
            }
            self.closed = true;
        }
        for finish in &document.facts.finished {
            if !self.flush(Some(finish.choice)) {
                return;
            }
            self.choices.insert(finish.choice);
            self.unfinished.remove(&finish.choice);
            self.finished.insert(finish.choice);
        }
        if document.facts.last && !self.may_end() {
            return;
        }
        self.envelope.begun |= document.facts.id.is_some() || document.facts.opens;
        self.choices.extend(document.facts.begun);
        self.unfinished.extend(document.facts.begun);
        self.send(event, document, &edits);
    }

    /// Sends the event with these edits.
    fn send(&mut self, event: &StreamPart, document: &mut Document<'_>, edits: &[Edit]) {
        if let (1.., Some((number, _))) = (self.envelope.added, &document.facts.sequence) {
            let number = number.saturating_add(self.envelope.added);
            document.renumber(number);
        }
        self.envelope.sent(false);
        // What repeats text passes only beside text that passed unchanged; at the end, all that was said is beside it.
        let says_nothing = document.fields.iter().all(|field| field.lane.is_none());
        let is_silent = says_nothing && !(document.facts.last && self.is_unabridged());
        let drops_echoes = !document.echoes.is_empty() && (is_silent || !edits.is_empty());
        if edits.is_empty() && !drops_echoes && self.envelope.added == 0 {
            self.out.extend_from_slice(&event.frame());
            return;
        }
        let echoes = if edits.is_empty() && !drops_echoes { Echoes::OfEdited } else { Echoes::All };
        match wire::splice_event(event, document, edits, echoes) {
            Ok(bytes) => self.out.extend_from_slice(&bytes),
            Err(error) => {
                tracing::error!(interaction = %self.exchange.interaction(), %error, "splice failed");
                self.fail("internal_splice");
            }
        }
    }

    /// Whether nothing was removed so far.
    fn is_unabridged(&self) -> bool {
        self.guard.as_ref().is_none_or(|guard| guard.verdict.masked == 0)
    }

    /// Passes the event's text through its lanes. `None` when the stream was stopped.
    fn texts(&mut self, document: &Document<'_>) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        for (index, field) in document.fields.iter().enumerate() {
            let Some(lane) = field.lane.filter(|_| self.guard.is_some()) else { continue };
            if !matches!(lane.channel, Channel::Other(_) | Channel::Asked) {
                if self.closed || self.finished.contains(&lane.choice) {
                    // Clients join it to what came before; its guard has already let go of that.
                    self.fail("upstream_garbage");
                    return None;
                }
                self.choices.insert(lane.choice);
                if !self.operation.dialect().says_what_begins() {
                    self.unfinished.insert(lane.choice);
                }
            }
            if self.is_renamed(lane, &field.text) {
                self.fail("upstream_garbage");
                return None;
            }
            let Some(guard) = self.guard.as_mut() else { continue };
            let path = document.path_of(field);
            if field.repeats && lane.channel.delivery() == Delivery::Incremental {
                let said = self.said_again(lane, &path, &field.text)?;
                if said != field.text {
                    edits.push(Edit::verbatim(index, Span::new(0, field.text.len()), said));
                }
                continue;
            }
            if self.envelope.transcript.is_closed(lane) {
                self.fail("upstream_garbage");
                return None;
            }
            let last =
                lane.channel.delivery() == Delivery::Whole || ends_here(document, index, lane);
            let passed = if last {
                guard.push_last(lane, &path, &field.text)
            } else {
                guard.push(lane, &path, &field.text)
            };
            match passed {
                Passed::Unchanged => self.note(lane, &field.text)?,
                Passed::Text(text) => {
                    self.note(lane, &text)?;
                    edits.push(Edit::verbatim(index, Span::new(0, field.text.len()), text));
                }
                Passed::Stopped(text) => {
                    self.block(vec![(lane, text)]);
                    return None;
                }
            }
        }
        Some(edits)
    }

    /// Puts virtual keys on record as soon as they are seen, since a stream may take long.
    fn note_keys(&mut self) {
        if let Some(guard) = &mut self.guard {
            self.exchange.exposes(&std::mem::take(&mut guard.verdict.keys));
        }
    }

    /// Sends what is still held before the stream ends well. `false` when it does not.
    fn may_end(&mut self) -> bool {
        if let Some(refusal) = self.external.missed(self.guard.as_mut()) {
            self.fail_as(&refusal);
            return false;
        }
        self.flush(None)
    }

    /// Sends what the lanes of one choice, or all, still hold. `false` when that stopped the stream.
    fn flush(&mut self, choice: Option<u32>) -> bool {
        let Some(guard) = self.guard.as_mut() else { return true };
        let mut held: Held = Vec::new();
        let mut stopped = false;
        for lane in guard.open_lanes(choice) {
            match guard.finish(lane) {
                Passed::Unchanged => {}
                Passed::Text(text) => held.push((lane, text)),
                Passed::Stopped(text) => {
                    held.push((lane, text));
                    stopped = true;
                    break;
                }
            }
        }
        if stopped {
            self.block(held);
            return false;
        }
        self.send_held(held);
        true
    }

    fn send_held(&mut self, held: Held) {
        for (lane, text) in held {
            if text.is_empty() {
                continue;
            }
            if self.note(lane, &text).is_none() {
                return;
            }
            if let Some(event) = wire::delta_event(self.operation, &self.envelope, lane, &text) {
                self.out.extend_from_slice(&event);
                self.envelope.sent(true);
            }
        }
    }
}

/// Whether the event ends the lane's choice, or everything, and this field is the lane's last in it.
fn ends_here(document: &Document<'_>, index: usize, lane: Lane) -> bool {
    let facts = &document.facts;
    (facts.last || facts.finished.iter().any(|finish| finish.choice == lane.choice))
        && document.fields[index + 1..].iter().all(|later| later.lane != Some(lane))
}

#[cfg(test)]
#[path = "stream_lines_tests.rs"]
mod lines_tests;
#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
