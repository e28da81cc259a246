//! The part of the page that compares with other gateways, its aims and its figures.
//!
//! Not here: measuring.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{CLOSED, Contest, FIRST, OFF, ON, RIVALS, litellm, portkey};
use crate::aim::{Aim, Bound};
use crate::load::Shape;
use crate::target::{Cell, Rival, Target};

/// Requests per second against a rival's.
const RATE_RATIO_AIMS: [(Rival, f64); 2] = [(Rival::LiteLlm, 100.0), (Rival::Portkey, 10.0)];
/// Processor time of a request of 0.9 KB, in microseconds: that of the fastest open gateway that we know, which has no
/// guards (Busbar 1.5.5, measured on such a machine, at 16 connections).
const REFERENCE_CPU_US: f64 = 75.0;
/// Its resident memory, in MB.
const REFERENCE_MB: f64 = 18.0;
/// What may be added to the first text of a stream with guards on, in microseconds.
const FIRST_US_AIM: f64 = 5000.0;

/// Ours with guards like the rival's: off or on.
const fn ours(guards: bool) -> Target {
    if guards { ON } else { OFF }
}

const fn state(guards: bool) -> &'static str {
    if guards { "on" } else { "off" }
}

fn per_second(cell: &Cell) -> f64 {
    cell.per_second
}

impl Contest {
    /// The part of the page.
    pub(crate) fn section(&self) -> String {
        let mut page = format!(
            "## Beside other gateways\n\nThe same machine, mock and load, in turns, {} rounds; each from its registry, unmodified, on \
             loopback: {}, a worker for each core as its documentation advises, and {}. *Guards on* is the preset `balanced` for ours, \
             with all detectors; for LiteLLM its own content filter, for Portkey its `regexReplace`, each of which masks two kinds of \
             personal data (US social security numbers and e-mail addresses) in requests and answers. Ours keeps a record of every \
             request, synced before the answer; theirs keep none. Memory is of all processes of a gateway together.\n\n",
            self.cells.rounds,
            litellm::PACKAGES.join(" "),
            portkey::PACKAGES.join(" with "),
        );
        for (rival, why) in &self.absent {
            let _ = writeln!(page, "{} was skipped: {why}\n", rival.name());
        }
        self.speed_table(&mut page);
        self.rate_table(&mut page);
        page
    }

    /// Every target, rivals last.
    fn targets(&self) -> Vec<Target> {
        let rivals = RIVALS.into_iter().filter(|rival| self.is_here(*rival).is_ok());
        let theirs =
            rivals.flat_map(|rival| [false, true].map(|guards| Target::Rival { rival, guards }));
        [Target::Direct, Target::Bare, OFF, ON].into_iter().chain(theirs).collect()
    }

    fn is_here(&self, rival: Rival) -> Result<(), String> {
        match self.absent.iter().find(|(of, _)| *of == rival) {
            Some((_, why)) => Err(why.clone()),
            None => Ok(()),
        }
    }

    fn speed_table(&self, page: &mut String) {
        let _ = writeln!(
            page,
            "Upstream without delay, {}, and the first text of a stream from an upstream that takes 5 ms ({}).\n\n\
             | gateway | guards | requests/s | ours, times as many | processor time per request, µs | first text added, p50 / p99, µs | \
             resident, idle / after | processes |\n|---|---|---|---|---|---|---|---|",
            CLOSED.name(),
            FIRST.name(),
        );
        for target in self.targets() {
            let (name, guards, times) = match target {
                Target::Bartizan { guards, .. } => ("Bartizan", state(guards), "–".to_owned()),
                Target::Rival { rival, guards } => {
                    let times = self.cells.ratio(ours(guards), target, CLOSED, per_second);
                    (rival.name(), state(guards), format!("{} ×", times.text(1)))
                }
                other => (other.name(), "–", "–".to_owned()),
            };
            let rate = self.cells.spread(target, CLOSED, per_second).text(0);
            let (cpu, first) = if target == Target::Direct {
                ("–".to_owned(), "–".to_owned())
            } else {
                let added = |of: fn(&Cell) -> f64| {
                    self.cells.added(target, Target::Direct, FIRST, of).median
                };
                let (p50, p99) = (added(|cell| cell.first_p50_us), added(|cell| cell.first_p99_us));
                let cpu = self.cells.spread(target, CLOSED, |cell| cell.cpu_us_per_request);
                (cpu.text(0), format!("{p50:+.0} / {p99:+.0}"))
            };
            let memory = self.memory.iter().find(|memory| memory.target == target);
            let memory = memory.map_or_else(
                || "– | –".to_owned(),
                |memory| {
                    let [idle, after] =
                        [memory.idle_kib, memory.loaded_kib].map(|kib| kib as f64 / 1024.0);
                    format!("{idle:.0} / {after:.0} MiB | {}", memory.processes)
                },
            );
            let _ = writeln!(
                page,
                "| {name} | {guards} | {rate} | {times} | {cpu} | {first} | {memory} |"
            );
        }
    }

    fn rate_table(&self, page: &mut String) {
        page.push_str(
            "\nAt a fixed rate that a rival can hold: half of what its slower way answered at full speed in the first round. \
             Time counts from when a request was due.\n\n| rate | gateway | guards | p50 µs | p99 µs | ours at p99, of its |\n|---|---|---|---|---|---|\n",
        );
        for (rival, rate) in &self.rates {
            let shape = at(*rate);
            let theirs = [false, true].map(|guards| Target::Rival { rival: *rival, guards });
            for target in theirs.into_iter().chain([OFF, ON]) {
                let p50 = self.cells.spread(target, shape, |cell| cell.p50_us).text(0);
                let p99 = self.cells.spread(target, shape, |cell| cell.p99_us).text(0);
                let (name, guards, share) = match target {
                    Target::Rival { rival, guards } => {
                        let share = self.p99_ratio(rival, guards).unwrap_or(f64::NAN);
                        (rival.name(), state(guards), format!("{share:.3} ×"))
                    }
                    Target::Bartizan { guards, .. } => ("Bartizan", state(guards), "–".to_owned()),
                    other => (other.name(), "–", "–".to_owned()),
                };
                let _ =
                    writeln!(page, "| {rate}/s | {name} | {guards} | {p50} | {p99} | {share} |");
            }
        }
    }

    /// Our time at the 99th percentile in times of a rival's, at the rate that it holds.
    fn p99_ratio(&self, rival: Rival, guards: bool) -> Result<f64, String> {
        self.is_here(rival)?;
        let rate = self.rates.iter().find(|(of, _)| *of == rival).map(|(_, rate)| *rate);
        let shape = at(rate.ok_or("no rate was found that it holds")?);
        let theirs = Target::Rival { rival, guards };
        Ok(self.cells.ratio(ours(guards), theirs, shape, |cell| cell.p99_us).median)
    }

    /// What was wanted of the comparison.
    pub(crate) fn aims(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        for (rival, least) in RATE_RATIO_AIMS {
            for guards in [false, true] {
                let (name, state) = (rival.name(), state(guards));
                let theirs = Target::Rival { rival, guards };
                let times = self.cells.ratio(ours(guards), theirs, CLOSED, per_second).median;
                aims.push(Aim {
                    what: format!("requests per second against {name}, guards {state} in both"),
                    bound: Bound::AtLeast(least),
                    measured: self.is_here(rival).map(|()| times),
                    unit: "×",
                });
                aims.push(Aim {
                    what: format!(
                        "p99 against {name}'s at a rate it holds, guards {state} in both"
                    ),
                    bound: Bound::AtMost(1.0),
                    measured: self.p99_ratio(rival, guards),
                    unit: "×",
                });
            }
        }
        for guards in [false, true] {
            let cpu = self.cells.spread(ours(guards), CLOSED, |cell| cell.cpu_us_per_request);
            aims.push(Aim {
                what: format!(
                    "processor time, {}, guards {}; the fastest open rival takes so much without any",
                    CLOSED.name(),
                    state(guards)
                ),
                bound: Bound::AtMost(REFERENCE_CPU_US),
                measured: Ok(cpu.median),
                unit: "µs",
            });
        }
        let memory = self.memory.iter().find(|memory| memory.target == ON);
        let mb = memory.map(|memory| memory.loaded_kib as f64 * 1024.0 / 1e6);
        aims.push(Aim {
            what: "resident memory after the run, guards on; that rival's".to_owned(),
            bound: Bound::AtMost(REFERENCE_MB),
            measured: mb.ok_or_else(|| "it was not read".to_owned()),
            unit: "MB",
        });
        let first = self.cells.added(ON, Target::Direct, FIRST, |cell| cell.first_p50_us);
        aims.push(Aim {
            what: "added to the first text of a stream at p50, guards on".to_owned(),
            bound: Bound::AtMost(FIRST_US_AIM),
            measured: Ok(first.median),
            unit: "µs",
        });
        aims
    }

    /// As the receipt keeps it.
    pub(crate) fn figures(&self) -> Value {
        let absent: Vec<Value> = self
            .absent
            .iter()
            .map(|(rival, why)| json!({ "gateway": rival.name(), "why": why }))
            .collect();
        let packages = [litellm::PACKAGES.as_slice(), &portkey::PACKAGES].concat();
        json!({ "packages": packages, "skipped": absent })
    }
}

const fn at(rate: u32) -> Shape {
    Shape { per_second: Some(rate), ..CLOSED }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Cells;

    fn cell(target: Target, shape: Shape, per_second: f64, p99_us: f64) -> Cell {
        Cell {
            target,
            shape,
            round: 0,
            p50_us: 1.0,
            p99_us,
            first_p50_us: 1.0,
            first_p99_us: 1.0,
            requests: 1,
            per_second,
            cpu_us_per_request: 10.0,
        }
    }

    #[test]
    fn who_is_not_there_has_a_reason_and_no_figure() {
        let litellm = |guards| Target::Rival { rival: Rival::LiteLlm, guards };
        let mut list = Vec::new();
        for guards in [false, true] {
            list.push(cell(litellm(guards), CLOSED, 50.0, 9.0));
            list.push(cell(litellm(guards), at(25), 25.0, 8.0));
            list.push(cell(ours(guards), CLOSED, 6000.0, 2.0));
            list.push(cell(ours(guards), at(25), 25.0, 2.0));
        }
        let contest = Contest {
            cells: Cells { rounds: 1, list },
            memory: Vec::new(),
            rates: vec![(Rival::LiteLlm, 25)],
            absent: vec![(Rival::Portkey, "no npm".to_owned())],
        };
        let section = contest.section();
        assert!(section.contains("Portkey was skipped: no npm"), "{section}");
        assert!(
            section.contains("| LiteLLM | on | 50 (50–50) | 120.0 (120.0–120.0) × |"),
            "{section}"
        );
        assert!(section.contains("| 25/s | LiteLLM | off |"), "{section}");
        assert!(section.contains("| 0.250 × |"), "{section}");
        assert!(!section.contains("| Portkey |"), "{section}");
        let aims: Vec<Value> = contest.aims().iter().map(Aim::figure).collect();
        let of = |name: &str| -> Vec<&Value> {
            aims.iter().filter(|aim| aim["aim"].as_str().unwrap().contains(name)).collect()
        };
        let (portkey, litellm) = (of("Portkey"), of("LiteLLM"));
        assert!(portkey.iter().all(|aim| aim["not_run"] == "no npm" && aim["met"] == false));
        assert!(litellm.iter().all(|aim| aim["met"] == true));
        assert_eq!((portkey.len(), litellm.len()), (4, 4));
    }
}
