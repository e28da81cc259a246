//! What an engine is built with: which detectors run, and what the configuration adds and takes back.
//!
//! INVARIANT: what cannot be looked for is refused here, never ignored. INVARIANT: planted strings are not printed.
//!
//! Not here: where the settings come from (the binary reads files).

use std::sync::Arc;

use events::Provenance;

use crate::calibration::Calibration;
use crate::custom::{Allow, CustomError, Rules};
use crate::detectors::hosts::Hosts;
use crate::detectors::language::{Languages, UnknownLanguage};
use crate::detectors::{CARDS, Enabled};
use crate::{CANARIES_MAX, CANARY_BYTES_MAX, CANARY_BYTES_MIN, Corpus, Head, RankOffsetError};

/// Which detectors run, and what the configuration adds and takes back. The default is every detector and
/// nothing else.
#[derive(Clone, Default)]
pub struct DetectSettings {
    off: Vec<&'static str>,
    canaries: Vec<String>,
    hosts: Hosts,
    languages: Languages,
    protected: Arc<Corpus>,
    pub(crate) rules: Rules,
    pub(crate) allow: Allow,
    pub(crate) calibration: Calibration,
}

impl std::fmt::Debug for DetectSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Canaries are secrets: a log that shows one gives it away.
        formatter.debug_struct("DetectSettings").field("off", &self.off).finish_non_exhaustive()
    }
}

/// A planted string that cannot be looked for. The operator's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCanary {
    /// There are too many.
    #[error("there are more than {CANARIES_MAX} canaries")]
    Count,
    /// It is too short or too long.
    #[error("a canary has {CANARY_BYTES_MIN} to {CANARY_BYTES_MAX} bytes")]
    Length,
}

/// A name in the configuration that is no detector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no detector `{name}`\n  hint: the detectors are {known}")]
pub struct UnknownDetector {
    /// The name as it was given.
    pub name: String,
    /// The names there are.
    pub known: String,
}

impl DetectSettings {
    /// Switches one detector off.
    pub fn without(mut self, name: &str) -> Result<Self, UnknownDetector> {
        let Some(card) = CARDS.iter().find(|card| card.name == name) else {
            let known: Vec<_> = CARDS.iter().map(|card| card.name).collect();
            return Err(UnknownDetector { name: name.to_owned(), known: known.join(", ") });
        };
        if !self.off.contains(&card.name) {
            self.off.push(card.name);
        }
        Ok(self)
    }

    /// Adds a string that nobody has a reason to know.
    pub fn with_canary(mut self, canary: &str) -> Result<Self, BadCanary> {
        if !(CANARY_BYTES_MIN..=CANARY_BYTES_MAX).contains(&canary.trim().len()) {
            return Err(BadCanary::Length);
        }
        if self.canaries.len() >= CANARIES_MAX {
            return Err(BadCanary::Count);
        }
        self.canaries.push(canary.trim().to_owned());
        Ok(self)
    }

    /// Hosts that answers may refer to, and hosts that they must not. A host covers its subdomains.
    #[must_use]
    pub fn with_hosts(
        mut self,
        allowed: impl IntoIterator<Item = String>,
        denied: impl IntoIterator<Item = String>,
    ) -> Self {
        let lower = |host: String| host.trim().trim_start_matches("*.").to_ascii_lowercase();
        self.hosts.allowed.extend(allowed.into_iter().map(lower));
        self.hosts.denied.extend(denied.into_iter().map(lower));
        self
    }

    /// Adds a language that answers may be in (ISO 639-1: `en`); if none is named, all may.
    pub fn allow_language(&mut self, code: &str) -> Result<(), UnknownLanguage> {
        self.languages.add(code)
    }

    /// Documents whose verbatim repetition is a finding.
    #[must_use]
    pub fn protecting(self, protected: Arc<Corpus>) -> Self {
        Self { protected, ..self }
    }

    pub(crate) const fn protected(&self) -> &Arc<Corpus> {
        &self.protected
    }

    pub(crate) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(crate) const fn languages(&self) -> &Languages {
        &self.languages
    }

    pub(crate) fn canaries(&self) -> &[String] {
        &self.canaries
    }

    /// Adds a pattern, a regular expression in the notation of the `regex` crate: its matches are reported
    /// as `kind` (`family.name`) with `rank`, where one of the `context` words begins in the 64 bytes
    /// before, or everywhere if there are none. Of several patterns the first decides.
    pub fn add_pattern(
        &mut self,
        kind: &str,
        rank: u8,
        pattern: &str,
        context: &[String],
    ) -> Result<(), CustomError> {
        self.rules.add_pattern(kind, rank, pattern, context)
    }

    /// Adds a dictionary, one word or phrase on a line, whose words are reported as `kind` with `rank`. Lines
    /// that begin with `#` are remarks.
    pub fn add_dictionary(&mut self, kind: &str, rank: u8, lines: &str) -> Result<(), CustomError> {
        self.rules.add_dictionary(kind, rank, lines)
    }

    /// Never reports this value, or not as this kind or family.
    pub fn allow_value(&mut self, kind: Option<&str>, value: &str) -> Result<(), CustomError> {
        self.allow.add_value(kind, value)
    }

    /// Never reports values that match this pattern as a whole, or not as this kind or family.
    pub fn allow_pattern(&mut self, kind: Option<&str>, pattern: &str) -> Result<(), CustomError> {
        self.allow.add_pattern(kind, pattern)
    }

    /// Moves the ranks of a head by `offset`, for texts of one provenance.
    pub fn calibrate(
        &mut self,
        head: Head,
        provenance: Provenance,
        offset: i8,
    ) -> Result<(), RankOffsetError> {
        self.calibration.set(head, provenance, offset)
    }

    pub(crate) fn enabled(&self) -> Enabled {
        CARDS
            .iter()
            .enumerate()
            .filter(|(_, card)| self.off.contains(&card.name))
            .fold(Enabled::ALL, |on, (place, _)| on.without(place))
    }
}
