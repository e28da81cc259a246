//! What is known of one thing that interactions have in common: how many there were, how many of them speak of an attack, and how rare that is.
//!
//! A rank is a rate: of ordinary texts, one in 10^(rank/10) has such a finding. So of so many requests so many findings are to be expected, and how unlikely
//! more of them are is the score (Chernoff's bound of the Poisson tail, as −10·log10). That holds for a busy caller and for a quiet one, for a burst
//! and for an attempt a day, without anything learnt beforehand. What is learnt is only that somebody's texts have findings more often than others' (who
//! writes about attacks).
//!
//! INVARIANT: fixed size but for [`CALLERS_MAX`] hashes. INVARIANT: no number is ever NaN or infinite, also after it was read again.

use std::collections::BTreeSet;

use events::CampaignId;
use serde::{Deserialize, Serialize};

use super::sighting::{Sighting, Tie};

/// The ranks from which on findings are counted.
pub(crate) const RANKS: [u8; 4] = [20, 30, 40, 50];
/// The lengths of time that counts fade over: what happened in the last hour, in the last days, and what is usual.
const HOUR_MS: f32 = 3_600_000.0;
const DAYS_MS: f32 = 3.0 * 24.0 * HOUR_MS;
const PAST_MS: f32 = 30.0 * 24.0 * HOUR_MS;
/// How many times more often findings may be in somebody's ordinary texts than in those that ranks were measured on.
const SLACK: f32 = 3.0;
/// Requests of the past that say what is usual.
const PAST_REQUESTS_MIN: f32 = 200.0;
/// What is usual is never more than this share of requests.
const USUAL_MAX: f32 = 0.3;
/// Callers that are told apart.
pub(crate) const CALLERS_MAX: usize = 64;
/// Requests with findings until a strand can be a campaign.
pub(crate) const FLAGGED_MIN: u32 = 5;
/// The score from which on it is one.
const SCORE_MIN: f32 = 60.0;
/// The score from which on a strand can join others to a campaign, and the requests with findings it must have.
const JOIN_SCORE_MIN: f32 = 30.0;
const JOIN_FLAGGED_MIN: u32 = 3;
/// The share of requests with findings from which on all of a strand's requests belong to what is found of it.
const DEDICATED_MIN: f32 = 0.15;
/// Of a text: the share of the requests that say it in which something is found. Below, what is found is not in what they have in common, and
/// each is a draw of its own.
const TEXT_SHARE_MIN: f32 = 0.5;
/// Of a text: the mean rank, for it is one draw however often it is said, and the requests with findings of one caller, and of several.
const TEXT_RANK_MIN: f32 = 30.0;
const TEXT_JOIN_RANK_MIN: f32 = 25.0;
const TEXT_FLAGGED_MIN: u32 = 8;
const TEXT_CALLERS_MIN: usize = 3;
/// Of a wave: callers who have nothing else in common.
const WAVE_CALLERS_MIN: usize = 8;

/// Fading counts of requests, and of findings from each rank on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: f32,
    pub(crate) found: [f32; RANKS.len()],
}

impl Counts {
    fn fade(&mut self, elapsed_ms: u64, length_ms: f32) {
        let left = (-(elapsed_ms as f32) / length_ms).exp();
        self.requests *= left;
        self.found.iter_mut().for_each(|found| *found *= left);
    }

    fn add(&mut self, requests: f32, found: f32, rank: Option<u8>) {
        self.requests += requests;
        for (count, from) in self.found.iter_mut().zip(RANKS) {
            if rank.is_some_and(|rank| rank >= from) {
                *count += found;
            }
        }
    }

    fn is_sound(&self) -> bool {
        let all = [self.requests].into_iter().chain(self.found);
        all.into_iter().all(|count| (0.0..=1e12).contains(&count))
    }
}

/// Counts over three lengths of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    hour: Counts,
    days: Counts,
    past: Counts,
    time_ms: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, time_ms: u64, requests: f32, found: f32, rank: Option<u8>) {
        self.fade(time_ms);
        for counts in [&mut self.hour, &mut self.days, &mut self.past] {
            counts.add(requests, found, rank);
        }
    }

    pub(crate) fn fade(&mut self, time_ms: u64) {
        let elapsed = time_ms.saturating_sub(self.time_ms);
        if elapsed > 0 {
            self.hour.fade(elapsed, HOUR_MS);
            self.days.fade(elapsed, DAYS_MS);
            self.past.fade(elapsed, PAST_MS);
            self.time_ms = time_ms;
        }
    }

    /// The share of requests of the last days with findings.
    fn share(&self) -> f32 {
        let [found, ..] = self.days.found;
        if self.days.requests > 0.0 { found / self.days.requests } else { 0.0 }
    }

    /// How rare its findings are among the requests of another tally, mostly its own.
    fn score(&self, requests: &Self) -> f32 {
        let usual_requests = requests.past.requests - requests.days.requests;
        let mut highest = 0.0_f32;
        for (at, rank) in RANKS.into_iter().enumerate() {
            let count = |counts: &Counts| counts.found.get(at).copied().unwrap_or_default();
            let by_rank = 10.0_f32.powf(-f32::from(rank) / 10.0);
            let usual = if usual_requests >= PAST_REQUESTS_MIN {
                (count(&self.past) - count(&self.days)).max(0.0) / usual_requests
            } else {
                0.0
            };
            let rate = SLACK * by_rank.max(usual.min(USUAL_MAX));
            for (found, asked) in [(&self.hour, &requests.hour), (&self.days, &requests.days)] {
                highest = highest.max(rarity(count(found), asked.requests * rate));
            }
        }
        highest
    }

    /// Whether its numbers can have been counted.
    pub(crate) fn is_sound(&self) -> bool {
        [self.hour, self.days, self.past].iter().all(Counts::is_sound)
    }
}

/// −10·log10 of the chance that so many come where so many are expected, at most.
fn rarity(observed: f32, expected: f32) -> f32 {
    /// Where next to nothing is expected, fading counts say no more.
    const EXPECTED_MIN: f32 = 1e-4;
    let expected = expected.max(EXPECTED_MIN);
    if observed <= expected {
        return 0.0;
    }
    let nats = observed * (observed / expected).ln() - (observed - expected);
    (nats * 10.0 / std::f32::consts::LN_10).max(0.0)
}

/// What is known of one thing that interactions have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Strand {
    tally: Tally,
    /// Who did it, as hashes.
    callers: BTreeSet<u64>,
    /// Requests with findings since it began, and all.
    pub(crate) flagged: u32,
    pub(crate) requests: u32,
    /// The sum of the highest ranks of those with findings.
    ranks: u32,
    pub(crate) seen_ms: u64,
    /// The campaign that it is part of.
    pub(crate) campaign: Option<CampaignId>,
}

impl Strand {
    /// Takes a request. Of near-duplicates, each counts as less than one draw: `weight`; what a narrower strand explains counts as nothing found.
    pub(crate) fn take(
        &mut self,
        seen: &Sighting,
        (weight, is_explained): (f32, bool),
        caller: u64,
    ) {
        let rank = seen.rank().map(events::Rank::get);
        let found = if is_explained { 0.0 } else { weight };
        self.tally.add(seen.time_ms, weight, found, rank);
        self.seen_ms = self.seen_ms.max(seen.time_ms);
        self.requests = self.requests.saturating_add(1);
        if let Some(rank) = rank.filter(|_| !is_explained) {
            self.flagged = self.flagged.saturating_add(1);
            self.ranks = self.ranks.saturating_add(rank.into());
            if self.callers.len() < CALLERS_MAX {
                self.callers.insert(caller);
            }
        }
    }

    /// Whether all of its requests belong to what is found of it.
    pub(crate) fn is_dedicated(&self) -> bool {
        self.tally.share() >= DEDICATED_MIN
    }

    /// Whether what is found in a text is in what its variants have in common.
    pub(crate) fn is_found_by_text(&self) -> bool {
        self.tally.share() >= TEXT_SHARE_MIN
    }

    fn rank(&self) -> f32 {
        self.ranks as f32 / self.flagged.max(1) as f32
    }

    /// How sure it is that this is no chance.
    pub(crate) fn score(&self, tie: &Tie, everybody: &Tally) -> f32 {
        match tie {
            Tie::Text(_) if self.is_found_by_text() => self.rank(),
            Tie::Technique(_) => self.tally.score(everybody),
            _ => self.tally.score(&self.tally),
        }
    }

    /// Whether it is a campaign by itself.
    pub(crate) fn is_campaign(&self, tie: &Tie, everybody: &Tally) -> bool {
        if self.flagged < FLAGGED_MIN {
            return false;
        }
        let callers = self.callers.len();
        let score = self.score(tie, everybody);
        match tie {
            Tie::Text(_) if self.is_found_by_text() => {
                score >= TEXT_RANK_MIN
                    && (callers >= TEXT_CALLERS_MIN || self.flagged >= TEXT_FLAGGED_MIN)
            }
            // What is found is in what the slots are filled with, and too often.
            Tie::Text(_) => {
                score >= SCORE_MIN && callers >= TEXT_CALLERS_MIN && self.is_dedicated()
            }
            Tie::Technique(_) => score >= SCORE_MIN && callers >= WAVE_CALLERS_MIN,
            _ => score >= SCORE_MIN,
        }
    }

    /// Whether it can join others to a campaign that one of its requests belongs to.
    pub(crate) fn joins(&self, tie: &Tie, everybody: &Tally) -> bool {
        if self.flagged < JOIN_FLAGGED_MIN {
            return false;
        }
        match tie {
            Tie::Text(_) if self.is_found_by_text() => {
                self.score(tie, everybody) >= TEXT_JOIN_RANK_MIN
            }
            // That somebody else uses it too says nothing.
            Tie::Technique(_) => false,
            _ => self.is_dedicated() && self.score(tie, everybody) >= JOIN_SCORE_MIN,
        }
    }

    /// Whether a request that came by it belongs to its campaign.
    pub(crate) fn claims(&self, tie: &Tie, is_flagged: bool, everybody: &Tally) -> bool {
        match tie {
            Tie::Text(_) => is_flagged || self.is_dedicated(),
            Tie::Technique(_) => is_flagged && self.score(tie, everybody) >= SCORE_MIN,
            _ if self.is_dedicated() => true,
            _ => is_flagged && self.score(tie, everybody) >= JOIN_SCORE_MIN,
        }
    }

    /// Whether its numbers can have been counted.
    pub(crate) fn is_sound(&self) -> bool {
        self.tally.is_sound() && self.callers.len() <= CALLERS_MAX
    }
}

#[cfg(test)]
mod tests {
    use events::{Kind, Rank};

    use super::*;
    use crate::campaign::testing::sighting;

    const TIE: fn() -> Tie = || Tie::Caller(String::new());

    /// A strand after so many requests, of which every so many-th has a finding of a rank.
    fn strand(requests: u64, every: u64, rank: u8, pause_ms: u64) -> Strand {
        let mut strand = Strand::default();
        for number in 0..requests {
            let mut seen = sighting(1_000_000_000_000 + number * pause_ms);
            if number % every == 0 {
                seen.notes(&Kind::of("injection"), Rank::new(rank));
            }
            strand.take(&seen, (1.0, false), number);
        }
        strand
    }

    fn is_campaign(strand: &Strand) -> bool {
        strand.is_campaign(&TIE(), &Tally::default())
    }

    #[test]
    fn what_ranks_promise_is_no_campaign() {
        // One finding of rank 20 in a hundred is what it says, and three times that is not much more.
        assert!(!is_campaign(&strand(20_000, 100, 20, 10_000)));
        assert!(!is_campaign(&strand(20_000, 33, 20, 10_000)));
        assert!(!is_campaign(&strand(4, 1, 50, 1_000)), "too few to say");
    }

    #[test]
    fn more_than_that_is_one_fast_or_slow() {
        assert!(is_campaign(&strand(8, 1, 20, 1_000)));
        assert!(is_campaign(&strand(30, 4, 30, 1_000)));
        // One in three, every two hours.
        assert!(is_campaign(&strand(24, 3, 30, 7_200_000)));
    }

    #[test]
    fn who_always_writes_so_is_usual() {
        let day_ms = 86_400_000;
        let mut usual = strand(40_000, 10, 20, day_ms / 1_000);
        assert!(!is_campaign(&usual), "{}", usual.score(&TIE(), &Tally::default()));
        for number in 0..60 {
            let mut seen = sighting(usual.seen_ms + number);
            seen.notes(&Kind::of("injection"), Rank::new(45));
            usual.take(&seen, (1.0, false), 1);
        }
        assert!(is_campaign(&usual), "and can still be more than usual");
    }

    #[test]
    fn a_text_is_one_draw_however_often_it_is_said() {
        let tie = Tie::Text(1);
        let said = |rank| strand(1_000, 1, rank, 1_000);
        assert!(!said(25).is_campaign(&tie, &Tally::default()));
        assert!(said(35).is_campaign(&tie, &Tally::default()));
        assert!(
            !strand(1_000, 10, 45, 1_000).is_campaign(&tie, &Tally::default()),
            "it is in the slots"
        );
    }

    #[test]
    fn rarity_is_that_of_poisson_at_most() {
        assert!(rarity(1.0, 2.0) < 0.001);
        // P(X >= 10) where 1 is expected is 1.1e-7, 70 dB; the bound says 61.
        let ten = rarity(10.0, 1.0);
        assert!((55.0..70.0).contains(&ten), "{ten}");
        assert!(rarity(f32::MAX, 0.0).is_finite() || rarity(1e12, 0.0).is_finite());
    }
}
