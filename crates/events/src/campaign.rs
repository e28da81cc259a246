//! Interactions that belong together, whoever made them: one story instead of an alert for each.
//!
//! INVARIANT: as in every record, fields are alphabetical and numbers whole, and no content of any interaction is in it. INVARIANT: lists are
//! bounded by whoever writes them; the counts beside them are of all.
//!
//! Not here: what belongs together, and when that is worth saying (`hunt`).

use serde::{Deserialize, Serialize};

use crate::{CampaignId, InteractionId, KeyId, Kind, Rank};

/// What is known of a campaign, when it is recognised, as it grows, and when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignNotice {
    /// All of it so far.
    pub campaign: Campaign,
    /// The same in a sentence.
    pub detail: String,
}

/// A campaign so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Campaigns that turned out to be part of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<CampaignId>,
    /// Addresses it came from, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Applications whose keys it used, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// How many callers, by key, user or end user.
    pub callers: u64,
    /// How many conversations.
    pub conversations: u64,
    /// End users, hashed, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_users: Vec<String>,
    /// When its first known request ended, in milliseconds since 1970.
    pub first_seen_ms: u64,
    /// Requests in which something was found that speaks of an attack.
    pub flagged: u64,
    /// Its id, the same in all notices.
    pub id: CampaignId,
    /// Virtual keys, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyId>,
    /// What was tried, in the order in which it was tried first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<CampaignKind>,
    /// When its last request ended.
    pub last_seen_ms: u64,
    /// What its requests share: why they are one campaign.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<CampaignLink>,
    /// Some of its interactions: the first of each kind that was tried, then the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<InteractionId>,
    /// Models asked for, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Networks it came from (/24, /64), the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// How many networks.
    pub networks_total: u64,
    /// Requests that were answered: what got through.
    pub passed: u64,
    /// Some of those, the first and the latest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_members: Vec<InteractionId>,
    /// Whether it begins, goes on or is over.
    pub phase: CampaignPhase,
    /// Requests that policy refused or whose answer it stopped.
    pub refused: u64,
    /// All requests.
    pub requests: u64,
    /// How sure it is: −10·log10 of the chance that ordinary traffic looks so.
    pub score: u32,
    /// What it looks like.
    pub shape: CampaignShape,
    /// Its course: requests from a moment on until the next step's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<CampaignStep>,
    /// Teams whose keys it used, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Techniques of MITRE ATLAS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    /// Users as their tokens or certificates name them, the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

/// A kind of finding in a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignKind {
    /// What was found.
    pub kind: Kind,
    /// The highest rank.
    pub rank: Rank,
    /// In how many requests.
    pub requests: u64,
    /// When first, in milliseconds since 1970.
    pub since_ms: u64,
}

/// What requests of a campaign share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignLink {
    /// How many of them.
    pub requests: u64,
    /// What sort of thing: `caller`, `end_user`, `address`, `network`, `application`, `text`, `technique`.
    pub share: String,
    /// Which: a key, an address; a number for a text, which is not on record.
    pub what: String,
}

/// A span of a campaign's course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignStep {
    /// Requests that were answered.
    pub passed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// All requests.
    pub requests: u64,
    /// When the span begins, in milliseconds since 1970.
    pub time_ms: u64,
}

/// Where in its life a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignPhase {
    /// It is over: nothing more came of it for a while, or it is part of another.
    Ended,
    /// It has grown to twice what was said last, or something of it got through for the first time.
    Grown,
    /// It was recognised just now.
    Opened,
}

/// What a campaign looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignShape {
    /// Many requests of few callers, by a program as it seems: variants of a text, or in quick succession.
    Fuzzing,
    /// Few callers, by hand as it seems.
    Probing,
    /// Many callers with an address, a network or an application in common.
    SharedInfrastructure,
    /// Many callers with nearly the same text.
    SharedText,
    /// Few callers who try one technique after the other.
    Sweep,
    /// Many callers at once with the same technique and nothing else in common.
    Wave,
}

impl CampaignPhase {
    /// As in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Grown => "grown",
            Self::Opened => "opened",
        }
    }
}

impl CampaignShape {
    /// As in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fuzzing => "fuzzing",
            Self::Probing => "probing",
            Self::SharedInfrastructure => "shared_infrastructure",
            Self::SharedText => "shared_text",
            Self::Sweep => "sweep",
            Self::Wave => "wave",
        }
    }
}
