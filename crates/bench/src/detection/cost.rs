//! What reading a text costs: processor time of this thread.
//!
//! INVARIANT: waiting for other threads and programs does not count. Not here: what is compared.

use std::hint::black_box;

use detect::{DetectSettings, Engine};
use events::Provenance;
use rustix::time::{ClockId, clock_gettime};

use super::texts::Kind;
use crate::Failure;

/// Characters of a piece of a stream: about a token.
const PIECE_CHARS: usize = 4;

/// How a text reaches the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In one piece.
    Whole,
    /// In pieces of a token, and at the end what needs the whole text.
    Streamed,
    /// In pieces of a token, only what is found while the text runs.
    Held,
}

/// An engine without some detectors.
pub(super) fn engine(off: impl IntoIterator<Item = &'static str>) -> Result<Engine, Failure> {
    let mut settings = DetectSettings::default();
    for name in off {
        settings = settings.without(name)?;
    }
    Ok(Engine::new(&settings)?)
}

/// Microseconds per KB of the texts of one kind.
pub(super) fn us_per_kb(engine: &Engine, kind: &Kind, way: Way) -> f64 {
    let us = cpu_us(|| {
        for text in &kind.texts {
            read(engine, text, kind.provenance, way);
        }
    });
    us / (kind.bytes().max(1) as f64 / 1024.0)
}

/// Microseconds per KB of one text.
pub(super) fn text_us_per_kb(engine: &Engine, text: &str, way: Way) -> f64 {
    cpu_us(|| read(engine, text, Provenance::User, way)) / (text.len().max(1) as f64 / 1024.0)
}

/// Reads a text in one way.
pub(super) fn read(engine: &Engine, text: &str, provenance: Provenance, way: Way) {
    if way == Way::Whole {
        black_box(engine.inspect(black_box(text), provenance));
        return;
    }
    let (mut scanner, mut findings, mut rest) = (engine.stream(), Vec::new(), black_box(text));
    while !rest.is_empty() {
        let cut = rest.char_indices().nth(PIECE_CHARS).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(cut);
        scanner.push(piece, &mut findings);
        rest = after;
    }
    scanner.finish(&mut findings);
    black_box(findings);
    if way == Way::Streamed {
        black_box(engine.inspect_late(text, provenance));
    }
}

/// Processor time of this thread during `work`, in microseconds.
fn cpu_us(work: impl FnOnce()) -> f64 {
    let start = thread_ns();
    work();
    (thread_ns() - start) as f64 / 1e3
}

fn thread_ns() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
