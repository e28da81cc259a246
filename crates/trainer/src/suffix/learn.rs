//! A linear model of windows, by stochastic gradient descent on the hinge loss.
//!
//! INVARIANT: one thread, one order, 32-bit sums and products only, so that every machine learns the same.

use detect::training::{SUFFIX_BUCKETS, suffix_features};

use super::Innocent;
use crate::shuffle::Shuffle;

/// Symbols of a window.
const WINDOW_SYMBOLS: usize = 96;
/// Windows begin so many symbols apart.
const STEP_SYMBOLS: usize = 72;
/// Windows that are taken of one piece of soup.
const WINDOWS_PER_SOUP: usize = 2;
/// How often a line of ours counts.
const OURS_TIMES: usize = 6;
/// The step of each epoch.
const STEPS: [f32; 12] = [0.5, 0.35, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03];
/// Epochs whose weights are not part of the mean that is kept.
const ROUGH_EPOCHS: usize = 3;
/// The share of every weight that stays after an epoch.
const KEPT: f32 = 0.9;
/// The highest weight; higher ones are cut, so that no single sequence decides.
const WEIGHT_MAX: f32 = 8.0;

/// What a window should be, and its features.
struct Window {
    is_soup: bool,
    buckets: Vec<u16>,
}

/// A weight per bucket.
pub(super) fn learn(innocent: &[Innocent], soup: &[String]) -> Vec<i8> {
    let mut shuffle = Shuffle::new(96);
    let mut windows = Vec::new();
    for text in innocent.iter().filter(|text| !text.is_dev) {
        for _ in 0..if text.is_ours { OURS_TIMES } else { 1 } {
            let first = shuffle.below(16);
            cut(&text.text, first, usize::MAX, false, &mut windows);
        }
    }
    let count = windows.len();
    for text in soup {
        let (_, symbols) = read(text);
        for _ in 0..WINDOWS_PER_SOUP {
            let first = shuffle.below(symbols.saturating_sub(WINDOW_SYMBOLS) + 1);
            cut(text, first, 1, true, &mut windows);
        }
    }
    println!("{count} innocent windows, {} of soup", windows.len() - count);
    let mut weights = vec![0_f32; SUFFIX_BUCKETS];
    let mut sums = weights.clone();
    for (epoch, step) in STEPS.into_iter().enumerate() {
        shuffle.shuffle(&mut windows);
        let wrong = windows.iter().filter(|window| teach(window, step, &mut weights)).count();
        for weight in &mut weights {
            *weight *= KEPT;
        }
        if epoch >= ROUGH_EPOCHS {
            for (sum, weight) in sums.iter_mut().zip(&weights) {
                *sum += weight;
            }
        }
        println!("step {step}: {wrong} windows within the margin");
    }
    let (scale, epochs) = (127.0 / WEIGHT_MAX, (STEPS.len() - ROUGH_EPOCHS) as f32);
    let small = |sum: f32| ((sum / epochs).clamp(-WEIGHT_MAX, WEIGHT_MAX) * scale) as i8;
    sums.into_iter().map(small).collect()
}

/// Moves the weights if the window is on the wrong side or near the border; whether it was.
fn teach(window: &Window, step: f32, weights: &mut [f32]) -> bool {
    let of = |bucket: &u16| weights.get(usize::from(*bucket)).copied().unwrap_or_default();
    let sum: f32 = window.buckets.iter().map(of).sum();
    let mean = sum / window.buckets.len().max(WINDOW_SYMBOLS) as f32;
    let sign = if window.is_soup { 1.0 } else { -1.0 };
    if mean * sign >= 1.0 {
        return false;
    }
    for bucket in &window.buckets {
        if let Some(weight) = weights.get_mut(usize::from(*bucket)) {
            *weight += step * sign;
        }
    }
    true
}

/// The windows of a text from symbol `first` on, at most `most`.
fn cut(text: &str, first: usize, most: usize, is_soup: bool, out: &mut Vec<Window>) {
    let (features, symbols) = read(text);
    let last = symbols.saturating_sub(STEP_SYMBOLS);
    for from in (first..=last).step_by(STEP_SYMBOLS).take(most) {
        let start = features.partition_point(|(symbol, _)| *symbol < from);
        let end = features.partition_point(|(symbol, _)| *symbol < from + WINDOW_SYMBOLS);
        let buckets = features.get(start..end).unwrap_or_default();
        if symbols >= STEP_SYMBOLS {
            let buckets = buckets.iter().map(|(_, bucket)| *bucket).collect();
            out.push(Window { is_soup, buckets });
        }
    }
}

/// Features with the number of their symbol, and how many symbols there are.
fn read(text: &str) -> (Vec<(usize, u16)>, usize) {
    let mut features = Vec::new();
    suffix_features(text, |bucket, symbol, _| features.push((symbol, bucket)));
    let symbols = features.last().map_or(0, |(symbol, _)| symbol + 1);
    (features, symbols)
}
