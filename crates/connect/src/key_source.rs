//! Where the public keys of an issuer of tokens come from: a file that was read at the start, or an address that is
//! asked again and again.
//!
//! Keys are fetched at the start, every `refresh` after that, and when a token names a key that is not known; for
//! that, no more often than every `unknown_key_pause`, whoever asks. A fetch that fails leaves the keys that there
//! are, until they are `stale` old; then there are none, and tokens are refused.
//!
//! INVARIANT: only the configured address is asked, within [`FETCH_TIME_MAX`] and for [`identity::KEY_SET_BYTES_MAX`]
//! bytes; nothing a token says chooses an address. INVARIANT: fetching is one task's work: what callers do, or stop
//! doing, neither multiplies nor cuts off a fetch.
//!
//! Not here: what a key set is, and what it verifies (`identity`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use identity::{KEY_SET_BYTES_MAX, KeySet, KeySetError};
use net::{Endpoint, EndpointSettings, Shutdown, UpstreamError};
use tokio::sync::{Notify, watch};

/// Time for one fetch.
pub const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a fetch that failed is waited for before the next, if keys are refreshed less often.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// How keys are fetched.
#[derive(Clone, Debug)]
pub struct KeySourceSettings {
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// What records and messages call the issuer.
    pub name: String,
    /// How often they are fetched.
    pub refresh: Duration,
    /// How old they may be.
    pub stale: Duration,
    /// How often, at most, they are fetched because a token names a key that is not known.
    pub unknown_key_pause: Duration,
    /// Where they are.
    pub url: String,
}

/// The keys of one issuer. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct KeySource(Arc<Source>);

#[derive(Debug)]
enum Source {
    Fixed(Arc<KeySet>),
    Remote(Box<Remote>),
}

#[derive(Debug)]
struct Remote {
    /// Counts the fetches that have ended.
    ended: watch::Sender<u64>,
    endpoint: Endpoint,
    settings: KeySourceSettings,
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// When the last fetch began.
    begun: Option<Instant>,
    /// A fetch is under way, or was asked for.
    is_wanted: bool,
    keys: Option<(Arc<KeySet>, Instant)>,
}

impl KeySource {
    /// Keys that stay as they are.
    pub fn fixed(keys: KeySet) -> Self {
        Self(Arc::new(Source::Fixed(Arc::new(keys))))
    }

    /// Keys that are fetched once [`KeySource::run`] runs.
    pub fn remote(settings: KeySourceSettings) -> Result<Self, UpstreamError> {
        let endpoint = Endpoint::new(&EndpointSettings {
            ca_pem: settings.ca_pem.clone(),
            connect_time_max: FETCH_TIME_MAX,
            url: settings.url.clone(),
        })?;
        let remote = Remote {
            ended: watch::Sender::new(0),
            endpoint,
            settings,
            state: Mutex::default(),
            wanted: Notify::new(),
        };
        Ok(Self(Arc::new(Source::Remote(Box::new(remote)))))
    }

    /// Goes on with the keys of another source, if that asks the same address; they are as old as they were.
    pub fn inherit(&self, other: &Self) {
        if let (Source::Remote(own), Source::Remote(others)) = (&*self.0, &*other.0)
            && own.settings.url == others.settings.url
        {
            let keys = others.state().keys.clone();
            own.state().keys = keys;
        }
    }

    /// The keys, unless there are none or they are too old.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        match &*self.0 {
            Source::Fixed(keys) => Some(Arc::clone(keys)),
            Source::Remote(remote) => {
                let state = remote.state();
                let (keys, fetched) = state.keys.as_ref()?;
                (fetched.elapsed() <= remote.settings.stale).then(|| Arc::clone(keys))
            }
        }
    }

    /// Has the keys fetched, because one that is not among them is named, and waits for that; not if it was done
    /// just before. Says whether it was worth waiting.
    pub async fn fetched_again(&self) -> bool {
        let Source::Remote(remote) = &*self.0 else { return false };
        let mut ended = remote.ended.subscribe();
        {
            let mut state = remote.state();
            let pause = remote.settings.unknown_key_pause;
            let is_too_soon = state.begun.is_some_and(|begun| begun.elapsed() < pause);
            match (state.is_wanted, is_too_soon) {
                (true, _) => {}
                (false, true) => return false,
                (false, false) => {
                    state.is_wanted = true;
                    remote.wanted.notify_one();
                }
            }
        }
        matches!(tokio::time::timeout(FETCH_TIME_MAX, ended.changed()).await, Ok(Ok(())))
    }

    /// Fetches until the shutdown begins.
    pub async fn run(self, shutdown: Shutdown) {
        let Source::Remote(remote) = &*self.0 else { return };
        loop {
            let is_good = remote.fetch().await;
            remote.ended.send_modify(|count| *count = count.wrapping_add(1));
            let settings = &remote.settings;
            let pause = if is_good { settings.refresh } else { settings.refresh.min(RETRY_PAUSE) };
            let wanted = async {
                let since = remote.state().begun.map(|begun| begun.elapsed()).unwrap_or_default();
                tokio::time::sleep(settings.unknown_key_pause.saturating_sub(since)).await;
                remote.wanted.notified().await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = wanted => {}
                () = shutdown.begun() => return,
            }
        }
    }
}

impl Remote {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self) -> bool {
        {
            let mut state = self.state();
            (state.begun, state.is_wanted) = (Some(Instant::now()), true);
        }
        let name = &self.settings.name;
        let answer = self.endpoint.get("", KEY_SET_BYTES_MAX, FETCH_TIME_MAX).await;
        let keys = match answer {
            Ok((StatusCode::OK, body)) => match KeySet::parse(&body) {
                // The issuer has spoken: what it says now verifies nothing.
                Err(error @ (KeySetError::Empty | KeySetError::Private)) => {
                    self.state().keys = None;
                    Err(error.to_string())
                }
                parsed => parsed.map_err(|error| error.to_string()),
            },
            Ok((status, _)) => Err(format!("the answer's status is {}", status.as_u16())),
            Err(error) => Err(error.to_string()),
        };
        let mut state = self.state();
        state.is_wanted = false;
        match keys {
            Ok(keys) => {
                self.keep(&mut state, keys);
                true
            }
            Err(why) => {
                let has_keys = state.keys.is_some();
                tracing::error!(issuer = %name, why, has_keys, "an issuer's keys cannot be fetched");
                false
            }
        }
    }

    /// Equal keys stay the ones that tokens were verified with.
    fn keep(&self, state: &mut State, keys: KeySet) {
        let known = state.keys.take().map(|(known, _)| known).filter(|known| **known == keys);
        if known.is_none() {
            tracing::info!(issuer = %self.settings.name, keys = keys.len(), "an issuer's keys are new");
        }
        state.keys = Some((known.unwrap_or_else(|| Arc::new(keys)), Instant::now()));
    }
}
