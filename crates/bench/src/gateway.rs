//! `bench gateway`: starts everything, measures it in turns, and writes the report.
//!
//! INVARIANT: in every round every target meets every shape, the order of targets turning with the
//! round, so that a machine that is slow for a while is slow for all of them.
//!
//! Not here: other gateways (`rivals`), what options add (`features`), many connections (`idle`), the tables (`report`).

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use testkit::target_binary;

use crate::bodies::{Content, Manners};
use crate::load::{Budget, Shape};
use crate::process::{self, Process};
use crate::report::{Report, write_report};
use crate::statistics::percentile;
use crate::target::{Cells, CpuPerRequest, Refusals, Running, Target};
use crate::{Failure, features, idle, rivals};

/// Where the report goes unless told otherwise.
const REPORT_FILE: &str = "docs/reference/benchmarks/gateway.md";
/// How long the processes rest before their idle memory is read.
const REST: Duration = Duration::from_secs(2);

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

    const fn budget(&self, shape: Shape) -> Budget {
        let time = Duration::from_millis(if self.is_quick { 200 } else { 700 });
        Budget { requests: if shape.connections == 1 { 2000 } else { 12_000 }, time }
    }

    const fn single_requests(&self) -> usize {
        if self.is_quick { 100 } else { 400 }
    }
}

/// What every part of the run shares.
#[derive(Debug)]
pub(crate) struct Plan {
    /// A smoke run.
    pub(crate) is_quick: bool,
    /// The gateway's program.
    pub(crate) binary: PathBuf,
    /// Where state is kept, on a real disk.
    pub(crate) folder: PathBuf,
    /// What guards refused in all parts together.
    pub(crate) refusals: Rc<Refusals>,
}

impl Plan {
    /// How often everything is measured.
    pub(crate) const fn rounds(&self) -> usize {
        if self.is_quick { 2 } else { 5 }
    }

    /// A process, to be asked so.
    pub(crate) fn running(&self, target: Target, process: Process, manners: Manners) -> Running {
        Running { target, process, manners, idle_kib: 0, refusals: Rc::clone(&self.refusals) }
    }

    /// Our gateway with nothing in its configuration but this; its caller has a virtual key.
    pub(crate) fn bartizan(&self, target: Target, config: &str) -> Result<Running, Failure> {
        let folder = tempfile::Builder::new().prefix("up-").tempdir_in(&self.folder)?.keep();
        self.bartizan_in(&folder, target, config)
    }

    /// The same in a folder that holds what the configuration refers to.
    pub(crate) fn bartizan_in(
        &self,
        folder: &Path,
        target: Target,
        config: &str,
    ) -> Result<Running, Failure> {
        let gateway = testkit::Gateway::start_with(&self.binary, folder, config)?;
        let (address, manners) = (gateway.address(), Manners::bearer(gateway.key()));
        Ok(self.running(target, Process::new(gateway.child, address), manners))
    }
}

/// Runs the whole bench.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    let options = Options::read(words)?;
    let started = Instant::now();
    // Beside the binaries, where a real disk is: a temporary folder may be memory, and syncs free.
    let beside = options.bartizan.parent().unwrap_or(Path::new("."));
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?;
    let plan = Plan {
        is_quick: options.is_quick,
        binary: options.bartizan.clone(),
        folder: folder.path().to_owned(),
        refusals: Rc::default(),
    };
    let sync_us = sync_time_us(folder.path())?;
    let running = start_all(&plan)?;
    let cells = measure(&options, &plan, &running)?;
    let singles = measure_singles(&options, &running)?;
    let report = Report {
        date: options.date.clone(),
        command: format!(
            "cargo xtask bench gateway{}",
            if options.is_quick { " --quick" } else { "" }
        ),
        machine: process::machine(),
        sync_us,
        cells,
        singles,
        memory: running
            .iter()
            .filter(|one| one.target != Target::Direct)
            .map(Running::memory)
            .collect(),
        contest: rivals::measure(&plan, &running)?,
        features: features::measure(&plan)?,
        idle: idle::measure(&plan)?,
        refusals: plan.refusals.counted(),
        took: started.elapsed(),
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

fn start_all(plan: &Plan) -> Result<Vec<Running>, Failure> {
    let direct = plan.running(Target::Direct, Process::ours(&["mock"])?, Manners::default());
    let mock = direct.process.address;
    let mut running = vec![direct];
    for target in Target::OWN {
        match target {
            Target::Bare => {
                let proxy = Process::ours(&["proxy", &mock.to_string()])?;
                running.push(plan.running(target, proxy, Manners::default()));
            }
            Target::Bartizan { guards, sync } => {
                let sync = if sync { "group" } else { "off" };
                let more =
                    format!("[guards]\nenabled = {guards}\n\n[journal]\nsync = \"{sync}\"\n");
                running.push(plan.bartizan(target, &config(&[mock], "", &more))?);
            }
            _ => {}
        }
    }
    std::thread::sleep(REST);
    for one in &mut running {
        one.idle_kib = one.process.memory_kib("VmRSS");
    }
    Ok(running)
}

/// A configuration with these upstreams, all of which every model may go to, and more lines for `[server]` and the end.
pub(crate) fn config(upstreams: &[SocketAddr], server: &str, more: &str) -> String {
    let names = || (0..upstreams.len()).map(|number| format!("mock-{number}"));
    let each = names().zip(upstreams);
    let each = each.map(|(name, upstream)| {
        format!("[[upstreams]]\nname = \"{name}\"\nbase_url = \"http://{upstream}/v1\"\n\n")
    });
    let upstreams: String = each.collect();
    let mut config = format!("[server]\nlisten = \"127.0.0.1:0\"\n{server}\n{more}\n{upstreams}");
    if names().len() > 1 {
        let all: Vec<String> = names().map(|name| format!("{{ name = \"{name}\" }}")).collect();
        let all = all.join(", ");
        config = format!("{config}[[routes]]\nmodels = [\"*\"]\nupstreams = [{all}]\n");
    }
    // Unless it says otherwise, several gateways would want the same port for it.
    if !more.contains("[metrics]") {
        config += "[metrics]\nlisten = \"\"\n";
    }
    config
}

/// Every shape that is measured, for every target.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for is_streamed in [false, true] {
        for content in [Content::Kb1, Content::Kb8] {
            for connections in [1, 16] {
                shapes.push(Shape::closed(false, is_streamed, content, connections));
            }
        }
        for connections in [1, 16] {
            shapes.push(Shape::closed(true, is_streamed, Content::Kb1, connections));
        }
    }
    shapes
}

fn measure(options: &Options, plan: &Plan, running: &[Running]) -> Result<Cells, Failure> {
    let rounds = plan.rounds();
    let mut cells = Cells { rounds, list: Vec::new() };
    for round in 0..rounds {
        for shape in shapes() {
            for turn in 0..running.len() {
                let Some(one) = running.get((turn + round) % running.len()) else { continue };
                cells.list.push(one.cell(shape, options.budget(shape), round)?);
            }
        }
        writeln!(std::io::stderr(), "round {} of {rounds}", round + 1)?;
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
