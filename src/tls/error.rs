//! `TlsError`: why there is no certificate.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::system::advice::Family;

/// Why there is no certificate. `Display` says what is wrong and what to do.
#[derive(Debug)]
pub enum TlsError {
    /// A file that cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A file without a certificate in it.
    NoCertificate {
        /// The file.
        file: PathBuf,
        /// It holds a private key: the two were probably mixed up.
        has_key: bool,
    },
    /// A file without a private key in it.
    NoKey {
        /// The file.
        file: PathBuf,
        /// It holds a certificate: the two were probably mixed up.
        has_certificate: bool,
        /// It holds a key that a password protects.
        is_encrypted: bool,
    },
    /// The key is not that of the certificate.
    Mismatch,
    /// Something else is wrong with the pair.
    Unusable(String),
    /// The authority's folder or a file in it cannot be made or read.
    Store(PathBuf, io::Error),
    /// A file of the authority is damaged.
    Damaged(PathBuf, String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIXED_UP: &str = "--tls-cert FILE is the certificate, --tls-key FILE its key; are the two mixed up?";
        match self {
            Self::Unreadable(file, error) => write!(
                f,
                "{} cannot be read: {error}. Write the path of a file in PEM; mkcert makes one: mkcert localhost 127.0.0.1 ::1",
                file.display()
            ),
            Self::NoCertificate { file, has_key: true } => {
                write!(f, "{} holds a private key and no certificate. {MIXED_UP}", file.display())
            }
            Self::NoCertificate { file, has_key: false } => write!(
                f,
                "{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----). To convert one from DER: openssl x509 \
                 -inform der -in FILE -out cert.pem",
                file.display()
            ),
            Self::NoKey { file, is_encrypted: true, .. } => write!(
                f,
                "the private key in {} is protected by a password. Write it without one: openssl pkey -in {} -out key.pem",
                file.display(),
                file.display()
            ),
            Self::NoKey { file, has_certificate: true, .. } => {
                write!(f, "{} holds a certificate and no private key. {MIXED_UP}", file.display())
            }
            Self::NoKey { file, .. } => {
                write!(f, "{} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)", file.display())
            }
            Self::Mismatch => f.write_str(
                "the key of --tls-key is not the key of the certificate of --tls-cert. Use the two files that were made \
                 together (mkcert: localhost.pem and localhost-key.pem)",
            ),
            Self::Unusable(why) => write!(f, "the certificate and its key cannot be used: {why}"),
            Self::Store(path, error) => write!(
                f,
                "{}: {error}. The local certificate authority is kept there; set XDG_DATA_HOME to use another folder",
                path.display()
            ),
            Self::Damaged(path, why) => write!(
                f,
                "{} is damaged ({why}). Remove its folder to make a new certificate authority: {}",
                path.display(),
                Family::HERE.remove_folder(path.parent().unwrap_or(path))
            ),
        }
    }
}
