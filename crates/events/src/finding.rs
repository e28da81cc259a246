//! A finding: a fact about a piece of text, with a kind, a rank, a span and a path of decodings.
//!
//! INVARIANT: a finding never carries the text it found. INVARIANT: numbers are whole, so that the
//! canonical form has no floating point in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Provenance;

/// What was found, as a dotted name: `injection`, `pii.email`, `secret.github_token`.
///
/// The part before the first dot is the *family*; policies speak of families and of whole kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// A kind known when the program was built.
    pub const fn of(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A kind named in the configuration (custom patterns, dictionaries).
    pub const fn named(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// The whole dotted name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first dot: `pii` of `pii.email`.
    pub fn family(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How rare such a finding is on ordinary text of the same provenance:
/// −10·log10(false-positive rate), whole, 0 to 60. 20 is one in a hundred, 30 one in a thousand.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Rank(u8);

impl Rank {
    /// The highest rank: a checksum or an exact secret, wrong less than once in a million.
    pub const MAX: Self = Self(60);

    /// A rank, clamped to [`Rank::MAX`].
    pub const fn new(value: u8) -> Self {
        if value > Self::MAX.0 { Self::MAX } else { Self(value) }
    }

    /// The whole number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A detector's confidence in parts per ten thousand, 0 to 10 000.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Score(u16);

impl Score {
    /// Certain.
    pub const ONE: Self = Self(10_000);

    /// From a number between 0 and 1; anything outside, and NaN, is clamped.
    pub fn from_unit(value: f32) -> Self {
        let clamped = if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) };
        Self((clamped * 10_000.0).round() as u16)
    }

    /// Between 0 and 1.
    pub fn unit(self) -> f32 {
        f32::from(self.0) / 10_000.0
    }
}

/// A half-open range of byte offsets into a field's decoded text, on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// One past the last byte.
    pub end: u32,
    /// The first byte.
    pub start: u32,
}

impl Span {
    /// A span; `end` is raised to `start` if it lies before it.
    pub const fn new(start: usize, end: usize) -> Self {
        let end = if end < start { start } else { end };
        Self { end: end as u32, start: start as u32 }
    }

    /// As a range of `usize`, for slicing.
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether the two spans share a byte.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// One fact about one piece of text. Field order is alphabetical: see [`crate::canonical_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The detector's file name: `email`, `iban`, `linear_score`.
    pub detector: Cow<'static, str>,
    /// What it is.
    pub kind: Kind,
    /// How rare this is on ordinary text of the same provenance.
    pub rank: Rank,
    /// How sure the detector is.
    pub score: Score,
    /// Where, in the field's decoded text (the outermost text, whatever the view).
    pub span: Span,
    /// The path of decodings under which it was seen: `raw`, `nfkc`, `base64>raw`.
    pub view: Cow<'static, str>,
}

/// A finding and the field it was made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocatedFinding {
    /// What was found.
    pub finding: Finding,
    /// The field's path in the message: `messages[2].content[0].text`.
    pub path: String,
    /// The field's provenance.
    pub provenance: Provenance,
}

#[cfg(test)]
mod tests {
    use super::{Kind, Rank, Score, Span};

    #[test]
    fn family_is_the_first_segment() {
        assert_eq!(Kind::of("pii.email").family(), "pii");
        assert_eq!(Kind::of("injection").family(), "injection");
    }

    #[test]
    fn ranks_and_scores_are_clamped() {
        assert_eq!(Rank::new(255), Rank::MAX);
        assert_eq!(Score::from_unit(7.0), Score::ONE);
        assert_eq!(Score::from_unit(f32::NAN), Score::ONE, "an unknown score counts as certain");
    }

    #[test]
    fn spans_overlap_only_when_they_share_a_byte() {
        assert!(Span::new(0, 3).overlaps(Span::new(2, 5)));
        assert!(!Span::new(0, 3).overlaps(Span::new(3, 5)));
    }
}
