//! Texts in which something was found, and which later texts are nearly the same.
//!
//! INVARIANT: only texts with findings are kept: what ordinary traffic says, however often, fills nothing here. INVARIANT: bounded: [`TEXTS_MAX`] texts of
//! [`EXEMPLARS_MAX`] sketches; the one not seen for longest leaves, and is counted. INVARIANT: a text drifts no further than from its first exemplars.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sketch::Sketch;

/// Texts that are kept: two hours of a fuzzer that never repeats itself, once a second for each, or weeks of false findings.
pub const TEXTS_MAX: usize = 4_096;
/// Sketches of one text with changing parts.
const EXEMPLARS_MAX: usize = 4;
/// The share of parts that texts have in common which are nearly the same. Of unrelated ones in a language it is below 0.05.
const SIMILAR_MIN: f32 = 0.35;
/// A text less similar than this to all exemplars becomes one.
const EXEMPLAR_SIMILAR_MAX: f32 = 0.6;
/// Of each exemplar, hashes by which it is found.
const POSTED_VALUES: usize = 8;
/// Texts that are found by one hash; more have only a common phrase in common.
const POSTED_TEXTS_MAX: usize = 16;

/// A text.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Text {
    exemplars: Vec<Sketch>,
    seen_ms: u64,
}

/// All texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    known: BTreeMap<u32, Text>,
    postings: BTreeMap<u32, Vec<u32>>,
    next: u32,
}

/// As kept in a snapshot.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptTexts {
    texts: Vec<(u32, Text)>,
    next: u32,
}

impl Texts {
    /// The text that a sketch is nearly the same as, the most similar one.
    pub(crate) fn find(&self, sketch: &Sketch) -> Option<(u32, f32)> {
        let mut candidates: Vec<u32> = sketch
            .values()
            .iter()
            .filter_map(|value| self.postings.get(value))
            .flatten()
            .copied()
            .collect();
        candidates.sort_unstable();
        candidates.dedup();
        let rated = candidates.into_iter().filter_map(|number| {
            let exemplars = &self.known.get(&number)?.exemplars;
            let similar = exemplars.iter().map(|one| one.similarity(sketch));
            Some((number, similar.max_by(f32::total_cmp)?))
        });
        let similar = rated.filter(|(_, similarity)| *similarity >= SIMILAR_MIN);
        // Of equal ones the older.
        similar.max_by(|one, two| one.1.total_cmp(&two.1).then(two.0.cmp(&one.0)))
    }

    /// Takes the sketch of a text in which something was found: which text it is, and which had to leave.
    pub(crate) fn take(&mut self, sketch: &Sketch, time_ms: u64) -> (u32, Option<u32>) {
        if let Some((number, similarity)) = self.find(sketch) {
            let Some(text) = self.known.get_mut(&number) else { return (number, None) };
            text.seen_ms = text.seen_ms.max(time_ms);
            if similarity < EXEMPLAR_SIMILAR_MAX && text.exemplars.len() < EXEMPLARS_MAX {
                text.exemplars.push(*sketch);
                self.post(number, sketch);
            }
            return (number, None);
        }
        let gone = (self.known.len() >= TEXTS_MAX).then(|| self.leave_oldest()).flatten();
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.known.insert(number, Text { exemplars: vec![*sketch], seen_ms: time_ms });
        self.post(number, sketch);
        (number, gone)
    }

    fn post(&mut self, number: u32, sketch: &Sketch) {
        for value in sketch.values().iter().take(POSTED_VALUES) {
            let posted = self.postings.entry(*value).or_default();
            if posted.len() < POSTED_TEXTS_MAX && !posted.contains(&number) {
                posted.push(number);
            }
        }
    }

    fn leave_oldest(&mut self) -> Option<u32> {
        let oldest = self.known.iter().min_by_key(|(_, text)| text.seen_ms);
        let number = oldest.map(|(number, _)| *number)?;
        let gone = self.known.remove(&number)?;
        for value in gone.exemplars.iter().flat_map(|one| one.values().iter().take(POSTED_VALUES)) {
            if let Some(posted) = self.postings.get_mut(value) {
                posted.retain(|one| *one != number);
                if posted.is_empty() {
                    self.postings.remove(value);
                }
            }
        }
        Some(number)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn keep(&self) -> KeptTexts {
        let texts = self.known.iter().map(|(number, text)| (*number, text.clone())).collect();
        KeptTexts { texts, next: self.next }
    }

    /// What was kept; nothing if that cannot have been.
    pub(crate) fn restore(kept: KeptTexts) -> Option<Self> {
        let is_sound = |(_, text): &(u32, Text)| {
            text.exemplars.len() <= EXEMPLARS_MAX
                && text.exemplars.iter().all(|one| one.values().is_sorted())
        };
        if kept.texts.len() > TEXTS_MAX || !kept.texts.iter().all(is_sound) {
            return None;
        }
        let mut texts = Self { next: kept.next, ..Self::default() };
        for (number, text) in kept.texts {
            for exemplar in &text.exemplars {
                texts.post(number, exemplar);
            }
            texts.known.insert(number, text);
        }
        Some(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::testing::{sketch, variant};

    #[test]
    fn variants_are_found_and_others_are_not() {
        let mut texts = Texts::default();
        let (first, _) = texts.take(&sketch(1), 1);
        for number in 0..50 {
            assert_eq!(texts.find(&variant(1, number, 6)).map(|(text, _)| text), Some(first));
            assert_eq!(texts.find(&sketch(number + 2)), None);
        }
        assert!(Sketch::NOTHING.is_empty() && texts.find(&Sketch::NOTHING).is_none());
    }

    #[test]
    fn the_oldest_leaves_when_there_is_no_more_room() {
        let mut texts = Texts::default();
        for number in 0..TEXTS_MAX as u32 {
            assert_eq!(texts.take(&sketch(number), number.into()).1, None);
        }
        // One that was seen again stays.
        texts.take(&sketch(0), 1 << 20);
        assert_eq!(texts.take(&sketch(1 << 20), 1 << 20).1, Some(1));
        assert_eq!(texts.find(&sketch(1)), None);
        assert!(texts.find(&sketch(0)).is_some());
        assert_eq!(texts.len(), TEXTS_MAX);
    }
}
