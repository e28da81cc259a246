//! How many events a second each format takes, and how often as long as writing the event itself as JSON takes.
//!
//! `cargo run --release --package export --example rates`. Only the ratios, of one run, are worth anything.

use std::io::Write as _;
use std::time::Instant;

use events::{Digest, Event, NodeId};
use export::testing::{CLASSES, event_of, random_bytes};
use export::{Entry, Exporter, Format, Selection};
use stdx::SplitMix64;

const EVENTS: usize = 12_000;
const EVENT_BYTES: usize = 700;

fn main() -> std::io::Result<()> {
    let mut random = SplitMix64::new(1);
    let classes = (0..CLASSES).cycle().take(EVENTS);
    let events: Vec<Event> =
        classes.map(|class| event_of(class, &random_bytes(&mut random, EVENT_BYTES))).collect();
    let mut output = std::io::stdout().lock();
    let mut written = Vec::new();
    let own = timed(&events, |_, event| {
        written.clear();
        let _never_fails = serde_json::to_writer(&mut written, event);
        written.len()
    });
    writeln!(output, "{:10} {:>9.0} events/s", "serde_json", own.recip())?;
    for format in Format::ALL {
        let mut exporter = Exporter::new(format, Selection::default(), "0");
        let mut lines = Vec::new();
        let seconds = timed(&events, |sequence, event| {
            lines.clear();
            let leaf = Digest([1; 32]);
            exporter.record(
                &Entry { chain: leaf, event, leaf, node: NodeId::new(1), sequence },
                &mut lines,
            );
            lines.len()
        });
        let (rate, ratio) = (seconds.recip(), seconds / own);
        writeln!(output, "{:10} {rate:>9.0} events/s, {ratio:.1} times as long", format.as_str())?;
    }
    Ok(())
}

/// Seconds for each event, in the best of three rounds.
fn timed(events: &[Event], mut run: impl FnMut(u64, &Event) -> usize) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let started = Instant::now();
        let bytes: usize = (0..).zip(events).map(|(number, event)| run(number, event)).sum();
        std::hint::black_box(bytes);
        best = best.min(started.elapsed().as_secs_f64() / events.len() as f64);
    }
    best
}
