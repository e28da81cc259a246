//! The inference data plane: see, judge, act, record, for every request and stream.
//!
//! Read `service.rs` top to bottom for a request's whole life, then `stream.rs` and `answer.rs`.
//!
//! INVARIANT: a message goes to an upstream only after its open record is written, and an answer or
//! refusal to a client only after that record is synced. INVARIANT: what cannot be read is not
//! forwarded. INVARIANT: no request header or field configures anything.
//!
//! Not here: what messages look like (`wire`), what is found in them (`detect`), what follows
//! (`policy`), how connections are made (`net`), how records are written (`journal`).

mod addresses;
mod allowance;
mod answer;
mod answer_form;
mod asked;
mod attempts;
mod batch_output;
mod begun;
mod blank;
mod break_glass;
mod check;
mod collector;
mod conversation;
mod counter;
mod cpu;
mod decision_word;
mod early;
mod echo;
mod examine;
mod exchange;
mod exposure;
mod external;
mod external_answer;
mod files;
mod handles;
mod health;
mod isolation;
mod joined;
mod judge;
mod lane;
mod lines;
mod loopback;
mod mask;
mod masking;
mod metrics;
mod metrics_page;
mod nobody;
mod not_scanned;
mod owners;
mod provider_keys;
mod quota;
mod refusal;
mod reload;
mod reply;
mod report;
mod request;
mod risk;
mod routing;
mod service;
mod session;
mod settings;
mod shared_quota;
mod sighting;
mod sigv4;
mod spans;
mod speech;
mod stand_in;
mod stream;
mod tally;
mod target;
mod trace;
mod vault;
mod watch;
mod watch_task;
mod ways_in;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use connect::{ExternalGuards, Sinks};
use detect::SketchKey;
use journal::Journal;
use net::{BodyBudget, ListenError, Listener, ListenerSettings, Shutdown, Tasks};
use ring::hmac;
use stdx::{Secret, SharedSecret};
use store::KeySnapshot;
use telemetry::Span;
use tokio::sync::mpsc::Receiver;
use wire::ReadLimits;

pub use addresses::{AddressRules, AddressSettings};
pub use break_glass::{BREAK_GLASS_PREFIX, BreakGlass};
pub use collector::CollectorSettings;
pub use exposure::{Exposed, KEY_EXPOSED};
pub use isolation::{Isolated, IsolatedError, Isolation};
pub use judge::Judge;
pub use loopback::{LOOPBACK_DIALECTS, LOOPBACK_MODEL, start as start_loopback};
pub use quota::{LimitSettings, Per, Price, QuotaSettings, QuotaSnapshot, Quotas, SUBJECTS_MAX};
pub use reload::{Configured, Reloader};
pub use settings::{
    Accept, HealthCheck, Limits, MaskStyle, RetrySettings, RouteSettings, Settings, SettingsError,
    UpstreamKind, UpstreamOptions,
};
pub use shared_quota::{OnAway, SharedQuota};
pub use sigv4::AwsCredentials;
pub use ways_in::{IdentitySettings, TokenIssuer};

use collector::Collector;
use cpu::Cpu;
use exposure::Exposures;
use metrics::Metrics;
use metrics_page::MetricsPage;
use risk::Conversations;
use service::{Front, Shared};
use settings::Routes;
use spans::Spans;
use watch::Watch;
use watch_task::{WatchFiles, WatchTask};
use ways_in::WaysIn;

/// What the gateway is made of.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Parts {
    /// The guards that run as services of their own.
    pub external: ExternalGuards,
    /// Where what the baselines learn is kept; without it, it is forgotten at the end.
    pub baselines: Option<PathBuf>,
    /// Where what is known of campaigns is kept, likewise.
    pub campaigns: Option<PathBuf>,
    /// What is cut off.
    pub isolation: Isolation,
    /// The record.
    pub journal: Journal,
    /// The detectors and the policy.
    pub judge: Judge,
    /// Told which keys were seen in plain text. What does not fit is on record only.
    pub exposed: tokio::sync::mpsc::Sender<Exposed>,
    /// The virtual keys, swapped when they change.
    pub keys: Arc<ArcSwap<KeySnapshot>>,
    /// The limits and budgets, and what was used of them.
    pub quotas: Quotas,
    /// The key under which end users, conversations and masks are hashed.
    pub secret: Secret<[u8; 32]>,
    /// Where the record is sent, for what is measured of it.
    pub sinks: Option<Sinks>,
    /// The keys of providers that are sealed, by name; it is noticed where they are seen.
    pub sealed: BTreeMap<String, SharedSecret>,
    /// The configuration.
    pub settings: Settings,
    /// Tells the gateway to stop.
    pub shutdown: Shutdown,
    /// Where its tasks run.
    pub tasks: Tasks,
}

/// The gateway could not start. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address for callers.
    #[error("{0}; choose another with `[server] listen`")]
    Listen(#[from] ListenError),
    /// The address for those who read metrics.
    #[error("{0}; choose another with `[metrics] listen`, or \"\" for none")]
    Metrics(#[source] ListenError),
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// A gateway that listens.
#[derive(Debug)]
pub struct Started {
    /// Where, for callers.
    pub address: SocketAddr,
    /// Where, for those who read its metrics.
    pub metrics: Option<SocketAddr>,
    /// Gives it another configuration.
    pub reloader: Reloader,
}

/// Starts the gateway within the current runtime; returns the addresses it listens on.
///
/// It runs until `shutdown` begins; wait for `tasks` after that.
pub fn start(parts: Parts) -> Result<Started, StartError> {
    let Parts {
        baselines,
        campaigns,
        exposed,
        external,
        isolation,
        journal,
        judge,
        keys,
        quotas,
        sealed,
        secret,
        sinks,
        mut settings,
        shutdown,
        tasks,
    } = parts;
    let metrics = Arc::new(Metrics::new(&settings, quotas.clone()).watching(judge.break_glass()));
    let collector = settings.collector.take();
    let (spans, ended_spans) = collector.as_ref().map(|_| Spans::new(&settings.upstreams)).unzip();
    let routes = Routes::new(&mut settings, None)?;
    let page = metrics_listener(&settings)?;
    let Settings { addresses, identity, limits, listen, masks, tls, unknown_fields, .. } = settings;
    let listener = Listener::bind(listener_settings(listen, &limits, &addresses, tls))?;
    let address = listener.local_address();
    let bodies = BodyBudget::new(limits.bodies_bytes_max);
    let connections = listener.connections();
    let measured =
        MetricsPage::new(bodies.clone(), connections, journal.clone(), Arc::clone(&metrics))
            .with_sinks(sinks);
    let read_at = publish(measured, page, collector.zip(ended_spans), (&tasks, &shutdown));
    let files = WatchFiles { baselines, campaigns };
    let (watch, watch_task) = watching(files, &journal, (metrics, spans), &shutdown);
    let generation = reload::generation(&tasks, &shutdown);
    let shared = Shared {
        addresses,
        bodies,
        conversations: Arc::new(Conversations::new(sketch_key(&secret))),
        cpu: Cpu::new(limits.inline_inspection_bytes_max),
        exposures: Exposures::new(&journal, &keys, sealed, exposed),
        external,
        handle_key: key_for("handles", &secret),
        hash_key: key_for("identity", &secret),
        isolation,
        journal,
        judge: Arc::new(judge),
        keys,
        mask_key: key_for("masks", &secret),
        mask_style: masks,
        nobodies: Arc::default(),
        provider_keys: Arc::default(),
        quotas,
        randomness: Arc::default(),
        read_limits: read_limits(&limits),
        limits,
        routes,
        shutdown: shutdown.clone(),
        tasks: tasks.clone(),
        unknown_fields,
        watch,
        ways_in: Arc::new(WaysIn::new(identity, key_for("tokens", &secret), &tasks, &generation)),
    };
    reload::begin(&shared, &tasks, &generation);
    tasks.spawn(watch_task.run());
    let front = Arc::new(Front(ArcSwap::from_pointee(shared)));
    let reloader = Reloader::new(&front, listener.conduct(), &tasks, generation);
    tasks.spawn(listener.serve(front, tasks.clone(), shutdown));
    Ok(Started { address, metrics: read_at, reloader })
}

fn metrics_listener(settings: &Settings) -> Result<Option<Listener>, StartError> {
    let page = settings.metrics.map(|at| Listener::bind(MetricsPage::listener(at)));
    page.transpose().map_err(StartError::Metrics)
}

/// Where interactions are noted, and the task that compares them with baselines.
fn watching(
    files: WatchFiles,
    journal: &Journal,
    (metrics, spans): (Arc<Metrics>, Option<Spans>),
    shutdown: &Shutdown,
) -> (Watch, WatchTask) {
    let (watch, waiting) = Watch::new(Arc::clone(&metrics), spans);
    let task = WatchTask {
        baselines: watch_task::load(files.baselines.as_deref()),
        campaigns: watch_task::load_campaigns(files.campaigns.as_deref()),
        files,
        journal: journal.clone(),
        lost: Arc::clone(&watch.lost),
        metrics,
        shutdown: shutdown.clone(),
        waiting,
    };
    (watch, task)
}

/// Shows what is measured to those who collect it; returns where it can be read.
fn publish(
    measured: MetricsPage,
    page: Option<Listener>,
    collector: Option<(CollectorSettings, Receiver<Span>)>,
    (tasks, shutdown): (&Tasks, &Shutdown),
) -> Option<SocketAddr> {
    let measured = Arc::new(measured);
    if let Some((settings, spans)) = collector {
        let (page, shutdown) = (Arc::clone(&measured), shutdown.clone());
        tasks.spawn(Collector { page, settings, shutdown, spans }.run());
    }
    let page = page?;
    let address = page.local_address();
    tasks.spawn(page.serve(measured, tasks.clone(), shutdown.clone()));
    Some(address)
}

fn listener_settings(
    address: SocketAddr,
    limits: &Limits,
    addresses: &AddressSettings,
    tls: Option<net::TlsSettings>,
) -> ListenerSettings {
    ListenerSettings {
        address,
        connections_max: limits.connections_max,
        head_bytes_max: limits.head_bytes_max,
        head_time_max: limits.head_time_max,
        proxy_protocol_from: addresses.proxy_protocol_from.clone(),
        send_time_max: limits.send_time_max,
        tls,
    }
}

/// One secret, a key of its own for each purpose.
fn key_for(purpose: &str, secret: &Secret<[u8; 32]>) -> hmac::Key {
    let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, purpose.as_bytes()).as_ref())
}

/// The key of sketches of texts.
fn sketch_key(secret: &Secret<[u8; 32]>) -> SketchKey {
    let key = hmac::sign(&key_for("sketches", secret), b"key");
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&key.as_ref()[..16]);
    SketchKey::new(bytes)
}

fn read_limits(limits: &Limits) -> ReadLimits {
    let body_bytes_max = limits.body_bytes_max.max(limits.answer_bytes_max);
    let members_max = limits.batch_requests_max;
    let takes_inner_media = limits.inner_media;
    ReadLimits { body_bytes_max, members_max, takes_inner_media, ..ReadLimits::default() }
}
