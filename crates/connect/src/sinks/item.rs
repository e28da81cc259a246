//! A record as a sink gets it, and a batch of them.
//!
//! INVARIANT: the id is the record's leaf, or a keyed hash of it where anything is redacted: the same each time, another one for
//! any other record.

use events::{Digest, NodeId};

/// A record, written in the sink's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// What happened: `interaction_opened`.
    pub(crate) class: &'static str,
    /// What it is called wherever it is sent.
    pub(crate) id: Digest,
    /// What it became, one text for each line, without breaks.
    pub(crate) lines: Vec<String>,
    /// Whose record.
    pub(crate) node: NodeId,
    /// Its place.
    pub(crate) sequence: u64,
    /// How grave it is: 1 to 5.
    pub(crate) severity: u8,
    /// When it happened, in milliseconds since 1970.
    pub(crate) time_ms: u64,
}

impl Item {
    /// Bytes of all its lines, with a break after each.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.iter().map(|line| line.len() + 1).sum()
    }

    /// The ids of its lines: the record's for the first, with a number for each further one.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (String, &str)> {
        let id = self.id.to_string();
        self.lines.iter().enumerate().map(move |(number, line)| match number {
            0 => (id.clone(), line.as_str()),
            number => (format!("{id}-{number}"), line.as_str()),
        })
    }
}

/// Records that are sent together, and what was passed over between them.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: usize,
    /// Head of the chain after the last record.
    pub(crate) chain: Option<Digest>,
    pub(crate) filtered: u64,
    pub(crate) items: Vec<Item>,
    pub(crate) lost: u64,
    /// The record after the last one, sent or passed over.
    pub(crate) next: u64,
    /// When the first of them happened.
    pub(crate) oldest_ms: Option<u64>,
    /// How many were read.
    pub(crate) read: usize,
}

impl Batch {
    /// Nothing yet, from a place on.
    pub(crate) const fn new(next: u64) -> Self {
        Self {
            bytes: 0,
            chain: None,
            filtered: 0,
            items: Vec::new(),
            lost: 0,
            next,
            oldest_ms: None,
            read: 0,
        }
    }

    /// Whether it says nothing new.
    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty() && self.filtered == 0 && self.lost == 0
    }
}
