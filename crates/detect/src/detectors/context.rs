//! Words before a value that say what it is.
//!
//! INVARIANT: only text before the value counts, as far as [`crate::text::CONTEXT_BYTES_MAX`], so that
//! the answer is the same in a stream.

use crate::text::{Text, is_word};

/// Whether one of `words` (lower case) stands in the last `within` bytes before the value, as a
/// word of its own on the left. Right of it anything may follow: `phones`, `cards`.
pub(crate) fn mentions<W: AsRef<str>>(text: &Text<'_>, words: &[W], within: usize) -> bool {
    let context = text.context();
    let context = context.get(context.len().saturating_sub(within)..).unwrap_or_default();
    let firsts = first_bytes(words);
    let mut before = b' ';
    context.iter().enumerate().any(|(at, byte)| {
        let begins =
            !is_word(before) && firsts.get(usize::from(byte.to_ascii_lowercase())) == Some(&true);
        before = *byte;
        let rest = context.get(at..).unwrap_or_default();
        begins && words.iter().any(|word| begins_with_ignoring_case(rest, word.as_ref().as_bytes()))
    })
}

/// Which bytes words begin with, in lower case. Rows of numbers ask for context at every group, and little of
/// it begins a word.
fn first_bytes<W: AsRef<str>>(words: &[W]) -> [bool; 256] {
    let mut firsts = [false; 256];
    for first in words.iter().filter_map(|word| word.as_ref().bytes().next()) {
        if let Some(is_first) = firsts.get_mut(usize::from(first)) {
            *is_first = true;
        }
    }
    firsts
}

fn begins_with_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::mentions;
    use crate::text::Text;

    fn before_value(context: &str, words: &[&str]) -> bool {
        mentions(&Text::new(context.as_bytes(), context.len(), usize::MAX, true), words, 40)
    }

    #[test]
    fn a_word_counts_where_it_begins() {
        assert!(before_value("My Phone: ", &["phone"]));
        assert!(before_value("电话 ", &["电话"]));
        assert!(!before_value("microphone ", &["phone"]));
        assert!(!before_value(
            "phone is what I would rather not use these days, at all, ",
            &["phone"]
        ));
    }
}
