//! Which hunts run in the gateway, and how often they look.

use std::time::Duration;

use super::hunt_options::HuntOptions;
use super::settings::{Checker, TIMEOUT_MS_MAX};
use crate::commands::HuntSettings;
use crate::exit::Failure;
use crate::hunting::RuleFiles;

/// How often the record may be looked at, in milliseconds.
const INTERVAL_MS_MIN: u64 = 100;

impl Checker<'_> {
    /// The hunts; nothing if they are off.
    pub(super) fn hunts(&mut self, options: &HuntOptions) -> Option<HuntSettings> {
        let interval_ms = options.interval_ms;
        self.within("hunts.interval_ms", interval_ms, INTERVAL_MS_MIN, TIMEOUT_MS_MAX);
        if !options.enabled {
            return None;
        }
        let folder = options.rules.as_ref().map(|folder| self.resolve(folder));
        match RuleFiles::load(folder.as_deref()) {
            Ok(files) => Some(HuntSettings {
                rules: files.rules,
                interval: Duration::from_millis(interval_ms),
            }),
            Err(Failure::Problems(_, problems)) => {
                self.add(problems);
                None
            }
            Err(Failure::ReaderLeft) => None,
        }
    }
}
