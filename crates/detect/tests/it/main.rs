//! What the engine promises, from outside.

mod findings;
mod generate;
mod hostile;
mod streaming;
