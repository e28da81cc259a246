//! Sinks: what is on record, sent on to where others look at it.
//!
//! ```text
//! journal ─▶ feed ─▶ batch ─▶ courier ─▶ one file for each kind of sink
//!                               │ taken: cursor     DATA/sinks/NAME.json
//!                               │ refused: dead     DATA/sinks/NAME.dead.jsonl
//! ```
//!
//! Each sink follows the record by itself (`feed`), sends what it reads in batches (`courier`), and notes how far it came once
//! the other end has taken it (`cursor`). The record is the queue: what was not taken yet is read again, after a restart too, so
//! nothing else is kept on disk or in memory for it.
//!
//! INVARIANT: at least once: the cursor goes on only over records that were taken, filtered, put with the dead letters, or
//! counted as lost; `sent + filtered + dead + lost` is how far it came. INVARIANT: a record has the same id (its leaf) each
//! time it is sent. INVARIANT: nobody waits for a sink: not the data plane, and no other sink. INVARIANT: only what survives a
//! power cut is sent.
//!
//! Not here: what a record is in a format (`export`), the record (`journal`), how connections are made (`net`).

mod backoff;
mod courier;
mod cursor;
mod dead;
mod deliver;
mod elastic;
mod feed;
mod file;
mod grant;
mod http;
mod item;
mod kind;
mod metrics;
mod nats;
mod otlp;
mod report;
mod running;
mod secops;
mod sentinel;
mod settings;
mod splunk;
mod syslog;
mod webhook;

pub use deliver::SinkError;
pub use kind::{SinkKind, sinks_markdown};
pub use report::{SinkReport, sink_reports};
pub use running::{SinkPlace, Sinks};
pub use settings::{BatchLimits, Begin, Retry, SinkSettings};
