//! `[[sinks]]` as it is typed.
//!
//! INVARIANT: as in [`super::options`]: unknown keys are refused, numbers have their unit at the end, and
//! nothing is used before [`super::sinks`] has checked it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use connect::{BatchLimits, Begin, Retry, SinkKind};
use export::{Format, Redact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;

/// One of `[[sinks]]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkOptions {
    /// Its name: small letters, digits, `_` and `-`. How far it came is kept under it.
    #[schemars(example = &"siem")]
    pub(crate) name: String,
    /// The contract it speaks; docs/reference/sinks.md says what each needs.
    #[schemars(example = &"syslog")]
    pub(crate) kind: SinkKindOption,
    /// What records become; the kind's own unless given.
    #[schemars(example = &"ocsf")]
    pub(crate) format: Option<SinkFormatOption>,
    /// Where the receiver is, for all kinds but files.
    #[schemars(example = &"https://siem.example.com")]
    pub(crate) url: Option<String>,
    /// Where the file is, for files; a relative path starts at this file.
    #[schemars(example = &"/var/log/bartizan/events.jsonl")]
    pub(crate) path: Option<PathBuf>,
    /// What the receiver is reached with, or what signs: a reference to a secret like `api_key` of upstreams.
    #[serde(skip_serializing)]
    #[schemars(example = &"env:SIEM_KEY")]
    pub(crate) key: Option<SecretReference>,
    /// Headers that it wants besides, each a reference to a secret.
    #[serde(default, skip_serializing)]
    #[schemars(example = BTreeMap::from([("x-api-key", "env:SIEM_HEADER")]))]
    pub(crate) headers: BTreeMap<String, SecretReference>,
    /// Certificates to trust instead of the system's, as PEM.
    #[schemars(example = &"/etc/bartizan/tls/private-ca.pem")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Only records of which these hold, as with `bartizan log export --where`.
    #[serde(default, rename = "where")]
    #[schemars(example = ["class=interaction_*", "severity>=2"])]
    pub(crate) conditions: Vec<String>,
    /// Fields that it does not get: `remove` leaves one out, `hash` puts a keyed hash in its place, which is equal where
    /// the value was.
    #[serde(default)]
    #[schemars(example = BTreeMap::from([("principal.user", "hash")]))]
    pub(crate) redact: BTreeMap<String, RedactOption>,
    /// Where it begins when it never ran: `start` with the first record, `now` with what comes.
    #[serde(default)]
    pub(crate) begin: BeginOption,
    /// What the kind has to be told besides, such as `index`; docs/reference/sinks.md lists it.
    #[serde(default)]
    #[schemars(example = BTreeMap::from([("index", "bartizan")]))]
    pub(crate) details: BTreeMap<String, String>,
    /// Records sent at a time.
    #[serde(default = "batch_records_max")]
    pub(crate) batch_records_max: usize,
    /// Bytes sent at a time; the kind's own limit unless given. A record that is larger is sent by itself.
    #[schemars(example = &1_048_576)]
    pub(crate) batch_bytes_max: Option<usize>,
    /// How long a record waits for others, in milliseconds.
    #[serde(default = "batch_age_ms")]
    pub(crate) batch_age_ms: u64,
    /// Time for one attempt, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// The longest pause before another attempt, in milliseconds, unless the receiver asks for more.
    #[serde(default = "retry_ms_max")]
    pub(crate) retry_ms_max: u64,
    /// Bytes of records that were refused for good which are kept; what does not fit is counted as lost.
    #[serde(default = "dead_letter_bytes_max")]
    pub(crate) dead_letter_bytes_max: u64,
}

fn batch_records_max() -> usize {
    BatchLimits::default().records_max
}

fn batch_age_ms() -> u64 {
    BatchLimits::default().age_max.as_millis() as u64
}

const fn timeout_ms() -> u64 {
    30_000
}

fn retry_ms_max() -> u64 {
    Retry::default().max.as_millis() as u64
}

const fn dead_letter_bytes_max() -> u64 {
    64 << 20
}

/// The kinds, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SinkKindOption {
    /// Elasticsearch or OpenSearch.
    Elastic,
    /// A file on this machine.
    File,
    /// Google Security Operations.
    GoogleSecops,
    /// NATS JetStream.
    Nats,
    /// A collector of OpenTelemetry.
    Otlp,
    /// Microsoft Sentinel.
    Sentinel,
    /// Splunk's HTTP Event Collector.
    SplunkHec,
    /// RFC 5424.
    Syslog,
    /// Lines, posted.
    Webhook,
}

impl SinkKindOption {
    pub(crate) const fn kind(self) -> SinkKind {
        match self {
            Self::Elastic => SinkKind::Elastic,
            Self::File => SinkKind::File,
            Self::GoogleSecops => SinkKind::GoogleSecops,
            Self::Nats => SinkKind::Nats,
            Self::Otlp => SinkKind::Otlp,
            Self::Sentinel => SinkKind::Sentinel,
            Self::SplunkHec => SinkKind::SplunkHec,
            Self::Syslog => SinkKind::Syslog,
            Self::Webhook => SinkKind::Webhook,
        }
    }
}

/// The formats, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SinkFormatOption {
    /// Common Event Format.
    Cef,
    /// Elastic Common Schema.
    Ecs,
    /// The records as they are, as JSON lines.
    Jsonl,
    /// Log Event Extended Format 2.0.
    Leef,
    /// OCSF 1.8.0.
    Ocsf,
    /// OCSF 1.9.0.
    #[serde(rename = "ocsf-1.9")]
    Ocsf19,
    /// OpenTelemetry log records.
    Otel,
}

impl SinkFormatOption {
    pub(crate) const fn format(self) -> Format {
        match self {
            Self::Cef => Format::Cef,
            Self::Ecs => Format::Ecs,
            Self::Jsonl => Format::JsonLines,
            Self::Leef => Format::Leef,
            Self::Ocsf => Format::Ocsf,
            Self::Ocsf19 => Format::Ocsf19,
            Self::Otel => Format::Otel,
        }
    }
}

/// What becomes of a field, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RedactOption {
    /// A keyed hash takes its place.
    Hash,
    /// It is left out.
    Remove,
}

impl RedactOption {
    pub(crate) const fn redact(self) -> Redact {
        match self {
            Self::Hash => Redact::Hash,
            Self::Remove => Redact::Remove,
        }
    }
}

/// Where a sink begins, as typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BeginOption {
    /// With what is recorded from then on.
    Now,
    /// With the first record that there is.
    #[default]
    Start,
}

impl BeginOption {
    pub(crate) const fn begin(self) -> Begin {
        match self {
            Self::Now => Begin::Now,
            Self::Start => Begin::Start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SinkFormatOption, SinkKindOption};

    #[test]
    fn names_are_those_of_kinds_and_formats() {
        for kind in connect::SinkKind::ALL {
            let typed = serde_json::from_value::<SinkKindOption>(kind.as_str().into());
            assert_eq!(typed.map(SinkKindOption::kind).ok(), Some(*kind));
        }
        for format in export::Format::ALL {
            let typed = serde_json::from_value::<SinkFormatOption>(format.as_str().into());
            assert_eq!(typed.map(SinkFormatOption::format).ok(), Some(format));
        }
    }
}
