//! What is cut off from the gateway, by whom it was told and until when: one document for each target.
//!
//! INVARIANT: what is over is taken out by the next change; bounded: [`LIST_DOCUMENTS_MAX`] targets.
//!
//! Not here: what a target is, and what isolating it means (`gateway`).

use serde::{Deserialize, Serialize};

use crate::{Document, DocumentKind, LIST_DOCUMENTS_MAX, Store, StoreError};

const ISOLATION: DocumentKind = DocumentKind::new("isolation");
/// How often a change is tried again that another process was faster than.
const ATTEMPTS_MAX: u32 = 4;

/// Something that is cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationRecord {
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// What: `upstream:openai`.
    pub target: String,
    /// Until when, in milliseconds since 1970; until it is restored, if nothing is said.
    pub until_ms: Option<u64>,
    /// Why, in the words of who did it.
    pub why: String,
}

impl IsolationRecord {
    /// Whether it still holds.
    pub fn is_active(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IsolationBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    why: String,
}

/// The isolations of one data directory; clones share it.
#[derive(Clone, Debug)]
pub struct Isolations(Store);

impl Isolations {
    /// Those in `store`.
    pub const fn new(store: Store) -> Self {
        Self(store)
    }

    /// The store underneath.
    pub const fn store(&self) -> &Store {
        &self.0
    }

    /// Cuts `target` off; if it is cut off already, with these words and until then.
    pub async fn isolate(
        &self,
        target: &str,
        until_ms: Option<u64>,
        why: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        for over in self.list().await?.iter().filter(|one| !one.is_active(now_ms)) {
            self.restore(&over.target, now_ms).await?;
        }
        let count = self.0.count(ISOLATION).await?;
        if count >= u64::from(LIST_DOCUMENTS_MAX) {
            let (bytes, bytes_max) = (count as usize, LIST_DOCUMENTS_MAX as usize);
            return Err(StoreError::TooLarge { what: "the list of isolations", bytes, bytes_max });
        }
        let body = IsolationBody { until_ms, why: why.to_owned() };
        let body = serde_json::to_value(body).unwrap_or_default();
        let mut attempt = 1;
        loop {
            let changed = match self.0.get(ISOLATION, target).await? {
                Some(known) => self.0.put(ISOLATION, target, known.version, &body, now_ms).await,
                None => self.0.insert(ISOLATION, target, &body, now_ms).await,
            };
            match changed {
                Err(error) if attempt < ATTEMPTS_MAX && was_faster(&error) => attempt += 1,
                changed => return changed.map(drop),
            }
        }
    }

    /// Lets `target` be used again. Whether it was cut off.
    pub async fn restore(&self, target: &str, now_ms: u64) -> Result<bool, StoreError> {
        let Some(known) = self.0.get(ISOLATION, target).await? else { return Ok(false) };
        match self.0.delete(ISOLATION, target, known.version, now_ms).await {
            // Another process has just done it.
            Err(StoreError::NotFound { .. }) => Ok(false),
            deleted => deleted.map(|()| true),
        }
    }

    /// What is cut off or was until its time was over, in the order of targets.
    pub async fn list(&self) -> Result<Vec<IsolationRecord>, StoreError> {
        let documents = self.0.list(ISOLATION, None, LIST_DOCUMENTS_MAX).await?;
        documents.into_iter().map(read).collect()
    }
}

/// Whether another process changed the document in between.
const fn was_faster(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::AlreadyExists { .. }
            | StoreError::NotFound { .. }
            | StoreError::VersionConflict { .. }
    )
}

fn read(document: Document) -> Result<IsolationRecord, StoreError> {
    let Document { id, body, changed_ms, .. } = document;
    match serde_json::from_value::<IsolationBody>(body) {
        Ok(IsolationBody { until_ms, why }) => {
            Ok(IsolationRecord { since_ms: changed_ms, target: id, until_ms, why })
        }
        Err(error) => {
            Err(StoreError::Unreadable { kind: ISOLATION.as_str(), id, detail: error.to_string() })
        }
    }
}
