//! Characters that are not seen: text hidden between, behind or inside what a person reads.
//!
//! **Finds** (`obfuscation.invisible`): zero-width characters between letters, Unicode tags,
//! runs of variation selectors ("emoji smuggling"), bidirectional overrides, fillers and other
//! characters without a shape. They are also left out of the text that every other detector reads,
//! so that `ad\u{200b}a@example.com` is still an e-mail address.
//!
//! **Does not find** what belongs there: joiners in emoji and in Arabic and Indic scripts,
//! zero-width spaces in Thai, Lao, Khmer and Burmese, direction marks beside right-to-left text,
//! one variation selector after an emoji or a Chinese character, a byte order mark at the start,
//! single soft hyphens. What tags, selectors and zero-width bits spell is read as a view of the text (`tags>`,
//! `selectors>`, `zero_width>`) by every other detector, not told by this one.
//!
//! **Example**: `i\u{200b}gnore` is found at the second character.

use crate::{DetectorCard, Reach};

/// After so many characters in a row there is no innocent explanation, and the run is reported in
/// pieces as it comes.
pub(crate) const INVISIBLE_RUN_CHARACTERS_MAX: usize = 32;
/// The rank of a long run.
pub(crate) const LONG_RUN_RANK: u8 = 50;

pub(crate) const CARD: DetectorCard = DetectorCard {
    name: "invisible",
    kinds: &["obfuscation.invisible"],
    reach: Reach::Held(INVISIBLE_RUN_CHARACTERS_MAX * 4),
    summary: "Characters that are not seen: zero-width, tags, variation selectors, overrides.",
};

/// What an invisible character is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invisible {
    /// U+200C, U+200D.
    Joiner,
    /// U+FE00 to U+FE0F, and the Mongolian ones.
    Selector,
    /// U+E0100 to U+E01EF: selectors for Chinese characters.
    IdeographSelector,
    /// U+200B, U+2060, U+FEFF and their like.
    ZeroWidth,
    /// U+200E, U+200F, U+061C.
    DirectionMark,
    /// U+202A to U+202C, U+2066 to U+2069.
    Embedding,
    /// U+202D, U+202E.
    Override,
    /// U+E0000 to U+E007F.
    Tag,
    /// Letters without a shape.
    Filler,
    /// U+00AD.
    SoftHyphen,
    /// Anything else that Unicode calls default-ignorable.
    Other,
}

/// What `character` is there for if it is not seen.
pub(crate) const fn invisible(character: char) -> Option<Invisible> {
    Some(match character {
        '\u{00ad}' => Invisible::SoftHyphen,
        '\u{034f}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => Invisible::ZeroWidth,
        '\u{061c}' | '\u{200e}' | '\u{200f}' => Invisible::DirectionMark,
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => {
            Invisible::Filler
        }
        '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' => Invisible::Selector,
        '\u{200c}' | '\u{200d}' => Invisible::Joiner,
        '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}' => Invisible::Embedding,
        '\u{202d}' | '\u{202e}' => Invisible::Override,
        '\u{e0000}'..='\u{e007f}' => Invisible::Tag,
        '\u{e0100}'..='\u{e01ef}' => Invisible::IdeographSelector,
        '\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0080}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => Invisible::Other,
        _ => return None,
    })
}

/// A run of invisible characters, as far as its judgement needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    /// The last visible character before it.
    pub(crate) before: Option<char>,
    /// How many characters there are.
    pub(crate) characters: usize,
    /// The first one.
    pub(crate) first: Option<Invisible>,
    /// Whether all are of the first one's sort.
    pub(crate) uniform: bool,
    /// The highest rank any of them has for itself.
    worst: u8,
    /// Whether the last one closes a flag (U+E007F).
    closes_flag: bool,
}

impl Run {
    /// A run that begins after `before`.
    pub(crate) const fn after(before: Option<char>) -> Self {
        Self { before, characters: 0, first: None, uniform: true, worst: 0, closes_flag: false }
    }

    /// Takes the next invisible character.
    pub(crate) fn add(&mut self, character: char, sort: Invisible) {
        self.characters += 1;
        self.uniform &= *self.first.get_or_insert(sort) == sort;
        self.closes_flag = character == '\u{e007f}';
        self.worst = self.worst.max(match sort {
            Invisible::Tag | Invisible::IdeographSelector => 50,
            Invisible::Override | Invisible::Selector => 40,
            Invisible::Joiner | Invisible::Filler | Invisible::Other => 30,
            Invisible::ZeroWidth | Invisible::DirectionMark | Invisible::Embedding => 20,
            Invisible::SoftHyphen => 10,
        });
    }

    /// How rare the run is in ordinary text, or `None` if it belongs where it stands between
    /// `before` and `after`.
    pub(crate) fn rank(&self, after: Option<char>) -> Option<u8> {
        if self.characters >= 8 && !self.is_flag() {
            return Some(LONG_RUN_RANK);
        }
        if self.uniform && self.belongs(after) {
            return None;
        }
        let splits_a_word = [self.before, after]
            .iter()
            .all(|side| side.is_some_and(|character| character.is_ascii_alphanumeric()));
        Some(if splits_a_word { self.worst.max(30) } else { self.worst })
    }

    fn is_flag(&self) -> bool {
        self.uniform
            && self.first == Some(Invisible::Tag)
            && self.before == Some('\u{1f3f4}')
            && self.closes_flag
    }

    fn belongs(&self, after: Option<char>) -> bool {
        let single = self.characters == 1;
        let beside =
            |test: fn(char) -> bool| self.before.is_some_and(test) || after.is_some_and(test);
        match self.first {
            None => true,
            Some(Invisible::Joiner) => single && self.before.is_some_and(takes_joiners),
            Some(Invisible::Selector) => single && self.before.is_some_and(takes_selector),
            Some(Invisible::IdeographSelector) => single && self.before.is_some_and(is_ideograph),
            Some(Invisible::ZeroWidth) => {
                (single && self.before.is_none()) || beside(is_without_spaces)
            }
            Some(Invisible::DirectionMark | Invisible::Embedding) => beside(is_right_to_left),
            Some(Invisible::Filler) => beside(is_hangul),
            Some(Invisible::SoftHyphen) => single,
            Some(Invisible::Tag) => self.is_flag(),
            Some(Invisible::Override | Invisible::Other) => false,
        }
    }
}

/// Scripts and symbols in which U+200C and U+200D shape what is seen.
const fn takes_joiners(character: char) -> bool {
    matches!(
        character,
        '\u{0600}'..='\u{08ff}'
            | '\u{0900}'..='\u{0dff}'
            | '\u{0f00}'..='\u{109f}'
            | '\u{1780}'..='\u{18af}'
            | '\u{1a20}'..='\u{1cff}'
            | '\u{2190}'..='\u{2bff}'
            | '\u{a800}'..='\u{abff}'
            | '\u{fb50}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefe}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

const fn takes_selector(character: char) -> bool {
    matches!(character, '0'..='9' | '#' | '*' | '\u{a9}' | '\u{ae}' | '\u{1820}'..='\u{18aa}')
        || matches!(character, '\u{2000}'..='\u{33ff}' | '\u{1f000}'..='\u{1faff}')
        || is_ideograph(character)
}

const fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Thai, Lao, Tibetan, Burmese, Khmer: no spaces between words, so U+200B marks them.
const fn is_without_spaces(character: char) -> bool {
    matches!(character, '\u{0e00}'..='\u{0fff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

const fn is_right_to_left(character: char) -> bool {
    matches!(character, '\u{0590}'..='\u{08ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}')
}

const fn is_hangul(character: char) -> bool {
    matches!(character, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}')
}
