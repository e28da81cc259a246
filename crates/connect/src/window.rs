//! Text cut into overlapping pieces that a service takes whole.
//!
//! INVARIANT: the pieces cover the text, none has more characters than allowed, and all begin and end
//! between characters. What lies across a cut is whole in one of the two pieces if it is no longer than
//! the overlap.

use std::cell::OnceCell;
use std::ops::Range;

/// How much of a piece is repeated in the next: one part in this many.
const OVERLAP_PARTS: usize = 8;

/// The byte ranges of the pieces of `text`, of at most `characters_max` characters each; none for an
/// empty text.
pub(crate) fn pieces(text: &str, characters_max: usize) -> Vec<Range<usize>> {
    let characters_max = characters_max.max(1);
    if text.len() <= characters_max {
        let whole = (!text.is_empty()).then_some(0..text.len());
        return whole.into_iter().collect();
    }
    let step = (characters_max - characters_max / OVERLAP_PARTS).max(1);
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let at = |character: usize| starts.get(character).copied().unwrap_or(text.len());
    let mut pieces = Vec::new();
    let mut from = 0;
    loop {
        pieces.push(at(from)..at(from + characters_max));
        if from + characters_max >= starts.len() {
            return pieces;
        }
        from += step;
    }
}

/// Where the characters (Unicode code points) of a text begin; made when it is first asked.
pub(crate) struct Characters<'a> {
    starts: OnceCell<Vec<usize>>,
    text: &'a str,
}

impl<'a> Characters<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { starts: OnceCell::new(), text }
    }

    /// The byte range of a range of characters, if it lies in the text and is not empty.
    pub(crate) fn byte_range(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let starts = self.starts.get_or_init(|| {
            self.text.char_indices().map(|(at, _)| at).chain([self.text.len()]).collect()
        });
        (start < end).then_some(*starts.get(start)?..*starts.get(end)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Characters, pieces};

    #[test]
    fn pieces_overlap_by_an_eighth() {
        assert!(pieces("", 8).is_empty());
        assert_eq!(pieces("abcdefgh", 8).first(), Some(&(0..8)));
        assert_eq!(pieces("abcdefghi", 8), [0..8, 7..9]);
        assert_eq!(pieces("éé", 1), [0..2, 2..4]);
    }

    #[test]
    fn ranges_of_characters_are_ranges_of_bytes() {
        for (start, end, expect) in [
            (0, 1, Some(0..2)),
            (1, 3, Some(2..4)),
            (0, 4, Some(0..8)),
            (3, 4, Some(4..8)),
            (0, 5, None),
            (4, 4, None),
            (3, 2, None),
            (usize::MAX, usize::MAX, None),
            (0, usize::MAX, None),
        ] {
            assert_eq!(Characters::of("éab😀").byte_range(start, end), expect, "{start}..{end}");
        }
    }

    proptest! {
        #[test]
        fn pieces_cover_the_text(text in "\\PC{0,300}", characters_max in 1_usize..50) {
            let pieces = pieces(&text, characters_max);
            let mut covered = 0;
            for piece in &pieces {
                prop_assert!(piece.start <= covered && piece.end > covered);
                let words = text.get(piece.clone()).expect("between characters");
                prop_assert!(words.chars().count() <= characters_max);
                covered = piece.end;
            }
            prop_assert_eq!(covered, text.len());
        }
    }
}
