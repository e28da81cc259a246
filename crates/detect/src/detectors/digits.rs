//! Groups of digits with separators between them, as people write numbers.

use super::Word;
use crate::text::Text;

/// Digits of the longest number any detector knows, and some.
pub(crate) const DIGITS_MAX: usize = 24;
/// Groups of the longest way to write one.
pub(crate) const GROUPS_MAX: usize = 8;

/// Digits at a start, in groups.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups {
    digits: [u8; DIGITS_MAX],
    digit_count: usize,
    /// Length of each group, and where it ends in the text.
    lens: [usize; GROUPS_MAX],
    ends: [usize; GROUPS_MAX],
    count: usize,
    /// The separator between the first two groups, if there is one.
    pub(crate) separator: Option<u8>,
}

impl Groups {
    /// Reads groups with one and the same separator between all of them, which is one of `separators`, until there are
    /// more than `most` digits.
    pub(crate) fn read(text: &Text<'_>, separators: &[u8], most: usize) -> Self {
        let mut groups = Self::default();
        let mut at = 0;
        loop {
            let len = groups.read_group(text, at);
            at += len;
            if len == 0 || groups.count == GROUPS_MAX || groups.digit_count > most {
                return groups;
            }
            let Some(separator) = text.get(at) else { return groups };
            let fits = match groups.separator {
                Some(expected) => expected == separator,
                None => separators.contains(&separator),
            };
            if !fits || !text.get(at + 1).is_some_and(|byte| byte.is_ascii_digit()) {
                return groups;
            }
            groups.separator = Some(separator);
            at += 1;
        }
    }

    fn read_group(&mut self, text: &Text<'_>, at: usize) -> usize {
        let room = DIGITS_MAX - self.digit_count;
        let len = text.run_within(at, room, |byte| byte.is_ascii_digit());
        let places = self.digits.get_mut(self.digit_count..).unwrap_or_default();
        for (place, digit) in places.iter_mut().zip(text.slice(at, at + len)) {
            *place = digit - b'0';
        }
        self.digit_count += len;
        if len > 0
            && let (Some(group), Some(end)) =
                (self.lens.get_mut(self.count), self.ends.get_mut(self.count))
        {
            *group = len;
            *end = at + len;
            self.count += 1;
        }
        len
    }

    /// The lengths of the groups.
    pub(crate) fn lens(&self) -> &[usize] {
        self.lens.get(..self.count).unwrap_or_default()
    }

    /// Where the first `count` groups end in the text.
    pub(crate) fn end(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or_default()
    }

    /// The digits of the first `count` groups, as numbers 0 to 9.
    pub(crate) fn digits(&self, count: usize) -> &[u8] {
        let digits = self.lens().iter().take(count).sum();
        self.digits.get(..digits).unwrap_or_default()
    }
}

/// The first group of a number and what stands after it: what tells most detectors that a number is none of theirs, looked at
/// once for all of them. It asks for no text, and what has not arrived may be anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstGroup {
    pub(crate) len: usize,
    /// The byte after it; `None` at the end of the text.
    pub(crate) next: Option<u8>,
    /// The byte after that; `None` too if it has not arrived.
    pub(crate) after: Option<u8>,
}

impl FirstGroup {
    /// Of the word at the start of `text`, if it is made of digits.
    pub(crate) fn of(text: &Text<'_>, word: Word) -> Option<Self> {
        let is_digits = text.slice(0, word.len).iter().all(u8::is_ascii_digit);
        is_digits.then(|| Self { len: word.len, next: word.next, after: text.peek(word.len + 1) })
    }

    /// Whether one of `signs` stands after the group, and then something of `class`.
    pub(crate) fn goes_on(&self, signs: &[u8], class: impl Fn(u8) -> bool) -> bool {
        self.next.is_some_and(|next| signs.contains(&next)) && self.after.is_none_or(class)
    }

    /// Whether another group may follow, with one of `separators` between.
    pub(crate) fn has_second(&self, separators: &[u8]) -> bool {
        self.goes_on(separators, |after| after.is_ascii_digit())
    }
}

/// Whether the value that ends at `end` is followed by something that makes it part of a longer
/// number or word.
pub(crate) fn runs_on(text: &Text<'_>, end: usize) -> bool {
    let Some(next) = text.get(end) else { return false };
    if next.is_ascii_alphanumeric() {
        return true;
    }
    matches!(next, b'.' | b'-' | b'/' | b',')
        && text.get(end + 1).is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether the value continues a number that began before it: `0.4111`, `12-34`.
pub(crate) fn continues(text: &Text<'_>) -> bool {
    matches!(text.back(0), Some(b'.' | b'-' | b'/' | b','))
        && text.back(1).is_some_and(|byte| byte.is_ascii_digit())
}

/// Whether all digits are the same.
pub(crate) fn all_same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair.first() == pair.last())
}
