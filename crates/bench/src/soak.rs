//! `bench soak [--minutes N] [--bartizan FILE]`: mixed traffic for a while, and whether memory or files grow.
//!
//! First so many conversations that every bounded table in the gateway is full, then the mix: whole answers, streams, clients
//! that leave, attacks, personal data, upstreams that break off, requests that are none.
//!
//! INVARIANT: every answer is looked at; a run in which more than [`UNEXPECTED_MAX`] of them are not as they should be fails,
//! and so does one in which memory or open files grow.
//!
//! Not here: what a slope is (`trend`), what is asked (`mix`).

mod mix;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use testkit::{FakeUpstream, Gateway, target_binary};

use self::mix::{KINDS, Kind};
use crate::Failure;
use crate::bodies::{Content, Manners};
use crate::load::{Budget, Shape, drive};
use crate::process::Process;
use crate::trend::Trend;

/// Where `cargo xtask` wants the figures, named by this variable.
const FIGURES_VARIABLE: &str = "BARTIZAN_FIGURES";
/// The crates that hold something for a request.
const CRATES: [&str; 9] =
    ["bartizan", "connect", "detect", "events", "gateway", "journal", "net", "policy", "wire"];
const MINUTES: f64 = 25.0;
/// Conversations before the mix: more than the largest table of them holds.
const FILL_REQUESTS: u64 = 80_000;
/// How long filling may take.
const FILL_MAX: Duration = Duration::from_mins(15);
/// Of the mix, this much is not looked at: connections and threads come up, and the tables, which are full of conversations
/// of one kind, come to hold those of the mix, which are larger and stand between things that come and go.
const SETTLE_SHARE: f64 = 0.5;
const CLIENTS: usize = 8;
/// Each client's rest between two requests, so that the disk is not what is measured.
const PAUSE: Duration = Duration::from_millis(15);
/// Between two readings.
const LOOK: Duration = Duration::from_secs(1);
/// Share of the answers that may be other than they should be: an ordinary text is refused now and then.
const UNEXPECTED_MAX: f64 = 0.01;
/// What an hour of the steepest likely slope may add, as a share of what is held.
const HOUR_SHARE_MAX: f64 = 0.05;
/// Files that may be open more at the end than before.
const FILES_MORE_MAX: f64 = 16.0;

/// What was read at a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    minutes: f64,
    memory_kib: f64,
    files: f64,
    threads: f64,
}

/// How often each kind was asked, and how often the answer was not as it should be.
#[derive(Debug, Default)]
struct Counts([(AtomicU64, AtomicU64); KINDS.len()]);

/// Runs the whole soak.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let (mut minutes, mut binary) = (MINUTES, None);
    for pair in words.chunks(2) {
        match pair {
            ["--minutes", value] => minutes = value.parse()?,
            ["--bartizan", value] => binary = Some(PathBuf::from(value)),
            other => return Err(format!("no option `{}`", other.join(" ")).into()),
        }
    }
    let time = Duration::try_from_secs_f64(minutes * 60.0)?;
    let binary = binary.map_or_else(|| target_binary("bartizan"), Ok)?;
    let beside = binary.parent().ok_or("the binary has no folder")?;
    let folder = tempfile::Builder::new().prefix("soak-").tempdir_in(beside)?;
    let upstream = FakeUpstream::start()?;
    let gateway = Gateway::start(&binary, folder.path(), upstream.address(), "")?;
    let (client, address, manners) =
        (gateway.client(), gateway.address(), Manners::bearer(gateway.key()));
    let mut process = Process::new(gateway.child, address);
    let filled = fill(&process, &manners)?;
    let counts = Counts::default();
    let readings = std::thread::scope(|scope| {
        let end = Instant::now() + time;
        for number in 0..CLIENTS {
            let (client, counts) = (client.clone(), &counts);
            scope.spawn(move || {
                let mut turn = number;
                while Instant::now() < end {
                    let kind = mix::turn(turn);
                    let is_expected = mix::ask(kind, &client, turn);
                    counts.add(kind, is_expected);
                    turn += CLIENTS;
                    std::thread::sleep(PAUSE);
                }
            });
        }
        watch(&mut process, end, time)
    })?;
    report(minutes, filled, &readings, &counts)
}

/// As many conversations as the tables hold.
fn fill(process: &Process, manners: &Manners) -> Result<usize, Failure> {
    let shape = Shape::closed(false, false, Content::Kb1, 16);
    let budget = Budget { requests: FILL_REQUESTS, time: FILL_MAX };
    let measured = drive(process.address, manners, shape, budget, || ());
    if let Some(failure) = measured.failure {
        return Err(format!("filling: {} failures: {failure}", measured.failures).into());
    }
    let filled = measured.latencies_us.len();
    writeln!(std::io::stderr(), "{filled} conversations, {} refused", measured.refusals)?;
    if (filled as u64) + measured.refusals < FILL_REQUESTS {
        // Tables that are still filling grow, as they should.
        return Err(format!("only {filled} of {FILL_REQUESTS} conversations in time").into());
    }
    Ok(filled)
}

/// Reads every second until the end.
fn watch(process: &mut Process, end: Instant, time: Duration) -> Result<Vec<Reading>, Failure> {
    let (begun, mut readings) = (Instant::now(), Vec::new());
    while Instant::now() < end {
        std::thread::sleep(LOOK);
        if !process.child.is_running() {
            return Err(format!("the gateway has ended:\n{}", process.child.stderr()).into());
        }
        if begun.elapsed() < time.mul_f64(SETTLE_SHARE) {
            continue;
        }
        readings.push(Reading {
            minutes: begun.elapsed().as_secs_f64() / 60.0,
            memory_kib: process.memory_kib("VmRSS") as f64,
            files: process.entries("fd") as f64,
            threads: process.entries("task") as f64,
        });
    }
    Ok(readings)
}

impl Counts {
    fn add(&self, kind: Kind, is_expected: bool) {
        if let Some((asked, unexpected)) = self.0.get(kind as usize) {
            asked.fetch_add(1, Ordering::Relaxed);
            unexpected.fetch_add(u64::from(!is_expected), Ordering::Relaxed);
        }
    }

    fn of(&self, kind: Kind) -> (u64, u64) {
        self.0.get(kind as usize).map_or((0, 0), |(asked, unexpected)| {
            (asked.load(Ordering::Relaxed), unexpected.load(Ordering::Relaxed))
        })
    }
}

fn report(
    minutes: f64,
    filled: usize,
    readings: &[Reading],
    counts: &Counts,
) -> Result<(), Failure> {
    let trend = |of: fn(&Reading) -> f64| {
        let points: Vec<(f64, f64)> = readings.iter().map(|one| (one.minutes, of(one))).collect();
        Trend::of(&points).ok_or("too few readings; give it more `--minutes`")
    };
    let (memory, files) = (trend(|one| one.memory_kib)?, trend(|one| one.files)?);
    let highest =
        |of: fn(&Reading) -> f64, part: &[Reading]| part.iter().map(of).fold(0.0, f64::max);
    let (first, second) = readings.split_at(readings.len() / 2);
    let more_files = highest(|one| one.files, second) - highest(|one| one.files, first);
    let held = highest(|one| one.memory_kib, readings);
    let kinds: Vec<(Kind, (u64, u64))> =
        KINDS.iter().map(|kind| (*kind, counts.of(*kind))).collect();
    let asked: u64 = kinds.iter().map(|(_, (asked, _))| asked).sum();
    let unexpected: u64 = kinds.iter().map(|(_, (_, unexpected))| unexpected).sum();
    let by_kind: serde_json::Map<_, _> = kinds
        .iter()
        .map(|(kind, (asked, unexpected))| {
            (kind.name().to_owned(), serde_json::json!([asked, unexpected]))
        })
        .collect();
    let figures = serde_json::json!({
        "crates": CRATES,
        "minutes": minutes,
        "conversations_before": filled,
        "requests": asked,
        "unexpected_answers": unexpected,
        "asked_and_unexpected_by_kind": by_kind,
        "memory_mib_max": held / 1024.0,
        "memory_kib_per_minute": { "low": memory.low, "slope": memory.slope, "high": memory.high },
        "files_max": highest(|one| one.files, readings),
        "files_per_minute": { "low": files.low, "slope": files.slope, "high": files.high },
        "threads_max": highest(|one| one.threads, readings),
    });
    writeln!(std::io::stdout(), "{figures:#}")?;
    if unexpected as f64 > asked as f64 * UNEXPECTED_MAX {
        return Err(format!("{unexpected} of {asked} answers were not as they should be").into());
    }
    // What grows for certain, and by enough to matter within a day.
    if memory.low > 0.0 && memory.slope * 60.0 > held * HOUR_SHARE_MAX {
        return Err(format!("memory grows by {:.0} KiB a minute", memory.slope).into());
    }
    if files.low > 0.0 || more_files > FILES_MORE_MAX {
        return Err(format!("open files grow, by {more_files} between the halves").into());
    }
    if let Some(file) = std::env::var_os(FIGURES_VARIABLE) {
        std::fs::write(file, figures.to_string())?;
    }
    Ok(())
}
