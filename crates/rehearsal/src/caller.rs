//! Callers of very different sorts and sizes, and the traffic of one of them in an hour.
//!
//! INVARIANT: an hour's traffic depends on the caller's own random numbers and the weather, nothing else.

use events::Principal;
use hunt::{Observation, Outcome, Print, SeriesName};

use crate::random::Random;
use crate::weather::{UPSTREAMS, Weather};

pub(crate) const HOUR_MS: u64 = 3_600_000;

/// What a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// People who chat, in sessions.
    People,
    /// A service that asks whenever something happens.
    Service,
    /// Agents that work through tens of steps.
    Agents,
    /// A job at a fixed hour of the night, and little else.
    Batch,
    /// Developers: bursts of any size in working hours.
    Developers,
}

/// A caller with one series.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: SeriesName,
    pub(crate) sort: Sort,
    /// Requests in its busiest hours, about.
    pub(crate) busiest: f64,
    /// Requests by day, without jobs.
    by_day: f64,
    /// The share of that at night, and at weekends.
    night: f64,
    weekend: f64,
    /// Hours that its day is shifted by.
    shift: u64,
    /// The means of the logarithms of tokens in and out, and how much they vary.
    tokens: (f64, f64, f64),
    /// Microseconds of a token, and to the first.
    speed: (f64, f64),
    is_streamed: bool,
    pub(crate) upstream: usize,
    blocked: f64,
    declined: f64,
    faulty: f64,
    /// The share of texts made from one template.
    pub(crate) templates: f64,
    template: u64,
    job: Job,
    growth: f64,
    mood: f64,
    factor: (f64, f64, f64),
    random: Random,
    later: Vec<Observation>,
}

/// A batch job.
#[derive(Clone, Copy, Debug, Default)]
struct Job {
    hour: u64,
    requests: f64,
    per_second: f64,
    is_on_weekends: bool,
}

impl Caller {
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_add(number as u64 * 7_919));
        let sort = match number % 20 {
            0..=6 => Sort::People,
            7..=10 => Sort::Service,
            11..=13 => Sort::Agents,
            14..=16 => Sort::Batch,
            _ => Sort::Developers,
        };
        let by_day = match sort {
            Sort::People => random.size(3.0, 4_000.0),
            Sort::Service => random.size(10.0, 4_000.0),
            Sort::Agents => random.size(20.0, 1_500.0),
            Sort::Batch => random.size(2.0, 100.0),
            Sort::Developers => random.size(5.0, 300.0),
        };
        let (night, weekend) = match sort {
            Sort::Service => (random.between(0.3, 1.0), random.between(0.4, 1.0)),
            Sort::Developers => (0.01, 0.05),
            _ => (random.between(0.02, 0.2), random.between(0.1, 0.9)),
        };
        let job = if sort == Sort::Batch {
            Job {
                hour: random.below(24) as u64,
                requests: random.size(200.0, 5_000.0),
                per_second: random.between(0.5, 5.0),
                is_on_weekends: random.chance(0.5),
            }
        } else {
            Job::default()
        };
        let upstream = random.below(UPSTREAMS);
        // One caller in five has a second model under the same key.
        let owner = if number % 5 == 4 { number - 1 } else { number };
        let team = Some(format!("team{owner}"));
        let name = SeriesName {
            principal: Principal { team, ..Principal::default() },
            model: format!("model{number}"),
            upstream: format!("upstream{upstream}"),
        };
        Self {
            name,
            sort,
            busiest: by_day.max(job.requests.min(job.per_second * 3_600.0)),
            by_day,
            night,
            weekend,
            shift: random.below(24) as u64,
            tokens: (
                random.size(100.0, 4_000.0).ln(),
                random.size(50.0, 800.0).ln(),
                random.between(0.4, 1.1),
            ),
            speed: (random.size(8_000.0, 40_000.0), random.size(200_000.0, 900_000.0)),
            is_streamed: random.chance(0.7),
            upstream,
            blocked: random.size(0.000_5, 0.01),
            declined: random.size(0.002, 0.05),
            faulty: random.size(0.000_5, 0.01),
            templates: if random.chance(0.5) { random.between(0.3, 1.0) } else { 0.02 },
            template: random.bits(),
            job,
            growth: random.normal() * 0.02,
            mood: 0.0,
            factor: (1.0, 1.0, 1.0),
            random,
            later: Vec::new(),
        }
    }

    /// Its traffic in an hour (counted since 1970), in order.
    pub(crate) fn hour(&mut self, hour: u64, weather: &Weather) -> Vec<Observation> {
        self.change();
        let mean = self.mean(hour, weather);
        let (length, pause_s) = match self.sort {
            Sort::People => (4.0, 40.0),
            Sort::Agents => (20.0, 5.0),
            Sort::Developers => (self.random.size(1.0, 60.0), 3.0),
            Sort::Service | Sort::Batch => (1.0, 1.0),
        };
        let mut starts = Vec::new();
        for _ in 0..self.random.poisson(mean / length) {
            let mut at = self.random.between(0.0, 3_600.0);
            let requests = 1.0 + self.random.exponential(length - 1.0 + 1e-9);
            for _ in 0..requests as usize {
                starts.push(at);
                at += self.random.exponential(pause_s);
            }
        }
        self.run_job(hour, &mut starts);
        let mut all = std::mem::take(&mut self.later);
        for at in starts {
            let time_ms = hour * HOUR_MS + (at * 1_000.0) as u64;
            all.push(self.request(time_ms, weather));
        }
        all.sort_by_key(|seen| seen.time_ms);
        let end = all.partition_point(|seen| seen.time_ms < (hour + 1) * HOUR_MS);
        self.later = all.split_off(end);
        all
    }

    /// Moods, growth and releases.
    fn change(&mut self) {
        let random = &mut self.random;
        self.mood = self.mood * 0.85 + 0.1 * random.normal();
        self.factor.0 *= (self.growth / 168.0).exp();
        if random.chance(1.0 / (4.0 * 168.0)) {
            // A release, once a month: other prompts, other speed, more or fewer requests, for good.
            self.factor.0 *= random.between(-0.3, 0.3).exp();
            self.factor.1 *= random.between(-0.4, 0.4).exp();
            self.factor.2 *= random.between(-0.25, 0.25).exp();
        }
    }

    /// Requests expected in an hour.
    fn mean(&self, hour: u64, weather: &Weather) -> f64 {
        let local = hour + self.shift;
        let (day, of_day) = ((local / 24 + 3) % 7, (local % 24) as f64);
        let bell = (-((of_day - 13.5) / 4.0).powi(2)).exp();
        let season = self.night + (1.0 - self.night) * bell;
        let weekend = if day >= 5 { self.weekend } else { 1.0 };
        let people =
            if self.sort == Sort::Service { weather.people.sqrt() } else { weather.people };
        self.by_day * season * weekend * people * self.factor.0 * self.mood.exp()
    }

    /// The nightly job, give or take some minutes, and now and then one by hand.
    fn run_job(&mut self, hour: u64, starts: &mut Vec<f64>) {
        if self.job.requests == 0.0 {
            return;
        }
        let is_weekend = (hour / 24 + 3) % 7 >= 5;
        let is_due = hour % 24 == self.job.hour && (self.job.is_on_weekends || !is_weekend);
        let by_hand = (8..18).contains(&(hour % 24)) && self.random.chance(1.0 / (70.0 * 4.0));
        if !is_due && !by_hand {
            return;
        }
        let share = if is_due { 1.0 } else { self.random.size(0.1, 1.0) };
        let mut at = if is_due { self.random.between(0.0, 300.0) } else { 1_200.0 };
        let requests = self.job.requests * share * (0.15 * self.random.normal()).exp();
        for _ in 0..requests as usize {
            at += self.random.exponential(1.0 / self.job.per_second);
            starts.push(at);
        }
    }

    /// One ordinary request.
    pub(crate) fn request(&mut self, time_ms: u64, weather: &Weather) -> Observation {
        let minute = (time_ms / 60_000 % 60) as usize;
        let (slow, faulty) =
            (weather.slow[self.upstream][minute], weather.faulty[self.upstream][minute]);
        let template = self.template;
        let random = &mut self.random;
        let (input, output, spread) = self.tokens;
        let input = (input + spread * random.normal()).exp() * self.factor.1;
        let output = (output + spread * random.normal()).exp();
        let noise = (0.3 * random.normal()).exp() * slow * self.factor.2;
        let first = self.speed.1 * noise;
        let similar = if random.chance(self.templates) {
            flipped(template, 5, random)
        } else {
            random.bits()
        };
        let draw = random.unit();
        let outcome = match draw {
            low if low < self.blocked => Outcome::Blocked,
            low if low < self.blocked + self.declined => Outcome::Declined,
            low if low < self.blocked + self.declined + self.faulty + faulty => Outcome::Failed,
            _ => Outcome::Answered,
        };
        Observation {
            time_ms,
            input_tokens: input as u64,
            output_tokens: output as u64,
            duration_us: (first + self.speed.0 * output * noise) as u64,
            first_byte_us: self.is_streamed.then_some(first as u64),
            outcome,
            print: Some(Print { same: random.bits(), similar }),
        }
    }
}

/// The same text in other words.
pub(crate) fn flipped(print: u64, bits: usize, random: &mut Random) -> u64 {
    (0..bits).fold(print, |print, _| print ^ (1 << random.below(64)))
}
