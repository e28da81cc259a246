//! Families of series, told apart by labels.
//!
//! INVARIANT: a family never has more than `series_max` series besides `other`, whoever chooses the labels.

use crate::meter::Meter;
use crate::slots::Slots;
use crate::snapshot::{About, FamilySnapshot, Series};

/// What stands for everything that has no series of its own.
pub const OTHER: &str = "other";

/// Bytes of a label's value; longer ones are `other`.
pub const LABEL_BYTES_MAX: usize = 128;

/// Series of one name with `N` labels.
#[derive(Debug)]
pub struct Family<V, const N: usize> {
    about: About,
    bounds: &'static [u64],
    labels: [&'static str; N],
    slots: Slots<V, N>,
    /// For what is beyond the limit; shown once it was needed.
    other: Slots<V, 1>,
    fallback: V,
}

impl<V: Meter, const N: usize> Family<V, N> {
    /// A family without series. `bounds` are those of histograms.
    pub fn new(
        about: About,
        bounds: &'static [u64],
        labels: [&'static str; N],
        series_max: usize,
    ) -> Self {
        let (slots, other) = (Slots::new(series_max), Slots::new(1));
        Self { about, bounds, labels, slots, other, fallback: V::at_rest(bounds) }
    }

    /// The series with these values of its labels.
    pub fn with(&self, values: [&str; N]) -> &V {
        let values = values.map(bounded);
        let make = || V::at_rest(self.bounds);
        if let Some(entry) = self.slots.find(values, make) {
            return &entry.value;
        }
        self.other.find([OTHER], make).map_or(&self.fallback, |entry| &entry.value)
    }

    /// What it says now.
    pub fn snapshot(&self) -> FamilySnapshot {
        let own = self.slots.iter().map(|entry| Series {
            labels: self
                .labels
                .into_iter()
                .zip(entry.labels.iter().map(ToString::to_string))
                .collect(),
            point: entry.value.point(),
        });
        let other = self.other.iter().map(|entry| Series {
            labels: self.labels.iter().map(|label| (*label, OTHER.to_owned())).collect(),
            point: entry.value.point(),
        });
        let mut series: Vec<Series> = own.chain(other).collect();
        series.sort();
        FamilySnapshot { about: self.about, series }
    }
}

/// Names that callers choose, of which only the first so many are told apart.
#[derive(Debug)]
pub struct Names(Slots<(), 1>);

impl Names {
    /// None so far, and at most `names_max`.
    pub fn new(names_max: usize) -> Self {
        Self(Slots::new(names_max))
    }

    /// The name, if it is told apart already.
    pub fn known<'n>(&self, name: &'n str) -> &'n str {
        if self.0.iter().any(|entry| *entry.labels[0] == *name) { name } else { OTHER }
    }

    /// The name, if it is one of those that are told apart.
    pub fn admit<'n>(&self, name: &'n str) -> &'n str {
        let name = bounded(name);
        if name == OTHER || self.0.find([name], || ()).is_some() { name } else { OTHER }
    }
}

fn bounded(value: &str) -> &str {
    if value.len() > LABEL_BYTES_MAX { OTHER } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Counter;
    use crate::snapshot::{Kind, Point, Unit};

    const ABOUT: About =
        About { name: "test", help: "Tests.", kind: Kind::Counter, unit: Unit::Count };

    fn family(series_max: usize) -> Family<Counter, 2> {
        Family::new(ABOUT, &[], ["a", "b"], series_max)
    }

    fn said(family: &Family<Counter, 2>) -> Vec<(String, String, u64)> {
        let series = family.snapshot().series.into_iter();
        let said = series.map(|one| {
            let Point::Number(number) = one.point else { panic!("a number") };
            (one.labels[0].1.clone(), one.labels[1].1.clone(), number)
        });
        said.collect()
    }

    #[test]
    fn beyond_the_limit_everything_is_one_series_and_nothing_is_lost() {
        let family = family(100);
        for round in 0..2 {
            for number in 0..1_000 {
                family.with([&number.to_string(), "x"]).add(1 + round);
            }
        }
        let said = said(&family);
        assert_eq!(said.len(), 101);
        assert_eq!(said.iter().map(|(.., count)| count).sum::<u64>(), 3_000);
        assert!(said.contains(&("other".into(), "other".into(), 2_700)), "{said:?}");
        assert!(said.contains(&("99".into(), "x".into(), 3)), "the first are told apart");
    }

    #[test]
    fn labels_are_not_joined_and_long_ones_are_not_kept() {
        let family = family(10);
        family.with(["ab", "c"]).add(1);
        family.with(["a", "bc"]).add(1);
        family.with([&"x".repeat(LABEL_BYTES_MAX), "ok"]).add(1);
        family.with([&"x".repeat(LABEL_BYTES_MAX + 1), "long"]).add(1);
        let said = said(&family);
        assert_eq!(said.len(), 4);
        assert!(said.contains(&("other".into(), "long".into(), 1)), "{said:?}");
    }

    #[test]
    fn only_the_first_names_are_told_apart() {
        let names = Names::new(2);
        assert_eq!(["a", "b", "c", "a"].map(|name| names.admit(name)), ["a", "b", OTHER, "a"]);
        assert_eq!(names.admit(&"x".repeat(LABEL_BYTES_MAX + 1)), OTHER);
    }

    #[test]
    fn threads_that_make_the_same_series_share_it() {
        let family = family(50);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..10_000 {
                        family.with([&(number % 60).to_string(), "x"]).add(1);
                    }
                });
            }
        });
        let said = said(&family);
        assert_eq!(said.iter().map(|(.., count)| count).sum::<u64>(), 40_000);
        assert!(said.len() <= 51, "{}", said.len());
        let mut names: Vec<_> = said.iter().map(|(name, ..)| name).collect();
        names.dedup();
        assert_eq!(names.len(), said.len(), "each once");
    }
}
