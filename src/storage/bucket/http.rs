//! The HTTP client of `object_store`: hyper and rustls, which devmedia has already. Its own client would add reqwest and
//! aws-lc.

use std::error::Error;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Uri;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio::time::{Sleep, timeout};

/// The time limit until the head of a response has arrived. A request is retried after it.
const ANSWER: Duration = Duration::from_secs(10);

/// How long a store may pause within the body of a response. The rest is requested again after it.
const STALL: Duration = Duration::from_secs(15);

/// How long an idle connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// Connections to one store.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: legacy::Client<HttpsConnector<Tcp>, HttpRequestBody>,
    /// The region of the bucket, when Amazon has said that requests went to another one.
    pub region: Arc<OnceLock<String>>,
}

impl Client {
    pub(super) fn new(connector: HttpsConnector<Tcp>) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        Self { http: builder.build(connector), region: Arc::default() }
    }
}

impl HttpConnector for Client {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let agent = HeaderValue::from_static(concat!("devmedia/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        // the store's bytes are the file: no coding on the way
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // a large part takes its time to be sent
        let sending = Duration::from_millis(request.body().content_length() as u64 / 100);
        let answer = timeout(ANSWER + sending, self.http.request(request)).await;
        let answer = answer.map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?.map_err(of_request)?;
        if let Some(region) = answer.headers().get("x-amz-bucket-region").and_then(|region| region.to_str().ok()) {
            let _ = self.region.set(region.to_owned());
        }
        let (head, body) = answer.into_parts();
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(Watched { body, pause: None })))
    }
}

/// Connections are retried, and so are requests that the store has not answered.
fn of_request(error: legacy::Error) -> HttpError {
    let kind = if error.is_connect() && is_final(&error) {
        HttpErrorKind::Unknown
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else {
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, error)
}

/// Whether a connection fails in the same way the next time: a certificate that is not valid.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData)
    })
}

/// A body whose pauses are limited.
struct Watched {
    body: Incoming,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.pause = None;
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))),
            );
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        ready!(pause.as_mut().poll(cx));
        self.pause = None;
        let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the store has stopped sending");
        Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Timeout, late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether an endpoint needs certificate authorities.
pub(super) fn is_https(endpoint: Option<&str>) -> bool {
    endpoint.and_then(|endpoint| endpoint.parse::<Uri>().ok()).is_none_or(|uri| uri.scheme_str() != Some("http"))
}
