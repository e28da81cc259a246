//! The node's own keys: one that signs, one that wraps content keys.
//!
//! `keys/node.pk8` is an Ed25519 key (PKCS#8, RFC 8410); `keys/content.key` is 32 random bytes. Both are
//! made on the first start, readable by the owner alone.
//!
//! INVARIANT: keys are made only where there is no record yet. A record without its keys is refused,
//! because a new key would sign on behalf of another node.

use std::path::{Path, PathBuf};

use events::NodeId;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use stdx::Secret;

use crate::disk::{self, Disk};
use crate::error::{JournalError, ReadError};
use crate::tree::sha256;

/// The folder of keys inside the data folder.
pub(crate) const KEYS_FOLDER: &str = "keys";
const NODE_KEY: &str = "node.pk8";
const CONTENT_KEY: &str = "content.key";

/// The 32 bytes that wrap content keys.
pub(crate) type MasterKey = Secret<[u8; 32]>;

/// The key a node signs with.
pub(crate) struct NodeKey {
    node: NodeId,
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl NodeKey {
    /// A new key, for tests of what is signed.
    #[cfg(test)]
    pub(crate) fn generate() -> Option<Self> {
        Self::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?.as_ref())
    }

    fn from_pkcs8(bytes: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(bytes).ok()?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().ok()?;
        Some(Self { node: node_of(&public), pair, public })
    }

    /// The id that follows from the public key.
    pub(crate) const fn node(&self) -> NodeId {
        self.node
    }

    /// The public key.
    pub(crate) const fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Ed25519 over the bytes.
    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(bytes).as_ref());
        signature
    }
}

/// The id of the node with this public key.
pub(crate) fn node_of(public_key: &[u8; 32]) -> NodeId {
    let digest = sha256(&[public_key]);
    NodeId::new(digest.0.first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight)))
}

/// The node's key; made if there is none and `may_create`.
pub(crate) fn node_key(
    disk: &dyn Disk,
    data: &Path,
    may_create: bool,
) -> Result<NodeKey, JournalError> {
    let make = || {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        Some(Secret::new(document.as_ref().to_vec()))
    };
    let bytes = load_or_make(disk, data, NODE_KEY, may_create, make)?;
    NodeKey::from_pkcs8(bytes.expose()).ok_or_else(|| JournalError::Keys {
        path: data.join(KEYS_FOLDER).join(NODE_KEY),
        detail: "it is not an Ed25519 key".into(),
    })
}

/// The key that wraps content keys; made if there is none and `may_create`.
pub(crate) fn master_key(
    disk: &dyn Disk,
    data: &Path,
    may_create: bool,
) -> Result<MasterKey, JournalError> {
    let make = || {
        let mut bytes = vec![0; 32];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Secret::new(bytes))
    };
    let bytes = load_or_make(disk, data, CONTENT_KEY, may_create, make)?;
    bytes.expose().as_slice().try_into().map(Secret::new).map_err(|_| JournalError::Keys {
        path: data.join(KEYS_FOLDER).join(CONTENT_KEY),
        detail: "it is not 32 bytes long".into(),
    })
}

/// The key that wraps content keys, for a reader, who never makes one.
pub(crate) fn read_master_key(disk: &dyn Disk, data: &Path) -> Result<MasterKey, ReadError> {
    let path = data.join(KEYS_FOLDER).join(CONTENT_KEY);
    let failed = |path: PathBuf, detail: String| ReadError::Keys { path, detail };
    let bytes = match disk::read_small(disk, &path) {
        Ok(bytes) => Secret::new(bytes),
        Err(error) => return Err(failed(path, error.to_string())),
    };
    let key = bytes.expose().as_slice().try_into().map(Secret::new);
    key.map_err(|_| failed(path, "it is not 32 bytes long".into()))
}

fn load_or_make(
    disk: &dyn Disk,
    data: &Path,
    name: &str,
    may_create: bool,
    make: impl FnOnce() -> Option<Secret<Vec<u8>>>,
) -> Result<Secret<Vec<u8>>, JournalError> {
    let folder = data.join(KEYS_FOLDER);
    let path = folder.join(name);
    match disk::read_small(disk, &path) {
        Ok(bytes) => return Ok(Secret::new(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_create => {}
        Err(error) => return Err(JournalError::Keys { path, detail: error.to_string() }),
    }
    let bytes = make().ok_or(JournalError::Cryptography { doing: "making a key" })?;
    disk::write_whole(disk, &folder, name, bytes.expose())
        .map_err(JournalError::file("write", &path))?;
    Ok(bytes)
}
