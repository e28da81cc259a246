//! Other gateways on the same machine, before the same mock, under the same load.
//!
//! INVARIANT: every comparison is of one round. INVARIANT: a rival that cannot be installed, started or measured is a reason,
//! never a figure, and does not end the run.
//!
//! Not here: how each is started (`litellm`, `portkey`).

mod litellm;
mod page;
mod portkey;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::bodies::{Content, Manners, Template};
use crate::gateway::Plan;
use crate::load::{Answer, Budget, Connection, Shape};
use crate::process::Process;
use crate::target::{Cells, Memory, Rival, Running, Target};

const RIVALS: [Rival; 2] = [Rival::LiteLlm, Rival::Portkey];
/// As fast as they can.
const CLOSED: Shape = Shape::closed(false, false, Content::Kb09, 16);
/// Until the first text of a stream.
const FIRST: Shape = Shape::closed(true, true, Content::Kb1, 1);
/// Of what a rival answers in a closed loop, this share is asked at a fixed rate: it can hold that.
const HELD_SHARE: f64 = 0.5;
/// How long a rival may take until it answers: some import a lot, and a busy machine does not hurry.
const START_MAX: Duration = Duration::from_mins(6);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one may work on after its first answer before it is measured all the same.
const REST_MAX: Duration = Duration::from_secs(40);

const OFF: Target = Target::Bartizan { guards: false, sync: true };
const ON: Target = Target::Bartizan { guards: true, sync: true };
/// What a rival is compared with.
const OURS: [Target; 4] = [Target::Direct, Target::Bare, OFF, ON];

/// What was found out.
#[derive(Debug, Default)]
pub(crate) struct Contest {
    cells: Cells,
    memory: Vec<Memory>,
    /// The rate at which each is asked, in requests a second.
    rates: Vec<(Rival, u32)>,
    /// Those that are not there, and why.
    absent: Vec<(Rival, String)>,
}

/// How a rival is asked, and where it is told to find its models.
struct Started {
    process: Process,
    manners: Manners,
}

/// Starts the rivals and measures them in turns with our own targets, which run already.
pub(crate) fn measure(plan: &Plan, own: &[Running]) -> Result<Contest, Failure> {
    let ours: Vec<&Running> = own.iter().filter(|one| OURS.contains(&one.target)).collect();
    let direct = ours.iter().find(|one| one.target == Target::Direct);
    let mock = direct.ok_or("the mock does not run")?.process.address;
    let rounds = plan.rounds();
    let mut contest = Contest { cells: Cells { rounds, list: Vec::new() }, ..Contest::default() };
    let mut theirs = Vec::new();
    for rival in RIVALS {
        match start(plan, rival, mock) {
            Ok(both) => theirs.extend(both),
            Err(why) => contest.leave_out(&mut theirs, rival, &why)?,
        }
    }
    for round in 0..rounds {
        for (shape, millis) in [(CLOSED, 1200), (FIRST, 800)] {
            for one in in_turn(&ours, round) {
                contest.cells.list.push(one.cell(shape, plan.budget(millis), round)?);
            }
            contest.ask(plan, &mut theirs, |_| Some((shape, millis)), round)?;
        }
        if round == 0 {
            contest.find_rates();
        }
        for (rival, rate) in contest.rates.clone() {
            let shape = Shape { per_second: Some(rate), ..CLOSED };
            // As many answers of a slow one as its highest hundredth needs, and no more time than that takes.
            let millis = if rival == Rival::LiteLlm { 4000 } else { 1500 };
            for one in in_turn(&ours, round).filter(|one| [OFF, ON].contains(&one.target)) {
                contest.cells.list.push(one.cell(shape, plan.budget(millis), round)?);
            }
            let wanted = |one: &Running| is_of(one, rival).then_some((shape, millis));
            contest.ask(plan, &mut theirs, wanted, round)?;
        }
        writeln!(std::io::stderr(), "other gateways: round {} of {rounds}", round + 1)?;
    }
    contest.memory = theirs.iter().chain(ours.iter().copied()).map(Running::memory).collect();
    Ok(contest)
}

fn in_turn<'a>(all: &'a [&'a Running], round: usize) -> impl Iterator<Item = &'a Running> {
    (0..all.len()).filter_map(move |turn| all.get((turn + round) % all.len()).copied())
}

fn is_of(one: &Running, of: Rival) -> bool {
    matches!(one.target, Target::Rival { rival, .. } if rival == of)
}

impl Plan {
    const fn budget(&self, millis: u64) -> Budget {
        let millis = if self.is_quick { millis / 3 } else { millis };
        Budget { requests: 50_000, time: Duration::from_millis(millis) }
    }
}

impl Contest {
    /// One cell of each rival of which something is wanted; who fails is left out from then on.
    fn ask(
        &mut self,
        plan: &Plan,
        theirs: &mut Vec<Running>,
        wanted: impl Fn(&Running) -> Option<(Shape, u64)>,
        round: usize,
    ) -> Result<(), Failure> {
        let mut failed = Vec::new();
        for one in theirs.iter() {
            let Some((shape, millis)) = wanted(one) else { continue };
            let Target::Rival { rival, .. } = one.target else { continue };
            match one.cell(shape, plan.budget(millis), round) {
                Ok(cell) if cell.requests > 0 => self.cells.list.push(cell),
                Ok(_) => failed.push((rival, "it answered nothing in time".to_owned())),
                Err(error) => failed.push((rival, error.to_string())),
            }
        }
        for (rival, why) in failed {
            self.leave_out(theirs, rival, &why)?;
        }
        Ok(())
    }

    fn leave_out(
        &mut self,
        theirs: &mut Vec<Running>,
        rival: Rival,
        why: &str,
    ) -> Result<(), Failure> {
        // It may quote an answer: one line, and no bars, which would be columns of a table.
        let why: String = why.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
        writeln!(std::io::stderr(), "skipped: {}: {why}", rival.name())?;
        theirs.retain(|one| !is_of(one, rival));
        self.rates.retain(|(of, _)| *of != rival);
        if self.absent.iter().all(|(of, _)| *of != rival) {
            self.absent.push((rival, why));
        }
        Ok(())
    }

    /// What each can hold, by its first round.
    fn find_rates(&mut self) {
        for rival in RIVALS {
            let closed = self.cells.list.iter().filter(|cell| {
                cell.shape == CLOSED
                    && matches!(cell.target, Target::Rival { rival: of, .. } if of == rival)
            });
            let slowest = closed.map(|cell| cell.per_second).reduce(f64::min);
            if let Some(slowest) = slowest
                && self.absent.iter().all(|(of, _)| *of != rival)
            {
                self.rates.push((rival, (slowest * HELD_SHARE).max(1.0) as u32));
            }
        }
    }
}

/// A rival without its guards, and one with them.
fn start(plan: &Plan, rival: Rival, mock: SocketAddr) -> Result<Vec<Running>, String> {
    let mut both = Vec::new();
    for guards in [false, true] {
        let started = match rival {
            Rival::LiteLlm => litellm::start(&plan.folder, mock, guards)?,
            Rival::Portkey => portkey::start(&plan.folder, mock, guards)?,
        };
        let Started { mut process, manners } = started;
        wait_until_it_answers(&mut process, &manners)?;
        process.rest(REST_MAX);
        let target = Target::Rival { rival, guards };
        let mut running = plan.running(target, process, manners);
        running.idle_kib = running.process.memory_kib("VmRSS");
        both.push(running);
    }
    Ok(both)
}

fn wait_until_it_answers(process: &mut Process, manners: &Manners) -> Result<(), String> {
    let host = process.address.to_string();
    let deadline = Instant::now() + START_MAX;
    loop {
        let template = Template::new(Content::Kb1, true, false, &host, manners);
        let asked = Connection::open(process.address, template).and_then(|mut one| one.ask());
        let error = match asked {
            Ok(Answer::Given { first: Some(_), .. }) => return Ok(()),
            Ok(_) => "its stream holds no text that can be found".to_owned(),
            Err(error) => error.to_string(),
        };
        if Instant::now() >= deadline || !process.child.is_running() {
            let said = process.child.stderr();
            let said = said.lines().last().unwrap_or("it says nothing").to_owned();
            return Err(format!("it does not answer: {error}; {said}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Writes a file that a rival reads.
fn written(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("no file for it: {error}"))
}

/// Starts it on a port of its own.
fn listening(command: impl FnOnce(SocketAddr) -> std::process::Command) -> Result<Process, String> {
    let address = testkit::free_port().map_err(|error| format!("no port for it: {error}"))?;
    let child = testkit::Child::start(command(address));
    let child = child.map_err(|error| format!("it does not start: {error}"))?;
    Ok(Process::new(child, address))
}
