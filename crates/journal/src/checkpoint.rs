//! Signed statements about the record so far: checkpoints (exported) and seals (in the record).
//!
//! A checkpoint is one JSON object with the fields of [`Checkpoint`]; 32-byte values are 64 hexadecimal
//! digits, the signature 128. The signature is Ed25519 (RFC 8032) over `bartizan checkpoint 1`, a line
//! feed, and the canonical JSON (RFC 8785) of every other field.
//!
//! INVARIANT: a node's id is the first eight bytes (big endian) of SHA-256 of its public key, so a
//! statement made with another key is a statement about another node.

use events::{Digest, NodeId};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::keys::{NodeKey, node_of};
use crate::tree::Tree;

/// The version of the shape of [`Checkpoint`].
pub const CHECKPOINT_FORMAT: u16 = 1;

/// The longest checkpoint file worth reading, in bytes.
pub const CHECKPOINT_BYTES_MAX: usize = 4096;

const CONTEXT: &[u8] = b"bartizan checkpoint 1\n";

/// A node's signed statement: after `records` records my Merkle root was `root`. Fields are
/// alphabetical, so that its JSON is canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Head of the chain after those records and the seals between them.
    pub chain: Digest,
    /// [`CHECKPOINT_FORMAT`].
    pub format: u16,
    /// Whose record.
    pub node: NodeId,
    /// Ed25519 public key of the node.
    #[serde(with = "hexadecimal")]
    pub public_key: [u8; 32],
    /// How many records it covers; the next one has this sequence number.
    pub records: u64,
    /// Merkle root over them (RFC 6962 §2.1).
    pub root: Digest,
    /// Ed25519 over all other fields.
    #[serde(with = "hexadecimal")]
    pub signature: [u8; 64],
    /// When it was signed, in milliseconds since 1970 by the node's clock.
    pub time_ms: u64,
}

/// Where a record stands: what a checkpoint is signed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Head of the chain.
    pub chain: Digest,
    /// Records so far.
    pub records: u64,
    /// Merkle root over them.
    pub root: Digest,
}

impl Head {
    /// Where a record of unknown node stands before anything was written.
    pub(crate) fn of_nothing() -> Self {
        Self { chain: Digest::default(), records: 0, root: Tree::default().root() }
    }
}

#[derive(Serialize)]
struct Statement {
    chain: Digest,
    format: u16,
    node: NodeId,
    #[serde(with = "hexadecimal")]
    public_key: [u8; 32],
    records: u64,
    root: Digest,
    time_ms: u64,
}

/// A file that is not a checkpoint. Not retried.
#[derive(Debug, thiserror::Error)]
pub enum ParseCheckpointError {
    /// It is longer than any checkpoint.
    #[error(
        "a checkpoint is at most {max} bytes long; hint: give the file that `bartizan log checkpoint` wrote"
    )]
    TooLong {
        /// [`CHECKPOINT_BYTES_MAX`].
        max: usize,
    },
    /// It is not the JSON of a checkpoint.
    #[error("not a checkpoint: {0}; hint: give the file that `bartizan log checkpoint` wrote")]
    Shape(#[from] serde_json::Error),
}

impl Checkpoint {
    /// Reads the JSON of a checkpoint. Says nothing about its signature: `verify` does.
    pub fn parse(json: &[u8]) -> Result<Self, ParseCheckpointError> {
        if json.len() > CHECKPOINT_BYTES_MAX {
            return Err(ParseCheckpointError::TooLong { max: CHECKPOINT_BYTES_MAX });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// Whether the signature is the node's own, over exactly these fields.
    pub fn is_signed_by_its_node(&self) -> bool {
        self.format == CHECKPOINT_FORMAT
            && node_of(&self.public_key) == self.node
            && self.signed_bytes().is_ok_and(|bytes| {
                UnparsedPublicKey::new(&ED25519, &self.public_key)
                    .verify(&bytes, &self.signature)
                    .is_ok()
            })
    }

    /// Signs a statement about where the record stands.
    pub(crate) fn sign(key: &NodeKey, head: Head, time_ms: u64) -> Result<Self, serde_json::Error> {
        let mut checkpoint = Self {
            chain: head.chain,
            format: CHECKPOINT_FORMAT,
            node: key.node(),
            public_key: key.public(),
            records: head.records,
            root: head.root,
            signature: [0; 64],
            time_ms,
        };
        checkpoint.signature = key.sign(&checkpoint.signed_bytes()?);
        Ok(checkpoint)
    }

    /// What it says about where the record stood.
    pub const fn head(&self) -> Head {
        Head { chain: self.chain, records: self.records, root: self.root }
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = CONTEXT.to_vec();
        serde_json::to_writer(
            &mut bytes,
            &Statement {
                chain: self.chain,
                format: self.format,
                node: self.node,
                public_key: self.public_key,
                records: self.records,
                root: self.root,
                time_ms: self.time_ms,
            },
        )?;
        Ok(bytes)
    }
}

/// Byte arrays as hexadecimal digits.
pub(crate) mod hexadecimal {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom(format!("not {N} bytes in hexadecimal")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::NodeKey;

    fn key() -> NodeKey {
        NodeKey::generate().expect("a key")
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint::sign(&key(), Head::of_nothing(), 7).expect("signed")
    }

    #[test]
    fn its_json_is_what_the_page_says() {
        let checkpoint = checkpoint();
        let json = serde_json::to_string(&checkpoint).expect("json");
        let names: Vec<_> =
            json.split('"').filter(|part| !part.contains([':', '{', '}'])).collect();
        let fields =
            ["chain", "format", "node", "public_key", "records", "root", "signature", "time_ms"];
        assert_eq!(names.iter().filter(|name| fields.contains(name)).count(), fields.len());
        assert!(fields.is_sorted(), "canonical");
        assert!(json.contains(r#""format":1,"node":"nod_"#), "{json}");
        assert_eq!(Checkpoint::parse(json.as_bytes()).ok(), Some(checkpoint));
    }

    #[test]
    fn it_is_signed_by_its_node_and_no_other() {
        let good = checkpoint();
        assert!(good.is_signed_by_its_node());
        let changes: [fn(&mut Checkpoint); 7] = [
            |it| it.chain.0[0] ^= 1,
            |it| it.format += 1,
            |it| it.node = NodeId::new(it.node.get() ^ 1),
            |it| it.public_key[31] ^= 1,
            |it| it.records += 1,
            |it| it.root.0[31] ^= 1,
            |it| it.time_ms += 1,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(!changed.is_signed_by_its_node(), "change {index}");
        }
        let another = Checkpoint::sign(&key(), good.head(), 7).expect("signed");
        let posing = Checkpoint { node: good.node, ..another };
        assert!(!posing.is_signed_by_its_node(), "another key is another node");
    }

    #[test]
    fn a_file_has_a_limit_and_a_shape() {
        assert!(matches!(
            Checkpoint::parse(&[b' '; CHECKPOINT_BYTES_MAX + 1]),
            Err(ParseCheckpointError::TooLong { .. })
        ));
        let error = Checkpoint::parse(b"{\"records\":1}").expect_err("not whole");
        assert!(error.to_string().contains("hint: give the file"), "{error}");
    }
}
