//! `bartizan log campaigns [ID]`: campaigns on record, as a list, and one as a story.
//!
//! INVARIANT: the record is never in memory as a whole: of each campaign its last notice is kept, and of one that is told the records of the interactions
//! that stand for it. INVARIANT: what was said is not shown; `log show ID --content` does that.

use std::collections::{BTreeMap, BTreeSet};

use events::{CampaignId, CampaignNotice, EventBody, InteractionId};
use journal::{Position, Reader, Record};
use serde::Serialize;

use super::log::read_failure;
use super::log_campaign_text as text;
use crate::cli::CampaignsArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Table};
use crate::time::{now_ms, parse_past, show_moment};

/// A campaign as it was told last.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Known {
    #[serde(flatten)]
    pub(crate) notice: CampaignNotice,
    /// The campaign that it turned out to be part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) part_of: Option<CampaignId>,
    /// When it was recognised, and when it was told of last, in milliseconds since 1970.
    pub(crate) recognised_ms: u64,
    pub(crate) told_ms: u64,
}

pub(super) fn run(
    reader: &Reader,
    arguments: &CampaignsArgs,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let since = arguments.since.as_ref().map(|text| {
        parse_past(text, now_ms()).ok_or_else(|| {
            let message = format!("`--since {text}` is no day, moment or span of time");
            Failure::usage(message, "write `2027-04-01`, `2027-04-01T08:00:00Z` or `24h`")
        })
    });
    let since_ms = since.transpose()?.unwrap_or_default();
    let known = known(reader)?;
    match arguments.id {
        Some(id) => show(reader, known.get(&id), id, arguments, output),
        None => list(&known, since_ms, arguments, output),
    }
}

/// All campaigns on record.
fn known(reader: &Reader) -> Result<BTreeMap<CampaignId, Known>, Failure> {
    let mut known: BTreeMap<CampaignId, Known> = BTreeMap::new();
    for record in reader.records(Position::Start).map_err(read_failure)? {
        let Record { event, .. } = record.map_err(read_failure)?;
        let EventBody::Campaign(notice) = event.body else { continue };
        for absorbed in &notice.campaign.absorbed {
            if let Some(part) = known.get_mut(absorbed) {
                part.part_of = Some(notice.campaign.id);
            }
        }
        let told_ms = event.time_ms;
        let one = known.entry(notice.campaign.id).or_insert_with(|| Known {
            notice: (*notice).clone(),
            part_of: None,
            recognised_ms: told_ms,
            told_ms,
        });
        (one.notice, one.told_ms) = (*notice, told_ms);
    }
    Ok(known)
}

fn list(
    known: &BTreeMap<CampaignId, Known>,
    since_ms: u64,
    arguments: &CampaignsArgs,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut wanted: Vec<&Known> =
        known.values().filter(|one| one.notice.campaign.last_seen_ms >= since_ms).collect();
    wanted.sort_by_key(|one| one.notice.campaign.last_seen_ms);
    if arguments.format.is_json() {
        output.json(&wanted)?;
        return Ok(Exit::Fine);
    }
    if wanted.is_empty() {
        output.line("no campaigns on record")?;
        return Ok(Exit::Fine);
    }
    let head =
        ["CAMPAIGN", "STATE", "LOOKS LIKE", "REQUESTS", "GOT THROUGH", "CALLERS", "FROM", "UNTIL"];
    let mut table = Table::new(&head);
    for one in wanted {
        let campaign = &one.notice.campaign;
        table.row([
            campaign.id.to_string(),
            text::state(one),
            campaign.shape.as_str().replace('_', " "),
            campaign.requests.to_string(),
            campaign.passed.to_string(),
            campaign.callers.to_string(),
            show_moment(campaign.first_seen_ms),
            show_moment(campaign.last_seen_ms),
        ]);
    }
    output.text(&table.render())?;
    Ok(Exit::Fine)
}

fn show(
    reader: &Reader,
    known: Option<&Known>,
    id: CampaignId,
    arguments: &CampaignsArgs,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let Some(known) = known else {
        let message = format!("there is no campaign `{id}` on record");
        return Err(Failure::usage(message, "`bartizan log campaigns` lists them"));
    };
    let members = members(reader, known)?;
    if arguments.format.is_json() {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(flatten)]
            known: &'a Known,
            records: &'a [Record],
        }
        output.json(&Shown { known, records: &members })?;
    } else {
        output.text(&text::story(known, &members))?;
    }
    Ok(Exit::Fine)
}

/// The records of the interactions that stand for a campaign, in the order of the record.
fn members(reader: &Reader, known: &Known) -> Result<Vec<Record>, Failure> {
    let campaign = &known.notice.campaign;
    let wanted: BTreeSet<InteractionId> =
        campaign.members.iter().chain(&campaign.passed_members).copied().collect();
    let mut members = Vec::new();
    for record in reader.records(Position::Start).map_err(read_failure)? {
        let record = record.map_err(read_failure)?;
        let interaction = match &record.event.body {
            EventBody::InteractionOpened(opened) => opened.interaction,
            EventBody::InteractionClosed(closed) => closed.interaction,
            _ => continue,
        };
        // An interaction has two records.
        if wanted.contains(&interaction) && members.len() < 2 * wanted.len() {
            members.push(record);
        }
    }
    Ok(members)
}
