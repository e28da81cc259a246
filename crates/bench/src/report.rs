//! The report: one page of Markdown, and the same figures as JSON.
//!
//! Not here: measuring.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Failure;
use crate::aim::{Aim, Bound, publish, table};
use crate::bodies::Content;
use crate::features::Features;
use crate::idle::Idle;
use crate::load::Shape;
use crate::rivals::Contest;
use crate::target::{Cells, CpuPerRequest, Memory, Target};

/// The crates a request passes through: a change to one makes the figures stale.
const CRATES: [&str; 8] =
    ["bartizan", "detect", "events", "gateway", "journal", "net", "policy", "wire"];
/// Processor time of pass-through against the bare proxy: at most this ratio.
const CPU_RATIO_AIM: f64 = 1.5;
/// What pass-through adds to the middle request, in microseconds.
const ADDED_US_AIM: f64 = 100.0;
/// Processor time of a guarded request of 8 KB at the 99th percentile, in microseconds.
const GUARDED_CPU_US_AIM: f64 = 1000.0;
/// Ordinary requests that guards refuse, in percent: the rate of false alarms that the rules are set for.
const REFUSED_PERCENT_AIM: f64 = 0.1;
/// Resident memory of an idle gateway, in MiB.
const IDLE_MIB_AIM: f64 = 40.0;

const OFF: Target = Target::Bartizan { guards: false, sync: true };
const ON: Target = Target::Bartizan { guards: true, sync: true };

/// Everything a run found out.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) machine: String,
    pub(crate) sync_us: f64,
    pub(crate) took: Duration,
    pub(crate) cells: Cells,
    pub(crate) singles: Vec<CpuPerRequest>,
    pub(crate) memory: Vec<Memory>,
    pub(crate) contest: Contest,
    pub(crate) features: Features,
    pub(crate) idle: Idle,
    /// How many requests were sent with guards on, and how many of them were refused.
    pub(crate) refusals: (u64, u64),
}

/// Writes the page and the figures.
pub(crate) fn write_report(report: &Report, file: &Path) -> Result<(), Failure> {
    publish(&report.page(), &report.figures(), file)
}

impl Report {
    fn page(&self) -> String {
        let requests = self.cells.requests();
        let mut page = format!(
            "# What the gateway costs\n\nWritten by `{}` on {}. Machine: {}; a kilobyte appended and synced \
             takes {:.0} µs there. Gateway, mock and load share it, so read ratios, not absolute times.\n\n\
             {} rounds in turns, {requests} requests, no failure, {:.0} s with all parts. Values are the median of \
             the rounds, with the lowest and highest in brackets where they matter. *Direct* is the mock \
             without anything in between; *bare hyper proxy* is hyper on both sides with a pool and nothing \
             else. *Sync* is the record's sync to disk before an answer leaves.\n\n",
            self.command,
            self.date,
            self.machine,
            self.sync_us,
            self.cells.rounds,
            self.took.as_secs_f64(),
        );
        page.push_str(&table(&self.aims()));
        page.push('\n');
        page.push_str(&self.contest.section());
        page.push('\n');
        page.push_str(&self.features.section());
        page.push('\n');
        page.push_str(&self.idle.section());
        page.push_str(
            "\n## An upstream that takes 5 ms, its deltas 1 ms apart\n\nWork of the upstream is what the \
             sync overlaps. Added times are against the same round's direct call and bare proxy.\n\n",
        );
        self.latency_table(&mut page, true);
        page.push_str(
            "\n## An upstream that takes no time\n\nNothing can be overlapped: the worst case.\n\n",
        );
        self.latency_table(&mut page, false);
        page.push_str(
            "\n## Processor time of the gateway's process\n\nUpstream without delay.\n\n",
        );
        self.cpu_table(&mut page);
        page.push_str(
            "\n## Processor time of single requests\n\nOne at a time, with everything that a \
             request causes, also after its answer.\n\n",
        );
        self.singles_table(&mut page);
        page.push_str("\n## Resident memory\n\n| target | idle | after the run | highest |\n|---|---|---|---|\n");
        for memory in &self.memory {
            let [idle, loaded, peak] = [memory.idle_kib, memory.loaded_kib, memory.peak_kib]
                .map(|kib| kib as f64 / 1024.0);
            let name = memory.target.name();
            let _ = writeln!(page, "| {name} | {idle:.1} MiB | {loaded:.1} MiB | {peak:.1} MiB |");
        }
        page
    }

    fn aims(&self) -> Vec<Aim> {
        let cpu = |streamed: &'static str, is_streamed| Aim {
            what: format!(
                "pass-through, processor time against the bare proxy, 1 KB, 16 conn., {streamed}"
            ),
            bound: Bound::AtMost(CPU_RATIO_AIM),
            measured: Ok(self
                .cells
                .ratio(OFF, Target::Bare, shape(false, is_streamed, Content::Kb1, 16), |cell| {
                    cell.cpu_us_per_request
                })
                .median),
            unit: "×",
        };
        let added = |over: Target, content: &'static str| Aim {
            what: format!("pass-through, added at p50 over {content}, 1 KB, 1 conn."),
            bound: Bound::AtMost(ADDED_US_AIM),
            measured: Ok(self
                .cells
                .added(OFF, over, shape(true, false, Content::Kb1, 1), |cell| cell.p50_us)
                .median),
            unit: "µs",
        };
        let guarded = |content: Content, is_streamed: bool| {
            let single = self.singles.iter().find(|single| {
                single.target == ON
                    && single.content == content
                    && single.is_streamed == is_streamed
            });
            let streamed = if is_streamed { "streamed" } else { "whole" };
            Aim {
                what: format!("guards on, processor time at p99, {}, {streamed}", content.name()),
                bound: Bound::AtMost(GUARDED_CPU_US_AIM),
                measured: Ok(single.map_or(f64::INFINITY, |single| single.p99_us)),
                unit: "µs",
            }
        };
        let idle =
            self.memory.iter().filter(|memory| matches!(memory.target, Target::Bartizan { .. }));
        let mut aims = vec![
            cpu("whole", false),
            cpu("streamed", true),
            added(Target::Direct, "a direct call"),
            added(Target::Bare, "the bare proxy"),
            guarded(Content::Kb8, false),
            guarded(Content::Kb8, true),
            guarded(Content::Kb8Personal, false),
            Aim {
                what: "idle resident memory".to_owned(),
                bound: Bound::AtMost(IDLE_MIB_AIM),
                measured: Ok(idle
                    .map(|memory| memory.idle_kib as f64 / 1024.0)
                    .fold(0.0, f64::max)),
                unit: "MiB",
            },
        ];
        aims.extend(self.contest.aims());
        aims.extend(self.idle.aims());
        let (asked, refused) = self.refusals;
        aims.push(Aim {
            what: format!("ordinary requests refused by guards ({refused} of {asked}; above 1 % there is no report)"),
            bound: Bound::AtMost(REFUSED_PERCENT_AIM),
            measured: Ok(self.refused_percent()),
            unit: "%",
        });
        aims
    }

    /// Share of the requests with guards on that were refused, in percent.
    fn refused_percent(&self) -> f64 {
        let (asked, refused) = self.refusals;
        refused as f64 * 100.0 / asked.max(1) as f64
    }

    fn latency_table(&self, page: &mut String, is_slow: bool) {
        page.push_str(
            "| request | target | p50 µs | p99 µs | added over direct p50 / p99 | added over bare p50 / p99 | \
             first text p50 µs | requests/s |\n|---|---|---|---|---|---|---|---|\n",
        );
        for shape in self.cells.shapes().into_iter().filter(|shape| shape.is_slow == is_slow) {
            for target in Target::OWN {
                let p50 = self.cells.spread(target, shape, |cell| cell.p50_us);
                let p99 = self.cells.spread(target, shape, |cell| cell.p99_us);
                let over = |other| {
                    let p50 = self.cells.added(target, other, shape, |cell| cell.p50_us).median;
                    let p99 = self.cells.added(target, other, shape, |cell| cell.p99_us).median;
                    if target == other || target == Target::Direct {
                        "–".to_owned()
                    } else {
                        format!("{p50:+.0} / {p99:+.0}")
                    }
                };
                let first = self.cells.spread(target, shape, |cell| cell.first_p50_us);
                let first = if shape.is_streamed {
                    format!("{:.0}", first.median)
                } else {
                    "–".to_owned()
                };
                let per_second = self.cells.spread(target, shape, |cell| cell.per_second);
                let _ = writeln!(
                    page,
                    "| {} | {} | {} | {} | {} | {} | {first} | {:.0} |",
                    shape.name(),
                    target.name(),
                    p50.text(0),
                    p99.text(0),
                    over(Target::Direct),
                    over(Target::Bare),
                    per_second.median,
                );
            }
        }
    }

    fn cpu_table(&self, page: &mut String) {
        page.push_str(
            "| request | target | µs per request | × bare proxy | requests per second and core |\n\
             |---|---|---|---|---|\n",
        );
        for shape in self.cells.shapes().into_iter().filter(|shape| !shape.is_slow) {
            for target in Target::OWN.into_iter().filter(|target| *target != Target::Direct) {
                let cpu = self.cells.spread(target, shape, |cell| cell.cpu_us_per_request);
                let ratio =
                    self.cells.ratio(target, Target::Bare, shape, |cell| cell.cpu_us_per_request);
                let _ = writeln!(
                    page,
                    "| {} | {} | {} | {} | {:.0} |",
                    shape.name(),
                    target.name(),
                    cpu.text(0),
                    ratio.text(2),
                    1e6 / cpu.median,
                );
            }
        }
    }

    fn singles_table(&self, page: &mut String) {
        page.push_str("| request | target | p50 µs | p99 µs | requests |\n|---|---|---|---|---|\n");
        let mut singles: Vec<&CpuPerRequest> = self.singles.iter().collect();
        singles.sort_by_key(|single| (single.content, single.is_streamed, single.target));
        for single in singles {
            let streamed = if single.is_streamed { "streamed" } else { "whole" };
            let _ = writeln!(
                page,
                "| {}, {streamed} | {} | {:.0} | {:.0} | {} |",
                single.content.name(),
                single.target.name(),
                single.p50_us,
                single.p99_us,
                single.requests,
            );
        }
    }

    fn figures(&self) -> Value {
        let aims: Vec<Value> = self.aims().iter().map(Aim::figure).collect();
        let (asked, refused) = self.refusals;
        json!({
            "crates": CRATES, "aims": aims, "rounds": self.cells.rounds, "failures": 0,
            "requests_with_guards": asked, "refused_by_guards": refused, "other_gateways": self.contest.figures(),
            "features_add": self.features.figures(), "connections_that_rest": self.idle.figures(),
        })
    }
}

const fn shape(is_slow: bool, is_streamed: bool, content: Content, connections: usize) -> Shape {
    Shape::closed(is_slow, is_streamed, content, connections)
}
