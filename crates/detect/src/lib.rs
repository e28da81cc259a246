//! Text to findings: normalise, decode, match, score; whole or in a stream.
//!
//! [`Engine::inspect`] reads a whole text; [`Engine::stream`] gives a [`Scanner`] for one lane of a
//! stream. Both run the same pass over the same normalised text, so that a value is found
//! however the stream was cut.
//!
//! INVARIANT: pure. No files, sockets, clocks, randomness or environment, and no panic on any text.
//! INVARIANT: a finding says *that* something is there and how rare that is; it never decides.
//!
//! Not here: which field a text came from (`wire`), what follows from a finding (`policy`), masks
//! and their restoration (`gateway`).

mod card;
mod decode;
mod detectors;
mod engine;
mod fold;
mod heads;
mod names;
mod normalise;
mod offsets;
mod pass;
mod score;
mod selftest;
mod skim;
mod stream;
mod text;
pub mod training;

pub use card::{DetectorCard, Reach, reference_markdown};
pub use engine::{
    Decoded, DetectSettings, Engine, Inspection, SelfTestError, TEXT_BYTES_MAX, UnknownDetector,
};
pub use heads::{Head, Heads, Ranks, Scores};
pub use score::{Explanation, Term};
pub use stream::{HOLD_BYTES_MAX, Scanner, coalesce};
