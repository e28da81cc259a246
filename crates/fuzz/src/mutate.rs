//! New inputs from old ones: bits, bytes, numbers, pieces, words, structure.
//!
//! INVARIANT: the same numbers make the same inputs. INVARIANT: no input is longer than
//! [`crate::engine::INPUT_BYTES_MAX`].

use stdx::SplitMix64;

use crate::engine::INPUT_BYTES_MAX;
use crate::json;

/// What decides.
#[derive(Clone, Debug)]
pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, or 0.
    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> Option<&'a T> {
        items.get(self.below(items.len())).copied()
    }
}

/// Bytes that parsers treat in their own way, and characters that do not fit in one.
const INTERESTING: &[&[u8]] = &[
    b"\0",
    b"\x01",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\x1b",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"/",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b":",
    b",",
    b";",
    b"=",
    b"-",
    b"_",
    b"+",
    b".",
    b"@",
    b"#",
    b"%",
    b"&",
    b"<",
    b">",
    b"|",
    b"~",
    b"0",
    b"9",
    b"-1",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1e400",
    b"-0",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\xef\xbf\xbd",
    b"\xe2\x80\x8b",
    b"\xe2\x80\xae",
    b"\xe2\x81\xa0",
    b"\xf3\xa0\x81\x81",
    b"\xef\xb8\x8f",
    b"\xcc\x81",
    b"\xc3\xa9",
    b"\xd0\xb0",
    b"\xe4\xb8\xad",
    b"\xf0\x9f\x98\x80",
    b"\xef\xbc\xa1",
    b"\xc4\xb0",
    b"\xef\xac\x81",
    b"\xef\xb7\xba",
];

/// Makes inputs for one target.
pub(crate) struct Mutator {
    random: Random,
    dictionary: &'static [&'static [u8]],
}

impl Mutator {
    pub(crate) const fn new(random: Random, dictionary: &'static [&'static [u8]]) -> Self {
        Self { random, dictionary }
    }

    /// A new input from one of `corpus`.
    pub(crate) fn mutated(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus.get(self.random.below(corpus.len())).cloned().unwrap_or_default();
        let steps = 1 + self.random.below(4);
        for _ in 0..steps {
            self.step(&mut input, corpus);
            input.truncate(INPUT_BYTES_MAX);
        }
        input
    }

    fn step(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        match self.random.below(14) {
            0 => self.flip_bit(input),
            1 => self.change_byte(input),
            2..=3 => self.put(input, INTERESTING),
            4..=6 => self.put(input, self.dictionary),
            7 => self.cut(input),
            8 => self.repeat(input),
            9 => self.splice(input, corpus),
            10 => self.swap(input),
            11 => self.many_times(input),
            _ => json::mutate(input, &mut self.random, self.dictionary),
        }
    }

    fn flip_bit(&mut self, input: &mut [u8]) {
        let at = self.random.below(input.len());
        let bit = 1 << self.random.below(8);
        if let Some(byte) = input.get_mut(at) {
            *byte ^= bit;
        }
    }

    fn change_byte(&mut self, input: &mut [u8]) {
        let at = self.random.below(input.len());
        let value = self.random.next() as u8;
        if let Some(byte) = input.get_mut(at) {
            *byte = value;
        }
    }

    /// Inserts a word, or writes it over what is there.
    fn put(&mut self, input: &mut Vec<u8>, words: &[&'static [u8]]) {
        let Some(word) = self.random.pick(words) else { return };
        let at = self.random.below(input.len() + 1);
        let over = if self.random.below(3) == 0 { word.len() } else { 0 };
        let end = (at + over).min(input.len());
        input.splice(at..end, word.iter().copied());
    }

    fn range(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let at = self.random.below(input.len());
        // Short pieces more often than long ones.
        let most = 1 << (1 + self.random.below(10));
        let len = 1 + self.random.below(most);
        at..(at + len).min(input.len())
    }

    fn cut(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input);
        input.drain(range);
    }

    /// Repeats a piece a few times beside itself.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input);
        let piece = input.get(range.clone()).unwrap_or_default().repeat(1 + self.random.below(4));
        input.splice(range.start..range.start, piece);
    }

    /// Repeats a piece or a word very often: nesting, floods.
    fn many_times(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input);
        let piece = match self.random.pick(self.dictionary) {
            Some(word) if self.random.below(2) == 0 => word.to_vec(),
            _ => input.get(range.clone()).unwrap_or_default().to_vec(),
        };
        let most = 4096 / piece.len().max(1);
        let piece = piece.repeat(self.random.below(most + 1));
        input.splice(range.start..range.start, piece);
    }

    fn splice(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let Some(other) = corpus.get(self.random.below(corpus.len())) else { return };
        let from = self.range(other);
        let into = self.range(input);
        input.splice(into, other.get(from).unwrap_or_default().iter().copied());
    }

    fn swap(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input);
        let piece: Vec<u8> = input.drain(range).collect();
        let at = self.random.below(input.len() + 1);
        input.splice(at..at, piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_make_equal_inputs_within_the_limit() {
        let corpus = [b"{\"a\": \"b\"}".to_vec(), Vec::new(), vec![b'x'; INPUT_BYTES_MAX]];
        let mut one = Mutator::new(Random::new(9), &[b"word"]);
        let mut other = Mutator::new(Random::new(9), &[b"word"]);
        for _ in 0..2_000 {
            let input = one.mutated(&corpus);
            assert!(input.len() <= INPUT_BYTES_MAX);
            assert_eq!(input, other.mutated(&corpus));
        }
    }
}
