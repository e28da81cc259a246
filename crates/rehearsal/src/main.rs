//! How well baselines and campaigns work: generated weeks of traffic, planted changes and attacks, time to detect, false alarms.
//!
//! `rehearsal baselines|campaigns [--weeks N] [--plants N] [--seed N] [--out FILE]` prints the page of that name in `docs/reference/benchmarks`, and writes it to FILE.
//!
//! INVARIANT: the same arguments give the same traffic. INVARIANT: everything that is not planted is ordinary: releases, holidays, batch jobs and hiccups of
//! providers included, so whatever is found in it is a false alarm.
//!
//! Not here: the baselines and campaigns (`hunt`).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers talks to its terminal"
)]

mod caller;
mod campaigns;
mod page;
mod plant;
mod random;
mod thin;
mod trial;
mod weather;

use std::process::ExitCode;

const USAGE: &str = "rehearsal baselines|campaigns [--weeks N] [--plants N] [--seed N] [--out docs/reference/benchmarks/baselines.md]\n";

/// What is rehearsed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) weeks: u64,
    pub(crate) plants: usize,
    pub(crate) seed: u64,
    out: Option<String>,
}

/// What makes a page.
type Rehearse = fn(&Plan) -> String;

/// What is rehearsed unless told otherwise.
const BASELINES: Plan = Plan { weeks: 10, plants: 120, seed: 1, out: None };
const CAMPAIGNS: Plan = Plan { weeks: 6, plants: 40, seed: 1, out: None };

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rehearsed: Option<(Plan, Rehearse)> = match arguments.first().map(String::as_str) {
        Some("baselines") => Some((BASELINES, |plan| page::render(plan, &trial::run(plan)))),
        Some("campaigns") => Some((CAMPAIGNS, campaigns::run)),
        _ => None,
    };
    let Some((usual, rehearse)) = rehearsed else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let rest = arguments.get(1..).unwrap_or_default();
    match plan(rest, usual).and_then(|plan| run(&plan, rehearse)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn plan(arguments: &[String], mut plan: Plan) -> Result<Plan, String> {
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

fn run(plan: &Plan, rehearse: Rehearse) -> Result<(), String> {
    let page = rehearse(plan);
    print!("{page}");
    match &plan.out {
        Some(path) => std::fs::write(path, page).map_err(|error| format!("`{path}`: {error}")),
        None => Ok(()),
    }
}
