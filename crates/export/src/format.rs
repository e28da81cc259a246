//! The formats, and the exporter that writes records in one of them.
//!
//! INVARIANT: what is written of a record is whole lines; no event makes it fail or panic.

use std::io::Write as _;

use events::Digest;

use crate::entry::{Before, Entry, Memory};
use crate::fact::Facts;
use crate::redact::Redaction;
use crate::select::Selection;
use crate::{cef, ecs, leef, ocsf, otel, walk};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Common Event Format.
    Cef,
    /// Elastic Common Schema.
    Ecs,
    /// The records as they are, as JSON lines.
    JsonLines,
    /// Log Event Extended Format 2.0.
    Leef,
    /// OCSF 1.8.0.
    Ocsf,
    /// OCSF 1.9.0, with our chain.
    Ocsf19,
    /// OpenTelemetry log records, OTLP in JSON.
    Otel,
}

impl Format {
    /// All formats, in the order of their names.
    pub const ALL: [Self; 7] =
        [Self::Cef, Self::Ecs, Self::JsonLines, Self::Leef, Self::Ocsf, Self::Ocsf19, Self::Otel];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cef => "cef",
            Self::Ecs => "ecs",
            Self::JsonLines => "jsonl",
            Self::Leef => "leef",
            Self::Ocsf => "ocsf",
            Self::Ocsf19 => "ocsf-1.9",
            Self::Otel => "otel",
        }
    }
}

/// Writes records in one format, as lines.
#[derive(Debug)]
pub struct Exporter {
    format: Format,
    memory: Memory,
    redacted: Option<(Redaction, Memory)>,
    selection: Selection,
    version: &'static str,
}

impl Exporter {
    /// An exporter that writes what is selected; `version` is the gateway's.
    pub fn new(format: Format, selection: Selection, version: &'static str) -> Self {
        Self { format, memory: Memory::default(), redacted: None, selection, version }
    }

    /// The same, without what is redacted.
    #[must_use]
    pub fn redacting(self, redaction: Redaction) -> Self {
        let redacted = (!redaction.is_empty()).then(|| (redaction, Memory::default()));
        Self { redacted, ..self }
    }

    /// What lines of a record with this leaf call it: the leaf, or where anything is redacted, a keyed hash of it.
    pub fn id(&self, leaf: Digest) -> Digest {
        self.redacted.as_ref().map_or(leaf, |(redaction, _)| redaction.digest(leaf))
    }

    /// Takes the next record, selected or not: later ones refer to it. Appends the lines it becomes; says whether it was
    /// selected.
    pub fn record(&mut self, entry: &Entry<'_>, out: &mut Vec<u8>) -> bool {
        let before = self.memory.note(entry);
        // What is remembered is redacted too, for what follows it.
        let redacted = self.redacted.as_mut().map(|(redaction, memory)| {
            let event = redaction.of(entry.event);
            let (chain, leaf) = (redaction.digest(entry.chain), redaction.digest(entry.leaf));
            let before = memory.note(&Entry { chain, event: &event, leaf, ..*entry });
            (event, chain, leaf, Before { is_redacted: true, ..before })
        });
        if !self.selection.is_in_time(entry.event.time_ms) {
            return false;
        }
        let conditions = &self.selection.conditions;
        let facts = (!conditions.is_empty()).then(|| walk::facts(entry, before.opened.as_ref()));
        if facts.as_ref().is_some_and(|facts| !self.selection.holds(facts)) {
            return false;
        }
        match &redacted {
            Some((event, chain, leaf, before)) => {
                let (chain, leaf) = (*chain, *leaf);
                self.write(&Entry { chain, event, leaf, ..*entry }, before, None, out);
            }
            None => self.write(entry, &before, facts, out),
        }
        true
    }

    /// Appends the lines that a record becomes.
    fn write<'a>(
        &self,
        entry: &Entry<'a>,
        before: &'a Before,
        facts: Option<Facts<'a>>,
        out: &mut Vec<u8>,
    ) {
        if self.format == Format::JsonLines {
            return push_json(out, entry);
        }
        let facts = facts.unwrap_or_else(|| walk::facts(entry, before.opened.as_ref()));
        let (body, version) = (&entry.event.body, self.version);
        match self.format {
            Format::Cef => push(out, cef::line(body, &facts, version).as_bytes()),
            Format::Ecs => push_json(out, &ecs::document(entry, &facts, version)),
            Format::JsonLines => {}
            Format::Leef => push(out, leef::line(body, &facts, version).as_bytes()),
            Format::Otel => push(out, &otel::line(entry, before, &facts, version)),
            Format::Ocsf => write_ocsf((entry, before, &facts), ocsf::Release::V1_8, version, out),
            Format::Ocsf19 => {
                write_ocsf((entry, before, &facts), ocsf::Release::V1_9, version, out);
            }
        }
    }
}

fn write_ocsf(
    (entry, before, facts): (&Entry<'_>, &Before, &Facts<'_>),
    release: ocsf::Release,
    version: &str,
    out: &mut Vec<u8>,
) {
    for event in ocsf::events(entry, before, facts, release, version) {
        push_json(out, &event);
    }
}

fn push(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.push(b'\n');
}

fn push_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    let before = out.len();
    let written = serde_json::to_writer(&mut *out, value).map_err(std::io::Error::from);
    // Neither the memory nor a value of ours can refuse to be written; half a line would spoil the next.
    if written.and_then(|()| out.write_all(b"\n")).is_err() {
        out.truncate(before);
    }
}
