//! How numbers that begin with digits go on: all sequences of groups of digits that some form has, worked out once.
//!
//! Rows of numbers ask at every group which forms go on like that. Here one look-up a group answers, whoever is still
//! in question; sets of forms are looked at only where one of them ends.
//!
//! INVARIANT: it says what [`Level`] says for groups of digits; a test compares both. Not here: groups with letters.

use std::collections::HashMap;

use super::{Alike, GROUPS_MAX, Read, shape::is_uniform};
use crate::text::Text;

/// The node at which no form goes on.
const NOBODY: u32 = 0;

/// All groups of digits that the forms of one [`Alike`] have. See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Nodes that edges lead to, by the length of the group.
    targets: Vec<u32>,
}

/// Groups of digits that have been read.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Which shapes go on or end like that.
    pub(super) alive: u128,
    /// Which of them end here.
    pub(super) ends: u128,
    /// Where the edges from here begin, and how many there are.
    edges: (u32, u8),
}

/// A separator after a group, and what may follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    sign: u8,
    /// The length of the longest next group.
    longest: u8,
    targets: u32,
}

/// What a node is known by while they are made: its group, who is alive, and the separator that must stay the same.
type Key = (usize, u128, Option<u8>);

impl Figures {
    /// Of the shapes whose first group is `len` digits.
    pub(super) fn new(alike: &Alike, len: usize) -> Self {
        let mut all =
            Self { nodes: vec![Node::default(); 2], edges: Vec::new(), targets: Vec::new() };
        let alive = alike.levels.first().map_or(0, |level| level.have_digits(len));
        let mut known = HashMap::new();
        let mut open = vec![(1, (0, alive, None))];
        while let Some((place, key)) = open.pop() {
            all.fill(alike, place, key, &mut known, &mut open);
        }
        all
    }

    /// Fills in a node; those that are new are `open`.
    fn fill(
        &mut self,
        alike: &Alike,
        place: u32,
        (group, alive, uniform): Key,
        known: &mut HashMap<Key, u32>,
        open: &mut Vec<(u32, Key)>,
    ) {
        let Some(level) = alike.levels.get(group) else { return };
        let mut edges = Vec::new();
        for sign in level.signs() {
            let going_on = alive & !level.ends & level.followed_by(sign, uniform);
            let Some(longest) = level.longest_next(going_on) else { continue };
            let uniform = if group == 0 && is_uniform(sign) { Some(sign) } else { uniform };
            let targets = self.targets.len() as u32;
            for len in 1..=longest {
                let next = alike.levels.get(group + 1).filter(|_| group + 1 < GROUPS_MAX);
                let alive = next.map_or(0, |next| {
                    alive & next.have_digits(len) & level.followed_by(sign, uniform)
                });
                let key = (group + 1, alive, uniform);
                let target = if alive == 0 {
                    NOBODY
                } else {
                    *known.entry(key).or_insert_with(|| {
                        let new = self.nodes.len() as u32;
                        self.nodes.push(Node::default());
                        open.push((new, key));
                        new
                    })
                };
                self.targets.push(target);
            }
            edges.push(Edge { sign, longest: longest as u8, targets });
        }
        let begin = self.edges.len() as u32;
        self.edges.extend(&edges);
        if let Some(node) = self.nodes.get_mut(place as usize) {
            *node = Node { alive, ends: alive & level.ends, edges: (begin, edges.len() as u8) };
        }
    }

    /// The node of the first group.
    pub(super) fn first(&self) -> Option<&Node> {
        self.nodes.get(1)
    }

    /// The sign after the groups read so far and the length of the group after that, if some form goes on so.
    pub(super) fn next_group(
        &self,
        node: &Node,
        text: &Text<'_>,
        read: &Read,
    ) -> Option<(Edge, u8, usize)> {
        let (begin, count) = (node.edges.0 as usize, usize::from(node.edges.1));
        let edges = self.edges.get(begin..begin + count).filter(|edges| !edges.is_empty())?;
        let sign = text.get(read.end)?;
        let edge = *edges.iter().find(|edge| edge.sign == sign)?;
        Some((edge, sign, read.group_after(usize::from(edge.longest), text)?))
    }

    /// Where a group of `len` digits leads, if to anything.
    pub(super) fn next(&self, edge: Edge, len: usize) -> Option<&Node> {
        let target = *self.targets.get(edge.targets as usize + len - 1)?;
        self.nodes.get(target as usize).filter(|_| target != NOBODY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::IDENTIFIERS;
    use super::super::{Candidate, Forms};
    use super::*;

    /// What is found in `text`, by the automaton or by asking who has each group.
    fn candidates(text: &str, by_levels: bool) -> Vec<(u16, usize, bool, Vec<u8>)> {
        let forms: &Forms = &IDENTIFIERS.forms;
        let seen = Text::new(text.as_bytes(), 0, usize::MAX, true);
        let first = seen.run(0, |byte| byte.is_ascii_alphanumeric());
        let mut found = Vec::new();
        let report = |candidate: Candidate<'_>| {
            let value = candidate.value.to_vec();
            found.push((candidate.row, candidate.end, candidate.goes_on, value));
        };
        if by_levels {
            forms.by_levels(&seen, first, report);
        } else {
            forms.candidates(&seen, first, report);
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_automaton_says_what_the_levels_say(
            groups in prop::collection::vec(("[0-9]{1,5}|[0-9]{6,14}|[0-9A-Z]{1,4}", "[- ./:()]"), 1..9),
            separator in "[- ./]",
            same in any::<bool>(),
        ) {
            let joined = groups.iter().map(|(group, sign)| {
                [group.as_str(), if same { separator.as_str() } else { sign.as_str() }].concat()
            });
            let text = joined.collect::<String>() + " ";
            prop_assert_eq!(candidates(&text, false), candidates(&text, true), "in {:?}", text);
        }
    }

    #[test]
    fn there_are_few_nodes() {
        let nodes: usize =
            IDENTIFIERS.forms.first.iter().map(|alike| alike.figures.nodes.len()).sum();
        assert!(nodes < 4_000, "{nodes} nodes");
    }
}
