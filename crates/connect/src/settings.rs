//! What an external guard is told by the configuration.
//!
//! INVARIANT: nothing here can be changed by a request or by what a service answers.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Provenance, Rank};
use stdx::SharedSecret;

use crate::GuardKind;

/// One external guard.
#[expect(missing_debug_implementations, reason = "holds the service's key")]
pub struct GuardSettings {
    /// The service's key, sent as its kind wants it. It may be replaced; as long as it is taken away, the service is not
    /// asked, and what follows is what `on_failure` says.
    pub api_key: Option<SharedSecret>,
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// What is remembered.
    pub cache: CacheSettings,
    /// When a failing service is left alone.
    pub circuit: CircuitSettings,
    /// Questions under way at a time, of all messages together.
    pub concurrency_max: usize,
    /// What the service has to be told besides the text.
    pub details: Details,
    /// Ask only where our own score is unsure.
    pub grey_band: Option<GreyBand>,
    /// The contract it speaks.
    pub kind: GuardKind,
    /// Labels of the service and the kinds of finding they become, before the adapter's own table. A `*`
    /// at the end stands for any text; an empty kind means that the label is nothing to report.
    pub kinds: BTreeMap<String, String>,
    /// The name in records; findings are by `external.<name>`.
    pub name: String,
    /// What happens to a message that it could not look at.
    pub on_failure: OnFailure,
    /// Whose text it is asked about in requests.
    pub provenances: Vec<Provenance>,
    /// Questions about one message; a message that needs more is one that it could not look at.
    pub questions_max: usize,
    /// Score from which a finding has a rank, ascending; the adapter's own table if empty. What scores
    /// less than the first is not a finding.
    pub ranks: Vec<(f32, u8)>,
    /// Whether personal data and secrets that we know of are sent as they are, or starred out. The
    /// adapter's own choice unless given.
    pub sends_values: Option<bool>,
    /// When it is asked.
    pub stages: Stages,
    /// Characters of one question; longer text is asked about in overlapping pieces. The adapter's own
    /// limit unless given.
    pub text_characters_max: Option<usize>,
    /// Time for all questions about one message.
    pub time_max: Duration,
    /// Where the service is.
    pub url: String,
}

impl GuardSettings {
    /// A guard of this kind, with the defaults of everything else.
    pub fn new(name: &str, kind: GuardKind, url: &str) -> Self {
        Self {
            api_key: None,
            ca_pem: None,
            cache: CacheSettings::default(),
            circuit: CircuitSettings::default(),
            concurrency_max: 32,
            details: Details::default(),
            grey_band: None,
            kind,
            kinds: BTreeMap::new(),
            name: name.to_owned(),
            on_failure: OnFailure::Closed,
            provenances: Self::provenances_default(),
            questions_max: 256,
            ranks: Vec::new(),
            sends_values: None,
            stages: Stages { answer: false, request: true },
            text_characters_max: None,
            time_max: Duration::from_secs(2),
            url: url.to_owned(),
        }
    }

    /// Whose text is asked about unless the configuration says: everybody's but the operator's and the
    /// model's.
    pub fn provenances_default() -> Vec<Provenance> {
        vec![
            Provenance::User,
            Provenance::ToolResult,
            Provenance::Retrieved,
            Provenance::Memory,
            Provenance::File,
        ]
    }
}

/// What a service has to be told besides the text. Which of them a kind needs, its adapter says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The version in the query (Azure).
    pub api_version: Option<String>,
    /// The configuration at the service (NeMo).
    pub config: Option<String>,
    /// The language of the text (Presidio).
    pub language: Option<String>,
    /// The model at the service.
    pub model: Option<String>,
    /// The project at the service (Lakera).
    pub project: Option<String>,
}

/// When a guard is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages {
    /// About answers: whole ones before they are released, streamed ones at their end.
    pub answer: bool,
    /// About requests, before policy judges.
    pub request: bool,
}

/// What happens to a message that a guard could not look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is refused.
    #[default]
    Closed,
    /// It passes, and the record says that the guard failed.
    Open,
}

/// Ask only about texts for which our own highest rank of these kinds lies within `from..=to`. A text in
/// which we found nothing has rank 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyBand {
    /// The lowest rank that is asked about.
    pub from: Rank,
    /// Families or kinds of our own findings: `injection`.
    pub kinds: Vec<String>,
    /// The highest rank that is asked about.
    pub to: Rank,
}

/// What is remembered of a guard's answers. Only hashes of texts are kept, under a key of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Answers; 0 remembers none.
    pub entries_max: usize,
    /// How long an answer counts.
    pub time_to_live: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { entries_max: 10_000, time_to_live: Duration::from_mins(5) }
    }
}

/// When a failing service is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitSettings {
    /// Failures in a row after which it is not asked for a while.
    pub failures_max: u32,
    /// How long it is left alone before one message tries it again.
    pub pause: Duration,
    /// Failures further apart than this are not in a row.
    pub window: Duration,
}

impl Default for CircuitSettings {
    fn default() -> Self {
        Self { failures_max: 5, pause: Duration::from_secs(10), window: Duration::from_secs(30) }
    }
}
