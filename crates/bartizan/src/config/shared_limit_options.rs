//! `[shared_limits]` as it is typed.
//!
//! INVARIANT: as for all of [`super::options`].

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;

/// `[shared_limits]`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SharedLimitsOptions {
    /// Redis (7) or Valkey: `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS. One primary; not a cluster. What it
    /// evicts or does not keep over a restart is forgotten: use `maxmemory-policy noeviction` and `appendonly yes`.
    #[schemars(example = &"rediss://counters.example.com:6379/0")]
    pub(crate) url: String,
    /// The user that the password belongs to, if it is not the default one. It needs `EVALSHA`, `SCRIPT LOAD`, `TIME`, `HGETALL`,
    /// `HSET`, `PEXPIRE`, `ZADD`, `ZCARD`, `ZRANGEBYSCORE`, `ZREM`, `ZSCORE`, and keys that begin with `key_prefix`.
    #[schemars(example = &"bartizan")]
    pub(crate) user: Option<String>,
    /// The password, as a reference like `api_key` of upstreams.
    #[schemars(example = &"env:REDIS_PASSWORD")]
    pub(crate) password: Option<SecretReference>,
    /// Certificates to trust instead of the system's, as PEM.
    #[schemars(example = &"/etc/bartizan/tls/private-ca.pem")]
    pub(crate) ca_file: Option<PathBuf>,
    /// What every key begins with. Gateways with the same limits have the same.
    #[serde(default = "key_prefix")]
    pub(crate) key_prefix: String,
    /// Time for one question, its connection included, in milliseconds. After three failures in a row nothing is
    /// asked for a second, and then by one request at a time.
    #[serde(default = "timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// How long what a request has reserved outlives its gateway, in milliseconds. Then its place among the requests
    /// under way is free again, and what it had reserved counts as used.
    #[serde(default = "lease_ms")]
    pub(crate) lease_ms: u64,
    /// What follows while there is no answer. `refuse`: requests that a limit counts are refused (503
    /// `limits_unavailable`). `local`: each gateway counts for itself, from what all had used when it last heard of it, and
    /// tells afterwards what was used; so budgets and rates can be passed, at most as often over as there are gateways.
    #[serde(default)]
    pub(crate) fallback: FallbackOption,
}

impl SharedLimitsOptions {
    /// For people.
    pub(crate) fn describe(&self) -> String {
        let away = match self.fallback {
            FallbackOption::Refuse => "what limits count is refused",
            FallbackOption::Local => "each gateway counts for itself",
        };
        format!("in {}; while it is away, {away}", self.url)
    }
}

/// What follows while a store of shared limits does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FallbackOption {
    /// What limits count is refused.
    #[default]
    Refuse,
    /// Each gateway counts for itself.
    Local,
}

fn key_prefix() -> String {
    String::from("bartizan")
}

const fn timeout_ms() -> u64 {
    250
}

const fn lease_ms() -> u64 {
    60_000
}
