//! What a detector says about itself, for the documentation and for coverage.
//!
//! INVARIANT: a kind that a detector can report stands on its card.

use crate::Engine;

/// How a detector behaves in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It holds back at most this many bytes until it knows.
    Held(usize),
    /// It knows only when the whole text is there, so it acts at the end and says so.
    Late,
}

/// One detector, as documented.
#[derive(Clone, Copy, Debug)]
pub struct DetectorCard {
    /// The name in findings and settings: `email`.
    pub name: &'static str,
    /// The kinds it reports: `pii.email`.
    pub kinds: &'static [&'static str],
    /// How it behaves in a stream.
    pub reach: Reach,
    /// One line for a list.
    pub summary: &'static str,
}

/// The text of `docs/reference/detectors.md`, generated from the cards.
pub fn reference_markdown() -> String {
    let mut page = String::from("# Detectors\n");
    for card in Engine::detectors() {
        page.push_str("\n## ");
        page.push_str(card.name);
        page.push_str("\n\n");
        page.push_str(card.summary);
        page.push('\n');
    }
    page
}
