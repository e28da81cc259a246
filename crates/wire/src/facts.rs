//! What single values tell beside their text: the model, the choices, the end user, token counts.
//!
//! INVARIANT: when several places can state a fact, the one listed first in [`Facts`] counts, whatever
//! their order in the message; of amounts, the largest.

use std::borrow::Cow;

use events::TokenUsage;

use crate::document::{Facts, Finish};
use crate::table::{Fact, Mark};

/// From which of several places a fact was taken; lower is preferred.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranks {
    end_user: u8,
    conversation: u8,
}

impl Default for Ranks {
    fn default() -> Self {
        Self { end_user: u8::MAX, conversation: u8::MAX }
    }
}

/// Whether a fact from a place of rank `new` replaces what was found so far.
fn prefers(rank: &mut u8, new: u8) -> bool {
    let better = new < *rank;
    if better {
        *rank = new;
    }
    better
}

/// Takes over what a string tells. Empty text tells nothing.
pub(crate) fn apply_text<'a>(
    facts: &mut Facts<'a>,
    ranks: &mut Ranks,
    fact: Fact,
    value: Cow<'a, str>,
) {
    if value.is_empty() {
        return;
    }
    match fact {
        Fact::Model => {
            facts.names_two_models |= facts.model.as_ref().is_some_and(|named| *named != value);
            facts.model = Some(value);
        }
        Fact::Id => facts.id = Some(value),
        Fact::ItemId => facts.item_id = Some(value),
        Fact::Url => facts.url = Some(value),
        Fact::StreamFormat => facts.stream = value == "sse",
        Fact::Fingerprint => facts.system_fingerprint = Some(value),
        Fact::CreatedAt => facts.created_at = Some(value),
        Fact::EndUser(rank) if prefers(&mut ranks.end_user, rank) => facts.end_user = Some(value),
        Fact::Conversation(rank) if prefers(&mut ranks.conversation, rank) => {
            facts.conversation = Some(value);
        }
        Fact::Error => facts.error = true,
        Fact::Object => facts.error |= value == "error",
        Fact::Event(marks) => {
            facts.event = Some(value.clone());
            match marks.iter().find(|(name, _)| *name == value).map(|(_, mark)| mark) {
                // Which choice it is, is known when its scope is left.
                Some(Mark::Begins) => facts.begun = Some(0),
                Some(Mark::Ends) => facts.finished.push(Finish { choice: 0, reason: value }),
                Some(Mark::Last) => facts.last = true,
                Some(Mark::Opens) => facts.opens = true,
                Some(Mark::Closes) => facts.closes = true,
                Some(Mark::Error) => facts.error = true,
                None => {}
            }
        }
        _ => {}
    }
}

/// Takes over what a number tells. A number that is not whole or not in range tells nothing.
pub(crate) fn apply_number<'a>(
    facts: &mut Facts<'a>,
    ranks: &mut Ranks,
    fact: Fact,
    number: &'a str,
) {
    if let Fact::Conversation(_) = fact {
        return apply_text(facts, ranks, fact, number.into());
    }
    let Ok(value) = number.parse::<u64>() else { return };
    let usage = |facts: &mut Facts<'a>, set: fn(&mut TokenUsage, u64)| {
        set(facts.usage.get_or_insert_default(), value);
    };
    match fact {
        Fact::Choices => {
            facts.choices = facts.choices.max(u32::try_from(value).unwrap_or(u32::MAX));
        }
        Fact::Created => facts.created = Some(value),
        Fact::OutputTokensMax => {
            facts.output_tokens_max = facts.output_tokens_max.max(Some(value));
        }
        Fact::InputTokens => {
            usage(facts, |usage, value| usage.input = usage.input.saturating_add(value));
        }
        Fact::OutputTokens => {
            usage(facts, |usage, value| usage.output = usage.output.saturating_add(value));
        }
        _ => {}
    }
}
