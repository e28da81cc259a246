//! What all callers share: holidays, and how slow and faulty the providers are.
//!
//! INVARIANT: all of it is ordinary, and none of it is known to the baselines beforehand.

use crate::random::Random;

/// How many upstreams there are.
pub(crate) const UPSTREAMS: usize = 3;
/// Minutes of an hour, each with its own weather.
const MINUTES: usize = 60;

/// One hour.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// How much traffic of people there is: 1, or less on a holiday.
    pub(crate) people: f64,
    /// How many times the ordinary answers take, by upstream and minute.
    pub(crate) slow: [[f64; MINUTES]; UPSTREAMS],
    /// The share of requests that fail beside what a caller's own do.
    pub(crate) faulty: [[f64; MINUTES]; UPSTREAMS],
}

/// Makes the weather.
#[derive(Clone, Debug)]
pub(crate) struct Sky {
    random: Random,
    drift: [f64; UPSTREAMS],
    slow_minutes: [usize; UPSTREAMS],
    faulty_minutes: [usize; UPSTREAMS],
    is_holiday: bool,
}

impl Sky {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            drift: [0.0; UPSTREAMS],
            slow_minutes: [0; UPSTREAMS],
            faulty_minutes: [0; UPSTREAMS],
            is_holiday: false,
        }
    }

    /// The weather of the next hour.
    pub(crate) fn next(&mut self, hour: u64) -> Weather {
        let random = &mut self.random;
        if hour.is_multiple_of(24) {
            // A working day in sixteen is one.
            self.is_holiday = random.chance(0.06);
        }
        let people = if self.is_holiday { 0.2 } else { 1.0 };
        let mut weather = Weather {
            people,
            slow: [[1.0; MINUTES]; UPSTREAMS],
            faulty: [[0.0; MINUTES]; UPSTREAMS],
        };
        // Providers are slower when people are awake.
        let busy = 0.12 * ((hour % 24) as f64 / 24.0 * std::f64::consts::TAU - 3.9).cos();
        for upstream in 0..UPSTREAMS {
            for minute in 0..MINUTES {
                let drift = &mut self.drift[upstream];
                *drift = *drift * 0.97 + 0.03 * random.normal();
                // Twice a week a quarter of an hour is slow, and a minute or two are faulty.
                if random.chance(2.0 / 10_080.0) {
                    self.slow_minutes[upstream] = 15;
                }
                if random.chance(2.0 / 10_080.0) {
                    self.faulty_minutes[upstream] = 1 + random.below(2);
                }
                let slow = if self.slow_minutes[upstream] > 0 { 0.25 } else { 0.0 };
                weather.slow[upstream][minute] = (*drift + busy + slow).exp();
                weather.faulty[upstream][minute] =
                    if self.faulty_minutes[upstream] > 0 { 0.1 } else { 0.0 };
                self.slow_minutes[upstream] = self.slow_minutes[upstream].saturating_sub(1);
                self.faulty_minutes[upstream] = self.faulty_minutes[upstream].saturating_sub(1);
            }
        }
        weather
    }
}
