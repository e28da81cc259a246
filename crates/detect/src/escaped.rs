//! Escapes as they stand in text that nobody has decoded: `\u003c`, `\x3c`, `\n`, `%3C`, `&#60;`.
//!
//! JSON, scripts, addresses and markup write signs like this, and many encoders do it unasked: so a value may begin right
//! after an escape, as it may after the sign that stands there, and none begins inside one. What is put in the
//! place of a value then leaves whole escapes on either side, and the text can still be parsed.
//!
//! INVARIANT: what is said rests on [`ESCAPE_BYTES_MAX`] bytes on either side. Of the bytes ahead, as few are asked for as can be: a
//! stream waits for them.
//!
//! Not here: what escapes hide (`decode`).

/// The longest escape that is known here: `&#x10ffff;`.
pub(crate) const ESCAPE_BYTES_MAX: usize = 10;

/// What stands before a value whose escape is a letter, a digit, or a sign that values have: the value begins with it all the same.
const BOUNDARY: u8 = b'\\';

/// The escape at the end of `before`: how long it is, and the sign it is taken for.
pub(crate) fn at_end(before: &[u8]) -> Option<(usize, u8)> {
    let from_end = |back: usize| before.len().checked_sub(back).and_then(|at| before.get(at));
    let last = *from_end(1)?;
    if !last.is_ascii_alphanumeric() {
        return None;
    }
    let code = |digits: usize| hex(before.get(before.len() - digits..).unwrap_or_default());
    match (last, from_end(2)?) {
        (b'n' | b'r' | b't', b'\\') => return Some((2, b'\n')),
        _ if !last.is_ascii_hexdigit() => return None,
        _ => {}
    }
    if from_end(3) == Some(&b'%') {
        let previous = before.len().checked_sub(6);
        let is_beside = || previous.is_some_and(|place| is_percent(before, place));
        let code = code(2).filter(|code| *code < 0x80 || is_beside())?;
        return Some((3, sign(code)));
    }
    if let (Some(b'\\'), Some(b'x')) = (from_end(4), from_end(3)) {
        return Some((4, sign(code(2)?)));
    }
    match (from_end(6), from_end(5)) {
        (Some(b'\\'), Some(b'u')) => Some((6, sign(code(4)?))),
        _ => None,
    }
}

/// How much is left of the escape that has begun in `before` and goes on; `get` gives the bytes from there on.
pub(crate) fn rest(before: &[u8], get: impl Fn(usize) -> Option<u8>) -> Option<usize> {
    let near = before.len().saturating_sub(ESCAPE_BYTES_MAX);
    let window = before.get(near..).unwrap_or_default();
    let begins = near + window.iter().rposition(|byte| matches!(byte, b'\\' | b'%' | b'&'))?;
    let passed = before.len() - begins;
    let at = |place: usize| match place.checked_sub(passed) {
        None => before.get(begins + place).copied(),
        Some(ahead) => get(ahead),
    };
    let is_hex = |mut places: std::ops::Range<usize>| {
        places.all(|place| at(place).is_some_and(|byte| byte.is_ascii_hexdigit()))
    };
    let is_digit = |place: usize| at(place).is_some_and(|byte| byte.is_ascii_alphanumeric());
    let length = match (before.get(begins)?, at(1)?) {
        (b'\\', b'n' | b'r' | b't') => 2,
        (b'\\', b'x') if passed < 4 && is_hex(2..4) => 4,
        (b'\\', b'u') if passed < 6 && is_hex(2..6) => 6,
        (b'%', b'0'..=b'7') if passed < 3 && is_hex(1..3) => 3,
        // A byte of a character that has several: another stands beside it.
        (b'%', _) if passed < 3 && is_hex(1..3) => {
            let is_beside = begins.checked_sub(3).is_some_and(|place| is_percent(before, place));
            (is_beside || at(3) == Some(b'%') && is_hex(4..6)).then_some(3)?
        }
        (b'&', b'#') => {
            let end = (2..ESCAPE_BYTES_MAX).find(|place| !is_digit(*place))?;
            (end > 2 && at(end) == Some(b';')).then_some(end + 1)?
        }
        _ => return None,
    };
    length.checked_sub(passed).filter(|left| *left > 0)
}

/// Whether `%` and two digits stand at `place`.
fn is_percent(text: &[u8], place: usize) -> bool {
    matches!(text.get(place..place + 3), Some([b'%', digits @ ..]) if hex(digits).is_some())
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// What stands before a value in the place of the escape: a sign that no value has, as it is.
const fn sign(code: u32) -> u8 {
    match char::from_u32(code) {
        Some('\n' | '\r' | '\t') => b'\n',
        Some(
            sign @ (' ' | '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | '=' | ','
            | ';' | '&' | '|'),
        ) => sign as u8,
        _ => BOUNDARY,
    }
}

#[cfg(test)]
mod tests {
    use super::{at_end, rest};

    #[test]
    fn escapes_end_where_a_value_may_begin() {
        for (before, expect) in [
            (r"Jane Doe \u003c", Some((6, b'<'))),
            (r"\u003C", Some((6, b'<'))),
            (r"\x3c", Some((4, b'<'))),
            ("to%3C", Some((3, b'<'))),
            ("a%20", Some((3, b' '))),
            (r"say\n", Some((2, b'\n'))),
            (r"a\u002d", Some((6, b'\\'))),
            (r"caf\u00e9", Some((6, b'\\'))),
            ("%C3%A9", Some((3, b'\\'))),
            ("100%ad", None),
            ("x003c", None),
            ("u003c", None),
            (r"\u003", None),
            ("3c", None),
            ("c", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(at_end(before.as_bytes()), expect, "{before}");
        }
    }

    #[test]
    fn what_is_left_of_an_escape_is_known_wherever_one_stands_in_it() {
        for escape in [r"\u003c", r"\x3c", "%3c", r"\n", "&#60;", "&#x3c;", "%C3%A9"] {
            let text = format!("ab {escape}cd");
            for begun in 1..escape.len() {
                let (before, after) = text.split_at(3 + begun);
                let left = rest(before.as_bytes(), |ahead| after.as_bytes().get(ahead).copied());
                let expect = match escape {
                    "%C3%A9" => (3 - begun % 3) % 3,
                    _ => escape.len() - begun,
                };
                assert_eq!(left, Some(expect).filter(|left| *left > 0), "{before}|{after}");
            }
            let (before, after) = text.split_at(3 + escape.len());
            let left = rest(before.as_bytes(), |ahead| after.as_bytes().get(ahead).copied());
            assert_eq!(left, None, "{before}|{after}");
        }
        for (before, after) in
            [("\\", "u00zz"), ("%", "adam@"), ("&#", ";"), ("\\", "users"), ("&", "lt;")]
        {
            let left = rest(before.as_bytes(), |ahead| after.as_bytes().get(ahead).copied());
            assert_eq!(left, None, "{before}|{after}");
        }
    }
}
