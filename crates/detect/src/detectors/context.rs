//! Words before a value that say what it is.
//!
//! INVARIANT: only text before the value counts, as far as [`crate::text::CONTEXT_BYTES_MAX`], so that
//! the answer is the same in a stream.

use crate::text::{Text, is_word};

/// Words in lower case, and which of them begin with a byte, one bit each: rows of numbers ask for context at every group, and
/// little of it begins a word. Of more than 64 words some share a bit.
#[derive(Debug)]
pub(crate) struct Words<'a, W> {
    words: &'a [W],
    firsts: [u64; 256],
}

/// Those of a detector.
pub(crate) type KnownWords = Words<'static, &'static str>;

impl KnownWords {
    pub(crate) const fn new(words: &'static [&'static str]) -> Self {
        let (mut firsts, mut at) = ([0; 256], 0);
        while at < words.len() {
            firsts[words[at].as_bytes()[0] as usize] |= 1 << (at % 64);
            at += 1;
        }
        Self { words, firsts }
    }
}

impl<'a, W: AsRef<str>> Words<'a, W> {
    pub(crate) fn of(words: &'a [W]) -> Self {
        let mut firsts = [0; 256];
        for (at, word) in words.iter().enumerate() {
            if let Some(first) = word.as_ref().bytes().next() {
                firsts[usize::from(first)] |= 1 << (at % 64);
            }
        }
        Self { words, firsts }
    }

    /// Whether one of those with these bits stands at the beginning of `text`.
    fn begin(&self, mut bits: u64, text: &[u8]) -> bool {
        while bits != 0 {
            let place = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let mut sharing = self.words.iter().skip(place).step_by(64);
            if sharing.any(|word| begins_with_ignoring_case(text, word.as_ref().as_bytes())) {
                return true;
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
    let context = text.context();
    let context = context.get(context.len().saturating_sub(within)..).unwrap_or_default();
    let mut before = b' ';
    context.iter().enumerate().any(|(at, byte)| {
        let bits = words.firsts[usize::from(byte.to_ascii_lowercase())];
        let begins = bits != 0 && !is_word(before);
        before = *byte;
        begins && words.begin(bits, context.get(at..).unwrap_or_default())
    })
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
