//! How much may be used: the numbers of a limit, of a key's own or of the configuration's.
//!
//! INVARIANT: what is not given does not limit. Not here: counting (`gateway`).

use serde::{Deserialize, Serialize};

/// How much may be used. Minutes slide; days and months are those of the calendar in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Tokens in a minute, of requests and answers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Requests under way at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_max: Option<u64>,
    /// Tokens in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Tokens in a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_month: Option<u64>,
    /// Money in a day, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microusd_per_day: Option<u64>,
    /// Money in a month, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microusd_per_month: Option<u64>,
}

impl Quota {
    /// Whether it limits anything.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it limits money.
    pub const fn limits_money(&self) -> bool {
        self.microusd_per_day.is_some() || self.microusd_per_month.is_some()
    }
}
