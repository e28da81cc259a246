//! The one event type.
//!
//! INVARIANT: an interaction has exactly one `interaction_opened` and, unless the process died, one
//! `interaction_closed`; both carry its id. INVARIANT: every field is declared in alphabetical order
//! and optional fields are left out when empty, which makes serialisation canonical. INVARIANT: a
//! record says which guards ran, what was not scanned and why.
//!
//! Not here: node id and sequence number, which the journal gives when it writes the event down.

use serde::{Deserialize, Serialize};

use crate::{
    Anomaly, CampaignNotice, ConversationId, Credentials, Decision, Digest, InteractionId,
    LocatedFinding, Principal, Trace, UserReport,
};

/// The version of the shapes in this file; raised when a reader of an older one would be wrong.
pub const SCHEMA_VERSION: u16 = 1;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub body: EventBody,
    /// [`SCHEMA_VERSION`] when it was written.
    pub schema: u16,
    /// When, in milliseconds since 1970 (UTC).
    pub time_ms: u64,
}

impl Event {
    /// An event of the current schema.
    pub const fn new(time_ms: u64, body: EventBody) -> Self {
        Self { body, schema: SCHEMA_VERSION, time_ms }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The classes of event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", content = "data", rename_all = "snake_case")]
pub enum EventBody {
    /// A change to keys, configuration or policy.
    Administration(Administration),
    /// A principal's traffic is far from what is ordinary for it.
    Anomaly(Box<Anomaly>),
    /// Interactions that belong together are a campaign: recognised, grown, over.
    Campaign(Box<CampaignNotice>),
    /// An interaction ended.
    InteractionClosed(Box<InteractionClosed>),
    /// An interaction was judged; written before anything is forwarded.
    InteractionOpened(Box<InteractionOpened>),
    /// The gateway process started, stopped, recovered or degraded.
    Node(NodeNotice),
    /// A user said something about an answer.
    UserReport(Box<UserReport>),
}

/// A change to keys, configuration or policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administration {
    /// Who did it: `cli`, `first-start`, a key id.
    pub actor: String,
    /// What: `key.create`, `key.revoke`.
    pub operation: String,
    /// To what: a key id, a policy digest.
    pub target: String,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The gateway process started, stopped, recovered or degraded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeNotice {
    /// In words, without content of any interaction.
    pub detail: String,
    /// What: `started`, `stopped`, `recovered`, `degraded`.
    pub state: String,
}

/// How a guard did on one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardStatus {
    /// It could not run and let the message through, as configured. Never counted as success.
    FailedOpen,
    /// It could not run and the message was refused.
    FailedClosed,
    /// It ran over everything it covers.
    Ran,
    /// It is switched off for this route.
    Skipped,
}

impl GuardStatus {
    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailedOpen => "failed_open",
            Self::FailedClosed => "failed_closed",
            Self::Ran => "ran",
            Self::Skipped => "skipped",
        }
    }
}

/// One guard's report on one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardReport {
    /// `detect`, `policy`, or the name of an external guard.
    pub guard: String,
    /// Why it did not run, when it did not: `timed_out`, `circuit_open`, `status_429`, `nothing_to_ask`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it did.
    pub status: GuardStatus,
}

/// A piece of content that no guard read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unscanned {
    /// The field's path.
    pub path: String,
    /// Why: `opaque: image`, `unknown field, not text`.
    pub why: String,
}

/// The open record of an interaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionOpened {
    /// The caller's address, after trusted proxies.
    pub client_address: String,
    /// Commitment to the request's body as received, up to the bytes of content that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// The conversation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// What the caller brought besides a virtual key.
    #[serde(default, skip_serializing_if = "Credentials::is_empty")]
    pub credentials: Credentials,
    /// What was decided.
    pub decision: Decision,
    /// `openai`.
    pub dialect: String,
    /// What was found in the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<LocatedFinding>,
    /// How many more findings there were than a record holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_omitted: u32,
    /// Which guards ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardReport>,
    /// Its id.
    pub interaction: InteractionId,
    /// Values masked in the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub masked: u32,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `chat.completions`, `embeddings`, `models`.
    pub operation: String,
    /// Who asked.
    pub principal: Principal,
    /// Bytes of the request's body as received.
    pub request_bytes: u64,
    /// The route it took, by its configured name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whether a stream was asked for.
    pub streamed: bool,
    /// Where it stands in a distributed trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// Fields the content map does not know, scanned and forwarded or refused by mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_fields: Vec<String>,
    /// What no guard read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unscanned: Vec<Unscanned>,
    /// The configured names of the others that may be asked if that one does not answer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstream_fallbacks: Vec<String>,
    /// The configured name of the upstream that is asked first; see [`InteractionClosed::attempts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}

/// How an interaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The whole answer was sent.
    Answered,
    /// The answer was stopped by a consequence on its content.
    Blocked,
    /// The client went away first.
    ClientLeft,
    /// The request could not be read.
    Malformed,
    /// The request was refused by authorisation or a consequence.
    Refused,
    /// Our own failure.
    InternalError,
    /// The upstream refused, reset, timed out or sent what could not be read.
    UpstreamFailed,
}

impl Ending {
    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Blocked => "blocked",
            Self::ClientLeft => "client_left",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::InternalError => "internal_error",
            Self::UpstreamFailed => "upstream_failed",
        }
    }
}

/// Token counts as the upstream reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// One try to have a request answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// How it ended, a stable code: `answered`, `status_429`, `upstream_unreachable`.
    pub outcome: String,
    /// The configured name of the upstream that was asked.
    pub upstream: String,
}

/// The close record of an interaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionClosed {
    /// Which upstreams were asked, in order; left out if it was once, and the one that the open record names. The last
    /// is the one whose answer or error was passed on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Commitment to the answer as sent to the client, up to the bytes of content that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// What was decided about the answer.
    pub decision: Decision,
    /// From the request's first byte to the answer's last, in microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub ending: Ending,
    /// What was found in the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<LocatedFinding>,
    /// How many more findings there were than a record holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_omitted: u32,
    /// From the request's first byte to the answer's first, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// Which guards ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardReport>,
    /// Its id.
    pub interaction: InteractionId,
    /// Values masked in the answer.
    pub masked: u32,
    /// A stable code, when it did not end well: `upstream_reset`, `invalid_sse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes sent to the client.
    pub response_bytes: u64,
    /// Values of the caller's own restored in the answer.
    pub restored: u32,
    /// The risk of the conversation after this turn, 0 to 100.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub risk: u32,
    /// The HTTP status sent to the client.
    pub status: u16,
    /// What no guard read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unscanned: Vec<Unscanned>,
    /// Token counts, when the upstream gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{
        Action, Campaign, CampaignId, CampaignKind, CampaignLink, CampaignPhase, CampaignShape,
        CampaignStep, Credentials, Finding, FiredRule, KeyId, Kind, Outcome, Provenance, Rank,
        Rating, ReportReason, Score, Span, SpanId, TraceId, canonical_bytes,
    };

    fn decision() -> Decision {
        Decision {
            actions: vec![Action::Redact, Action::Block],
            outcome: Outcome::Refused,
            reason: Some(Cow::Borrowed("policy_block")),
            rules: vec![FiredRule {
                action: Action::Block,
                controls: vec!["LLM01:2026".into()],
                exception: Some("waiver-7".into()),
                id: "injection".into(),
                playbook: Some("indirect-injection".into()),
                shadow: true,
            }],
        }
    }

    fn located() -> LocatedFinding {
        LocatedFinding {
            finding: Finding {
                detector: "email".into(),
                kind: Kind::of("pii.email"),
                rank: Rank::MAX,
                score: Score::ONE,
                span: Span::new(3, 9),
                view: "raw".into(),
            },
            path: "messages[0].content \u{7f}\u{2028}\"".into(),
            provenance: Provenance::User,
        }
    }

    fn campaign() -> CampaignNotice {
        let (interaction, id) =
            (InteractionId::new(7, 9), CampaignId::begun_with(InteractionId::new(7, 9)));
        let campaign = Campaign {
            absorbed: vec![id],
            addresses: vec!["192.0.2.7".into()],
            applications: vec!["a".into()],
            callers: 1,
            conversations: 2,
            end_users: vec!["e".into()],
            first_seen_ms: 3,
            flagged: 4,
            id,
            keys: vec![KeyId::new(5)],
            kinds: vec![CampaignKind {
                kind: Kind::of("injection"),
                rank: Rank::new(50),
                requests: 4,
                since_ms: 3,
            }],
            last_seen_ms: 9,
            links: vec![CampaignLink { requests: 4, share: "caller".into(), what: "k".into() }],
            members: vec![interaction],
            models: vec!["m".into()],
            networks: vec!["192.0.2.0/24".into()],
            networks_total: 1,
            passed: 1,
            passed_members: vec![interaction],
            phase: CampaignPhase::Opened,
            refused: 3,
            requests: 4,
            score: 70,
            shape: CampaignShape::Fuzzing,
            steps: vec![CampaignStep { passed: 1, refused: 3, requests: 4, time_ms: 3 }],
            teams: vec!["t".into()],
            techniques: vec!["AML.T0051".into()],
            users: vec!["u".into()],
        };
        CampaignNotice { campaign, detail: "4 requests".into() }
    }

    fn every_class() -> Vec<EventBody> {
        let interaction = InteractionId::new(7, 9);
        let guard = GuardReport {
            guard: "detect".into(),
            reason: Some("timed_out".into()),
            status: GuardStatus::Ran,
        };
        let unscanned =
            Unscanned { path: "messages[0].content[1]".into(), why: "opaque: image".into() };
        vec![
            EventBody::Administration(Administration {
                why: Some("w".into()),
                ..Administration::default()
            }),
            EventBody::Anomaly(Box::new(Anomaly {
                detail: "600 requests in 2 minutes".into(),
                kind: Kind::of("anomaly.scraping"),
                measure: "requests".into(),
                model: Some("m".into()),
                observed: 600,
                ordinary: 20,
                principal: Principal { team: Some("t".into()), ..Principal::default() },
                rank: Rank::new(50),
                since_ms: 1_700_000_000_000,
                upstream: Some("u".into()),
                window_s: 120,
            })),
            EventBody::Campaign(Box::new(campaign())),
            EventBody::Node(NodeNotice::default()),
            EventBody::UserReport(Box::new(UserReport {
                comment: Some(Digest([6; 32])),
                interaction,
                principal: Principal::default(),
                rating: Rating::Down,
                reason: Some(ReportReason::Hallucination),
            })),
            EventBody::InteractionOpened(Box::new(InteractionOpened {
                client_address: "127.0.0.1".into(),
                content: Some(Digest([7; 32])),
                conversation: Some(ConversationId::from_hash([9; 16])),
                credentials: Credentials {
                    certificate: Some("spiffe://example.org/x".into()),
                    token: Some("0123".into()),
                },
                decision: decision(),
                dialect: "openai".into(),
                findings: vec![located()],
                findings_omitted: 7,
                guards: vec![guard.clone()],
                interaction,
                masked: 2,
                model: Some("m".into()),
                operation: "chat.completions".into(),
                principal: Principal {
                    agent: Some("g".into()),
                    application: Some("a".into()),
                    end_user: Some("e".into()),
                    issuer: Some("i".into()),
                    key: Some(KeyId::new(5)),
                    team: Some("t".into()),
                    tenant: Some("t".into()),
                    user: Some("u".into()),
                },
                request_bytes: 10,
                route: Some("r".into()),
                streamed: true,
                trace: Some(Trace {
                    parent: Some(SpanId::of_random([2; 8])),
                    span: SpanId::of_random([3; 8]),
                    trace: TraceId::of_random([4; 16]),
                }),
                unknown_fields: vec!["x".into()],
                unscanned: vec![unscanned.clone()],
                upstream: Some("u".into()),
                upstream_fallbacks: Vec::new(),
            })),
            EventBody::InteractionClosed(Box::new(InteractionClosed {
                attempts: vec![Attempt { outcome: "answered".into(), upstream: "u".into() }],
                content: Some(Digest([8; 32])),
                decision: decision(),
                duration_us: 5,
                ending: Ending::Answered,
                findings: vec![located()],
                findings_omitted: 7,
                first_byte_us: Some(1),
                guards: vec![guard],
                interaction,
                masked: 1,
                reason: Some("upstream_reset".into()),
                response_bytes: 2,
                restored: 3,
                risk: 4,
                status: 200,
                unscanned: vec![unscanned],
                usage: Some(TokenUsage { input: 1, output: 2 }),
            })),
        ]
    }

    /// The same value with the keys of every object in order. `serde_json::Value` alone keeps them in
    /// order only as long as nothing in the build switches its `preserve_order` on.
    fn sorted(value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match value {
            Value::Array(items) => items.into_iter().map(sorted).collect(),
            Value::Object(map) => {
                let mut pairs: Vec<_> = map.into_iter().map(|(key, v)| (key, sorted(v))).collect();
                pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
                Value::Object(pairs.into_iter().collect())
            }
            other => other,
        }
    }

    #[test]
    fn names_are_those_of_the_records() -> Result<(), serde_json::Error> {
        use CampaignShape::{Fuzzing, Probing, SharedInfrastructure, SharedText, Sweep, Wave};
        use Ending::{
            Answered, Blocked, ClientLeft, InternalError, Malformed, Refused, UpstreamFailed,
        };
        use GuardStatus::{FailedClosed, FailedOpen, Ran, Skipped};
        let endings =
            [Answered, Blocked, ClientLeft, Malformed, Refused, InternalError, UpstreamFailed];
        for ending in endings {
            assert_eq!(serde_json::to_value(ending)?, ending.as_str());
        }
        for status in [FailedOpen, FailedClosed, Ran, Skipped] {
            assert_eq!(serde_json::to_value(status)?, status.as_str());
        }
        for phase in [CampaignPhase::Ended, CampaignPhase::Grown, CampaignPhase::Opened] {
            assert_eq!(serde_json::to_value(phase)?, phase.as_str());
        }
        for shape in [Fuzzing, Probing, SharedInfrastructure, SharedText, Sweep, Wave] {
            assert_eq!(serde_json::to_value(shape)?, shape.as_str());
        }
        Ok(())
    }

    #[test]
    fn serialisation_is_canonical_and_reads_back() -> Result<(), serde_json::Error> {
        for body in every_class() {
            let event = Event::new(1_700_000_000_000, body);
            let bytes = canonical_bytes(&event)?;
            let sorted = serde_json::to_vec(&sorted(serde_json::from_slice(&bytes)?))?;
            assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&sorted));
            assert_eq!(serde_json::from_slice::<Event>(&bytes)?, event);
        }
        Ok(())
    }
}
