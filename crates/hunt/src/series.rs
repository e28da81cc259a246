//! One series: its fading sums, what it has learnt, and when it says that something is not ordinary.
//!
//! INVARIANT: fixed size. INVARIANT: what is compared is learnt from hours that have ended, never from the one being judged.
//! INVARIANT: time that runs backwards counts as standing still.

use crate::distinct::Distinct;
use crate::familiar::Recent;
use crate::fleet::Fleet;
use crate::learnt::Learnt;
use crate::measure::{
    BLOCKED, COST, ERRORS, FIRST_BYTE, LATENCY, MEASURES, PATTERNS, Pattern, REFUSALS, REPHRASED,
    REQUESTS, SCALE_SECONDS, SCALES, TABLE,
};
use crate::observation::{Observation, Outcome};
use crate::season::places;
use crate::tail::Tail;

const HOUR_MS: u64 = 3_600_000;
/// Hours without traffic that are caught up with one by one; a longer silence ends in these.
const CAUGHT_UP_HOURS_MAX: u32 = 28 * 24;
/// Of an hour that was seen in part, the share that may be missing for the rest to stand for it.
const UNSEEN_MAX: f32 = 0.75;
/// Interactions that are added to what was seen and to what is expected, so that few of them say little.
const STEADY: f32 = 2.0;
const STEADY_TIMES: f32 = 4.0;
/// An output token costs as much as so many input tokens, as most price lists have it.
const OUTPUT_COST: f32 = 4.0;
/// Tokens that stand for the part of an answer's time that does not depend on its length.
const FIXED_TOKENS: f32 = 50.0;
/// How much a day moves what is known of an hour of the day.
const TIME_OF_DAY_WEIGHT: f32 = 0.1;
/// A single time counts at most so many times the ordinary, as a logarithm.
const TIMES_MAX: f32 = 2.0;
/// Interactions that what the fleet's requests are like counts as.
const SHARE_PRIOR: f32 = 50.0;
/// Hours with traffic in which what was learnt counts half.
const FADE_HOURS: f32 = 168.0;
/// How much higher a threshold is for a series that nothing is known of, as a logarithm, and the hours in which that halves.
const COLD: f32 = 3.0;
const COLD_HOURS: f32 = 6.0;
/// An anomaly is over when nothing was above a threshold for so long.
const QUIET_MS: u64 = HOUR_MS;
/// A flood of requests of which fewer are new is a loop and not a harvest.
const DISTINCT_MIN: f32 = 0.25;

/// Something for each measure and length of time.
pub(crate) type Table<T> = [[T; SCALES]; MEASURES];

/// A series.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) learnt: Learnt,
    pub(crate) last_ms: u64,
    sums: Table<f32>,
    /// What of the sums is left out when they are compared.
    pub(crate) aside: Table<f32>,
    expected: [f32; SCALES],
    /// Requests expected in the hour before, in this one, and in the next.
    rates: [f32; 3],
    hour: Hour,
    since_s: Table<u32>,
    quiet_ms: [u64; PATTERNS],
    recent: Recent,
    distinct: Distinct,
}

/// The hour that has not ended yet.
#[derive(Clone, Debug, Default)]
struct Hour {
    number: u32,
    /// The share of it that was over before anything was seen.
    unseen: f32,
    totals: [f32; MEASURES],
    timed: [f32; 2],
    peaks: Table<f32>,
    was_flagged: bool,
}

/// Something that is not ordinary.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) pattern: Pattern,
    pub(crate) measure: usize,
    pub(crate) scale: usize,
    pub(crate) observed: f32,
    pub(crate) ordinary: f32,
    pub(crate) rank: f32,
    pub(crate) since_ms: u64,
    pub(crate) distinct: f32,
}

/// A value above its threshold.
#[derive(Clone, Copy)]
struct Exceeded {
    measure: usize,
    scale: usize,
    rank: f32,
}

const fn hour_of(time_ms: u64) -> u32 {
    let hour = time_ms / HOUR_MS;
    if hour > u32::MAX as u64 { u32::MAX } else { hour as u32 }
}

impl Series {
    /// A series that begins.
    pub(crate) fn new(time_ms: u64, fleet: &Fleet) -> Self {
        let tails = fleet.tails.map(|tails| tails.map(|tail| Tail { hours: 0.0, ..tail }));
        Self::resume(Learnt { tails, ..Learnt::default() }, time_ms, fleet)
    }

    /// A series that goes on with what was learnt; what happened before `time_ms` no longer counts, and its silence neither.
    pub(crate) fn resume(learnt: Learnt, time_ms: u64, fleet: &Fleet) -> Self {
        let mut series = Self {
            learnt,
            last_ms: time_ms,
            sums: Table::default(),
            aside: Table::default(),
            expected: [0.0; SCALES],
            rates: [0.0; 3],
            hour: Hour {
                number: hour_of(time_ms),
                unseen: (time_ms % HOUR_MS) as f32 / HOUR_MS as f32,
                ..Hour::default()
            },
            since_s: Table::default(),
            quiet_ms: [0; PATTERNS],
            recent: Recent::default(),
            distinct: Distinct::default(),
        };
        series.look_ahead(fleet);
        for (expected, seconds) in series.expected.iter_mut().zip(SCALE_SECONDS) {
            *expected = series.rates[1] / 3_600.0 * seconds;
        }
        series
    }

    /// Takes an interaction; what is not ordinary since then.
    pub(crate) fn observe(&mut self, seen: &Observation, fleet: &mut Fleet) -> Vec<Alarm> {
        let time_ms = seen.time_ms.max(self.last_ms);
        self.advance(time_ms, fleet);
        let added = self.weigh(seen, time_ms);
        let mut exceeded: Vec<Exceeded> = Vec::new();
        for measure in JUDGED {
            let weight = added[measure];
            if weight == 0.0 {
                continue;
            }
            self.hour.totals[measure] += weight;
            for sum in &mut self.sums[measure] {
                *sum += weight;
            }
        }
        for measure in JUDGED {
            if added[measure] != 0.0 {
                exceeded.extend(self.judge(measure, time_ms, fleet));
            }
        }
        if exceeded.is_empty() {
            return Vec::new();
        }
        self.hour.was_flagged = true;
        let alarms = exceeded.iter().filter_map(|one| self.raise(*one, time_ms, fleet));
        alarms.collect()
    }

    /// Whether it is news to this series that a pattern was found in a wider one; from now on it is none.
    pub(crate) fn hears(&mut self, pattern: Pattern, time_ms: u64) -> bool {
        let quiet_ms = &mut self.quiet_ms[pattern as usize];
        let is_news = time_ms >= *quiet_ms;
        *quiet_ms = time_ms.saturating_add(QUIET_MS);
        is_news
    }

    /// Whether anything was said lately.
    pub(crate) fn is_loud(&self, time_ms: u64) -> bool {
        self.quiet_ms.iter().any(|quiet_ms| time_ms < *quiet_ms)
    }

    /// What its sums have beyond the ordinary, at a time since which nothing was seen.
    pub(crate) fn beyond_ordinary(&self, time_ms: u64, fleet: &Fleet) -> Table<f32> {
        let seconds = time_ms.saturating_sub(self.last_ms) as f32 / 1_000.0;
        let kept = SCALE_SECONDS.map(|length| (-seconds / length).exp());
        let mut excess = self.sums;
        for (measure, sums) in excess.iter_mut().enumerate() {
            let share = if measure == REQUESTS { 1.0 } else { self.share(measure, fleet) };
            for (scale, sum) in sums.iter_mut().enumerate() {
                if !matches!(measure, LATENCY | FIRST_BYTE) {
                    *sum = (*sum - self.expected[scale] * share).max(0.0);
                }
                *sum *= kept[scale];
            }
        }
        excess
    }

    /// Notes that what this hour holds is not to be learnt as ordinary.
    pub(crate) const fn flag(&mut self) {
        self.hour.was_flagged = true;
    }

    /// Moves to a time: sums fade, hours that have ended are learnt.
    pub(crate) fn advance(&mut self, time_ms: u64, fleet: &mut Fleet) {
        let now = hour_of(time_ms);
        let behind = now.saturating_sub(self.hour.number);
        if behind > CAUGHT_UP_HOURS_MAX {
            self.end_hour(fleet);
            self.hour.number = now - CAUGHT_UP_HOURS_MAX;
        }
        while self.hour.number < now {
            let end_ms = (u64::from(self.hour.number) + 1) * HOUR_MS;
            self.fade(end_ms);
            self.end_hour(fleet);
            self.hour.number += 1;
            self.look_ahead(fleet);
        }
        self.fade(time_ms);
    }

    fn look_ahead(&mut self, fleet: &Fleet) {
        let hour = self.hour.number;
        let hours = [hour.saturating_sub(1), hour, hour.saturating_add(1)];
        self.rates = hours.map(|hour| self.learnt.season.expect(hour, fleet));
    }

    /// Requests expected per second at a time within the hour: along the line between the middles of hours, but never below the hour's own mean.
    fn rate(&self, time_ms: u64) -> f32 {
        let within = (time_ms % HOUR_MS) as f32 / HOUR_MS as f32;
        let [before, now, after] = self.rates;
        let line = if within < 0.5 {
            before + (now - before) * (within + 0.5)
        } else {
            now + (after - now) * (within - 0.5)
        };
        line.max(now) / 3_600.0
    }

    fn fade(&mut self, time_ms: u64) {
        if time_ms <= self.last_ms {
            return;
        }
        let seconds = (time_ms - self.last_ms) as f32 / 1_000.0;
        let rate = self.rate(self.last_ms);
        for (scale, length) in SCALE_SECONDS.iter().enumerate() {
            let kept = (-seconds / length).exp();
            let expected = &mut self.expected[scale];
            *expected = *expected * kept + rate * length * (1.0 - kept);
            for sums in &mut self.sums {
                sums[scale] *= kept;
            }
        }
        self.last_ms = time_ms;
    }

    /// What an interaction adds to each measure.
    fn weigh(&mut self, seen: &Observation, time_ms: u64) -> [f32; MEASURES] {
        let mut added = [0.0; MEASURES];
        added[REQUESTS] = 1.0;
        let (input, output) = (seen.input_tokens as f32, seen.output_tokens as f32);
        added[COST] = (input + OUTPUT_COST * output).min(1e9);
        let is = |outcome: Outcome| f32::from(u8::from(seen.outcome == outcome));
        added[BLOCKED] = is(Outcome::Blocked);
        added[ERRORS] = is(Outcome::Failed);
        added[REFUSALS] = is(Outcome::Declined);
        if let Some(print) = seen.print {
            added[REPHRASED] = {
                let families = &mut self.learnt.families;
                f32::from(u8::from(self.recent.take(print, self.hour.number, families)))
            };
            self.distinct.add(time_ms, print.same);
        } else {
            self.distinct.add(time_ms, time_ms);
        }
        if seen.outcome == Outcome::Answered {
            let whole = seen.duration_us.max(1) as f32 / (output + FIXED_TOKENS);
            added[LATENCY] = self.time(0, whole.ln());
            if let Some(first) = seen.first_byte_us {
                added[FIRST_BYTE] = self.time(1, (first.max(1) as f32).ln());
            }
        }
        added
    }

    /// How a time compares with the ordinary, as a logarithm.
    fn time(&mut self, which: usize, time: f32) -> f32 {
        let timed = self.hour.timed[which] + 1.0;
        self.hour.timed[which] = timed;
        if self.learnt.hours == 0.0 {
            // Nothing is known yet: the first hour is compared with itself.
            self.learnt.times[which] += (time - self.learnt.times[which]) / timed;
        }
        (time - self.usual_time(which)).clamp(-TIMES_MAX, TIMES_MAX)
    }

    fn usual_time(&self, which: usize) -> f32 {
        let of_day = self.learnt.time_of_day[which][self.hour.number as usize % 24];
        self.learnt.times[which] + of_day
    }

    /// What a request ordinarily adds to a measure.
    fn share(&self, measure: usize, fleet: &Fleet) -> f32 {
        let Learnt { totals, .. } = &self.learnt;
        let prior = fleet.shares[measure] * SHARE_PRIOR;
        (totals[measure] + prior) / (totals[REQUESTS] + SHARE_PRIOR)
    }

    /// What was seen of a measure and is not left out.
    fn sum(&self, measure: usize, scale: usize) -> f32 {
        let sum = self.sums[measure][scale] - self.aside[measure][scale];
        if matches!(measure, LATENCY | FIRST_BYTE) { sum } else { sum.max(0.0) }
    }

    /// What was seen of a measure and what would be ordinary, over a scale.
    fn compare(&self, measure: usize, scale: usize, fleet: &Fleet) -> (f32, f32) {
        let seen = self.sum(measure, scale);
        let ordinary = match measure {
            REQUESTS => self.expected[scale],
            COST => self.expected[scale] * self.share(COST, fleet),
            LATENCY | FIRST_BYTE => 0.0,
            share => self.sum(REQUESTS, scale) * self.share(share, fleet),
        };
        (seen, ordinary)
    }

    /// How many times the ordinary a measure is, as a logarithm.
    fn value(&self, measure: usize, scale: usize, fleet: &Fleet) -> f32 {
        let (seen, ordinary) = self.compare(measure, scale, fleet);
        match measure {
            LATENCY | FIRST_BYTE => seen / (self.sums[REQUESTS][scale] + STEADY_TIMES),
            COST => {
                let steady = STEADY * self.share(COST, fleet).max(1.0);
                ((seen + steady) / (ordinary + steady)).ln()
            }
            _ => ((seen + STEADY) / (ordinary + STEADY)).ln(),
        }
    }

    /// The scale on which a measure is furthest above its threshold.
    fn judge(&mut self, measure: usize, time_ms: u64, fleet: &Fleet) -> Option<Exceeded> {
        let cold = COLD / (1.0 + self.learnt.hours / COLD_HOURS);
        let mut found: Option<Exceeded> = None;
        for scale in 0..SCALES {
            let value = self.value(measure, scale, fleet);
            let peak = &mut self.hour.peaks[measure][scale];
            *peak = peak.max(value);
            let tail = &self.learnt.tails[measure][scale];
            let since = &mut self.since_s[measure][scale];
            if value <= tail.level {
                *since = 0;
                continue;
            }
            if *since == 0 {
                *since = (time_ms / 1_000) as u32;
            }
            let table = &TABLE[measure];
            let threshold = (tail.threshold(table.above) + cold).max(table.times_min[scale].ln());
            let rank = tail.rank(value, table.above);
            if value > threshold
                && self.excess(measure, scale, fleet) >= table.excess_min
                && found.is_none_or(|best| rank > best.rank)
            {
                found = Some(Exceeded { measure, scale, rank });
            }
        }
        found
    }

    /// By how many interactions a measure is above the ordinary.
    fn excess(&self, measure: usize, scale: usize, fleet: &Fleet) -> f32 {
        let (seen, ordinary) = self.compare(measure, scale, fleet);
        match measure {
            COST => (seen - ordinary) / self.share(COST, fleet).max(1.0),
            LATENCY | FIRST_BYTE => self.sums[REQUESTS][scale],
            _ => seen - ordinary,
        }
    }

    /// What a value above its threshold means, unless it has been said.
    fn raise(&mut self, one: Exceeded, time_ms: u64, fleet: &Fleet) -> Option<Alarm> {
        let Exceeded { measure, scale, rank } = one;
        let pattern = self.pattern(one, fleet);
        let is_open = |series: &Self, pattern: Pattern| time_ms < series.quiet_ms[pattern as usize];
        let sums = |measure: usize| self.sum(measure, scale);
        let is_flood = matches!(pattern, Pattern::Scraping | Pattern::Cost);
        let is_fuzzing = is_open(self, Pattern::Fuzzing)
            && sums(BLOCKED) + sums(REPHRASED) >= sums(REQUESTS) / 2.0;
        let is_known = measure == COST
            && (is_open(self, Pattern::Scraping) || is_open(self, Pattern::Cost))
            && self.value(COST, scale, fleet)
                < self.value(REQUESTS, scale, fleet) + std::f32::consts::LN_2;
        if is_flood && (is_fuzzing || is_known) {
            return None;
        }
        let was_open = is_open(self, pattern);
        self.quiet_ms[pattern as usize] = time_ms.saturating_add(QUIET_MS);
        if was_open {
            return None;
        }
        let (observed, ordinary) = self.shown(measure, scale, fleet);
        let since_ms = u64::from(self.since_s[measure][scale]) * 1_000;
        let distinct = self.distinct.share();
        Some(Alarm { pattern, measure, scale, observed, ordinary, rank, since_ms, distinct })
    }

    fn pattern(&self, one: Exceeded, fleet: &Fleet) -> Pattern {
        let Exceeded { measure, scale, .. } = one;
        let is_loop = self.distinct.share() < DISTINCT_MIN;
        let requests = self.value(REQUESTS, scale, fleet);
        match measure {
            REQUESTS if is_loop => Pattern::Cost,
            COST if !is_loop && requests > self.value(COST, scale, fleet) / 2.0 => {
                Pattern::Scraping
            }
            measure => TABLE[measure].pattern,
        }
    }

    /// What was seen and what would be ordinary, for people.
    fn shown(&self, measure: usize, scale: usize, fleet: &Fleet) -> (f32, f32) {
        match measure {
            LATENCY | FIRST_BYTE => {
                let ordinary = self.usual_time(measure - LATENCY).exp();
                let requests = self.sums[REQUESTS][scale].max(1.0);
                (ordinary * (self.sum(measure, scale) / requests).exp(), ordinary)
            }
            _ => self.compare(measure, scale, fleet),
        }
    }

    /// Learns from the hour that has ended, and begins the next.
    fn end_hour(&mut self, fleet: &mut Fleet) {
        let number = self.hour.number;
        let hour = std::mem::replace(&mut self.hour, Hour { number, ..Hour::default() });
        let requests = hour.totals[REQUESTS];
        let shares: [f32; MEASURES] = std::array::from_fn(|measure| self.share(measure, fleet));
        if hour.unseen < UNSEEN_MAX {
            let whole = requests / (1.0 - hour.unseen);
            self.learnt.season.learn(number, whole, hour.was_flagged, fleet);
            let (_, day) = places(number);
            fleet.learn(day, whole, self.learnt.season.level, &shares);
        }
        if requests == 0.0 {
            return;
        }
        let first = self.learnt.hours == 0.0;
        let learnt = &mut self.learnt;
        for (which, timed) in hour.timed.iter().enumerate() {
            if *timed > 0.0 && !first {
                let off = hour.totals[LATENCY + which] / (timed + STEADY_TIMES);
                let weight = (1.0 / (learnt.hours + 1.0)).max(0.02);
                let off = off.clamp(-0.5, 0.5);
                learnt.times[which] += off * weight;
                let of_day = &mut learnt.time_of_day[which][number as usize % 24];
                *of_day = (*of_day + off * TIME_OF_DAY_WEIGHT).clamp(-1.0, 1.0) * 0.98;
            }
        }
        let kept = (-std::f32::consts::LN_2 / FADE_HOURS).exp();
        let usual = learnt.totals[REQUESTS] / learnt.hours.clamp(1.0, FADE_HOURS);
        // A loud hour counts as a few ordinary ones, and in none may a share leap.
        let counted = requests.min(4.0 * usual + 20.0) / requests;
        for (measure, total) in learnt.totals.iter_mut().enumerate().take(LATENCY) {
            let most = 4.0 * shares[measure] * requests + 2.0 * shares[measure].max(1.0);
            *total = *total * kept + hour.totals[measure].min(most) * counted;
        }
        for ((tails, peaks), measure) in learnt.tails.iter_mut().zip(&hour.peaks).zip(&TABLE) {
            for (tail, peak) in tails.iter_mut().zip(peaks) {
                tail.learn(*peak, measure.above);
            }
        }
        learnt.hours += 1.0;
        fleet.learn_peaks(&hour.peaks);
    }
}

/// The order in which measures are judged: what says more comes first.
const JUDGED: [usize; MEASURES] =
    [BLOCKED, REPHRASED, ERRORS, REFUSALS, REQUESTS, COST, LATENCY, FIRST_BYTE];
