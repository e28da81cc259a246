//! The risk of conversations: kept between exchanges, given to policies.
//!
//! What a request adds to its conversation (its last turn: what stands after the model's last words) is weighed before it is judged,
//! and kept when the exchange ends, with whether it was refused.
//!
//! INVARIANT: bounded: [`CONVERSATIONS_MAX`] conversations of at most 600 bytes each, about 30 MB if all are long. When there are more, those that were silent
//! longest are forgotten. INVARIANT: history that a client of a stateless dialect sends again counts once.
//!
//! Not here: how turns make a score (`detect::Risk`), which conversation a request belongs to (`conversation`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use detect::{Risk, SketchKey, TurnFacts, TurnPrint};
use events::{ConversationId, Ending, Finding, LocatedFinding, Provenance, Trust};
use hunt::Sketch;
use wire::Document;

use crate::exchange::now_ms;
use crate::files::Files;
use crate::judge::{Inspected, Place};

/// Conversations whose risk is kept.
const CONVERSATIONS_MAX: usize = 65_536;
/// Conversations are kept in so many parts, so that requests seldom wait for each other.
const PARTS: usize = 16;
/// Bytes of what the user wrote in a turn that are compared with later turns.
const TURN_BYTES_MAX: usize = 64 << 10;

/// Bytes on each side of what is found in a document or a tool's result that its sketch is made of: what is planted is found again
/// wherever it is planted.
const PLANTED_BYTES: usize = 600;

/// The risk of every conversation.
pub(crate) struct Conversations {
    parts: [Mutex<Generations>; PARTS],
    sketches: SketchKey,
}

/// Two generations: when the younger is full it becomes the older, and what nobody asked for since is forgotten.
#[derive(Default)]
struct Generations {
    young: HashMap<ConversationId, Risk>,
    old: HashMap<ConversationId, Risk>,
}

impl Generations {
    fn get(&self, id: &ConversationId) -> Option<&Risk> {
        self.young.get(id).or_else(|| self.old.get(id))
    }

    fn take(&mut self, id: &ConversationId) -> Option<Risk> {
        self.young.remove(id).or_else(|| self.old.remove(id))
    }

    /// Keeps the risk of a conversation that is not there.
    fn put(&mut self, id: ConversationId, risk: Risk) {
        if self.young.len() >= CONVERSATIONS_MAX / PARTS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(id, risk);
    }
}

impl Conversations {
    /// None yet; near-duplicates are found by sketches under this key.
    pub(crate) fn new(sketches: SketchKey) -> Self {
        Self { parts: Default::default(), sketches }
    }

    fn part(&self, id: ConversationId) -> MutexGuard<'_, Generations> {
        let part = usize::from(id.to_bytes()[0]) % PARTS;
        // A state is put in whole: nothing is left half done by a panic.
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The risk of a conversation, should this be its next turn.
    fn preview(&self, id: ConversationId, facts: &TurnFacts) -> u8 {
        let known = self.part(id).get(&id).cloned();
        known.unwrap_or_default().update(facts).score
    }

    fn update(&self, id: ConversationId, facts: &TurnFacts) -> u8 {
        let mut part = self.part(id);
        let mut risk = part.take(&id).unwrap_or_default();
        let score = risk.update(facts).score;
        part.put(id, risk);
        score
    }
}

/// A turn that has begun.
pub(crate) struct Turn {
    conversations: Arc<Conversations>,
    facts: TurnFacts,
    id: ConversationId,
    /// The risk of its conversation, with it.
    pub(crate) risk: u8,
    sketch: Sketch,
}

impl Turn {
    pub(crate) fn begin(
        conversations: &Arc<Conversations>,
        id: ConversationId,
        document: &Document<'_>,
        files: &Files,
        inspected: &Inspected,
    ) -> Self {
        let (facts, sketch) =
            facts(document, files, inspected, (&conversations.sketches, now_ms()));
        let risk = conversations.preview(id, &facts);
        Self { conversations: Arc::clone(conversations), facts, id, risk, sketch }
    }

    /// What its text is like: what the user wrote, or what was found in what others did.
    pub(crate) const fn sketch(&self) -> Sketch {
        self.sketch
    }

    /// The fingerprint of what the user wrote.
    pub(crate) const fn print(&self) -> hunt::Print {
        let print = self.facts.print;
        hunt::Print { same: print.same(), similar: print.similar() }
    }

    /// Keeps the turn, knowing how it ended; the risk of its conversation from now on.
    pub(crate) fn end(mut self, ending: Ending, found: &[LocatedFinding]) -> u8 {
        let is_declined = || found.iter().any(|one| one.finding.kind.as_str() == "output.refusal");
        self.facts.is_refused = match ending {
            // Who leaves out a card number that was refused has done as told.
            Ending::Refused => self.facts.families != 0,
            Ending::Blocked => true,
            _ => is_declined(),
        };
        self.conversations.update(self.id, &self.facts)
    }
}

/// What the last turn of a request says, and what it is like.
fn facts(
    document: &Document<'_>,
    files: &Files,
    inspected: &Inspected,
    (key, time_ms): (&SketchKey, u64),
) -> (TurnFacts, Sketch) {
    let fields = &document.fields;
    let is_turn = |from: Provenance| from == Provenance::User || from.trust() == Trust::Low;
    let after_last = fields.iter().rposition(|field| is_turn(field.provenance)).map(|at| at + 1);
    // A file is part of the turn in which it is sent.
    let after_file = files.texts.last().map(|file| file.position);
    let end = after_last.max(after_file).unwrap_or_default();
    let before = fields.get(..end).unwrap_or_default();
    let models = before.iter().rposition(|field| field.provenance.trust() == Trust::Model);
    let first = models.map_or(0, |at| at + 1);
    let is_within = |place: &Place| match place {
        Place::Field(field) => (first..end).contains(field),
        Place::File(file) => files.texts.get(*file).is_some_and(|file| file.position >= first),
    };
    let findings = inspected.places.iter().zip(&inspected.findings);
    let findings = findings.filter(|(place, found)| is_within(place) && is_turn(found.provenance));
    let planted = planted((document, files), findings.clone());
    let findings = findings.map(|(_, found)| &found.finding);
    let mut text = String::new();
    for field in fields.get(first..end).unwrap_or_default() {
        let room = TURN_BYTES_MAX.saturating_sub(text.len());
        if field.provenance == Provenance::User && room > 0 {
            text.push_str(&field.text[..field.text.floor_char_boundary(room)]);
            text.push('\n');
        }
    }
    let (print, sketch) = TurnPrint::with_sketch(&text, key);
    let sketch = planted.map_or(sketch, |text| TurnPrint::with_sketch(text, key).1);
    (TurnFacts::with(print, findings, time_ms), Sketch::new(sketch))
}

/// The text around what speaks most of an attack, if that is in what neither user nor operator wrote.
fn planted<'a>(
    (document, files): (&'a Document<'_>, &'a Files),
    findings: impl Iterator<Item = (&'a Place, &'a LocatedFinding)>,
) -> Option<&'a str> {
    let speaks = |found: &Finding| hunt::speaks_of_attack(&found.kind, found.rank);
    let (place, found) = findings
        .filter(|(_, found)| speaks(&found.finding))
        .max_by_key(|(_, found)| found.finding.rank)
        .filter(|(_, found)| found.provenance.trust() == Trust::Low)?;
    let text: &str = match place {
        Place::Field(field) => &document.fields.get(*field)?.text,
        Place::File(file) => &files.texts.get(*file)?.text,
    };
    let span = found.finding.span.range();
    let from = text.floor_char_boundary(span.start.saturating_sub(PLANTED_BYTES));
    let to = text.ceil_char_boundary(span.end.saturating_add(PLANTED_BYTES));
    text.get(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> ConversationId {
        let mut hash = [0; 16];
        hash[..4].copy_from_slice(&number.to_le_bytes());
        ConversationId::from_hash(hash)
    }

    fn suspicious() -> TurnFacts {
        TurnFacts { rank: 40, families: 1, ..TurnFacts::default() }
    }

    #[test]
    fn a_preview_changes_nothing() {
        let conversations = Conversations::new(SketchKey::new([0; 16]));
        let previewed = conversations.preview(id(1), &suspicious());
        assert_eq!(conversations.preview(id(1), &suspicious()), previewed);
        assert_eq!(conversations.update(id(1), &suspicious()), previewed);
        assert!(conversations.preview(id(1), &suspicious()) > previewed);
    }

    #[test]
    fn no_more_conversations_are_kept_than_there_is_room_for() {
        let conversations = Conversations::new(SketchKey::new([0; 16]));
        let mut number = 0;
        while number < 3 * CONVERSATIONS_MAX as u32 {
            conversations.update(id(number), &suspicious());
            // One that goes on is not forgotten.
            if number.is_multiple_of(100) {
                conversations.update(id(0), &suspicious());
            }
            number += 1;
        }
        let kept = |part: &Mutex<Generations>| {
            let part = part.lock().expect("not poisoned");
            part.young.len() + part.old.len()
        };
        assert!(conversations.parts.iter().map(kept).sum::<usize>() <= CONVERSATIONS_MAX);
        assert!(conversations.preview(id(0), &TurnFacts::default()) > 50);
        assert_eq!(conversations.preview(id(17), &TurnFacts::default()), 0);
    }
}
