//! What every sink promises, shown with webhooks: at least once, in order, counted, and nobody waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use connect::{Begin, SinkKind, SinkSettings};
use events::{Event, EventBody, NodeNotice};
use export::{Format, Redact};
use journal::Disk as _;
use journal::testing::Faults;
use serde_json::Value;
use testkit::{FakeService, RecordedRequest, Served};

use crate::sink_bed::{Bed, change, eventually, interaction, numbers, quick, targets};

/// A receiver, and what it took: bodies of the requests that it answered with 200.
struct Receiver {
    service: FakeService,
    taken: Arc<Mutex<String>>,
}

impl Receiver {
    /// One that answers what the test says; nothing means that it takes the request.
    fn new(answer: impl Fn(&RecordedRequest) -> Option<Served> + Send + Sync + 'static) -> Self {
        let taken = Arc::new(Mutex::new(String::new()));
        let taking = Arc::clone(&taken);
        let service = FakeService::start(move |request| {
            answer(request).unwrap_or_else(|| {
                taking.lock().expect("not poisoned").push_str(&request.text());
                Served::new(200, "")
            })
        });
        Self { service: service.expect("a free port"), taken }
    }

    fn all() -> Self {
        Self::new(|_| None)
    }

    fn sink(&self, name: &str) -> SinkSettings {
        quick(name, SinkKind::Webhook, &self.service.url())
    }

    fn taken(&self) -> String {
        self.taken.lock().expect("not poisoned").clone()
    }

    fn targets(&self) -> Vec<String> {
        targets(&self.taken())
    }
}

/// The ids of records by their places, of everything that was sent; those of one record are one.
fn ids(receiver: &Receiver) -> BTreeMap<u64, String> {
    let mut ids = BTreeMap::new();
    for request in receiver.service.requests() {
        for line in request.text().lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let (sequence, leaf) = (line["sequence"].as_u64(), line["leaf"].as_str());
            let (sequence, leaf) = sequence.zip(leaf).expect("a place and an id");
            let known = ids.entry(sequence).or_insert_with(|| leaf.to_owned());
            assert_eq!(known, leaf, "a record has one id, however often it is sent");
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_sent_in_order_and_counted() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    bed.log(0, 700);
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.settled("siem").await;
    bed.log(700, 50);
    let report = bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(0, 750));
    assert_eq!((report.logged, report.sent, report.next), (750, 750, 750));
    assert!(report.is_well());
    let requests = receiver.service.requests();
    assert!(requests.len() >= 3, "no batch has more than 500 records");
    let keys: Vec<_> = requests.iter().map(|one| one.header("idempotency-key")).collect();
    assert!(keys.iter().all(|key| key.is_some_and(|key| key.len() == 64)), "{keys:?}");
    let page = telemetry::prometheus_text(&bed.sinks.snapshot());
    for line in [
        r#"bartizan_sinks_records_total{sink="siem",outcome="sent"} 750"#,
        r#"bartizan_sinks_waiting{sink="siem"} 0"#,
        r#"bartizan_sinks_failing{sink="siem"} 0"#,
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

/// The pain of exporters that note what they sent before, or never: rows silently dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_between_sending_and_noting_it_sends_again_and_loses_nothing() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    bed.log(0, 20);
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.settled("siem").await;
    // From here on the cursor cannot be written: what is sent is not noted.
    bed.disks.sinks.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    bed.log(20, 10);
    eventually(|| receiver.targets().len() == 30).await.expect("sent");
    let disks = bed.killed().await;
    let bed = Bed::on(disks);
    assert_eq!(bed.report("siem").map(|report| report.next), Some(20));
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.log(30, 5);
    let report = bed.settled("siem").await;
    let mut expected = numbers(0, 30);
    expected.extend(numbers(20, 15));
    assert_eq!(receiver.targets(), expected, "some twice, none missing");
    assert!(ids(&receiver).len() >= 35 && report.sent == report.logged);
}

/// The pain of full disks: nothing goes on that could not be accounted for, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_for_the_cursor_stops_the_sink_and_nothing_else() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.log(0, 1);
    bed.settled("siem").await;
    bed.disks.sinks.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    bed.log(1, 1);
    eventually(|| receiver.targets().len() == 2).await.expect("sent");
    bed.log(2, 20);
    let is_failing = || {
        let page = telemetry::prometheus_text(&bed.sinks.snapshot());
        page.contains(r#"bartizan_sinks_failing{sink="siem"} 1"#)
    };
    eventually(is_failing).await.expect("it says so");
    assert_eq!(receiver.targets(), numbers(0, 2), "nothing is sent after what is not noted");
    bed.disks.sinks.set_faults(Faults::default());
    let report = bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(0, 22));
    assert_eq!(report.sent, report.logged);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_giant_record_is_a_dead_letter_and_holds_up_nobody() {
    let too_large =
        |request: &RecordedRequest| (request.text().len() > 20_000).then(|| Served::new(413, ""));
    let (bed, receiver) = (Bed::new(), Receiver::new(too_large));
    bed.log(0, 10);
    bed.append(&change(&"x".repeat(30_000)));
    bed.log(10, 200);
    bed.sinks.change(vec![receiver.sink("siem")]);
    let report = bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(0, 210), "all others, in order");
    assert_eq!((report.sent, report.refused, report.dead, report.lost), (210, 1, 1, 0));
    assert!(!report.is_well());
    let dead = bed.disks.lines("siem.dead.jsonl");
    assert_eq!(
        (dead.len(), &dead[0]["sequence"], &dead[0]["why"]),
        (1, &10.into(), &"too large".into())
    );
    assert_eq!(dead[0]["id"], ids(&receiver)[&10].as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_is_a_dead_letter_by_itself() {
    let poison = |request: &RecordedRequest| {
        request.text().contains("poison").then(|| Served::new(400, "no"))
    };
    let (bed, receiver) = (Bed::new(), Receiver::new(poison));
    bed.log(0, 37);
    bed.append(&change("poison"));
    bed.log(37, 60);
    bed.append(&change("poison too"));
    bed.sinks.change(vec![receiver.sink("siem")]);
    let report = bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(0, 97));
    assert_eq!((report.sent, report.dead), (97, 2));
    let dead = bed.disks.lines("siem.dead.jsonl");
    assert!(dead[0]["lines"][0].as_str().is_some_and(|line| line.contains("poison")), "{dead:?}");
    assert_eq!(dead[1]["why"], "status 400");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_refuses_everything_does_not_empty_the_record_into_dead_letters() {
    let is_mended = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let (bed, receiver) = (
        Bed::new(),
        Receiver::new(move |_| (!mended.load(Ordering::SeqCst)).then(|| Served::new(400, ""))),
    );
    bed.log(0, 300);
    bed.sinks.change(vec![receiver.sink("siem")]);
    let says_so = |report: &connect::SinkReport| {
        let why = report.trouble.as_ref().map(|trouble| trouble.why.as_str());
        why.is_some_and(|why| why.starts_with("everything is refused"))
    };
    bed.until("siem", says_so).await;
    is_mended.store(true, Ordering::SeqCst);
    let report = bed.settled("siem").await;
    assert_eq!((report.dead, report.sent), (32, report.logged - 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_that_have_no_room_are_counted_as_lost() {
    let poison =
        |request: &RecordedRequest| request.text().contains("poison").then(|| Served::new(422, ""));
    let (bed, receiver) = (Bed::new(), Receiver::new(poison));
    for number in 0..6 {
        bed.append(&change("poison"));
        bed.log(number, 1);
    }
    bed.sinks.change(vec![SinkSettings { dead_bytes_max: 2_000, ..receiver.sink("siem") }]);
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.refused, report.dead + report.lost), (6, 6, 6));
    assert!(report.dead > 0 && report.lost > 0, "{report:?}");
    assert_eq!(bed.disks.lines("siem.dead.jsonl").len() as u64, report.dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let asking = Arc::clone(&asked);
    let (bed, receiver) = (
        Bed::new(),
        Receiver::new(move |_| {
            let mut asked = asking.lock().expect("not poisoned");
            asked.push(Instant::now());
            (asked.len() == 1).then(|| Served::new(429, "").with("retry-after", "1"))
        }),
    );
    bed.log(0, 3);
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.settled("siem").await;
    let asked = asked.lock().expect("not poisoned").clone();
    assert!(asked[1].duration_since(asked[0]) >= Duration::from_secs(1));
    assert_eq!(receiver.targets(), numbers(0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_in_the_middle_of_a_batch_loses_nothing() {
    let number = AtomicU64::new(0);
    let (bed, receiver) = (
        Bed::new(),
        // Every other request is read and not answered.
        Receiver::new(move |_| {
            number.fetch_add(1, Ordering::SeqCst).is_multiple_of(2).then(|| Served::new(0, ""))
        }),
    );
    let mut sink = receiver.sink("siem");
    sink.batch.records_max = 10;
    bed.log(0, 45);
    bed.sinks.change(vec![sink]);
    bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(0, 45));
    assert_eq!(ids(&receiver).len(), 45, "what was sent twice has one id");
}

/// The pain of shared queues that fill up behind the slowest.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_down_holds_up_neither_the_record_nor_other_sinks() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let down = Receiver::new(move |_| (!up.load(Ordering::SeqCst)).then(|| Served::new(503, "")));
    let (bed, well) = (Bed::new(), Receiver::all());
    bed.sinks.change(vec![down.sink("down"), well.sink("well")]);
    bed.log(0, 100);
    bed.until("well", |report| report.sent >= 100).await;
    let report = bed.until("down", |report| report.trouble.is_some()).await;
    assert_eq!((report.sent, report.dead, report.lost), (0, 0, 0));
    assert!(report.waiting >= 100);
    eventually(|| bed.notices().iter().any(|one| one.starts_with("degraded: sink `down`")))
        .await
        .expect("it is on record");
    is_up.store(true, Ordering::SeqCst);
    bed.settled("down").await;
    assert_eq!(down.targets(), numbers(0, 100));
    eventually(|| bed.notices().iter().any(|one| one.starts_with("recovered: sink `down`")))
        .await
        .expect("that is on record too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_comes_back_goes_on_where_it_was() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.log(0, 10);
    bed.settled("siem").await;
    bed.sinks.change(Vec::new());
    bed.log(10, 10);
    let report = bed.report("siem").expect("its cursor is there");
    assert_eq!((report.sent, report.waiting), (10, 10));
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.log(20, 10);
    bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(0, 30), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_in_the_middle_loses_nothing_and_two_never_share_a_cursor() {
    let slow = |_: &RecordedRequest| None;
    let (bed, receiver) = (Bed::new(), Receiver::new(slow));
    for round in 0..20 {
        bed.log(round * 10, 10);
        bed.sinks.change(vec![receiver.sink("siem")]);
    }
    let report = bed.settled("siem").await;
    assert_eq!((report.sent, report.logged), (200, 200));
    assert_eq!(ids(&receiver).len(), 200);
}

/// The pain of exports that lose gaps: what is missing is counted, said and on record.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_or_damaged_before_it_was_sent_is_a_loss_that_is_seen() {
    for is_damaged in [false, true] {
        let (bed, receiver) = (Bed::new(), Receiver::all());
        bed.log(0, 2_000);
        let second = std::path::Path::new("data/journal/00000001.log");
        if is_damaged {
            let mut bytes = bed.disks.record.contents(second).expect("several segments");
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            bed.disks.record.tamper(second, bytes);
        } else {
            bed.disks.record.remove(second).expect("several segments");
        }
        bed.sinks.change(vec![receiver.sink("siem")]);
        let report = bed.until("siem", |report| report.lost > 0 && report.waiting == 0).await;
        assert!(report.lost < 2_000 && report.dead == 0, "{report:?}");
        assert_eq!(report.sent + report.lost, report.logged);
        let taken = receiver.targets();
        assert_eq!(taken.first().map(String::as_str), Some("0"));
        assert_eq!(taken.last().map(String::as_str), Some("1999"));
        assert_eq!(taken.len() as u64 + report.lost, 2_000);
        let told = format!("{} records could not be read", report.lost);
        // It is on record, so it comes to the receiver as well.
        eventually(|| receiver.taken().contains(&told)).await.expect("on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_record_is_sent_from_its_beginning() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    bed.log(0, 10);
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.settled("siem").await;
    let cursor = bed.killed().await.sinks;
    // The same data folder with another record: as after a restore of something else.
    for count in [5, 30] {
        let bed =
            Bed::on(crate::sink_bed::Disks { sinks: cursor.after_kill(), ..Default::default() });
        let receiver = Receiver::all();
        bed.log(100, count);
        bed.sinks.change(vec![receiver.sink("siem")]);
        let report = bed.until("siem", |report| report.restarts == 1 && report.waiting == 0).await;
        assert_eq!(receiver.targets(), numbers(100, count));
        assert_eq!(report.sent, report.logged);
        let is_told = || bed.notices().iter().any(|one| one.contains("all of it is sent"));
        eventually(is_told).await.expect("on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_may_begin_with_what_comes() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    bed.log(0, 10);
    let durable = bed.journal.checkpoint();
    durable.expect("synced");
    bed.sinks.change(vec![SinkSettings { begin: Begin::Now, ..receiver.sink("siem") }]);
    eventually(|| bed.report("siem").is_some()).await.expect("it begins");
    bed.log(10, 5);
    let report = bed.settled("siem").await;
    assert_eq!(receiver.targets(), numbers(10, 5));
    assert_eq!((report.begun_at, report.logged, report.sent), (10, 5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sink_has_its_own_conditions_and_redaction() {
    let (bed, all, some) = (Bed::new(), Receiver::all(), Receiver::all());
    let mut filtered = some.sink("some");
    filtered.conditions = vec!["class=interaction_*".parse().expect("a condition")];
    filtered.redact = BTreeMap::from([("principal.user".to_owned(), Redact::Hash)]);
    filtered.format = Format::Ecs;
    bed.sinks.change(vec![all.sink("all"), filtered]);
    bed.log(0, 10);
    for event in interaction(1, "mallory@example.com") {
        bed.append(&event);
    }
    bed.settled("all").await;
    let report = bed.settled("some").await;
    assert_eq!((report.sent, report.filtered, report.logged), (2, 10, 12));
    assert!(all.taken().contains("mallory@example.com"));
    assert!(!some.taken().contains("mallory"));
    let names: Vec<Value> = some
        .taken()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| event.pointer("/user/name").cloned())
        .collect();
    assert!(names.len() == 2 && names[0] == names[1], "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_record_says_who_asked_after_a_restart_too() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    let sink = || SinkSettings { format: Format::Ecs, ..receiver.sink("siem") };
    let [opened, closed] = interaction(1, "alice");
    bed.append(&opened);
    bed.sinks.change(vec![sink()]);
    bed.settled("siem").await;
    let bed = Bed::on(bed.killed().await);
    bed.append(&closed);
    bed.sinks.change(vec![sink()]);
    bed.settled("siem").await;
    let taken = receiver.taken();
    let last: Value = serde_json::from_str(taken.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["event"]["action"], "interaction_closed");
    assert_eq!(last["user"]["name"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_over_the_time_and_the_body() {
    let (bed, receiver) = (Bed::new(), Receiver::all());
    let mut sink = receiver.sink("siem");
    let key = stdx::Secret::new(String::from("whsec"));
    sink.key = Some(stdx::SharedSecret::new(key));
    bed.log(0, 1);
    bed.sinks.change(vec![sink]);
    bed.settled("siem").await;
    let request = receiver.service.requests().remove(0);
    let signature = request.header("x-bartizan-signature").expect("signed");
    let (time, tag) = signature.split_once(",v1=").expect("two parts");
    let seconds = time.strip_prefix("t=").expect("a time");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"whsec");
    let signed = format!("{seconds}.{}", request.text());
    let tag = data_encoding::HEXLOWER.decode(tag.as_bytes()).expect("hexadecimal");
    ring::hmac::verify(&key, signed.as_bytes(), &tag).expect("the same");
    assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_quick_while_a_sink_waits() {
    let receiver = Receiver::new(|_| Some(Served::new(503, "").with("retry-after", "600")));
    let bed = Bed::new();
    bed.sinks.change(vec![receiver.sink("siem")]);
    bed.append(&Event::new(1, EventBody::Node(NodeNotice::default())));
    bed.until("siem", |report| report.trouble.is_some()).await;
    bed.shutdown.begin();
    assert_eq!(bed.tasks.wait(Duration::from_secs(20)).await, 0, "nothing is left running");
}
