//! Sums over windows of a text, so that a few lines count in a long document as they do alone.
//!
//! Weights are added per block of [`BLOCK_SYMBOLS`] symbols; a window is a number of blocks. The sum of a window is
//! divided by the square root of how many features it has, which is the length of its vector.
//!
//! INVARIANT: integers until the last step, so that the sum of a window is exact.

use super::model::{Group, HEADS_MAX};
use crate::Head;

/// Symbols per block.
pub const BLOCK_SYMBOLS: u32 = 32;
/// Blocks per window for weights that read documents, where an order is one sentence of many.
const DOCUMENT_WINDOWS: &[usize] = &[2, 4, 8, 16, 64];
/// The same for weights that read what people write to models, which is about one thing.
const PROMPT_WINDOWS: &[usize] = &[8, 32, 128];
/// A window with fewer features is divided as if it had so many: a word is no evidence.
pub const FEATURES_MIN: u32 = 100;

/// Blocks per window, beside the whole of a text that is not longer than the longest. A longer text is
/// never one window: a trifle in every line would add up, with its length, to anything.
pub const fn window_blocks(head: Head, group: Option<Group>) -> &'static [usize] {
    match (head, group) {
        (_, Some(Group::Documents))
        | (Head::Exfiltration | Head::ToolAbuse | Head::Toxicity, _) => DOCUMENT_WINDOWS,
        _ => PROMPT_WINDOWS,
    }
}

/// A window: its first block, one past its last, and how high it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// The first block.
    pub(crate) start: usize,
    /// One past the last block.
    pub(crate) end: usize,
    /// The sum over the square root of the number of features.
    pub(crate) height: f32,
}

/// Sums of the weights of every head, and how many features they are of, from the beginning of a text. The sums
/// of a long text wrap around; those of a window, which are differences, are far from doing so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Total {
    pub(crate) sums: [i32; HEADS_MAX],
    pub(crate) count: u32,
}

impl Total {
    /// The sum of every head since `from`, and the length that they are divided by, squared.
    #[inline]
    fn since(&self, from: &Self) -> ([f32; HEADS_MAX], f32) {
        let count = self.count.wrapping_sub(from.count).max(FEATURES_MIN);
        let mut sums = [0.0; HEADS_MAX];
        for (sum, (to, from)) in sums.iter_mut().zip(self.sums.iter().zip(&from.sums)) {
            *sum = to.wrapping_sub(*from) as f32;
        }
        (sums, count as f32)
    }

    /// The sum of every head since `from` over the length of the vector of the features in between.
    #[inline]
    fn heights(&self, from: &Self) -> [f32; HEADS_MAX] {
        let (sums, squared) = self.since(from);
        let inverse_length = 1.0 / squared.sqrt();
        sums.map(|sum| sum * inverse_length)
    }
}

/// What a window has to be higher than, of every head.
struct Bars {
    heights: [f32; HEADS_MAX],
    /// Their squares, with their signs, and a little lower than that: rounding must not hide a window.
    squares: [f32; HEADS_MAX],
}

impl Bars {
    /// How much lower, as a part of it: far more than what rounding adds up to.
    const MARGIN: f32 = 1e-5;

    fn new(heights: [f32; HEADS_MAX]) -> Self {
        let mut bars = Self { heights, squares: [f32::INFINITY; HEADS_MAX] };
        for (square, height) in bars.squares.iter_mut().zip(heights) {
            if height.is_finite() {
                *square = Self::lowered(height);
            }
        }
        bars
    }

    fn lowered(height: f32) -> f32 {
        let square = height * height.abs();
        square - square.abs() * Self::MARGIN
    }

    /// Whether a window may be higher: without a root and a division, most are told that they are not.
    #[inline]
    fn may_be_topped(&self, (sums, squared): &([f32; HEADS_MAX], f32)) -> bool {
        let tops = sums.iter().zip(&self.squares);
        let tops = tops.map(|(sum, square)| u32::from(sum * sum.abs() >= square * squared));
        tops.sum::<u32>() > 0
    }
}

/// The highest window of every head; the first of equals. `totals` begins with nothing and has one more for
/// every block; `sizes` has the blocks per window of every head.
pub(crate) fn highest(totals: &[Total], sizes: &[&[usize]]) -> [Window; HEADS_MAX] {
    let blocks = totals.len().saturating_sub(1);
    let at = |place: usize| totals.get(place).copied().unwrap_or_default();
    let mut best = [Window { start: 0, end: 0, height: 0.0 }; HEADS_MAX];
    for these in [DOCUMENT_WINDOWS, PROMPT_WINDOWS] {
        let end = blocks.min(these.last().copied().unwrap_or_default());
        let whole = at(end).heights(&at(0));
        // Endless for heads that have other windows.
        let mut bars = [f32::INFINITY; HEADS_MAX];
        let heads = best.iter_mut().zip(&mut bars).zip(whole).zip(sizes);
        for (((window, bar), height), _) in heads.filter(|(_, sizes)| **sizes == these) {
            (*window, *bar) = (Window { start: 0, end, height }, height);
        }
        let mut bars = Bars::new(bars);
        for size in these.iter().copied() {
            for (start, (from, to)) in totals.iter().zip(totals.iter().skip(size)).enumerate() {
                if !bars.may_be_topped(&to.since(from)) {
                    continue;
                }
                let heights = to.heights(from);
                for ((window, bar), height) in best.iter_mut().zip(&mut bars.heights).zip(heights) {
                    if height > *bar {
                        (*window, *bar) = (Window { start, end: start + size, height }, height);
                    }
                }
                bars = Bars::new(bars.heights);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The highest window over blocks of one head, each a sum and how many features it is of.
    fn highest_of(blocks: &[(i32, u32)], sizes: &'static [usize]) -> Window {
        let mut totals = vec![Total::default()];
        for (sum, count) in blocks {
            let mut total = totals.last().copied().unwrap_or_default();
            total.sums[0] += sum;
            total.count += count;
            totals.push(total);
        }
        highest(&totals, &[sizes])[0]
    }

    proptest! {
        #[test]
        fn no_window_is_ruled_out_that_is_higher(
            blocks in proptest::collection::vec((-200_i32..200, 0_u32..90), 1..140),
            documents in any::<bool>(),
        ) {
            let sizes = if documents { DOCUMENT_WINDOWS } else { PROMPT_WINDOWS };
            let height = |window: &[(i32, u32)]| {
                let (sum, count) =
                    window.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
                sum as f32 * (1.0 / (count.max(FEATURES_MIN) as f32).sqrt())
            };
            let whole = blocks.get(..sizes[sizes.len() - 1]).unwrap_or(&blocks);
            let all = sizes.iter().flat_map(|size| blocks.windows(*size).map(height));
            let highest = all.fold(height(whole), f32::max);
            prop_assert_eq!(highest_of(&blocks, sizes).height.to_bits(), highest.to_bits());
        }
    }

    #[test]
    fn a_trifle_in_every_line_does_not_add_up() {
        let height =
            |blocks: usize| highest_of(&vec![(10, 64); blocks], DOCUMENT_WINDOWS).height.to_bits();
        assert_eq!(height(64), height(10_000));
    }

    #[test]
    fn a_short_text_is_one_window() {
        assert_eq!(highest_of(&[(90, 100), (10, 100)], PROMPT_WINDOWS).end, 2);
    }

    #[test]
    fn a_high_place_in_a_long_text_is_found() {
        let mut blocks = vec![(-50, 200); 40];
        for block in blocks.iter_mut().skip(20).take(4) {
            block.0 = 500;
        }
        let window = highest_of(&blocks, DOCUMENT_WINDOWS);
        assert_eq!((window.start, window.end), (20, 24));
        assert!((window.height - 2000.0 / 800.0_f32.sqrt()).abs() < 1e-3);
    }

    #[test]
    fn few_features_weigh_little() {
        assert!(highest_of(&[(10, 1)], DOCUMENT_WINDOWS).height < 2.0);
    }
}
