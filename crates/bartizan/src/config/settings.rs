//! From options to settings: everything checked, every problem reported at once.
//!
//! INVARIANT: a [`Settings`] exists only if what it says can run: files were read, keys were found,
//! policies compiled, names resolve. INVARIANT: paths written in the file are relative to the file.
//!
//! Not here: opening ports and databases, which only the commands that need them do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connect::{ExternalGuards, SinkSettings};
use detect::DetectSettings;
use gateway::{AddressRules, AddressSettings, Limits, MaskStyle};
use journal::{JournalSettings, SyncMode};
use net::ClientCertificates;
use policy::PolicyOptions;
use stdx::SharedSecret;

use super::address_range::AddressRange;
use super::external::ExternalCard;
use super::fixed::{Fixed, fixed};
use super::guards::unknown_fields;
use super::identity::IssuerCard;
use super::identity_options::ClientCertificatesOption;
use super::options::{
    ConfigOptions, ExceptionOptions, GuardOptions, JournalOptions, MaskOption, ServerOptions,
    SyncOption, TlsOptions,
};
use super::parse::ConfigText;
use super::secrets::SecretsSettings;
use super::shared_limit_options::SharedLimitsOptions;
use super::sinks::SinkCard;
use super::{Origin, Surroundings};
use crate::commands::HuntSettings;
use crate::exit::Problem;
use crate::files::read_bounded;

/// Bytes of a PEM file.
pub(super) const PEM_BYTES_MAX: u64 = 4 << 20;
/// The longest time that can be asked for, in milliseconds: a day.
pub(super) const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// The longest retention that can be asked for, in hours: ten years.
const RETENTION_HOURS_MAX: u64 = 10 * 366 * 24;
/// The smallest buffer that reads heads, in bytes.
const HEAD_BYTES_MIN: usize = 8 << 10;
/// The largest message that can be asked for, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 30;
/// As many requests as Anthropic takes in one batch, twice as many as OpenAI.
const BATCH_REQUESTS_MAX: usize = 100_000;

/// What a configuration means.
pub(crate) struct Settings {
    /// Where this came from.
    pub(crate) origin: Origin,
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// The data plane. Without the loopback model's upstream, whose address is known when it runs.
    pub(crate) gateway: gateway::Settings,
    /// Whether keys that are seen in requests are revoked.
    pub(crate) revoke_exposed: bool,
    /// The keys of providers that are sealed.
    pub(crate) secrets: SecretsSettings,
    /// What hunts in the record as it grows, if anything does.
    pub(crate) hunts: Option<HuntSettings>,
    /// How much may be used.
    pub(crate) quotas: gateway::QuotaSettings,
    /// Where limits are shared, as it may be shown.
    pub(crate) shared_limits: Option<String>,
    /// Whether the built-in loopback model is the upstream.
    pub(crate) loopback: bool,
    /// Whose tokens are taken, as they may be shown.
    pub(crate) issuers: Vec<IssuerCard>,
    /// Whether clients may or must show certificates; nothing if they are not asked for any.
    pub(crate) client_certificates: Option<ClientCertificatesOption>,
    /// Guards outside this process.
    pub(crate) external: ExternalGuards,
    /// The same, as they may be shown.
    pub(crate) external_cards: Vec<ExternalCard>,
    /// Where the record is sent.
    pub(crate) sinks: Vec<SinkSettings>,
    /// The same, as it may be shown.
    pub(crate) sink_cards: Vec<SinkCard>,
    /// Where telemetry is sent, as it may be shown.
    pub(crate) collector_url: Option<String>,
    /// The upstreams, as they may be shown.
    pub(crate) upstreams: Vec<UpstreamCard>,
    /// What is looked for, and what follows.
    pub(crate) guards: Guards,
    /// Which detectors do not run.
    pub(crate) detectors_off: Vec<String>,
    /// The record.
    pub(crate) journal: JournalSettings,
    /// What to report on standard error.
    pub(crate) filter: String,
    /// What holds until the process is started again.
    pub(crate) fixed: Fixed,
    /// What is allowed but worth knowing.
    pub(crate) warnings: Vec<String>,
}

/// What is looked for, and what follows.
pub(crate) struct Guards {
    /// Which detectors run.
    pub(crate) detect: DetectSettings,
    /// The compiled rules.
    pub(crate) policy: policy::Engine,
    /// What they were compiled from.
    pub(crate) policy_options: PolicyOptions,
}

/// An upstream, as it may be shown.
pub(crate) struct UpstreamCard {
    pub(crate) name: String,
    /// The wire formats it speaks.
    pub(crate) dialects: Vec<wire::Dialect>,
    pub(crate) base_url: String,
    /// Where its key comes from.
    pub(crate) api_key: Option<String>,
}

/// The data folder that the options say: relative to their file if they say it, to the working
/// directory if they leave it out.
pub(crate) fn data_dir(
    options: &ConfigOptions,
    config: &ConfigText<'_>,
    path: Option<&Path>,
) -> PathBuf {
    match path.and_then(Path::parent) {
        Some(folder) if config.says("data.dir") => folder.join(&options.data.dir),
        _ => options.data.dir.clone(),
    }
}

const fn mask_style(option: MaskOption) -> MaskStyle {
    match option {
        MaskOption::Label => MaskStyle::Label,
        MaskOption::Format => MaskStyle::Format,
    }
}

/// Who may ask from where.
fn addresses(options: &ServerOptions) -> AddressSettings {
    AddressSettings {
        rules: address_rules(&options.allow_addresses, &options.deny_addresses),
        trusted_proxies: ranges(&options.trusted_proxies),
        proxy_protocol_from: ranges(&options.proxy_protocol_from),
    }
}

pub(super) fn address_rules(allow: &[AddressRange], deny: &[AddressRange]) -> AddressRules {
    AddressRules { allow: ranges(allow), deny: ranges(deny) }
}

fn ranges(typed: &[AddressRange]) -> Vec<policy::AddressRange> {
    typed.iter().map(|range| range.0).collect()
}

/// Checks options and collects what is wrong with them.
pub(crate) struct Checker<'a> {
    config: &'a ConfigText<'a>,
    path: Option<&'a Path>,
    pub(super) surroundings: &'a Surroundings<'a>,
    problems: Vec<Problem>,
    /// What the configuration refers to as `sealed:NAME`.
    pub(super) sealed: BTreeMap<String, SharedSecret>,
    warnings: Vec<String>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(
        config: &'a ConfigText<'a>,
        path: Option<&'a Path>,
        surroundings: &'a Surroundings<'a>,
    ) -> Self {
        Self {
            config,
            path,
            surroundings,
            problems: Vec::new(),
            sealed: surroundings.sealed.clone(),
            warnings: Vec::new(),
        }
    }

    /// The settings, or everything that is wrong.
    pub(crate) fn check(mut self, mut options: ConfigOptions) -> Result<Settings, Vec<Problem>> {
        let fixed = fixed(&options);
        let data_dir = data_dir(&options, self.config, self.path);
        let listen = self.listen(&options.server);
        let limits = self.limits(&options.server, &options.journal);
        let tls = options.tls.as_ref().map(|tls| self.tls(tls));
        let client_certificates = options.tls.as_ref().and_then(|tls| {
            tls.client_ca_file.as_ref().map(|_| tls.client_certificates.unwrap_or_default())
        });
        let (identity, issuers) =
            self.identity(options.identity, listen, client_certificates.is_some());
        let (upstreams, cards, loopback) = self.upstreams(options.upstreams, listen);
        let routes = self.routes(&options.routes, &cards);
        let shared_limits = options.shared_limits.as_ref().map(SharedLimitsOptions::describe);
        let quotas = self.quotas(&options.limits, &options.prices, options.shared_limits);
        let journal = self.journal(&options.journal);
        let guards = self.guards(&options.guards, &options.exceptions);
        let (external, external_cards) = self.external(&mut options.guards, listen);
        let (sinks, sink_cards) = self.sinks(std::mem::take(&mut options.sinks), listen);
        let metrics = self.metrics(&options.metrics, listen);
        let collector_url = options.telemetry.as_ref().map(|one| one.otlp_endpoint.clone());
        let collector = options.telemetry.and_then(|options| self.collector(options));
        let secrets = self.secrets(options.secrets);
        let hunts = self.hunts(&options.hunts);
        if !listen.ip().is_loopback() && tls.is_none() {
            self.warn(format!("`{listen}` is reachable from outside and speaks plain HTTP"));
        }
        let (Some(guards), true) = (guards, self.problems.is_empty()) else {
            return Err(self.problems);
        };
        Ok(Settings {
            origin: self.path.map_or(Origin::Defaults, |path| Origin::File(path.to_path_buf())),
            data_dir,
            gateway: gateway::Settings {
                addresses: addresses(&options.server),
                collector,
                guards: options.guards.enabled,
                identity,
                masks: mask_style(options.guards.masks),
                listen,
                limits,
                metrics,
                routes,
                tls: tls.flatten(),
                unknown_fields: unknown_fields(&options.guards),
                upstreams,
            },
            revoke_exposed: options.keys.revoke_exposed,
            secrets,
            hunts,
            issuers,
            client_certificates,
            external,
            external_cards,
            sinks,
            sink_cards,
            collector_url,
            quotas,
            shared_limits,
            loopback,
            upstreams: cards,
            guards,
            detectors_off: options.guards.detectors_off,
            journal,
            filter: options.diagnostics.filter,
            fixed,
            warnings: self.warnings,
        })
    }

    /// Only what opens sealed secrets and rotates them.
    pub(crate) fn check_secrets(
        mut self,
        options: ConfigOptions,
    ) -> Result<SecretsSettings, Vec<Problem>> {
        let secrets = self.secrets(options.secrets);
        if self.problems.is_empty() { Ok(secrets) } else { Err(self.problems) }
    }

    /// Only what is looked for and what follows, for commands that open and call nothing.
    pub(crate) fn check_guards(mut self, options: &ConfigOptions) -> Result<Guards, Vec<Problem>> {
        let guards = self.guards(&options.guards, &options.exceptions);
        if self.problems.is_empty() { guards.ok_or(self.problems) } else { Err(self.problems) }
    }

    fn guards(
        &mut self,
        options: &GuardOptions,
        exceptions: &[ExceptionOptions],
    ) -> Option<Guards> {
        let detect = self.detectors(options);
        let policy_options = self.policy_options(options, exceptions);
        match policy::Engine::new(&policy_options) {
            Ok(policy) => Some(Guards { detect, policy, policy_options }),
            Err(error) => {
                self.problems.push(Problem::told(error));
                None
            }
        }
    }

    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>, help: &str) {
        self.problems.push(self.config.problem_at(path, &message.into(), help));
    }

    /// How many problems were found so far.
    pub(super) const fn problems_found(&self) -> usize {
        self.problems.len()
    }

    pub(super) fn add(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// A path as the file means it.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        self.path.and_then(Path::parent).map_or_else(|| path.to_path_buf(), |at| at.join(path))
    }

    pub(super) fn within<T>(&mut self, path: &str, value: T, min: T, max: T)
    where
        T: Copy + PartialOrd + std::fmt::Display,
    {
        // Written so that what is no number is out of range too.
        if !(value >= min && value <= max) {
            let message = format!("{value} is out of range");
            self.problem(path, message, &format!("choose between {min} and {max}"));
        }
    }

    fn listen(&mut self, options: &ServerOptions) -> SocketAddr {
        options.listen.parse().unwrap_or_else(|_| {
            let message = format!("`{}` is not an address with a port", options.listen);
            let help = "write an IP address and a port: `127.0.0.1:8080` for this machine only, \
                        `0.0.0.0:8080` for everybody";
            self.problem("server.listen", message, help);
            SocketAddr::from(([127, 0, 0, 1], 8080))
        })
    }

    fn limits(&mut self, server: &ServerOptions, journal: &JournalOptions) -> Limits {
        self.within("server.connections_max", server.connections_max, 1, 1 << 20);
        self.within("server.head_bytes_max", server.head_bytes_max, HEAD_BYTES_MIN, 1 << 20);
        for (path, bytes) in [
            ("server.body_bytes_max", server.body_bytes_max),
            ("server.answer_bytes_max", server.answer_bytes_max),
            ("server.event_bytes_max", server.event_bytes_max),
            ("server.session_message_bytes_max", server.session_message_bytes_max),
        ] {
            self.within(path, bytes, 1024, MESSAGE_BYTES_MAX);
        }
        let (requests, most) = (server.batch_requests_max, BATCH_REQUESTS_MAX);
        self.within("server.batch_requests_max", requests, 1, most);
        // One body must fit, or it would be refused for ever as if there were too many.
        let sizes =
            [server.body_bytes_max, server.answer_bytes_max, server.session_message_bytes_max];
        let largest = sizes.into_iter().max().unwrap_or_default().min(MESSAGE_BYTES_MAX);
        self.within("server.bodies_bytes_max", server.bodies_bytes_max, largest, usize::MAX >> 3);
        let timeout = |checker: &mut Self, path: &str, milliseconds: u64| {
            checker.within(path, milliseconds, 1, TIMEOUT_MS_MAX);
            Duration::from_millis(milliseconds)
        };
        Limits {
            answer_bytes_max: server.answer_bytes_max,
            answer_time_max: timeout(self, "server.answer_timeout_ms", server.answer_timeout_ms),
            bodies_bytes_max: server.bodies_bytes_max,
            batch_requests_max: server.batch_requests_max,
            inner_media: server.inner_media,
            body_bytes_max: server.body_bytes_max,
            body_time_max: timeout(self, "server.body_timeout_ms", server.body_timeout_ms),
            connections_max: server.connections_max,
            content_bytes_max: journal.content_bytes_max,
            event_bytes_max: server.event_bytes_max,
            head_bytes_max: server.head_bytes_max,
            head_time_max: timeout(self, "server.head_timeout_ms", server.head_timeout_ms),
            send_time_max: timeout(self, "server.send_timeout_ms", server.send_timeout_ms),
            session_idle_time_max: timeout(
                self,
                "server.session_idle_timeout_ms",
                server.session_idle_timeout_ms,
            ),
            session_message_bytes_max: server.session_message_bytes_max,
            session_time_max: timeout(self, "server.session_timeout_ms", server.session_timeout_ms),
            shutdown_time_max: timeout(
                self,
                "server.shutdown_timeout_ms",
                server.shutdown_timeout_ms,
            ),
            stream_idle_time_max: timeout(
                self,
                "server.stream_idle_timeout_ms",
                server.stream_idle_timeout_ms,
            ),
            ..Limits::default()
        }
    }

    fn tls(&mut self, options: &TlsOptions) -> Option<net::TlsSettings> {
        let certificates =
            self.file("tls.certificate_file", &options.certificate_file, PEM_BYTES_MAX);
        let key = self.file("tls.private_key_file", &options.private_key_file, PEM_BYTES_MAX);
        let clients = self.client_certificates(options);
        let key = zeroize::Zeroizing::new(key?);
        match net::server_config(&certificates?, &key, clients.as_ref()) {
            Ok(config) => Some(config),
            Err(error) => {
                let help = "give PEM certificates, and the PEM private key that fits the first";
                self.problem("tls", error.to_string(), help);
                None
            }
        }
    }

    fn client_certificates(&mut self, options: &TlsOptions) -> Option<ClientCertificates> {
        let Some(file) = &options.client_ca_file else {
            if options.client_certificates.is_some() {
                let message = "no authority is named that could have issued them";
                self.problem("tls.client_certificates", message, "set `client_ca_file`");
            }
            return None;
        };
        let ca_pem = self.file("tls.client_ca_file", file, PEM_BYTES_MAX)?;
        let wanted = options.client_certificates.unwrap_or_default();
        let are_required = wanted == ClientCertificatesOption::Required;
        Some(ClientCertificates { ca_pem, are_required })
    }

    /// Reads a file that the configuration names.
    pub(super) fn file(&mut self, path: &str, file: &Path, bytes_max: u64) -> Option<Vec<u8>> {
        let file = self.resolve(file);
        match read_bounded(&file, bytes_max) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", file.display());
                self.problem(path, message, "relative paths start at the configuration file");
                None
            }
        }
    }

    fn journal(&mut self, options: &JournalOptions) -> JournalSettings {
        let hours = options.content_retention_hours;
        self.within("journal.content_retention_hours", hours, 0, RETENTION_HOURS_MAX);
        self.within(
            "journal.segment_bytes_max",
            options.segment_bytes_max,
            journal::SEGMENT_BYTES_MIN,
            journal::SEGMENT_BYTES_MAX,
        );
        let bytes = options.content_bytes_max;
        self.within("journal.content_bytes_max", bytes, 0, journal::CONTENT_BYTES_MAX);
        if options.sync == SyncOption::Off {
            self.warn("`journal.sync` is off: a power cut can lose the last records");
        }
        JournalSettings {
            content_retention_ms: hours.saturating_mul(60 * 60 * 1000),
            segment_bytes_max: options.segment_bytes_max,
            sync: match options.sync {
                SyncOption::Group => SyncMode::Group,
                SyncOption::Off => SyncMode::Off,
            },
            ..JournalSettings::default()
        }
    }
}
