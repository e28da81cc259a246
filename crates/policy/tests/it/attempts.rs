//! Facts for tests, built a piece at a time.

use events::{Finding, Kind, LocatedFinding, Principal, Provenance, Rank, Score, Span};
use policy::{
    Engine, Facts, Grants, Judgement, PolicyOptions, PolicySource, Resource, Stage, Suspensions,
    Verb,
};

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) action: Verb,
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) findings: Vec<LocatedFinding>,
    pub(crate) grants: Grants,
    pub(crate) model: String,
    pub(crate) principal: Principal,
    pub(crate) request_bytes: u64,
    pub(crate) risk: u8,
    pub(crate) stage: Stage,
    pub(crate) tainted: bool,
    pub(crate) time_ms: u64,
    pub(crate) tools: Vec<String>,
    pub(crate) unknown_fields: u32,
}

impl Attempt {
    /// An ordinary request in which nothing was found.
    pub(crate) fn request() -> Self {
        Self {
            action: Verb::Infer,
            address: Some([192, 0, 2, 7].into()),
            findings: Vec::new(),
            grants: Grants::UNLIMITED,
            model: "gpt-4o".to_owned(),
            principal: Principal { application: Some("search".to_owned()), ..Principal::default() },
            request_bytes: 100,
            risk: 0,
            stage: Stage::Request,
            tainted: false,
            time_ms: 1_000,
            tools: vec!["search".to_owned()],
            unknown_fields: 0,
        }
    }

    /// An ordinary answer in which nothing was found.
    pub(crate) fn response() -> Self {
        Self { stage: Stage::Response, ..Self::request() }
    }

    /// With one more finding.
    pub(crate) fn with(mut self, kind: &'static str, provenance: Provenance, rank: u8) -> Self {
        self.findings.push(finding(kind, provenance, rank));
        self
    }

    pub(crate) fn judged_by(&self, engine: &Engine) -> Judgement {
        self.judged_with(engine, &Suspensions::default())
    }

    /// While these hold too.
    pub(crate) fn judged_with(&self, engine: &Engine, suspensions: &Suspensions) -> Judgement {
        let facts = Facts {
            action: self.action,
            client_address: self.address,
            findings: &self.findings,
            grants: &self.grants,
            principal: &self.principal,
            request_bytes: self.request_bytes,
            resource: Resource { name: &self.model, route: "default", upstream: "openai" },
            risk: self.risk,
            stage: self.stage,
            streamed: false,
            tainted: self.tainted,
            time_ms: self.time_ms,
            tools: &self.tools,
            unknown_fields: self.unknown_fields,
            unscanned: 0,
        };
        engine.judge_with(&facts, suspensions)
    }
}

pub(crate) fn finding(kind: &'static str, provenance: Provenance, rank: u8) -> LocatedFinding {
    LocatedFinding {
        finding: Finding {
            detector: "test".into(),
            kind: Kind::of(kind),
            rank: Rank::new(rank),
            score: Score::ONE,
            span: Span::new(0, 1),
            view: "raw".into(),
        },
        path: "messages[0].content".to_owned(),
        provenance,
    }
}

pub(crate) fn engine(options: &PolicyOptions) -> Engine {
    Engine::new(options).unwrap_or_else(|error| panic!("{error}"))
}

/// The default policy with rules of the operator's.
pub(crate) fn with_rules(text: &str) -> PolicyOptions {
    let source = PolicySource { name: "own.cedar".to_owned(), text: text.to_owned() };
    PolicyOptions { sources: vec![source], ..PolicyOptions::default() }
}

/// The ids of the rules that fired, in order.
pub(crate) fn fired(judgement: &Judgement) -> Vec<&str> {
    judgement.decision().rules.iter().map(|rule| rule.id.as_str()).collect()
}
