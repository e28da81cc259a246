//! `bartizan feedback add|list|calibrate`: what analysts say about findings, and what follows for calibration.
//!
//! Labels are lines of JSON in `DATA/feedback.jsonl` (mode 0600). They carry no text: the id of an interaction or
//! of an inspected text, the kind, provenance and rank that were reported, and the label.
//!
//! INVARIANT: labels are added, never changed. INVARIANT: nothing here changes how anything is judged.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use detect::Head;
use serde::{Deserialize, Serialize};

use super::feedback_proposal::{Judged, proposals, snippet};
use crate::cli::{FeedbackAddArgs, FeedbackCommand};
use crate::config;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure, Problem};
use crate::files::read_text;
use crate::output::{Output, Table, note};
use crate::time::{now_ms, rfc3339};

/// The file of labels, in the data folder.
const LABELS_FILE: &str = "feedback.jsonl";
/// Bytes of that file.
const LABELS_BYTES_MAX: u64 = 64 << 20;
/// Bytes of an id, a name or a reason.
const TEXT_BYTES_MAX: usize = 1024;

/// One label. The names are a contract.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    kind: String,
    provenance: String,
    rank: u8,
    label: bool,
    by: String,
    at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

pub(crate) fn run(command: &FeedbackCommand) -> Result<Exit, Failure> {
    let mut output = Output::new();
    match command {
        FeedbackCommand::Add(args) => add(args, &mut output)?,
        FeedbackCommand::List { state, format } => {
            let dir = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
            let labels = read(&dir)?;
            if format.is_json() {
                output.json(&labels)?;
            } else {
                output.text(&table(&labels))?;
            }
        }
        FeedbackCommand::Calibrate { out, rank, state, format } => {
            let dir = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
            let mut groups: BTreeMap<(String, String), Vec<Judged>> = BTreeMap::new();
            for label in read(&dir)? {
                let judged = Judged { rank: label.rank, is_true: label.label };
                groups.entry((label.kind, label.provenance)).or_default().push(judged);
            }
            let proposals = proposals(&groups, *rank);
            let text = snippet(&proposals, *rank);
            if let Some(out) = out {
                write_new(out, &text)?;
                note(
                    "nothing is changed yet: review the file, then copy it into the configuration",
                );
            }
            if format.is_json() {
                output.json(&proposals)?;
            } else if out.is_none() {
                output.text(&text)?;
            }
        }
    }
    output.finish()?;
    Ok(Exit::Fine)
}

fn add(args: &FeedbackAddArgs, output: &mut Output) -> Result<(), Failure> {
    let heads = Head::ALL.map(Head::as_str);
    if !heads.contains(&args.kind.as_str()) {
        let message = format!("`{}` has no calibrated score", args.kind);
        return Err(Failure::usage(message, format!("choose one of: {}", heads.join(", "))));
    }
    for text in [Some(&args.id), Some(&args.by), args.why.as_ref()].into_iter().flatten() {
        if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
            let message = format!(
                "an id, a name or a reason is empty or has more than {TEXT_BYTES_MAX} bytes"
            );
            return Err(Failure::usage(message, "write less; labels carry no text of messages"));
        }
    }
    let label = Entry {
        id: args.id.clone(),
        kind: args.kind.clone(),
        provenance: args.provenance.as_str().to_owned(),
        rank: args.rank,
        label: args.label,
        by: args.by.clone(),
        at: rfc3339(now_ms()),
        why: args.why.clone(),
    };
    let dir = config::data_dir(args.state.data.as_deref(), args.state.config.as_deref())?;
    let path = DataDir::create(&dir)?.path().join(LABELS_FILE);
    let mut line = serde_json::to_string(&label).map_err(std::io::Error::from)?;
    line.push('\n');
    append(&path, &line)?;
    if args.format.is_json() {
        output.json(&label)
    } else {
        output.line(&format!("recorded: {} is {} {}", label.id, label.label, label.kind))
    }
}

/// Adds a line with one write, so that two commands at a time do not mix.
fn append(path: &Path, line: &str) -> Result<(), Failure> {
    let written = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let written = written.and_then(|mut file| {
        if file.metadata()?.len() + line.len() as u64 > LABELS_BYTES_MAX {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is full"));
        }
        file.write_all(line.as_bytes())?;
        file.sync_data()
    });
    written.map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::environment(message, "check the space and the permissions; move a full file away")
    })
}

/// Every label. A line that is none is the file's fault, and none is left out in silence.
fn read(dir: &Path) -> Result<Vec<Entry>, Failure> {
    let path = DataDir::open(dir)?.path().join(LABELS_FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(&path, LABELS_BYTES_MAX).map_err(|error| {
        let message = format!("cannot read `{}`: {error}", path.display());
        Failure::environment(message, "check the file and its permissions")
    })?;
    let parsed = text.lines().enumerate().map(|(index, line)| {
        serde_json::from_str(line).map_err(|error| {
            let place = format!("`{}`, line {}", path.display(), index + 1);
            let problem = Problem::new(format!("{place} is no label: {error}"));
            Failure::Problems(
                Exit::Incomplete,
                vec![problem.with_help("correct or remove the line")],
            )
        })
    });
    parsed.collect()
}

fn table(labels: &[Entry]) -> String {
    let mut table = Table::new(&["AT", "ID", "KIND", "PROVENANCE", "RANK", "LABEL", "BY", "WHY"]);
    for label in labels {
        table.row([
            label.at.clone(),
            label.id.clone(),
            label.kind.clone(),
            label.provenance.clone(),
            label.rank.to_string(),
            label.label.to_string(),
            label.by.clone(),
            label.why.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::environment(message, "name a new file with `--out FILE`")
    })
}
