//! Sums over windows of a text, so that a few lines count in a long document as they do alone.
//!
//! Weights are added per block of [`BLOCK_SYMBOLS`] symbols; a window is a number of blocks. The sum of a window is
//! divided by the square root of how many features it has, which is the length of its vector.
//!
//! INVARIANT: integers until the last step, so that the sum of a window is exact.

/// Symbols per block.
pub const BLOCK_SYMBOLS: u32 = 64;
/// Blocks per window, beside the whole of a text that is not longer than the longest. A longer text is
/// never one window: a trifle in every line would add up, with its length, to anything.
pub const WINDOW_BLOCKS: [usize; 3] = [4, 16, 64];
/// A window with fewer features is divided as if it had so many: a word is no evidence.
pub const FEATURES_MIN: u32 = 60;

/// A window: its first block, one past its last, and how high it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The first block.
    pub start: usize,
    /// One past the last block.
    pub end: usize,
    /// The sum over the square root of the number of features.
    pub height: f32,
}

/// The weight of a feature vector with `sum` over `count` features.
pub fn height(sum: i64, count: u32) -> f32 {
    sum as f32 / (count.max(FEATURES_MIN) as f32).sqrt()
}

/// The highest window over blocks of (sum, count); the first of equals.
pub fn highest(blocks: &[(i64, u32)]) -> Window {
    let mut prefix = Vec::with_capacity(blocks.len() + 1);
    let mut total = (0_i64, 0_u32);
    prefix.push(total);
    for (sum, count) in blocks {
        total = (total.0 + sum, total.1 + count);
        prefix.push(total);
    }
    let at = |place: usize| prefix.get(place).copied().unwrap_or(total);
    let of = |start: usize, end: usize| {
        let (from, to) = (at(start), at(end));
        Window { start, end, height: height(to.0 - from.0, to.1 - from.1) }
    };
    let longest = WINDOW_BLOCKS.into_iter().max().unwrap_or_default();
    let mut best = of(0, blocks.len().min(longest));
    for size in WINDOW_BLOCKS {
        for start in 0..blocks.len().saturating_sub(size - 1) {
            let window = of(start, start + size);
            if window.height > best.height {
                best = window;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trifle_in_every_line_does_not_add_up() {
        let height = |blocks: usize| highest(&vec![(10, 64); blocks]).height.to_bits();
        assert_eq!(height(64), height(10_000));
    }

    #[test]
    fn a_short_text_is_one_window() {
        assert_eq!(highest(&[(90, 100), (10, 100)]).end, 2);
    }

    #[test]
    fn a_high_place_in_a_long_text_is_found() {
        let mut blocks = vec![(-50, 200); 40];
        for block in blocks.iter_mut().skip(20).take(4) {
            block.0 = 500;
        }
        let window = highest(&blocks);
        assert_eq!((window.start, window.end), (20, 24));
        assert!((window.height - 2000.0 / 800.0_f32.sqrt()).abs() < 1e-3);
    }

    #[test]
    fn few_features_weigh_little() {
        assert!(height(10, 1) < 2.0);
    }
}
