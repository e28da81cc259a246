//! `[metrics]` as it is typed.
//!
//! INVARIANT: as for all of [`super::options`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[metrics]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsOptions {
    /// The address and port of the page `/metrics`, which Prometheus reads: plain HTTP, without a key. Empty: no
    /// such page.
    pub(crate) listen: String,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self { listen: String::from("127.0.0.1:9464") }
    }
}
