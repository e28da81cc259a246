//! Names of people, places and organisations.
//!
//! **Finds** `pii.person`, `pii.place` and `pii.organisation`: capitalised names in text of any language with
//! capital letters, by a small tagger trained on English sentences and on sentences of ours in 12 languages;
//! names of people in Chinese, Japanese and Korean if what people are called by follows (`王小明先生`, `田中さん`).
//! Its error rates per source are what `trainer eval-names` prints.
//!
//! **Does not find** names in lower case or beside code (`ada_lovelace`, `@ada`, `Ada()`), streets and house
//! numbers, names of products, works and events. Days, months and languages are no names.
//! Whether a name is that of a private person it cannot know. So a rank, which counts ordinary texts with such a
//! finding, is low for most names: those of places and organisations stay below 20, where the default
//! policy masks nothing.
//!
//! **Example**: `My name is Johann Schneider and I live in Toledo.` has a person and a place.

use events::{Finding, Kind, Provenance, Rank, Score, Span};

use crate::names::model::NamesModel;
use crate::names::{self, Class, east_asia};
use crate::normalise::Normal;
use crate::score::model::sigmoid;
use crate::{DetectorCard, Reach};

/// The highest rank of places and organisations.
const UNMASKED_RANK_MAX: u8 = 19;
/// The rank of names in scripts without capitals.
const EAST_ASIAN_RANK: u8 = 18;
/// The lowest margin of a name, in units of weights.
const MARGIN_MIN: i32 = 1;
/// Units of weights per unit of log-odds, roughly: for the score only.
const UNITS_PER_LOGIT: f32 = 40.0;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "names",
    kinds: &["pii.person", "pii.place", "pii.organisation"],
    reach: Reach::Late,
    summary: "People, places and organisations, by a small tagger.",
};

const fn kind(class: Class) -> &'static str {
    match class {
        Class::Person => "pii.person",
        Class::Place => "pii.place",
        Class::Organisation => "pii.organisation",
    }
}

/// Appends the names in a text as findings in the original.
pub(crate) fn find(
    model: &NamesModel,
    normal: &Normal,
    provenance: Provenance,
    out: &mut Vec<Finding>,
) {
    let mut names = Vec::new();
    names::find(model, &normal.text, &mut names);
    for name in names.iter().filter(|name| name.margin >= MARGIN_MIN) {
        let rank = model.rank(name.class, name.margin, provenance);
        let rank =
            if name.class == Class::Person { rank } else { rank.min(Rank::new(UNMASKED_RANK_MAX)) };
        let score = Score::from_unit(sigmoid(name.margin as f32 / UNITS_PER_LOGIT));
        out.push(finding(kind(name.class), (name.start, name.end), (rank, score), normal));
    }
    if normal.text.is_ascii() {
        return;
    }
    let mut spans = Vec::new();
    east_asia::find(&normal.text, &mut spans);
    for span in spans {
        out.push(finding(
            kind(Class::Person),
            span,
            (Rank::new(EAST_ASIAN_RANK), Score::ONE),
            normal,
        ));
    }
}

fn finding(
    kind: &'static str,
    (start, end): (usize, usize),
    (rank, score): (Rank, Score),
    normal: &Normal,
) -> Finding {
    let view = if normal.map.is_verbatim(start, end) { "raw" } else { "nfkc" };
    Finding {
        detector: CARD.name.into(),
        kind: Kind::of(kind),
        rank,
        score,
        span: Span::new(normal.map.start(start), normal.map.end(end)),
        view: view.into(),
    }
}
