//! Names of people, places and organisations: a small tagger of ours.
//!
//! A line is cut into tokens. Stretches of capitalised words (with the small words that names have inside them)
//! are the only places where a name is looked for; each token of a stretch is described by hashed features, and
//! the best sequence of tags is found with the weights of the model (Viterbi 1967). What sets a name apart from the
//! next best reading is its margin, and the margin has a rank that was measured on ordinary texts.
//!
//! INVARIANT: linear in the text: every token is described once, a line is read in pieces of at most
//! [`tokens::TOKENS_MAX`] tokens. INVARIANT: integers only, so the same text and model give the same names.
//!
//! Not here: kinds and findings (`detectors::names`), training (`trainer`).

pub(crate) mod east_asia;
pub(crate) mod features;
pub(crate) mod model;
pub(crate) mod tokens;
pub(crate) mod words;

use features::Stretch;
use model::NamesModel;

/// Tags: outside, then the first and the following tokens of each class.
pub const TAGS: usize = 1 + 2 * CLASSES;
/// Classes of names.
pub const CLASSES: usize = 3;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A person.
    Person,
    /// A country, region, town, river, mountain.
    Place,
    /// A company, authority, club, band.
    Organisation,
}

impl Class {
    /// All of them, in the order of the tags.
    pub const ALL: [Self; CLASSES] = [Self::Person, Self::Place, Self::Organisation];

    /// The tag of the first token of a name of this class; that of the following ones is one more.
    pub const fn first_tag(self) -> usize {
        1 + 2 * self as usize
    }
}

/// A name in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its class.
    pub class: Class,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// How far the best reading with it is ahead of the best one without it, in units of weights.
    pub margin: i32,
}

/// Appends the names in `text`, by start.
pub fn find(model: &NamesModel, text: &str, out: &mut Vec<Name>) {
    let mut scores = Vec::new();
    features::stretches(text, |stretch| {
        scores.clear();
        scores.extend(stretch.features.iter().map(|features| model.emission(features.buckets())));
        if !scores.iter().all(is_outside) {
            decode(model, stretch, &scores, out);
        }
    });
}

/// Whether `tag` may follow `before`: a name goes on only as what it began as.
pub const fn may_follow(before: usize, tag: usize) -> bool {
    tag == 0 || tag % 2 == 1 || before == tag || before + 1 == tag
}

/// Scores no path reaches.
const NEVER: i32 = i32::MIN / 4;

/// The best tag sequence of a stretch, and how far each token's class is ahead of every other class.
fn decode(model: &NamesModel, stretch: &Stretch, scores: &[[i32; TAGS]], out: &mut Vec<Name>) {
    let forward = sweep(model, scores, Direction::Forward);
    let backward = sweep(model, scores, Direction::Backward);
    let through = |at: usize, tag: usize| -> i32 {
        let pair = (
            forward.get(at).and_then(|row| row.get(tag)),
            backward.get(at).and_then(|row| row.get(tag)),
        );
        let own = scores.get(at).and_then(|row| row.get(tag)).copied().unwrap_or(0);
        match pair {
            (Some(forward), Some(backward)) => {
                forward.saturating_add(*backward).saturating_sub(own)
            }
            _ => NEVER,
        }
    };
    let path = best_path(model, &forward);
    let mut at = 0;
    while let Some(tag) = path.get(at).copied() {
        let class = Class::ALL.into_iter().find(|class| class.first_tag() == tag);
        let Some(class) = class else {
            at += 1;
            continue;
        };
        let len = 1 + path.iter().skip(at + 1).take_while(|next| **next == tag + 1).count();
        let margin = (at..at + len)
            .map(|token| {
                let own = through(token, tag).max(through(token, tag + 1));
                let other = (0..TAGS)
                    .filter(|other| *other != tag && *other != tag + 1)
                    .map(|other| through(token, other))
                    .max();
                own.saturating_sub(other.unwrap_or(NEVER))
            })
            .min();
        if let (Some((start, _)), Some((_, end)), Some(margin)) =
            (stretch.tokens.get(at), stretch.tokens.get(at + len - 1), margin)
        {
            out.push(Name { class, start: *start, end: *end, margin });
        }
        at += len;
    }
}

/// What two steps between tags can weigh at most.
const STEPS_MAX: i32 = 4 * i8::MAX as i32;

/// Whether no step to or from any other tag can make up for the lead of the one for outside.
fn is_outside(scores: &[i32; TAGS]) -> bool {
    let [outside, others @ ..] = scores;
    others.iter().all(|other| outside - other > STEPS_MAX)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// For every token and tag, the score of the best way there from one end of the stretch.
fn sweep(model: &NamesModel, scores: &[[i32; TAGS]], direction: Direction) -> Vec<[i32; TAGS]> {
    let forward = direction == Direction::Forward;
    let mut rows: Vec<[i32; TAGS]> = Vec::with_capacity(scores.len());
    let order: &mut dyn Iterator<Item = &[i32; TAGS]> =
        if forward { &mut scores.iter() } else { &mut scores.iter().rev() };
    for own in order {
        let mut row = [NEVER; TAGS];
        for (tag, (best, own)) in row.iter_mut().zip(own).enumerate() {
            let way = match rows.last() {
                None if forward => {
                    if may_follow(0, tag) {
                        model.transition(0, tag)
                    } else {
                        NEVER
                    }
                }
                None => 0,
                Some(last) => {
                    last.iter()
                        .enumerate()
                        .filter(|(other, _)| {
                            if forward { may_follow(*other, tag) } else { may_follow(tag, *other) }
                        })
                        .map(|(other, score)| {
                            let step = if forward {
                                model.transition(other, tag)
                            } else {
                                model.transition(tag, other)
                            };
                            score.saturating_add(step)
                        })
                        .max()
                        .unwrap_or(NEVER)
                }
            };
            *best = way.saturating_add(*own);
        }
        rows.push(row);
    }
    if !forward {
        rows.reverse();
    }
    rows
}

/// The best tags, read back from the end of the forward sweep.
fn best_path(model: &NamesModel, forward: &[[i32; TAGS]]) -> Vec<usize> {
    let mut path = Vec::with_capacity(forward.len());
    let mut after: Option<usize> = None;
    for row in forward.iter().rev() {
        let best = row
            .iter()
            .enumerate()
            .filter(|(tag, _)| after.is_none_or(|after| may_follow(*tag, after)))
            .map(|(tag, score)| {
                let step = after.map_or(0, |after| model.transition(tag, after));
                (score.saturating_add(step), std::cmp::Reverse(tag))
            })
            .max();
        let tag = best.map_or(0, |(_, std::cmp::Reverse(tag))| tag);
        path.push(tag);
        after = Some(tag);
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_on_as_what_it_began_as() {
        let (first, next) = (Class::Place.first_tag(), Class::Place.first_tag() + 1);
        assert!(may_follow(first, next) && may_follow(next, next) && may_follow(next, first));
        assert!(!may_follow(0, next) && !may_follow(Class::Person.first_tag(), next));
        assert!(may_follow(next, 0));
    }
}
