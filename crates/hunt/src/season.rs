//! How many requests an hour of the week leads to expect.
//!
//! Means by hour of the week, shrunk towards the hour of the day on working days or weekends, and that towards the series' own level with the profile of the whole
//! fleet; times how the last day compares with what was expected of it. All in UTC: what matters is that the same hours come back.
//!
//! INVARIANT: an hour moves what is learnt by a bounded factor (see [`Season::learn`]), and every number stays finite.

use crate::fleet::Fleet;

/// Hours of a week.
pub(crate) const WEEK: usize = 168;
/// Hours of a day, twice: working days and weekends.
pub(crate) const DAYS: usize = 48;
/// Weeks that an hour of the week is the mean of.
const WEEKS_MAX: u8 = 6;
/// Days that an hour of the day is the mean of.
const DAYS_MAX: u8 = 12;
/// Hours that the level is the mean of.
const HOURS_MAX: f32 = 672.0;
/// What the level that others have counts as, in hours.
const LEVEL_PRIOR_HOURS: f32 = 1.0;
/// What the profile counts as, in days; what the hour of the day counts as, in weeks.
const DAY_PRIOR: f32 = 1.0;
const WEEK_PRIOR: f32 = 1.5;
/// Hours in which the last day's difference is forgotten, and its bound, as a logarithm: a third more or a quarter less.
const RECENT_HOURS: f32 = 12.0;
const RECENT_MAX: f32 = 0.3;
/// Requests in an hour; whatever claims to be more is not learnt.
const REQUESTS_MAX: f32 = 1e9;
/// Hours after which the level is known well enough to distrust leaps.
const YOUNG_HOURS: f32 = 336.0;

/// What was learnt about requests per hour.
#[derive(Clone, Debug)]
pub(crate) struct Season {
    pub(crate) week: [f32; WEEK],
    pub(crate) weeks: [u8; WEEK],
    pub(crate) day: [f32; DAYS],
    pub(crate) days: [u8; DAYS],
    pub(crate) level: f32,
    pub(crate) hours: f32,
    pub(crate) recent: f32,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            week: [0.0; WEEK],
            weeks: [0; WEEK],
            day: [0.0; DAYS],
            days: [0; DAYS],
            level: 0.0,
            hours: 0.0,
            recent: 0.0,
        }
    }
}

/// The place of an hour (counted since 1970) in the week and among the hours of working days and weekends.
pub(crate) const fn places(hour: u32) -> (usize, usize) {
    // 1970 began on a Thursday.
    let of_week = (hour as usize + 3 * 24) % WEEK;
    let is_weekend = of_week >= 5 * 24;
    (of_week, of_week % 24 + if is_weekend { 24 } else { 0 })
}

fn mix(mean: f32, count: f32, prior: f32, prior_count: f32) -> f32 {
    (mean * count + prior * prior_count) / (count + prior_count)
}

impl Season {
    /// Requests per hour, all hours alike.
    pub(crate) fn level(&self, fleet: &Fleet) -> f32 {
        mix(self.level, self.hours, fleet.level(), LEVEL_PRIOR_HOURS)
    }

    /// Requests expected in an hour, whatever the last day was like.
    fn usual(&self, hour: u32, fleet: &Fleet) -> f32 {
        let (week, day) = places(hour);
        let at = |means: &[f32], counts: &[u8], place: usize| {
            let mean = means.get(place).copied().unwrap_or_default();
            (mean, f32::from(counts.get(place).copied().unwrap_or_default()))
        };
        let (mean, count) = at(&self.day, &self.days, day);
        let by_day = mix(mean, count, self.level(fleet) * fleet.profile(day), DAY_PRIOR);
        let (mean, count) = at(&self.week, &self.weeks, week);
        mix(mean, count, by_day, WEEK_PRIOR)
    }

    /// Requests expected in an hour (counted since 1970).
    pub(crate) fn expect(&self, hour: u32, fleet: &Fleet) -> f32 {
        self.usual(hour, fleet) * self.recent.exp()
    }

    /// Takes the requests of an hour. An hour that was flagged counts at most twice what was expected, others a few times that and a share of the level.
    pub(crate) fn learn(&mut self, hour: u32, requests: f32, was_flagged: bool, fleet: &Fleet) {
        let usual = self.usual(hour, fleet);
        let level = self.level(fleet);
        let is_young = self.hours < YOUNG_HOURS;
        let most = match (is_young, was_flagged) {
            (true, _) => 4.0 * usual + 64.0 * level + 50.0,
            (false, false) => 4.0 * usual + 16.0 * level + 20.0,
            (false, true) => 2.0 * usual + level + 5.0,
        };
        let requests = requests.min(most).clamp(0.0, REQUESTS_MAX);
        let surprise = ((requests + 3.0) / (usual + 3.0)).ln();
        let weight = (usual + requests) / (usual + requests + 10.0) / RECENT_HOURS;
        self.recent += (surprise.clamp(-1.5, 1.5) - self.recent) * weight;
        self.recent = self.recent.clamp(-RECENT_MAX, RECENT_MAX);
        self.level += (requests - self.level) / (self.hours + 1.0);
        self.hours = (self.hours + 1.0).min(HOURS_MAX);
        let (week, day) = places(hour);
        step(&mut self.week, &mut self.weeks, week, requests, WEEKS_MAX);
        step(&mut self.day, &mut self.days, day, requests, DAYS_MAX);
    }

    /// Whether the numbers can be what was learnt.
    pub(crate) fn is_sound(&self) -> bool {
        let is_count = |number: &f32| (0.0..=REQUESTS_MAX).contains(number);
        self.week.iter().chain(&self.day).all(is_count)
            && is_count(&self.level)
            && (0.0..=HOURS_MAX).contains(&self.hours)
            && self.recent.abs() <= RECENT_MAX
            && self.weeks.iter().all(|count| *count <= WEEKS_MAX)
            && self.days.iter().all(|count| *count <= DAYS_MAX)
    }
}

fn step(means: &mut [f32], counts: &mut [u8], place: usize, value: f32, count_max: u8) {
    if let (Some(mean), Some(count)) = (means.get_mut(place), counts.get_mut(place)) {
        *count = (*count + 1).min(count_max);
        *mean += (value - *mean) / f32::from(*count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_week_are_found() {
        assert_eq!(places(0), (72, 0), "Thursday");
        assert_eq!(places(24 * 4), (0, 0), "Monday");
        assert_eq!(places(24 * 2 + 5), (125, 29), "Saturday");
    }

    #[test]
    fn a_season_is_learnt_within_weeks() {
        let (mut season, fleet) = (Season::default(), Fleet::default());
        let truth = |hour: u32| {
            let (_, day) = places(hour);
            if (8..18).contains(&day) { 1_000.0 } else { 20.0 }
        };
        for hour in 0..3 * WEEK as u32 {
            season.learn(hour, truth(hour), false, &fleet);
        }
        for hour in 3 * WEEK as u32..4 * WEEK as u32 {
            let ratio = season.expect(hour, &fleet) / truth(hour);
            assert!((0.7..3.0).contains(&ratio), "{hour} {ratio}");
        }
    }

    #[test]
    fn nobody_teaches_it_in_a_hurry() {
        let (mut season, fleet) = (Season::default(), Fleet::default());
        for hour in 0..4 * WEEK as u32 {
            season.learn(hour, 100.0, false, &fleet);
        }
        let next = 5 * WEEK as u32;
        season.learn(4 * WEEK as u32, 1e9, true, &fleet);
        assert!(season.expect(next, &fleet) < 150.0, "{}", season.expect(next, &fleet));
        for hour in 0..6 {
            season.learn(4 * WEEK as u32 + hour, 1e9, true, &fleet);
        }
        assert!(season.expect(next, &fleet) < 300.0, "{}", season.expect(next, &fleet));
    }
}
