//! A message as the guards see it: its text, its facts, and what could not be read.
//!
//! INVARIANT: fields stand in the order of the bytes (those that belong to no line before those of lines, and of a line its
//! own before those of the message that it holds), and their sources do not overlap. INVARIANT:
//! text without escapes is borrowed from the message; paths are rendered only when asked for.
//!
//! Not here: how a document is made (`reader`), how it is changed (`splice`).

use std::borrow::Cow;
use std::ops::Range;

use events::{Provenance, TokenUsage, Unscanned};

use crate::form_head::Writing;
use crate::lane::{Channel, Lane};
pub use crate::member::{Member, MemberAt};
use crate::path::{PathId, Paths};
use crate::progress::Progress;
use crate::table::Kinds;

/// How many paths [`Document::unknown`] and [`Document::unscanned`] list at most; a record is not a
/// copy of a hostile message.
pub const REPORTED_PATHS_MAX: usize = 64;

/// A message that was read.
#[derive(Debug)]
pub struct Document<'a> {
    /// Every piece of text that is not empty, in the order said above.
    pub fields: Vec<Field<'a>>,
    /// Requests: files that stand in the message itself, in the order of the bytes.
    pub files: Vec<FilePart<'a>>,
    /// What routing and accounting need.
    pub facts: Facts<'a>,
    /// Values that repeat guarded text in another form.
    pub echoes: Vec<Echo>,
    /// Ids that stand for something stored at the provider: files, batches.
    pub handles: Vec<Handle<'a>>,
    /// The messages that a file is made of, one a line, in order.
    pub members: Vec<Member<'a>>,
    /// Answers: the items that have ids, the inner before the outer.
    pub items: Vec<Item<'a>>,
    /// Whether the message goes on with bytes that are no text; then nothing of it can be edited.
    pub is_partial: bool,
    /// What stands between its parts, if it is a form.
    pub(crate) boundary: Option<String>,
    pub(crate) source: &'a str,
    pub(crate) paths: Paths,
    pub(crate) unknown: Vec<PathId>,
    pub(crate) unscanned: Vec<(PathId, &'static str)>,
    /// What stands in the place of parts of the message, besides edits of its fields.
    pub(crate) replaced: Vec<(Range<usize>, String)>,
    /// Where whole messages stand in it that another map reads.
    pub(crate) inner: Vec<(Range<usize>, PathId)>,
}

/// An item of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Which fields of the document are its.
    pub fields: Range<usize>,
    /// Which echoes are.
    pub echoes: Range<usize>,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Where it came from.
    pub provenance: Provenance,
    /// In answers, the text it continues.
    pub lane: Option<Lane>,
    /// The text with JSON's escapes resolved. Never empty.
    pub text: Cow<'a, str>,
    /// Where it stands in the message: for strings and keys the bytes between the quotes.
    pub source: Range<usize>,
    /// Whether the text is itself a document.
    pub embedded: Embedded,
    /// What it is in the message.
    pub literal: Literal,
    /// In an event of a stream: the whole text of its lane once more, and not a piece of it.
    pub repeats: bool,
    /// Of which choice it is a piece that is read on to the next, if it is one.
    pub(crate) part_of: Option<u32>,
    pub(crate) path: PathId,
    pub(crate) pending: Pending,
}

/// A file that stands in the message itself, as base64. Its bytes are not looked at here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart<'a> {
    /// Base64, or a `data:` URL of base64.
    pub value: Cow<'a, str>,
    /// The type that is declared beside it; then the value is no URL.
    pub(crate) declared: Option<Cow<'a, str>>,
    /// Its source will say whether it is a file at all.
    pub(crate) is_pending: bool,
    /// What the record says of it if nobody reads it.
    pub why: &'static str,
    /// Whether it stands where pictures, sound and video belong.
    pub is_media: bool,
    /// How many of the fields stand before it.
    pub position: usize,
    pub(crate) path: PathId,
}

impl FilePart<'_> {
    /// The base64.
    pub fn base64(&self) -> &str {
        self.parts().1
    }

    /// The type that its sender declares, as it is written: `application/pdf`; the empty text without one.
    pub fn declared(&self) -> &str {
        self.parts().0
    }

    /// The encoding that its sender declares: `windows-1251` of `text/plain; charset=windows-1251`.
    pub fn charset(&self) -> Option<&str> {
        let head = match &self.declared {
            Some(declared) => declared.as_ref(),
            None => self.value.split_once(',')?.0,
        };
        let parameters = head.split(';').skip(1).filter_map(|one| one.split_once('='));
        let mut charsets =
            parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        charsets.next().map(|(_, value)| value.trim().trim_matches('"'))
    }

    fn parts(&self) -> (&str, &str) {
        if let Some(declared) = &self.declared {
            return (declared, &self.value);
        }
        // Base64 has no comma.
        let Some((head, body)) = self.value.split_once(',') else { return ("", &self.value) };
        let declared = head.split([':', ';']).nth(1).unwrap_or_default();
        (declared, body)
    }
}

/// An id that stands for something stored at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle<'a> {
    /// Where it stands: the bytes between the quotes.
    pub source: Range<usize>,
    /// The id.
    pub id: Cow<'a, str>,
    /// What it stands for.
    pub of: HandleOf,
}

/// What an id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HandleOf {
    /// What the message is about.
    Itself,
    /// The file that a batch reads.
    Input,
    /// The file of answers that a batch writes.
    Output,
    /// The file that it writes of requests that failed.
    Errors,
    /// Not an id but an address: where the results of the batch are.
    Results,
}

/// What a field's provenance waits for: the message's role may come after its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// Nothing: it is known.
    Nothing,
    /// The role says whose text it is.
    Role,
    /// The role says whether it is a tool's; else it is the user's.
    Participant,
    /// The type of its part says it.
    Part(&'static Kinds),
    /// The type of its source says whether it is text or a file, which was collected too.
    Source,
}

/// Whether a field's text is itself a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Embedded {
    /// Plain text.
    #[default]
    Plain,
    /// JSON, as far as its writer got it right: a tool call's arguments. Spans and replacements are of
    /// the text as it stands; a replacement is escaped once more when it is spliced in.
    Json,
}

/// What a field is in its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Literal {
    /// A string value.
    #[default]
    Text,
    /// The key of an object whose keys the caller chooses.
    Key,
    /// Text of a form, which is written like this.
    Form(Writing),
    /// The text as it stands, in a message that is not JSON.
    Plain,
    /// A number of seven digits or more in free-form content (a card number needs no quotes). An edit
    /// turns it into a string.
    Number,
}

/// A value that repeats guarded text in another form (log probabilities of its tokens, its audio).
///
/// It is not scanned; it is `null`ed when the text it repeats is changed: see [`crate::Echoes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Where the value stands in the message.
    pub source: Range<usize>,
    /// The choice whose text it repeats.
    pub choice: u32,
    /// The part of that choice which it is in; 0 where choices have no parts.
    pub part: u32,
    /// Which of its channels.
    pub of: EchoOf,
}

/// What an echo repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EchoOf {
    /// Content and refusal: `logprobs`.
    Answer,
    /// The transcript: its tokens, or the audio itself.
    Transcript,
    /// The transcript of a part of a session's item: the audio itself.
    Sound,
    /// Everything the model wrote: its token ids.
    Everything,
}

impl EchoOf {
    /// Whether it repeats text of `channel`.
    pub const fn repeats(self, channel: Channel) -> bool {
        match self {
            Self::Answer => matches!(
                channel,
                Channel::Content
                    | Channel::Refusal
                    | Channel::PartText(_)
                    | Channel::PartRefusal(_)
            ),
            Self::Transcript | Self::Sound => matches!(
                channel,
                Channel::Transcript | Channel::PartTranscript(_) | Channel::InputTranscript(_)
            ),
            Self::Everything => {
                !matches!(channel, Channel::Other(_) | Channel::Asked | Channel::Sound)
            }
        }
    }
}

/// What routing, accounting and conversation identity need from a message. What a message does not
/// state is `None`, `false`, zero or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Facts<'a> {
    /// The model asked for, or the model that answered.
    pub model: Option<Cow<'a, str>>,
    /// Request: several models are named, in dialects that have more than one place for that.
    pub names_two_models: bool,
    /// Request: a stream is asked for.
    pub stream: bool,
    /// Request: `stream_options.include_usage`.
    pub include_usage: bool,
    /// Request: how many answers to each prompt are asked for: `n` or `best_of`, the larger (1 when not stated).
    pub choices: u32,
    /// Request: how many prompts there are that are answered one by one; none where there are messages.
    pub prompts: u32,
    /// Request: the most tokens an answer may have: `max_completion_tokens`, `max_tokens` or `max_output_tokens`,
    /// the largest.
    pub output_tokens_max: Option<u64>,
    /// Request: the largest number that a member no row names calls a limit of tokens. It may be none, so it only ever adds to
    /// what the request states itself.
    pub output_tokens_unnamed: u64,
    /// Request: the caller's own end user, `safety_identifier` before `user`.
    pub end_user: Option<Cow<'a, str>>,
    /// Request: a conversation the caller names: `metadata.conversation_id`, else
    /// `metadata.thread_id`, else `metadata.session_id`, else `session_id`.
    pub conversation: Option<Cow<'a, str>>,
    /// Request: the tools that the model is offered, by name; those without a name by their type, those of
    /// servers by the servers' labels too.
    pub tools: Vec<Cow<'a, str>>,
    /// Request: the fields of the messages up to and including the first one of the user; without
    /// messages, the first prompt.
    pub opening: Range<usize>,
    /// Answer: its id.
    pub id: Option<Cow<'a, str>>,
    /// Answer: when it was made, in seconds since 1970.
    pub created: Option<u64>,
    /// Answer: when it was made, as the upstream writes it, in dialects that write it in words.
    pub created_at: Option<Cow<'a, str>>,
    /// Answer: `system_fingerprint`.
    pub system_fingerprint: Option<Cow<'a, str>>,
    /// Answer: token counts.
    pub usage: Option<TokenUsage>,
    /// Answer: how far the batch has come that it is about.
    pub progress: Option<Progress>,
    /// Answer: bytes of objects that the model has written, such as the arguments of its calls, in dialects where these are no
    /// text.
    pub written_bytes: u64,
    /// Answer: the type of the event, in dialects whose events have one. Request of a session: that of the client's event.
    pub event: Option<Cow<'a, str>>,
    /// Answer: the choice that begins with this event, in dialects that say so.
    pub begun: Option<u32>,
    /// Answer: the choices that ended in this message.
    pub finished: Vec<Finish<'a>>,
    /// Answer: this event is the last, in dialects that say so.
    pub last: bool,
    /// Answer: it begins with this event, in dialects that say so without an id.
    pub opens: bool,
    /// Answer: nothing is said after this event, though more may be told, in dialects that say so.
    pub closes: bool,
    /// Answer: the message is an error.
    pub error: bool,
    /// Event: the item of the answer that it is about, by its place.
    pub item: Option<u32>,
    /// Event: the part of an item that it is about, by its place.
    pub part: Option<u32>,
    /// Event: the event of the client that it complains about, by the id that the client gave it.
    pub complains_of: Option<Cow<'a, str>>,
    /// Event: that item's id.
    pub item_id: Option<Cow<'a, str>>,
    /// Event: its type without its last word, if the content map does not say what such events say.
    pub unlisted: Option<Cow<'a, str>>,
    /// Chat completions, streamed: the paths below `delta` that the content map does not name, by their hashes.
    pub extensions: Vec<(u64, String)>,
    /// Line of a file: the path that it is meant for. Request: the path that its batch is for.
    pub url: Option<Cow<'a, str>>,
    /// Line of a file: where its answer stands together with what is said of it.
    pub answer: Option<Range<usize>>,
    /// Event: its number in the stream, and where that stands.
    pub sequence: Option<(u64, Range<usize>)>,
}

impl Facts<'_> {
    /// The most tokens that an answer may have, where one whose request does not say has at most `assumed`.
    pub fn answer_tokens_max(&self, assumed: u64) -> u64 {
        self.output_tokens_max.unwrap_or(assumed).max(self.output_tokens_unnamed)
    }
}

/// A choice that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish<'a> {
    /// Its index.
    pub choice: u32,
    /// `stop`, `length`, `tool_calls`, `content_filter`, `function_call`, or the upstream's own word.
    pub reason: Cow<'a, str>,
}

impl<'a> Document<'a> {
    /// A message without a body.
    pub(crate) fn empty() -> Self {
        Self {
            fields: Vec::new(),
            files: Vec::new(),
            facts: Facts { choices: 1, ..Facts::default() },
            echoes: Vec::new(),
            handles: Vec::new(),
            members: Vec::new(),
            items: Vec::new(),
            is_partial: false,
            boundary: None,
            source: "",
            paths: Paths::default(),
            unknown: Vec::new(),
            unscanned: Vec::new(),
            replaced: Vec::new(),
            inner: Vec::new(),
        }
    }

    /// A transcript that is no more than its text.
    pub(crate) fn of_text(source: &'a str) -> Self {
        let mut document = Self { source, ..Self::empty() };
        if !source.is_empty() {
            document.fields.push(Field {
                provenance: Provenance::Output,
                lane: Some(Lane { choice: 0, channel: Channel::Transcript }),
                text: source.into(),
                source: 0..source.len(),
                embedded: Embedded::Plain,
                literal: Literal::Plain,
                repeats: false,
                part_of: None,
                path: PathId::ROOT,
                pending: Pending::Nothing,
            });
        }
        document
    }

    /// A message of which nothing can be read.
    pub(crate) fn of_opaque(why: &'static str) -> Self {
        let unscanned = vec![(PathId::ROOT, why)];
        Self { unscanned, ..Self::empty() }
    }

    /// Splicing gives the event this number in its stream, if it has one.
    pub fn renumber(&mut self, sequence: u64) {
        if let Some((_, range)) = self.facts.sequence.clone() {
            self.replace(range, sequence.to_string());
        }
    }

    /// Splicing puts this in the place of a part of the message, as it stands. Edits of fields must not be there too.
    pub fn replace(&mut self, source: Range<usize>, with: String) {
        self.replaced.push((source, with));
    }

    /// Whether splicing changes something besides the edits.
    pub const fn has_replacements(&self) -> bool {
        !self.replaced.is_empty()
    }

    /// The message.
    pub const fn source(&self) -> &'a str {
        self.source
    }

    /// The path of a field, `messages[2].content[0].text`, or an empty text if there is no such field.
    ///
    /// A key that does not look like an identifier is written `*`, because a path goes into the
    /// record and the record holds no content.
    pub fn path(&self, field: usize) -> String {
        self.fields.get(field).map_or_else(String::new, |field| self.path_of(field))
    }

    /// The path of one of this document's own fields.
    pub fn path_of(&self, field: &Field<'_>) -> String {
        self.paths.render(self.source, field.path)
    }

    /// The path of one of this document's own files.
    pub fn path_of_file(&self, file: &FilePart<'_>) -> String {
        self.paths.render(self.source, file.path)
    }

    /// The paths that the content map does not know, at most [`REPORTED_PATHS_MAX`]. Their text is
    /// among the fields.
    pub fn unknown(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for id in &self.unknown {
            let path = self.paths.render(self.source, *id);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// Whether the message has fields that the content map does not know.
    pub const fn has_unknown(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// What no guard can read besides the files, and why, at most [`REPORTED_PATHS_MAX`] entries.
    pub fn unscanned(&self) -> Vec<Unscanned> {
        let entry = |(id, why): &(PathId, &'static str)| Unscanned {
            path: self.paths.render(self.source, *id),
            why: (*why).to_owned(),
        };
        self.unscanned.iter().map(entry).collect()
    }
}
