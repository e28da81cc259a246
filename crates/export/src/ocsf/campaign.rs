//! A campaign as a Detection Finding 2004: created when it is recognised, updated as it grows, closed when it is over.
//!
//! Incident Finding 2005 asks who it is assigned to, and a campaign is nobody's until somebody takes it up.
//!
//! INVARIANT: all notices of a campaign have its id as `finding_info.uid`, so that a SIEM has one finding of it.

use events::{Campaign, CampaignPhase};
use serde_json::{Value as Json, json};

use super::finding::{BEHAVIORAL, DETECTION, analytic};
use super::{Source, security_control, whole};
use crate::fact::signed;
use crate::field::Field;
use crate::object::{Object, Pair};

const IP_ADDRESS: Pair = Pair(2, "IP Address");
const HIGH: Pair = Pair(3, "High");

/// What is told of a campaign.
pub(super) fn told(source: &Source<'_>, campaign: &Campaign) -> Json {
    let facts = source.facts;
    let (activity, status) = match campaign.phase {
        CampaignPhase::Opened => (Pair(1, "Create"), Pair(1, "New")),
        CampaignPhase::Grown => (Pair(2, "Update"), Pair(2, "In Progress")),
        CampaignPhase::Ended => (Pair(3, "Close"), Pair(4, "Resolved")),
    };
    let related = facts.texts(Field::CampaignMembers).iter();
    let related: Vec<Json> =
        related.map(|uid| json!({ "uid": uid, "type": "interaction" })).collect();
    let info = Object::new()
        .maybe("uid", facts.text(Field::CampaignId))
        .with("title", "campaign")
        .with("types", vec![campaign.shape.as_str()])
        .maybe("desc", facts.text(Field::Message))
        .with("analytic", analytic("campaigns", BEHAVIORAL))
        .with("attacks", security_control::attacks(source))
        .with("first_seen_time", signed(campaign.first_seen_ms))
        .with("last_seen_time", signed(campaign.last_seen_ms))
        .with("created_time", signed(source.event().time_ms))
        .with("related_events", related);
    let observables: Vec<Json> = facts
        .texts(Field::CampaignAddresses)
        .iter()
        .map(|address| {
            Object::new()
                .with("name", "unmapped.bartizan.campaign.addresses")
                .pair("type", IP_ADDRESS)
                .with("value", &**address)
                .into()
        })
        .collect();
    source
        .base(DETECTION, activity, &source.uid())
        .with("finding_info", info)
        .pair("status", status)
        .pair("confidence", HIGH)
        .maybe("count", whole(campaign.requests))
        .with("observables", observables)
        .with("start_time", signed(campaign.first_seen_ms))
        .with("is_alert", campaign.phase != CampaignPhase::Ended)
        .with("unmapped", source.unmapped())
        .into()
}
