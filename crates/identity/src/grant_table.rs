//! Which callers get which grant: rows in order, of which the first that fits decides.
//!
//! A row has conditions on claims, all of which must hold: a claim holds if any of its texts fits any of the
//! patterns. The names of a certificate are claims too: `uri`, `dns` and `email`.
//!
//! INVARIANT: whom no row fits gets nothing. INVARIANT: a row without conditions fits everybody, and the
//! configuration has to say so.

use std::sync::Arc;

use policy::{Grants, NamePattern};

use crate::claims::{ClaimPath, Claims};

/// One condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The claim.
    pub claim: ClaimPath,
    /// Patterns in which `*` stands for any text; one of them must fit.
    pub any_of: Vec<NamePattern>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct GrantRow {
    /// What must hold, all of it.
    pub when: Vec<Condition>,
    /// The agent, whatever the claims say.
    pub agent: Option<String>,
    /// The application, whatever the claims say.
    pub application: Option<String>,
    /// The team, whatever the claims say.
    pub team: Option<String>,
    /// The tenant, whatever the claims say.
    pub tenant: Option<String>,
    /// What the callers may do at most.
    pub limits: Arc<Grants>,
}

/// The rows, in order.
#[derive(Clone, Debug, Default)]
pub struct GrantTable(Vec<GrantRow>);

impl GrantTable {
    /// A table.
    pub const fn new(rows: Vec<GrantRow>) -> Self {
        Self(rows)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row, so that nobody gets anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn row_for(&self, claims: &Claims) -> Option<&GrantRow> {
        self.0.iter().find(|row| row.when.iter().all(|condition| condition.holds(claims)))
    }

    /// Rows that never decide, each with an earlier one that fits whoever it fits: by index.
    pub fn never_reached(&self) -> Vec<(usize, usize)> {
        self.pairs(GrantRow::covers)
    }

    /// Rows that an earlier one stands before for some callers and not for others, so that their order
    /// matters: by index.
    pub fn overlapping(&self) -> Vec<(usize, usize)> {
        self.pairs(|earlier, later| !earlier.covers(later) && earlier.may_meet(later))
    }

    fn pairs(&self, holds: impl Fn(&GrantRow, &GrantRow) -> bool) -> Vec<(usize, usize)> {
        let first = |(index, row)| {
            let before = self.0.iter().take(index).position(|earlier| holds(earlier, row))?;
            Some((index, before))
        };
        self.0.iter().enumerate().filter_map(first).collect()
    }
}

impl Condition {
    fn holds(&self, claims: &Claims) -> bool {
        let texts = self.claim.texts(claims);
        texts.iter().any(|text| self.any_of.iter().any(|pattern| pattern.matches(text)))
    }
}

impl GrantRow {
    /// Whether this row fits whoever `other` fits.
    fn covers(&self, other: &Self) -> bool {
        self.when.iter().all(|mine| {
            other.when.iter().any(|theirs| {
                mine.claim == theirs.claim
                    && theirs.any_of.iter().all(|pattern| {
                        mine.any_of.iter().any(|wider| wider.matches(pattern.as_str()))
                    })
            })
        })
    }

    /// Whether one value of each claim could fit both rows.
    fn may_meet(&self, other: &Self) -> bool {
        self.when.iter().all(|mine| {
            other.when.iter().filter(|theirs| mine.claim == theirs.claim).all(|theirs| {
                mine.any_of.iter().any(|one| theirs.any_of.iter().any(|two| meet(one, two)))
            })
        })
    }
}

/// Whether a text may fit both; with `*` in both, by their beginnings and ends.
fn meet(one: &NamePattern, two: &NamePattern) -> bool {
    match (one.as_str().split_once('*'), two.as_str().split_once('*')) {
        (None, _) => two.matches(one.as_str()),
        (_, None) => one.matches(two.as_str()),
        (Some((first, one)), Some((second, two))) => {
            let last = |rest: &str| rest.rsplit('*').next().unwrap_or_default().to_owned();
            let (one, two) = (last(one), last(two));
            (first.starts_with(second) || second.starts_with(first))
                && (one.ends_with(&two) || two.ends_with(&one))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    fn row(when: &[(&str, &[&str])]) -> GrantRow {
        let when = when.iter().map(|(claim, any_of)| Condition {
            claim: ClaimPath::parse(claim).expect("a path"),
            any_of: any_of.iter().map(|pattern| NamePattern::new(pattern)).collect(),
        });
        GrantRow {
            when: when.collect(),
            agent: None,
            application: None,
            team: None,
            tenant: None,
            limits: Arc::default(),
        }
    }

    #[test]
    fn the_first_row_that_fits_decides_and_without_one_there_is_nothing() {
        let table = GrantTable::new(vec![
            row(&[("groups", &["ml"]), ("tid", &["1", "2"])]),
            row(&[("groups", &["ml-*", "ops"])]),
            row(&[("/realm/roles", &["*"])]),
        ]);
        for (claims, expected) in [
            (r#"{"groups":"ml","tid":"2"}"#, Some(0)),
            (r#"{"groups":["x","ml"],"tid":1}"#, Some(0)),
            (r#"{"groups":["ml","ops"],"tid":"3"}"#, Some(1)),
            (r#"{"groups":["ml-eu"]}"#, Some(1)),
            (r#"{"groups":"ML"}"#, None),
            (r#"{"groups":{"ml":1}}"#, None),
            (r#"{"groups":[["ml"]],"tid":"1"}"#, None),
            (r#"{"realm":{"roles":["a"]}}"#, Some(2)),
            (r#"{"realm":{"roles":[]}}"#, None),
            ("{}", None),
        ] {
            let claims = Json::object(claims.as_bytes()).expect("an object");
            let found = table.row_for(&claims);
            let index = found.and_then(|row| table.0.iter().position(|one| std::ptr::eq(one, row)));
            assert_eq!(index, expected, "{claims:?}");
        }
        assert!(GrantTable::default().row_for(&Claims::new()).is_none());
        assert!(GrantTable::new(vec![row(&[])]).row_for(&Claims::new()).is_some());
    }

    #[test]
    fn rows_whose_order_matters_are_named() {
        for (earlier, later, never, overlap) in [
            (row(&[]), row(&[("a", &["1"])]), true, false),
            (row(&[("a", &["1"])]), row(&[]), false, true),
            (row(&[("a", &["1"])]), row(&[("a", &["1"])]), true, false),
            (row(&[("a", &["1"])]), row(&[("a", &["2"])]), false, false),
            (row(&[("a", &["1*"])]), row(&[("a", &["12", "13*x"])]), true, false),
            (row(&[("a", &["12"])]), row(&[("a", &["1*"])]), false, true),
            (row(&[("a", &["1*x"])]), row(&[("a", &["1*y"])]), false, false),
            (row(&[("a", &["1*"])]), row(&[("a", &["*y"])]), false, true),
            (row(&[("a", &["1"])]), row(&[("b", &["1"])]), false, true),
            (row(&[("a", &["1"])]), row(&[("a", &["1"]), ("b", &["1"])]), true, false),
            (
                row(&[("a", &["1"]), ("b", &["2"])]),
                row(&[("a", &["1"]), ("b", &["1"])]),
                false,
                false,
            ),
        ] {
            let table = GrantTable::new(vec![earlier, later]);
            let expected = |is: bool| if is { vec![(1, 0)] } else { Vec::new() };
            assert_eq!(table.never_reached(), expected(never), "{table:?}");
            assert_eq!(table.overlapping(), expected(overlap), "{table:?}");
        }
    }
}
