//! SIGHUP: the configuration is read again, whole, and takes the place of the one that holds.
//!
//! INVARIANT: a configuration that is wrong, or that changes what only a start can change, is refused with the reason,
//! and the one that holds goes on. INVARIANT: either is on record, with the digest of the rules that hold from then on.
//!
//! Not here: how the gateway changes over (`gateway::Reloader`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use connect::Sinks;
use events::Event;
use gateway::{Configured, Judge, Reloader};
use journal::Journal;
use net::{Shutdown, Tasks};
use stdx::SharedSecret;

use super::break_glass_changes::Ruled;
use super::key_changes;
use super::up::{add_loopback, detectors};
use crate::cli::StateArgs;
use crate::config::fixed::{Fixed, differences};
use crate::config::settings::Settings;
use crate::config::{self, Surroundings};
use crate::data_dir::DataDir;
use crate::exit::{Failure, Problem};
use crate::output::in_words;
use crate::time::now_ms;

/// Problems that a record names.
const PROBLEMS_RECORDED_MAX: usize = 3;

/// What a running gateway needs to change its configuration.
pub(crate) struct Reload {
    pub(crate) data: DataDir,
    pub(crate) fixed: Fixed,
    pub(crate) journal: Journal,
    /// Where the built-in model is, once it runs.
    pub(crate) loopback: Option<String>,
    pub(crate) named: StateArgs,
    pub(crate) reloader: Reloader,
    /// The rules, and what break-glass lets go of them.
    pub(crate) rules: Arc<ArcSwap<Ruled>>,
    /// The sealed secrets that are followed.
    pub(crate) sealed: BTreeMap<String, SharedSecret>,
    /// Where the record is sent.
    pub(crate) sinks: Sinks,
    pub(crate) shutdown: Shutdown,
    pub(crate) tasks: Tasks,
}

impl Reload {
    /// Reads the configuration again.
    pub(crate) async fn again(&mut self) {
        let (state, detail) = match self.change().await {
            Ok(policy) => {
                tracing::info!(%policy, "the configuration is reloaded");
                ("reloaded", format!("policy {policy}"))
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("the configuration is not reloaded:\n{}", in_words(problem));
                }
                let named = problems.iter().take(PROBLEMS_RECORDED_MAX).map(ToString::to_string);
                let more = problems.len().saturating_sub(PROBLEMS_RECORDED_MAX);
                let more = (more > 0).then(|| format!("{more} more"));
                ("reload_refused", named.chain(more).collect::<Vec<_>>().join("; "))
            }
        };
        let noted = self.journal.append(&Event::new(now_ms(), key_changes::node(state, detail)));
        if let Err(error) = noted {
            tracing::error!(%error, state, "a reload is not on record");
        }
    }

    async fn change(&mut self) -> Result<events::Digest, Vec<Problem>> {
        let (data, named, sealed) =
            (self.data.clone(), self.named.config.clone(), self.sealed.clone());
        let read = tokio::task::spawn_blocking(move || read(&data, named.as_deref(), sealed)).await;
        let read = read.map_err(|error| vec![Problem::new(error)])?;
        let (settings, detect) = read.map_err(problems)?;
        self.refuse_what_is_fixed(&settings)?;
        let policy = settings.guards.policy.digest();
        let mut gateway = settings.gateway;
        if settings.loopback {
            let known = self.loopback.take();
            let url = add_loopback(&mut gateway, known, &self.tasks, &self.shutdown);
            self.loopback = Some(url.map_err(problems)?);
        }
        let engine = Arc::new(settings.guards.policy);
        let before = self.rules.load_full();
        let glass = before.glass.renewed();
        let judge = Judge::new(detect, Arc::clone(&engine), gateway.guards).breaking(glass.clone());
        let configured = Configured {
            external: settings.external,
            judge,
            quotas: settings.quotas,
            settings: gateway,
        };
        self.reloader.reload(configured).map_err(|error| vec![Problem::told(error)])?;
        self.rules.store(Arc::new(Ruled { engine, glass }));
        // Not before: a configuration that is refused ends nothing.
        before.glass.close();
        self.sinks.change(settings.sinks);
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        Ok(policy)
    }

    fn refuse_what_is_fixed(&self, settings: &Settings) -> Result<(), Vec<Problem>> {
        let mut changed = differences(&self.fixed, &settings.fixed);
        let places = &settings.secrets.places;
        if places.keys().any(|name| !self.sealed.contains_key(name)) {
            changed.push("sealed:NAME");
        }
        if self.named.data.is_none() && settings.data_dir != self.data.path() {
            changed.push("data.dir");
        }
        let problem = |name: &&str| {
            let message = format!("`{name}` cannot be changed while the gateway runs");
            Problem::new(message).with_help("put it back, or start the gateway again")
        };
        let problems: Vec<Problem> = changed.iter().map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn problems(failure: Failure) -> Vec<Problem> {
    match failure {
        Failure::Problems(_, problems) => problems,
        Failure::ReaderLeft => Vec::new(),
    }
}

/// The configuration, and detectors as it says.
fn read(
    data: &DataDir,
    named: Option<&Path>,
    sealed: BTreeMap<String, SharedSecret>,
) -> Result<(Settings, detect::Engine), Failure> {
    let settings = config::load(named, &Surroundings { sealed, ..super::surroundings() })?;
    let detect = detectors(data, &settings.guards)?;
    Ok((settings, detect))
}
