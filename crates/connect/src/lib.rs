//! What talks out: guards that run as services of their own, the keys of issuers of tokens, tokens for upstreams, providers
//! that exchange their keys, and limits that several gateways share.
//!
//! Read `guard.rs` for how one guard is asked, `adapter.rs` for what its services have in common, and
//! one file of `adapters/` for each vendor's contract.
//!
//! INVARIANT: an adapter is a pure function from text to the bytes of a question, and from the bytes of
//! an answer to findings; nothing a service answers can panic, and every answer, list and wait is
//! bounded. INVARIANT: a guard that could not look is never reported as one that looked.
//!
//! Not here: what follows from a finding (`policy`), which texts there are (`gateway`), how connections
//! are made (`net`).

mod adapter;
mod adapters;
mod cache;
mod circuit;
mod consultation;
mod error;
mod form;
mod guard;
mod key_source;
mod label;
mod limit_books;
mod limit_metrics;
mod limit_store;
mod limit_words;
mod mark;
mod provider;
mod providers;
mod reference;
mod settings;
mod shared_limits;
mod sinks;
mod token_source;
mod window;

pub use adapter::GuardKind;
pub use consultation::{Consultation, Consulted, ExternalGuards, Passage, Refused, Stage};
pub use error::{GuardError, SharedLimitsError};
pub use key_source::{FETCH_TIME_MAX, KeySource, KeySourceSettings};
pub use label::KIND_BYTES_MAX;
pub use limit_words::{
    COUNT_MAX, Maxima, Maximum, PER_MINUTE_MAX, SharedAmount, SharedCounter, SharedLimitsSettings,
    SharedUse,
};
pub use provider::{
    NewKey, ProviderAdmin, ProviderError, ProviderKind, ProviderSettings, ProviderSettingsError,
};
pub use reference::reference_markdown;
pub use settings::{
    CacheSettings, CircuitSettings, Details, GreyBand, GuardSettings, OnFailure, Stages,
};
pub use shared_limits::{Lease, OWED_MAX, SharedLimits, Verdict, WAITING_MAX};
pub use sinks::{
    BatchLimits, Begin, Retry, SinkError, SinkKind, SinkPlace, SinkReport, SinkSettings, Sinks,
    sink_reports, sinks_markdown,
};
pub use token_source::{ClientProof, GRANT_TIME_MAX, TokenSource, TokenSourceSettings};
