//! `bartizan keys rotate-provider NAME`: another key in the place of a sealed one.
//!
//! If a gateway runs on the data folder, it does the work and this command watches; else this command does it, and whoever
//! comes next (this command again, or a gateway) deletes the old key when the overlap is over. With `--give-up`, a rotation
//! that a provider blocks ends where it is, and what is left at the provider is said.
//!
//! INVARIANT: interrupting the command leaves a key that works, and the rotation goes on where it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::JournalError;
use serde::Serialize;
use store::{RotationStep, SealedSecrets};

use super::key_changes::{COMMAND_LINE, open_patiently, record_recovery};
use super::sealed_changes::Follower;
use super::secrets::known;
use crate::cli::RotateProviderArgs;
use crate::config;
use crate::config::secrets::SecretsSettings;
use crate::data_dir::{DataDir, store_failure};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::rotation::{Progress, RotationError, Rotator};
use crate::rotation_asked::{
    ask, ask_to_give_up, give_up, is_exchanged_for_being_seen, left_behind,
};
use crate::time::{now_ms, parse_deadline, rfc3339, show_moment};

/// How long the command watches a gateway at its work.
const WATCH_TIME_MAX: Duration = Duration::from_mins(2);
/// How often it looks.
const WATCH_PAUSE: Duration = Duration::from_millis(200);

pub(super) fn run(args: &RotateProviderArgs, output: &mut Output) -> Result<Exit, Failure> {
    if args.give_up {
        return end(args, output);
    }
    let state = &args.state;
    let settings = config::load_secrets(state.config.as_deref(), &super::surroundings())?;
    let name = args.name.as_str();
    let Some(rotation) = settings.rotations.get(name) else {
        let error = RotationError::NotConfigured(name.to_owned());
        return Err(Failure::usage(
            error,
            "`bartizan config example` shows `[[secrets.rotations]]`",
        ));
    };
    let overlap_ms = match &args.overlap {
        None => rotation.overlap_ms,
        Some(text) => parse_deadline(text, 0).ok_or_else(|| {
            let message = format!("`{text}` is not a time");
            Failure::usage(message, "write `10m`, `24h`, `0s`")
        })?,
    };
    let data = DataDir::open(&config::data_dir(state.data.as_deref(), state.config.as_deref())?)?;
    let progress = super::block_on(async {
        let secrets = SealedSecrets::new(data.store().await?);
        let record = known(&secrets, name).await?;
        if record.is_given_up() {
            let message = format!("the rotation of `{name}` was given up and has not ended yet");
            return Err(Failure::usage(message, "the same command with `--give-up` ends it"));
        }
        let was_under_way = record.rotation.is_some();
        if !was_under_way && record.provider_id.is_none() {
            return Err(failure(RotationError::NoProviderId(name.to_owned())));
        }
        let asked = ask(&secrets, record, (COMMAND_LINE, args.why.clone()), overlap_ms);
        asked.await.map_err(store_failure)?;
        match open_patiently(data.path()) {
            Err(JournalError::InUse { .. }) => watch(&secrets, name).await,
            Err(error) => Err(Failure::environment_as_told(error)),
            Ok((journal, recovery)) => {
                record_recovery(&journal, &recovery).map_err(Failure::environment_as_told)?;
                let rotator = rotator(settings, secrets, journal, &data).await?;
                let done = work(&rotator, name).await;
                let closed = rotator.journal.close().map_err(Failure::environment_as_told);
                done.and_then(|progress| closed.map(|()| progress))
            }
        }
    })?;
    print(name, progress, args.format.is_json(), output)?;
    Ok(Exit::Fine)
}

/// Gives up the rotation that is under way. What is configured does not matter for this, nor whether a key can be opened.
fn end(args: &RotateProviderArgs, output: &mut Output) -> Result<Exit, Failure> {
    let (name, state) = (args.name.as_str(), &args.state);
    let data = DataDir::open(&config::data_dir(state.data.as_deref(), state.config.as_deref())?)?;
    let (was_seen, left) = super::block_on(async {
        let secrets = SealedSecrets::new(data.store().await?);
        let was_seen = is_exchanged_for_being_seen(&known(&secrets, name).await?);
        let by = (COMMAND_LINE, args.why.as_deref());
        let Some(record) = ask_to_give_up(&secrets, name, by).await.map_err(store_failure)? else {
            let message = format!("no rotation of `{name}` is under way");
            return Err(Failure::usage(message, "`bartizan secrets list` shows those that are"));
        };
        let left = record.rotation.as_ref().and_then(left_behind);
        match open_patiently(data.path()) {
            Err(JournalError::InUse { .. }) => watch_end(&secrets, name).await?,
            Err(error) => return Err(Failure::environment_as_told(error)),
            Ok((journal, recovery)) => {
                record_recovery(&journal, &recovery).map_err(Failure::environment_as_told)?;
                let ended = give_up(&secrets, &journal, record).await.map_err(failure);
                let closed = journal.close().map_err(Failure::environment_as_told);
                ended.and(closed)?;
            }
        }
        Ok((was_seen, left))
    })?;
    if args.format.is_json() {
        output.json(&GivenUp { name, left: left.as_deref() })?;
        return Ok(Exit::Fine);
    }
    let left = left.map_or_else(
        || "nothing is left at the provider".to_owned(),
        |left| format!("still at the provider, to be deleted there: {left}"),
    );
    let stays =
        if was_seen { "stays, though it was seen, until it is seen again" } else { "stays" };
    output.line(&format!("the rotation of {name} is given up, the key in use {stays}; {left}"))?;
    Ok(Exit::Fine)
}

/// Waits until a gateway has ended a rotation that is given up.
async fn watch_end(secrets: &SealedSecrets, name: &str) -> Result<(), Failure> {
    let began = Instant::now();
    while began.elapsed() < WATCH_TIME_MAX {
        if !known(secrets, name).await?.is_given_up() {
            return Ok(());
        }
        tokio::time::sleep(WATCH_PAUSE).await;
    }
    let message = format!("the rotation of `{name}` is to be given up, and is not yet");
    Err(Failure::environment(message, "the running gateway does it: see what it says, and repeat"))
}

/// What does the work, with what the administrative keys refer to.
async fn rotator(
    settings: SecretsSettings,
    secrets: SealedSecrets,
    journal: journal::Journal,
    data: &DataDir,
) -> Result<Rotator, Failure> {
    let sealing = Arc::new(settings.sealing(data, false)?);
    let SecretsSettings { places, rotations, .. } = settings;
    Follower::start(secrets.clone(), Some(Arc::clone(&sealing)), places).await?;
    // Nothing in this process uses the secret itself.
    Ok(Rotator { journal, places: BTreeMap::new(), rotations, sealing, secrets })
}

async fn work(rotator: &Rotator, name: &str) -> Result<Progress, Failure> {
    loop {
        match rotator.step(name).await.map_err(failure)? {
            Progress::Stepped => {}
            progress => return Ok(progress),
        }
    }
}

/// Waits until a gateway has switched over.
async fn watch(secrets: &SealedSecrets, name: &str) -> Result<Progress, Failure> {
    let began = Instant::now();
    let before = known(secrets, name).await?.provider_id;
    while began.elapsed() < WATCH_TIME_MAX {
        let record = known(secrets, name).await?;
        match record.rotation.map(|rotation| rotation.step) {
            Some(RotationStep::Switched { retire_ms, .. }) => {
                return Ok(Progress::Waits(retire_ms));
            }
            None if record.provider_id != before => return Ok(Progress::Ended),
            None => {
                let message = format!("the rotation of `{name}` was given up by the gateway");
                let help = "`bartizan log tail` says why; the key in use was not changed";
                return Err(Failure::environment(message, help));
            }
            Some(_) => tokio::time::sleep(WATCH_PAUSE).await,
        }
    }
    let message = format!("`{name}` is not rotated yet");
    let help = "the running gateway does it: `bartizan log tail` says how far it has got; a gateway \
                that was started before `[[secrets.rotations]]` said how has to be started again";
    Err(Failure::environment(message, help))
}

fn failure(error: RotationError) -> Failure {
    match error {
        RotationError::Store(error) => store_failure(error),
        RotationError::Seal(error) => super::secrets::seal_failure(error),
        RotationError::NotConfigured(_) | RotationError::NoProviderId(_) => {
            Failure::usage(error, "see `bartizan secrets add --help`")
        }
        error => Failure::environment(
            error,
            "the key in use still works; the same command goes on where it was",
        ),
    }
}

/// What is left of a rotation that was given up. The names are a contract.
#[derive(Serialize)]
struct GivenUp<'a> {
    name: &'a str,
    /// What has to be deleted at the provider, in words, if anything is left there.
    left: Option<&'a str>,
}

/// What became of it. The names are a contract.
#[derive(Serialize)]
struct Rotated<'a> {
    name: &'a str,
    /// Until when the old key works, if it does.
    old_key_until: Option<String>,
}

fn print(name: &str, progress: Progress, json: bool, output: &mut Output) -> Result<(), Failure> {
    let until_ms = match progress {
        Progress::Waits(until_ms) => Some(until_ms.max(now_ms())),
        Progress::Stepped | Progress::Ended => None,
    };
    if json {
        return output.json(&Rotated { name, old_key_until: until_ms.map(rfc3339) });
    }
    output.line(&match until_ms {
        None => format!("{name} is rotated; the old key is deleted"),
        Some(until_ms) => format!(
            "{name} is rotated; the old key is deleted by the gateway, or by this command, after {}",
            show_moment(until_ms)
        ),
    })
}
