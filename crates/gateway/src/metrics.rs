//! What is counted of every interaction, as it opens and as it ends.
//!
//! INVARIANT: atomics only: no lock, no wait, no I/O. INVARIANT: no content, no secret and no key's id is a
//! label; what callers choose is one only as far as it is bounded (models: [`MODELS_MAX`]), and every
//! family has a limit of series, beyond which everything is `other`.
//!
//! Not here: how it is written (`telemetry`), the page it is read from (`metrics_page`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use events::{Decision, Ending, GuardReport, InteractionClosed, InteractionOpened, LocatedFinding};
use telemetry::{
    About, Counter, Family, FamilySnapshot, Gauge, Histogram, Kind, Meter, Names, Unit, about,
    names,
};

use crate::break_glass::{self, BreakGlass};
use crate::decision_word::{decision, whole_decision};
use crate::quota::Quotas;
use crate::settings::{Settings, UpstreamKind};
use crate::spans::{self, Naming};
use crate::tally::TOKENS_MAX;
use crate::watch::Observed;

/// Models that are told apart: those that routes and prices name, then the first that were asked for.
pub(crate) const MODELS_MAX: usize = 200;
/// Series of a family.
pub(crate) const SERIES_MAX: usize = 1_000;

/// Upper bounds of what inspecting takes, in microseconds.
const INSPECTION_BOUNDS_US: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];

/// Everything that is counted.
pub(crate) struct Metrics {
    anomalies: Family<Counter, 1>,
    campaigns: Family<Counter, 1>,
    break_glass: Arc<Gauge>,
    break_glass_uses: Family<Counter, 1>,
    cost: Family<Counter, 1>,
    duration: Family<Histogram, 2>,
    exposures: Family<Counter, 0>,
    findings: Family<Counter, 2>,
    first_byte: Family<Histogram, 2>,
    guards: Family<Counter, 4>,
    inspection: Family<Histogram, 1>,
    masked: Family<Counter, 1>,
    models: Names,
    operation: Family<Histogram, 4>,
    first_chunk: Family<Histogram, 3>,
    pub(crate) open: Arc<Gauge>,
    named: ArcSwap<MetricNames>,
    refusals: Family<Counter, 1>,
    requests: Family<Counter, 6>,
    restored: Family<Counter, 0>,
    spans_lost: Family<Counter, 0>,
    pub(crate) streams: Arc<Gauge>,
    tokens: Family<Histogram, 4>,
    unscanned: Family<Counter, 1>,
    watch_lost: Family<Counter, 0>,
}

/// What the configuration says of upstreams and models.
pub(crate) struct MetricNames {
    prices: Quotas,
    providers: HashMap<String, UpstreamKind>,
}

impl MetricNames {
    fn of(settings: &Settings, prices: Quotas) -> Self {
        let upstreams = settings.upstreams.iter();
        let providers = upstreams.map(|one| (one.settings.name.clone(), one.kind)).collect();
        Self { prices, providers }
    }
}

/// What an open record says that is wanted again when the interaction ends.
pub(crate) struct Labels {
    decision: &'static str,
    dialect: String,
    model: Option<String>,
    operation: String,
    route: String,
    is_streamed: bool,
    upstream: Option<String>,
}

const ANOMALIES: About =
    about("bartizan.anomalies", "Findings of the baselines, by kind.", Kind::Counter, Unit::Count);
const CAMPAIGNS: About = about(
    "bartizan.campaigns",
    "Notices of campaigns, by phase: opened, grown, ended.",
    Kind::Counter,
    Unit::Count,
);
const COST: About = about(
    "bartizan.cost",
    "What requests cost, as limits count it, for models that have a price.",
    Kind::Counter,
    Unit::Dollars,
);
const DURATION: About = about(
    "bartizan.request.duration",
    "Time from a request's head to the end of its answer.",
    Kind::Histogram,
    Unit::Seconds,
);
const BREAK_GLASS: About =
    about("bartizan.break_glass.open", "Break-glass that holds now.", Kind::Gauge, Unit::Count);
const BREAK_GLASS_USES: About = about(
    "bartizan.break_glass.uses",
    "Decisions about requests and answers in which a rule was let go by break-glass.",
    Kind::Counter,
    Unit::Count,
);
const EXPOSURES: About = about(
    "bartizan.keys.exposed",
    "Keys that still opened something when they were read in a request, an answer or the comment of a report: \
     virtual keys, and keys of providers that are sealed here; one per key and interaction.",
    Kind::Counter,
    Unit::Count,
);
const FINDINGS: About = about(
    "bartizan.findings",
    "Findings, by family of their kind and by where they were made.",
    Kind::Counter,
    Unit::Count,
);
const FIRST_BYTE: About = about(
    "bartizan.request.first_byte",
    "Time from a request's head to the first byte of its answer.",
    Kind::Histogram,
    Unit::Seconds,
);
const FIRST_CHUNK: About = about(
    names::TIME_TO_FIRST_CHUNK,
    "Time from sending a request on to the first piece of its streamed answer.",
    Kind::Histogram,
    Unit::Seconds,
);
const GUARDS: About = about(
    "bartizan.guard.reports",
    "How guards did, ours and those outside; one per guard, message and outcome.",
    Kind::Counter,
    Unit::Count,
);
const INSPECTION: About = about(
    "bartizan.inspection.duration",
    "Time that a message spent with us rather than with its upstream.",
    Kind::Histogram,
    Unit::Seconds,
);
const MASKED: About = about("bartizan.values.masked", "Values masked.", Kind::Counter, Unit::Count);
const OPEN: About =
    about("bartizan.interactions.open", "Interactions under way.", Kind::Gauge, Unit::Count);
const OPERATION: About = about(
    names::OPERATION_DURATION,
    "Time from sending a request on to the end of its answer.",
    Kind::Histogram,
    Unit::Seconds,
);
const REFUSALS: About = about(
    "bartizan.refusals",
    "Requests that got no answer or not all of it, by stable code.",
    Kind::Counter,
    Unit::Count,
);
const REQUESTS: About =
    about("bartizan.requests", "Requests that have ended.", Kind::Counter, Unit::Count);
const RESTORED: About = about(
    "bartizan.values.restored",
    "Values of callers' own restored in their answers.",
    Kind::Counter,
    Unit::Count,
);
const SPANS_LOST: About = about(
    "bartizan.spans.lost",
    "Spans that the collector did not get.",
    Kind::Counter,
    Unit::Count,
);
const STREAMS: About =
    about("bartizan.streams.open", "Streamed answers under way.", Kind::Gauge, Unit::Count);
const TOKENS: About = about(
    names::TOKEN_USAGE,
    "Tokens of requests and answers, as upstreams count them.",
    Kind::Histogram,
    Unit::Tokens,
);
const UNSCANNED: About = about(
    "bartizan.unscanned",
    "Places in messages that no guard read.",
    Kind::Counter,
    Unit::Count,
);
const WATCH_LOST: About = about(
    "bartizan.watch.lost",
    "Interactions that were not compared with baselines.",
    Kind::Counter,
    Unit::Count,
);

fn family<V: Meter, const N: usize>(
    about: About,
    bounds: &'static [u64],
    labels: [&'static str; N],
) -> Family<V, N> {
    Family::new(about, bounds, labels, SERIES_MAX)
}

impl Metrics {
    /// Everything at rest. Models that routes and prices name are told apart whatever else is asked for.
    pub(crate) fn new(settings: &Settings, prices: Quotas) -> Self {
        let models = Names::new(MODELS_MAX);
        tell_apart(&models, settings, &prices);
        let long = names::DURATION_BOUNDS_US;
        let short = INSPECTION_BOUNDS_US;
        let (operation, provider) = (names::OPERATION_NAME, names::PROVIDER_NAME);
        let model = names::REQUEST_MODEL;
        Self {
            anomalies: family(ANOMALIES, &[], ["kind"]),
            campaigns: family(CAMPAIGNS, &[], ["phase"]),
            break_glass: Arc::default(),
            break_glass_uses: family(BREAK_GLASS_USES, &[], ["stage"]),
            cost: family(COST, &[], ["model"]),
            duration: family(DURATION, long, ["operation", "streamed"]),
            exposures: family(EXPOSURES, &[], []),
            findings: family(FINDINGS, &[], ["family", "stage"]),
            first_byte: family(FIRST_BYTE, long, ["operation", "streamed"]),
            first_chunk: family(FIRST_CHUNK, long, [operation, provider, model]),
            guards: family(GUARDS, &[], ["guard", "stage", "status", "reason"]),
            inspection: family(INSPECTION, short, ["stage"]),
            masked: family(MASKED, &[], ["stage"]),
            models,
            open: Arc::default(),
            operation: family(OPERATION, long, [operation, provider, model, names::ERROR_TYPE]),
            named: ArcSwap::from_pointee(MetricNames::of(settings, prices)),
            refusals: family(REFUSALS, &[], ["code"]),
            requests: family(
                REQUESTS,
                &[],
                ["route", "dialect", "operation", "decision", "ending", "status"],
            ),
            restored: family(RESTORED, &[], []),
            spans_lost: family(SPANS_LOST, &[], []),
            streams: Arc::default(),
            tokens: family(
                TOKENS,
                names::TOKEN_BOUNDS,
                [operation, provider, model, names::TOKEN_TYPE],
            ),
            unscanned: family(UNSCANNED, &[], ["stage"]),
            watch_lost: family(WATCH_LOST, &[], []),
        }
    }

    /// What another configuration says. Models that it names are told apart, as far as there is room.
    pub(crate) fn names(&self, settings: &Settings, prices: Quotas) -> MetricNames {
        tell_apart(&self.models, settings, &prices);
        MetricNames::of(settings, prices)
    }

    /// The configuration is another from now on; what was counted stays.
    pub(crate) fn change(&self, names: MetricNames) {
        self.named.store(Arc::new(names));
    }

    /// The same, with how much break-glass there is.
    pub(crate) fn watching(self, glass: &BreakGlass) -> Self {
        Self { break_glass: Arc::clone(&glass.gauge), ..self }
    }

    /// An interaction begins.
    pub(crate) fn opened(&self, opened: &InteractionOpened) -> Labels {
        self.seen("request", &opened.findings, opened.unscanned.len(), &opened.guards);
        self.masked.with(["request"]).add(u64::from(opened.masked));
        self.let_go("request", &opened.decision);
        Labels {
            decision: decision(&opened.decision),
            dialect: opened.dialect.clone(),
            // Without an upstream the model is any word that a caller thought of.
            model: opened.model.clone().filter(|_| opened.upstream.is_some()),
            operation: opened.operation.clone(),
            route: opened.route.clone().unwrap_or_default(),
            is_streamed: opened.streamed,
            upstream: opened.upstream.clone(),
        }
    }

    /// It has ended.
    pub(crate) fn closed(&self, one: &Labels, closed: &InteractionClosed, observed: &Observed) {
        self.seen("answer", &closed.findings, closed.unscanned.len(), &closed.guards);
        self.masked.with(["answer"]).add(u64::from(closed.masked));
        self.let_go("answer", &closed.decision);
        self.restored.with([]).add(u64::from(closed.restored));
        let decision = whole_decision(one.decision, closed);
        let class = status_class(closed.status);
        let ending = closed.ending.as_str();
        let labels = [&*one.route, &*one.dialect, &*one.operation, decision, ending, class];
        self.requests.with(labels).add(1);
        if !matches!(closed.ending, Ending::Answered | Ending::ClientLeft) {
            self.refusals.with([closed.reason.as_deref().unwrap_or_default()]).add(1);
        }
        let streamed = if one.is_streamed { "true" } else { "false" };
        self.duration.with([&*one.operation, streamed]).observe(closed.duration_us);
        if let Some(first_us) = closed.first_byte_us {
            self.first_byte.with([&*one.operation, streamed]).observe(first_us);
        }
        for (stage, spent) in [("request", observed.request), ("answer", observed.answer)] {
            if let Some(spent) = spent {
                self.inspection.with([stage]).observe(microseconds(spent));
            }
        }
        self.of_model(one, closed, observed);
    }

    /// What the semantic conventions for generative AI measure: what was asked of an upstream.
    fn of_model(&self, one: &Labels, closed: &InteractionClosed, observed: &Observed) {
        let (Some(operation), Some(provider), Some(asked_for)) =
            (names::operation_name(&one.operation), self.provider(one), observed.upstream)
        else {
            return;
        };
        let asked = one.model.as_deref().unwrap_or_default();
        let model = self.model(asked, observed);
        let error = spans::error_type(closed).unwrap_or_default();
        self.operation.with([operation, provider, model, error]).observe(microseconds(asked_for));
        if let Some(chunk) = observed.first_chunk.filter(|_| one.is_streamed) {
            self.first_chunk.with([operation, provider, model]).observe(microseconds(chunk));
        }
        if let Some(nanousd) = self.named.load().prices.cost_of(asked, observed.tokens)
            && observed.is_owed
        {
            self.cost.with([model]).add(nanousd);
        }
        let Some(usage) = closed.usage else { return };
        for (kind, tokens) in [("input", usage.input), ("output", usage.output)] {
            // An upstream may say anything.
            let tokens = tokens.min(TOKENS_MAX);
            self.tokens.with([operation, provider, model, kind]).observe(tokens);
        }
    }

    /// What an interaction is called where only few names may be.
    pub(crate) fn naming<'l>(
        &self,
        one: &'l Labels,
        closed: &InteractionClosed,
        observed: &Observed,
    ) -> Naming<'l> {
        Naming {
            decision: whole_decision(one.decision, closed),
            model: self.model(one.model.as_deref().unwrap_or_default(), observed),
            operation: names::operation_name(&one.operation),
            provider: self.provider(one),
        }
    }

    /// A model's name, if it is told apart. Only what an upstream worked for makes a name known.
    fn model<'n>(&self, name: &'n str, observed: &Observed) -> &'n str {
        if observed.is_owed { self.models.admit(name) } else { self.models.known(name) }
    }

    /// Whose service an interaction was sent to.
    fn provider(&self, one: &Labels) -> Option<&'static str> {
        let named = self.named.load();
        let kind = named.providers.get(one.upstream.as_deref()?)?;
        Some(names::provider_name(&one.dialect, kind.is_azure()))
    }

    fn seen(
        &self,
        stage: &'static str,
        findings: &[LocatedFinding],
        unscanned: usize,
        guards: &[GuardReport],
    ) {
        for located in findings {
            self.findings.with([located.finding.kind.family(), stage]).add(1);
        }
        if unscanned > 0 {
            self.unscanned.with([stage]).add(unscanned as u64);
        }
        for report in guards {
            let reason = report.reason.as_deref().unwrap_or_default();
            self.guards.with([&*report.guard, stage, report.status.as_str(), reason]).add(1);
        }
    }

    fn let_go(&self, stage: &str, decision: &Decision) {
        if break_glass::named(decision).is_some() {
            self.break_glass_uses.with([stage]).add(1);
        }
    }

    /// The baselines found something.
    pub(crate) fn anomaly(&self, kind: &events::Kind) {
        self.anomalies.with([kind.as_str()]).add(1);
    }

    /// Something was told of a campaign.
    pub(crate) fn campaign(&self, phase: &str) {
        self.campaigns.with([phase]).add(1);
    }

    /// So many keys were seen where keys do not belong.
    pub(crate) fn keys_exposed(&self, count: u64) {
        if count > 0 {
            self.exposures.with([]).add(count);
        }
    }

    /// Spans were not sent.
    pub(crate) fn spans_lost(&self, count: u64) {
        self.spans_lost.with([]).add(count);
    }

    /// An interaction was not compared with baselines.
    pub(crate) fn watch_lost(&self) {
        self.watch_lost.with([]).add(1);
    }

    /// What all of it says now.
    pub(crate) fn snapshot(&self) -> Vec<FamilySnapshot> {
        let mut families = vec![
            self.requests.snapshot(),
            self.refusals.snapshot(),
            self.duration.snapshot(),
            self.first_byte.snapshot(),
            self.inspection.snapshot(),
            FamilySnapshot::point(OPEN, self.open.point()),
            FamilySnapshot::point(STREAMS, self.streams.point()),
            self.findings.snapshot(),
            self.masked.snapshot(),
            self.restored.snapshot(),
            self.unscanned.snapshot(),
            self.guards.snapshot(),
            self.operation.snapshot(),
            self.first_chunk.snapshot(),
            self.tokens.snapshot(),
            self.cost.snapshot(),
            self.anomalies.snapshot(),
            self.campaigns.snapshot(),
            self.exposures.snapshot(),
            FamilySnapshot::point(BREAK_GLASS, self.break_glass.point()),
            self.break_glass_uses.snapshot(),
            self.watch_lost.snapshot(),
            self.spans_lost.snapshot(),
        ];
        families.extend(self.named.load().prices.shared_snapshot());
        families
    }
}

/// Models that routes and prices name are told apart whatever else is asked for.
fn tell_apart(models: &Names, settings: &Settings, prices: &Quotas) {
    let patterns = settings.routes.iter().flat_map(|route| &route.models);
    for pattern in patterns.chain(prices.priced()) {
        if !pattern.as_str().contains('*') {
            models.admit(pattern.as_str());
        }
    }
}

const fn microseconds(time: Duration) -> u64 {
    time.as_micros() as u64
}

const fn status_class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        // Nothing was sent.
        _ => "none",
    }
}

/// Nothing counted, nothing configured, for tests of others.
#[cfg(test)]
pub(crate) fn at_rest() -> Metrics {
    let settings = Settings {
        addresses: crate::AddressSettings::default(),
        guards: true,
        identity: crate::IdentitySettings::default(),
        collector: None,
        limits: crate::Limits::default(),
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        masks: crate::MaskStyle::default(),
        metrics: None,
        routes: Vec::new(),
        tls: None,
        unknown_fields: wire::UnknownFields::Scan,
        upstreams: vec![crate::UpstreamOptions {
            aws: None,
            api_key: None,
            check: None,
            dialects: Vec::new(),
            kind: UpstreamKind::Standard,
            settings: net::UpstreamSettings {
                base_url: String::new(),
                ca_pem: None,
                client_identity: None,
                connect_time_max: Duration::ZERO,
                http: net::HttpVersions::Auto,
                name: "fake".to_owned(),
                pins: Vec::new(),
                response_time_max: Duration::ZERO,
            },
            token: None,
        }],
    };
    let price = |model| crate::Price {
        models: vec![policy::NamePattern::new(model)],
        input_nanousd: 1_000,
        output_nanousd: 2_000,
    };
    let prices = vec![price("priced"), price("m-*")];
    let quotas = crate::QuotaSettings { prices, ..crate::QuotaSettings::default() };
    Metrics::new(&settings, Quotas::new(quotas))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interaction(metrics: &Metrics, model: &str, upstream: Option<&str>) {
        ended(metrics, model, upstream, true);
    }

    fn ended(metrics: &Metrics, model: &str, upstream: Option<&str>, is_owed: bool) {
        let id = events::InteractionId::new(1, 1);
        let opened = InteractionOpened {
            model: Some(model.to_owned()),
            upstream: upstream.map(str::to_owned),
            ..crate::blank::opening(id, String::new(), "chat.completions")
        };
        let mut closed = crate::blank::closing(id);
        closed.ending = Ending::Answered;
        closed.usage = Some(events::TokenUsage { input: 10, output: 5 });
        let observed = Observed {
            is_owed,
            tokens: events::TokenUsage { input: 10, output: 5 },
            upstream: Some(Duration::from_micros(1)),
            ..Observed::default()
        };
        metrics.closed(&metrics.opened(&opened), &closed, &observed);
    }

    #[test]
    fn callers_cannot_make_more_series_than_the_limit() {
        let metrics = at_rest();
        for number in 0..MODELS_MAX * 3 {
            // What upstreams refused neither costs nor makes a name known.
            ended(&metrics, &format!("m-refused-{number}"), Some("fake"), false);
            ended(&metrics, "priced", Some("fake"), false);
        }
        for number in 0..MODELS_MAX * 3 {
            interaction(&metrics, &format!("m-{number}"), Some("fake"));
            interaction(&metrics, &format!("unrouted-{number}"), None);
        }
        interaction(&metrics, "priced", Some("fake"));
        let families = metrics.snapshot();
        let of = |name| families.iter().find(|family| family.about.name == name);
        let models: Vec<_> = of(names::OPERATION_DURATION)
            .into_iter()
            .flat_map(|family| &family.series)
            .map(|series| series.labels[2].1.as_str())
            .collect();
        assert_eq!(models.len(), MODELS_MAX + 1);
        assert!(models.contains(&"priced"), "what is configured is told apart whoever comes first");
        assert!(models.contains(&"other"));
        assert!(
            !models
                .iter()
                .any(|model| model.starts_with("unrouted") || model.starts_with("m-refused"))
        );
        let paid: Vec<_> =
            of("bartizan.cost").into_iter().flat_map(|family| &family.series).collect();
        let of_priced = paid.iter().find(|series| series.labels[0].1 == "priced");
        let point = of_priced.map(|series| series.point.clone());
        assert_eq!(point, Some(telemetry::Point::Number(20_000)), "10 × 1000 + 5 × 2000");
    }
}
