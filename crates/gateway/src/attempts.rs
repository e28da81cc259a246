//! Asking the upstreams of a request, one after the other, until one answers.
//!
//! An attempt is repeated only if the request was certainly not processed (no connection, no TLS, cut off before any of it
//! was sent, or taken back in HTTP/2), or if the upstream said so with a status that the route repeats. What may have been processed is never
//! sent twice: a reset or a timeout after the request went out ends it.
//!
//! INVARIANT: every attempt sends a request of its own, cleared by the one judgement, with the key of the upstream it goes to;
//! the upstreams are the route's, each judged alike. INVARIANT: attempts and time are bounded, and every attempt is on record.
//! INVARIANT: nothing of an answer was passed on when the next attempt begins.
//!
//! Not here: which upstreams are worth asking (`health`), what is made of the answer (`reply`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;
use net::{AnswerBody, UpstreamError};

use crate::{
    exchange::Exchange,
    health::retry_after,
    isolation::{Isolation, named},
    refusal::{ISOLATED, Refusal},
    reply,
    request::{Prepared, Received},
    settings::RetrySettings,
    target::Target,
};

/// Pause before an upstream that gave no connection is tried again; it doubles with each round.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// An answer's head and unread body, and who gave it.
pub(crate) struct Answer {
    pub(crate) response: Response<AnswerBody>,
    pub(crate) target: Arc<Target>,
}

/// Sends the request until it is answered. What cannot be sent again, or not in time, is refused.
pub(crate) async fn ask(
    isolation: &Isolation,
    received: &Received,
    prepared: &Prepared,
    exchange: &mut Exchange,
) -> Result<Answer, Refusal> {
    let retries = &prepared.route.retries;
    let begun = Instant::now();
    let mut order = prepared.targets.clone();
    let model = named(received.operation, &prepared.subject.model);
    order.retain(|target| !isolation.holds(target.name(), model));
    if received.caller.provider_key.is_none() && order.iter().any(|target| !target.lacks_key()) {
        // If none has one, the request is refused for that.
        order.retain(|target| !target.lacks_key());
    }
    by_health(&mut order, begun);
    if order.first().is_some_and(|first| !first.health.admit(begun)) {
        // Another has begun the trial meanwhile, or all are out.
        by_health(&mut order, begun);
    }
    let mut asked = 0;
    while let Some(target) = order.get(asked % order.len().max(1)) {
        let request = reply::outgoing(received, prepared, target)?;
        let Ok(request) = prepared.judgement.clear(request) else {
            return Err(Refusal::policy("policy_block".into(), "not cleared"));
        };
        exchange.is_sent();
        exchange.attempts(target.name());
        asked += 1;
        let answer = tokio::select! {
            biased;
            () = isolation.cut(target.name(), model) => {
                exchange.attempted(ISOLATED.to_owned(), true);
                return Err(Refusal::isolated());
            }
            answer = target.upstream.send(request) => answer,
        };
        let now = Instant::now();
        // How an upstream treats a stranger's key says nothing about how it is.
        let is_telling = received.caller.provider_key.is_none()
            || matches!(&answer, Err(error) if error.is_unsent());
        if is_telling {
            target.health.asked(&answer, now);
        }
        let outcome = Outcome::of(&answer, retries);
        exchange.attempted(code(&answer), outcome.is_processed(&answer));
        let left = retries.time_max.saturating_sub(now - begun);
        let pause = outcome.pause(asked, order.len(), retries).filter(|pause| *pause < left);
        let Some(pause) = pause else {
            let target = Arc::clone(target);
            return Ok(Answer { response: answer?, target });
        };
        tokio::time::sleep(pause).await;
    }
    // None is left.
    Err(Refusal::isolated())
}

/// Those that are well first; then, as long as all are out, those that come back soonest.
pub(crate) fn by_health(order: &mut [Arc<Target>], now: Instant) {
    order.sort_by_key(|target| target.health.out_until(now));
}

/// How an attempt ended, as far as it matters for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// With an answer that is passed on.
    Answered,
    /// Nobody knows whether it was processed.
    Lost,
    /// With a status that the route repeats, after this time if the upstream says so.
    Repeatable(Option<Duration>),
    /// It was certainly not processed.
    Unsent,
}

impl Outcome {
    fn of<B>(answer: &Result<Response<B>, UpstreamError>, retries: &RetrySettings) -> Self {
        match answer {
            Ok(answer) if retries.statuses.contains(&answer.status().as_u16()) => {
                Self::Repeatable(retry_after(answer.headers()))
            }
            Ok(_) => Self::Answered,
            Err(error) if error.is_unsent() => Self::Unsent,
            Err(_) => Self::Lost,
        }
    }

    /// Whether the upstream may have worked for it.
    fn is_processed<B>(self, answer: &Result<Response<B>, UpstreamError>) -> bool {
        self == Self::Lost || answer.as_ref().is_ok_and(|answer| answer.status().is_success())
    }

    /// How long to wait before the next attempt, if there may be one.
    fn pause(self, asked: usize, upstreams: usize, retries: &RetrySettings) -> Option<Duration> {
        if asked >= retries.attempts_max {
            return None;
        }
        let has_another = asked < upstreams;
        match self {
            Self::Answered | Self::Lost => None,
            Self::Repeatable(_) | Self::Unsent if has_another => Some(Duration::ZERO),
            Self::Unsent => {
                let rounds = (asked / upstreams.max(1)).saturating_sub(1).min(8) as u32;
                Some((PAUSE_MIN * 2_u32.pow(rounds)).min(PAUSE_MAX))
            }
            Self::Repeatable(after) => {
                let after = after.unwrap_or(PAUSE_MIN);
                (after <= retries.retry_after_max).then_some(after)
            }
        }
    }
}

/// How an attempt ended, a stable code for the record.
fn code<B>(answer: &Result<Response<B>, UpstreamError>) -> String {
    match answer {
        Ok(answer) if answer.status().is_success() => "answered".to_owned(),
        Ok(answer) => format!("status_{}", answer.status().as_u16()),
        Err(error) => error.code().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_bounded_and_what_may_have_been_processed_is_not_repeated() {
        let retries = RetrySettings {
            attempts_max: 4,
            retry_after_max: Duration::from_secs(2),
            ..RetrySettings::default()
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let millis = |millis| Some(Duration::from_millis(millis));
        let now = Some(Duration::ZERO);
        for (outcome, asked, upstreams, expected) in [
            (Outcome::Answered, 1, 2, None),
            (Outcome::Lost, 1, 2, None),
            (Outcome::Unsent, 1, 2, now),
            (Outcome::Unsent, 2, 2, millis(100)),
            (Outcome::Unsent, 1, 1, millis(100)),
            (Outcome::Unsent, 3, 1, millis(400)),
            (Outcome::Unsent, 4, 1, None),
            (Outcome::Unsent, 4, 9, None),
            (Outcome::Repeatable(seconds(60)), 1, 2, now),
            (Outcome::Repeatable(seconds(2)), 2, 2, seconds(2)),
            (Outcome::Repeatable(seconds(3)), 2, 2, None),
            (Outcome::Repeatable(None), 1, 1, millis(100)),
            (Outcome::Repeatable(seconds(1)), 4, 9, None),
        ] {
            let pause = outcome.pause(asked, upstreams, &retries);
            assert_eq!(pause, expected, "{outcome:?} {asked} {upstreams}");
        }
        let default = RetrySettings::default();
        let taken_back: Result<Response<()>, _> =
            Err(UpstreamError::Refused { name: "a".to_owned() });
        assert_eq!(Outcome::of(&taken_back, &default), Outcome::Unsent);
        assert_eq!(
            Outcome::Repeatable(None).pause(1, 1, &default),
            None,
            "unless told otherwise, the client waits and not we"
        );
    }
}
