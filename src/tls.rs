//! Certificates: those of a local authority that is made here, and those of `--tls-cert`.
//!
//! What a browser needs to trust is the authority alone, and its key is worth stealing. So it is constrained to the names
//! of this machine (RFC 5280 section 4.2.1.10), its key is readable by its owner alone, and it lies in a folder whose name
//! no mount serves.

mod authority;
mod error;
pub mod names;
mod pair;
mod resolver;
mod store;
pub mod trust;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::ResolvesServerCert;
use rustls::sign::SingleCertAndKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use self::authority::{AUTHORITY, Authority};
pub use self::error::TlsError;
use self::names::Names;
use self::resolver::OnDemand;
use self::store::Store;

/// How TLS is spoken: certificates, versions, and HTTP/2 or HTTP/1.1 by ALPN.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ServerConfig>);

/// The ALPN name of HTTP/2 (RFC 9113 section 3.1).
pub const H2: &[u8] = b"h2";

impl Tls {
    fn new(resolver: Arc<dyn ResolvesServerCert>) -> Self {
        let config = ServerConfig::builder_with_provider(pair::provider())
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for both versions");
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    /// By a certificate and its key in two files, such as mkcert's. The second value is a warning about the certificate.
    pub fn of_files(certificate: &Path, key: &Path) -> Result<(Self, Option<String>), TlsError> {
        let pair = pair::read(certificate, key)?;
        let warning = doubt(&pair.cert, certificate, Timestamp::now());
        Ok((Self::new(Arc::new(SingleCertAndKey::from(pair))), warning))
    }

    /// For an acceptor.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0)
    }
}

/// What came of opening the authority.
#[derive(Debug)]
pub struct Opened {
    /// How to speak TLS with its certificates.
    pub tls: Tls,
    /// The file of the authority's certificate, for browsers to trust.
    pub certificate: PathBuf,
    /// It has been made just now, so nobody trusts it yet.
    pub is_new: bool,
}

/// The folder of the authority, by the environment; `None` if there is neither `XDG_DATA_HOME` nor a home.
pub fn folder() -> Option<PathBuf> {
    store::folder(std::env::var_os("XDG_DATA_HOME").as_deref().map(OsStr::new), std::env::home_dir().as_deref())
}

/// Opens the authority in this folder and its certificate for `names`, and makes what is missing, about to expire, or not
/// for all these names.
pub fn open(folder: &Path, names: Names) -> Result<Opened, TlsError> {
    let store = Store::open(folder)?;
    let now = Timestamp::now();
    let (authority, is_new) = match Authority::read(&store, &names, now)? {
        Ok(authority) => (authority, false),
        Err(permitted) => (Authority::make(&store, &names, permitted, now)?, true),
    };
    let pair = match authority.read_certificate(&store, &names, now)? {
        Some(pair) => pair,
        None => authority.make_certificate(&store, &names, now)?,
    };
    let certificate = store.certificate(AUTHORITY);
    let tls = Tls::new(Arc::new(OnDemand::new(Arc::new(pair), authority, names)));
    Ok(Opened { tls, certificate, is_new })
}

/// What is probably wrong with a certificate that can be used.
fn doubt(chain: &[CertificateDer<'_>], file: &Path, now: Timestamp) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let day = |seconds| Timestamp::from_second(seconds).map_or_else(|_| String::new(), |time| time.to_string());
    let file = file.display();
    if until < now.as_second() {
        Some(format!("the certificate in {file} expired at {}; browsers refuse it. Make a new one", day(until)))
    } else if from > now.as_second() {
        Some(format!("the certificate in {file} is valid only from {}; is the clock right?", day(from)))
    } else {
        None
    }
}
