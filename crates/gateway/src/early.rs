//! What is known of an interaction before anything of it was read: who may be asking, from where, and in which dialect.
//!
//! INVARIANT: what is not known is nobody's: a record is never in somebody's name before that is proven.

use std::net::IpAddr;

use events::{Credentials, Principal, Trace};
use wire::Dialect;

/// What is known before anything was read.
pub(crate) struct Early {
    /// Unknown, if a proxy does not say it.
    pub(crate) client_address: Option<IpAddr>,
    /// Whom baselines count.
    pub(crate) counted: Principal,
    pub(crate) credentials: Credentials,
    pub(crate) dialect: Dialect,
    /// Whether spans of its trace are collected.
    pub(crate) is_sampled: bool,
    pub(crate) operation: &'static str,
    pub(crate) principal: Principal,
    /// Where it stands in a trace, once it has an id.
    pub(crate) trace: Option<Trace>,
}

impl Early {
    /// Before it is known who asks.
    pub(crate) fn of_nobody(
        client_address: Option<IpAddr>,
        dialect: Dialect,
        operation: &'static str,
    ) -> Self {
        let (counted, principal) = (Principal::default(), Principal::default());
        let credentials = Credentials::default();
        let (is_sampled, trace) = (false, None);
        Self {
            client_address,
            counted,
            credentials,
            dialect,
            is_sampled,
            operation,
            principal,
            trace,
        }
    }
}
