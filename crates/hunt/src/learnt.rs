//! What is learnt of a series: all of it that survives a restart.
//!
//! INVARIANT: fixed size.
//!
//! Not here: how it is learnt (`series`), how it is written down (`snapshot`).

use crate::familiar::{FAMILIES, Family, HOURS_MIN};
use crate::measure::MEASURES;
use crate::season::Season;
use crate::series::Table;
use crate::tail::Tail;

/// What is learnt of a series beside its season.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learnt {
    pub(crate) season: Season,
    pub(crate) tails: Table<Tail>,
    /// Faded sums of each measure; requests are the first.
    pub(crate) totals: [f32; MEASURES],
    /// The logarithms of the ordinary time of an answer and to its first byte.
    pub(crate) times: [f32; 2],
    /// What an hour of the day adds to them.
    pub(crate) time_of_day: [[f32; 24]; 2],
    /// Families of texts that are alike.
    pub(crate) families: [Family; FAMILIES],
    /// Hours with traffic.
    pub(crate) hours: f32,
}

impl Learnt {
    /// Whether the numbers can be what was learnt.
    pub(crate) fn is_sound(&self) -> bool {
        self.season.is_sound()
            && self.tails.iter().flatten().all(Tail::is_sound)
            && self.totals.iter().all(|total| (0.0..=1e18).contains(total))
            && self.times.iter().all(|time| (-50.0..=50.0).contains(time))
            && self.time_of_day.iter().flatten().all(|time| (-1.0..=1.0).contains(time))
            && self.families.iter().all(|family| family.hours <= HOURS_MIN)
            && (0.0..=1e9).contains(&self.hours)
    }
}
