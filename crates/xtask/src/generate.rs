//! `cargo xtask generate`: the pages under `docs/reference` that the code writes about itself.
//!
//! INVARIANT: there is one list of pages, in the `reference` test of `bartizan`, which can call every room;
//! that test fails when a page is stale and rewrites it when told to, and runs with all the others.
//! This only tells it to. Not here: what the pages say, which each room writes about itself.

use std::path::Path;

use crate::command::Step;

/// The variable that tells the `reference` test to write instead of compare.
const GENERATE_VARIABLE: &str = "BARTIZAN_GENERATE";

/// Writes the pages, or only compares them.
pub(crate) fn run(root: &Path, is_check: bool) -> Result<(), String> {
    let step = Step::new(root, "cargo").args([
        "test",
        "--quiet",
        "--package",
        "bartizan",
        "--test",
        "it",
        "reference",
    ]);
    if is_check { step.run() } else { step.env(GENERATE_VARIABLE, "1").run() }
}
