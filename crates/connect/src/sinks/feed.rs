//! Follows the record for one sink.
//!
//! What is remembered of open interactions is part of what a close record becomes, so a feed begins
//! [`RECORDS_REMEMBERED`] before its place and sends nothing of those: a record is written the same after a restart.
//!
//! A place that cannot be read (a segment that was removed or damaged) is passed over as soon as a later segment can be read,
//! and what was there is counted as lost; while there is none, the sink waits. A record of a shape that this version does not know
//! is lost by itself.
//!
//! INVARIANT: records come in order, each once; a gap in their numbers is counted. INVARIANT: blocking: not for async workers.

use std::sync::Arc;

use events::{Digest, NodeId};
use export::{Entry, Exporter, class, severity_of};
use journal::{Position, ReadError, Reader, Record, Records};

use super::cursor::Cursor;
use super::item::{Batch, Item};
use super::settings::BatchLimits;

/// How far before its place a feed begins: twice the open records that are remembered, and as many for what is between them.
pub(crate) const RECORDS_REMEMBERED: u64 = 4 * export::INTERACTIONS_REMEMBERED_MAX as u64;
/// Records read for one batch, so that a sink that is sent little still goes on.
pub(crate) const BATCH_READ_MAX: usize = 10_000;

/// How many records survive a power cut; those from there on are not for sinks yet. Nothing, if that is not known.
pub(crate) type Bound = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// What became of filling a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// There is no more to read at the moment.
    Drained,
    /// It has no more room.
    Full,
    /// The record that is there is not the one that the cursor was in.
    OtherRecord,
}

/// Follows the record from a place on.
pub(crate) struct Feed {
    bound: Bound,
    /// What the cursor says of the record before the first one.
    expected: Option<(u64, NodeId, Digest)>,
    exporter: Exporter,
    first: u64,
    /// A record that was read and is not to be sent yet.
    held: Option<Record>,
    /// The next place.
    next: u64,
    reader: Reader,
    /// What had no room in the batch before, with the chain after it.
    ready: Option<(Item, Digest)>,
    records: Option<Records>,
}

impl Feed {
    /// A feed from where a cursor is.
    pub(crate) fn new(reader: Reader, bound: Bound, exporter: Exporter, cursor: &Cursor) -> Self {
        let expected = cursor.chain.zip(cursor.next.checked_sub(1));
        Self {
            bound,
            expected: expected.map(|(chain, sequence)| (sequence, cursor.node, chain)),
            exporter,
            first: cursor.next,
            held: None,
            next: cursor.next.saturating_sub(RECORDS_REMEMBERED),
            reader,
            ready: None,
            records: None,
        }
    }

    /// Adds records to a batch, until it is full or there are no more.
    pub(crate) fn fill(
        &mut self,
        batch: &mut Batch,
        limits: BatchLimits,
    ) -> Result<Filled, ReadError> {
        if let Some((item, chain)) = self.ready.take() {
            self.put(batch, item, chain, limits);
        }
        while self.ready.is_none()
            && batch.items.len() < limits.records_max
            && batch.read < BATCH_READ_MAX
        {
            let Some(record) = self.record(batch)? else { return Ok(Filled::Drained) };
            if self.is_other(&record) {
                return Ok(Filled::OtherRecord);
            }
            if record.sequence >= self.first {
                batch.read += 1;
                self.lose(record.sequence, batch);
            }
            self.next = record.sequence + 1;
            self.take(record, batch, limits);
        }
        Ok(Filled::Full)
    }

    /// The record as it is in the sink's format.
    fn take(&mut self, record: Record, batch: &mut Batch, limits: BatchLimits) {
        let Record { chain, event, leaf, node, sequence } = record;
        let entry = Entry { chain, event: &event, leaf, node, sequence };
        let mut lines = Vec::new();
        let is_selected = self.exporter.record(&entry, &mut lines);
        if sequence < self.first {
            return;
        }
        if !is_selected {
            batch.filtered += 1;
            (batch.next, batch.chain) = (sequence + 1, Some(chain));
            return;
        }
        let text = String::from_utf8_lossy(&lines);
        let lines = text.lines().map(str::to_owned).collect();
        let item = Item {
            class: class(&event.body),
            id: self.exporter.id(leaf),
            lines,
            node,
            sequence,
            severity: severity_of(&event.body),
            time_ms: event.time_ms,
        };
        self.put(batch, item, chain, limits);
    }

    /// Puts a record into a batch that has room for it, else keeps it for the next one.
    fn put(&mut self, batch: &mut Batch, item: Item, chain: Digest, limits: BatchLimits) {
        let bytes = item.bytes();
        if !batch.items.is_empty() && batch.bytes + bytes > limits.bytes_max {
            self.ready = Some((item, chain));
            return;
        }
        batch.bytes += bytes;
        (batch.next, batch.chain) = (item.sequence + 1, Some(chain));
        batch.oldest_ms.get_or_insert(item.time_ms);
        batch.items.push(item);
    }

    /// Whether a record shows that the record is not the one that the cursor was in.
    fn is_other(&mut self, record: &Record) -> bool {
        let Some((sequence, node, chain)) = self.expected else { return false };
        if record.sequence < sequence {
            return record.node != node;
        }
        self.expected = None;
        record.node != node || (record.sequence == sequence && record.chain != chain)
    }

    /// The next record that may be sent; nothing if there is none yet.
    fn record(&mut self, batch: &mut Batch) -> Result<Option<Record>, ReadError> {
        loop {
            let Some(bound) = (self.bound)() else { return Ok(None) };
            let read = match self.held.take() {
                Some(record) => Some(Ok(record)),
                None => self.records()?.next(),
            };
            match read {
                Some(Ok(record)) if record.sequence < bound => return Ok(Some(record)),
                Some(Ok(record)) => {
                    self.held = Some(record);
                    return Ok(None);
                }
                // The bytes are there, and the chain goes on behind it.
                Some(Err(ReadError::Shape { sequence, source })) => {
                    tracing::error!(sequence, %source, "a record cannot be read by this version");
                    self.lose(sequence + 1, batch);
                }
                Some(Err(error)) => match self.behind()? {
                    Some(from) => self.pass_over(from, batch, Some(&error)),
                    None => return Err(error),
                },
                None if bound <= self.next => return Ok(None),
                // It was written and is not where reading goes on: a segment is missing.
                None => match self.behind()? {
                    Some(from) => self.pass_over(from, batch, None),
                    None => return Ok(None),
                },
            }
        }
    }

    fn records(&mut self) -> Result<&mut Records, ReadError> {
        let records = match self.records.take() {
            Some(records) => records,
            None => self.reader.records(Position::Sequence(self.next))?,
        };
        Ok(self.records.insert(records))
    }

    /// Where the record goes on behind what cannot be read.
    fn behind(&self) -> Result<Option<u64>, ReadError> {
        // A segment that begins right here has not been begun yet, or is what cannot be read.
        let from = self.reader.resumes_from(self.next)?;
        match from {
            Some(from) if from == self.next => {
                match self.reader.records(Position::Sequence(from))?.next() {
                    Some(Ok(_)) => Ok(Some(from)),
                    _ => self.reader.resumes_from(self.next + 1),
                }
            }
            from => Ok(from),
        }
    }

    fn pass_over(&mut self, from: u64, batch: &mut Batch, error: Option<&ReadError>) {
        let why = error.map(ToString::to_string).unwrap_or_default();
        tracing::error!(from = self.next, to = from, why, "a part of the record cannot be read");
        self.records = None;
        self.lose(from, batch);
    }

    /// Goes on at a place; what is before it and was to be sent is lost.
    fn lose(&mut self, next: u64, batch: &mut Batch) {
        let lost = next.saturating_sub(self.next.max(self.first));
        if lost > 0 {
            batch.lost += lost;
            // Nothing is known of the chain there.
            (batch.next, batch.chain) = (next, None);
        }
        self.next = self.next.max(next);
    }
}
