//! Connections to other servers: TCP, and TLS by the certificate authorities that the system trusts.

use std::error::Error;
use std::io;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// The time limit for connecting to a server, for all its addresses together.
const CONNECT: Duration = Duration::from_secs(5);

/// Creates a connector for http and https that trusts the system's certificate authorities (or those in `SSL_CERT_FILE`).
/// Fails if `needs_https` is set and the system has no certificate authorities.
pub fn connector(needs_https: bool) -> io::Result<HttpsConnector<HttpConnector>> {
    let provider = ring::default_provider();
    let builder = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
        Ok(builder) => builder,
        Err(error) if needs_https => return Err(error),
        Err(_) => {
            let config = ClientConfig::builder_with_provider(provider.into());
            let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
            let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

/// The innermost cause of an error, such as "Connection refused" or "invalid peer certificate".
pub fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
