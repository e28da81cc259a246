//! A bare reverse proxy: hyper on both sides, a pool, bodies streamed through, nothing else.
//!
//! It is what any gateway on hyper costs before it does anything, so it is what ours is compared with.
//!
//! INVARIANT: it reads no body and changes nothing but the address.
//!
//! Not here: limits, errors worth reading, TLS.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::Failure;

/// Serves until the process is killed.
pub(crate) fn serve(upstream: SocketAddr) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(accept(upstream))
}

async fn accept(upstream: SocketAddr) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    crate::announce(listener.local_addr()?)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<HttpConnector, Incoming> =
        Client::builder(TokioExecutor::new()).build(connector);
    let host = HeaderValue::try_from(upstream.to_string())?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, host) = (client.clone(), host.clone());
        let service = service_fn(move |request| forward(&client, &host, upstream, request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        #[expect(clippy::disallowed_methods, reason = "it is killed, never shut down")]
        tokio::spawn(connection);
    }
}

fn forward(
    client: &Client<HttpConnector, Incoming>,
    host: &HeaderValue,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<hyper::Response<Incoming>, Failure>> + use<> {
    let path = request.uri().path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    let uri = format!("http://{upstream}{path}").parse::<Uri>();
    let client = client.clone();
    request.headers_mut().insert(HOST, host.clone());
    async move {
        *request.uri_mut() = uri?;
        Ok(client.request(request).await?)
    }
}
