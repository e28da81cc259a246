//! An event and its place on record, and what is remembered of interactions until they end.
//!
//! A close record names its interaction and nothing of who asked for what, which the open record says. An exported event
//! stands alone in a SIEM, so what the open record said is added to what follows it.
//!
//! INVARIANT: at most [`INTERACTIONS_REMEMBERED_MAX`] are remembered, the latest ones. INVARIANT: what is written of an event
//! depends on the records before it alone, never on which of them were asked for.

use std::collections::{HashMap, VecDeque};

use events::{
    ConversationId, Digest, Event, EventBody, InteractionId, InteractionOpened, NodeId, Principal,
    Trace,
};
use serde::Serialize;

use crate::fact::{TEXT_BYTES_MAX, bounded};

/// Interactions that have begun and not ended, of which it is remembered who asked for what.
pub const INTERACTIONS_REMEMBERED_MAX: usize = 16_384;

/// An event and its place on record. As JSON, it is what `log tail --json` shows.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Entry<'a> {
    /// Head of the chain after it.
    pub chain: Digest,
    /// What happened.
    pub event: &'a Event,
    /// Its Merkle leaf.
    pub leaf: Digest,
    /// Which node wrote it.
    pub node: NodeId,
    /// Its place: 0 for the node's first.
    pub sequence: u64,
}

/// What an open record said that is worth knowing of what follows it.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) client_address: String,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) dialect: String,
    pub(crate) model: Option<String>,
    pub(crate) operation: String,
    pub(crate) principal: Principal,
    pub(crate) route: Option<String>,
    pub(crate) streamed: bool,
    pub(crate) trace: Option<Trace>,
    pub(crate) upstream: Option<String>,
}

impl Opened {
    pub(crate) fn of(opened: &InteractionOpened) -> Self {
        let kept = |text: &String| bounded(text, TEXT_BYTES_MAX).to_owned();
        let maybe = |text: &Option<String>| text.as_ref().map(kept);
        let who = &opened.principal;
        Self {
            client_address: kept(&opened.client_address),
            conversation: opened.conversation,
            dialect: kept(&opened.dialect),
            model: maybe(&opened.model),
            operation: kept(&opened.operation),
            principal: Principal {
                agent: maybe(&who.agent),
                application: maybe(&who.application),
                end_user: maybe(&who.end_user),
                issuer: maybe(&who.issuer),
                key: who.key,
                team: maybe(&who.team),
                tenant: maybe(&who.tenant),
                user: maybe(&who.user),
            },
            route: maybe(&opened.route),
            streamed: opened.streamed,
            trace: opened.trace,
            upstream: maybe(&opened.upstream),
        }
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    opened: HashMap<InteractionId, Opened>,
    /// In the order in which they began, also of those that have ended since.
    order: VecDeque<InteractionId>,
    previous: Option<(u64, Digest)>,
}

/// What is known of an event from the records before it.
#[derive(Debug, Default)]
pub(crate) struct Before {
    pub(crate) opened: Option<Opened>,
    /// Whether the event is less than its record, so that leaves are keyed hashes of them.
    pub(crate) is_redacted: bool,
    /// The leaf of the record before it, if that was read.
    pub(crate) leaf: Option<Digest>,
}

impl Memory {
    /// Takes note of a record; gives what is known of it from the ones before.
    pub(crate) fn note(&mut self, entry: &Entry<'_>) -> Before {
        let previous = self.previous.replace((entry.sequence, entry.leaf));
        let leaf = previous.filter(|(sequence, _)| sequence.checked_add(1) == Some(entry.sequence));
        let opened = match &entry.event.body {
            EventBody::InteractionOpened(opened) => {
                self.remember(opened.interaction, Opened::of(opened));
                None
            }
            EventBody::InteractionClosed(closed) => self.opened.remove(&closed.interaction),
            EventBody::Administration(_)
            | EventBody::Anomaly(_)
            | EventBody::Campaign(_)
            | EventBody::Node(_)
            | EventBody::UserReport(_) => None,
        };
        Before { opened, is_redacted: false, leaf: leaf.map(|(_, leaf)| leaf) }
    }

    fn remember(&mut self, interaction: InteractionId, opened: Opened) {
        if self.order.len() == INTERACTIONS_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.opened.remove(&oldest);
        }
        self.order.push_back(interaction);
        self.opened.insert(interaction, opened);
    }
}

#[cfg(test)]
mod tests {
    use events::{Digest, Event, EventBody, InteractionId, NodeId};

    use super::{Entry, INTERACTIONS_REMEMBERED_MAX, Memory};
    use crate::testing;

    fn note(memory: &mut Memory, sequence: u64, event: &Event) -> super::Before {
        let leaf = Digest([sequence as u8; 32]);
        memory.note(&Entry { chain: leaf, event, leaf, node: NodeId::new(1), sequence })
    }

    fn pair(number: u64) -> (Event, Event) {
        let id = InteractionId::new(number, u128::from(number));
        let (mut opened, mut closed) = (testing::opened(&[]), testing::closed(&[]));
        (opened.interaction, closed.interaction) = (id, id);
        let event = |body| Event::new(number, body);
        (
            event(EventBody::InteractionOpened(Box::new(opened))),
            event(EventBody::InteractionClosed(Box::new(closed))),
        )
    }

    #[test]
    fn an_end_knows_its_beginning_once_and_the_record_before_it() {
        let mut memory = Memory::default();
        let (opened, closed) = pair(1);
        assert!(note(&mut memory, 4, &opened).leaf.is_none(), "nothing was before");
        let before = note(&mut memory, 5, &closed);
        assert_eq!(before.leaf, Some(Digest([4; 32])));
        assert!(before.opened.is_some());
        let again = note(&mut memory, 7, &closed);
        assert!(again.opened.is_none() && again.leaf.is_none(), "there is a gap before it");
    }

    #[test]
    fn only_the_latest_are_remembered() {
        let mut memory = Memory::default();
        for number in 0..=INTERACTIONS_REMEMBERED_MAX as u64 {
            note(&mut memory, number, &pair(number).0);
        }
        assert!(note(&mut memory, 0, &pair(0).1).opened.is_none());
        assert!(note(&mut memory, 1, &pair(1).1).opened.is_some());
        assert!(memory.order.len() <= INTERACTIONS_REMEMBERED_MAX);
    }
}
