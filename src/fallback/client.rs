//! Asking the origin: what is sent along, what is not, for how long, and how far redirects go.

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
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

use super::origin::{self, Origin};
use super::reason::NotFetched;
use super::verdict::{DEVMEDIA, LOOP};

/// How long connecting to the origin may take; its addresses share that.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the origin may take until its answer begins: connecting, and all redirects on the way, included.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next question.
const IDLE: Duration = Duration::from_secs(60);

/// How long the origin may say nothing in mid-body.
const STALL: Duration = Duration::from_secs(30);

/// More than this leads nowhere (RFC 9110 section 15.4 once recommended the number).
const MAX_REDIRECTS: usize = 5;

/// `Via` (RFC 9110 section 7.6.3): by it a request that comes back is recognised.
static VIA: LazyLock<HeaderValue> = LazyLock::new(|| {
    let id = RandomState::new().hash_one(());
    HeaderValue::try_from(format!("1.1 {OWN}{id:016x}")).expect("letters and digits")
});

/// How each devmedia names itself in `Via`.
const OWN: &str = "devmedia-";

/// Whether a request has come through a devmedia already: two that ask each other would never end.
pub fn came_through_devmedia(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::VIA).iter();
    let hops = lines.flat_map(|line| line.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii));
    // received-protocol, then received-by
    let mut names = hops.filter_map(|hop| hop.split(u8::is_ascii_whitespace).nth(1));
    names.any(|name| name.starts_with(OWN.as_bytes()))
}

type Http = legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Connections to one origin, kept for the next request.
#[derive(Debug)]
pub struct Client {
    http: Http,
    /// Keeps no connection, so that each of its requests has a new one.
    fresh: Http,
    /// What the user adds to every request.
    headers: HeaderMap,
}

impl Client {
    /// A client that trusts whom the system trusts (or `SSL_CERT_FILE`). Fails where an https origin is to be asked and
    /// the system trusts nobody.
    pub fn new(origin: &Origin, headers: HeaderMap) -> io::Result<Self> {
        let provider = ring::default_provider();
        let builder = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
            Ok(builder) => builder,
            Err(error) if origin.is_https() => return Err(error),
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
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(super::PARALLEL);
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
                // the origin may have closed or reset a kept connection at that moment (RFC 9112 section 9.3.1), and the
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
                    url = origin::redirect(&url, location.as_bytes())?;
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
    fn a_request_that_went_through_a_devmedia_is_recognised() {
        for (lines, expected) in [
            (&[][..], false),
            (&["1.1 devmedia-0123456789abcdef"], true),
            (&["1.1 varnish, 1.1 devmedia-0123456789abcdef (comment)"], true),
            (&["HTTP/2.0 cache", "1.1 devmedia-1"], true),
            (&["1.1 varnish"], false),
            (&["1.1 varnish (devmedia-1)"], false),
            (&["devmedia-1"], false),
            (&[",, ,"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::VIA, HeaderValue::from_static(line));
            }
            assert_eq!(came_through_devmedia(&headers), expected, "{lines:?}");
        }
        let own = HeaderMap::from_iter([(header::VIA, VIA.clone())]);
        assert!(came_through_devmedia(&own));
    }

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
