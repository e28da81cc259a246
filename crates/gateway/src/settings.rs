//! What the gateway is told by the configuration, already checked.
//!
//! INVARIANT: nothing here can be changed by a request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use connect::TokenSource;
use net::{TlsSettings, Upstream, UpstreamError, UpstreamSettings};
use policy::NamePattern;
use stdx::SharedSecret;
use wire::{Dialect, UnknownFields};

use crate::{
    addresses::{AddressRules, AddressSettings},
    collector::CollectorSettings,
    sigv4::AwsCredentials,
    target::{Seed, Target, spread},
    ways_in::IdentitySettings,
};

/// Everything the gateway needs to know.
#[expect(missing_debug_implementations, reason = "holds the providers' keys")]
pub struct Settings {
    /// Who may ask from where.
    pub addresses: AddressSettings,
    /// Where spans and metrics are sent, if anywhere.
    pub collector: Option<CollectorSettings>,
    /// Whether detectors run. Without them nothing is found and nothing is masked.
    pub guards: bool,
    /// Ways in besides virtual keys.
    pub identity: IdentitySettings,
    /// Where and how to listen.
    pub listen: SocketAddr,
    /// Limits.
    pub limits: Limits,
    /// What stands in for a masked value.
    pub masks: MaskStyle,
    /// Where the page of metrics is, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Model patterns in order; the first that fits decides the upstream.
    pub routes: Vec<RouteSettings>,
    /// TLS, when the listener speaks it.
    pub tls: Option<TlsSettings>,
    /// What to do with fields the content map does not know.
    pub unknown_fields: UnknownFields,
    /// Where requests may go.
    pub upstreams: Vec<UpstreamOptions>,
}

/// What stands in for a masked value on its way to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaskStyle {
    /// What it was and a code: `[EMAIL-K7Q2M9XA]`.
    #[default]
    Label,
    /// A value of the same format that is nobody's, where there is such a thing; else a label.
    Format,
}

/// Limits of the data plane.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an answer that is not streamed.
    pub answer_bytes_max: usize,
    /// Time for an answer that is not streamed, after its head.
    pub answer_time_max: Duration,
    /// Bytes of all bodies that are held at a time; a request that would need more is refused for now.
    pub bodies_bytes_max: usize,
    /// Requests of one batch, and lines of one file.
    pub batch_requests_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Time for a request's body.
    pub body_time_max: Duration,
    /// Open client connections.
    pub connections_max: usize,
    /// Bytes of content kept per message in the encrypted content buffer.
    pub content_bytes_max: usize,
    /// Bytes of one event of a stream.
    pub event_bytes_max: usize,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Time for a request's head.
    pub head_time_max: Duration,
    /// Whether media may be referred to by URLs of places inside networks: whoever runs the model fetches them.
    pub inner_media: bool,
    /// Texts larger than this are inspected on the CPU pool and not on an I/O worker, in bytes.
    pub inline_inspection_bytes_max: usize,
    /// Time that an answer may wait for the client to read more of it.
    pub send_time_max: Duration,
    /// Time between two questions whether the caller of a session is still let in.
    pub session_check_pause: Duration,
    /// Time that nobody says anything in a session.
    pub session_idle_time_max: Duration,
    /// Bytes of one message of a client in a session. Sound comes in pieces of some kilobytes (a second of it has 64 KB), but a
    /// photograph may have some megabytes; as much is taken as a server may say at once.
    pub session_message_bytes_max: usize,
    /// Time that a session may last.
    pub session_time_max: Duration,
    /// Time for open requests when shutting down.
    pub shutdown_time_max: Duration,
    /// Time between two pieces of a stream.
    pub stream_idle_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer_bytes_max: 32 << 20,
            answer_time_max: Duration::from_mins(10),
            bodies_bytes_max: 512 << 20,
            batch_requests_max: wire::MEMBERS_MAX,
            body_bytes_max: 16 << 20,
            body_time_max: Duration::from_secs(30),
            connections_max: 16_384,
            content_bytes_max: 1 << 20,
            event_bytes_max: 4 << 20,
            head_bytes_max: 64 << 10,
            head_time_max: Duration::from_secs(15),
            inner_media: false,
            inline_inspection_bytes_max: 64 << 10,
            send_time_max: Duration::from_mins(1),
            session_check_pause: Duration::from_secs(5),
            session_idle_time_max: Duration::from_mins(15),
            session_message_bytes_max: 4 << 20,
            session_time_max: Duration::from_hours(1),
            shutdown_time_max: Duration::from_secs(30),
            stream_idle_time_max: Duration::from_mins(2),
        }
    }
}

/// One place requests may go.
#[expect(missing_debug_implementations, reason = "holds the provider's key")]
pub struct UpstreamOptions {
    /// The provider's key, sent as the dialect has it: as a bearer token, or as `x-api-key`. It may be replaced while
    /// the gateway runs; as long as it is taken away, requests to this upstream are refused.
    pub api_key: Option<SharedSecret>,
    /// With whose keys its requests are signed, if it is a service of Amazon's.
    pub aws: Option<AwsCredentials>,
    /// How it is asked whether it is well, if at all.
    pub check: Option<HealthCheck>,
    /// The wire formats it speaks.
    pub dialects: Vec<Dialect>,
    /// Whose service it is, as far as that matters.
    pub kind: UpstreamKind,
    /// How it is reached.
    pub settings: UpstreamSettings,
    /// Who grants a token that is sent like a provider's key; then `api_key` is its place.
    pub token: Option<TokenSource>,
}

/// How an upstream is asked whether it is well.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// Time between two checks, and for one.
    pub interval: Duration,
    /// A path on its host that answers 2xx.
    pub path: String,
}

/// Whose service an upstream is, as far as paths and keys depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamKind {
    /// The dialect's own paths and keys.
    #[default]
    Standard,
    /// Azure OpenAI with a resource's key, sent as `api-key`.
    Azure,
    /// Azure OpenAI with a token of Microsoft Entra, sent as a bearer token.
    AzureEntra,
}

impl UpstreamKind {
    /// Whether it has Azure's paths.
    pub const fn is_azure(self) -> bool {
        matches!(self, Self::Azure | Self::AzureEntra)
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Callers with a key of their own provider account, which is forwarded.
    ProviderKey,
    /// Callers with a virtual key.
    VirtualKey,
}

/// Which models go where.
#[derive(Clone, Debug)]
pub struct RouteSettings {
    /// Who may use it.
    pub accept: Accept,
    /// From where.
    pub addresses: AddressRules,
    /// The names of upstreams that are asked, in this order, when none of `upstreams` can answer.
    pub fallback: Vec<String>,
    /// Models that take it.
    pub models: Vec<NamePattern>,
    /// The route's name in records and policies.
    pub name: String,
    /// When an upstream is asked again, or another.
    pub retries: RetrySettings,
    /// The names of the upstreams that requests are spread over, each with its share.
    pub upstreams: Vec<(String, u32)>,
}

/// When a request is sent again.
#[derive(Clone, Debug)]
pub struct RetrySettings {
    /// Attempts for one request, the first included.
    pub attempts_max: usize,
    /// The longest `retry-after` that is waited for before an upstream is asked the same again.
    pub retry_after_max: Duration,
    /// Statuses with which an upstream says that it did not process a request.
    pub statuses: Vec<u16>,
    /// Time from the first attempt within which another may begin.
    pub time_max: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            retry_after_max: Duration::ZERO,
            statuses: vec![429, 503, 529],
            time_max: Duration::from_secs(30),
        }
    }
}

/// A route with its upstreams.
pub(crate) struct Route {
    pub(crate) accept: Accept,
    pub(crate) addresses: AddressRules,
    fallback: Vec<Arc<Target>>,
    models: Vec<NamePattern>,
    pub(crate) name: String,
    pub(crate) retries: RetrySettings,
    upstreams: Vec<(Arc<Target>, u32)>,
}

impl Route {
    /// Every upstream it may take.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.upstreams.iter().map(|(target, _)| target).chain(&self.fallback)
    }

    /// The upstreams in the order in which a request is to ask them, whatever their health.
    pub(crate) fn order(&self, seed: Seed) -> Vec<Arc<Target>> {
        let names: Vec<(&str, u32)> =
            self.upstreams.iter().map(|(target, weight)| (target.name(), *weight)).collect();
        let spread = spread(seed, &names);
        let first = spread.into_iter().filter_map(|place| self.upstreams.get(place));
        first.map(|(target, _)| target).chain(&self.fallback).cloned().collect()
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        self.targets().all(|target| target.dialects.contains(&dialect))
    }

    fn takes(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| pattern.matches(model))
    }
}

/// The settings do not fit together. The operator's to mend; the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A route names an upstream that is not there.
    #[error("route `{route}` goes to upstream `{upstream}`, which is not configured")]
    NoSuchUpstream {
        /// The route.
        route: String,
        /// The upstream it names.
        upstream: String,
    },
    /// A route goes nowhere.
    #[error("route `{route}` names no upstream")]
    NoUpstream {
        /// The route.
        route: String,
    },
    /// There is no route at all.
    #[error("no route is configured, so no request could go anywhere")]
    NoRoute,
    /// An upstream cannot be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// No route takes the model.
    Model,
    /// Some do, but their upstreams speak another dialect.
    Dialect,
}

/// All routes, in order.
#[derive(Clone)]
pub(crate) struct Routes(Vec<Arc<Route>>);

impl Routes {
    /// The routes of a configuration. What is known of the health of upstreams that stay where they were, stays.
    pub(crate) fn new(
        settings: &mut Settings,
        before: Option<&Self>,
    ) -> Result<Self, SettingsError> {
        let known = before.map(Self::targets).unwrap_or_default();
        let mut targets = Vec::new();
        for options in settings.upstreams.drain(..) {
            let UpstreamSettings { base_url, name, .. } = &options.settings;
            let same = known.iter().find(|one| one.name() == *name && one.place == *base_url);
            let token = same.and_then(|one| one.token.as_ref());
            if let (Some(own), Some(before)) = (&options.token, token) {
                own.inherit(before);
            }
            targets.push(Arc::new(Target {
                api_key: options.api_key,
                aws: options.aws,
                check: options.check,
                dialects: options.dialects,
                health: same.map(|one| Arc::clone(&one.health)).unwrap_or_default(),
                kind: options.kind,
                place: base_url.clone(),
                token: options.token,
                upstream: Upstream::new(&options.settings)?,
            }));
        }
        let named = |route: &str, name: &str| {
            let found = targets.iter().find(|target| target.name() == name).cloned();
            found.ok_or_else(|| SettingsError::NoSuchUpstream {
                route: route.to_owned(),
                upstream: name.to_owned(),
            })
        };
        let mut routes = Vec::new();
        for route in settings.routes.drain(..) {
            let of = |(name, weight): &(String, u32)| Ok((named(&route.name, name)?, *weight));
            let upstreams: Result<Vec<_>, SettingsError> = route.upstreams.iter().map(of).collect();
            let fallback: Result<_, _> =
                route.fallback.iter().map(|name| named(&route.name, name)).collect();
            let (upstreams, fallback) = (upstreams?, fallback?);
            if upstreams.is_empty() {
                return Err(SettingsError::NoUpstream { route: route.name });
            }
            routes.push(Arc::new(Route {
                accept: route.accept,
                addresses: route.addresses,
                fallback,
                models: route.models,
                name: route.name,
                retries: route.retries,
                upstreams,
            }));
        }
        if routes.is_empty() { Err(SettingsError::NoRoute) } else { Ok(Self(routes)) }
    }

    /// Every upstream that a route may take, once.
    pub(crate) fn targets(&self) -> Vec<Arc<Target>> {
        let mut all: Vec<Arc<Target>> =
            self.0.iter().flat_map(|route| route.targets()).cloned().collect();
        all.sort_by(|left, right| left.name().cmp(right.name()));
        all.dedup_by(|left, right| left.name() == right.name());
        all
    }

    /// Whether any route accepts callers' own provider keys.
    pub(crate) fn accept_provider_keys(&self) -> bool {
        self.0.iter().any(|route| route.accept == Accept::ProviderKey)
    }

    /// The first route that takes the model and whose upstreams speak the dialect; requests that name no model
    /// take the first that speaks it.
    pub(crate) fn find(
        &self,
        dialect: Dialect,
        model: Option<&str>,
    ) -> Result<&Arc<Route>, NoRoute> {
        let takes = |route: &&Arc<Route>| model.is_none_or(|model| route.takes(model));
        let mut fitting = self.0.iter().filter(takes).peekable();
        let none = if fitting.peek().is_some() { NoRoute::Dialect } else { NoRoute::Model };
        fitting.find(|route| route.speaks(dialect)).ok_or(none)
    }
}
