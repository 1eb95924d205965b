//! Asking the app, as nginx's `auth_request` and the `forward_auth` of Traefik and Caddy do.
//!
//! The app is asked with a GET that carries the client's own fields, so a session cookie or a token counts as it would
//! at the app itself. 2xx is a yes. 401, 403 and redirects are the app's own no, and the client gets them as they are.
//! Whatever else happens is a 502: the rule could not be asked, so nothing is shown.

mod cache;
mod fields;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use self::cache::Cache;
use super::{AccessError, Admitted, Pass, Visitor};
use crate::access_log::Reason;
use crate::body::Body;

/// The most of the app's own no that is passed on: room for a framework's debug page.
const MAX_BODY: usize = 1024 * 1024;

/// How long an idle connection to the app is kept; less than the servers of frameworks keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// An app that says who may.
#[derive(Debug)]
pub struct Ask {
    url: Uri,
    patience: Duration,
    copy: Vec<HeaderName>,
    cache: Option<Cache>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// Why an app could not be asked. `Display` is the end of a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// No connection, or one that broke.
    Unreachable(String),
    /// No whole answer in this time.
    TimedOut(Duration),
    /// An answer that is neither a yes nor a no.
    Status(StatusCode),
    /// An answer longer than is passed on.
    TooLong,
    /// The question came back: the address is devmedia's own.
    Loop,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(cause) => write!(f, "it cannot be reached: {cause}"),
            Self::TimedOut(patience) => write!(f, "it did not answer within {} s", patience.as_secs_f64()),
            Self::Status(status) => write!(f, "it answered {status}, which is neither a yes (2xx) nor a no"),
            Self::TooLong => write!(f, "its answer is longer than {} KiB", MAX_BODY / 1024),
            Self::Loop => f.write_str("it is devmedia itself"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} s at most", self.shown(), self.patience.as_secs_f64())?;
        if let Some(cache) = &self.cache {
            write!(f, ", a yes is remembered for {} s", cache.span().as_secs_f64())?;
        }
        if !self.copy.is_empty() {
            let names: Vec<&str> = self.copy.iter().map(HeaderName::as_str).collect();
            write!(f, ", copies {}", names.join(" "))?;
        }
        Ok(())
    }
}

impl Ask {
    /// Asks at `url` and waits as long as `patience`. Fields named in `copy` are taken from a yes into the answer; a
    /// yes counts for `remember`, if that is not zero.
    pub fn new(url: Uri, patience: Duration, copy: Vec<HeaderName>, remember: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_ALIVE)
            .build_http();
        let cache = (!remember.is_zero()).then(|| Cache::new(remember));
        Self { url, patience, copy, cache, client }
    }

    /// Asks whether the request may have `url_path`, the one spelling of its path.
    pub async fn ask(&self, url_path: &str, visitor: &Visitor<'_>) -> Result<Admitted, AccessError> {
        let request = visitor.request;
        let target = match request.uri().query() {
            Some(query) => format!("{url_path}?{query}"),
            None => url_path.to_owned(),
        };
        if fields::is_question(request.headers()) {
            return Err(self.failed(AskError::Loop));
        }
        let mut question = Request::new(Empty::new());
        *question.uri_mut() = self.url.clone();
        *question.headers_mut() = fields::question(request, &target, visitor.peer, visitor.scheme);
        let remembered = self.cache.as_ref().map(|cache| (cache, cache::key(question.headers())));
        if let Some(fields) = remembered.as_ref().and_then(|(cache, key)| cache.get(key)) {
            return Ok(yes(fields, "remembered"));
        }
        let answer = timeout(self.patience, self.exchange(question)).await;
        let answer = answer.unwrap_or(Err(AskError::TimedOut(self.patience))).map_err(|error| self.failed(error))?;
        let status = answer.status();
        if status.is_success() {
            let fields = self.copied(answer.headers());
            if let Some((cache, key)) = remembered {
                cache.put(key, fields.clone());
            }
            return Ok(yes(fields, status.as_str()));
        }
        // not 304, by which a browser would show what it has kept
        if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308 | 401 | 403) {
            let (mut head, body) = answer.into_parts();
            head.headers = fields::no(&head.headers, &self.url);
            head.extensions.insert(Reason(format!("The app was asked and answered {status}.")));
            return Ok(Admitted::Answer(Response::from_parts(head, Body::full(body))));
        }
        Err(self.failed(AskError::Status(status)))
    }

    async fn exchange(&self, question: Request<Empty<Bytes>>) -> Result<Response<Bytes>, AskError> {
        let answer: Response<Incoming> = self.client.request(question).await.map_err(|error| {
            // the innermost cause is the system's own: "Connection refused"
            let mut cause: &dyn Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            AskError::Unreachable(cause.to_string())
        })?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            // nobody waits for the body of a yes; read to its end, it leaves the connection to the next question
            tokio::spawn(timeout(self.patience, Limited::new(body, MAX_BODY).collect()));
            return Ok(Response::from_parts(head, Bytes::new()));
        }
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(AskError::TooLong),
            Err(error) => Err(AskError::Unreachable(error.to_string())),
        }
    }

    fn copied(&self, headers: &HeaderMap) -> HeaderMap {
        let all = |name| headers.get_all(name).iter().map(move |value| (HeaderName::clone(name), value.clone()));
        self.copy.iter().flat_map(all).collect()
    }

    /// Its address, without the query, which may hold a key.
    fn shown(&self) -> String {
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        format!("http://{authority}{}", self.url.path())
    }

    fn failed(&self, error: AskError) -> AccessError {
        AccessError::Ask { app: self.shown(), error }
    }
}

fn yes(fields: HeaderMap, how: &str) -> Admitted {
    Admitted::Pass(Pass { fields, ..Pass::verdict(format!("ask: yes ({how})")) })
}
