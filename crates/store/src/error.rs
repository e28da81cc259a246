//! What can go wrong with the document store, whose fault it is, and whether to try again.
//!
//! INVARIANT: every message names the file, because the reader has more than one. None of these lets
//! traffic through: the gateway keeps the last snapshot it read, and refuses to start without one.

use std::path::{Path, PathBuf};

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be created or opened. The environment's fault.
    #[error("cannot open the database `{}`: {source}", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, or is not a database. Not retryable.
    #[error("the database `{}` is damaged: {detail}", path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// A healthy SQLite file that another program made.
    #[error("the database `{}` was not made by Bartizan", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// Written by a newer Bartizan. Not retryable.
    #[error(
        "the database `{}` has schema version {found}, this program knows up to {known}",
        path.display()
    )]
    SchemaTooNew {
        /// The database file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Another process held the write lock for longer than the busy timeout. Retryable.
    #[error("the database `{}` is in use by another process", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// Anything else that SQLite reports: a full disk, a read-only file.
    #[error("the database `{}` failed: {source}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A document with this kind and id exists. The caller's fault.
    #[error("{kind} `{id}` exists already")]
    AlreadyExists {
        /// The kind of document.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// There is no such document. The caller's fault.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// The kind of document.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// Somebody else changed the document first. Retryable: read it again and decide again.
    #[error("{kind} `{id}` is at version {found}, not {expected}: somebody else changed it")]
    VersionConflict {
        /// The kind of document.
        kind: &'static str,
        /// Its id.
        id: String,
        /// The version the caller had read.
        expected: u64,
        /// The version in the store.
        found: u64,
    },
    /// The document or its id is larger than the store takes. The caller's fault.
    #[error("{what} has {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// The body or the id.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A stored document cannot be read back: written by something else, or damaged.
    #[error("{kind} `{id}` cannot be read: {detail}")]
    Unreadable {
        /// The kind of document.
        kind: &'static str,
        /// Its id.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// SQLite's primary result codes, from <https://www.sqlite.org/rescode.html>.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

impl StoreError {
    /// Sorts what SQLite reports by what the reader can do about it.
    pub(crate) fn from_sqlx(path: &Path, error: sqlx::Error) -> Self {
        let path = path.to_path_buf();
        match primary_code(&error) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy { path },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => {
                Self::Corrupt { path, detail: error.to_string() }
            }
            Some(SQLITE_CANTOPEN) => {
                Self::Open { path, source: std::io::Error::other(error.to_string()) }
            }
            _ => Self::Database { path, source: Box::new(error) },
        }
    }
}

/// The low byte of the extended result code, which says the family of the failure.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
