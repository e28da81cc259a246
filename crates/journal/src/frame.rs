//! One frame of a segment: a record or a seal.
//!
//! ```text
//!  0  length    u32   bytes of the payload                          ┐
//!  4  kind      u8    1 record, 2 seal                              │ bound by
//!  5  zero      3     must be zero                                  │ the chain
//!  8  sequence  u64   records before this frame                     │
//! 16  durable   u64   records known to be synced when it was written┘
//! 24  body_crc  u32   CRC32C of payload ‖ chain
//! 28  head_crc  u32   CRC32C of bytes 0 to 28
//! 32  payload         a record: {"event":…,"node":"nod_…","sequence":…}; a seal: a checkpoint
//!     chain     32    head of the chain after this frame
//! ```
//!
//! Numbers are little endian. The payload of a record is RFC 8785 canonical JSON and binds event,
//! schema version (inside the event), node and sequence number: it is what the Merkle leaf is made of.
//!
//! INVARIANT: a frame whose head is whole and wrong is never mistaken for one that was not finished;
//! any single changed bit is noticed. INVARIANT: reading takes any bytes and never panics.
//!
//! `durable` is evidence for recovery: if a frame is unreadable and a later one says that it had been
//! synced, then something destroyed it; otherwise the power went before anybody was told that it
//! was safe.

use events::{Digest, Event, NodeId};
use ring::digest::{Context, SHA256};

use crate::JournalError;
use crate::checkpoint::Checkpoint;
use crate::tree;

/// Bytes before the payload.
pub(crate) const FRAME_HEAD_BYTES: usize = 32;
/// Bytes after the payload.
pub(crate) const CHAIN_BYTES: usize = 32;
/// The longest record, in canonical bytes with its node and sequence number.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// An event.
    Record,
    /// A signed statement about everything before it.
    Seal,
}

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) length: u32,
    pub(crate) kind: FrameKind,
    pub(crate) sequence: u64,
    pub(crate) durable: u64,
    pub(crate) body_crc: u32,
}

impl FrameHead {
    /// The bytes that the chain covers.
    pub(crate) fn bound(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = match self.kind {
            FrameKind::Record => 1,
            FrameKind::Seal => 2,
        };
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..].copy_from_slice(&self.durable.to_le_bytes());
        bytes
    }

    /// As written.
    pub(crate) fn encode(&self) -> [u8; FRAME_HEAD_BYTES] {
        let mut bytes = [0; FRAME_HEAD_BYTES];
        bytes[..24].copy_from_slice(&self.bound());
        bytes[24..28].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// From the first [`FRAME_HEAD_BYTES`] of `bytes`; `None` if they are not a head.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; FRAME_HEAD_BYTES] = bytes.first_chunk()?;
        let kind = match bytes[4..8] {
            [1, 0, 0, 0] => FrameKind::Record,
            [2, 0, 0, 0] => FrameKind::Seal,
            _ => return None,
        };
        let head = Self {
            length: u32_at(bytes, 0),
            kind,
            sequence: u64_at(bytes, 8),
            durable: u64_at(bytes, 16),
            body_crc: u32_at(bytes, 24),
        };
        let whole = head.length as usize <= RECORD_BYTES_MAX
            && u32_at(bytes, 28) == crc32c::crc32c(&bytes[..28]);
        whole.then_some(head)
    }

    /// Bytes of the whole frame.
    pub(crate) const fn frame_bytes(&self) -> usize {
        FRAME_HEAD_BYTES + self.length as usize + CHAIN_BYTES
    }
}

/// The little-endian number at an offset; 0 where there are no such bytes.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

/// As [`u32_at`].
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// A frame read back: its parts agree with their checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where it begins in its segment.
    pub(crate) offset: u64,
    pub(crate) head: FrameHead,
    pub(crate) payload: Vec<u8>,
    pub(crate) chain: Digest,
}

/// What follows at some place of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A whole frame.
    Frame(Frame),
    /// More bytes are needed than are there: this many in all.
    Short(usize),
    /// Not a frame.
    Bad(&'static str),
}

/// Reads the frame at the start of `bytes`.
pub(crate) fn decode(bytes: &[u8], offset: u64) -> Decoded {
    if bytes.len() < FRAME_HEAD_BYTES {
        return Decoded::Short(FRAME_HEAD_BYTES);
    }
    let Some(head) = FrameHead::decode(bytes) else {
        return Decoded::Bad("the head of a frame was changed");
    };
    let Some(body) = bytes.get(FRAME_HEAD_BYTES..head.frame_bytes()) else {
        return Decoded::Short(head.frame_bytes());
    };
    let Some((payload, chain)) = body.split_last_chunk::<CHAIN_BYTES>() else {
        return Decoded::Bad("a frame is too short");
    };
    if crc32c::crc32c(body) != head.body_crc {
        return Decoded::Bad("the body of a frame was changed");
    }
    Decoded::Frame(Frame { offset, head, payload: payload.to_vec(), chain: Digest(*chain) })
}

/// What every record's payload begins with.
pub(crate) const RECORD_PREFIX: &[u8] = b"{\"event\":";

/// What every record's payload ends with.
pub(crate) fn record_suffix(node: NodeId, sequence: u64) -> String {
    format!(",\"node\":\"{node}\",\"sequence\":{sequence}}}")
}

/// The longest that [`record_suffix`] gets.
const RECORD_SUFFIX_BYTES_MAX: usize = 64;

/// A frame in the making: everything that can be done before its place in the record is known.
#[derive(Clone)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    crc: u32,
    kind: FrameKind,
    leaf: Context,
}

/// A frame ready to be written.
pub(crate) struct Finished {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chain: Digest,
    pub(crate) leaf: Digest,
}

impl Draft {
    /// Of an event; fails if it is longer than [`RECORD_BYTES_MAX`].
    pub(crate) fn record(event: &Event) -> Result<Self, JournalError> {
        let canonical = events::canonical_bytes(event)?;
        let longest = RECORD_PREFIX.len() + canonical.len() + RECORD_SUFFIX_BYTES_MAX;
        if longest > RECORD_BYTES_MAX {
            let bytes = canonical.len();
            return Err(JournalError::EventTooLong { bytes, max: RECORD_BYTES_MAX });
        }
        Ok(Self::begin(FrameKind::Record, &[RECORD_PREFIX, &canonical], longest))
    }

    /// Of a signed statement.
    pub(crate) fn seal(checkpoint: &Checkpoint) -> Result<Self, JournalError> {
        let payload = serde_json::to_vec(checkpoint)?;
        Ok(Self::begin(FrameKind::Seal, &[&payload], payload.len()))
    }

    fn begin(kind: FrameKind, parts: &[&[u8]], payload_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(FRAME_HEAD_BYTES + payload_bytes + CHAIN_BYTES);
        bytes.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        let payload = bytes.get(FRAME_HEAD_BYTES..).unwrap_or_default();
        let mut leaf = Context::new(&SHA256);
        leaf.update(&[0]);
        leaf.update(payload);
        let crc = crc32c::crc32c(payload);
        Self { bytes, crc, kind, leaf }
    }

    /// Bytes of the whole frame at most.
    pub(crate) const fn frame_bytes_max(&self) -> usize {
        self.bytes.len() + RECORD_SUFFIX_BYTES_MAX + CHAIN_BYTES
    }

    /// Gives it its place: after `sequence` records, with the chain at `before`.
    pub(crate) fn finish(
        mut self,
        node: NodeId,
        sequence: u64,
        durable: u64,
        before: Digest,
    ) -> Finished {
        if self.kind == FrameKind::Record {
            let suffix = record_suffix(node, sequence);
            self.leaf.update(suffix.as_bytes());
            self.crc = crc32c::crc32c_append(self.crc, suffix.as_bytes());
            self.bytes.extend_from_slice(suffix.as_bytes());
        }
        let length = (self.bytes.len() - FRAME_HEAD_BYTES) as u32;
        let leaf = tree::finish(self.leaf);
        let mut head = FrameHead { length, kind: self.kind, sequence, durable, body_crc: 0 };
        let chain = tree::chain_next(before, &head.bound(), leaf);
        head.body_crc = crc32c::crc32c_append(self.crc, &chain.0);
        self.bytes.extend_from_slice(&chain.0);
        if let Some(start) = self.bytes.first_chunk_mut() {
            *start = head.encode();
        }
        Finished { bytes: self.bytes, chain, leaf }
    }
}

#[cfg(test)]
mod tests {
    use events::{Administration, EventBody};
    use proptest::prelude::*;

    use super::*;

    const NODE: NodeId = NodeId::new(7);

    fn event(target: &str) -> Event {
        let change = Administration { target: target.into(), ..Administration::default() };
        Event::new(1, EventBody::Administration(change))
    }

    fn finished(target: &str, sequence: u64) -> Finished {
        let draft = Draft::record(&event(target)).expect("short enough");
        draft.finish(NODE, sequence, 0, Digest::default())
    }

    #[test]
    fn a_record_is_the_canonical_json_that_its_leaf_is_made_of() {
        let Finished { bytes, chain, leaf } = finished("key", 42);
        let Decoded::Frame(frame) = decode(&bytes, 0) else { panic!("not a frame") };
        assert_eq!(
            String::from_utf8_lossy(&frame.payload),
            concat!(
                r#"{"event":{"body":{"class":"administration","data":{"actor":"","operation":"","#,
                r#""target":"key"}},"schema":1,"time_ms":1},"node":"nod_0000000000000007","#,
                r#""sequence":42}"#
            )
        );
        assert_eq!(leaf, events::leaf_digest(&frame.payload));
        assert_eq!(chain, tree::chain_next(Digest::default(), &frame.head.bound(), leaf));
        assert_eq!(frame.chain, chain);
    }

    #[test]
    fn a_record_has_a_limit() {
        let overhead = events::canonical_bytes(&event("")).expect("json").len()
            + RECORD_PREFIX.len()
            + RECORD_SUFFIX_BYTES_MAX;
        let longest = "x".repeat(RECORD_BYTES_MAX - overhead);
        let Ok(draft) = Draft::record(&event(&longest)) else { panic!("fits") };
        let frame = draft.finish(NODE, u64::MAX, 0, Digest::default());
        assert!(matches!(decode(&frame.bytes, 0), Decoded::Frame(_)), "the longest can be read");
        let error = Draft::record(&event(&format!("{longest}x"))).err();
        assert!(matches!(error, Some(JournalError::EventTooLong { .. })), "{error:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, 0);
            let mut headed = FrameHead {
                length: bytes.len() as u32,
                kind: FrameKind::Record,
                sequence: 1,
                durable: 1,
                body_crc: crc32c::crc32c(&bytes),
            }
            .encode()
            .to_vec();
            headed.extend_from_slice(&bytes);
            let _ = decode(&headed, 0);
        }

        #[test]
        fn a_part_of_a_frame_is_short_and_a_changed_one_is_bad(
            target in ".{0,40}", sequence: u64, at: prop::sample::Index, bit in 0..8u8
        ) {
            let whole = finished(&target, sequence).bytes;
            let at = at.index(whole.len());
            prop_assert!(matches!(decode(&whole[..at], 0), Decoded::Short(_)));
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            prop_assert!(matches!(decode(&changed, 0), Decoded::Bad(_)));
            prop_assert!(matches!(decode(&whole, 0), Decoded::Frame(_)));
        }
    }
}
