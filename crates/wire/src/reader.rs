//! Reads a message: walks its tokens through the content map and collects fields and facts.
//!
//! One pass and no recursion. What decides the meaning of other members (a role, an index) may come
//! after them, so it is applied when its object closes.
//!
//! INVARIANT: each value is matched by a row or is unknown; there is no third way. INVARIANT: in a request
//! a constrained value of another form is refused; in an answer it is read as text of an unknown
//! field, because an upstream's garbage must be seen and cannot be argued with.
//!
//! Not here: which rows there are (`openai/`, `anthropic/`, `bedrock/`, `gemini/`, `ollama/`), what is kept of them (`collect`), JSON itself (`json`).

use std::borrow::Cow;
use std::ops::Range;

use crate::document::{Document, Literal};
use crate::error::ReadError;
use crate::facts::{Ranks, apply_number, apply_text};
use crate::form::{Form, is_data_url, is_long_number};
use crate::form_body::read_upload;
use crate::form_parts::first_boundary;
use crate::frames::{Frame, Taken};
use crate::json::{Fault, Text, Token, Tokenizer};
use crate::json_text::decoded;
use crate::limits::{ReadLimits, UnknownFields};
use crate::machine::{MISFIT_SAID, Machine, Node, NodeId, ROOT, SKIPPED, UNKNOWN, unknown_row};
use crate::maps::machine;
use crate::media_url::is_inside;
use crate::members::read_requests;
use crate::named::Given;
use crate::path::PathId;
use crate::read_within::read_named;
use crate::route::{Direction, Operation};
use crate::scope::{Opening, ScopeFrame, THOUGHT};
use crate::table::{Fact, Mark, Row, Rule};

const FOLDED: &str =
    "it differs from a known field in case alone, and some servers read it as that field";
const STORED_ITEM: &str =
    "without a role or a type it stands for content stored at the provider, which no guard sees";
const OUTSIDE: &str =
    "a URL of a place that is not inside the network of whoever fetches it (`server.inner_media`)";
const MEDIA_REMOTE: &str = "opaque: media that the provider fetches";

/// Reads a request's body. Operations asked with `GET` have an empty one. An upload is taken to come with the boundary that
/// it begins with; where the head states it, ask [`read_upload`].
pub fn read_request<'a>(
    operation: Operation,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    match machine(operation, Direction::Request) {
        // A session is asked for with a path alone; what is said in it comes later.
        Some(_) if bytes.is_empty() && operation.is_session() => Ok(Document::empty()),
        Some(_) if operation.is_upload() => {
            read_upload(first_boundary(bytes)?, bytes, unknown, limits)
        }
        Some(machine) => {
            let document = read(machine, text_of(bytes, limits)?, unknown, limits)?;
            if document.inner.is_empty() {
                return Ok(document);
            }
            read_requests(document, unknown, limits)
        }
        None if bytes.is_empty() => Ok(Document::empty()),
        None => Err(ReadError::WrongBody { expected: "empty" }),
    }
}

/// Reads a whole answer, or an error in its place ([`crate::Facts::error`]).
pub fn read_response<'a>(
    operation: Operation,
    bytes: &'a [u8],
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    match machine(operation, Direction::Response) {
        Some(machine) => read(machine, text_of(bytes, limits)?, unknown, limits),
        None => Err(ReadError::WrongBody { expected: "empty" }),
    }
}

pub(crate) fn text_of<'a>(bytes: &'a [u8], limits: &ReadLimits) -> Result<&'a str, ReadError> {
    let bytes_max = limits.body_bytes_max.min(u32::MAX as usize);
    if bytes.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes_max });
    }
    std::str::from_utf8(bytes)
        .map_err(|error| ReadError::InvalidUtf8 { offset: error.valid_up_to() })
}

/// Reads a message of one kind.
pub(crate) fn read<'a>(
    machine: &'static Machine,
    source: &'a str,
    unknown: UnknownFields,
    limits: &ReadLimits,
) -> Result<Document<'a>, ReadError> {
    read_named(machine, (None, &[]), source, unknown, limits)
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "settings and states that do not depend on each other"
)]
pub(crate) struct Reader<'a> {
    pub(crate) machine: &'static Machine,
    /// The path of the message.
    path: PathId,
    pub(crate) request: bool,
    pub(crate) refuse_unknown: bool,
    pub(crate) fields_max: usize,
    takes_inner_media: bool,
    pub(crate) members_max: usize,
    pub(crate) frames: Vec<Frame>,
    pub(crate) scopes: Vec<ScopeFrame<'a>>,
    pub(crate) opening: Opening,
    pub(crate) document: Document<'a>,
    pub(crate) ranks: Ranks,
    /// No row names the member that is read now, and what stands there was not seen yet.
    pub(crate) unnamed: bool,
    /// The name that stands beside the message, until its scope is entered, and what names mean.
    pub(crate) name: Option<(&'a str, &'static [(&'static str, Mark)])>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        machine: &'static Machine,
        document: Document<'a>,
        path: PathId,
        unknown: UnknownFields,
        limits: &ReadLimits,
    ) -> Self {
        Self {
            machine,
            path,
            request: machine.table.direction.is_request(),
            refuse_unknown: unknown == UnknownFields::Refuse,
            fields_max: limits.fields_max,
            takes_inner_media: limits.takes_inner_media,
            members_max: limits.members_max,
            frames: Vec::with_capacity(16),
            scopes: Vec::with_capacity(4),
            opening: Opening::Before,
            document,
            ranks: Ranks::default(),
            unnamed: false,
            name: None,
        }
    }

    pub(crate) fn read_all(
        mut self,
        mut tokenizer: Tokenizer<'a>,
    ) -> Result<Document<'a>, ReadError> {
        loop {
            match tokenizer.next() {
                Ok(Some(token)) => self.token(token)?,
                Ok(None) => return Ok(self.document),
                Err(fault) => return Err(self.error_of(fault)),
            }
        }
    }

    fn token(&mut self, token: Token) -> Result<(), ReadError> {
        if let Token::Key(key) = token {
            return self.key(key);
        }
        if let Token::Close { end } = token {
            return self.close(end);
        }
        let node = match self.frames.last_mut() {
            Some(frame) => {
                if !frame.object {
                    frame.index = frame.index.wrapping_add(1);
                }
                frame.child
            }
            None if matches!(token, Token::Open { object: true, .. }) => ROOT,
            None => return Err(ReadError::WrongBody { expected: "a JSON object" }),
        };
        self.give(&token)?;
        match token {
            _ if node == SKIPPED && !matches!(token, Token::Open { .. }) => Ok(()),
            Token::Open { object, start } => self.open(node, object, start),
            Token::Text(text) => self.text(node, text),
            Token::Number { start, end } => self.number(node, start, end),
            Token::Boolean { value, start, end } => self.flag(node, value, start..end),
            Token::Key(_) | Token::Close { .. } | Token::Null => Ok(()),
        }
    }

    fn key(&mut self, key: Text) -> Result<(), ReadError> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        frame.key = key;
        if frame.node == SKIPPED {
            return Ok(());
        }
        let raw = self.document.source.get(key.start..key.end).unwrap_or_default();
        let name = if key.escaped { decoded(raw) } else { Cow::Borrowed(raw) };
        self.named(key, name)
    }

    /// The member that is read now has this name.
    pub(crate) fn named(&mut self, key: Text, name: Cow<'a, str>) -> Result<(), ReadError> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        frame.key = key;
        self.unnamed = false;
        match self.machine.under(frame.node, key.hash, &name) {
            Some((child, true)) => frame.child = child,
            Some((child, false)) => {
                frame.child = child;
                if let Some(row) = self.machine.node(frame.node).keys {
                    self.unnamed = row.fact == Some(Fact::Unnamed);
                    return self.guard_key(row, key, name);
                }
            }
            None => {
                if self.request && self.machine.folds_to_named(frame.node, &name) {
                    return Err(ReadError::Denied { path: self.path_here(), why: FOLDED });
                }
                frame.child = UNKNOWN;
                self.unnamed = true;
                self.note_unknown()?;
                return self.guard_key(unknown_row(self.machine.table.direction), key, name);
            }
        }
        Ok(())
    }

    /// Reads a key that the caller chose.
    fn guard_key(
        &mut self,
        row: &'static Row,
        key: Text,
        name: Cow<'a, str>,
    ) -> Result<(), ReadError> {
        match row.rule {
            Rule::Guarded { .. } if (row.vocabulary)(&name) => Ok(()),
            Rule::Guarded { .. } => self.field(row, name, key.start..key.end, Literal::Key),
            _ if row.keys.admits_text(&name) => Ok(()),
            _ if self.request => Err(self.violation(row.keys.expected())),
            _ => self.unfit(name, key.start..key.end, Literal::Key),
        }
    }

    fn open(&mut self, node: NodeId, object: bool, start: usize) -> Result<(), ReadError> {
        let mut place = self.machine.node(node);
        let (mut node, mut taken) = (node, None);
        let only = place.only_element().filter(|_| object && self.machine.is_one_many);
        if let Some(only) = only.filter(|_| place.whole.is_none()) {
            (node, place) = (only, self.machine.node(only));
        }
        let is_whole = |row: &&'static Row| object || is_scalar(row);
        if node != SKIPPED {
            if let Some(row) = place.whole.filter(is_whole) {
                taken = self.whole(row)?.map(|taken| (start, taken));
                node = SKIPPED;
            } else if !place.opens(object) {
                self.refuse_misfit(place)?;
                self.note_unknown()?;
                self.note_unnamed(self.given(&Token::Open { object, start }))?;
                node = UNKNOWN;
            } else if let Some(of) = place.repeats {
                self.room_for(self.document.echoes.len())?;
                taken = Some((start, Taken::Echo(of)));
            } else if let Some(row) = place.presence.filter(|_| object) {
                taken = self.presence(row)?.map(|taken| (start, taken));
            } else if place.text.is_some_and(|row| row.fact == Some(Fact::Opening))
                && self.frames.last().is_some_and(|frame| !frame.object)
            {
                // A prompt as token ids, among others.
                self.note_prompt();
            }
        }
        let place = self.machine.node(node);
        let child = if node == SKIPPED { SKIPPED } else { place.element() };
        self.note_list(child, &Token::Open { object, start });
        let mut frame = Frame::new(node, child, object);
        frame.taken = taken;
        if self.frames.is_empty() {
            frame = frame.at(self.path);
        }
        if let Some(scope) = place.scope.filter(|_| object) {
            let of_array = self.frames.last().filter(|frame| !frame.object);
            let position = of_array.map_or(0, |frame| frame.index);
            self.scopes.push(ScopeFrame::enter(scope, position, &self.document));
            frame.scoped = true;
            if let Some((name, marks)) = self.name.take() {
                let (facts, ranks) = (&mut self.document.facts, &mut self.ranks);
                apply_text(facts, ranks, Fact::Event(marks), name.into());
            }
        }
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), ReadError> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        if let Some((start, taken)) = frame.taken {
            self.take(start..end, taken);
        }
        if let Some(scope) = frame.scoped.then(|| self.scopes.pop()).flatten() {
            if scope.stands_for_something_stored() {
                return Err(ReadError::Denied { path: self.path_here(), why: STORED_ITEM });
            }
            // A definition that names no tool is one all the same.
            if scope.tools_from == Some(self.document.facts.tools.len()) {
                self.offer("".into())?;
            }
            scope.leave(&mut self.document, &mut self.opening);
        }
        Ok(())
    }

    fn text(&mut self, node: NodeId, text: Text) -> Result<(), ReadError> {
        let place = self.machine.node(node);
        let range = text.start..text.end;
        if let Some(row) = place.whole.filter(|row| is_scalar(row)) {
            return self.whole_scalar(row, text.start - 1..text.end + 1);
        }
        let raw = self.document.source.get(range.clone()).unwrap_or_default();
        let value = if text.escaped { decoded(raw) } else { Cow::Borrowed(raw) };
        self.value(node, value, range, Literal::Text)
    }

    /// Text at a place.
    pub(crate) fn value(
        &mut self,
        node: NodeId,
        value: Cow<'a, str>,
        range: Range<usize>,
        literal: Literal,
    ) -> Result<(), ReadError> {
        let place = self.machine.node(node);
        let Some(row) = place.text else {
            self.refuse_misfit(place)?;
            return self.unfit(value, range, literal);
        };
        // Servers leave out what they have nothing to say about, or write it empty.
        if !row.admits_text(&value) && (self.request || !value.is_empty()) {
            // What is to be replaced by something of ours must not go on as it is.
            if self.request || matches!(row.fact, Some(Fact::Handle(_))) {
                return Err(self.violation(row.expected()));
            }
            self.note_unknown()?;
            self.note_unnamed(Given::Content)?;
            return self.field(&MISFIT_SAID, value, range, literal);
        }
        match row.fact {
            Some(Fact::Handle(of)) => self.handle(value.clone(), range.clone(), of)?,
            Some(Fact::Unnamed) | None => {}
            Some(fact) => self.fact_of_text(fact, value.clone())?,
        }
        match row.rule {
            Rule::OpaqueForm(_, why) => self.note_unscanned(why),
            Rule::File(_) => return self.file(row, value),
            Rule::Attachment(_) => {
                self.file(row, value.clone())?;
                return self.field(row, value, range, literal);
            }
            Rule::Media(_) if is_data_url(&value) => return self.file(row, value),
            Rule::Media(_) => {
                if self.request && !self.takes_inner_media && is_inside(&value) {
                    return Err(self.violation(OUTSIDE));
                }
                self.note_unscanned(MEDIA_REMOTE);
                return self.field(row, value, range, literal);
            }
            Rule::Guarded { .. } if !(row.vocabulary)(&value) => {
                return self.field(row, value, range, literal);
            }
            _ => {}
        }
        Ok(())
    }

    fn number(&mut self, node: NodeId, start: usize, end: usize) -> Result<(), ReadError> {
        let place = self.machine.node(node);
        let number = self.document.source.get(start..end).unwrap_or_default();
        if let Some(row) = place.whole.filter(|row| is_scalar(row)) {
            return self.whole_scalar(row, start..end);
        }
        let Some(row) = place.number else {
            self.refuse_misfit(place)?;
            return self.unfit(number.into(), start..end, Literal::Number);
        };
        match row.rule {
            Rule::Constrained(form) | Rule::OpaqueForm(form, _) if !form.admits_number(number) => {
                if self.request {
                    return Err(self.violation(row.expected()));
                }
                return self.unfit(number.into(), start..end, Literal::Number);
            }
            Rule::OpaqueForm(_, why) => self.note_unscanned(why),
            Rule::Guarded { .. } if is_long_number(number) => {
                self.field(row, number.into(), start..end, Literal::Number)?;
            }
            _ => {}
        }
        if let Some(fact) = row.fact {
            match (fact, self.scopes.last_mut()) {
                (Fact::Index, Some(scope)) => scope.index = number.parse().ok(),
                (Fact::PartIndex, Some(scope)) => scope.part = number.parse().ok(),
                (Fact::Unnamed, _) if self.request => self.note_unnamed_number(number),
                (Fact::Sequence, _) => {
                    let sequence = number.parse().ok().map(|sequence| (sequence, start..end));
                    self.document.facts.sequence = sequence;
                }
                _ => apply_number(&mut self.document.facts, &mut self.ranks, fact, number),
            }
        }
        Ok(())
    }

    fn flag(&mut self, node: NodeId, value: bool, range: Range<usize>) -> Result<(), ReadError> {
        let place = self.machine.node(node);
        if let Some(row) = place.whole.filter(|row| is_scalar(row)) {
            return self.whole_scalar(row, range);
        }
        let Some(row) = place.flag else {
            self.refuse_misfit(place)?;
            self.note_unknown()?;
            return self.note_unnamed(Given::flag(value));
        };
        if value && matches!(row.rule, Rule::Constrained(Form::Off)) {
            return if self.request { Err(self.violation(row.expected())) } else { Ok(()) };
        }
        match row.fact {
            Some(Fact::Stream) => self.document.facts.stream = value,
            Some(Fact::IncludeUsage) => self.document.facts.include_usage = value,
            Some(Fact::Thought) if value => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.kind = Some(THOUGHT.into());
                }
            }
            Some(Fact::Last) => self.document.facts.last = value,
            _ => {}
        }
        Ok(())
    }

    /// Refuses a request in which a constrained place has a value of another type.
    fn refuse_misfit(&mut self, place: &Node) -> Result<(), ReadError> {
        match place.constraint() {
            Some(row) if self.request => Err(self.violation(row.expected())),
            _ => Ok(()),
        }
    }

    /// Text where the map has none: scanned as an unknown field.
    fn unfit(
        &mut self,
        value: Cow<'a, str>,
        range: Range<usize>,
        literal: Literal,
    ) -> Result<(), ReadError> {
        self.note_unknown()?;
        self.note_unnamed(Given::Content)?;
        if literal == Literal::Number && !is_long_number(&value) {
            return Ok(());
        }
        self.field(unknown_row(self.machine.table.direction), value, range, literal)
    }

    pub(crate) const fn note_prompt(&mut self) {
        let prompts = &mut self.document.facts.prompts;
        *prompts = prompts.saturating_add(1);
    }

    fn error_of(&mut self, fault: Fault) -> ReadError {
        match fault {
            Fault::Malformed { offset, what } => ReadError::Malformed { offset, what },
            Fault::Limit { of, max } => ReadError::Limit { of, max },
            Fault::DuplicateKey(key) => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.key = key;
                }
                ReadError::DuplicateKey { path: self.path_here() }
            }
        }
    }
}

/// Whether such a row takes scalars whole: a message is an object.
const fn is_scalar(row: &Row) -> bool {
    !matches!(row.rule, Rule::Message(_))
}
