//! How far a sink came: `DATA/sinks/NAME.json`.
//!
//! Written anew beside and renamed, synced, with the counts of what became of every record up to there, so that both are of the
//! same moment and reconcile after any crash. INVARIANT: `sent + filtered + dead + lost = next - begun_at`. INVARIANT: a
//! cursor that cannot be read is an error, never a beginning.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Digest, NodeId};
use journal::Disk;
use serde::{Deserialize, Serialize};

/// The folder of sinks inside the data folder.
pub(crate) const SINKS_FOLDER: &str = "sinks";
/// What the file of a cursor ends in, after the sink's name.
pub(crate) const CURSOR_SUFFIX: &str = ".json";
/// Bytes of such a file.
const CURSOR_BYTES_MAX: u64 = 64 << 10;
/// The version of its shape.
const VERSION: u16 = 1;

/// How far a sink came, and what became of the records up to there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The first record that it is to have.
    pub(crate) begun_at: u64,
    /// Head of the chain after the last record before `next`, if that was read.
    pub(crate) chain: Option<Digest>,
    /// With the dead letters.
    pub(crate) dead: u64,
    /// Not meant for it.
    pub(crate) filtered: u64,
    /// Never delivered: what could not be read, and dead letters that had no room.
    pub(crate) lost: u64,
    /// The first record that is not settled.
    pub(crate) next: u64,
    /// Whose record.
    pub(crate) node: NodeId,
    /// The receiver will not take them: dead letters, and those of them that are lost.
    pub(crate) refused: u64,
    /// How often it began anew because the record was another one.
    pub(crate) restarts: u64,
    /// Taken.
    pub(crate) sent: u64,
    /// Why nothing goes on, while it does not.
    pub(crate) trouble: Option<Trouble>,
    version: u16,
}

/// Why nothing goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// In words.
    pub why: String,
}

impl Cursor {
    /// At a beginning.
    pub(crate) const fn begin(node: NodeId, at: u64) -> Self {
        Self {
            begun_at: at,
            chain: None,
            dead: 0,
            filtered: 0,
            lost: 0,
            next: at,
            node,
            refused: 0,
            restarts: 0,
            sent: 0,
            trouble: None,
            version: VERSION,
        }
    }

    /// Whether what became of the records adds up to how far it came.
    pub(crate) const fn is_reconciled(&self) -> bool {
        let settled = self.sent + self.filtered + self.dead + self.lost;
        self.begun_at + settled == self.next
    }
}

/// The file of a cursor.
#[derive(Clone, Debug)]
pub(crate) struct CursorFile {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
}

impl CursorFile {
    /// That of a sink. Nothing is opened yet.
    pub(crate) fn new(disk: Arc<dyn Disk>, data: &Path, sink: &str) -> Self {
        let folder = data.join(SINKS_FOLDER);
        let path = folder.join(format!("{sink}{CURSOR_SUFFIX}"));
        Self { disk, folder, path }
    }

    /// What it says; nothing, if the sink never ran.
    pub(crate) fn read(&self) -> std::io::Result<Option<Cursor>> {
        let file = match self.disk.open_read(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.length()?;
        if length > CURSOR_BYTES_MAX {
            return Err(std::io::Error::new(ErrorKind::InvalidData, "it is too long"));
        }
        let mut bytes = vec![0; length as usize];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        let cursor: Cursor = serde_json::from_slice(&bytes)?;
        let is_known = cursor.version == VERSION && cursor.is_reconciled();
        let wrong = || std::io::Error::new(ErrorKind::InvalidData, "it contradicts itself");
        is_known.then_some(Some(cursor)).ok_or_else(wrong)
    }

    /// Replaces what it says; on the medium when this returns.
    pub(crate) fn write(&self, cursor: &Cursor) -> std::io::Result<()> {
        let mut bytes = serde_json::to_vec(cursor)?;
        bytes.push(b'\n');
        self.disk.create_folder(&self.folder)?;
        let beside = self.path.with_extension("json.new");
        match self.disk.remove(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.disk.open_append(&beside)?;
        file.append(&bytes)?;
        file.sync()?;
        self.disk.rename(&beside, &self.path)?;
        self.disk.sync_folder(&self.folder)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use events::NodeId;
    use journal::testing::{FaultDisk, Faults};

    use super::{Cursor, CursorFile};

    fn file(disk: &FaultDisk) -> CursorFile {
        CursorFile::new(Arc::new(disk.clone()), Path::new("data"), "siem")
    }

    #[test]
    fn a_cursor_is_whole_after_any_power_cut() {
        let disk = FaultDisk::new();
        let cursor = |next| Cursor { next, sent: next, ..Cursor::begin(NodeId::new(1), 0) };
        file(&disk).write(&cursor(5)).expect("written");
        let before = disk.operations();
        file(&disk).write(&cursor(9)).expect("written");
        let after = disk.operations();
        for at in before..=after {
            let disk = FaultDisk::new();
            file(&disk).write(&cursor(5)).expect("written");
            disk.set_faults(Faults { power_ends_at: Some(at), ..Faults::default() });
            let is_written = file(&disk).write(&cursor(9)).is_ok();
            for seed in 0..8 {
                let read = file(&disk.after_power_cut(seed)).read().expect("whole");
                let next = read.map(|cursor| cursor.next);
                assert!(next == Some(9) || (!is_written && next == Some(5)), "{at} {next:?}");
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_an_error_and_not_a_beginning() {
        let disk = FaultDisk::new();
        assert_eq!(file(&disk).read().ok(), Some(None), "it never ran");
        let cursor = Cursor { next: 7, sent: 6, ..Cursor::begin(NodeId::new(1), 0) };
        file(&disk).write(&cursor).expect("written");
        assert!(file(&disk).read().is_err(), "6 of 7 records: one is unaccounted for");
        for bytes in [&b""[..], b"{}", b"{\"next\":1", &vec![b' '; 70_000]] {
            disk.tamper(Path::new("data/sinks/siem.json"), bytes.to_vec());
            assert!(file(&disk).read().is_err());
        }
    }
}
