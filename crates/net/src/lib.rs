//! Listeners, TLS, upstream connections, limits on the wire.
//!
//! INVARIANT: every wait for a peer to send has a time limit and every read a byte limit.
//! INVARIANT: an upstream is reached only with a request that policy has cleared
//! (`policy::Cleared`), and only at the address that the configuration names; a service that is asked
//! *about* messages (`Endpoint`) is not an upstream. INVARIANT: every task
//! that serves is tracked, so that shutdown waits for it; idle upstream connections are not waited for.
//!
//! Not here: what messages mean (`wire`), who may send them (`policy`), what is done about them
//! (`gateway`).

mod answer_body;
mod body;
mod client;
mod connector;
mod datagrams;
mod dial;
mod endpoint;
mod error;
mod frames;
mod http2;
mod http2_client;
mod in_place;
mod listener;
mod patience;
mod pool;
mod proxy_protocol;
mod request_body;
mod tasks;
mod tls;
mod upstream;
mod websocket;

pub use answer_body::{AnswerBody, AnswerFault};
pub use body::{Body, BodyBudget, BodyFault, BodyShare, empty, full, full_with, read_bounded};
pub use connector::HttpVersions;
pub use datagrams::Datagrams;
pub use dial::{Dial, DialSettings};
pub use endpoint::{Answer, Endpoint, EndpointError, EndpointSettings, Question};
pub use error::{BodyReadError, ListenError, TlsError, UpstreamError};
pub use listener::{
    Arrival, ConnectionHold, Handler, Listener, ListenerConduct, ListenerSettings, Shutdown,
};
pub use request_body::RequestBody;
pub use tasks::Tasks;
pub use tls::{CertificatePin, ClientCertificates, ClientIdentity, TlsSettings, server_config};
pub use upstream::{BesideVersion, Upstream, UpstreamSettings};
pub use websocket::{
    Handshake, HandshakeError, Socket, SocketError, SocketLimits, SocketMessage, UpstreamSocket,
};
