//! Asking an upstream now and then whether it is well.
//!
//! INVARIANT: a check carries nothing of any request: a path and the upstream's own key, from the configuration. INVARIANT: one
//! check of an upstream at a time, each with a time limit.
//!
//! Not here: what follows from a check (`health`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, header};
use net::Shutdown;

use crate::{reply::USER_AGENT, speech::add_key, target::Target};

/// Checks the upstream until the gateway stops.
pub(crate) async fn check(target: Arc<Target>, shutdown: Shutdown) {
    let (Some(check), Some(dialect)) = (&target.check, target.dialects.first()) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, USER_AGENT);
    // A key that no header can hold fails every request too, and says so there.
    let _unusable = add_key(&mut headers, *dialect, None, &target).is_err();
    let mut was_well = true;
    loop {
        let answer = tokio::select! {
            answer = target.upstream.probe(&check.path, headers.clone(), check.interval) => answer,
            () = shutdown.begun() => return,
        };
        let is_well = answer.as_ref().is_ok_and(|status| status.is_success());
        target.health.checked(is_well, Instant::now());
        match (was_well, is_well) {
            (true, false) => {
                tracing::warn!(upstream = target.name(), ?answer, "a health check failed")
            }
            (false, true) => {
                tracing::info!(upstream = target.name(), "health checks are passed again")
            }
            _ => {}
        }
        was_well = is_well;
        tokio::select! {
            () = tokio::time::sleep(check.interval.max(INTERVAL_MIN)) => {}
            () = shutdown.begun() => return,
        }
    }
}

/// The shortest time between two checks.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
