//! One campaign as it is told: who, from where, what was tried in which order, what got through, its course, and why it is one.
//!
//! INVARIANT: bounded: lists of [`LISTED_MAX`], [`STEPS_MAX`] steps, [`COUNTED_MAX`] callers, networks and conversations told apart, [`TIES_MAX`] things in common.
//! INVARIANT: a request counts once.

use std::collections::{BTreeMap, BTreeSet};

use events::{
    Campaign, CampaignId, CampaignKind, CampaignLink, CampaignNotice, CampaignPhase, CampaignShape,
    CampaignStep, InteractionId,
};
use serde::{Deserialize, Serialize};

use super::sighting::{Fate, Sighting, Tie, shortened};
use super::words;

/// Members of a list on record: addresses, keys, users.
pub const LISTED_MAX: usize = 8;
/// Interactions that stand for all.
pub const MEMBERS_MAX: usize = 16;
/// Kinds of finding.
const KINDS_MAX: usize = 16;
/// Spans of a course. When there are more, they become twice as long.
pub const STEPS_MAX: usize = 24;
/// How long the first ones are.
const STEP_MS_MIN: u64 = 60_000;
/// Callers, networks and conversations that are counted; more are as many.
pub const COUNTED_MAX: usize = 4_096;
/// Things in common that join requests to it.
pub(crate) const TIES_MAX: usize = 1_024;
/// Links on record: those with the most requests.
const LINKS_MAX: usize = 12;
/// Few callers are a person or a program, more are many.
const FEW_CALLERS: usize = 2;
/// Kinds of finding that make a sweep.
const SWEEP_KINDS: usize = 3;
/// Requests within [`FAST_MS`] that nobody makes by hand.
const FAST_REQUESTS: u64 = 20;
const FAST_MS: u64 = 600_000;

/// A campaign under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Story {
    facts: Campaign,
    callers: BTreeSet<u64>,
    networks: BTreeSet<Tie>,
    conversations: BTreeSet<u64>,
    /// Things in common that join requests to it, and how many they joined.
    #[serde(with = "pairs")]
    ties: BTreeMap<Tie, u64>,
    /// Requests when it was last told of.
    told: u64,
    /// Whether it was told that something got through.
    is_told_passed: bool,
    step_ms: u64,
    /// The most requests within [`FAST_MS`], about.
    fast: Fast,
}

/// Requests in a span that begins with one.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Fast {
    since_ms: u64,
    requests: u64,
    most: u64,
}

impl Story {
    /// One that begins with a request.
    pub(crate) fn begin(first: &Sighting) -> Self {
        let facts = Campaign {
            absorbed: Vec::new(),
            addresses: Vec::new(),
            applications: Vec::new(),
            callers: 0,
            conversations: 0,
            end_users: Vec::new(),
            first_seen_ms: first.time_ms,
            flagged: 0,
            id: CampaignId::begun_with(first.interaction),
            keys: Vec::new(),
            kinds: Vec::new(),
            last_seen_ms: first.time_ms,
            links: Vec::new(),
            members: Vec::new(),
            models: Vec::new(),
            networks: Vec::new(),
            networks_total: 0,
            passed: 0,
            passed_members: Vec::new(),
            phase: CampaignPhase::Opened,
            refused: 0,
            requests: 0,
            score: 0,
            shape: CampaignShape::Probing,
            steps: Vec::new(),
            teams: Vec::new(),
            techniques: Vec::new(),
            users: Vec::new(),
        };
        Self {
            facts,
            callers: BTreeSet::new(),
            networks: BTreeSet::new(),
            conversations: BTreeSet::new(),
            ties: BTreeMap::new(),
            told: 0,
            is_told_passed: false,
            step_ms: STEP_MS_MIN,
            fast: Fast::default(),
        }
    }

    pub(crate) const fn id(&self) -> CampaignId {
        self.facts.id
    }

    pub(crate) const fn last_seen_ms(&self) -> u64 {
        self.facts.last_seen_ms
    }

    /// What joins requests to it.
    pub(crate) fn ties(&self) -> impl Iterator<Item = &Tie> {
        self.ties.keys()
    }

    /// Lets something join requests to it from now on, if there is room.
    pub(crate) fn is_joined_by(&mut self, tie: &Tie, score: f32) -> bool {
        self.scores(score);
        if self.ties.len() >= TIES_MAX {
            return self.ties.contains_key(tie);
        }
        self.ties.entry(tie.clone()).or_default();
        true
    }

    /// Notes how sure it is.
    pub(crate) fn scores(&mut self, score: f32) {
        self.facts.score = self.facts.score.max(score.clamp(0.0, 1e6) as u32);
    }

    /// Takes a request of its.
    pub(crate) fn take(&mut self, seen: &Sighting, ties: &[Tie], caller: u64) {
        let facts = &mut self.facts;
        facts.first_seen_ms = facts.first_seen_ms.min(seen.time_ms);
        facts.last_seen_ms = facts.last_seen_ms.max(seen.time_ms);
        facts.requests += 1;
        facts.refused += u64::from(seen.fate == Fate::Refused);
        let is_passed = seen.fate == Fate::Passed;
        facts.passed += u64::from(is_passed);
        let is_news = note_kinds(facts, seen);
        note_member(&mut facts.members, seen.interaction, is_news);
        if is_passed {
            note_member(&mut facts.passed_members, seen.interaction, false);
        }
        self.note_who(seen, caller);
        for tie in ties {
            if let Some(joined) = self.ties.get_mut(tie) {
                *joined += 1;
            }
        }
        self.note_time(seen);
    }

    fn note_who(&mut self, seen: &Sighting, caller: u64) {
        count(&mut self.callers, caller);
        if let Some(conversation) = seen.conversation {
            let half = u128::from_le_bytes(conversation.to_bytes()) as u64;
            count(&mut self.conversations, half);
        }
        let facts = &mut self.facts;
        facts.callers = self.callers.len() as u64;
        facts.conversations = self.conversations.len() as u64;
        for tie in seen.ties() {
            match tie {
                Tie::Network(_) => {
                    list(&mut facts.networks, tie.what());
                    count(&mut self.networks, tie);
                }
                Tie::Address(_) => list(&mut facts.addresses, tie.what()),
                _ => {}
            }
        }
        facts.networks_total = self.networks.len() as u64;
        let who = &seen.principal;
        if let Some(key) = who.key {
            list(&mut facts.keys, key);
        }
        for (named, name) in [
            (&mut facts.applications, &who.application),
            (&mut facts.end_users, &who.end_user),
            (&mut facts.models, &seen.model),
            (&mut facts.teams, &who.team),
            (&mut facts.users, &who.user),
        ] {
            if let Some(name) = name {
                list(named, shortened(name));
            }
        }
    }

    fn note_time(&mut self, seen: &Sighting) {
        let Self { facts, step_ms, fast, .. } = self;
        if seen.time_ms.saturating_sub(fast.since_ms) > FAST_MS {
            *fast = Fast { since_ms: seen.time_ms, requests: 0, ..*fast };
        }
        fast.requests += 1;
        fast.most = fast.most.max(fast.requests);
        let step = CampaignStep {
            passed: u64::from(seen.fate == Fate::Passed),
            refused: u64::from(seen.fate == Fate::Refused),
            requests: 1,
            time_ms: seen.time_ms,
        };
        facts.steps.push(step);
        *step_ms = merged(&mut facts.steps, *step_ms);
    }

    /// Takes over what another campaign was, which is part of this one from now on.
    pub(crate) fn absorb(&mut self, other: Self) {
        let (facts, theirs) = (&mut self.facts, other.facts);
        list(&mut facts.absorbed, theirs.id);
        facts.first_seen_ms = facts.first_seen_ms.min(theirs.first_seen_ms);
        facts.last_seen_ms = facts.last_seen_ms.max(theirs.last_seen_ms);
        facts.requests += theirs.requests;
        facts.flagged += theirs.flagged;
        facts.refused += theirs.refused;
        facts.passed += theirs.passed;
        facts.score = facts.score.max(theirs.score);
        for their in theirs.kinds {
            add_kind(&mut facts.kinds, their);
        }
        theirs.techniques.into_iter().for_each(|one| list(&mut facts.techniques, one));
        theirs.keys.into_iter().for_each(|one| list(&mut facts.keys, one));
        for (ours, names) in [
            (&mut facts.addresses, theirs.addresses),
            (&mut facts.applications, theirs.applications),
            (&mut facts.end_users, theirs.end_users),
            (&mut facts.models, theirs.models),
            (&mut facts.networks, theirs.networks),
            (&mut facts.teams, theirs.teams),
            (&mut facts.users, theirs.users),
        ] {
            for name in names {
                list(ours, name);
            }
        }
        for (ours, members) in [
            (&mut facts.members, theirs.members),
            (&mut facts.passed_members, theirs.passed_members),
        ] {
            for one in members {
                note_member(ours, one, false);
            }
        }
        facts.steps.extend(theirs.steps);
        self.step_ms = merged(&mut facts.steps, self.step_ms.max(other.step_ms));
        other.callers.into_iter().for_each(|one| count(&mut self.callers, one));
        other.conversations.into_iter().for_each(|one| count(&mut self.conversations, one));
        other.networks.into_iter().for_each(|one| count(&mut self.networks, one));
        facts.callers = self.callers.len() as u64;
        facts.conversations = self.conversations.len() as u64;
        facts.networks_total = self.networks.len() as u64;
        for (tie, joined) in other.ties {
            if self.ties.len() < TIES_MAX || self.ties.contains_key(&tie) {
                *self.ties.entry(tie).or_default() += joined;
            }
        }
        self.fast.most = self.fast.most.max(other.fast.most);
    }

    /// What is to be told now, if anything: that it was recognised, has doubled, or that something of it got through for the first time.
    pub(crate) fn news(&mut self) -> Option<CampaignNotice> {
        let passed = self.facts.passed > 0;
        let phase = match self.told {
            0 => CampaignPhase::Opened,
            told if self.facts.requests >= told.saturating_mul(2) => CampaignPhase::Grown,
            _ if passed && !self.is_told_passed => CampaignPhase::Grown,
            _ => return None,
        };
        self.told = self.facts.requests;
        self.is_told_passed = passed;
        Some(self.notice(phase))
    }

    /// That it is over.
    pub(crate) fn end(&self) -> CampaignNotice {
        self.notice(CampaignPhase::Ended)
    }

    fn notice(&self, phase: CampaignPhase) -> CampaignNotice {
        let mut campaign = Campaign { phase, shape: self.shape(), ..self.facts.clone() };
        let mut links: Vec<(&Tie, u64)> =
            self.ties.iter().map(|(tie, joined)| (tie, *joined)).collect();
        links.sort_by_key(|(tie, joined)| (std::cmp::Reverse(*joined), *tie));
        let links = links.into_iter().filter(|(_, joined)| *joined > 1).take(LINKS_MAX);
        let link = |(tie, requests): (&Tie, u64)| CampaignLink {
            requests,
            share: tie.share().to_owned(),
            what: tie.what(),
        };
        campaign.links = links.map(link).collect();
        let detail = words::detail(&campaign);
        CampaignNotice { campaign, detail }
    }

    fn shape(&self) -> CampaignShape {
        let facts = &self.facts;
        let joined_by = |wanted: fn(&Tie) -> bool| {
            self.ties.iter().filter(|(tie, _)| wanted(tie)).map(|(_, joined)| joined).sum::<u64>()
        };
        let by_text = joined_by(|tie| matches!(tie, Tie::Text(_)));
        let is_of_text = 2 * by_text >= facts.requests;
        let by_technique = joined_by(|tie| matches!(tie, Tie::Technique(_)));
        if self.callers.len() > FEW_CALLERS {
            return if is_of_text {
                CampaignShape::SharedText
            } else if 2 * by_technique >= facts.requests {
                CampaignShape::Wave
            } else {
                CampaignShape::SharedInfrastructure
            };
        }
        if self.fast.most >= FAST_REQUESTS || (is_of_text && facts.requests >= FAST_REQUESTS) {
            CampaignShape::Fuzzing
        } else if facts.kinds.len() >= SWEEP_KINDS {
            CampaignShape::Sweep
        } else {
            CampaignShape::Probing
        }
    }

    /// Whether it can have been kept.
    pub(crate) fn is_sound(&self) -> bool {
        let counted = [self.callers.len(), self.conversations.len(), self.networks.len()];
        self.ties.len() <= TIES_MAX
            && counted.into_iter().all(|length| length <= COUNTED_MAX)
            && self.facts.steps.len() <= STEPS_MAX
            && self.facts.kinds.len() <= KINDS_MAX
            && self.facts.members.len() <= MEMBERS_MAX
            && self.step_ms >= STEP_MS_MIN
            && self.told <= self.facts.requests
    }
}

/// Takes what was found; whether a kind was tried for the first time.
fn note_kinds(facts: &mut Campaign, seen: &Sighting) -> bool {
    facts.flagged += u64::from(!seen.kinds.is_empty());
    let known = facts.kinds.len();
    for (kind, rank) in &seen.kinds {
        let (kind, rank) = (kind.clone(), *rank);
        add_kind(
            &mut facts.kinds,
            CampaignKind { kind, rank, requests: 1, since_ms: seen.time_ms },
        );
    }
    for technique in seen.all_techniques() {
        list(&mut facts.techniques, technique.to_owned());
    }
    facts.kinds.len() > known
}

fn add_kind(kinds: &mut Vec<CampaignKind>, new: CampaignKind) {
    if let Some(known) = kinds.iter_mut().find(|known| known.kind == new.kind) {
        known.requests += new.requests;
        known.rank = known.rank.max(new.rank);
        known.since_ms = known.since_ms.min(new.since_ms);
    } else if kinds.len() < KINDS_MAX {
        kinds.push(new);
    }
    kinds.sort_by_key(|one| one.since_ms);
}

/// Members that are kept for what they tried first, or because they were the first.
const FIRST_MEMBERS: usize = MEMBERS_MAX / 2;

/// Keeps the first ones, what is news while there is room, and the latest.
fn note_member(members: &mut Vec<InteractionId>, one: InteractionId, is_news: bool) {
    if members.contains(&one) {
        return;
    }
    if members.len() < MEMBERS_MAX {
        members.push(one);
    } else if is_news {
        // In the place of the oldest that is only one of many.
        members.remove(FIRST_MEMBERS);
        members.insert(FIRST_MEMBERS - 1, one);
        members.truncate(MEMBERS_MAX);
    } else {
        members.remove(FIRST_MEMBERS);
        members.push(one);
    }
}

fn list<T: PartialEq>(listed: &mut Vec<T>, one: T) {
    if listed.len() < LISTED_MAX && !listed.contains(&one) {
        listed.push(one);
    }
}

fn count<T: Ord>(counted: &mut BTreeSet<T>, one: T) {
    if counted.len() < COUNTED_MAX {
        counted.insert(one);
    }
}

/// Puts steps together that are within one span, which gets longer until there are few enough; how long it is then.
fn merged(steps: &mut Vec<CampaignStep>, mut step_ms: u64) -> u64 {
    steps.sort_by_key(|step| step.time_ms);
    loop {
        let mut merged: Vec<CampaignStep> = Vec::with_capacity(steps.len());
        for step in steps.iter() {
            let time_ms = step.time_ms - step.time_ms % step_ms;
            match merged.last_mut().filter(|last| last.time_ms == time_ms) {
                Some(last) => {
                    last.passed += step.passed;
                    last.refused += step.refused;
                    last.requests += step.requests;
                }
                None => merged.push(CampaignStep { time_ms, ..*step }),
            }
        }
        if merged.len() <= STEPS_MAX {
            *steps = merged;
            return step_ms;
        }
        step_ms = step_ms.saturating_mul(2);
    }
}

/// Maps whose keys are no texts, as lists of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Tie;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Tie, u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Tie, u64>, D::Error> {
        Ok(Vec::<(Tie, u64)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::testing::sighting;

    #[test]
    fn a_course_of_any_length_has_few_steps_and_loses_nothing() {
        let mut story = Story::begin(&sighting(0));
        for number in 0..5_000_u64 {
            let mut seen = sighting(1_800_000_000_000 + number * number * 100);
            seen.fate = if number % 3 == 0 { Fate::Passed } else { Fate::Refused };
            story.take(&seen, &[], number % 7);
        }
        let facts = story.end().campaign;
        assert!((2..=STEPS_MAX).contains(&facts.steps.len()));
        assert_eq!(facts.steps.iter().map(|step| step.requests).sum::<u64>(), 5_000);
        assert_eq!(facts.steps.iter().map(|step| step.passed).sum::<u64>(), facts.passed);
        assert_eq!((facts.callers, facts.members.len()), (7, MEMBERS_MAX));
        assert!(facts.steps.is_sorted_by_key(|step| step.time_ms));
    }

    #[test]
    fn it_is_told_of_as_it_doubles() {
        let mut story = Story::begin(&sighting(0));
        let told = (0..1_000_u64).filter(|number| {
            story.take(&sighting(*number), &[], 1);
            story.news().is_some()
        });
        assert_eq!(told.count(), 10);
    }

    #[test]
    fn the_first_that_gets_through_is_told_at_once() {
        let mut story = Story::begin(&sighting(0));
        for number in 0..100 {
            let seen = Sighting { fate: Fate::Refused, ..sighting(number) };
            story.take(&seen, &[], 1);
            story.news();
        }
        let passed = Sighting { fate: Fate::Passed, ..sighting(100) };
        for expected in [true, false] {
            story.take(&passed, &[], 1);
            assert_eq!(story.news().is_some(), expected);
        }
    }
}
