//! A campaign in a sentence.
//!
//! INVARIANT: no content and no name that a caller chose: those have fields of their own.

use events::{Campaign, CampaignShape};

/// What a shape is, for people.
pub fn shape(shape: CampaignShape) -> &'static str {
    match shape {
        CampaignShape::Fuzzing => "a program that tries variants",
        CampaignShape::Probing => "somebody who tries by hand",
        CampaignShape::SharedInfrastructure => "several callers with something in common",
        CampaignShape::SharedText => "several callers with nearly the same text",
        CampaignShape::Sweep => "somebody who tries one technique after the other",
        CampaignShape::Wave => "many callers at once with the same technique",
    }
}

/// What a notice says.
pub(crate) fn detail(campaign: &Campaign) -> String {
    let Campaign { callers, networks_total, passed, refused, requests, .. } = campaign;
    let span = duration(campaign.last_seen_ms.saturating_sub(campaign.first_seen_ms));
    let kinds: Vec<&str> = campaign.kinds.iter().map(|one| one.kind.as_str()).collect();
    format!(
        "{}: {} by {} from {} within {span}; {refused} refused, {passed} got through; {}",
        shape(campaign.shape),
        counted(*requests, "request"),
        counted(*callers, "caller"),
        counted(*networks_total, "network"),
        kinds.join(", ")
    )
}

/// `1 request`, `2 requests`.
fn counted(count: u64, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

/// `5 minutes`.
fn duration(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..=119 => counted(seconds.max(1), "second"),
        seconds @ 120..=7_199 => counted(seconds / 60, "minute"),
        seconds @ 7_200..=172_799 => counted(seconds / 3_600, "hour"),
        seconds => counted(seconds / 86_400, "day"),
    }
}
