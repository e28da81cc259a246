//! Where words begin and end in any script, and sets of bytes.
//!
//! INVARIANT: what is read of the text ahead is read through [`Text`], so that the answer is the same in a
//! stream.

use crate::text::Text;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bytes([u64; 4]);

impl Bytes {
    pub(crate) fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(crate) fn add_all(&mut self, other: Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word & (1 << (byte & 63)) != 0)
    }
}

/// Whether a word may begin at the start of `text`.
pub(super) fn begins_word(text: &Text<'_>) -> bool {
    // The letters of an escape are no part of the word that follows it, nor a word.
    if text.rest_of_escape().is_some() {
        return false;
    }
    text.follows_escape() || !is_inside_word(character_before(text, 0), character_at(text, 0))
}

/// Whether a word may end `at` bytes after the start of `text`, which is past the start.
pub(super) fn ends_word(text: &Text<'_>, at: usize) -> bool {
    let last = character_before(text, at);
    // Nothing more is read where the answer is known: a stream need not wait for it.
    !last.is_some_and(is_letter) || !is_inside_word(last, character_at(text, at))
}

fn is_inside_word(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_letter) && after.is_some_and(is_letter)
}

/// Letters and digits of scripts that put spaces between words.
fn is_letter(character: char) -> bool {
    let unspaced = matches!(
        u32::from(character),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x20000..=0x3ffff
    );
    character.is_alphanumeric() && !unspaced
}

/// The character that begins `at` bytes after the start.
fn character_at(text: &Text<'_>, at: usize) -> Option<char> {
    let first = text.get(at)?;
    let len = match first {
        0..0x80 => return Some(char::from(first)),
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    text.get(at + len - 1)?;
    std::str::from_utf8(text.slice(at, at + len)).ok()?.chars().next()
}

/// The character that ends `at` bytes after the start, which has been read, or before the start.
fn character_before(text: &Text<'_>, at: usize) -> Option<char> {
    let before = if at == 0 { text.context() } else { text.slice(0, at) };
    let last = before.get(before.len().saturating_sub(4)..)?;
    let start = last.iter().rposition(|byte| byte & 0xc0 != 0x80)?;
    std::str::from_utf8(last.get(start..)?).ok()?.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_and_end_in_any_script() {
        for (text, at, begins) in [
            ("a falcon", 2, true),
            ("afalcon", 1, false),
            ("1falcon", 1, false),
            ("_falcon", 1, true),
            ("éa", 2, false),
            ("привет", 2, false),
            ("北京", 3, true),
            ("北京a", 6, true),
            ("\\nfalcon", 2, true),
            ("\\nfalcon", 1, false),
            ("\\u003cfalcon", 6, true),
            ("%3Cfalcon", 3, true),
            ("%3Cfalcon", 1, false),
            ("-a", 1, true),
        ] {
            let text = Text::new(text.as_bytes(), at, usize::MAX, true);
            assert_eq!(begins_word(&text), begins, "{at}");
        }
        for (text, at, ends) in [
            ("falcon", 6, true),
            ("falcons", 6, false),
            ("falcon é", 6, true),
            ("мир.", 6, true),
            ("миры", 6, false),
        ] {
            let text = Text::new(text.as_bytes(), 0, usize::MAX, true);
            assert_eq!(ends_word(&text, at), ends, "{at}");
        }
    }

    #[test]
    fn sets_of_bytes_hold_what_was_added() {
        let mut set = Bytes::default();
        set.add(0);
        set.add(200);
        assert!(set.has(0) && set.has(200) && !set.has(199));
    }
}
