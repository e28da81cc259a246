//! Objects whose members decide each other's meaning: messages, their parts, choices, tool calls, files.
//!
//! A role may come after the text it speaks for, an index after the text it numbers, a type after the data
//! it describes. So text is collected with what is known, and put right when its object closes.
//!
//! INVARIANT: leaving a scope settles everything that was collected since it was entered.

use std::borrow::Cow;

use events::Provenance;

use crate::document::{Document, Pending};
use crate::table::Scope;

/// The type of a source whose data is base64.
const BASE64_SOURCE: &str = "base64";
/// The type of a source whose data is plain text.
const TEXT_SOURCE: &str = "text";

/// An open scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeFrame<'a> {
    scope: Scope,
    /// Its position in its array.
    position: u32,
    /// Its `index`, if it states one.
    pub(crate) index: Option<u32>,
    /// Its `role`, if it states one.
    pub(crate) role: Option<Role>,
    /// Its `type`, if it states one.
    pub(crate) kind: Option<Cow<'a, str>>,
    /// The media type that is declared, if one is.
    pub(crate) declared: Option<Cow<'a, str>>,
    fields_from: usize,
    files_from: usize,
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

impl<'a> ScopeFrame<'a> {
    /// Enters a scope at `position` of its array.
    pub(crate) const fn enter(scope: Scope, position: u32, document: &Document<'a>) -> Self {
        Self {
            scope,
            position,
            index: None,
            role: None,
            kind: None,
            declared: None,
            fields_from: document.fields.len(),
            files_from: document.files.len(),
            finished_from: document.facts.finished.len(),
            echoes_from: document.echoes.len(),
        }
    }

    /// Settles what was collected.
    pub(crate) fn leave(self, document: &mut Document<'a>, opening: &mut Opening) {
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
            Scope::Part => {
                for field in fields {
                    if let Pending::Part(kinds) = field.pending {
                        field.provenance = kinds.provenance(self.kind.as_deref());
                        field.pending = Pending::Nothing;
                    }
                }
            }
            Scope::Source => self.tell_text_from_files(document),
            Scope::Choice => {
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.choice = index;
                }
                if let Some(begun) = &mut document.facts.begun {
                    *begun = index;
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

    /// The data of a source was collected as text and as a file; what it is not, goes. Of an unknown type it
    /// may be either, and stays both.
    fn tell_text_from_files(self, document: &mut Document<'a>) {
        let declared = self.declared.unwrap_or_default();
        let kind = self.kind.as_deref();
        let mut files = document.files.split_off(self.files_from);
        files.retain(|file| !file.is_pending || kind != Some(TEXT_SOURCE));
        for file in files.iter_mut().filter(|file| file.is_pending) {
            file.is_pending = false;
            file.declared = Some(declared.clone());
        }
        document.files.append(&mut files);
        let mut fields = document.fields.split_off(self.fields_from);
        fields.retain(|field| field.pending != Pending::Source || kind != Some(BASE64_SOURCE));
        for field in fields.iter_mut().filter(|field| field.pending == Pending::Source) {
            field.pending = Pending::Nothing;
        }
        document.fields.append(&mut fields);
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
