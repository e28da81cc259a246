//! Appending, syncing, sealing, rolling and closing.

use std::path::Path;
use std::sync::Arc;

use journal::testing::FaultDisk;
use journal::{
    Journal, JournalError, JournalSettings, RECORD_BYTES_MAX, RealDisk, SyncMode, Ticket,
};

use crate::support::{DATA, event, open, records, segments, settings, verify, wait};

#[test]
fn what_is_appended_is_read_back_in_order_across_restarts() {
    let disk = FaultDisk::new();
    for start in 0..3 {
        let (journal, recovery) = open(&disk);
        assert_eq!((recovery.records, recovery.created), (start * 40, start == 0));
        assert!(recovery.closed_cleanly, "closed before");
        for number in start * 40..(start + 1) * 40 {
            let ticket = journal.append(&event(number)).expect("appended");
            assert_eq!(ticket.sequence(), number);
        }
        journal.close().expect("closed");
    }
    let read = records(&disk);
    assert_eq!(read.len(), 120);
    for (number, record) in (0..).zip(&read) {
        assert_eq!((record.sequence, &record.event), (number, &event(number)));
        let json = serde_json::json!({
            "event": record.event, "node": record.node, "sequence": record.sequence
        });
        assert_eq!(record.leaf, events::leaf_digest(json.to_string().as_bytes()), "leaf");
    }
    let report = verify(&disk);
    assert_eq!(report.verdict, journal::verify::Verdict::Intact, "{report:?}");
    assert_eq!((report.checked.records, report.unsealed_records), (120, 0));
    assert!(report.checked.segments > 5, "segments were rolled: {report:?}");
    assert!(
        segments(&disk)
            .iter()
            .all(|bytes| bytes.len() <= settings().segment_bytes_max as usize + 1024)
    );
}

#[test]
fn how_it_is_doing_is_told() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    journal.append_later(&event(0)).expect("appended");
    assert!(journal.stats().expect("told").waiting_bytes > 0);
    let ticket = journal.append(&event(1)).expect("appended");
    journal.synced_blocking(ticket).expect("synced");
    let stats = journal.stats().expect("told");
    assert_eq!((stats.records, stats.unsynced_records, stats.waiting_bytes), (2, 0, 0));
    let telemetry::Point::Histogram { counts, .. } = stats.syncs else { panic!("buckets") };
    assert!(counts.iter().sum::<u64>() > 0, "a sync was timed");
}

#[test]
fn many_tasks_append_and_wait_at_once() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("one");
    let mut sequences: Vec<u64> = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..200 {
            let journal = journal.clone();
            tasks.spawn(async move {
                let ticket: Ticket = journal.append(&event(task)).expect("appended");
                journal.synced(ticket).await.expect("synced");
                ticket.sequence()
            });
        }
        tasks.join_all().await
    });
    sequences.sort_unstable();
    assert_eq!(sequences, (0..200).collect::<Vec<_>>());
    assert_eq!(records(&disk.after_power_cut(1)).len(), 200, "all of them were synced");
    journal.close().expect("closed");
}

#[test]
fn every_clone_knows_that_it_is_closed() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let other = journal.clone();
    let ticket = other.append(&event(0)).expect("appended");
    journal.close().expect("closed");
    assert!(matches!(other.append(&event(1)), Err(JournalError::Closed)));
    wait(other.synced(ticket)).expect("closing synced it");
    other.clone().close().expect("closing twice is fine");
}

#[test]
fn one_process_writes_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Journal::open(folder.path(), settings(), Arc::new(RealDisk));
    let (journal, _) = open().expect("opened");
    let error = open().expect_err("in use");
    assert!(matches!(error, JournalError::InUse { .. }));
    assert!(error.to_string().contains("hint: stop it"), "{error}");
    journal.close().expect("closed");
    open().expect("free again");
}

#[test]
fn a_journal_that_was_not_closed_says_so() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    drop(journal);
    let (_, recovery) = open(&disk);
    assert!(!recovery.closed_cleanly && recovery.cut.is_none() && recovery.records == 1);
}

#[test]
fn without_sync_nothing_waits_but_a_kill_still_loses_nothing() {
    let disk = FaultDisk::new();
    let settings = JournalSettings { sync: SyncMode::Off, ..settings() };
    let (journal, _) =
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("opened");
    let mut last = None;
    for number in 0..50 {
        let ticket = journal.append(&event(number)).expect("appended");
        wait(journal.synced(ticket)).expect("at once");
        last = Some(ticket);
    }
    assert_eq!(records(&disk.after_kill()).len(), 50);
    journal.synced_blocking(last.expect("one")).expect("a command can still ask for it");
    assert_eq!(records(&disk.after_power_cut(0)).len(), 50);
    let checkpoint = journal.checkpoint().expect("signed");
    assert_eq!(checkpoint.records, 50);
}

#[test]
fn records_do_not_wait_long_for_a_seal() {
    let disk = FaultDisk::new();
    let settings =
        JournalSettings { seal_delay_ms: 20, seal_interval_records: 1_000, ..settings() };
    let (journal, _) =
        Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("opened");
    let _ = journal.append(&event(0)).expect("appended");
    for _ in 0..500 {
        if verify(&disk).unsealed_records == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("never sealed: {:?}", verify(&disk));
}

#[test]
fn an_event_has_a_limit() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let long = |bytes| {
        let change = events::Administration { target: "x".repeat(bytes), ..Default::default() };
        events::Event::new(0, events::EventBody::Administration(change))
    };
    let _ =
        journal.append(&long(RECORD_BYTES_MAX - 1024)).expect("longer than a segment, yet fine");
    let error = journal.append(&long(RECORD_BYTES_MAX)).expect_err("too long");
    assert!(matches!(error, JournalError::EventTooLong { max: RECORD_BYTES_MAX, .. }), "{error}");
    let _ = journal.append(&event(0)).expect("and others still are");
    journal.close().expect("closed");
    assert_eq!(records(&disk).len(), 2);
}

#[test]
fn a_segment_has_a_shortest_and_a_longest_length() {
    for (asked, segments_at_least) in [(0, 2), (u64::MAX, 1)] {
        let disk = FaultDisk::new();
        let settings = JournalSettings { segment_bytes_max: asked, ..settings() };
        let (journal, _) =
            Journal::open(Path::new(DATA), settings, Arc::new(disk.clone())).expect("opened");
        for number in 0..12 {
            let _ = journal.append(&event(number)).expect("appended");
        }
        let count = segments(&disk).len();
        assert!(count >= segments_at_least && count <= 5, "{asked}: {count}");
    }
}
