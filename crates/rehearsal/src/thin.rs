//! Attacks that are spread thinly over many keys, none of which shows much of it.
//!
//! INVARIANT: everybody's ordinary traffic goes on beside it: what is looked for has to be seen in all of that.
//!
//! Not here: attacks of one caller (`plant`).

use events::Principal;
use hunt::{Baselines, Observation, SeriesName};

use crate::caller::{Caller, HOUR_MS};
use crate::plant::{BEGIN_S, FUZZING, Plant, SCRAPING, Sort, plant};
use crate::random::Random;
use crate::trial::{Stage, Tried};

/// Keys that an attack is spread over; nobody has seen them before.
pub(crate) const KEYS: usize = 1_000;

/// Something that is planted over many keys.
pub(crate) struct Thin {
    pub(crate) plant: Plant,
    /// What one caller does from the beginning of the hour until its end.
    loud: Option<Plant>,
}

/// Everything that is planted over many keys. Scraping is measured by the traffic of everybody in that hour.
pub(crate) const THIN: [Thin; 12] = [
    thin("scraping", "0.5 × everybody's traffic", Sort::Scraping(0.5, 0.0), SCRAPING),
    thin("scraping", "1 ×", Sort::Scraping(1.0, 0.0), SCRAPING),
    thin("scraping", "3 ×", Sort::Scraping(3.0, 0.0), SCRAPING),
    thin("fuzzing, blocked", "0.2/s", Sort::FuzzingBlocked(0.2), FUZZING),
    thin("fuzzing, blocked", "0.5/s", Sort::FuzzingBlocked(0.5), FUZZING),
    thin("fuzzing, blocked", "2/s", Sort::FuzzingBlocked(2.0), FUZZING),
    thin("fuzzing, rephrased", "0.5/s", Sort::FuzzingRephrased(0.5), FUZZING),
    thin("fuzzing, rephrased", "2/s", Sort::FuzzingRephrased(2.0), FUZZING),
    behind("scraping, one key at 30 ×", "3 ×", Sort::Scraping(3.0, 0.0), SCRAPING),
    behind("fuzzing, blocked, one key at 5/s", "0.2/s", Sort::FuzzingBlocked(0.2), FUZZING),
    behind("fuzzing, blocked, one key at 5/s", "0.5/s", Sort::FuzzingBlocked(0.5), FUZZING),
    behind("fuzzing, blocked, one key at 5/s", "2/s", Sort::FuzzingBlocked(2.0), FUZZING),
];

const fn thin(
    name: &'static str,
    size: &'static str,
    sort: Sort,
    kinds: &'static [&'static str],
) -> Thin {
    Thin { plant: plant(name, size, sort, kinds), loud: None }
}

/// The same while one caller does the same, and more of it.
const fn behind(
    name: &'static str,
    size: &'static str,
    sort: Sort,
    kinds: &'static [&'static str],
) -> Thin {
    let louder = match sort {
        Sort::Scraping(..) => Sort::Scraping(30.0, 3.0),
        _ => Sort::FuzzingBlocked(5.0),
    };
    Thin { plant: plant(name, size, sort, kinds), loud: Some(plant(name, "", louder, kinds)) }
}

/// Whether a finding is about everybody together.
pub(crate) fn is_of_everybody(principal: &Principal) -> bool {
    *principal == Principal::default()
}

/// Plants it for the rest of an hour on copies of everything; nothing if the same was found before it began, or there is
/// nothing to measure it by.
pub(crate) fn attempt(stage: &Stage<'_>, thin: &Thin, random: &mut Random) -> Option<Tried> {
    let Thin { plant, loud } = thin;
    let mut callers = stage.callers.to_vec();
    let weather = stage.sky.clone().next(stage.hour);
    let mut all: Vec<(SeriesName, Observation)> = Vec::new();
    let mut ordinary = 0;
    let loudest = loud.as_ref().map(|loud| (random.below(stage.callers.len()), loud));
    for (number, caller) in callers.iter_mut().enumerate() {
        let mut seen = caller.hour(stage.hour, &weather);
        ordinary += seen.len();
        if let Some((_, loud)) = loudest.filter(|(loudest, _)| *loudest == number) {
            let hour_ms = stage.hour * HOUR_MS;
            seen = loud.apply(seen, caller, (hour_ms, stage.hour), &weather, random);
        }
        all.extend(seen.into_iter().map(|seen| (caller.name.clone(), seen)));
    }
    let begin_ms = stage.hour * HOUR_MS + (BEGIN_S * 1_000.0) as u64;
    let (rate, template) = (plant.rate(0.0, ordinary as f64), random.bits());
    let mut at_ms = begin_ms as f64;
    if rate <= 0.0 {
        return None;
    }
    loop {
        at_ms += random.exponential(1_000.0 / rate);
        if at_ms >= ((stage.hour + 1) * HOUR_MS) as f64 {
            break;
        }
        let like: &mut Caller = callers.get_mut(random.below(stage.callers.len()))?;
        let plain = like.request(at_ms as u64, &weather);
        let team = Some(format!("thin{}", random.below(KEYS)));
        let principal = Principal { team, ..Principal::default() };
        let name = SeriesName { principal, ..like.name.clone() };
        all.push((name, plant.added(plain, template, random)));
    }
    all.sort_by_key(|(_, seen)| seen.time_ms);
    found(stage.baselines.clone(), plant, &all, begin_ms)
}

fn found(
    mut baselines: Baselines,
    plant: &Plant,
    all: &[(SeriesName, Observation)],
    begin_ms: u64,
) -> Option<Tried> {
    for (name, seen) in all {
        for found in baselines.observe(name, seen) {
            let is_of_everybody = is_of_everybody(&found.principal);
            let is_of_a_key =
                found.principal.team.as_deref().is_some_and(|team| team.starts_with("thin"));
            if !plant.kinds.contains(&found.kind.as_str()) || !(is_of_everybody || is_of_a_key) {
                continue;
            }
            let after_ms = seen.time_ms.checked_sub(begin_ms)?;
            let sort = if is_of_everybody { "everybody" } else { "a key" }.to_owned();
            return Some(Tried { seconds: Some(after_ms as f64 / 1_000.0), sort });
        }
    }
    Some(Tried { seconds: None, sort: String::new() })
}
