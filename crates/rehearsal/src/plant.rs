//! What is planted: attacks and faults of several kinds and sizes.
//!
//! INVARIANT: a plant begins at [`BEGIN_S`] of its first hour and adds to, or changes, the caller's ordinary traffic.

use hunt::{Observation, Outcome, Print};

use crate::caller::{Caller, HOUR_MS, flipped};
use crate::random::Random;
use crate::weather::Weather;

/// When a plant begins, in seconds of its first hour.
pub(crate) const BEGIN_S: f64 = 600.0;
/// Hours that a slow ramp takes.
const RAMP_HOURS: f64 = 12.0;

/// A kind of plant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sort {
    /// Many distinct requests with long answers: so many times the caller's busiest hour, and at least so many in 10 seconds.
    Scraping(f64, f64),
    /// The same, over twenty models that the caller never asked for.
    Spread(f64, f64),
    /// Probes in a second, of which most are blocked.
    FuzzingBlocked(f64),
    /// Probes in a second, one text in ever other words, none blocked.
    FuzzingRephrased(f64),
    /// Requests in a minute of 20,000 tokens in and 4,000 out.
    Cost(f64),
    /// All answers take so many times as long.
    Latency(f64),
    /// A share of requests fails.
    Errors(f64),
    /// A share of requests is declined by the model.
    Refusals(f64),
    /// Scraping that grows over half a day up to so many times the caller's busiest hour.
    Ramp(f64),
}

/// A plant and what it is called.
pub(crate) struct Plant {
    pub(crate) name: &'static str,
    pub(crate) size: &'static str,
    pub(crate) sort: Sort,
    /// The findings that count.
    pub(crate) kinds: &'static [&'static str],
}

pub(crate) const fn plant(
    name: &'static str,
    size: &'static str,
    sort: Sort,
    kinds: &'static [&'static str],
) -> Plant {
    Plant { name, size, sort, kinds }
}

pub(crate) const SCRAPING: &[&str] = &["anomaly.scraping"];
pub(crate) const FUZZING: &[&str] = &["anomaly.fuzzing"];
const COST: &[&str] = &["anomaly.cost", "anomaly.scraping"];
const LATENCY: &[&str] = &["anomaly.latency"];
const ERRORS: &[&str] = &["anomaly.errors"];
const REFUSALS: &[&str] = &["anomaly.refusals"];

/// Everything that is planted.
pub(crate) const PLANTS: [Plant; 25] = [
    plant("scraping", "3 × the busiest hour, ≥ 0.3/s", Sort::Scraping(3.0, 0.3), SCRAPING),
    plant("scraping", "10 ×, ≥ 1/s", Sort::Scraping(10.0, 1.0), SCRAPING),
    plant("scraping", "30 ×, ≥ 3/s", Sort::Scraping(30.0, 3.0), SCRAPING),
    plant("scraping, 20 models", "10 ×, ≥ 1/s", Sort::Spread(10.0, 1.0), SCRAPING),
    plant("fuzzing, blocked", "0.2/s", Sort::FuzzingBlocked(0.2), FUZZING),
    plant("fuzzing, blocked", "0.5/s", Sort::FuzzingBlocked(0.5), FUZZING),
    plant("fuzzing, blocked", "2/s", Sort::FuzzingBlocked(2.0), FUZZING),
    plant("fuzzing, rephrased", "0.2/s", Sort::FuzzingRephrased(0.2), FUZZING),
    plant("fuzzing, rephrased", "0.5/s", Sort::FuzzingRephrased(0.5), FUZZING),
    plant("fuzzing, rephrased", "2/s", Sort::FuzzingRephrased(2.0), FUZZING),
    plant("cost", "2 large a minute", Sort::Cost(2.0), COST),
    plant("cost", "6 a minute", Sort::Cost(6.0), COST),
    plant("cost", "20 a minute", Sort::Cost(20.0), COST),
    plant("latency", "1.5 ×", Sort::Latency(1.5), LATENCY),
    plant("latency", "2 ×", Sort::Latency(2.0), LATENCY),
    plant("latency", "4 ×", Sort::Latency(4.0), LATENCY),
    plant("errors", "10 %", Sort::Errors(0.1), ERRORS),
    plant("errors", "30 %", Sort::Errors(0.3), ERRORS),
    plant("errors", "all", Sort::Errors(1.0), ERRORS),
    plant("refusals", "20 %", Sort::Refusals(0.2), REFUSALS),
    plant("refusals", "50 %", Sort::Refusals(0.5), REFUSALS),
    plant("refusals", "all", Sort::Refusals(1.0), REFUSALS),
    plant("slow ramp", "to 3 × in 12 h", Sort::Ramp(3.0), SCRAPING),
    plant("slow ramp", "to 10 × in 12 h", Sort::Ramp(10.0), SCRAPING),
    plant("slow ramp", "to 30 × in 12 h", Sort::Ramp(30.0), SCRAPING),
];

impl Plant {
    /// Hours that it is watched for.
    pub(crate) const fn hours(&self) -> u64 {
        match self.sort {
            Sort::Ramp(_) => 13,
            _ => 1,
        }
    }

    /// Whether an interaction is one that it added, over models of its own.
    pub(crate) fn model(&self, seen: &Observation, begin_ms: u64) -> Option<String> {
        let is_spread = matches!(self.sort, Sort::Spread(..)) && seen.time_ms >= begin_ms;
        // The caller's own few requests of that hour may go to other models too.
        is_spread.then(|| format!("invented{}", seen.print.map_or(0, |print| print.same % 20)))
    }

    /// Whether it changes the caller's own traffic, so that there must be some.
    pub(crate) const fn needs_traffic(&self) -> bool {
        matches!(self.sort, Sort::Latency(_) | Sort::Errors(_) | Sort::Refusals(_))
    }

    /// The hour's traffic with the plant in it.
    pub(crate) fn apply(
        &self,
        ordinary: Vec<Observation>,
        caller: &mut Caller,
        (begin_ms, hour): (u64, u64),
        weather: &Weather,
        random: &mut Random,
    ) -> Vec<Observation> {
        let mut all = ordinary;
        for seen in &mut all {
            if seen.time_ms >= begin_ms {
                self.change(seen, random);
            }
        }
        let (hour_ms, template) = (hour * HOUR_MS, begin_ms.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut at_ms = begin_ms.max(hour_ms) as f64;
        loop {
            let rate = self.rate((at_ms - begin_ms as f64) / 1_000.0, caller.busiest);
            if rate <= 0.0 {
                break;
            }
            at_ms += random.exponential(1_000.0 / rate);
            if at_ms >= (hour_ms + HOUR_MS) as f64 {
                break;
            }
            let plain = caller.request(at_ms as u64, weather);
            all.push(self.added(plain, template, random));
        }
        all.sort_by_key(|seen| seen.time_ms);
        all
    }

    /// Requests that it adds in a second, so many seconds after it began.
    pub(crate) fn rate(&self, after_s: f64, busiest: f64) -> f64 {
        let per_second = busiest / 3_600.0;
        match self.sort {
            Sort::Scraping(times, least) | Sort::Spread(times, least) => {
                (times * per_second).max(least)
            }
            Sort::FuzzingBlocked(rate) | Sort::FuzzingRephrased(rate) => rate,
            Sort::Cost(per_minute) => per_minute / 60.0,
            Sort::Ramp(times) => {
                let share = (after_s / (RAMP_HOURS * 3_600.0)).clamp(0.001, 1.0);
                (times * per_second).max(times * 0.02) * share
            }
            Sort::Latency(_) | Sort::Errors(_) | Sort::Refusals(_) => 0.0,
        }
    }

    fn change(&self, seen: &mut Observation, random: &mut Random) {
        match self.sort {
            Sort::Latency(times) => {
                seen.duration_us = (seen.duration_us as f64 * times) as u64;
                seen.first_byte_us = seen.first_byte_us.map(|us| (us as f64 * times) as u64);
            }
            Sort::Errors(share) if random.chance(share) => seen.outcome = Outcome::Failed,
            Sort::Refusals(share) if random.chance(share) => seen.outcome = Outcome::Declined,
            _ => {}
        }
    }

    pub(crate) fn added(
        &self,
        plain: Observation,
        template: u64,
        random: &mut Random,
    ) -> Observation {
        let new = Print { same: random.bits(), similar: random.bits() };
        let again = Print { same: random.bits(), similar: flipped(template, 6, random) };
        match self.sort {
            Sort::Scraping(..) | Sort::Spread(..) | Sort::Ramp(_) => Observation {
                output_tokens: plain.output_tokens * 3 / 2,
                print: Some(new),
                ..plain
            },
            Sort::FuzzingBlocked(_) => Observation {
                outcome: if random.chance(0.7) { Outcome::Blocked } else { Outcome::Answered },
                print: Some(new),
                ..plain
            },
            Sort::FuzzingRephrased(_) => Observation { print: Some(again), ..plain },
            Sort::Cost(_) => Observation {
                input_tokens: 20_000,
                output_tokens: 4_000,
                print: Some(new),
                ..plain
            },
            Sort::Latency(_) | Sort::Errors(_) | Sort::Refusals(_) => plain,
        }
    }
}
