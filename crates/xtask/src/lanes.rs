//! `cargo xtask test`: the steps of the quick and the landing lane, one after the other.
//!
//! INVARIANT: every step says what it runs and how it ended; a step that could not run is skipped with its
//! reason and never counted as passed; all steps run even when one fails, and the last line counts them.
//! Not here: the long lane, whose runs have names of their own (`cargo xtask long`).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::command::{Step, output_of};
use crate::workspace::Workspace;
use crate::{clients, tidy};

/// What the property tests of the lanes draw their cases from.
const PROPERTY_SEED: &str = "20261122";

/// Seconds of fuzzing per target in the landing lane, and inputs at most: the same ones on every machine, as far as the
/// seconds allow.
const FUZZ_SECONDS: &str = "4";
const FUZZ_EXECUTIONS: &str = "500";

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane<'a> {
    /// For every step of work: minutes when warm.
    Quick,
    /// Before anything lands.
    Landing,
    /// The steps whose name has this in it.
    Only(&'a str),
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran and held.
    Passed,
    /// It ran and did not hold, or should have run and could not.
    Failed(String),
    /// It did not run, for this reason.
    Skipped(String),
}

impl From<Result<(), String>> for Outcome {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// What a step may look at.
pub(crate) struct Checkout {
    /// The checkout's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
}

struct LaneStep {
    name: &'static str,
    is_quick: bool,
    run: fn(&Checkout) -> Outcome,
}

impl LaneStep {
    fn is_in(&self, lane: Lane<'_>) -> bool {
        match lane {
            Lane::Quick => self.is_quick,
            Lane::Landing => true,
            Lane::Only(word) => self.name.contains(word),
        }
    }
}

const STEPS: &[LaneStep] = &[
    LaneStep { name: "format", is_quick: true, run: format },
    LaneStep { name: "tidy", is_quick: true, run: |checkout| tidy::run(&checkout.root).into() },
    LaneStep { name: "lints", is_quick: false, run: lints },
    LaneStep { name: "tests", is_quick: true, run: tests },
    LaneStep { name: "programs that tests need", is_quick: true, run: programs },
    LaneStep { name: "examples in the documentation", is_quick: true, run: examples },
    LaneStep { name: "memory", is_quick: false, run: memory },
    LaneStep { name: "fuzz", is_quick: false, run: fuzz },
    LaneStep { name: "real clients: Python", is_quick: false, run: clients::python },
    LaneStep { name: "real clients: LiteLLM", is_quick: false, run: clients::litellm },
    LaneStep { name: "real clients: clouds", is_quick: false, run: clients::clouds },
    LaneStep { name: "real clients: Node", is_quick: false, run: clients::node },
    LaneStep { name: "real guards: NeMo", is_quick: false, run: clients::nemo },
    LaneStep { name: "readers of exports: OCSF", is_quick: false, run: clients::ocsf },
    LaneStep { name: "readers of rules: Sigma", is_quick: false, run: clients::sigma },
    LaneStep { name: "real store of limits: Redis", is_quick: false, run: clients::redis },
    LaneStep { name: "real receivers: rsyslog, NATS", is_quick: false, run: clients::receivers },
];

/// Runs a lane; fails if any step failed.
pub(crate) fn run(root: &Path, lane: Lane<'_>) -> ExitCode {
    let target = match target_folder(root) {
        Ok(target) => target,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let checkout = Checkout { root: root.to_path_buf(), target };
    let steps: Vec<_> = STEPS.iter().filter(|step| step.is_in(lane)).collect();
    if steps.is_empty() {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        eprintln!("no step is called that; there are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    let started = Instant::now();
    let mut endings = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("[{}/{}] {}", index + 1, steps.len(), step.name);
        let step_started = Instant::now();
        let outcome = (step.run)(&checkout);
        let ending = match &outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(why) => format!("FAILED: {why}"),
            Outcome::Skipped(why) => format!("skipped: {why}"),
        };
        println!("      {ending} ({:.1} s)", step_started.elapsed().as_secs_f64());
        endings.push((step.name, ending, outcome));
    }
    println!("\nin {:.0} s:", started.elapsed().as_secs_f64());
    for (name, ending, _) in &endings {
        println!("  {name}: {ending}");
    }
    let outcomes: Vec<_> = endings.into_iter().map(|(_, _, outcome)| outcome).collect();
    println!("{}", counted(&outcomes));
    if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Failed(_))) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn counted(outcomes: &[Outcome]) -> String {
    let count = |is_kind: fn(&Outcome) -> bool| outcomes.iter().filter(|o| is_kind(o)).count();
    format!(
        "{} passed, {} failed, {} skipped",
        count(|outcome| *outcome == Outcome::Passed),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    )
}

/// Where cargo builds, by its own account.
pub(crate) fn target_folder(root: &Path) -> Result<PathBuf, String> {
    let arguments = ["metadata", "--format-version=1", "--no-deps"];
    let metadata = output_of(root, "cargo", &arguments).ok_or("`cargo metadata` failed")?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|error| format!("`cargo metadata`: {error}"))?;
    let folder = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    folder.map(PathBuf::from).ok_or_else(|| "`cargo metadata` names no target folder".to_owned())
}

fn format(checkout: &Checkout) -> Outcome {
    if output_of(&checkout.root, "cargo", &["fmt", "--version"]).is_none() {
        return Outcome::Skipped("rustfmt is not installed: `rustup component add rustfmt`".into());
    }
    Step::new(&checkout.root, "cargo").args(["fmt", "--all", "--", "--check"]).run().into()
}

fn lints(checkout: &Checkout) -> Outcome {
    if output_of(&checkout.root, "cargo", &["clippy", "--version"]).is_none() {
        return Outcome::Skipped("clippy is not installed: `rustup component add clippy`".into());
    }
    Step::new(&checkout.root, "cargo")
        .args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
        .run()
        .into()
}

fn tests(checkout: &Checkout) -> Outcome {
    let cargo = Step::new(&checkout.root, "cargo");
    let has_nextest = output_of(&checkout.root, "cargo", &["nextest", "--version"]).is_some();
    let step = if has_nextest {
        cargo.args(["nextest", "run", "--locked", "--workspace"])
    } else {
        println!("      cargo-nextest is not installed, so `cargo test` runs the same tests");
        cargo.args(["test", "--locked", "--workspace", "--lib", "--bins", "--tests"])
    };
    // Whoever looks for more than the lane did, draws another seed; here the same tests run every time.
    let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| PROPERTY_SEED.to_owned());
    // A page of frames would hide the input that failed.
    step.env("PROPTEST_RNG_SEED", seed).env("RUST_BACKTRACE", "0").run().into()
}

/// Programs that some tests need (`testkit::program`): any of each row.
const PROGRAMS: [&[&str]; 4] =
    [&["nats-server"], &["prlimit"], &["redis-server", "valkey-server"], &["rsyslogd"]];

/// Tests that need a program which is not here did nothing, and have passed all the same: that is said.
fn programs(checkout: &Checkout) -> Outcome {
    // One of them knows the short option only.
    let says = |program: &str, option| output_of(&checkout.root, program, &[option]).is_some();
    let is_here = |program: &&str| says(program, "--version") || says(program, "-v");
    let missing = PROGRAMS.into_iter().filter(|of| !of.iter().any(is_here));
    let missing: Vec<String> = missing.map(|of| of.join(" or ")).collect();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    Outcome::Skipped(format!("tests that need {} did nothing", missing.join(", ")))
}

/// MiB of text that the step of memory reads; the test by itself reads fewer.
const PIPED_MIB: &str = "200";

/// Memory stays bounded whatever the input: the same test with more of it.
fn memory(checkout: &Checkout) -> Outcome {
    Step::new(&checkout.root, "cargo")
        .args(["test", "--locked", "--package", "bartizan", "--test", "it", "--"])
        .args(["memory_stays_bounded"])
        .env("BARTIZAN_PIPED_MIB", PIPED_MIB)
        .run()
        .into()
}

/// Mutated inputs for every parser, a few seconds each; `cargo xtask long fuzz` takes longer.
fn fuzz(checkout: &Checkout) -> Outcome {
    let seed = std::env::var("FUZZ_SEED").unwrap_or_else(|_| PROPERTY_SEED.to_owned());
    Step::new(&checkout.root, "cargo")
        .args(["run", "--locked", "--quiet", "--package", "fuzz", "--", "--seconds", FUZZ_SECONDS])
        .args(["--executions", FUZZ_EXECUTIONS, "--seed", &seed])
        .run()
        .into()
}

fn examples(checkout: &Checkout) -> Outcome {
    let workspace = match Workspace::read(&checkout.root) {
        Ok(workspace) => workspace,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let rooms: Vec<_> = workspace.rooms.iter().filter(|room| room.has_doctests()).collect();
    if rooms.is_empty() {
        return Outcome::Skipped("no crate has `[lib] doctest = true`".into());
    }
    let packages = rooms.iter().flat_map(|room| ["--package", room.name.as_str()]);
    Step::new(&checkout.root, "cargo")
        .args(["test", "--locked", "--doc"])
        .args(packages)
        .run()
        .into()
}

#[cfg(test)]
mod tests {
    use super::{Outcome, counted};

    #[test]
    fn what_did_not_run_is_not_counted_as_passed() {
        let outcomes = [
            Outcome::Passed,
            Outcome::Skipped("no node".into()),
            Outcome::Passed,
            Outcome::Failed("2 tests".into()),
        ];
        assert_eq!(counted(&outcomes), "2 passed, 1 failed, 1 skipped");
    }
}
