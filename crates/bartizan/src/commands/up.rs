//! `bartizan up`: opens everything, starts the gateway, waits for a signal, closes everything.
//!
//! INVARIANT: nothing listens before the keys, the record, the detectors and the rules are ready; what
//! cannot be opened is a problem at the start and not a surprise in traffic. INVARIANT: SIGINT and
//! SIGTERM let open requests end, within the configured time; a second signal does not wait.
//!
//! Not here: what SIGHUP does (`up_reload`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use connect::{SinkPlace, Sinks};
use events::{Event, EventBody, KeyId};
use gateway::{Judge, Parts, Quotas, Reloader, UpstreamKind, UpstreamOptions};
use journal::{Journal, OnDamage, RealDisk, Recovery, SyncMode};
use net::{Shutdown, Tasks, UpstreamSettings};
use stdx::Secret;
use store::{KeySnapshot, VirtualKeys};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::break_glass_changes::Ruled;
use super::up_followed::Followed;
use super::up_reload::Reload;
use super::{key_changes, process_limits, quota_file, up_hunts, up_welcome};
use crate::cli::{StateArgs, UpArgs};
use crate::config;
use crate::config::settings::{Guards, Settings};
use crate::data_dir::{DataDir, keys_failure};
use crate::exit::{Exit, Failure};
use crate::output::note;
use crate::telemetry;
use crate::time::now_ms;

/// How often changes of keys by other processes are looked for.
const KEYS_PAUSE: Duration = Duration::from_millis(250);
/// Exposed keys that wait for what follows.
const EXPOSED_KEYS_WAITING_MAX: usize = 1_024;
/// How often expired content is destroyed.
const EXPIRY_PAUSE: Duration = Duration::from_mins(10);

pub(crate) fn run(args: &UpArgs) -> Result<Exit, Failure> {
    let mut settings = config::load(args.state.config.as_deref(), &super::surroundings())?;
    if let Some(dir) = &args.state.data {
        settings.data_dir.clone_from(dir);
    }
    if args.set_damage_aside {
        settings.journal.on_damage = OnDamage::SetAside;
    }
    telemetry::start(&settings.filter)?;
    process_limits::allow_connections(settings.gateway.limits.connections_max);
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::environment(format!("cannot start: {error}"), "check the limits of this process")
    })?;
    runtime.block_on(Box::pin(serve(settings, args.state.clone())))
}

async fn serve(settings: Settings, named: StateArgs) -> Result<Exit, Failure> {
    let mut signals = Signals::new()?;
    let data = DataDir::create(&settings.data_dir)?;
    let keys = data.keys().await?;
    let secret = data.identity_secret()?;
    let detect = detectors(&data, &settings.guards)?;
    let (journal, recovery) = Journal::open(data.path(), settings.journal, Arc::new(RealDisk))
        .map_err(Failure::environment_as_told)?;
    let snapshot = Arc::new(ArcSwap::from_pointee(keys.snapshot().await.map_err(keys_failure)?));

    let welcome = up_welcome::Welcome::new(&settings);
    let policy = Arc::new(settings.guards.policy);
    let rules = Ruled::beginning(&policy);
    let followed = Followed::start(&keys, &data, settings.secrets, (&rules, &journal)).await?;
    let shutdown_time_max = settings.gateway.limits.shutdown_time_max;
    let policy_digest = policy.digest();
    let (tasks, shutdown) = (Tasks::default(), Shutdown::default());
    let mut gateway = settings.gateway;
    let loopback = settings.loopback.then(|| add_loopback(&mut gateway, None, &tasks, &shutdown));
    let loopback = loopback.transpose()?;
    let quotas = Quotas::new(settings.quotas);
    quota_file::restore(data.path(), &quotas)?;
    let sealed = followed.places();
    let (exposed, seen) = tokio::sync::mpsc::channel(EXPOSED_KEYS_WAITING_MAX);
    let sinks = sinks(&data, (&journal, settings.journal.sync), &secret, (&tasks, &shutdown));
    let parts = Parts {
        sinks: Some(sinks.clone()),
        exposed,
        external: settings.external,
        isolation: followed.isolation(),
        baselines: Some(data.baselines_file()),
        campaigns: Some(data.campaigns_file()),
        journal: journal.clone(),
        judge: Judge::new(detect, policy, gateway.guards).breaking(rules.load().glass.clone()),
        keys: Arc::clone(&snapshot),
        quotas: quotas.clone(),
        sealed: sealed.clone(),
        secret,
        settings: gateway,
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
    };
    let (address, reloader) = start(parts)?;
    let first_key = first_key(&data, &keys, &snapshot).await?;
    record_start(&journal, address, policy_digest, (&recovery, first_key.as_ref()))?;
    let background = Background::new(&data, &journal, (&tasks, &shutdown));
    let revokes = settings.revoke_exposed.then(|| keys.clone());
    followed.follow((revokes, seen), &journal, (&tasks, &shutdown));
    background.start(keys, snapshot, &quotas);
    sinks.change(settings.sinks);
    up_hunts::start(settings.hunts, data.path().to_owned(), &journal, (&tasks, &shutdown));
    welcome.print(address, &data, first_key)?;

    let reload = Reload {
        data: data.clone(),
        fixed: settings.fixed,
        journal: journal.clone(),
        loopback,
        named,
        reloader,
        rules,
        sealed,
        sinks,
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
    };
    let name = stop(&mut signals, reload, &tasks, &shutdown, shutdown_time_max).await;
    quota_file::finish(data.path(), &quotas).await;
    close(journal, name).await
}

/// Makes the first key, if there has never been one. Not before the addresses are ours: a start that fails leaves the
/// welcome to the next one.
async fn first_key(
    data: &DataDir,
    keys: &VirtualKeys,
    snapshot: &ArcSwap<KeySnapshot>,
) -> Result<Option<(KeyId, Secret<String>)>, Failure> {
    let first_key = up_welcome::first_key(data, keys).await?;
    if first_key.is_some() {
        snapshot.store(Arc::new(keys.snapshot().await.map_err(keys_failure)?));
    }
    Ok(first_key)
}

/// Closes the record.
async fn close(journal: Journal, signal: &str) -> Result<Exit, Failure> {
    record(&journal, key_changes::node("stopped", format!("after {signal}")))?;
    tokio::task::spawn_blocking(move || journal.close())
        .await
        .map_err(|error| Failure::environment(error, "check the record: `bartizan log verify`"))?
        .map_err(Failure::environment_as_told)?;
    Ok(Exit::Fine)
}

/// Where the record is sent: nowhere yet.
fn sinks(
    data: &DataDir,
    (journal, sync): (&Journal, SyncMode),
    secret: &Secret<[u8; 32]>,
    (tasks, shutdown): (&Tasks, &Shutdown),
) -> Sinks {
    Sinks::new(SinkPlace {
        data: data.path().to_owned(),
        disk: Arc::new(RealDisk),
        journal: journal.clone(),
        secret: secret.clone(),
        shutdown: shutdown.clone(),
        sync,
        tasks: tasks.clone(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The detectors of a configuration, with the documents that are protected now.
pub(crate) fn detectors(data: &DataDir, guards: &Guards) -> Result<detect::Engine, Failure> {
    let protected = data.protected().load()?;
    let settings = guards.detect.clone().protecting(Arc::new(protected));
    detect::Engine::new(&settings)
        .map_err(|error| Failure::environment(error, "the program is damaged: install it again"))
}

/// Starts the gateway; returns where it listens, and what reloads it.
fn start(parts: Parts) -> Result<(SocketAddr, Reloader), Failure> {
    let gateway::Started { address, metrics, reloader } =
        gateway::start(parts).map_err(|error| {
            Failure::environment(error, "stop what uses that address; `ss -ltnp` shows what does")
        })?;
    if let Some(metrics) = metrics {
        tracing::info!("metrics are at http://{metrics}/metrics");
    }
    Ok((address, reloader))
}

/// Waits for a signal to stop, reloading meanwhile, then for open requests, and says which signal it was.
async fn stop(
    signals: &mut Signals,
    mut reload: Reload,
    tasks: &Tasks,
    shutdown: &Shutdown,
    time_max: Duration,
) -> &'static str {
    let name = loop {
        match signals.reload_or_stop().await {
            Some(name) => break name,
            None => reload.again().await,
        }
    };
    drop(reload);
    tracing::info!("{name}: finishing open requests; again to stop at once");
    shutdown.begin();
    let left = tokio::select! {
        left = tasks.wait(time_max) => left,
        _ = signals.next() => { note("stopping at once"); 1 }
    };
    if left > 0 {
        tracing::warn!(left, "requests were cut off");
        // What they leave behind says so on record, before that is closed.
        shutdown.cut_off();
        tasks.stop().await;
    }
    name
}

/// What runs beside the gateway.
struct Background<'a> {
    data: PathBuf,
    journal: Journal,
    tasks: &'a Tasks,
    shutdown: &'a Shutdown,
}

impl<'a> Background<'a> {
    fn new(
        data: &DataDir,
        journal: &Journal,
        (tasks, shutdown): (&'a Tasks, &'a Shutdown),
    ) -> Self {
        Self { data: data.path().to_owned(), journal: journal.clone(), tasks, shutdown }
    }

    fn start(self, keys: VirtualKeys, snapshot: Arc<ArcSwap<KeySnapshot>>, quotas: &Quotas) {
        let Self { data, journal, tasks, shutdown } = self;
        tasks.spawn(Box::pin(follow_keys(keys, snapshot, journal.clone(), shutdown.clone())));
        tasks.spawn(expire_content(journal, shutdown.clone()));
        tasks.spawn(quota_file::keep(data, quotas.clone(), shutdown.clone()));
    }
}

/// Adds the built-in model as an upstream: where it is known to run, or started now. Where that is.
pub(crate) fn add_loopback(
    gateway: &mut gateway::Settings,
    known: Option<String>,
    tasks: &Tasks,
    shutdown: &Shutdown,
) -> Result<String, Failure> {
    let url = match known {
        Some(url) => url,
        None => gateway::start_loopback(tasks, shutdown).map_err(Failure::environment_as_told)?,
    };
    gateway.upstreams.push(loopback_upstream(url.clone()));
    Ok(url)
}

fn loopback_upstream(base_url: String) -> UpstreamOptions {
    let settings = UpstreamSettings {
        base_url,
        ca_pem: None,
        client_identity: None,
        connect_time_max: Duration::from_secs(5),
        http: net::HttpVersions::Auto,
        name: String::from("loopback"),
        pins: Vec::new(),
        response_time_max: Duration::from_mins(1),
    };
    let dialects = gateway::LOOPBACK_DIALECTS.to_vec();
    let kind = UpstreamKind::Standard;
    let (api_key, aws, check, token) = (None, None, None, None);
    UpstreamOptions { api_key, aws, check, dialects, kind, settings, token }
}

/// The signals that ask the process to end, or to read its configuration again.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                let message = format!("cannot listen for signals: {error}");
                Failure::environment(message, "check the limits of this process")
            })
        };
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// The name of the signal to stop.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// The name of the signal to stop; nothing, if the configuration is to be read again.
    async fn reload_or_stop(&mut self) -> Option<&'static str> {
        tokio::select! {
            _ = self.interrupt.recv() => Some("SIGINT"),
            _ = self.terminate.recv() => Some("SIGTERM"),
            _ = self.hangup.recv() => None,
        }
    }
}

fn record(journal: &Journal, body: EventBody) -> Result<(), Failure> {
    let appended = journal.append(&Event::new(now_ms(), body));
    appended.map(drop).map_err(Failure::environment_as_told)
}

fn record_start(
    journal: &Journal,
    address: SocketAddr,
    policy: events::Digest,
    (recovery, first_key): (&Recovery, Option<&(KeyId, Secret<String>)>),
) -> Result<(), Failure> {
    key_changes::record_recovery(journal, recovery).map_err(Failure::environment_as_told)?;
    let version = env!("CARGO_PKG_VERSION");
    let detail = format!("bartizan {version} on {address}, policy {policy}");
    record(journal, key_changes::node("started", detail))?;
    let Some((id, _)) = first_key else { return Ok(()) };
    record(journal, key_changes::administration("first-start", key_changes::CREATE, *id))
}

/// Swaps in a new snapshot whenever another process changed a key, and records what changed.
async fn follow_keys(
    keys: VirtualKeys,
    current: Arc<ArcSwap<KeySnapshot>>,
    journal: Journal,
    shutdown: Shutdown,
) {
    let mut was_failing = false;
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(KEYS_PAUSE) => false,
            () = shutdown.begun() => true,
        };
        let known = current.load_full();
        match keys.refresh(&known).await {
            Ok(None) => was_failing = false,
            Ok(Some(newer)) => {
                was_failing = false;
                key_changes::record_noticed(&journal, &known, &newer);
                current.store(Arc::new(newer));
            }
            Err(error) if was_failing => tracing::debug!(%error, "keys still cannot be read"),
            Err(error) => {
                was_failing = true;
                tracing::error!(%error, "keys cannot be read: changes to them are not noticed");
            }
        }
        if is_last {
            return;
        }
    }
}

/// Destroys content whose time is over, now and then.
async fn expire_content(journal: Journal, shutdown: Shutdown) {
    loop {
        let (journal, now_ms) = (journal.clone(), now_ms());
        match tokio::task::spawn_blocking(move || journal.expire(now_ms)).await {
            Ok(Ok(expired)) => tracing::debug!(?expired, "content expired"),
            Ok(Err(error)) => tracing::error!(%error, "content could not be expired"),
            Err(error) => tracing::error!(%error, "content could not be expired"),
        }
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_PAUSE) => {}
            () = shutdown.begun() => return,
        }
    }
}
