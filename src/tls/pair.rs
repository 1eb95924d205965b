//! A certificate and its private key.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::error::TlsError;

/// The cryptography of all our TLS.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads a certificate and its key.
pub(super) fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let read = |file: &Path| fs::read(file).map_err(|error| TlsError::Unreadable(file.to_owned(), error));
    let (certificate_pem, key_pem) = (read(certificate)?, read(key)?);
    let certificates = |pem: &[u8]| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
    };
    let chain = certificates(&certificate_pem);
    if chain.is_empty() {
        let has_key = PrivateKeyDer::from_pem_slice(&certificate_pem).is_ok();
        return Err(TlsError::NoCertificate { file: certificate.to_owned(), has_key });
    }
    let Ok(private) = PrivateKeyDer::from_pem_slice(&key_pem) else {
        let has_certificate = !certificates(&key_pem).is_empty();
        let is_encrypted = key_pem.windows(9).any(|text| text == b"ENCRYPTED");
        return Err(TlsError::NoKey { file: key.to_owned(), has_certificate, is_encrypted });
    };
    new(chain, private)
}

/// A certificate and its key, if they belong together.
pub(super) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch,
        error => TlsError::Unusable(error.to_string()),
    })
}
