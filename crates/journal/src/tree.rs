//! The chain and the Merkle tree over records.
//!
//! The tree is that of RFC 6962 §2.1: a leaf is SHA-256(0x00 ‖ record), a node SHA-256(0x01 ‖ left ‖
//! right), the root of nothing SHA-256(""). Only the roots of its complete subtrees are kept (a
//! compact range), at most 64 digests.
//!
//! The chain runs over every frame, seals included: SHA-256(0x02 ‖ head before ‖ the first 24 bytes of
//! the frame ‖ leaf of its payload); it begins with SHA-256(0x03 ‖ node id, big endian).
//!
//! INVARIANT: each kind of input begins with its own byte, so none can pass for another.

use events::{Digest, NodeId};
use ring::digest::{Context, SHA256};

/// Subtree roots that a tree of any size has at most.
pub(crate) const PEAKS_MAX: usize = 64;

/// The Merkle tree over the records so far, as the roots of its complete subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    peaks: Vec<Digest>,
    records: u64,
}

impl Tree {
    /// A tree of a size, from its subtree roots; `None` if their number does not fit the size.
    pub(crate) fn from_peaks(records: u64, peaks: Vec<Digest>) -> Option<Self> {
        (peaks.len() == records.count_ones() as usize).then_some(Self { peaks, records })
    }

    /// The subtree roots, largest first.
    pub(crate) fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Leaves so far.
    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    /// Adds a leaf: joins it with every complete subtree of its own size.
    pub(crate) fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        for _ in 0..self.records.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = inner_node(left, node);
            }
        }
        self.peaks.push(node);
        self.records += 1;
    }

    /// The root over all leaves (RFC 6962 §2.1).
    pub(crate) fn root(&self) -> Digest {
        let mut rest = self.peaks.iter().rev();
        let Some(smallest) = rest.next() else { return sha256(&[]) };
        rest.fold(*smallest, |right, left| inner_node(*left, right))
    }
}

fn inner_node(left: Digest, right: Digest) -> Digest {
    sha256(&[&[1], &left.0, &right.0])
}

/// The head of the chain of a node that has written nothing.
pub(crate) fn chain_start(node: NodeId) -> Digest {
    sha256(&[&[3], &node.get().to_be_bytes()])
}

/// The head of the chain after a frame, given the head before it.
pub(crate) fn chain_next(before: Digest, frame_start: &[u8; 24], leaf: Digest) -> Digest {
    sha256(&[&[2], &before.0, frame_start, &leaf.0])
}

/// SHA-256 over the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    finish(context)
}

/// The digest of what was fed to a context.
pub(crate) fn finish(context: Context) -> Digest {
    let mut digest = Digest::default();
    digest.0.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use events::leaf_digest;
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962 §2.1, word for word.
    fn naive_root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => sha256(&[]),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                inner_node(naive_root(left), naive_root(right))
            }
        }
    }

    fn tree_of(leaves: &[Digest]) -> Tree {
        let mut tree = Tree::default();
        for leaf in leaves {
            tree.push(*leaf);
        }
        tree
    }

    /// The inputs and roots of the reference tests of Certificate Transparency logs.
    #[test]
    fn roots_are_the_published_ones() {
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let leaves: Vec<_> = inputs.iter().map(|input| leaf_digest(input)).collect();
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(tree_of(&leaves[..size]).root().to_string(), *root, "{size} leaves");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_compact_tree_is_the_whole_tree(count in 0..200usize) {
            let leaves: Vec<_> = (0..count).map(|n| leaf_digest(&n.to_be_bytes())).collect();
            let tree = tree_of(&leaves);
            prop_assert_eq!(tree.root(), naive_root(&leaves));
            let again = Tree::from_peaks(tree.records(), tree.peaks().to_vec());
            prop_assert_eq!(again, Some(tree));
        }
    }
}
