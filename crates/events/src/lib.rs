//! The shared words of Bartizan: what every room says to every other room.
//!
//! INVARIANT: no files, sockets, clocks, randomness or environment; the caller passes time and
//! random bits in. INVARIANT: a type here carries no user content (text lives in the encrypted
//! content buffer and is named by a salted commitment); paths, kinds, counts and ids only.
//!
//! Not here: how a finding is made (`detect`), how a decision is made (`policy`), how an event is
//! stored (`journal`) or exported.

mod anomaly;
mod campaign;
mod canonical;
mod decision;
mod event;
mod finding;
mod id;
mod principal;
mod provenance;
mod report;
mod trace;
mod virtual_key;

pub use anomaly::Anomaly;
pub use campaign::{
    Campaign, CampaignKind, CampaignLink, CampaignNotice, CampaignPhase, CampaignShape,
    CampaignStep,
};
pub use canonical::{Digest, canonical_bytes, commitment, leaf_digest};
pub use decision::{Action, Decision, FiredRule, Outcome};
pub use event::{
    Administration, Attempt, Ending, Event, EventBody, GuardReport, GuardStatus, InteractionClosed,
    InteractionOpened, NodeNotice, SCHEMA_VERSION, TokenUsage, Unscanned,
};
pub use finding::{Finding, Kind, LocatedFinding, Rank, Score, Span};
pub use id::{CampaignId, ConversationId, InteractionId, KeyId, NodeId, ParseIdError};
pub use principal::{Credentials, Principal};
pub use provenance::{Provenance, Trust};
pub use report::{Rating, ReportReason, UserReport};
pub use trace::{SpanId, Trace, TraceId};
pub use virtual_key::{
    VIRTUAL_KEY_CHARACTERS, VIRTUAL_KEY_PREFIX, VIRTUAL_KEY_RANDOM_CHARACTERS, compose_virtual_key,
    parse_virtual_key,
};
