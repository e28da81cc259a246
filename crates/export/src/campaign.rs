//! The facts of a campaign: what is known of it, lists of objects as lists side by side.
//!
//! INVARIANT: as in `walk`, every field becomes a fact.

use std::net::IpAddr;

use events::Campaign;

use crate::fact::{Facts, Value};
use crate::field::Field;
use crate::walk::is_technique;

/// Puts what is known of a campaign.
pub(crate) fn facts_of<'a>(facts: &mut Facts<'a>, campaign: &'a Campaign) {
    facts.put_text(Field::CampaignId, campaign.id.to_string());
    facts.put_text(Field::CampaignPhase, campaign.phase.as_str());
    facts.put_text(Field::CampaignShape, campaign.shape.as_str());
    for (field, count) in [
        (Field::CampaignScore, campaign.score.into()),
        (Field::CampaignRequests, campaign.requests),
        (Field::CampaignRefused, campaign.refused),
        (Field::CampaignPassed, campaign.passed),
        (Field::CampaignFlagged, campaign.flagged),
        (Field::CampaignCallers, campaign.callers),
        (Field::CampaignNetworks, campaign.networks_total),
        (Field::CampaignConversations, campaign.conversations),
    ] {
        facts.put(field, Value::Whole(count));
    }
    facts.put(Field::CampaignFirst, Value::Moment(campaign.first_seen_ms));
    facts.put(Field::CampaignLast, Value::Moment(campaign.last_seen_ms));
    facts.put_texts(Field::CampaignKeys, campaign.keys.iter().map(events::KeyId::as_str));
    for (field, names) in [
        (Field::CampaignApplications, &campaign.applications),
        (Field::CampaignEndUsers, &campaign.end_users),
        (Field::CampaignModels, &campaign.models),
        (Field::CampaignNetworkNames, &campaign.networks),
        (Field::CampaignTeams, &campaign.teams),
        (Field::CampaignUsers, &campaign.users),
    ] {
        facts.put_texts(field, names.iter().map(String::as_str));
    }
    // As with the address of a caller: what is none is left out.
    let addresses = campaign.addresses.iter().filter_map(|one| one.parse::<IpAddr>().ok());
    facts.put_texts(Field::CampaignAddresses, addresses.map(|address| address.to_string()));
    let techniques = campaign.techniques.iter().filter(|one| is_technique(one));
    facts.put_texts(Field::Techniques, techniques.map(String::as_str));
    facts.put_texts(Field::CampaignAbsorbed, campaign.absorbed.iter().map(ToString::to_string));
    facts.put_texts(Field::CampaignMembers, campaign.members.iter().map(ToString::to_string));
    let passed = campaign.passed_members.iter().map(ToString::to_string);
    facts.put_texts(Field::CampaignPassedMembers, passed);
    lists(facts, campaign);
}

fn lists<'a>(facts: &mut Facts<'a>, campaign: &'a Campaign) {
    let Campaign { kinds, links, steps, .. } = campaign;
    facts.put_texts(Field::CampaignKinds, kinds.iter().map(|one| one.kind.as_str()));
    facts.put_wholes(Field::CampaignKindRanks, kinds.iter().map(|one| one.rank.get().into()));
    facts.put_wholes(Field::CampaignKindRequests, kinds.iter().map(|one| one.requests));
    facts.put_wholes(Field::CampaignKindTimes, kinds.iter().map(|one| one.since_ms));
    facts.put_texts(Field::CampaignLinkShares, links.iter().map(|one| one.share.as_str()));
    facts.put_texts(Field::CampaignLinkNames, links.iter().map(|one| one.what.as_str()));
    facts.put_wholes(Field::CampaignLinkRequests, links.iter().map(|one| one.requests));
    facts.put_wholes(Field::CampaignStepTimes, steps.iter().map(|one| one.time_ms));
    facts.put_wholes(Field::CampaignStepRequests, steps.iter().map(|one| one.requests));
    facts.put_wholes(Field::CampaignStepRefused, steps.iter().map(|one| one.refused));
    facts.put_wholes(Field::CampaignStepPassed, steps.iter().map(|one| one.passed));
}
