//! A real process that is really killed, and the files that it leaves behind.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use journal::verify::Verdict;
use journal::{Disk, Journal, Position, Reader, RealDisk};

use crate::support::{event, settings};

const FOLDER: &str = "JOURNAL_TEST_FOLDER";

/// Not a test by itself: the process that is killed. It says each sequence number once `append` returned.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (journal, recovery) =
        Journal::open(folder.as_ref(), settings(), Arc::new(RealDisk)).expect("opened");
    let mut out = std::io::stdout();
    for number in recovery.records.. {
        let ticket = journal.append(&event(number)).expect("appended");
        writeln!(out, "appended {}", ticket.sequence()).expect("told");
    }
}

#[test]
fn a_killed_process_loses_no_record_whose_append_returned() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut told_before = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "kill::child_that_appends_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut told = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        let mut lines = 0;
        while lines < 100 + 37 * round && told.read_line(&mut line).expect("readable") > 0 {
            lines += 1;
        }
        child.kill().expect("killed");
        told.read_to_string(&mut line).expect("the rest");
        child.wait().expect("gone");
        let last =
            line.lines().filter_map(|text| text.split_once("appended ")?.1.parse().ok()).max();
        let told: u64 = last.expect("told at least one");
        assert!(told >= told_before, "goes on where it was");

        let (journal, recovery) =
            Journal::open(folder.path(), settings(), Arc::new(RealDisk)).expect("recovers");
        assert!(recovery.records > told, "{} records, told of {told}", recovery.records);
        told_before = recovery.records;
        drop(journal);
        let report =
            journal::verify(folder.path(), None, &RealDisk as &dyn Disk).expect("readable");
        assert_eq!(report.verdict, Verdict::Intact, "{report:?}");
    }
    let reader = Reader::new(folder.path(), Arc::new(RealDisk));
    let records = reader.records(Position::Start).expect("readable");
    for (number, record) in (0..).zip(records) {
        let record = record.expect("readable");
        assert_eq!((record.sequence, record.event), (number, event(number)));
    }
}

#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (journal, _) = Journal::open(&data, settings(), Arc::new(RealDisk)).expect("opened");
    journal.keep(crate::support::interaction(1), journal::Part::Request, b"text").expect("kept");
    journal.close().expect("closed");
    let mut folders = vec![data];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let entry = entry.expect("readable");
            let metadata = entry.metadata().expect("readable");
            let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(metadata.permissions().mode() & 0o777, expected, "{:?}", entry.path());
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    assert_eq!(files, 6, "lock, segment, two keys, content and its key");
}
