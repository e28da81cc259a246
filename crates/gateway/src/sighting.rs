//! What campaigns need of an interaction: from its open record as it begins, from its close record as it ends.
//!
//! INVARIANT: nothing here blocks, and nothing of what was said is in it but a keyed sketch.
//!
//! Not here: what belongs together (`hunt`).

use events::{Decision, Ending, InteractionClosed, InteractionOpened, LocatedFinding};
use hunt::{Fate, Sighting, Sketch};

use crate::exchange::now_ms;
use crate::refusal::ISOLATED;

/// What is known as it begins.
pub(crate) fn began(opened: &InteractionOpened) -> Sighting {
    let mut sighting = Sighting {
        address: opened.client_address.parse().ok(),
        conversation: opened.conversation,
        fate: Fate::Other,
        interaction: opened.interaction,
        kinds: Vec::new(),
        model: opened.model.clone(),
        principal: opened.principal.clone(),
        sketch: Sketch::NOTHING,
        techniques: Vec::new(),
        time_ms: now_ms(),
    };
    note(&mut sighting, &opened.decision, &opened.findings);
    sighting
}

/// It has ended.
pub(crate) fn ended(
    sighting: &mut Sighting,
    closed: &InteractionClosed,
    sketch: Option<Sketch>,
    time_ms: u64,
) {
    note(sighting, &closed.decision, &closed.findings);
    sighting.fate = fate(closed);
    sighting.sketch = sketch.unwrap_or_default();
    sighting.time_ms = time_ms;
}

fn note(sighting: &mut Sighting, decision: &Decision, findings: &[LocatedFinding]) {
    for located in findings {
        sighting.notes(&located.finding.kind, located.finding.rank);
    }
    let held = decision.rules.iter().filter(|rule| rule.exception.is_none());
    held.flat_map(|rule| &rule.controls).for_each(|control| sighting.breaks(control));
}

fn fate(closed: &InteractionClosed) -> Fate {
    let declines =
        || closed.findings.iter().any(|one| one.finding.kind.as_str() == "output.refusal");
    match closed.ending {
        // What operators cut off says nothing about who asked.
        _ if closed.reason.as_deref() == Some(ISOLATED) => Fate::Other,
        Ending::Answered if declines() => Fate::Declined,
        Ending::Answered => Fate::Passed,
        Ending::Blocked | Ending::Refused => Fate::Refused,
        Ending::ClientLeft | Ending::InternalError | Ending::Malformed | Ending::UpstreamFailed => {
            Fate::Other
        }
    }
}
