//! What single values tell beside their text: the model, the choices, the end user, token counts.
//!
//! INVARIANT: when several places can state a fact, the one listed first in [`Facts`] counts, whatever
//! their order in the message; of amounts, the largest.

use std::borrow::Cow;

use events::TokenUsage;

use crate::document::{Facts, Finish};
use crate::error::ReadError;
use crate::progress::Progress;
use crate::reader::Reader;
use crate::scope::{Opening, Role};
use crate::table::{Fact, Mark, Told};

const HOSTED: &str = "opaque: what the provider's own tools read";

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
        Fact::ComplainsOf => facts.complains_of = Some(value),
        Fact::Url => facts.url = Some(value),
        Fact::StreamFormat => facts.stream = value == "sse",
        Fact::Fingerprint => facts.system_fingerprint = Some(value),
        Fact::CreatedAt => facts.created_at = Some(value),
        Fact::EndUser(rank) if prefers(&mut ranks.end_user, rank) => facts.end_user = Some(value),
        Fact::Conversation(rank) if prefers(&mut ranks.conversation, rank) => {
            facts.conversation = Some(value);
        }
        Fact::Progress(Told::Status { done, given_up }) => {
            let progress = facts.progress.get_or_insert_default();
            progress.is_given_up = given_up.contains(&&*value);
            progress.has_ended = progress.is_given_up || done.contains(&&*value);
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
        Fact::Progress(told) => told_of(facts.progress.get_or_insert_default(), told, value),
        _ => {}
    }
}

/// Takes over what a number tells of how far a batch has come.
fn told_of(progress: &mut Progress, told: Told, value: u64) {
    let usage = |progress: &mut Progress| *progress.usage.get_or_insert_default();
    match told {
        Told::Status { .. } => {}
        Told::Answered => {
            progress.answered = Some(progress.answered.unwrap_or_default().saturating_add(value));
        }
        Told::Unanswered => progress.unanswered = progress.unanswered.saturating_add(value),
        Told::Requests => progress.total = progress.total.max(value),
        Told::Input => progress.usage = Some(TokenUsage { input: value, ..usage(progress) }),
        Told::Output => progress.usage = Some(TokenUsage { output: value, ..usage(progress) }),
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn offer(&mut self, tool: Cow<'a, str>) -> Result<(), ReadError> {
        self.room_for(self.document.facts.tools.len())?;
        self.document.facts.tools.push(tool);
        Ok(())
    }

    pub(crate) fn fact_of_text(
        &mut self,
        fact: Fact,
        value: Cow<'a, str>,
    ) -> Result<(), ReadError> {
        match fact {
            Fact::Role => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.role = Role::named(&value);
                }
            }
            Fact::Kind | Fact::Declared => {
                if let Some(scope) = self.scopes.last_mut() {
                    let fact =
                        if fact == Fact::Kind { &mut scope.kind } else { &mut scope.declared };
                    *fact = Some(value);
                }
            }
            Fact::ItemId => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.item = Some(value.clone());
                }
                apply_text(&mut self.document.facts, &mut self.ranks, fact, value);
            }
            Fact::ToolKind if NAMED_TOOLS.contains(&&*value) => {}
            Fact::ToolKind => {
                if is_hosted(&value) {
                    self.note_unscanned(HOSTED);
                }
                self.offer(value)?;
            }
            Fact::Tool => self.offer(value)?,
            Fact::Opening => {
                self.note_prompt();
                if self.opening == Opening::Before {
                    let field = self.document.fields.len();
                    self.document.facts.opening = field..field + 1;
                    self.opening = Opening::After;
                }
            }
            Fact::Finish if value.is_empty() => {}
            Fact::Finish => {
                self.room_for(self.document.facts.finished.len())?;
                self.document.facts.finished.push(Finish { choice: 0, reason: value });
            }
            _ => apply_text(&mut self.document.facts, &mut self.ranks, fact, value),
        }
        Ok(())
    }
}

/// The types of tools that have names of their own.
const NAMED_TOOLS: [&str; 3] = ["function", "custom", "namespace"];

/// Whether the provider runs such a tool itself, and what it reads there is not in any message.
fn is_hosted(kind: &str) -> bool {
    ["web_search", "file_search", "code_interpreter", "image_generation", "mcp"]
        .iter()
        .any(|hosted| kind.starts_with(hosted))
}
