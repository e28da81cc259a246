//! Baselines: what is ordinary for each principal × model × upstream, and findings where traffic is not.
//!
//! One mechanism for everything that is measured. [`Baselines::observe`] takes interactions as they end; each adds to fading sums over four lengths of
//! time, from 15 seconds to 4 hours (`series`). A sum is compared with what the season of the week leads to expect (`season`), as a logarithm: how
//! many times the ordinary it is. The highest such number of each hour is the sample from which a series learns its own tail (`tail`), and the
//! threshold is where that tail meets a stated budget of false alarms. So a principal whose traffic is wild gets wide thresholds, a steady one narrow ones,
//! short windows find floods within seconds and long ones small shifts within hours.
//!
//! Beside a series for each principal × model × upstream there is one of all traffic of each principal, and one of everybody's: what is spread thinly over many
//! models or many keys is seen in these (`baselines`).
//!
//! INVARIANT: pure and deterministic: time is passed in, and the same interactions in the same order give the same findings. INVARIANT: bounded: [`SERIES_MAX`] series of
//! at most [`SERIES_BYTES_MAX`] bytes; the least recently used leaves, and no principal holds more than [`SERIES_PER_PRINCIPAL_MAX`] and one for the rest; one more is everybody's.
//! INVARIANT: no learnt number is ever NaN or infinite, also after [`Baselines::from_snapshot`]. INVARIANT: whoever has the loudest hour moves what is learnt by a bounded
//! factor, so that nobody teaches it in a hurry.
//!
//! Beside the baselines: rules that people write, over the record (`sigma`).
//!
//! Not here: where interactions come from and findings go (`gateway`), what one text or conversation says (`detect`), how well it works (`rehearsal`).

mod baselines;
mod campaign;
mod distinct;
mod familiar;
mod fleet;
mod learnt;
mod loud;
mod measure;
mod observation;
mod season;
mod series;
pub mod sigma;
mod snapshot;
mod tail;
mod words;

pub use baselines::{
    Baselines, MODEL_NAME_BYTES_MAX, SERIES_BYTES_MAX, SERIES_MAX, SERIES_PER_PRINCIPAL_MAX,
};
pub use campaign::{
    CAMPAIGNS_BYTES_MAX, COUNTED_MAX, Campaigns, FLAGGED_MAX, Fate, Forgotten, KINDS_MAX,
    LISTED_MAX, MEMBERS_MAX, OPEN_MAX, QUIET_MS, SKETCH_VALUES, STEPS_MAX, STRANDS_MAX, Sighting,
    Sketch, TECHNIQUES_MAX, TEXTS_MAX, Told, UNFLAGGED_MAX, shape_words, speaks_of_attack,
};
pub use observation::{Observation, Outcome, Print, SeriesName};
pub use snapshot::SnapshotError;
pub use tail::FALSE_ALARMS_PER_SERIES_WEEK;
