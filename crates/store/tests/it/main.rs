//! The store as its users see it: files on disk, several handles, damaged input.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "fixtures fail the test by panicking, and read only files they made"
)]

mod break_glass;
mod documents;
mod keys;
mod sealed;

use std::path::PathBuf;

use store::Store;

/// A data directory of its own, removed with the value.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("state.db")
    }

    fn pepper(&self) -> PathBuf {
        self.0.path().join("keys").join("pepper")
    }

    async fn open(&self) -> Store {
        Store::open(&self.database()).await.expect("the store opens")
    }
}
