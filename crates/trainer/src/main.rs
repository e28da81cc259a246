//! Trains and evaluates the score model of `detect`.
//!
//! `trainer train --data DIR [--seeds DIR] [--out FILE]` writes the model file; `trainer eval --data DIR [--seeds DIR]`
//! prints what the shipped engine finds on texts it was not trained on, source by source. DIR holds
//! `*.jsonl` and `*.jsonl.zst` files, also in folders.
//!
//! INVARIANT: the same data give the same file, bit for bit: one thread for each model, a fixed order, fixed
//! seeds, and no arithmetic that differs between machines.
//!
//! Not here: the features and the windows, which `detect` owns so that training sees what scoring sees.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers talks to its terminal"
)]

mod calibrate;
mod corpus;
mod eval;
mod folds;
mod grammar;
mod learn;
mod names;
mod obfuscate;
mod page;
mod review;
mod risk;
mod shuffle;
mod speed;
mod statistics;
mod suffix;
mod train;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
trainer train --data DIR [--seeds DIR] [--out FILE]
trainer eval  --data DIR [--seeds DIR] [--out docs/reference/detection.md]
trainer risk --data DIR        which level of risk whole conversations reach
trainer values --data DIR       what is found of personal data and secrets, all splits
trainer speed --data DIR        a first look at the time it takes
trainer common-words --data DIR [--out FILE]   words that ordinary texts have in lower case
trainer train-names --data DIR [--out FILE]
trainer eval-names --data DIR   what is found of names, per source
trainer train-suffix --data DIR [--seeds DIR] [--out FILE]
trainer eval-suffix --data DIR  what is found of adversarial suffixes and gibberish, and where nothing is
";

/// Where the texts are and where the model goes.
#[derive(Debug)]
struct Places {
    data: Option<PathBuf>,
    seeds: PathBuf,
    out: Option<PathBuf>,
}

/// Where the tagger's model goes.
const NAMES_FILE: &str = "crates/detect/model/names-v1.bin";
/// Where the list of common words goes.
const COMMON_FILE: &str = "crates/detect/src/names/words/common.txt";
/// Where the model that tells writing from soup goes.
const SUFFIX_FILE: &str = "crates/detect/model/suffix-v1.bin";
/// Where the score model goes.
const MODEL_FILE: &str = "crates/detect/model/linear-v1.bin";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let result = places(rest).and_then(|places| match command.as_str() {
        "train" => train::run(&places),
        "eval" => eval::run(&places),
        "risk" => risk::run(&places),
        "speed" => speed::run(&places),
        "common-words" => names::run_common(&places),
        "train-names" => names::run_train(&places),
        "eval-names" => names::run_eval(&places),
        "train-suffix" => suffix::run_train(&places),
        "eval-suffix" => suffix::run_eval(&places),
        "values" => eval::run_values(&places),
        other => Err(format!("`{other}` is not a command\n\n{USAGE}")),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn places(arguments: &[String]) -> Result<Places, String> {
    let mut places =
        Places { data: None, seeds: PathBuf::from("crates/detect/training"), out: None };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value =
            rest.next().map(PathBuf::from).ok_or_else(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--data" => places.data = Some(value),
            "--seeds" => places.seeds = value,
            "--out" => places.out = Some(value),
            other => return Err(format!("`{other}` is not an option\n\n{USAGE}")),
        }
    }
    Ok(places)
}
