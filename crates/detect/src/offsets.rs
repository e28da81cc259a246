//! From offsets in a changed text back to offsets in the text it was made from.
//!
//! The map is a list of places where the two texts stop running in step; plain text needs none.
//!
//! INVARIANT: a span mapped back covers exactly the original characters that its text came from,
//! on character boundaries of the original.

/// A stretch of the new text and where it came from.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Where it begins in the new text.
    new: u32,
    /// Where it begins in the original.
    old: u32,
    /// Length in the original if it was replaced as a whole; 0 if both run in step.
    replaced: u32,
}

impl Stretch {
    const fn new_at(self) -> usize {
        self.new as usize
    }

    const fn old_at(self) -> usize {
        self.old as usize
    }
}

/// Where every byte of a new text came from. Offsets on both sides are absolute.
#[derive(Clone, Debug, Default)]
pub(crate) struct OffsetMap {
    stretches: Vec<Stretch>,
}

impl OffsetMap {
    /// From `new` on, the two texts run in step, beginning at `old`.
    pub(crate) fn in_step(&mut self, new: usize, old: usize) {
        match self.stretches.last() {
            None if new == old => return,
            Some(last) if last.replaced == 0 && new - last.new_at() == old - last.old_at() => {
                return;
            }
            _ => {}
        }
        self.stretches.push(Stretch { new: new as u32, old: old as u32, replaced: 0 });
    }

    /// The text at `new` stands for `len` bytes of the original at `old`.
    pub(crate) fn replaced(&mut self, new: usize, old: usize, len: usize) {
        self.stretches.push(Stretch { new: new as u32, old: old as u32, replaced: len as u32 });
    }

    /// Whether the texts differ anywhere.
    pub(crate) const fn has_changes(&self) -> bool {
        !self.stretches.is_empty()
    }

    /// The stretch that holds the byte at `new`, and its index.
    fn stretch(&self, new: usize) -> Stretch {
        let after = self.stretches.partition_point(|stretch| stretch.new_at() <= new);
        match after.checked_sub(1).and_then(|index| self.stretches.get(index)) {
            Some(stretch) => *stretch,
            None => Stretch { new: 0, old: 0, replaced: 0 },
        }
    }

    /// Where the character at `new` begins in the original.
    pub(crate) fn start(&self, new: usize) -> usize {
        if self.stretches.is_empty() {
            return new;
        }
        let stretch = self.stretch(new);
        if stretch.replaced > 0 {
            stretch.old_at()
        } else {
            stretch.old_at() + (new - stretch.new_at())
        }
    }

    /// Where the character that ends at `new` ends in the original.
    pub(crate) fn end(&self, new: usize) -> usize {
        let Some(last) = new.checked_sub(1) else { return self.start(0) };
        let stretch = self.stretch(last);
        if stretch.replaced > 0 {
            (stretch.old + stretch.replaced) as usize
        } else {
            stretch.old_at() + (new - stretch.new_at())
        }
    }

    /// Whether the new text between the two offsets is the original, byte for byte.
    pub(crate) fn is_verbatim(&self, start: usize, end: usize) -> bool {
        let first = self.stretches.partition_point(|stretch| stretch.new_at() <= start);
        let beyond = self.stretches.partition_point(|stretch| stretch.new_at() < end);
        first >= beyond && self.stretch(start).replaced == 0
    }

    /// Whether any byte between the two offsets came from a replacement.
    pub(crate) fn has_replacement(&self, start: usize, end: usize) -> bool {
        let first = self.stretches.partition_point(|stretch| stretch.new_at() <= start);
        let beyond = self.stretches.partition_point(|stretch| stretch.new_at() < end);
        self.stretches
            .get(first.saturating_sub(1)..beyond)
            .unwrap_or_default()
            .iter()
            .any(|stretch| stretch.replaced > 0 && stretch.new_at() < end)
    }

    /// Places inside the span of the new text before which original text was dropped.
    pub(crate) fn gaps(&self, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
        let first = self.stretches.partition_point(|stretch| stretch.new_at() <= start);
        let beyond = self.stretches.partition_point(|stretch| stretch.new_at() < end);
        let inside = self.stretches.get(first..beyond).unwrap_or_default();
        inside
            .iter()
            .filter(|stretch| self.end(stretch.new_at()) < stretch.old_at())
            .map(|stretch| stretch.new_at())
    }

    /// The first offset in the new text that came from `old` or later, if it has been reached.
    pub(crate) fn reaches(&self, old: usize, new_end: usize) -> usize {
        let after = self.stretches.partition_point(|stretch| stretch.old_at() < old);
        let from_previous = match after.checked_sub(1).and_then(|index| self.stretches.get(index)) {
            Some(stretch) if stretch.replaced > 0 => usize::MAX,
            Some(stretch) => stretch.new_at() + (old - stretch.old_at()),
            None => old,
        };
        let next = self.stretches.get(after).map_or(new_end, |stretch| stretch.new_at());
        from_previous.min(next)
    }

    /// Forgets what concerns only text before `new`.
    pub(crate) fn forget_before(&mut self, new: usize) {
        let after = self.stretches.partition_point(|stretch| stretch.new_at() <= new);
        if after > 1 {
            self.stretches.drain(..after - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OffsetMap;

    /// `ab`, then `é` (2 bytes) as `e`, then `cd`, then 3 bytes dropped, then `f`.
    fn sample() -> OffsetMap {
        let mut map = OffsetMap::default();
        map.in_step(0, 0);
        map.replaced(2, 2, 2);
        map.in_step(3, 4);
        map.in_step(5, 9);
        map
    }

    #[test]
    fn spans_cover_what_they_came_from() {
        let map = sample();
        assert_eq!((map.start(0), map.end(2)), (0, 2));
        assert_eq!((map.start(2), map.end(3)), (2, 4));
        assert_eq!((map.start(3), map.end(5)), (4, 6), "what was dropped after it is not its");
        assert_eq!((map.start(5), map.end(6)), (9, 10));
    }

    #[test]
    fn verbatim_is_only_what_was_neither_replaced_nor_cut() {
        let map = sample();
        assert!(map.is_verbatim(0, 2));
        assert!(!map.is_verbatim(1, 3));
        assert!(!map.is_verbatim(2, 3));
        assert!(map.is_verbatim(3, 5));
        assert!(!map.is_verbatim(4, 6));
        assert_eq!(map.gaps(0, 6).collect::<Vec<_>>(), [5]);
        assert!(map.has_replacement(1, 3) && !map.has_replacement(3, 6));
    }

    #[test]
    fn reaches_finds_the_first_new_byte_of_an_old_offset() {
        let map = sample();
        assert_eq!(map.reaches(1, 6), 1);
        assert_eq!(map.reaches(3, 6), 3);
        assert_eq!(map.reaches(5, 6), 4);
        assert_eq!(map.reaches(7, 6), 5);
        assert_eq!(map.reaches(9, 6), 5);
    }

    #[test]
    fn forgetting_keeps_the_stretch_in_use() {
        let mut map = sample();
        map.forget_before(4);
        assert_eq!((map.start(4), map.end(6)), (5, 10));
    }
}
