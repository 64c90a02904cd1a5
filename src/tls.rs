//! How every connection is protected: one place for the choice of cryptography
//! and of whom to trust.
//!
//! Promises: the far side is verified, against one private CA or the system's.
//! Never: offers a way to skip verification.

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::ConfigVerifierExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Why a TLS setting cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file could not be read, or holds nothing of the kind wanted.
    #[error("cannot read a PEM {what} from {}: {reason}", path.display())]
    Pem {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The library refused the settings.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Chooses the cryptography for the whole process. Needed before any TLS; may be
/// called any number of times.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that somebody has installed one already; that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Settings for a client that trusts the CA in `ca_file` alone, or the system's
/// CAs without it.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    install_provider();
    let Some(path) = ca_file else {
        return Ok(ClientConfig::with_platform_verifier()?);
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate)?;
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// All certificates of a PEM file; at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |reason: String| TlsError::Pem { what: "certificate", path: path.to_owned(), reason };
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|cause| error(cause.to_string()))?
        .collect::<Result<_, _>>()
        .map_err(|cause| error(cause.to_string()))?;
    if found.is_empty() { Err(error("there is none in it".to_owned())) } else { Ok(found) }
}

/// The first private key of a PEM file.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|cause| TlsError::Pem {
        what: "key",
        path: path.to_owned(),
        reason: cause.to_string(),
    })
}
