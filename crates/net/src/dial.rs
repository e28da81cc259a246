//! A service that speaks a protocol of its own over its connections, such as a store of shared counters.
//!
//! INVARIANT: host and port come from the configuration alone, and connecting has a time limit.
//!
//! Not here: what is said over a connection, and how long an answer may take: whoever holds it.

use std::time::Duration;

use http::uri;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::UpstreamError;
use crate::connector::{Base, Connector, HttpVersions};
use crate::tls::ClientTls;

/// How a service is dialled.
#[derive(Clone, Debug)]
pub struct DialSettings {
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// Time for a connection and its TLS handshake.
    pub connect_time_max: Duration,
    /// The host: a name or an address.
    pub host: String,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// The port.
    pub port: u16,
}

/// A service that can be dialled. Cheap to clone.
#[derive(Clone)]
pub struct Dial(Connector);

impl std::fmt::Debug for Dial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Dial").finish_non_exhaustive()
    }
}

impl Dial {
    /// Prepares the connections; nothing is connected yet.
    pub fn new(settings: &DialSettings) -> Result<Self, UpstreamError> {
        let DialSettings { ca_pem, connect_time_max, host, is_tls, port } = settings;
        let authority = format!("{host}:{port}").parse::<uri::Authority>();
        let why = "its host cannot be parsed";
        let authority = authority.map_err(|_| UpstreamError::BaseUrl { url: host.clone(), why })?;
        let scheme = if *is_tls { uri::Scheme::HTTPS } else { uri::Scheme::HTTP };
        let base = Base { authority, path: String::new(), scheme };
        let tls = ClientTls { ca_pem: ca_pem.as_deref(), ..ClientTls::default() };
        Connector::new(&base, &tls, *connect_time_max, HttpVersions::Http1).map(Self)
    }

    /// A new connection. Errors: the network's, the service's certificate, or too slow.
    pub async fn connect(
        &self,
    ) -> std::io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
        self.0.dial(|stream| std::future::ready(Ok(stream))).await
    }

    /// A new connection to a service that says a line before TLS begins; without its break.
    pub async fn connect_greeted(
        &self,
        line_bytes_max: usize,
    ) -> std::io::Result<(String, impl AsyncRead + AsyncWrite + Send + Unpin + use<>)> {
        self.0.dial_greeted(line_bytes_max).await
    }
}
