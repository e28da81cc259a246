//! Between the record and the rules: which rules there are, and a record's facts as rules see them.
//!
//! INVARIANT: rules see every field of a record by its name on the page of exports.
//!
//! Not here: what rules are (`hunt`), what facts are (`export`).

use std::path::Path;

use export::{Entry, FactReader, Field, Value};
use hunt::sigma::{self, Facts, RULE_BYTES_MAX, RULES_MAX, RuleError, Rules, SHIPPED};
use journal::Record;

use crate::exit::{Exit, Failure, Problem};
use crate::files::read_text;

/// How files of rules and of their tests end.
const RULE_ENDING: &str = "yml";
const TESTS_ENDING: &str = "test.jsonl";
/// Bytes of a file of tests.
const TESTS_BYTES_MAX: u64 = 4 << 20;

/// Rules, and the tests of each file.
pub(crate) struct RuleFiles {
    pub(crate) rules: Rules,
    /// Names of files, and lines of tests.
    pub(crate) tests: Vec<(String, String)>,
}

impl RuleFiles {
    /// The shipped rules, and those in a folder.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, Failure> {
        let shipped = SHIPPED
            .iter()
            .map(|one| (one.name.to_owned(), one.rule.to_owned(), Some(one.tests.to_owned())));
        let mut files: Vec<(String, String, Option<String>)> = shipped.collect();
        if let Some(folder) = folder {
            files.extend(read_folder(folder)?);
        }
        let texts = files.iter().map(|(name, rule, _)| (name.as_str(), rule.as_str()));
        let rules = Rules::parse(texts, is_field).map_err(wrong)?;
        let tests = files.into_iter().filter_map(|(name, _, tests)| Some((name, tests?)));
        Ok(Self { rules, tests: tests.collect() })
    }
}

fn is_field(name: &str) -> bool {
    Field::ALL.iter().any(|field| field.name() == name)
}

fn wrong(errors: Vec<RuleError>) -> Failure {
    Failure::Problems(Exit::Usage, errors.into_iter().map(Problem::told).collect())
}

/// Rules in a folder, by name: names, texts and tests.
fn read_folder(folder: &Path) -> Result<Vec<(String, String, Option<String>)>, Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        let message = format!("cannot read `{}`: {error}", path.display());
        Failure::usage(message, "name a readable folder with rules")
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.extension().is_some_and(|ending| ending == RULE_ENDING) {
            paths.push(path);
        }
        if paths.len() > RULES_MAX {
            let message =
                format!("there are more than {RULES_MAX} rules in `{}`", folder.display());
            return Err(Failure::usage(message, "put rules that belong together into one file"));
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let rule = read_text(&path, RULE_BYTES_MAX as u64).map_err(|error| failed(&path, error))?;
        let beside = path.with_extension(TESTS_ENDING);
        let tests = match read_text(&beside, TESTS_BYTES_MAX) {
            Ok(tests) => Some(tests),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&beside, error)),
        };
        files.push((name, rule, tests));
    }
    Ok(files)
}

/// Gives the facts of the next record of a record, as rules see them, to `read`.
pub(crate) fn observe<R>(
    reader: &mut FactReader,
    entry: &Entry<'_>,
    read: impl FnOnce(&Facts<'_>) -> R,
) -> R {
    let time_ms = entry.event.time_ms;
    reader.next(entry, |facts| {
        let fields = facts.iter().map(|(field, value)| (field.name(), shown(value)));
        read(&Facts::new(time_ms, fields))
    })
}

/// A record's entry.
pub(crate) fn entry(record: &Record) -> Entry<'_> {
    let Record { chain, event, leaf, node, sequence } = record;
    Entry { chain: *chain, event, leaf: *leaf, node: *node, sequence: *sequence }
}

fn shown<'a>(value: &'a Value<'_>) -> sigma::Value<'a> {
    match value {
        Value::Is(is) => sigma::Value::Is(*is),
        Value::Moment(number) | Value::Microseconds(number) | Value::Whole(number) => {
            sigma::Value::Number(*number)
        }
        Value::Text(text) => sigma::Value::Text(text),
        Value::Texts(texts) => sigma::Value::Texts(texts),
        Value::Wholes(numbers) => sigma::Value::Numbers(numbers),
    }
}
