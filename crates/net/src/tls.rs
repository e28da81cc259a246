//! TLS on both sides, with rustls and ring.
//!
//! INVARIANT: a client configuration verifies certificates, always; there is no switch for it. INVARIANT: a client's
//! certificate is verified in each handshake, up to the authorities of the configuration; sessions are not resumed.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

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
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
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

/// A client's configuration: the host's trusted roots, or only those of `ca_pem` when given.
pub(crate) fn client_config(ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, TlsError> {
    let roots = if let Some(pem) = ca_pem {
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
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
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
    use super::{client_config, server_config};

    #[test]
    fn files_that_are_not_certificates_are_refused_with_their_name() {
        let error = client_config(Some(b"hello")).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the upstream's CA file: no certificate in it"));
        let error = server_config(b"hello", b"", None).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the server's certificate file: no certificate in it"));
    }
}
