//! Whether something grows: the middle slope of all pairs of readings, and how sure that is.
//!
//! INVARIANT: single peaks move nothing, and no shape of noise is assumed.
//!
//! Source: Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968.

/// How many standard deviations are left out at each side: 95 % of the cases lie between.
const DEVIATIONS: f64 = 1.96;
/// Readings are put together to so many at most, each the middle of its part: neighbours resemble each other, and would
/// count as more evidence than they are.
const PARTS_MAX: usize = 24;

/// A slope and the interval in which it is likely to lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    pub(crate) low: f64,
    pub(crate) slope: f64,
    pub(crate) high: f64,
}

impl Trend {
    /// Of readings (when, how much) in their order; none of fewer than three.
    pub(crate) fn of(readings: &[(f64, f64)]) -> Option<Self> {
        let parts = readings.chunks(readings.len().div_ceil(PARTS_MAX).max(1));
        let points: Vec<(f64, f64)> = parts
            .map(|part| {
                (middle(part.iter().map(|(at, _)| *at)), middle(part.iter().map(|(_, much)| *much)))
            })
            .collect();
        let pairs = points.iter().enumerate().flat_map(|(at, first)| {
            points
                .iter()
                .skip(at + 1)
                .map(move |second| (second.1 - first.1) / (second.0 - first.0))
        });
        let mut slopes: Vec<f64> = pairs.filter(|slope| slope.is_finite()).collect();
        slopes.sort_by(f64::total_cmp);
        if points.len() < 3 || slopes.is_empty() {
            return None;
        }
        let (count, all) = (points.len() as f64, slopes.len() as f64);
        let spread = DEVIATIONS * (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt();
        let at = |place: f64| {
            let place = place.clamp(0.0, all - 1.0) as usize;
            slopes.get(place).copied().unwrap_or_default()
        };
        Some(Self {
            low: at((all * 0.5 - spread * 0.5).floor()),
            slope: middle(slopes.iter().copied()),
            high: at((all * 0.5 + spread * 0.5).ceil()),
        })
    }
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    crate::statistics::percentile(&values, 50.0)
}

#[cfg(test)]
mod tests {
    use testkit::Random;

    use super::*;

    fn readings(of: impl Fn(f64, f64) -> f64) -> Vec<(f64, f64)> {
        let mut random = Random::new(7);
        let noise = (0..240).map(|at| (f64::from(at), random.one_to(200) as f64 - 100.0));
        noise.map(|(at, noise)| (at, of(at, noise))).collect()
    }

    #[test]
    fn what_grows_is_told_from_what_wavers() {
        let flat = Trend::of(&readings(|_, noise| 5000.0 + noise)).unwrap();
        assert!(flat.low <= 0.0 && flat.high >= 0.0, "{flat:?}");
        let growing = Trend::of(&readings(|at, noise| 5000.0 + noise + at)).unwrap();
        assert!(growing.low > 0.5 && growing.high < 1.5, "{growing:?}");
        let peaks =
            readings(|at, noise| if (at as u32).is_multiple_of(50) { 90_000.0 } else { noise });
        let peaks = Trend::of(&peaks).unwrap();
        assert!(peaks.low <= 0.0 && peaks.high >= 0.0, "{peaks:?}");
    }

    #[test]
    fn two_readings_say_nothing() {
        assert_eq!(Trend::of(&[(0.0, 1.0), (1.0, 2.0)]), None);
        let still = Trend { low: 0.0, slope: 0.0, high: 0.0 };
        assert_eq!(Trend::of(&[(0.0, 9.0), (1.0, 9.0), (2.0, 9.0), (3.0, 9.0)]), Some(still));
    }
}
