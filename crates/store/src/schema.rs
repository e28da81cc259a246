//! The tables, and how an older file becomes a current one.
//!
//! INVARIANT: a migration runs in one write transaction together with the change of its version
//! number, so two processes that start at once migrate once and a killed one migrates not at all.
//! INVARIANT: migrations are appended, never edited: files in the field have run them.

use std::path::Path;

use sqlx::{Row as _, SqliteConnection};

use crate::StoreError;

/// `BTZ1` in ASCII: the mark in the file's header that says whose database it is.
const APPLICATION_ID: i64 = 0x4254_5a31;

/// Migration `n` (from 1) turns schema version `n - 1` into `n`.
const MIGRATIONS: &[&[&str]] = &[&[
    "CREATE TABLE document (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL,
        PRIMARY KEY (kind, id)
    ) STRICT, WITHOUT ROWID",
    // Every version a document ever had; a deletion is a version without a body. Numbers are never
    // used twice, so that a stale `put` cannot hit a document that was deleted and made again.
    "CREATE TABLE document_version (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT,
        changed_ms INTEGER NOT NULL,
        PRIMARY KEY (kind, id, version)
    ) STRICT, WITHOUT ROWID",
    "CREATE TABLE change_counter (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        value INTEGER NOT NULL
    ) STRICT",
    "INSERT INTO change_counter (only_row, value) VALUES (1, 0)",
]];

/// Brings the open database to the newest schema, or says why it cannot.
///
/// `connection` is inside a write transaction that the caller commits.
pub(crate) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::from_sqlx(path, error);
    let application_id = pragma(connection, "PRAGMA application_id").await.map_err(failed)?;
    let found = pragma(connection, "PRAGMA user_version").await.map_err(failed)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if application_id != APPLICATION_ID {
        let tables = pragma(connection, "SELECT COUNT(*) FROM sqlite_schema").await;
        if application_id != 0 || found != 0 || tables.map_err(failed)? != 0 {
            return Err(StoreError::Foreign { path: path.to_path_buf() });
        }
        run(connection, "PRAGMA application_id = 1112824369").await.map_err(failed)?;
    }
    if found > known {
        return Err(StoreError::SchemaTooNew { path: path.to_path_buf(), found, known });
    }
    for (index, statements) in MIGRATIONS.iter().enumerate().skip(found.max(0) as usize) {
        for statement in *statements {
            run(connection, statement).await.map_err(failed)?;
        }
        let version = format!("PRAGMA user_version = {}", index + 1);
        sqlx::query(sqlx::AssertSqlSafe(version))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::APPLICATION_ID;

    #[test]
    fn the_mark_is_the_number_in_the_statement() {
        assert_eq!(APPLICATION_ID, 1_112_824_369);
    }
}
