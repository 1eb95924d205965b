//! Asking the upstream: what is sent along, what is not, for how long, and how far redirects go.

use std::error::Error;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::reason::NotFetched;
use super::redirect::redirect;
use super::upstream::Upstream;
use crate::request::via::{self, DEVMEDIA, LOOP};
use crate::storage::token::token;

/// Requests to the upstream that wait for an answer at once; more wait for their turn. A page has many images, and should not
/// overload production. Bodies are not counted: a few slow ones would keep all others from beginning.
pub(super) const PARALLEL: usize = 32;

/// How long connecting to the upstream may take; its addresses share that.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the upstream may take until its answer begins: connecting, and all redirects on the way, included.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next question.
const IDLE: Duration = Duration::from_secs(60);

/// How long the upstream may say nothing in mid-body.
const STALL: Duration = Duration::from_secs(30);

/// More than this leads nowhere (RFC 9110 section 15.4 once recommended the number).
const MAX_REDIRECTS: usize = 5;

/// This process in `Via`, so that a request that comes back to a devmedia is recognised.
static VIA: LazyLock<HeaderValue> =
    LazyLock::new(|| HeaderValue::try_from(via::field(&token(16))).expect("letters and digits"));

type Http = legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Connections to one upstream, kept for the next request.
#[derive(Debug)]
pub struct Client {
    http: Http,
    /// Keeps no connection, so that each of its requests has a new one.
    fresh: Http,
    /// What the user adds to every request.
    headers: HeaderMap,
}

impl Client {
    /// A client that trusts whom the system trusts (or `SSL_CERT_FILE`). Fails where an https upstream is to be asked and
    /// the system trusts nobody.
    pub fn new(upstream: &Upstream, headers: HeaderMap) -> io::Result<Self> {
        let provider = ring::default_provider();
        let builder = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
            Ok(builder) => builder,
            Err(error) if upstream.is_https() => return Err(error),
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
        let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        // without a timer idle connections stay open for ever
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(PARALLEL);
        let http = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Ok(Self { http, fresh, headers })
    }

    /// Sends a request with these fields and no others of the client's, follows redirects, and gives the answer's head;
    /// its status is no redirect (a 304 is none) and neither 404 nor 410.
    pub async fn ask(&self, method: &Method, url: Url, fields: &HeaderMap) -> Result<Response<Incoming>, NotFetched> {
        let answer = tokio::time::timeout(ANSWER, self.follow(method, url, fields)).await;
        answer.map_err(|_| NotFetched::Silent)?
    }

    async fn follow(&self, method: &Method, url: Url, fields: &HeaderMap) -> Result<Response<Incoming>, NotFetched> {
        let mut url = url;
        for _ in 0..=MAX_REDIRECTS {
            let answer = match self.http.request(self.request(method, &url, fields)?).await {
                // the upstream may have closed or reset a kept connection at that moment (RFC 9112 section 9.3.1), and the
                // other kept ones with it
                Err(error) if nothing_came(&error) => self.fresh.request(self.request(method, &url, fields)?).await,
                answer => answer,
            };
            let answer = answer.map_err(|error| NotFetched::Unreachable(cause(&error)))?;
            match answer.status() {
                StatusCode::NOT_FOUND if answer.headers().get(DEVMEDIA).is_some_and(|what| what == LOOP) => {
                    return Err(NotFetched::Devmedia);
                }
                StatusCode::NOT_FOUND | StatusCode::GONE => return Err(NotFetched::Missing { remembered: false }),
                StatusCode::NOT_MODIFIED => return Ok(answer),
                status if status.is_redirection() => {
                    let location = answer.headers().get(header::LOCATION).ok_or(NotFetched::Redirects)?;
                    url = redirect(&url, location.as_bytes())?;
                }
                _ => return Ok(answer),
            }
        }
        Err(NotFetched::Redirects)
    }

    fn request(&self, method: &Method, url: &Url, fields: &HeaderMap) -> Result<Request<Empty<Bytes>>, NotFetched> {
        let uri: Uri = url.as_str().parse().map_err(|_| NotFetched::Redirects)?;
        let mut request = Request::new(Empty::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("devmedia/", env!("CARGO_PKG_VERSION"))));
        headers.extend(self.headers.clone());
        headers.extend(fields.clone());
        // the bytes as they are stored, and whose request it is
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::VIA, VIA.clone());
        Ok(request)
    }
}

/// The next bytes of an answer; nothing at its end. The error is for the log.
pub async fn next(body: &mut Incoming) -> Result<Option<Bytes>, String> {
    loop {
        let frame = tokio::time::timeout(STALL, body.frame()).await;
        match frame.map_err(|_| format!("the fallback sent nothing for {} s", STALL.as_secs()))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(format!("the fallback broke off: {}", cause(&error))),
            // trailers are of no use here
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Whether a connection was made and then ended before an answer came, as a kept one may. A failed connect would fail again,
/// and an answer that is not HTTP would not be the second time either.
fn nothing_came(error: &legacy::Error) -> bool {
    !error.is_connect() && is_broken_connection(error)
}

/// Whether the connection itself is among the causes of an error.
fn is_broken_connection(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    std::iter::successors(Some(error), |&error| error.source()).any(|cause| {
        let by_hyper = cause.downcast_ref::<hyper::Error>();
        let by_system = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        by_hyper.is_some_and(|why| why.is_incomplete_message() || why.is_canceled())
            || matches!(by_system, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
    })
}

/// The innermost cause, which is what the system said: "Connection refused", "invalid peer certificate".
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_broken_when_the_system_says_so() {
        use io::ErrorKind;
        for (kind, expected) in [
            (ErrorKind::ConnectionReset, true), // sent to a peer that has forgotten the connection
            (ErrorKind::BrokenPipe, true),      // the same, heard of at the next write
            (ErrorKind::ConnectionAborted, true),
            (ErrorKind::UnexpectedEof, true), // TLS that ends without its close_notify (RFC 8446 section 6.1)
            (ErrorKind::InvalidData, false),
            (ErrorKind::TimedOut, false),
            (ErrorKind::HostUnreachable, false),
        ] {
            let innermost = io::Error::from(kind);
            assert_eq!(is_broken_connection(&innermost), expected, "{kind:?}");
            assert_eq!(is_broken_connection(&Around(innermost)), expected, "{kind:?} inside another error");
        }
    }

    #[derive(Debug)]
    struct Around(io::Error);

    impl std::fmt::Display for Around {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("client error (SendRequest)")
        }
    }

    impl Error for Around {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
}
