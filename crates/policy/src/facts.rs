//! What a judgement is made from.
//!
//! INVARIANT: every fact a policy may read is a field here; nothing is looked up while judging, so
//! the same facts give the same judgement. INVARIANT: there is no default: a caller that forgets a
//! fact does not compile.
//!
//! Not here: how facts are gathered (`wire`, `detect`, `gateway`).

use std::net::IpAddr;

use events::{LocatedFinding, Principal};
use serde::{Deserialize, Serialize};

use crate::Grants;

/// What the caller wants to do. The names are those of policies: `action == Action::"infer"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Ask a model for an answer.
    Infer,
    /// Turn text into vectors.
    Embed,
    /// Read from a vector database.
    Retrieve,
    /// Write to a vector database.
    Ingest,
    /// Call a tool.
    CallTool,
    /// Run a program.
    Execute,
    /// Open a connection to somewhere else.
    Egress,
    /// Change keys, configuration or policy.
    Administer,
    /// Put an artefact into service.
    Promote,
}

impl Verb {
    /// All verbs, in declaration order.
    pub const ALL: [Self; 9] = [
        Self::Infer,
        Self::Embed,
        Self::Retrieve,
        Self::Ingest,
        Self::CallTool,
        Self::Execute,
        Self::Egress,
        Self::Administer,
        Self::Promote,
    ];

    /// The name in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Embed => "embed",
            Self::Retrieve => "retrieve",
            Self::Ingest => "ingest",
            Self::CallTool => "call_tool",
            Self::Execute => "execute",
            Self::Egress => "egress",
            Self::Administer => "administer",
            Self::Promote => "promote",
        }
    }

    /// The entity type of what this verb is done to, as the schema declares it.
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::Infer | Self::Embed => "Model",
            Self::Retrieve | Self::Ingest => "Collection",
            Self::CallTool | Self::Execute => "Tool",
            Self::Egress => "Destination",
            Self::Administer => "Installation",
            Self::Promote => "Artefact",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Which way the message goes. The names are those of policies: `context.stage == "request"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// From the caller to the upstream.
    Request,
    /// From the upstream to the caller.
    Response,
}

impl Stage {
    /// The name in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// What the verb is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource<'a> {
    /// Its name: the model asked for, as the upstream will be told.
    pub name: &'a str,
    /// The configured name of the route the message came in by.
    pub route: &'a str,
    /// The configured name of the upstream it would go to.
    pub upstream: &'a str,
}

/// Everything a policy may read about one message.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What the caller wants to do.
    pub action: Verb,
    /// The caller's address after trusted proxies, if it is known.
    pub client_address: Option<IpAddr>,
    /// What the detectors found in this message.
    pub findings: &'a [LocatedFinding],
    /// What the caller's key may do at most.
    pub grants: &'a Grants,
    /// Who asks.
    pub principal: &'a Principal,
    /// Bytes of the request's body as received.
    pub request_bytes: u64,
    /// What it is done to.
    pub resource: Resource<'a>,
    /// The conversation's risk, 0 to 100.
    pub risk: u8,
    /// Which way the message goes.
    pub stage: Stage,
    /// Whether a stream was asked for.
    pub streamed: bool,
    /// Whether low-trust content has steered this conversation before.
    pub tainted: bool,
    /// When, in milliseconds since 1970 (UTC).
    pub time_ms: u64,
    /// The tools that the model is offered, by name; needed only if the key's grant names tools.
    pub tools: &'a [String],
    /// How many fields of the message the content map does not know.
    pub unknown_fields: u32,
    /// How many pieces of content no guard read (images, unreadable attachments).
    pub unscanned: u32,
}
