//! Hunts: Sigma rules over the record.
//!
//! ```text
//! texts ─▶ Rules (`rules`) ─▶ Hunter (`hunter`) ─▶ Hits
//!                               ▲
//!            records ─▶ Facts (`facts`)
//! ```
//!
//! Rules are Sigma 2.1: detections, correlations and filters. They see every field of a record by its own name (the page
//! `docs/reference/export.md`) and what is [derived](facts::DERIVED) from them, such as `findings.injection.retrieved`: the highest rank of a family of
//! findings in text of one provenance, the same word as in policies.
//!
//! INVARIANT: pure: rules come in as texts, records as facts, and time is that of the records alone. The same records in the same order give
//! the same hits, however they were batched. INVARIANT: bounded: correlations remember at most [`CORRELATED_BYTES_MAX`] bytes; groups that leave for
//! want of room are counted. INVARIANT: a hit of a correlation is told once for each group and window, counted from 1970, so that it does
//! not matter when somebody began to look.
//!
//! Not here: where records come from and hits go (`bartizan`), what is ordinary traffic (`baselines`).

pub mod atlas;
mod facts;
mod hit;
mod hunter;
mod memory;
mod reference;
mod rule;
mod rules;
mod shipped;

pub use facts::{DERIVED, Facts, Value, is_derived};
pub use hit::{HUNT_KIND_PREFIX, Hit};
pub use hunter::Hunter;
pub use memory::{CORRELATED_BYTES_MAX, ENTRIES_PER_GROUP_MAX};
pub use reference::reference_markdown;
pub use rule::{Level, Rule};
pub use rules::{RULE_BYTES_MAX, RULES_MAX, RuleError, Rules, STEPS_MAX, WINDOW_S_MAX};
pub use shipped::{QUERIES, Query, SHIPPED, Shipped};
