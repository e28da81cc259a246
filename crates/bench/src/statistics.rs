//! Percentiles, and the middle of several rounds.
//!
//! INVARIANT: nothing is averaged: a mean hides exactly what a noisy machine does.

/// The value below which `percent` of the sorted values lie; 0 when there are none.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (percent / 100.0 * last as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}

/// The lowest, middle and highest value of several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of values in any order; not a number when there are none, so that nothing missing looks good.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        if values.is_empty() {
            return Self { min: f64::NAN, median: f64::NAN, max: f64::NAN };
        }
        Self {
            min: percentile(&values, 0.0),
            median: percentile(&values, 50.0),
            max: percentile(&values, 100.0),
        }
    }

    /// `12 (11–14)`, with that many decimals.
    pub(crate) fn text(self, decimals: usize) -> String {
        let Self { min, median, max } = self;
        format!("{median:.decimals$} ({min:.decimals$}–{max:.decimals$})")
    }

    /// `+12 (-3 to +14)`: of differences.
    pub(crate) fn signed(self, decimals: usize) -> String {
        let Self { min, median, max } = self;
        format!("{median:+.decimals$} ({min:+.decimals$} to {max:+.decimals$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_rounds_is_the_median() {
        let spread = Spread::of([3.0, 1.0, 9.0]);
        assert_eq!(spread, Spread { min: 1.0, median: 3.0, max: 9.0 });
        assert_eq!(spread.text(0), "3 (1–9)");
        assert_eq!(spread.signed(0), "+3 (+1 to +9)");
        assert!((percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 99.0) - 5.0).abs() < 1e-9);
        assert!(percentile(&[], 50.0).abs() < 1e-9);
        assert!(Spread::of([]).median.is_nan());
    }
}
