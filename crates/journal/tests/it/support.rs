//! Events, journals and files for the other tests.
//!
//! INVARIANT: frames are found by the layout that the documentation promises, not by the code under test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{
    Administration, ConversationId, Decision, Digest, Ending, Event, EventBody, GuardReport,
    GuardStatus, InteractionClosed, InteractionId, InteractionOpened, NodeNotice, Outcome,
    Principal, Unscanned,
};
use journal::testing::FaultDisk;
use journal::{
    Disk, Journal, JournalSettings, Position, Reader, Record, Recovery, SEGMENT_BYTES_MIN,
};

pub(crate) const DATA: &str = "/data";

/// Small segments, and no seal that depends on how fast the test runs.
pub(crate) fn settings() -> JournalSettings {
    JournalSettings {
        seal_delay_ms: 3_600_000,
        seal_interval_records: 5,
        segment_bytes_max: SEGMENT_BYTES_MIN,
        ..JournalSettings::default()
    }
}

pub(crate) fn open(disk: &FaultDisk) -> (Journal, Recovery) {
    Journal::open(Path::new(DATA), settings(), Arc::new(disk.clone())).expect("the journal opens")
}

pub(crate) fn reader(disk: &FaultDisk) -> Reader {
    Reader::new(Path::new(DATA), Arc::new(disk.clone()))
}

pub(crate) fn records(disk: &FaultDisk) -> Vec<Record> {
    let records = reader(disk).records(Position::Start).expect("readable");
    records.collect::<Result<_, _>>().expect("every record is readable")
}

pub(crate) fn verify(disk: &FaultDisk) -> journal::VerifyReport {
    journal::verify(Path::new(DATA), None, disk as &dyn Disk).expect("readable")
}

pub(crate) fn interaction(number: u64) -> InteractionId {
    InteractionId::new(1_800_000_000_000 + number, u128::from(number))
}

pub(crate) fn segment(number: u64) -> PathBuf {
    Path::new(DATA).join(format!("journal/{number:08}.log"))
}

/// The bytes of every segment, in order.
pub(crate) fn segments(disk: &FaultDisk) -> Vec<Vec<u8>> {
    (0..).map_while(|number| disk.contents(&segment(number))).collect()
}

/// The same disk with other segments.
pub(crate) fn with_segments(disk: &FaultDisk, segments: &[Vec<u8>]) -> FaultDisk {
    let copy = disk.after_kill();
    for (number, bytes) in (0..).zip(segments) {
        copy.tamper(&segment(number), bytes.clone());
    }
    for number in segments.len() as u64.. {
        if copy.remove(&segment(number)).is_err() {
            break;
        }
    }
    copy
}

/// A segment's header and frames, as the layout says.
pub(crate) fn split(segment: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let peaks = usize::from(u16::from_le_bytes([segment[10], segment[11]]));
    let (header, mut rest) = segment.split_at(72 + 32 * peaks + 4);
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let (frame, later) = rest.split_at(32 + length + 32);
        frames.push(frame.to_vec());
        rest = later;
    }
    (header.to_vec(), frames)
}

pub(crate) fn is_record(frame: &[u8]) -> bool {
    frame[4] == 1
}

/// An event of each class in turn.
pub(crate) fn event(number: u64) -> Event {
    let body = match number % 4 {
        0 => EventBody::InteractionOpened(Box::new(opened(number))),
        1 => EventBody::InteractionClosed(Box::new(closed(number - 1))),
        2 => EventBody::Administration(Administration {
            actor: "cli".into(),
            operation: "key.create".into(),
            target: format!("key \"{number}\" \u{1f511}\n"),
            why: None,
        }),
        _ => EventBody::Node(NodeNotice { detail: String::new(), state: "started".into() }),
    };
    Event::new(1_800_000_000_000 + number, body)
}

pub(crate) fn opened(number: u64) -> InteractionOpened {
    InteractionOpened {
        client_address: "192.0.2.7:4711".into(),
        content: Some(Digest([7; 32])),
        conversation: Some(ConversationId::from_hash([9; 16])),
        credentials: events::Credentials::default(),
        decision: Decision { outcome: Outcome::Allowed, ..Decision::default() },
        dialect: "openai".into(),
        findings: Vec::new(),
        findings_omitted: 0,
        guards: vec![GuardReport {
            guard: "detect".into(),
            reason: None,
            status: GuardStatus::Ran,
        }],
        interaction: interaction(number),
        masked: 0,
        model: Some("a-model".into()),
        operation: "chat.completions".into(),
        principal: Principal { team: Some("blue".into()), ..Principal::default() },
        request_bytes: 2 + number,
        route: None,
        streamed: number.is_multiple_of(2),
        trace: None,
        unknown_fields: Vec::new(),
        unscanned: vec![Unscanned { path: "a[0].b".into(), why: "opaque: image".into() }],
        upstream: Some("main".into()),
        upstream_fallbacks: Vec::new(),
    }
}

pub(crate) fn closed(number: u64) -> InteractionClosed {
    InteractionClosed {
        attempts: Vec::new(),
        content: None,
        decision: Decision::default(),
        duration_us: 1,
        ending: Ending::Answered,
        findings: Vec::new(),
        findings_omitted: 0,
        first_byte_us: Some(1),
        guards: Vec::new(),
        interaction: interaction(number),
        masked: 0,
        reason: None,
        response_bytes: 100,
        restored: 0,
        risk: 0,
        status: 200,
        unscanned: Vec::new(),
        usage: None,
    }
}

/// Waits for what needs the async side.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}
