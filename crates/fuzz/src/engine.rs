//! The loop: mutate, run, keep what is new, measure the work, make failures small.
//!
//! A target says what it made of an input in one number, its outcome (kinds found, the error, counts). An input with a
//! new outcome joins the inputs that are mutated further: so the loop finds its way into the parsers without
//! instrumented code.
//!
//! INVARIANT: every run is bounded by time or executions, and every input by [`INPUT_BYTES_MAX`].

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::mutate::{Mutator, Random};

/// The longest input that is made.
pub(crate) const INPUT_BYTES_MAX: usize = 32 * 1024;
/// The most inputs that are kept to mutate further.
const CORPUS_INPUTS_MAX: usize = 4_000;
/// Runs that making a failing input smaller may take.
const SHRINK_RUNS_MAX: usize = 3_000;
/// How many times as much work per byte as ordinary input a mutated one may take. Work that grows with the
/// square of an input of [`INPUT_BYTES_MAX`] is beyond it; constant factors are for the benches to judge.
const WORK_TIMES_MAX: f64 = 400.0;
/// Shorter inputs count as this long: a call costs something by itself.
const WORK_BYTES_MIN: usize = 256;
/// How often an input that looks slow is run again, because a slow run may be bad luck.
const SLOW_RUNS: usize = 7;

/// What a target made of an input: equal numbers mean "nothing new".
pub(crate) type Outcome = u64;

/// Something that takes any bytes and must keep its promises.
pub(crate) struct Target {
    /// Its name: `wire_json`.
    pub(crate) name: &'static str,
    /// Ordinary inputs, from which all others are made.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to it.
    pub(crate) dictionary: &'static [&'static [u8]],
    /// Panics if a promise is broken.
    pub(crate) run: fn(&[u8]) -> Outcome,
}

/// How much is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    pub(crate) executions: u64,
}

/// An input that broke a promise, made small.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) input: Vec<u8>,
    pub(crate) why: String,
}

/// What one target's run showed.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) name: &'static str,
    pub(crate) executions: u64,
    /// How many different outcomes were seen.
    pub(crate) outcomes: usize,
    /// The most processor time per byte, as a multiple of the seeds'.
    pub(crate) most_work: f64,
    /// The input that took it.
    pub(crate) hardest: Vec<u8>,
    pub(crate) failure: Option<Failure>,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = if self.failure.is_some() { "FAILED" } else { "held" };
        write!(
            formatter,
            "{:<20} {ending}: {} executions, {} outcomes, at most {:.1} times the work of ordinary input",
            self.name, self.executions, self.outcomes, self.most_work
        )
    }
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps a panic's message and place for the report.
pub(crate) fn keep_panic(info: &PanicHookInfo<'_>) {
    LAST_PANIC.with_borrow_mut(|last| *last = info.to_string());
}

/// Runs one target.
pub(crate) fn run(target: &Target, bounds: Bounds, seed: u64) -> Summary {
    let started = Instant::now();
    let mut corpus = (target.seeds)();
    corpus.push(Vec::new());
    let mut summary = Summary {
        name: target.name,
        executions: 0,
        outcomes: 0,
        most_work: 0.0,
        hardest: Vec::new(),
        failure: None,
    };
    let mut outcomes = BTreeSet::new();
    for input in &corpus {
        match execute(target, input) {
            Ok(outcome) => outcomes.insert(outcome),
            Err(why) => {
                summary.failure = Some(Failure { input: input.clone(), why });
                return summary;
            }
        };
    }
    let ordinary = ordinary_work(target, &corpus);
    let mut mutator = Mutator::new(Random::new(seed ^ fingerprint(target.name)), target.dictionary);
    while summary.executions < bounds.executions && started.elapsed() < bounds.time {
        let input = mutator.mutated(&corpus);
        summary.executions += 1;
        let before = processor_time();
        let result = execute(target, &input);
        let spent = processor_time().saturating_sub(before);
        match result {
            Err(why) => {
                summary.failure = Some(shrunk(target, input, why));
                break;
            }
            Ok(outcome) if outcomes.insert(outcome) && corpus.len() < CORPUS_INPUTS_MAX => {
                corpus.push(input.clone());
            }
            Ok(_) => {}
        }
        if times(spent, &input, ordinary) > summary.most_work {
            let work = times(least_time(target, &input, SLOW_RUNS), &input, ordinary);
            if work > summary.most_work {
                summary.most_work = work;
                summary.hardest.clone_from(&input);
            }
            if work > WORK_TIMES_MAX {
                let why = format!("{work:.0} times the work of ordinary input per byte");
                summary.failure = Some(Failure { input, why });
                break;
            }
        }
    }
    summary.outcomes = outcomes.len();
    summary
}

fn execute(target: &Target, input: &[u8]) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|payload| {
        let kept = LAST_PANIC.take();
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
        // Without the hook, in tests, there is only what was said.
        if kept.is_empty() { said.to_owned() } else { kept }
    })
}

/// Nanoseconds per byte that ordinary inputs take.
fn ordinary_work(target: &Target, corpus: &[Vec<u8>]) -> f64 {
    let (mut time, mut bytes) = (0, 0);
    for input in corpus {
        time += least_time(target, input, 3);
        bytes += input.len().max(WORK_BYTES_MIN);
    }
    (time as f64 / bytes.max(1) as f64).max(0.1)
}

fn times(nanoseconds: u64, input: &[u8], ordinary: f64) -> f64 {
    nanoseconds as f64 / input.len().max(WORK_BYTES_MIN) as f64 / ordinary
}

/// The least processor time of several runs, in nanoseconds.
fn least_time(target: &Target, input: &[u8], runs: usize) -> u64 {
    let time = || {
        let before = processor_time();
        let _ = execute(target, input);
        processor_time().saturating_sub(before)
    };
    (0..runs).map(|_| time()).min().unwrap_or_default()
}

/// Nanoseconds this thread has computed: other programs on the machine do not count.
fn processor_time() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Takes away pieces as long as the input still fails, large ones first (Zeller's delta debugging).
fn shrunk(target: &Target, input: Vec<u8>, why: String) -> Failure {
    let (mut input, mut why, mut runs) = (input, why, 0);
    let mut piece = input.len() / 2;
    while piece > 0 && runs < SHRINK_RUNS_MAX {
        let mut at = 0;
        let mut shorter = false;
        while at < input.len() && runs < SHRINK_RUNS_MAX {
            let mut candidate = input.clone();
            candidate.drain(at..(at + piece).min(input.len()));
            runs += 1;
            match execute(target, &candidate) {
                Err(reason) => {
                    (input, why, shorter) = (candidate, reason, true);
                }
                Ok(_) => at += piece,
            }
        }
        if !shorter || piece > input.len() {
            piece /= 2;
        }
    }
    Failure { input, why }
}

/// A number that depends on the bytes alone (FNV-1a).
pub(crate) fn fingerprint(text: &str) -> Outcome {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mixed(hash, u64::from(byte)))
}

/// Adds a number to an outcome.
pub(crate) const fn mixed(outcome: Outcome, number: u64) -> Outcome {
    (outcome ^ number).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(20), executions: 200_000 };

    #[test]
    fn a_broken_promise_is_found_and_made_small() {
        let target = Target {
            name: "test",
            seeds: || vec![b"{\"a\": [1, 2, 3]}".to_vec()],
            dictionary: &[b"NEEDLE"],
            run: |input| {
                let found = input.windows(6).any(|part| part == b"NEEDLE");
                assert!(!found || !input.contains(&b']'), "the needle");
                u64::from(found)
            },
        };
        let summary = run(&target, BOUNDS, 1);
        let failure = summary.failure.expect("it is found");
        assert!(failure.why.contains("the needle"), "{}", failure.why);
        assert_eq!(failure.input.len(), 7, "{:?}", failure.input.escape_ascii().to_string());
    }

    #[test]
    fn work_out_of_proportion_is_found() {
        let target = Target {
            name: "test",
            seeds: || vec![b"aaaa".to_vec(), b"bb(bb".to_vec()],
            dictionary: &[b"((((((((((((((((((((((((((((((((((("],
            run: |input| {
                let deep = input.split(|byte| *byte == b'(').count().min(64) as u64;
                let rounds = 200 + deep * deep * 400;
                (0..rounds).fold(1, std::hint::black_box(mixed)) & 1
            },
        };
        let summary = run(&target, BOUNDS, 1);
        assert!(summary.failure.is_some_and(|failure| failure.why.contains("times the work")));
    }
}
