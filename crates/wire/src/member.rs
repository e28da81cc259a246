//! One of several messages that are sent in one: a line of a file, a request of a batch.
//!
//! INVARIANT: what a member says of itself is of itself alone; its fields and files are ranges of the document's.
//!
//! Not here: how members are read (`members`).

use std::ops::Range;

use crate::document::Facts;
use crate::route::Operation;

/// Where one of several messages stands in what holds them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberAt {
    /// In a line of a file, from 1.
    Line(u32),
    /// In the list of a batch's requests, from 0.
    Request(u32),
}

impl MemberAt {
    /// Its path in the document.
    pub fn path(self) -> String {
        match self {
            Self::Line(_) => format!("file#{self}"),
            Self::Request(_) => self.to_string(),
        }
    }
}

impl std::fmt::Display for MemberAt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(formatter, "line {number}"),
            Self::Request(index) => write!(formatter, "requests[{index}]"),
        }
    }
}

/// One of the messages that a file or a batch is made of, with the line that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Where it stands.
    pub at: MemberAt,
    /// What its sender calls it (`custom_id`), if that is a word.
    pub name: Option<String>,
    /// What it asks for, or answers.
    pub operation: Operation,
    /// Its fields, those of its line included.
    pub fields: Range<usize>,
    /// Its files.
    pub files: Range<usize>,
    /// Where its line stands.
    pub source: Range<usize>,
    /// Where the message itself stands; nothing, if the line has none.
    pub body: Option<Range<usize>>,
    /// Where the answer stands together with what is said of it, which [`crate::refused_answer`] can take the place of.
    pub answer: Option<Range<usize>>,
    /// Its own facts.
    pub facts: Facts<'a>,
}

impl Member<'_> {
    /// How it is called in messages to people: ``line 4 (custom_id `a`)``.
    pub fn shown(&self) -> String {
        let name = self.name.as_ref().map(|name| format!(" (custom_id `{name}`)"));
        format!("{}{}", self.at, name.unwrap_or_default())
    }
}
