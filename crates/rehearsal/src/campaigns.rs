//! How well campaigns are recognised: generated weeks of ordinary traffic with false findings, and planted campaigns among it.
//!
//! INVARIANT: everything that is not planted is ordinary: whatever campaign begins with it is a false one.

mod crowd;
mod page;
mod plot;
mod trial;

use crate::Plan;

/// Rehearses, and gives the page of figures.
pub(crate) fn run(plan: &Plan) -> String {
    page::render(plan, &trial::run(plan))
}
