//! What a service said about one piece of text, and the findings that it becomes.
//!
//! INVARIANT: an answer has at most [`MARKS_MAX`] marks; one with more is unreadable. INVARIANT: an answer
//! with marks of which no label is known is unreadable: a guard whose labels nobody mapped would look
//! and never find. INVARIANT: a place that does not lie in the text becomes the whole text: a finding is
//! never lost to a wrong offset.

use std::borrow::Cow;

use events::{Finding, Rank, Score, Span};

use crate::error::Unreadable;
use crate::label::{Meaning, Row, meaning};
use crate::window::Characters;

/// Marks of one answer.
pub(crate) const MARKS_MAX: usize = 1_000;

/// One thing that a service said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Mark {
    pub(crate) label: String,
    /// Characters (Unicode code points) of the text: first, and one past the last. All of it unless given.
    pub(crate) place: Option<(usize, usize)>,
    /// The rank, where the service gives one itself.
    pub(crate) rank: Option<u8>,
    /// How sure the service is, 0 to 1.
    pub(crate) score: f32,
}

impl Mark {
    /// A verdict on all of the text.
    pub(crate) fn whole(label: impl Into<String>, score: f32) -> Self {
        Self { label: label.into(), place: None, rank: None, score }
    }
}

/// How marks become findings.
#[derive(Debug)]
pub(crate) struct Reading {
    /// `external.<name>`.
    pub(crate) detector: Cow<'static, str>,
    pub(crate) labels: Vec<Row>,
    pub(crate) ranks: Vec<(f32, u8)>,
}

impl Reading {
    /// The findings in a piece of text, with spans in it.
    pub(crate) fn findings(&self, marks: &[Mark], text: &str) -> Result<Vec<Finding>, Unreadable> {
        if marks.len() > MARKS_MAX {
            return Err(Unreadable(format!("more than {MARKS_MAX} findings in one answer")));
        }
        let mut findings = Vec::new();
        let characters = Characters::of(text);
        let mut is_any_known = marks.is_empty();
        for mark in marks {
            let kind = match meaning(&self.labels, &mark.label) {
                Meaning::Unknown => continue,
                Meaning::Nothing => {
                    is_any_known = true;
                    continue;
                }
                Meaning::Found(kind) => kind,
            };
            is_any_known = true;
            let Some(rank) = mark.rank.map(Rank::new).or_else(|| self.rank(mark.score)) else {
                continue;
            };
            let place = mark.place.and_then(|(start, end)| characters.byte_range(start, end));
            let place = place.unwrap_or(0..text.len());
            findings.push(Finding {
                detector: self.detector.clone(),
                kind,
                rank,
                score: Score::from_unit(mark.score),
                span: Span::new(place.start, place.end),
                view: Cow::Borrowed("raw"),
            });
        }
        if is_any_known {
            return Ok(findings);
        }
        let label = crate::label::cut(marks.first().map_or("", |mark| &mark.label));
        Err(Unreadable(format!("no label of the answer is known (`{label}`); map it in `kinds`")))
    }

    fn rank(&self, score: f32) -> Option<Rank> {
        let reached = self.ranks.iter().take_while(|(from, _)| score >= *from);
        reached.last().map(|(_, rank)| Rank::new(*rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading {
            detector: "external.test".into(),
            labels: vec![("bad".into(), "injection".into()), ("good".into(), "".into())],
            ranks: vec![(0.5, 20), (0.8, 30), (0.95, 40)],
        }
    }

    #[test]
    fn scores_become_ranks() {
        for (score, expect) in
            [(0.0, None), (0.49, None), (0.5, Some(20)), (0.9, Some(30)), (1.0, Some(40))]
        {
            let found = reading().findings(&[Mark::whole("bad", score)], "text").expect("known");
            assert_eq!(found.first().map(|found| found.rank.get()), expect, "{score}");
        }
        let given = Mark { rank: Some(7), ..Mark::whole("bad", 0.0) };
        let found = reading().findings(&[given], "text").expect("known");
        assert_eq!(found.first().map(|found| found.rank.get()), Some(7));
    }

    #[test]
    fn a_wrong_place_is_the_whole_text() {
        for (place, expect) in [
            (Some((1, 2)), (2, 3)),
            (Some((9, 10)), (0, 4)),
            (Some((2, 1)), (0, 4)),
            (None, (0, 4)),
        ] {
            let mark = Mark { place, ..Mark::whole("bad", 1.0) };
            let found = reading().findings(&[mark], "éab").expect("known");
            let span = found.first().map(|found| (found.span.start, found.span.end));
            assert_eq!(span, Some(expect), "{place:?}");
        }
    }

    #[test]
    fn labels_that_nobody_mapped_are_a_failure_and_not_a_pass() {
        let of = |labels: &[&str]| {
            let marks: Vec<_> = labels.iter().map(|label| Mark::whole(*label, 1.0)).collect();
            reading().findings(&marks, "text").map(|findings| findings.len())
        };
        assert_eq!(of(&[]), Ok(0));
        assert_eq!(of(&["good", "LABEL_7"]), Ok(0));
        assert_eq!(of(&["bad", "LABEL_7"]), Ok(1));
        assert!(of(&["LABEL_7"]).is_err_and(
            |why| why.to_string().contains("label_7") || why.to_string().contains("LABEL_7")
        ));
        assert!(of(&vec!["bad"; MARKS_MAX]).is_ok());
        assert!(of(&vec!["bad"; MARKS_MAX + 1]).is_err());
    }
}
