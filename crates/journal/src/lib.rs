//! The append-only record: segments, hash chain, group commit, recovery, encrypted content.
//!
//! ```text
//! DATA/journal/NNNNNNNN.log        the record: canonical metadata, chained and sealed   (`segment`, `frame`)
//! DATA/journal/aside/              what recovery cut off the end; nothing is deleted    (`recover`)
//! DATA/content/                    what was said, encrypted, for a while                (`content`)
//! DATA/keys/node.pk8, content.key  the node's keys                                      (`keys`)
//! ```
//!
//! A gateway appends an event before it forwards anything ([`Journal::append`]: one `write`, so a killed process
//! loses nothing) and waits for the group commit before the first byte of any answer leaves
//! ([`Journal::synced`], so a power cut loses nothing that was answered).
//!
//! INVARIANT: an error of the writing side means "not on record": traffic fails closed. INVARIANT: one process
//! writes, any number read. INVARIANT: no content of any interaction is in the record itself.
//!
//! Not here: what an event says (`events`), projections of the record for querying (`store`, `lake`), how
//! records are printed and exported.

mod checkpoint;
mod commit;
mod content;
mod content_find;
mod disk;
mod error;
mod frame;
mod journal;
mod keys;
mod log;
pub mod read;
mod recover;
mod segment;
mod settings;
mod statement;
pub mod testing;
mod tree;
pub mod verify;
mod walk;

pub use checkpoint::{
    CHECKPOINT_BYTES_MAX, CHECKPOINT_FORMAT, Checkpoint, Head, ParseCheckpointError,
};
pub use content::{CONTENT_BYTES_MAX, Content, Expired, Part};
pub use disk::{Disk, DiskFile, DiskLock, DiskRead, FOLDER_NAMES_MAX, RealDisk};
pub use error::{JournalError, ReadError};
pub use frame::RECORD_BYTES_MAX;
pub use journal::{Journal, JournalStats, Ticket};
pub use read::{Position, Reader, Record, Records};
pub use recover::{Cut, Recovery};
pub use settings::{
    JournalSettings, OnDamage, SEAL_DELAY_MS_MAX, SEAL_INTERVAL_RECORDS_MAX, SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN, SyncMode,
};
pub use statement::{
    AnswerStatement, DECISION_BYTES_MAX, DECISION_FORMAT, DecisionStatement, Leaf,
    ParseDecisionError, RequestStatement, SignedDecision, sign_decision,
};
pub use verify::{VerifyReport, sign_checkpoint, verify};
