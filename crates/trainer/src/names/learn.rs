//! The averaged structured perceptron (Collins 2002), with a margin (a wrong tag must lose by [`MARGIN`]).
//!
//! INVARIANT: integers until the weights are scaled down at the end, so the result is the same on every machine.

use detect::training::{NAME_BUCKETS, TAGS, may_follow};

use super::samples::Labelled;
use crate::shuffle::Shuffle;

/// How often all stretches are gone through.
const EPOCHS: usize = 10;
/// What a wrong tag is lent while learning, in units of weights before scaling.
const MARGIN: i32 = 24;
/// What is lent besides to a name where there is none: a false name is worse than a missed one.
const FALSE_NAME: i32 = 6;
/// The share of weights that may be cut off at the highest value.
const CLIPPED_PER_100_000: usize = 20;

/// The weights, ready for the file.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) transitions: [[i8; TAGS]; TAGS],
    pub(crate) weights: Vec<i8>,
}

/// Weights as they are learned, and the sums they are averaged from.
struct State {
    weights: Vec<i32>,
    sums: Vec<i64>,
    /// Updates so far, plus one.
    time: i64,
}

/// Where the transitions begin among the weights.
const STEPS: usize = NAME_BUCKETS * TAGS;

impl State {
    fn add(&mut self, at: usize, by: i32) {
        if let (Some(weight), Some(sum)) = (self.weights.get_mut(at), self.sums.get_mut(at)) {
            *weight += by;
            *sum += i64::from(by) * self.time;
        }
    }

    fn weight(&self, at: usize) -> i32 {
        self.weights.get(at).copied().unwrap_or_default()
    }
}

pub(crate) fn learn(stretches: &[Labelled]) -> Learned {
    let size = STEPS + TAGS * TAGS;
    let mut state = State { weights: vec![0; size], sums: vec![0; size], time: 1 };
    let mut order: Vec<usize> = (0..stretches.len()).collect();
    let mut shuffle = Shuffle::new(20_261_122);
    for epoch in 0..EPOCHS {
        shuffle.shuffle(&mut order);
        let mut wrong = 0;
        for stretch in order.iter().filter_map(|place| stretches.get(*place)) {
            let path = best_path(&state, stretch);
            if path != stretch.tags {
                wrong += 1;
                update(&mut state, stretch, &path);
            }
            state.time += 1;
        }
        println!("pass {}: {wrong} of {} stretches moved the weights", epoch + 1, stretches.len());
    }
    scaled(&state)
}

fn update(state: &mut State, stretch: &Labelled, path: &[usize]) {
    let (mut gold_before, mut path_before) = (0, 0);
    for ((features, gold), tag) in stretch.features.iter().zip(&stretch.tags).zip(path) {
        if gold != tag {
            for bucket in features.buckets() {
                state.add(usize::from(*bucket) * TAGS + gold, 1);
                state.add(usize::from(*bucket) * TAGS + tag, -1);
            }
        }
        state.add(STEPS + gold_before * TAGS + gold, 1);
        state.add(STEPS + path_before * TAGS + tag, -1);
        (gold_before, path_before) = (*gold, *tag);
    }
}

/// The best tags with every wrong one lent its margin.
fn best_path(state: &State, stretch: &Labelled) -> Vec<usize> {
    let mut ways: Vec<[(i32, usize); TAGS]> = Vec::with_capacity(stretch.features.len());
    for (features, gold) in stretch.features.iter().zip(&stretch.tags) {
        let mut row = [(i32::MIN / 2, 0); TAGS];
        for (tag, best) in row.iter_mut().enumerate() {
            let own: i32 = features
                .buckets()
                .iter()
                .map(|bucket| state.weight(usize::from(*bucket) * TAGS + tag))
                .sum();
            let lent = if tag == *gold {
                0
            } else if *gold == 0 {
                MARGIN + FALSE_NAME
            } else {
                MARGIN
            };
            let before = (0..TAGS)
                .filter(|before| may_follow(*before, tag) && (!ways.is_empty() || *before == 0))
                .map(|before| {
                    let way = ways.last().and_then(|row| row.get(before)).map_or(0, |way| way.0);
                    (way + state.weight(STEPS + before * TAGS + tag), before)
                })
                .max();
            if let Some((way, before)) = before {
                *best = (way + own + lent, before);
            }
        }
        ways.push(row);
    }
    let mut path = Vec::with_capacity(ways.len());
    let last = ways.last().and_then(|row| row.iter().enumerate().max_by_key(|(_, way)| way.0));
    let mut tag = last.map_or(0, |(tag, _)| tag);
    for row in ways.iter().rev() {
        path.push(tag);
        tag = row.get(tag).map_or(0, |way| way.1);
    }
    path.reverse();
    path
}

fn scaled(state: &State) -> Learned {
    let averages: Vec<f64> = state
        .weights
        .iter()
        .zip(&state.sums)
        .map(|(weight, sum)| f64::from(*weight) - *sum as f64 / state.time as f64)
        .collect();
    let mut sizes: Vec<f64> =
        averages.iter().map(|average| average.abs()).filter(|size| *size > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    let keep = sizes.len() - sizes.len() * CLIPPED_PER_100_000 / 100_000;
    let highest = sizes.get(keep.saturating_sub(1)).copied().unwrap_or(1.0);
    let scale = 127.0 / highest;
    let byte = |average: &f64| (average * scale).round().clamp(-127.0, 127.0) as i8;
    let (weights, steps) = averages.split_at(STEPS);
    let mut transitions = [[0; TAGS]; TAGS];
    for (slot, average) in transitions.iter_mut().flatten().zip(steps) {
        *slot = byte(average);
    }
    println!("one unit of learning is {scale:.2} of the file");
    Learned { transitions, weights: weights.iter().map(byte).collect() }
}
