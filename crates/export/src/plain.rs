//! Text for the line formats, CEF and LEEF: what may stand in a line, and how a line is filled up to its limit.
//!
//! INVARIANT: a line ends where it ends: no character in it breaks a line for any reader, be it one that follows Unicode
//! (NEL, U+2028) or one of the terminal's (VT, FF). Tabs and line breaks that a format can write are kept by writing
//! them; other controls become U+FFFD. INVARIANT: a line is at most [`LINE_BYTES_MAX`] long and holds whole fields.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::fact::{Value, bounded};

/// The longest line, in bytes: what common syslog receivers take in their usual configuration.
pub const LINE_BYTES_MAX: usize = 8_192;
/// The longest value in a line, in bytes before it is escaped: what CEF allows of most texts.
pub const VALUE_BYTES_MAX: usize = 1_023;

/// What stands for a control character that no line can hold.
const REPLACEMENT: &str = "\u{fffd}";

/// A text without the controls that no format can write, and without space at its ends.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let text = bounded(text.trim(), VALUE_BYTES_MAX).trim_end();
    if !text.contains(is_unwritable) {
        return Cow::Borrowed(text);
    }
    // A replacement is longer than a control of one byte.
    let replaced = text.replace(is_unwritable, REPLACEMENT);
    Cow::Owned(bounded(&replaced, VALUE_BYTES_MAX).trim_end().to_owned())
}

fn is_unwritable(letter: char) -> bool {
    let is_written = matches!(letter, '\t' | '\n' | '\r');
    (letter.is_control() && !is_written) || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// A value as text; nothing if it says nothing.
pub(crate) fn text(value: &Value<'_>) -> Option<String> {
    let text = match value {
        Value::Is(is) => is.to_string(),
        Value::Moment(number) | Value::Whole(number) => crate::fact::signed(*number).to_string(),
        Value::Microseconds(us) => (us / 1_000).to_string(),
        Value::Text(text) => plain(text).into_owned(),
        Value::Texts(texts) => {
            plain(&joined(texts.iter().map(|text| text.replace(',', ";")))).into_owned()
        }
        Value::Wholes(numbers) => plain(&joined(numbers.iter().map(u64::to_string))).into_owned(),
    };
    (!text.is_empty()).then_some(text)
}

/// Texts with commas between, as many whole ones as have room.
fn joined(texts: impl Iterator<Item = String>) -> String {
    let mut all = String::new();
    for text in texts {
        let text = plain(&text).into_owned();
        let comma = usize::from(!all.is_empty());
        if all.len() + comma + text.len() > VALUE_BYTES_MAX {
            break;
        }
        let _never_fails = write!(all, "{}{text}", if comma == 1 { "," } else { "" });
    }
    all
}

/// Appends a piece if the line has room for it.
pub(crate) fn push_within(line: &mut String, piece: &str) -> bool {
    let has_room = line.len() + piece.len() <= LINE_BYTES_MAX;
    if has_room {
        line.push_str(piece);
    }
    has_room
}

/// Writes a text with some of its characters replaced.
pub(crate) fn escaped(text: &str, escape: impl Fn(char) -> Option<&'static str>) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        match escape(letter) {
            Some(escape) => written.push_str(escape),
            None => written.push(letter),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{REPLACEMENT, VALUE_BYTES_MAX, joined, plain};

    #[test]
    fn what_would_break_a_line_is_replaced() {
        assert_eq!(
            plain(" a\u{85}b\u{2028}c\u{b}d\0e\u{1b}[m "),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}[m"
        );
        assert_eq!(plain("a\tb\nc\rd"), "a\tb\nc\rd");
    }

    #[test]
    fn a_value_of_controls_does_not_grow_beyond_its_limit() {
        let replaced = plain(&"\0".repeat(2 * VALUE_BYTES_MAX)).into_owned();
        assert!(replaced.len() <= VALUE_BYTES_MAX && replaced.replace(REPLACEMENT, "").is_empty());
    }

    #[test]
    fn a_list_holds_whole_texts_only() {
        let long = "x".repeat(VALUE_BYTES_MAX - 2);
        assert_eq!(
            joined(["a".to_owned(), long.clone(), "b".to_owned()].into_iter()),
            format!("a,{long}")
        );
        assert_eq!(joined(["ab".to_owned(), long].into_iter()), "ab");
    }
}
