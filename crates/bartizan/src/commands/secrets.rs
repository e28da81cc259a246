//! `bartizan secrets add|list|remove|rewrap`: keys of providers, encrypted.
//!
//! A running gateway notices and records each change within a second; none of these commands talks to it.
//!
//! INVARIANT: no command prints a key, and none takes one as an argument, where others on the machine could read it.
//! INVARIANT: what a rotation is about to change is not changed by hand meanwhile.

use std::io::Read as _;

use serde::Serialize;
use stdx::Secret;
use store::{
    SEALED_BYTES_MAX, SealError, SealedChange, SealedRecord, SealedSecrets, Sealing, no_such_secret,
};
use zeroize::Zeroizing;

use super::key_changes::{COMMAND_LINE, record_change};
use super::sealed_changes::{REMOVE, administration, operation};
use crate::cli::{SecretsCommand, StateArgs};
use crate::config;
use crate::config::SecretReference;
use crate::data_dir::{DataDir, store_failure};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Table};
use crate::time::{now_ms, rfc3339, show_moment};

/// Bytes of what a provider calls a key.
const PROVIDER_ID_BYTES_MAX: usize = 200;

pub(crate) fn run(command: &SecretsCommand) -> Result<Exit, Failure> {
    match command {
        SecretsCommand::Add { name, from, provider_id, replace, state } => {
            let new = New { name, provider_id: provider_id.as_deref(), replaces: *replace };
            add(&new, from.as_deref(), state)?;
        }
        SecretsCommand::List { state, format } => list(state, format.is_json())?,
        SecretsCommand::Remove { name, state } => remove(name, state)?,
        SecretsCommand::Rewrap { state } => rewrap(state)?,
    }
    Ok(Exit::Fine)
}

/// What to do about a secret that cannot be sealed or opened.
pub(crate) fn seal_failure(error: SealError) -> Failure {
    let help = match &error {
        SealError::Name { .. } | SealError::NotAKey => {
            return Failure::usage(error, "see `bartizan secrets add --help`");
        }
        SealError::Damaged { .. } => {
            "restore the data folder from its copy, or give the key anew: `bartizan secrets add --replace`"
        }
        SealError::NoRandomness => "check that the system's random source works",
        SealError::Unavailable { .. } => "see that the program of `[secrets] command` works",
        SealError::WrongKey { .. } => {
            "name the key that is missing in `[secrets] key` or `previous_keys`; or give the secret anew: \
             `bartizan secrets add --replace`"
        }
    };
    Failure::environment(error, help)
}

/// A secret that is to be added.
struct New<'a> {
    name: &'a str,
    provider_id: Option<&'a str>,
    replaces: bool,
}

fn add(new: &New<'_>, from: Option<&str>, state: &StateArgs) -> Result<(), Failure> {
    let name = new.name;
    if let Some(id) = new.provider_id {
        let is_id = (1..=PROVIDER_ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !is_id {
            let message = "`--provider-id` takes letters, digits, `-`, `_` and `.`";
            return Err(Failure::usage(message, "copy it from the provider's list of keys"));
        }
    }
    store::check_name(name).map_err(seal_failure)?;
    let secret = match from {
        None => read_secret()?,
        Some(reference) => referred(reference)?,
    };
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    let data = DataDir::create(&path)?;
    let settings = config::load_secrets(state.config.as_deref(), &super::surroundings())?;
    let change = super::block_on(async {
        let secrets = SealedSecrets::new(data.store().await?);
        let known = secrets.list().await.map_err(store_failure)?;
        let sealing = settings.sealing(&data, known.is_empty())?;
        let sealed = sealing.seal(name, &secret).map_err(seal_failure)?;
        let provider_id = new.provider_id.map(str::to_owned);
        let now_ms = now_ms();
        let Some(mut record) = known.into_iter().find(|one| one.name == name) else {
            let added = secrets.add(name, sealed, provider_id, now_ms).await;
            return added.map(|record| record.change).map_err(store_failure);
        };
        if !new.replaces {
            let message = format!("there is a sealed secret `{name}` already");
            return Err(Failure::usage(message, "to put this one in its place: `--replace`"));
        }
        refuse_during_rotation(&record)?;
        record.change = SealedChange::Replaced;
        record.exposed_ms = None;
        record.provider_id = provider_id;
        record.sealed = sealed;
        secrets.put(record, now_ms).await.map(|record| record.change).map_err(store_failure)
    })?;
    let body = administration(COMMAND_LINE, operation(change), name);
    record_change(data.path(), body, &format!("the secret `{name}` was sealed"))?;
    say(&format!("{name} is sealed; refer to it as `sealed:{name}`"))
}

fn list(state: &StateArgs, json: bool) -> Result<(), Failure> {
    let mut output = Output::new();
    let records = match open(state) {
        Some(data) => super::block_on(async {
            SealedSecrets::new(data?.store().await?).list().await.map_err(store_failure)
        })?,
        None => Vec::new(),
    };
    if json {
        output.json(&records.iter().map(SecretView::new).collect::<Vec<_>>())?;
    } else if records.is_empty() {
        output.line("no secret is sealed")?;
    } else {
        let mut table = Table::new(&["NAME", "SEALED WITH", "CHANGED", "PROVIDER ID", "ROTATION"]);
        for record in &records {
            table.row([
                record.name.clone(),
                record.sealed.key.clone(),
                show_moment(record.changed_ms),
                record.provider_id.clone().unwrap_or_else(|| String::from("-")),
                record
                    .rotation
                    .as_ref()
                    .map_or_else(|| String::from("-"), |one| one.step.as_str().to_owned()),
            ]);
        }
        output.text(&table.render())?;
    }
    output.finish()
}

/// A secret as it is printed. The names are a contract.
#[derive(Serialize)]
struct SecretView<'a> {
    name: &'a str,
    sealed_with: &'a str,
    created: String,
    changed: String,
    provider_id: Option<&'a str>,
    /// When a rotation last began.
    rotated: Option<String>,
    /// How far the rotation has got that is under way.
    rotation: Option<&'static str>,
}

impl<'a> SecretView<'a> {
    fn new(record: &'a SealedRecord) -> Self {
        Self {
            name: &record.name,
            sealed_with: &record.sealed.key,
            created: rfc3339(record.created_ms),
            changed: rfc3339(record.changed_ms),
            provider_id: record.provider_id.as_deref(),
            rotated: record.rotated_ms.map(rfc3339),
            rotation: record.rotation.as_ref().map(|rotation| rotation.step.as_str()),
        }
    }
}

fn remove(name: &str, state: &StateArgs) -> Result<(), Failure> {
    let data = opened(state)?;
    super::block_on(async {
        let secrets = SealedSecrets::new(data.store().await?);
        let record = known(&secrets, name).await?;
        refuse_during_rotation(&record)?;
        secrets.remove(&record, now_ms()).await.map_err(store_failure)
    })?;
    let body = administration(COMMAND_LINE, REMOVE, name);
    record_change(data.path(), body, &format!("the secret `{name}` was removed"))?;
    say(&format!("{name} is removed; at the provider it still works"))
}

fn rewrap(state: &StateArgs) -> Result<(), Failure> {
    let data = opened(state)?;
    let settings = config::load_secrets(state.config.as_deref(), &super::surroundings())?;
    let sealing = settings.sealing(&data, false)?;
    let names = super::block_on(async {
        let secrets = SealedSecrets::new(data.store().await?);
        let mut names = Vec::new();
        for record in secrets.list().await.map_err(store_failure)? {
            names.extend(rewrap_one(&secrets, &sealing, record).await?);
        }
        Ok(names)
    })?;
    for name in &names {
        let body = administration(COMMAND_LINE, operation(SealedChange::Rewrapped), name);
        record_change(data.path(), body, &format!("the secret `{name}` was sealed anew"))?;
    }
    say(&format!("{} sealed with `{}` now", names.len(), sealing.key_id()))
}

/// Its name, if it was not sealed with the current key before.
async fn rewrap_one(
    secrets: &SealedSecrets,
    sealing: &Sealing,
    mut record: SealedRecord,
) -> Result<Option<String>, Failure> {
    let name = record.name.clone();
    let mut is_changed = false;
    for sealed in record.values_mut() {
        if sealed.key != sealing.key_id() {
            *sealed = sealing.rewrap(&name, sealed).map_err(seal_failure)?;
            is_changed = true;
        }
    }
    if !is_changed {
        return Ok(None);
    }
    record.change = SealedChange::Rewrapped;
    secrets.put(record, now_ms()).await.map_err(store_failure)?;
    Ok(Some(name))
}

/// The data folder, if there is anything in it.
fn open(state: &StateArgs) -> Option<Result<DataDir, Failure>> {
    match opened(state) {
        Ok(data) if !data.has_state() => None,
        opened => Some(opened),
    }
}

fn opened(state: &StateArgs) -> Result<DataDir, Failure> {
    DataDir::open(&config::data_dir(state.data.as_deref(), state.config.as_deref())?)
}

/// The secret of this name, which has to be there.
pub(super) async fn known(secrets: &SealedSecrets, name: &str) -> Result<SealedRecord, Failure> {
    let found = secrets.get(name).await.map_err(store_failure)?;
    found.ok_or_else(|| {
        Failure::usage(no_such_secret(name), "`bartizan secrets list` shows what there is")
    })
}

fn refuse_during_rotation(record: &SealedRecord) -> Result<(), Failure> {
    if record.rotation.is_none() {
        return Ok(());
    }
    let message = format!("the secret `{}` is being rotated", record.name);
    let help = format!(
        "`bartizan secrets list` shows how far that has got: wait for it, or `bartizan keys rotate-provider {} --give-up`",
        record.name
    );
    Err(Failure::usage(message, help))
}

/// The one line of standard input.
fn read_secret() -> Result<Secret<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(SEALED_BYTES_MAX + 2));
    let read = std::io::stdin().take(SEALED_BYTES_MAX as u64 + 2).read_to_string(&mut text);
    if let Err(error) = read {
        let message = format!("cannot read the key from standard input: {error}");
        return Err(Failure::usage(message, "a key is one line of ASCII characters"));
    }
    Ok(Secret::new(text.trim().to_owned()))
}

/// The key that is referred to.
pub(super) fn referred(reference: &str) -> Result<Secret<String>, Failure> {
    let read = match SecretReference::parse(reference) {
        Some(SecretReference::Env(name)) => super::variable(&name)
            .ok_or_else(|| format!("the environment variable `{name}` is not set")),
        Some(SecretReference::File(path)) => {
            crate::files::read_text(&path, SEALED_BYTES_MAX as u64 + 2)
                .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
        }
        _ => Err(String::from("a reference takes `env:NAME` or `file:PATH`")),
    };
    let text = read.map_err(|message| Failure::usage(message, "say where the key is"))?;
    let text = Zeroizing::new(text);
    Ok(Secret::new(text.trim().to_owned()))
}

fn say(text: &str) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(text)?;
    output.finish()
}
