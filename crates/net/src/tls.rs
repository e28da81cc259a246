//! TLS on both sides, with rustls and ring.
//!
//! INVARIANT: a client configuration verifies certificates, always; there is no switch for it.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, ServerConfig, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::TlsError;

/// What a listener needs to speak TLS.
pub type TlsSettings = Arc<ServerConfig>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server's configuration from PEM certificates (leaf first) and a PEM private key.
pub fn server_config(certificates_pem: &[u8], key_pem: &[u8]) -> Result<TlsSettings, TlsError> {
    let certificates = certificates(certificates_pem, "the server's certificate file")?;
    let what = "the server's private key file";
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A client's configuration: the host's trusted roots, or only those of `ca_pem` when given.
pub(crate) fn client_config(ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            let what = "the upstream's CA file";
            for certificate in certificates(pem, what)? {
                roots
                    .add(certificate)
                    .map_err(|error| TlsError::Material { what, why: error.to_string() })?;
            }
        }
        None => {
            let (_added, _ignored) =
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
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
        let error = server_config(b"hello", b"").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the server's certificate file: no certificate in it"));
    }
}
