//! Detectors that read a text as a whole and find at most one thing in it.
//!
//! INVARIANT: each reads the text once, front to back. INVARIANT: what they find depends on the text, its provenance and what it is compared with,
//! so that a stream's end shows what a whole answer shows.

use events::{Finding, Kind, Provenance, Rank, Score, Span};

use super::suffix::SuffixModel;
use super::{
    Enabled, Id, acrostic, bloat, homograph_host, language, refusal, repetition, schema, suffix,
};
use crate::decode::Views;
use crate::watch::Guards;
use crate::{DetectorCard, Reference};

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
    pub(crate) guards: &'a Guards,
    pub(crate) reference: &'a Reference,
}

/// One such detector.
struct Whole {
    id: Id,
    card: DetectorCard,
    /// Whether it reads answers only.
    of_answers: bool,
    find: fn(&Look<'_>) -> Option<WholeHit>,
}

const DETECTORS: [Whole; 8] = [
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
    Whole { id: Id::Language, card: language::CARD, of_answers: true, find: language::find },
    Whole { id: Id::Acrostic, card: acrostic::CARD, of_answers: true, find: acrostic::find },
    Whole {
        id: Id::Bloat,
        card: bloat::CARD,
        of_answers: true,
        find: |look| bloat::find(look.text),
    },
    Whole { id: Id::Schema, card: schema::CARD, of_answers: true, find: schema::find },
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::normalise::normalised;

    /// What a text is looked at with.
    #[derive(Default)]
    pub(crate) struct Setting {
        pub(crate) guards: Guards,
        pub(crate) reference: Reference,
        pub(crate) provenance: Option<Provenance>,
    }

    /// What one detector finds in a text, an answer unless something else is said.
    pub(crate) fn hit(
        find: fn(&Look<'_>) -> Option<WholeHit>,
        text: &str,
        setting: &Setting,
    ) -> Option<WholeHit> {
        find(&Look {
            text,
            views: &Views::of(text, normalised(text)),
            provenance: setting.provenance.unwrap_or(Provenance::Output),
            suffix: &SuffixModel::shipped().expect("it is whole"),
            guards: &setting.guards,
            reference: &setting.reference,
        })
    }
}
