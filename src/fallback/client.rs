//! The HTTP client for the upstream: header fields, timeouts, redirects and retries.

use std::error::Error;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use super::reason::NotFetched;
use super::redirect::redirect;
use super::upstream::Upstream;
use crate::outgoing::{self, cause};
use crate::request::via::{self, DEVMEDIA, LOOP};
use crate::storage::token::token;

/// The maximum number of requests to the upstream that wait for a response at once; further requests wait in a queue. A page
/// with many images should not overload production. Responses whose body is being read do not count, because a few slow ones
/// would block all others.
pub(super) const PARALLEL: usize = 32;

/// The time limit until the upstream's response begins, including connecting and all redirects.
const ANSWER: Duration = Duration::from_secs(10);

/// How long an idle connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// How long the upstream may pause within a response body.
const STALL: Duration = Duration::from_secs(30);

/// The maximum number of redirects (earlier versions of RFC 9110 section 15.4 recommended this number).
const MAX_REDIRECTS: usize = 5;

/// The name of this process in `Via`, by which a devmedia recognises a request loop.
static VIA: LazyLock<HeaderValue> =
    LazyLock::new(|| HeaderValue::try_from(via::field(&token(16))).expect("letters and digits"));

/// The body of an upstream's response.
pub type UpstreamBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

type Http = legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Connections to one upstream, kept for the next request.
#[derive(Debug)]
pub struct Client {
    http: Http,
    /// Opens a new connection for each request.
    fresh: Http,
    /// The header fields that `--fallback-header` adds to every request.
    headers: HeaderMap,
}

impl Client {
    /// Creates a client that trusts the system's certificate authorities (or those in `SSL_CERT_FILE`). Fails if the upstream
    /// uses https and the system has no certificate authorities.
    pub fn new(upstream: &Upstream, headers: HeaderMap) -> io::Result<Self> {
        let connector = outgoing::connector(upstream.is_https())?;
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        // without a timer, idle connections are never closed
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(PARALLEL);
        let http = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Ok(Self { http, fresh, headers })
    }

    /// Sends a request with these header fields, follows redirects, and returns the response when its head has arrived. The
    /// status of that response is not 404, 410 or a redirect (304 is not a redirect).
    pub async fn send(
        &self,
        method: &Method,
        url: Url,
        fields: &HeaderMap,
    ) -> Result<Response<UpstreamBody>, NotFetched> {
        let answer = tokio::time::timeout(ANSWER, self.follow(method, url, fields)).await;
        answer.map_err(|_| NotFetched::Silent)?
    }

    async fn follow(
        &self,
        method: &Method,
        url: Url,
        fields: &HeaderMap,
    ) -> Result<Response<UpstreamBody>, NotFetched> {
        let mut url = url;
        for _ in 0..=MAX_REDIRECTS {
            let answer = match self.http.request(self.request(method, &url, fields)?).await {
                // the upstream may have closed or reset an idle connection at that moment (RFC 9112 section 9.3.1), and the
                // other idle connections as well
                Err(error) if nothing_came(&error) => self.fresh.request(self.request(method, &url, fields)?).await,
                answer => answer,
            };
            let answer = answer.map_err(|error| NotFetched::Unreachable(cause(&error)))?;
            let answer = answer.map(|body| body.map_err(Into::into).boxed_unsync());
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
        // these two override the user's fields: files are stored without a content coding, and loops must be detected
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::VIA, VIA.clone());
        Ok(request)
    }
}

/// Returns the next bytes of a response body; `None` at its end. The error is for the log.
pub async fn next(body: &mut UpstreamBody) -> Result<Option<Bytes>, String> {
    loop {
        let frame = tokio::time::timeout(STALL, body.frame()).await;
        match frame.map_err(|_| format!("the fallback sent nothing for {} s", STALL.as_secs()))? {
            None => return Ok(None),
            Some(Err(error)) => return Err(format!("the fallback's response is incomplete: {}", cause(&*error))),
            // trailers are ignored
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// Whether an established connection ended before a response arrived, which can happen to a reused connection. Other errors
/// are not worth a retry: a failed connect would fail again, and a response that is not HTTP would be the same again.
fn nothing_came(error: &legacy::Error) -> bool {
    !error.is_connect() && is_broken_connection(error)
}

/// Whether a broken connection is among the causes of an error.
fn is_broken_connection(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    std::iter::successors(Some(error), |&error| error.source()).any(|cause| {
        let by_hyper = cause.downcast_ref::<hyper::Error>();
        let by_system = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        by_hyper.is_some_and(|why| why.is_incomplete_message() || why.is_canceled())
            || matches!(by_system, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_connections_are_recognised_by_the_systems_error() {
        use io::ErrorKind;
        for (kind, expected) in [
            (ErrorKind::ConnectionReset, true), // the peer had closed the connection
            (ErrorKind::BrokenPipe, true),      // the same, reported by the next write
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
