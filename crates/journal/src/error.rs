//! What can go wrong, whose fault it is, and what to do.
//!
//! INVARIANT: every error of the writing side means "this is not on record", so the caller must not
//! let the message pass: traffic fails closed. INVARIANT: a message ends with what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opening, appending, syncing and keeping content. All of them fail closed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process writes here. Not retried.
    #[error("`{}` is in use by another process; hint: stop it, or choose another data folder", .dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },
    /// The environment: a file could not be made, read or renamed. Worth retrying once repaired.
    #[error("could not {doing} `{}`: {source}; hint: check that the folder exists, is writable and has space", .path.display())]
    File {
        /// What was being done: `read`, `create`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The record could not be written; nothing of it is left in the file. Later appends may succeed,
    /// once there is space again.
    #[error("could not write to `{}`: {source}; hint: free space on that disk; appends succeed again by themselves", .path.display())]
    Write {
        /// The segment or content file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What had been synced cannot be read any more, or does not follow from what is before it.
    #[error("`{}` is damaged at byte {offset}, where record {sequence} was expected: {detail}; hint: run `bartizan log verify`; restore the file from a copy, or start once with damage set aside (the records after it move to `journal/aside/`)", .path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// The sequence number expected there.
        sequence: u64,
        /// Where, in bytes from the start of the segment.
        offset: u64,
        /// What is wrong.
        detail: String,
    },
    /// The record is there but the keys that sign and encrypt it are not, or cannot be read.
    #[error("the key `{}` is missing or unreadable: {detail}; hint: restore the `keys` folder from a copy, or move `journal` away to begin a new record", .path.display())]
    Keys {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// `fdatasync` failed, or a partial write could not be taken back. The kernel may have dropped
    /// data that it reported as written, so nothing is accepted until the process starts anew and has
    /// read back what is really there.
    #[error("the journal has stopped: {reason}; hint: check the disk, then restart")]
    Stopped {
        /// The first failure.
        reason: Arc<str>,
    },
    /// [`crate::Journal::close`] was called.
    #[error("the journal is closed")]
    Closed,
    /// The caller's fault: an event beyond [`crate::RECORD_BYTES_MAX`].
    #[error("an event of {bytes} bytes is too long to record; hint: at most {max} bytes")]
    EventTooLong {
        /// Its canonical bytes.
        bytes: usize,
        /// [`crate::RECORD_BYTES_MAX`].
        max: usize,
    },
    /// The caller's fault: content beyond [`crate::CONTENT_BYTES_MAX`].
    #[error("content of {bytes} bytes is too long to keep; hint: at most {max} bytes")]
    ContentTooLong {
        /// Its bytes.
        bytes: usize,
        /// [`crate::CONTENT_BYTES_MAX`].
        max: usize,
    },
    /// Ours: an event could not be written as JSON.
    #[error("an event could not be written in canonical form: {0}")]
    Encode(#[from] serde_json::Error),
    /// Ours or the machine's: no randomness, or a cipher refused.
    #[error("cryptography failed while {doing}; hint: check that the system's random source works")]
    Cryptography {
        /// What was being done.
        doing: &'static str,
    },
    /// A checkpoint was asked for over a record that does not verify. Nothing was signed.
    #[error(
        "the record does not verify, so no checkpoint was signed: {detail}; hint: run `bartizan log verify`"
    )]
    NotIntact {
        /// The first fault.
        detail: String,
    },
    /// Reading it back failed while a checkpoint was made.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl JournalError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing, path: path.to_path_buf(), source }
    }
}

/// Reading and verifying. None of these change what is on disk.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The environment: a file could not be read.
    #[error("could not read `{}`: {source}; hint: check the path and its permissions", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The bytes are not a record. Not retried.
    #[error("`{}` cannot be read at byte {offset}: {detail}; hint: run `bartizan log verify`", .path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where, in bytes from the start of the segment.
        offset: u64,
        /// What is wrong.
        detail: String,
    },
    /// The record is intact but of a shape this version does not know.
    #[error(
        "record {sequence} is of a shape this version does not know: {source}; hint: read it with the version that wrote it"
    )]
    Shape {
        /// Its sequence number.
        sequence: u64,
        /// Why it could not be read.
        source: serde_json::Error,
    },
    /// The content is there but the key that opens it is not.
    #[error("the key `{}` is missing or unreadable, so content cannot be opened: {detail}; hint: read it as the user who runs the gateway", .path.display())]
    Keys {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The content was changed since it was kept, or opened with another key.
    #[error("the content in `{}` at byte {offset} is not what was kept; hint: restore the file from a copy", .path.display())]
    ContentChanged {
        /// The content file.
        path: PathBuf,
        /// Where, in bytes.
        offset: u64,
    },
}

impl ReadError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.to_path_buf(), source }
    }
}
