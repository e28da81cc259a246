//! Control-plane state: versioned documents in SQLite, virtual keys and isolations on top of them.
//!
//! INVARIANT: no secret is stored in plain text; a virtual key is kept as an HMAC under a pepper that
//! lives in a file of its own. INVARIANT: every change raises one counter in the same transaction, so
//! another process notices it by reading one number. INVARIANT: features use the document operations
//! of [`Store`]; there is no SQL outside `document.rs` and `schema.rs`.
//!
//! Not here: the record of interactions (`journal`), anything a request waits for. The gateway
//! authenticates against a [`KeySnapshot`] in memory and never asks the database.

mod authenticate;
mod document;
mod error;
mod grant;
mod isolation;
mod keys;
mod mac;
mod quota;
mod schema;
mod secret_file;

pub use authenticate::{KeyRefusal, KeySnapshot};
pub use document::{
    DOCUMENT_BYTES_MAX, DOCUMENT_ID_BYTES_MAX, Document, DocumentKind, DocumentVersion,
    HISTORY_VERSIONS_MAX, LIST_DOCUMENTS_MAX, Store,
};
pub use error::StoreError;
pub use grant::{GRANT_ENTRIES_MAX, GRANT_TEXT_BYTES_MAX, Grant, GrantError, GrantOptions};
pub use isolation::{IsolationRecord, Isolations};
pub use keys::{KEYS_MAX, KeyRecord, KeyStatus, KeysError, VirtualKeys};
pub use quota::Quota;
pub use secret_file::{SECRET_BYTES, SecretFileError, load_or_create_secret};
