//! `cargo xtask bench NAME` and `cargo xtask long NAME`: runs a measurement in a release build and keeps
//! its receipt. `cargo xtask train` and `cargo xtask eval` only pass on to `trainer`, `cargo xtask eval-baselines` and `eval-campaigns` to `rehearsal`.
//!
//! The measurements are in the program `bench` (and `fuzz`), which takes a name, and writes its figures as JSON to the file
//! named by `BARTIZAN_FIGURES`. INVARIANT: a receipt is written only for a run that succeeded and says which crates
//! it measured. Not here: the measurements.

use std::path::Path;

use crate::command::Step;
use crate::{lanes, receipt};

/// The variable that says where a measurement leaves its figures.
const FIGURES_VARIABLE: &str = "BARTIZAN_FIGURES";

/// The crate, and its program, that measures; fuzzing is a program of its own, named like its run.
const PROGRAM: &str = "bench";
const FUZZ: &str = "fuzz";

/// The measurement that links what it measures, and does not start the product.
const DETECT: &str = "detect";

/// Runs a measurement; `kind` is `bench` or `long`, and becomes part of the receipt's name.
pub(crate) fn run(root: &Path, kind: &str, name: &str, rest: &[&str]) -> Result<(), String> {
    let figures = lanes::target_folder(root)?.join(format!("figures-{kind}-{name}.json"));
    let _ = std::fs::remove_file(&figures);
    let program: &[&str] = if name == FUZZ {
        &["run", "--release", "--package", FUZZ, "--"]
    } else {
        if name != DETECT {
            Step::new(root, "cargo")
                .args([
                    "build",
                    "--release",
                    "--package",
                    "bartizan",
                    "--package",
                    PROGRAM,
                    "--bins",
                ])
                .run()?;
        }
        &["run", "--release", "--package", PROGRAM, "--", name]
    };
    Step::new(root, "cargo")
        .args(program.iter().copied())
        .args(rest)
        .env(FIGURES_VARIABLE, &figures)
        .run()?;
    if !figures.exists() {
        println!("no figures were left, so there is no receipt");
        return Ok(());
    }
    let receipt = receipt::write(root, &format!("{kind}-{name}"), &figures)?;
    println!("receipt: {}", receipt.strip_prefix(root).unwrap_or(&receipt).display());
    Ok(())
}

/// Where the pages are that `rehearsal` writes.
const PAGES: &str = "docs/reference/benchmarks";

/// Runs `rehearsal` on baselines or campaigns, and lets it write the page of that name.
pub(crate) fn rehearse(root: &Path, what: &str, rest: &[&str]) -> Result<(), String> {
    let page = format!("{PAGES}/{what}.md");
    Step::new(root, "cargo")
        .args(["run", "--release", "--package", "rehearsal", "--", what])
        .args(["--out", page.as_str()])
        .args(rest)
        .run()
}

/// Runs `trainer` with a command and its arguments.
pub(crate) fn train(root: &Path, command: &str, rest: &[&str]) -> Result<(), String> {
    Step::new(root, "cargo")
        .args(["run", "--release", "--package", "trainer", "--", command])
        .args(rest)
        .run()
}
