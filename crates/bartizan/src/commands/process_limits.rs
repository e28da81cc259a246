//! Open files: as many as the configured connections need.
//!
//! Shells start programs with a limit of 1,024 open files, which is what a gateway hits first.
//!
//! INVARIANT: never lowers a limit; what cannot be raised is said and not an error.

use rustix::process::{Resource, getrlimit, setrlimit};

/// A connection costs a file towards the client and one towards the upstream.
const FILES_PER_CONNECTION: u64 = 2;
/// The record, the database, listeners, idle connections to upstreams.
const FILES_BESIDES: u64 = 512;

/// Raises the limit of open files so that `connections_max` connections fit.
pub(crate) fn allow_connections(connections_max: usize) {
    let wanted = (connections_max as u64) * FILES_PER_CONNECTION + FILES_BESIDES;
    let mut limit = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let (Some(current), most) = (limit.current, limit.maximum) else { return };
    let raised = most.map_or(wanted, |most| wanted.min(most));
    if raised > current {
        limit.current = Some(raised);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files could not be raised");
        }
    }
    let reached = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if reached < wanted {
        tracing::warn!(
            "only {reached} files can be open, {connections_max} connections need {wanted}; \
             hint: raise `ulimit -n`, or lower `server.connections_max`"
        );
    }
}
