//! `[hunts]` as it is typed.
//!
//! INVARIANT: as for all of [`super::options`].

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[hunts]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HuntOptions {
    /// Whether the rules run over the record as it grows. `bartizan hunt run` runs them over the record of before in any case.
    pub(crate) enabled: bool,
    /// Time between two looks at what is new, in milliseconds: 1000 is as good as at once, 3600000 once an hour.
    pub(crate) interval_ms: u64,
    /// A folder with rules of your own beside the shipped ones, `NAME.yml`: see docs/reference/hunts.md.
    #[schemars(example = &"hunts")]
    pub(crate) rules: Option<PathBuf>,
}

impl Default for HuntOptions {
    fn default() -> Self {
        Self { enabled: false, interval_ms: 1_000, rules: None }
    }
}
