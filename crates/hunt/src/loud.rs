//! Callers of whom something was said lately, and what they add to all traffic beyond their ordinary.
//!
//! It is left out of the series of all traffic, which then sees them as if they were ordinary: what others do shows as it would without them,
//! and what they do is said once, of themselves.
//!
//! INVARIANT: at most [`LOUD_MAX`] callers; when there are more, those of whom nothing was said for longest count like everybody. INVARIANT: the hours of
//! loud callers are learnt as flagged ones are.

use std::sync::Arc;

use crate::baselines::Slot;
use crate::fleet::Fleet;
use crate::observation::SeriesName;
use crate::series::Table;

/// Callers that are left out at a time.
const LOUD_MAX: usize = 16;
/// How long a caller is left out after anything was said of it: until next to nothing of it is left in the longest sums.
const LOUD_MS: u64 = 12 * 3_600_000;

/// Those that are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loud(Vec<Caller>);

#[derive(Clone, Debug)]
struct Caller {
    /// Where its widest series is, if it still is that of this name.
    number: u32,
    name: Arc<SeriesName>,
    until_ms: u64,
}

impl Loud {
    /// Takes a caller of whom something was said lately, by the number of its widest series.
    pub(crate) fn hear(&mut self, number: u32, name: &Arc<SeriesName>, time_ms: u64) {
        let until_ms = time_ms.saturating_add(LOUD_MS);
        if let Some(known) = self.0.iter_mut().find(|one| Arc::ptr_eq(&one.name, name)) {
            known.until_ms = known.until_ms.max(until_ms);
            return;
        }
        let heard = Caller { number, name: Arc::clone(name), until_ms };
        if self.0.len() < LOUD_MAX {
            self.0.push(heard);
        } else if let Some(longest) = self.0.iter_mut().min_by_key(|one| one.until_ms) {
            *longest = heard;
        }
    }

    /// What all of them have beyond their ordinary; nothing if there is none.
    pub(crate) fn excess(
        &mut self,
        slots: &[Slot],
        time_ms: u64,
        fleet: &Fleet,
    ) -> Option<Table<f32>> {
        let slot = |one: &Caller| {
            slots.get(one.number as usize).filter(|slot| Arc::ptr_eq(&slot.name, &one.name))
        };
        self.0.retain(|one| time_ms < one.until_ms && slot(one).is_some());
        let all =
            self.0.iter().filter_map(slot).map(|slot| slot.series.beyond_ordinary(time_ms, fleet));
        all.reduce(|mut all, more| {
            for (sum, more) in all.iter_mut().flatten().zip(more.iter().flatten()) {
                *sum += more;
            }
            all
        })
    }
}
