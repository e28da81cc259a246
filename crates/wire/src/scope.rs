//! Objects whose members decide each other's meaning: messages, choices, tool calls.
//!
//! A role may come after the text it speaks for, an index after the text it numbers. So text is collected
//! with what is known, and put right when its object closes.
//!
//! INVARIANT: leaving a scope settles everything that was collected since it was entered.

use events::Provenance;

use crate::document::{Document, Pending};
use crate::table::Scope;

/// An open scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeFrame {
    scope: Scope,
    /// Its position in its array.
    position: u32,
    /// Its `index`, if it states one.
    pub(crate) index: Option<u32>,
    /// Its `role`, if it states one.
    pub(crate) role: Option<Role>,
    fields_from: usize,
    finished_from: usize,
    echoes_from: usize,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

impl Role {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "system" => Self::System,
            "developer" => Self::Developer,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" | "function" => Self::Tool,
            _ => return None,
        })
    }

    const fn provenance(self) -> Provenance {
        match self {
            Self::System => Provenance::System,
            Self::Developer => Provenance::Developer,
            Self::User => Provenance::User,
            Self::Assistant => Provenance::Assistant,
            Self::Tool => Provenance::ToolResult,
        }
    }
}

/// How far the opening of the conversation has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Before,
    Within,
    After,
}

impl ScopeFrame {
    /// Enters a scope at `position` of its array.
    pub(crate) const fn enter(scope: Scope, position: u32, document: &Document<'_>) -> Self {
        Self {
            scope,
            position,
            index: None,
            role: None,
            fields_from: document.fields.len(),
            finished_from: document.facts.finished.len(),
            echoes_from: document.echoes.len(),
        }
    }

    /// Settles what was collected.
    pub(crate) fn leave(&self, document: &mut Document<'_>, opening: &mut Opening) {
        let index = self.index.unwrap_or(self.position);
        let fields = document.fields.get_mut(self.fields_from..).unwrap_or_default();
        match self.scope {
            Scope::Message => {
                for field in fields.iter_mut().filter(|field| field.pending != Pending::Nothing) {
                    field.provenance = match (field.pending, self.role) {
                        (Pending::Role, Some(role)) => role.provenance(),
                        (_, Some(Role::Tool)) => Provenance::ToolResult,
                        _ => Provenance::User,
                    };
                    field.pending = Pending::Nothing;
                }
                self.extend_opening(document, opening);
            }
            Scope::Choice => {
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.choice = index;
                }
                let finished = document.facts.finished.get_mut(self.finished_from..);
                for finish in finished.unwrap_or_default() {
                    finish.choice = index;
                }
                let echoes = document.echoes.get_mut(self.echoes_from..);
                for echo in echoes.unwrap_or_default() {
                    echo.choice = index;
                }
            }
            Scope::Call => {
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.channel = lane.channel.at(index);
                }
            }
        }
    }

    fn extend_opening(&self, document: &mut Document<'_>, opening: &mut Opening) {
        if *opening == Opening::After {
            return;
        }
        if *opening == Opening::Before {
            document.facts.opening.start = self.fields_from;
        }
        document.facts.opening.end = document.fields.len();
        *opening = match self.role {
            Some(Role::User) => Opening::After,
            _ => Opening::Within,
        };
    }
}
