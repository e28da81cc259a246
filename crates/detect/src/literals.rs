//! Given strings, looked for at every place of a text at once.
//!
//! INVARIANT: a place is passed over only by its first two bytes, so that the cost of ordinary text does not
//! depend on how many strings there are.

use crate::text::{Starved, Text};

/// One string to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// In lower case (ASCII) unless case counts.
    bytes: Vec<u8>,
    is_case_exact: bool,
    /// What it stands for: the caller's own number.
    pub(crate) stands_for: usize,
}

impl Literal {
    /// Found in upper and lower case (ASCII).
    pub(crate) fn any_case(text: &str, stands_for: usize) -> Self {
        let bytes = text.to_ascii_lowercase().into_bytes();
        Self { bytes, is_case_exact: false, stands_for }
    }

    /// Found as it is.
    pub(crate) fn exact(text: String, stands_for: usize) -> Self {
        let bytes = text.into_bytes();
        Self { bytes, is_case_exact: true, stands_for }
    }

    fn begins(&self) -> Option<u16> {
        match self.bytes.as_slice() {
            [first, second, ..] => Some(start(*first, *second)),
            _ => None,
        }
    }

    fn is_at(&self, text: &Text<'_>) -> bool {
        self.bytes.iter().enumerate().all(|(ahead, wanted)| {
            text.get(ahead).is_some_and(|byte| {
                if self.is_case_exact {
                    byte == *wanted
                } else {
                    byte.to_ascii_lowercase() == *wanted
                }
            })
        })
    }
}

/// All strings, ready to be looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Literals {
    /// One bit for each pair of first bytes, in lower case.
    starts: Vec<u64>,
    /// By their first two bytes, the longest first.
    all: Vec<Literal>,
}

impl Literals {
    /// Strings of less than two bytes are left out.
    pub(crate) fn new(mut all: Vec<Literal>) -> Self {
        all.retain(|literal| literal.begins().is_some());
        if all.is_empty() {
            return Self::default();
        }
        all.sort_by(|a, b| {
            (a.begins(), b.bytes.len(), a.stands_for).cmp(&(
                b.begins(),
                a.bytes.len(),
                b.stands_for,
            ))
        });
        let mut starts = vec![0; usize::from(u16::MAX) / 64 + 1];
        for begins in all.iter().filter_map(Literal::begins) {
            if let Some(bits) = starts.get_mut(usize::from(begins / 64)) {
                *bits |= 1 << (begins % 64);
            }
        }
        Self { starts, all }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The next place at or after `from` where one may begin; the end if there is none.
    pub(crate) fn skim(&self, bytes: &[u8], from: usize) -> usize {
        let mut at = from;
        while let Some(first) = bytes.get(at) {
            let may_begin = match bytes.get(at + 1) {
                // Nothing begins inside a character.
                _ if first & 0xc0 == 0x80 => false,
                Some(second) => {
                    let begins = start(*first, *second);
                    self.bits(begins / 64) & (1 << (begins % 64)) != 0
                }
                None => {
                    let all = start(*first, 0) / 64;
                    (all..all + 4).any(|word| self.bits(word) != 0)
                }
            };
            if may_begin {
                break;
            }
            at += 1;
        }
        at
    }

    fn bits(&self, word: u16) -> u64 {
        self.starts.get(usize::from(word)).copied().unwrap_or_default()
    }

    /// Which one begins at the start of `text`, and its length.
    pub(crate) fn find(&self, text: &Text<'_>) -> Result<Option<(usize, usize)>, Starved> {
        let begins = text.ask(|text| Some(start(text.get(0)?, text.get(1)?)))?;
        let Some(begins) = begins else { return Ok(None) };
        let from = self.all.partition_point(|literal| literal.begins() < Some(begins));
        for literal in self.all.get(from..).unwrap_or_default() {
            if literal.begins() != Some(begins) {
                break;
            }
            if text.ask(|text| literal.is_at(text).then_some(()))?.is_some() {
                return Ok(Some((literal.stands_for, literal.bytes.len())));
            }
        }
        Ok(None)
    }
}

const fn start(first: u8, second: u8) -> u16 {
    u16::from_be_bytes([first.to_ascii_lowercase(), second.to_ascii_lowercase()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(usize, usize)]) {
        let literals = Literals::new(vec![
            Literal::any_case("Alpha", 0),
            Literal::any_case("alphabet", 1),
            Literal::exact("QmFy".to_owned(), 2),
        ]);
        let (mut at, mut found) = (0, Vec::new());
        while at < text.len() {
            at = literals.skim(text.as_bytes(), at);
            let seen = Text::new(text.as_bytes(), at, usize::MAX, true);
            let hit = literals.find(&seen).expect("the text is complete");
            found.extend(hit.map(|(which, _)| (which, at)));
            at += hit.map_or(1, |(_, len)| len);
        }
        assert_eq!(found, expect, "in {text:?}");
    }

    #[test]
    fn the_longest_string_is_found_in_any_case_unless_case_counts() {
        check("an ALPHA, an AlphaBet", &[(0, 3), (1, 13)]);
        check("qmfy QmFy", &[(2, 5)]);
        check("a", &[]);
    }

    #[test]
    fn a_string_that_may_go_on_is_waited_for() {
        let literals = Literals::new(vec![Literal::any_case("alpha", 0)]);
        assert_eq!(literals.find(&Text::new(b"alp", 0, usize::MAX, false)), Err(Starved));
        assert_eq!(literals.find(&Text::new(b"alp", 0, usize::MAX, true)), Ok(None));
    }
}
