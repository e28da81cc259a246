//! Upstreams over TLS, with certificates made here: whom we trust, who we are, whose key must be pinned.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData as _};
use ring::digest::{SHA256, digest};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{CertificatePin, ClientIdentity, Upstream, UpstreamSettings};
use crate::{Tasks, UpstreamError};

/// A certificate with its key.
struct Made {
    certificate_pem: String,
    key_pem: String,
    pin: CertificatePin,
}

impl Made {
    fn new(certificate_pem: String, key: &KeyPair) -> Self {
        let pin = digest(&SHA256, &key.subject_public_key_info());
        let pin = pin.as_ref().try_into().expect("32 bytes");
        Self { certificate_pem, key_pem: key.serialize_pem(), pin }
    }
}

/// An authority, and a server's and a client's certificate of it.
struct Authority {
    own: Made,
    server: Made,
    client: Made,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let own = Made::new(certificate.pem(), &key);
        let issuer = Issuer::new(params, key);
        let issue = |name: &str| {
            let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            Made::new(certificate.pem(), &key)
        };
        Self { own, server: issue("localhost"), client: issue("gateway.example") }
    }

    /// Serves empty answers, and sends its authority's certificate along; the base URL.
    async fn serve(&self, tasks: &Tasks, asks_for_certificate: bool) -> String {
        let der =
            |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        let chain = vec![der(&self.server.certificate_pem), der(&self.own.certificate_pem)];
        let key = PrivateKeyDer::from_pem_slice(self.server.key_pem.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if asks_for_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(der(&self.own.certificate_pem)).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(chain, key).expect("a configuration");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = [0; 1024];
                let _asked = stream.read(&mut head).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _answered = stream.write_all(answer).await;
                let _closed = stream.shutdown().await;
            }
        });
        format!("https://localhost:{port}/v1")
    }
}

async fn ask(
    base_url: &str,
    trusted: &Made,
    identity: Option<&Made>,
    pins: &[CertificatePin],
) -> Result<StatusCode, UpstreamError> {
    let identity = identity.map(|made| {
        let (certificate, key) = (made.certificate_pem.as_bytes(), made.key_pem.as_bytes());
        ClientIdentity::from_pem(certificate, key).expect("an identity")
    });
    let upstream = Upstream::new(&UpstreamSettings {
        base_url: base_url.to_owned(),
        ca_pem: Some(trusted.certificate_pem.clone().into_bytes()),
        client_identity: identity,
        connect_time_max: Duration::from_secs(5),
        http: crate::HttpVersions::Auto,
        name: "a".to_owned(),
        pins: pins.to_vec(),
        response_time_max: Duration::from_secs(5),
    });
    upstream?.probe("/", HeaderMap::new(), Duration::from_secs(5)).await
}

#[tokio::test]
async fn only_an_upstream_with_a_pinned_key_is_asked() {
    let (authority, other, tasks) = (Authority::new(), Authority::new(), Tasks::default());
    let base_url = authority.serve(&tasks, false).await;
    let (own, server, another) = (authority.own.pin, authority.server.pin, other.server.pin);
    for (trusted, pins, expected) in [
        (&authority.own, vec![], Ok(200)),
        (&authority.own, vec![server], Ok(200)),
        (&authority.own, vec![another, server], Ok(200)),
        (&authority.own, vec![another], Err("its key is not pinned")),
        // The server sends this certificate too, but anybody could.
        (&authority.own, vec![own], Err("its key is not pinned")),
        (&other.own, vec![], Err("invalid peer certificate")),
        (&other.own, vec![server], Err("invalid peer certificate")),
    ] {
        match (ask(&base_url, trusted, None, &pins).await, expected) {
            (Ok(status), Ok(expected)) => assert_eq!(status, expected),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
                assert_eq!((error.code(), error.is_unsent()), ("upstream_tls", true));
            }
            (answer, _) => panic!("{answer:?}, expected {expected:?}"),
        }
    }
    tasks.stop().await;
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_certificate_gets_the_configured_one() {
    let (authority, other, tasks) = (Authority::new(), Authority::new(), Tasks::default());
    let base_url = authority.serve(&tasks, true).await;
    let status = ask(&base_url, &authority.own, Some(&authority.client), &[]).await;
    assert_eq!(status.ok(), Some(StatusCode::OK));
    assert!(ask(&base_url, &authority.own, None, &[]).await.is_err());
    assert!(ask(&base_url, &authority.own, Some(&other.client), &[]).await.is_err());
    tasks.stop().await;
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_refused() {
    let (one, other) = (Authority::new().client, Authority::new().client);
    let identity =
        ClientIdentity::from_pem(one.certificate_pem.as_bytes(), other.key_pem.as_bytes());
    let upstream = Upstream::new(&UpstreamSettings {
        base_url: "https://localhost/v1".to_owned(),
        ca_pem: Some(one.certificate_pem.into_bytes()),
        client_identity: identity.ok(),
        connect_time_max: Duration::from_secs(1),
        http: crate::HttpVersions::Auto,
        name: "a".to_owned(),
        pins: Vec::new(),
        response_time_max: Duration::from_secs(1),
    });
    let error = upstream.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("the client certificate and its key"), "{error}");
}
