//! `bartizan keys create|list|show|rotate|audit|revoke`; `rotate-provider` has a file of its own.
//!
//! A running gateway notices and records each change within a second; none of these commands talks to it.
//! When none runs, they record it themselves.
//!
//! INVARIANT: a key is printed once, to standard output, by `create` or `rotate`; no other command can.

use std::collections::BTreeMap;

use events::KeyId;
use journal::Position;
use policy::{AddressRange, Verb};
use serde::Serialize;
use stdx::Secret;
use store::{
    GrantOptions, KeyRecord, KeyStatus, LIST_DOCUMENTS_MAX, Quota, StoreError, VirtualKeys,
};

use super::key_changes::{CREATE, REVOKE, ROTATE, record_by_command};
use super::keys_audit::{self, Advice, KeyUse};
use crate::cli::{CreateArgs, KeysCommand, StateArgs};
use crate::config;
use crate::data_dir::{DataDir, keys_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Progress, Table, note};
use crate::time::{now_ms, parse_deadline, rfc3339, show_moment};

pub(crate) fn run(command: KeysCommand) -> Result<Exit, Failure> {
    let mut output = Output::new();
    match command {
        KeysCommand::Create(args) => create(*args, &mut output)?,
        KeysCommand::List { state, format } => list(&state, format.is_json(), &mut output)?,
        KeysCommand::Show { id, state, format } => {
            let keys = open(&state)?;
            let record = super::block_on(async {
                known(keys.as_ref(), id)?.show(id).await.map_err(keys_failure)
            })?;
            print(&record, format.is_json(), &mut output)?;
        }
        KeysCommand::Rotate { id, overlap, state, format } => {
            rotate(id, &overlap, &state, format.is_json(), &mut output)?;
        }
        KeysCommand::Audit { days, state, format } => {
            let exit = audit(days, &state, format.is_json(), &mut output)?;
            output.finish()?;
            return Ok(exit);
        }
        KeysCommand::RotateProvider(args) => {
            let exit = super::rotate_provider::run(&args, &mut output)?;
            output.finish()?;
            return Ok(exit);
        }
        KeysCommand::Revoke { id, state, format } => {
            let keys = open(&state)?;
            let now_ms = now_ms();
            let record = super::block_on(async {
                known(keys.as_ref(), id)?.revoke(id, now_ms).await.map_err(keys_failure)
            })?;
            // Otherwise it was revoked before, and that is on record.
            if record.revoked_ms == Some(now_ms) {
                let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
                record_by_command(&path, REVOKE, id)?;
            }
            print(&record, format.is_json(), &mut output)?;
        }
    }
    output.finish()?;
    Ok(Exit::Fine)
}

/// A key as it is printed.
#[derive(Serialize)]
struct KeyView<'a> {
    id: String,
    name: &'a str,
    status: &'static str,
    application: Option<&'a str>,
    team: Option<&'a str>,
    tenant: Option<&'a str>,
    models: &'a [String],
    routes: &'a [String],
    tools: &'a [String],
    actions: &'a [Verb],
    addresses: &'a [AddressRange],
    hours: Option<String>,
    quota: &'a Quota,
    created: String,
    expires: Option<String>,
    rotated: Option<String>,
    /// Until when the secret before the last rotation works too.
    overlap_until: Option<String>,
    revoked: Option<String>,
}

impl<'a> KeyView<'a> {
    fn new(record: &'a KeyRecord, now_ms: u64) -> Self {
        let grant = &record.grant;
        Self {
            id: record.id.to_string(),
            name: &grant.name,
            status: status(record, now_ms),
            application: grant.application.as_deref(),
            team: grant.team.as_deref(),
            tenant: grant.tenant.as_deref(),
            models: &grant.models,
            routes: &grant.routes,
            tools: &grant.tools,
            actions: &grant.actions,
            addresses: &grant.addresses,
            hours: grant.hours.as_ref().map(ToString::to_string),
            quota: &grant.quota,
            created: rfc3339(record.created_ms),
            expires: grant.expires_ms.map(rfc3339),
            rotated: record.rotated_ms.map(rfc3339),
            overlap_until: record.overlap_until_ms.map(rfc3339),
            revoked: record.revoked_ms.map(rfc3339),
        }
    }
}

fn status(record: &KeyRecord, now_ms: u64) -> &'static str {
    match record.status {
        KeyStatus::Revoked => "revoked",
        KeyStatus::Active if record.grant.expires_ms.is_some_and(|at| at <= now_ms) => "expired",
        KeyStatus::Active => "active",
    }
}

fn create(args: CreateArgs, output: &mut Output) -> Result<(), Failure> {
    let now_ms = now_ms();
    let expires_ms = match &args.expires {
        None => None,
        Some(text) => Some(parse_deadline(text, now_ms).ok_or_else(|| {
            let message = format!("`{text}` is not a time");
            let help = "write `90d`, `12h`, `2027-04-01` or `2027-04-01T08:00:00Z`";
            Failure::usage(message, help)
        })?),
    };
    let grant = GrantOptions {
        name: args.name,
        application: args.whose.application,
        team: args.whose.team,
        tenant: args.whose.tenant,
        models: args.models,
        routes: args.routes,
        tools: args.tools,
        actions: args.actions,
        addresses: args.addresses,
        hours: args.hours,
        quota: Quota {
            requests_per_minute: args.quota.requests_per_minute,
            tokens_per_minute: args.quota.tokens_per_minute,
            concurrent_max: args.quota.concurrent_max,
            tokens_per_day: args.quota.tokens_per_day,
            tokens_per_month: args.quota.tokens_per_month,
            microusd_per_day: args.quota.usd_per_day,
            microusd_per_month: args.quota.usd_per_month,
        },
        expires_ms,
    };
    let path = config::data_dir(args.state.data.as_deref(), args.state.config.as_deref())?;
    let data = DataDir::create(&path)?;
    let (record, key) = super::block_on(async {
        data.keys().await?.create(grant, now_ms).await.map_err(keys_failure)
    })?;
    let recorded = record_by_command(data.path(), CREATE, record.id);
    let made = format!("key {} was made; it is not stored and cannot be shown again", record.id);
    hand_over(&record, &key, args.format.is_json(), &made, output)?;
    recorded
}

fn rotate(
    id: KeyId,
    overlap: &str,
    state: &StateArgs,
    json: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let now_ms = now_ms();
    let until_ms = parse_deadline(overlap, now_ms).ok_or_else(|| {
        Failure::usage(format!("`{overlap}` is not a time"), "write `24h`, `30m`, `7d` or `0s`")
    })?;
    let keys = open(state)?;
    let (record, key) = super::block_on(async {
        known(keys.as_ref(), id)?.rotate(id, until_ms, now_ms).await.map_err(keys_failure)
    })?;
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    let recorded = record_by_command(&path, ROTATE, id);
    let until = match record.overlap_until_ms {
        Some(until_ms) => format!("works until {} (UTC) too", show_moment(until_ms)),
        None => "does not work any more".to_owned(),
    };
    let made =
        format!("key {id} has a new secret, which cannot be shown again; the one before {until}");
    hand_over(&record, &key, json, &made, output)?;
    recorded
}

/// Prints a secret, once.
fn hand_over(
    record: &KeyRecord,
    key: &Secret<String>,
    json: bool,
    what: &str,
    output: &mut Output,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Made<'a> {
        key: &'a str,
        #[serde(flatten)]
        record: KeyView<'a>,
    }
    if json {
        let record = KeyView::new(record, now_ms());
        return output.json(&Made { key: key.expose(), record });
    }
    output.line(key.expose())?;
    note(what);
    Ok(())
}

/// The keys of a data folder; `None` if none were ever made there.
fn open(state: &StateArgs) -> Result<Option<VirtualKeys>, Failure> {
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    let data = DataDir::open(&path)?;
    if data.has_state() { super::block_on(data.keys()).map(Some) } else { Ok(None) }
}

fn known(keys: Option<&VirtualKeys>, id: KeyId) -> Result<&VirtualKeys, Failure> {
    keys.ok_or_else(|| {
        let error = StoreError::NotFound { kind: "virtual key", id: id.to_string() };
        keys_failure(error.into())
    })
}

/// Every key of a data folder.
fn all(state: &StateArgs) -> Result<Vec<KeyRecord>, Failure> {
    let keys = open(state)?;
    super::block_on(async {
        let mut records: Vec<KeyRecord> = Vec::new();
        let Some(keys) = &keys else { return Ok(records) };
        loop {
            let after = records.last().map(|record| record.id);
            let page = keys.list(after, LIST_DOCUMENTS_MAX).await.map_err(keys_failure)?;
            if page.is_empty() {
                return Ok(records);
            }
            records.extend(page);
        }
    })
}

/// An audited key as it is printed.
#[derive(Serialize)]
struct AuditView<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    last_used: Option<String>,
    used: &'a KeyUse,
    advice: Vec<Advice>,
}

fn audit(days: u64, state: &StateArgs, json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let records = all(state)?;
    let now_ms = now_ms();
    let since_ms = now_ms.saturating_sub(days.saturating_mul(24 * 60 * 60 * 1000));
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    let mut uses = BTreeMap::new();
    let mut progress = Progress::new("records");
    let reader = super::log::reader(&DataDir::open(&path)?);
    let events = reader.records(Position::Start).map_err(super::log::read_failure)?;
    for (number, record) in events.enumerate() {
        let record = record.map_err(super::log::read_failure)?;
        if record.event.time_ms >= since_ms {
            keys_audit::count(&mut uses, &record);
        }
        progress.reached(number as u64);
    }
    drop(progress);
    let nothing = KeyUse::default();
    let views: Vec<AuditView<'_>> = records
        .iter()
        .map(|record| {
            let used = uses.get(&record.id).unwrap_or(&nothing);
            AuditView {
                key: KeyView::new(record, now_ms),
                last_used: used.last_used_ms.map(rfc3339),
                used,
                advice: keys_audit::advise(record, &records, used, days, now_ms),
            }
        })
        .collect();
    let is_urgent = views.iter().flat_map(|view| &view.advice).any(|advice| advice.is_urgent);
    let exit = if is_urgent { Exit::Findings } else { Exit::Fine };
    if json {
        output.json(&views)?;
        return Ok(exit);
    }
    let mut table = Table::new(&["ID", "NAME", "STATUS", "REQUESTS", "LAST USED", "", "ADVICE"]);
    for view in &views {
        let last_used = view.used.last_used_ms.map_or_else(|| String::from("-"), show_moment);
        let mut advice = view.advice.iter();
        let mut cells = |advice: Option<&Advice>, is_first: bool| {
            let cell = |text: &str| if is_first { text.to_owned() } else { String::new() };
            let mark = advice.map_or("", |advice| if advice.is_urgent { "!" } else { "" });
            table.row([
                cell(&view.key.id),
                cell(view.key.name),
                cell(view.key.status),
                cell(&view.used.requests.to_string()),
                cell(&last_used),
                mark.to_owned(),
                advice.map(|advice| advice.text.clone()).unwrap_or_default(),
            ]);
        };
        cells(advice.next(), true);
        advice.for_each(|advice| cells(Some(advice), false));
    }
    output.text(&table.render())?;
    Ok(exit)
}

fn list(state: &StateArgs, json: bool, output: &mut Output) -> Result<(), Failure> {
    let records = all(state)?;
    let now_ms = now_ms();
    if json {
        let views: Vec<_> = records.iter().map(|record| KeyView::new(record, now_ms)).collect();
        return output.json(&views);
    }
    let mut table = Table::new(&["ID", "NAME", "STATUS", "FOR", "MODELS", "CREATED", "EXPIRES"]);
    for record in &records {
        let grant = &record.grant;
        let parts = [&grant.tenant, &grant.team, &grant.application];
        let parts: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
        let models = grant.models.join(", ");
        table.row([
            record.id.to_string(),
            grant.name.clone(),
            status(record, now_ms).to_owned(),
            if parts.is_empty() { String::from("-") } else { parts.join("/") },
            if models.is_empty() { String::from("*") } else { models },
            show_moment(record.created_ms),
            grant.expires_ms.map_or_else(|| String::from("never"), show_moment),
        ]);
    }
    output.text(&table.render())
}

fn print(record: &KeyRecord, json: bool, output: &mut Output) -> Result<(), Failure> {
    let now_ms = now_ms();
    if json {
        return output.json(&KeyView::new(record, now_ms));
    }
    let grant = &record.grant;
    let models = grant.models.join(", ");
    let mut table = Table::headless();
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.row([name.to_owned(), value]);
        }
    };
    row("id", Some(record.id.to_string()));
    row("name", Some(grant.name.clone()));
    row("status", Some(status(record, now_ms).to_owned()));
    row("application", grant.application.clone());
    row("team", grant.team.clone());
    row("tenant", grant.tenant.clone());
    row("models", Some(if models.is_empty() { String::from("every model") } else { models }));
    row("routes", listed(&grant.routes));
    row("tools", listed(&grant.tools));
    row("actions", listed(&grant.actions));
    row("addresses", listed(&grant.addresses));
    row("hours", grant.hours.as_ref().map(|hours| format!("{hours} UTC")));
    let quota = &grant.quota;
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let money = |value: Option<u64>| value.map(|value| format!("{:.2}", value as f64 / 1e6));
    row("requests per minute", number(quota.requests_per_minute));
    row("tokens per minute", number(quota.tokens_per_minute));
    row("concurrent requests", number(quota.concurrent_max));
    row("tokens per day", number(quota.tokens_per_day));
    row("tokens per month", number(quota.tokens_per_month));
    row("USD per day", money(quota.microusd_per_day));
    row("USD per month", money(quota.microusd_per_month));
    row("created", Some(show_moment(record.created_ms)));
    row("expires", Some(grant.expires_ms.map_or_else(|| String::from("never"), show_moment)));
    row("rotated", record.rotated_ms.map(show_moment));
    row("overlap until", record.overlap_until_ms.map(show_moment));
    row("revoked", record.revoked_ms.map(show_moment));
    output.text(&table.render())
}

/// A list, if it limits anything.
fn listed(list: &[impl ToString]) -> Option<String> {
    let list: Vec<String> = list.iter().map(ToString::to_string).collect();
    (!list.is_empty()).then(|| list.join(", "))
}
