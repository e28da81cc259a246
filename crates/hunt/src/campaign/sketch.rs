//! What a text is like: the smallest of the hashes of its parts, and how alike two texts are by them.
//!
//! INVARIANT: ascending, without repeats; [`u32::MAX`] stands for nothing and comes last.
//!
//! Not here: how a sketch is made, and with what key (`detect`).

use serde::{Deserialize, Serialize};

/// Hashes of a sketch.
pub const SKETCH_VALUES: usize = 24;

/// The smallest hashes of the parts of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch([u32; SKETCH_VALUES]);

impl Default for Sketch {
    fn default() -> Self {
        Self::NOTHING
    }
}

impl Sketch {
    /// Of a text that is too short to compare.
    pub const NOTHING: Self = Self([u32::MAX; SKETCH_VALUES]);

    /// From hashes in ascending order, with [`u32::MAX`] for those that are not there.
    pub const fn new(values: [u32; SKETCH_VALUES]) -> Self {
        Self(values)
    }

    /// The hashes that are there.
    pub(crate) fn values(&self) -> &[u32] {
        let end = self.0.partition_point(|value| *value != u32::MAX);
        self.0.get(..end).unwrap_or_default()
    }

    /// Whether it can be compared.
    pub(crate) fn is_empty(&self) -> bool {
        self.values().is_empty()
    }

    /// What share of the parts of both texts is in both, about: 0 to 1.
    pub(crate) fn similarity(&self, other: &Self) -> f32 {
        let (mut ours, mut theirs) = (self.values(), other.values());
        let (mut both, mut all) = (0_u8, 0_u8);
        while usize::from(all) < SKETCH_VALUES {
            match (ours, theirs) {
                ([one, rest_ours @ ..], [two, rest_theirs @ ..]) => {
                    if one == two {
                        both += 1;
                    }
                    ours = if one <= two { rest_ours } else { ours };
                    theirs = if two <= one { rest_theirs } else { theirs };
                }
                ([_, rest @ ..], []) => ours = rest,
                ([], [_, rest @ ..]) => theirs = rest,
                ([], []) => break,
            }
            all += 1;
        }
        if all == 0 { 0.0 } else { f32::from(both) / f32::from(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::{SKETCH_VALUES, Sketch};

    fn of(values: &[u32]) -> Sketch {
        let mut all = [u32::MAX; SKETCH_VALUES];
        all[..values.len()].copy_from_slice(values);
        Sketch::new(all)
    }

    #[test]
    fn similarity_is_the_share_of_what_both_have() {
        let close = |one: &[u32], two: &[u32], expected: f32| {
            let found = of(one).similarity(&of(two));
            assert!((found - expected).abs() < 0.001, "{found}");
            assert!((of(two).similarity(&of(one)) - expected).abs() < 0.001);
        };
        close(&[1, 2, 3], &[1, 2, 3], 1.0);
        close(&[1, 2, 3], &[4, 5], 0.0);
        close(&[1, 2, 3, 4], &[3, 4, 5, 6], 2.0 / 6.0);
        close(&[], &[], 0.0);
        let full: Vec<u32> = (0..24).collect();
        close(&full, &full[..12], 0.5);
    }
}
