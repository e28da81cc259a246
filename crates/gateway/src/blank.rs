//! Records of which nothing is known yet.
//!
//! INVARIANT: a blank record claims nothing: no guard has run, nothing was allowed by anybody, and the client has left
//! until something better is known. Not here: what fills them (`exchange`, `request`).

use events::{
    Credentials, Decision, Ending, InteractionClosed, InteractionId, InteractionOpened, Outcome,
    Principal,
};

/// An open record that knows nothing but where it comes from.
pub(crate) fn opening(
    interaction: InteractionId,
    client_address: String,
    operation: &str,
) -> InteractionOpened {
    InteractionOpened {
        client_address,
        content: None,
        conversation: None,
        credentials: Credentials::default(),
        decision: Decision::default(),
        dialect: String::new(),
        findings: Vec::new(),
        findings_omitted: 0,
        guards: Vec::new(),
        interaction,
        masked: 0,
        model: None,
        operation: operation.to_owned(),
        principal: Principal::default(),
        request_bytes: 0,
        route: None,
        streamed: false,
        trace: None,
        unknown_fields: Vec::new(),
        unscanned: Vec::new(),
        upstream: None,
        upstream_fallbacks: Vec::new(),
    }
}

/// A close record of which nothing is known.
pub(crate) fn closing(interaction: InteractionId) -> InteractionClosed {
    InteractionClosed {
        attempts: Vec::new(),
        content: None,
        decision: Decision { outcome: Outcome::Allowed, ..Decision::default() },
        duration_us: 0,
        ending: Ending::ClientLeft,
        findings: Vec::new(),
        findings_omitted: 0,
        first_byte_us: None,
        guards: Vec::new(),
        interaction,
        masked: 0,
        reason: None,
        response_bytes: 0,
        restored: 0,
        risk: 0,
        status: 0,
        unscanned: Vec::new(),
        usage: None,
    }
}
