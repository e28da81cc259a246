//! `bartizan hunt list|run|test|coverage`: the rules, what they find in the record, and how far they are tested.
//!
//! INVARIANT: the record is never in memory as a whole. INVARIANT: what is found is what the running gateway would have found
//! (`up_hunts`), because the same hunter reads the same records.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use events::{Digest, Event, NodeId};
use export::{Entry, FactReader};
use hunt::sigma::atlas::{self, Covered};
use hunt::sigma::{Hit, Hunter, Rule};
use journal::{Position, RECORD_BYTES_MAX};
use serde::Deserialize;
use serde_json::json;

use super::hunt_tests::{Tested, test};
use super::log::{read_failure, reader};
use crate::cli::{HuntCommand, HuntRunArgs};
use crate::config;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure};
use crate::hunting::{RuleFiles, entry, observe};
use crate::output::{Output, Progress, note, printable};
use crate::time::{now_ms, parse_past, rfc3339};

pub(crate) fn run(command: &HuntCommand) -> Result<Exit, Failure> {
    let mut output = Output::new();
    let exit = match command {
        HuntCommand::List { rules, format } => {
            list(&RuleFiles::load(rules.rules.as_deref())?, format.is_json(), &mut output)
        }
        HuntCommand::Run(arguments) => hunt(arguments, &mut output),
        HuntCommand::Test { names, rules, format } => {
            let files = RuleFiles::load(rules.rules.as_deref())?;
            run_tests(&files, names, format.is_json(), &mut output)
        }
        HuntCommand::Coverage { rules, format } => {
            coverage(&RuleFiles::load(rules.rules.as_deref())?, format.is_json(), &mut output)
        }
    };
    output.finish()?;
    exit
}

fn list(files: &RuleFiles, json: bool, output: &mut Output) -> Result<Exit, Failure> {
    if json {
        let rules: Vec<_> = files.rules.iter().map(as_json).collect();
        output.json(&json!({ "rules": rules }))?;
        return Ok(Exit::Fine);
    }
    for rule in files.rules.iter() {
        let (name, level) = (&rule.name, rule.level.as_str());
        output.line(&format!("{name:<36} {level:<13} {}", printable(&rule.title)))?;
    }
    Ok(Exit::Fine)
}

fn as_json(rule: &Rule) -> serde_json::Value {
    json!({
        "name": rule.name, "id": rule.id, "title": rule.title, "description": rule.description, "level": rule.level.as_str(),
        "sort": rule.sort, "window_s": rule.window_s, "atlas": rule.atlas, "tags": rule.tags,
        "falsepositives": rule.falsepositives, "references": rule.references,
    })
}

/// Every name has to be that of a rule.
fn known<'n>(files: &RuleFiles, names: &'n [String]) -> Result<BTreeSet<&'n str>, Failure> {
    if let Some(name) = names.iter().find(|name| files.rules.get(name).is_none()) {
        return Err(Failure::usage(
            format!("there is no rule `{name}`"),
            "`bartizan hunt list` names them",
        ));
    }
    Ok(names.iter().map(String::as_str).collect())
}

fn hunt(arguments: &HuntRunArgs, output: &mut Output) -> Result<Exit, Failure> {
    let files = RuleFiles::load(arguments.rules.rules.as_deref())?;
    let names = known(&files, &arguments.names)?;
    let since_ms = match &arguments.since {
        None => 0,
        Some(text) => parse_past(text, now_ms()).ok_or_else(|| {
            let message = format!("`--since {text}` is no day, moment or span of time");
            Failure::usage(message, "write `2027-04-01`, `2027-04-01T08:00:00Z` or `24h`")
        })?,
    };
    let only = (!names.is_empty()).then_some(&names);
    let hunter = Hunter::new(&files.rules, only)
        .map_err(|error| Failure::usage(error, "mend the rules: `bartizan hunt test`"))?;
    let json = arguments.format.is_json();
    let mut run = Run {
        hunter,
        facts: FactReader::default(),
        since_ms,
        json,
        hits: 0,
        records: 0,
        progress: Progress::new("records"),
    };
    if let Some(file) = &arguments.records {
        run.lines(file, output)?;
    } else {
        let path =
            config::data_dir(arguments.state.data.as_deref(), arguments.state.config.as_deref())?;
        let data = DataDir::open(&path)?;
        for record in reader(&data).records(Position::Start).map_err(read_failure)? {
            let record = record.map_err(read_failure)?;
            run.next(&entry(&record), output)?;
        }
    }
    Ok(run.end())
}

/// A run over a record.
struct Run<'r> {
    hunter: Hunter<'r>,
    facts: FactReader,
    since_ms: u64,
    json: bool,
    hits: u64,
    records: u64,
    progress: Progress,
}

/// A line of `log tail --json`.
#[derive(Deserialize)]
struct Line {
    chain: Digest,
    event: Event,
    leaf: Digest,
    node: NodeId,
    sequence: u64,
}

impl Run<'_> {
    fn next(&mut self, entry: &Entry<'_>, output: &mut Output) -> Result<(), Failure> {
        self.records += 1;
        self.progress.reached(self.records);
        let hunter = &mut self.hunter;
        let found = observe(&mut self.facts, entry, |facts| hunter.observe(facts));
        for hit in found.iter().filter(|hit| hit.time_ms >= self.since_ms) {
            self.hits += 1;
            if self.json {
                output.json_line(&told(hit, entry.sequence))?;
            } else {
                let (time, level) = (rfc3339(hit.time_ms), hit.rule.level.as_str());
                output.line(&format!(
                    "{time} {level:<13} {} {}",
                    hit.rule.name,
                    printable(&hit.words())
                ))?;
            }
        }
        Ok(())
    }

    /// Reads lines instead of a record.
    fn lines(&mut self, path: &Path, output: &mut Output) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            let message = format!("cannot read `{}`: {error}", path.display());
            Failure::environment(message, "name a readable file")
        };
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut file).take(2 * RECORD_BYTES_MAX as u64).read_until(b'\n', &mut line);
            if read.map_err(failed)? == 0 {
                return Ok(());
            }
            let Line { chain, event, leaf, node, sequence } = serde_json::from_slice(&line)
                .map_err(|error| {
                    let message = format!(
                        "line {} of `{}` is no record: {error}",
                        self.records + 1,
                        path.display()
                    );
                    Failure::Problems(
                        Exit::Incomplete,
                        vec![
                            crate::exit::Problem::new(message)
                                .with_help("give it lines of `bartizan log tail --json`"),
                        ],
                    )
                })?;
            self.next(&Entry { chain, event: &event, leaf, node, sequence }, output)?;
        }
    }

    fn end(self) -> Exit {
        drop(self.progress);
        let forgotten = self.hunter.forgotten();
        if forgotten > 0 {
            note(&format!(
                "{forgotten} groups of correlations were forgotten for want of room: some hits may be missing"
            ));
        }
        note(&format!("{} records, {} hits", self.records, self.hits));
        if self.hits > 0 { Exit::Findings } else { Exit::Fine }
    }
}

fn told(hit: &Hit<'_>, sequence: u64) -> serde_json::Value {
    let group: serde_json::Map<_, _> =
        hit.group.iter().map(|(field, value)| (field.clone(), json!(value))).collect();
    json!({
        "time": rfc3339(hit.time_ms), "time_ms": hit.time_ms, "rule": hit.rule.name, "id": hit.rule.id, "title": hit.rule.title,
        "level": hit.rule.level.as_str(), "atlas": hit.rule.atlas, "group": group, "value": hit.value,
        "interaction": hit.interaction, "sequence": sequence, "window_s": hit.rule.window_s,
    })
}

fn tested(files: &RuleFiles, only: &BTreeSet<&str>) -> Vec<Tested> {
    let wanted =
        files.rules.iter().filter(|rule| only.is_empty() || only.contains(rule.name.as_str()));
    let tests = |rule: &Rule| {
        let lines = files.tests.iter().find(|(name, _)| *name == rule.name);
        test(&files.rules, &rule.name, lines.map_or("", |(_, lines)| lines))
    };
    wanted.map(tests).collect()
}

fn run_tests(
    files: &RuleFiles,
    names: &[String],
    json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let all = tested(files, &known(files, names)?);
    let failed = all.iter().filter(|one| !one.passes()).count();
    if json {
        let rows: Vec<_> =
            all.iter().map(|one| json!({"passes": one.passes(), "tests": one})).collect();
        output.json(&json!({ "rules": rows, "failed": failed }))?;
    } else {
        for one in all.iter().filter(|one| !one.passes()) {
            for what in &one.failed {
                output.line(&format!("{}: {}", one.rule, printable(what)))?;
            }
        }
        let cases: usize = all.iter().map(|one| one.true_positives + one.false_positives).sum();
        output.line(&format!("{} rules, {cases} cases, {failed} rules failed", all.len()))?;
    }
    Ok(if failed > 0 { Exit::Findings } else { Exit::Fine })
}

fn coverage(files: &RuleFiles, json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let all = tested(files, &BTreeSet::new());
    let passes = |rule: &Rule| all.iter().any(|one| one.rule == rule.name && one.passes());
    let covered = atlas::coverage(files.rules.iter().map(|rule| (rule, passes(rule))));
    let count = |how: Covered| covered.iter().filter(|(_, one, _)| *one == how).count();
    let counts = [Covered::Covered, Covered::Partial, Covered::NotTested]
        .map(|how| (how.as_str(), count(how)));
    if json {
        let rows: Vec<_> = covered.iter().map(|(technique, how, rules)| json!({
            "id": technique.id, "name": technique.name, "tactics": technique.tactics, "visibility": technique.visibility,
            "coverage": how.as_str(), "rules": rules,
        })).collect();
        let totals: serde_json::Map<_, _> =
            counts.iter().map(|(how, count)| ((*how).to_owned(), json!(count))).collect();
        output.json(&json!({"release": atlas::RELEASE, "totals": totals, "techniques": rows}))?;
        return Ok(Exit::Fine);
    }
    output.line(&format!(
        "MITRE ATLAS {}: techniques by tactic; only rules whose tests pass count",
        atlas::RELEASE
    ))?;
    for tactic in atlas::tactics() {
        output.line(&format!("\n{} {}", tactic.id, tactic.name))?;
        for (technique, how, rules) in
            covered.iter().filter(|(one, ..)| one.tactics.contains(&tactic.id))
        {
            let line = format!(
                "  {:<11} {:<14} {}  {}",
                how.as_str(),
                technique.id,
                technique.name,
                rules.join(", ")
            );
            output.line(line.trim_end())?;
        }
    }
    let counts: Vec<_> = counts.iter().map(|(how, count)| format!("{count} {how}")).collect();
    output.line(&format!("\n{} techniques: {}", covered.len(), counts.join(", ")))?;
    Ok(Exit::Fine)
}
