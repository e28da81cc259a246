//! Sinks: checked, and ready to run.
//!
//! INVARIANT: a sink that could not run as it is configured is a problem at its place; whether its receiver is there is for the
//! sink to find out. INVARIANT: a sink is not this gateway itself: what it sends would be recorded and sent in turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connect::{BatchLimits, Retry, SinkError, SinkKind, SinkSettings, Sinks};
use export::{Condition, ConditionError};
use journal::{Disk, RealDisk};

use super::known_keys::nearest;
use super::secret::SecretReference;
use super::settings::{Checker, PEM_BYTES_MAX, TIMEOUT_MS_MAX};
use super::sink_options::SinkOptions;
use super::upstreams::{is_local, is_own_address};

/// Sinks of one configuration.
const SINKS_MAX: usize = 32;
/// Bytes of a sink's name.
const NAME_BYTES_MAX: usize = 40;
/// Records of a batch at most.
const BATCH_RECORDS_MAX: usize = 100_000;
/// The smallest batch that can be asked for, in bytes.
const BATCH_BYTES_MIN: usize = 1 << 10;
/// Bytes of dead letters at most.
const DEAD_LETTER_BYTES_MAX: u64 = 1 << 40;
/// Settings of which a kind has a use or not, besides its details.
const OWN: [&str; 5] = ["url", "path", "key", "headers", "ca_file"];

/// A sink, as it may be shown.
pub(crate) struct SinkCard {
    pub(crate) format: &'static str,
    pub(crate) key: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) place: String,
}

impl Checker<'_> {
    pub(super) fn sinks(
        &mut self,
        configured: Vec<SinkOptions>,
        listen: SocketAddr,
    ) -> (Vec<SinkSettings>, Vec<SinkCard>) {
        let (mut sinks, mut cards) = (Vec::new(), Vec::<SinkCard>::new());
        if configured.len() > SINKS_MAX {
            let message = format!("there are more than {SINKS_MAX} sinks");
            self.problem("sinks", message, "each of them reads the whole record");
        }
        for (index, options) in configured.into_iter().enumerate().take(SINKS_MAX) {
            let path = format!("sinks[{index}]");
            let name = &options.name;
            let is_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
            if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_name) {
                let help = "write up to 40 small letters, digits, `_` and `-`";
                self.problem(&format!("{path}.name"), format!("`{name}` cannot be a name"), help);
            } else if cards.iter().any(|card| card.name == *name) {
                let help = "give each sink a name of its own: how far it came is kept under it";
                self.problem(&format!("{path}.name"), format!("`{name}` is taken"), help);
            }
            let key = options.key.as_ref().map(SecretReference::describe);
            let settings = self.sink(&path, options, listen);
            cards.push(SinkCard {
                format: settings.format.as_str(),
                key,
                kind: settings.kind.as_str(),
                name: settings.name.clone(),
                place: match &settings.path {
                    Some(path) => path.display().to_string(),
                    None => settings.url.clone(),
                },
            });
            sinks.push(settings);
        }
        (sinks, cards)
    }

    fn sink(&mut self, path: &str, options: SinkOptions, listen: SocketAddr) -> SinkSettings {
        let kind = options.kind.kind();
        let before = self.problems_found();
        self.sink_uses(path, kind, &options);
        self.sink_address(path, &options, listen);
        let mut settings = SinkSettings::new(&options.name, kind);
        if let Some(format) = options.format.map(super::sink_options::SinkFormatOption::format) {
            settings.format = format;
            if !kind.formats().contains(&format) {
                let known: Vec<&str> = kind.formats().iter().map(|one| one.as_str()).collect();
                let message = format!("`{}` does not take `{}`", kind.as_str(), format.as_str());
                let help = format!("it takes {}", known.join(", "));
                self.problem(&format!("{path}.format"), message, &help);
            }
        }
        settings.batch = self.sink_batch(path, kind, &options);
        settings.begin = options.begin.begin();
        settings.conditions = self.sink_conditions(path, &options.conditions);
        let redact = options.redact.iter().map(|(name, how)| (name.clone(), how.redact()));
        settings.redact = redact.collect();
        self.within(&format!("{path}.timeout_ms"), options.timeout_ms, 1, TIMEOUT_MS_MAX);
        settings.time_max = Duration::from_millis(options.timeout_ms);
        self.within(&format!("{path}.retry_ms_max"), options.retry_ms_max, 1, TIMEOUT_MS_MAX);
        let max = Duration::from_millis(options.retry_ms_max);
        settings.retry = Retry { first: Retry::default().first.min(max), max };
        let dead = options.dead_letter_bytes_max;
        self.within(&format!("{path}.dead_letter_bytes_max"), dead, 0, DEAD_LETTER_BYTES_MAX);
        settings.dead_bytes_max = dead;
        settings.path = options.path.as_deref().map(|file| self.resolve(file));
        settings.url = options.url.unwrap_or_default();
        let ca_file = options.ca_file.as_deref();
        settings.ca_pem =
            ca_file.and_then(|file| self.file(&format!("{path}.ca_file"), file, PEM_BYTES_MAX));
        settings.key = options.key.and_then(|key| self.secret(&format!("{path}.key"), key));
        for (name, reference) in options.headers {
            let value = self.secret(&format!("{path}.headers.{name}"), reference);
            settings.headers.extend(value.map(|value| (name, value)));
        }
        for (name, value) in options.details {
            let known = kind.needs().iter().chain(kind.takes()).find(|known| **known == name);
            settings.details.extend(known.map(|known| (*known, value)));
        }
        if self.problems_found() == before {
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            if let Err(error) = Sinks::check(&settings, &disk) {
                self.sink_problem(path, &error);
            }
        }
        settings
    }

    /// Whether a kind was told what it needs, and nothing that it has no use for.
    fn sink_uses(&mut self, path: &str, kind: SinkKind, options: &SinkOptions) {
        let is_known = |name: &str| kind.needs().contains(&name) || kind.takes().contains(&name);
        let details: Vec<&'static str> = kind
            .needs()
            .iter()
            .chain(kind.takes())
            .copied()
            .filter(|name| !OWN.contains(name))
            .collect();
        let given = [
            options.url.is_some(),
            options.path.is_some(),
            options.key.is_some(),
            !options.headers.is_empty(),
            options.ca_file.is_some(),
        ];
        for (name, is_given) in OWN.into_iter().zip(given) {
            if is_given && !is_known(name) {
                let message = format!("a sink of kind `{}` has no use for it", kind.as_str());
                self.problem(&format!("{path}.{name}"), message, "leave it out");
            }
        }
        for name in options.details.keys().filter(|name| !details.contains(&name.as_str())) {
            let message = format!("a sink of kind `{}` has no use for it", kind.as_str());
            let help = match nearest(name, &details) {
                Some(name) => format!("did you mean `{name}`?"),
                None => String::from("docs/reference/sinks.md says what each kind takes"),
            };
            self.problem(&format!("{path}.details.{name}"), message, &help);
        }
        for name in kind.needs() {
            let own = OWN.iter().position(|one| one == name);
            let is_given = match own {
                Some(at) => given.get(at).copied().unwrap_or_default(),
                None => options.details.contains_key(*name),
            };
            if !is_given {
                let place = if own.is_some() { "" } else { "details." };
                let message = format!("a sink of kind `{}` needs `{place}{name}`", kind.as_str());
                self.problem(path, message, "docs/reference/sinks.md says what each kind needs");
            }
        }
    }

    fn sink_address(&mut self, path: &str, options: &SinkOptions, listen: SocketAddr) {
        let Some(url) = &options.url else { return };
        if is_own_address(url, listen) {
            let message = "this is the address that Bartizan itself listens on";
            self.problem(&format!("{path}.url"), message, "write the address of the receiver");
        }
        let is_plain =
            url.starts_with("http://") || url.starts_with("tcp://") || url.starts_with("nats://");
        if is_plain && !is_local(url) {
            self.warn(format!("sink `{}` is reached without TLS", options.name));
        }
    }

    fn sink_batch(&mut self, path: &str, kind: SinkKind, options: &SinkOptions) -> BatchLimits {
        let (records, most) = (options.batch_records_max, kind.batch_bytes_max());
        self.within(&format!("{path}.batch_records_max"), records, 1, BATCH_RECORDS_MAX);
        let bytes = options.batch_bytes_max.unwrap_or(most);
        self.within(&format!("{path}.batch_bytes_max"), bytes, BATCH_BYTES_MIN, most);
        self.within(&format!("{path}.batch_age_ms"), options.batch_age_ms, 0, TIMEOUT_MS_MAX);
        let age_max = Duration::from_millis(options.batch_age_ms);
        BatchLimits { age_max, bytes_max: bytes, records_max: records }
    }

    fn sink_conditions(&mut self, path: &str, texts: &[String]) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match text.parse::<Condition>() {
                Ok(condition) => conditions.push(condition),
                Err(error) => {
                    let help = match &error {
                        ConditionError::Field(name) => {
                            let known: Vec<&str> = Condition::fields().collect();
                            nearest(name, &known).map(|name| format!("did you mean `{name}`?"))
                        }
                        _ => None,
                    };
                    let help = help.unwrap_or_else(|| {
                        String::from("write `FIELD=VALUE`, `FIELD!=VALUE`, `FIELD>=NUMBER` or `FIELD<=NUMBER`")
                    });
                    self.problem(&format!("{path}.where[{index}]"), error.to_string(), &help);
                }
            }
        }
        conditions
    }

    fn sink_problem(&mut self, path: &str, error: &SinkError) {
        let (key, help) = match error {
            SinkError::Detail { detail, .. } if OWN.contains(detail) => (
                format!("{path}.{detail}"),
                String::from("docs/reference/sinks.md says what it can be"),
            ),
            SinkError::Detail { detail, .. } => (
                format!("{path}.details.{detail}"),
                String::from("docs/reference/sinks.md says what it can be"),
            ),
            SinkError::Redact(_) => {
                let known: Vec<&str> = export::Redaction::fields().collect();
                (format!("{path}.redact"), format!("these can be: {}", known.join(", ")))
            }
            SinkError::Url(_) => {
                (format!("{path}.url"), String::from("write where the receiver is"))
            }
        };
        self.problem(&key, error.to_string(), &help);
    }
}
