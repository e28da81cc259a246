//! Why a text has the score it has: the pieces of text that weigh most.
//!
//! For people at a terminal; it reads the text once more and is not on the fast path.

use std::collections::BTreeMap;

use events::Span;

use super::features::{Place, features};
use super::model::{Group, Model, Reading};
use crate::Head;
use crate::decode::Views;

/// The most terms an explanation has.
const TERMS_MAX: usize = 12;

/// The highest window of a text and what made it high.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The path of decodings of the view: `raw`, `base64>raw`.
    pub view: String,
    /// Where the window is, in the original text.
    pub span: Span,
    /// Log-odds.
    pub margin: f32,
    /// What weighs most, the heaviest first.
    pub terms: Vec<Term>,
}

/// One piece of text and its share.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The piece, normalised.
    pub text: String,
    /// Where it first stands in the original text.
    pub span: Span,
    /// How much it adds to the log-odds, all its places together.
    pub weight: f32,
}

impl Default for Explanation {
    fn default() -> Self {
        Self { view: String::new(), span: Span::new(0, 0), margin: 0.0, terms: Vec::new() }
    }
}

impl Model {
    /// Explains what `reading`, made of view `at`, says about `head`.
    pub(crate) fn explain(
        &self,
        views: &Views,
        at: usize,
        reading: &Reading,
        head: Head,
        group: Group,
    ) -> Explanation {
        let (Some(view), Some(place)) = (views.views.get(at), self.place(head, group)) else {
            return Explanation::default();
        };
        let (start, end) = reading.span(head, group);
        let text = view.normal.text.as_str();
        let mut weights: BTreeMap<&str, (i32, usize, usize)> = BTreeMap::new();
        let mut count = 0_u32;
        features(text, |bucket, feature| {
            let to = feature.end as usize;
            if to <= start || to > end {
                return;
            }
            count += 1;
            // Only words are shown: the characters of a word say the same again.
            if feature.words == 0 {
                return;
            }
            let from = beginning(text, feature);
            if let Some(piece) = text.get(from..to) {
                weights.entry(piece).or_insert((0, from, to)).0 +=
                    i32::from(self.weight(bucket, place));
            }
        });
        let scale = self.tables().get(place).map_or(0.0, |table| table.scale)
            / (count.max(super::windows::FEATURES_MIN) as f32).sqrt();
        let mut terms: Vec<_> =
            weights.into_iter().filter(|(_, (weight, ..))| *weight > 0).collect();
        terms.sort_by_key(|(_, (weight, from, _))| (std::cmp::Reverse(*weight), *from));
        let original = |from, to| {
            let (from, to) = views.to_original(at, from, to);
            Span::new(from, to)
        };
        Explanation {
            view: view.path_of(start, end).into_owned(),
            span: original(start, end),
            margin: reading.margin(head, group),
            terms: terms
                .into_iter()
                .take(TERMS_MAX)
                .map(|(piece, (weight, from, to))| Term {
                    text: piece.to_owned(),
                    span: original(from, to),
                    weight: weight as f32 * scale,
                })
                .collect(),
        }
    }
}

/// Where the word sequence that ends at `place` begins.
fn beginning(text: &str, place: Place) -> usize {
    let before = text.get(..place.end as usize).unwrap_or_default();
    let mut at = before.len();
    for _ in 0..place.words {
        let head = before.get(..at).unwrap_or_default();
        let head = head.trim_end_matches(|character: char| !character.is_alphanumeric());
        let word = head.trim_end_matches(char::is_alphanumeric);
        at = word.len();
    }
    at
}
