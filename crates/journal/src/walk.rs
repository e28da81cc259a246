//! Walks along frames and headers and says whether each follows from what came before.
//!
//! INVARIANT: a frame is accepted only if its place, its node, its chain and, for a seal, its signature
//! are right; after a refusal the walk stays where it was.
//!
//! Not here: reading files (`segment`), what to do about a refusal (`recover`, `verify`).

use events::{Digest, NodeId, leaf_digest};

use crate::checkpoint::{Checkpoint, Head};
use crate::frame::{Frame, FrameKind, RECORD_PREFIX, record_suffix};
use crate::segment::SegmentHeader;
use crate::settings::SEAL_INTERVAL_RECORDS_MAX;
use crate::tree::{Tree, chain_next, chain_start};

/// Where a walk stands.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) node: NodeId,
    pub(crate) chain: Digest,
    pub(crate) tree: Tree,
    /// The last seal accepted.
    pub(crate) seal: Option<Seal>,
    /// Seals accepted.
    pub(crate) seals: u64,
    /// Records accepted since the last seal.
    pub(crate) unsealed: u64,
}

/// What a seal said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) records: u64,
    pub(crate) time_ms: u64,
}

/// Why a frame or header does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It belongs elsewhere: this sequence number was found.
    Elsewhere(u64),
    /// It is not what was written.
    Changed(&'static str),
    /// A signature is wrong.
    Forged(&'static str),
    /// It is another node's.
    OtherNode(NodeId),
}

impl Walk {
    /// At the beginning of a node's record.
    pub(crate) fn begin(node: NodeId) -> Self {
        let (chain, tree) = (chain_start(node), Tree::default());
        Self { node, chain, tree, seal: None, seals: 0, unsealed: 0 }
    }

    /// At the beginning of a segment, believing its header.
    pub(crate) fn resume(header: &SegmentHeader) -> Self {
        Self { chain: header.chain, tree: header.tree.clone(), ..Self::begin(header.node) }
    }

    /// Records so far.
    pub(crate) const fn records(&self) -> u64 {
        self.tree.records()
    }

    /// What a checkpoint here would say.
    pub(crate) fn head(&self) -> Head {
        Head { chain: self.chain, records: self.records(), root: self.tree.root() }
    }

    /// Whether a header of segment `number` follows.
    pub(crate) fn header(&self, header: &SegmentHeader, number: u64) -> Result<(), Refused> {
        if header.node != self.node {
            return Err(Refused::OtherNode(header.node));
        }
        if header.tree.records() != self.records() {
            return Err(Refused::Elsewhere(header.tree.records()));
        }
        if header.number != number {
            return Err(Refused::Changed("the file has the number of another segment"));
        }
        if self.unsealed > 0 {
            return Err(Refused::Forged("the segment before does not end with a seal"));
        }
        if header.chain != self.chain || header.tree != self.tree {
            return Err(Refused::Changed("the header does not follow from the segment before"));
        }
        Ok(())
    }

    /// Takes a frame if it follows.
    pub(crate) fn frame(&mut self, frame: &Frame) -> Result<(), Refused> {
        if frame.head.sequence != self.records() {
            return Err(Refused::Elsewhere(frame.head.sequence));
        }
        let leaf = leaf_digest(&frame.payload);
        if chain_next(self.chain, &frame.head.bound(), leaf) != frame.chain {
            return Err(Refused::Changed("it does not follow from the frame before"));
        }
        match frame.head.kind {
            FrameKind::Record if self.unsealed >= SEAL_INTERVAL_RECORDS_MAX => {
                return Err(Refused::Forged("there should have been a seal before it"));
            }
            FrameKind::Record => {
                self.check_record(&frame.payload)?;
                self.tree.push(leaf);
                self.unsealed += 1;
            }
            FrameKind::Seal => {
                self.seal = Some(self.check_seal(&frame.payload)?);
                self.seals += 1;
                self.unsealed = 0;
            }
        }
        self.chain = frame.chain;
        Ok(())
    }

    fn check_record(&self, payload: &[u8]) -> Result<(), Refused> {
        let suffix = record_suffix(self.node, self.records());
        if payload.starts_with(RECORD_PREFIX) && payload.ends_with(suffix.as_bytes()) {
            Ok(())
        } else {
            Err(Refused::Changed("it names another node or sequence number"))
        }
    }

    fn check_seal(&self, payload: &[u8]) -> Result<Seal, Refused> {
        let seal: Checkpoint = serde_json::from_slice(payload)
            .map_err(|_| Refused::Forged("the seal cannot be read"))?;
        if seal.node != self.node || !seal.is_signed_by_its_node() {
            return Err(Refused::Forged("the seal is not signed by the node"));
        }
        if seal.head() != self.head() {
            return Err(Refused::Forged("the seal is about another record"));
        }
        Ok(Seal { records: seal.records, time_ms: seal.time_ms })
    }
}
