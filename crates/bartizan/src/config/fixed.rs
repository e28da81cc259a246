//! What the configuration says that holds until the process is started again.
//!
//! INVARIANT: a setting that a reload would not change is in this table, so that changing it is refused by name and
//! not forgotten in silence. Secrets are compared by where they come from.

use std::fmt::Write as _;

use super::options::ConfigOptions;
use super::secret::SecretReference;
use super::secrets_options::{RotationOptions, SecretsOptions};
use super::telemetry_options::TelemetryOptions;

/// Settings by name, and their values as they can be compared.
pub(crate) type Fixed = Vec<(&'static str, String)>;

pub(super) fn fixed(options: &ConfigOptions) -> Fixed {
    let ConfigOptions {
        server,
        journal,
        metrics,
        keys,
        diagnostics,
        telemetry,
        secrets,
        hunts,
        ..
    } = options;
    vec![
        ("server.listen", server.listen.clone()),
        ("server.connections_max", server.connections_max.to_string()),
        ("server.bodies_bytes_max", server.bodies_bytes_max.to_string()),
        ("server.shutdown_timeout_ms", server.shutdown_timeout_ms.to_string()),
        ("metrics.listen", metrics.listen.clone()),
        ("journal.sync", format!("{:?}", journal.sync)),
        ("journal.content_retention_hours", journal.content_retention_hours.to_string()),
        ("journal.segment_bytes_max", journal.segment_bytes_max.to_string()),
        ("keys.revoke_exposed", keys.revoke_exposed.to_string()),
        ("hunts", format!("{} {} {:?}", hunts.enabled, hunts.interval_ms, hunts.rules)),
        ("secrets", sealing(secrets)),
        ("diagnostics.filter", diagnostics.filter.clone()),
        ("telemetry", telemetry.as_ref().map(described).unwrap_or_default()),
    ]
}

fn described(options: &TelemetryOptions) -> String {
    let TelemetryOptions { otlp_endpoint, otlp_headers, otlp_ca_file, otlp_interval_ms } = options;
    let mut text = format!("{otlp_endpoint} {otlp_interval_ms} {otlp_ca_file:?}");
    for (name, reference) in otlp_headers {
        let _never_fails = write!(text, " {name}={}", reference.describe());
    }
    text
}

fn sealing(options: &SecretsOptions) -> String {
    let SecretsOptions {
        key,
        previous_keys,
        command,
        command_environment,
        command_timeout_ms,
        rotations,
    } = options;
    let keys = key.iter().chain(previous_keys).map(SecretReference::describe);
    let keys: Vec<String> = keys.collect();
    let mut text = format!("{keys:?} {command:?} {command_environment:?} {command_timeout_ms}");
    for one in rotations {
        let RotationOptions { name, account, overlap_s, on_exposure, ca_file, .. } = one;
        let urls = [&one.client_id, &one.token_url, &one.admin_url, &one.service_url];
        let key = one.admin_key.describe();
        let _never_fails = write!(
            text,
            " {name} {account} {overlap_s} {on_exposure} {ca_file:?} {urls:?} {key} {:?}",
            one.provider
        );
    }
    text
}

/// The names of what differs.
pub(crate) fn differences(one: &Fixed, other: &Fixed) -> Vec<&'static str> {
    let pairs = one.iter().zip(other);
    pairs.filter(|(one, other)| one != other).map(|((name, _), _)| *name).collect()
}
