//! `bartizan inspect FILE…`: each file is one text, or a document whose text is read out of it.
//!
//! What a file is, its content says: PDF, Office and HTML are read by `extract`, whatever they are called.
//! Offsets, lines and columns are then those of the text that was read, and every finding names its part.
//!
//! INVARIANT: of a text that is read in parts, findings are printed as they come and nothing is kept but the
//! highest of each kind.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use extract::Format;
use serde_json::Value;

use super::inspect::{Done, Inspector, Job, in_words, is_stdin};
use super::inspect_parts::{Part, Parts, Sizes};
use super::inspect_pool::{Feeder, IN_FLIGHT_BYTES_MAX};
use super::inspect_report::{Ending, Looked, NoReport, Shown, Tally, Verdict};
use super::inspect_runs::Runs;
use super::inspect_words::{self, Place};
use crate::exit::{Failure, Problem};
use crate::output::{Output, printable};

const HELP: &str = "give readable UTF-8 text, PDF, Office or HTML; other files are not inspected";

/// A text, or a part of one, and its name.
pub(crate) struct Text {
    name: Arc<str>,
    pub(crate) part: Part,
    /// Why there is no more of it, if that was not its end.
    pub(crate) broken: Option<String>,
    /// It was read out of a document.
    pub(crate) is_document: bool,
}

impl Text {
    const fn is_whole(&self) -> bool {
        self.part.is_first && self.part.is_last
    }
}

/// Something that could not be read.
pub(crate) struct Unread {
    /// The name of a text that has a report of its own.
    name: Option<String>,
    why: String,
    message: String,
    help: &'static str,
}

impl Unread {
    pub(crate) fn new(file: &Path, why: &dyn std::fmt::Display, help: &'static str) -> Self {
        let message = format!("cannot read `{}`: {why}", file.display());
        Self { name: Some(file.display().to_string()), why: why.to_string(), message, help }
    }

    /// As a file of texts, which has no report of its own.
    pub(crate) fn of_lines(file: &Path, why: &dyn std::fmt::Display, help: &'static str) -> Self {
        Self { name: None, ..Self::new(file, why, help) }
    }

    /// For the person at the terminal.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(&self.message).with_help(self.help)
    }
}

/// What a document counts as among the bytes in flight: reading one takes more than it has.
const DOCUMENT_BYTES: usize = IN_FLIGHT_BYTES_MAX / 4;

/// A document as it is in the file.
pub(crate) struct Document {
    name: Arc<str>,
    format: Format,
    bytes: Vec<u8>,
}

impl Document {
    /// Its text, and what the detectors make of that.
    pub(crate) fn inspect(&self, inspector: &Inspector) -> (Text, Looked) {
        let extracted = extract::extract(&self.bytes, self.format);
        let own = 0..extracted.text.len();
        let part = Part {
            text: extracted.text.clone(),
            own,
            at: Place::default(),
            is_first: true,
            is_last: true,
        };
        let text = Text { name: Arc::clone(&self.name), part, broken: None, is_document: true };
        let mut looked = inspector.look(&text.part, inspector.provenance_of(&text), |span| {
            extracted.part_of(span).map(ToString::to_string)
        });
        looked.document = Some(self.format.as_str());
        looked.unread = extracted.unread;
        looked.opaque = extracted.opaque;
        (text, looked)
    }
}

/// Feeds a file. `false` if nobody waits for results any more.
pub(crate) fn feed(file: &Path, feeder: &Feeder<Job, Done>) -> bool {
    if is_stdin(file) {
        return feed_input(file, std::io::stdin().lock(), feeder);
    }
    match File::open(file) {
        Ok(input) => feed_input(file, input, feeder),
        Err(error) => feeder.add(Job::Unread(Unread::new(file, &error, HELP)), 0),
    }
}

fn feed_input(file: &Path, mut input: impl Read, feeder: &Feeder<Job, Done>) -> bool {
    let mut begun = Vec::new();
    let read = (&mut input).take(extract::SNIFF_BYTES as u64).read_to_end(&mut begun);
    if let Err(error) = read {
        return feeder.add(Job::Unread(Unread::new(file, &error, HELP)), 0);
    }
    match extract::sniff(&begun) {
        Some(format) => feed_document(file, format, begun, input, feeder),
        None => feed_text(file, begun, input, feeder),
    }
}

fn feed_document(
    file: &Path,
    format: Format,
    mut bytes: Vec<u8>,
    input: impl Read,
    feeder: &Feeder<Job, Done>,
) -> bool {
    let most = extract::FILE_BYTES_MAX;
    let read = input.take((most + 1 - bytes.len()) as u64).read_to_end(&mut bytes);
    let unread = match read {
        Err(error) => Some(Unread::new(file, &error, HELP)),
        Ok(_) if bytes.len() > most => {
            let why = format!("a document of more than {most} bytes");
            Some(Unread::new(file, &why, "give its text, or split it"))
        }
        Ok(_) => None,
    };
    if let Some(unread) = unread {
        return feeder.add(Job::Unread(unread), 0);
    }
    let name = file.display().to_string().into();
    let counted = bytes.len().max(DOCUMENT_BYTES);
    feeder.add(Job::Document(Document { name, format, bytes }), counted)
}

fn feed_text(file: &Path, begun: Vec<u8>, input: impl Read, feeder: &Feeder<Job, Done>) -> bool {
    let name: Arc<str> = file.display().to_string().into();
    let mut parts = Parts::new(input, begun, Sizes::SHIPPED);
    while let Some(part) = parts.next() {
        let broken = if part.is_last { parts.broken() } else { None };
        if part.is_first
            && let Some(broken) = broken
        {
            // A short text that is none at all is not half reported.
            return feeder.add(Job::Unread(Unread::new(file, broken, HELP)), 0);
        }
        let (bytes, broken) = (part.text.len(), broken.map(ToString::to_string));
        if !feeder.add(
            Job::Text(Text { name: Arc::clone(&name), part, broken, is_document: false }),
            bytes,
        ) {
            return false;
        }
    }
    true
}

/// A text whose parts are being printed.
struct Open {
    name: Arc<str>,
    /// Everything but the findings.
    looked: Looked,
    has_findings: bool,
}

/// Prints texts.
pub(crate) struct Printer {
    is_json: bool,
    inspector: Arc<Inspector>,
    open: Option<Open>,
    runs: Runs,
}

impl Printer {
    pub(crate) fn new(is_json: bool, inspector: Arc<Inspector>) -> Self {
        Self { is_json, inspector, open: None, runs: Runs::default() }
    }

    /// Prints a text, or what a part of one adds.
    pub(crate) fn text(
        &mut self,
        text: &Text,
        looked: &Looked,
        output: &mut Output,
    ) -> Result<Tally, Failure> {
        if text.is_whole() {
            return self.whole(text, looked, output);
        }
        self.part(text, looked, output)?;
        if text.part.is_last { self.ending(text, output) } else { Ok(Tally::default()) }
    }

    /// Says in the place of a report that there is none.
    pub(crate) fn unread(&self, unread: &Unread, output: &mut Output) -> Result<(), Failure> {
        match &unread.name {
            Some(name) if self.is_json => {
                let id = Value::String(name.clone());
                output.json_line(&NoReport { id: &id, error: &unread.why })
            }
            _ => Ok(()),
        }
    }

    /// Ends a text whose last part did not come.
    pub(crate) fn finish(&mut self, output: &mut Output) -> Result<(), Failure> {
        if let Some(last) = self.runs.finish() {
            self.findings(&[last], output)?;
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        if self.is_json {
            return output.line("],\"incomplete\":\"interrupted\"}");
        }
        output.line(&format!("{}: not read to its end", printable(&open.name)))
    }

    fn whole(&self, text: &Text, looked: &Looked, output: &mut Output) -> Result<Tally, Failure> {
        let id = Value::String(text.name.to_string());
        let provenance = self.inspector.provenance_of(text);
        self.inspector.report(&id, looked, provenance, |report| {
            if self.is_json {
                output.json_line(report)?;
            } else {
                output.text(&in_words(&text.name, looked, report))?;
            }
            Ok(tally(report.verdict, looked))
        })
    }

    fn part(&mut self, text: &Text, looked: &Looked, output: &mut Output) -> Result<(), Failure> {
        let is_json = self.is_json;
        if self.open.is_none() {
            if is_json {
                let id = Value::String(text.name.to_string());
                output.text(&format!("{{\"id\":{id},\"findings\":["))?;
            } else {
                output.line(&format!("{}: read in parts", printable(&text.name)))?;
            }
        }
        let open = self.open.get_or_insert_with(|| Open {
            name: Arc::clone(&text.name),
            looked: Looked::default(),
            has_findings: false,
        });
        open.looked.add(looked);
        let findings = self.runs.next(&looked.findings);
        self.findings(&findings, output)
    }

    /// Prints findings of the text that is open.
    fn findings(&mut self, findings: &[Shown], output: &mut Output) -> Result<(), Failure> {
        if !self.is_json {
            return output.text(&inspect_words::findings(findings));
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        for finding in findings {
            output.text(if open.has_findings { "," } else { "" })?;
            open.has_findings = true;
            output.json_value(finding)?;
        }
        Ok(())
    }

    fn ending(&mut self, text: &Text, output: &mut Output) -> Result<Tally, Failure> {
        let Some(Open { looked, .. }) = self.open.take() else { return Ok(Tally::default()) };
        let decision = self.inspector.judge(&looked, self.inspector.provenance_of(text));
        let rules = self.inspector.rules(&decision);
        let verdict = Verdict::of(&decision);
        if self.is_json {
            let ending = Ending {
                verdict,
                scores: &looked.scores,
                ranks: &looked.ranks,
                incomplete: looked.incomplete.as_deref(),
                rules: rules.as_deref(),
            };
            let ending = serde_json::to_string(&ending).map_err(std::io::Error::from)?;
            output.line(&format!("],{}", ending.trim_start_matches('{')))?;
        } else {
            output.text(&inspect_words::head(&text.name, verdict))?;
            output.text(&inspect_words::summary(&looked))?;
            output.text(&inspect_words::rules(&rules.unwrap_or_default()))?;
        }
        Ok(tally(verdict, &looked))
    }
}

fn tally(verdict: Verdict, looked: &Looked) -> Tally {
    Tally {
        not_allowed: verdict != Verdict::Allow,
        incomplete: looked.incomplete.is_some() || !looked.unread.is_empty(),
    }
}
