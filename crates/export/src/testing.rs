//! Events made from bytes, as hostile as the types allow: for the tests of this room, and for fuzzing.
//!
//! INVARIANT: the same bytes make the same event; every class, optional field and kind of text can come of some bytes.

use std::borrow::Cow;

use events::{
    Action, Administration, Anomaly, Attempt, Campaign, CampaignId, CampaignKind, CampaignLink,
    CampaignNotice, CampaignPhase, CampaignShape, CampaignStep, ConversationId, Credentials,
    Decision, Digest, Ending, Event, EventBody, Finding, FiredRule, GuardReport, GuardStatus,
    InteractionClosed, InteractionId, InteractionOpened, KeyId, Kind, LocatedFinding, NodeNotice,
    Outcome, Principal, Provenance, Rank, Rating, ReportReason, Score, Span, SpanId, TokenUsage,
    Trace, TraceId, Unscanned, UserReport,
};
use stdx::SplitMix64;

/// How many classes of event there are.
pub const CLASSES: u8 = 7;

/// Texts that formats, terminals and parsers have trouble with.
const HOSTILE: [&str; 28] = [
    "",
    " ",
    "gpt-4o",
    "a|b",
    "a\\|b",
    "a=b",
    "\\",
    "\\\\=\\",
    "key=value other=thing",
    "line\nbreak\r\nand more",
    "tab\there",
    "\\n",
    "nul\0here",
    "\u{1b}[31mred\u{7}",
    "\u{85}\u{2028}\u{2029}\u{b}\u{c}",
    "\u{202e}desrever\u{202c}",
    "\u{feff}\u{200b}\u{200d}",
    "größer 好 🔑",
    "e\u{301}\u{301}\u{301}",
    "\u{fffd}\u{10ffff}",
    "\"quoted\" 'and' {json: [1]}",
    "CEF:0|x|y|z|1|t|10|src=1.2.3.4",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "$.a..b",
    "::ffff:192.0.2.1",
    "null",
    "-",
];
const ADDRESSES: [&str; 6] =
    ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.1", "unknown", "fe80::1%eth0", ""];
const KINDS: [&str; 10] = [
    "injection",
    "pii.email",
    "pii.iban",
    "secret.github_token",
    "canary.verbatim",
    "leak.system_prompt",
    "exfiltration.link",
    "toxicity",
    "piiish",
    "custom.a|b=c",
];
const OPERATIONS: [&str; 8] = [
    "chat.completions",
    "embeddings",
    "models",
    "messages",
    "realtime",
    "files",
    "generate_content",
    "responses",
];
const CHANGES: [&str; 9] = [
    "key.create",
    "key.exposed",
    "key.revoke",
    "secret.add",
    "secret.rewrap",
    "break_glass.approve",
    "isolate",
    "restore",
    "provider_key.something_new",
];
const STATES: [&str; 5] = ["started", "stopped", "recovered", "degraded", "something new"];
const CONTROLS: [&str; 6] =
    ["LLM01:2026", "AML.T0051.000", "AML.T0057", "MEASURE 2.7", "AML.T", "AML.T00.é."];
/// Repetitions of a text that make it longer than any limit.
const LONG: usize = 700;

/// Bytes that are used up, and then zeroes.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, count: u8) -> u8 {
        self.byte() % count.max(1)
    }

    fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => i64::MAX as u64 + 1,
            3 => u64::from(i32::MAX as u32) + 1,
            _ => u64::from(self.byte()) << (self.below(6) * 7),
        }
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> Option<T> {
        let at = usize::from(self.byte()) % items.len().max(1);
        items.get(at).cloned()
    }

    fn text(&mut self) -> String {
        let text = self.of(&HOSTILE).unwrap_or_default();
        match self.below(9) {
            0 if self.below(6) == 0 => text.repeat(LONG),
            1 => [text, self.of(&HOSTILE).unwrap_or_default()].concat(),
            2 => {
                char::from_u32(u32::from_be_bytes([0, self.byte() & 31, self.byte(), self.byte()]))
                    .map_or_else(String::new, String::from)
            }
            _ => text.to_owned(),
        }
    }

    fn known(&mut self, known: &[&str]) -> String {
        if self.below(8) == 0 { self.text() } else { self.of(known).unwrap_or_default().to_owned() }
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.below(3) == 0 { None } else { Some(make(self)) }
    }

    fn some<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = self.below(4);
        (0..count).map(|_| make(self)).collect()
    }

    fn digest(&mut self) -> Digest {
        Digest([self.byte(); 32])
    }

    fn interaction(&mut self) -> InteractionId {
        InteractionId::new(1_800_000_000_000, self.below(4).into())
    }

    fn principal(&mut self) -> Principal {
        Principal {
            agent: self.maybe(Self::text),
            application: self.maybe(Self::text),
            end_user: self.maybe(Self::text),
            issuer: self.maybe(Self::text),
            key: self.maybe(|bytes| KeyId::new(bytes.byte().into())),
            team: self.maybe(Self::text),
            tenant: self.maybe(Self::text),
            user: self.maybe(Self::text),
        }
    }

    fn rule(&mut self) -> FiredRule {
        FiredRule {
            action: self.of(&Action::ALL).unwrap_or(Action::Block),
            controls: self.some(|bytes| bytes.known(&CONTROLS)),
            exception: self.maybe(Self::text),
            id: self.text(),
            playbook: self.maybe(Self::text),
            shadow: self.below(2) == 0,
        }
    }

    fn decision(&mut self) -> Decision {
        let reasons = ["policy_block", "not_authorised", "policy_error"];
        Decision {
            actions: self.some(|bytes| bytes.of(&Action::ALL).unwrap_or(Action::Block)),
            outcome: if self.below(2) == 0 { Outcome::Allowed } else { Outcome::Refused },
            reason: self.maybe(|bytes| Cow::Owned(bytes.known(&reasons))),
            rules: self.some(Self::rule),
        }
    }

    fn located(&mut self) -> LocatedFinding {
        let detectors = ["email", "linear_score", "names", "regurgitation"];
        LocatedFinding {
            finding: Finding {
                detector: Cow::Owned(self.known(&detectors)),
                kind: Kind::named(self.known(&KINDS)),
                rank: Rank::new(self.byte()),
                score: Score::from_unit(f32::from(self.byte()) / 255.0),
                span: Span::new(self.byte().into(), usize::from(self.byte()) << 20),
                view: Cow::Owned(self.text()),
            },
            path: self.text(),
            provenance: self.of(&Provenance::ALL).unwrap_or(Provenance::User),
        }
    }

    fn guard(&mut self) -> GuardReport {
        use GuardStatus::{FailedClosed, FailedOpen, Ran, Skipped};
        GuardReport {
            guard: self.text(),
            reason: self.maybe(Self::text),
            status: self.of(&[FailedOpen, FailedClosed, Ran, Skipped]).unwrap_or(Ran),
        }
    }

    fn unscanned(&mut self) -> Unscanned {
        Unscanned { path: self.text(), why: self.text() }
    }

    fn trace(&mut self) -> Trace {
        Trace {
            parent: self.maybe(|bytes| SpanId::of_random([bytes.byte(); 8])),
            span: SpanId::of_random([self.byte(); 8]),
            trace: TraceId::of_random([self.byte(); 16]),
        }
    }

    fn opened(&mut self) -> InteractionOpened {
        InteractionOpened {
            client_address: self.known(&ADDRESSES),
            content: self.maybe(Self::digest),
            conversation: self.maybe(|bytes| ConversationId::from_hash([bytes.byte(); 16])),
            credentials: Credentials {
                certificate: self.maybe(Self::text),
                token: self.maybe(Self::text),
            },
            decision: self.decision(),
            dialect: self.known(&["openai", "anthropic", "bedrock", "gemini", "ollama"]),
            findings: self.some(Self::located),
            findings_omitted: self.byte().into(),
            guards: self.some(Self::guard),
            interaction: self.interaction(),
            masked: self.byte().into(),
            model: self.maybe(Self::text),
            operation: self.known(&OPERATIONS),
            principal: self.principal(),
            request_bytes: self.number(),
            route: self.maybe(Self::text),
            streamed: self.below(2) == 0,
            trace: self.maybe(Self::trace),
            unknown_fields: self.some(Self::text),
            unscanned: self.some(Self::unscanned),
            upstream_fallbacks: self.some(Self::text),
            upstream: self.maybe(Self::text),
        }
    }

    fn closed(&mut self) -> InteractionClosed {
        use Ending::{
            Answered, Blocked, ClientLeft, InternalError, Malformed, Refused, UpstreamFailed,
        };
        let endings =
            [Answered, Blocked, ClientLeft, InternalError, Malformed, Refused, UpstreamFailed];
        InteractionClosed {
            attempts: self.some(|bytes| Attempt { outcome: bytes.text(), upstream: bytes.text() }),
            content: self.maybe(Self::digest),
            decision: self.decision(),
            duration_us: self.number(),
            ending: self.of(&endings).unwrap_or(Answered),
            findings: self.some(Self::located),
            findings_omitted: self.byte().into(),
            first_byte_us: self.maybe(Self::number),
            guards: self.some(Self::guard),
            interaction: self.interaction(),
            masked: self.byte().into(),
            reason: self.maybe(Self::text),
            response_bytes: self.number(),
            restored: self.byte().into(),
            risk: self.below(101).into(),
            status: u16::from(self.byte()) * 4,
            unscanned: self.some(Self::unscanned),
            usage: self.maybe(|bytes| TokenUsage { input: bytes.number(), output: bytes.number() }),
        }
    }

    fn anomaly(&mut self) -> Anomaly {
        Anomaly {
            detail: self.text(),
            kind: Kind::named(self.known(&["anomaly.scraping", "anomaly.cost"])),
            measure: self.known(&["requests", "latency"]),
            model: self.maybe(Self::text),
            observed: self.number(),
            ordinary: self.number(),
            principal: self.principal(),
            rank: Rank::new(self.byte()),
            since_ms: self.number(),
            upstream: self.maybe(Self::text),
            window_s: self.number() as u32,
        }
    }

    fn campaign_id(&mut self) -> CampaignId {
        CampaignId::begun_with(self.interaction())
    }

    fn campaign(&mut self) -> Campaign {
        use CampaignPhase::{Ended, Grown, Opened};
        use CampaignShape::{Fuzzing, Probing, SharedInfrastructure, SharedText, Sweep, Wave};
        let shapes = [Fuzzing, Probing, SharedInfrastructure, SharedText, Sweep, Wave];
        Campaign {
            absorbed: self.some(Self::campaign_id),
            addresses: self.some(|bytes| bytes.known(&ADDRESSES)),
            applications: self.some(Self::text),
            callers: self.number(),
            conversations: self.number(),
            end_users: self.some(Self::text),
            first_seen_ms: self.number(),
            flagged: self.number(),
            id: self.campaign_id(),
            keys: self.some(|bytes| KeyId::new(bytes.byte().into())),
            kinds: self.some(|bytes| CampaignKind {
                kind: Kind::named(bytes.known(&KINDS)),
                rank: Rank::new(bytes.byte()),
                requests: bytes.number(),
                since_ms: bytes.number(),
            }),
            last_seen_ms: self.number(),
            links: self.some(|bytes| CampaignLink {
                requests: bytes.number(),
                share: bytes.known(&["caller", "text"]),
                what: bytes.text(),
            }),
            members: self.some(Self::interaction),
            models: self.some(Self::text),
            networks: self.some(Self::text),
            networks_total: self.number(),
            passed: self.number(),
            passed_members: self.some(Self::interaction),
            phase: self.of(&[Ended, Grown, Opened]).unwrap_or(Opened),
            refused: self.number(),
            requests: self.number(),
            score: self.number() as u32,
            shape: self.of(&shapes).unwrap_or(Fuzzing),
            steps: self.some(|bytes| CampaignStep {
                passed: bytes.number(),
                refused: bytes.number(),
                requests: bytes.number(),
                time_ms: bytes.number(),
            }),
            teams: self.some(Self::text),
            techniques: self.some(|bytes| bytes.known(&CONTROLS)),
            users: self.some(Self::text),
        }
    }

    fn notice(&mut self) -> CampaignNotice {
        CampaignNotice { campaign: self.campaign(), detail: self.text() }
    }

    fn report(&mut self) -> UserReport {
        use ReportReason::{Hallucination, Harmful, Other, Wrong};
        UserReport {
            comment: self.maybe(Self::digest),
            interaction: self.interaction(),
            principal: self.principal(),
            rating: if self.below(2) == 0 { Rating::Down } else { Rating::Up },
            reason: self
                .maybe(|bytes| bytes.of(&[Hallucination, Harmful, Other, Wrong]).unwrap_or(Other)),
        }
    }

    fn administration(&mut self) -> Administration {
        Administration {
            actor: self.known(&["cli", "first-start", "expiry"]),
            operation: self.known(&CHANGES),
            target: self.text(),
            why: self.maybe(Self::text),
        }
    }
}

/// An open record.
pub fn opened(bytes: &[u8]) -> InteractionOpened {
    Bytes(bytes).opened()
}

/// A close record.
pub fn closed(bytes: &[u8]) -> InteractionClosed {
    Bytes(bytes).closed()
}

/// An event of a class, which is taken below [`CLASSES`].
pub fn event_of(class: u8, bytes: &[u8]) -> Event {
    let mut bytes = Bytes(bytes);
    let time_ms = if bytes.below(9) == 0 { bytes.number() } else { 1_800_000_000_000 };
    let body = match class % CLASSES {
        0 => EventBody::InteractionOpened(Box::new(bytes.opened())),
        1 => EventBody::InteractionClosed(Box::new(bytes.closed())),
        2 => EventBody::Administration(bytes.administration()),
        3 => EventBody::Anomaly(Box::new(bytes.anomaly())),
        4 => EventBody::Campaign(Box::new(bytes.notice())),
        5 => EventBody::Node(NodeNotice { detail: bytes.text(), state: bytes.known(&STATES) }),
        _ => EventBody::UserReport(Box::new(bytes.report())),
    };
    Event::new(time_ms, body)
}

/// An event of any class.
pub fn event(bytes: &[u8]) -> Event {
    let (class, rest) = bytes.split_first().unwrap_or((&0, &[]));
    event_of(*class, rest)
}

/// So many random bytes, so that an event is rarely out of them.
pub fn random_bytes(random: &mut SplitMix64, count: usize) -> Vec<u8> {
    (0..count.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes()).collect()
}
