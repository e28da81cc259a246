//! `[secrets]` as it is typed.
//!
//! INVARIANT: as for all of [`super::options`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;

/// `[secrets]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SecretsOptions {
    /// The key that encrypts them: 64 hexadecimal digits, as `openssl rand -hex 32` prints them. Unless given:
    /// `keys/sealing` in the data folder, which `bartizan secrets add` makes; then whoever has the whole folder has the
    /// secrets.
    #[schemars(example = &"env:BARTIZAN_SEALING_KEY")]
    pub(crate) key: Option<SecretReference>,
    /// Keys that were used before: they still open, until `bartizan secrets rewrap`.
    #[schemars(default, example = ["file:/run/secrets/old-sealing-key"])]
    pub(crate) previous_keys: Vec<SecretReference>,
    /// A program that encrypts instead of a key, such as a client of a key management service; `key` then opens
    /// what was sealed before. It is started with `wrap NAME` or `unwrap NAME` after its own arguments, reads 32 bytes
    /// (for `unwrap`, what it wrote before) as one line of base64 from its standard input, and writes the answer as one
    /// line of base64 to its standard output. It has to refuse to unwrap under another NAME.
    #[schemars(default, example = ["/usr/local/bin/bartizan-kms", "--key", "prod"])]
    pub(crate) command: Vec<String>,
    /// The names of the environment variables that the program gets as the gateway has them, besides `PATH` and `HOME`.
    #[schemars(default, example = ["AWS_REGION", "AWS_PROFILE"])]
    pub(crate) command_environment: Vec<String>,
    /// Time for one run of the program, in milliseconds.
    pub(crate) command_timeout_ms: u64,
    /// How keys are rotated at their providers, each its own `[[secrets.rotations]]`: `bartizan keys rotate-provider NAME`.
    #[schemars(default, example = [BTreeMap::from([("name", "openai"), ("provider", "openai"), ("account", "proj_1"), ("admin_key", "env:ADMIN")])])]
    pub(crate) rotations: Vec<RotationOptions>,
}

/// One of `[[secrets.rotations]]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationOptions {
    /// The name of the sealed secret. It has to know what the provider calls it: `bartizan secrets add --provider-id`.
    pub(crate) name: String,
    /// Whose key it is: `openai` (a service account of a project for each key), `azure_openai` (the account's two keys,
    /// made anew in turn: whatever else uses the other one stops working) or `pinecone`.
    pub(crate) provider: ProviderOption,
    /// What holds the keys: at OpenAI and Pinecone the id of the project, at Azure the id of the resource
    /// (`/subscriptions/…/accounts/NAME`).
    pub(crate) account: String,
    /// What opens the provider's administrative API, a reference like `api_key` of upstreams: OpenAI's Admin API key; at Azure
    /// and Pinecone the secret of the client `client_id`.
    pub(crate) admin_key: SecretReference,
    /// The client that asks for tokens: an application of Microsoft Entra, a service account of Pinecone. Without it,
    /// `admin_key` is sent as it is.
    pub(crate) client_id: Option<String>,
    /// Where tokens are granted; at Azure `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    pub(crate) token_url: Option<String>,
    /// Where the administrative API is, unless it is the provider's own.
    pub(crate) admin_url: Option<String>,
    /// Where a new key is tried, unless it is the provider's own; at Azure the account's endpoint, `https://NAME.openai.azure.com`.
    pub(crate) service_url: Option<String>,
    /// Certificates to trust instead of the system's, as PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// How long the old key works after the new one is in use, in seconds.
    #[serde(default = "overlap_s")]
    pub(crate) overlap_s: u64,
    /// Whether it is rotated at once, without an overlap, when the key in use is seen in a request, an answer or the
    /// comment of a report. At most once an hour.
    #[serde(default)]
    pub(crate) on_exposure: bool,
}

/// A provider whose keys are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProviderOption {
    /// Azure OpenAI, and other accounts of Azure AI services.
    AzureOpenai,
    /// OpenAI.
    Openai,
    /// Pinecone.
    Pinecone,
}

const fn overlap_s() -> u64 {
    600
}

impl Default for SecretsOptions {
    fn default() -> Self {
        Self {
            key: None,
            previous_keys: Vec::new(),
            command: Vec::new(),
            command_environment: Vec::new(),
            command_timeout_ms: 10_000,
            rotations: Vec::new(),
        }
    }
}
