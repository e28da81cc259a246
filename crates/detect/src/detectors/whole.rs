//! Detectors that read a text as a whole and find at most one thing in it.
//!
//! INVARIANT: each reads the text once, front to back. INVARIANT: what they find depends on the text, its provenance and what it is compared with,
//! so that a stream's end shows what a whole answer shows.

use events::{Finding, Kind, Provenance, Rank, Score, Span};

use super::suffix::SuffixModel;
use super::{Enabled, Id, homograph_host, refusal, repetition, suffix};
use crate::DetectorCard;
use crate::decode::Views;

/// What was found, in bytes of the original text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeHit {
    pub(crate) kind: &'static str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rank: u8,
}

/// A text, and what is known besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) text: &'a str,
    pub(crate) views: &'a Views,
    pub(crate) provenance: Provenance,
    pub(crate) suffix: &'a SuffixModel,
}

/// One such detector.
struct Whole {
    id: Id,
    card: DetectorCard,
    /// Whether it reads answers only.
    of_answers: bool,
    find: fn(&Look<'_>) -> Option<WholeHit>,
}

const DETECTORS: [Whole; 4] = [
    Whole {
        id: Id::Refusal,
        card: refusal::CARD,
        of_answers: true,
        find: |look| refusal::find(look.text),
    },
    Whole {
        id: Id::Repetition,
        card: repetition::CARD,
        of_answers: true,
        find: |look| repetition::find(look.text),
    },
    Whole {
        id: Id::HomographHost,
        card: homograph_host::CARD,
        of_answers: false,
        find: |look| homograph_host::find(look.text),
    },
    Whole { id: Id::Suffix, card: suffix::CARD, of_answers: false, find: suffix::find },
];

/// Everything that a text shows as a whole.
pub(crate) fn find(on: Enabled, look: &Look<'_>, out: &mut Vec<Finding>) {
    for detector in DETECTORS {
        if !on.has(detector.id) || (detector.of_answers && look.provenance != Provenance::Output) {
            continue;
        }
        out.extend((detector.find)(look).map(|hit| Finding {
            detector: detector.card.name.into(),
            kind: Kind::of(hit.kind),
            rank: Rank::new(hit.rank),
            score: Score::ONE,
            span: Span::new(hit.start, hit.end),
            view: "raw".into(),
        }));
    }
}
