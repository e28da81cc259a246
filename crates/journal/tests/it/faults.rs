//! Power cuts, full disks, disks that cannot sync, and damage.

use std::path::Path;
use std::sync::Arc;

use journal::testing::{FaultDisk, Faults};
use journal::verify::Verdict;
use journal::{
    Disk, Journal, JournalError, JournalSettings, OnDamage, SEAL_INTERVAL_RECORDS_MAX, Ticket,
};
use proptest::prelude::*;

use crate::support::{
    DATA, event, open, records, segment, segments, settings, split, verify, wait,
};

/// Opens, appends, now and then waits, until the power goes. Returns how many records were appended and
/// how many of the first ones were reported as safe.
fn run_until_power_ends(disk: &FaultDisk, appends: u64, wait_every: u64) -> (u64, u64) {
    let shared = Arc::new(disk.clone());
    let Ok((journal, recovery)) = Journal::open(Path::new(DATA), settings(), shared) else {
        return (0, 0);
    };
    let first = recovery.records;
    let mut tickets: Vec<Ticket> = Vec::new();
    for number in first..first + appends {
        let Ok(ticket) = journal.append(&event(number)) else { break };
        tickets.push(ticket);
        if number.is_multiple_of(wait_every) {
            drop(journal.synced_blocking(ticket));
        }
    }
    let appended = tickets.last().map_or(first, |ticket| ticket.sequence() + 1);
    let closed = journal.clone().close().is_ok();
    let safe = tickets.iter().take_while(|ticket| wait(journal.synced(**ticket)).is_ok());
    let safe = first + safe.count() as u64;
    assert!(!closed || safe == appended, "a clean close makes everything safe");
    (appended, safe)
}

fn check_survivor(disk: &FaultDisk, appended: u64, safe: u64) {
    let report = verify(disk);
    assert_eq!(report.verdict, Verdict::Intact, "{report:?}");
    let read = records(disk);
    let count = read.len() as u64;
    assert!(safe <= count && count <= appended, "safe {safe}, found {count}, appended {appended}");
    for (number, record) in (0..).zip(&read) {
        assert_eq!((record.sequence, &record.event), (number, &event(number)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// At any crash point, whatever the disk kept of what was not synced: everything that was reported as
    /// safe is there, the journal opens by itself, and the record verifies. Twice in a row.
    #[test]
    fn a_power_cut_loses_nothing_that_was_reported_as_safe(
        power_ends_at in 0..220u64,
        then in 0..120u64,
        appends in 1..60u64,
        wait_every in 1..20u64,
        seeds: [u64; 2],
    ) {
        let disk = FaultDisk::new();
        disk.set_faults(Faults { power_ends_at: Some(power_ends_at), ..Faults::default() });
        let (appended, safe) = run_until_power_ends(&disk, appends, wait_every);

        let disk = disk.after_power_cut(seeds[0]);
        disk.set_faults(Faults { power_ends_at: Some(then), ..Faults::default() });
        let (appended_again, safe_again) = run_until_power_ends(&disk, appends, wait_every);

        let disk = disk.after_power_cut(seeds[1]);
        let (journal, recovery) = open(&disk);
        prop_assert!(recovery.cut.is_none_or(|cut| !cut.damaged));
        check_survivor(&disk, appended.max(appended_again), safe.max(safe_again));
        let ticket = journal.append(&event(recovery.records)).expect("it goes on");
        journal.synced_blocking(ticket).expect("safe");
        journal.close().expect("closed");
        check_survivor(&disk, recovery.records + 1, recovery.records + 1);
    }

    /// A killed process loses no record whose append returned.
    #[test]
    fn a_kill_loses_nothing_that_was_appended(appends in 1..60u64, part: prop::sample::Index) {
        let disk = FaultDisk::new();
        let (journal, _) = open(&disk);
        for number in 0..appends {
            let _ = journal.append(&event(number)).expect("appended");
        }
        let killed = disk.after_kill();
        // The write that the kill interrupted may be there in part.
        let mut torn = split(&segments(&disk)[0]).1[0].clone();
        torn.truncate(part.index(torn.len()));
        let last = segments(&killed).len() as u64 - 1;
        let mut bytes = killed.contents(&segment(last)).expect("there");
        bytes.extend(&torn);
        killed.tamper(&segment(last), bytes);
        let (journal, recovery) = open(&killed);
        prop_assert_eq!(recovery.records, appends);
        prop_assert_eq!(recovery.cut.map(|cut| cut.bytes), Some(torn.len() as u64).filter(|it| *it > 0));
        journal.close().expect("closed");
        check_survivor(&killed, appends, appends);
    }
}

/// Every record before the new segment had been synced, but not the seal that closes the old one.
#[test]
fn a_seal_that_was_lost_between_two_segments_is_no_damage() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let mut appended = 0;
    while segments(&disk).len() == 1 {
        let ticket = journal.append(&event(appended)).expect("appended");
        appended += 1;
        if segments(&disk).len() == 1 {
            journal.synced_blocking(ticket).expect("safe");
        }
    }
    let disk = disk.after_kill();
    let mut bytes = segments(&disk)[0].clone();
    let seal = split(&bytes).1.last().map_or(0, Vec::len);
    let end = bytes.len();
    bytes[end - seal..].fill(0);
    disk.tamper(&segment(0), bytes);
    let (journal, recovery) = open(&disk);
    let cut = recovery.cut.expect("the seal and the new segment");
    assert_eq!((recovery.records, cut.damaged, cut.aside.len()), (appended - 1, false, 2));
    journal.close().expect("closed");
    check_survivor(&disk, appended, appended - 1);
}

#[test]
fn what_recovery_cuts_is_kept_aside() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    journal.close().expect("closed");
    let mut bytes = segments(&disk)[0].clone();
    let whole = bytes.len() as u64;
    bytes.extend(b"\x10\0\0\0\x01 half a frame");
    disk.tamper(&segment(0), bytes);
    let report = verify(&disk);
    assert_eq!(report.verdict, Verdict::UnfinishedEnd, "before: {report:?}");
    assert_eq!(report.unfinished.map(|end| (end.offset, end.bytes)), Some((whole, 18)));

    let (_, recovery) = open(&disk);
    let cut = recovery.cut.expect("cut");
    assert_eq!((cut.segment, cut.offset, cut.bytes, cut.damaged), (0, whole, 18, false));
    let aside = disk.contents(&cut.aside[0]).expect("kept");
    assert_eq!(aside, b"\x10\0\0\0\x01 half a frame");
}

#[test]
fn damage_is_refused_unless_told_otherwise() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    for number in 0..20 {
        let ticket = journal.append(&event(number)).expect("appended");
        journal.synced_blocking(ticket).expect("safe");
    }
    journal.close().expect("closed");
    let last = segments(&disk).len() as u64 - 1;
    let mut bytes = segments(&disk)[last as usize].clone();
    let (header, frames) = split(&bytes);
    assert!(frames.len() >= 3);
    bytes[header.len() + 40] ^= 4;
    disk.tamper(&segment(last), bytes);

    let open_with = |on_damage| {
        let settings = JournalSettings { on_damage, ..settings() };
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone()))
    };
    let error = open_with(OnDamage::Refuse).expect_err("refused");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("is damaged at byte") && text.contains("bartizan log verify"), "{text}");

    let (journal, recovery) = open_with(OnDamage::SetAside).expect("told otherwise");
    let cut = recovery.cut.expect("cut");
    assert!(cut.damaged && recovery.records < 20, "{cut:?}");
    assert!(disk.contents(&cut.aside[0]).is_some_and(|aside| aside.len() as u64 == cut.bytes));
    let _ = journal.append(&event(recovery.records)).expect("it goes on");
    journal.close().expect("closed");
    assert_eq!(verify(&disk).verdict, Verdict::Intact);
}

#[test]
fn a_record_without_its_keys_is_refused() {
    let disk = FaultDisk::new();
    open(&disk).0.close().expect("closed");
    for (key, change) in [("node.pk8", vec![1; 5000]), ("content.key", vec![1; 31])] {
        let broken = disk.after_kill();
        let path = Path::new(DATA).join("keys").join(key);
        broken.tamper(&path, change);
        let open = || Journal::open(Path::new(DATA), settings(), Arc::new(broken.clone()));
        let error = open().expect_err("too long or too short a key");
        assert!(matches!(error, JournalError::Keys { .. }), "{error}");
        broken.remove(&path).expect("there");
        let error = open().expect_err("no key");
        assert!(error.to_string().contains("restore the `keys` folder"), "{error}");
    }
}

#[test]
fn a_full_disk_refuses_and_recovers_by_itself() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let mut appended = 0;
    for space in [0, 1, 31, 32, 33, 300, 700, 1_000, 5_000] {
        disk.set_faults(Faults { space_bytes: Some(space), ..Faults::default() });
        let error = loop {
            match journal.append(&event(appended)) {
                Ok(_) => appended += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JournalError::Write { .. }), "{error}");
        assert!(error.to_string().contains("hint: free space"), "{error}");
        assert_ne!(verify(&disk).verdict, Verdict::Faulty, "readable while full");
        disk.set_faults(Faults::default());
        let ticket = journal.append(&event(appended)).expect("once there is space again");
        assert_eq!(ticket.sequence(), appended);
        appended += 1;
        journal.synced_blocking(ticket).expect("safe");
    }
    journal.close().expect("closed");
    assert_eq!(verify(&disk).verdict, Verdict::Intact);
    assert_eq!(records(&disk).len() as u64, appended);
}

/// There is space for records but not for the seal that is due.
#[test]
fn without_space_for_a_seal_no_record_goes_beyond_the_interval() {
    let disk = FaultDisk::new();
    let settings = JournalSettings {
        seal_interval_records: u64::MAX,
        segment_bytes_max: u64::MAX,
        ..settings()
    };
    let (journal, _) =
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("opened");
    for number in 0..SEAL_INTERVAL_RECORDS_MAX {
        disk.set_faults(Faults { space_bytes: Some(700), ..Faults::default() });
        let _ = journal.append(&event(number)).expect("space for a record");
    }
    let next = || journal.append(&event(SEAL_INTERVAL_RECORDS_MAX));
    disk.set_faults(Faults { space_bytes: Some(400), ..Faults::default() });
    assert!(matches!(next(), Err(JournalError::Write { .. })));
    disk.set_faults(Faults::default());
    let _ = next().expect("the seal, then the record");
    let report = verify(&disk);
    assert_eq!((report.verdict, report.unsealed_records), (Verdict::Intact, 1), "{report:?}");
}

/// What waits to be written must keep nobody from ending, and what can wait is written when there is space.
#[test]
fn a_full_disk_holds_up_neither_the_end_nor_what_comes_when_there_is_space_again() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let first = journal.append(&event(0)).expect("appended");
    journal.synced_blocking(first).expect("safe");
    disk.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    for number in 1..4 {
        journal.append_later(&event(number)).expect("queued");
    }
    journal
        .keep_later(crate::support::interaction(1), journal::Part::Request, b"text")
        .expect_err("the file of the hour cannot be made");
    assert!(matches!(journal.append(&event(9)), Err(JournalError::Write { .. })));
    assert!(journal.check().is_err() && !journal.is_written(), "not ready");
    disk.set_faults(Faults::default());
    journal
        .keep_later(crate::support::interaction(1), journal::Part::Request, b"text")
        .expect("queued");
    let last = journal.append(&event(4)).expect("with those that waited");
    journal.synced_blocking(last).expect("safe");
    assert_eq!(records(&disk).len(), 5, "nothing that was queued is lost");
    journal
        .keep_later(crate::support::interaction(2), journal::Part::Request, b"text")
        .expect("queued");
    journal.append_later(&event(5)).expect("queued");
    disk.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    assert!(journal.close().is_err(), "it ends, and says that not everything was written");
    assert_eq!(verify(&disk).verdict, Verdict::Intact);
}

#[test]
fn more_than_can_wait_is_written_and_more_than_can_be_stuck_is_refused() {
    let disk = FaultDisk::new();
    let settings = JournalSettings { segment_bytes_max: u64::MAX, ..settings() };
    let (journal, _) =
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("opened");
    let long = |number: u64| {
        let text = format!("{number} {}", "x".repeat(200 * 1024));
        let change = events::Administration { target: text, ..events::Administration::default() };
        events::Event::new(1, events::EventBody::Administration(change))
    };
    disk.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    let mut queued = 0;
    let refused = loop {
        match journal.append_later(&long(queued)) {
            Ok(()) => queued += 1,
            Err(error) => break error,
        }
        assert!(queued < 1000, "the queue has a limit");
    };
    assert!(matches!(refused, JournalError::Write { .. }), "{refused}");
    assert!((70..90).contains(&queued), "16 MiB of 200 KiB each: {queued}");
    disk.set_faults(Faults::default());
    let ticket = journal.append(&event(0)).expect("with those that waited");
    journal.synced_blocking(ticket).expect("safe");
    assert_eq!(records(&disk).len() as u64, queued + 1);
}

#[test]
fn after_a_failed_sync_nothing_is_accepted_until_a_restart() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let safe = journal.append(&event(0)).expect("appended");
    journal.synced_blocking(safe).expect("safe");
    journal.check().expect("ready");
    disk.set_faults(Faults { syncs_fail: true, ..Faults::default() });
    let lost = journal.append(&event(1)).expect("written");
    let error = wait(journal.synced(lost)).expect_err("not safe");
    assert!(matches!(error, JournalError::Stopped { .. }), "{error}");
    assert!(error.to_string().contains("check the disk, then restart"), "{error}");

    disk.set_faults(Faults::default());
    assert!(matches!(journal.append(&event(2)), Err(JournalError::Stopped { .. })), "for good");
    assert!(journal.synced_blocking(lost).is_err() && wait(journal.synced(lost)).is_err());
    wait(journal.synced(safe)).expect("what was safe still is");
    let kept = journal.keep(crate::support::interaction(0), journal::Part::Request, b"text");
    assert!(matches!(kept, Err(JournalError::Stopped { .. })));
    assert!(matches!(journal.check(), Err(JournalError::Stopped { .. })), "not ready");
    assert!(journal.checkpoint().is_err() && journal.close().is_err());

    let (_, recovery) = open(&disk);
    assert_eq!(recovery.records, 2, "what is really there is read anew");
}

#[test]
fn a_partial_write_that_cannot_be_taken_back_stops_the_journal() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    disk.set_faults(Faults { space_bytes: Some(100), truncates_fail: true, ..Faults::default() });
    assert!(matches!(journal.append(&event(1)), Err(JournalError::Stopped { .. })));
    disk.set_faults(Faults::default());
    assert!(matches!(journal.append(&event(2)), Err(JournalError::Stopped { .. })));
    drop(journal);
    let (journal, recovery) = open(&disk);
    assert_eq!((recovery.records, recovery.cut.map(|cut| cut.bytes)), (1, Some(100)));
    journal.close().expect("closed");
    assert_eq!(verify(&disk).verdict, Verdict::Intact);
}

#[test]
fn pieces_set_aside_have_a_limit() {
    let disk = FaultDisk::new();
    open(&disk).0.close().expect("closed");
    let bytes = segments(&disk)[0].clone();
    let offset = bytes.len();
    disk.tamper(&segment(0), [bytes.as_slice(), b"torn"].concat());
    for attempt in 0..10_000 {
        let name = format!("journal/aside/00000000-{offset}-{attempt}.cut");
        drop(disk.open_append(&Path::new(DATA).join(name)));
    }
    let opened = Journal::open(Path::new(DATA), settings(), Arc::new(disk.clone()));
    let error = opened.expect_err("a journal that is torn ten thousand times has another problem");
    assert!(error.to_string().contains("too many pieces"), "{error}");
}
