//! Where a body is cut on the wire.
//!
//! A cut acts twice: it decides which bytes share an HTTP chunk, and which bytes share a `write`.
//! A receiver may join two writes, but never two chunks, so what it must put together again does
//! not depend on timing.
//!
//! INVARIANT: the pieces joined are the input; no piece is empty.
//!
//! Not here: how a text is split into deltas ([`crate::Split`]), which changes the events themselves.

use std::ops::Range;
use std::time::Duration;

use crate::Random;

/// Longest piece that [`Cut::Random`] makes, in bytes.
const RANDOM_PIECE_BYTES_MAX: usize = 48;
/// Pause after each write of [`Cut::ChunkHeaders`], long enough that the receiver reads in between.
const CHUNK_HEADER_PAUSE: Duration = Duration::from_millis(1);

/// Where a body is cut on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// Each event is a chunk and a write.
    #[default]
    Events,
    /// Every byte is a chunk and a write.
    Byte,
    /// Chunks and writes of 1 to 48 bytes, from a seed.
    Random(u64),
    /// Inside every code point of more than one byte and after every backslash.
    CodePoints,
    /// Each event is a chunk; the lines that frame it are written byte by byte, with pauses.
    ChunkHeaders,
    /// The whole body is one chunk and one write.
    Whole,
}

impl Cut {
    /// The ranges of `body` that become chunks, when it is made of `events`.
    pub(crate) fn chunks(self, body: &[u8], events: &[Range<usize>]) -> Vec<Range<usize>> {
        match self {
            Self::Events | Self::ChunkHeaders => events.to_vec(),
            Self::Byte => (0..body.len()).map(|at| at..at + 1).collect(),
            Self::Random(seed) => random_ranges(body.len(), seed),
            Self::CodePoints => ranges_at(body.len(), |at| inside_character(body, at)),
            Self::Whole => ranges_at(body.len(), |_| false),
        }
    }

    /// The ranges of one framed chunk (`1a\r\n…\r\n`) that become writes.
    pub(crate) fn writes(self, framed: &[u8], chunk: usize) -> Vec<Range<usize>> {
        match self {
            Self::Random(seed) => random_ranges(framed.len(), seed ^ (chunk as u64 + 1)),
            Self::ChunkHeaders => {
                let header = framed.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let trailer = framed.len().saturating_sub(2);
                ranges_at(framed.len(), |at| at <= header || at >= trailer)
            }
            Self::Events | Self::Byte | Self::CodePoints | Self::Whole => {
                ranges_at(framed.len(), |_| false)
            }
        }
    }

    /// How long to wait after each write.
    pub(crate) const fn pause(self) -> Duration {
        match self {
            Self::ChunkHeaders => CHUNK_HEADER_PAUSE,
            _ => Duration::ZERO,
        }
    }
}

/// The ranges of `0..length` when it is cut before every position that `is_cut` names.
fn ranges_at(length: usize, is_cut: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for at in 1..length {
        if is_cut(at) {
            ranges.push(start..at);
            start = at;
        }
    }
    if start < length {
        ranges.push(start..length);
    }
    ranges
}

fn random_ranges(length: usize, seed: u64) -> Vec<Range<usize>> {
    let mut random = Random::new(seed);
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < length {
        // Half of the pieces are tiny: that is where parsers break.
        let most = if random.one_to(2) == 1 { 3 } else { RANDOM_PIECE_BYTES_MAX };
        let end = (start + random.one_to(most)).min(length);
        ranges.push(start..end);
        start = end;
    }
    ranges
}

fn inside_character(body: &[u8], at: usize) -> bool {
    let continues = body.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    let escaped = at.checked_sub(1).and_then(|before| body.get(before)) == Some(&b'\\');
    continues || escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(body: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
        ranges.iter().flat_map(|range| body[range.clone()].iter().copied()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn pieces_joined_are_the_body(text in ".{0,200}", seed in any::<u64>()) {
            let body = text.as_bytes();
            let whole = 0..body.len();
            let events: &[Range<usize>] = if body.is_empty() { &[] } else { std::slice::from_ref(&whole) };
            for cut in [Cut::Events, Cut::Byte, Cut::Random(seed), Cut::CodePoints, Cut::ChunkHeaders, Cut::Whole] {
                let chunks = cut.chunks(body, events);
                prop_assert_eq!(joined(body, &chunks), body);
                prop_assert!(chunks.iter().all(|range| !range.is_empty()));
                prop_assert_eq!(joined(body, &cut.writes(body, 3)), body);
            }
        }
    }

    #[test]
    fn code_points_are_cut_inside() {
        let body = "aé\\n".as_bytes();
        assert_eq!(Cut::CodePoints.chunks(body, &[]), [0..2, 2..4, 4..5]);
    }

    #[test]
    fn chunk_headers_are_cut_inside() {
        let writes = Cut::ChunkHeaders.writes(b"3\r\nabc\r\n", 0);
        assert_eq!(writes, [0..1, 1..2, 2..3, 3..6, 6..7, 7..8]);
    }
}
