//! Whatever is done to the files, `verify` notices.

use std::path::Path;
use std::sync::OnceLock;

use journal::testing::FaultDisk;
use journal::verify::{Fault, FaultKind, Truncation, Verdict};
use journal::{
    Checkpoint, Disk, Journal, JournalSettings, Position, SEAL_INTERVAL_RECORDS_MAX, VerifyReport,
};
use proptest::prelude::*;

use crate::support::{
    DATA, event, is_record, open, reader, segments, settings, split, verify, with_segments,
};

const RECORDS: u64 = 24;

/// A record of several segments with seals between, and a checkpoint over all of it.
fn sample() -> &'static (FaultDisk, Vec<Vec<u8>>, Checkpoint) {
    static SAMPLE: OnceLock<(FaultDisk, Vec<Vec<u8>>, Checkpoint)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let disk = FaultDisk::new();
        let (journal, _) = open(&disk);
        for number in 0..RECORDS {
            let _ = journal.append(&event(number)).expect("appended");
        }
        let checkpoint = journal.checkpoint().expect("signed");
        journal.close().expect("closed");
        let segments = segments(&disk);
        assert!(segments.len() >= 3, "several segments");
        assert_eq!(verify(&disk).verdict, Verdict::Intact);
        assert_eq!(against(&disk, &checkpoint).verdict, Verdict::Intact);
        (disk, segments, checkpoint)
    })
}

fn against(disk: &FaultDisk, checkpoint: &Checkpoint) -> VerifyReport {
    journal::verify(Path::new(DATA), Some(checkpoint), disk as &dyn Disk).expect("readable")
}

fn fault_after(segments: &[Vec<u8>]) -> Option<Fault> {
    let report = verify(&with_segments(&sample().0, segments));
    assert_eq!(report.fault.is_some(), report.verdict == Verdict::Faulty);
    report.fault
}

/// Every frame of the sample: its segment and its place there.
fn frames() -> &'static Vec<(usize, usize, Vec<u8>)> {
    static FRAMES: OnceLock<Vec<(usize, usize, Vec<u8>)>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let mut all = Vec::new();
        for (number, segment) in sample().1.iter().enumerate() {
            let (_, frames) = split(segment);
            all.extend(frames.into_iter().enumerate().map(|(at, frame)| (number, at, frame)));
        }
        all
    })
}

/// The sample's segments with its frames edited.
fn edited(edit: impl FnOnce(&mut Vec<Vec<Vec<u8>>>)) -> Vec<Vec<u8>> {
    let parts: Vec<_> = sample().1.iter().map(|segment| split(segment)).collect();
    let mut frames = parts.iter().map(|(_, frames)| frames.clone()).collect();
    edit(&mut frames);
    let headers = parts.iter().map(|(header, _)| header.clone());
    headers.zip(frames).map(|(header, frames)| [header, frames.concat()].concat()).collect()
}

/// Every byte of every segment once, each with another of its bits: more than 10,000 cases.
#[test]
fn any_changed_bit_is_noticed_at_every_byte() {
    let mut cases = 0;
    for (number, segment) in sample().1.iter().enumerate() {
        for at in 0..segment.len() {
            let mut changed = sample().1.clone();
            changed[number][at] ^= 1 << (at % 8);
            let fault =
                fault_after(&changed).unwrap_or_else(|| panic!("segment {number}, byte {at}"));
            assert!(fault.segment <= format!("{number:08}.log"), "{fault:?}");
            cases += 1;
        }
    }
    assert!(cases >= 10_000, "{cases}");
}

#[test]
fn any_removed_record_is_noticed() {
    for (segment, at, frame) in frames() {
        let is_end = frames().last().map(|last| (last.0, last.1)) == Some((*segment, *at));
        if is_end {
            continue;
        }
        let fault =
            fault_after(&edited(|frames| drop(frames[*segment].remove(*at)))).expect("noticed");
        if is_record(frame) {
            assert_eq!(fault.kind, FaultKind::Removed, "{fault:?}");
        }
    }
}

#[test]
fn any_repeated_record_is_noticed_wherever_it_is_put() {
    for (_, _, frame) in frames() {
        for (segment, at, _) in frames() {
            let fault = fault_after(&edited(|frames| frames[*segment].insert(*at, frame.clone())));
            assert!(fault.is_some());
        }
    }
}

#[test]
fn any_two_swapped_records_are_noticed() {
    for (first, (segment, at, frame)) in frames().iter().enumerate() {
        for (other_segment, other_at, other) in &frames()[first + 1..] {
            let swapped = edited(|frames| {
                frames[*segment][*at] = other.clone();
                frames[*other_segment][*other_at] = frame.clone();
            });
            let fault = fault_after(&swapped).expect("noticed");
            if is_record(frame) && is_record(other) {
                assert_eq!(fault.kind, FaultKind::Reordered, "{fault:?}");
            }
        }
    }
}

#[test]
fn whole_segments_that_are_removed_or_swapped_are_noticed() {
    let segments = &sample().1;
    for number in 0..segments.len() - 1 {
        let copy = with_segments(&sample().0, segments);
        copy.remove(&crate::support::segment(number as u64)).expect("there");
        let fault = verify(&copy).fault.expect("noticed");
        assert_eq!(fault.kind, FaultKind::Removed, "{fault:?}");

        let mut swapped = segments.clone();
        swapped.swap(number, number + 1);
        assert!(fault_after(&swapped).is_some());
    }
}

#[test]
fn any_truncation_is_noticed_against_a_checkpoint() {
    let (disk, segments, checkpoint) = sample();
    let (_, frames) = split(segments.last().expect("one"));
    let sealed_end = frames.last().map_or(0, Vec::len);
    for keep in 0..segments.len() {
        for length in 0..segments[keep].len() {
            let mut cut = segments[..=keep].to_vec();
            cut[keep].truncate(length);
            let report = against(&with_segments(disk, &cut), checkpoint);
            let is_final_seal =
                keep + 1 == segments.len() && length >= segments[keep].len() - sealed_end;
            if is_final_seal {
                // All records are there; only the seal of the clean end is not.
                assert_ne!(report.verdict, Verdict::Faulty);
                continue;
            }
            let fault = report.fault.unwrap_or_else(|| panic!("segment {keep} cut to {length}"));
            assert_eq!(fault.kind, FaultKind::Truncated, "{fault:?}");
            assert_eq!(report.checked.records, fault.sequence);
        }
    }
}

#[test]
fn the_report_says_what_it_looked_against() {
    let (disk, _, checkpoint) = sample();
    assert!(matches!(verify(disk).truncation, Truncation::LastSeal { records: RECORDS, .. }));
    let report = against(disk, checkpoint);
    let expected = Truncation::Checkpoint { records: RECORDS, time_ms: checkpoint.time_ms };
    assert_eq!(report.truncation, expected);

    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(json["verdict"], "intact");
    assert_eq!(json["truncation"]["against"], "checkpoint");
    assert_eq!(json["checked"]["records"], RECORDS);
    assert_eq!(json["head"]["root"], checkpoint.root.to_string());
    assert_eq!(json["node"], checkpoint.node.to_string());
    assert!(json.get("fault").is_none());

    let cut = with_segments(disk, &sample().1[..1]);
    let json = serde_json::to_value(against(&cut, checkpoint)).expect("json");
    assert_eq!(json["verdict"], "faulty");
    assert_eq!(json["fault"]["kind"], "truncated");
    assert_eq!(json["fault"]["segment"], "00000000.log");
    assert!(
        json["fault"]["detail"].as_str().is_some_and(|text| text.contains("covers 24 records"))
    );
}

#[test]
fn an_empty_folder_is_intact_until_a_checkpoint_says_otherwise() {
    let report = verify(&FaultDisk::new());
    assert_eq!((report.verdict, report.truncation), (Verdict::Intact, Truncation::Nothing));
    let fault = against(&FaultDisk::new(), &sample().2).fault.expect("all of it was cut off");
    assert_eq!(fault.kind, FaultKind::Truncated);
}

#[test]
fn an_older_checkpoint_holds_for_a_record_that_went_on() {
    let disk = FaultDisk::new();
    let mut checkpoints = Vec::new();
    for start in [0, 7, 14] {
        let (journal, _) = open(&disk);
        for number in start..start + 7 {
            checkpoints.push(journal.checkpoint().expect("signed"));
            let _ = journal.append(&event(number)).expect("appended");
        }
        journal.close().expect("closed");
        checkpoints.push(journal::sign_checkpoint(Path::new(DATA), &disk).expect("signed"));
    }
    for checkpoint in &checkpoints {
        let report = against(&disk, checkpoint);
        assert_eq!(report.verdict, Verdict::Intact, "{checkpoint:?} {report:?}");
    }
}

#[test]
fn a_checkpoint_of_another_record_or_with_a_bad_signature_is_refused() {
    let (disk, _, checkpoint) = sample();
    let (other, _) = open(&FaultDisk::new());
    let _ = other.append(&event(0)).expect("appended");
    let fault = against(disk, &other.checkpoint().expect("signed")).fault.expect("noticed");
    assert_eq!(fault.kind, FaultKind::OtherNode);
    let forged = Checkpoint { records: 3, ..checkpoint.clone() };
    let fault = against(disk, &forged).fault.expect("noticed");
    assert_eq!(fault.kind, FaultKind::Forged);
}

/// Two histories of one node, as after restoring an old copy of the folder: a checkpoint of one does not
/// hold for the other.
#[test]
fn a_record_that_was_rolled_back_and_went_on_is_noticed() {
    let disk = FaultDisk::new();
    let (journal, _) = open(&disk);
    let _ = journal.append(&event(0)).expect("appended");
    let copy = disk.after_kill();
    let _ = journal.append(&event(1)).expect("appended");
    let checkpoint = journal.checkpoint().expect("signed");
    let (other, _) = open(&copy);
    for number in 2..5 {
        let _ = other.append(&event(number)).expect("appended");
    }
    other.close().expect("closed");
    assert_eq!(verify(&copy).verdict, Verdict::Intact, "by itself it is a fine record");
    let fault = against(&copy, &checkpoint).fault.expect("but not the one that was signed");
    assert_eq!(fault.kind, FaultKind::Changed);
}

#[test]
fn no_checkpoint_is_signed_over_a_record_that_does_not_verify() {
    let mut changed = sample().1.clone();
    changed[0][500] ^= 1;
    let disk = with_segments(&sample().0, &changed);
    let error = journal::sign_checkpoint(Path::new(DATA), &disk).expect_err("refused");
    assert!(error.to_string().contains("no checkpoint was signed"), "{error}");
}

/// What someone with access to the files but not to the key can do: change a record and make every
/// checksum and the whole chain fit again. Only the seals stand against it.
fn rewritten(segment: &[u8], change: impl Fn(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let sha256 = |parts: &[&[u8]]| {
        let digest = ring::digest::digest(&ring::digest::SHA256, &parts.concat());
        digest.as_ref().to_vec()
    };
    let (header, mut frames) = split(segment);
    change(&mut frames);
    let mut bytes = header.clone();
    let mut chain = header[40..72].to_vec();
    let mut sequence = 0_u64;
    for frame in frames {
        let payload = &frame[32..frame.len() - 32];
        let mut head = frame[..24].to_vec();
        head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        head[8..16].copy_from_slice(&sequence.to_le_bytes());
        sequence += u64::from(is_record(&frame));
        chain = sha256(&[&[2], &chain, &head, &sha256(&[&[0], payload])]);
        head.extend(crc32c::crc32c(&[payload, &chain].concat()).to_le_bytes());
        head.extend(crc32c::crc32c(&head).to_le_bytes());
        bytes.extend([&head, payload, &chain].concat());
    }
    bytes
}

#[test]
fn a_history_rewritten_without_the_key_is_noticed_at_the_next_seal() {
    let disk = FaultDisk::new();
    let settings = JournalSettings { segment_bytes_max: u64::MAX, ..settings() };
    let shared = std::sync::Arc::new(disk.clone());
    let (journal, _) = Journal::open(Path::new(DATA), settings, shared).expect("opened");
    for number in 0..12 {
        let _ = journal.append(&event(number)).expect("appended");
    }
    drop(journal);
    let segment = &segments(&disk)[0];
    assert_eq!(rewritten(segment, |_| {}), *segment, "the rewriting itself is faithful");

    // Frames 0 to 4 are records, 5 is a seal, 6 to 10 are records, 11 is a seal, 12 and 13 unsealed.
    let verified = |bytes| verify(&with_segments(&disk, &[bytes]));
    for at in (0..11).filter(|at| *at != 5) {
        let report = verified(rewritten(segment, |frames| {
            let length = frames[at].len();
            frames[at][length / 2] ^= 1;
        }));
        let fault = report.fault.expect("noticed");
        assert_eq!(fault.kind, FaultKind::Forged, "{at}: {fault:?}");
        assert_eq!(fault.sequence, if at < 5 { 5 } else { 10 });
    }
    let report = verified(rewritten(segment, |frames| drop(frames.remove(11))));
    assert_eq!(
        (report.verdict, report.unsealed_records),
        (Verdict::Intact, 7),
        "says what is unsigned"
    );
    let report = verified(rewritten(segment, |frames| {
        let length = frames[13].len();
        frames[13][length / 2] ^= 1;
    }));
    assert_eq!(
        (report.verdict, report.unsealed_records),
        (Verdict::Intact, 2),
        "says what is unsigned"
    );
}

#[test]
fn seals_cannot_be_left_out() {
    let disk = FaultDisk::new();
    let settings = JournalSettings { segment_bytes_max: u64::MAX, ..settings() };
    let shared = std::sync::Arc::new(disk.clone());
    let (journal, _) = Journal::open(Path::new(DATA), settings, shared).expect("opened");
    for number in 0..SEAL_INTERVAL_RECORDS_MAX + 4 {
        let _ = journal.append(&event(number)).expect("appended");
    }
    journal.close().expect("closed");
    let unsealed = rewritten(&segments(&disk)[0], |frames| frames.retain(|frame| is_record(frame)));
    let fault = verify(&with_segments(&disk, &[unsealed])).fault.expect("noticed");
    assert_eq!((fault.kind, fault.sequence), (FaultKind::Forged, SEAL_INTERVAL_RECORDS_MAX));

    // The end of a segment: its header would have to be rewritten too, and then says so.
    let mut segments = sample().1.clone();
    segments[0] = rewritten(&segments[0], |frames| drop(frames.pop()));
    let fault = fault_after(&segments).expect("noticed");
    assert_eq!((fault.kind, fault.segment.as_str()), (FaultKind::Forged, "00000001.log"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes_in_place_of_a_segment_are_read_without_panic(
        keep: prop::sample::Index,
        noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut segment = sample().1[0].clone();
        segment.truncate(keep.index(segment.len()));
        segment.extend(&noise);
        let disk = with_segments(&sample().0, &[segment]);
        let _ = verify(&disk);
        let records = reader(&disk).records(Position::Start).expect("listed");
        let _ = records.take(100).take_while(Result::is_ok).count();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Opening refuses or goes on, and what it goes on with verifies.
    #[test]
    fn any_bytes_in_place_of_a_segment_are_opened_without_panic(
        keep: prop::sample::Index,
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        set_aside: bool,
    ) {
        let mut segment = sample().1[0].clone();
        segment.truncate(keep.index(segment.len()));
        segment.extend(&noise);
        let disk = with_segments(&sample().0, &[segment]);
        let on_damage =
            if set_aside { journal::OnDamage::SetAside } else { journal::OnDamage::Refuse };
        let settings = JournalSettings { on_damage, ..settings() };
        let shared = std::sync::Arc::new(disk.clone());
        if let Ok((journal, recovery)) = Journal::open(Path::new(DATA), settings, shared) {
            let ticket = journal.append(&event(1)).expect("appended");
            prop_assert_eq!(ticket.sequence(), recovery.records);
            journal.close().expect("closed");
            prop_assert_eq!(verify(&disk).verdict, Verdict::Intact);
        }
    }
}
