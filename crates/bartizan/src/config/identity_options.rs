//! `[identity]` as it is typed: tokens and client certificates as ways in.
//!
//! INVARIANT: as for all of [`super::options`]. INVARIANT: what somebody may do has to be written: a row without
//! `models` is an error, and whom no row fits is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address_range::AddressRange;

/// `[identity]`
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityOptions {
    /// Issuers whose tokens (JWT, as of an OpenID provider) are taken where virtual keys are, each its own
    /// `[[identity.jwt]]`.
    #[schemars(example = serde_json::json!([{
        "name": "corp", "issuer": "https://login.example.com", "audiences": ["bartizan"],
        "jwks_url": "https://login.example.com/keys",
        "grants": [{ "when": { "groups": "ml" }, "models": ["gpt-*"] }],
    }]))]
    pub(crate) jwt: Vec<JwtOptions>,
    /// What holders of client certificates may do (see `[tls]`), each row its own `[[identity.certificates]]`: the first that fits decides. `when` may
    /// name `uri` (also of SPIFFE), `dns` and `email`. A key or token that is sent too decides instead.
    #[schemars(example = serde_json::json!([{ "when": { "uri": "spiffe://example.org/*" }, "models": ["*"] }]))]
    pub(crate) certificates: Vec<GrantRowOptions>,
}

/// One of `[[identity.jwt]]`
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtOptions {
    /// What records call the issuer: small letters, digits, `_` and `-`.
    pub(crate) name: String,
    /// What `iss` must be, exactly.
    pub(crate) issuer: String,
    /// Texts of which `aud` must hold one.
    pub(crate) audiences: Vec<String>,
    /// How tokens may be signed: `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`.
    #[serde(default = "algorithms")]
    pub(crate) algorithms: Vec<String>,
    /// A file with the issuer's public keys (a JWK set), read at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_file: Option<PathBuf>,
    /// Where the issuer's public keys are, instead of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_url: Option<String>,
    /// Certificates to trust at that address instead of the system's, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How often the keys are fetched, in seconds.
    #[serde(default = "refresh_s")]
    pub(crate) refresh_s: u64,
    /// How old keys may be when they cannot be fetched, in seconds. After that tokens are refused.
    #[serde(default = "stale_s")]
    pub(crate) stale_s: u64,
    /// How often, at most, keys are fetched because a token names one that is not known, in seconds.
    #[serde(default = "unknown_key_pause_s")]
    pub(crate) unknown_key_pause_s: u64,
    /// How far the issuer's clock may be from this one's, in seconds.
    #[serde(default = "leeway_s")]
    pub(crate) leeway_s: u64,
    /// How long a token may be valid, in seconds.
    #[serde(default = "lifetime_s_max")]
    pub(crate) lifetime_s_max: u64,
    /// What `typ` may be. A token that does not say is a `JWT`.
    #[serde(default = "types")]
    pub(crate) types: Vec<String>,
    /// Which claims say who asks: a claim's name, or below other claims a JSON pointer (`/realm/team`).
    #[serde(default)]
    pub(crate) claims: ClaimOptions,
    /// Who may do what, each row its own `[[identity.jwt.grants]]`: the first that fits decides, and whom none fits is refused.
    #[serde(default)]
    pub(crate) grants: Vec<GrantRowOptions>,
}

/// Which claims say who asks.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClaimOptions {
    /// The user, or whoever else the token speaks for. It must be in the token.
    pub(crate) user: String,
    /// The agent that acts for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// The application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) application: Option<String>,
    /// The team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team: Option<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
}

/// One row of who may do what.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantRowOptions {
    /// Claims and what they must be; all of them. `*` stands for any text; of several texts one must fit, and so must one of a claim that
    /// is a list. `{}` is everybody.
    pub(crate) when: BTreeMap<String, OneOrMany>,
    /// Models that may be asked for; `*` stands for any text.
    pub(crate) models: Vec<String>,
    /// Routes that may be taken. Every route unless given.
    #[serde(default)]
    pub(crate) routes: Vec<String>,
    /// Tools that may be offered to models; `*` stands for any text. Every tool unless given.
    #[serde(default)]
    pub(crate) tools: Vec<String>,
    /// What may be done: `infer`, `embed`. Everything that policy permits unless given.
    #[serde(default)]
    pub(crate) actions: Vec<String>,
    /// Networks to come from. Every one unless given.
    #[serde(default)]
    pub(crate) addresses: Vec<AddressRange>,
    /// Hours in UTC: `8-18`, `mon-fri 8-18`. Always unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hours: Option<String>,
    /// The agent, whatever the claims say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// The application, whatever the claims say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) application: Option<String>,
    /// The team, whatever the claims say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) team: Option<String>,
    /// The tenant, whatever the claims say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
}

/// A text or a list of them.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(untagged, expecting = "a text or a list of texts is expected")]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// Whether clients have to show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientCertificatesOption {
    /// They may.
    #[default]
    Optional,
    /// Without one there is no connection.
    Required,
}

impl Default for ClaimOptions {
    fn default() -> Self {
        let user = String::from("sub");
        Self { user, agent: None, application: None, team: None, tenant: None }
    }
}

fn algorithms() -> Vec<String> {
    ["RS256", "ES256", "EdDSA"].map(String::from).to_vec()
}

fn types() -> Vec<String> {
    identity::ISSUER_TYPES_DEFAULT.map(String::from).to_vec()
}

const fn refresh_s() -> u64 {
    900
}

const fn stale_s() -> u64 {
    86_400
}

const fn unknown_key_pause_s() -> u64 {
    30
}

const fn leeway_s() -> u64 {
    60
}

const fn lifetime_s_max() -> u64 {
    86_400
}
