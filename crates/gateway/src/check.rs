//! Asking an upstream now and then whether it is well.
//!
//! INVARIANT: a check carries nothing of any request: a path and the upstream's own key, from the configuration. INVARIANT: one
//! check of an upstream at a time, each with a time limit.
//!
//! Not here: what follows from a check (`health`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};
use net::{Shutdown, Tasks};

use crate::{reply::USER_AGENT, settings::Routes, speech::add_key, target::Target};

/// The shortest time between two checks.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Begins to check every upstream that is to be checked.
pub(crate) fn start(routes: &Routes, tasks: &Tasks, shutdown: &Shutdown) {
    for target in routes.targets().into_iter().filter(|target| target.check.is_some()) {
        tasks.spawn(check(target, shutdown.clone()));
    }
}

/// Checks the upstream until the gateway stops.
async fn check(target: Arc<Target>, shutdown: Shutdown) {
    let (Some(check), Some(dialect)) = (&target.check, target.dialects.first()) else { return };
    let mut was_well = true;
    loop {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, USER_AGENT);
        // A key that is not there or that no header can hold fails every request too, and says so there.
        let _unusable = add_key(&mut headers, *dialect, None, &target).is_err();
        let answer = tokio::select! {
            answer = target.upstream.probe(&check.path, headers, check.interval) => answer,
            () = shutdown.begun() => return,
        };
        let is_well = answer.as_ref().is_ok_and(StatusCode::is_success);
        target.health.checked(is_well, Instant::now());
        if was_well && !is_well {
            tracing::warn!(upstream = target.name(), ?answer, "a health check failed");
        } else if is_well && !was_well {
            tracing::info!(upstream = target.name(), "health checks are passed again");
        }
        was_well = is_well;
        tokio::select! {
            () = tokio::time::sleep(check.interval.max(INTERVAL_MIN)) => {}
            () = shutdown.begun() => return,
        }
    }
}
