//! What is told to the client under one record: a response, or what a session says beside its responses.
//!
//! Texts go through the lanes of an [`AnswerGuard`], told by item and part. What comes whole after it came in pieces is
//! said as the pieces were; what its lane still holds leaves first, in an event like the last that said a piece.
//!
//! INVARIANT: sound leaves once the transcript beside it was let go whole, and only if nothing was masked under this record: with
//! events of its own it is held back until then, in a part it becomes `null`. INVARIANT: what is kept of texts that were told is bounded;
//! what is forgotten first is the oldest, which is judged anew if it is said again. INVARIANT: dropping it puts what was found on record.
//!
//! Not here: which record an event belongs to (`talk`), what is settled when (`answer`).

use std::collections::{BTreeMap, VecDeque};

use events::{Ending, GuardReport, Span, Unscanned};
use net::{BodyBudget, BodyShare};
use wire::{
    Channel, Delivery, Document, EchoOf, Echoes, Edit, Lane, Literal, Operation, ReadLimits,
    Transcript, read_session_event, splice,
};

use crate::{
    answer::{AnswerGuard, Passed},
    exchange::Exchange,
    reply::ANSWER_UNKNOWN_FIELDS,
};

/// The events that say sound, or that it has ended.
const SOUNDS: [(&str, bool); 4] = [
    ("response.output_audio.delta", true),
    ("response.audio.delta", true),
    ("response.output_audio.done", false),
    ("response.audio.done", false),
];
/// Bytes of texts that were told, and may be said again, that are kept.
const TOLD_BYTES_MAX: usize = 1 << 20;
/// Why sound was not sent on.
const WITHHELD: &str = "withheld: its transcript was masked, or never came";

/// See the module.
pub(super) struct Telling {
    bodies: BodyBudget,
    /// Lanes that are closed and whose texts are kept, the oldest first.
    closed: VecDeque<Lane>,
    pub(super) exchange: Exchange,
    /// `None` when guards are off and nothing has to be restored.
    guard: Option<AnswerGuard>,
    guards: Vec<GuardReport>,
    /// The last event that said a piece of a lane that holds something.
    lasts: BTreeMap<Lane, String>,
    limits: ReadLimits,
    share: BodyShare,
    /// Sound that waits, by the lane of its transcript; whether each event is sound itself.
    sounds: BTreeMap<Lane, Vec<(bool, String)>>,
    sounds_bytes: usize,
    sounds_bytes_max: usize,
    transcript: Transcript,
}

/// What follows from an event.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Messages for the client, in order.
    pub(super) out: Vec<String>,
    pub(super) stopped: Option<Stopped>,
}

/// What ends with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Nothing,
    /// What is said of the item that it is about.
    Item,
    /// All that is told under the record.
    All,
}

/// Whether events of this type say sound.
pub(super) fn is_sound(event: &str) -> bool {
    SOUNDS.contains(&(event, true))
}

/// Why nothing more may be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// By policy.
    Blocked,
    /// It cannot be read, or not within limits.
    Unreadable(&'static str),
}

impl Told {
    fn stop(&mut self, why: Stopped) {
        self.stopped.get_or_insert(why);
    }
}

impl Telling {
    pub(super) fn new(
        exchange: Exchange,
        guard: Option<AnswerGuard>,
        guards: Vec<GuardReport>,
        bodies: BodyBudget,
        (limits, sounds_bytes_max): (ReadLimits, usize),
    ) -> Self {
        Self {
            bodies,
            closed: VecDeque::new(),
            exchange,
            guard,
            guards,
            lasts: BTreeMap::new(),
            limits,
            share: BodyShare::default(),
            sounds: BTreeMap::new(),
            sounds_bytes: 0,
            sounds_bytes_max,
            transcript: Transcript::default(),
        }
    }

    /// Its guard, if there is one.
    pub(super) const fn guard(&mut self) -> Option<&mut AnswerGuard> {
        self.guard.as_mut()
    }

    /// What is told of an event about this item, with which this ends.
    pub(super) fn tell(
        &mut self,
        text: &str,
        document: &mut Document<'_>,
        about: u32,
        ends: Ends,
    ) -> Told {
        let mut told = Told::default();
        self.exchange.hears();
        self.count(document);
        self.exchange.unscanned(&document.unscanned());
        if self.guard.is_none() {
            told.out.push(text.to_owned());
            return told;
        }
        let edits = self.texts(text, document, &mut told);
        if told.stopped.is_some() {
            return told;
        }
        self.finish_lanes(ends, about, &mut told);
        if told.stopped.is_some() {
            return told;
        }
        self.keep_silent(document);
        let Some(message) = spliced(text, document, &edits) else {
            told.stop(Stopped::Unreadable("internal_splice"));
            return told;
        };
        let event = document.facts.event.as_deref().unwrap_or_default();
        if let Some((_, is_sound)) = SOUNDS.iter().find(|(name, _)| *name == event) {
            let channel = Channel::PartTranscript(document.facts.part.unwrap_or_default());
            self.sound(Lane { choice: about, channel }, *is_sound, message, &mut told);
            return told;
        }
        self.release_sounds(ends == Ends::All, &mut told);
        told.out.push(message);
        told
    }

    /// Counts what an event has used. Transcriptions of what the user says count by themselves.
    fn count(&mut self, document: &Document<'_>) {
        let is_of_user = |lane: Lane| matches!(lane.channel, Channel::InputTranscript(_));
        if !document.fields.iter().any(|field| field.lane.is_some_and(is_of_user)) {
            let transcript = &self.transcript;
            let is_said = |lane| transcript.text(lane).is_some() || transcript.is_closed(lane);
            self.exchange.counts(document, is_said);
        }
        self.exchange.answered_by(document.facts.model.as_deref());
    }

    /// Leaves of the sound inside parts only that whose transcript was told, to go as it is.
    fn keep_silent(&mut self, document: &mut Document<'_>) {
        let is_masked = self.guard.as_ref().is_some_and(|guard| guard.verdict.masked > 0);
        let is_told = |choice, part| {
            let channels = [Channel::PartTranscript(part), Channel::InputTranscript(part)];
            channels
                .iter()
                .any(|channel| self.transcript.is_closed(Lane { choice, channel: *channel }))
        };
        let may_leave =
            |of, choice, part| of == EchoOf::Sound && !is_masked && is_told(choice, part);
        document.echoes.retain(|echo| !may_leave(echo.of, echo.choice, echo.part));
        if document.echoes.iter().any(|echo| echo.of == EchoOf::Sound) {
            self.withhold("audio");
        }
    }

    /// Passes the texts of an event through their lanes; the edits that make it what may be told.
    fn texts(&mut self, text: &str, document: &mut Document<'_>, told: &mut Told) -> Vec<Edit> {
        let mut edits = Vec::new();
        for index in 0..document.fields.len() {
            let field = &document.fields[index];
            let (Some(lane), span) = (field.lane, Span::new(0, field.text.len())) else { continue };
            let path = document.path_of(field);
            let is_piece = lane.channel.delivery() == Delivery::Incremental && !field.repeats;
            let said = if is_piece {
                self.piece(lane, &path, &field.text, text, told)
            } else if lane.channel.delivery() == Delivery::Incremental {
                self.said_again(lane, &path, &field.text, told)
            } else {
                self.whole(lane, &path, &field.text, told)
            };
            if let Some(said) = said.filter(|said| *said != field.text) {
                edits.push(Edit::verbatim(index, span, said));
            }
            if told.stopped.is_some() {
                if is_piece && let Some(message) = spliced(text, document, &edits) {
                    // What came before the finding.
                    told.out.push(message);
                }
                return edits;
            }
        }
        edits
    }

    /// The next piece of a lane, as far as it may be said.
    fn piece(
        &mut self,
        lane: Lane,
        path: &str,
        piece: &str,
        event: &str,
        told: &mut Told,
    ) -> Option<String> {
        if self.transcript.is_closed(lane) {
            // Clients join it to what came before; its guard has already let go of that.
            told.stop(Stopped::Unreadable("upstream_garbage"));
            return None;
        }
        let said = match self.guard.as_mut()?.push(lane, path, piece) {
            Passed::Unchanged => {
                self.lasts.remove(&lane);
                piece.to_owned()
            }
            Passed::Text(said) => {
                self.lasts.insert(lane, event.to_owned());
                said
            }
            Passed::Stopped(said) => {
                told.stop(self.why());
                said
            }
        };
        self.note(lane, &said, told);
        Some(said)
    }

    /// Text that comes whole.
    fn whole(&mut self, lane: Lane, path: &str, text: &str, told: &mut Told) -> Option<String> {
        match self.guard.as_mut()?.push_last(lane, path, text) {
            Passed::Unchanged => None,
            Passed::Text(said) => Some(said),
            Passed::Stopped(_) => {
                told.stop(self.why());
                None
            }
        }
    }

    /// What was told of a lane that is said again whole. One that has never begun, or was forgotten, is judged now.
    fn said_again(
        &mut self,
        lane: Lane,
        path: &str,
        text: &str,
        told: &mut Told,
    ) -> Option<String> {
        let is_closed = self.transcript.is_closed(lane);
        if !is_closed && self.transcript.text(lane).is_some() {
            self.finish(lane, told);
        } else if self.transcript.text(lane).is_none() {
            let said = self.whole(lane, path, text, told);
            if told.stopped.is_some() || is_closed {
                return said;
            }
            self.note(lane, said.as_deref().unwrap_or(text), told);
            self.close(lane);
        }
        self.transcript.text(lane).map(str::to_owned)
    }

    /// The end of a lane: what it still holds leaves in an event of its own.
    fn finish(&mut self, lane: Lane, told: &mut Told) {
        let Some(guard) = self.guard.as_mut() else { return };
        let (held, is_stopped) = match guard.finish(lane) {
            Passed::Unchanged => (String::new(), false),
            Passed::Text(held) => (held, false),
            Passed::Stopped(held) => (held, true),
        };
        let last = self.lasts.remove(&lane);
        if !held.is_empty() {
            match last.and_then(|last| self.like(&last, lane, &held)) {
                Some(message) => told.out.push(message),
                None => told.stop(Stopped::Unreadable("upstream_garbage")),
            }
            self.note(lane, &held, told);
        }
        self.close(lane);
        if is_stopped {
            told.stop(self.why());
        }
    }

    /// The end of some lanes.
    fn finish_lanes(&mut self, ends: Ends, about: u32, told: &mut Told) {
        let of = match ends {
            Ends::Nothing => return,
            Ends::Item => Some(about),
            Ends::All => None,
        };
        let open = self.guard.as_ref().map(|guard| guard.open_lanes(of)).unwrap_or_default();
        for lane in open {
            if told.stopped.is_none() {
                self.finish(lane, told);
            }
        }
    }

    /// Nothing more is said on a lane.
    fn close(&mut self, lane: Lane) {
        self.transcript.close(lane);
        self.closed.push_back(lane);
    }

    /// An event like this one that says `text` on the lane, and nothing else: what else it said was told, or was not to be.
    fn like(&self, event: &str, lane: Lane, text: &str) -> Option<String> {
        let unknown = ANSWER_UNKNOWN_FIELDS;
        let read = read_session_event(Operation::Realtime, event, unknown, &self.limits);
        let document = read.ok()?;
        let says = |field: &wire::Field<'_>| {
            !field.repeats && field.lane.is_some_and(|other| other.channel == lane.channel)
        };
        let index = document.fields.iter().position(says)?;
        if document.fields.iter().any(|field| field.literal == Literal::Key) {
            return None;
        }
        let edit = |(at, field): (usize, &wire::Field<'_>)| {
            let said = if at == index { text } else { "" };
            Edit::verbatim(at, Span::new(0, field.text.len()), said)
        };
        let edits: Vec<Edit> = document.fields.iter().enumerate().map(edit).collect();
        String::from_utf8(splice(&document, &edits, Echoes::All).ok()?).ok()
    }

    /// Writes down what is told on a lane that may be said again.
    fn note(&mut self, lane: Lane, text: &str, told: &mut Told) {
        while self.transcript.bytes() + text.len() > TOLD_BYTES_MAX
            && let Some(oldest) = self.closed.pop_front()
        {
            self.transcript.forget(oldest);
        }
        if !self.transcript.add(lane, text) {
            return told.stop(Stopped::Unreadable("upstream_answer_too_large"));
        }
        self.cover(told);
    }

    /// What is kept takes of the memory for all bodies.
    fn cover(&mut self, told: &mut Told) {
        let lasts: usize = self.lasts.values().map(String::len).sum();
        let kept = self.exchange.kept_bytes();
        let bytes = self.transcript.bytes() + self.sounds_bytes + lasts + kept;
        if self.bodies.cover(&mut self.share, bytes).is_err() {
            told.stop(Stopped::Unreadable("overloaded"));
        }
    }

    /// Sound waits for its transcript.
    fn sound(&mut self, lane: Lane, is_sound: bool, message: String, told: &mut Told) {
        if self.transcript.is_closed(lane) {
            return self.release(is_sound, message, told);
        }
        self.sounds_bytes += message.len();
        if self.sounds_bytes > self.sounds_bytes_max {
            return told.stop(Stopped::Unreadable("upstream_answer_too_large"));
        }
        self.sounds.entry(lane).or_default().push((is_sound, message));
        self.cover(told);
    }

    /// Lets the sound go whose transcript has been told; at the end, what is left is withheld.
    fn release_sounds(&mut self, is_last: bool, told: &mut Told) {
        let is_due = |lane: &Lane, transcript: &Transcript| is_last || transcript.is_closed(*lane);
        let due: Vec<Lane> =
            self.sounds.keys().filter(|lane| is_due(lane, &self.transcript)).copied().collect();
        for lane in due {
            let is_told = self.transcript.is_closed(lane);
            for (is_sound, message) in self.sounds.remove(&lane).unwrap_or_default() {
                self.sounds_bytes -= message.len();
                if is_told || !is_sound {
                    self.release(is_sound, message, told);
                } else {
                    self.withhold("delta");
                }
            }
        }
    }

    fn release(&mut self, is_sound: bool, message: String, told: &mut Told) {
        let is_masked = self.guard.as_ref().is_some_and(|guard| guard.verdict.masked > 0);
        if is_sound && is_masked {
            return self.withhold("delta");
        }
        told.out.push(message);
    }

    fn withhold(&mut self, path: &str) {
        let (path, why) = (path.to_owned(), WITHHELD.to_owned());
        self.exchange.unscanned(&[Unscanned { path, why }]);
    }

    /// Why the guard has stopped.
    fn why(&self) -> Stopped {
        if self.guard.as_ref().is_some_and(|guard| guard.verdict.gave_up) {
            Stopped::Unreadable("upstream_garbage")
        } else {
            Stopped::Blocked
        }
    }

    /// The code of what stopped it.
    pub(super) fn code(&self) -> String {
        let decision = self.guard.as_ref().and_then(|guard| guard.verdict.decision.as_ref());
        let reason = decision.and_then(|decision| decision.reason.clone());
        reason.unwrap_or(std::borrow::Cow::Borrowed("policy_block")).into_owned()
    }

    /// Puts keys of ours on record as soon as they are seen, since a session may take long.
    pub(super) fn note_keys(&mut self) {
        if let Some(guard) = &mut self.guard {
            self.exchange.exposes(&std::mem::take(&mut guard.verdict.keys));
        }
    }

    /// Closes the record.
    pub(super) fn end(&mut self, ending: Ending, reason: Option<&str>) {
        self.take_verdict();
        self.exchange.end(ending, reason);
    }

    fn take_verdict(&mut self) {
        if let Some(guard) = self.guard.take() {
            self.exchange.verdict(guard.verdict);
            self.exchange.guards(std::mem::take(&mut self.guards));
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.take_verdict();
    }
}

/// The event with these edits. What repeats text in another form stays only beside text that was told as it came, and sound nowhere.
fn spliced(text: &str, document: &Document<'_>, edits: &[Edit]) -> Option<String> {
    let is_silent = document.fields.iter().all(|field| field.lane.is_none());
    let is_sound = document.echoes.iter().any(|echo| echo.of == EchoOf::Sound);
    if edits.is_empty() && !is_sound && (document.echoes.is_empty() || !is_silent) {
        return Some(text.to_owned());
    }
    String::from_utf8(splice(document, edits, Echoes::All).ok()?).ok()
}
