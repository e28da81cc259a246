//! An event in a sentence, for the place that every format has for one.
//!
//! INVARIANT: it says nothing that the record does not, so no content of any interaction.

use std::fmt::Write as _;

use events::{Decision, EventBody, LocatedFinding};

use crate::entry::Opened;
use crate::severity::NOTABLE_RANK_MIN;
use crate::walk::outcome;

/// The sentence.
pub(crate) fn of(body: &EventBody, opened: Option<&Opened>) -> String {
    match body {
        EventBody::Administration(change) => {
            format!("{} {} by {}", change.operation, change.target, change.actor)
        }
        EventBody::Anomaly(anomaly) => format!("{}: {}", anomaly.kind, anomaly.detail),
        EventBody::Campaign(notice) => {
            format!("campaign {}: {}", notice.campaign.phase.as_str(), notice.detail)
        }
        EventBody::InteractionClosed(closed) => {
            let asked = opened.map(|opened| asked(&opened.operation, opened.model.as_deref()));
            let asked = asked.unwrap_or_else(|| String::from("interaction"));
            let mut words =
                format!("{asked}: {}, status {}", closed.ending.as_str(), closed.status);
            if let Some(reason) = &closed.reason {
                let _never_fails = write!(words, " ({reason})");
            }
            words + &found(&closed.findings)
        }
        EventBody::InteractionOpened(opened) => {
            let asked = asked(&opened.operation, opened.model.as_deref());
            format!("{asked}: {}{}", decided(&opened.decision), found(&opened.findings))
        }
        EventBody::Node(notice) => format!("{}: {}", notice.state, notice.detail),
        EventBody::UserReport(report) => {
            let reason = report.reason.map(|reason| format!(" ({})", reason.as_str()));
            format!("answer rated {}{}", report.rating.as_str(), reason.unwrap_or_default())
        }
    }
}

fn asked(operation: &str, model: Option<&str>) -> String {
    model.map_or_else(|| operation.to_owned(), |model| format!("{operation} {model}"))
}

fn decided(decision: &Decision) -> String {
    let actions: Vec<&str> = decision.actions.iter().map(|action| action.as_str()).collect();
    let mut words = outcome(decision.outcome).to_owned();
    if let Some(reason) = &decision.reason {
        let _never_fails = write!(words, " ({reason})");
    }
    if !actions.is_empty() {
        let _never_fails = write!(words, ", {}", actions.join(", "));
    }
    words
}

/// What was notably found, each kind once.
fn found(findings: &[LocatedFinding]) -> String {
    let notable = findings.iter().filter(|found| found.finding.rank >= NOTABLE_RANK_MIN);
    let mut kinds: Vec<&str> = notable.map(|found| found.finding.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() { String::new() } else { format!("; found {}", kinds.join(", ")) }
}
