//! How well baselines work: generated weeks of traffic, planted changes, time to detect, false alarms.
//!
//! `rehearsal baselines [--weeks N] [--plants N] [--seed N] [--out FILE]` prints the page `docs/reference/benchmarks/baselines.md`, and writes it to FILE.
//!
//! INVARIANT: the same arguments give the same traffic. INVARIANT: everything that is not planted is ordinary: releases, holidays, batch jobs and hiccups of
//! providers included, so whatever is found in it is a false alarm.
//!
//! Not here: the baselines (`hunt`).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers talks to its terminal"
)]

mod caller;
mod page;
mod plant;
mod random;
mod thin;
mod trial;
mod weather;

use std::process::ExitCode;

const USAGE: &str = "rehearsal baselines [--weeks N] [--plants N] [--seed N] [--out docs/reference/benchmarks/baselines.md]\n";

/// What is rehearsed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) weeks: u64,
    pub(crate) plants: usize,
    pub(crate) seed: u64,
    out: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "baselines" => match plan(rest).and_then(|p| run(&p)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("{message}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let mut plan = Plan { weeks: 10, plants: 120, seed: 1, out: None };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is not a number"));
        match name.as_str() {
            "--weeks" => plan.weeks = number()?,
            "--plants" => plan.plants = number()? as usize,
            "--seed" => plan.seed = number()?,
            "--out" => plan.out = Some(value.clone()),
            other => return Err(format!("`{other}` is not an option\n\n{USAGE}")),
        }
    }
    Ok(plan)
}

fn run(plan: &Plan) -> Result<(), String> {
    let results = trial::run(plan);
    let page = page::render(plan, &results);
    print!("{page}");
    match &plan.out {
        Some(path) => std::fs::write(path, page).map_err(|error| format!("`{path}`: {error}")),
        None => Ok(()),
    }
}
