//! The language of the content maps: one row per path, typed.
//!
//! A path is keys joined by dots. `[]` is every element of an array, `.*` the value of every other key
//! of an object, `.**` everything at or below this place. Several rows may share a path if they take
//! different JSON types (`input[]` takes text as guarded and numbers as opaque).
//!
//! INVARIANT: each row is one of these typings. *Guarded*: text that is scanned. *File*: base64, handed over to
//! be read if it is a document (where a `type` beside it may say that it is plain text, text). *Constrained*: a value of a form that admits no sentence. *Opaque*: content no
//! guard can read, forwarded and listed. *Denied*: never forwarded.
//! *Message*: read by a map of its own. `null` is accepted everywhere and says
//! nothing.
//!
//! Not here: the tables themselves (`openai/`, `anthropic/`, `ollama/`), how they are matched (`machine`).

use events::Provenance;

use crate::document::{EchoOf, Embedded, HandleOf, Pending};
pub(crate) use crate::event_kind::{Ends, EventKind};
use crate::form::{Form, Kind, is_data_url, is_of_a_store, is_web_url};
use crate::lane::Channel;
use crate::route::{Direction, Operation};

/// One message kind: what may stand in it.
#[derive(Debug)]
pub(crate) struct MessageTable {
    pub(crate) operation: Operation,
    pub(crate) direction: Direction,
    /// The rows, in groups that several messages may share.
    pub(crate) parts: &'static [&'static [Row]],
    /// Places whose members decide each other's meaning.
    pub(crate) scopes: &'static [(&'static str, Scope)],
    /// A minimal message, as paths and JSON values.
    pub(crate) skeleton: &'static [(&'static str, &'static str)],
}

impl MessageTable {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.parts.iter().flat_map(|part| part.iter())
    }
}

/// What is known about one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) path: &'static str,
    pub(crate) rule: Rule,
    pub(crate) fact: Option<Fact>,
    /// For constrained rows with `.*`: what the keys may be. Keys of guarded rows are guarded.
    pub(crate) keys: Form,
    /// Text that is not yielded because the format's own vocabulary is all it says.
    pub(crate) vocabulary: fn(&str) -> bool,
}

/// The typing of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Guarded text. `free`: numbers and flags may stand there too, and long numbers are text.
    Guarded { origin: Origin, channel: Option<Channel>, embedded: Embedded, free: bool },
    /// A constrained value.
    Constrained(Form),
    /// Content no guard can read, of a form.
    OpaqueForm(Form, &'static str),
    /// Content no guard can read, of any type; what is inside is not looked at.
    Opaque(&'static str),
    /// A URL to fetch (guarded text) or inline data (a file).
    Media(Origin),
    /// A file as base64: read if it is a document, else listed for this reason.
    File(&'static str),
    /// A file as base64 or as plain text, as the `type` of its [`Scope::Source`] says; without one that is
    /// known, both.
    Attachment(&'static str),
    /// A repetition of guarded text in another form.
    Echo(EchoOf, &'static str),
    /// A message that another map reads; which, is said here in words.
    Message(&'static str),
    /// A repetition of guarded text, piece by piece: other rows read what is inside.
    Repeats(EchoOf),
    /// Never forwarded.
    Denied(&'static str),
    /// The presence of this object lets content in that no guard can read (or is a fact).
    Presence(Option<&'static str>),
}

/// Where text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Always from there.
    Is(Provenance),
    /// From whoever the message's `role` names.
    Role,
    /// From the user, but in a tool's message from the tool, which is trusted less.
    Participant,
    /// From what the `type` of its [`Scope::Part`] says.
    Part(&'static Kinds),
}

/// What the `type` of a part says about the provenance of its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kinds {
    /// By type.
    pub(crate) named: &'static [(&'static str, Provenance)],
    /// Of any other type, and of none.
    pub(crate) other: Provenance,
}

impl Kinds {
    pub(crate) fn provenance(&self, kind: Option<&str>) -> Provenance {
        let named = self.named.iter().find(|(name, _)| Some(*name) == kind);
        named.map_or(self.other, |(_, provenance)| *provenance)
    }
}

impl Origin {
    /// The provenance, as far as it is known, and what it waits for.
    pub(crate) const fn provenance(self) -> (Provenance, Pending) {
        match self {
            Self::Is(provenance) => (provenance, Pending::Nothing),
            Self::Role => (Provenance::User, Pending::Role),
            Self::Participant => (Provenance::User, Pending::Participant),
            Self::Part(kinds) => (kinds.other, Pending::Part(kinds)),
        }
    }
}

/// A place whose members decide each other's meaning, whatever their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A message: its role decides the provenance of its text.
    Message,
    /// A choice, which is read instead of others: its index decides the lanes of its text. In a request, one of several that
    /// are answered apart.
    Choice,
    /// A block of content, which is read after others: its index decides the lanes of its text.
    Block,
    /// A tool call or reasoning detail: its index decides its channels.
    Call,
    /// An item of a request: a message, or something that its `type` names. Without either it stands for
    /// content stored at the provider.
    Item,
    /// An item of an answer: its place decides the lanes of its text, its `type` some channels.
    Output,
    /// A part of an item: its place and its `type` decide its channels.
    OutputPart,
    /// An event that is one object: its `type` and indexes decide the lanes of its text. Only at the root.
    Event(&'static [EventKind]),
    /// A part of a message: its type decides the provenance of its text.
    Part,
    /// The source of a file: its type says what its data is.
    Source,
    /// The definition of a tool: it offers one, whatever it is called.
    Tool,
}

/// What an event of a stream means by its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The choice that it names begins.
    Begins,
    /// The choice that it names ends.
    Ends,
    /// It is the last event of the answer.
    Last,
    /// The answer begins.
    Opens,
    /// The answer has ended; more may be told of it, but nothing more is said.
    Closes,
    /// The upstream failed.
    Error,
}

/// What else a value tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Model,
    Stream,
    /// `sse`: a stream is asked for.
    StreamFormat,
    IncludeUsage,
    Choices,
    OutputTokensMax,
    /// A lower number is preferred.
    EndUser(u8),
    Conversation(u8),
    /// Text that opens the conversation, in dialects without messages.
    Opening,
    Role,
    Index,
    /// The place of a part in the item that an event is about.
    PartIndex,
    ItemId,
    /// The id of the client's event that an error is about.
    ComplainsOf,
    Sequence,
    /// The `type` of a tool, which the provider may run itself.
    ToolKind,
    /// The name of a tool that is offered, or of the server that offers tools.
    Tool,
    /// It stands where definitions of tools stand, and is none.
    NoTool,
    /// Members that the row does not name: what they are called says what they are.
    Unnamed,
    /// An object that the model has written: all of it counts.
    Written,
    Id,
    Created,
    /// When the answer was made, as the upstream writes it.
    CreatedAt,
    Fingerprint,
    /// Several of them add up.
    InputTokens,
    OutputTokens,
    Finish,
    /// If set, nothing comes after this event.
    Last,
    Error,
    /// `object`, which is `error` in some servers' errors.
    Object,
    /// The `type` of an event, and what the types mean that mean something.
    Event(&'static [(&'static str, Mark)]),
    /// The `type` of an item, a part, an event or a source.
    Kind,
    /// A flag that says of a part that it is the model's reasoning.
    Thought,
    /// The media type that the sender of a file declares.
    Declared,
    /// An id that stands for something stored at the provider.
    Handle(HandleOf),
    /// The path that a message is meant for.
    Url,
    /// An answer in a line, with what is said of it.
    Answer,
    /// How far a batch has come.
    Progress(Told),
}

/// What is told of how far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// How it stands: the words for one that has ended well, or as a provider ends all, and for one that ended before.
    Status { done: &'static [&'static str], given_up: &'static [&'static str] },
    /// Requests that were answered.
    Answered,
    /// Requests that were not, or not yet.
    Unanswered,
    /// All its requests.
    Requests,
    /// Tokens of its requests.
    Input,
    /// Tokens of its answers.
    Output,
}

/// The vocabulary of rows that have none.
pub(crate) const fn no_word(_: &str) -> bool {
    false
}

impl Row {
    const fn new(path: &'static str, rule: Rule) -> Self {
        Self { path, rule, fact: None, keys: Form::Word, vocabulary: no_word }
    }

    /// Guarded text.
    pub(crate) const fn guarded(path: &'static str, origin: Origin) -> Self {
        let embedded = Embedded::Plain;
        Self::new(path, Rule::Guarded { origin, channel: None, embedded, free: false })
    }

    /// Guarded text of an answer, on a channel of its own.
    pub(crate) const fn output(path: &'static str, channel: Channel) -> Self {
        let embedded = if channel.is_json() { Embedded::Json } else { Embedded::Plain };
        let origin = Origin::Is(Provenance::Output);
        Self::new(path, Rule::Guarded { origin, channel: Some(channel), embedded, free: false })
    }

    /// Guarded text of an answer that repeats the request.
    pub(crate) const fn asked(path: &'static str) -> Self {
        Self::output(path, Channel::Asked).free()
    }

    /// Guarded text of an answer without a channel of its own; numbers may stand there too.
    pub(crate) const fn said(path: &'static str) -> Self {
        Self::guarded(path, Origin::Is(Provenance::Output)).free()
    }

    /// The guarded text is a JSON document.
    pub(crate) const fn json(mut self) -> Self {
        if let Rule::Guarded { origin, channel, free, .. } = self.rule {
            self.rule = Rule::Guarded { origin, channel, embedded: Embedded::Json, free };
        }
        self
    }

    /// Numbers and flags may stand there too.
    pub(crate) const fn free(mut self) -> Self {
        if let Rule::Guarded { origin, channel, embedded, .. } = self.rule {
            self.rule = Rule::Guarded { origin, channel, embedded, free: true };
        }
        self
    }

    pub(crate) const fn constrained(path: &'static str, form: Form) -> Self {
        Self::new(path, Rule::Constrained(form))
    }

    pub(crate) const fn word(path: &'static str) -> Self {
        Self::constrained(path, Form::Word)
    }

    pub(crate) const fn flag(path: &'static str) -> Self {
        Self::constrained(path, Form::Flag)
    }

    pub(crate) const fn number(path: &'static str) -> Self {
        Self::constrained(path, Form::Number)
    }

    pub(crate) const fn integer(path: &'static str) -> Self {
        Self::constrained(path, Form::Integer(i64::MIN, i64::MAX))
    }

    pub(crate) const fn opaque(path: &'static str, why: &'static str) -> Self {
        Self::new(path, Rule::Opaque(why))
    }

    pub(crate) const fn opaque_form(path: &'static str, form: Form, why: &'static str) -> Self {
        Self::new(path, Rule::OpaqueForm(form, why))
    }

    pub(crate) const fn media(path: &'static str, origin: Origin) -> Self {
        Self::new(path, Rule::Media(origin))
    }

    pub(crate) const fn file(path: &'static str, why: &'static str) -> Self {
        Self::new(path, Rule::File(why))
    }

    pub(crate) const fn attachment(path: &'static str, why: &'static str) -> Self {
        Self::new(path, Rule::Attachment(why))
    }

    pub(crate) const fn echo(path: &'static str, of: EchoOf, why: &'static str) -> Self {
        Self::new(path, Rule::Echo(of, why))
    }

    pub(crate) const fn message(path: &'static str, read_as: &'static str) -> Self {
        Self::new(path, Rule::Message(read_as))
    }

    /// An id of something stored at the provider.
    pub(crate) const fn handle(path: &'static str, of: HandleOf) -> Self {
        Self::constrained(path, Form::Id).fact(Fact::Handle(of))
    }

    pub(crate) const fn repeats(path: &'static str, of: EchoOf) -> Self {
        Self::new(path, Rule::Repeats(of))
    }

    pub(crate) const fn denied(path: &'static str, why: &'static str) -> Self {
        Self::new(path, Rule::Denied(why))
    }

    pub(crate) const fn presence(path: &'static str, why: Option<&'static str>) -> Self {
        Self::new(path, Rule::Presence(why))
    }

    pub(crate) const fn fact(mut self, fact: Fact) -> Self {
        self.fact = Some(fact);
        self
    }

    pub(crate) const fn keys(mut self, form: Form) -> Self {
        self.keys = form;
        self
    }

    pub(crate) const fn vocabulary(mut self, is_word: fn(&str) -> bool) -> Self {
        self.vocabulary = is_word;
        self
    }

    /// Whether the text may stand here.
    pub(crate) fn admits_text(&self, text: &str) -> bool {
        match self.rule {
            Rule::Constrained(form) | Rule::OpaqueForm(form, _) => form.admits_text(text),
            Rule::File(_) => Form::Base64.admits_text(text),
            Rule::Media(_) => {
                text.is_empty() || (is_web_url(text) && !is_of_a_store(text)) || is_data_url(text)
            }
            _ => true,
        }
    }

    /// What stands here, in words, after "must be".
    pub(crate) const fn expected(&self) -> &'static str {
        match self.rule {
            Rule::Constrained(form) | Rule::OpaqueForm(form, _) => form.expected(),
            Rule::File(_) => Form::Base64.expected(),
            Rule::Message(_) => "a JSON object",
            Rule::Media(_) => {
                "an http or https URL that does not lead to files kept at the provider, or a `data:` URL of base64"
            }
            _ => "text",
        }
    }

    /// Which JSON types the row takes: text, numbers, flags, or a whole value of any type.
    pub(crate) const fn takes(&self) -> Takes {
        match self.rule {
            Rule::Guarded { free, .. } => {
                Takes { text: true, number: free, flag: free, whole: false }
            }
            Rule::Media(_) | Rule::File(_) | Rule::Attachment(_) => {
                Takes { text: true, number: false, flag: false, whole: false }
            }
            Rule::Constrained(form) | Rule::OpaqueForm(form, _) => match form.kind() {
                Kind::Text => Takes { text: true, number: false, flag: false, whole: false },
                Kind::Number => Takes { text: false, number: true, flag: false, whole: false },
                Kind::Flag => Takes { text: false, number: false, flag: true, whole: false },
            },
            Rule::Opaque(_) | Rule::Echo(..) | Rule::Denied(_) | Rule::Message(_) => {
                Takes { text: false, number: false, flag: false, whole: true }
            }
            Rule::Presence(_) | Rule::Repeats(_) => {
                Takes { text: false, number: false, flag: false, whole: false }
            }
        }
    }
}

/// Which JSON types a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent JSON types, not a state")]
pub(crate) struct Takes {
    pub(crate) text: bool,
    pub(crate) number: bool,
    pub(crate) flag: bool,
    pub(crate) whole: bool,
}

/// Rows below a prefix: `rows!("a.b": word(".type"); flag(".on"))`.
macro_rules! rows {
    ($prefix:literal: $($row:ident($path:literal $(, $argument:expr)*) $(.$more:ident($($value:expr),*))*);* $(;)?) => {
        &[$($crate::table::Row::$row(concat!($prefix, $path) $(, $argument)*) $(.$more($($value),*))*),*]
    };
}
pub(crate) use rows;

/// One step of a row's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'p> {
    Key(&'p str),
    Element,
    /// `*`
    AnyKey,
    /// `**`
    Below,
}

/// The steps of a row's path; the empty path is the message itself.
pub(crate) fn segments(path: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let name = part.trim_end_matches("[]");
        segments.push(match name {
            "*" => Segment::AnyKey,
            "**" => Segment::Below,
            key => Segment::Key(key),
        });
        let elements = (part.len() - name.len()) / 2;
        segments.extend(std::iter::repeat_n(Segment::Element, elements));
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::{Segment, segments};

    #[test]
    fn paths_are_read_step_by_step() {
        assert_eq!(
            segments("a.b[][].*.c.**"),
            [
                Segment::Key("a"),
                Segment::Key("b"),
                Segment::Element,
                Segment::Element,
                Segment::AnyKey,
                Segment::Key("c"),
                Segment::Below,
            ]
        );
    }
}
