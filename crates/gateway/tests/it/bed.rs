//! The test bed: a gateway on a free port, with a data directory of its own.
//!
//! INVARIANT: dropping the bed stops everything it started.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use events::{EventBody, InteractionClosed, InteractionOpened};
use gateway::{
    Accept, AddressRules, AddressSettings, Isolation, Judge, Limits, MaskStyle, Parts,
    QuotaSettings, Quotas, RetrySettings, RouteSettings, Settings, UpstreamKind, UpstreamOptions,
};
use http::{HeaderValue, Response, StatusCode, header};
use journal::{Disk, Journal, JournalSettings, Position, Reader, RealDisk};
use net::{
    Arrival, Body, BodyBudget, BodyShare, Handler, Listener, ListenerSettings, Shutdown, Tasks,
    UpstreamSettings,
};
use policy::{ExceptionOptions, PolicyOptions, PolicySource, Preset};
use stdx::{Secret, SharedSecret};
use store::{GrantOptions, Store, VirtualKeys};
use testkit::{Client, Request};
use wire::{Dialect, UnknownFields};

/// What the provider's key must look like upstream, and nowhere else.
pub(crate) const PROVIDER_KEY: &str = "sk-upstream-of-the-test-bed";

/// The smallest answer there is.
pub(crate) const COMPLETION: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}"#;

/// How a bed is made.
pub(crate) struct Plan {
    pub(crate) accept: Accept,
    pub(crate) addresses: AddressSettings,
    pub(crate) collector: Option<gateway::CollectorSettings>,
    pub(crate) detect: detect::DetectSettings,
    pub(crate) dialects: Vec<Dialect>,
    pub(crate) kind: UpstreamKind,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) exposed: tokio::sync::mpsc::Sender<gateway::Exposed>,
    pub(crate) external: Vec<connect::GuardSettings>,
    pub(crate) fallback: Vec<String>,
    pub(crate) grant: GrantOptions,
    pub(crate) guards: bool,
    pub(crate) identity: gateway::IdentitySettings,
    pub(crate) isolation: Isolation,
    pub(crate) exceptions: Vec<ExceptionOptions>,
    pub(crate) limits: Limits,
    pub(crate) masks: MaskStyle,
    pub(crate) policies: Vec<PolicySource>,
    pub(crate) preset: Preset,
    pub(crate) quotas: QuotaSettings,
    pub(crate) retries: RetrySettings,
    pub(crate) route_addresses: AddressRules,
    pub(crate) sealed: std::collections::BTreeMap<String, SharedSecret>,
    pub(crate) tls: Option<net::TlsSettings>,
    pub(crate) unknown_fields: UnknownFields,
    /// Upstreams of the test's own instead of the one, and how they are spread over.
    pub(crate) upstreams: Vec<UpstreamOptions>,
    pub(crate) weighted: Vec<(String, u32)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            accept: Accept::VirtualKey,
            addresses: AddressSettings::default(),
            collector: None,
            detect: detect::DetectSettings::default(),
            dialects: Dialect::ALL.to_vec(),
            kind: UpstreamKind::Standard,
            disk: Arc::new(RealDisk),
            exposed: tokio::sync::mpsc::channel(1).0,
            external: Vec::new(),
            fallback: Vec::new(),
            grant: GrantOptions::default(),
            guards: true,
            identity: gateway::IdentitySettings::default(),
            isolation: Isolation::default(),
            limits: Limits::default(),
            masks: MaskStyle::default(),
            exceptions: Vec::new(),
            policies: Vec::new(),
            preset: Preset::Balanced,
            quotas: QuotaSettings::default(),
            retries: RetrySettings::default(),
            route_addresses: AddressRules::default(),
            sealed: std::collections::BTreeMap::new(),
            tls: None,
            unknown_fields: UnknownFields::Scan,
            upstreams: Vec::new(),
            weighted: Vec::new(),
        }
    }
}

/// A running gateway.
pub(crate) struct Bed {
    pub(crate) address: SocketAddr,
    directory: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    pub(crate) key: String,
    keys: Keys,
    /// Where its metrics are read.
    pub(crate) metrics: SocketAddr,
    /// A key of somebody else.
    pub(crate) other_key: String,
    pub(crate) quotas: Quotas,
    reloader: Option<gateway::Reloader>,
    runtime: Option<tokio::runtime::Runtime>,
    shutdown: Shutdown,
    tasks: Tasks,
}

/// The keys that a bed takes, and which of them is `Bed::key`.
struct Keys {
    id: events::KeyId,
    taken: Arc<ArcSwap<store::KeySnapshot>>,
    stored: VirtualKeys,
}

impl Bed {
    /// A gateway in front of `base_url`.
    pub(crate) fn new(base_url: &str, plan: Plan) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (shutdown, tasks) = (Shutdown::default(), Tasks::default());
        let disk = Arc::clone(&plan.disk);
        let quotas = Quotas::new(plan.quotas.clone());
        let (started, keys, key, other_key) = runtime.block_on(start(
            directory.path(),
            base_url,
            (plan, quotas.clone()),
            shutdown.clone(),
            tasks.clone(),
        ));
        let gateway::Started { address, metrics, reloader } = started;
        let metrics = metrics.expect("a page of metrics");
        let runtime = Some(runtime);
        Self {
            address,
            directory,
            disk,
            key,
            keys,
            metrics,
            other_key,
            quotas,
            reloader: Some(reloader),
            runtime,
            shutdown,
            tasks,
        }
    }

    /// A client with the bed's virtual key.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address).with_key(&self.key)
    }

    /// Everything on record, oldest first.
    pub(crate) fn record(&self) -> Vec<EventBody> {
        let reader = Reader::new(self.directory.path(), Arc::clone(&self.disk));
        let records = reader.records(Position::Start).expect("a readable record");
        records.map(|record| record.expect("a readable record").event.body).collect()
    }

    /// The open records.
    pub(crate) fn opened(&self) -> Vec<InteractionOpened> {
        let opened = |body| match body {
            EventBody::InteractionOpened(opened) => Some(*opened),
            _ => None,
        };
        self.record().into_iter().filter_map(opened).collect()
    }

    /// The close records, once there are `count` of them; they are written after the answer.
    pub(crate) fn closed(&self, count: usize) -> Vec<InteractionClosed> {
        let closed = |body| match body {
            EventBody::InteractionClosed(closed) => Some(*closed),
            _ => None,
        };
        for _ in 0..2_000 {
            let records: Vec<_> = self.record().into_iter().filter_map(closed).collect();
            if records.len() >= count {
                return records;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("fewer than {count} close records: {:?}", self.record())
    }

    /// Gives it another plan, of which everything but the disk, the keys and the journal counts.
    pub(crate) fn reload(&self, base_url: &str, plan: Plan) -> Result<(), gateway::SettingsError> {
        let runtime = self.runtime.as_ref().expect("it runs");
        let _within = runtime.enter();
        let quotas = plan.quotas.clone();
        let Planned { external, judge, settings } = planned(base_url, plan);
        let reloader = self.reloader.as_ref().expect("it runs");
        reloader.reload(gateway::Configured { external, judge, quotas, settings })
    }

    /// From now on its key is good for nothing.
    pub(crate) fn revoke(&self) {
        let Keys { id, taken, stored } = &self.keys;
        self.runtime.as_ref().expect("it runs").block_on(async {
            stored.revoke(*id, 2).await.expect("a key");
            taken.store(Arc::new(stored.snapshot().await.expect("a snapshot")));
        });
    }

    /// Bytes that bodies hold of its memory.
    pub(crate) fn held_bytes(&self) -> u64 {
        let page = Client::new(self.metrics).send(&Request::get("/metrics")).expect("a page");
        let text = page.text();
        let line = text.lines().find_map(|line| line.strip_prefix("bartizan_bodies_held_bytes "));
        line.expect("a line").parse().expect("a number")
    }

    /// It stops, as soon as what is under way has ended.
    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.begin();
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.shutdown.begin();
        // It could still bring requests in; what waits for the last of them would wait for it.
        self.reloader = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(self.tasks.wait(Duration::from_secs(2)));
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

async fn start(
    data: &Path,
    base_url: &str,
    (plan, quotas): (Plan, Quotas),
    shutdown: Shutdown,
    tasks: Tasks,
) -> (gateway::Started, Keys, String, String) {
    let store = Store::open(&data.join("state.sqlite")).await.expect("a store");
    let keys = VirtualKeys::open(store, &data.join("pepper"), 1).await.expect("keys");
    let grant = GrantOptions { name: "test".to_owned(), ..plan.grant.clone() };
    let (record, key) = keys.create(grant, 1).await.expect("a key");
    let other = GrantOptions { name: "other".to_owned(), ..GrantOptions::default() };
    let (_, other) = keys.create(other, 1).await.expect("a key");
    let taken = Arc::new(ArcSwap::from_pointee(keys.snapshot().await.expect("a snapshot")));
    let (journal, _) =
        Journal::open(data, JournalSettings::default(), Arc::clone(&plan.disk)).expect("a journal");
    let (exposed, isolation) = (plan.exposed.clone(), plan.isolation.clone());
    let sealed = plan.sealed.clone();
    let Planned { external, judge, settings } = planned(base_url, plan);
    let started = gateway::start(Parts {
        sinks: None,
        exposed,
        sealed,
        external,
        baselines: Some(data.join("baselines.bin")),
        campaigns: Some(data.join("campaigns.json")),
        isolation,
        journal,
        judge,
        keys: Arc::clone(&taken),
        quotas,
        secret: Secret::new([7; 32]),
        settings,
        shutdown,
        tasks,
    })
    .expect("a free port");
    let keys = Keys { id: record.id, taken, stored: keys };
    (started, keys, key.expose().clone(), other.expose().clone())
}

/// What of a plan is configuration.
struct Planned {
    external: connect::ExternalGuards,
    judge: Judge,
    settings: Settings,
}

fn planned(base_url: &str, plan: Plan) -> Planned {
    let detect = detect::Engine::new(&plan.detect).expect("a self-test");
    let options = PolicyOptions {
        exceptions: plan.exceptions,
        preset: plan.preset,
        sources: plan.policies,
        ..PolicyOptions::default()
    };
    let policy = policy::Engine::new(&options).expect("policies");
    let (mut upstreams, mut weighted) = (plan.upstreams, plan.weighted);
    if weighted.is_empty() {
        let options = upstream("fake", base_url, PROVIDER_KEY);
        upstreams.push(UpstreamOptions { dialects: plan.dialects, kind: plan.kind, ..options });
        weighted.push(("fake".to_owned(), 1));
    }
    let settings = Settings {
        addresses: plan.addresses,
        collector: plan.collector,
        guards: plan.guards,
        identity: plan.identity,
        limits: plan.limits,
        masks: plan.masks,
        metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        routes: vec![RouteSettings {
            accept: plan.accept,
            addresses: plan.route_addresses,
            fallback: plan.fallback,
            models: vec![policy::NamePattern::new("*")],
            name: "main".to_owned(),
            retries: plan.retries,
            upstreams: weighted,
        }],
        tls: plan.tls,
        unknown_fields: plan.unknown_fields,
        upstreams,
    };
    let external = connect::ExternalGuards::new(plan.external).expect("guards");
    Planned { external, judge: Judge::new(detect, policy, plan.guards), settings }
}

/// One upstream of a plan.
pub(crate) fn upstream(name: &str, base_url: &str, key: &str) -> UpstreamOptions {
    UpstreamOptions {
        api_key: Some(SharedSecret::new(Secret::new(key.to_owned()))),
        aws: None,
        check: None,
        dialects: Dialect::ALL.to_vec(),
        kind: UpstreamKind::Standard,
        settings: UpstreamSettings {
            base_url: base_url.to_owned(),
            ca_pem: None,
            client_identity: None,
            connect_time_max: Duration::from_secs(2),
            http: net::HttpVersions::Auto,
            name: name.to_owned(),
            pins: Vec::new(),
            response_time_max: Duration::from_secs(10),
        },
        token: None,
    }
}

/// How an upstream of a test's own listens.
pub(crate) fn listener() -> ListenerSettings {
    ListenerSettings {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        connections_max: 100,
        head_bytes_max: 64 << 10,
        head_time_max: Duration::from_secs(10),
        proxy_protocol_from: Vec::new(),
        send_time_max: Duration::from_secs(10),
        tls: None,
    }
}

/// An upstream that answers everything with the same bytes and keeps what it was sent.
pub(crate) struct Canned {
    pub(crate) base_url: String,
    shared: Arc<Reply>,
    _runtime: tokio::runtime::Runtime,
}

struct Reply {
    answer: Mutex<(StatusCode, &'static str, Bytes)>,
    received: Mutex<Vec<Bytes>>,
}

impl Handler for Reply {
    fn handle(
        &self,
        arrival: Arrival,
    ) -> std::pin::Pin<Box<dyn Future<Output = Response<Body>> + Send + '_>> {
        Box::pin(async move {
            let body = arrival.request.into_body();
            let (budget, mut share) = (BodyBudget::new(64 << 20), BodyShare::default());
            let time_max = Duration::from_secs(10);
            let read = net::read_bounded(body, 64 << 20, time_max, &budget, &mut share).await;
            self.received.lock().expect("not poisoned").push(read.unwrap_or_default());
            let (status, content_type, bytes) = self.answer.lock().expect("not poisoned").clone();
            let mut response = Response::new(net::full(bytes));
            *response.status_mut() = status;
            let content_type = HeaderValue::from_static(content_type);
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        })
    }
}

impl Canned {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let shared = Arc::new(Reply {
            answer: Mutex::new((StatusCode::OK, "application/json", Bytes::from_static(b"{}"))),
            received: Mutex::default(),
        });
        let address = runtime.block_on(async {
            let listener = Listener::bind(listener()).expect("a free port");
            let address = listener.local_address();
            let handler: Arc<dyn Handler> = Arc::clone(&shared) as _;
            let tasks = Tasks::default();
            tasks.spawn(listener.serve(handler, tasks.clone(), Shutdown::default()));
            address
        });
        Self { base_url: format!("http://{address}/v1"), shared, _runtime: runtime }
    }

    /// From now on, this is the answer.
    pub(crate) fn answer(&self, content_type: &'static str, body: impl Into<Bytes>) {
        self.answer_as(StatusCode::OK, content_type, body);
    }

    /// From now on, this is the answer, with this status.
    pub(crate) fn answer_as(
        &self,
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) {
        *self.shared.answer.lock().expect("not poisoned") = (status, content_type, body.into());
    }

    /// The bodies received since the last call.
    pub(crate) fn take_received(&self) -> Vec<Bytes> {
        std::mem::take(&mut *self.shared.received.lock().expect("not poisoned"))
    }
}
