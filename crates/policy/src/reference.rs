//! The reference of the shipped rules, for `docs/reference/policies.md`.
//!
//! INVARIANT: written from the rules that are enforced, so that it cannot say anything else.

use std::fmt::Write as _;

use crate::card::{RuleCard, RuleSet};
use crate::{Engine, PolicyError, PolicyOptions, Preset};

const HEADER: &str = "\
# The shipped policies

Generated from `crates/policy/policies/*.cedar`. What rules can read is declared, with a sentence for
each fact, in `crates/policy/policies/schema.cedarschema`.

*Authorisation* says whether a caller may do something at all; it is enforced under every preset.
*Consequences* say what follows from what was found; they only tighten. Under `observe`, every
consequence of `balanced` is recorded and none is enforced.

A rank is calibrated: 20 is a false alarm in a hundred ordinary texts of that provenance, 30 one in a
thousand.
";

/// The shipped rules of every preset, in Markdown.
pub fn reference_markdown() -> Result<String, PolicyError> {
    let mut text = String::from(HEADER);
    let mut first = true;
    for preset in [Preset::Balanced, Preset::Strict] {
        let engine = Engine::new(&PolicyOptions { preset, ..PolicyOptions::default() })?;
        if std::mem::take(&mut first) {
            section(&mut text, "Authorisation", &engine, RuleSet::Authorisation);
        }
        section(&mut text, &format!("Consequences: `{preset}`"), &engine, RuleSet::Consequence);
    }
    Ok(text)
}

fn section(text: &mut String, title: &str, engine: &Engine, set: RuleSet) {
    let cards = || engine.rules().filter(|card| card.set == set);
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n## {title}\n\n| rule | action | severity | |\n|---|---|---|---|");
    for card in cards() {
        let action = card.action.map_or("permit", events::Action::as_str);
        let severity = card.severity.map_or("", crate::Severity::as_str);
        let summary = card.summary.as_deref().unwrap_or_default();
        let _ = writeln!(text, "| `{}` | {action} | {severity} | {summary} |", card.id);
    }
    for card in cards() {
        rule(text, card);
    }
}

fn rule(text: &mut String, card: &RuleCard) {
    let condition =
        card.text.lines().filter(|line| !line.starts_with('@')).collect::<Vec<_>>().join("\n");
    let _ = writeln!(text, "\n### `{}`\n", card.id);
    if let Some(summary) = &card.summary {
        let _ = writeln!(text, "{summary}\n");
    }
    if !card.applies_to.is_empty() {
        let items: Vec<String> = card.applies_to.iter().map(|item| format!("`{item}`")).collect();
        let _ = writeln!(text, "Replaces: {}.\n", items.join(", "));
    }
    if let Some(playbook) = &card.playbook {
        let _ = writeln!(text, "Playbook: `{playbook}`.\n");
    }
    let _ = writeln!(text, "Controls: {}.\n\n```cedar\n{condition}\n```", card.controls.join(", "));
}
