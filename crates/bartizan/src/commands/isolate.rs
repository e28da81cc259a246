//! `bartizan isolate [TARGET --why "…"]` and `bartizan restore TARGET`.
//!
//! A running gateway notices and records each change within a second; neither command talks to it. When none runs, they
//! record it themselves, and the next start finds it.
//!
//! INVARIANT: an upstream that the configuration does not know is refused: a typing error must not look like a measure taken.

use gateway::Isolated;
use serde::Serialize;
use store::{IsolationRecord, Isolations};

use super::isolation_changes::{ISOLATE, RESTORE, administration};
use super::key_changes::{COMMAND_LINE, record_change};
use crate::cli::{IsolateArgs, RestoreArgs, StateArgs};
use crate::config;
use crate::data_dir::{DataDir, store_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Table};
use crate::time::{now_ms, parse_deadline, rfc3339, show_moment};

/// Bytes of the words that say why.
const WHY_BYTES_MAX: usize = 2_000;

pub(crate) fn isolate(args: &IsolateArgs) -> Result<Exit, Failure> {
    let data = open(&args.state)?;
    let Some(target) = &args.target else { return list(&data, args.format.is_json()) };
    let why = args.why.as_deref().unwrap_or_default().trim();
    if why.is_empty() || why.len() > WHY_BYTES_MAX {
        let message = format!("`--why` takes 1 to {WHY_BYTES_MAX} bytes");
        return Err(Failure::usage(message, "say what others should know who find it isolated"));
    }
    let now_ms = now_ms();
    let until_ms = match &args.time {
        None => None,
        Some(text) => {
            Some(parse_deadline(text, now_ms).filter(|until| *until > now_ms).ok_or_else(|| {
                Failure::usage(
                    format!("`{text}` is not a time to come"),
                    "write `30m`, `12h`, `2d`",
                )
            })?)
        }
    };
    if let Isolated::Upstream(name) = target {
        known(name, &args.state)?;
    }
    let name = target.to_string();
    super::block_on(async {
        let isolations = Isolations::new(data.store().await?);
        isolations.isolate(&name, until_ms, why, now_ms).await.map_err(store_failure)
    })?;
    let change = administration(COMMAND_LINE, ISOLATE, &name, Some(why));
    record_change(data.path(), change, &format!("`{name}` is isolated"))?;
    let record = IsolationRecord { since_ms: now_ms, target: name, until_ms, why: why.to_owned() };
    print(&[record], args.format.is_json())
}

pub(crate) fn restore(args: &RestoreArgs) -> Result<Exit, Failure> {
    let data = open(&args.state)?;
    let name = args.target.to_string();
    let was_isolated = super::block_on(async {
        let isolations = Isolations::new(data.store().await?);
        isolations.restore(&name, now_ms()).await.map_err(store_failure)
    })?;
    if !was_isolated {
        let message = format!("`{name}` is not isolated");
        return Err(Failure::usage(message, "`bartizan isolate` lists what is"));
    }
    let change = administration(COMMAND_LINE, RESTORE, &name, None);
    record_change(data.path(), change, &format!("`{name}` is restored"))?;
    let mut output = Output::new();
    output.line(&format!("{name} is restored"))?;
    output.finish()?;
    Ok(Exit::Fine)
}

fn open(state: &StateArgs) -> Result<DataDir, Failure> {
    DataDir::open(&config::data_dir(state.data.as_deref(), state.config.as_deref())?)
}

fn known(name: &str, state: &StateArgs) -> Result<(), Failure> {
    let names = config::upstream_names(state.config.as_deref())?;
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let message = format!("there is no upstream `{name}`");
    Err(Failure::usage(message, format!("configured: {}", names.join(", "))))
}

fn list(data: &DataDir, json: bool) -> Result<Exit, Failure> {
    let records = super::block_on(async {
        Isolations::new(data.store().await?).list().await.map_err(store_failure)
    })?;
    let now_ms = now_ms();
    let active: Vec<IsolationRecord> =
        records.into_iter().filter(|record| record.is_active(now_ms)).collect();
    print(&active, json)
}

/// An isolation as it is printed.
#[derive(Serialize)]
struct IsolationView<'a> {
    target: &'a str,
    since: String,
    until: Option<String>,
    why: &'a str,
}

fn print(records: &[IsolationRecord], json: bool) -> Result<Exit, Failure> {
    let mut output = Output::new();
    if json {
        let views = records.iter().map(|record| IsolationView {
            target: &record.target,
            since: rfc3339(record.since_ms),
            until: record.until_ms.map(rfc3339),
            why: &record.why,
        });
        output.json(&views.collect::<Vec<_>>())?;
    } else if records.is_empty() {
        output.line("nothing is isolated")?;
    } else {
        let mut table = Table::new(&["ISOLATED", "SINCE", "UNTIL", "WHY"]);
        for record in records {
            let until = record.until_ms.map_or_else(|| String::from("restored"), show_moment);
            table.row([
                record.target.clone(),
                show_moment(record.since_ms),
                until,
                record.why.clone(),
            ]);
        }
        output.text(&table.render())?;
    }
    output.finish()?;
    Ok(Exit::Fine)
}
