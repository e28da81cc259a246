//! The techniques of MITRE ATLAS, and how far rules find them.
//!
//! The table (`rules/atlas.txt`) has ids, names and tactics of two releases, and what ids that were taken away are called now.
//!
//! INVARIANT: only rules whose tests pass count. INVARIANT: nothing is said to be more than covered: that a rule finds a technique in its tests does
//! not mean that it finds every use of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sigma::rule::{Level, Rule};

const TABLE: &str = include_str!("../../rules/atlas.txt");
/// The release whose matrix is shown.
pub const RELEASE: &str = "2026.07";
/// What of a release before it is not in it.
const GONE: &str = "5.6";

/// A tactic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tactic {
    /// `AML.TA0005`.
    pub id: &'static str,
    /// `Execution`.
    pub name: &'static str,
}

/// A technique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `AML.T0051.000`.
    pub id: &'static str,
    /// `Direct`.
    pub name: &'static str,
    /// The ids of its tactics.
    pub tactics: Vec<&'static str>,
    /// What of it can be seen at all: `direct`, `partial`, `none`.
    pub visibility: &'static str,
}

/// How far a technique is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Covered {
    /// No rule that passes its tests says that it finds it.
    NotTested,
    /// Some of it: only part of it can be seen, only sub-techniques of it have rules, or only rules of low levels.
    Partial,
    /// A rule finds it, where it can be seen as such.
    Covered,
}

impl Covered {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotTested => "not tested",
            Self::Partial => "partial",
            Self::Covered => "covered",
        }
    }
}

fn rows(sort: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let split = rows.map(|line| line.split('|').collect::<Vec<_>>());
    split.filter(move |row| row.first() == Some(&sort))
}

fn cell(row: &[&'static str], at: usize) -> &'static str {
    row.get(at).copied().unwrap_or_default()
}

/// All tactics, in the order of the matrix.
pub fn tactics() -> Vec<Tactic> {
    rows("tactic").map(|row| Tactic { id: cell(&row, 1), name: cell(&row, 2) }).collect()
}

/// All techniques of the release, by id.
pub fn techniques() -> Vec<Technique> {
    let here = rows("technique").filter(|row| cell(row, 5) != GONE);
    let technique = |row: Vec<&'static str>| Technique {
        id: cell(&row, 1),
        name: cell(&row, 2),
        tactics: cell(&row, 3).split(' ').filter(|tactic| !tactic.is_empty()).collect(),
        visibility: cell(&row, 4),
    };
    here.map(technique).collect()
}

/// What a technique is called in the release; nothing, if it never was one.
pub fn current(id: &str) -> Option<&'static str> {
    let new = rows("alias").find(|row| cell(row, 1) == id).map(|row| cell(&row, 2));
    let id = new.unwrap_or(id);
    rows("technique").find(|row| cell(row, 1) == id).map(|row| cell(&row, 1))
}

/// Each technique of the release, how far it is found, and by which rules; `rules` says of each whether its tests pass.
pub fn coverage<'r>(
    rules: impl IntoIterator<Item = (&'r Rule, bool)>,
) -> Vec<(Technique, Covered, Vec<&'r str>)> {
    let mut found: BTreeMap<&'static str, Vec<&Rule>> = BTreeMap::new();
    for (rule, _) in rules.into_iter().filter(|(_, passes)| *passes) {
        let ids: BTreeSet<_> = rule.atlas.iter().filter_map(|id| current(id)).collect();
        for id in ids {
            found.entry(id).or_default().push(rule);
        }
    }
    let covered = |technique: &Technique| match found.get(technique.id) {
        Some(rules)
            if technique.visibility == "direct"
                && rules.iter().any(|rule| rule.level > Level::Low) =>
        {
            Covered::Covered
        }
        Some(_) => Covered::Partial,
        None if found
            .keys()
            .any(|id| id.strip_prefix(technique.id).is_some_and(|rest| rest.starts_with('.'))) =>
        {
            Covered::Partial
        }
        None => Covered::NotTested,
    };
    let named = |id: &str| {
        let rules = found.get(id).map(Vec::as_slice).unwrap_or_default();
        rules.iter().map(|rule| rule.name.as_str()).collect()
    };
    techniques()
        .into_iter()
        .map(|one| (covered(&one), named(one.id), one))
        .map(|(how, by, one)| (one, how, by))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Covered, coverage, current, tactics, techniques};
    use crate::sigma::rule::{Level, Rule};

    fn rule(name: &str, atlas: &[&str], level: Level) -> Rule {
        Rule {
            name: name.into(),
            id: String::new(),
            title: String::new(),
            description: String::new(),
            level,
            tags: Vec::new(),
            atlas: atlas.iter().map(|id| (*id).to_owned()).collect(),
            falsepositives: Vec::new(),
            references: Vec::new(),
            sort: "detection",
            window_s: 0,
        }
    }

    fn check(rules: &[(Rule, bool)], id: &str, expected: Covered) {
        let all = coverage(rules.iter().map(|(rule, passes)| (rule, *passes)));
        let found = all.iter().find(|(technique, ..)| technique.id == id);
        assert_eq!(found.map(|(_, covered, _)| *covered), Some(expected), "{id}");
    }

    #[test]
    fn the_matrix_is_that_of_the_release() {
        assert_eq!((tactics().len(), techniques().len()), (16, 178));
        let ids: Vec<_> = tactics().iter().map(|tactic| tactic.id).collect();
        for technique in techniques() {
            assert!(technique.tactics.iter().all(|tactic| ids.contains(tactic)), "{technique:?}");
            assert!(["direct", "partial", "none"].contains(&technique.visibility), "{technique:?}");
        }
    }

    #[test]
    fn ids_of_other_releases_are_known_by_what_took_their_place() {
        assert_eq!(current("AML.T0058"), Some("AML.T0115.001"));
        assert_eq!(current("AML.T0051.000"), Some("AML.T0051.000"));
        assert_eq!(current("AML.T9999"), None);
    }

    #[test]
    fn only_rules_that_pass_count_and_only_as_far_as_they_see() {
        let rules = [
            (rule("a", &["AML.T0051.000"], Level::High), true),
            (rule("b", &["AML.T0054"], Level::High), false),
            (rule("c", &["AML.T0042"], Level::High), true),
            (rule("d", &["AML.T0056"], Level::Low), true),
        ];
        check(&rules, "AML.T0051.000", Covered::Covered);
        check(&rules, "AML.T0051", Covered::Partial);
        check(&rules, "AML.T0054", Covered::NotTested);
        check(&rules, "AML.T0042", Covered::Partial);
        check(&rules, "AML.T0056", Covered::Partial);
    }
}
