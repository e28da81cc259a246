//! `journal`: segments, frames, checkpoints.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use events::{Administration, Event, EventBody, NodeNotice};
use journal::testing::FaultDisk;
use journal::{Checkpoint, Disk, Journal, JournalSettings, OnDamage, Position, Reader, verify};

use crate::engine::{Outcome, Target, fingerprint, mixed};

const DATA: &str = "/data";
/// Records of the journal that is damaged.
const RECORDS: u64 = 7;
const DICTIONARY: &[&[u8]] = &[
    b"BTZLOG1\n",
    b"{\"event\":",
    b"\"node\":",
    b"\"sequence\":",
    b"\x01\0\0\0",
    b"\x02\0\0\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\"head\":",
    b"\"signature\":",
    b"\"format\":",
];
/// Bytes of a frame before and after its payload, as the layout says.
const FRAME_HEAD_BYTES: usize = 32;
const CHAIN_BYTES: usize = 32;

struct Made {
    disk: FaultDisk,
    segment: PathBuf,
    bytes: Vec<u8>,
    checkpoint: Vec<u8>,
}

/// A short journal on a disk in memory.
static MADE: LazyLock<Made> = LazyLock::new(made);

#[expect(clippy::expect_used, reason = "without its journal there is nothing to fuzz")]
fn made() -> Made {
    let disk = FaultDisk::new();
    let settings = JournalSettings { seal_interval_records: 3, ..settings() };
    let (journal, _) =
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("it opens");
    for number in 0..RECORDS {
        let body = if number.is_multiple_of(2) {
            EventBody::Node(NodeNotice { detail: String::new(), state: "started".into() })
        } else {
            EventBody::Administration(Administration {
                actor: "cli".into(),
                operation: "key.create".into(),
                target: format!("key {number}"),
                why: None,
            })
        };
        let _ =
            journal.append(&Event::new(1_800_000_000_000 + number, body)).expect("it is appended");
    }
    let checkpoint = journal.checkpoint().expect("it is signed");
    journal.close().expect("it closes");
    let segment = Path::new(DATA).join("journal/00000000.log");
    let bytes = disk.contents(&segment).expect("there is one");
    Made { disk, segment, bytes, checkpoint: serde_json::to_vec(&checkpoint).unwrap_or_default() }
}

fn settings() -> JournalSettings {
    JournalSettings {
        seal_delay_ms: 3_600_000,
        on_damage: OnDamage::SetAside,
        ..JournalSettings::default()
    }
}

pub(crate) const SEGMENT: Target = Target {
    name: "journal_segment",
    seeds: || vec![MADE.bytes.clone()],
    dictionary: DICTIONARY,
    run: |input| read(input.to_vec()),
};
pub(crate) const FRAMES: Target = Target {
    name: "journal_frames",
    seeds: || vec![MADE.bytes.clone()],
    dictionary: DICTIONARY,
    run: |input| read(with_checksums(input.to_vec())),
};
pub(crate) const CHECKPOINT: Target = Target {
    name: "journal_checkpoint",
    seeds: || vec![MADE.checkpoint.clone()],
    dictionary: DICTIONARY,
    run: |input| match Checkpoint::parse(input) {
        Ok(checkpoint) => {
            let report = verify(Path::new(DATA), Some(&checkpoint), &MADE.disk as &dyn Disk);
            mixed(u64::from(checkpoint.is_signed_by_its_node()), u64::from(report.is_ok()))
        }
        Err(error) => fingerprint(&error.to_string().chars().take(16).collect::<String>()),
    },
};

/// A damaged segment is verified and read; nothing of it is taken for what it is not.
fn read(bytes: Vec<u8>) -> Outcome {
    let made = &*MADE;
    let is_whole = bytes == made.bytes;
    let disk = made.disk.after_kill();
    disk.tamper(&made.segment, bytes);
    let Ok(report) = verify(Path::new(DATA), None, &disk as &dyn Disk) else { return 1 };
    assert!(!is_whole || report.fault.is_none(), "what was written verifies");
    let reader = Reader::new(Path::new(DATA), Arc::new(disk));
    let mut records = 0;
    let mut ended = 0;
    if let Ok(all) = reader.records(Position::Start) {
        for record in all {
            match record {
                Ok(_) => records += 1,
                Err(error) => {
                    ended = fingerprint(&error.to_string().chars().take(24).collect::<String>());
                    break;
                }
            }
        }
    }
    // Whoever reads does not verify: repeated frames are read again, and are a fault of the record.
    assert!(records <= RECORDS || report.fault.is_some(), "more records than were written");
    let fault = report.fault.map_or(0, |fault| fingerprint(&format!("{:?}", fault.kind)));
    mixed(mixed(fault, ended), records)
}

/// The segment with the checksums of its header and frames made right again: so that what lies behind them is
/// reached.
fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let peaks = usize::from(u16_at(&bytes, 10));
    let mut at = 72 + 32 * peaks;
    put_checksum(&mut bytes, 0, at, at);
    at += 4;
    while at + FRAME_HEAD_BYTES + CHAIN_BYTES <= bytes.len() {
        let length = usize::from(u16_at(&bytes, at));
        let end = (at + FRAME_HEAD_BYTES + length + CHAIN_BYTES).min(bytes.len());
        put_checksum(&mut bytes, at + FRAME_HEAD_BYTES, end, at + 24);
        put_checksum(&mut bytes, at, at + 28, at + 28);
        at = end;
    }
    bytes
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two))
}

fn put_checksum(bytes: &mut [u8], from: usize, to: usize, at: usize) {
    let sum = bytes.get(from..to).map(crc32c::crc32c);
    if let (Some(sum), Some(slot)) = (sum, bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut)) {
        *slot = sum.to_le_bytes();
    }
}
