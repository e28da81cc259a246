//! Objects whose members decide each other's meaning: messages, their parts, choices, tool calls, files.
//!
//! A role may come after the text it speaks for, an index after the text it numbers, a type after the data
//! it describes. So text is collected with what is known, and put right when its object closes.
//!
//! INVARIANT: leaving a scope settles everything that was collected since it was entered.

use std::borrow::Cow;

use events::Provenance;

use crate::document::{Document, Embedded, Field, FilePart, Finish, Item, Pending};
use crate::form::Form;
use crate::json_text::key_hash;
use crate::lane::Channel;
use crate::table::{Ends, EventKind, Scope};

/// The type of a source whose data is base64.
const BASE64_SOURCE: &str = "base64";
/// The type of a source whose data is plain text.
const TEXT_SOURCE: &str = "text";

/// Why sound is not read.
const SOUND: &str = "opaque: audio";

/// The type of an item without a role that the assistant wrote.
const REASONING: &str = "reasoning";

/// What the type of a part would be that a flag calls the model's reasoning.
pub(crate) const THOUGHT: &str = "thought";

/// An open scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeFrame<'a> {
    pub(crate) scope: Scope,
    /// Its position in its array.
    position: u32,
    /// Its `index`, if it states one.
    pub(crate) index: Option<u32>,
    /// The place of the part that it is about, if it states one.
    pub(crate) part: Option<u32>,
    /// Its `role`, if it states one.
    pub(crate) role: Option<Role>,
    /// Its `type`, if it states one.
    pub(crate) kind: Option<Cow<'a, str>>,
    /// The id of the item that it is, or is about, if it states one.
    pub(crate) item: Option<Cow<'a, str>>,
    /// The media type that is declared, if one is.
    pub(crate) declared: Option<Cow<'a, str>>,
    fields_from: usize,
    files_from: usize,
    finished_from: usize,
    echoes_from: usize,
    /// How many tools were offered before; nothing if it does not matter whether any is.
    pub(crate) tools_from: Option<usize>,
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
            "assistant" | "model" => Self::Assistant,
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
        let tools = document.facts.tools.len();
        Self {
            scope,
            position,
            index: None,
            part: None,
            role: None,
            kind: None,
            item: None,
            declared: None,
            fields_from: document.fields.len(),
            files_from: document.files.len(),
            finished_from: document.facts.finished.len(),
            echoes_from: document.echoes.len(),
            tools_from: if matches!(scope, Scope::Tool) { Some(tools) } else { None },
        }
    }

    /// Whether this is an item that says nothing itself.
    pub(crate) fn stands_for_something_stored(&self) -> bool {
        self.scope == Scope::Item
            && self.role.is_none()
            && self.kind.as_deref().is_none_or(str::is_empty)
    }

    /// Settles what was collected.
    pub(crate) fn leave(mut self, document: &mut Document<'a>, opening: &mut Opening) {
        if let Some(id) = self.item.take() {
            let fields = self.fields_from..document.fields.len();
            let echoes = self.echoes_from..document.echoes.len();
            document.items.push(Item { id, fields, echoes });
        }
        let index = self.index.unwrap_or(self.position);
        let fields = document.fields.get_mut(self.fields_from..).unwrap_or_default();
        match self.scope {
            Scope::Message | Scope::Item => {
                let is_reasoning = self.kind.as_deref() == Some(REASONING);
                let role = self.role.or(is_reasoning.then_some(Role::Assistant));
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
            Scope::Part => {
                for field in fields {
                    if let Pending::Part(kinds) = field.pending {
                        field.provenance = kinds.provenance(self.kind.as_deref());
                        field.pending = Pending::Nothing;
                    }
                }
            }
            Scope::Source => self.tell_text_from_files(document),
            Scope::Choice | Scope::Block | Scope::Output => {
                let is_alternative = self.scope == Scope::Choice;
                let pieces = fields.iter_mut().filter(|_| is_alternative);
                for part_of in pieces.filter_map(|field| field.part_of.as_mut()) {
                    *part_of = index;
                }
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.choice = index;
                    lane.channel = channel_of(self.kind.as_deref(), lane.channel);
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
            Scope::Call | Scope::OutputPart => {
                for lane in fields.iter_mut().filter_map(|field| field.lane.as_mut()) {
                    lane.channel = channel_of(self.kind.as_deref(), lane.channel.at(index));
                }
                let echoes = document.echoes.get_mut(self.echoes_from..);
                for echo in echoes.unwrap_or_default() {
                    echo.part = index;
                }
            }
            Scope::Event(kinds) => self.settle_event(kinds, document),
            Scope::Tool => {}
        }
    }

    /// Puts the text of an event on the lanes that its `type` and its indexes say.
    fn settle_event(self, kinds: &[EventKind], document: &mut Document<'a>) {
        let name = self.kind.unwrap_or_default();
        let kind = kinds.iter().find(|kind| kind.name == name);
        let said = kind.and_then(|kind| kind.channel);
        // Text of a type that nobody told us of may be cut like any other.
        let (stem, step) = name.rsplit_once('.').unwrap_or_default();
        let is_unlisted = said.is_none() && matches!(step, "delta" | "done");
        // What has no type is no event that says something again.
        let is_begun = step == "added" && name.starts_with("response.");
        let has_pieces = name.is_empty() || step == "delta" || is_begun;
        if is_unlisted {
            document.facts.unlisted = Some(stem.to_owned().into());
        }
        document.facts.item = self.index;
        document.facts.part = self.part;
        match kind.map_or(Ends::Nothing, |kind| kind.ends) {
            Ends::Nothing => {}
            Ends::Answer => {
                let choice = self.index.unwrap_or_default();
                document.facts.finished.push(Finish { choice, reason: name.clone() });
            }
            Ends::Stream => document.facts.last = true,
        }
        document.facts.error |= name == "error";
        if said == Some(Channel::Sound) {
            set_sound_apart(document);
        }
        for field in &mut document.fields {
            field.repeats = !has_pieces;
            let Some(lane) = field.lane.as_mut() else { continue };
            if lane.channel == Channel::OfEvent {
                let unlisted = || {
                    if is_unlisted {
                        Channel::Unlisted(key_hash(stem), 0)
                    } else {
                        Channel::Other(document.paths.hash(field.path))
                    }
                };
                lane.channel = said.filter(|said| *said != Channel::Sound).unwrap_or_else(unlisted);
                if lane.channel.is_json() {
                    field.embedded = Embedded::Json;
                }
            }
            lane.choice = self.index.unwrap_or(lane.choice);
            lane.channel = self.part.map_or(lane.channel, |part| lane.channel.at(part));
        }
        for echo in &mut document.echoes {
            echo.choice = self.index.unwrap_or(echo.choice);
            echo.part = self.part.unwrap_or(echo.part);
        }
        document.facts.event = Some(name);
    }

    /// The data of a source was collected as text and as a file; what it is not, goes. Of an unknown type it
    /// may be either, and stays both.
    fn tell_text_from_files(self, document: &mut Document<'a>) {
        let declared = self.declared.unwrap_or_default();
        let kind = self.kind.as_deref();
        let mut files = document.files.split_off(self.files_from);
        files.retain(|file| !file.is_pending || kind != Some(TEXT_SOURCE));
        // A `data:` URL says itself what it is (base64 has no comma), and so does the source of a file within.
        let is_undeclared =
            |file: &&mut FilePart<'_>| file.declared.is_none() && !file.value.contains(',');
        for file in files.iter_mut().filter(|file| file.is_pending || is_undeclared(file)) {
            (file.is_pending, file.is_media) = (false, true);
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

/// What an event says that says sound is not text, unless it is no base64.
fn set_sound_apart(document: &mut Document<'_>) {
    let is_sound = |field: &Field<'_>| {
        field.lane.is_some_and(|lane| lane.channel == Channel::OfEvent)
            && Form::Base64.admits_text(&field.text)
    };
    let sounds = document.fields.iter().filter(|field| is_sound(field));
    document.unscanned.extend(sounds.map(|field| (field.path, SOUND)));
    document.fields.retain(|field| !is_sound(field));
}

/// The channel, as the `type` of what it is in makes it.
fn channel_of(kind: Option<&str>, channel: Channel) -> Channel {
    match (kind, channel) {
        (Some("reasoning_text"), Channel::PartText(part)) => Channel::ReasoningText(part),
        (Some("summary_text"), Channel::PartText(part)) => Channel::SummaryText(part),
        (Some("mcp_call" | "mcp_approval_request"), Channel::ToolArguments(_)) => {
            Channel::McpArguments
        }
        (Some(THOUGHT), Channel::Content) => Channel::Reasoning,
        (Some("input_text"), Channel::PartText(_)) => Channel::Asked,
        (Some("input_audio"), Channel::PartTranscript(part)) => Channel::InputTranscript(part),
        _ => channel,
    }
}
