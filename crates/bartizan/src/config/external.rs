//! Guards outside this process: checked, and ready to be asked.
//!
//! INVARIANT: a guard that could not be asked as it is configured is a problem at its place. INVARIANT: a
//! guard that is this gateway itself is refused: its questions would be guarded in turn.

use std::net::SocketAddr;
use std::time::Duration;

use connect::{
    CacheSettings, CircuitSettings, Details, ExternalGuards, GreyBand, GuardError, GuardSettings,
    OnFailure, Stages,
};
use events::{Provenance, Rank};

use super::external_options::{ExternalOptions, FailOption, GreyBandOptions, StageOption};
use super::known_keys::nearest;
use super::options::GuardOptions;
use super::settings::{Checker, PEM_BYTES_MAX, TIMEOUT_MS_MAX};
use super::upstreams::{is_local, is_own_address};

/// Guards of one configuration.
const GUARDS_MAX: usize = 16;
/// Bytes of a guard's name.
const NAME_BYTES_MAX: usize = 40;
/// The longest that a message may wait for a guard, in milliseconds.
const WAIT_MS_MAX: u64 = 60_000;
/// Names that records use for our own guards.
const NAMES_TAKEN: [&str; 2] = ["detect", "policy"];

/// A guard, as it may be shown.
pub(crate) struct ExternalCard {
    pub(crate) api_key: Option<String>,
    pub(crate) fail: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) provenances: Vec<&'static str>,
    pub(crate) stages: Stages,
    pub(crate) url: String,
}

impl Checker<'_> {
    pub(super) fn external(
        &mut self,
        options: &mut GuardOptions,
        listen: SocketAddr,
    ) -> (ExternalGuards, Vec<ExternalCard>) {
        let configured = std::mem::take(&mut options.external);
        let (mut guards, mut cards) = (ExternalGuards::default(), Vec::<ExternalCard>::new());
        if configured.len() > GUARDS_MAX {
            let message = format!("there are more than {GUARDS_MAX} external guards");
            self.problem("guards.external", message, "every message would wait for all of them");
        }
        if !configured.is_empty() && !options.enabled {
            self.warn("`guards.enabled` is false: external guards are not asked either");
        }
        for (index, options) in configured.into_iter().enumerate().take(GUARDS_MAX) {
            let path = format!("guards.external[{index}]");
            self.external_name(&path, &options.name, &cards);
            if is_own_address(&options.url, listen) {
                let message = "this is the address that Bartizan itself listens on";
                self.problem(&format!("{path}.url"), message, "write the address of the guard");
            }
            if options.url.starts_with("http://") && !is_local(&options.url) {
                self.warn(format!("external guard `{}` is reached without TLS", options.name));
            }
            if options.fail == FailOption::Open {
                self.warn(format!(
                    "messages pass when external guard `{}` fails (`fail` is open)",
                    options.name
                ));
            }
            let api_key = options.api_key.as_ref().map(super::secret::SecretReference::describe);
            let settings = self.external_settings(&path, options);
            cards.push(ExternalCard {
                api_key,
                fail: match settings.on_failure {
                    OnFailure::Closed => "closed",
                    OnFailure::Open => "open",
                },
                kind: settings.kind.as_str(),
                name: settings.name.clone(),
                provenances: settings.provenances.iter().map(|one| one.as_str()).collect(),
                stages: settings.stages,
                url: settings.url.clone(),
            });
            if let Err(error) = guards.add(settings) {
                let key = key_of(&error);
                let help = "docs/reference/external-guards.md says what each kind needs";
                self.problem(&format!("{path}.{key}"), error.to_string(), help);
            }
        }
        (guards, cards)
    }

    fn external_name(&mut self, path: &str, name: &str, cards: &[ExternalCard]) {
        let path = format!("{path}.name");
        let is_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_name) {
            let help = "write up to 40 small letters, digits, `_` and `-`";
            self.problem(&path, format!("`{name}` cannot be a name"), help);
        } else if NAMES_TAKEN.contains(&name) || cards.iter().any(|card| card.name == name) {
            self.problem(&path, format!("`{name}` is taken"), "give each guard a name of its own");
        }
    }

    fn external_settings(&mut self, path: &str, options: ExternalOptions) -> GuardSettings {
        let below = |key: &str| format!("{path}.{key}");
        self.within(&below("timeout_ms"), options.timeout_ms, 1, WAIT_MS_MAX);
        self.within(&below("questions_max"), options.questions_max, 1, 4_096);
        self.within(&below("concurrency_max"), options.concurrency_max, 1, 4_096);
        self.within(&below("cache_entries_max"), options.cache_entries_max, 0, 1_000_000);
        self.within(&below("cache_ttl_ms"), options.cache_ttl_ms, 1, TIMEOUT_MS_MAX);
        self.within(&below("circuit_failures"), options.circuit_failures, 1, 1_000);
        self.within(&below("circuit_window_ms"), options.circuit_window_ms, 1, TIMEOUT_MS_MAX);
        self.within(&below("circuit_pause_ms"), options.circuit_pause_ms, 1, TIMEOUT_MS_MAX);
        if let Some(characters) = options.text_characters_max {
            self.within(&below("text_characters_max"), characters, 64, 1 << 20);
        }
        let (stages, provenances) = self.external_texts(path, &options);
        let kind = options.kind.kind();
        let details = Details {
            api_version: options.api_version,
            config: options.config,
            language: options.language,
            model: options.model,
            project: options.project,
        };
        for detail in kind.details_without_use(&details) {
            let message = format!("a guard of kind `{}` has no use for it", kind.as_str());
            self.problem(&below(detail), message, "leave it out");
        }
        let ca_file = options.ca_file.as_deref();
        GuardSettings {
            api_key: options.api_key.and_then(|key| self.secret(&below("api_key"), key)),
            ca_pem: ca_file.and_then(|file| self.file(&below("ca_file"), file, PEM_BYTES_MAX)),
            cache: CacheSettings {
                entries_max: options.cache_entries_max,
                time_to_live: Duration::from_millis(options.cache_ttl_ms),
            },
            circuit: CircuitSettings {
                failures_max: options.circuit_failures,
                pause: Duration::from_millis(options.circuit_pause_ms),
                window: Duration::from_millis(options.circuit_window_ms),
            },
            concurrency_max: options.concurrency_max,
            details,
            grey_band: options.grey_band.and_then(|band| self.grey_band(path, band)),
            kinds: options.kinds,
            on_failure: match options.fail {
                FailOption::Closed => OnFailure::Closed,
                FailOption::Open => OnFailure::Open,
            },
            provenances,
            questions_max: options.questions_max,
            ranks: options.ranks,
            sends_values: options.send_values,
            stages,
            text_characters_max: options.text_characters_max,
            time_max: Duration::from_millis(options.timeout_ms),
            ..GuardSettings::new(&options.name, kind, &options.url)
        }
    }

    /// When a guard is asked, and about whose text.
    fn external_texts(
        &mut self,
        path: &str,
        options: &ExternalOptions,
    ) -> (Stages, Vec<Provenance>) {
        let stages = Stages {
            answer: options.stages.contains(&StageOption::Answer),
            request: options.stages.contains(&StageOption::Request),
        };
        if options.stages.is_empty() {
            let help = "write `request`, `answer` or both";
            self.problem(&format!("{path}.stages"), "the guard is never asked", help);
        }
        let path = format!("{path}.provenances");
        if !options.provenances.is_empty() && !stages.request {
            let message = "they choose texts of requests, and the guard is not asked about those";
            self.problem(&path, message, "leave them out, or add `request` to `stages`");
        }
        let names = Provenance::ALL.map(Provenance::as_str);
        let mut provenances = Vec::new();
        for (index, name) in options.provenances.iter().enumerate() {
            let known = Provenance::ALL.into_iter().find(|known| known.as_str() == name);
            if let Some(known) = known.filter(|known| *known != Provenance::Output) {
                provenances.push(known);
                continue;
            }
            let help = match nearest(name, &names) {
                Some(name) if name != "output" => format!("did you mean `{name}`?"),
                _ => format!("of requests: {}", names[..names.len() - 1].join(", ")),
            };
            let message = format!("`{name}` is no provenance of a request");
            self.problem(&format!("{path}[{index}]"), message, &help);
        }
        if provenances.is_empty() {
            provenances = GuardSettings::provenances_default();
        }
        (stages, provenances)
    }

    fn grey_band(&mut self, path: &str, options: GreyBandOptions) -> Option<GreyBand> {
        let path = format!("{path}.grey_band");
        if options.kinds.is_empty() {
            self.problem(&path, "it names no kind", "write `kinds = [\"injection\"]`");
            return None;
        }
        for kind in &options.kinds {
            let family = kind.split('.').next().unwrap_or_default();
            if !policy::FAMILIES.contains(&family) {
                let help = match nearest(family, &policy::FAMILIES) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("families: {}", policy::FAMILIES.join(", ")),
                };
                let message = format!("there are no findings of kind `{kind}`");
                self.problem(&format!("{path}.kinds"), message, &help);
            }
        }
        self.within(&format!("{path}.to"), options.to, options.from, Rank::MAX.get());
        let (from, to) = (Rank::new(options.from), Rank::new(options.to));
        Some(GreyBand { from, kinds: options.kinds, to })
    }
}

/// The key that an error is about.
const fn key_of(error: &GuardError) -> &'static str {
    match error {
        GuardError::Key { .. } => "api_key",
        GuardError::Kind { .. } => "kinds",
        GuardError::Missing { detail, .. } => detail,
        GuardError::Ranks => "ranks",
        GuardError::Randomness => "name",
        GuardError::Url(_) => "url",
    }
}
