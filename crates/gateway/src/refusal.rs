//! Why a request is not answered, in one place: status, stable code, words, and how it is recorded.
//!
//! INVARIANT: what is refused for good has a status that client libraries do not retry (not 408, 409,
//! 429 or 5xx); what may be retried has one that they do. INVARIANT: messages quote nothing of what
//! the caller sent but paths, names and sizes.

use std::borrow::Cow;

use events::Ending;
use http::StatusCode;
use journal::JournalError;
use net::{BodyReadError, UpstreamError};
use wire::ReadError;

use crate::counter::QuotaRefusal;

/// The code of what is isolated.
pub(crate) const ISOLATED: &str = "isolated";

/// A refusal, not yet in any dialect's shape.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// Methods to name in `Allow`, when the method was wrong.
    pub(crate) allow: Option<&'static str>,
    /// The stable code.
    pub(crate) code: Cow<'static, str>,
    /// How the interaction is recorded.
    pub(crate) ending: Ending,
    /// The dialect's error type: `invalid_request_error`, …
    pub(crate) kind: &'static str,
    /// In words, with what to do.
    pub(crate) message: String,
    /// The code on record, where it says more than the one for the client.
    pub(crate) recorded: Option<&'static str>,
    /// The parameter at fault.
    pub(crate) param: Option<String>,
    /// When to try again, in seconds from now.
    pub(crate) retry_after_s: Option<u64>,
    /// The HTTP status.
    pub(crate) status: StatusCode,
}

impl Refusal {
    /// The caller's mistake.
    pub(crate) fn request(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            allow: None,
            code: code.into(),
            ending: Ending::Malformed,
            kind: "invalid_request_error",
            message: message.into(),
            param: None,
            recorded: None,
            retry_after_s: None,
            status,
        }
    }

    /// Not who it must be.
    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self {
            ending: Ending::Refused,
            ..Self::request(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
        }
    }

    /// Refused by authorisation or a consequence.
    pub(crate) fn policy(code: Cow<'static, str>, rules: &str) -> Self {
        let message = match code.as_ref() {
            "not_authorised" => "this key may not do this; ask your platform team".to_owned(),
            "policy_error" => "the policy could not be evaluated, so the request is refused; \
                               tell your platform team"
                .to_owned(),
            _ => format!("refused by policy ({rules}); if this is wrong, quote the interaction id"),
        };
        Self {
            ending: Ending::Refused,
            kind: "policy_violation",
            ..Self::request(StatusCode::FORBIDDEN, code, message)
        }
    }

    /// Everything that could answer is isolated, or was while it answered.
    pub(crate) fn isolated() -> Self {
        let message = "this is isolated by its operators for now; ask your platform team";
        Self {
            ending: Ending::Refused,
            kind: "policy_violation",
            ..Self::request(StatusCode::FORBIDDEN, ISOLATED, message)
        }
    }

    /// Our own failure; may be retried.
    pub(crate) fn internal(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            ending: Ending::InternalError,
            kind: "server_error",
            ..Self::request(StatusCode::SERVICE_UNAVAILABLE, code, message)
        }
    }

    /// The record cannot be written, so nothing may pass; may be retried.
    pub(crate) fn record(error: &JournalError) -> Self {
        tracing::error!(%error, "the record cannot be written; refusing");
        Self::internal(
            "record_unavailable",
            "the interaction cannot be recorded, so it is refused; tell your platform team",
        )
    }

    /// There is no memory for more messages; may be retried.
    pub(crate) fn busy() -> Self {
        Self::internal("overloaded", "too many large messages are under way; try again in a moment")
    }

    /// A guard outside could not look, and nothing passes without it; may be retried.
    pub(crate) fn guard(guard: &str) -> Self {
        let message = format!(
            "the guard `{guard}` cannot look at this now, so it is refused; try again, or tell your platform team"
        );
        Self::internal("guard_unavailable", message)
    }

    /// The upstream failed; may be retried.
    pub(crate) fn upstream(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            ending: Ending::UpstreamFailed,
            kind: "upstream_error",
            ..Self::request(StatusCode::BAD_GATEWAY, code, message)
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self {
            param: error.param().map(str::to_owned),
            ..Self::request(status, error.code(), error.to_string())
        }
    }
}

impl From<QuotaRefusal> for Refusal {
    fn from(refusal: QuotaRefusal) -> Self {
        let final_one = |code, message: String| Self {
            ending: Ending::Refused,
            kind: "insufficient_quota",
            ..Self::request(StatusCode::FORBIDDEN, code, message)
        };
        match refusal {
            QuotaRefusal::Away => Self::internal(
                "limits_unavailable",
                "the limits cannot be counted now, so it is refused; try again, or tell your platform team",
            ),
            QuotaRefusal::Later { limit, what, after_ms } => Self {
                ending: Ending::Refused,
                kind: "rate_limit_error",
                retry_after_s: Some(after_ms.div_ceil(1000)),
                ..Self::request(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate_limited",
                    format!("the limit `{limit}` of {what} is reached; try again later"),
                )
            },
            QuotaRefusal::UsedUp { limit, what } => final_one(
                "budget_exhausted",
                format!(
                    "the limit `{limit}` of {what} does not allow this request; ask for less, or your platform team"
                ),
            ),
            QuotaRefusal::TooLarge { limit, what } => final_one(
                "request_above_limit",
                format!(
                    "this request alone is more than the limit `{limit}` of {what}; ask for less"
                ),
            ),
            QuotaRefusal::NoPrice { limit } => final_one(
                "model_not_priced",
                format!(
                    "the limit `{limit}` counts money, and this model has no price; tell your platform team"
                ),
            ),
            QuotaRefusal::Full => Self::internal(
                "overloaded",
                "too many limits are in use at a time; try again in a moment",
            ),
        }
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        let mut refusal = Self::upstream(error.code(), error.to_string());
        if matches!(error, UpstreamError::TimedOut { .. }) {
            refusal.status = StatusCode::GATEWAY_TIMEOUT;
        }
        refusal
    }
}

impl From<BodyReadError> for Refusal {
    fn from(error: BodyReadError) -> Self {
        let (status, code) = match error {
            BodyReadError::Broken => (StatusCode::BAD_REQUEST, "body_incomplete"),
            BodyReadError::Busy => return Self::busy(),
            BodyReadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            // 408 would be sent again by client libraries, at the same speed.
            BodyReadError::TimedOut { .. } => (StatusCode::BAD_REQUEST, "body_too_slow"),
        };
        Self::request(status, code, format!("{error}; send a smaller request, or send it faster"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_refusals_have_statuses_that_clients_do_not_retry() {
        let final_ones = [
            Refusal::unauthenticated("x"),
            Refusal::isolated(),
            Refusal::policy("policy_block".into(), "injection"),
            BodyReadError::TimedOut { time_max: std::time::Duration::ZERO }.into(),
            BodyReadError::TooLarge { bytes_max: 1 }.into(),
        ];
        for refusal in final_ones {
            let status = refusal.status.as_u16();
            assert!((400..500).contains(&status) && ![408, 409, 429].contains(&status), "{status}");
        }
        let retried = Refusal::upstream("upstream_reset", "x").status;
        assert!(retried.is_server_error());
    }
}
