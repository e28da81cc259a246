//! All series: which one an interaction belongs to, and which leaves when there is no more room.
//!
//! A principal with more than one series has one of all its traffic besides, so that what is spread over many models is seen as what it is. It begins as a copy of the first.
//! One more is of everybody's traffic, so that what is spread thinly over many principals is seen too ([`Everybody`]); callers of whom something was said are ordinary to it (`loud`).
//!
//! INVARIANT: never more than the given number of series; the least recently used leaves. INVARIANT: what a caller can invent (names of models) is bounded for each
//! principal, so that nobody pushes the others out.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{Anomaly, Principal, Rank};

use crate::fleet::Fleet;
use crate::loud::Loud;
use crate::measure::TABLE;
use crate::observation::{Observation, SeriesName};
use crate::series::{Alarm, Series};
use crate::words;

/// Series that are kept, unless told otherwise.
pub const SERIES_MAX: usize = 8_192;
/// Bytes of a series, with its names.
pub const SERIES_BYTES_MAX: usize = 4_096;
/// Series of one principal; further models share one.
pub const SERIES_PER_PRINCIPAL_MAX: u32 = 32;
/// Bytes of a model's name; the rest is cut off.
pub const MODEL_NAME_BYTES_MAX: usize = 128;
/// What stands for the models of a principal that has too many.
const OTHER_MODELS: &str = "(other)";
/// What stands for all models of a principal.
const ALL_MODELS: &str = "(all)";
/// What stands for all traffic of all principals.
const EVERYBODY: &str = "(everybody)";
/// Hours with traffic until anything is said of everybody: a week, of which no other series can tell what it is like.
const EVERYBODY_HOURS_MIN: f32 = 168.0;
const NOBODY: u32 = u32::MAX;

/// What is ordinary, for everybody.
#[derive(Clone, Debug)]
pub struct Baselines {
    /// Begins with the first interaction.
    pub(crate) everybody: Option<Everybody>,
    pub(crate) fleet: Fleet,
    slots: Vec<Slot>,
    index: BTreeMap<Arc<SeriesName>, u32>,
    held: BTreeMap<Principal, u32>,
    /// The most and the least recently used.
    first: u32,
    last: u32,
    series_max: usize,
}

/// The traffic of all principals as one series. What it is like says nothing about any of them, so it has a fleet of its own.
#[derive(Clone, Debug)]
pub(crate) struct Everybody {
    pub(crate) fleet: Fleet,
    /// Those who are not counted beyond their ordinary.
    pub(crate) loud: Loud,
    pub(crate) series: Series,
}

/// A series and its neighbours in the order of use.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: Arc<SeriesName>,
    pub(crate) series: Series,
    earlier: u32,
    later: u32,
}

impl Everybody {
    fn begin(time_ms: u64) -> Self {
        let fleet = Fleet::default();
        Self { series: Series::new(time_ms, &fleet), loud: Loud::default(), fleet }
    }
}

impl Default for Baselines {
    fn default() -> Self {
        Self::new(SERIES_MAX)
    }
}

impl Baselines {
    /// Nothing learnt yet; room for `series_max` series.
    pub fn new(series_max: usize) -> Self {
        Self {
            everybody: None,
            fleet: Fleet::default(),
            slots: Vec::new(),
            index: BTreeMap::new(),
            held: BTreeMap::new(),
            first: NOBODY,
            last: NOBODY,
            series_max: series_max.clamp(1, NOBODY as usize),
        }
    }

    /// How many series are kept.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes an interaction that has ended; what is not ordinary since then, mostly nothing.
    pub fn observe(&mut self, name: &SeriesName, seen: &Observation) -> Vec<Anomaly> {
        let number = match self.index.get(name) {
            Some(number) => *number,
            None => self.find_or_begin(name, seen.time_ms),
        };
        self.use_now(number);
        let Some(slot) = self.slots.get_mut(number as usize) else { return Vec::new() };
        let alarms = slot.series.observe(seen, &mut self.fleet);
        let alarms = alarms.into_iter().map(|alarm| anomaly(&slot.name, seen.time_ms, &alarm));
        let mut found: Vec<Anomaly> = alarms.collect();
        let all = self.series_of_all(number);
        found.extend(all.into_iter().flat_map(|all| self.observe_all(number, all, seen)));
        found.extend(self.observe_everybody(number, all, seen));
        found
    }

    /// The series of all traffic of the principal that has this one, if that is another.
    fn series_of_all(&self, own: u32) -> Option<u32> {
        let principal = &self.slots.get(own as usize)?.name.principal;
        if self.held.get(principal).is_none_or(|held| *held < 2) {
            return None;
        }
        self.index.get(&all_of(principal)).copied().filter(|number| *number != own)
    }

    /// Takes an interaction once more, for the series of all the principal's traffic; what its own series has not said.
    fn observe_all(&mut self, own: u32, all: u32, seen: &Observation) -> Vec<Anomaly> {
        self.use_now(all);
        let Some(slot) = self.slots.get_mut(all as usize) else { return Vec::new() };
        let alarms = slot.series.observe(seen, &mut self.fleet);
        let name = Arc::clone(&slot.name);
        let Some(own) = self.slots.get_mut(own as usize) else { return Vec::new() };
        let news = alarms.into_iter().filter(|alarm| own.series.hears(alarm.pattern, seen.time_ms));
        news.map(|alarm| anomaly(&name, seen.time_ms, &alarm)).collect()
    }

    /// Takes an interaction once more, for the series of everybody's traffic; what is not ordinary there, whatever loud callers do.
    fn observe_everybody(
        &mut self,
        own: u32,
        all: Option<u32>,
        seen: &Observation,
    ) -> Vec<Anomaly> {
        let Self { slots, fleet, everybody, .. } = self;
        let everybody = everybody.get_or_insert_with(|| Everybody::begin(seen.time_ms));
        let slot = |number: u32| slots.get(number as usize);
        let widest = all.unwrap_or(own);
        let is_loud = [own, widest]
            .into_iter()
            .any(|number| slot(number).is_some_and(|slot| slot.series.is_loud(seen.time_ms)));
        if let Some(slot) = slot(widest).filter(|_| is_loud) {
            everybody.loud.hear(widest, &slot.name, seen.time_ms);
        }
        let aside = everybody.loud.excess(slots, seen.time_ms, fleet);
        if aside.is_some() {
            everybody.series.flag();
        }
        everybody.series.aside = aside.unwrap_or_default();
        let alarms = everybody.series.observe(seen, &mut everybody.fleet);
        if everybody.series.learnt.hours < EVERYBODY_HOURS_MIN {
            return Vec::new();
        }
        let name = SeriesName { model: EVERYBODY.to_owned(), ..SeriesName::default() };
        let alarms = alarms.into_iter().map(|alarm| Anomaly {
            detail: format!("all callers together: {}", words::detail(&alarm, seen.time_ms)),
            ..anomaly(&name, seen.time_ms, &alarm)
        });
        alarms.collect()
    }

    /// Lets every series learn from the silence until a time.
    pub(crate) fn advance(&mut self, time_ms: u64) {
        for slot in &mut self.slots {
            slot.series.advance(time_ms, &mut self.fleet);
        }
        if let Some(everybody) = &mut self.everybody {
            everybody.series.advance(time_ms, &mut everybody.fleet);
        }
    }

    fn find_or_begin(&mut self, name: &SeriesName, time_ms: u64) -> u32 {
        let mut name = name.clone();
        let end = name.model.floor_char_boundary(MODEL_NAME_BYTES_MAX);
        name.model.truncate(end);
        let held = self.held.get(&name.principal).copied().unwrap_or_default();
        if held >= SERIES_PER_PRINCIPAL_MAX && !self.index.contains_key(&name) {
            OTHER_MODELS.clone_into(&mut name.model);
            name.upstream.clear();
        }
        if let Some(number) = self.index.get(&name) {
            return *number;
        }
        if held == 1 {
            self.begin_all(&name.principal);
        }
        let series = Series::new(time_ms, &self.fleet);
        self.put(name, series)
    }

    /// Begins the series of all traffic of a principal that has had one series so far.
    fn begin_all(&mut self, principal: &Principal) {
        let from = SeriesName { principal: principal.clone(), ..SeriesName::default() };
        let only = self.index.range::<SeriesName, _>(&from..).next();
        let only = only.filter(|(name, _)| name.principal == *principal);
        if let Some(only) = only.and_then(|(_, number)| self.slots.get(*number as usize)) {
            let series = only.series.clone();
            self.put_again(all_of(principal), series);
        }
    }

    /// Puts a series in that was there before, unless it is there already.
    pub(crate) fn put_again(&mut self, name: SeriesName, series: Series) {
        if !self.index.contains_key(&name) {
            self.put(name, series);
        }
    }

    /// Puts a series in, as the most recently used.
    fn put(&mut self, name: SeriesName, series: Series) -> u32 {
        let name = Arc::new(name);
        let (earlier, later) = (NOBODY, NOBODY);
        let slot = Slot { name: Arc::clone(&name), series, earlier, later };
        *self.held.entry(name.principal.clone()).or_default() += 1;
        let number = if self.slots.len() < self.series_max {
            self.slots.push(slot);
            (self.slots.len() - 1) as u32
        } else {
            let number = self.last;
            self.unlink(number);
            if let Some(place) = self.slots.get_mut(number as usize) {
                let gone = std::mem::replace(place, slot);
                self.index.remove(&gone.name);
                self.release(&gone.name.principal);
            }
            number
        };
        self.index.insert(name, number);
        self.link(number);
        number
    }

    fn release(&mut self, principal: &Principal) {
        if let Some(count) = self.held.get_mut(principal) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.held.remove(principal);
            }
        }
    }

    fn use_now(&mut self, number: u32) {
        if self.first != number {
            self.unlink(number);
            self.link(number);
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(slot) = self.slots.get(number as usize) else { return };
        let (earlier, later) = (slot.earlier, slot.later);
        match self.slots.get_mut(earlier as usize) {
            Some(slot) => slot.later = later,
            None => self.last = later,
        }
        match self.slots.get_mut(later as usize) {
            Some(slot) => slot.earlier = earlier,
            None => self.first = earlier,
        }
    }

    fn link(&mut self, number: u32) {
        let before = self.first;
        if let Some(slot) = self.slots.get_mut(number as usize) {
            (slot.earlier, slot.later) = (before, NOBODY);
        }
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.later = number,
            None => self.last = number,
        }
        self.first = number;
    }

    /// The series from the least to the most recently used.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Slot> {
        let mut next = self.last;
        std::iter::from_fn(move || {
            let slot = self.slots.get(next as usize)?;
            next = slot.later;
            Some(slot)
        })
    }
}

fn all_of(principal: &Principal) -> SeriesName {
    let (model, upstream) = (ALL_MODELS.to_owned(), String::new());
    SeriesName { principal: principal.clone(), model, upstream }
}

fn anomaly(name: &SeriesName, time_ms: u64, alarm: &Alarm) -> Anomaly {
    let given = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    Anomaly {
        detail: words::detail(alarm, time_ms),
        kind: alarm.pattern.kind(),
        measure: TABLE.get(alarm.measure).map_or("", |measure| measure.name).to_owned(),
        model: given(&name.model),
        observed: alarm.observed.round() as u64,
        ordinary: alarm.ordinary.round() as u64,
        principal: name.principal.clone(),
        rank: Rank::new(alarm.rank.clamp(0.0, 255.0) as u8),
        since_ms: alarm.since_ms,
        upstream: given(&name.upstream),
        window_s: words::window_s(alarm.scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(principal: usize, model: usize) -> SeriesName {
        SeriesName {
            principal: Principal { team: Some(format!("t{principal}")), ..Principal::default() },
            model: format!("m{model}"),
            upstream: String::from("u"),
        }
    }

    #[test]
    fn the_least_recently_used_leaves() {
        let mut baselines = Baselines::new(3);
        let seen = Observation { time_ms: 1, ..Observation::default() };
        for principal in [1, 2, 3, 1, 4, 5] {
            baselines.observe(&name(principal, 0), &seen);
            assert!(
                baselines.len() <= 3 && baselines.held.len() <= 3 && baselines.everybody.is_some()
            );
        }
        let kept: Vec<_> = baselines.in_order().map(|slot| slot.name.principal.clone()).collect();
        let expected: Vec<_> = [1, 4, 5].map(|number| name(number, 0).principal).into();
        assert_eq!(kept, expected);
    }

    #[test]
    fn invented_models_push_nobody_out() {
        let mut baselines = Baselines::new(100);
        let seen = Observation { time_ms: 1, ..Observation::default() };
        baselines.observe(&name(1, 0), &seen);
        for model in 0..10_000 {
            baselines.observe(&name(2, model), &seen);
        }
        let long = SeriesName { model: "x".repeat(100_000), ..name(3, 0) };
        baselines.observe(&long, &seen);
        assert_eq!(baselines.len(), 1 + SERIES_PER_PRINCIPAL_MAX as usize + 1 + 1);
        assert!(baselines.index.contains_key(&all_of(&name(2, 0).principal)));
        assert!(baselines.index.keys().all(|name| name.model.len() <= MODEL_NAME_BYTES_MAX));
    }

    #[test]
    fn a_series_has_the_size_that_is_stated() {
        // Names of principals come from the operator; 1 KB is more than they take.
        assert!(size_of::<Slot>() + 1_024 + MODEL_NAME_BYTES_MAX <= SERIES_BYTES_MAX);
    }
}
