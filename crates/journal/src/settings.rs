//! What can be chosen when a journal is opened.
//!
//! INVARIANT: the default is the safe one: synced in groups, sealed often, refusing damage.
//!
//! Not here: how these are written in a configuration file (the binary's).

/// The shortest segment that can be asked for, in bytes; anything smaller is raised to it.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

/// The longest segment that can be asked for, in bytes; anything larger is lowered to it.
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// The most records between two seals; a larger interval is lowered to it, and a record with more does not
/// verify: whoever rewrites history without the node's key cannot simply leave the seals out.
pub const SEAL_INTERVAL_RECORDS_MAX: u64 = 4096;

/// The longest that records wait for a seal, in milliseconds; anything longer is lowered to it.
pub const SEAL_DELAY_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// When an appended record counts as safe against a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    /// When `fdatasync` of the group it belongs to has returned. The default.
    #[default]
    Group,
    /// At once. A power cut can lose the last records; a killed process still loses none.
    Off,
}

/// What to do with a record that is damaged where it had already been synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// Do not start. The default: a gateway that cannot trust its record lets nothing pass.
    #[default]
    Refuse,
    /// Move the damaged bytes and everything after them to `journal/aside/`, and go on from the last
    /// good record. What was set aside stays missing from the chain for good, and verifying against
    /// an earlier checkpoint will say so.
    SetAside,
}

/// What can be chosen when a journal is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// How long encrypted content is kept, in milliseconds. 0 keeps none; commitments are made all
    /// the same. Default 72 hours.
    pub content_retention_ms: u64,
    /// What to do with damage. Default [`OnDamage::Refuse`].
    pub on_damage: OnDamage,
    /// A seal is written when records have waited this long for one, in milliseconds, at most
    /// [`SEAL_DELAY_MS_MAX`]. Default 10 s.
    pub seal_delay_ms: u64,
    /// A seal is written at the latest after this many records, between 1 and
    /// [`SEAL_INTERVAL_RECORDS_MAX`]. Default 1024.
    pub seal_interval_records: u64,
    /// A segment is closed before it grows beyond this many bytes, between [`SEGMENT_BYTES_MIN`] and
    /// [`SEGMENT_BYTES_MAX`]. Default 64 MiB.
    pub segment_bytes_max: u64,
    /// When an appended record counts as safe. Default [`SyncMode::Group`].
    pub sync: SyncMode,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            content_retention_ms: 72 * 60 * 60 * 1000,
            on_damage: OnDamage::Refuse,
            seal_delay_ms: 10_000,
            seal_interval_records: 1024,
            segment_bytes_max: 64 * 1024 * 1024,
            sync: SyncMode::Group,
        }
    }
}

impl JournalSettings {
    /// The segment length in force.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes_max.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
    }

    /// The seal delay in force.
    pub(crate) fn seal_delay(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.seal_delay_ms.min(SEAL_DELAY_MS_MAX))
    }

    /// The seal interval in force.
    pub(crate) fn seal_records(&self) -> u64 {
        self.seal_interval_records.clamp(1, SEAL_INTERVAL_RECORDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_kept_within_limits() {
        let settings = |value| JournalSettings {
            seal_delay_ms: value,
            seal_interval_records: value,
            segment_bytes_max: value,
            ..JournalSettings::default()
        };
        let least = settings(0);
        assert_eq!((least.segment_bytes(), least.seal_records()), (SEGMENT_BYTES_MIN, 1));
        let most = settings(u64::MAX);
        assert_eq!(most.segment_bytes(), SEGMENT_BYTES_MAX);
        assert_eq!(most.seal_records(), SEAL_INTERVAL_RECORDS_MAX);
        assert_eq!(most.seal_delay().as_millis(), u128::from(SEAL_DELAY_MS_MAX));
    }
}
