//! How high the ordinary goes: the tail of one measure over one length of time.
//!
//! The sample is the highest value of each hour with traffic. A high quantile of it and the mean of what lies above that are learnt; beyond the quantile the tail is taken
//! to be exponential (the peaks-over-threshold method with shape 0; on a logarithmic scale that is a Pareto tail with Hill's estimator, B. M. Hill 1975). Real tails
//! are mostly lighter, which costs a little sensitivity and no false alarms.
//!
//! INVARIANT: an hour counts at most as much as the threshold, so one loud hour raises a threshold by a bounded share.

/// The false alarms that are planned for, per series and week: for a principal with two models, and so three series, one in 33 weeks.
pub const FALSE_ALARMS_PER_SERIES_WEEK: f32 = 0.01;
/// Hours of a week: as many samples a week at most.
const HOURS_PER_WEEK: f32 = 168.0;
/// Hours that what is assumed at first counts as.
const PRIOR_HOURS: f32 = 16.0;
/// Hours of which the memory is, so that it follows changes.
const HOURS_MAX: f32 = 400.0;
/// How much one hour moves the mean excess at most.
const EXCESS_WEIGHT_MAX: f32 = 0.25;
/// No tail is thinner than this.
const EXCESS_MIN: f32 = 0.03;
const EXCESS_MAX: f32 = 4.0;
const LEVEL_MAX: f32 = 20.0;

/// The tail of one measure over one length of time, in logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tail {
    /// What the given share of hours exceed.
    pub(crate) level: f32,
    /// By how much, on average.
    pub(crate) excess: f32,
    /// Hours it is learnt from.
    pub(crate) hours: f32,
}

impl Default for Tail {
    fn default() -> Self {
        Self::new(1.0, 0.3)
    }
}

impl Tail {
    pub(crate) const fn new(level: f32, excess: f32) -> Self {
        Self { level, excess, hours: 0.0 }
    }

    /// The value that ordinary hours exceed no more often than is planned for. The measures and lengths of time of a series go up together, so they are not counted as tests of their own.
    ///
    /// `above` is the share of hours above the level, here and below.
    pub(crate) fn threshold(&self, above: f32) -> f32 {
        self.level + self.excess * (above * HOURS_PER_WEEK / FALSE_ALARMS_PER_SERIES_WEEK).ln()
    }

    /// −10·log10 of the chance that an ordinary hour goes as high.
    pub(crate) fn rank(&self, value: f32, above: f32) -> f32 {
        let beyond = ((value - self.level) / self.excess.max(EXCESS_MIN)).max(0.0);
        10.0 * (beyond - above.ln()) / std::f32::consts::LN_10
    }

    /// Takes the highest value of an hour.
    pub(crate) fn learn(&mut self, peak: f32, above: f32) {
        let peak = if peak.is_finite() { peak.clamp(0.0, self.threshold(above)) } else { 0.0 };
        let weight = 1.0 / (self.hours + PRIOR_HOURS);
        let beyond = peak - self.level;
        let pull = if beyond > 0.0 { 1.0 - above } else { -above };
        self.level = (self.level + 4.0 * self.excess * pull * weight).clamp(0.0, LEVEL_MAX);
        if beyond > 0.0 {
            // Few hours are above the level, so their mean has seen few.
            self.excess += (beyond - self.excess) * (weight / above).min(EXCESS_WEIGHT_MAX);
            self.excess = self.excess.clamp(EXCESS_MIN, EXCESS_MAX);
        }
        self.hours = (self.hours + 1.0).min(HOURS_MAX);
    }

    /// Whether the numbers can be what was learnt.
    pub(crate) fn is_sound(&self) -> bool {
        (0.0..=LEVEL_MAX).contains(&self.level)
            && (EXCESS_MIN..=EXCESS_MAX).contains(&self.excess)
            && (0.0..=HOURS_MAX).contains(&self.hours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOVE: f32 = 0.25;

    /// Exponential numbers with mean 0.2 above 1, by a fixed sequence.
    fn peaks() -> impl Iterator<Item = f32> {
        let mut state = 7_u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let unit = ((state >> 40) as f32 + 0.5) / (1 << 24) as f32;
            1.0 - 0.2 * unit.ln()
        })
    }

    #[test]
    fn an_exponential_tail_is_learnt_and_meets_the_budget() {
        let mut tail = Tail::new(0.0, 1.0);
        peaks().take(4_000).for_each(|peak| tail.learn(peak, ABOVE));
        let quartile = 1.0 + 0.2 * 4.0_f32.ln();
        assert!((tail.level - quartile).abs() < 0.06, "{tail:?}");
        assert!((tail.excess - 0.2).abs() < 0.04, "{tail:?}");
        let hours = 1_000_000;
        let threshold = tail.threshold(ABOVE);
        let beyond = peaks().skip(4_000).take(hours).filter(|peak| *peak > threshold).count();
        let weeks = hours as f32 / HOURS_PER_WEEK;
        assert!(beyond as f32 / weeks <= 3.0 * FALSE_ALARMS_PER_SERIES_WEEK, "{beyond}");
    }

    #[test]
    fn one_loud_hour_teaches_little() {
        let mut tail = Tail::new(0.0, 1.0);
        peaks().take(400).for_each(|peak| tail.learn(peak, ABOVE));
        let before = tail.threshold(ABOVE);
        tail.learn(f32::INFINITY, ABOVE);
        assert!(
            (tail.threshold(ABOVE) - before).abs() < 0.1,
            "a number that is none counts as nothing"
        );
        tail.learn(1_000.0, ABOVE);
        assert!(tail.threshold(ABOVE) < before * 1.15, "{before} {}", tail.threshold(ABOVE));
    }
}
