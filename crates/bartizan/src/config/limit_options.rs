//! `[keys]`, `[[limits]]` and `[[prices]]` as they are typed.
//!
//! INVARIANT: as for all of [`super::options`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::options::every_model;

/// `[keys]`
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeyOptions {
    /// Whether a virtual key that is seen in plain text, in a request, an answer or the comment of a report, is revoked at
    /// once. It is on record as `key.exposed` in any case, and `bartizan keys audit` says so.
    pub(crate) revoke_exposed: bool,
}

/// One of `[[limits]]`; how tokens are counted is said there ([`super::options::ConfigOptions::limits`]).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitOptions {
    /// What refusals call it.
    #[schemars(example = &"team-budget")]
    pub(crate) name: String,
    /// What is counted separately: each `key`, `application`, `team`, `tenant`, `model` or `route`, or `all`
    /// together. What has no such name (a key without a team) is counted together.
    #[schemars(example = PerOption::Team)]
    pub(crate) per: PerOption,
    /// Models that count; `*` stands for any text.
    #[serde(default = "every_model")]
    pub(crate) models: Vec<String>,
    /// Requests in a minute, which slides.
    #[schemars(example = 600)]
    pub(crate) requests_per_minute: Option<u64>,
    /// Tokens in a minute, which slides.
    #[schemars(example = 200_000)]
    pub(crate) tokens_per_minute: Option<u64>,
    /// Requests under way at a time.
    #[schemars(example = 50)]
    pub(crate) concurrent_max: Option<u64>,
    /// Tokens in a day (UTC).
    #[schemars(example = 5_000_000)]
    pub(crate) tokens_per_day: Option<u64>,
    /// Tokens in a month (UTC).
    #[schemars(example = 100_000_000)]
    pub(crate) tokens_per_month: Option<u64>,
    /// US dollars in a day (UTC).
    #[schemars(example = 50.0)]
    pub(crate) usd_per_day: Option<f64>,
    /// US dollars in a month (UTC).
    #[schemars(example = 1000.0)]
    pub(crate) usd_per_month: Option<f64>,
}

/// What a limit counts separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PerOption {
    /// Each virtual key.
    Key,
    /// Each application.
    Application,
    /// Each team.
    Team,
    /// Each tenant.
    Tenant,
    /// Each model.
    Model,
    /// Each route.
    Route,
    /// Everything together.
    All,
}

/// One of `[[prices]]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceOptions {
    /// Models; `*` stands for any text.
    #[schemars(example = ["gpt-4o*"])]
    pub(crate) models: Vec<String>,
    /// US dollars for a million tokens of requests.
    #[schemars(example = 2.5)]
    pub(crate) input_usd_per_million_tokens: f64,
    /// US dollars for a million tokens of answers.
    #[schemars(example = 10.0)]
    pub(crate) output_usd_per_million_tokens: f64,
}
