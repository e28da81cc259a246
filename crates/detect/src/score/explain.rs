//! Why a text has the score it has: the pieces of text that weigh most.
//!
//! For people at a terminal; it reads the text once more and is not on the fast path.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use events::Span;

use super::concepts;
use super::features::{IDEOGRAPHS_MAX, Place, concepts_of, factor, features, is_ideograph};
use super::model::{Group, Model, Reading};
use crate::Head;
use crate::decode::Views;

/// The most terms of each kind that an explanation has.
const TERMS_MAX: usize = 8;
/// Concepts that are remembered: more than a sequence reaches back.
const CONCEPTS_KEPT_MAX: usize = 8;

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
    /// The words, normalised, or the concepts: `ignore + before + instructions`.
    pub text: String,
    /// The words of the normalised text that it stands for: `disregard … earlier … rules`.
    pub words: String,
    /// Whether it is a sequence of concepts.
    pub is_concepts: bool,
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
        let mut seen = Seen::default();
        features(text, |bucket, feature| {
            let inside = feature.end as usize > start && feature.end as usize <= end;
            let weight = i32::from(self.weight(bucket, place)) * factor(bucket);
            seen.add(text, bucket, feature, inside.then_some(weight));
        });
        let scale = self.tables().get(place).map_or(0.0, |table| table.scale)
            / (seen.count.max(super::windows::FEATURES_MIN) as f32).sqrt();
        let original = |from, to| {
            let (from, to) = views.to_original(at, from, to);
            Span::new(from, to)
        };
        Explanation {
            view: view.path_of(start, end).into_owned(),
            span: original(start, end),
            margin: reading.margin(head, group),
            terms: seen
                .heaviest()
                .into_iter()
                .map(|((text, is_concepts), piece)| Term {
                    text,
                    words: piece.words,
                    is_concepts,
                    span: original(piece.from, piece.to),
                    weight: piece.weight as f32 * scale,
                })
                .collect(),
        }
    }
}

/// A term and everything that was seen of it.
#[derive(Debug)]
struct Piece {
    weight: i32,
    words: String,
    from: usize,
    to: usize,
}

/// What was seen of a text while its features were made.
#[derive(Debug, Default)]
struct Seen {
    /// By text, and whether it is of concepts.
    pieces: BTreeMap<(String, bool), Piece>,
    /// Features in the window.
    count: u32,
    /// The last concepts and where their words are, the latest last.
    concepts: VecDeque<(u8, usize, usize)>,
}

impl Seen {
    /// Takes a feature; one outside the window has no weight and only leads up to others.
    fn add(&mut self, text: &str, bucket: u32, feature: Place, weight: Option<i32>) {
        self.count += u32::from(weight.is_some());
        if feature.concepts > 0 {
            self.add_concepts(text, bucket, feature, weight);
        } else if feature.words > 0
            && let Some(weight) = weight
        {
            // The characters of a word say the same again, and are not shown.
            let (from, to) = (beginning(text, feature), feature.end as usize);
            if let Some(piece) = text.get(from..to) {
                self.weigh(piece.to_owned(), false, piece.to_owned(), from..to, weight);
            }
        }
    }

    fn add_concepts(&mut self, text: &str, bucket: u32, feature: Place, weight: Option<i32>) {
        let numbers = concepts_of(bucket);
        if feature.concepts == 1 {
            let (from, to) = word(text, feature.end as usize, numbers[2]);
            if self.concepts.len() >= CONCEPTS_KEPT_MAX {
                self.concepts.pop_front();
            }
            self.concepts.push_back((numbers[2], from, to));
        }
        let Some(weight) = weight else { return };
        // From the last one backwards, each the nearest before the one after it.
        let mut places = Vec::new();
        let mut earlier = self.concepts.iter().rev();
        for number in numbers.iter().rev().filter(|number| **number != 0) {
            let found = earlier.clone().position(|(known, ..)| known == number);
            if let Some((_, from, to)) = found.and_then(|steps| earlier.nth(steps)) {
                places.push((*from, *to));
            }
        }
        places.reverse();
        let words = places.iter().filter_map(|(from, to)| text.get(*from..*to));
        let words = words.collect::<Vec<_>>().join(" … ");
        let names = numbers.into_iter().filter(|number| *number != 0).map(concepts::name);
        let names = names.collect::<Vec<_>>().join(" + ");
        let (Some((from, _)), Some((_, to))) = (places.first(), places.last()) else { return };
        self.weigh(names, true, words, *from..*to, weight);
    }

    fn weigh(
        &mut self,
        text: String,
        is_concepts: bool,
        words: String,
        span: Range<usize>,
        weight: i32,
    ) {
        let piece = Piece { weight: 0, words, from: span.start, to: span.end };
        self.pieces.entry((text, is_concepts)).or_insert(piece).weight += weight;
    }

    fn heaviest(self) -> Vec<((String, bool), Piece)> {
        let mut pieces: Vec<_> =
            self.pieces.into_iter().filter(|(_, piece)| piece.weight > 0).collect();
        pieces.sort_by_key(|(_, piece)| (std::cmp::Reverse(piece.weight), piece.from));
        let mut left = [TERMS_MAX; 2];
        pieces.retain(|((_, is_concepts), _)| {
            let left = &mut left[usize::from(*is_concepts)];
            let is_kept = *left > 0;
            *left = left.saturating_sub(1);
            is_kept
        });
        pieces
    }
}

/// Where the word of `concept` that ends at `end` begins and ends. In scripts without spaces it is the longest run of
/// characters that means the concept.
fn word(text: &str, end: usize, concept: u8) -> (usize, usize) {
    let before = text.get(..end).unwrap_or_default();
    let letters = before.char_indices().rev().take_while(|(_, letter)| is_ideograph(*letter));
    let starts: Vec<usize> = letters.take(IDEOGRAPHS_MAX).map(|(at, _)| at).collect();
    let means =
        |at: &&usize| concepts::of_ideographs(before.get(**at..).unwrap_or_default()) == concept;
    if let Some(longest) = starts.iter().rev().find(means) {
        return (*longest, end);
    }
    let place = Place { symbol: 0, end: end as u32, symbols: 0, words: 1, concepts: 0 };
    (beginning(text, place), end)
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
