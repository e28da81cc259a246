//! The record as people read it.
//!
//! INVARIANT: everything that a caller could have chosen is shown without control characters.

use std::fmt::Write as _;

use events::{
    Anomaly, Credentials, Decision, Ending, EventBody, GuardReport, GuardStatus, InteractionClosed,
    InteractionOpened, LocatedFinding, Outcome, Principal, Rank, Trace, Unscanned, UserReport,
};
use gateway::BREAK_GLASS_PREFIX;
use journal::verify::{Truncation, Verdict, VerifyReport};
use journal::{DecisionStatement, Record};

use super::log::Said;
use crate::output::{Table, printable};
use crate::time::show_moment;

/// One record on one line.
pub(crate) fn line(record: &Record) -> String {
    let time = show_moment(record.event.time_ms);
    let (subject, what) = match &record.event.body {
        EventBody::InteractionOpened(opened) => {
            (opened.interaction.to_string(), open_words(opened))
        }
        EventBody::InteractionClosed(closed) => {
            (closed.interaction.to_string(), close_words(closed))
        }
        EventBody::Administration(event) => (
            String::from("administration"),
            match &event.why {
                Some(why) => {
                    format!("{} {} by {}: {why}", event.operation, event.target, event.actor)
                }
                None => format!("{} {} by {}", event.operation, event.target, event.actor),
            },
        ),
        EventBody::Anomaly(anomaly) => (String::from("anomaly"), anomaly_words(anomaly)),
        EventBody::Campaign(notice) => {
            let phase = notice.campaign.phase.as_str();
            (notice.campaign.id.to_string(), format!("campaign {phase}: {}", notice.detail))
        }
        EventBody::UserReport(report) => (report.interaction.to_string(), report_words(report)),
        EventBody::Node(notice) => {
            (record.node.to_string(), format!("{}: {}", notice.state, notice.detail))
        }
    };
    format!("{time}  {subject:<30}  {}", printable(&what))
}

fn anomaly_words(anomaly: &Anomaly) -> String {
    let mut words = format!("{}: {}", anomaly.kind, anomaly.detail);
    if let Some(model) = &anomaly.model {
        let _never_fails = write!(words, "; model {model}");
    }
    let _never_fails = write!(words, "; {}", principal_words(&anomaly.principal));
    words
}

fn report_words(report: &UserReport) -> String {
    let mut words = format!("user reports: {}", report.rating.as_str());
    if let Some(reason) = report.reason {
        let _never_fails = write!(words, " ({})", reason.as_str());
    }
    if report.comment.is_some() {
        words.push_str(", with a comment");
    }
    words
}

/// An open record in words.
pub(crate) fn open_words(opened: &InteractionOpened) -> String {
    let model = opened.model.as_deref().unwrap_or("-");
    let mut words = format!("{} {model}: {}", opened.operation, decision_words(&opened.decision));
    let found = found_words(&opened.findings);
    if !found.is_empty() {
        let _never_fails = write!(words, " [{found}]");
    }
    let exceptions = opened.decision.rules.iter().filter_map(|rule| rule.exception.as_deref());
    if let Some(glass) = exceptions.into_iter().find(|id| id.starts_with(BREAK_GLASS_PREFIX)) {
        let _never_fails = write!(words, " under {glass}");
    }
    if let Some(key) = &opened.principal.key {
        let _never_fails = write!(words, " key {key}");
    }
    if let (Some(issuer), Some(user)) = (&opened.principal.issuer, &opened.principal.user) {
        let _never_fails = write!(words, " user {user} ({issuer})");
    }
    words
}

/// A close record in words.
pub(crate) fn close_words(closed: &InteractionClosed) -> String {
    let mut words = format!(
        "{} {}, {} B, {}",
        ending_words(closed.ending),
        closed.status,
        closed.response_bytes,
        duration_words(closed.duration_us),
    );
    if let Some(reason) = &closed.reason {
        let _never_fails = write!(words, " ({reason})");
    }
    let found = found_words(&closed.findings);
    if !found.is_empty() {
        let _never_fails = write!(words, " [{found}]");
    }
    if closed.restored > 0 {
        let _never_fails = write!(words, " restored {}", closed.restored);
    }
    words
}

fn decision_words(decision: &Decision) -> String {
    let actions: Vec<&str> = decision.actions.iter().map(|action| action.as_str()).collect();
    let actions = actions.join(", ");
    match (decision.outcome, actions.is_empty(), &decision.reason) {
        (Outcome::Allowed, true, _) => String::from("allowed"),
        (Outcome::Allowed, false, _) => format!("allowed, {actions}"),
        (Outcome::Refused, _, Some(reason)) => format!("refused ({reason})"),
        (Outcome::Refused, _, None) => String::from("refused"),
    }
}

/// Findings below this rank are too common to stand on one line: one ordinary text in a hundred.
const NOTABLE_RANK_MIN: Rank = Rank::new(20);

/// Each kind that was notably found with how often: `injection, pii.email ×2`.
fn found_words(findings: &[LocatedFinding]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for finding in findings.iter().filter(|found| found.finding.rank >= NOTABLE_RANK_MIN) {
        let kind = finding.finding.kind.as_str();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let words = kinds.iter().map(|(kind, count)| match count {
        1 => (*kind).to_owned(),
        count => format!("{kind} ×{count}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

const fn ending_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Answered => "answered",
        Ending::Blocked => "blocked",
        Ending::ClientLeft => "client left",
        Ending::Malformed => "malformed",
        Ending::Refused => "refused",
        Ending::InternalError => "internal error",
        Ending::UpstreamFailed => "upstream failed",
    }
}

fn duration_words(microseconds: u64) -> String {
    match microseconds {
        0..1_000 => format!("{microseconds} µs"),
        1_000..10_000_000 => format!("{} ms", microseconds / 1_000),
        _ => format!("{} s", microseconds / 1_000_000),
    }
}

/// Everything about one interaction.
pub(crate) fn interaction(records: &[Record], said: &[Said]) -> String {
    let mut text = String::new();
    for record in records {
        match &record.event.body {
            EventBody::InteractionOpened(opened) => opened_block(&mut text, record, opened),
            EventBody::InteractionClosed(closed) => closed_block(&mut text, record, closed),
            EventBody::UserReport(report) => report_block(&mut text, record, report),
            EventBody::Administration(_)
            | EventBody::Anomaly(_)
            | EventBody::Campaign(_)
            | EventBody::Node(_) => {}
        }
        text.push('\n');
    }
    for part in said {
        let (state, content) = match (&part.text, part.matches_record) {
            (None, _) => ("not kept, or expired", ""),
            (Some(content), Some(true)) => ("as recorded", content.as_str()),
            (Some(content), Some(false)) => ("NOT what was recorded", content.as_str()),
            (Some(content), None) => ("without a commitment on record", content.as_str()),
        };
        let _never_fails = writeln!(text, "{} ({state})", part.part);
        for line in content.lines() {
            let _never_fails = writeln!(text, "  {}", printable(line));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn opened_block(text: &mut String, record: &Record, opened: &InteractionOpened) {
    let mut table = Table::headless();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("interaction", opened.interaction.to_string());
    row("opened", moment_words(record));
    row("from", opened.client_address.clone());
    row("by", principal_words(&opened.principal));
    let Credentials { certificate, token } = &opened.credentials;
    for (name, shown) in [("certificate", certificate), ("token", token)] {
        if let Some(shown) = shown {
            row(name, shown.clone());
        }
    }
    if let Some(conversation) = opened.conversation {
        row("conversation", conversation.to_string());
    }
    let model = opened.model.as_deref().map(|model| format!(", model {model}")).unwrap_or_default();
    let streamed = if opened.streamed { ", streamed" } else { "" };
    row("asked", format!("{} {}{model}{streamed}", opened.dialect, opened.operation));
    let route = opened.route.as_deref().map(|name| format!(" by route {name}")).unwrap_or_default();
    let upstream = opened.upstream.as_deref().unwrap_or("none");
    let others = opened.upstream_fallbacks.join(" or ");
    let others = if others.is_empty() { others } else { format!(", else {others}") };
    row("upstream", format!("{upstream}{others}{route}"));
    if let Some(Trace { parent, span, trace }) = opened.trace {
        let parent = parent.map(|parent| format!(", parent {parent}")).unwrap_or_default();
        row("trace", format!("{trace}, span {span}{parent}"));
    }
    let masked = match opened.masked {
        0 => String::new(),
        1 => ", 1 value masked".to_owned(),
        masked => format!(", {masked} values masked"),
    };
    row("request", format!("{} B{masked}", opened.request_bytes));
    row("decision", decision_words(&opened.decision));
    rule_rows(&mut row, &opened.decision);
    finding_rows(&mut row, &opened.findings);
    guard_rows(&mut row, &opened.guards);
    for path in &opened.unknown_fields {
        row("unknown field", path.clone());
    }
    unscanned_rows(&mut row, &opened.unscanned);
    text.push_str(&table.render());
}

fn closed_block(text: &mut String, record: &Record, closed: &InteractionClosed) {
    let mut table = Table::headless();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("closed", moment_words(record));
    let reason = closed.reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
    row("ending", format!("{}{reason}", ending_words(closed.ending)));
    row("answer", format!("status {}, {} B", closed.status, closed.response_bytes));
    let first = closed.first_byte_us.map(|us| format!(", first byte after {}", duration_words(us)));
    row("took", format!("{}{}", duration_words(closed.duration_us), first.unwrap_or_default()));
    for attempt in &closed.attempts {
        row("asked", format!("{}: {}", attempt.upstream, attempt.outcome));
    }
    if let Some(usage) = closed.usage {
        row("tokens", format!("{} in, {} out", usage.input, usage.output));
    }
    row("values", format!("{} masked, {} restored", closed.masked, closed.restored));
    if closed.risk > 0 {
        row("risk", closed.risk.to_string());
    }
    row("decision", decision_words(&closed.decision));
    rule_rows(&mut row, &closed.decision);
    finding_rows(&mut row, &closed.findings);
    guard_rows(&mut row, &closed.guards);
    unscanned_rows(&mut row, &closed.unscanned);
    text.push_str(&table.render());
}

fn report_block(text: &mut String, record: &Record, report: &UserReport) {
    let mut table = Table::headless();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("reported", moment_words(record));
    row("by", principal_words(&report.principal));
    row("says", report_words(report));
    text.push_str(&table.render());
}

/// What a signed statement says.
pub(crate) fn decision(statement: &DecisionStatement) -> String {
    let mut table = Table::headless();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    let request = &statement.request;
    row("signed", format!("{} UTC", show_moment(statement.time_ms)));
    let model = request.model.as_deref().map(|name| format!(", model {name}")).unwrap_or_default();
    row("asked", format!("{} {}{model}", request.dialect, request.operation));
    row("decision", decision_words(&request.decision));
    rule_rows(&mut row, &request.decision);
    guard_rows(&mut row, &request.guards);
    unscanned_rows(&mut row, &request.unscanned);
    if let Some(answer) = &statement.answer {
        row("ending", format!("{} {}", ending_words(answer.ending), answer.status));
        row("decision", decision_words(&answer.decision));
        rule_rows(&mut row, &answer.decision);
        guard_rows(&mut row, &answer.guards);
        unscanned_rows(&mut row, &answer.unscanned);
    } else {
        row("ending", String::from("not on record"));
    }
    for leaf in &statement.leaves {
        row("record", format!("{}, leaf {}", leaf.sequence, leaf.leaf));
    }
    table.render()
}

fn guard_rows(row: &mut impl FnMut(&str, String), guards: &[GuardReport]) {
    for guard in guards {
        row("guard", format!("{}: {}", guard.guard, guard_words(guard)));
    }
}

fn moment_words(record: &Record) -> String {
    format!("{} UTC, record {}", show_moment(record.event.time_ms), record.sequence)
}

fn principal_words(principal: &Principal) -> String {
    let parts = [
        ("tenant", principal.tenant.clone()),
        ("team", principal.team.clone()),
        ("application", principal.application.clone()),
        ("key", principal.key.map(|key| key.to_string())),
        ("issuer", principal.issuer.clone()),
        ("user", principal.user.clone()),
        ("agent", principal.agent.clone()),
        ("end user", principal.end_user.clone()),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
    if parts.is_empty() { String::from("nobody known") } else { parts.join(", ") }
}

fn rule_rows(row: &mut impl FnMut(&str, String), decision: &Decision) {
    for rule in &decision.rules {
        let mut words = format!("{}: {}", rule.id, rule.action);
        if rule.shadow {
            words.push_str(", in shadow");
        }
        if let Some(exception) = &rule.exception {
            let _never_fails = write!(words, ", excepted by {exception}");
        }
        if !rule.controls.is_empty() {
            let _never_fails = write!(words, " ({})", rule.controls.join(", "));
        }
        row("rule", words);
    }
}

fn finding_rows(row: &mut impl FnMut(&str, String), findings: &[LocatedFinding]) {
    for located in findings {
        let finding = &located.finding;
        let words = format!(
            "{} in {} ({}), bytes {} to {}, rank {}, by {}, seen as {}",
            finding.kind,
            located.path,
            located.provenance,
            finding.span.start,
            finding.span.end,
            finding.rank.get(),
            finding.detector,
            finding.view,
        );
        row("finding", words);
    }
}

fn unscanned_rows(row: &mut impl FnMut(&str, String), unscanned: &[Unscanned]) {
    for piece in unscanned {
        row("not scanned", format!("{}: {}", piece.path, piece.why));
    }
}

fn guard_words(report: &GuardReport) -> String {
    let words = match (report.status, &report.reason) {
        (GuardStatus::FailedOpen, _) => "FAILED, let through as configured",
        (GuardStatus::FailedClosed, _) => "FAILED, refused",
        (GuardStatus::Ran, _) => "ran",
        (GuardStatus::Skipped, Some(_)) => "not asked",
        (GuardStatus::Skipped, None) => "switched off",
    };
    report.reason.as_ref().map_or_else(|| words.to_owned(), |reason| format!("{words} ({reason})"))
}

/// What was verified, against what, and what is wrong.
pub(crate) fn verification(report: &VerifyReport) -> String {
    let mut table = Table::headless();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    let verdict = match report.verdict {
        Verdict::Intact => "intact",
        Verdict::UnfinishedEnd => "intact, up to a last record that is not finished",
        Verdict::Faulty => "FAULTY",
    };
    row("verdict", verdict.to_owned());
    if let Some(fault) = &report.fault {
        row("fault", fault.detail.clone());
        let place = format!(
            "{} at byte {}, where record {} was expected",
            fault.segment, fault.offset, fault.sequence
        );
        row("place", place);
    }
    if let Some(node) = report.node {
        row("node", node.to_string());
    }
    let checked = report.checked;
    row(
        "checked",
        format!("{} records, {} seals, {} files", checked.records, checked.seals, checked.segments),
    );
    if report.unsealed_records > 0 {
        row("unsealed", format!("the last {} records, chained only", report.unsealed_records));
    }
    row("cut off", truncation_words(report.truncation));
    row("root", report.head.root.to_string());
    table.render()
}

fn truncation_words(truncation: Truncation) -> String {
    match truncation {
        Truncation::Checkpoint { records, time_ms } => format!(
            "looked for against the checkpoint of {} UTC over {records} records",
            show_moment(time_ms)
        ),
        Truncation::LastSeal { records, time_ms } => format!(
            "not excluded after the last seal ({} UTC, {records} records); \
             give `--checkpoint FILE` to look further",
            show_moment(time_ms)
        ),
        Truncation::Nothing => {
            String::from("not excluded: give `--checkpoint FILE` to look for it")
        }
    }
}
