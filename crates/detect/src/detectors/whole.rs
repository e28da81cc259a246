//! Detectors that read a text as a whole and find at most one thing in it.
//!
//! INVARIANT: each reads the text once, front to back. INVARIANT: what they find depends on the text and its provenance alone, so that a
//! stream's end shows what a whole answer shows.

use events::{Finding, Kind, Provenance, Rank, Score, Span};

use super::{Enabled, Id, homograph_host, refusal, repetition};
use crate::DetectorCard;

/// What was found, in bytes of the original text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeHit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rank: u8,
}

/// One such detector.
struct Whole {
    id: Id,
    card: DetectorCard,
    kind: &'static str,
    /// Whether it reads answers only.
    of_answers: bool,
    find: fn(&str) -> Option<WholeHit>,
}

const DETECTORS: [Whole; 3] = [
    Whole {
        id: Id::Refusal,
        card: refusal::CARD,
        kind: refusal::KIND,
        of_answers: true,
        find: refusal::find,
    },
    Whole {
        id: Id::Repetition,
        card: repetition::CARD,
        kind: repetition::KIND,
        of_answers: true,
        find: repetition::find,
    },
    Whole {
        id: Id::HomographHost,
        card: homograph_host::CARD,
        kind: homograph_host::KIND,
        of_answers: false,
        find: homograph_host::find,
    },
];

/// Everything that `text` shows as a whole.
pub(crate) fn find(on: Enabled, text: &str, provenance: Provenance, out: &mut Vec<Finding>) {
    for detector in DETECTORS {
        if !on.has(detector.id) || (detector.of_answers && provenance != Provenance::Output) {
            continue;
        }
        out.extend((detector.find)(text).map(|hit| Finding {
            detector: detector.card.name.into(),
            kind: Kind::of(detector.kind),
            rank: Rank::new(hit.rank),
            score: Score::ONE,
            span: Span::new(hit.start, hit.end),
            view: "raw".into(),
        }));
    }
}
