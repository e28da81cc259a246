//! Campaigns that are planted.
//!
//! INVARIANT: of what attackers send, only the stated share is found, with a rank of 20 to 50; the rest looks like any other text.

use events::{Kind, Rank};
use hunt::{Fate, Sighting};

use super::crowd::{Crowd, KINDS, Said, address, sketch};
use crate::caller::HOUR_MS;
use crate::random::Random;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plot {
    /// A program with one key that fills the slots of a few templates.
    Fuzzer,
    /// A program with one key that never says the same twice.
    Mutator,
    /// Many keys from as many networks, three requests each, of one template.
    Botnet,
    /// Somebody who tries by hand over three days, and otherwise asks what anybody asks.
    Slow,
    /// One caller who tries one technique after the other.
    Sweep,
    /// A jailbreak that goes round: people who have nothing to do with each other paste it.
    Pasted,
    /// An end user of a busy application.
    Insider,
}

/// One way of planting.
pub(crate) struct Plant {
    pub(crate) name: &'static str,
    pub(crate) plot: Plot,
    pub(crate) requests: usize,
    pub(crate) hours: u64,
    /// The share of its requests in which something is found.
    pub(crate) found: f64,
}

const fn plant(
    name: &'static str,
    plot: Plot,
    (requests, hours): (usize, u64),
    found: f64,
) -> Plant {
    Plant { name, plot, requests, hours, found }
}

/// All that is planted.
pub(crate) const PLANTS: [Plant; 14] = [
    plant("fuzzer with templates, one key", Plot::Fuzzer, (600, 1), 0.7),
    plant("the same, seldom found", Plot::Fuzzer, (600, 1), 0.25),
    plant("fuzzer without templates, one key", Plot::Mutator, (600, 1), 0.7),
    plant("the same, seldom found", Plot::Mutator, (600, 1), 0.25),
    plant("botnet of 200 keys with a template", Plot::Botnet, (600, 3), 0.7),
    plant("the same, seldom found", Plot::Botnet, (600, 3), 0.25),
    plant("one person over three days", Plot::Slow, (60, 72), 0.5),
    plant("the same, seldom found", Plot::Slow, (60, 72), 0.25),
    plant("sweep over 8 techniques, one key", Plot::Sweep, (80, 2), 0.7),
    plant("the same, seldom found", Plot::Sweep, (80, 2), 0.25),
    plant("jailbreak pasted by unrelated people", Plot::Pasted, (40, 24), 0.9),
    plant("the same, in words of their own", Plot::Pasted, (40, 24), 0.5),
    plant("end user of a busy application", Plot::Insider, (60, 3), 0.7),
    plant("the same, seldom found", Plot::Insider, (60, 3), 0.25),
];

/// Keys of the botnet.
const KEYS: usize = 200;
/// Templates of the fuzzer.
const TEMPLATES: usize = 4;
/// Numbers of strangers, so that no plant meets those of another.
const STRANGERS: usize = 1_000;

impl Plant {
    /// Its requests from an hour on, in order.
    pub(crate) fn requests(
        &self,
        crowd: &mut Crowd,
        hour: u64,
        number: usize,
        random: &mut Random,
    ) -> Vec<Sighting> {
        let begin_ms = hour * HOUR_MS + 60_000;
        let length_ms = (self.hours * HOUR_MS - 120_000) as f64;
        let mut times: Vec<u64> =
            (0..self.requests).map(|_| begin_ms + (random.unit() * length_ms) as u64).collect();
        times.sort_unstable();
        let base = STRANGERS * (number + 1);
        let template = random.bits();
        let insiders = crowd.with_end_users();
        let host = insiders.get(random.below(insiders.len())).copied().unwrap_or_default();
        let mut all = Vec::with_capacity(times.len());
        for (at, time_ms) in times.into_iter().enumerate() {
            let mut seen = match self.plot {
                Plot::Fuzzer | Plot::Mutator | Plot::Slow | Plot::Sweep => {
                    crowd.stranger(base, time_ms)
                }
                Plot::Botnet => crowd.stranger(base + at % KEYS, time_ms),
                Plot::Insider | Plot::Pasted => {
                    let nothing = Said { sketch: hunt::Sketch::NOTHING, rank: 0 };
                    let who = if self.plot == Plot::Insider {
                        host
                    } else {
                        insiders.get(random.below(insiders.len())).copied().unwrap_or_default()
                    };
                    crowd.ask(who, time_ms, (nothing, Fate::Passed))
                }
            };
            if self.plot == Plot::Insider {
                seen.principal.end_user = Some(format!("insider{number}"));
                seen.address = Some(address(number % 8));
            }
            self.write(&mut seen, (at, template), random);
            all.push(seen);
        }
        all
    }

    /// What is said in a request, and what is found in it.
    fn write(&self, seen: &mut Sighting, (at, template): (usize, u64), random: &mut Random) {
        let slot = random.bits();
        let (fixed, free) = match self.plot {
            Plot::Fuzzer => (template.wrapping_add((at % TEMPLATES * 1_000) as u64), (24, 12)),
            Plot::Botnet => (template, (24, 12)),
            Plot::Pasted if self.found < 0.6 => (template, (30, 20)),
            Plot::Pasted => (template, (60, 4)),
            Plot::Mutator | Plot::Slow | Plot::Sweep | Plot::Insider => (template, (0, 40)),
        };
        let of_template = (0..free.0).map(|part| fixed.wrapping_add(part));
        let of_slot = (0..free.1).map(|part| slot.wrapping_add(part));
        seen.sketch = sketch(of_template.chain(of_slot));
        if !random.chance(self.found) {
            return;
        }
        let kind = match self.plot {
            Plot::Sweep => at % KINDS.len(),
            Plot::Pasted | Plot::Botnet => 1,
            _ => random.below(2),
        };
        let rank = random.between(20.0, 50.0) as u8;
        seen.notes(&Kind::of(KINDS.get(kind).copied().unwrap_or_default()), Rank::new(rank));
        if rank >= 30 {
            seen.fate = Fate::Refused;
        }
    }
}
