//! From analysts' labels to proposed rank offsets, with what they rest on.
//!
//! A rule acts from some rank on. Of the labels of one kind and provenance, lowering ranks by `n` takes those
//! from acting that lie less than `n` above that rank; raising adds those that lie up to `n` below. The
//! proposal is the offset after which the most labels are right, the smallest of several.
//!
//! INVARIANT: nothing is proposed on fewer than [`LABELS_MIN`] labels, beyond [`detect::RANK_OFFSET_MAX`], or
//! if the labels that would change sides do not agree by more than chance: the lower end of the Wilson
//! interval (95 %) of their share must be above one half. INVARIANT: this proposes; only a person who writes
//! it into the configuration changes anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// Labels of one kind and provenance below which nothing is proposed.
pub(crate) const LABELS_MIN: usize = 20;
/// The normal quantile of 95 %, two-sided.
const QUANTILE: f64 = 1.959_963_985;

/// What counts of a label here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) rank: u8,
    /// Whether it was what it was reported as.
    pub(crate) is_true: bool,
}

/// What is proposed for one kind and provenance.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Proposal {
    pub(crate) kind: String,
    pub(crate) provenance: String,
    /// How many ranks; 0 proposes nothing.
    pub(crate) offset: i8,
    pub(crate) labels: usize,
    /// How many of them were true.
    pub(crate) labels_true: usize,
    /// How many labels change sides.
    pub(crate) moved: usize,
    /// How many of those do so rightly, and the Wilson interval (95 %) of their share.
    pub(crate) moved_rightly: usize,
    pub(crate) interval: [f64; 2],
}

/// A proposal for each kind and provenance, for rules that act from `rank` on.
pub(crate) fn proposals(
    labels: &BTreeMap<(String, String), Vec<Judged>>,
    rank: u8,
) -> Vec<Proposal> {
    let of = |((kind, provenance), labels): (&(String, String), &Vec<Judged>)| {
        let (offset, moved, rightly) = best(labels, rank);
        Proposal {
            kind: kind.clone(),
            provenance: provenance.clone(),
            offset,
            labels: labels.len(),
            labels_true: labels.iter().filter(|label| label.is_true).count(),
            moved,
            moved_rightly: rightly,
            interval: wilson(rightly, moved),
        }
    };
    labels.iter().map(of).collect()
}

/// The best offset, how many labels it moves, and how many of those rightly.
fn best(labels: &[Judged], rank: u8) -> (i8, usize, usize) {
    let nothing = (0, 0, 0);
    if labels.len() < LABELS_MIN {
        return nothing;
    }
    let max = detect::RANK_OFFSET_MAX;
    let offsets = (1..=max).flat_map(|size| [-size, size]);
    let moves = offsets.map(|offset| {
        let (moved, rightly) = moved_by(labels, rank, offset);
        (offset, moved, rightly)
    });
    let agreed = moves.filter(|(_, moved, rightly)| wilson(*rightly, *moved)[0] > 0.5);
    // Net gain; the first of equals is the smallest offset.
    agreed.fold(nothing, |best, next| {
        let gain = |(_, moved, rightly): (i8, usize, usize)| (2 * rightly).saturating_sub(moved);
        if gain(next) > gain(best) { next } else { best }
    })
}

/// How many labels change sides with `offset`, and how many of those rightly.
fn moved_by(labels: &[Judged], rank: u8, offset: i8) -> (usize, usize) {
    let acts = |at: i16| at >= i16::from(rank);
    let moved = labels.iter().filter(|label| {
        let at = i16::from(label.rank);
        acts(at) != acts(at + i16::from(offset))
    });
    moved.fold((0, 0), |(moved, rightly), label| {
        (moved + 1, rightly + usize::from(label.is_true == (offset > 0)))
    })
}

/// The Wilson score interval (95 %) of `count` in `of`. Source: E. B. Wilson, 1927.
fn wilson(count: usize, of: usize) -> [f64; 2] {
    if of == 0 {
        return [0.0, 1.0];
    }
    let (n, share) = (of as f64, count as f64 / of as f64);
    let squared = QUANTILE * QUANTILE;
    let middle = (share + squared / (2.0 * n)) / (1.0 + squared / n);
    let half = QUANTILE * (share * (1.0 - share) / n + squared / (4.0 * n * n)).sqrt()
        / (1.0 + squared / n);
    let rounded = |value: f64| (value.clamp(0.0, 1.0) * 1000.0).round() / 1000.0;
    [rounded(middle - half), rounded(middle + half)]
}

/// The proposals as a part of a configuration file, for review.
pub(crate) fn snippet(proposals: &[Proposal], rank: u8) -> String {
    let mut text = format!(
        "# Proposed from labels, for rules that act from rank {rank} on. Review it, then copy it into the\n\
         # configuration; offsets that are there already must be added to these.\n"
    );
    let mut section = "";
    for proposal in proposals {
        let Proposal { kind, provenance, offset, labels, labels_true, .. } = proposal;
        let basis = format!("{labels} labels, {labels_true} true");
        if *offset == 0 {
            let _never_fails = writeln!(text, "# {kind}, {provenance}: nothing proposed ({basis})");
            continue;
        }
        if section != kind {
            section = kind;
            let _never_fails = writeln!(text, "[guards.calibration.{kind}]");
        }
        let [low, high] = proposal.interval;
        let (rightly, moved) = (proposal.moved_rightly, proposal.moved);
        let _never_fails = writeln!(
            text,
            "# {basis}; of {moved} that change sides {rightly} rightly [{low}, {high}]\n{provenance} = {offset}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(groups: &[(usize, u8, bool)]) -> Vec<Judged> {
        let of = |(count, rank, is_true): &(usize, u8, bool)| {
            std::iter::repeat_n(Judged { rank: *rank, is_true: *is_true }, *count)
        };
        groups.iter().flat_map(of).collect()
    }

    fn check(groups: &[(usize, u8, bool)], expect: i8) {
        assert_eq!(best(&labels(groups), 30).0, expect, "{groups:?}");
    }

    #[test]
    fn false_alarms_lower_and_missed_attacks_raise() {
        check(&[(30, 32, false), (10, 45, true)], -3);
        check(&[(30, 27, true), (10, 45, true)], 3);
        check(&[(30, 32, true)], 0);
    }

    #[test]
    fn too_few_or_divided_labels_propose_nothing() {
        check(&[(LABELS_MIN - 1, 32, false)], 0);
        check(&[(LABELS_MIN, 32, false)], -3);
        check(&[(12, 32, false), (10, 32, true)], 0);
        check(&[], 0);
    }

    #[test]
    fn no_offset_goes_beyond_the_bound() {
        check(&[(30, 39, false)], -10);
        check(&[(30, 40, false)], 0);
        check(&[(30, 20, true)], 10);
        check(&[(30, 19, true)], 0);
    }

    #[test]
    fn intervals_are_those_of_wilson() {
        assert_eq!(format!("{:?}", wilson(8, 10)), "[0.49, 0.943]");
        assert_eq!(format!("{:?}", wilson(0, 0)), "[0.0, 1.0]");
    }

    #[test]
    fn the_snippet_says_what_it_rests_on() {
        let key = (String::from("injection"), String::from("user"));
        let all = BTreeMap::from([(key, labels(&[(30, 32, false)]))]);
        let text = snippet(&proposals(&all, 30), 30);
        assert!(text.contains("[guards.calibration.injection]\n"), "{text}");
        assert!(
            text.contains(
                "# 30 labels, 0 true; of 30 that change sides 30 rightly [0.886, 1]\nuser = -3\n"
            ),
            "{text}"
        );
    }
}
