//! Asks the app whether a request may see a file, like nginx's `auth_request` and the `forward_auth` of Traefik and Caddy.
//!
//! devmedia sends the app a GET request with the client's header fields, so session cookies and tokens work as in the app
//! itself. A 2xx response approves the request. With a 4xx response or a redirect the app refuses it, and devmedia passes
//! that response on to the client. Everything else is a 502: the app made no decision, so the file is not served.

mod cache;
pub mod error;
mod fields;

use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio::time::timeout;

use self::cache::Cache;
use self::error::{AskError, MAX_BODY};
use super::admission::{AccessDecision, AccessError, Approval, RequestContext};
use crate::access_log::Reason;
use crate::body::Body;
use crate::forward::app_url::AppUrl;
use crate::forward::client::Client;
use crate::forward::fields::target;
use crate::forward::internal_redirect;
use crate::forward::outgoing::Outgoing;

/// An app that decides who may see a file.
#[derive(Debug)]
pub struct Ask {
    app: AppUrl,
    timeout: Duration,
    copy: Vec<HeaderName>,
    cache: Option<Cache>,
    client: Client,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} s at most", self.app, self.timeout.as_secs_f64())?;
        if let Some(cache) = &self.cache {
            write!(f, ", approvals are cached for {} s", cache.lifetime().as_secs_f64())?;
        }
        if !self.copy.is_empty() {
            let names: Vec<&str> = self.copy.iter().map(HeaderName::as_str).collect();
            write!(f, ", copies {}", names.join(" "))?;
        }
        Ok(())
    }
}

impl Ask {
    /// Asks `app` and waits at most `timeout` for its response. The header fields named in `copy` are copied from an approval
    /// into the response to the client. Approvals are cached for `lifetime`, unless that is zero.
    pub fn new(app: AppUrl, timeout: Duration, copy: Vec<HeaderName>, lifetime: Duration) -> Self {
        let cache = (!lifetime.is_zero()).then(|| Cache::new(lifetime));
        Self { app, timeout, copy, cache, client: Client::default() }
    }

    /// Asks whether the request may see `url_path`, the normalized path.
    pub async fn ask(&self, url_path: &str, context: &RequestContext<'_>) -> Result<AccessDecision, AccessError> {
        let request = context.request;
        let target = match request.uri().query() {
            Some(query) => format!("{url_path}?{query}"),
            None => url_path.to_owned(),
        };
        if fields::is_own_request(request.headers()) {
            return Err(self.failed(AskError::Loop));
        }
        let fields = fields::request_fields(context, &target);
        let remembered = self.cache.as_ref().map(|cache| (cache, cache::key(&fields)));
        if let Some(fields) = remembered.as_ref().and_then(|(cache, key)| cache.get(key)) {
            return Ok(approved(fields, "cached"));
        }
        let answer = timeout(self.timeout, self.exchange(&fields)).await;
        let answer = answer.unwrap_or(Err(AskError::TimedOut(self.timeout))).map_err(|error| self.failed(error))?;
        let status = answer.status();
        if status.is_success() {
            if let Some(redirect) = internal_redirect::read(status, answer.headers()) {
                return Ok(AccessDecision::InternalRedirect(Box::new(redirect)));
            }
            let fields = self.copied(answer.headers());
            if let Some((cache, key)) = remembered {
                cache.put(key, fields.clone());
            }
            return Ok(approved(fields, status.as_str()));
        }
        // not 304, which would make a browser show its cached copy, nor 407, which is about a proxy
        let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        if is_redirect || (status.is_client_error() && status != StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            let (mut head, body) = answer.into_parts();
            head.headers = fields::refusal(&head.headers, &self.app, context);
            head.extensions.insert(Reason(format!("The app refused the request with {status}.")));
            return Ok(AccessDecision::Answer(Response::from_parts(head, Body::full(body))));
        }
        Err(self.failed(AskError::Status(status)))
    }

    async fn exchange(&self, fields: &HeaderMap) -> Result<Response<Bytes>, AskError> {
        let request = || {
            let mut request = Request::new(Outgoing::Empty);
            *request.uri_mut() = target(self.app.url()).into();
            *request.headers_mut() = fields.clone();
            let host = HeaderValue::from_str(self.app.address().authority()).expect("it was in a URL");
            request.headers_mut().insert(header::HOST, host);
            request
        };
        let answer = self.client.send_idempotent(self.app.address(), request).await;
        let answer = answer.map_err(|error| AskError::NoAnswer(error.to_string()))?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            // the body of an approval is not used; reading it to the end lets the next request use the connection
            tokio::spawn(timeout(self.timeout, Limited::new(body, MAX_BODY).collect()));
            return Ok(Response::from_parts(head, Bytes::new()));
        }
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(AskError::TooLong),
            Err(error) => Err(AskError::NoAnswer(format!("its response is incomplete: {error}"))),
        }
    }

    fn copied(&self, headers: &HeaderMap) -> HeaderMap {
        let all = |name| headers.get_all(name).iter().map(move |value| (HeaderName::clone(name), value.clone()));
        self.copy.iter().flat_map(all).collect()
    }

    fn failed(&self, error: AskError) -> AccessError {
        AccessError::Ask { app: self.app.to_string(), error }
    }
}

fn approved(fields: HeaderMap, how: &str) -> AccessDecision {
    AccessDecision::Approved(Approval::verdict(format!("ask: approved ({how})")).with_fields(fields))
}
