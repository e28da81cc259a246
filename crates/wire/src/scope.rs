//! Objects whose members decide each other's meaning: messages, choices, tool calls, items, events.
//!
//! A role may come after the text it speaks for, an index after the text it numbers. So text is collected
//! with what is known, and put right when its object closes.
//!
//! INVARIANT: leaving a scope settles everything that was collected since it was entered.

use events::Provenance;

use crate::document::{Document, Embedded, Pending};
use crate::lane::Channel;
use crate::table::{EventKind, Scope};

/// An open scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeFrame {
    scope: Scope,
    /// Its position in its array.
    position: u32,
    /// Its `index`, if it states one.
    pub(crate) index: Option<u32>,
    /// The place of the part that it is about, if it states one.
    pub(crate) part: Option<u32>,
    /// Its `role`, if it states one.
    pub(crate) role: Option<Role>,
    kind: Option<Kind>,
    fields_from: usize,
    finished_from: usize,
    echoes_from: usize,
}

/// What its `type` tells about a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reasoning,
    ReasoningText,
    SummaryText,
    McpCall,
    /// One of the kinds of events, and whether it carries pieces of text or whole text again.
    Event {
        kind: Option<&'static EventKind>,
        has_pieces: bool,
        is_error: bool,
    },
    Other,
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
            part: None,
            role: None,
            kind: None,
            fields_from: document.fields.len(),
            finished_from: document.facts.finished.len(),
            echoes_from: document.echoes.len(),
        }
    }

    /// Takes over the `type`.
    pub(crate) fn take_kind(&mut self, name: &str) {
        self.kind = Some(match (self.scope, name) {
            (Scope::Event(kinds), _) => Kind::Event {
                kind: kinds.iter().find(|kind| kind.name == name),
                has_pieces: matches!(name.rsplit('.').next(), Some("delta" | "added")),
                is_error: name == "error",
            },
            (_, "reasoning") => Kind::Reasoning,
            (_, "reasoning_text") => Kind::ReasoningText,
            (_, "summary_text") => Kind::SummaryText,
            (_, "mcp_call" | "mcp_approval_request") => Kind::McpCall,
            _ => Kind::Other,
        });
    }

    /// Whether this is an item that says nothing itself.
    pub(crate) fn stands_for_something_stored(&self) -> bool {
        self.scope == Scope::Item && self.role.is_none() && self.kind.is_none()
    }

    /// Settles what was collected.
    pub(crate) fn leave(&self, document: &mut Document<'_>, opening: &mut Opening) {
        let index = self.index.unwrap_or(self.position);
        let fields = document.fields.get_mut(self.fields_from..).unwrap_or_default();
        match self.scope {
            Scope::Message | Scope::Item => {
                let role =
                    self.role.or((self.kind == Some(Kind::Reasoning)).then_some(Role::Assistant));
                for field in fields.iter_mut().filter(|field| field.pending != Pending::Nothing) {
                    field.provenance = match (field.pending, role) {
                        (Pending::Role, Some(role)) => role.provenance(),
                        (_, Some(Role::Tool)) => Provenance::ToolResult,
                        _ => Provenance::User,
                    };
                    field.pending = Pending::Nothing;
                }
                self.extend_opening(document, opening);
            }
            Scope::Choice | Scope::Output => {
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.choice = index;
                    lane.channel = self.channel_of_kind(lane.channel);
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
            Scope::Call | Scope::Part => {
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.channel = self.channel_of_kind(lane.channel.at(index));
                }
            }
            Scope::Event(_) => self.settle_event(document),
        }
    }

    /// The channel, as the `type` of what it is in makes it.
    const fn channel_of_kind(&self, channel: Channel) -> Channel {
        match (self.kind, channel) {
            (Some(Kind::ReasoningText), Channel::PartText(part)) => Channel::ReasoningText(part),
            (Some(Kind::SummaryText), Channel::PartText(part)) => Channel::SummaryText(part),
            (Some(Kind::McpCall), Channel::ToolArguments(_)) => Channel::McpArguments,
            _ => channel,
        }
    }

    fn settle_event(&self, document: &mut Document<'_>) {
        let (kind, has_pieces, is_error) = match self.kind {
            Some(Kind::Event { kind, has_pieces, is_error }) => (kind, has_pieces, is_error),
            _ => (None, false, false),
        };
        let said = kind.and_then(|kind| kind.channel);
        document.facts.item = self.index;
        document.facts.ended = kind.is_some_and(|kind| kind.ends);
        document.facts.error |= is_error;
        for field in &mut document.fields {
            field.repeats = !has_pieces;
            let Some(lane) = field.lane.as_mut() else { continue };
            match (lane.channel, said) {
                (Channel::OfEvent, Some(channel)) => {
                    lane.channel = channel;
                    if channel.is_json() {
                        field.embedded = Embedded::Json;
                    }
                }
                (Channel::OfEvent, None) => {
                    lane.channel = Channel::Other(document.paths.hash(field.path));
                }
                _ => {}
            }
            lane.choice = self.index.unwrap_or(lane.choice);
            lane.channel = self.part.map_or(lane.channel, |part| lane.channel.at(part));
        }
        for echo in &mut document.echoes {
            echo.choice = self.index.unwrap_or(echo.choice);
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
