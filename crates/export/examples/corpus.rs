//! Writes hostile events of every class in one format to standard output, for validators that are not written in Rust.
//!
//! `corpus FORMAT COUNT`: so many records of each class.

use std::io::Write as _;

use events::{Digest, NodeId};
use export::testing::{CLASSES, event_of, random_bytes};
use export::{Entry, Exporter, Format, Selection};
use stdx::SplitMix64;

/// Bytes that an event is made of.
const EVENT_BYTES: usize = 700;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = arguments.as_slice() else {
        return Err(std::io::Error::other("give a format and a count"));
    };
    let format = Format::ALL.into_iter().find(|format| format.as_str() == name);
    let format = format.ok_or_else(|| std::io::Error::other("no such format"))?;
    let count: u64 = count.parse().map_err(std::io::Error::other)?;
    let mut exporter = Exporter::new(format, Selection::default(), "0.0.0");
    let mut random = SplitMix64::new(7);
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut lines = Vec::new();
    for sequence in 0..count * u64::from(CLASSES) {
        let event = event_of(
            (sequence % u64::from(CLASSES)) as u8,
            &random_bytes(&mut random, EVENT_BYTES),
        );
        let leaf = Digest([sequence as u8; 32]);
        let entry = Entry { chain: leaf, event: &event, leaf, node: NodeId::new(1), sequence };
        exporter.record(&entry, &mut lines);
        output.write_all(&lines)?;
        lines.clear();
    }
    output.flush()
}
