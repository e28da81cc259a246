//! Files: whole lines, rotated by size, whatever becomes of the disk.

use std::path::{Path, PathBuf};

use connect::{SinkKind, SinkSettings};
use export::Format;
use journal::testing::Faults;

use crate::sink_bed::{Bed, numbers, quick, targets};

/// On the disk of the sinks.
const FILE: &str = "sinks/events.jsonl";

fn sink(details: &[(&'static str, &str)]) -> SinkSettings {
    let mut sink = quick("archive", SinkKind::File, "");
    (sink.path, sink.format) = (Some(PathBuf::from(FILE)), Format::JsonLines);
    sink.details = details.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    sink.batch.records_max = 10;
    sink
}

fn text(bed: &Bed, name: &str) -> String {
    let bytes = bed.disks.sinks.contents(Path::new(name)).unwrap_or_default();
    String::from_utf8(bytes).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_appended_and_on_the_medium_before_they_count() {
    let bed = Bed::new();
    bed.log(0, 25);
    bed.sinks.change(vec![sink(&[])]);
    let report = bed.settled("archive").await;
    assert_eq!((report.sent, targets(&text(&bed, FILE))), (25, numbers(0, 25)));
    // After a power cut, what counts is there.
    for seed in 0..16 {
        let after = bed.disks.sinks.after_power_cut(seed);
        let bytes = after.contents(Path::new(FILE)).expect("there");
        assert_eq!(targets(&String::from_utf8(bytes).expect("text")), numbers(0, 25));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_large_enough_is_rotated_and_the_oldest_goes() {
    let bed = Bed::new();
    bed.log(0, 200);
    bed.sinks.change(vec![sink(&[("rotate_bytes", "4096"), ("files", "3")])]);
    bed.settled("archive").await;
    let names = [3, 2, 1].map(|number| format!("{FILE}.{number}"));
    let all: String =
        names.iter().map(|name| text(&bed, name)).collect::<String>() + &text(&bed, FILE);
    let last = targets(&all);
    let count = last.len() as u64;
    assert!(count > 10 && count < 200, "{count}");
    assert_eq!(last, numbers(200 - count, count), "the latest, in order, without gaps");
    assert!(names.iter().all(|name| text(&bed, name).len() >= 4_096));
    assert_eq!(text(&bed, &format!("{FILE}.4")), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_half_a_line_the_next_one_is_whole_and_none_is_missing() {
    let bed = Bed::new();
    bed.log(0, 5);
    bed.sinks.change(vec![sink(&[])]);
    bed.settled("archive").await;
    bed.sinks.change(Vec::new());
    // As a process leaves it that was killed while it wrote.
    let half = text(&bed, FILE) + "{\"half\":";
    bed.disks.sinks.tamper(Path::new(FILE), half.into_bytes());
    bed.sinks.change(vec![sink(&[])]);
    bed.log(5, 5);
    bed.settled("archive").await;
    let whole = || text(&bed, FILE).replace("{\"half\":\n", "");
    assert_eq!(text(&bed, FILE).len(), whole().len() + 9, "nothing of what was there is gone");
    assert_eq!(targets(&whole()), numbers(0, 10));
    // A disk that fills up in the middle of a batch.
    let space = Some(1_000);
    bed.disks.sinks.set_faults(Faults { space_bytes: space, ..Faults::default() });
    bed.log(10, 20);
    let page = || telemetry::prometheus_text(&bed.sinks.snapshot());
    let is_failing = || page().contains(r#"bartizan_sinks_failing{sink="archive"} 1"#);
    crate::sink_bed::eventually(is_failing).await.expect("it says so");
    bed.disks.sinks.set_faults(Faults::default());
    bed.settled("archive").await;
    let mut all = targets(&whole());
    all.dedup();
    assert_eq!(all, numbers(0, 30));
}
