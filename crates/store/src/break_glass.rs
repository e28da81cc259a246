//! Requests to let rules go for a while: asked for with one key, approved with another, begun and ended by the gateway.
//!
//! INVARIANT: nobody approves what was asked for with the same key. INVARIANT: what was asked for is approved within
//! [`APPROVAL_MS_MAX`] or never, and lets go for [`BREAK_GLASS_MS_MAX`] at most. INVARIANT: what has ended stays so, and nothing
//! makes it longer: more time is another request.
//!
//! Not here: letting go (`gateway`), that keys are right (`VirtualKeys`).

use events::KeyId;
use policy::ExceptionScope;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::{Document, DocumentKind, LIST_DOCUMENTS_MAX, Store, StoreError};

/// The longest that rules can be let go at a time, in milliseconds: four hours.
pub const BREAK_GLASS_MS_MAX: u64 = 4 * 60 * 60 * 1000;
/// How long a request waits for its approval, and an approval for its beginning, in milliseconds.
pub const APPROVAL_MS_MAX: u64 = 15 * 60 * 1000;
/// Rules of one request.
pub const BREAK_GLASS_RULES_MAX: usize = 16;

const BREAK_GLASS: DocumentKind = DocumentKind::new("break-glass");

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassRequest {
    /// The key that asks.
    pub by: KeyId,
    /// The ids of the rules that are let go.
    pub rules: Vec<String>,
    /// For whom and what.
    pub scope: ExceptionScope,
    /// For how long, in milliseconds.
    pub time_ms: u64,
    /// Why, in the words of who asks.
    pub why: String,
}

/// How far it has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum BreakGlassState {
    /// It waits for its approval.
    Requested,
    /// It waits for a gateway.
    Approved {
        /// When, in milliseconds since 1970.
        at_ms: u64,
        /// The key that approved.
        by: KeyId,
    },
    /// A gateway has let go.
    Begun {
        /// When, in milliseconds since 1970.
        at_ms: u64,
        /// The key that approved.
        by: KeyId,
    },
    /// It is over.
    Ended {
        /// Who or what ended it: a key, `expiry`, `reload`, `restart`, `lapsed`, `policy`; `record`, if its beginning could not be
        /// recorded.
        by: String,
    },
}

impl BreakGlassState {
    /// The name in listings.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved { .. } => "approved",
            Self::Begun { .. } => "begun",
            Self::Ended { .. } => "ended",
        }
    }
}

/// A request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlassRecord {
    /// When it was asked for, in milliseconds since 1970.
    pub asked_ms: u64,
    /// What people and records call it.
    pub id: String,
    /// What is asked for.
    pub request: BreakGlassRequest,
    /// How far it has got.
    pub state: BreakGlassState,
    /// The version of its document.
    pub version: u64,
}

/// A request that is refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BreakGlassError {
    /// It asks for what nobody can have. The caller's mistake.
    #[error("{0}")]
    Malformed(String),
    /// Two different keys are needed.
    #[error("it was asked for with the key {0}: another has to approve it")]
    SameKey(KeyId),
    /// It is too late, or was begun by a clock that was wrong.
    #[error("it was asked for more than {} minutes ago, or in the future: ask again", APPROVAL_MS_MAX / 60_000)]
    TooLate,
    /// It is no longer, or not yet, what it has to be.
    #[error("`{id}` is {state}")]
    WrongState {
        /// Which.
        id: String,
        /// What it is.
        state: &'static str,
    },
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    request: BreakGlassRequest,
    state: BreakGlassState,
}

/// The requests of one data directory; clones share it.
#[derive(Clone, Debug)]
pub struct BreakGlassRequests(Store);

impl BreakGlassRequests {
    /// Those in `store`.
    pub const fn new(store: Store) -> Self {
        Self(store)
    }

    /// The store underneath.
    pub const fn store(&self) -> &Store {
        &self.0
    }

    /// Asks.
    pub async fn ask(
        &self,
        request: BreakGlassRequest,
        now_ms: u64,
    ) -> Result<BreakGlassRecord, BreakGlassError> {
        let malformed = |what: String| Err(BreakGlassError::Malformed(what));
        if !(1..=BREAK_GLASS_RULES_MAX).contains(&request.rules.len()) {
            return malformed(format!("name 1 to {BREAK_GLASS_RULES_MAX} rules"));
        }
        if request.scope == ExceptionScope::default() {
            return malformed("without a scope it would be for everybody".to_owned());
        }
        if !(1..=BREAK_GLASS_MS_MAX).contains(&request.time_ms) {
            let minutes = BREAK_GLASS_MS_MAX / 60_000;
            return malformed(format!("it can be for up to {minutes} minutes"));
        }
        for over in self.list().await? {
            if matches!(over.state, BreakGlassState::Ended { .. }) {
                self.0.delete(BREAK_GLASS, &over.id, over.version, now_ms).await?;
            }
        }
        let mut id = [0; 4];
        SystemRandom::new().fill(&mut id).map_err(|_| BreakGlassError::NoRandomness)?;
        let id = format!("{:08x}", u32::from_be_bytes(id));
        let body = to_json(&Body { request, state: BreakGlassState::Requested });
        Ok(read(self.0.insert(BREAK_GLASS, &id, &body, now_ms).await?)?)
    }

    /// Approves, with another key than asked.
    pub async fn approve(
        &self,
        id: &str,
        by: KeyId,
        now_ms: u64,
    ) -> Result<BreakGlassRecord, BreakGlassError> {
        let record = self.known(id).await?;
        if record.state != BreakGlassState::Requested {
            return Err(wrong_state(&record));
        }
        if record.request.by == by {
            return Err(BreakGlassError::SameKey(by));
        }
        // What was asked for in the future was asked for by another clock.
        if now_ms.checked_sub(record.asked_ms).is_none_or(|waited| waited > APPROVAL_MS_MAX) {
            return Err(BreakGlassError::TooLate);
        }
        self.put(record, BreakGlassState::Approved { at_ms: now_ms, by }, now_ms).await
    }

    /// Ends it, whatever it is.
    pub async fn end(
        &self,
        id: &str,
        by: &str,
        now_ms: u64,
    ) -> Result<BreakGlassRecord, BreakGlassError> {
        let record = self.known(id).await?;
        if matches!(record.state, BreakGlassState::Ended { .. }) {
            return Err(wrong_state(&record));
        }
        self.put(record, BreakGlassState::Ended { by: by.to_owned() }, now_ms).await
    }

    /// Writes what became of a record that is still at the version that it says.
    pub async fn put(
        &self,
        record: BreakGlassRecord,
        state: BreakGlassState,
        now_ms: u64,
    ) -> Result<BreakGlassRecord, BreakGlassError> {
        let BreakGlassRecord { id, request, version, .. } = record;
        let body = to_json(&Body { request, state });
        Ok(read(self.0.put(BREAK_GLASS, &id, version, &body, now_ms).await?)?)
    }

    /// All that are known, in the order of their ids; at most [`LIST_DOCUMENTS_MAX`].
    pub async fn list(&self) -> Result<Vec<BreakGlassRecord>, StoreError> {
        let documents = self.0.list(BREAK_GLASS, None, LIST_DOCUMENTS_MAX).await?;
        documents.into_iter().map(read).collect()
    }

    async fn known(&self, id: &str) -> Result<BreakGlassRecord, StoreError> {
        let found = self.0.get(BREAK_GLASS, id).await?.map(read).transpose()?;
        let (kind, id) = (BREAK_GLASS.as_str(), id.to_owned());
        found.ok_or(StoreError::NotFound { kind, id })
    }
}

fn wrong_state(record: &BreakGlassRecord) -> BreakGlassError {
    BreakGlassError::WrongState { id: record.id.clone(), state: record.state.as_str() }
}

/// Serialising strings and numbers into a JSON value cannot fail; were it to, the empty value would be refused when it
/// is read back.
fn to_json(body: &Body) -> serde_json::Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn read(document: Document) -> Result<BreakGlassRecord, StoreError> {
    let Document { id, version, body, created_ms, .. } = document;
    match serde_json::from_value::<Body>(body) {
        Ok(Body { request, state }) => {
            Ok(BreakGlassRecord { asked_ms: created_ms, id, request, state, version })
        }
        Err(error) => {
            let detail = error.to_string();
            Err(StoreError::Unreadable { kind: BREAK_GLASS.as_str(), id, detail })
        }
    }
}
