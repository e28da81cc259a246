//! What is asked about every character of a text, answered once for the characters that most texts are made of.
//!
//! INVARIANT: an answer is that of the function it was made from.

use std::sync::LazyLock;

/// The first character whose answer is not kept: the alphabets lie before it, Chinese characters, Hangul and emoji after it.
const KEPT: u32 = 0x3100;

/// The answers to one question.
#[derive(Debug)]
pub(crate) struct Answers<T> {
    kept: Box<[T]>,
    later: fn(char) -> T,
}

impl<T: Copy> Answers<T> {
    /// Asks `of` about every character that is kept; `later` answers for the others.
    pub(crate) fn new(of: fn(char) -> T, later: fn(char) -> T) -> Self {
        Self { kept: (0..KEPT).filter_map(char::from_u32).map(of).collect(), later }
    }

    /// The answer for one character.
    #[inline]
    pub(crate) fn of(&self, character: char) -> T {
        match self.kept.get(character as usize) {
            Some(answer) => *answer,
            None => (self.later)(character),
        }
    }
}

/// What Unicode says of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(u8);

static KINDS: LazyLock<Answers<Kind>> = LazyLock::new(|| Answers::new(Kind::new, Kind::new));

impl Kind {
    const ALPHABETIC: u8 = 1;
    const NUMERIC: u8 = 1 << 1;
    const UPPERCASE: u8 = 1 << 2;
    const LOWERCASE: u8 = 1 << 3;
    const WHITESPACE: u8 = 1 << 4;

    fn new(character: char) -> Self {
        let bit = |is: bool, bit| if is { bit } else { 0 };
        Self(
            bit(character.is_alphabetic(), Self::ALPHABETIC)
                | bit(character.is_numeric(), Self::NUMERIC)
                | bit(character.is_uppercase(), Self::UPPERCASE)
                | bit(character.is_lowercase(), Self::LOWERCASE)
                | bit(character.is_whitespace(), Self::WHITESPACE),
        )
    }

    /// Of a character.
    #[inline]
    pub(crate) fn of(character: char) -> Self {
        KINDS.of(character)
    }

    pub(crate) const fn is_alphabetic(self) -> bool {
        self.0 & Self::ALPHABETIC != 0
    }

    pub(crate) const fn is_numeric(self) -> bool {
        self.0 & Self::NUMERIC != 0
    }

    pub(crate) const fn is_alphanumeric(self) -> bool {
        self.0 & (Self::ALPHABETIC | Self::NUMERIC) != 0
    }

    pub(crate) const fn is_uppercase(self) -> bool {
        self.0 & Self::UPPERCASE != 0
    }

    pub(crate) const fn is_lowercase(self) -> bool {
        self.0 & Self::LOWERCASE != 0
    }

    pub(crate) const fn is_whitespace(self) -> bool {
        self.0 & Self::WHITESPACE != 0
    }
}

static LOWER: LazyLock<Answers<Option<char>>> =
    LazyLock::new(|| Answers::new(one_lower, one_lower));

fn one_lower(character: char) -> Option<char> {
    let mut lower = character.to_lowercase();
    lower.next().filter(|_| lower.next().is_none())
}

/// A character in lower case, if that is one character.
#[inline]
pub(crate) fn lower(character: char) -> Option<char> {
    LOWER.of(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_the_answer_of_the_function() {
        let answers = Answers::new(char::is_alphabetic, char::is_alphabetic);
        assert!(('\0'..=char::MAX).all(|one| answers.of(one) == one.is_alphabetic()));
    }
}
