//! The data folder: what lives where, and opening it.
//!
//! ```text
//! DATA/                   mode 0700
//! DATA/first-key.txt      the first virtual key, mode 0600; yours to move
//! DATA/state.db           control-plane documents (SQLite)
//! DATA/keys/pepper        the pepper of virtual keys
//! DATA/keys/sealing       the key that sealed secrets are encrypted with, unless another is configured
//! DATA/keys/identity      the key under which end users, conversations and masks are hashed
//! DATA/baselines.bin       what is ordinary traffic, as learnt; without it, it is learnt anew
//! DATA/campaigns.json      what belongs together, while it may go on; without it, it is recognised anew
//! DATA/protected/NAME.corpus  fingerprints of protected documents
//! DATA/keys/…, journal/, content/   the record's own
//! ```
//!
//! INVARIANT: a folder is made only by commands that begin something; commands that read never leave
//! one behind.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use stdx::Secret;
use store::{
    KeysError, SECRET_BYTES, Store, StoreError, VirtualKeys, load_or_create_secret, load_secret,
};

use crate::exit::Failure;
use crate::protected::Protected;

/// A data folder that exists.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Makes the folder if it is missing.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| {
            let message = format!("cannot make the data folder `{}`: {error}", path.display());
            Failure::environment(message, "choose another folder with `--data DIR`")
        })?;
        let data = Self::open(path)?;
        let mode = std::fs::metadata(path).map_or(0, |data| data.permissions().mode());
        if mode & 0o007 != 0 {
            crate::output::note(&format!(
                "warning: everybody on this machine can open the data folder `{}`; \
                 hint: chmod 700 it",
                path.display()
            ));
        }
        Ok(data)
    }

    /// A folder that must be there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let metadata = std::fs::metadata(path).map_err(|error| {
            let message = format!("cannot open the data folder `{}`: {error}", path.display());
            let help = "`bartizan up` makes it on its first start; name another with `--data DIR`";
            Failure::environment(message, help)
        })?;
        if !metadata.is_dir() {
            let message = format!("the data folder `{}` is not a folder", path.display());
            return Err(Failure::environment(message, "choose another with `--data DIR`"));
        }
        Ok(Self(path.to_path_buf()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn first_key_file(&self) -> PathBuf {
        self.0.join("first-key.txt")
    }

    /// What the baselines have learnt.
    pub(crate) fn baselines_file(&self) -> PathBuf {
        self.0.join("baselines.bin")
    }

    /// What is known of campaigns under way.
    pub(crate) fn campaigns_file(&self) -> PathBuf {
        self.0.join("campaigns.json")
    }

    /// The fingerprints of protected documents.
    pub(crate) fn protected(&self) -> Protected {
        Protected::new(self.0.join("protected"))
    }

    /// The control-plane documents of this folder.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        Store::open(&self.0.join("state.db")).await.map_err(store_failure)
    }

    /// The virtual keys of this folder.
    pub(crate) async fn keys(&self) -> Result<VirtualKeys, Failure> {
        let store = self.store().await?;
        let pepper = self.0.join("keys").join("pepper");
        VirtualKeys::open(store, &pepper, crate::time::now_ms()).await.map_err(keys_failure)
    }

    /// Whether anything that knows keys was ever written here.
    pub(crate) fn has_state(&self) -> bool {
        self.0.join("state.db").exists()
    }

    /// The folder's own sealing key; made only if `may_create`: a new one opens nothing that is there.
    pub(crate) fn sealing_secret(
        &self,
        may_create: bool,
    ) -> Result<Secret<[u8; SECRET_BYTES]>, Failure> {
        let path = self.0.join("keys").join("sealing");
        let load = if may_create { load_or_create_secret } else { load_secret };
        load(&path).map_err(|error| {
            let help =
                "restore the `keys` folder from its copy, or name the key in `[secrets] key`";
            Failure::environment(error, help)
        })
    }

    /// The key under which end users, conversations and masks are hashed.
    pub(crate) fn identity_secret(&self) -> Result<Secret<[u8; SECRET_BYTES]>, Failure> {
        load_or_create_secret(&self.0.join("keys").join("identity"))
            .map_err(|error| keys_failure(error.into()))
    }
}

/// What to do about a store that failed.
pub(crate) fn store_failure(error: StoreError) -> Failure {
    let help = match &error {
        StoreError::Open { .. } => {
            "check the folder's permissions, or choose another with `--data DIR`"
        }
        StoreError::Corrupt { .. } => "restore `state.db` from a copy; the record is not affected",
        StoreError::Foreign { .. } => "move it away, or choose another folder with `--data DIR`",
        StoreError::SchemaTooNew { .. } => "run the newer Bartizan that wrote it",
        StoreError::Busy { .. } => "try again in a moment",
        StoreError::NotFound { .. } => "somebody removed it meanwhile: look again",
        StoreError::AlreadyExists { .. } => "somebody made it meanwhile: look again",
        StoreError::VersionConflict { .. } => "look again, and repeat it if it is still wanted",
        _ => "check that the disk has space and is writable",
    };
    Failure::environment(error, help)
}

/// What to do about an operation on keys that failed.
pub(crate) fn keys_failure(error: KeysError) -> Failure {
    let help = match error {
        KeysError::Store(StoreError::NotFound { .. }) => {
            return Failure::usage(error, "`bartizan keys list` shows the ids of keys");
        }
        KeysError::Store(error) => return store_failure(error),
        KeysError::Grant(_) => return Failure::usage(error, "see `bartizan keys create --help`"),
        KeysError::RotateRevoked { .. } => {
            return Failure::usage(error, "make another with `bartizan keys create`");
        }
        KeysError::Pepper(store::SecretFileError::Exposed { .. }) => {
            "if nobody else read it: chmod 600 it; otherwise make new keys in a new data folder"
        }
        KeysError::Pepper(_) | KeysError::PepperMismatch { .. } => {
            "restore the `keys` folder from the copy that belongs to this data folder"
        }
        KeysError::TooMany { .. } => "keys are for applications, not for end users",
        KeysError::NoRandomness => "check that the system's random source works",
    };
    Failure::environment(error, help)
}
