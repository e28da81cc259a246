//! What SIEMs get: valid events of every class, nothing lost, lines that read back.

#![expect(
    clippy::expect_used,
    reason = "fixtures fail the test by panicking; nothing here meets hostile input"
)]

mod documents;
mod nothing_lost;
mod ocsf;
mod ocsf_schema;
mod readers;
mod redaction;
mod text_lines;

use events::{Digest, Event, NodeId};
use export::testing::{CLASSES, event_of, random_bytes};
use export::{Entry, Exporter, Format, Selection};
use stdx::SplitMix64;

/// Events of each class in the tests of every format.
pub(crate) const EVENTS: usize = 10_000;
/// Bytes that an event is made of.
const EVENT_BYTES: usize = 700;

/// The place of an event on record.
pub(crate) fn entry(event: &Event, sequence: u64) -> Entry<'_> {
    let leaf = Digest([sequence as u8; 32]);
    Entry { chain: Digest([7; 32]), event, leaf, node: NodeId::new(1), sequence }
}

/// What one event becomes, by itself.
pub(crate) fn exported(format: Format, event: &Event) -> String {
    let mut lines = Vec::new();
    Exporter::new(format, Selection::default(), "1.2.3").record(&entry(event, 5), &mut lines);
    String::from_utf8(lines).expect("text")
}

/// Calls `check` with every line that so many hostile events of each class become.
pub(crate) fn each_line(format: Format, seed: u64, mut check: impl FnMut(&Event, &str)) {
    let mut exporter = Exporter::new(format, Selection::default(), "1.2.3");
    let mut random = SplitMix64::new(seed);
    let mut lines = Vec::new();
    for sequence in 0..(EVENTS * usize::from(CLASSES)) as u64 {
        let class = (sequence % u64::from(CLASSES)) as u8;
        let event = event_of(class, &random_bytes(&mut random, EVENT_BYTES));
        assert!(exporter.record(&entry(&event, sequence), &mut lines), "it is selected");
        let text = std::str::from_utf8(&lines).expect("text");
        assert!(text.ends_with('\n') && text.len() > 1, "a record becomes whole lines");
        for line in text.lines() {
            check(&event, line);
        }
        lines.clear();
    }
}
