//! The trial: weeks of everybody's traffic in order, and at many moments of the later ones a copy of it all with something planted.
//!
//! INVARIANT: a plant is tried on copies, so the weeks themselves hold nothing but ordinary traffic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hunt::Baselines;

use crate::Plan;
use crate::caller::{Caller, HOUR_MS};
use crate::plant::{BEGIN_S, PLANTS, Plant};
use crate::random::Random;
use crate::thin::{self, THIN};
use crate::weather::{Sky, Weather};

/// Callers.
pub(crate) const CALLERS: usize = 80;
/// Weeks that are only learnt from.
pub(crate) const LEARNING_WEEKS: u64 = 4;
/// Hours of a week.
pub(crate) const WEEK: u64 = 168;
/// A Monday at midnight, in hours since 1970.
pub(crate) const BEGIN_HOUR: u64 = 4 * 24 + 2_800 * WEEK;
/// False alarms that are shown.
const EXAMPLES_MAX: usize = 12;
/// Requests in the hour that a plant which changes traffic needs.
pub(crate) const TRAFFIC_MIN: usize = 60;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// How each plant was tried, by plant.
    pub(crate) tried: Vec<Vec<Tried>>,
    /// Plants that could not be tried, because the finding was there before.
    pub(crate) spoilt: usize,
    /// False alarms by kind, while learning and after.
    pub(crate) learning: BTreeMap<String, usize>,
    pub(crate) settled: BTreeMap<String, usize>,
    /// How each plant over many keys was tried, by plant.
    pub(crate) thin: Vec<Vec<Tried>>,
    /// False alarms about everybody together, while learning and after; they are among the others.
    pub(crate) together: [usize; 2],
    /// Settled false alarms by sort of caller.
    pub(crate) by_sort: BTreeMap<String, usize>,
    /// The first false alarms of each kind, in words.
    pub(crate) examples: Vec<String>,
    pub(crate) principals: usize,
    pub(crate) interactions: u64,
    /// Time spent in the baselines.
    pub(crate) took: Duration,
    pub(crate) snapshot_bytes: usize,
}

/// One plant at one caller, or over many keys.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Seconds until it was found, if it was.
    pub(crate) seconds: Option<f64>,
    /// What the caller is; of a plant over many keys, whose series found it.
    pub(crate) sort: String,
}

/// Where a plant is tried.
pub(crate) struct Stage<'a> {
    pub(crate) baselines: &'a Baselines,
    pub(crate) callers: &'a [Caller],
    pub(crate) hour: u64,
    pub(crate) sky: &'a Sky,
}

pub(crate) fn run(plan: &Plan) -> Results {
    let mut callers: Vec<Caller> =
        (0..CALLERS).map(|number| Caller::new(number, plan.seed)).collect();
    let mut principals: Vec<_> = callers.iter().map(|caller| &caller.name.principal).collect();
    principals.sort();
    principals.dedup();
    let mut results = Results {
        tried: PLANTS.iter().map(|_| Vec::new()).collect(),
        thin: THIN.iter().map(|_| Vec::new()).collect(),
        principals: principals.len(),
        ..Results::default()
    };
    let mut baselines = Baselines::default();
    let mut sky = Sky::new(plan.seed ^ 0xabcd);
    let mut random = Random::new(plan.seed ^ 0x1234);
    let (first, last) = (LEARNING_WEEKS * WEEK, plan.weeks * WEEK);
    let kinds = PLANTS.len() + THIN.len();
    let trials = plan.plants * kinds;
    let mut done = 0;
    for hour in 0..last {
        if hour >= first {
            let due = trials * (hour - first + 1) as usize / (last - first).max(1) as usize;
            let stage = Stage {
                baselines: &baselines,
                callers: &callers,
                hour: BEGIN_HOUR + hour,
                sky: &sky,
            };
            while done < due {
                match (done % kinds).checked_sub(PLANTS.len()) {
                    None => attempt(&stage, done % kinds, &mut random, &mut results),
                    Some(number) => match thin::attempt(&stage, &THIN[number], &mut random) {
                        Some(tried) => results.thin[number].push(tried),
                        None => results.spoilt += 1,
                    },
                }
                done += 1;
            }
        }
        let weather = sky.next(BEGIN_HOUR + hour);
        ordinary_hour(&mut baselines, &mut callers, (hour, hour >= first), &weather, &mut results);
        if hour % WEEK == WEEK - 1 {
            eprintln!("week {} of {}: {:?}", hour / WEEK + 1, plan.weeks, results.settled);
        }
    }
    results.snapshot_bytes = baselines.to_snapshot((BEGIN_HOUR + last) * HOUR_MS).len();
    results
}

/// An hour of everybody.
fn ordinary_hour(
    baselines: &mut Baselines,
    callers: &mut [Caller],
    (hour, is_settled): (u64, bool),
    weather: &Weather,
    results: &mut Results,
) {
    let mut all = Vec::new();
    for (number, caller) in callers.iter_mut().enumerate() {
        let seen = caller.hour(BEGIN_HOUR + hour, weather);
        all.extend(seen.into_iter().map(|seen| (number, seen)));
    }
    all.sort_by_key(|(_, seen)| seen.time_ms);
    results.interactions += all.len() as u64;
    let began = Instant::now();
    for (number, seen) in &all {
        let caller = &callers[*number];
        for found in baselines.observe(&caller.name, seen) {
            let alarms = if is_settled { &mut results.settled } else { &mut results.learning };
            *alarms.entry(found.kind.to_string()).or_default() += 1;
            let is_of_everybody = thin::is_of_everybody(&found.principal);
            results.together[usize::from(is_settled)] += usize::from(is_of_everybody);
            if is_settled {
                let sort = if is_of_everybody {
                    "everybody".to_owned()
                } else {
                    format!("{:?}", caller.sort).to_lowercase()
                };
                if results.examples.len() < EXAMPLES_MAX {
                    results.examples.push(format!("{sort}, {}: {}", found.kind, found.detail));
                }
                *results.by_sort.entry(sort).or_default() += 1;
            }
        }
    }
    results.took += began.elapsed();
}

/// Plants one thing at one caller, and sees when it is found.
fn attempt(stage: &Stage<'_>, number: usize, random: &mut Random, results: &mut Results) {
    let Some(plant) = PLANTS.get(number) else { return };
    for _ in 0..200 {
        let caller = stage.callers[random.below(stage.callers.len())].clone();
        let traffic = caller.clone().hour(stage.hour, &stage.sky.clone().next(stage.hour)).len();
        if plant.needs_traffic() && traffic < TRAFFIC_MIN {
            continue;
        }
        let sort = format!("{:?}", caller.sort).to_lowercase();
        let seconds = match plant_at(stage, plant, caller, random) {
            Ended::Found(seconds) => Some(seconds),
            Ended::Missed => None,
            Ended::Spoilt => {
                results.spoilt += 1;
                return;
            }
        };
        results.tried[number].push(Tried { seconds, sort });
        return;
    }
}

/// How a plant ended.
enum Ended {
    /// It was found after so many seconds.
    Found(f64),
    Missed,
    /// The same was found before it began.
    Spoilt,
}

/// Plants it on copies of everything.
fn plant_at(stage: &Stage<'_>, plant: &Plant, mut caller: Caller, random: &mut Random) -> Ended {
    let mut baselines = stage.baselines.clone();
    let mut sky = stage.sky.clone();
    let begin_ms = stage.hour * HOUR_MS + (BEGIN_S * 1_000.0) as u64;
    for hour in stage.hour..stage.hour + plant.hours() {
        let weather = sky.next(hour);
        let ordinary = caller.hour(hour, &weather);
        for seen in plant.apply(ordinary, &mut caller, (begin_ms, hour), &weather, random) {
            let mut name = caller.name.clone();
            if let Some(model) = plant.model(&seen, begin_ms) {
                name.model = model;
            }
            let found = baselines.observe(&name, &seen);
            if found.iter().any(|found| plant.kinds.contains(&found.kind.as_str())) {
                return match seen.time_ms.checked_sub(begin_ms) {
                    Some(after_ms) => Ended::Found(after_ms as f64 / 1_000.0),
                    None => Ended::Spoilt,
                };
            }
        }
    }
    Ended::Missed
}
