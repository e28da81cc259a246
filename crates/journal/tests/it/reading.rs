//! Reading, following and finding, while another handle writes.

use journal::testing::FaultDisk;
use journal::{Position, ReadError};

use crate::support::{event, interaction, open, reader, records, segment, segments};

fn sequences(disk: &FaultDisk, from: Position) -> Vec<u64> {
    let records = reader(disk).records(from).expect("readable");
    records.map(|record| record.expect("readable").sequence).collect()
}

#[test]
fn reading_begins_anywhere() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    for number in 0..40 {
        let _ = journal.append(&event(number)).expect("appended");
    }
    assert_eq!(reader(&disk).count().expect("counted"), 40);
    for from in 0..45 {
        let expected: Vec<_> = (from..40).collect();
        assert_eq!(sequences(&disk, Position::Sequence(from)), expected, "from {from}");
        let expected: Vec<_> = (40_u64.saturating_sub(from)..40).collect();
        assert_eq!(sequences(&disk, Position::Last(from)), expected, "last {from}");
    }
    assert_eq!(sequences(&disk, Position::Start).len(), 40);
}

#[test]
fn following_sees_each_record_once_across_segments() {
    let disk = FaultDisk::new();
    let mut follower = reader(&disk).records(Position::Start).expect("nothing there yet");
    assert!(follower.next().is_none());
    let (journal, _) = open(&disk);
    let mut seen = Vec::new();
    for number in 0..60 {
        let _ = journal.append(&event(number)).expect("appended");
        if number.is_multiple_of(3) {
            seen.extend(follower.by_ref().map(|record| record.expect("readable").sequence));
        }
    }
    journal.close().expect("closed");
    seen.extend(follower.by_ref().map(|record| record.expect("readable").sequence));
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
    assert!(segments(&disk).len() > 3);
}

#[test]
fn following_from_the_end_sees_only_what_is_new() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    let mut follower = reader(&disk).records(Position::Last(0)).expect("readable");
    assert!(follower.next().is_none());
    let _ = journal.append(&event(1)).expect("appended");
    assert_eq!(follower.next().map(|record| record.expect("readable").sequence), Some(1));
    assert!(follower.next().is_none());
}

#[test]
fn half_a_frame_is_not_a_record_until_it_is_whole() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    let whole = segments(&disk)[0].clone();
    let half = disk.after_kill();
    for length in [whole.len() - 1, whole.len() / 2, 100, 40, 0] {
        half.tamper(&segment(0), whole[..length].to_vec());
        let mut follower = reader(&half).records(Position::Start).expect("readable");
        assert!(follower.next().is_none(), "{length}");
        half.tamper(&segment(0), whole.clone());
        assert!(matches!(follower.next(), Some(Ok(_))), "{length}");
    }
}

#[test]
fn a_damaged_record_is_an_error_with_its_place() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    let mut bytes = segments(&disk)[0].clone();
    bytes[150] ^= 1;
    disk.tamper(&segment(0), bytes);
    let mut records = reader(&disk).records(Position::Start).expect("listed");
    let error = records.next().expect("something").expect_err("damaged");
    assert!(matches!(error, ReadError::Damaged { offset: 76, .. }), "{error}");
    assert!(error.to_string().contains("hint: run `bartizan log verify`"), "{error}");
}

#[test]
fn an_interaction_is_found_by_its_id() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    for number in 0..80 {
        let _ = journal.append(&event(number)).expect("appended");
    }
    for number in (0..80).step_by(4) {
        let found = reader(&disk).find(interaction(number)).expect("readable");
        let sequences: Vec<_> = found.iter().map(|record| record.sequence).collect();
        assert_eq!(sequences, [number, number + 1], "opened and closed");
    }
    assert_eq!(reader(&disk).find(interaction(1)).expect("readable"), []);
}

#[test]
fn a_record_prints_as_json() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(2)).expect("appended");
    let json = serde_json::to_value(&records(&disk)[0]).expect("json");
    assert_eq!(json["sequence"], 0);
    assert_eq!(json["node"], journal.node().to_string());
    assert_eq!(json["event"]["body"]["class"], "administration");
}

#[test]
fn reading_goes_on_behind_a_segment_that_is_gone() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    for number in 0..60 {
        let _ = journal.append(&event(number)).expect("appended");
    }
    journal.close().expect("closed");
    let reader = reader(&disk);
    assert_eq!(reader.resumes_from(0).expect("listed"), Some(0));
    let second = reader.resumes_from(1).expect("listed").expect("several segments");
    let third = reader.resumes_from(second + 1).expect("listed").expect("several segments");
    journal::Disk::remove(&disk, &segment(1)).expect("removed");
    assert_eq!(reader.resumes_from(1).expect("listed"), Some(third));
    assert_eq!(sequences(&disk, Position::Sequence(third)).first(), Some(&third));
    assert_eq!(reader.resumes_from(1_000).expect("listed"), None);
}
