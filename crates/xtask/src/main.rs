//! `cargo xtask`: everything a developer runs beside the product itself.
//!
//! Tidy, the lanes of tests, generated references, benches and long runs. INVARIANT: this is the first thing a
//! newcomer compiles, so it links no room of the product and few other crates; what needs the product is
//! run as a program of its own. Not here: measurements (`bench`), training (`trainer`).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers talks to its terminal"
)]

mod clients;
mod command;
mod generate;
mod lanes;
mod measure;
mod receipt;
mod rust_source;
mod tidy;
mod workspace;

use std::process::ExitCode;

use crate::lanes::Lane;
use crate::workspace::Workspace;

const USAGE: &str = "\
cargo xtask <command>

  tidy [--shrink]        the rules the compiler does not hold; --shrink lowers the lists of exceptions
  test [--quick]         the landing lane: format, tidy, lints, tests, examples, real clients;
                         --quick leaves out lints and clients; --only WORD runs the steps so called
  generate [--check]     write the generated pages under docs/reference, or fail if one is stale
  bench NAME [ARGS…]     measure in a release build and write a receipt
  long NAME [ARGS…]      a long run, and its receipt
  eval-baselines [ARGS…] how soon baselines find planted changes, and how often nothing; writes the page of figures
  eval-campaigns [ARGS…] how soon campaigns are recognised, how well grouped, how many false; writes the page of figures
  train | eval [ARGS…]   train the score model of `detect`, or measure it on texts it has not seen
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = Workspace::root();
    match words.as_slice() {
        ["tidy"] => tidy_command(),
        ["tidy", "--shrink"] => shrink_command(),
        ["test"] => lanes::run(&root, Lane::Landing),
        ["test", "--quick"] => lanes::run(&root, Lane::Quick),
        ["test", "--only", word] => lanes::run(&root, Lane::Only(word)),
        ["generate"] => ended(generate::run(&root, false)),
        ["generate", "--check"] => ended(generate::run(&root, true)),
        ["bench", name, rest @ ..] => ended(measure::run(&root, "bench", name, rest)),
        ["long", name, rest @ ..] => ended(measure::run(&root, "long", name, rest)),
        ["train", rest @ ..] => ended(measure::train(&root, "train", rest)),
        ["eval", rest @ ..] => ended(measure::train(&root, "eval", rest)),
        ["eval-baselines", rest @ ..] => ended(measure::rehearse(&root, "baselines", rest)),
        ["eval-campaigns", rest @ ..] => ended(measure::rehearse(&root, "campaigns", rest)),
        ["help" | "--help" | "-h"] | [] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        other => {
            eprint!("`cargo xtask {}` is not a command\n\n{USAGE}", other.join(" "));
            ExitCode::from(2)
        }
    }
}

fn tidy_command() -> ExitCode {
    ended(tidy::run(&Workspace::root()))
}

fn shrink_command() -> ExitCode {
    match tidy::shrink_ratchets(&Workspace::root()) {
        Ok(changed) => {
            println!("{changed} entries lowered or removed");
            ExitCode::SUCCESS
        }
        Err(error) => ended(Err(error.to_string())),
    }
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
