//! What Bartizan says about itself, on standard error.
//!
//! INVARIANT: neither content nor secrets are logged anywhere; the record is where interactions are
//! written down. INVARIANT: colour on terminals only.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::exit::Failure;

/// Starts reporting. `RUST_LOG` goes before the configured filter.
pub(crate) fn start(filter: &str) -> Result<(), Failure> {
    let from_environment = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let (text, origin) = match &from_environment {
        Some(text) => (text.as_str(), "RUST_LOG"),
        None => (filter, "diagnostics.filter"),
    };
    let filter = EnvFilter::try_new(text).map_err(|error| {
        let message = format!("`{origin}` is not a filter: {error}");
        Failure::usage(
            message,
            "write a level like `info`, or levels by room: `info,gateway=debug`",
        )
    })?;
    let is_terminal = std::io::stderr().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal && !plain)
        .with_target(true)
        .try_init();
    started.map_err(|error| {
        Failure::environment(format!("cannot start reporting: {error}"), "this is a bug: report it")
    })
}
