//! Forms: `multipart/form-data` (RFC 7578, RFC 2046 §5.1), read as the JSON object that says the same.
//!
//! A form has no content map of its own: its parts become the members of an object ([`Form::json`]), which is read by
//! the operation's map like any other request. `a[]` is an element of the list `a`, `a[b]` the member `b` of `a`; a
//! part with a file name is the object of its `filename` and its `content_type`, and what is in it is not looked at. Edits
//! go back into the part that the text came from ([`Form::splice`]).
//!
//! INVARIANT: a form is read in one way or not at all: besides what its parts and their heads may not be, a part twice and
//! a file where the map has none are refused. INVARIANT: bytes that no edit touches come back exactly as they were.
//!
//! Not here: where the parts stand (`form_parts`), which there are (`openai/`).

use std::ops::Range;

use crate::document::Document;
use crate::error::ReadError;
use crate::form::Form as ValueForm;
use crate::form_head::{FileName, Writing, written};
use crate::form_parts::{Part, is_boundary, malformed, parts, text_in};
use crate::json::is_number;
use crate::json_text::{key_hash, push_string};
use crate::limits::ReadLimits;
use crate::machine::{Machine, Node, ROOT};
use crate::maps::machine;
use crate::route::{Direction, Operation};
use crate::splice::{Edit, SpliceError, keeps_boundaries};

/// Names of members in the name of a part: `a[b][c]` has three.
const STEPS_MAX: usize = 3;

const FILE: &str = "a file stands where there is none to be: it would go on unread";

/// A form, and the object that says the same.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    json: String,
    /// In the order of their texts in `json`.
    slots: Vec<Slot>,
}

/// A text of the form.
#[derive(Debug)]
struct Slot {
    /// Where it stands in the object, between its quotes.
    shown: Range<usize>,
    /// Where it stands in the form, and how it is written there.
    places: Vec<(Range<usize>, Writing)>,
}

/// What a member of the object is made of.
enum Member {
    Part(usize),
    List(Vec<usize>),
    Object(Vec<(String, Member)>),
}

impl Form {
    /// Reads a form that comes with this boundary.
    pub fn read(
        operation: Operation,
        boundary: &str,
        body: &[u8],
        limits: &ReadLimits,
    ) -> Result<Self, ReadError> {
        let machine = machine(operation, Direction::Request)
            .filter(|_| operation.takes_form() && is_boundary(boundary))
            .ok_or(ReadError::WrongBody { expected: "a JSON object" })?;
        if body.len() > limits.body_bytes_max {
            return Err(ReadError::TooLarge { bytes_max: limits.body_bytes_max });
        }
        let parts = parts(boundary, body)?;
        let members = members(&parts)?;
        let (json, slots) = (String::new(), Vec::new());
        let mut writer = Writer { body, machine, parts: &parts, json, slots };
        writer.object(&members, ROOT)?;
        let Writer { json, slots, .. } = writer;
        Ok(Self { boundary: boundary.to_owned(), json, slots })
    }

    /// The object that says the same, for [`crate::read_request`].
    pub const fn json(&self) -> &str {
        self.json.as_str()
    }

    /// The form with `edits` made in it, in any order. `body` is what it was read from, and `document` what
    /// [`Form::json`] was read as.
    pub fn splice(
        &self,
        body: &[u8],
        document: &Document<'_>,
        edits: &[Edit],
    ) -> Result<Vec<u8>, SpliceError> {
        let mut edits: Vec<&Edit> = edits.iter().collect();
        edits.sort_by_key(|edit| (edit.field, edit.span.start, edit.span.end));
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        for edits in edits.chunk_by(|first, second| first.field == second.field) {
            let index = edits.first().map_or(0, |edit| edit.field);
            let missing = SpliceError::NoSuchField { field: index };
            let field = document.fields.get(index).ok_or(missing)?;
            let slot = self.slots.iter().find(|slot| slot.shown == field.source).ok_or(missing)?;
            let text = edited(&field.text, edits)?;
            for (place, writing) in &slot.places {
                changes.push((place.clone(), written(&text, *writing)));
            }
        }
        changes.sort_by_key(|(place, _)| place.start);
        let mut result = Vec::with_capacity(body.len());
        let mut at = 0;
        for (place, text) in changes {
            result.extend_from_slice(body.get(at..place.start).unwrap_or_default());
            result.extend_from_slice(text.as_bytes());
            at = place.end;
        }
        result.extend_from_slice(body.get(at..).unwrap_or_default());
        keeps_boundaries(&self.boundary, body, &result)?;
        Ok(result)
    }
}

/// A text with edits of it, which come in order.
fn edited(text: &str, edits: &[&Edit]) -> Result<String, SpliceError> {
    let (mut result, mut done) = (String::with_capacity(text.len()), 0);
    for edit in edits {
        let span = edit.span.range();
        if text.get(span.clone()).is_none() {
            return Err(SpliceError::BadSpan { field: edit.field });
        }
        let kept = text.get(done..span.start).ok_or(SpliceError::Overlap { field: edit.field })?;
        result.push_str(kept);
        result.push_str(&edit.replacement);
        done = span.end;
    }
    result.push_str(text.get(done..).unwrap_or_default());
    Ok(result)
}

/// The names of members in the name of a part, and whether it is an element of a list.
fn path_of(name: &str) -> Option<(Vec<&str>, bool)> {
    let (name, is_element) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    let (first, rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut steps = vec![first];
    if !rest.is_empty() {
        let inner = rest.strip_prefix('[')?.strip_suffix(']')?;
        steps.extend(inner.split("]["));
    }
    let is_word = |step: &&str| !step.is_empty() && ValueForm::Word.admits_text(step);
    (steps.len() <= STEPS_MAX && steps.iter().all(is_word)).then_some((steps, is_element))
}

/// The parts as the members of an object, each member where its first part stands.
fn members(parts: &[Part<'_>]) -> Result<Vec<(String, Member)>, ReadError> {
    let mut members = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let what = "a part must be called a word, `word[]` or `word[word]`";
        let (steps, is_element) =
            path_of(part.head.name).ok_or(malformed(part.head.name_at.start, what))?;
        let twice = || ReadError::DuplicateKey { path: steps.join(".") };
        let (last, above) = steps.split_last().ok_or_else(twice)?;
        let mut at = &mut members;
        for step in above {
            let object = Member::Object(Vec::new());
            at = match member(at, step, object) {
                Member::Object(members) => members,
                Member::Part(_) | Member::List(_) => return Err(twice()),
            };
        }
        if is_element {
            match member(at, last, Member::List(Vec::new())) {
                Member::List(elements) => elements.push(index),
                Member::Part(_) | Member::Object(_) => return Err(twice()),
            }
        } else if at.iter().any(|(name, _)| name == last) {
            return Err(twice());
        } else {
            at.push(((*last).to_owned(), Member::Part(index)));
        }
    }
    Ok(members)
}

/// The member of this name, which becomes `new` if there is none.
fn member<'m>(members: &'m mut Vec<(String, Member)>, name: &str, new: Member) -> &'m mut Member {
    let at = members.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
        members.push((name.to_owned(), new));
        members.len() - 1
    });
    &mut members[at].1
}

/// Writes the object.
struct Writer<'w, 'b> {
    body: &'b [u8],
    machine: &'static Machine,
    parts: &'w [Part<'b>],
    json: String,
    slots: Vec<Slot>,
}

impl Writer<'_, '_> {
    fn object(
        &mut self,
        members: &[(String, Member)],
        node: crate::machine::NodeId,
    ) -> Result<(), ReadError> {
        self.json.push('{');
        for (index, (name, member)) in members.iter().enumerate() {
            if index > 0 {
                self.json.push(',');
            }
            self.string(name);
            self.json.push(':');
            let under = self.machine.under(node, key_hash(name), name);
            let below = under.map_or(crate::machine::UNKNOWN, |(node, _)| node);
            match member {
                Member::Part(part) => self.part(*part, below)?,
                Member::Object(members) => self.object(members, below)?,
                Member::List(elements) => {
                    let below = self.machine.node(below).element();
                    self.json.push('[');
                    for (index, part) in elements.iter().enumerate() {
                        if index > 0 {
                            self.json.push(',');
                        }
                        self.part(*part, below)?;
                    }
                    self.json.push(']');
                }
            }
        }
        self.json.push('}');
        Ok(())
    }

    fn part(&mut self, index: usize, node: crate::machine::NodeId) -> Result<(), ReadError> {
        let (Some(part), node) = (self.parts.get(index), self.machine.node(node)) else {
            return Ok(());
        };
        match &part.head.file {
            None => {
                let text = text_in(self.body, &part.content)?;
                if is_literal(node, text) {
                    self.json.push_str(text);
                } else {
                    self.slot(text, vec![(part.content.clone(), Writing::Plain)]);
                }
            }
            Some(file) if node.presence.is_some() => self.file(file, part.head.kind),
            Some(_) => {
                return Err(ReadError::Denied { path: part.head.name.to_owned(), why: FILE });
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &FileName, kind: Option<&str>) {
        self.json.push_str("{\"filename\":");
        self.slot(&file.text, file.places.clone());
        if let Some(kind) = kind {
            self.json.push_str(",\"content_type\":");
            self.string(kind);
        }
        self.json.push('}');
    }

    fn slot(&mut self, text: &str, places: Vec<(Range<usize>, Writing)>) {
        let start = self.json.len() + 1;
        self.string(text);
        self.slots.push(Slot { shown: start..self.json.len() - 1, places });
    }

    fn string(&mut self, text: &str) {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        push_string(&mut bytes, text);
        self.json.push_str(&String::from_utf8_lossy(&bytes));
    }
}

/// Whether the text stands for a number or a flag here, where the map has no text.
fn is_literal(node: &Node, text: &str) -> bool {
    node.text.is_none()
        && ((node.number.is_some() && is_number(text))
            || (node.flag.is_some() && matches!(text, "true" | "false")))
}
