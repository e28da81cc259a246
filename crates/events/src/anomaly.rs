//! Something out of the ordinary about a principal's traffic, seen over many interactions.
//!
//! INVARIANT: as in every record, fields are alphabetical and numbers whole, and no content of any interaction is in it.
//!
//! Not here: what is ordinary, and how it is learnt (`hunt`).

use serde::{Deserialize, Serialize};

use crate::{Kind, Principal, Rank};

/// Traffic of a principal that is far above what is ordinary for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What is seen, how much above the ordinary, and since when, in words.
    pub detail: String,
    /// `anomaly.scraping`, `anomaly.fuzzing`, `anomaly.cost`, `anomaly.latency`, `anomaly.errors`, `anomaly.refusals`.
    pub kind: Kind,
    /// What was measured: `requests`, `cost`, `blocked`, `rephrased`, `errors`, `refusals`, `latency`, `first_byte`.
    pub measure: String,
    /// The model asked for; `(all)` for all of a principal's, `(other)` for those beyond the limit of names, `(everybody)` for all traffic of
    /// all principals, of which none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was seen in the window: a count, or for times the microseconds of a typical answer.
    pub observed: u64,
    /// What would have been ordinary in the same window.
    pub ordinary: u64,
    /// Whose traffic it is.
    pub principal: Principal,
    /// How rare it is: −10·log10 of the chance to see as much in an ordinary hour of the same traffic.
    pub rank: Rank,
    /// Since when it has been above the ordinary, in milliseconds since 1970.
    pub since_ms: u64,
    /// The upstream's configured name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The time that `observed` is about, in seconds.
    pub window_s: u32,
}
