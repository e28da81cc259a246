//! The commands. One file each: it opens what it needs from the rooms below, asks, and prints.

pub(crate) mod break_glass;
mod break_glass_changes;
pub(crate) mod config;
mod exposed_keys;
pub(crate) mod feedback;
mod feedback_proposal;
pub(crate) mod hunt;
mod hunt_tests;
pub(crate) mod inspect;
mod inspect_explain;
mod inspect_files;
mod inspect_lines;
mod inspect_parts;
mod inspect_pool;
mod inspect_report;
mod inspect_runs;
mod inspect_words;
pub(crate) mod isolate;
mod isolation_changes;
mod key_changes;
pub(crate) mod keys;
mod keys_audit;
pub(crate) mod log;
mod log_campaign_text;
mod log_campaigns;
mod log_decision;
mod log_export;
mod log_sinks;
mod log_text;
mod process_limits;
pub(crate) mod protect;
mod quota_file;
mod rotate_provider;
pub(crate) mod sealed_changes;
pub(crate) mod secrets;
pub(crate) mod up;
mod up_followed;
mod up_hunts;
mod up_reload;
mod up_welcome;

use std::future::Future;

pub(crate) use up_hunts::HuntSettings;

use crate::exit::Failure;

/// Runs a command that waits for the database.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::environment(format!("cannot start: {error}"), "check the limits of this process")
    })?;
    runtime.block_on(future)
}

/// A variable of the environment; empty ones count as missing.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// What the configuration of this process depends on.
fn surroundings() -> crate::config::Surroundings<'static> {
    let sealed = std::collections::BTreeMap::new();
    crate::config::Surroundings { variable: &variable, now_ms: crate::time::now_ms(), sealed }
}
