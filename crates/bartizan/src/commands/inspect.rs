//! `bartizan inspect`: what the detectors find in a text, and the verdict of the rules.
//!
//! Each file (or standard input) is one text; with `--jsonl` each line is. The verdict is that of the
//! shipped rules unless `--config` names others: `block` if they refuse the text, `redact` if they
//! mask parts of it, `allow` otherwise.
//!
//! INVARIANT: memory is bounded: a text or line beyond [`TEXT_BYTES_MAX`] is reported as unread, and
//! what was not looked at is never reported as allowed without saying so. INVARIANT: offsets are
//! Unicode code points of the text as given.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use detect::Head;
use events::{Action, Decision, Finding, LocatedFinding, Outcome, Principal, Provenance};
use policy::{Facts, Grants, Resource, Stage, Verb};
use serde::Serialize;
use serde_json::Value;

use super::inspect_lines;
use crate::cli::InspectArgs;
use crate::config;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure, Problem};
use crate::files::read_text;
use crate::output::{Output, Table, note, printable, report};

/// Bytes of one text, or of one line with `--jsonl`.
pub(crate) const TEXT_BYTES_MAX: u64 = 32 << 20;

/// The name for standard input, in arguments and in output.
const STDIN: &str = "-";

pub(crate) fn run(args: &InspectArgs) -> Result<Exit, Failure> {
    let inspector = Inspector::new(args)?;
    let mut output = Output::new();
    let mut tally = Tally::default();
    for file in &args.files {
        if file.as_os_str() == STDIN && std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            note("reading standard input; end with Ctrl-D");
        }
        if args.jsonl {
            inspect_lines::inspect(&inspector, file, &mut tally, &mut output)?;
        } else {
            inspect_file(&inspector, file, args, &mut tally, &mut output)?;
        }
    }
    output.finish()?;
    Ok(tally.exit())
}

/// How the texts fared.
#[derive(Default)]
pub(crate) struct Tally {
    /// The rules did more than allow.
    pub(crate) not_allowed: bool,
    /// Something could not be read, or not in full.
    pub(crate) incomplete: bool,
}

impl Tally {
    fn exit(&self) -> Exit {
        match (self.incomplete, self.not_allowed) {
            (true, _) => Exit::Incomplete,
            (false, true) => Exit::Findings,
            (false, false) => Exit::Fine,
        }
    }

    pub(crate) fn add(&mut self, report: &Report<'_>) {
        self.not_allowed |= report.verdict != Verdict::Allow;
        self.incomplete |= report.incomplete.is_some();
    }
}

/// What the rules make of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Allow,
    Redact,
    Block,
}

impl Verdict {
    fn of(decision: &Decision) -> Self {
        if decision.outcome == Outcome::Refused {
            Self::Block
        } else if decision.actions.contains(&Action::Redact) {
            Self::Redact
        } else {
            Self::Allow
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

/// What is printed about one text. The names are a contract.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    id: &'a Value,
    verdict: Verdict,
    scores: PerHead<f64>,
    ranks: PerHead<u8>,
    findings: Vec<FindingView<'a>>,
    /// Which limit kept something from being looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'static str>,
    /// With `--explain`: the rules that fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<RuleView<'a>>>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    kind: &'a str,
    detector: &'a str,
    score: f64,
    rank: u8,
    start: usize,
    end: usize,
    view: &'a str,
}

#[derive(Serialize)]
struct RuleView<'a> {
    id: &'a str,
    action: &'static str,
    shadow: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    source: &'a str,
}

/// The detectors and rules of this run.
pub(crate) struct Inspector {
    detect: detect::Engine,
    policy: policy::Engine,
    explain: bool,
    now_ms: u64,
    /// Where texts come from that do not say so themselves.
    pub(crate) provenance: Provenance,
}

impl Inspector {
    fn new(args: &InspectArgs) -> Result<Self, Failure> {
        let (detect_settings, policy) = if let Some(path) = &args.config {
            let guards = config::load_guards(path, &super::surroundings())?;
            (guards.detect, guards.policy)
        } else {
            let policy = policy::Engine::new(&policy::PolicyOptions::default());
            (detect::DetectSettings::default(), policy.map_err(Failure::environment_as_told)?)
        };
        let detect_settings = match &args.data {
            Some(path) => {
                let protected = DataDir::open(path)?.protected().load()?;
                detect_settings.protecting(Arc::new(protected))
            }
            None => detect_settings,
        };
        let detect = detect::Engine::new(&detect_settings).map_err(|error| {
            Failure::environment(error, "the program is damaged: install it again")
        })?;
        let (explain, provenance) = (args.explain, args.provenance);
        Ok(Self { detect, policy, explain, now_ms: crate::time::now_ms(), provenance })
    }

    /// Everything known about one text, handed to `print` while it can be borrowed.
    pub(crate) fn inspect<T>(
        &self,
        id: &Value,
        text: &str,
        provenance: Provenance,
        print: impl FnOnce(&Report<'_>) -> T,
    ) -> T {
        let inspection = self.detect.inspect(text, provenance);
        let decision = self.judge(text, provenance, &inspection.findings);
        print(&Report {
            id,
            verdict: Verdict::of(&decision),
            scores: PerHead(Head::ALL.map(|head| unit(inspection.scores.get(head)))),
            ranks: PerHead(Head::ALL.map(|head| inspection.ranks.get(head).get())),
            findings: views(text, &inspection.findings),
            incomplete: inspection.incomplete,
            rules: self.explain.then(|| self.rule_views(&decision)),
        })
    }

    fn judge(&self, text: &str, provenance: Provenance, findings: &[Finding]) -> Decision {
        let locate = |finding: &Finding| LocatedFinding {
            finding: finding.clone(),
            path: String::from("text"),
            provenance,
        };
        let findings: Vec<LocatedFinding> = findings.iter().map(locate).collect();
        let is_output = provenance == Provenance::Output;
        let facts = Facts {
            action: Verb::Infer,
            client_address: None,
            findings: &findings,
            grants: &Grants::UNLIMITED,
            principal: &Principal::default(),
            request_bytes: text.len() as u64,
            resource: Resource { name: "inspect", route: "inspect", upstream: "inspect" },
            risk: 0,
            stage: if is_output { Stage::Response } else { Stage::Request },
            streamed: false,
            tainted: false,
            time_ms: self.now_ms,
            unknown_fields: 0,
            unscanned: 0,
        };
        self.policy.judge(&facts).decision().clone()
    }

    fn rule_views<'a>(&'a self, decision: &'a Decision) -> Vec<RuleView<'a>> {
        let view = |fired: &'a events::FiredRule| {
            let card = self.policy.rules().find(|card| card.id == fired.id);
            RuleView {
                id: &fired.id,
                action: fired.action.as_str(),
                shadow: fired.shadow,
                exception: fired.exception.as_deref(),
                summary: card.and_then(|card| card.summary.as_deref()),
                source: card.map_or("", |card| card.source.as_str()),
            }
        };
        decision.rules.iter().map(view).collect()
    }
}

/// One value per head of the score model, in the order of [`Head::ALL`].
struct PerHead<T>([T; Head::ALL.len()]);

impl<T: Serialize> Serialize for PerHead<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Head::ALL.map(Head::as_str).iter().zip(&self.0))
    }
}

/// A score between 0 and 1 with four decimals, as it is kept.
fn unit(score: events::Score) -> f64 {
    (f64::from(score.unit()) * 10_000.0).round() / 10_000.0
}

/// Findings with their places counted in code points.
fn views<'a>(text: &str, findings: &'a [Finding]) -> Vec<FindingView<'a>> {
    let ends = findings.iter().flat_map(|finding| [finding.span.start, finding.span.end]);
    let places = CodePoints::new(text, ends.map(|offset| offset as usize).collect());
    let view = |finding: &'a Finding| FindingView {
        kind: finding.kind.as_str(),
        detector: &finding.detector,
        score: unit(finding.score),
        rank: finding.rank.get(),
        start: places.of(finding.span.start as usize),
        end: places.of(finding.span.end as usize),
        view: &finding.view,
    };
    findings.iter().map(view).collect()
}

/// Byte offsets of a text and the code points before them, counted in one pass.
struct CodePoints(Vec<(usize, usize)>);

impl CodePoints {
    fn new(text: &str, mut offsets: Vec<usize>) -> Self {
        offsets.sort_unstable();
        offsets.dedup();
        let (mut counted, mut from) = (0, 0);
        let count = |offset: usize| {
            let offset = text.floor_char_boundary(offset);
            counted += text.get(from..offset).unwrap_or_default().chars().count();
            from = offset;
            counted
        };
        Self(offsets.clone().into_iter().zip(offsets.into_iter().map(count)).collect())
    }

    fn of(&self, offset: usize) -> usize {
        let found = self.0.binary_search_by_key(&offset, |(byte, _)| *byte).ok();
        found.and_then(|index| self.0.get(index)).map_or(0, |(_, count)| *count)
    }
}

fn inspect_file(
    inspector: &Inspector,
    file: &Path,
    args: &InspectArgs,
    tally: &mut Tally,
    output: &mut Output,
) -> Result<(), Failure> {
    let name = file.display().to_string();
    let text = match read_file(file) {
        Ok(text) => text,
        Err(error) => {
            tally.incomplete = true;
            let problem = Problem::new(format!("cannot read `{name}`: {error}"));
            report(&problem.with_help("give readable UTF-8 text; other files are not inspected"));
            return Ok(());
        }
    };
    let id = Value::String(name.clone());
    inspector.inspect(&id, &text, inspector.provenance, |report| {
        tally.add(report);
        if args.format.is_json() {
            output.json_line(report)
        } else {
            output.text(&in_words(&name, &text, report))
        }
    })
}

fn read_file(file: &Path) -> std::io::Result<String> {
    if file.as_os_str() != STDIN {
        return read_text(file, TEXT_BYTES_MAX);
    }
    let mut text = String::new();
    std::io::stdin().lock().take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        let message = format!("it has more than {TEXT_BYTES_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// A report for people.
fn in_words(name: &str, text: &str, report: &Report<'_>) -> String {
    let mut lines = vec![format!("{}: {}", printable(name), report.verdict.as_str())];
    if let Some(limit) = report.incomplete {
        lines.push(format!("  not looked at in full: {limit}"));
    }
    let scores = Head::ALL.iter().zip(&report.scores.0).zip(&report.ranks.0);
    let scores =
        scores.map(|((head, score), rank)| format!("{} {score} (rank {rank})", head.as_str()));
    let scores: Vec<String> = scores.collect();
    lines.push(format!("  {}", scores.join(", ")));
    let lines_of_text = Lines::new(text);
    let mut findings = Table::headless();
    for finding in &report.findings {
        findings.row([
            finding.kind.to_owned(),
            lines_of_text.words(finding.start, finding.end),
            format!("rank {}", finding.rank),
            format!("by {}, seen as {}", finding.detector, finding.view),
        ]);
    }
    let mut rules = Table::headless();
    for rule in report.rules.iter().flatten() {
        let shadow = if rule.shadow { " (in shadow)" } else { "" };
        let excepted = rule.exception.map(|id| format!(" (excepted by {id})")).unwrap_or_default();
        rules.row([
            format!("rule {}", rule.id),
            format!("{}{shadow}{excepted}", rule.action),
            rule.summary.unwrap_or_default().to_owned(),
            rule.source.to_owned(),
        ]);
    }
    for table in [findings, rules] {
        lines.extend(table.render().lines().map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Where the lines of a text begin, in code points.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let breaks = text.chars().enumerate().filter(|(_, character)| *character == '\n');
        Self(std::iter::once(0).chain(breaks.map(|(index, _)| index + 1)).collect())
    }

    /// Line and column of a code point, from 1.
    fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, offset - start + 1)
    }

    /// `line 3, column 10 to 27`; across lines the end has its own line.
    fn words(&self, start: usize, end: usize) -> String {
        let ((line, column), (last_line, last_column)) = (self.place(start), self.place(end));
        if line == last_line {
            format!("line {line}, column {column} to {last_column}")
        } else {
            format!("line {line}, column {column} to line {last_line}, column {last_column}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_counted_in_code_points() {
        let text = "aé€😀b";
        let places = CodePoints::new(text, vec![10, 0, 1, 3, 6, 11, 10]);
        let counted: Vec<usize> = [0, 1, 3, 6, 10, 11].map(|offset| places.of(offset)).into();
        assert_eq!(counted, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn places_are_lines_and_columns() {
        let words = |text: &str, start, end| Lines::new(text).words(start, end);
        assert_eq!(words("ab\ncd ef", 6, 8), "line 2, column 4 to 6");
        assert_eq!(words("ab\ncd", 1, 4), "line 1, column 2 to line 2, column 2");
        assert_eq!(words("", 0, 0), "line 1, column 1 to 1");
        assert_eq!(words("ab\n", 0, 3), "line 1, column 1 to line 2, column 1");
    }
}
