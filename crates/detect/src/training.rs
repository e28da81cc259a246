//! What `cargo xtask train` and `cargo xtask eval` need of the score model and the tagger of names, and nobody else.

pub use crate::names::features::{BUCKETS as NAME_BUCKETS, Features, Stretch, stretches};
pub use crate::names::model::{Calibration, NamesModel};
pub use crate::names::{CLASSES, Class, Name, TAGS, find as names, may_follow};
pub use crate::score::features::{BUCKETS, Place, features};
pub use crate::score::model::{CALIBRATED_RANK_MAX, Group, HeadTable, Model, Reading, sigmoid};
pub use crate::score::windows::{
    BLOCK_SYMBOLS, FEATURES_MIN, WINDOW_BLOCKS, Window, height, highest,
};

use crate::normalise::{Normal, Normaliser};

/// The normalised text that the model reads.
pub fn normalised(text: &str) -> String {
    let (mut normal, mut signals) = (Normal::default(), Vec::new());
    Normaliser::default().push(text, &mut normal, &mut signals);
    normal.text
}

/// Whether a word is on a list of names of people, places or organisations.
pub fn is_listed_name(word: &str) -> bool {
    use crate::names::words::{FIRST, LAST, ORGANISATION, PLACE, hash_of, lists_of};
    word.split('-').any(|part| lists_of(hash_of(part)) & (FIRST | LAST | ORGANISATION | PLACE) != 0)
}
