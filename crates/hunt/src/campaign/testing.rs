//! Sightings and sketches for tests: callers, texts that are nearly the same, findings and what became of them.
//!
//! INVARIANT: the same numbers make the same sighting.

use events::{InteractionId, KeyId, Principal};

use super::sighting::{Fate, Sighting};
use super::sketch::{SKETCH_VALUES, Sketch};

/// An interaction without findings of the key 0.
pub(crate) fn sighting(time_ms: u64) -> Sighting {
    Sighting {
        address: None,
        conversation: None,
        fate: Fate::Passed,
        interaction: InteractionId::new(time_ms, 1),
        kinds: Vec::new(),
        model: None,
        principal: Principal { key: Some(KeyId::new(0)), ..Principal::default() },
        sketch: Sketch::NOTHING,
        techniques: Vec::new(),
        time_ms,
    }
}

fn mixed(number: u64) -> u32 {
    stdx::SplitMix64::new(number).next_u64() as u32
}

/// The sketch of a text by its number.
pub(crate) fn sketch(number: u32) -> Sketch {
    variant(number, 0, 0)
}

/// A text with so many of 24 parts changed.
pub(crate) fn variant(number: u32, change: u32, changed: u64) -> Sketch {
    let parts = SKETCH_VALUES as u64;
    let part = |at: u64| {
        let changed = if at < changed { (u64::from(change) + 1) << 40 } else { 0 };
        mixed(changed | u64::from(number) << 8 | at)
    };
    let mut values: Vec<u32> = (0..parts).map(part).collect();
    values.sort_unstable();
    values.dedup();
    values.resize(SKETCH_VALUES, u32::MAX);
    Sketch::new(values.try_into().unwrap_or([u32::MAX; SKETCH_VALUES]))
}
