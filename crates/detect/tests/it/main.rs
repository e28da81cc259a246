//! What the engine promises, seen from outside: findings, streams, hostile texts.

use std::sync::LazyLock;

use detect::{DetectSettings, Engine};

mod custom;
mod findings;
mod generate;
mod hostile;
mod streaming;

/// The engine with everything on.
fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        Engine::new(&DetectSettings::default()).unwrap_or_else(|error| panic!("self-test: {error}"))
    });
    &ENGINE
}
