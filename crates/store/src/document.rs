//! Versioned documents: a dozen operations that every control-plane feature shares.
//!
//! A document has a kind, an id, a version and a JSON body. Writers say which version they read
//! (optimistic concurrency), so two administrators cannot silently overwrite each other.
//!
//! INVARIANT: every change runs in one write transaction that also appends to the history and raises
//! the change counter. INVARIANT: a version number is never used twice for one id, even across a
//! deletion. INVARIANT: SQLite runs in WAL mode with full synchronisation: a change that was
//! acknowledged survives a power cut, and readers never wait for writers. INVARIANT: of kinds without
//! history nothing is kept but the current body; freed pages are written over.
//!
//! Not here: what the documents mean.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Row as _, Sqlite, SqlitePool, Transaction};

use crate::{StoreError, schema};

/// The largest body, in bytes of JSON.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// The longest id, in bytes.
pub const DOCUMENT_ID_BYTES_MAX: usize = 200;
/// Versions of one document that the history keeps; older ones are dropped.
pub const HISTORY_VERSIONS_MAX: u32 = 100;
/// Documents that one `list` returns at most.
pub const LIST_DOCUMENTS_MAX: u32 = 1000;

const CONNECTIONS_MAX: u32 = 2;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite reports `busy` at once, without waiting, while another process switches a new file to WAL.
const OPEN_ATTEMPTS_MAX: u32 = 20;
const OPEN_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A family of documents, as its owner names it: `virtual key`. Also the word in error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentKind {
    /// Whether what was written before is kept.
    keeps_history: bool,
    name: &'static str,
}

impl DocumentKind {
    /// A kind; the name is stored, so it never changes.
    pub const fn new(name: &'static str) -> Self {
        Self { keeps_history: true, name }
    }

    /// A kind whose history says when it was changed and not what was there: what is replaced or deleted is gone.
    pub const fn without_history(name: &'static str) -> Self {
        Self { keeps_history: false, name }
    }

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// What the history keeps of a body.
    const fn kept(self, body: Option<&str>) -> Option<&str> {
        if self.keeps_history || body.is_none() { body } else { Some("null") }
    }
}

/// A document as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Unique among the documents of its kind.
    pub id: String,
    /// Raised by every change, from 1.
    pub version: u64,
    /// The content.
    pub body: Value,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub changed_ms: u64,
}

/// A document as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentVersion {
    /// Which version this was.
    pub version: u64,
    /// The content, or `None` if this version is the deletion; `null` where the kind keeps no history.
    pub body: Option<Value>,
    /// When this version was written, in milliseconds since 1970.
    pub changed_ms: u64,
}

/// A handle on the database; clones share it. See the module.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    path: Arc<PathBuf>,
}

impl Store {
    /// Opens the database, makes it if it is missing (mode 0600) and brings its schema up to date.
    /// The folder must exist.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        opened.map_err(|source| StoreError::Open { path: path.to_path_buf(), source })?;
        let mut attempt = 1;
        loop {
            match Self::connect(path).await {
                Err(StoreError::Busy { .. }) if attempt < OPEN_ATTEMPTS_MAX => {
                    attempt += 1;
                    tokio::time::sleep(OPEN_RETRY_DELAY).await;
                }
                result => return result,
            }
        }
    }

    async fn connect(path: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::from_sqlx(path, error);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What was deleted or replaced may be a sealed key: its bytes are written over.
            .pragma("secure_delete", "ON")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(failed)?;
        let store = Self { pool, path: Arc::new(path.to_path_buf()) };
        let mut transaction = store.begin().await?;
        schema::migrate(&mut transaction, path).await?;
        let check: String = sqlx::query("PRAGMA quick_check(1)")
            .fetch_one(&mut *transaction)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(failed)?;
        if check != "ok" {
            return Err(StoreError::Corrupt { path: path.to_path_buf(), detail: check });
        }
        transaction.commit().await.map_err(failed)?;
        Ok(store)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the connections and folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// How many changes there have been, by any process. Compare for equality only.
    pub async fn changes(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT value FROM change_counter").fetch_one(&self.pool).await;
        let value: i64 = row.and_then(|row| row.try_get(0)).map_err(self.failed())?;
        Ok(value.cast_unsigned())
    }

    /// The document, or `None`.
    pub async fn get(&self, kind: DocumentKind, id: &str) -> Result<Option<Document>, StoreError> {
        let row = sqlx::query(
            "SELECT id, version, body, created_ms, changed_ms FROM document
             WHERE kind = ? AND id = ?",
        )
        .bind(kind.as_str())
        .bind(id)
        .fetch_optional(&self.pool)
        .await
        .map_err(self.failed())?;
        row.map(|row| self.read_document(kind, &row)).transpose()
    }

    /// How many documents of this kind there are.
    pub async fn count(&self, kind: DocumentKind) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COUNT(*) FROM document WHERE kind = ?")
            .bind(kind.as_str())
            .fetch_one(&self.pool)
            .await;
        let count: i64 = row.and_then(|row| row.try_get(0)).map_err(self.failed())?;
        Ok(count.cast_unsigned())
    }

    /// Documents in the order of their ids, from the first id greater than `after`; at most `limit`
    /// and never more than [`LIST_DOCUMENTS_MAX`].
    pub async fn list(
        &self,
        kind: DocumentKind,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, version, body, created_ms, changed_ms FROM document
             WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(kind.as_str())
        .bind(after.unwrap_or_default())
        .bind(limit.min(LIST_DOCUMENTS_MAX))
        .fetch_all(&self.pool)
        .await
        .map_err(self.failed())?;
        rows.iter().map(|row| self.read_document(kind, row)).collect()
    }

    /// The versions of a document, newest first, deletions included.
    pub async fn history(
        &self,
        kind: DocumentKind,
        id: &str,
    ) -> Result<Vec<DocumentVersion>, StoreError> {
        let rows = sqlx::query(
            "SELECT version, body, changed_ms FROM document_version
             WHERE kind = ? AND id = ? ORDER BY version DESC LIMIT ?",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(HISTORY_VERSIONS_MAX)
        .fetch_all(&self.pool)
        .await
        .map_err(self.failed())?;
        let read = |row: &SqliteRow| -> Result<DocumentVersion, StoreError> {
            let body: Option<String> = row.try_get(1).map_err(self.failed())?;
            Ok(DocumentVersion {
                version: whole(row, 0).map_err(self.failed())?,
                body: body.map(|body| parse_body(kind, id, &body)).transpose()?,
                changed_ms: whole(row, 2).map_err(self.failed())?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Adds a document that must not exist.
    pub async fn insert(
        &self,
        kind: DocumentKind,
        id: &str,
        body: &Value,
        now_ms: u64,
    ) -> Result<Document, StoreError> {
        let text = checked(id, body)?;
        let mut transaction = self.begin().await?;
        if self.current(&mut transaction, kind, id).await?.is_some() {
            return Err(StoreError::AlreadyExists { kind: kind.as_str(), id: id.to_owned() });
        }
        let row = sqlx::query(
            "SELECT COALESCE(MAX(version), 0) FROM document_version WHERE kind = ? AND id = ?",
        )
        .bind(kind.as_str())
        .bind(id)
        .fetch_one(&mut *transaction)
        .await
        .map_err(self.failed())?;
        let version = whole(&row, 0).map_err(self.failed())? + 1;
        sqlx::query(
            "INSERT INTO document (kind, id, version, body, created_ms, changed_ms)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(version.cast_signed())
        .bind(&text)
        .bind(now_ms.cast_signed())
        .bind(now_ms.cast_signed())
        .execute(&mut *transaction)
        .await
        .map_err(self.failed())?;
        self.finish(transaction, kind, id, version, Some(&text), now_ms).await?;
        let (id, body) = (id.to_owned(), body.clone());
        Ok(Document { id, version, body, created_ms: now_ms, changed_ms: now_ms })
    }

    /// Replaces the body of a document that is still at version `expected`.
    pub async fn put(
        &self,
        kind: DocumentKind,
        id: &str,
        expected: u64,
        body: &Value,
        now_ms: u64,
    ) -> Result<Document, StoreError> {
        let text = checked(id, body)?;
        let mut transaction = self.begin().await?;
        let created_ms = self.expect_version(&mut transaction, kind, id, expected).await?;
        let version = expected + 1;
        sqlx::query(
            "UPDATE document SET version = ?, body = ?, changed_ms = ? WHERE kind = ? AND id = ?",
        )
        .bind(version.cast_signed())
        .bind(&text)
        .bind(now_ms.cast_signed())
        .bind(kind.as_str())
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(self.failed())?;
        self.finish(transaction, kind, id, version, Some(&text), now_ms).await?;
        let (id, body) = (id.to_owned(), body.clone());
        Ok(Document { id, version, body, created_ms, changed_ms: now_ms })
    }

    /// Removes a document that is still at version `expected`. Its history stays.
    pub async fn delete(
        &self,
        kind: DocumentKind,
        id: &str,
        expected: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        self.expect_version(&mut transaction, kind, id, expected).await?;
        sqlx::query("DELETE FROM document WHERE kind = ? AND id = ?")
            .bind(kind.as_str())
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(self.failed())?;
        self.finish(transaction, kind, id, expected + 1, None, now_ms).await
    }

    /// A transaction that takes the write lock at once, so that what it reads cannot change under it.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed())
    }

    /// The version and the time of making of a document, if it exists.
    async fn current(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        kind: DocumentKind,
        id: &str,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let row = sqlx::query("SELECT version, created_ms FROM document WHERE kind = ? AND id = ?")
            .bind(kind.as_str())
            .bind(id)
            .fetch_optional(&mut **transaction)
            .await
            .map_err(self.failed())?;
        row.map(|row| Ok((whole(&row, 0)?, whole(&row, 1)?))).transpose().map_err(self.failed())
    }

    /// The time of making of a document that is at version `expected`.
    async fn expect_version(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        kind: DocumentKind,
        id: &str,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let (kind_name, id_owned) = (kind.as_str(), id.to_owned());
        match self.current(transaction, kind, id).await? {
            None => Err(StoreError::NotFound { kind: kind_name, id: id_owned }),
            Some((found, created_ms)) if found == expected => Ok(created_ms),
            Some((found, _)) => {
                Err(StoreError::VersionConflict { kind: kind_name, id: id_owned, expected, found })
            }
        }
    }

    /// Appends to the history, trims it, raises the counter and commits.
    async fn finish(
        &self,
        mut transaction: Transaction<'static, Sqlite>,
        kind: DocumentKind,
        id: &str,
        version: u64,
        body: Option<&str>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO document_version (kind, id, version, body, changed_ms)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(kind.as_str())
        .bind(id)
        .bind(version.cast_signed())
        .bind(kind.kept(body))
        .bind(now_ms.cast_signed())
        .execute(&mut *transaction)
        .await
        .map_err(self.failed())?;
        sqlx::query("DELETE FROM document_version WHERE kind = ? AND id = ? AND version <= ?")
            .bind(kind.as_str())
            .bind(id)
            .bind(version.cast_signed() - i64::from(HISTORY_VERSIONS_MAX))
            .execute(&mut *transaction)
            .await
            .map_err(self.failed())?;
        sqlx::query("UPDATE change_counter SET value = value + 1")
            .execute(&mut *transaction)
            .await
            .map_err(self.failed())?;
        transaction.commit().await.map_err(self.failed())
    }

    fn read_document(&self, kind: DocumentKind, row: &SqliteRow) -> Result<Document, StoreError> {
        let id: String = row.try_get(0).map_err(self.failed())?;
        let body: String = row.try_get(2).map_err(self.failed())?;
        Ok(Document {
            version: whole(row, 1).map_err(self.failed())?,
            body: parse_body(kind, &id, &body)?,
            created_ms: whole(row, 3).map_err(self.failed())?,
            changed_ms: whole(row, 4).map_err(self.failed())?,
            id,
        })
    }

    fn failed(&self) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        |error| StoreError::from_sqlx(&self.path, error)
    }
}

/// SQLite's integers are signed; ours are counts and times that were written from `u64`.
fn whole(row: &SqliteRow, column: usize) -> Result<u64, sqlx::Error> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned)
}

fn parse_body(kind: DocumentKind, id: &str, body: &str) -> Result<Value, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Unreadable {
        kind: kind.as_str(),
        id: id.to_owned(),
        detail: error.to_string(),
    })
}

/// The body as text, if it and the id are within their limits.
fn checked(id: &str, body: &Value) -> Result<String, StoreError> {
    let text = body.to_string();
    for (what, bytes, bytes_max) in [
        ("the document's id", id.len(), DOCUMENT_ID_BYTES_MAX),
        ("the document", text.len(), DOCUMENT_BYTES_MAX),
    ] {
        if bytes > bytes_max {
            return Err(StoreError::TooLarge { what, bytes, bytes_max });
        }
    }
    Ok(text)
}
