//! Fuzzing of every parser and detector: inputs are mutated for a bounded time and must keep what the rooms
//! promise.
//!
//! `fuzz [--seconds N] [--executions N] [--target WORD] [--seed N]` runs the targets whose name has WORD in it, each
//! for N seconds of its own. It needs no sanitizer and no nightly toolchain: what it looks for are panics and broken
//! promises, and work out of proportion.
//!
//! INVARIANT: the same seed makes the same inputs in the same order; only how many are made depends on time.
//! INVARIANT: an input that fails is made small and printed as a literal for a regression test.
//!
//! Not here: what a room promises (its own tests say it too); coverage of the code's branches.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers talks to its terminal"
)]

mod engine;
mod json;
mod mutate;
mod targets;

use std::process::ExitCode;
use std::time::Duration;

use engine::{Bounds, Failure, Summary};
use serde_json::json;

const USAGE: &str = "\
fuzz [--seconds N] [--executions N] [--target WORD] [--seed N]
  --seconds N      for each target; 5 unless said otherwise, 120 when a receipt is written
  --executions N   at most so many for each target
  --target WORD    only targets whose name has WORD in it
  --seed N         other inputs
";
/// Seconds per target in the landing lane, and in a long run.
const SECONDS: u64 = 5;
const LONG_SECONDS: u64 = 120;
/// Inputs that take so many times the work of ordinary ones are shown, as far as this many bytes.
const SHOWN_WORK_TIMES: f64 = 40.0;
const SHOWN_BYTES: usize = 240;
/// The variable that says where a long run leaves its figures.
const FIGURES_VARIABLE: &str = "BARTIZAN_FIGURES";
/// The crates that the targets are of.
const CRATES: [&str; 6] = ["detect", "events", "export", "journal", "policy", "wire"];

struct Options {
    bounds: Bounds,
    target: String,
    seed: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let figures = std::env::var_os(FIGURES_VARIABLE);
    let options = match options(&arguments, figures.is_some()) {
        Ok(options) => options,
        Err(message) => {
            eprint!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // The message of every panic is kept for the report instead.
    std::panic::set_hook(Box::new(engine::keep_panic));
    let mut summaries = Vec::new();
    let mut failed = false;
    for target in targets::ALL.iter().filter(|target| target.name.contains(&options.target)) {
        let summary = engine::run(target, options.bounds, options.seed);
        println!("{summary}");
        if summary.most_work > SHOWN_WORK_TIMES {
            let beginning = summary.hardest.get(..SHOWN_BYTES).unwrap_or(&summary.hardest);
            println!(
                "  hardest ({} bytes): b\"{}\"",
                summary.hardest.len(),
                beginning.escape_ascii()
            );
        }
        if let Some(failure) = &summary.failure {
            failed = true;
            println!("{}", shown(failure));
        }
        summaries.push(summary);
    }
    if summaries.is_empty() {
        eprintln!("no target is called that");
        return ExitCode::from(2);
    }
    if let Some(file) = figures.filter(|_| !failed)
        && let Err(error) = std::fs::write(&file, report(&summaries).to_string())
    {
        eprintln!("the figures were not written: {error}");
        return ExitCode::from(3);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn options(arguments: &[String], is_long: bool) -> Result<Options, String> {
    let mut seconds = if is_long { LONG_SECONDS } else { SECONDS };
    let (mut executions, mut seed, mut target) = (u64::MAX, 1, String::new());
    for pair in arguments.chunks(2) {
        let number = || match pair {
            [name, value] => value.parse().map_err(|_| format!("`{name}` needs a number")),
            _ => Err("an option needs a value".to_owned()),
        };
        match pair {
            [name, _] if name == "--seconds" => seconds = number()?,
            [name, _] if name == "--executions" => executions = number()?,
            [name, _] if name == "--seed" => seed = number()?,
            [name, value] if name == "--target" => target.clone_from(value),
            other => return Err(format!("no option `{}`", other.join(" "))),
        }
    }
    Ok(Options { bounds: Bounds { time: Duration::from_secs(seconds), executions }, target, seed })
}

fn shown(failure: &Failure) -> String {
    let bytes = failure.input.len();
    format!(
        "  {}\n  smallest input found ({bytes} bytes):\n  b\"{}\"",
        failure.why,
        failure.input.escape_ascii()
    )
}

fn report(summaries: &[Summary]) -> serde_json::Value {
    let targets: serde_json::Map<String, serde_json::Value> = summaries
        .iter()
        .map(|summary| {
            let figures = json!({
                "executions": summary.executions,
                "outcomes": summary.outcomes,
                "most_work_times_ordinary": (summary.most_work * 10.0).round() / 10.0,
            });
            (summary.name.to_owned(), figures)
        })
        .collect();
    json!({ "crates": CRATES, "targets": targets })
}
