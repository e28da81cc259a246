//! `[journal]` as it is typed.
//!
//! INVARIANT: as in [`super::options`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[journal]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JournalOptions {
    /// `group` makes records safe against a power cut before the first byte of an answer leaves;
    /// `off` against a killed process only.
    pub(crate) sync: SyncOption,
    /// How long the encrypted text of messages is kept, in hours. 0 keeps none; what was found in
    /// them stays on record without it.
    pub(crate) content_retention_hours: u64,
    /// Bytes kept of one message's text.
    pub(crate) content_bytes_max: usize,
    /// A file of the record is closed before it grows beyond this many bytes.
    pub(crate) segment_bytes_max: u64,
}

/// When a record counts as safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncOption {
    /// When the disk has it.
    #[default]
    Group,
    /// When the system has it.
    Off,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            sync: SyncOption::default(),
            content_retention_hours: 72,
            content_bytes_max: 1 << 20,
            segment_bytes_max: 64 << 20,
        }
    }
}
