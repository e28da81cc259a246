//! `bartizan inspect --jsonl`: one JSON object per line in, one per line out, in the same order.
//!
//! In: `{"id": "…", "text": "…", "provenance": "user"}`; `id` is any JSON value and comes back as it
//! is, `provenance` may be missing, other keys are ignored. A line that cannot be read gives
//! `{"id": …, "error": "…"}` and the work goes on.
//!
//! INVARIANT: exactly one line comes out for each that goes in, empty ones excepted. INVARIANT: a line is
//! passed on as soon as no more have arrived, so that a program can wait for each answer.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use events::Provenance;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inspect::{Done, Inspector, Job, is_stdin};
use super::inspect_files::Unread;
use super::inspect_parts::Part;
use super::inspect_pool::Feeder;
use super::inspect_report::{NoReport, Tally, Verdict};
use super::inspect_words::Place;

/// Bytes of one line.
pub(crate) const LINE_BYTES_MAX: u64 = 32 << 20;
/// Lines are worked on together until they have so many bytes.
const BATCH_BYTES: usize = 64 << 10;
/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(default)]
    provenance: Option<String>,
}

/// What is asked of a line that cannot be read: escapes that are no characters elsewhere in it do not matter.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: Value,
}

/// What some programs begin a file with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Lines that are worked on together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Whole lines with their ends.
    bytes: Vec<u8>,
    /// After them comes one that is too long.
    too_long: bool,
}

/// What reading a line came to.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// A whole line is in the buffer, with its end.
    Line,
    /// The line is longer than it may be; it was passed over.
    TooLong,
    /// There are no more.
    End,
}

/// Feeds the lines of a file. `false` if nobody waits for results any more.
pub(crate) fn feed(file: &Path, feeder: &Feeder<Job, Done>) -> bool {
    let input: Result<Box<dyn Read>, _> = if is_stdin(file) {
        Ok(Box::new(std::io::stdin()))
    } else {
        std::fs::File::open(file).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let unread = |error: std::io::Error| {
        feeder.add(Job::Unread(Unread::of_lines(file, &error, "check the path")), 0)
    };
    let mut input = match input {
        Ok(input) => BufReader::with_capacity(READ_BYTES, input),
        Err(error) => return unread(error),
    };
    let (mut batch, mut is_first) = (Batch::default(), true);
    loop {
        let read = match read_line(&mut input, &mut batch.bytes, LINE_BYTES_MAX) {
            Ok(read) => read,
            Err(error) => {
                let bytes = batch.bytes.len();
                return feeder.add(Job::Lines(batch), bytes) && unread(error);
            }
        };
        if std::mem::take(&mut is_first) && batch.bytes.starts_with(BYTE_ORDER_MARK) {
            batch.bytes.drain(..BYTE_ORDER_MARK.len());
        }
        batch.too_long = read == Came::TooLong;
        let is_full = batch.bytes.len() >= BATCH_BYTES || !input.buffer().contains(&b'\n');
        if read != Came::Line || is_full {
            let bytes = batch.bytes.len();
            if !feeder.add(Job::Lines(std::mem::take(&mut batch)), bytes) {
                return false;
            }
        }
        if read == Came::End {
            return true;
        }
    }
}

/// Inspects lines.
pub(crate) fn inspect(inspector: &Inspector, batch: &Batch) -> Done {
    let mut output = Vec::new();
    let (mut tally, mut count) = (Tally::default(), 0);
    for line in batch.bytes.split_inclusive(|byte| *byte == b'\n') {
        count += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Err((id, error)) = inspect_line(inspector, line, &mut tally, &mut output) {
            tally.incomplete = true;
            print(&NoReport { id: &id, error: &error }, &mut output);
        }
    }
    if batch.too_long {
        count += 1;
        tally.incomplete = true;
        let error = format!("the line has more than {LINE_BYTES_MAX} bytes");
        print(&NoReport { id: &Value::Null, error: &error }, &mut output);
    }
    let output = String::from_utf8(output).unwrap_or_default();
    Done::Lines { output, tally, count }
}

/// One JSON value on one line. Values made here can be written, and memory does not refuse.
fn print(value: &impl Serialize, output: &mut Vec<u8>) {
    let _cannot_fail = serde_json::to_writer(&mut *output, value).is_err();
    output.push(b'\n');
}

/// Inspects one line; gives back its id and why, if it cannot be read.
fn inspect_line(
    inspector: &Inspector,
    line: &[u8],
    tally: &mut Tally,
    output: &mut Vec<u8>,
) -> Result<(), (Value, String)> {
    let Line { id, text, provenance } = serde_json::from_slice::<Line>(line)
        .map_err(|error| (id_of(line), format!("not an object to inspect: {error}")))?;
    let provenance = match provenance.as_deref() {
        None => inspector.provenance_of_lines(),
        Some("tool") => Provenance::ToolResult,
        Some(name) => {
            let known = Provenance::ALL.into_iter().find(|known| known.as_str() == name);
            known.ok_or_else(|| {
                let names = Provenance::ALL.map(Provenance::as_str).join(", ");
                (id.clone(), format!("the provenance is not one of {names}"))
            })?
        }
    };
    let own = 0..text.len();
    let part = Part { text, own, at: Place::default(), is_first: true, is_last: true };
    let looked = inspector.look(&part, provenance, |_| None);
    inspector.report(&id, &looked, provenance, |report| {
        tally.not_allowed |= report.verdict != Verdict::Allow;
        tally.incomplete |= report.incomplete.is_some();
        print(report, output);
    });
    Ok(())
}

/// The id of a line that is an object but not what was expected.
fn id_of(line: &[u8]) -> Value {
    let is_object = line.trim_ascii_start().starts_with(b"{");
    let named = is_object.then(|| serde_json::from_slice::<Named>(line).ok()).flatten();
    named.map(|named| named.id).unwrap_or_default()
}

/// Appends the next line with its end, if it has at most `bytes_max` bytes without it.
fn read_line<R: Read>(
    input: &mut BufReader<R>,
    lines: &mut Vec<u8>,
    bytes_max: u64,
) -> std::io::Result<Came> {
    let before = lines.len();
    if (&mut *input).take(bytes_max + 1).read_until(b'\n', lines)? == 0 {
        return Ok(Came::End);
    }
    if lines.last() == Some(&b'\n') || (lines.len() - before) as u64 <= bytes_max {
        return Ok(Came::Line);
    }
    lines.truncate(before);
    lines.shrink_to_fit();
    input.skip_until(b'\n')?;
    Ok(Came::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_up_to_the_limit_and_no_further() {
        let mut input = BufReader::new(&b"12345\n1234567\n123456\n\n12345678"[..]);
        let mut seen = Vec::new();
        loop {
            let mut line = Vec::new();
            match read_line(&mut input, &mut line, 6).expect("memory does not fail") {
                Came::Line => seen.push(String::from_utf8_lossy(&line).into_owned()),
                Came::TooLong => seen.push(String::from("too long")),
                Came::End => break,
            }
        }
        assert_eq!(seen, ["12345\n", "too long", "123456\n", "\n", "too long"]);
    }
}
