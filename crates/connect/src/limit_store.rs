//! One script in Redis or Valkey, asked over a few connections: `limit_store.lua`.
//!
//! A connection serves one question at a time and is dropped, not reused, when its answer did not come whole and in
//! time, so an answer never belongs to another question. A connection that was idle may have been closed meanwhile:
//! then the question is asked once more over a new one, which the script takes for the same.
//!
//! INVARIANT: every question ends within `time_max`, waiting for a connection included. INVARIANT: no task runs and
//! nothing is read while nothing is asked. INVARIANT: the password goes to the configured host only.
//!
//! Not here: what is counted (`shared_limits`, `gateway::quota`), TLS (`net`).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use net::{Dial, DialSettings};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError, Script,
    ScriptInvocation,
};
use tokio::sync::Semaphore;

use crate::SharedLimitsSettings;
use crate::error::SharedLimitsError;

const SCRIPT: &str = include_str!("limit_store.lua");
/// Questions at a time, and so connections.
const CONNECTIONS_MAX: usize = 16;
/// The port of Redis where a URL names none.
const PORT: u16 = 6379;
/// Databases that a URL may name.
const DATABASE_MAX: i64 = 1_023;

/// Why there is no answer. The store's fault or the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreFailure {
    /// It has failed too often and is left alone for a moment.
    #[error("circuit_open")]
    CircuitOpen,
    /// It says that it does not do this: it is loading, full, read-only, or does not know us.
    #[error("refused")]
    Refused,
    /// Too slow.
    #[error("timed_out")]
    TimedOut,
    /// No connection, or one that broke.
    #[error("unreachable")]
    Unreachable,
    /// An answer that the script cannot have given.
    #[error("unreadable")]
    Unreadable,
}

/// Where the script runs.
pub(crate) struct LimitStore {
    dial: Dial,
    idle: Mutex<Vec<Line>>,
    login: RedisConnectionInfo,
    permits: Semaphore,
    script: Script,
    time_max: Duration,
}

/// A connection, and what moves its bytes while somebody waits for an answer.
struct Line {
    connection: MultiplexedConnection,
    driver: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Line {
    async fn ask(&mut self, question: &ScriptInvocation<'_>) -> Result<Vec<i64>, StoreFailure> {
        tokio::select! {
            biased;
            answer = question.invoke_async(&mut self.connection) => answer.map_err(|error| failure(&error)),
            () = &mut self.driver => Err(StoreFailure::Unreachable),
        }
    }
}

impl LimitStore {
    /// Prepares the store; nothing is connected yet.
    pub(crate) fn new(settings: &SharedLimitsSettings) -> Result<Self, SharedLimitsError> {
        let place = Place::of(&settings.url)?;
        // All that the script answers can be said in the older protocol, which needs no greeting.
        let mut login = RedisConnectionInfo::default()
            .set_db(place.database)
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        if let Some(name) = &settings.user {
            login = login.set_username(name);
        }
        if let Some(password) = &settings.password {
            login = login.set_password(password.expose());
        }
        let dial = Dial::new(&DialSettings {
            ca_pem: settings.ca_pem.clone(),
            connect_time_max: settings.time_max,
            host: place.host,
            is_tls: place.is_tls,
            port: place.port,
        })?;
        Ok(Self {
            dial,
            idle: Mutex::default(),
            login,
            permits: Semaphore::new(CONNECTIONS_MAX),
            script: Script::new(SCRIPT),
            time_max: settings.time_max,
        })
    }

    /// Runs the script.
    pub(crate) async fn ask(
        &self,
        keys: &[String],
        arguments: &[String],
    ) -> Result<Vec<i64>, StoreFailure> {
        let mut question = self.script.prepare_invoke();
        for key in keys {
            question.key(key);
        }
        for argument in arguments {
            question.arg(argument);
        }
        let asked = async {
            let permit = self.permits.acquire().await;
            let _permit = permit.map_err(|_| StoreFailure::Unreachable)?;
            let waiting = self.idle().pop();
            if let Some(mut line) = waiting {
                match line.ask(&question).await {
                    // Those that waited with it are most likely closed too.
                    Err(StoreFailure::Unreachable) => self.idle().clear(),
                    answer => return self.done(line, answer),
                }
            }
            let mut line = self.connect().await?;
            let answer = line.ask(&question).await;
            self.done(line, answer)
        };
        let answered = tokio::time::timeout(self.time_max, asked).await;
        answered.unwrap_or(Err(StoreFailure::TimedOut))
    }

    /// Keeps a connection that has given a whole answer.
    fn done(
        &self,
        line: Line,
        answer: Result<Vec<i64>, StoreFailure>,
    ) -> Result<Vec<i64>, StoreFailure> {
        if answer.is_ok() {
            self.idle().push(line);
        }
        answer
    }

    async fn connect(&self) -> Result<Line, StoreFailure> {
        let stream = self.dial.connect().await.map_err(|error| {
            tracing::debug!(%error, "shared limits: no connection");
            StoreFailure::Unreachable
        })?;
        // Our own time limit is around all of it.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let made = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (connection, driver) = made.map_err(|error| failure(&error))?;
        Ok(Line { connection, driver: Box::pin(driver) })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Line>> {
        // Every change is made whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(error: &RedisError) -> StoreFailure {
    // The server's words may quote what it was sent: its code does not.
    tracing::debug!(kind = ?error.kind(), code = error.code(), "shared limits: no answer");
    match error.kind() {
        ErrorKind::Io => StoreFailure::Unreachable,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::Client => {
            StoreFailure::Unreadable
        }
        _ => StoreFailure::Refused,
    }
}

/// `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    database: i64,
    host: String,
    is_tls: bool,
    port: u16,
}

impl Place {
    fn of(url: &str) -> Result<Self, SharedLimitsError> {
        let wrong = |why| SharedLimitsError::Url { why };
        let uri = url.parse::<http::Uri>().map_err(|_| wrong("it cannot be parsed"))?;
        let is_tls = match uri.scheme_str() {
            Some("redis") => false,
            Some("rediss") => true,
            _ => return Err(wrong("it must begin with redis:// or rediss://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a password; put it in `password`"));
        }
        if uri.query().is_some() {
            return Err(wrong("it has a query"));
        }
        let database = match uri.path().trim_start_matches('/') {
            "" => Some(0),
            number => number.parse().ok().filter(|number| (0..=DATABASE_MAX).contains(number)),
        };
        let database = database.ok_or_else(|| wrong("its path is not the number of a database"))?;
        let port = match (authority.port_u16(), authority.port()) {
            (Some(port), _) => port,
            (None, None) => PORT,
            (None, Some(_)) => return Err(wrong("its port is none")),
        };
        Ok(Self { database, host: authority.host().to_owned(), is_tls, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_no_secret() {
        let place = |database, host: &str, is_tls, port| {
            Some(Place { database, host: host.to_owned(), is_tls, port })
        };
        for (url, expected) in [
            ("redis://counters", place(0, "counters", false, 6379)),
            ("rediss://10.0.0.5:7000/3", place(3, "10.0.0.5", true, 7000)),
            ("redis://[::1]:6380/", place(0, "[::1]", false, 6380)),
            ("http://counters", None),
            ("counters:6379", None),
            ("redis://user:secret@counters", None),
            ("redis://counters/x", None),
            ("redis://counters/1024", None),
            ("redis://counters?db=1", None),
        ] {
            let read = Place::of(url);
            if let Err(error) = &read {
                assert!(!error.to_string().contains("secret"), "{error}");
            }
            assert_eq!(read.ok(), expected, "{url}");
        }
    }
}
