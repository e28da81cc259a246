//! `bartizan inspect --jsonl`: one JSON object per line in, one per line out, in the same order.
//!
//! In: `{"id": "…", "text": "…", "provenance": "user"}`; `id` is any JSON value and comes back as it
//! is, `provenance` may be missing, other keys are ignored. A line that cannot be read gives
//! `{"id": …, "error": "…"}` and the work goes on.
//!
//! INVARIANT: exactly one line comes out for each that goes in, empty ones excepted.

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use events::Provenance;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inspect::{Inspector, TEXT_BYTES_MAX, Tally};
use crate::exit::{Exit, Failure, Problem};
use crate::output::{Output, Progress};

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: String,
    #[serde(default)]
    provenance: Option<String>,
}

#[derive(Serialize)]
struct Unread<'a> {
    id: &'a Value,
    error: &'a str,
}

/// What reading a line came to.
enum Read {
    /// A whole line is in the buffer, without its end.
    Line,
    /// The line is longer than it may be; it was passed over.
    TooLong,
    /// There are no more.
    End,
}

pub(crate) fn inspect(
    inspector: &Inspector,
    file: &Path,
    tally: &mut Tally,
    output: &mut Output,
) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let problem = Problem::new(format!("cannot read `{}`: {error}", file.display()));
        Failure::Problems(Exit::Incomplete, vec![problem.with_help("check the path")])
    };
    let mut input: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(std::fs::File::open(file).map_err(failed)?))
    };
    let mut line = Vec::new();
    let mut progress = Progress::new("lines");
    for count in 0_u64.. {
        progress.reached(count);
        let unread = match read_line(&mut input, &mut line, TEXT_BYTES_MAX).map_err(failed)? {
            Read::End => return Ok(()),
            Read::Line if line.trim_ascii().is_empty() => continue,
            Read::Line => inspect_line(inspector, &line, tally, output)?,
            Read::TooLong => {
                Some((Value::Null, format!("the line has more than {TEXT_BYTES_MAX} bytes")))
            }
        };
        if let Some((id, error)) = unread {
            tally.incomplete = true;
            output.json_line(&Unread { id: &id, error: &error })?;
        }
    }
    Ok(())
}

/// Inspects one line; gives back its id and why, if it cannot be read.
fn inspect_line(
    inspector: &Inspector,
    line: &[u8],
    tally: &mut Tally,
    output: &mut Output,
) -> Result<Option<(Value, String)>, Failure> {
    let Line { id, text, provenance } = match serde_json::from_slice::<Line>(line) {
        Ok(line) => line,
        Err(error) => return Ok(Some((id_of(line), format!("not an object to inspect: {error}")))),
    };
    let provenance = match provenance.as_deref() {
        None => inspector.provenance,
        Some("tool") => Provenance::ToolResult,
        Some(name) => {
            let known = Provenance::ALL.into_iter().find(|known| known.as_str() == name);
            let Some(known) = known else {
                let names = Provenance::ALL.map(Provenance::as_str).join(", ");
                return Ok(Some((id, format!("the provenance is not one of {names}"))));
            };
            known
        }
    };
    inspector.inspect(&id, &text, provenance, |report| {
        tally.add(report);
        output.json_line(report)
    })?;
    Ok(None)
}

/// The id of a line that is JSON but not what was expected.
fn id_of(line: &[u8]) -> Value {
    let mut value: Value = serde_json::from_slice(line).unwrap_or_default();
    value.get_mut("id").map(Value::take).unwrap_or_default()
}

/// Reads up to the next line end, keeping at most `bytes_max` bytes.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>, bytes_max: u64) -> std::io::Result<Read> {
    line.clear();
    if (&mut *input).take(bytes_max + 1).read_until(b'\n', line)? == 0 {
        return Ok(Read::End);
    }
    if line.pop_if(|last| *last == b'\n').is_some() || line.len() as u64 <= bytes_max {
        return Ok(Read::Line);
    }
    line.clear();
    line.shrink_to_fit();
    input.skip_until(b'\n')?;
    Ok(Read::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_up_to_the_limit_and_no_further() {
        let mut input: &[u8] = b"12345\n1234567\n123456\n\n12345678";
        let mut line = Vec::new();
        let mut seen = Vec::new();
        loop {
            match read_line(&mut input, &mut line, 6).expect("memory does not fail") {
                Read::Line => seen.push(String::from_utf8_lossy(&line).into_owned()),
                Read::TooLong => seen.push(String::from("too long")),
                Read::End => break,
            }
        }
        assert_eq!(seen, ["12345", "too long", "123456", "", "too long"]);
    }
}
