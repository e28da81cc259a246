//! The values of one request, and where in an answer something stands in for one.
//!
//! Whatever it looks like, a stand-in is found by its exact text: there is one matcher over those of this request.
//!
//! INVARIANT: the vault holds only values of this very request (of a session: of its requests until now), so nothing is ever restored to somebody who did not
//! just send it. INVARIANT: no stand-in begins with another, so that one that has begun is known by its first bytes
//! and none hides another. INVARIANT: what is found depends on the text alone and not on how it was cut: the end of a
//! text that may still become a stand-in, at most [`MASK_BYTES_MAX`] bytes, is said to be open.
//!
//! Not here: how stand-ins are made (`mask`, `stand_in`).

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::{Bound, Range};

use crate::lane::restored;
use crate::mask::MASK_BYTES_MAX;

/// Values one request may have masked; more is refused as unreadable.
pub(crate) const MASKED_VALUES_MAX: usize = 10_000;

/// What a session says in one place each, that is remembered; what follows is judged like an answer where it is repeated.
const ASKED_TEXTS_MAX: usize = 1 << 17;
/// What is kept of a value beside its text, about.
const VALUE_BYTES: usize = 64;

/// The values of one request, or of a session so far: those masked, and those seen and let through.
#[derive(Clone, Default)]
pub(crate) struct Vault {
    /// What the request says, as hashes under a key of this process, where its answer will repeat it.
    asked: HashSet<u64>,
    asked_key: RandomState,
    echoes: HashSet<String>,
    /// The ASCII characters with which stand-ins begin.
    begins: u128,
    /// Bytes of all that, about.
    bytes: usize,
    /// How many values were masked.
    masked: usize,
    /// The values, by what stands in for them.
    values: BTreeMap<String, String>,
}

/// What is found in a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// A whole stand-in.
    StandIn(Range<usize>),
    /// From here on, what may become one when more arrives.
    Open(usize),
}

/// A text in which stand-ins are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) text: &'a str,
    /// The byte before it.
    pub(crate) before: Option<u8>,
    /// Whether nothing comes after it.
    pub(crate) is_end: bool,
}

impl Vault {
    /// Remembers a masked value. `false` when the vault is full.
    #[must_use]
    pub(crate) fn keep(&mut self, stand_in: String, value: String) -> bool {
        if self.masked >= MASKED_VALUES_MAX && !self.values.contains_key(&stand_in) {
            return false;
        }
        self.masked += usize::from(self.put(stand_in, value));
        true
    }

    /// Remembers another way to write a masked value, if it is free.
    pub(crate) fn keep_beside(&mut self, stand_in: String, value: String) {
        if self.values.len() < 2 * MASKED_VALUES_MAX && self.is_free(&stand_in, &value) {
            self.put(stand_in, value);
        }
    }

    /// Whether it is new.
    fn put(&mut self, stand_in: String, value: String) -> bool {
        self.begins |= stand_in.bytes().next().map_or(0, bit);
        let bytes = stand_in.len() + value.len() + VALUE_BYTES;
        let is_new = self.values.insert(stand_in, value).is_none();
        self.bytes += if is_new { bytes } else { 0 };
        is_new
    }

    /// Whether this may stand in for the value: it is nothing that the request says itself, stands for nothing else, and
    /// neither begins with another stand-in nor another with it.
    pub(crate) fn is_free(&self, stand_in: &str, value: &str) -> bool {
        if let Some(known) = self.values.get(stand_in) {
            return known == value;
        }
        let before = self.at_most(stand_in).is_some_and(|other| stand_in.starts_with(other));
        let after = self.from(stand_in).is_some_and(|other| other.starts_with(stand_in));
        !before && !after && !self.echoes.contains(stand_in)
    }

    /// Remembers a value the caller sent in the clear: an answer that repeats it leaks nothing.
    pub(crate) fn saw(&mut self, value: &str) {
        if self.echoes.len() < MASKED_VALUES_MAX {
            let is_new = self.echoes.insert(value.to_owned());
            self.bytes += if is_new { value.len() + VALUE_BYTES } else { 0 };
        }
    }

    /// Remembers what the request says in one place.
    pub(crate) fn asks(&mut self, text: &str) {
        if self.asked.len() < ASKED_TEXTS_MAX {
            let is_new = self.asked.insert(self.asked_key.hash_one(text));
            self.bytes += if is_new { 2 * size_of::<u64>() } else { 0 };
        }
    }

    /// Bytes that it holds, about.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A text of an answer as the caller wrote it, if it is all of what the request says in one place.
    pub(crate) fn asked(&self, text: &str) -> Option<String> {
        if self.asked.is_empty() {
            return None;
        }
        let own = restored(text, self);
        self.asked.contains(&self.asked_key.hash_one(own.as_str())).then_some(own)
    }

    /// The value behind a stand-in of this request.
    pub(crate) fn value(&self, stand_in: &str) -> Option<&str> {
        self.values.get(stand_in).map(String::as_str)
    }

    /// Whether the caller itself sent this value, masked or in the clear.
    pub(crate) fn is_callers_own(&self, value: &str) -> bool {
        self.echoes.contains(value)
    }

    /// Whether anything can be restored at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The first stand-in that begins in a range of a text, or what may become one.
    pub(crate) fn find(&self, of: Reading<'_>, within: Range<usize>) -> Option<Match> {
        let bytes = of.text.as_bytes().get(within.clone())?;
        let starts = bytes.iter().enumerate().filter(|(_, byte)| self.begins & bit(**byte) != 0);
        starts.map(|(offset, _)| within.start + offset).find_map(|at| self.look(of, at))
    }

    /// The stand-ins that stand anywhere in a text, whatever is around them.
    pub(crate) fn all_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let starts = text.bytes().enumerate().filter(|(_, byte)| self.begins & bit(*byte) != 0);
        starts.filter_map(|(at, _)| {
            let rest = text.get(at..)?;
            self.at_most(rest).filter(|stand_in| rest.starts_with(stand_in))
        })
    }

    /// The point up to which a text may be let go, at most `to`: no stand-in lies across it.
    pub(crate) fn cut(&self, of: Reading<'_>, to: usize) -> usize {
        let mut at = 0;
        loop {
            match self.find(of, at..to) {
                Some(Match::StandIn(found)) if found.end <= to => at = found.end,
                Some(Match::StandIn(Range { start, .. }) | Match::Open(start)) => return start,
                None => return to,
            }
        }
    }

    /// Whether all letters and digits of `found`, a range of bytes of `text`, belong to one stand-in of this
    /// request.
    pub(crate) fn covers(&self, text: &str, found: &Range<usize>) -> bool {
        let is_bare = |range: Range<usize>| {
            !text.get(range).unwrap_or_default().contains(char::is_alphanumeric)
        };
        let mut at = text.floor_char_boundary(found.start.saturating_sub(MASK_BYTES_MAX));
        let of = Reading { text, before: None, is_end: true };
        while let Some(Match::StandIn(whole)) = self.find(of, at..found.end.min(text.len())) {
            if found.start < whole.end {
                return (found.start >= whole.start || is_bare(found.start..whole.start))
                    && (found.end <= whole.end || is_bare(whole.end..found.end));
            }
            at = whole.end;
        }
        false
    }

    fn look(&self, of: Reading<'_>, at: usize) -> Option<Match> {
        let rest = of.text.get(at..)?;
        let before = at.checked_sub(1).map_or(of.before, |at| of.text.as_bytes().get(at).copied());
        // Digits that go on are another number.
        let is_number = rest.starts_with(|first: char| first.is_ascii_digit());
        if is_number && before.is_some_and(|byte| byte.is_ascii_digit()) {
            return None;
        }
        if let Some(stand_in) = self.at_most(rest).filter(|stand_in| rest.starts_with(stand_in)) {
            let next = rest.get(stand_in.len()..).and_then(|rest| rest.chars().next());
            let is_word = stand_in.ends_with(|last: char| last.is_ascii_alphanumeric());
            return match next {
                Some(next) if is_word && next.is_alphanumeric() => None,
                None if is_word && !of.is_end => Some(Match::Open(at)),
                _ => Some(Match::StandIn(at..at + stand_in.len())),
            };
        }
        let may_go_on = !of.is_end && rest.len() < MASK_BYTES_MAX;
        (may_go_on && self.from(rest).is_some_and(|stand_in| stand_in.starts_with(rest)))
            .then_some(Match::Open(at))
    }

    /// The last stand-in that is not after `text`: if one is its beginning, it is this one.
    fn at_most(&self, text: &str) -> Option<&str> {
        let range = (Bound::Unbounded, Bound::Included(text));
        self.values.range::<str, _>(range).next_back().map(|(stand_in, _)| stand_in.as_str())
    }

    /// The first stand-in that is not before `text`: if `text` is the beginning of one, it is of this one.
    fn from(&self, text: &str) -> Option<&str> {
        let range = (Bound::Included(text), Bound::Unbounded);
        self.values.range::<str, _>(range).next().map(|(stand_in, _)| stand_in.as_str())
    }
}

const fn bit(byte: u8) -> u128 {
    if byte.is_ascii() { 1 << byte } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: &str = "[EMAIL-K7Q2M9XA]";

    fn vault() -> Vault {
        let mut vault = Vault::default();
        for stand_in in [LABEL, "192.0.2.17", "9999 1234 5678 9010", "k7q2m9xafw@masked.invalid"] {
            assert!(
                vault.is_free(stand_in, "v") && vault.keep(stand_in.to_owned(), "v".to_owned())
            );
        }
        vault
    }

    #[track_caller]
    fn check(text: &str, is_end: bool, expect: impl Into<Option<Match>>) {
        let expect: Option<Match> = expect.into();
        assert_eq!(
            vault().find(Reading { text, before: None, is_end }, 0..text.len()),
            expect,
            "{text}"
        );
    }

    #[test]
    fn stand_ins_are_found_whole_and_alone() {
        check("at 192.0.2.17, you", false, Some(Match::StandIn(3..13)));
        check("at 192.0.2.17", true, Some(Match::StandIn(3..13)));
        check("at 192.0.2.17", false, Some(Match::Open(3)));
        for another in ["at 192.0.2.171", "at 4192.0.2.17", "at 192.0.2.18 now", "[EMAIL-K7Q2M9XB]"]
        {
            check(another, true, None);
        }
        check("x[EMAIL-K7Q2M9XA]x", true, Some(Match::StandIn(1..17)));
    }

    #[test]
    fn what_has_begun_is_open_however_it_is_cut() {
        for stand_in in vault().values.keys() {
            for cut in 1..stand_in.len() {
                check(&format!("é {}", &stand_in[..cut]), false, Some(Match::Open(3)));
                check(&format!("é {}", &stand_in[..cut]), true, None);
            }
        }
    }

    #[test]
    fn nothing_is_cut_apart() {
        let (vault, text) = (vault(), "to [EMAIL-K7Q2M9XA] and 192.0.2.17 now");
        for to in 0..=text.len() {
            let cut = vault.cut(Reading { text, before: None, is_end: false }, to);
            let expect = match to {
                4..19 => 3,
                25..34 => 24,
                other => other,
            };
            assert_eq!(cut, expect, "{to}");
        }
    }

    #[test]
    fn a_stand_in_is_free_if_nothing_else_says_it() {
        let mut vault = vault();
        vault.saw("192.0.2.99");
        assert!(vault.is_free("192.0.2.17", "v") && vault.is_free("192.0.2.2", "other"));
        for taken in ["192.0.2.17", "192.0.2.1", "192.0.2.171", "192.0.2.99"] {
            assert!(!vault.is_free(taken, "other"), "{taken}");
        }
        let text = "1192.0.2.17 and [EMAIL-K7Q2M9XA";
        assert_eq!(vault.all_in(text).collect::<Vec<_>>(), ["192.0.2.17"]);
    }

    #[test]
    fn the_vault_is_bounded() {
        let mut vault = Vault::default();
        for index in 0..MASKED_VALUES_MAX {
            assert!(vault.keep(format!("[A-{index}]"), String::new()));
        }
        assert!(!vault.keep("[B]".to_owned(), String::new()));
        let bytes = vault.bytes();
        assert!(bytes > MASKED_VALUES_MAX * VALUE_BYTES);
        assert!(vault.keep("[A-0]".to_owned(), String::new()), "one that is known takes no room");
        vault.saw("a value");
        vault.saw("a value");
        assert_eq!(vault.bytes(), bytes + "a value".len() + VALUE_BYTES);
    }
}
