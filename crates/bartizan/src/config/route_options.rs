//! `[[routes]]` as they are typed: which models go where, and what happens when that fails.
//!
//! INVARIANT: as in [`super::options`]: unknown keys are refused, numbers have their unit at the end of their name, and nothing
//! here is used before [`super::settings`] has checked it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address_range::AddressRange;

/// One of `[[routes]]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteOptions {
    /// What policies and records call it. The upstream's name unless given.
    #[schemars(example = &"openai")]
    pub(crate) name: Option<String>,
    /// Models that take this route; `*` stands for any text.
    #[serde(default = "every_model")]
    pub(crate) models: Vec<String>,
    /// The name of the upstream. Either this or `upstreams`.
    #[schemars(example = &"openai")]
    pub(crate) upstream: Option<String>,
    /// Several upstreams that speak the same dialect, over which conversations are spread by weight; each
    /// conversation keeps its upstream as long as that is well.
    #[serde(default)]
    #[schemars(example = [BTreeMap::from([("name", "openai")])])]
    pub(crate) upstreams: Vec<RouteUpstreamOptions>,
    /// Names of upstreams that are asked, in this order, when none of the others can answer.
    #[serde(default)]
    #[schemars(example = ["openai-eu"])]
    pub(crate) fallback: Vec<String>,
    /// Attempts for one request, the first included. It is sent again only if the upstream certainly did not process it, and
    /// never once anything of an answer was passed on.
    #[serde(default = "attempts_max")]
    pub(crate) attempts_max: usize,
    /// Statuses with which an upstream says that it did not process a request, so that the next upstream is asked: any of
    /// 429, 502, 503, 504 and 529. Leave 503 out where a proxy before the model answers so for connections that it lost.
    #[serde(default = "retry_statuses")]
    pub(crate) retry_statuses: Vec<u16>,
    /// Time from the first attempt within which another may begin, in milliseconds.
    #[serde(default = "retry_timeout_ms")]
    pub(crate) retry_timeout_ms: u64,
    /// The longest `retry-after` that is waited for before an upstream is asked the same again, in milliseconds. With 0 the
    /// client is told, and waits itself.
    #[serde(default)]
    pub(crate) retry_after_ms_max: u64,
    /// Who may ask: `virtual` takes our virtual keys and sends the upstream's `api_key`; `provider`
    /// takes keys of the callers' own provider accounts and forwards them, so that a changed base URL
    /// is all a client needs.
    #[serde(default)]
    pub(crate) accept: AcceptOption,
    /// Addresses that may take it, as networks. Everybody who may ask at all, unless any is named.
    #[serde(default)]
    #[schemars(example = ["192.0.2.0/24"])]
    pub(crate) allow_addresses: Vec<AddressRange>,
    /// Addresses that may not take it.
    #[serde(default)]
    #[schemars(example = ["192.0.2.66"])]
    pub(crate) deny_addresses: Vec<AddressRange>,
}

/// Which keys a route takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AcceptOption {
    /// Virtual keys.
    #[default]
    Virtual,
    /// The callers' own provider keys.
    Provider,
}

/// One of a route's `upstreams`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteUpstreamOptions {
    /// The name of the upstream.
    pub(crate) name: String,
    /// Its share of the requests, in comparison with the others'.
    #[serde(default = "weight")]
    pub(crate) weight: u32,
}

pub(crate) fn every_model() -> Vec<String> {
    vec![String::from("*")]
}

const fn attempts_max() -> usize {
    3
}

fn retry_statuses() -> Vec<u16> {
    vec![429, 503, 529]
}

const fn retry_timeout_ms() -> u64 {
    30_000
}

const fn weight() -> u32 {
    1
}
