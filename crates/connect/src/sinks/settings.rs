//! What a sink is told by the configuration.
//!
//! INVARIANT: nothing here can be changed by what a receiver answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use export::{Condition, Format, Redact};
use stdx::SharedSecret;

use super::kind::SinkKind;

/// One sink.
#[expect(missing_debug_implementations, reason = "holds the receiver's key")]
#[derive(Clone)]
pub struct SinkSettings {
    /// How much is sent at a time.
    pub batch: BatchLimits,
    /// Where a sink begins that never ran.
    pub begin: Begin,
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// Records of which all of these hold are sent.
    pub conditions: Vec<Condition>,
    /// Bytes of dead letters that are kept; what does not fit is counted as lost.
    pub dead_bytes_max: u64,
    /// What the kind has to be told besides, by the names in [`SinkKind::needs`] and [`SinkKind::takes`].
    pub details: BTreeMap<&'static str, String>,
    /// What a record becomes.
    pub format: Format,
    /// Headers besides those of the kind.
    pub headers: Vec<(String, SharedSecret)>,
    /// What the receiver is reached with. As long as it is taken away, the sink waits.
    pub key: Option<SharedSecret>,
    /// Its contract.
    pub kind: SinkKind,
    /// Its name, by which its cursor is kept.
    pub name: String,
    /// Where it is, for files.
    pub path: Option<PathBuf>,
    /// Fields that it does not get, by our own names.
    pub redact: BTreeMap<String, Redact>,
    /// When what was not taken is sent again.
    pub retry: Retry,
    /// Time for one attempt.
    pub time_max: Duration,
    /// Where it is, for all others.
    pub url: String,
}

impl SinkSettings {
    /// A sink of this kind, with the defaults of everything else.
    pub fn new(name: &str, kind: SinkKind) -> Self {
        Self {
            batch: BatchLimits { bytes_max: kind.batch_bytes_max(), ..BatchLimits::default() },
            begin: Begin::default(),
            ca_pem: None,
            conditions: Vec::new(),
            dead_bytes_max: 64 << 20,
            details: BTreeMap::new(),
            format: kind.format_default(),
            headers: Vec::new(),
            key: None,
            kind,
            name: name.to_owned(),
            path: None,
            redact: BTreeMap::new(),
            retry: Retry::default(),
            time_max: Duration::from_secs(30),
            url: String::new(),
        }
    }

    /// What the kind was told by this name.
    pub(crate) fn detail(&self, name: &str) -> Option<&str> {
        self.details.get(name).map(String::as_str)
    }
}

/// How much is sent at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// How long a record waits for others.
    pub age_max: Duration,
    /// Bytes of lines; a record that is larger is sent by itself.
    pub bytes_max: usize,
    /// Records.
    pub records_max: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { age_max: Duration::from_secs(1), bytes_max: 1 << 20, records_max: 500 }
    }
}

/// Where a sink begins that never ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// With what is recorded from then on.
    Now,
    /// With the first record that there is.
    #[default]
    Start,
}

/// When what was not taken is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Before the second attempt; twice as long before each further one, less up to a half by chance.
    pub first: Duration,
    /// The longest, unless the receiver asks for more.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_mins(1) }
    }
}
