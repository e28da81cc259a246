//! How identifiers are written: forms, and the places of a text that have one.
//!
//! A form says for every character what may stand there: `d` a digit, `a` a letter, `x` either, `h` a
//! hexadecimal digit; `_` nothing or a separator, `~` a separator, where a separator is a space, a hyphen
//! or a full stop and the same throughout; anything else is itself. So `ddd_ddd_dddd` is ten digits in one
//! piece or in three groups.
//!
//! A text is read once, group by group, and only as long as some form goes on like that.
//!
//! INVARIANT: what is read depends on the forms and the text from the start on, and is bounded by
//! [`VALUE_BYTES_MAX`]. INVARIANT: a first group that no form has costs one look-up.

mod figures;
mod shape;

use self::figures::{Figures, Node};
use self::shape::{ANY_SEPARATOR, Group, Shape, fits, has_class, is_uniform, mask};
use crate::text::Text;

/// The longest identifier in letters and digits.
pub(super) const VALUE_BYTES_MAX: usize = 36;
/// The most groups of letters and digits in one.
const GROUPS_MAX: usize = 9;
/// The most forms whose first groups are alike.
pub(super) const ALIKE_MAX: usize = 128;
/// Shapes whose first groups are alike. Sets of them are bits by their place here, so that all are asked at once.
#[derive(Clone, Debug, Default)]
struct Alike {
    /// Indices into the shapes of [`Forms`].
    shapes: Vec<u16>,
    /// Those whose first group is hexadecimal.
    hexadecimal: u128,
    /// What they have in their first groups, in their second, and so on.
    levels: Vec<Level>,
    /// How they go on in digits, if they begin so.
    figures: Figures,
}

/// What shapes have in one place of their groups.
#[derive(Clone, Debug, Default)]
struct Level {
    /// Different groups, without what stands after them, and who has them.
    groups: Vec<(Group, u128)>,
    /// The separators after the group, and who has them.
    separators: Vec<(u8, u128)>,
    /// The length of the next group and who has it; those without a next group are not here.
    next: Vec<(usize, u128)>,
    /// Who ends with this group.
    ends: u128,
}

/// A value that has the form of an identifier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) row: u16,
    /// Letters and digits, in upper case.
    pub(super) value: &'a [u8],
    /// Where it ends in the text.
    pub(super) end: usize,
    /// Whether its groups are separated by spaces, and more digits follow after one.
    pub(super) goes_on: bool,
}

/// All forms, by their first group.
#[derive(Debug)]
pub(super) struct Forms {
    shapes: Vec<Shape>,
    /// By length and kind of the first group.
    first: Vec<Alike>,
}

/// What is known before a group.
#[derive(Clone, Copy, Debug)]
struct Before {
    group: usize,
    /// Who has the groups before it.
    alive: u128,
    /// The sign before it.
    separator: u8,
}

/// What is read of a text.
#[derive(Clone, Copy, Debug)]
struct Read {
    value: [u8; VALUE_BYTES_MAX],
    len: usize,
    /// Where the last group began in `value`.
    group: usize,
    /// Where it ends in the text.
    end: usize,
    /// The separator so far that must be the same throughout.
    uniform: Option<u8>,
    /// Whether it is digits, as all forms that are left have them.
    is_figures: bool,
}

impl Forms {
    /// Forms and the row each belongs to.
    pub(super) fn new(forms: impl Iterator<Item = (u16, &'static str)>) -> Self {
        let mut all =
            Self { shapes: Vec::new(), first: vec![Alike::default(); 3 * VALUE_BYTES_MAX] };
        for (row, form) in forms {
            all.add(Shape::new(row, form, false));
            if form.contains('_') {
                all.add(Shape::new(row, form, true));
            }
        }
        for len in 1..=VALUE_BYTES_MAX {
            if let Some(alike) = all.first.get_mut(bucket(len, Kind::Digits)) {
                alike.figures = Figures::new(alike, len);
            }
        }
        all
    }

    fn add(&mut self, shape: Shape) {
        let Some(group) = shape.groups.first().copied() else { return };
        let place = self.shapes.len() as u16;
        let whole = (1 << group.len) - 1;
        for (kind, may) in [
            (Kind::Digits, group.letters == 0),
            (Kind::Letters, group.digits == 0),
            (Kind::Mixed, group.len > 1 && group.letters != whole && group.digits != whole),
        ] {
            if may && let Some(alike) = self.first.get_mut(bucket(group.len, kind)) {
                alike.add(place, &shape);
            }
        }
        self.shapes.push(shape);
    }

    /// Whether any form begins with these letters, given what stands after them.
    pub(super) fn letters_may_begin(&self, letters: &[u8], next: u8, after: u8) -> bool {
        let list = self
            .first
            .get(bucket(letters.len(), Kind::Letters))
            .map_or(&[][..], |alike| alike.shapes.as_slice());
        let upper = letters.iter().all(u8::is_ascii_uppercase);
        list.iter().filter_map(|place| self.shapes.get(usize::from(*place))).any(|shape| {
            let Some(group) = shape.groups.first().filter(|_| upper || shape.begins_hexadecimal())
            else {
                return false;
            };
            let class = shape.classes.get(group.len).copied().unwrap_or_default();
            group.separator == 0
                || fits(group.separator, next, None) && has_class(class, after.to_ascii_uppercase())
        })
    }

    /// Reports every row that has a form which the text from its start on has; `first_len` is the
    /// length of its first group.
    pub(super) fn candidates(
        &self,
        text: &Text<'_>,
        first_len: usize,
        mut report: impl FnMut(Candidate<'_>),
    ) {
        let first = text.slice(0, first_len);
        let Some(alike) = self.first.get(bucket(first_len, Kind::of(first))) else { return };
        if alike.shapes.is_empty() || first_len > VALUE_BYTES_MAX {
            return;
        }
        let mut read = Read::default();
        read.take(first);
        let before = match alike.figures.first() {
            Some(node) => match self.figures(alike, node, text, &mut read, &mut report) {
                Some(before) => before,
                None => return,
            },
            None => Before { group: 0, alive: alike.beginning_with(first), separator: 0 },
        };
        self.go_on(alike, before, text, &mut read, &mut report);
    }

    /// Reads groups of digits, the first of which has been read; gives what it read before a group that has letters.
    fn figures(
        &self,
        alike: &Alike,
        first: &Node,
        text: &Text<'_>,
        read: &mut Read,
        report: &mut impl FnMut(Candidate<'_>),
    ) -> Option<Before> {
        let mut node = first;
        read.is_figures = true;
        for group in 0..GROUPS_MAX {
            let next = alike.figures.next_group(node, text, read);
            if node.ends != 0 {
                self.report(alike, node.ends, group, text, read, report);
            }
            let (edge, sign, len) = next?;
            if group == 0 && is_uniform(sign) {
                read.uniform = Some(sign);
            }
            if !read.take_next(sign, len, text) {
                return None;
            }
            read.is_figures = read.last_group().iter().all(u8::is_ascii_digit);
            if !read.is_figures {
                return Some(Before { group: group + 1, alive: node.alive, separator: sign });
            }
            node = alike.figures.next(edge, len)?;
        }
        None
    }

    /// Reads groups, the first of which, the one after `before`, has been read.
    fn go_on(
        &self,
        alike: &Alike,
        before: Before,
        text: &Text<'_>,
        read: &mut Read,
        report: &mut impl FnMut(Candidate<'_>),
    ) {
        let Before { group: from, mut alive, mut separator } = before;
        for group in from..GROUPS_MAX {
            let Some(level) = alike.levels.get(group) else { return };
            let before = group.checked_sub(1).and_then(|before| alike.levels.get(before));
            alive &= level.have(read)
                & before.map_or(u128::MAX, |level| level.followed_by(separator, read.uniform));
            let next = level.next_group(alive, text, read);
            self.report(alike, alive & level.ends, group, text, read, report);
            let Some((sign, len)) = next else { return };
            if group == 0 && is_uniform(sign) {
                read.uniform = Some(sign);
            }
            separator = sign;
            if !read.take_next(sign, len, text) {
                return;
            }
        }
    }

    /// Reports the shapes that end with the group just read.
    fn report(
        &self,
        alike: &Alike,
        ended: u128,
        group: usize,
        text: &Text<'_>,
        read: &Read,
        report: &mut impl FnMut(Candidate<'_>),
    ) {
        let value = read.value.get(..read.len).unwrap_or_default();
        let mut follows = None;
        let mut left = ended;
        while left != 0 {
            let place = alike.shapes.get(left.trailing_zeros() as usize);
            left &= left - 1;
            let Some(shape) = place.and_then(|place| self.shapes.get(usize::from(*place))) else {
                continue;
            };
            let Some(last) = shape.groups.get(group) else { continue };
            let mut classes = shape.classes.iter().zip(value);
            let is_known = read.is_figures && !shape.has_figures;
            if !is_known && !classes.all(|(class, byte)| has_class(*class, *byte)) {
                continue;
            }
            let closes = last.separator == b')';
            if closes && text.get(read.end) != Some(b')') {
                continue;
            }
            let end = read.end + usize::from(closes);
            let follows = *follows.get_or_insert_with(|| Follows::of(text, end));
            if follows != Follows::SameValue {
                let goes_on = follows == Follows::Digits && read.uniform == Some(b' ');
                report(Candidate { row: shape.row, value, end, goes_on });
            }
        }
    }

    /// As [`Forms::candidates`], asking at every group who has it.
    #[cfg(test)]
    pub(super) fn by_levels(
        &self,
        text: &Text<'_>,
        first_len: usize,
        mut report: impl FnMut(Candidate<'_>),
    ) {
        let first = text.slice(0, first_len);
        let alike = self.first.get(bucket(first_len, Kind::of(first)));
        let Some(alike) = alike.filter(|_| first_len <= VALUE_BYTES_MAX) else { return };
        let mut read = Read::default();
        read.take(first);
        let before = Before { group: 0, alive: alike.beginning_with(first), separator: 0 };
        self.go_on(alike, before, text, &mut read, &mut report);
    }

    /// The most shapes whose first groups are alike.
    #[cfg(test)]
    pub(super) fn alike(&self) -> usize {
        self.first.iter().map(|alike| alike.shapes.len()).max().unwrap_or_default()
    }
}

impl Alike {
    /// Who may begin with `first`: letters alone are a word unless they are capitals.
    fn beginning_with(&self, first: &[u8]) -> u128 {
        let is_word =
            first.iter().all(u8::is_ascii_alphabetic) && first.iter().any(u8::is_ascii_lowercase);
        if is_word { self.hexadecimal } else { u128::MAX }
    }

    /// Shapes past [`ALIKE_MAX`] have no bit; a test holds that there are none.
    fn add(&mut self, place: u16, shape: &Shape) {
        let bit = if self.shapes.len() < ALIKE_MAX { 1_u128 << self.shapes.len() } else { 0 };
        self.shapes.push(place);
        if shape.begins_hexadecimal() {
            self.hexadecimal |= bit;
        }
        for (at, group) in shape.groups.iter().enumerate() {
            if self.levels.len() <= at {
                self.levels.push(Level::default());
            }
            let Some(level) = self.levels.get_mut(at) else { continue };
            join(&mut level.groups, Group { separator: 0, ..*group }, bit);
            join(&mut level.separators, group.separator, bit);
            match shape.groups.get(at + 1) {
                Some(next) => join(&mut level.next, next.len, bit),
                None => level.ends |= bit,
            }
        }
    }
}

/// Puts `bit` into the set of `key`.
fn join<Key: PartialEq>(sets: &mut Vec<(Key, u128)>, key: Key, bit: u128) {
    match sets.iter_mut().find(|(known, _)| *known == key) {
        Some((_, set)) => *set |= bit,
        None => sets.push((key, bit)),
    }
}

impl Level {
    /// Who has a group of `len` digits here.
    fn have_digits(&self, len: usize) -> u128 {
        let fitting =
            self.groups.iter().filter(|(group, _)| group.len == len && group.letters == 0);
        fitting.fold(0, |all, (_, set)| all | set)
    }

    /// The signs that may stand after this group.
    fn signs(&self) -> Vec<u8> {
        let signs = self.separators.iter().flat_map(|(separator, _)| match *separator {
            0 => Vec::new(),
            ANY_SEPARATOR => b" -.".to_vec(),
            sign => vec![sign],
        });
        let mut signs: Vec<u8> = signs.collect();
        signs.sort_unstable();
        signs.dedup();
        signs
    }

    /// The length of the longest group that one of those `going_on` has next.
    fn longest_next(&self, going_on: u128) -> Option<usize> {
        let fitting = self.next.iter().filter(|(_, set)| set & going_on != 0);
        fitting.map(|(len, _)| *len).max()
    }

    /// Who has the group just read here.
    fn have(&self, read: &Read) -> u128 {
        let written = read.last_group();
        let digits = mask(written, |byte| byte.is_ascii_digit());
        let fitting = self.groups.iter().filter(|(expected, _)| {
            let whole = (1_u64 << expected.len) - 1;
            expected.len == written.len()
                && digits & expected.letters == 0
                && (!digits & whole) & expected.digits == 0
        });
        fitting.fold(0, |all, (_, set)| all | set)
    }

    /// Who has a separator after this group that `found` is.
    fn followed_by(&self, found: u8, uniform: Option<u8>) -> u128 {
        let fitting =
            self.separators.iter().filter(|(expected, _)| fits(*expected, found, uniform));
        fitting.fold(0, |all, (_, set)| all | set)
    }

    /// The sign after the group just read and the length of the group after that, if someone who is still `alive` goes
    /// on so.
    fn next_group(&self, alive: u128, text: &Text<'_>, read: &Read) -> Option<(u8, usize)> {
        let going_on = alive & !self.ends;
        if going_on == 0 {
            return None;
        }
        let sign = text.get(read.end)?;
        let longest = self.longest_next(going_on & self.followed_by(sign, read.uniform))?;
        Some((sign, read.group_after(longest, text)?))
    }
}

impl Default for Read {
    fn default() -> Self {
        let value = [0; VALUE_BYTES_MAX];
        Self { value, len: 0, group: 0, end: 0, uniform: None, is_figures: false }
    }
}

impl Read {
    /// The length of the group after the sign that follows, if it is no longer than `longest` and there is room for it.
    fn group_after(&self, longest: usize, text: &Text<'_>) -> Option<usize> {
        let len = text.run_within(self.end + 1, longest + 1, |byte| byte.is_ascii_alphanumeric());
        (len > 0 && len <= longest && self.len + len <= VALUE_BYTES_MAX).then_some(len)
    }

    fn take(&mut self, group: &[u8]) {
        self.group = self.len;
        for byte in group {
            if let Some(place) = self.value.get_mut(self.len) {
                *place = byte.to_ascii_uppercase();
                self.len += 1;
            }
        }
        self.end += group.len();
    }

    /// Takes the next `len` bytes after `sign`; after a space small letters are a word of their own: `2026 at`.
    fn take_next(&mut self, sign: u8, len: usize, text: &Text<'_>) -> bool {
        let at = self.end + 1;
        let group = text.slice(at, at + len);
        if sign == b' ' && group.iter().any(u8::is_ascii_lowercase) {
            return false;
        }
        self.end = at;
        self.take(group);
        true
    }

    fn last_group(&self) -> &[u8] {
        self.value.get(self.group..self.len).unwrap_or_default()
    }
}

/// What a first group is made of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Digits,
    Letters,
    Mixed,
}

impl Kind {
    fn of(group: &[u8]) -> Self {
        let digits = group.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits == group.len() {
            Self::Digits
        } else if digits == 0 {
            Self::Letters
        } else {
            Self::Mixed
        }
    }
}

const fn bucket(len: usize, kind: Kind) -> usize {
    (len.saturating_sub(1)) * 3 + kind as usize
}

/// What stands after a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// Something else.
    Else,
    /// Digits after a space.
    Digits,
    /// More of the same value, so that it is none.
    SameValue,
}

impl Follows {
    fn of(text: &Text<'_>, end: usize) -> Self {
        let Some(next) = text.get(end) else { return Self::Else };
        if next.is_ascii_alphanumeric() || matches!(next, b'_' | b'@') {
            return Self::SameValue;
        }
        if !matches!(next, b' ' | b'.' | b'-' | b'/' | b',' | b':') {
            return Self::Else;
        }
        match text.get(end + 1) {
            Some(after) if after.is_ascii_digit() && next == b' ' => Self::Digits,
            Some(after) if after.is_ascii_digit() => Self::SameValue,
            Some(after) if after.is_ascii_alphanumeric() && next == b'-' => Self::SameValue,
            _ => Self::Else,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of `text` has the form, and its value.
    #[track_caller]
    fn check(form: &'static str, text: &str, expect: Option<(&str, &str)>) {
        let forms = Forms::new([(0, form)].into_iter());
        let seen = Text::new(text.as_bytes(), 0, usize::MAX, true);
        let mut found = None;
        let first = seen.run(0, |byte| byte.is_ascii_alphanumeric());
        forms.candidates(&seen, first, |candidate| {
            found = Some((candidate.end, String::from_utf8_lossy(candidate.value).into_owned()));
        });
        let found = found.as_ref().map(|(end, value)| (&text[..*end], value.as_str()));
        assert_eq!(found, expect, "{form} in {text:?}");
    }

    #[test]
    fn a_form_says_what_may_stand_where() {
        check("ddd_ddd_dddd", "9434765919.", Some(("9434765919", "9434765919")));
        check("ddd_ddd_dddd", "943 476 5919 now", Some(("943 476 5919", "9434765919")));
        check("ddd_ddd_dddd", "943 476-5919", None);
        check("ddd_ddd_dddd", "943 4765919", None);
        check("ddd_ddd_dddd", "94347659190", None);
        check("ddd_ddd_dddd", "943 476 5919-2", None);
        check("dddddddd~a", "12345678-z,", Some(("12345678-z", "12345678Z")));
        check("dddddddd~a", "12345678Z", None);
        check("ddd.ddd.ddd-dd", "111.444.777-35", Some(("111.444.777-35", "11144477735")));
        check("adddddd(x)", "G123456(A)", Some(("G123456(A)", "G123456A")));
        check("hh:hh", "aB:1f", Some(("aB:1f", "AB1F")));
        check("756.dd", "757.12", None);
        check("dd/dd", "12/13/14", None);
    }

    #[test]
    fn no_more_is_read_than_a_form_asks_for() {
        let forms = Forms::new([(0, "ddd_ddd_dddd")].into_iter());
        let seen = Text::new(b"943 words follow", 0, usize::MAX, false);
        forms.candidates(&seen, 3, |_| ());
        assert!(seen.reads.get() <= 5, "{}", seen.reads.get());
    }
}
