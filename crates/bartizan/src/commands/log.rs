//! `bartizan log tail|show|campaigns|verify|decision|export|sinks|checkpoint`: reading the record, whether or not a gateway is writing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::{EventBody, InteractionId};
use journal::verify::Verdict;
use journal::{
    CHECKPOINT_BYTES_MAX, Checkpoint, JournalError, Part, Position, ReadError, Reader, RealDisk,
    Record,
};
use serde::Serialize;

use super::{log_campaigns, log_decision, log_export, log_sinks, log_text};
use crate::cli::{LogCommand, StateArgs};
use crate::config;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure, Problem};
use crate::files::read_bounded;
use crate::output::Output;

/// How often a followed record is looked at.
const FOLLOW_PAUSE: Duration = Duration::from_millis(200);

pub(crate) fn run(command: &LogCommand) -> Result<Exit, Failure> {
    let mut output = Output::new();
    let exit = match command {
        LogCommand::Tail { lines, follow, state, format } => {
            let reader = reader(&open(state)?);
            tail(&reader, *lines, *follow, format.is_json(), &mut output)
        }
        LogCommand::Show { id, content, state, format } => {
            let reader = reader(&open(state)?);
            show(&reader, *id, *content, format.is_json(), &mut output)
        }
        LogCommand::Verify { checkpoint, decision: Some(file), format, .. } => {
            log_decision::verify(file, checkpoint.as_deref(), format.is_json(), &mut output)
        }
        LogCommand::Decision { id, state, .. } => {
            log_decision::sign(&open(state)?, *id, &mut output)
        }
        LogCommand::Export(arguments) => {
            let reader = reader(&open(&arguments.state)?);
            log_export::run(&reader, arguments, &mut output)
        }
        LogCommand::Campaigns(arguments) => {
            let reader = reader(&open(&arguments.state)?);
            log_campaigns::run(&reader, arguments, &mut output)
        }
        LogCommand::Verify { checkpoint, decision: None, state, format } => {
            let data = open(state)?;
            verify(&data, checkpoint.as_deref(), format.is_json(), &mut output)
        }
        LogCommand::Sinks { state, format } => {
            let configured = config::sink_names(state.config.as_deref())?;
            log_sinks::run(&open(state)?, &configured, format.is_json(), &mut output)
        }
        LogCommand::Checkpoint { state } => {
            let data = open(state)?;
            let checkpoint = journal::sign_checkpoint(data.path(), &RealDisk);
            output.json_line(&checkpoint.map_err(journal_failure)?)?;
            Ok(Exit::Fine)
        }
    };
    // What was found before a failure is still worth showing.
    output.finish()?;
    exit
}

fn open(state: &StateArgs) -> Result<DataDir, Failure> {
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    DataDir::open(&path)
}

pub(super) fn reader(data: &DataDir) -> Reader {
    Reader::new(data.path(), Arc::new(RealDisk))
}

/// Reading failed: the machine's fault, or the record cannot be read.
pub(super) fn read_failure(error: ReadError) -> Failure {
    let exit = match error {
        ReadError::File { .. } | ReadError::Keys { .. } => Exit::Environment,
        _ => Exit::Incomplete,
    };
    Failure::Problems(exit, vec![Problem::told(error)])
}

/// Signing failed.
pub(super) fn journal_failure(error: JournalError) -> Failure {
    match error {
        JournalError::Read(error) => read_failure(error),
        JournalError::NotIntact { .. } => {
            Failure::Problems(Exit::Findings, vec![Problem::told(error)])
        }
        error => Failure::environment_as_told(error),
    }
}

fn tail(
    reader: &Reader,
    lines: u64,
    follow: bool,
    json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut records = reader.records(Position::Last(lines)).map_err(read_failure)?;
    loop {
        match records.next() {
            Some(record) => {
                let record = record.map_err(read_failure)?;
                if json {
                    output.json_line(&record)?;
                } else {
                    output.line(&log_text::line(&record))?;
                }
            }
            None if follow => {
                output.flush()?;
                std::thread::sleep(FOLLOW_PAUSE);
            }
            None => return Ok(Exit::Fine),
        }
    }
}

/// What was said in a part of an interaction, as it is shown.
#[derive(Serialize)]
pub(crate) struct Said {
    /// `request`, `response`, `comment`.
    pub(crate) part: &'static str,
    /// The text, or `None` if none was kept or it has expired.
    pub(crate) text: Option<String>,
    /// Whether the record's commitment is to this content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) matches_record: Option<bool>,
}

fn show(
    reader: &Reader,
    interaction: InteractionId,
    with_content: bool,
    json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let records = reader.find(interaction).map_err(read_failure)?;
    if records.is_empty() {
        return Err(no_such_interaction(interaction));
    }
    let said = if with_content { said(reader, interaction, &records)? } else { Vec::new() };
    if json {
        #[derive(Serialize)]
        struct Shown<'a> {
            interaction: InteractionId,
            records: &'a [Record],
            #[serde(skip_serializing_if = "Vec::is_empty")]
            content: Vec<Said>,
        }
        output.json(&Shown { interaction, records: &records, content: said })?;
    } else {
        output.text(&log_text::interaction(&records, &said))?;
    }
    Ok(Exit::Fine)
}

pub(super) fn no_such_interaction(interaction: InteractionId) -> Failure {
    let message = format!("there is no interaction `{interaction}` on record");
    Failure::usage(message, "`bartizan log tail` shows the last ones")
}

fn said(
    reader: &Reader,
    interaction: InteractionId,
    records: &[Record],
) -> Result<Vec<Said>, Failure> {
    let committed = |part: Part| {
        // Of several comments the last is kept.
        records.iter().rev().find_map(|record| match (&record.event.body, part) {
            (EventBody::InteractionOpened(opened), Part::Request) => opened.content,
            (EventBody::InteractionClosed(closed), Part::Response) => closed.content,
            (EventBody::UserReport(report), Part::Comment) => report.comment,
            _ => None,
        })
    };
    let parts =
        [(Part::Request, "request"), (Part::Response, "response"), (Part::Comment, "comment")];
    // Most interactions have no comment.
    let parts = parts
        .into_iter()
        .filter(|(part, _)| *part != Part::Comment || committed(Part::Comment).is_some());
    let said = parts.map(|(part, name)| {
        let content = reader.content(interaction, part).map_err(read_failure)?;
        Ok(match content {
            None => Said { part: name, text: None, matches_record: None },
            Some(content) => Said {
                part: name,
                text: Some(String::from_utf8_lossy(content.bytes.expose()).into_owned()),
                matches_record: committed(part).map(|digest| digest == content.commitment),
            },
        })
    });
    said.collect()
}

fn verify(
    data: &DataDir,
    checkpoint: Option<&Path>,
    json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let checkpoint = checkpoint.map(read_checkpoint).transpose()?;
    let report = journal::verify(data.path(), checkpoint.as_ref(), &RealDisk);
    let report = report.map_err(read_failure)?;
    if json {
        output.json(&report)?;
    } else {
        output.text(&log_text::verification(&report))?;
    }
    Ok(match report.verdict {
        Verdict::Intact | Verdict::UnfinishedEnd => Exit::Fine,
        Verdict::Faulty => Exit::Findings,
    })
}

pub(super) fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    let bytes = read_bounded(path, CHECKPOINT_BYTES_MAX as u64).map_err(|error| {
        let message = format!("cannot read the checkpoint `{}`: {error}", path.display());
        Failure::usage(message, "give the file that `bartizan log checkpoint` wrote")
    })?;
    Checkpoint::parse(&bytes).map_err(|error| {
        let error = format!("`{}`: {error}", path.display());
        Failure::Problems(Exit::Usage, vec![Problem::told(error)])
    })
}
