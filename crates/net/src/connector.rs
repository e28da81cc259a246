//! Connecting to the one host that the configuration names, and agreeing on a version of HTTP with it.
//!
//! INVARIANT: host and port come from the configuration alone, and connecting has a time limit. INVARIANT: HTTP/2 is
//! spoken only where TLS agreed on it (ALPN, RFC 7301), or where the configuration says so.
//!
//! Not here: which connection a request gets (`pool`).

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    UpstreamError,
    tls::{ClientTls, client_config},
};

/// What TLS calls HTTP/2.
pub(crate) const HTTP_2: &[u8] = b"h2";
/// What TLS calls HTTP/1.1.
const HTTP_1: &[u8] = b"http/1.1";

/// Which versions of HTTP an upstream is asked in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersions {
    /// HTTP/2 where TLS agrees on it, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; without TLS, by prior knowledge (RFC 9113, section 3.3).
    Http2,
}

/// A base URL in its parts.
pub(crate) struct Base {
    pub(crate) authority: uri::Authority,
    /// Without a `/` at its end.
    pub(crate) path: String,
    pub(crate) scheme: uri::Scheme,
}

/// Reads a base URL. Errors: what is wrong with it.
pub(crate) fn parse(url: &str) -> Result<Base, UpstreamError> {
    let wrong = |why| UpstreamError::BaseUrl { url: url.to_owned(), why };
    let parts = url.parse::<Uri>().map_err(|_| wrong("it cannot be parsed"))?.into_parts();
    let scheme = parts.scheme.ok_or_else(|| wrong("it must begin with http:// or https://"))?;
    if scheme != uri::Scheme::HTTP && scheme != uri::Scheme::HTTPS {
        return Err(wrong("it must begin with http:// or https://"));
    }
    let authority = parts.authority.ok_or_else(|| wrong("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("it holds a password; put the key in `api_key`"));
    }
    let path = parts.path_and_query.map_or_else(String::new, |path| path.to_string());
    if path.contains('?') {
        return Err(wrong("it has a query"));
    }
    Ok(Base { authority, path: path.trim_end_matches('/').to_owned(), scheme })
}

/// Why there is no connection. Nothing was sent on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialFault {
    /// The network's, or too slow.
    Connect,
    /// What TLS says of the other end, or the other end of us.
    Handshake(String),
}

impl From<std::io::Error> for DialFault {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(?error, "cannot connect");
        if let Some(error) = cause::<rustls::Error>(&error) {
            return Self::Handshake(why(error));
        }
        cause::<NoHttp2>(&error).map_or(Self::Connect, |error| Self::Handshake(error.to_string()))
    }
}

/// The other end was to speak HTTP/2.
#[derive(Debug, thiserror::Error)]
#[error("it does not speak HTTP/2")]
struct NoHttp2;

/// What was wrong with TLS, in words.
fn why(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(own)) => own.to_string(),
        error => error.to_string(),
    }
}

/// The first of an error's causes that is of this type. Errors of I/O hold theirs inside.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// Connects to the one configured host. Its name is resolved anew for each connection, by the host's resolver. Addresses are not
/// filtered: only the configuration names hosts, so a private one is meant, and no request can choose where it goes.
#[derive(Clone)]
pub(crate) struct Connector {
    host: Arc<str>,
    http: HttpVersions,
    port: u16,
    time_max: Duration,
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connector").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Connector {
    pub(crate) fn new(
        base: &Base,
        wanted: &ClientTls<'_>,
        time_max: Duration,
        http: HttpVersions,
    ) -> Result<Self, UpstreamError> {
        let tls = if base.scheme == uri::Scheme::HTTPS {
            let versions: &[&[u8]] = match http {
                HttpVersions::Auto => &[HTTP_2, HTTP_1],
                HttpVersions::Http1 => &[HTTP_1],
                HttpVersions::Http2 => &[HTTP_2],
            };
            Some(TlsConnector::from(client_config(wanted, versions)?))
        } else {
            None
        };
        Ok(Self {
            host: Arc::from(base.authority.host().trim_matches(['[', ']'])),
            http,
            port: base.authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 }),
            time_max,
            tls,
        })
    }

    /// Connects, and makes something of the connection, in the time that both have.
    pub(crate) async fn dial<T, F: Future<Output = std::io::Result<T>>>(
        &self,
        then: impl FnOnce(Stream) -> F,
    ) -> std::io::Result<T> {
        let attempt = async { then(self.stream().await?).await };
        match tokio::time::timeout(self.time_max, attempt).await {
            Ok(dialled) => dialled,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
        }
    }

    /// Connects, and reads the line that the other end says before TLS begins.
    pub(crate) async fn dial_greeted(
        &self,
        line_bytes_max: usize,
    ) -> std::io::Result<(String, Stream)> {
        let attempt = async {
            let mut stream = self.plain().await?;
            let mut line = Vec::new();
            // Not one byte more: what follows belongs to TLS.
            while line.last() != Some(&b'\n') {
                if line.len() == line_bytes_max {
                    return Err(std::io::ErrorKind::InvalidData.into());
                }
                line.push(stream.read_u8().await?);
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            Ok((line, self.secured(stream).await?))
        };
        match tokio::time::timeout(self.time_max, attempt).await {
            Ok(dialled) => dialled,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
        }
    }

    /// Whether HTTP/2 is to be spoken on this connection.
    pub(crate) fn is_http2(&self, stream: &Stream) -> std::io::Result<bool> {
        match (self.http, stream) {
            (HttpVersions::Http1, _) | (HttpVersions::Auto, Stream::Plain(_)) => Ok(false),
            (HttpVersions::Http2, Stream::Plain(_)) => Ok(true),
            (http, Stream::Tls(stream)) => {
                let is_agreed = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
                if http == HttpVersions::Http2 && !is_agreed {
                    return Err(std::io::Error::other(NoHttp2));
                }
                Ok(is_agreed)
            }
        }
    }

    async fn stream(&self) -> std::io::Result<Stream> {
        self.secured(self.plain().await?).await
    }

    async fn plain(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn secured(&self, stream: TcpStream) -> std::io::Result<Stream> {
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let name = ServerName::try_from(self.host.to_string())
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Stream::Tls(Box::new(tls.connect(name, stream).await?)))
    }
}

/// A connection, with TLS or without.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn base_urls_are_checked_with_a_reason() {
        let why = |url: &str| parse(url).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(why("api.openai.com").contains("http:// or https://"));
        assert!(why("ftp://host/").contains("http:// or https://"));
        assert!(why("https://user:pass@host/").contains("api_key"));
        assert!(why("https://host/v1?x=1").contains("query"));
        assert_eq!(parse("https://host:1/v1/").map(|base| base.path).ok().as_deref(), Some("/v1"));
    }
}
