//! Upstreams: where requests may go, and with whose key.
//!
//! INVARIANT: an upstream that is the gateway itself is refused: requests would go round for ever.
//! INVARIANT: a key is read once, here, and held as a secret from then on; a sealed one is a place that is filled later.

use std::net::SocketAddr;
use std::time::Duration;

use connect::{ClientProof, TokenSource, TokenSourceSettings};
use data_encoding::BASE64;
use gateway::{AwsCredentials, HealthCheck, UpstreamKind, UpstreamOptions as UpstreamWithKey};
use net::{CertificatePin, ClientIdentity, HttpVersions, Upstream, UpstreamSettings};
use stdx::{Secret, SharedSecret};
use wire::Dialect;

use super::aws_options::AwsOptions;
use super::oauth_options::OauthOptions;
use super::options::{
    DialectOption, HttpOption, KindOption, UpstreamOptions, connect_timeout_ms, health_interval_ms,
    response_timeout_ms,
};
use super::secret::{SECRET_FILE_BYTES_MAX, SecretReference};
use super::settings::{Checker, PEM_BYTES_MAX, TIMEOUT_MS_MAX, UpstreamCard};

/// The provider that is used when nothing else is configured.
const OPENAI_BASE_URL_DEFAULT: &str = "https://api.openai.com/v1";

impl Checker<'_> {
    pub(super) fn upstreams(
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
            let aws = options.aws.as_ref().map(|aws| &aws.access_key_id);
            let oauth = options.oauth.as_ref().and_then(|oauth| oauth.client_secret.as_ref());
            let api_key = options.api_key.as_ref().or(aws).or(oauth);
            cards.push(UpstreamCard {
                name: options.name.clone(),
                dialects: vec![dialect(options.dialect)],
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
            return (
                Vec::new(),
                vec![UpstreamCard {
                    name,
                    dialects: gateway::LOOPBACK_DIALECTS.to_vec(),
                    base_url,
                    api_key: None,
                }],
                true,
            );
        };
        let api_key = options.api_key.as_ref().map(SecretReference::describe);
        let (name, base_url) = (options.name.clone(), options.base_url.clone());
        let upstream = self.upstream("OPENAI_BASE_URL", options, listen);
        let dialects = vec![dialect(DialectOption::OpenAi)];
        (vec![upstream], vec![UpstreamCard { name, dialects, base_url, api_key }], false)
    }

    fn upstream_from_environment(&self) -> Option<UpstreamOptions> {
        let key = (self.surroundings.variable)("OPENAI_API_KEY");
        let base_url = (self.surroundings.variable)("OPENAI_BASE_URL");
        if key.is_none() && base_url.is_none() {
            return None;
        }
        Some(UpstreamOptions {
            name: String::from("openai"),
            dialect: DialectOption::OpenAi,
            kind: KindOption::Standard,
            base_url: base_url.unwrap_or_else(|| OPENAI_BASE_URL_DEFAULT.to_owned()),
            api_key: key.map(|_| SecretReference::Env(String::from("OPENAI_API_KEY"))),
            aws: None,
            oauth: None,
            http: HttpOption::default(),
            connect_timeout_ms: connect_timeout_ms(),
            response_timeout_ms: response_timeout_ms(),
            ca_file: None,
            client_certificate_file: None,
            client_key_file: None,
            pinned_certificates: Vec::new(),
            health_path: None,
            health_interval_ms: health_interval_ms(),
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
            ("health_interval_ms", options.health_interval_ms),
        ] {
            self.within(&below(key), milliseconds, 1, TIMEOUT_MS_MAX);
        }
        let (dialect, kind) = (dialect(options.dialect), kind(options.kind));
        if kind.is_azure() && dialect != Dialect::OpenAi {
            let message = "Azure OpenAI speaks the dialect `openai`";
            self.problem(&below("kind"), message, "leave out `dialect`, or `kind`");
        }
        let ca_pem = options.ca_file.as_deref();
        let client_identity = self.client_identity(&below, &options);
        let pins = self.pins(&below("pinned_certificates"), &options);
        let settings = UpstreamSettings {
            client_identity,
            pins,
            ca_pem: ca_pem.and_then(|file| self.file(&below("ca_file"), file, PEM_BYTES_MAX)),
            base_url: base_url(options.base_url, kind),
            connect_time_max: Duration::from_millis(options.connect_timeout_ms),
            http: http(options.http),
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
        if options.oauth.is_some() && (options.api_key.is_some() || options.aws.is_some()) {
            let message = "an upstream has one kind of key";
            self.problem(&below("oauth"), message, "keep `oauth`, `api_key` or `aws`, one of them");
        }
        let name = &settings.name;
        let token = options.oauth.and_then(|oauth| self.oauth(&below("oauth"), name, oauth));
        let api_key = options.api_key.and_then(|key| self.secret(&below("api_key"), key));
        let api_key = api_key.or_else(|| token.as_ref().map(TokenSource::place));
        let aws = options.aws.and_then(|aws| self.aws(&below("aws"), aws, dialect));
        let interval = Duration::from_millis(options.health_interval_ms);
        let check = options.health_path.map(|path| {
            if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
                let help = "write a path on the upstream's host: `/health`, `/v1/models`";
                self.problem(&below("health_path"), format!("`{path}` is not a path"), help);
            }
            HealthCheck { interval, path }
        });
        UpstreamWithKey { api_key, aws, check, dialects: vec![dialect], kind, settings, token }
    }

    /// Our own certificate for an upstream, if it has one.
    fn client_identity(
        &mut self,
        below: &impl Fn(&str) -> String,
        options: &UpstreamOptions,
    ) -> Option<ClientIdentity> {
        let path = below("client_certificate_file");
        let (certificate, key) = match (&options.client_certificate_file, &options.client_key_file)
        {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return None,
            _ => {
                let message = "a client certificate needs its key, and a key its certificate";
                self.problem(
                    &path,
                    message,
                    "give `client_certificate_file` and `client_key_file`",
                );
                return None;
            }
        };
        let certificate = self.file(&path, certificate, PEM_BYTES_MAX);
        let key = self.file(&below("client_key_file"), key, PEM_BYTES_MAX);
        let key = zeroize::Zeroizing::new(key?);
        match ClientIdentity::from_pem(&certificate?, &key) {
            Ok(identity) => Some(identity),
            Err(error) => {
                let help = "give a PEM certificate chain and the PEM private key that fits it";
                self.problem(&path, error.to_string(), help);
                None
            }
        }
    }

    /// With whose keys requests to a service of Amazon's are signed.
    fn aws(&mut self, path: &str, options: AwsOptions, dialect: Dialect) -> Option<AwsCredentials> {
        if dialect != Dialect::Bedrock {
            let help = "give this upstream `dialect = \"bedrock\"`, or leave the keys out";
            self.problem(path, "only requests to Bedrock are signed", help);
        }
        for (key, text) in [("region", &options.region), ("service", &options.service)] {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if text.is_empty() || !text.bytes().all(is_name) {
                let help = "regions look like `eu-central-1`, the service is `bedrock`";
                self.problem(&format!("{path}.{key}"), "is not a name", help);
            }
        }
        let token = options.session_token;
        let session_token = token.map(|token| self.secret(&format!("{path}.session_token"), token));
        Some(AwsCredentials {
            access_key_id: self.secret(&format!("{path}.access_key_id"), options.access_key_id)?,
            secret_access_key: self
                .secret(&format!("{path}.secret_access_key"), options.secret_access_key)?,
            session_token: session_token.flatten(),
            region: options.region,
            service: options.service,
        })
    }

    /// Who grants tokens for an upstream.
    fn oauth(&mut self, path: &str, name: &str, options: OauthOptions) -> Option<TokenSource> {
        let (secret, assertion) = (options.client_secret, options.assertion_file);
        let proof = match (secret, assertion) {
            (Some(secret), None) => {
                ClientProof::Secret(self.secret(&format!("{path}.client_secret"), secret)?)
            }
            (None, Some(file)) => ClientProof::AssertionFile(self.resolve(&file)),
            _ => {
                let message = "the client proves itself in one way";
                self.problem(path, message, "give `client_secret` or `assertion_file`");
                return None;
            }
        };
        if options.token_url.starts_with("http://") && !is_local(&options.token_url) {
            let message = "the client's secret would go there without TLS";
            self.problem(&format!("{path}.token_url"), message, "write an address with https://");
        }
        let ca_file = options.ca_file.as_deref();
        let source = TokenSource::new(TokenSourceSettings {
            ca_pem: ca_file
                .and_then(|file| self.file(&format!("{path}.ca_file"), file, PEM_BYTES_MAX)),
            client_id: options.client_id,
            name: name.to_owned(),
            proof,
            scope: options.scope,
            url: options.token_url,
        });
        match source {
            Ok(source) => Some(source),
            Err(error) => {
                let help = "Microsoft Entra's is https://login.microsoftonline.com/TENANT/oauth2/v2.0/token";
                self.problem(&format!("{path}.token_url"), error.to_string(), help);
                None
            }
        }
    }

    fn pins(&mut self, path: &str, options: &UpstreamOptions) -> Vec<CertificatePin> {
        if !options.pinned_certificates.is_empty() && !options.base_url.starts_with("https://") {
            let help = "pin certificates of upstreams whose `base_url` begins with https://";
            self.problem(path, "there is no certificate without TLS", help);
        }
        let mut pins = Vec::new();
        for (index, text) in options.pinned_certificates.iter().enumerate() {
            let bytes = text.strip_prefix("sha256//").unwrap_or(text);
            let bytes = BASE64.decode(bytes.as_bytes()).ok();
            if let Some(pin) = bytes.and_then(|bytes| CertificatePin::try_from(bytes).ok()) {
                pins.push(pin);
                continue;
            }
            let help = "openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform der \
                        | openssl dgst -sha256 -binary | base64";
            self.problem(&format!("{path}[{index}]"), "is not a SHA-256 in base64", help);
        }
        pins
    }

    /// What is referred to; a sealed secret is put there when the data folder is open.
    pub(super) fn secret(
        &mut self,
        path: &str,
        reference: SecretReference,
    ) -> Option<SharedSecret> {
        match reference {
            SecretReference::Sealed(name) => Some(self.sealed.entry(name).or_default().clone()),
            reference => self.secret_at_hand(path, reference).map(SharedSecret::new),
        }
    }

    /// What is referred to, read now.
    pub(super) fn secret_at_hand(
        &mut self,
        path: &str,
        reference: SecretReference,
    ) -> Option<Secret<String>> {
        let text = match reference {
            SecretReference::Literal(secret) => return Some(secret),
            SecretReference::Sealed(_) => {
                let message = "what opens sealed secrets cannot be sealed itself";
                self.problem(path, message, "write `env:NAME` or `file:PATH`");
                return None;
            }
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
}

const fn dialect(option: DialectOption) -> Dialect {
    match option {
        DialectOption::Anthropic => Dialect::Anthropic,
        DialectOption::Bedrock => Dialect::Bedrock,
        DialectOption::Gemini => Dialect::Gemini,
        DialectOption::Ollama => Dialect::Ollama,
        DialectOption::OpenAi => Dialect::OpenAi,
    }
}

const fn http(option: HttpOption) -> HttpVersions {
    match option {
        HttpOption::Auto => HttpVersions::Auto,
        HttpOption::Http1 => HttpVersions::Http1,
        HttpOption::Http2 => HttpVersions::Http2,
    }
}

const fn kind(option: KindOption) -> UpstreamKind {
    match option {
        KindOption::Standard => UpstreamKind::Standard,
        KindOption::Azure => UpstreamKind::Azure,
        KindOption::AzureEntra => UpstreamKind::AzureEntra,
    }
}

/// The base URL; of a resource of Azure its endpoint is enough.
fn base_url(given: String, kind: UpstreamKind) -> String {
    let has_path =
        given.split_once("://").is_some_and(|(_, rest)| rest.trim_end_matches('/').contains('/'));
    if kind.is_azure() && !has_path {
        return format!("{}/openai/v1", given.trim_end_matches('/'));
    }
    given
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

pub(super) fn is_local(base_url: &str) -> bool {
    let host = host_and_port(base_url).map_or("", |(host, _)| host).trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

pub(super) fn is_own_address(base_url: &str, listen: SocketAddr) -> bool {
    let port = host_and_port(base_url).map(|(_, port)| port);
    is_local(base_url) && port == Some(listen.port()) && listen.port() != 0
}
