//! Patterns, dictionaries, allow-lists and calibration: what a user adds to detection and takes back.
//!
//! INVARIANT: an entry that is wrong is a problem at its place; nothing is left out in silence.

use detect::{CustomError, DetectSettings, Head};
use events::Provenance;

use super::known_keys::nearest;
use super::options::{AllowOptions, DictionaryOptions, GuardOptions, PatternOptions};
use super::settings::Checker;
use crate::files::read_text;

/// Bytes of a file of words, with its remarks.
const DICTIONARY_FILE_BYTES_MAX: u64 = 2 * detect::DICTIONARY_BYTES_MAX as u64;

impl Checker<'_> {
    /// Adds what the configuration says to `settings`.
    pub(super) fn own_detection(&mut self, options: &GuardOptions, settings: &mut DetectSettings) {
        for (index, pattern) in options.patterns.iter().enumerate() {
            self.pattern(&format!("guards.patterns[{index}]"), pattern, settings);
        }
        for (index, dictionary) in options.dictionaries.iter().enumerate() {
            self.dictionary(&format!("guards.dictionaries[{index}]"), dictionary, settings);
        }
        for (index, allow) in options.allow.iter().enumerate() {
            self.allow(&format!("guards.allow[{index}]"), allow, settings);
        }
        for (kind, offsets) in &options.calibration {
            for (provenance, offset) in offsets {
                self.calibration(kind, provenance, *offset, settings);
            }
        }
    }

    fn pattern(&mut self, path: &str, options: &PatternOptions, settings: &mut DetectSettings) {
        let PatternOptions { kind, pattern, rank, context } = options;
        if let Err(error) = settings.add_pattern(kind, *rank, pattern, context) {
            let key = match &error {
                CustomError::Entry { what: "the context word", .. }
                | CustomError::TooMany { what: "context words", .. } => "context",
                error => key_of(error, "pattern"),
            };
            self.refused(&format!("{path}.{key}"), &error);
        }
    }

    fn dictionary(
        &mut self,
        path: &str,
        options: &DictionaryOptions,
        settings: &mut DetectSettings,
    ) {
        let file = self.resolve(&options.file);
        let lines = match read_text(&file, DICTIONARY_FILE_BYTES_MAX) {
            Ok(lines) => lines,
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", file.display());
                let help = "relative paths start at the configuration file";
                return self.problem(&format!("{path}.file"), message, help);
            }
        };
        if let Err(error) = settings.add_dictionary(&options.kind, options.rank, &lines) {
            self.refused(&format!("{path}.{}", key_of(&error, "file")), &error);
        }
    }

    fn allow(&mut self, path: &str, options: &AllowOptions, settings: &mut DetectSettings) {
        let kind = options.kind.as_deref();
        if options.values.is_empty() && options.patterns.is_empty() {
            let help =
                "write `values = [\"support@example.com\"]` or `patterns = ['.*@example\\.com']`";
            self.problem(path, "the list allows nothing", help);
        }
        for (index, value) in options.values.iter().enumerate() {
            if let Err(error) = settings.allow_value(kind, value) {
                return self.refused(&format!("{path}.values[{index}]"), &error);
            }
        }
        for (index, pattern) in options.patterns.iter().enumerate() {
            if let Err(error) = settings.allow_pattern(kind, pattern) {
                return self.refused(&format!("{path}.patterns[{index}]"), &error);
            }
        }
    }

    fn calibration(
        &mut self,
        kind: &str,
        provenance: &str,
        offset: i8,
        settings: &mut DetectSettings,
    ) {
        let path = format!("guards.calibration.{kind}");
        let Some(head) = Head::ALL.into_iter().find(|head| head.as_str() == kind) else {
            let names = Head::ALL.map(Head::as_str);
            let help = match nearest(kind, &names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("these can be calibrated: {}", names.join(", ")),
            };
            return self.problem(&path, format!("`{kind}` has no calibrated score"), &help);
        };
        let path = format!("{path}.{provenance}");
        let Some(from) = Provenance::ALL.into_iter().find(|known| known.as_str() == provenance)
        else {
            let names = Provenance::ALL.map(Provenance::as_str);
            let help = format!("choose one of: {}", names.join(", "));
            return self.problem(&path, format!("`{provenance}` is no provenance"), &help);
        };
        if let Err(error) = settings.calibrate(head, from, offset) {
            self.problem(
                &path,
                error.to_string(),
                "a rank is moved by whole numbers within the bound",
            );
        }
    }

    fn refused(&mut self, path: &str, error: &CustomError) {
        self.problem(path, error.to_string(), error.hint());
    }
}

/// The key that an error is about, of those that every entry has.
const fn key_of(error: &CustomError, otherwise: &'static str) -> &'static str {
    match error {
        CustomError::Kind { .. } => "kind",
        CustomError::Rank { .. } => "rank",
        _ => otherwise,
    }
}
