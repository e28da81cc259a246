//! Ten thousand connections that are kept open: what each costs in memory, and what those who ask meanwhile notice.
//!
//! Each has been answered once before it rests, and is asked again at the end.
//!
//! INVARIANT: how many files this machine lets a process open is raised as far as it lets itself be raised, and said when
//! it is not enough.

use std::fmt::Write as _;
use std::io::Write as _;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Failure;
use crate::aim::{Aim, Bound};
use crate::bodies::{Content, Template};
use crate::gateway::{Plan, config};
use crate::load::{Answer, Budget, Connection, Shape};
use crate::process::Process;
use crate::target::{Cells, Feature, Running, Target};

/// Connections that are wanted.
const CONNECTIONS: usize = 10_000;
/// In a smoke run.
const CONNECTIONS_QUICK: usize = 1_000;
/// Files that both ends need beside them.
const FILES_BESIDE: usize = 256;
const SERVER: &str = "connections_max = 12_000\nhead_timeout_ms = 300_000\n";
const BARE: &str = "[guards]\nenabled = false\n\n[journal]\nsync = \"off\"\n\n";
const SHAPES: [Shape; 2] =
    [Shape::closed(false, false, Content::Kb1, 1), Shape::closed(false, false, Content::Kb1, 16)];

const WITHOUT: Target = Target::With(Feature::Nothing);
const WITH: Target = Target::With(Feature::ManyConnections);

/// What was found out.
#[derive(Debug)]
pub(crate) struct Idle {
    wanted: usize,
    open: usize,
    /// Connections that answered once more after they had rested.
    awake: usize,
    files_max: u64,
    kib_before: u64,
    kib_with: u64,
    cells: Cells,
}

/// Opens the connections, and measures before, meanwhile and after.
pub(crate) fn measure(plan: &Plan) -> Result<Idle, Failure> {
    let wanted = if plan.is_quick { CONNECTIONS_QUICK } else { CONNECTIONS };
    let files_max = raise_files()?;
    let open = wanted.min((files_max as usize).saturating_sub(FILES_BESIDE));
    // It inherits the limit.
    let mock = Process::ours(&["mock"])?;
    let mut running = plan.bartizan(WITHOUT, &config(&[mock.address], SERVER, BARE))?;
    let rounds = plan.rounds();
    let mut cells = Cells { rounds: 2 * rounds, list: Vec::new() };
    measure_rounds(&running, plan, 0..rounds, &mut cells)?;
    let kib_before = running.process.memory_kib("VmRSS");
    let host = running.process.address.to_string();
    let template = Template::new(Content::Kb1, false, false, &host, &running.manners);
    let mut connections = Vec::new();
    for _ in 0..open {
        let mut connection = Connection::open(running.process.address, template.clone())?;
        connection.ask()?;
        connections.push(connection);
    }
    let kib_with = running.process.memory_kib("VmRSS");
    running.target = WITH;
    measure_rounds(&running, plan, 0..rounds, &mut cells)?;
    let is_awake =
        |connection: &mut Connection| matches!(connection.ask(), Ok(Answer::Given { .. }));
    let awake = connections.iter_mut().filter_map(|one| is_awake(one).then_some(())).count();
    drop(connections);
    running.target = WITHOUT;
    measure_rounds(&running, plan, rounds..2 * rounds, &mut cells)?;
    writeln!(std::io::stderr(), "{open} connections")?;
    Ok(Idle { wanted, open, awake, files_max, kib_before, kib_with, cells })
}

fn measure_rounds(
    running: &Running,
    plan: &Plan,
    rounds: std::ops::Range<usize>,
    cells: &mut Cells,
) -> Result<(), Failure> {
    let time = std::time::Duration::from_millis(if plan.is_quick { 100 } else { 400 });
    for round in rounds {
        for shape in SHAPES {
            cells.list.push(running.cell(shape, Budget { requests: 12_000, time }, round)?);
        }
    }
    Ok(())
}

/// Raises what this process, and those it starts, may open; how many files that is.
fn raise_files() -> Result<u64, Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.current.unwrap_or(u64::MAX))
}

impl Idle {
    fn kib_per_connection(&self) -> f64 {
        self.kib_with.saturating_sub(self.kib_before) as f64 / self.open.max(1) as f64
    }

    /// The part of the page.
    pub(crate) fn section(&self) -> String {
        let Self { wanted, open, awake, files_max, .. } = self;
        let mut page = format!(
            "## Many connections\n\n{open} connections of {wanted} that were wanted (this machine lets a process open {files_max} \
             files), each answered once and then kept open, while others ask. {awake} of them answered again at the end. Resident \
             memory: {:.1} MiB before, {:.1} MiB with them, {:.2} KiB for each; the kernel's own is not in it. Without guards and \
             syncs, upstream without delay.\n\n| request | connections that rest | p50 µs | p99 µs |\n|---|---|---|---|\n",
            self.kib_before as f64 / 1024.0,
            self.kib_with as f64 / 1024.0,
            self.kib_per_connection(),
        );
        for shape in SHAPES {
            for (target, count) in [(WITHOUT, 0), (WITH, *open)] {
                let p50 = self.cells.spread(target, shape, |cell| cell.p50_us).text(0);
                let p99 = self.cells.spread(target, shape, |cell| cell.p99_us).text(0);
                let _ = writeln!(page, "| {} | {count} | {p50} | {p99} |", shape.name());
            }
        }
        page
    }

    /// What was wanted of it.
    pub(crate) fn aims(&self) -> Vec<Aim> {
        vec![Aim {
            what: "connections that rest, and answer again".to_owned(),
            bound: Bound::AtLeast(CONNECTIONS as f64),
            measured: Ok(self.awake as f64),
            unit: "connections",
        }]
    }

    /// As the receipt keeps it.
    pub(crate) fn figures(&self) -> serde_json::Value {
        serde_json::json!({ "connections": self.open, "kib_per_connection": self.kib_per_connection() })
    }
}
