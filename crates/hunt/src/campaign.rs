//! Campaigns: interactions that belong together, across principals and time, as one story instead of an alert for each.
//!
//! Everything that interactions can have in common (a caller, an end user, an address, a network, an application, nearly the same text, a technique) is a
//! strand. Requests with findings begin strands; later requests are counted in those they share. A strand in which more is found than
//! ranks lead to expect (`strand`) is a campaign; other strands that its requests share join it if they are nearly all attack themselves, so that a
//! shared office network or a busy application joins nobody. What then comes by any of its strands belongs to it: with findings always, without if the
//! strand brings little else, or the text is nearly the same. That is what got through.
//!
//! INVARIANT: pure and deterministic: time is passed in, and the same sightings in the same order give the same campaigns. INVARIANT: traffic without findings begins
//! nothing and fills nothing, however loud. INVARIANT: bounded: [`STRANDS_MAX`] strands, [`TEXTS_MAX`] texts, [`FLAGGED_MAX`] and [`UNFLAGGED_MAX`] recent requests, [`OPEN_MAX`] campaigns;
//! what is forgotten is counted ([`Forgotten`]). INVARIANT: a campaign is told of when it is recognised, as it doubles, when something of it gets through for the first time,
//! and when it is over; never for each request.
//!
//! Not here: where sightings come from and notices go (`gateway`), how well it works (`rehearsal`).

mod sighting;
mod sketch;
mod snapshot;
mod story;
mod strand;
#[cfg(test)]
mod testing;
mod texts;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use events::{CampaignId, CampaignNotice, InteractionId};
use serde::{Deserialize, Serialize};

pub use sighting::{Fate, KINDS_MAX, Sighting, TECHNIQUES_MAX, speaks_of_attack};
pub use sketch::{SKETCH_VALUES, Sketch};
pub use snapshot::CAMPAIGNS_BYTES_MAX;
pub use story::{COUNTED_MAX, LISTED_MAX, MEMBERS_MAX, STEPS_MAX};
pub use texts::TEXTS_MAX;
pub use words::shape as shape_words;

use sighting::Tie;
use story::Story;
use strand::{Strand, Tally};
use texts::Texts;

/// Things in common that are followed.
pub const STRANDS_MAX: usize = 16_384;
/// Requests with findings that are remembered, for the campaigns that they turn out to belong to.
pub const FLAGGED_MAX: usize = 4_096;
/// Requests without, of callers who seem to do little else than attack.
pub const UNFLAGGED_MAX: usize = 2_048;
/// Campaigns under way.
pub const OPEN_MAX: usize = 256;
/// Without a request for so long a campaign is over; a nightly job and whoever sleeps go on with theirs.
pub const QUIET_MS: u64 = 36 * 3_600_000;
/// Requests with a technique in common are one wave if they come within this.
const WAVE_MS: u64 = 3_600_000;
/// How often it is looked for campaigns that are over.
const LOOK_MS: u64 = 60_000;
/// The share of strands that leaves at once when there is no more room.
const LEAVING: usize = STRANDS_MAX / 8;
/// Near-duplicates after the first that count as draws of their own, in part.
const REPEATED_DRAWS: u32 = 8;
const REPEATED_WEIGHT: f32 = 0.125;

/// What had to be forgotten for want of room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Campaigns that were ended while they might have gone on.
    pub campaigns: u64,
    /// Requests that were remembered.
    pub sightings: u64,
    /// Things in common.
    pub strands: u64,
    /// Texts.
    pub texts: u64,
}

/// What came of a sighting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Earlier interactions that turned out to belong to the same campaign.
    pub also: Vec<InteractionId>,
    /// The campaign that it belongs to.
    pub campaign: Option<CampaignId>,
    /// What is to be put on record.
    pub notices: Vec<CampaignNotice>,
}

/// A remembered request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Noted {
    caller: u64,
    campaign: Option<CampaignId>,
    seen: Sighting,
    ties: Vec<Tie>,
}

/// All campaigns, and what may become one.
#[derive(Clone, Debug, Default)]
pub struct Campaigns {
    everybody: Tally,
    flagged: VecDeque<Noted>,
    forgotten: Forgotten,
    looked_ms: u64,
    open: BTreeMap<CampaignId, Story>,
    strands: BTreeMap<Tie, Strand>,
    texts: Texts,
    unflagged: VecDeque<Noted>,
}

impl Campaigns {
    /// How many are under way.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// What had to be forgotten so far.
    pub const fn forgotten(&self) -> Forgotten {
        self.forgotten
    }

    /// Takes an interaction that has ended.
    pub fn observe(&mut self, seen: &Sighting) -> Told {
        let mut told = Told { notices: self.advance(seen.time_ms), ..Told::default() };
        self.everybody.add(seen.time_ms, 1.0, 0.0, None);
        let ties = self.ties(seen);
        if ties.is_empty() {
            return told;
        }
        let caller = caller_of(seen);
        self.count(seen, &ties, caller);
        let noted = Noted {
            caller,
            campaign: None,
            seen: Sighting { sketch: Sketch::NOTHING, ..seen.clone() },
            ties,
        };
        self.place(noted, &mut told);
        told
    }

    /// Ends what has been quiet for long.
    pub fn advance(&mut self, time_ms: u64) -> Vec<CampaignNotice> {
        if time_ms.saturating_sub(self.looked_ms) < LOOK_MS {
            return Vec::new();
        }
        self.looked_ms = time_ms;
        let is_over = |story: &Story| time_ms.saturating_sub(story.last_seen_ms()) > QUIET_MS;
        let over: Vec<CampaignId> =
            self.open.values().filter(|story| is_over(story)).map(Story::id).collect();
        over.into_iter().filter_map(|id| self.end(id)).collect()
    }

    /// What a request has in common with others: all of it if something is found in it, else what is known already.
    fn ties(&mut self, seen: &Sighting) -> Vec<Tie> {
        let mut ties = seen.ties();
        if seen.rank().is_none() {
            ties.retain(|tie| self.strands.contains_key(tie));
            let text = self.texts.find(&seen.sketch).map(|(number, _)| Tie::Text(number));
            ties.extend(text.filter(|tie| self.strands.contains_key(tie)));
            return ties;
        }
        if !seen.sketch.is_empty() {
            let (number, gone) = self.texts.take(&seen.sketch, seen.time_ms);
            if let Some(gone) = gone {
                self.forgotten.texts += 1;
                self.strands.remove(&Tie::Text(gone));
            }
            ties.push(Tie::Text(number));
        }
        ties.extend(seen.kinds.iter().map(|(kind, _)| Tie::Technique(kind.clone())));
        ties
    }

    /// Counts a request in all its strands.
    fn count(&mut self, seen: &Sighting, ties: &[Tie], caller: u64) {
        let weight = self.weight(seen, ties);
        let is_explained = self.is_explained(ties);
        for tie in ties {
            let is_broad = is_broad(tie, ties);
            let strand = self.strands.entry(tie.clone()).or_default();
            let is_of_others = is_explained && is_broad && strand.campaign.is_none();
            let weight = if matches!(tie, Tie::Text(_)) { 1.0 } else { weight };
            strand.take(seen, (weight, is_of_others), caller);
        }
        if self.strands.len() > STRANDS_MAX {
            self.leave_oldest_strands();
        }
    }

    /// What a request counts as a draw: little, if it says again what was found before.
    fn weight(&self, seen: &Sighting, ties: &[Tie]) -> f32 {
        let text = ties.iter().find(|tie| matches!(tie, Tie::Text(_)));
        let Some(text) = text.and_then(|tie| self.strands.get(tie)) else { return 1.0 };
        match text.flagged {
            0 => 1.0,
            _ if seen.rank().is_none() || !text.is_found_by_text() => 1.0,
            1..=REPEATED_DRAWS => REPEATED_WEIGHT,
            _ => 0.0,
        }
    }

    /// Whether it comes by something that is a campaign's for sure, so that it says nothing about what is broader.
    fn is_explained(&self, ties: &[Tie]) -> bool {
        ties.iter().any(|tie| {
            let strand = self.strands.get(tie).filter(|strand| strand.campaign.is_some());
            strand.is_some_and(|strand| match tie {
                Tie::Text(_) => strand.is_found_by_text(),
                Tie::Technique(_) => false,
                _ => strand.is_dedicated(),
            })
        })
    }

    /// Finds the campaign that a request belongs to, or begins it.
    fn place(&mut self, mut noted: Noted, told: &mut Told) {
        let is_flagged = noted.seen.rank().is_some();
        let claims = self.claims(&noted.ties, is_flagged);
        let id = match claims.first() {
            Some(first) => {
                for other in claims.iter().skip(1).filter(|_| is_flagged) {
                    told.notices.extend(self.merge(*first, *other));
                }
                Some(*first)
            }
            None if is_flagged => self.begin(&noted, told),
            None => None,
        };
        noted.campaign = id;
        told.campaign = id;
        if let Some(id) = id {
            if is_flagged {
                self.join(id, &noted.ties, told);
            }
            let everybody = self.everybody;
            if let Some(story) = self.open.get_mut(&id) {
                let known = noted.ties.iter().filter_map(|tie| Some((tie, self.strands.get(tie)?)));
                for (tie, strand) in known.filter(|(_, strand)| strand.campaign == Some(id)) {
                    story.scores(strand.score(tie, &everybody));
                }
                story.take(&noted.seen, &noted.ties, noted.caller);
                told.notices.extend(story.news());
            }
        }
        self.remember(noted);
    }

    /// The campaigns that a request belongs to by what it has in common with them, the oldest first.
    fn claims(&self, ties: &[Tie], is_flagged: bool) -> BTreeSet<CampaignId> {
        let claims = ties.iter().filter_map(|tie| {
            let strand = self.strands.get(tie)?;
            let id = strand.campaign?;
            strand.claims(tie, is_flagged, &self.everybody).then_some(id)
        });
        claims.collect()
    }

    /// Begins a campaign with a request and those before it, if one of its strands has become one.
    fn begin(&mut self, noted: &Noted, told: &mut Told) -> Option<CampaignId> {
        let everybody = self.everybody;
        let is_founder = |tie: &&Tie| {
            self.strands.get(*tie).is_some_and(|strand| strand.is_campaign(tie, &everybody))
        };
        let mut founders: Vec<Tie> = noted.ties.iter().filter(is_founder).cloned().collect();
        if founders.is_empty() {
            return None;
        }
        // What a narrow one explains makes no campaign of all that share a broad one.
        if founders.iter().any(|tie| !is_broad(tie, &noted.ties)) {
            founders.retain(|tie| !is_broad(tie, &noted.ties));
        }
        if self.open.len() >= OPEN_MAX {
            let quietest = self.open.values().min_by_key(|story| story.last_seen_ms());
            let quietest = quietest.map(Story::id);
            told.notices.extend(quietest.and_then(|id| self.end(id)));
            self.forgotten.campaigns += 1;
        }
        let first = self.shared(&founders, noted.seen.time_ms).next();
        let story = Story::begin(first.map_or(&noted.seen, |first| &first.seen));
        let id = story.id();
        self.open.insert(id, story);
        self.attach(id, &founders, (noted.seen.time_ms, told));
        Some(id)
    }

    /// Lets strands of a request join its campaign.
    fn join(&mut self, id: CampaignId, ties: &[Tie], told: &mut Told) {
        let everybody = self.everybody;
        let mut time_ms = 0;
        let is_joining = |tie: &&Tie| {
            let Some(strand) = self.strands.get(*tie) else { return false };
            time_ms = time_ms.max(strand.seen_ms);
            let is_founder = !is_broad(tie, ties) && strand.is_campaign(tie, &everybody);
            strand.campaign.is_none() && (is_founder || strand.joins(tie, &everybody))
        };
        let joining: Vec<Tie> = ties.iter().filter(is_joining).cloned().collect();
        if !joining.is_empty() {
            self.attach(id, &joining, (time_ms, told));
        }
    }

    /// Makes strands part of a campaign, with the remembered requests that came by them.
    fn attach(&mut self, id: CampaignId, ties: &[Tie], (time_ms, told): (u64, &mut Told)) {
        let everybody = self.everybody;
        let Some(story) = self.open.get_mut(&id) else { return };
        for tie in ties {
            let Some(strand) = self.strands.get_mut(tie) else { continue };
            if story.is_joined_by(tie, strand.score(tie, &everybody)) {
                strand.campaign = Some(id);
            }
        }
        let strands = &self.strands;
        let mut also: Vec<&mut Noted> = Vec::new();
        for (noted, is_flagged) in self
            .flagged
            .iter_mut()
            .map(|noted| (noted, true))
            .chain(self.unflagged.iter_mut().map(|noted| (noted, false)))
        {
            let by = |tie: &Tie| {
                let strand = strands.get(tie).filter(|strand| strand.campaign == Some(id));
                ties.contains(tie)
                    && strand.is_some_and(|strand| match tie {
                        Tie::Technique(_) => is_flagged && is_in_wave(noted, time_ms),
                        _ => is_flagged || strand.is_dedicated(),
                    })
            };
            if noted.campaign.is_none() && noted.ties.iter().any(by) {
                also.push(noted);
            }
        }
        also.sort_by_key(|noted| noted.seen.time_ms);
        for noted in also {
            noted.campaign = Some(id);
            story.take(&noted.seen, &noted.ties, noted.caller);
            told.also.push(noted.seen.interaction);
        }
    }

    /// The remembered requests that came by strands and belong to no campaign, the oldest first.
    fn shared<'a>(&'a self, ties: &'a [Tie], time_ms: u64) -> impl Iterator<Item = &'a Noted> {
        self.flagged.iter().filter(move |noted| {
            noted.campaign.is_none()
                && ties.iter().any(|tie| {
                    noted.ties.contains(tie)
                        && (!matches!(tie, Tie::Technique(_)) || is_in_wave(noted, time_ms))
                })
        })
    }

    /// Makes a campaign part of another.
    fn merge(&mut self, into: CampaignId, other: CampaignId) -> Option<CampaignNotice> {
        if into == other {
            return None;
        }
        let gone = self.open.remove(&other)?;
        let mut notice = gone.end();
        notice.detail = format!("part of {into}: {}", notice.detail);
        for tie in gone.ties() {
            if let Some(strand) = self.strands.get_mut(tie) {
                strand.campaign = Some(into);
            }
        }
        for noted in self.flagged.iter_mut().chain(&mut self.unflagged) {
            if noted.campaign == Some(other) {
                noted.campaign = Some(into);
            }
        }
        self.open.get_mut(&into)?.absorb(gone);
        Some(notice)
    }

    /// Ends a campaign. What was counted in its strands led to it, and begins anew.
    fn end(&mut self, id: CampaignId) -> Option<CampaignNotice> {
        let story = self.open.remove(&id)?;
        for tie in story.ties() {
            self.strands.remove(tie);
        }
        Some(story.end())
    }

    fn remember(&mut self, noted: Noted) {
        let is_flagged = noted.seen.rank().is_some();
        let is_dedicated = |tie: &Tie| {
            self.strands
                .get(tie)
                .is_some_and(|strand| !matches!(tie, Tie::Technique(_)) && strand.is_dedicated())
        };
        let (recent, most) = if is_flagged {
            (&mut self.flagged, FLAGGED_MAX)
        } else if noted.ties.iter().any(is_dedicated) {
            (&mut self.unflagged, UNFLAGGED_MAX)
        } else {
            return;
        };
        if recent.len() >= most {
            let gone = recent.pop_front();
            self.forgotten.sightings += u64::from(gone.is_some_and(|gone| gone.campaign.is_none()));
        }
        recent.push_back(noted);
    }

    fn leave_oldest_strands(&mut self) {
        let mut ages: Vec<(bool, u64)> = self.strands.values().map(age).collect();
        let (_, limit, _) = ages.select_nth_unstable(LEAVING);
        let limit = *limit;
        let before = self.strands.len();
        self.strands.retain(|_, strand| age(strand) >= limit);
        self.forgotten.strands += (before - self.strands.len()) as u64;
    }
}

/// Whether something narrower among these says more: an end user of a caller, an address of a network.
fn is_broad(tie: &Tie, ties: &[Tie]) -> bool {
    match tie {
        Tie::Network(_) | Tie::Application(_) | Tie::Technique(_) => true,
        Tie::Caller(_) => ties.iter().any(|other| matches!(other, Tie::EndUser(_))),
        Tie::EndUser(_) | Tie::Address(_) | Tie::Text(_) => false,
    }
}

/// Strands of campaigns leave last.
fn age(strand: &Strand) -> (bool, u64) {
    (strand.campaign.is_some(), strand.seen_ms)
}

const fn is_in_wave(noted: &Noted, time_ms: u64) -> bool {
    time_ms.saturating_sub(noted.seen.time_ms) <= WAVE_MS
}

/// Who asks, for counting: an end user, else a caller, else an address.
fn caller_of(seen: &Sighting) -> u64 {
    let mut hasher = DefaultHasher::new();
    match seen.caller() {
        Some(caller) => (caller, &seen.principal.end_user).hash(&mut hasher),
        None => seen.address.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
