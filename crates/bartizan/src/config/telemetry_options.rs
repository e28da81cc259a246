//! `[metrics]`, `[telemetry]` and `[diagnostics]` as they are typed.
//!
//! INVARIANT: as for all of [`super::options`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;

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

/// `[telemetry]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "another protocol would have its own names beside these"
)]
pub(crate) struct TelemetryOptions {
    /// The collector, without `/v1/traces` and `/v1/metrics`.
    #[schemars(example = &"http://127.0.0.1:4318")]
    pub(crate) otlp_endpoint: String,
    /// Headers that it wants, each a reference to a secret like `api_key` of upstreams.
    #[serde(default)]
    #[schemars(example = BTreeMap::from([("authorization", "env:OTLP_AUTHORIZATION")]))]
    pub(crate) otlp_headers: BTreeMap<String, SecretReference>,
    /// Certificates to trust instead of the system's, as PEM.
    #[schemars(example = &"/etc/bartizan/tls/private-ca.pem")]
    pub(crate) otlp_ca_file: Option<PathBuf>,
    /// How often metrics are sent, in milliseconds. Spans are sent within about a second.
    #[serde(default = "interval_ms")]
    pub(crate) otlp_interval_ms: u64,
}

const fn interval_ms() -> u64 {
    60_000
}

/// `[diagnostics]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DiagnosticsOptions {
    /// What to report: `error`, `warn`, `info`, `debug`, or by room: `info,gateway=debug`. The
    /// variable `RUST_LOG` goes before it.
    pub(crate) filter: String,
}

impl Default for DiagnosticsOptions {
    fn default() -> Self {
        Self { filter: String::from("info") }
    }
}
