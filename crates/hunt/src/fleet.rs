//! What all series together are like: what is assumed of one that is new.
//!
//! INVARIANT: every hour of every series counts alike and little, so that no principal can teach what is assumed of others in a hurry.

use crate::measure::{
    BLOCKED, COST, ERRORS, FIRST_BYTE, LATENCY, MEASURES, REFUSALS, REPHRASED, REQUESTS, SCALES,
    TABLE,
};
use crate::season::DAYS;
use crate::tail::Tail;

/// Hours of all series that what is assumed is the mean of.
const HOURS_MAX: f32 = 20_000.0;
/// Hours that the first assumptions count as.
const PRIOR_HOURS: f32 = 500.0;

/// What is assumed of a new series.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    /// The logarithm of requests per hour.
    pub(crate) log_level: f32,
    /// An hour of the day as a multiple of the level.
    pub(crate) profile: [f32; DAYS],
    /// What a request adds to each measure.
    pub(crate) shares: [f32; MEASURES],
    pub(crate) tails: [[Tail; SCALES]; MEASURES],
    pub(crate) hours: f32,
}

impl Default for Fleet {
    fn default() -> Self {
        let mut shares = [0.0; MEASURES];
        shares[REQUESTS] = 1.0;
        shares[COST] = 2_000.0;
        shares[BLOCKED] = 0.005;
        shares[REPHRASED] = 0.1;
        shares[ERRORS] = 0.01;
        shares[REFUSALS] = 0.02;
        let mut tails = [[Tail::new(0.3, 0.2); SCALES]; MEASURES];
        for busy in [REQUESTS, COST] {
            tails[busy] = [(1.2, 0.3), (1.2, 0.3), (1.0, 0.25), (0.6, 0.2)]
                .map(|(level, excess)| Tail::new(level, excess));
        }
        for slow in [LATENCY, FIRST_BYTE] {
            tails[slow] = [Tail::new(0.3, 0.07); SCALES];
        }
        Self { log_level: 20.0_f32.ln(), profile: [1.0; DAYS], shares, tails, hours: 0.0 }
    }
}

impl Fleet {
    /// Requests per hour.
    pub(crate) fn level(&self) -> f32 {
        self.log_level.exp()
    }

    /// An hour of the day as a multiple of the level.
    pub(crate) fn profile(&self, day: usize) -> f32 {
        self.profile.get(day).copied().unwrap_or(1.0)
    }

    /// Takes an hour of a series: its requests, the series' level, and what a request added to each measure.
    pub(crate) fn learn(
        &mut self,
        day: usize,
        requests: f32,
        level: f32,
        shares: &[f32; MEASURES],
    ) {
        let weight = 1.0 / (self.hours + PRIOR_HOURS);
        self.hours = (self.hours + 1.0).min(HOURS_MAX);
        self.log_level += ((level + 0.01).ln().clamp(-5.0, 15.0) - self.log_level) * weight;
        if let Some(profile) = self.profile.get_mut(day) {
            // Each hour of the day gets one in 24 of the samples.
            let times = (requests / (level + 0.01)).clamp(0.0, 5.0);
            *profile += (times - *profile) * (24.0 * weight).min(0.1);
        }
        for (known, share) in self.shares.iter_mut().zip(shares) {
            *known += (share - *known).min(3.0 * *known) * weight;
        }
    }

    /// Takes the highest values of an hour with traffic.
    pub(crate) fn learn_peaks(&mut self, peaks: &[[f32; SCALES]; MEASURES]) {
        for ((tails, peaks), measure) in self.tails.iter_mut().zip(peaks).zip(&TABLE) {
            for (tail, peak) in tails.iter_mut().zip(peaks) {
                // An old tail learns slowly.
                tail.hours = tail.hours.max(PRIOR_HOURS.min(400.0));
                tail.learn(*peak, measure.above);
            }
        }
    }

    /// Whether the numbers can be what was learnt.
    pub(crate) fn is_sound(&self) -> bool {
        (-10.0..=20.0).contains(&self.log_level)
            && self.profile.iter().all(|times| (0.0..=5.0).contains(times))
            && self.shares.iter().all(|share| (0.0..=1e12).contains(share))
            && self.tails.iter().flatten().all(Tail::is_sound)
            && (0.0..=HOURS_MAX).contains(&self.hours)
    }
}
