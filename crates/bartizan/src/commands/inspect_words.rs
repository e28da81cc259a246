//! What `bartizan inspect` prints for people: no wider than a terminal, plain characters only.

use serde::Serialize;

use super::inspect_report::{Looked, RuleView, Shown, Verdict};
use crate::output::{Table, printable};
use detect::Head;

/// Columns of a line, where words can be broken.
const WIDTH_COLUMNS: usize = 80;

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    /// Code points before it.
    #[serde(skip)]
    pub(crate) offset: u64,
    /// Ends of lines before it.
    #[serde(serialize_with = "from_one")]
    pub(crate) line: u64,
    /// Code points before it in its line.
    #[serde(serialize_with = "from_one")]
    pub(crate) column: u64,
}

/// People count from 1.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn from_one<S: serde::Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(number + 1)
}

impl Place {
    /// Goes past `text`.
    pub(crate) fn advance(&mut self, text: &str) {
        let count = |text: &str| text.chars().count() as u64;
        self.offset += count(text);
        let Some(line) = text.rfind('\n') else {
            self.column += count(text);
            return;
        };
        self.line += text.bytes().filter(|byte| *byte == b'\n').count() as u64;
        self.column = count(text.get(line + 1..).unwrap_or_default());
    }
}

/// `line 3, column 10 to 27`; across lines the end has its own line.
fn span(start: Place, end: Place) -> String {
    let (line, column) = (start.line + 1, start.column + 1);
    let (last_line, last_column) = (end.line + 1, end.column + 1);
    if line == last_line {
        format!("line {line}, column {column} to {last_column}")
    } else {
        format!("line {line}, column {column} to line {last_line}, column {last_column}")
    }
}

/// What a rank means: `1 in 2,000 ordinary prompts`.
pub(crate) fn rarity(rank: u8, of: &str) -> String {
    // Rounded to the leading digit, two where that is 1: nobody measured more.
    const TENTHS: [u64; 10] = [10, 13, 16, 20, 25, 32, 40, 50, 63, 79];
    let tens = 10_u64.pow(u32::from(rank / 10));
    let tenths = TENTHS.get(usize::from(rank % 10)).copied().unwrap_or(10);
    if rank < 10 {
        return if rank == 0 {
            format!("nothing unusual for {of}")
        } else {
            format!("1 in {}.{} {of}", tenths / 10, tenths % 10)
        };
    }
    format!("1 in {} {of}", grouped(tenths * tens / 10))
}

/// `12,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The first line about a text.
pub(crate) fn head(name: &str, verdict: Verdict) -> String {
    format!("{}: {}\n", printable(name), verdict.as_str())
}

/// Everything about a text but its findings and rules.
pub(crate) fn summary(looked: &Looked) -> String {
    let mut text = String::new();
    if let Some(limit) = &looked.incomplete {
        text.push_str(&wrapped(&format!("not looked at in full: {limit}"), "  "));
    }
    if let Some(document) = looked.document {
        text.push_str(&wrapped(&format!("text read out of a document: {document}"), "  "));
    }
    for (remark, of) in [("not read", &looked.unread), ("no text", &looked.opaque)] {
        for what in of {
            text.push_str(&wrapped(&format!("{remark}: {what}"), "  "));
        }
    }
    let scores = Head::ALL.iter().zip(&looked.scores.0).zip(&looked.ranks.0);
    let scores = scores
        .map(|((head, score), rank)| format!("{} {score} (rank {rank})", head.as_str()))
        .collect::<Vec<_>>();
    text.push_str(&wrapped(&scores.join(", "), "  "));
    text
}

/// The findings, a line each, and what explains them.
pub(crate) fn findings(findings: &[Shown]) -> String {
    if findings.iter().any(|finding| finding.explain.is_some()) {
        return findings.iter().map(explained).collect();
    }
    let mut table = Table::headless();
    for finding in findings {
        table.row([
            finding.kind.as_str().to_owned(),
            place(finding),
            format!("rank {}", finding.rank),
            format!("by {}, seen as {}", finding.detector, finding.view),
        ]);
    }
    indented(&table.render())
}

fn place(finding: &Shown) -> String {
    let place = span(finding.from, finding.to);
    finding.part.as_ref().map_or_else(|| place.clone(), |part| format!("{part}: {place}"))
}

/// One finding with everything that is known about it.
fn explained(finding: &Shown) -> String {
    let Some(explain) = &finding.explain else { return String::new() };
    let mut text = wrapped(&format!("{}, {}", finding.kind, place(finding)), "  ");
    let rank = format!("rank {}: {}", finding.rank, explain.rank_means);
    text.push_str(&wrapped(&rank, "      "));
    let seen = format!("by {}, seen as {}", finding.detector, finding.view);
    text.push_str(&wrapped(&seen, "      "));
    if let Some(decoded) = &explain.decoded {
        text.push_str(&wrapped(&format!("which says: {decoded}"), "      "));
    }
    let mut table = Table::headless();
    for term in &explain.terms {
        let words = if term.words == term.term { String::new() } else { term.words.clone() };
        table.row([
            format!("+{:.2}", term.weight),
            term.kind.to_owned(),
            term.term.clone(),
            format!("line {}, column {}  {words}", term.place.line + 1, term.place.column + 1),
        ]);
    }
    for line in table.render().lines() {
        text.push_str(&wrapped(line, "      "));
    }
    text
}

/// The rules that fired.
pub(crate) fn rules(rules: &[RuleView]) -> String {
    let mut text = String::new();
    for rule in rules {
        let shadow = if rule.shadow { " (in shadow)" } else { "" };
        let excepted = rule.exception.as_ref().map(|id| format!(" (excepted by {id})"));
        let excepted = excepted.unwrap_or_default();
        let line = format!("rule {}: {}{shadow}{excepted}", rule.id, rule.action);
        text.push_str(&wrapped(&line, "  "));
        let summary = rule.summary.as_deref().unwrap_or_default();
        for line in [summary, &rule.source].into_iter().filter(|line| !line.is_empty()) {
            text.push_str(&wrapped(line, "      "));
        }
    }
    text
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| ["  ", line, "\n"].concat());
    lines.collect()
}

/// Lines of at most [`WIDTH_COLUMNS`] that begin with `indent`; what belongs to a line is set two further in.
/// A word that is longer stays whole.
fn wrapped(text: &str, indent: &str) -> String {
    let text = printable(text);
    let text = text.as_ref();
    let mut out = String::new();
    let mut rest = text.trim_end();
    let mut indent = indent.to_owned();
    loop {
        let room = WIDTH_COLUMNS.saturating_sub(indent.len());
        let fits = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
        let cut = if fits == rest.len() {
            fits
        } else {
            let space = rest.get(..=fits).unwrap_or(rest).rfind(' ').filter(|at| *at > 0);
            space.or_else(|| rest.find(' ').filter(|at| *at > 0)).unwrap_or(rest.len())
        };
        let (line, after) = rest.split_at(cut);
        out.push_str(&indent);
        out.push_str(line.trim_end());
        out.push('\n');
        rest = after.trim_start();
        if rest.is_empty() {
            return out;
        }
        if out.lines().count() == 1 {
            indent.push_str("  ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns() {
        let words = |text: &str, start: usize, end: usize| {
            let (mut from, mut to) = (Place::default(), Place::default());
            from.advance(&text[..start]);
            to.advance(&text[..end]);
            span(from, to)
        };
        assert_eq!(words("ab\ncd ef", 6, 8), "line 2, column 4 to 6");
        assert_eq!(words("ab\ncd", 1, 4), "line 1, column 2 to line 2, column 2");
        assert_eq!(words("", 0, 0), "line 1, column 1 to 1");
        assert_eq!(words("é\n", 0, 3), "line 1, column 1 to line 2, column 1");
    }

    #[test]
    fn a_rank_is_one_in_so_many() {
        assert_eq!(rarity(0, "ordinary prompts"), "nothing unusual for ordinary prompts");
        assert_eq!(rarity(3, "ordinary prompts"), "1 in 2.0 ordinary prompts");
        assert_eq!(rarity(20, "ordinary prompts"), "1 in 100 ordinary prompts");
        assert_eq!(rarity(33, "ordinary prompts"), "1 in 2,000 ordinary prompts");
        assert_eq!(rarity(60, "ordinary prompts"), "1 in 1,000,000 ordinary prompts");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let text = wrapped(&"word ".repeat(40), "  ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH_COLUMNS), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        let long = "x".repeat(100);
        assert_eq!(wrapped(&long, "  "), format!("  {long}\n"));
    }
}
