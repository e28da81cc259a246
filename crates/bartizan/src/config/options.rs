//! The configuration file as it is typed.
//!
//! Every key is a field here, and its documentation is the text above it: `bartizan config example`,
//! `bartizan config schema` and the messages about unknown keys are all made from these structs.
//!
//! INVARIANT: unknown keys are refused. INVARIANT: a number has its unit at the end of its name.
//! INVARIANT: nothing here is used before [`super::settings`] has checked it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address_range::AddressRange;
use super::aws_options::AwsOptions;
use super::external_options::ExternalOptions;
use super::hunt_options::HuntOptions;
use super::identity_options::{ClientCertificatesOption, IdentityOptions};
pub(super) use super::journal_options::{JournalOptions, SyncOption};
use super::limit_options::{KeyOptions, LimitOptions, PriceOptions};
use super::oauth_options::OauthOptions;
pub(super) use super::own_detection_options::{AllowOptions, DictionaryOptions, PatternOptions};
pub(super) use super::route_options::{
    AcceptOption, RouteOptions, RouteUpstreamOptions, every_model,
};
use super::secret::SecretReference;
use super::secrets_options::SecretsOptions;
use super::shared_limit_options::SharedLimitsOptions;
use super::sink_options::SinkOptions;
use super::telemetry_options::{DiagnosticsOptions, MetricsOptions, TelemetryOptions};

/// The whole file. Every part may be left out.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigOptions {
    /// Where state is kept.
    pub(crate) data: DataOptions,
    /// Where Bartizan listens, and its limits towards clients.
    pub(crate) server: ServerOptions,
    /// TLS towards clients. Without this section Bartizan speaks plain HTTP.
    #[schemars(default)]
    pub(crate) tls: Option<TlsOptions>,
    /// Where requests may go. Without any: OpenAI if `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set in
    /// the environment, the built-in loopback model otherwise.
    pub(crate) upstreams: Vec<UpstreamOptions>,
    /// Which models go to which upstream, and who may ask. The first route that fits decides. Without
    /// any: every model goes to the only upstream, for callers with a virtual key.
    pub(crate) routes: Vec<RouteOptions>,
    /// Virtual keys.
    pub(crate) keys: KeyOptions,
    /// Ways in besides virtual keys. What they grant has to be written here; whom no row fits is refused.
    pub(crate) identity: IdentityOptions,
    /// How much may be used, besides what virtual keys say themselves. What a request may use at most is
    /// reserved before it is sent: a token for each 4 bytes of it, and `max_tokens` (or what the dialect
    /// calls it) for each answer that it asks for: `n` or `best_of`, times its prompts. Where it states
    /// no maximum, 1,024 tokens are assumed for each answer. When the answer has ended, what was used
    /// takes the place of that, as the upstream counts it. What the upstream has not counted (streams of
    /// OpenAI's dialect without `stream_options.include_usage`, streams that are cut) is taken for a token
    /// for each 4 bytes of text: the answer, its reasoning, the arguments of its calls. So let clients send
    /// `"stream_options": {"include_usage": true}`, which makes it exact. Lists of models and the counting of
    /// tokens use requests only; embeddings, moderations, ranking and pictures use tokens of requests,
    /// and of answers those that the upstream counts. Callers with provider keys of their own are counted
    /// together, all of a route as one, until the provider has accepted their key.
    pub(crate) limits: Vec<LimitOptions>,
    /// Where several gateways count these limits, and those of keys, together. A request asks once when it comes and tells
    /// once when it ends. Without this section each gateway counts for itself.
    #[schemars(default)]
    pub(crate) shared_limits: Option<SharedLimitsOptions>,
    /// What models cost, for limits that count money. The first that fits counts.
    pub(crate) prices: Vec<PriceOptions>,
    /// The keys of providers that `bartizan secrets` keeps, encrypted; referred to as `sealed:NAME` wherever a key is
    /// referred to.
    pub(crate) secrets: SecretsOptions,
    /// What is looked for, and what follows from it.
    pub(crate) guards: GuardOptions,
    /// Rules switched off, for somebody, until some day.
    pub(crate) exceptions: Vec<ExceptionOptions>,
    /// The record of every interaction.
    pub(crate) journal: JournalOptions,
    /// Where what is on record is sent, each in a format of its own; never what was said. A sink that is down waits, and holds up
    /// nothing else.
    pub(crate) sinks: Vec<SinkOptions>,
    /// Hunts: Sigma rules over the record as it grows. What they find is put on record as an anomaly `hunt.NAME`.
    pub(crate) hunts: HuntOptions,
    /// The page of metrics.
    pub(crate) metrics: MetricsOptions,
    /// A collector of OpenTelemetry that traces and metrics are sent to, as OTLP in JSON over HTTP. Never content.
    /// Without this section nothing is sent.
    #[schemars(default)]
    pub(crate) telemetry: Option<TelemetryOptions>,
    /// What Bartizan says about itself on standard error. Never content, never secrets.
    pub(crate) diagnostics: DiagnosticsOptions,
}

/// `[data]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DataOptions {
    /// The folder for keys, state and records; made with mode 0700. A relative path that is written
    /// here is relative to this file; `--data` on the command line goes before it.
    pub(crate) dir: PathBuf,
}

/// `[server]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerOptions {
    /// The address and port to listen on.
    pub(crate) listen: String,
    /// Addresses that may ask, as networks. Everybody, unless any is named.
    #[schemars(example = ["192.0.2.0/24", "2001:db8::/32"])]
    pub(crate) allow_addresses: Vec<AddressRange>,
    /// Addresses that may not ask, whether they are allowed or not.
    #[schemars(example = ["192.0.2.66"])]
    pub(crate) deny_addresses: Vec<AddressRange>,
    /// Proxies whose `X-Forwarded-For` is believed; it is read from the right, as far as they go. Whoever has an address in a
    /// network named here is believed about where a request comes from: name single proxies, not a network with clients in it (`10.0.0.0/8`).
    #[schemars(example = ["10.0.0.10", "10.0.0.11"])]
    pub(crate) trusted_proxies: Vec<AddressRange>,
    /// Load balancers that begin each connection with a PROXY header of version 2. From them it is required.
    #[schemars(example = ["10.0.0.10"])]
    pub(crate) proxy_protocol_from: Vec<AddressRange>,
    /// Open client connections; more wait in the system's queue.
    pub(crate) connections_max: usize,
    /// Bytes of a request's head.
    pub(crate) head_bytes_max: usize,
    /// Time for a request's head, in milliseconds; an idle connection is closed after it too.
    pub(crate) head_timeout_ms: u64,
    /// Time that an answer may wait for the client to read more of it, in milliseconds.
    pub(crate) send_timeout_ms: u64,
    /// Bytes of all bodies that are held in memory at a time; requests beyond are refused for the moment.
    pub(crate) bodies_bytes_max: usize,
    /// Bytes of a request's body.
    pub(crate) body_bytes_max: usize,
    /// Whether requests may refer to media by addresses inside networks: a model server of your own fetches them.
    pub(crate) inner_media: bool,
    /// Requests of one batch, and lines of one file. Their bytes are those of a request's body.
    pub(crate) batch_requests_max: usize,
    /// Time for a request's body, in milliseconds.
    pub(crate) body_timeout_ms: u64,
    /// Bytes of an upstream's answer that is not streamed.
    pub(crate) answer_bytes_max: usize,
    /// Time for an answer that is not streamed, after its head, in milliseconds.
    pub(crate) answer_timeout_ms: u64,
    /// Bytes of one event of a streamed answer.
    pub(crate) event_bytes_max: usize,
    /// Time between two pieces of a streamed answer, in milliseconds.
    pub(crate) stream_idle_timeout_ms: u64,
    /// Bytes of one message of a client in a session (Realtime): a piece of sound has some kilobytes, a photograph some megabytes.
    pub(crate) session_message_bytes_max: usize,
    /// Time that nobody says anything in a session (Realtime), in milliseconds.
    pub(crate) session_idle_timeout_ms: u64,
    /// Time that a session (Realtime) may last, in milliseconds.
    pub(crate) session_timeout_ms: u64,
    /// Time that open requests get to end when Bartizan is asked to stop, in milliseconds.
    pub(crate) shutdown_timeout_ms: u64,
}

/// `[tls]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsOptions {
    /// The certificate chain as PEM, the server's own certificate first.
    #[schemars(example = &"/etc/bartizan/tls/chain.pem")]
    pub(crate) certificate_file: PathBuf,
    /// The private key as PEM.
    #[schemars(example = &"/etc/bartizan/tls/key.pem")]
    pub(crate) private_key_file: PathBuf,
    /// The authorities whose client certificates are taken, as PEM. Without it clients are not asked for any.
    #[schemars(example = &"/etc/bartizan/tls/clients-ca.pem")]
    pub(crate) client_ca_file: Option<PathBuf>,
    /// Whether clients may show a certificate or have to: `optional` or `required`. Unless given: `optional`. What a
    /// certificate opens is said by `[[identity.certificates]]`.
    #[schemars(example = ClientCertificatesOption::Optional)]
    pub(crate) client_certificates: Option<ClientCertificatesOption>,
}

/// One of `[[upstreams]]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamOptions {
    /// What routes and records call it.
    #[schemars(example = &"openai")]
    pub(crate) name: String,
    /// The wire format it speaks. Requests in another one never go there.
    #[serde(default)]
    pub(crate) dialect: DialectOption,
    /// Whose service it is, as far as paths and keys depend on it.
    #[serde(default)]
    pub(crate) kind: KindOption,
    /// Where it is, up to and including the version. For Azure the resource's endpoint is enough.
    #[schemars(example = &"https://api.openai.com/v1")]
    pub(crate) base_url: String,
    /// The provider's key, sent as a bearer token or, in the dialect `anthropic`, as `x-api-key`, in `gemini`, as `x-goog-api-key`: `env:NAME` reads a variable, `file:PATH` a file, `sealed:NAME` what `bartizan secrets` keeps. A key written here as such
    /// must be marked as meant: `literal:KEY`.
    #[schemars(example = &"env:OPENAI_API_KEY")]
    pub(crate) api_key: Option<SecretReference>,
    /// In the dialect `bedrock`: with whose keys requests are signed (AWS Signature Version 4). Without it a key of Bedrock's own is sent
    /// as a bearer token.
    pub(crate) aws: Option<AwsOptions>,
    /// Who grants a token that is sent instead of a key, and renewed before it expires; see [`OauthOptions`].
    pub(crate) oauth: Option<OauthOptions>,
    /// The version of HTTP that it is asked in: `auto` is HTTP/2 where TLS agrees on it (ALPN), else HTTP/1.1; `1.1`; `2`, which without
    /// TLS is spoken by prior knowledge.
    #[serde(default)]
    pub(crate) http: HttpOption,
    /// Time for a connection and its TLS handshake, in milliseconds.
    #[serde(default = "connect_timeout_ms")]
    pub(crate) connect_timeout_ms: u64,
    /// Time from the request to the head of the answer, in milliseconds. Models that do not stream
    /// send the head when they have finished.
    #[serde(default = "response_timeout_ms")]
    pub(crate) response_timeout_ms: u64,
    /// Certificates to trust instead of the system's, as PEM.
    #[schemars(example = &"/etc/bartizan/tls/private-ca.pem")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Our own certificate, for an upstream that asks for one (mutual TLS): a PEM chain, our own first.
    #[schemars(example = &"/etc/bartizan/tls/client-chain.pem")]
    pub(crate) client_certificate_file: Option<PathBuf>,
    /// The private key of that certificate, as PEM.
    #[schemars(example = &"/etc/bartizan/tls/client-key.pem")]
    pub(crate) client_key_file: Option<PathBuf>,
    /// Keys that the upstream's own certificate may have, besides being valid: the SHA-256 of its
    /// `SubjectPublicKeyInfo` in base64, as `curl --pinnedpubkey` takes it. Name the next one too before it is used.
    #[serde(default)]
    #[schemars(example = ["sha256//ebUAB4yRGAClT3Mxmn4ggvPYRBFnM/bl1NHXRY2Brb0="])]
    pub(crate) pinned_certificates: Vec<String>,
    /// A path on its host that answers 2xx while it is well; it is asked with the upstream's key. Not checked unless given:
    /// then only what requests meet counts.
    #[schemars(example = &"/health")]
    pub(crate) health_path: Option<String>,
    /// Time between two checks, and for one, in milliseconds.
    #[serde(default = "health_interval_ms")]
    pub(crate) health_interval_ms: u64,
}

/// A wire format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum DialectOption {
    /// OpenAI's API, and what speaks it: vLLM, DeepSeek, Groq, OpenRouter, Azure `v1`.
    #[default]
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic's Messages API, and what speaks it.
    #[serde(rename = "anthropic")]
    Anthropic,
    /// Google's Gemini API (`https://generativelanguage.googleapis.com/v1beta`), and Vertex AI's form of it
    /// (`https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/publishers/google`): the base URL
    /// is what stands before `/models/…`, whatever project callers name.
    #[serde(rename = "gemini")]
    Gemini,
    /// Amazon Bedrock's Converse API (`https://bedrock-runtime.REGION.amazonaws.com`).
    #[serde(rename = "bedrock")]
    Bedrock,
    /// Ollama's native API; its `base_url` has no version: `http://localhost:11434`.
    #[serde(rename = "ollama")]
    Ollama,
}

/// Whose service an upstream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KindOption {
    /// The dialect's own paths and keys.
    #[default]
    Standard,
    /// Azure OpenAI: `/openai/deployments/…` goes there as it is, and the key is sent as `api-key`.
    Azure,
    /// Azure OpenAI with a token of Microsoft Entra as the key, sent as a bearer token.
    AzureEntra,
}

/// Versions of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(crate) enum HttpOption {
    /// HTTP/2 where TLS agrees on it (ALPN), else HTTP/1.1.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1 only.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2 only. Without TLS it is spoken by prior knowledge: such as to a service behind a mesh.
    #[serde(rename = "2")]
    Http2,
}

/// `[guards]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GuardOptions {
    /// Whether anything is looked for at all. Without it nothing is found and nothing is masked;
    /// authorisation and the record stay.
    pub(crate) enabled: bool,
    /// The shipped rules to start from: `observe` records and enforces nothing, `balanced` masks
    /// personal data and secrets and blocks clear attacks, `strict` refuses what it is not sure of.
    pub(crate) preset: PresetOption,
    /// Fields of a request that the content map does not know: `scan` and forward them, or `refuse`
    /// the request. Unless given: `refuse` with the preset `strict`, `scan` otherwise.
    #[schemars(example = UnknownFieldsOption::Scan)]
    pub(crate) unknown_fields: Option<UnknownFieldsOption>,
    /// What stands in for a masked value on its way to the model: a `label` that says what it was, or a value of
    /// the same `format` that is nobody's (e-mail, phone, card, IBAN, SSN, IP address; a label for the rest), for
    /// tools that check what they are given.
    pub(crate) masks: MaskOption,
    /// Your own Cedar policies, added to the shipped ones.
    #[schemars(example = ["policies/house-rules.cedar"])]
    pub(crate) policies: Vec<PathBuf>,
    /// Ids of rules that are recorded but not enforced.
    #[schemars(example = ["suspicious-user-text"])]
    pub(crate) shadow: Vec<String>,
    /// Names of detectors to leave out. `bartizan config coverage` lists them.
    #[schemars(example = ["ip_address"])]
    pub(crate) detectors_off: Vec<String>,
    /// Strings that nobody has a reason to know, planted where only an intruder would meet them: 8 to 128
    /// bytes each. Found as they are and in usual encodings, in streams too.
    #[schemars(example = ["plover-4417-quartz"])]
    pub(crate) canaries: Vec<String>,
    /// Hosts that images and links in answers may refer to, whatever their addresses carry; subdomains are
    /// included. If any is named, images from other hosts are findings.
    #[schemars(example = ["example.com"])]
    pub(crate) allowed_hosts: Vec<String>,
    /// Hosts that answers must not refer to; subdomains are included.
    #[schemars(example = ["example.net"])]
    pub(crate) denied_hosts: Vec<String>,
    /// Languages that answers may be in, as codes of ISO 639-1. If none is named, answers may be in any.
    #[schemars(example = ["en", "de"])]
    pub(crate) languages: Vec<String>,
    /// Your own patterns, each its own `[[guards.patterns]]`: the first that fits decides.
    #[schemars(example = [BTreeMap::from([("kind", "custom.employee_id"), ("pattern", "EMP-[0-9]{6}")])])]
    pub(crate) patterns: Vec<PatternOptions>,
    /// Your own lists of words, each its own `[[guards.dictionaries]]`.
    #[schemars(example = [BTreeMap::from([("kind", "custom.project"), ("file", "projects.txt")])])]
    pub(crate) dictionaries: Vec<DictionaryOptions>,
    /// Values that are never reported, each list its own `[[guards.allow]]`.
    #[schemars(example = [BTreeMap::from([("values", ["support@example.com"])])])]
    pub(crate) allow: Vec<AllowOptions>,
    /// How many ranks the score of a kind is moved, for texts of one provenance: what `bartizan feedback
    /// calibrate` proposed and somebody approved.
    #[schemars(example = BTreeMap::from([("injection", BTreeMap::from([("user", -2)]))]))]
    pub(crate) calibration: BTreeMap<String, BTreeMap<String, i8>>,
    /// Guards that run as services of their own, each its own `[[guards.external]]`: see docs/reference/external-guards.md.
    #[schemars(example = [BTreeMap::from([("name", "shields"), ("kind", "azure_prompt_shields"), ("url", "https://NAME.cognitiveservices.azure.com"), ("api_key", "env:AZURE_CONTENT_SAFETY_KEY")])])]
    pub(crate) external: Vec<ExternalOptions>,
}

/// A shipped set of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PresetOption {
    /// Record, enforce nothing.
    Observe,
    /// Mask personal data and secrets, block clear attacks.
    #[default]
    Balanced,
    /// Refuse what is not certain.
    Strict,
}

/// What stands in for a masked value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaskOption {
    /// `[EMAIL-K7Q2M9XA]`.
    #[default]
    Label,
    /// `k7q2m9xafw@masked.invalid`.
    Format,
}

/// What happens to fields that the content map does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnknownFieldsOption {
    /// Look at their text and forward them.
    Scan,
    /// Refuse the message.
    Refuse,
}

/// One of `[[exceptions]]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionOptions {
    /// What records call it.
    #[schemars(example = &"waiver-7")]
    pub(crate) id: String,
    /// The id of the rule that does not hold.
    #[schemars(example = &"injection-from-user")]
    pub(crate) rule: String,
    /// Who answers for it.
    #[schemars(example = &"security@example.com")]
    pub(crate) owner: String,
    /// Why it is there.
    #[schemars(example = &"the red team tests in March")]
    pub(crate) reason: String,
    /// When it ends: the first day it no longer holds, or a moment like `2027-04-01T08:00:00Z`.
    #[schemars(example = &"2027-04-01")]
    pub(crate) expires: String,
    /// For whom and what. At least one of `application`, `key`, `kind`, `model`, `provenance`, `route`,
    /// `team` and `tenant`; all that are given must match.
    #[schemars(example = BTreeMap::from([("team", "red-team")]))]
    pub(crate) scope: ScopeOptions,
}

/// Whom an exception is for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeOptions {
    /// The application of the virtual key.
    pub(crate) application: Option<String>,
    /// The virtual key's id.
    pub(crate) key: Option<String>,
    /// Findings of this kind only: `pii.email`, `pii`.
    pub(crate) kind: Option<String>,
    /// The model.
    pub(crate) model: Option<String>,
    /// Findings in text of this provenance only: `file`, `tool_result`, `user`.
    pub(crate) provenance: Option<String>,
    /// The route.
    pub(crate) route: Option<String>,
    /// The team of the virtual key.
    pub(crate) team: Option<String>,
    /// The tenant of the virtual key.
    pub(crate) tenant: Option<String>,
}

/// The folder that is used when nothing names one, below the working directory.
pub(crate) const DATA_DIR_DEFAULT: &str = "bartizan-data";

impl Default for DataOptions {
    fn default() -> Self {
        Self { dir: PathBuf::from(DATA_DIR_DEFAULT) }
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: String::from("127.0.0.1:8080"),
            allow_addresses: Vec::new(),
            deny_addresses: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol_from: Vec::new(),
            connections_max: 8_192,
            head_bytes_max: 64 << 10,
            head_timeout_ms: 15_000,
            send_timeout_ms: 60_000,
            bodies_bytes_max: 512 << 20,
            body_bytes_max: 16 << 20,
            inner_media: false,
            batch_requests_max: 50_000,
            body_timeout_ms: 30_000,
            answer_bytes_max: 32 << 20,
            answer_timeout_ms: 600_000,
            event_bytes_max: 4 << 20,
            stream_idle_timeout_ms: 120_000,
            session_message_bytes_max: 4 << 20,
            session_idle_timeout_ms: 900_000,
            session_timeout_ms: 3_600_000,
            shutdown_timeout_ms: 30_000,
        }
    }
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            preset: PresetOption::default(),
            unknown_fields: None,
            masks: MaskOption::default(),
            policies: Vec::new(),
            shadow: Vec::new(),
            detectors_off: Vec::new(),
            canaries: Vec::new(),
            allowed_hosts: Vec::new(),
            denied_hosts: Vec::new(),
            languages: Vec::new(),
            patterns: Vec::new(),
            dictionaries: Vec::new(),
            allow: Vec::new(),
            calibration: BTreeMap::new(),
            external: Vec::new(),
        }
    }
}

pub(crate) const fn connect_timeout_ms() -> u64 {
    10_000
}

pub(crate) const fn response_timeout_ms() -> u64 {
    600_000
}

pub(crate) const fn health_interval_ms() -> u64 {
    10_000
}
