//! `bartizan log export`: the record in the formats that SIEMs take, one line after the other.
//!
//! INVARIANT: the record is never in memory as a whole: a record is read, written and forgotten. INVARIANT: what was said
//! is not exported, and its keys are not read.

use export::{Condition, ConditionError, Entry, Exporter, Selection};
use journal::{Position, Reader, Record};

use super::log::read_failure;
use crate::cli::ExportArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Output, Progress};
use crate::time::{now_ms, parse_past};

/// How similar a field's name has to be to be suggested, of 1.
const SIMILAR_MIN: f64 = 0.7;

/// Writes what is selected.
pub(super) fn run(
    reader: &Reader,
    arguments: &ExportArgs,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let selection = selection(arguments, now_ms())?;
    let mut exporter = Exporter::new(arguments.format.into(), selection, env!("CARGO_PKG_VERSION"));
    let mut progress = Progress::new("records");
    let mut lines = Vec::new();
    for (number, record) in (1..).zip(reader.records(Position::Start).map_err(read_failure)?) {
        let record = record.map_err(read_failure)?;
        exporter.record(&entry(&record), &mut lines);
        output.bytes(&lines)?;
        lines.clear();
        progress.reached(number);
    }
    Ok(Exit::Fine)
}

fn entry(record: &Record) -> Entry<'_> {
    let Record { chain, event, leaf, node, sequence } = record;
    Entry { chain: *chain, event, leaf: *leaf, node: *node, sequence: *sequence }
}

/// What is to be exported, as meant.
fn selection(arguments: &ExportArgs, now_ms: u64) -> Result<Selection, Failure> {
    let moment = |option: &str, text: &Option<String>| {
        let parsed = text.as_ref().map(|text| {
            parse_past(text, now_ms).ok_or_else(|| {
                let message = format!("`{option} {text}` is no day, moment or span of time");
                Failure::usage(message, "write `2027-04-01`, `2027-04-01T08:00:00Z` or `24h`")
            })
        });
        parsed.transpose()
    };
    let (since_ms, until_ms) =
        (moment("--since", &arguments.since)?, moment("--until", &arguments.until)?);
    if let (Some(since), Some(until)) = (since_ms, until_ms)
        && since >= until
    {
        let message = "nothing is both since and until the moments given";
        return Err(Failure::usage(message, "give `--since` a moment before that of `--until`"));
    }
    let conditions = arguments.conditions.iter().map(|text| text.parse().map_err(refused));
    Ok(Selection { conditions: conditions.collect::<Result<_, _>>()?, since_ms, until_ms })
}

fn refused(error: ConditionError) -> Failure {
    let help = match &error {
        ConditionError::Shape(_) => {
            "write `FIELD=VALUE`, `FIELD!=VALUE`, `FIELD>=NUMBER` or `FIELD<=NUMBER`".to_owned()
        }
        ConditionError::Number(_) => "compare with a whole number, or use `=`".to_owned(),
        ConditionError::Field(name) => similar(name),
    };
    Failure::usage(error, help)
}

fn similar(name: &str) -> String {
    let scored = Condition::fields().map(|field| (strsim::jaro_winkler(name, field), field));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    match best {
        Some((score, field)) if score >= SIMILAR_MIN => {
            format!("did you mean `{field}`? docs/reference/export.md lists them")
        }
        _ => String::from("docs/reference/export.md lists the fields"),
    }
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn a_field_that_is_nearly_right_is_suggested() {
        assert!(similar("princpal.team").contains("`principal.team`"));
        assert!(!similar("zzz").contains("did you mean"));
    }
}
