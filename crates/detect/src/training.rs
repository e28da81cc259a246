//! What `cargo xtask train` and `cargo xtask eval` need of the score model, and nobody else.

pub use crate::score::features::{BUCKETS, Place, factor, features};
pub use crate::score::model::{
    CALIBRATED_RANK_MAX, Group, HEADS_MAX, HeadTable, Model, Reading, sigmoid,
};
pub use crate::score::windows::{BLOCK_SYMBOLS, FEATURES_MIN, window_blocks};

use crate::normalise::{Normal, Normaliser};

/// The normalised text that the model reads.
pub fn normalised(text: &str) -> String {
    let (mut normal, mut signals) = (Normal::default(), Vec::new());
    Normaliser::default().push(text, &mut normal, &mut signals);
    normal.text
}
