//! The encrypted content buffer: kept, found again, expired, tampered with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Digest, InteractionId};
use journal::testing::{FaultDisk, Faults};
use journal::{CONTENT_BYTES_MAX, Disk, Journal, JournalError, JournalSettings, Part, ReadError};
use proptest::prelude::*;

use crate::support::{DATA, event, interaction, open, reader, settings};

const HOUR_MS: u64 = 60 * 60 * 1000;
const SECRET: &[u8] = b"my card is 4111 1111 1111 1111";

fn found(disk: &FaultDisk, interaction: InteractionId, part: Part) -> Option<(Vec<u8>, Digest)> {
    let content = reader(disk).content(interaction, part).expect("readable")?;
    Some((content.bytes.expose().clone(), content.commitment))
}

fn files(disk: &FaultDisk, folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(DATA).join(folder);
    disk.files().into_iter().filter(|file| file.parent() == Some(&folder)).collect()
}

#[test]
fn content_is_found_again_with_the_commitment_of_its_event() {
    let disk = FaultDisk::new();
    let mut kept = Vec::new();
    for start in 0..2 {
        let (journal, _) = open(&disk);
        for number in start * 20..start * 20 + 20 {
            for part in [Part::Request, Part::Response] {
                let text = format!("{part:?} of {number}").into_bytes();
                let digest = journal.keep(interaction(number), part, &text).expect("kept");
                kept.push((number, part, text, digest));
            }
        }
        journal.close().expect("closed");
    }
    for (number, part, text, digest) in kept {
        assert_eq!(found(&disk, interaction(number), part), Some((text, digest)));
    }
    assert_eq!(found(&disk, interaction(99), Part::Request), None);
}

#[test]
fn equal_content_has_different_commitments_and_is_nowhere_in_plain() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let one = journal.keep(interaction(1), Part::Request, SECRET).expect("kept");
    let two = journal.keep(interaction(2), Part::Request, SECRET).expect("kept");
    assert_ne!(one, two);
    for file in disk.files() {
        let bytes = disk.contents(&file).expect("there");
        assert!(!bytes.windows(9).any(|window| window == &SECRET[..9]), "{}", file.display());
    }
}

#[test]
fn expired_content_is_gone_with_its_key() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let old = InteractionId::new(100 * HOUR_MS + 5, 1);
    let new = InteractionId::new(101 * HOUR_MS, 2);
    journal.keep(old, Part::Request, SECRET).expect("kept");
    journal.keep(new, Part::Request, SECRET).expect("kept");
    let end = 101 * HOUR_MS + settings().content_retention_ms;

    let expired = journal.expire(end - 1).expect("nothing yet");
    assert_eq!((expired.keys, expired.files), (0, 0));
    let key = files(&disk, "keys/content").into_iter().next().expect("a key");
    let expired = journal.expire(end).expect("the old hour");
    assert_eq!((expired.keys, expired.files), (1, 1));
    assert_eq!(found(&disk, old, Part::Request), None);
    assert!(found(&disk, new, Part::Request).is_some());
    assert_eq!(disk.contents(&key), None);
    let late = journal.keep(old, Part::Response, b"a late answer").expect("kept all the same");
    assert_eq!(found(&disk, old, Part::Response).map(|it| it.1), Some(late));
}

#[test]
fn a_key_that_is_gone_takes_the_content_with_it() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    journal.keep(interaction(1), Part::Request, SECRET).expect("kept");
    disk.destroy(&files(&disk, "keys/content")[0]).expect("destroyed");
    assert_eq!(found(&disk, interaction(1), Part::Request), None);
}

#[test]
fn a_retention_of_nothing_keeps_nothing_but_still_commits() {
    let disk = FaultDisk::new();
    let settings = JournalSettings { content_retention_ms: 0, ..settings() };
    let (journal, _) =
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("opened");
    let one = journal.keep(interaction(1), Part::Request, SECRET).expect("committed");
    assert_ne!(one, journal.keep(interaction(1), Part::Request, SECRET).expect("committed"));
    assert!(files(&disk, "content").is_empty() && files(&disk, "keys/content").is_empty());
}

#[test]
fn content_has_a_limit() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let longest = vec![b'x'; CONTENT_BYTES_MAX];
    journal.keep(interaction(1), Part::Request, &longest).expect("kept");
    assert_eq!(
        found(&disk, interaction(1), Part::Request).map(|it| it.0.len()),
        Some(longest.len())
    );
    let error = journal.keep(interaction(1), Part::Request, &vec![b'x'; CONTENT_BYTES_MAX + 1]);
    assert!(matches!(error, Err(JournalError::ContentTooLong { .. })));
}

#[test]
fn more_hours_than_are_held_open_are_fine() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    for hour in (0..8).chain(0..8) {
        let id = InteractionId::new(hour * HOUR_MS, u128::from(hour));
        journal.keep(id, Part::Request, &hour.to_be_bytes()).expect("kept");
    }
    for hour in 0..8 {
        let id = InteractionId::new(hour * HOUR_MS, u128::from(hour));
        let expected = hour.to_be_bytes().to_vec();
        assert_eq!(found(&disk, id, Part::Request).map(|it| it.0), Some(expected));
    }
}

#[test]
fn a_full_disk_refuses_and_what_was_kept_stays_readable() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let keep = |number| journal.keep(interaction(number), Part::Request, SECRET);
    keep(1).expect("kept");
    disk.set_faults(Faults { space_bytes: Some(50), ..Faults::default() });
    assert!(matches!(keep(2), Err(JournalError::Write { .. })));
    disk.set_faults(Faults { space_bytes: Some(50), truncates_fail: true, ..Faults::default() });
    assert!(matches!(keep(3), Err(JournalError::Write { .. })));
    disk.set_faults(Faults::default());
    keep(4).expect("kept again");
    for (number, is_there) in [(1, true), (2, false), (3, false), (4, true)] {
        assert_eq!(
            found(&disk, interaction(number), Part::Request).is_some(),
            is_there,
            "{number}"
        );
    }
}

#[test]
fn closing_makes_content_safe_too() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    journal.keep(interaction(1), Part::Request, SECRET).expect("kept");
    journal.close().expect("closed");
    for seed in 0..20 {
        assert!(found(&disk.after_power_cut(seed), interaction(1), Part::Request).is_some());
    }
}

/// Content reaches the medium by itself, about a second after it was kept.
#[test]
fn content_is_synced_without_being_asked() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    journal.keep(interaction(1), Part::Request, SECRET).expect("kept");
    let _ = journal.append(&event(0)).expect("appended");
    for _ in 0..1_000 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        if (0..20)
            .all(|seed| found(&disk.after_power_cut(seed), interaction(1), Part::Request).is_some())
        {
            return;
        }
    }
    panic!("never synced");
}

#[test]
fn another_nodes_keys_open_nothing() {
    let (disk, other) = (FaultDisk::new(), FaultDisk::new());
    let (journal, _) = open(&disk);
    drop(open(&other));
    journal.keep(interaction(1), Part::Request, SECRET).expect("kept");
    let master = Path::new(DATA).join("keys/content.key");
    disk.tamper(&master, other.contents(&master).expect("there"));
    let error = reader(&disk).content(interaction(1), Part::Request).err();
    assert!(matches!(error, Some(ReadError::Keys { .. })), "{error:?}");
    disk.remove(&master).expect("there");
    let error = reader(&disk).content(interaction(1), Part::Request).err();
    assert!(matches!(error, Some(ReadError::Keys { .. })), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is done to a content file: what it yields is what was kept, or an error, or nothing.
    #[test]
    fn changed_content_is_never_returned(
        at: prop::sample::Index, bit in 0..8u8, cut: prop::sample::Index, cuts: bool
    ) {
        let disk = FaultDisk::new();
        let (journal, _) = open(&disk);
        journal.keep(interaction(1), Part::Request, SECRET).expect("kept");
        journal.keep(interaction(2), Part::Request, SECRET).expect("kept");
        let file = &files(&disk, "content")[0];
        let mut bytes = disk.contents(file).expect("there");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        disk.tamper(file, bytes);
        for number in [1, 2] {
            match reader(&disk).content(interaction(number), Part::Request) {
                Ok(Some(content)) => prop_assert_eq!(content.bytes.expose().as_slice(), SECRET),
                Ok(None) | Err(ReadError::ContentChanged { .. } | ReadError::Keys { .. }) => {}
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
