//! Dead letters: records that a receiver will never take, `DATA/sinks/NAME.dead.jsonl`.
//!
//! One JSON object a line: the record's place and id, why it was refused, and what was sent. INVARIANT: they are on the medium
//! before the cursor goes over them. INVARIANT: the file has a limit; what has no room is counted as lost, and is still on record.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::Digest;
use journal::Disk;
use serde::Serialize;

use super::cursor::SINKS_FOLDER;
use super::item::Item;

/// A record, or some of several, that a receiver will never take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Letter {
    /// The first record.
    pub(crate) sequence: u64,
    /// The last one.
    pub(crate) until: u64,
    /// How many of them were refused.
    pub(crate) refused: u64,
    /// The id of the first.
    pub(crate) id: Digest,
    pub(crate) why: String,
    /// What was sent, if it is known which record was refused.
    pub(crate) lines: Vec<String>,
}

impl Letter {
    /// One record.
    pub(crate) fn of(item: Item, why: String) -> Self {
        let Item { id, lines, sequence, .. } = item;
        Self { sequence, until: sequence, refused: 1, id, why, lines }
    }

    /// So many of these, which ones was not told.
    pub(crate) fn some_of(items: &[Item], refused: u64, why: String) -> Option<Self> {
        let (first, last) = items.first().zip(items.last()).filter(|_| refused > 0)?;
        let (sequence, until) = (first.sequence, last.sequence);
        Some(Self { sequence, until, refused, id: first.id, why, lines: Vec::new() })
    }
}

/// The file of one sink.
#[derive(Clone, Debug)]
pub(crate) struct DeadLetters {
    bytes_max: u64,
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
}

impl DeadLetters {
    /// That of a sink. Nothing is opened yet.
    pub(crate) fn new(disk: Arc<dyn Disk>, data: &Path, sink: &str, bytes_max: u64) -> Self {
        let folder = data.join(SINKS_FOLDER);
        let path = folder.join(format!("{sink}.dead.jsonl"));
        Self { bytes_max, disk, folder, path }
    }

    /// Keeps them; says of how many records they are that had room.
    pub(crate) fn keep(&self, letters: &[Letter]) -> std::io::Result<u64> {
        self.disk.create_folder(&self.folder)?;
        let file = self.disk.open_append(&self.path)?;
        let length = self.disk.open_read(&self.path)?.length()?;
        let (mut bytes, mut kept) = (Vec::new(), 0);
        for letter in letters {
            let mut line = serde_json::to_vec(letter)?;
            line.push(b'\n');
            if length + (bytes.len() + line.len()) as u64 > self.bytes_max {
                break;
            }
            bytes.append(&mut line);
            kept += letter.refused;
        }
        if let Err(error) = file.append(&bytes).and_then(|()| file.sync()) {
            // Half a line would spoil the next.
            drop(file.truncate(length));
            return Err(error);
        }
        self.disk.sync_folder(&self.folder)?;
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use events::Digest;
    use journal::testing::{FaultDisk, Faults};

    use super::{DeadLetters, Letter};
    use crate::sinks::item::Item;

    fn letter(sequence: u64) -> Letter {
        let item = Item {
            class: "administration",
            node: events::NodeId::new(1),
            id: Digest([7; 32]),
            lines: vec!["{}".into()],
            sequence,
            severity: 1,
            time_ms: 0,
        };
        Letter::of(item, "mapping".into())
    }

    #[test]
    fn what_has_no_room_is_told_and_nothing_is_half() {
        let disk = FaultDisk::new();
        let path = Path::new("data/sinks/siem.dead.jsonl");
        let dead = |bytes_max| {
            DeadLetters::new(Arc::new(disk.clone()), Path::new("data"), "siem", bytes_max)
        };
        assert_eq!(dead(10_000).keep(&[letter(1), letter(2)]).ok(), Some(2));
        let bytes = disk.contents(path).expect("there");
        let line = bytes.len() as u64 / 2;
        assert_eq!(dead(line * 3).keep(&[letter(3), letter(4)]).ok(), Some(1));
        assert_eq!(dead(line * 3).keep(&[letter(5)]).ok(), Some(0));
        disk.set_faults(Faults { space_bytes: Some(20), ..Faults::default() });
        assert!(dead(10_000).keep(&[letter(6)]).is_err());
        disk.set_faults(Faults::default());
        assert_eq!(dead(10_000).keep(&[letter(7)]).ok(), Some(1));
        let text = String::from_utf8(disk.contents(path).expect("there")).expect("text");
        let sequences: Vec<u64> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .filter_map(|letter| letter["sequence"].as_u64())
            .collect();
        assert_eq!(sequences, [1, 2, 3, 7]);
    }
}
