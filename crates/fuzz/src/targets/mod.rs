//! The targets: one function per parser or detector, and what it promises for any bytes.
//!
//! INVARIANT: every parser of the rooms that reads what others wrote stands in [`ALL`].

mod detection;
mod documents;
mod exports;
mod form_objects;
mod forms;
mod messages;
mod policies;
mod records;
mod uploads;
mod ways_in;

use crate::engine::Target;

/// Every target, in the order they run.
pub(crate) const ALL: &[Target] = &[
    detection::INSPECT,
    detection::STREAM,
    detection::ENCODED,
    detection::NAMES,
    forms::SCHEMA,
    documents::EXTRACT,
    messages::REQUEST,
    messages::RESPONSE,
    messages::STREAM,
    messages::LINES,
    form_objects::FORM,
    messages::SPLICE,
    messages::EVENTS,
    messages::FRAMES,
    messages::EMBEDDED,
    messages::ROUTE,
    uploads::UPLOAD,
    uploads::OUTPUT,
    records::SEGMENT,
    records::FRAMES,
    records::CHECKPOINT,
    policies::COMPILE,
    policies::KEYS,
    exports::CEF,
    exports::ECS,
    exports::JSON_LINES,
    exports::LEEF,
    exports::OCSF,
    exports::OCSF_1_9,
    exports::OTEL,
    ways_in::TOKEN,
    ways_in::KEY_SET,
    ways_in::CERTIFICATE,
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::ALL;
    use crate::engine::{Bounds, run};

    #[test]
    fn every_target_holds_for_its_seeds_and_a_few_more() {
        let bounds = Bounds { time: Duration::from_mins(1), executions: 25 };
        for target in ALL {
            let summary = run(target, bounds, 7);
            // Work is not judged here: tests share their machine with each other.
            let failure = summary.failure.filter(|failure| !failure.why.contains("times the work"));
            assert!(failure.is_none(), "{}: {failure:?}", target.name);
        }
    }
}
