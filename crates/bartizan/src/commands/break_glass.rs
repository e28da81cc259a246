//! `bartizan break-glass request|approve|end|list`: rules let go for a while, because two people said so.
//!
//! Both show a virtual key that is granted `administer`, each another. A running gateway begins within a second of the
//! approval; when none runs, the next that starts within a quarter of an hour does.
//!
//! INVARIANT: a key is read from where it is, never from an argument. INVARIANT: what is asked for is on record before it is
//! approved, with whose key, why and for how long.

use policy::{ExceptionScope, Verb};
use serde::Serialize;
use store::{
    BreakGlassError, BreakGlassRecord, BreakGlassRequest, BreakGlassRequests, BreakGlassState,
    VirtualKeys,
};

use super::break_glass_changes::{exceptions, noticed, words};
use super::key_changes::record_change;
use super::secrets::referred;
use crate::cli::{BreakGlassCommand, BreakGlassRequestArgs, KeyFromArgs, StateArgs};
use crate::config;
use crate::data_dir::{DataDir, keys_failure, store_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Table};
use crate::time::{now_ms, parse_deadline, rfc3339, show_moment};

/// Bytes of the words that say why.
const WHY_BYTES_MAX: usize = 2_000;

pub(crate) fn run(command: &BreakGlassCommand) -> Result<Exit, Failure> {
    let (records, json) = match command {
        BreakGlassCommand::Request(args) => (vec![request(args)?], args.format.is_json()),
        BreakGlassCommand::Approve { id, key, state, format } => {
            (vec![approve(id, key, state)?], format.is_json())
        }
        BreakGlassCommand::End { id, key, state, format } => {
            (vec![end(id, key, state)?], format.is_json())
        }
        BreakGlassCommand::List { state, format } => (list(state)?, format.is_json()),
    };
    print(&records, json)?;
    Ok(Exit::Fine)
}

fn request(args: &BreakGlassRequestArgs) -> Result<BreakGlassRecord, Failure> {
    let why = args.why.trim();
    if why.is_empty() || why.len() > WHY_BYTES_MAX {
        let message = format!("`--why` takes 1 to {WHY_BYTES_MAX} bytes");
        return Err(Failure::usage(message, "say what whoever approves has to know"));
    }
    let time_ms = parse_deadline(&args.time, 0).ok_or_else(|| {
        Failure::usage(format!("`{}` is not a time", args.time), "write `30m`, `2h`")
    })?;
    let scope = ExceptionScope {
        application: args.whose.application.clone(),
        key: args.key_id,
        kind: None,
        model: args.model.clone(),
        provenance: None,
        route: args.route.clone(),
        team: args.whose.team.clone(),
        tenant: args.whose.tenant.clone(),
    };
    changed(&args.state, &args.key, async |requests, by| {
        let request = BreakGlassRequest {
            by,
            rules: args.rules.clone(),
            scope: scope.clone(),
            time_ms,
            why: why.to_owned(),
        };
        check_rules(&args.state, &request)?;
        requests.ask(request, now_ms()).await.map_err(failure).map(|record| (None, record))
    })
}

fn approve(id: &str, key: &KeyFromArgs, state: &StateArgs) -> Result<BreakGlassRecord, Failure> {
    changed(state, key, async |requests, by| {
        let before = known(&requests, id).await?;
        let approved = requests.approve(id, by, now_ms()).await.map_err(failure)?;
        Ok((Some(before), approved))
    })
}

fn end(id: &str, key: &KeyFromArgs, state: &StateArgs) -> Result<BreakGlassRecord, Failure> {
    changed(state, key, async |requests, by| {
        let before = known(&requests, id).await?;
        let ended = requests.end(id, &by.to_string(), now_ms()).await.map_err(failure)?;
        Ok((Some(before), ended))
    })
}

fn list(state: &StateArgs) -> Result<Vec<BreakGlassRecord>, Failure> {
    let data = open(state)?;
    super::block_on(async {
        let requests = BreakGlassRequests::new(data.store().await?);
        requests.list().await.map_err(store_failure)
    })
}

/// Makes a change with somebody's key, and puts it on record unless a gateway does.
fn changed(
    state: &StateArgs,
    key: &KeyFromArgs,
    change: impl AsyncFn(
        BreakGlassRequests,
        events::KeyId,
    ) -> Result<(Option<BreakGlassRecord>, BreakGlassRecord), Failure>,
) -> Result<BreakGlassRecord, Failure> {
    let data = open(state)?;
    let secret = referred(&key.key_from)?;
    let (before, after) = super::block_on(async {
        let keys = data.keys().await?;
        let by = administrator(&keys, secret.expose()).await?;
        change(BreakGlassRequests::new(keys.store().clone()), by).await
    })?;
    for body in noticed(before.as_ref(), &after) {
        record_change(data.path(), body, &format!("break-glass `{}` was changed", after.id))?;
    }
    Ok(after)
}

/// Whose key this is, if it may administer. A key that is not limited to some actions may not: that it may infer and embed is
/// all that was meant.
async fn administrator(keys: &VirtualKeys, key: &str) -> Result<events::KeyId, Failure> {
    let help = "make one with `bartizan keys create --action administer`, for one person";
    let snapshot = keys.snapshot().await.map_err(keys_failure)?;
    let grant =
        snapshot.authenticate(key, now_ms()).map_err(|refusal| Failure::usage(refusal, help))?;
    let may = grant.limits.actions.as_ref().is_some_and(|verbs| verbs.contains(&Verb::Administer));
    match grant.principal.key.filter(|_| may) {
        Some(id) => Ok(id),
        None => Err(Failure::usage("this key is not granted `administer`", help)),
    }
}

/// Whether there are such rules, and they are consequences.
fn check_rules(state: &StateArgs, request: &BreakGlassRequest) -> Result<(), Failure> {
    let record = BreakGlassRecord {
        asked_ms: 0,
        id: String::from("new"),
        request: request.clone(),
        state: BreakGlassState::Requested,
        version: 0,
    };
    let engine = config::load_policy(state.config.as_deref(), &super::surroundings())?;
    let checked = engine.suspensions(&exceptions(&record, u64::MAX));
    checked
        .map(drop)
        .map_err(|error| Failure::usage(error, "name rules of consequence, and for whom"))
}

fn open(state: &StateArgs) -> Result<DataDir, Failure> {
    DataDir::open(&config::data_dir(state.data.as_deref(), state.config.as_deref())?)
}

async fn known(requests: &BreakGlassRequests, id: &str) -> Result<BreakGlassRecord, Failure> {
    let all = requests.list().await.map_err(store_failure)?;
    all.into_iter().find(|record| record.id == id).ok_or_else(|| {
        Failure::usage(
            format!("there is no `{id}`"),
            "`bartizan break-glass list` shows what there is",
        )
    })
}

/// What to do about a request that is refused.
pub(super) fn failure(error: BreakGlassError) -> Failure {
    match error {
        BreakGlassError::Store(error) => store_failure(error),
        BreakGlassError::NoRandomness => {
            Failure::environment(error, "check that the system's random source works")
        }
        error => Failure::usage(error, "see `bartizan break-glass --help`"),
    }
}

/// A request as it is printed. The names are a contract.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    state: &'static str,
    asked: String,
    by: String,
    approved_by: Option<String>,
    rules: &'a [String],
    scope: &'a ExceptionScope,
    minutes: u64,
    why: &'a str,
}

impl<'a> View<'a> {
    fn new(record: &'a BreakGlassRecord) -> Self {
        let BreakGlassRequest { by, rules, scope, time_ms, why } = &record.request;
        let approved_by = match &record.state {
            BreakGlassState::Approved { by, .. } | BreakGlassState::Begun { by, .. } => {
                Some(by.to_string())
            }
            BreakGlassState::Requested | BreakGlassState::Ended { .. } => None,
        };
        Self {
            id: &record.id,
            state: record.state.as_str(),
            asked: rfc3339(record.asked_ms),
            by: by.to_string(),
            approved_by,
            rules,
            scope,
            minutes: time_ms.div_ceil(60_000),
            why,
        }
    }
}

fn print(records: &[BreakGlassRecord], json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    if json {
        output.json(&records.iter().map(View::new).collect::<Vec<_>>())?;
    } else if records.is_empty() {
        output.line("nobody has asked")?;
    } else {
        let mut table = Table::new(&["ID", "STATE", "ASKED", "BY", "WHAT"]);
        for record in records {
            table.row([
                record.id.clone(),
                record.state.as_str().to_owned(),
                show_moment(record.asked_ms),
                record.request.by.to_string(),
                words(record),
            ]);
        }
        output.text(&table.render())?;
    }
    output.finish()
}
