//! From options to settings: everything checked, every problem reported at once.
//!
//! INVARIANT: a [`Settings`] exists only if what it says can run: files were read, keys were found,
//! policies compiled, names resolve. INVARIANT: paths written in the file are relative to the file.
//!
//! Not here: opening ports and databases, which only the commands that need them do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use detect::DetectSettings;
use gateway::{Accept, Limits, RouteSettings, UpstreamOptions as UpstreamWithKey};
use journal::{JournalSettings, SyncMode};
use net::{Upstream, UpstreamSettings};
use policy::PolicyOptions;
use stdx::Secret;
use store::ModelPattern;
use wire::UnknownFields;

use super::options::{
    AcceptOption, ConfigOptions, DATA_DIR_DEFAULT, ExceptionOptions, GuardOptions, JournalOptions,
    PresetOption, RouteOptions, ServerOptions, SyncOption, TlsOptions, UnknownFieldsOption,
    UpstreamOptions, connect_timeout_ms, response_timeout_ms,
};
use super::parse::ConfigText;
use super::secret::{SECRET_FILE_BYTES_MAX, SecretReference};
use super::{Origin, Surroundings};
use crate::exit::Problem;
use crate::files::{read_bounded, read_text};

/// The provider that is used when nothing else is configured.
const OPENAI_BASE_URL_DEFAULT: &str = "https://api.openai.com/v1";
/// Bytes of a PEM file.
const PEM_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a policy file.
const POLICY_BYTES_MAX: u64 = 1 << 20;
/// The longest time that can be asked for, in milliseconds: a day.
const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// The longest retention that can be asked for, in hours: ten years.
const RETENTION_HOURS_MAX: u64 = 10 * 366 * 24;
/// The smallest buffer that reads heads, in bytes.
const HEAD_BYTES_MIN: usize = 8 << 10;
/// The largest message that can be asked for, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// What a configuration means.
pub(crate) struct Settings {
    /// Where this came from.
    pub(crate) origin: Origin,
    /// The data folder.
    pub(crate) data_dir: PathBuf,
    /// The data plane. Without the loopback model's upstream, whose address is known when it runs.
    pub(crate) gateway: gateway::Settings,
    /// Whether the built-in loopback model is the upstream.
    pub(crate) loopback: bool,
    /// The upstreams, as they may be shown.
    pub(crate) upstreams: Vec<UpstreamCard>,
    /// Which detectors run.
    pub(crate) detect: DetectSettings,
    /// Which detectors do not.
    pub(crate) detectors_off: Vec<String>,
    /// The compiled rules.
    pub(crate) policy: policy::Engine,
    /// What they were compiled from.
    pub(crate) policy_options: PolicyOptions,
    /// The record.
    pub(crate) journal: JournalSettings,
    /// What to report on standard error.
    pub(crate) filter: String,
    /// What is allowed but worth knowing.
    pub(crate) warnings: Vec<String>,
}

/// An upstream, as it may be shown.
pub(crate) struct UpstreamCard {
    pub(crate) name: String,
    pub(crate) base_url: String,
    /// Where its key comes from.
    pub(crate) api_key: Option<String>,
}

/// The data folder that the options say. `config` is the file they were read from.
pub(crate) fn data_dir(options: &ConfigOptions, config: Option<&Path>) -> PathBuf {
    let dir = &options.data.dir;
    match config.and_then(Path::parent) {
        Some(folder) if dir.as_os_str() != DATA_DIR_DEFAULT => folder.join(dir),
        _ => dir.clone(),
    }
}

/// Checks options and collects what is wrong with them.
pub(crate) struct Checker<'a> {
    config: &'a ConfigText<'a>,
    path: Option<&'a Path>,
    surroundings: &'a Surroundings<'a>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(
        config: &'a ConfigText<'a>,
        path: Option<&'a Path>,
        surroundings: &'a Surroundings<'a>,
    ) -> Self {
        Self { config, path, surroundings, problems: Vec::new(), warnings: Vec::new() }
    }

    /// The settings, or everything that is wrong.
    pub(crate) fn check(mut self, options: ConfigOptions) -> Result<Settings, Vec<Problem>> {
        let data_dir = data_dir(&options, self.path);
        let listen = self.listen(&options.server);
        let limits = self.limits(&options.server, &options.journal);
        let tls = options.tls.as_ref().map(|tls| self.tls(tls));
        let (upstreams, cards, loopback) = self.upstreams(options.upstreams, listen);
        let routes = self.routes(&options.routes, &cards);
        let journal = self.journal(&options.journal);
        let detect = self.detectors(&options.guards);
        let unknown_fields = unknown_fields(&options.guards);
        let policy_options = self.policy_options(&options.guards, &options.exceptions);
        let policy = policy::Engine::new(&policy_options)
            .map_err(|error| self.problems.push(Problem::told(error)));
        if !listen.ip().is_loopback() && tls.is_none() {
            self.warn(format!("`{listen}` is reachable from outside and speaks plain HTTP"));
        }
        let (Ok(policy), true) = (policy, self.problems.is_empty()) else {
            return Err(self.problems);
        };
        Ok(Settings {
            origin: self.path.map_or(Origin::Defaults, |path| Origin::File(path.to_path_buf())),
            data_dir,
            gateway: gateway::Settings {
                guards: options.guards.enabled,
                listen,
                limits,
                routes,
                tls: tls.flatten(),
                unknown_fields,
                upstreams,
            },
            loopback,
            upstreams: cards,
            detect,
            detectors_off: options.guards.detectors_off,
            policy,
            policy_options,
            journal,
            filter: options.diagnostics.filter,
            warnings: self.warnings,
        })
    }

    fn problem(&mut self, path: &str, message: impl Into<String>, help: &str) {
        self.problems.push(self.config.problem_at(path, message.into(), help));
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// A path as the file means it.
    fn resolve(&self, path: &Path) -> PathBuf {
        self.path.and_then(Path::parent).map_or_else(|| path.to_path_buf(), |at| at.join(path))
    }

    fn within<T: PartialOrd + std::fmt::Display>(&mut self, path: &str, value: T, min: T, max: T) {
        if value < min || value > max {
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
        ] {
            self.within(path, bytes, 1024, MESSAGE_BYTES_MAX);
        }
        let timeout = |checker: &mut Self, path: &str, milliseconds: u64| {
            checker.within(path, milliseconds, 1, TIMEOUT_MS_MAX);
            Duration::from_millis(milliseconds)
        };
        Limits {
            answer_bytes_max: server.answer_bytes_max,
            answer_time_max: timeout(self, "server.answer_timeout_ms", server.answer_timeout_ms),
            body_bytes_max: server.body_bytes_max,
            body_time_max: timeout(self, "server.body_timeout_ms", server.body_timeout_ms),
            connections_max: server.connections_max,
            content_bytes_max: journal.content_bytes_max,
            event_bytes_max: server.event_bytes_max,
            head_bytes_max: server.head_bytes_max,
            head_time_max: timeout(self, "server.head_timeout_ms", server.head_timeout_ms),
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
        let key = zeroize::Zeroizing::new(key?);
        match net::server_config(&certificates?, &key) {
            Ok(config) => Some(config),
            Err(error) => {
                let help = "give a PEM certificate chain and the PEM private key that fits it";
                self.problem("tls", error.to_string(), help);
                None
            }
        }
    }

    /// Reads a file that the configuration names.
    fn file(&mut self, path: &str, file: &Path, bytes_max: u64) -> Option<Vec<u8>> {
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

    fn upstreams(
        &mut self,
        configured: Vec<UpstreamOptions>,
        listen: SocketAddr,
    ) -> (Vec<UpstreamWithKey>, Vec<UpstreamCard>, bool) {
        let mut upstreams = Vec::new();
        let mut cards: Vec<UpstreamCard> = Vec::new();
        for (index, options) in configured.into_iter().enumerate() {
            let path = format!("upstreams[{index}]");
            if options.name.trim().is_empty() {
                self.problem(&format!("{path}.name"), "is empty", "give it a short name");
            }
            if cards.iter().any(|card| card.name == options.name) {
                let message = format!("two upstreams are called `{}`", options.name);
                self.problem(&format!("{path}.name"), message, "give each a name of its own");
            }
            let api_key = options.api_key.as_ref();
            cards.push(UpstreamCard {
                name: options.name.clone(),
                base_url: options.base_url.clone(),
                api_key: api_key.map(SecretReference::describe),
            });
            upstreams.push(self.upstream(&path, options, listen));
        }
        if !cards.is_empty() {
            return (upstreams, cards, false);
        }
        let Some(options) = self.upstream_from_environment() else {
            let (name, base_url) = (String::from("loopback"), String::from("built in"));
            return (Vec::new(), vec![UpstreamCard { name, base_url, api_key: None }], true);
        };
        let api_key = options.api_key.as_ref().map(SecretReference::describe);
        let (name, base_url) = (options.name.clone(), options.base_url.clone());
        let upstream = self.upstream("OPENAI_BASE_URL", options, listen);
        (vec![upstream], vec![UpstreamCard { name, base_url, api_key }], false)
    }

    fn upstream_from_environment(&self) -> Option<UpstreamOptions> {
        let key = (self.surroundings.variable)("OPENAI_API_KEY");
        let base_url = (self.surroundings.variable)("OPENAI_BASE_URL");
        if key.is_none() && base_url.is_none() {
            return None;
        }
        Some(UpstreamOptions {
            name: String::from("openai"),
            dialect: super::options::DialectOption::OpenAi,
            base_url: base_url.unwrap_or_else(|| OPENAI_BASE_URL_DEFAULT.to_owned()),
            api_key: key.map(|_| SecretReference::Env(String::from("OPENAI_API_KEY"))),
            connect_timeout_ms: connect_timeout_ms(),
            response_timeout_ms: response_timeout_ms(),
            ca_file: None,
        })
    }

    fn upstream(
        &mut self,
        path: &str,
        options: UpstreamOptions,
        listen: SocketAddr,
    ) -> UpstreamWithKey {
        let below = |key: &str| {
            if path.ends_with(']') { format!("{path}.{key}") } else { path.to_owned() }
        };
        for (key, milliseconds) in [
            ("connect_timeout_ms", options.connect_timeout_ms),
            ("response_timeout_ms", options.response_timeout_ms),
        ] {
            self.within(&below(key), milliseconds, 1, TIMEOUT_MS_MAX);
        }
        let ca_pem = options.ca_file.as_deref();
        let settings = UpstreamSettings {
            ca_pem: ca_pem.and_then(|file| self.file(&below("ca_file"), file, PEM_BYTES_MAX)),
            base_url: options.base_url,
            connect_time_max: Duration::from_millis(options.connect_timeout_ms),
            name: options.name,
            response_time_max: Duration::from_millis(options.response_timeout_ms),
        };
        if let Err(error) = Upstream::new(&settings) {
            let key =
                if matches!(error, net::UpstreamError::Tls(_)) { "ca_file" } else { "base_url" };
            let help = "a base URL looks like `https://api.openai.com/v1`";
            self.problem(&below(key), error.to_string(), help);
        }
        if is_own_address(&settings.base_url, listen) {
            let message = format!("`{}` is where Bartizan itself listens", settings.base_url);
            let help = "name the provider here; clients are the ones to be pointed at Bartizan";
            self.problem(&below("base_url"), message, help);
        }
        if settings.base_url.starts_with("http://") && !is_local(&settings.base_url) {
            self.warn(format!("upstream `{}` is reached without TLS", settings.name));
        }
        let api_key = options.api_key.and_then(|key| self.secret(&below("api_key"), key));
        UpstreamWithKey { api_key, settings }
    }

    fn secret(&mut self, path: &str, reference: SecretReference) -> Option<Secret<String>> {
        let text = match reference {
            SecretReference::Literal(secret) => return Some(secret),
            SecretReference::Env(name) => {
                let Some(value) = (self.surroundings.variable)(&name) else {
                    let message = format!("the environment variable `{name}` is not set");
                    self.problem(path, message, "set it for the process that runs Bartizan");
                    return None;
                };
                value
            }
            SecretReference::File(file) => {
                let bytes = self.file(path, &file, SECRET_FILE_BYTES_MAX)?;
                String::from_utf8(bytes).unwrap_or_default()
            }
        };
        let text = zeroize::Zeroizing::new(text);
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.chars().any(|c| c.is_control() || !c.is_ascii()) {
            let message = "what is referred to cannot be a key: it is empty, or more than one line";
            self.problem(path, message, "a key is one line of ASCII characters");
            return None;
        }
        Some(Secret::new(trimmed.to_owned()))
    }

    fn routes(
        &mut self,
        routes: &[RouteOptions],
        upstreams: &[UpstreamCard],
    ) -> Vec<RouteSettings> {
        if let ([], [only]) = (routes, upstreams) {
            let (name, upstream) = (only.name.clone(), only.name.clone());
            let models = vec![ModelPattern::new("*")];
            return vec![RouteSettings { accept: Accept::VirtualKey, models, name, upstream }];
        }
        if routes.is_empty() {
            let message = format!("there are {} upstreams and no routes", upstreams.len());
            let help = "say which models go where with `[[routes]]`";
            self.problem("upstreams", message, help);
        }
        let mut checked: Vec<RouteSettings> = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            let path = format!("routes[{index}]");
            if !upstreams.iter().any(|upstream| upstream.name == route.upstream) {
                let names: Vec<&str> = upstreams.iter().map(|one| one.name.as_str()).collect();
                let help = match super::known_keys::nearest(&route.upstream, &names) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("configured: {}", names.join(", ")),
                };
                let message = format!("there is no upstream `{}`", route.upstream);
                self.problem(&format!("{path}.upstream"), message, &help);
            }
            if route.models.is_empty() {
                self.problem(
                    &format!("{path}.models"),
                    "an empty list takes no model at all",
                    "leave it out to take every model",
                );
            }
            checked.push(RouteSettings {
                accept: match route.accept {
                    AcceptOption::Virtual => Accept::VirtualKey,
                    AcceptOption::Provider => Accept::ProviderKey,
                },
                models: route.models.iter().map(|model| ModelPattern::new(model)).collect(),
                name: route.name.clone().unwrap_or_else(|| route.upstream.clone()),
                upstream: route.upstream.clone(),
            });
        }
        checked
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

    fn detectors(&mut self, options: &GuardOptions) -> DetectSettings {
        let mut settings = DetectSettings::default();
        for (index, name) in options.detectors_off.iter().enumerate() {
            match settings.clone().without(name) {
                Ok(without) => settings = without,
                Err(_) => {
                    let names: Vec<_> =
                        detect::Engine::detectors().iter().map(|card| card.name).collect();
                    let help = match super::known_keys::nearest(name, &names) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => format!("detectors: {}", names.join(", ")),
                    };
                    let path = format!("guards.detectors_off[{index}]");
                    self.problem(&path, format!("there is no detector `{name}`"), &help);
                }
            }
        }
        if !options.enabled {
            self.warn("`guards.enabled` is false: nothing is looked for and nothing is masked");
        } else if options.preset == PresetOption::Observe {
            self.warn("the preset `observe` enforces nothing");
        }
        settings
    }

    fn policy_options(
        &mut self,
        guards: &GuardOptions,
        exceptions: &[ExceptionOptions],
    ) -> PolicyOptions {
        let mut sources = Vec::new();
        for (index, file) in guards.policies.iter().enumerate() {
            let file = self.resolve(file);
            match read_text(&file, POLICY_BYTES_MAX) {
                Ok(text) => {
                    sources.push(policy::PolicySource { name: file.display().to_string(), text });
                }
                Err(error) => {
                    let message = format!("cannot read `{}`: {error}", file.display());
                    let help = "relative paths start at the configuration file";
                    self.problem(&format!("guards.policies[{index}]"), message, help);
                }
            }
        }
        let exceptions = exceptions.iter().enumerate();
        PolicyOptions {
            exceptions: exceptions
                .filter_map(|(index, exception)| self.exception(index, exception))
                .collect(),
            preset: match guards.preset {
                PresetOption::Observe => policy::Preset::Observe,
                PresetOption::Balanced => policy::Preset::Balanced,
                PresetOption::Strict => policy::Preset::Strict,
            },
            shadow: guards.shadow.clone(),
            sources,
        }
    }

    fn exception(
        &mut self,
        index: usize,
        options: &ExceptionOptions,
    ) -> Option<policy::ExceptionOptions> {
        let path = format!("exceptions[{index}]");
        let Some(expires_ms) = crate::time::parse_moment(&options.expires) else {
            let message = format!("`{}` is neither a day nor a moment", options.expires);
            let help = "write `2027-04-01` or `2027-04-01T08:00:00Z`";
            self.problem(&format!("{path}.expires"), message, help);
            return None;
        };
        if expires_ms <= self.surroundings.now_ms {
            self.warn(format!("exception `{}` expired on {}", options.id, options.expires));
        }
        let key = match options.scope.key.as_deref().map(str::parse).transpose() {
            Ok(key) => key,
            Err(_) => {
                let help = "`bartizan keys list` shows the ids of keys";
                self.problem(&format!("{path}.scope.key"), "this is not the id of a key", help);
                None
            }
        };
        let scope = &options.scope;
        Some(policy::ExceptionOptions {
            expires_ms,
            id: options.id.clone(),
            owner: options.owner.clone(),
            reason: options.reason.clone(),
            rule: options.rule.clone(),
            scope: policy::ExceptionScope {
                application: scope.application.clone(),
                key,
                kind: scope.kind.clone(),
                model: scope.model.clone(),
                route: scope.route.clone(),
                team: scope.team.clone(),
                tenant: scope.tenant.clone(),
            },
        })
    }
}

fn unknown_fields(guards: &GuardOptions) -> UnknownFields {
    match (guards.unknown_fields, guards.preset) {
        (Some(UnknownFieldsOption::Refuse), _) | (None, PresetOption::Strict) => {
            UnknownFields::Refuse
        }
        (Some(UnknownFieldsOption::Scan) | None, _) => UnknownFields::Scan,
    }
}

/// Host and port of a base URL, roughly: for warnings and for catching a loop.
fn host_and_port(base_url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = base_url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let port_default = if scheme == "https" { 443 } else { 80 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, port.parse().ok()?)),
        _ => Some((authority, port_default)),
    }
}

fn is_local(base_url: &str) -> bool {
    let host = host_and_port(base_url).map_or("", |(host, _)| host).trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

fn is_own_address(base_url: &str, listen: SocketAddr) -> bool {
    let port = host_and_port(base_url).map(|(_, port)| port);
    is_local(base_url) && port == Some(listen.port()) && listen.port() != 0
}
