//! One way to write one identifier: groups of letters and digits, and what stands between them.
//!
//! INVARIANT: a group's sets have a bit for each of its places, and no form has a group of more than 63.
//!
//! Not here: where a text has one (`form`).

/// Stands for nothing and for any separator in a shape.
pub(super) const ANY_SEPARATOR: u8 = b'~';

/// One way to write one identifier: a form with its optional separators all there or all left out.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) row: u16,
    /// What each character must be, without separators.
    pub(super) classes: Vec<u8>,
    pub(super) groups: Vec<Group>,
    /// Whether a class is a digit itself, so that not all digits are right there.
    pub(super) has_figures: bool,
}

/// A run of letters and digits in a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) len: usize,
    /// Bit by bit, where a digit must stand and where a letter must.
    pub(super) digits: u64,
    pub(super) letters: u64,
    /// What stands after it, 0 for the end.
    pub(super) separator: u8,
}

impl Shape {
    pub(super) fn new(row: u16, form: &str, with_separators: bool) -> Self {
        let mut shape = Self { row, classes: Vec::new(), groups: Vec::new(), has_figures: false };
        let mut group = Group { len: 0, digits: 0, letters: 0, separator: 0 };
        for class in form.bytes() {
            let separator = match class {
                b'_' if with_separators => ANY_SEPARATOR,
                b'_' => continue,
                _ if class.is_ascii_alphanumeric() => 0,
                _ => class,
            };
            if separator != 0 {
                group.separator = separator;
                shape.groups.push(group);
                group = Group { len: 0, digits: 0, letters: 0, separator: 0 };
                continue;
            }
            match class {
                b'd' => group.digits |= 1 << group.len,
                b'0'..=b'9' => {
                    group.digits |= 1 << group.len;
                    shape.has_figures = true;
                }
                b'a' | b'A'..=b'Z' => group.letters |= 1 << group.len,
                _ => {}
            }
            group.len += 1;
            shape.classes.push(class);
        }
        if group.len > 0 {
            shape.groups.push(group);
        }
        shape
    }

    /// Whether its first group is hexadecimal, so that letters in it need not be capitals.
    pub(super) fn begins_hexadecimal(&self) -> bool {
        self.classes.first() == Some(&b'h')
    }
}

/// Whether the forms that have `sign` after their first group have no other separator later where any may stand.
pub(super) const fn is_uniform(sign: u8) -> bool {
    !matches!(sign, b'(' | b')' | b':' | b'/')
}

/// Whether `found` is the separator that is `expected`, `uniform` being the one used before.
pub(super) fn fits(expected: u8, found: u8, uniform: Option<u8>) -> bool {
    match expected {
        ANY_SEPARATOR => {
            matches!(found, b' ' | b'-' | b'.') && uniform.is_none_or(|uniform| uniform == found)
        }
        _ => expected == found,
    }
}

pub(super) const fn has_class(class: u8, byte: u8) -> bool {
    match class {
        b'd' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_uppercase(),
        b'x' => byte.is_ascii_alphanumeric(),
        b'h' => byte.is_ascii_hexdigit(),
        _ => class == byte,
    }
}

pub(super) fn mask(group: &[u8], class: impl Fn(u8) -> bool) -> u64 {
    let bit = |(place, byte): (usize, &u8)| if class(*byte) { 1 << place } else { 0 };
    group.iter().take(63).enumerate().map(bit).fold(0, |mask, bit| mask | bit)
}
