//! What can fail on the wire, whose fault it is, and what to do.

use std::{net::SocketAddr, time::Duration};

/// A body could not be read. The sender's fault, unless the process is shutting down.
#[derive(Debug, thiserror::Error)]
pub enum BodyReadError {
    /// The connection broke before the body ended.
    #[error("the connection broke before the body ended")]
    Broken,
    /// All bodies together need more memory than they may have. May be tried again.
    #[error("too many large messages are under way")]
    Busy,
    /// More bytes than allowed.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Too slow.
    #[error("the body took longer than {time_max:?}")]
    TimedOut {
        /// The limit.
        time_max: Duration,
    },
}

/// A listener could not be opened. The operator's to mend; the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// Certificates or keys could not be used. The operator's to mend; the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not a PEM file with certificates, or a key that does not fit.
    #[error("{what}: {why}")]
    Material {
        /// What was being read.
        what: &'static str,
        /// Why it cannot be used.
        why: String,
    },
    /// No trusted root was found on this host.
    #[error("no trusted root certificate on this host; install `ca-certificates` or set `ca_file`")]
    NoRoots,
}

/// The upstream could not be asked. The upstream's or the network's fault; traffic fails closed.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The base URL is not one we can call.
    #[error("`{url}` is not a base URL: {why}")]
    BaseUrl {
        /// As configured.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection. The request was not sent and may be tried again.
    #[error("cannot connect to upstream `{name}`")]
    Connect {
        /// The upstream's configured name.
        name: String,
    },
    /// The connection was refused by what TLS says of the upstream, or by the upstream. The request was not sent.
    #[error("no TLS with upstream `{name}`: {why}")]
    Handshake {
        /// The upstream's configured name.
        name: String,
        /// What was wrong.
        why: String,
    },
    /// The connection broke after the request may have been sent.
    #[error("upstream `{name}` broke the connection")]
    Broken {
        /// The upstream's configured name.
        name: String,
    },
    /// It answered, but opened no WebSocket.
    #[error("upstream `{name}` opened no WebSocket; it answered {status}")]
    NotOpened {
        /// The upstream's configured name.
        name: String,
        /// What it answered.
        status: u16,
    },
    /// The upstream says that it did not process the request, and takes it back: it goes away, or has too much to do (HTTP/2).
    #[error("upstream `{name}` did not take the request")]
    Refused {
        /// The upstream's configured name.
        name: String,
    },
    /// What it answered does not begin like an answer, or is longer than the head of one may be.
    #[error(
        "upstream `{name}` sent the head of an answer that cannot be read: it is none, or has more than 64 KiB or 100 headers"
    )]
    Unreadable {
        /// The upstream's configured name.
        name: String,
    },
    /// No answer in time.
    #[error("upstream `{name}` did not answer within {time_max:?}")]
    TimedOut {
        /// The upstream's configured name.
        name: String,
        /// The limit.
        time_max: Duration,
    },
}

impl UpstreamError {
    /// Whether the upstream certainly has nothing of the request, so that it may be sent again.
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Handshake { .. } | Self::Refused { .. })
    }

    /// A stable code for records and answers.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BaseUrl { .. } => "upstream_misconfigured",
            Self::Handshake { .. } | Self::Tls(_) => "upstream_tls",
            Self::Connect { .. } => "upstream_unreachable",
            Self::Broken { .. } => "upstream_reset",
            Self::NotOpened { .. } => "upstream_not_opened",
            Self::Refused { .. } => "upstream_refused",
            Self::TimedOut { .. } => "upstream_timeout",
            Self::Unreadable { .. } => "upstream_garbage",
        }
    }
}
