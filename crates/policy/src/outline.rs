//! How deep and long the rules of a text are, before Cedar reads it.
//!
//! Cedar's parser recurses, and a text that nests deep enough overflows its stack, which ends the
//! process. So the depth is looked at first.
//!
//! INVARIANT: one pass without recursion. Strings and comments are told apart as Cedar does, and
//! everything else counts, so that the outline is never shallower than what Cedar reads.

/// The outline of a text of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The most brackets inside each other.
    pub(crate) nesting: usize,
    /// The longest rule in bytes, without blanks and comments.
    pub(crate) rule_bytes: usize,
}

impl Outline {
    pub(crate) fn of(text: &str) -> Self {
        let mut outline = Self::default();
        let mut nesting = 0usize;
        let mut rule_bytes = 0usize;
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'/' if bytes.peek() == Some(&b'/') => {
                    while bytes.next_if(|byte| !matches!(byte, b'\n' | b'\r')).is_some() {}
                    continue;
                }
                _ if byte.is_ascii_whitespace() => continue,
                b'"' => rule_bytes += string_bytes(&mut bytes),
                b'(' | b'[' | b'{' => nesting += 1,
                b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
                _ => {}
            }
            rule_bytes = if byte == b';' { 0 } else { rule_bytes + 1 };
            outline.nesting = outline.nesting.max(nesting);
            outline.rule_bytes = outline.rule_bytes.max(rule_bytes);
        }
        outline
    }
}

/// Reads to the end of a string; the bytes read.
fn string_bytes(bytes: &mut impl Iterator<Item = u8>) -> usize {
    let mut count = 0;
    let mut escaped = false;
    for byte in bytes {
        count += 1;
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => break,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::Outline;

    fn check(text: &str, nesting: usize, rule_bytes: usize) {
        assert_eq!(Outline::of(text), Outline { nesting, rule_bytes }, "{text}");
    }

    #[test]
    fn strings_comments_and_blanks_do_not_count_as_structure() {
        check("", 0, 0);
        check("a;bcd;e;", 0, 3);
        check("([{x}])()", 3, 9);
        check("// (((( \"\n(a)", 1, 3);
        check(r#""((( \" // ;" ("#, 1, 14);
        check(")))(", 1, 4);
        check("a / / (", 1, 4);
    }
}
