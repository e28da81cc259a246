//! `bartizan config check`: what would run, for people and for programs.
//!
//! INVARIANT: names where secrets come from, never what they are.

use gateway::Accept;
use journal::SyncMode;
use policy::RuleSet;
use serde::Serialize;
use wire::{Dialect, UnknownFields};

use super::Origin;
use super::external::ExternalCard;
use super::identity::IssuerCard;
use super::identity_options::ClientCertificatesOption;
use super::settings::Settings;
use crate::exit::Failure;
use crate::output::{Output, Table};

#[derive(Serialize)]
struct Summary<'a> {
    source: Option<String>,
    data_dir: String,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    telemetry: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_limits: Option<&'a str>,
    tls: bool,
    upstreams: Vec<UpstreamSummary<'a>>,
    routes: Vec<RouteSummary<'a>>,
    /// Dialects that no upstream speaks.
    refused_dialects: Vec<&'static str>,
    /// Whether clients may or must show certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificates: Option<CertificatesSummary>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<IssuerSummary<'a>>,
    guards: GuardSummary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external: Vec<ExternalSummary<'a>>,
    journal: JournalSummary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sinks: Vec<SinkSummary<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct SinkSummary<'a> {
    name: &'a str,
    kind: &'static str,
    format: &'static str,
    place: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

#[derive(Serialize)]
struct UpstreamSummary<'a> {
    name: &'a str,
    dialects: Vec<&'static str>,
    base_url: &'a str,
    api_key: Option<&'a str>,
}

#[derive(Serialize)]
struct RouteSummary<'a> {
    name: &'a str,
    models: Vec<&'a str>,
    upstreams: Vec<RouteUpstreamSummary<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fallback: &'a [String],
    accept: &'static str,
}

#[derive(Serialize)]
struct RouteUpstreamSummary<'a> {
    name: &'a str,
    weight: u32,
}

#[derive(Serialize)]
struct CertificatesSummary {
    are: ClientCertificatesOption,
    grants: usize,
}

impl CertificatesSummary {
    fn of(settings: &Settings) -> Option<Self> {
        let grants = settings.gateway.identity.certificates.len();
        settings.client_certificates.map(|are| Self { are, grants })
    }
}

#[derive(Serialize)]
struct IssuerSummary<'a> {
    name: &'a str,
    issuer: &'a str,
    keys: &'a str,
    algorithms: &'a [&'static str],
    grants: usize,
}

impl<'a> From<&'a IssuerCard> for IssuerSummary<'a> {
    fn from(card: &'a IssuerCard) -> Self {
        let IssuerCard { algorithms, grants, issuer, keys, name } = card;
        Self { name, issuer, keys, algorithms, grants: *grants }
    }
}

#[derive(Serialize)]
struct GuardSummary {
    enabled: bool,
    preset: &'static str,
    unknown_fields: &'static str,
    detectors: usize,
    rules: usize,
    rules_in_shadow: usize,
    exceptions: usize,
}

impl GuardSummary {
    fn of(settings: &Settings) -> Self {
        let gateway = &settings.gateway;
        let rules =
            || settings.guards.policy.rules().filter(|rule| rule.set == RuleSet::Consequence);
        let all_detectors = detect::Engine::detectors().len();
        Self {
            enabled: gateway.guards,
            preset: settings.guards.policy_options.preset.as_str(),
            unknown_fields: match gateway.unknown_fields {
                UnknownFields::Scan => "scan",
                UnknownFields::Refuse => "refuse",
            },
            detectors: if gateway.guards {
                all_detectors.saturating_sub(settings.detectors_off.len())
            } else {
                0
            },
            rules: rules().count(),
            rules_in_shadow: rules().filter(|rule| rule.shadow).count(),
            exceptions: settings.guards.policy_options.exceptions.len(),
        }
    }
}

#[derive(Serialize)]
struct ExternalSummary<'a> {
    name: &'a str,
    kind: &'static str,
    url: &'a str,
    api_key: Option<&'a str>,
    stages: Vec<&'static str>,
    provenances: &'a [&'static str],
    fail: &'static str,
}

impl<'a> From<&'a ExternalCard> for ExternalSummary<'a> {
    fn from(guard: &'a ExternalCard) -> Self {
        let stages = [("request", guard.stages.request), ("answer", guard.stages.answer)];
        Self {
            name: &guard.name,
            kind: guard.kind,
            url: &guard.url,
            api_key: guard.api_key.as_deref(),
            stages: stages.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect(),
            provenances: if guard.stages.request { &guard.provenances } else { &[] },
            fail: guard.fail,
        }
    }
}

#[derive(Serialize)]
struct JournalSummary {
    sync: &'static str,
    content_retention_hours: u64,
}

/// Prints what these settings would run.
pub(crate) fn print(settings: &Settings, json: bool, output: &mut Output) -> Result<(), Failure> {
    let summary = summary(settings);
    if json { output.json(&summary) } else { print_text(&summary, output) }
}

fn summary(settings: &Settings) -> Summary<'_> {
    let gateway = &settings.gateway;
    Summary {
        source: match &settings.origin {
            Origin::File(path) => Some(path.display().to_string()),
            Origin::Defaults => None,
        },
        data_dir: settings.data_dir.display().to_string(),
        listen: gateway.listen.to_string(),
        metrics: gateway.metrics.map(|address| format!("http://{address}/metrics")),
        telemetry: settings.collector_url.as_deref(),
        shared_limits: settings.shared_limits.as_deref(),
        tls: gateway.tls.is_some(),
        upstreams: settings
            .upstreams
            .iter()
            .map(|upstream| UpstreamSummary {
                name: &upstream.name,
                dialects: upstream.dialects.iter().map(|dialect| dialect.as_str()).collect(),
                base_url: &upstream.base_url,
                api_key: upstream.api_key.as_deref(),
            })
            .collect(),
        routes: gateway
            .routes
            .iter()
            .map(|route| RouteSummary {
                name: &route.name,
                models: route.models.iter().map(policy::NamePattern::as_str).collect(),
                upstreams: (route.upstreams.iter())
                    .map(|(name, weight)| RouteUpstreamSummary { name, weight: *weight })
                    .collect(),
                fallback: &route.fallback,
                accept: match route.accept {
                    Accept::VirtualKey => "virtual",
                    Accept::ProviderKey => "provider",
                },
            })
            .collect(),
        refused_dialects: Dialect::ALL
            .iter()
            .filter(|dialect| !settings.upstreams.iter().any(|one| one.dialects.contains(dialect)))
            .map(|dialect| dialect.as_str())
            .collect(),
        client_certificates: CertificatesSummary::of(settings),
        issuers: settings.issuers.iter().map(IssuerSummary::from).collect(),
        guards: GuardSummary::of(settings),
        external: settings.external_cards.iter().map(ExternalSummary::from).collect(),
        journal: JournalSummary {
            sync: match settings.journal.sync {
                SyncMode::Group => "group",
                SyncMode::Off => "off",
            },
            content_retention_hours: settings.journal.content_retention_ms / 3_600_000,
        },
        sinks: (settings.sink_cards.iter())
            .map(|card| SinkSummary {
                name: &card.name,
                kind: card.kind,
                format: card.format,
                place: &card.place,
                key: card.key.as_deref(),
            })
            .collect(),
        warnings: &settings.warnings,
    }
}

/// `a (3 of 4), b (1 of 4), else c`.
fn upstream_words(route: &RouteSummary<'_>) -> String {
    let total: u32 = route.upstreams.iter().map(|one| one.weight).sum();
    let words = |one: &RouteUpstreamSummary<'_>| match route.upstreams.len() {
        1 => one.name.to_owned(),
        _ => format!("{} ({} of {total})", one.name, one.weight),
    };
    let spread = route.upstreams.iter().map(words);
    let fallback = route.fallback.iter().map(|name| format!("else {name}"));
    spread.chain(fallback).collect::<Vec<_>>().join(", ")
}

fn print_text(summary: &Summary<'_>, output: &mut Output) -> Result<(), Failure> {
    let source = summary.source.as_deref().unwrap_or("the built-in configuration");
    output.line(&format!("{source} is fine; this would run:\n"))?;
    let mut table = Table::headless();
    let scheme = if summary.tls { "https" } else { "http" };
    table.row(["listen".into(), format!("{scheme}://{}", summary.listen)]);
    if let Some(metrics) = &summary.metrics {
        table.row(["metrics".into(), metrics.clone()]);
    }
    if let Some(collector) = summary.telemetry {
        table.row(["telemetry".into(), format!("traces and metrics to {collector}")]);
    }
    if let Some(shared) = summary.shared_limits {
        table.row(["shared limits".into(), shared.to_owned()]);
    }
    table.row(["data".into(), summary.data_dir.clone()]);
    for upstream in &summary.upstreams {
        let key = upstream.api_key.map(|key| format!(", key from {key}")).unwrap_or_default();
        table.row([
            "upstream".into(),
            format!(
                "{} at {} ({}){key}",
                upstream.name,
                upstream.base_url,
                upstream.dialects.join(", ")
            ),
        ]);
    }
    for route in &summary.routes {
        let keys = if route.accept == "virtual" { "virtual keys" } else { "provider keys" };
        let models = route.models.join(", ");
        table.row(["route".into(), format!("{models} to {}, for {keys}", upstream_words(route))]);
    }
    for dialect in &summary.refused_dialects {
        let why = format!("requests in the dialect `{dialect}`: no upstream speaks it");
        table.row(["refused".into(), why]);
    }
    identity_rows(&mut table, summary);
    let guards = &summary.guards;
    let unknown = if guards.unknown_fields == "scan" { "scanned" } else { "refused" };
    table.row([
        "guards".into(),
        format!(
            "preset {}: {} rules ({} in shadow), {} exceptions, {} detectors, unknown fields {unknown}",
            guards.preset, guards.rules, guards.rules_in_shadow, guards.exceptions, guards.detectors
        ),
    ]);
    for guard in &summary.external {
        let key = guard.api_key.map(|key| format!(", key from {key}")).unwrap_or_default();
        table.row([
            "external guard".into(),
            format!(
                "{} ({}) at {}, asked about {}s{key}, fails {}",
                guard.name,
                guard.kind,
                guard.url,
                guard.stages.join("s and "),
                guard.fail
            ),
        ]);
    }
    table.row(["record".into(), record_words(&summary.journal)]);
    sink_rows(&mut table, summary);
    for warning in summary.warnings {
        table.row(["warning".into(), warning.clone()]);
    }
    output.text(&table.render())
}

fn record_words(journal: &JournalSummary) -> String {
    let sync = if journal.sync == "group" { "synced before answers" } else { "not synced" };
    let content = match journal.content_retention_hours {
        0 => String::from("no content kept"),
        hours => format!("encrypted content kept for {hours} h"),
    };
    format!("{sync}, {content}")
}

/// Where the record is sent.
fn sink_rows(table: &mut Table, summary: &Summary<'_>) {
    for sink in &summary.sinks {
        let SinkSummary { name, kind, format, place, key } = sink;
        let key = key.map(|key| format!(", key from {key}")).unwrap_or_default();
        table.row(["sink".into(), format!("{name} ({kind}) at {place}, as {format}{key}")]);
    }
}

/// Whose tokens and certificates are taken.
fn identity_rows(table: &mut Table, summary: &Summary<'_>) {
    for issuer in &summary.issuers {
        table.row([
            "tokens".into(),
            format!(
                "{}: of {}, signed with {}, keys from {}, {} grants",
                issuer.name,
                issuer.issuer,
                issuer.algorithms.join(" or "),
                issuer.keys,
                issuer.grants
            ),
        ]);
    }
    if let Some(CertificatesSummary { are, grants }) = &summary.client_certificates {
        let are = match are {
            ClientCertificatesOption::Optional => "asked for",
            ClientCertificatesOption::Required => "required",
        };
        table.row(["client certificates".into(), format!("{are}, {grants} grants")]);
    }
}
