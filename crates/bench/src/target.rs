//! What is measured, and one measurement of it.
//!
//! INVARIANT: requests that a guard refused are counted, and a run in which they are more than [`REFUSALS_MAX`] of all
//! is none. INVARIANT: differences and ratios are of one round.
//!
//! Not here: which targets meet which shapes, and in which order.

use std::cell::Cell as Count;
use std::rc::Rc;
use std::time::Duration;

use crate::Failure;
use crate::bodies::{Content, Manners, Template};
use crate::load::{Answer, Budget, Connection, Measured, Shape, drive};
use crate::process::Process;
use crate::statistics::{Spread, percentile};

/// How long after the last answer the work that belongs to it may go on.
const SETTLE: Duration = Duration::from_millis(15);
/// Share of the requests that guards may refuse: ordinary text is refused now and then.
const REFUSALS_MAX: f64 = 0.01;
/// Requests before the share is looked at.
const REQUESTS_MIN: u64 = 1000;

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
    /// The gateway with something switched on, guards and sync off.
    With(Feature),
    /// Somebody else's gateway.
    Rival {
        /// Whose.
        rival: Rival,
        /// Whether its guards run.
        guards: bool,
    },
}

/// What may be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    Nothing,
    Telemetry,
    TwoUpstreams,
    Tokens,
    ManyConnections,
}

/// Other gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rival {
    LiteLlm,
    Portkey,
}

impl Rival {
    /// As the report calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "LiteLLM",
            Self::Portkey => "Portkey",
        }
    }
}

impl Target {
    /// Our own targets and what they stand on, in the report's order.
    pub(crate) const OWN: [Self; 6] = [
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
            Self::With(Feature::Nothing) => "none of them",
            Self::With(Feature::Telemetry) => {
                "the page of metrics, and traces and metrics sent to a collector"
            }
            Self::With(Feature::TwoUpstreams) => "two upstreams in a route",
            Self::With(Feature::Tokens) => "callers with a token (JWT) instead of a virtual key",
            Self::With(Feature::ManyConnections) => "many connections",
            Self::Rival { rival, .. } => rival.name(),
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
    pub(crate) first_p99_us: f64,
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    /// Of the target's processes; 0 for the mock.
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

/// A target's memory in kibibytes, all of its processes together.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) target: Target,
    pub(crate) idle_kib: u64,
    pub(crate) loaded_kib: u64,
    pub(crate) peak_kib: u64,
    pub(crate) processes: usize,
}

/// A process that is measured, and how it wants to be asked.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) target: Target,
    pub(crate) process: Process,
    pub(crate) manners: Manners,
    pub(crate) idle_kib: u64,
    pub(crate) refusals: Rc<Refusals>,
}

/// How many requests our guards refused, of how many that they saw, over everything that shares it.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    asked: Count<u64>,
    refused: Count<u64>,
}

impl Refusals {
    fn add(&self, target: Target, asked: u64, refused: u64) -> Result<(), Failure> {
        // Where no guard of ours runs, nothing can be refused, and nothing is shown.
        if !matches!(target, Target::Bartizan { guards: true, .. }) && refused == 0 {
            return Ok(());
        }
        self.asked.set(self.asked.get() + asked);
        self.refused.set(self.refused.get() + refused);
        let (asked, refused) = self.counted();
        if asked >= REQUESTS_MIN && refused as f64 > asked as f64 * REFUSALS_MAX {
            return Err(format!("guards refused {refused} of {asked} ordinary requests").into());
        }
        Ok(())
    }

    /// How many were asked, and how many of them refused.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.asked.get(), self.refused.get())
    }
}

impl Running {
    /// One target, one shape, one round.
    pub(crate) fn cell(&self, shape: Shape, budget: Budget, round: usize) -> Result<Cell, Failure> {
        let mut before = 0;
        let measured = drive(self.process.address, &self.manners, shape, budget, || {
            before = self.process.cpu_ns();
        });
        let Measured { latencies_us, first_us, wall, refusals, failures, failure } = measured;
        std::thread::sleep(SETTLE);
        let cpu_ns = self.process.cpu_ns().saturating_sub(before);
        if let Some(failure) = failure {
            let said = self.process.child.stderr();
            let said = said.lines().last().unwrap_or("it says nothing").to_owned();
            let (target, shape) = (self.target.name(), shape.name());
            return Err(format!("{target}, {shape}: {failures} failures: {failure}; {said}").into());
        }
        let requests = latencies_us.len();
        self.refusals.add(self.target, requests as u64 + refusals, refusals)?;
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
            first_p99_us: percentile(&first_us, 99.0),
            requests,
            per_second: requests as f64 / wall.as_secs_f64(),
            cpu_us_per_request,
        })
    }

    /// Requests one at a time, each with all the work it caused.
    pub(crate) fn single(
        &self,
        content: Content,
        is_streamed: bool,
        requests: usize,
    ) -> Result<CpuPerRequest, Failure> {
        let host = self.process.address.to_string();
        let template = Template::new(content, is_streamed, false, &host, &self.manners);
        let mut connection = Connection::open(self.process.address, template)?;
        let mut times = Vec::new();
        for _ in 0..requests {
            let before = self.process.cpu_ns();
            let answer = connection.ask()?;
            std::thread::sleep(Duration::from_millis(2));
            let is_refused = matches!(answer, Answer::Refused);
            self.refusals.add(self.target, 1, u64::from(is_refused))?;
            if !is_refused {
                times.push(self.process.cpu_ns().saturating_sub(before) as f64 / 1e3);
            }
        }
        times.sort_by(f64::total_cmp);
        Ok(CpuPerRequest {
            target: self.target,
            content,
            is_streamed,
            p50_us: percentile(&times, 50.0),
            p99_us: percentile(&times, 99.0),
            requests: times.len(),
        })
    }

    /// What it holds now, beside what it held when it had done nothing yet.
    pub(crate) fn memory(&self) -> Memory {
        Memory {
            target: self.target,
            idle_kib: self.idle_kib,
            loaded_kib: self.process.memory_kib("VmRSS"),
            peak_kib: self.process.memory_kib("VmHWM"),
            processes: self.process.processes(),
        }
    }
}

/// All cells of something that was measured in rounds.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    pub(crate) rounds: usize,
    pub(crate) list: Vec<Cell>,
}

impl Cells {
    /// Every shape that was measured, once.
    pub(crate) fn shapes(&self) -> Vec<Shape> {
        let mut shapes: Vec<Shape> = self.list.iter().map(|cell| cell.shape).collect();
        shapes.sort_unstable();
        shapes.dedup();
        shapes
    }

    /// How many requests were answered.
    pub(crate) fn requests(&self) -> usize {
        self.list.iter().map(|cell| cell.requests).sum()
    }

    fn value(&self, target: Target, shape: Shape, round: usize, of: impl Fn(&Cell) -> f64) -> f64 {
        let cell = self
            .list
            .iter()
            .find(|cell| cell.target == target && cell.shape == shape && cell.round == round);
        cell.map_or(f64::NAN, of)
    }

    fn spread_of(&self, of: impl Fn(usize) -> f64) -> Spread {
        Spread::of((0..self.rounds).map(of))
    }

    /// The rounds of a target and a shape.
    pub(crate) fn spread(&self, target: Target, shape: Shape, of: impl Fn(&Cell) -> f64) -> Spread {
        self.spread_of(|round| self.value(target, shape, round, &of))
    }

    /// How much more than `over`, round by round.
    pub(crate) fn added(
        &self,
        target: Target,
        over: Target,
        shape: Shape,
        of: impl Fn(&Cell) -> f64,
    ) -> Spread {
        self.spread_of(|round| {
            self.value(target, shape, round, &of) - self.value(over, shape, round, &of)
        })
    }

    /// How many times `over`, round by round.
    pub(crate) fn ratio(
        &self,
        target: Target,
        over: Target,
        shape: Shape,
        of: impl Fn(&Cell) -> f64,
    ) -> Spread {
        self.spread_of(|round| {
            self.value(target, shape, round, &of) / self.value(over, shape, round, &of)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_now_and_then_is_counted_and_many_end_the_run() {
        let (refusals, on) = (Refusals::default(), Target::Bartizan { guards: true, sync: true });
        assert!(refusals.add(Target::Bare, 5000, 0).is_ok(), "it has no guards");
        assert!(refusals.add(on, 10, 2).is_ok(), "ten requests say nothing");
        assert!(refusals.add(on, 1000, 8).is_ok());
        assert_eq!(refusals.counted(), (1010, 10));
        let error = refusals.add(on, 0, 1).unwrap_err().to_string();
        assert_eq!(error, "guards refused 11 of 1010 ordinary requests");
    }
}
