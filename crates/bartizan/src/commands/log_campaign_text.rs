//! A campaign as a story, for somebody who was woken up by it.
//!
//! INVARIANT: everything that a caller could have chosen is shown without control characters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use events::{
    Campaign, CampaignPhase, CampaignStep, EventBody, InteractionClosed, InteractionId,
    InteractionOpened,
};
use journal::Record;

use super::log_campaigns::Known;
use super::log_text;
use crate::output::{Table, printable};
use crate::time::show_moment;

/// Characters of the longest bar of a course.
const BAR_CHARACTERS: u64 = 30;

/// Where it is in its life.
pub(crate) fn state(known: &Known) -> String {
    match (known.part_of, known.notice.campaign.phase) {
        (Some(other), _) => format!("part of {other}"),
        (None, CampaignPhase::Ended) => String::from("over"),
        (None, CampaignPhase::Opened | CampaignPhase::Grown) => String::from("under way"),
    }
}

/// The whole story.
pub(crate) fn story(known: &Known, members: &[Record]) -> String {
    let campaign = &known.notice.campaign;
    let mut story = String::new();
    let _never_fails = writeln!(story, "{}  {}", campaign.id, state(known));
    let _never_fails = writeln!(story, "{}.\n", capitalised(hunt::shape_words(campaign.shape)));
    story.push_str(&summary(known));
    tried(&mut story, campaign);
    course(&mut story, &campaign.steps);
    reasons(&mut story, campaign);
    examples(&mut story, campaign, members);
    story
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Who, from where, when, and what came of it.
fn summary(known: &Known) -> String {
    let campaign = &known.notice.campaign;
    let mut table = Table::headless();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            table.row([name.to_owned(), value]);
        }
    };
    let from = show_moment(campaign.first_seen_ms);
    row("when", format!("{from} to {} UTC", show_moment(campaign.last_seen_ms)));
    let recognised = show_moment(known.recognised_ms);
    row(
        "recognised",
        format!("{recognised} UTC; the figures are of {}", show_moment(known.told_ms)),
    );
    let Campaign { requests, flagged, refused, passed, .. } = campaign;
    row(
        "requests",
        format!("{requests}: {refused} refused, {passed} got through, {flagged} with findings"),
    );
    row("who", counted(campaign.callers, "caller", "callers"));
    let keys: Vec<String> = campaign.keys.iter().map(ToString::to_string).collect();
    row("  keys", listed(&keys, None));
    row("  users", listed(&campaign.users, None));
    row("  end users", listed(&campaign.end_users, None));
    row("  applications", listed(&campaign.applications, None));
    row("  teams", listed(&campaign.teams, None));
    row("from", listed(&campaign.addresses, None));
    row("  networks", listed(&campaign.networks, Some(campaign.networks_total)));
    row("models", listed(&campaign.models, None));
    row("techniques", campaign.techniques.join(", "));
    row(
        "score",
        format!(
            "{} (ordinary traffic looks so once in 10^{} times)",
            campaign.score,
            campaign.score / 10
        ),
    );
    table.render()
}

/// The first of a list, and how many there are if that is known.
fn listed(names: &[String], total: Option<u64>) -> String {
    let shown = names.join(", ");
    match total {
        Some(total) if total > names.len() as u64 => {
            format!("{shown} and {} more", total - names.len() as u64)
        }
        None if names.len() == hunt::LISTED_MAX => format!("{shown} and perhaps more"),
        _ => shown,
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    let at_least = if count >= hunt::COUNTED_MAX as u64 { "at least " } else { "" };
    format!("{at_least}{count} {}", if count == 1 { one } else { many })
}

/// What was tried, in which order.
fn tried(story: &mut String, campaign: &Campaign) {
    story.push_str("\nWhat was tried, in this order\n");
    let mut table = Table::headless();
    for (number, kind) in (1..).zip(&campaign.kinds) {
        table.row([
            format!("  {number}."),
            show_moment(kind.since_ms),
            kind.kind.to_string(),
            counted(kind.requests, "request", "requests"),
            format!("rank up to {}", kind.rank.get()),
        ]);
    }
    story.push_str(&table.render());
}

/// How it went on.
fn course(story: &mut String, steps: &[CampaignStep]) {
    story.push_str("\nIts course\n");
    let most = steps.iter().map(|step| step.requests).max().unwrap_or_default().max(1);
    let mut table = Table::headless();
    for step in steps {
        let bar = (step.requests * BAR_CHARACTERS).div_ceil(most).max(1);
        table.row([
            format!("  {}", show_moment(step.time_ms)),
            "#".repeat(usize::try_from(bar).unwrap_or_default()),
            counted(step.requests, "request", "requests"),
            format!("{} refused", step.refused),
            format!("{} got through", step.passed),
        ]);
    }
    story.push_str(&table.render());
}

/// Why it is one.
fn reasons(story: &mut String, campaign: &Campaign) {
    if campaign.links.is_empty() {
        return;
    }
    story.push_str("\nWhy these requests are one campaign\n");
    for link in &campaign.links {
        let what = match link.share.as_str() {
            "text" => String::from("say nearly the same"),
            "technique" => format!("came at the same time with the same technique, {}", link.what),
            "caller" => format!("are of the same caller, {}", link.what),
            "end_user" => format!("are of the same end user, {}", link.what),
            share => format!("share the {share} {}", link.what),
        };
        let _never_fails = writeln!(story, "  {} {}", link.requests, printable(&what));
    }
}

/// Some of its interactions; first those that got through, for they are what is to be looked at.
fn examples(story: &mut String, campaign: &Campaign, members: &[Record]) {
    let mut known: BTreeMap<InteractionId, Member<'_>> = BTreeMap::new();
    for record in members {
        match &record.event.body {
            EventBody::InteractionOpened(opened) => {
                let member = known.entry(opened.interaction).or_default();
                (member.time_ms, member.opened) = (record.event.time_ms, Some(&**opened));
            }
            EventBody::InteractionClosed(closed) => {
                known.entry(closed.interaction).or_default().closed = Some(&**closed);
            }
            _ => {}
        }
    }
    let others: Vec<InteractionId> = campaign
        .members
        .iter()
        .filter(|one| !campaign.passed_members.contains(one))
        .copied()
        .collect();
    let passed = "\nGot through: look at these first (`bartizan log show ID --content`)\n";
    for (title, ids) in
        [(passed, &campaign.passed_members), ("\nOthers of its requests\n", &others)]
    {
        if ids.is_empty() {
            continue;
        }
        story.push_str(title);
        let mut table = Table::headless();
        for id in ids {
            let (time, what) = known.get(id).map_or_else(
                || (String::from("-"), String::from("no longer on record")),
                |member| (show_moment(member.time_ms), member.words()),
            );
            table.row([format!("  {id}"), time, what]);
        }
        story.push_str(&table.render());
    }
}

/// What is on record of an interaction.
#[derive(Default)]
struct Member<'a> {
    time_ms: u64,
    opened: Option<&'a InteractionOpened>,
    closed: Option<&'a InteractionClosed>,
}

impl Member<'_> {
    fn words(&self) -> String {
        let opened = self.opened.map(log_text::open_words);
        let closed = self.closed.map(log_text::close_words);
        let words: Vec<String> = opened.into_iter().chain(closed).collect();
        words.join("; ")
    }
}
