//! `[upstreams.oauth]`, as it is written: who grants the tokens that an upstream takes for a key.
//!
//! INVARIANT: secrets are references ([`SecretReference`]) until they are read.
//!
//! Not here: what is checked of it (`upstream_keys`), how tokens are asked for (`connect`).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretReference;

/// `[upstreams.oauth]`: a token of an authorisation server instead of a key, renewed before it expires (OAuth 2.0 client
/// credentials, RFC 6749 section 4.4).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OauthOptions {
    /// Where tokens are granted. Microsoft Entra: `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    #[schemars(
        example = &"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token"
    )]
    pub(crate) token_url: String,
    /// The client: of Microsoft Entra, the id of the application.
    #[schemars(example = &"66666666-7777-8888-9999-000000000000")]
    pub(crate) client_id: String,
    /// The client's secret, referred to like a key.
    #[schemars(example = &"env:ENTRA_CLIENT_SECRET")]
    pub(crate) client_secret: Option<SecretReference>,
    /// Instead of a secret: a file with a signed assertion (a JWT), which is read for each token. Workload identities of
    /// Kubernetes have one: `/var/run/secrets/azure/tokens/azure-identity-token`.
    #[schemars(example = &"/var/run/secrets/azure/tokens/azure-identity-token")]
    pub(crate) assertion_file: Option<PathBuf>,
    /// What the token is to open. Azure OpenAI: `https://cognitiveservices.azure.com/.default`.
    #[schemars(example = &"https://cognitiveservices.azure.com/.default")]
    pub(crate) scope: Option<String>,
    /// Certificates to trust for this server instead of the system's, as PEM.
    #[schemars(example = &"/etc/bartizan/tls/private-ca.pem")]
    pub(crate) ca_file: Option<PathBuf>,
}
