//! What tools are called in a stream.
//!
//! A name opens its call and is never held back, since many clients read it from that event. Other clients join what later
//! events say of it. So the same name may come again, and no other: a name in pieces would be read by nobody before it is whole.
//!
//! INVARIANT: of a call that clients join, at most one name passes.

use wire::{Channel, Lane, Operation};

use super::Machine;

/// Calls of one answer; nobody makes hundreds at once.
const NAMES_MAX: usize = 512;

impl Machine {
    /// Whether a text calls a tool something else than what came before, where clients join both.
    pub(super) fn is_renamed(&mut self, lane: Lane, text: &str) -> bool {
        let is_name = matches!(
            lane.channel,
            Channel::ToolName(_) | Channel::CustomName(_) | Channel::FunctionName
        );
        // Elsewhere one call is one event, or says its name in the event that begins it.
        if !is_name || text.is_empty() || self.operation != Operation::ChatCompletions {
            return false;
        }
        if self.names.len() >= NAMES_MAX && !self.names.contains_key(&lane) {
            return true;
        }
        self.names.entry(lane).or_insert_with(|| text.to_owned()) != text
    }
}
