//! The page of `bench detect`, and its figures.
//!
//! INVARIANT: a ratio is made within a round, and the middle of the rounds is shown. Not here: measuring.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::peer::PACKAGES;
use super::{Costs, Findings, HOSTILE_BYTES, HostileCosts, KindCosts, MEMORY_BYTES, Part};
use crate::aim::{Aim, Bound, table};
use crate::statistics::Spread;

/// The crates a text passes through: a change to one makes the figures stale.
const CRATES: [&str; 2] = ["detect", "events"];
/// Ordinary text with everything on, in microseconds per KB.
const ORDINARY_US_PER_KB_AIM: f64 = 25.0;
/// How many times cheaper than presidio-analyzer with pattern recognisers only.
const PEER_RATIO_AIM: f64 = 100.0;
/// The dearest text, in times of ordinary ones.
const WORST_RATIO_AIM: f64 = 4.0;

impl Findings {
    /// The page in Markdown.
    pub(super) fn page(&self) -> String {
        let kb: usize = self.kinds.iter().map(|costs| costs.kind.bytes()).sum::<usize>() / 1024;
        let mut page = format!(
            "# What detection costs\n\nWritten by `{}` on {}. Machine: {}, shared, so read ratios before absolute times. {} rounds in \
             turns, {:.0} s. Values are the median of the rounds, with the lowest and highest in brackets. Time is processor time of \
             the one thread that reads (`CLOCK_THREAD_CPUTIME_ID`); a KB is 1024 bytes.\n\n\
             Ordinary text is {kb} KB, in equal parts by kind: the innocent seeds of the score model with their choices made, the \
             sources of the bench, and generated logs and records. It is in the repository; nothing is fetched. *Whole* is one \
             `inspect`. *Streamed* is pieces of four characters into a scanner and then `inspect_late`, so with everything on; *held* \
             is the scanner alone.\n\n",
            self.command,
            self.date,
            self.machine,
            self.rounds,
            self.took.as_secs_f64(),
        );
        page.push_str(&table(&self.aims()));
        self.ordinary_table(&mut page);
        self.parts_table(&mut page);
        self.peer_table(&mut page);
        self.hostile_table(&mut page);
        self.memory_table(&mut page);
        page
    }

    /// The same for programs.
    pub(super) fn figures(&self) -> Value {
        let aims: Vec<Value> = self.aims().iter().map(Aim::figure).collect();
        let worst: Vec<Value> = self
            .by_ratio()
            .iter()
            .take(10)
            .map(|costs| json!({ "text": costs.name, "ratio": self.whole_ratio(costs).median }))
            .collect();
        let memory: Vec<Value> = self
            .memory
            .iter()
            .map(|memory| json!({ "text": memory.kind, "bytes": MEMORY_BYTES, "peak_mib": memory.peak_mib }))
            .collect();
        json!({
            "crates": CRATES, "aims": aims, "rounds": self.rounds, "search_tries": self.tries, "worst": worst, "memory": memory,
        })
    }

    fn aims(&self) -> Vec<Aim> {
        let ordinary = |what: &str, measured: f64| Aim {
            what: format!("ordinary text with everything on, {what}"),
            bound: Bound::AtMost(ORDINARY_US_PER_KB_AIM),
            measured: Ok(measured),
            unit: "µs/KB",
        };
        let dearest =
            self.kinds.iter().map(|costs| Spread::of(whole(costs).iter().copied()).median);
        let worst = |what: &str, ratios: Vec<f64>| Aim {
            what: format!("the dearest hostile text against ordinary text, {what}"),
            bound: Bound::AtMost(WORST_RATIO_AIM),
            measured: Ok(ratios.into_iter().fold(f64::NAN, f64::max)),
            unit: "×",
        };
        vec![
            ordinary("whole", self.mean(whole).median),
            ordinary("streamed", self.mean(|costs| &costs.streamed).median),
            ordinary("the dearest kind, whole", dearest.fold(f64::NAN, f64::max)),
            Aim {
                what: "cheaper than presidio-analyzer with pattern recognisers only, same texts"
                    .to_owned(),
                bound: Bound::AtLeast(PEER_RATIO_AIM),
                measured: self.peer.clone().map(|_| self.peer_ratio().median),
                unit: "×",
            },
            worst(
                "whole",
                self.hostile.iter().map(|costs| self.whole_ratio(costs).median).collect(),
            ),
            worst("held", self.hostile.iter().map(|costs| self.held_ratio(costs).median).collect()),
        ]
    }

    fn ordinary_table(&self, page: &mut String) {
        page.push_str(
            "\n## Ordinary text, µs per KB\n\n| kind | texts | KB | whole | streamed | held |\n|---|---|---|---|---|---|\n",
        );
        for costs in &self.kinds {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} |",
                costs.kind.name,
                costs.kind.texts.len(),
                costs.kind.bytes() / 1024,
                shown(whole(costs)),
                shown(&costs.streamed),
                shown(&costs.held),
            );
        }
        let [all, streamed, held] =
            [self.mean(whole), self.mean(|costs| &costs.streamed), self.mean(|costs| &costs.held)];
        let _ = writeln!(
            page,
            "| all | | | {} | {} | {} |",
            all.text(1),
            streamed.text(1),
            held.text(1)
        );
    }

    fn parts_table(&self, page: &mut String) {
        page.push_str(
            "\n## By part, µs per KB\n\nMedians, whole. *Walk* has every detector off: normalising, decoding and passing over the text. \
             The other columns are what one group of detectors adds to that when it alone is on: the held detectors of values and \
             secrets, the tagger of names, the score.\n\n| kind | everything | walk | values | names | score |\n|---|---|---|---|---|---|\n",
        );
        for costs in &self.kinds {
            let medians =
                costs.parts.each_ref().map(|part| Spread::of(part.iter().copied()).median);
            let [everything, walk, values, names, score] = medians;
            let _ = writeln!(
                page,
                "| {} | {everything:.1} | {walk:.1} | {:.1} | {:.1} | {:.1} |",
                costs.kind.name,
                values - walk,
                names - walk,
                score - walk,
            );
        }
    }

    fn peer_table(&self, page: &mut String) {
        let _ = write!(
            page,
            "\n## Against presidio-analyzer\n\n{} from PyPI in an environment of its own, a blank English spaCy, pattern recognisers \
             only, no network: `crates/bench/src/detection/presidio.py`. It reads the same texts in the same rounds; it looks for \
             personal data by pattern and for nothing else.\n\n",
            PACKAGES.map(|package| format!("`{package}`")).join(", "),
        );
        let count = match &self.peer {
            Ok(count) => count,
            Err(why) => {
                let _ = writeln!(page, "Not run: {why}. So the aim is not shown.");
                return;
            }
        };
        let _ = write!(
            page,
            "It ran {count} recognisers.\n\n| kind | presidio µs/KB | Bartizan µs/KB | × cheaper |\n|---|---|---|---|\n"
        );
        for costs in &self.kinds {
            let ratio = ratios(&costs.peer, whole(costs));
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} |",
                costs.kind.name,
                shown(&costs.peer),
                shown(whole(costs)),
                ratio.text(0),
            );
        }
        let _ = writeln!(
            page,
            "| all | {} | {} | {} |",
            self.mean(|costs| &costs.peer).text(1),
            self.mean(whole).text(1),
            self.peer_ratio().text(0),
        );
    }

    fn hostile_table(&self, page: &mut String) {
        let _ = write!(
            page,
            "\n## Hostile text, in times of ordinary text per byte\n\n{} KB each unless it says otherwise, dearest first. *Whole* is \
             against all ordinary text whole in the same round, *held* against all of it held. `search` texts were found in this run \
             by changing and repeating units {} times from a fixed seed and keeping the dearest.\n\n\
             | aimed at | text | whole | held | whole µs/KB |\n|---|---|---|---|---|\n",
            HOSTILE_BYTES / 1024,
            self.tries,
        );
        for costs in self.by_ratio() {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                costs.family,
                costs.name,
                self.whole_ratio(costs).text(2),
                self.held_ratio(costs).text(2),
                shown(&costs.whole),
            );
        }
    }

    fn memory_table(&self, page: &mut String) {
        page.push_str(
            "\n## Memory of one inspection\n\nBy how much it raises the peak of resident memory of a process that has the engine and the \
             text already. *Streamed* is the scanner, fed token by token.\n\n| text | 1 MB | 16 MB, the longest that is inspected |\n|---|---|---|\n",
        );
        for memory in &self.memory {
            let peaks: Vec<String> = memory
                .peak_mib
                .iter()
                .zip(MEMORY_BYTES)
                .map(|(mib, bytes)| {
                    format!("{mib:.1} MiB, {:.1} × the text", mib * 1_048_576.0 / bytes as f64)
                })
                .collect();
            let _ = writeln!(page, "| {} | {} |", memory.kind, peaks.join(" | "));
        }
    }

    /// All kinds together, round by round.
    fn rounds_of(&self, of: impl Fn(&KindCosts) -> &Costs) -> Costs {
        let bytes: f64 = self.kinds.iter().map(|costs| costs.kind.bytes() as f64).sum();
        let round = |round: usize| {
            let costs = self.kinds.iter().map(|costs| {
                of(costs).get(round).copied().unwrap_or(f64::NAN) * costs.kind.bytes() as f64
            });
            costs.sum::<f64>() / bytes
        };
        (0..self.rounds).map(round).collect()
    }

    fn mean(&self, of: impl Fn(&KindCosts) -> &Costs) -> Spread {
        Spread::of(self.rounds_of(of))
    }

    fn peer_ratio(&self) -> Spread {
        ratios(&self.rounds_of(|costs| &costs.peer), &self.rounds_of(whole))
    }

    fn whole_ratio(&self, costs: &HostileCosts) -> Spread {
        ratios(&costs.whole, &self.rounds_of(whole))
    }

    fn held_ratio(&self, costs: &HostileCosts) -> Spread {
        ratios(&costs.held, &self.rounds_of(|costs| &costs.held))
    }

    fn by_ratio(&self) -> Vec<&HostileCosts> {
        let mut sorted: Vec<&HostileCosts> = self.hostile.iter().collect();
        sorted.sort_by(|a, b| self.whole_ratio(b).median.total_cmp(&self.whole_ratio(a).median));
        sorted
    }
}

/// With everything on, in one piece.
fn whole(costs: &KindCosts) -> &Costs {
    let [everything, ..] = &costs.parts;
    const { assert!(matches!(Part::ALL, [Part::Everything, ..])) };
    everything
}

fn ratios(of: &[f64], to: &[f64]) -> Spread {
    Spread::of(of.iter().zip(to).map(|(of, to)| of / to))
}

fn shown(costs: &[f64]) -> String {
    Spread::of(costs.iter().copied()).text(1)
}
