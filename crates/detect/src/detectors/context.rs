//! Words before a value that say what it is.
//!
//! INVARIANT: only text before the value counts, as far as [`crate::text::CONTEXT_BYTES_MAX`], so that
//! the answer is the same in a stream.

use crate::text::{Text, is_word};

/// Words in lower case, and which of them begin with a byte, one bit each: rows of numbers ask for context at every group, and
/// little of it begins a word. Of more than 64 words some share a bit.
#[derive(Debug)]
pub(crate) struct Words<'a, W> {
    all: &'a [W],
    firsts: [u64; 256],
    /// Whether all begin with a letter or no ASCII.
    are_letters: bool,
}

/// Those of a detector.
pub(crate) type KnownWords = Words<'static, &'static str>;

impl KnownWords {
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        let (mut firsts, mut at, mut are_letters) = ([0; 256], 0, true);
        while at < words.len() {
            let first = words[at].as_bytes()[0];
            firsts[first as usize] |= 1 << (at % 64);
            are_letters &= is_letter(first);
            at += 1;
        }
        Self { all: words, firsts, are_letters }
    }
}

impl<'a, W: AsRef<str>> Words<'a, W> {
    pub(crate) fn of(words: &'a [W]) -> Self {
        let (mut firsts, mut are_letters) = ([0; 256], true);
        for (at, word) in words.iter().enumerate() {
            if let Some(first) = word.as_ref().bytes().next() {
                firsts[usize::from(first)] |= 1 << (at % 64);
                are_letters &= is_letter(first);
            }
        }
        Self { all: words, firsts, are_letters }
    }

    /// Whether one of those with these bits stands at the beginning of `text`.
    fn begin(&self, mut bits: u64, text: &[u8]) -> bool {
        let second = text.get(1).map(u8::to_ascii_lowercase);
        while bits != 0 {
            let mut place = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            while let Some(word) = self.all.get(place) {
                let word = word.as_ref().as_bytes();
                let may_be = word.get(1).is_none_or(|letter| Some(*letter) == second);
                if may_be && begins_with_ignoring_case(text, word) {
                    return true;
                }
                place += 64;
            }
        }
        false
    }
}

/// Whether one of `words` stands in the last `within` bytes before the value, as a
/// word of its own on the left. Right of it anything may follow: `phones`, `cards`.
pub(crate) fn mentions<W: AsRef<str>>(
    text: &Text<'_>,
    words: &Words<'_, W>,
    within: usize,
) -> bool {
    let from = text.context().len().saturating_sub(within);
    let context = text.context().get(from..).unwrap_or_default();
    let begins = |at: usize| {
        let rest = context.get(at..).unwrap_or_default();
        let bits =
            rest.first().map_or(0, |byte| words.firsts[usize::from(byte.to_ascii_lowercase())]);
        bits != 0 && words.begin(bits, rest)
    };
    // What stands before the part that counts does not count either.
    if begins(0) {
        return true;
    }
    if words.are_letters {
        return text.words_from(from + 1).any(|at| begins(at - from));
    }
    let pairs = context.windows(2).enumerate();
    pairs
        .filter(|(_, pair)| !pair.first().copied().is_some_and(is_word))
        .any(|(at, _)| begins(at + 1))
}

/// Whether a word may begin with this byte as far as it is one that [`Text::words_from`] finds.
const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn begins_with_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{Words, mentions};
    use crate::text::Text;

    fn before_value(context: &str, words: &[&str]) -> bool {
        let words = Words::of(words);
        mentions(&Text::new(context.as_bytes(), context.len(), usize::MAX, true), &words, 40)
    }

    #[test]
    fn a_word_counts_where_it_begins() {
        assert!(before_value("My Phone: ", &["phone"]));
        assert!(before_value("电话 ", &["电话"]));
        let many: Vec<String> = (0..70).map(|at| format!("w{at}.")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(before_value("a w69. ", &many) && !before_value("a w70. ", &many));
        assert!(!before_value("microphone ", &["phone"]));
        assert!(!before_value(
            "phone is what I would rather not use these days, at all, ",
            &["phone"]
        ));
    }
}
