//! `bartizan log decision ID` and `bartizan log verify --decision FILE`: what was decided about one interaction,
//! signed, and checked without the record.
//!
//! INVARIANT: nothing is signed over a record that does not verify. INVARIANT: checking needs no data folder.

use std::path::Path;
use std::sync::Arc;

use events::InteractionId;
use journal::{Checkpoint, DECISION_BYTES_MAX, Disk, RealDisk, SignedDecision};
use serde::Serialize;

use super::log::{journal_failure, read_checkpoint};
use super::log_text;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure, Problem};
use crate::files::read_bounded;
use crate::output::{Output, Table};

/// Prints a signed statement.
pub(super) fn sign(
    data: &DataDir,
    interaction: InteractionId,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let signed = journal::sign_decision(data.path(), interaction, &disk);
    let Some(signed) = signed.map_err(journal_failure)? else {
        return Err(super::log::no_such_interaction(interaction));
    };
    output.json_line(&signed)?;
    Ok(Exit::Fine)
}

/// Whether a statement is what a node signed.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// By the node that it names.
    Signed,
    /// Not, or not over this.
    Forged,
    /// By another node than that of the checkpoint.
    OtherNode,
}

/// Checks a signed statement.
pub(super) fn verify(
    file: &Path,
    checkpoint: Option<&Path>,
    json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let signed = read(file)?;
    let checkpoint = checkpoint.map(read_checkpoint).transpose()?;
    let verdict = judge(&signed, checkpoint.as_ref());
    if json {
        #[derive(Serialize)]
        struct Report<'a> {
            statement: &'a journal::DecisionStatement,
            verdict: Verdict,
        }
        output.json(&Report { statement: &signed.statement, verdict })?;
    } else {
        output.text(&in_words(&signed, verdict, checkpoint.is_some()))?;
    }
    Ok(if verdict == Verdict::Signed { Exit::Fine } else { Exit::Findings })
}

fn judge(signed: &SignedDecision, checkpoint: Option<&Checkpoint>) -> Verdict {
    match checkpoint {
        _ if !signed.is_signed_by_its_node() => Verdict::Forged,
        Some(checkpoint) if !checkpoint.is_signed_by_its_node() => Verdict::Forged,
        Some(checkpoint) if checkpoint.node != signed.statement.node => Verdict::OtherNode,
        _ => Verdict::Signed,
    }
}

fn in_words(signed: &SignedDecision, verdict: Verdict, is_compared: bool) -> String {
    let statement = &signed.statement;
    let words = match verdict {
        Verdict::Signed if is_compared => String::from("signed by the checkpoint's node"),
        Verdict::Signed => String::from("signed by the node it names"),
        Verdict::Forged => String::from("FORGED: a signature does not fit"),
        Verdict::OtherNode => String::from("signed by ANOTHER node than the checkpoint"),
    };
    let mut table = Table::headless();
    table.row(["verdict".into(), words]);
    let compare = if is_compared { "" } else { "; compare it with that of a checkpoint" };
    table.row(["node".into(), format!("{}{compare}", statement.node)]);
    table.row(["interaction".into(), statement.interaction.to_string()]);
    let mut text = table.render();
    if verdict != Verdict::Forged {
        text.push('\n');
        text.push_str(&log_text::decision(statement));
    }
    text
}

fn read(path: &Path) -> Result<SignedDecision, Failure> {
    let bytes = read_bounded(path, DECISION_BYTES_MAX as u64).map_err(|error| {
        let message = format!("cannot read the decision `{}`: {error}", path.display());
        Failure::usage(message, "give the file that `bartizan log decision` wrote")
    })?;
    SignedDecision::parse(&bytes).map_err(|error| {
        let error = format!("`{}`: {error}", path.display());
        Failure::Problems(Exit::Usage, vec![Problem::told(error)])
    })
}
