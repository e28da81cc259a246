//! TLS on both sides, with rustls and ring.
//!
//! INVARIANT: a client configuration verifies certificates, always; there is no switch for it. Pins come on top: a chain that does
//! not verify is refused whatever is pinned. INVARIANT: a client's certificate is verified in each handshake, up to the
//! authorities of the configuration; sessions are not resumed.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};

use crate::TlsError;

/// What a listener needs to speak TLS.
pub type TlsSettings = Arc<ServerConfig>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Whose client certificates a listener asks for.
#[derive(Clone, Debug)]
pub struct ClientCertificates {
    /// PEM certificates of the authorities that may have issued them; the host's own are not among them.
    pub ca_pem: Vec<u8>,
    /// Whether a client without one is refused in the handshake.
    pub are_required: bool,
}

/// A server's configuration from PEM certificates (leaf first) and a PEM private key.
pub fn server_config(
    certificates_pem: &[u8],
    key_pem: &[u8],
    clients: Option<&ClientCertificates>,
) -> Result<TlsSettings, TlsError> {
    let certificates = certificates(certificates_pem, "the server's certificate file")?;
    let what = "the server's private key file";
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients)?),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    if clients.is_some() {
        // A resumed session would bring an old certificate without verifying it again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(clients: &ClientCertificates) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let what = "the clients' CA file";
    let roots = Arc::new(roots(&clients.ca_pem, what)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let builder = if clients.are_required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| TlsError::Material { what, why: error.to_string() })
}

fn roots(pem: &[u8], what: &'static str) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, what)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    }
    Ok(roots)
}

/// Who we are to an upstream that asks for a certificate. Its `Debug` shows nothing of the key.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    certificates: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl ClientIdentity {
    /// From PEM certificates (our own first) and a PEM private key.
    pub fn from_pem(certificates_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        let what = "the client key file";
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
        let certificates = certificates(certificates_pem, "the client certificate file")?;
        Ok(Self { certificates, key: Arc::new(key) })
    }
}

/// The SHA-256 of a certificate's `SubjectPublicKeyInfo`, as RFC 7469 has it: it outlives a renewal that keeps the key.
pub type CertificatePin = [u8; 32];

/// What a client wants of TLS; nothing is the host's roots and no certificate of its own.
#[derive(Default)]
pub(crate) struct ClientTls<'a> {
    pub(crate) ca_pem: Option<&'a [u8]>,
    pub(crate) identity: Option<&'a ClientIdentity>,
    /// One of them must be that of the server's own certificate, if there are any.
    pub(crate) pins: &'a [CertificatePin],
}

/// A client's configuration: the host's trusted roots, or only those of `ca_pem` when given.
pub(crate) fn client_config(
    wanted: &ClientTls<'_>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = if let Some(pem) = wanted.ca_pem {
        roots(pem, "the upstream's CA file")?
    } else {
        let mut roots = RootCertStore::empty();
        let (_added, _ignored) =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    };
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let what = "the TLS provider";
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    let builder = if wanted.pins.is_empty() {
        builder.with_webpki_verifier(chain)
    } else {
        // Not dangerous: the chain is verified first, by the same verifier.
        let pinned = Pinned { chain, pins: wanted.pins.to_vec() };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
    };
    let mut config = match wanted.identity {
        None => builder.with_no_client_auth(),
        Some(ClientIdentity { certificates, key }) => builder
            .with_client_auth_cert(certificates.clone(), key.clone_key())
            .map_err(|error| TlsError::Material {
                what: "the client certificate and its key",
                why: error.to_string(),
            })?,
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Verifies the chain, then that the server's own certificate has a pinned key. Other certificates that the server sends
/// do not count: anybody can send them.
#[derive(Debug)]
struct Pinned {
    chain: Arc<WebPkiServerVerifier>,
    pins: Vec<CertificatePin>,
}

/// The server has a valid certificate, and its key is not one of the pinned.
#[derive(Debug, thiserror::Error)]
#[error("its certificate is valid, but its key is not pinned")]
struct NotPinned;

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.chain.verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let pin = digest(&SHA256, &key);
        if self.pins.iter().any(|known| known == pin.as_ref()) {
            return Ok(verified);
        }
        let why = CertificateError::Other(OtherError(Arc::new(NotPinned)));
        Err(rustls::Error::InvalidCertificate(why))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(TlsError::Material { what, why: "no certificate in it".to_owned() }),
        Err(error) => Err(TlsError::Material { what, why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientIdentity, ClientTls, client_config, server_config};

    #[test]
    fn files_that_are_not_certificates_are_refused_with_their_name() {
        let tls = ClientTls { ca_pem: Some(b"hello"), ..ClientTls::default() };
        let error = client_config(&tls, &[]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the upstream's CA file: no certificate in it"));
        let error = server_config(b"hello", b"", None).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the server's certificate file: no certificate in it"));
        let error = ClientIdentity::from_pem(b"", b"hello").err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.starts_with("the client key file: ")));
    }
}
