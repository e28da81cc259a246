//! `bench gateway`: starts everything, measures it in turns, and writes the report.
//!
//! INVARIANT: in every round every target meets every shape, the order of targets turning with the
//! round, so that a machine that is slow for a while is slow for all of them.
//!
//! Not here: the tables (`report`).

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::target_binary;

use crate::Failure;
use crate::bodies::{Content, Template};
use crate::load::{Budget, Connection, Measured, Shape, drive};
use crate::process::{self, Process};
use crate::report::{Report, write_report};
use crate::statistics::percentile;

/// Where the report goes unless told otherwise.
const REPORT_FILE: &str = "docs/reference/benchmarks/gateway.md";
/// How long the processes rest before their idle memory is read.
const REST: Duration = Duration::from_secs(2);
/// How long after the last answer the work that belongs to it may go on.
const SETTLE: Duration = Duration::from_millis(15);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The mock itself.
    Direct,
    /// The bare proxy.
    Bare,
    /// The gateway.
    Bartizan {
        /// Whether guards run.
        guards: bool,
        /// Whether records are synced before an answer leaves.
        sync: bool,
    },
}

impl Target {
    /// Every target, in the report's order.
    pub(crate) const ALL: [Self; 6] = [
        Self::Direct,
        Self::Bare,
        Self::Bartizan { guards: false, sync: false },
        Self::Bartizan { guards: false, sync: true },
        Self::Bartizan { guards: true, sync: false },
        Self::Bartizan { guards: true, sync: true },
    ];

    /// As the report calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bare => "bare hyper proxy",
            Self::Bartizan { guards: false, sync: false } => "guards off, sync off",
            Self::Bartizan { guards: false, sync: true } => "guards off, sync on",
            Self::Bartizan { guards: true, sync: false } => "guards on, sync off",
            Self::Bartizan { guards: true, sync: true } => "guards on, sync on",
        }
    }
}

/// What one target did with one shape in one round.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) target: Target,
    pub(crate) shape: Shape,
    pub(crate) round: usize,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) first_p50_us: f64,
    pub(crate) requests: usize,
    pub(crate) failures: u64,
    pub(crate) per_second: f64,
    /// Of the target's process; 0 for the mock.
    pub(crate) cpu_us_per_request: f64,
}

/// The processor time of single requests, one at a time.
#[derive(Clone, Debug)]
pub(crate) struct CpuPerRequest {
    pub(crate) target: Target,
    pub(crate) content: Content,
    pub(crate) is_streamed: bool,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) requests: usize,
}

/// A target's memory in kibibytes.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) target: Target,
    pub(crate) idle_kib: u64,
    pub(crate) loaded_kib: u64,
    pub(crate) peak_kib: u64,
}

#[derive(Debug)]
struct Options {
    is_quick: bool,
    date: String,
    out: PathBuf,
    bartizan: PathBuf,
}

impl Options {
    fn read(words: &[&str]) -> Result<Self, Failure> {
        let mut options = Self {
            is_quick: false,
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            out: PathBuf::from(REPORT_FILE),
            bartizan: PathBuf::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *word == "--quick" {
                options.is_quick = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
            match *word {
                "--date" => (*value).clone_into(&mut options.date),
                "--out" => options.out = PathBuf::from(value),
                "--bartizan" => options.bartizan = PathBuf::from(value),
                other => return Err(format!("no option `{other}`").into()),
            }
        }
        if options.bartizan.as_os_str().is_empty() {
            options.bartizan = target_binary("bartizan")?;
        }
        Ok(options)
    }

    const fn rounds(&self) -> usize {
        if self.is_quick { 2 } else { 5 }
    }

    const fn budget(&self, shape: Shape) -> Budget {
        let time = Duration::from_millis(if self.is_quick { 200 } else { 700 });
        Budget { requests: if shape.connections == 1 { 2000 } else { 12_000 }, time }
    }

    const fn single_requests(&self) -> usize {
        if self.is_quick { 100 } else { 400 }
    }
}

/// The processes that are measured.
#[derive(Debug)]
struct Running {
    target: Target,
    process: Process,
    key: Option<String>,
    idle_kib: u64,
}

/// Runs the whole bench.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let options = Options::read(words)?;
    let started = Instant::now();
    // Beside the binaries, where a real disk is: a temporary folder may be memory, and syncs free.
    let beside = options.bartizan.parent().unwrap_or(Path::new("."));
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?;
    let sync_us = sync_time_us(folder.path())?;
    let running = start_all(&options, folder.path())?;
    let cells = measure(&options, &running)?;
    let singles = measure_singles(&options, &running)?;
    let report = Report {
        date: options.date.clone(),
        command: format!(
            "cargo xtask bench gateway{}",
            if options.is_quick { " --quick" } else { "" }
        ),
        machine: process::machine(),
        rounds: options.rounds(),
        sync_us,
        took: started.elapsed(),
        cells,
        singles,
        memory: running.iter().filter_map(Running::memory).collect(),
    };
    write_report(&report, &options.out)
}

/// The middle time of appending a kilobyte to a file of `folder` and syncing it, in microseconds.
fn sync_time_us(folder: &Path) -> Result<f64, Failure> {
    let mut file = std::fs::File::create(folder.join("sync"))?;
    let mut times = Vec::new();
    for _ in 0..100 {
        file.write_all(&[0; 1024])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(percentile(&times, 50.0))
}

fn start_all(options: &Options, folder: &Path) -> Result<Vec<Running>, Failure> {
    let mut running = Vec::new();
    let mut mock = None;
    for target in Target::ALL {
        let (process, key) = match (target, mock) {
            (Target::Bare, Some(mock)) => (Process::ours(&["proxy", &format!("{mock}")])?, None),
            (Target::Bartizan { guards, sync }, Some(mock)) => {
                let folder = folder.join(target.name().replace([' ', ','], "-"));
                start_bartizan(&options.bartizan, &folder, mock, guards, sync)?
            }
            _ => (Process::ours(&["mock"])?, None),
        };
        mock = mock.or(Some(process.address));
        running.push(Running { target, process, key, idle_kib: 0 });
    }
    std::thread::sleep(REST);
    for one in &mut running {
        one.idle_kib = one.process.memory_kib("VmRSS");
    }
    Ok(running)
}

fn start_bartizan(
    binary: &Path,
    folder: &Path,
    mock: SocketAddr,
    guards: bool,
    sync: bool,
) -> Result<(Process, Option<String>), Failure> {
    let sync = if sync { "group" } else { "off" };
    let more = format!("[guards]\nenabled = {guards}\n\n[journal]\nsync = \"{sync}\"\n");
    let gateway = testkit::Gateway::start(binary, folder, mock, &more)?;
    let (address, key) = (gateway.address(), gateway.key().to_owned());
    Ok((Process { child: gateway.child, address }, Some(key)))
}

/// Every shape that is measured, for every target.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for is_streamed in [false, true] {
        for content in [Content::Kb1, Content::Kb8] {
            for connections in [1, 16] {
                shapes.push(Shape { is_slow: false, is_streamed, content, connections });
            }
        }
        for connections in [1, 16] {
            let content = Content::Kb1;
            shapes.push(Shape { is_slow: true, is_streamed, content, connections });
        }
    }
    shapes
}

fn measure(options: &Options, running: &[Running]) -> Result<Vec<Cell>, Failure> {
    let mut cells = Vec::new();
    for round in 0..options.rounds() {
        for shape in shapes() {
            for turn in 0..running.len() {
                let Some(one) = running.get((turn + round) % running.len()) else { continue };
                cells.push(one.cell(shape, options.budget(shape), round)?);
            }
        }
        writeln!(std::io::stderr(), "round {} of {}", round + 1, options.rounds())?;
    }
    Ok(cells)
}

fn measure_singles(options: &Options, running: &[Running]) -> Result<Vec<CpuPerRequest>, Failure> {
    let mut singles = Vec::new();
    for one in running.iter().filter(|one| one.target != Target::Direct) {
        for content in [Content::Kb1, Content::Kb8, Content::Kb8Personal] {
            for is_streamed in [false, true] {
                singles.push(one.single(content, is_streamed, options.single_requests())?);
            }
        }
    }
    Ok(singles)
}

impl Running {
    fn cell(&self, shape: Shape, budget: Budget, round: usize) -> Result<Cell, Failure> {
        let mut before = 0;
        let measured = drive(self.process.address, self.key.as_deref(), shape, budget, || {
            before = self.process.cpu_ns();
        });
        let Measured { latencies_us, first_us, wall, failures, failure } = measured;
        std::thread::sleep(SETTLE);
        let cpu_ns = self.process.cpu_ns().saturating_sub(before);
        if let Some(failure) = failure {
            let said = self.process.child.stderr();
            let (target, shape) = (self.target.name(), shape.name());
            return Err(format!("{target}, {shape}: {failures} failures: {failure}\n{said}").into());
        }
        let requests = latencies_us.len();
        let cpu_us_per_request = match self.target {
            Target::Direct => 0.0,
            _ => cpu_ns as f64 / 1e3 / requests.max(1) as f64,
        };
        Ok(Cell {
            target: self.target,
            shape,
            round,
            p50_us: percentile(&latencies_us, 50.0),
            p99_us: percentile(&latencies_us, 99.0),
            first_p50_us: percentile(&first_us, 50.0),
            requests,
            failures,
            per_second: requests as f64 / wall.as_secs_f64(),
            cpu_us_per_request,
        })
    }

    /// Requests one at a time, each with all the work it caused.
    fn single(
        &self,
        content: Content,
        is_streamed: bool,
        requests: usize,
    ) -> Result<CpuPerRequest, Failure> {
        let host = self.process.address.to_string();
        let template = Template::new(content, is_streamed, false, &host, self.key.as_deref());
        let mut connection = Connection::open(self.process.address, template)?;
        let mut times = Vec::new();
        for _ in 0..requests {
            let before = self.process.cpu_ns();
            connection.ask()?;
            std::thread::sleep(Duration::from_millis(2));
            times.push(self.process.cpu_ns().saturating_sub(before) as f64 / 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(CpuPerRequest {
            target: self.target,
            content,
            is_streamed,
            p50_us: percentile(&times, 50.0),
            p99_us: percentile(&times, 99.0),
            requests,
        })
    }

    fn memory(&self) -> Option<Memory> {
        (self.target != Target::Direct).then(|| Memory {
            target: self.target,
            idle_kib: self.idle_kib,
            loaded_kib: self.process.memory_kib("VmRSS"),
            peak_kib: self.process.memory_kib("VmHWM"),
        })
    }
}
