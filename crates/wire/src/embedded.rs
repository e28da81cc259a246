//! JSON inside a JSON string: the arguments of a tool call, whole or as they stream in.
//!
//! Models write it, so it may be broken; nothing here minds. Two things need care. Text inside may be
//! escaped once more (`caf\u00e9`, `\n`), so a guard that reads it as it stands can be misled:
//! [`Unescaped`] gives the text as a tool will see it, with the way back. And a value that is put in has
//! to be escaped, and quoted where no string is open: [`EmbeddedJson`] keeps track of that.
//!
//! INVARIANT: whatever the text, positions found here lie on character boundaries and never inside an
//! escape.

use std::borrow::Cow;

use crate::json_text::{decoded, escaped};

/// Where in a JSON document a reader stands: inside a string or not. Feed it the text in order, in any
/// pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedJson {
    in_string: bool,
    after_backslash: bool,
}

impl EmbeddedJson {
    /// Reads on over `text`.
    pub fn advance(&mut self, text: &str) {
        for byte in text.bytes() {
            self.after_backslash = match byte {
                _ if self.after_backslash => false,
                b'\\' => self.in_string,
                b'"' => {
                    self.in_string = !self.in_string;
                    false
                }
                _ => false,
            };
        }
    }

    /// Whether a string is open here.
    pub const fn in_string(&self) -> bool {
        self.in_string
    }

    /// `value` as it has to be written here: escaped, and in quotes if no string is open.
    pub fn embed(&self, value: &str) -> String {
        let value = escaped(value);
        if self.in_string { value } else { format!("\"{value}\"") }
    }
}

/// Text of a JSON document with the escapes in it resolved, for guards to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unescaped<'a> {
    /// The text as the reader of the document will see it.
    pub text: Cow<'a, str>,
    /// How much of the original it stands for, in bytes: all but an escape that is cut off at the end.
    pub consumed: usize,
    /// Just after each escape: the offset in `text`, and the one in the original.
    marks: Vec<(usize, usize)>,
}

impl<'a> Unescaped<'a> {
    /// Resolves the escapes of `original`, which starts outside of one.
    pub fn of(original: &'a str) -> Self {
        let Some(first) = original.find('\\') else {
            let text = Cow::Borrowed(original);
            return Self { text, consumed: original.len(), marks: Vec::new() };
        };
        let mut text = String::with_capacity(original.len());
        let mut marks = Vec::new();
        let (mut at, mut plain) = (0, first);
        while let Some((before, rest)) = original.get(at..).and_then(|r| r.split_at_checked(plain))
        {
            text.push_str(before);
            at += before.len();
            let Some(escape) = escape_at(rest) else { break };
            text.push_str(&decoded(escape));
            at += escape.len();
            marks.push((text.len(), at));
            let after = original.get(at..).unwrap_or_default();
            plain = after.find('\\').unwrap_or(after.len());
        }
        Self { text: Cow::Owned(text), consumed: at, marks }
    }

    /// Just after each escape: the offset in `text`, and the one in the original.
    pub fn escapes(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.marks.iter().copied()
    }

    /// The offset in the original of an offset in [`Unescaped::text`] that lies on a character boundary.
    pub fn original_offset(&self, offset: usize) -> usize {
        let passed = self.marks.partition_point(|(own, _)| *own <= offset);
        match passed.checked_sub(1).and_then(|index| self.marks.get(index)) {
            Some((own, original)) => original + (offset - own),
            None => offset,
        }
    }
}

/// The escape at the start of `rest`; `None` at its end and where the escape is cut off.
fn escape_at(rest: &str) -> Option<&str> {
    let bytes = rest.as_bytes();
    if *bytes.get(1)? != b'u' {
        let second = rest.get(1..)?.chars().next()?;
        return rest.get(..1 + second.len_utf8());
    }
    let unit = |from: usize| {
        let digits = rest.get(from..from + 4)?;
        u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
    };
    match unit(2) {
        Some(0xd800..=0xdbff) => {
            let after = bytes.get(6..).unwrap_or_default();
            let follows = after.get(..2).unwrap_or(after);
            match unit(8) {
                Some(0xdc00..=0xdfff) if follows == br"\u" => rest.get(..12),
                // It may be the first half of a pair that is still coming.
                _ if br"\u".starts_with(follows) && bytes.len() < 12 => None,
                _ => rest.get(..6),
            }
        }
        Some(_) => rest.get(..6),
        None if bytes.len() < 6 && rest.is_ascii() => None,
        None => rest.get(..2),
    }
}

/// Walks a JSON document from edit to edit, so that many edits cost one pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EscapeWalk<'a> {
    text: &'a str,
    /// Never inside an escape.
    at: usize,
    state: EmbeddedJson,
}

impl<'a> EscapeWalk<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, state: EmbeddedJson::default() }
    }

    /// The span widened so that neither end lies inside an escape, and the state at its start. Spans
    /// come in order of their starts.
    pub(crate) fn widen(&mut self, start: usize, end: usize) -> (usize, usize, EmbeddedJson) {
        let mut from = start.max(self.at);
        let mut escape = self.next_escape(self.at);
        while let Some((escape_start, escape_end)) = escape.filter(|escape| escape.0 < start) {
            if start < escape_end {
                from = escape_start;
                break;
            }
            escape = self.next_escape(escape_end);
        }
        self.state.advance(self.text.get(self.at..from).unwrap_or_default());
        self.at = from;
        let mut to = end.max(from);
        while let Some((_, escape_end)) = escape.filter(|escape| escape.0 < end) {
            to = to.max(escape_end);
            escape = self.next_escape(escape_end);
        }
        (from, to, self.state)
    }

    fn next_escape(&self, from: usize) -> Option<(usize, usize)> {
        let rest = self.text.get(from..)?;
        let start = rest.find('\\')?;
        let escape = rest.get(start..)?;
        let length = escape_at(escape).map_or(escape.len(), str::len);
        Some((from + start, from + start + length))
    }
}

#[cfg(test)]
mod tests {
    use super::{EmbeddedJson, EscapeWalk, Unescaped};

    fn state(text: &str) -> EmbeddedJson {
        let mut state = EmbeddedJson::default();
        state.advance(text);
        state
    }

    #[test]
    fn values_are_quoted_only_where_no_string_is_open() {
        assert_eq!(state(r#"{"a":"x "#).embed("say \"hi\"\n"), r#"say \"hi\"\n"#);
        assert_eq!(state(r#"{"a":"#).embed("x"), r#""x""#);
        assert!(state(r#"{"a":"\\\""#).in_string() && !state(r#"{"a":"\\""#).in_string());
    }

    #[test]
    fn the_state_does_not_depend_on_the_pieces() {
        let text = r#"{"a":"b\"c\\","d":"e"#;
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            let mut pieces = state(first);
            pieces.advance(second);
            assert_eq!(pieces, state(text), "{cut}");
        }
    }

    #[test]
    fn text_is_read_as_the_tool_will_see_it() {
        let original = r#"{"a":"caf\u00e9\nx@y.example \ud83d\ude00"}"#;
        let view = Unescaped::of(original);
        assert_eq!(view.text, "{\"a\":\"café\nx@y.example 😀\"}");
        let start = view.text.find("x@y").unwrap_or_default();
        assert_eq!(original.get(view.original_offset(start)..).map(|t| &t[..3]), Some("x@y"));
        let accent = view.text.find('é').unwrap_or_default();
        assert_eq!(&original[view.original_offset(accent)..][..6], r"\u00e9");
        assert_eq!(view.original_offset(view.text.len()), original.len());
        assert_eq!(view.consumed, original.len());
    }

    #[test]
    fn a_cut_escape_is_left_for_later() {
        for (text, consumed) in [
            ("ab\\", 2),
            (r"ab\u", 2),
            (r"ab\u00", 2),
            (r"ab\u00e9", 8),
            (r"ab\ud83d", 2),
            (r"ab\ud83d\", 2),
            (r"ab\ud83d\ude0", 2),
            (r"ab\ud83d\ude00", 14),
            (r"ab\ud83dx", 9),
            (r"ab\ud83d\n", 10),
        ] {
            assert_eq!(Unescaped::of(text).consumed, consumed, "{text}");
        }
    }

    #[test]
    fn garbage_is_read_without_panic() {
        for text in ["\\ä", "\\uä000", "\\u+123", "\\u12ä4", "\\ud800\\uä", "\\"] {
            let view = Unescaped::of(text);
            assert!(view.consumed <= text.len(), "{text}");
            for end in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let (from, to, _) = EscapeWalk::new(text).widen(0, end);
                assert!(text.get(from..to).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn spans_take_in_the_escapes_they_touch() {
        let text = r"a\nfoo\u00e9";
        let widened = |start, end| {
            let (from, to, _) = EscapeWalk::new(text).widen(start, end);
            (from, to)
        };
        assert_eq!(widened(2, 6), (1, 6));
        assert_eq!(widened(3, 8), (3, 12));
        assert_eq!(widened(3, 6), (3, 6));
        assert_eq!(widened(3, 12), (3, 12));
    }

    #[test]
    fn a_walk_from_span_to_span_is_like_many_walks() {
        let text = r#"{"a\"b":"x\n\u00e9\ud83d\ude00y","c":7}"#;
        let mut walk = EscapeWalk::new(text);
        for start in 0..text.len() {
            let own = EscapeWalk::new(text).widen(start, start + 1);
            assert_eq!(walk.widen(start, start + 1), own, "{start}");
            assert_eq!(own.2, state(&text[..own.0]), "{start}");
        }
    }
}
