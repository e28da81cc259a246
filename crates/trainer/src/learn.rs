//! Logistic regression over hashed features, by stochastic gradient descent, one head at a time.
//!
//! A text counts through its highest window, chosen anew each time, so that an attack in a long document
//! is learnt from its own lines, and a long ordinary text from what looks most like an attack in it.
//!
//! INVARIANT: one thread, one order, 32-bit floats, no function of the machine's own library but the square root.

use detect::training::{BLOCK_SYMBOLS, BUCKETS, FEATURES_MIN, factor, features, sigmoid};

use crate::shuffle::Shuffle;

/// The log-odds of a text that says nothing. It is not learnt: most attacks at hand are short, and a learnt
/// one would hold every short text for an attack.
pub(crate) const BIAS: f32 = -3.0;
/// A text that is judged better than this teaches nothing.
const ERROR_MIN: f32 = 0.004;

/// A text as the model sees it.
#[derive(Debug)]
pub(crate) struct Sample {
    buckets: Vec<u32>,
    /// Where each block of symbols ends among the buckets.
    block_ends: Vec<usize>,
}

/// What a head should say to a sample, and how much that matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) sample: usize,
    pub(crate) is_attack: bool,
    pub(crate) weight: f32,
}

/// How learning goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) epochs: usize,
    /// The step of a weight that has not moved yet.
    pub(crate) step: f32,
    /// The share of every weight that is lost in an epoch.
    pub(crate) decay: f32,
}

/// Weights of one head.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(crate) of: Vec<f32>,
    pub(crate) bias: f32,
    /// Blocks per window that the weights are for.
    windows: &'static [usize],
}

impl Sample {
    /// From normalised text.
    pub(crate) fn of(text: &str) -> Self {
        let (mut buckets, mut block_ends) = (Vec::with_capacity(text.len() * 4), Vec::new());
        let mut block = 0;
        features(text, |bucket, place| {
            while place.symbol / BLOCK_SYMBOLS > block {
                block_ends.push(buckets.len());
                block += 1;
            }
            buckets.push(bucket);
        });
        block_ends.push(buckets.len());
        Self { buckets, block_ends }
    }

    fn block(&self, at: usize) -> &[u32] {
        let start =
            at.checked_sub(1).and_then(|at| self.block_ends.get(at)).copied().unwrap_or_default();
        let end = self.block_ends.get(at).copied().unwrap_or_default();
        self.buckets.get(start..end).unwrap_or_default()
    }

    fn blocks(&self, start: usize, end: usize) -> &[u32] {
        let from = start
            .checked_sub(1)
            .and_then(|at| self.block_ends.get(at))
            .copied()
            .unwrap_or_default();
        let to =
            end.checked_sub(1).and_then(|at| self.block_ends.get(at)).copied().unwrap_or_default();
        self.buckets.get(from..to).unwrap_or_default()
    }
}

impl Weights {
    /// What one feature adds.
    fn value(&self, bucket: u32) -> f32 {
        self.of.get(bucket as usize).copied().unwrap_or_default() * factor(bucket) as f32
    }

    /// The log-odds of the highest window, and its first and last block.
    pub(crate) fn highest(&self, sample: &Sample) -> (f32, usize, usize) {
        let count = sample.block_ends.len();
        let mut prefix = Vec::with_capacity(count + 1);
        let mut total = (0.0_f32, 0_u32);
        prefix.push(total);
        for block in 0..count {
            let buckets = sample.block(block);
            let sum: f32 = buckets.iter().map(|bucket| self.value(*bucket)).sum();
            total = (total.0 + sum, total.1 + buckets.len() as u32);
            prefix.push(total);
        }
        let at = |place: usize| prefix.get(place).copied().unwrap_or(total);
        let margin = |start: usize, end: usize| {
            let (from, to) = (at(start), at(end));
            (to.0 - from.0) / norm(to.1 - from.1) + self.bias
        };
        let mut best = (margin(0, count), 0, count);
        for size in self.windows.iter().copied() {
            for start in 0..count.saturating_sub(size - 1) {
                let this = margin(start, start + size);
                if this > best.0 {
                    best = (this, start, start + size);
                }
            }
        }
        best
    }
}

fn norm(features: u32) -> f32 {
    (features.max(FEATURES_MIN) as f32).sqrt()
}

/// Learns one head.
pub(crate) fn learn(
    samples: &[Sample],
    targets: &[Target],
    windows: &'static [usize],
    schedule: Schedule,
) -> Weights {
    let mut weights = Weights { of: vec![0.0; BUCKETS], bias: BIAS, windows };
    let mut squares = vec![1e-3_f32; BUCKETS];
    let mut average = Weights { of: vec![0.0; BUCKETS], bias: BIAS, windows };
    let mut averaged = 0_usize;
    let mut order: Vec<Target> = targets.to_vec();
    let mut shuffle = Shuffle::new(42);
    for epoch in 0..schedule.epochs {
        shuffle.shuffle(&mut order);
        for target in &order {
            let Some(sample) = samples.get(target.sample) else { continue };
            let (margin, start, end) = if epoch == 0 {
                let count = sample.block_ends.len();
                let all = sample.blocks(0, count);
                let sum: f32 = all.iter().map(|bucket| weights.value(*bucket)).sum();
                (sum / norm(all.len() as u32) + weights.bias, 0, count)
            } else {
                weights.highest(sample)
            };
            let wanted = if target.is_attack { 1.0 } else { 0.0 };
            let error = (sigmoid(margin) - wanted) * target.weight;
            if error.abs() < ERROR_MIN {
                continue;
            }
            let window = sample.blocks(start, end);
            let gradient = error / norm(window.len() as u32);
            for bucket in window {
                let at = *bucket as usize;
                if let (Some(weight), Some(square)) = (weights.of.get_mut(at), squares.get_mut(at))
                {
                    let gradient = gradient * factor(*bucket) as f32;
                    *square += gradient * gradient;
                    *weight -= schedule.step * gradient / square.sqrt();
                }
            }
        }
        for weight in &mut weights.of {
            *weight *= 1.0 - schedule.decay;
        }
        // The second half is averaged, which steadies what the last texts of an epoch shook.
        if epoch * 2 >= schedule.epochs {
            averaged += 1;
            for (sum, weight) in average.of.iter_mut().zip(&weights.of) {
                *sum += weight;
            }
        }
    }
    let share = 1.0 / averaged.max(1) as f32;
    for weight in &mut average.of {
        *weight *= share;
    }
    average
}
