//! `[upstreams.aws]`, as it is written: keys of an AWS account.
//!
//! INVARIANT: keys are references ([`SecretReference`]) until they are read.
//!
//! Not here: what is checked of them (`upstreams`), how requests are signed (`gateway`).

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::SecretReference;

/// `[upstreams.aws]`: keys of an AWS account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AwsOptions {
    /// The region of the service.
    #[schemars(example = &"eu-central-1")]
    pub(crate) region: String,
    /// The access key's id, referred to like a key.
    #[schemars(example = &"env:AWS_ACCESS_KEY_ID")]
    pub(crate) access_key_id: SecretReference,
    /// The access key.
    #[schemars(example = &"env:AWS_SECRET_ACCESS_KEY")]
    pub(crate) secret_access_key: SecretReference,
    /// The token of temporary keys, which expire: the three are replaced together.
    #[schemars(example = &"env:AWS_SESSION_TOKEN")]
    pub(crate) session_token: Option<SecretReference>,
    /// The name that the service signs by.
    #[serde(default = "signing_service")]
    pub(crate) service: String,
}

/// The name that Bedrock signs by.
pub(crate) fn signing_service() -> String {
    String::from("bedrock")
}
