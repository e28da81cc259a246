//! The most memory that one inspection takes, in a process of its own: `bench memory KIND BYTES` prints it.
//!
//! Source: `proc(5)`: writing 5 to `clear_refs` sets the peak of resident memory (`VmHWM`) to what it is now.
//! INVARIANT: the text itself and the engine are there before, and do not count.

use std::io::{Read, Write};
use std::process::Command;

use super::cost::{Way, engine, read};
use super::hostile::hostile;
use super::texts;
use crate::Failure;

/// Length of a hostile text before it is repeated.
const UNIT_BYTES: usize = 64 * 1024;
/// Bytes read of a file under `/proc`.
const PROC_BYTES_MAX: u64 = 64 * 1024;

/// What is inspected: all ordinary texts, or those of a kind or a hostile text by name.
pub(super) const KINDS: [&str; 5] = [
    ORDINARY,
    "ordinary, streamed",
    "base64 in base64, six deep",
    "zero-width in every word",
    "numbers of two digits",
];
const ORDINARY: &str = "ordinary";
const STREAMED: &str = ", streamed";

/// By how many MiB inspecting such a text raises the peak of a process.
pub(super) fn peak_mib(kind: &str, bytes: usize) -> Result<f64, Failure> {
    let ours = Command::new(std::env::current_exe()?)
        .args(["memory", kind, &bytes.to_string()])
        .output()?;
    let kib: f64 = String::from_utf8_lossy(&ours.stdout)
        .trim()
        .parse()
        .map_err(|_| "`bench memory` printed no number")?;
    Ok(kib / 1024.0)
}

/// Prints by how many KiB inspecting a text of `bytes` raised the peak of this process.
pub(crate) fn print(kind: &str, bytes: usize) -> Result<(), Failure> {
    let engine = engine([])?;
    let way = if kind.ends_with(STREAMED) { Way::Held } else { Way::Whole };
    let unit = unit(kind.strip_suffix(STREAMED).unwrap_or(kind))
        .ok_or_else(|| format!("there is no text `{kind}`"))?;
    let mut text = unit.repeat(bytes / unit.len() + 1);
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text.shrink_to_fit();
    read(&engine, text.get(..1024.min(end)).unwrap_or_default(), events::Provenance::User, way);
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = status_kib("VmHWM")?;
    read(&engine, &text, events::Provenance::User, way);
    Ok(writeln!(std::io::stdout(), "{}", status_kib("VmHWM")?.saturating_sub(before))?)
}

/// What is repeated for a kind.
fn unit(kind: &str) -> Option<String> {
    let ordinary: String = texts::ordinary()
        .into_iter()
        .filter(|texts| kind == ORDINARY || kind == texts.name)
        .flat_map(|texts| texts.texts)
        .collect();
    let made = || hostile(UNIT_BYTES).into_iter().find(|text| text.name == kind);
    if ordinary.is_empty() { made().map(|text| text.text) } else { Some(ordinary) }
}

fn status_kib(member: &str) -> Result<u64, Failure> {
    let mut text = String::new();
    std::fs::File::open("/proc/self/status")?.take(PROC_BYTES_MAX).read_to_string(&mut text)?;
    let line = text.lines().find_map(|line| line.strip_prefix(member)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    Ok(number.ok_or_else(|| format!("`/proc/self/status` has no `{member}`"))?)
}
