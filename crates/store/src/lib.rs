//! Control-plane state: versioned documents in SQLite; virtual keys, isolations, sealed secrets and break-glass on top.
//!
//! INVARIANT: no secret is stored in plain text; a virtual key is kept as an HMAC under a pepper that
//! lives in a file of its own, a provider's key encrypted. INVARIANT: every change raises one counter in the same transaction, so
//! another process notices it by reading one number. INVARIANT: features use the document operations
//! of [`Store`]; there is no SQL outside `document.rs` and `schema.rs`.
//!
//! Not here: the record of interactions (`journal`), anything a request waits for. The gateway
//! authenticates against a [`KeySnapshot`] in memory and never asks the database.

mod authenticate;
mod break_glass;
mod document;
mod error;
mod grant;
mod isolation;
mod keys;
mod mac;
mod quota;
mod schema;
mod sealed;
mod sealing;
mod secret_file;

pub use authenticate::{KeyRefusal, KeySnapshot};
pub use break_glass::{
    APPROVAL_MS_MAX, BREAK_GLASS_MS_MAX, BREAK_GLASS_RULES_MAX, BreakGlassError, BreakGlassRecord,
    BreakGlassRequest, BreakGlassRequests, BreakGlassState,
};
pub use document::{
    DOCUMENT_BYTES_MAX, DOCUMENT_ID_BYTES_MAX, Document, DocumentKind, DocumentVersion,
    HISTORY_VERSIONS_MAX, LIST_DOCUMENTS_MAX, Store,
};
pub use error::StoreError;
pub use grant::{GRANT_ENTRIES_MAX, GRANT_TEXT_BYTES_MAX, Grant, GrantError, GrantOptions};
pub use isolation::{IsolationRecord, Isolations};
pub use keys::{KEYS_MAX, KeyRecord, KeyStatus, KeysError, VirtualKeys};
pub use quota::Quota;
pub use sealed::{
    Rotation, RotationStep, SealedChange, SealedRecord, SealedSecrets, no_such_secret,
};
pub use sealing::{
    DataKey, KeyWrapper, LocalKey, SEALED_BYTES_MAX, SEALED_NAME_BYTES_MAX, SealError, Sealed,
    Sealing, WRAPPED_KEY_BYTES_MAX, WrapError, check_name,
};
pub use secret_file::{
    SECRET_BYTES, SecretFileError, load_or_create_secret, load_secret, parse_secret,
};
