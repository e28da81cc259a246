//! How grave an event is: one scale for every format, from what was done about it.
//!
//! INVARIANT: the same event has the same severity in every format.

use events::{
    Action, Campaign, CampaignPhase, Decision, Ending, EventBody, LocatedFinding, Outcome, Rank,
    Rating, ReportReason,
};

/// Findings below this rank are too common to be an alert: one ordinary text in a hundred.
pub(crate) const NOTABLE_RANK_MIN: Rank = Rank::new(20);
/// Anomalies from these ranks on are of medium and high severity.
const ANOMALY_MEDIUM_RANK: Rank = Rank::new(40);
const ANOMALY_HIGH_RANK: Rank = Rank::new(50);

/// How grave. The numbers are those of OCSF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
    Critical = 5,
}

/// What formats call a severity.
pub(crate) struct Words {
    /// As in OCSF.
    pub(crate) caption: &'static str,
    /// 0 to 10, as in CEF and LEEF.
    pub(crate) ten: u8,
    /// As in OpenTelemetry: the number and its short name.
    pub(crate) otel: (u8, &'static str),
}

impl Severity {
    pub(crate) const fn number(self) -> u64 {
        self as u64
    }

    pub(crate) const fn words(self) -> Words {
        let (caption, ten, otel) = match self {
            Self::Informational => ("Informational", 1, (9, "INFO")),
            Self::Low => ("Low", 3, (13, "WARN")),
            Self::Medium => ("Medium", 5, (14, "WARN2")),
            Self::High => ("High", 8, (17, "ERROR")),
            Self::Critical => ("Critical", 10, (21, "FATAL")),
        };
        Words { caption, ten, otel }
    }

    /// How grave an event is.
    pub(crate) fn of(body: &EventBody) -> Self {
        match body {
            EventBody::InteractionOpened(opened) => judged(&opened.decision, &opened.findings),
            EventBody::InteractionClosed(closed) => {
                judged(&closed.decision, &closed.findings).max(ended(closed.ending))
            }
            EventBody::Anomaly(anomaly) if anomaly.rank >= ANOMALY_HIGH_RANK => Self::High,
            EventBody::Anomaly(anomaly) if anomaly.rank >= ANOMALY_MEDIUM_RANK => Self::Medium,
            EventBody::Anomaly(_) => Self::Low,
            EventBody::Campaign(notice) => grown(&notice.campaign),
            EventBody::Administration(change) => changed(&change.operation),
            EventBody::Node(notice) if notice.state == "degraded" => Self::Medium,
            EventBody::Node(_) => Self::Informational,
            EventBody::UserReport(report) => match (report.rating, report.reason) {
                (Rating::Down, Some(ReportReason::Harmful)) => Self::Medium,
                (Rating::Down, _) => Self::Low,
                (Rating::Up, _) => Self::Informational,
            },
        }
    }
}

/// A campaign is an alert, and a grave one where any of it got through.
const fn grown(campaign: &Campaign) -> Severity {
    match (campaign.phase, campaign.passed) {
        (CampaignPhase::Ended, _) => Severity::Low,
        (CampaignPhase::Opened | CampaignPhase::Grown, 0) => Severity::Medium,
        (CampaignPhase::Opened | CampaignPhase::Grown, _) => Severity::High,
    }
}

fn judged(decision: &Decision, findings: &[LocatedFinding]) -> Severity {
    let notable = findings.iter().any(|found| found.finding.rank >= NOTABLE_RANK_MIN);
    let least = if notable || decision.outcome == Outcome::Refused {
        Severity::Low
    } else {
        Severity::Informational
    };
    let enforced = decision.actions.iter().map(|action| match action {
        Action::Annotate => Severity::Informational,
        Action::Redact | Action::Taint => Severity::Low,
        Action::Challenge | Action::Tarpit | Action::Decoy => Severity::Medium,
        Action::Block | Action::Quarantine => Severity::High,
        Action::Isolate => Severity::Critical,
    });
    enforced.fold(least, Severity::max)
}

const fn ended(ending: Ending) -> Severity {
    match ending {
        Ending::Answered | Ending::Blocked | Ending::ClientLeft | Ending::Refused => {
            Severity::Informational
        }
        Ending::Malformed | Ending::UpstreamFailed => Severity::Low,
        Ending::InternalError => Severity::Medium,
    }
}

fn changed(operation: &str) -> Severity {
    match operation {
        KEY_EXPOSED => Severity::High,
        "break_glass.approve" | "isolate" => Severity::Medium,
        _ => Severity::Informational,
    }
}

/// The operation of a record: a key was seen in plain text.
pub(crate) const KEY_EXPOSED: &str = "key.exposed";
