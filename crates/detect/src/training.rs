//! What `cargo xtask train` and `cargo xtask eval` need of the score model and the tagger of names, and nobody else.

pub use crate::detectors::suffix::{Stretch as SuffixStretch, SuffixModel};
pub use crate::names::features::{BUCKETS as NAME_BUCKETS, Features, Stretch, stretches};
pub use crate::names::model::{Calibration, NamesModel};
pub use crate::names::{CLASSES, Class, Name, TAGS, find as names, may_follow};
pub use crate::score::features::{BUCKETS, Place, factor, features};
pub use crate::score::model::{
    CALIBRATED_RANK_MAX, Group, HEADS_MAX, HeadTable, Model, Reading, sigmoid,
};
pub use crate::score::windows::{BLOCK_SYMBOLS, FEATURES_MIN, window_blocks};
pub use crate::soup::{BUCKETS as SUFFIX_BUCKETS, features as suffix_features};

use crate::decode::Views;
use crate::normalise::{Normal, Normaliser};

/// The normalised text that the model reads.
pub fn normalised(text: &str) -> String {
    let (mut normal, mut signals) = (Normal::default(), Vec::new());
    Normaliser::default().push(text, &mut normal, &mut signals);
    normal.text
}

/// Every decoded view of a text that the engine makes: the path of decodings, outermost first and each with `>` after it,
/// and the normalised text of the view. The text itself is not among them.
pub fn views(text: &str) -> Vec<(String, String)> {
    let (mut normal, mut signals) = (Normal::default(), Vec::new());
    Normaliser::default().push(text, &mut normal, &mut signals);
    let views = Views::of(text, normal).views.into_iter().skip(1);
    views.map(|view| (view.path.into_owned(), view.normal.text)).collect()
}

/// Whether a word is on a list of names of people, places or organisations.
pub fn is_listed_name(word: &str) -> bool {
    use crate::names::words::{FIRST, LAST, ORGANISATION, PLACE, hash_of, lists_of};
    word.split('-').any(|part| lists_of(hash_of(part)) & (FIRST | LAST | ORGANISATION | PLACE) != 0)
}
