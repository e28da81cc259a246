//! Listeners, TLS, upstream connections with pinned addresses, limits on the wire.
//!
//! INVARIANT: every wait has a time limit and every read a byte limit, named with its unit.
//! INVARIANT: an upstream is reached only with a request that policy has cleared
//! (`policy::Cleared`), and only at the address that the configuration names. INVARIANT: every task
//! is tracked, so that shutdown waits for it.
//!
//! Not here: what messages mean (`wire`), who may send them (`policy`), what is done about them
//! (`gateway`).

mod body;
mod error;
mod listener;
mod tasks;
mod tls;
mod upstream;

pub use body::{Body, BodyFault, empty, full, read_bounded};
/// A body as it comes in, from a client or an upstream.
pub use hyper::body::Incoming;

pub use error::{BodyReadError, ListenError, TlsError, UpstreamError};
pub use listener::{Arrival, Handler, Listener, ListenerSettings, Shutdown};
pub use tasks::Tasks;
pub use tls::{TlsSettings, server_config};
pub use upstream::{Upstream, UpstreamSettings};
