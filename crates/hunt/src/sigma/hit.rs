//! What a rule found, in words and as a finding for the record.

use std::fmt::Write as _;

use events::{Anomaly, Kind};

use crate::sigma::facts::Facts;
use crate::sigma::rule::Rule;

/// How kinds of findings of hunts begin: `hunt.block-then-allowed`.
pub const HUNT_KIND_PREFIX: &str = "hunt.";
/// What an anomaly that comes of a hunt says was measured.
const MEASURE: &str = "hunt";
/// Bytes of a group's value in words.
const VALUE_BYTES_MAX: usize = 128;

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// When the record was written that completed it, in milliseconds since 1970.
    pub time_ms: u64,
    /// What the records have in common: field and value.
    pub group: Vec<(String, String)>,
    /// What a correlation counted or summed up.
    pub value: Option<f64>,
    /// The interaction that completed it, if it was one.
    pub interaction: Option<String>,
}

impl Hit<'_> {
    /// In a sentence.
    pub fn words(&self) -> String {
        let mut words = self.rule.title.clone();
        for (field, value) in &self.group {
            let end = value.floor_char_boundary(VALUE_BYTES_MAX.min(value.len()));
            let _never_fails = write!(words, "; {field} {}", value.get(..end).unwrap_or_default());
        }
        if let Some(interaction) = &self.interaction {
            let _never_fails = write!(words, "; completed by {interaction}");
        }
        words
    }

    /// As a finding for the record. `facts` are those of the record that completed it.
    pub fn anomaly(&self, facts: &Facts<'_>) -> Anomaly {
        let window_s = self.rule.window_s;
        Anomaly {
            detail: self.words(),
            kind: Kind::named([HUNT_KIND_PREFIX, &self.rule.name].concat()),
            measure: MEASURE.to_owned(),
            model: facts.text("model").map(str::to_owned),
            observed: self.value.map_or(1, |value| value.round() as u64),
            ordinary: 0,
            principal: facts.principal(),
            rank: self.rule.level.rank(),
            since_ms: self.time_ms.saturating_sub(window_s.saturating_mul(1_000)),
            upstream: facts.text("upstream").map(str::to_owned),
            window_s: u32::try_from(window_s).unwrap_or(u32::MAX),
        }
    }
}
