//! The headers of every response that tell browsers who may use it.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};

use crate::guard::{Admission, Row};

/// Request headers that scripts of other origins may send (the Fetch standard's CORS protocol).
const ALLOWED: &str = "Authorization, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, \
                       Cache-Control, Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, \
                       X-HTTP-Method-Override";

/// Response headers that they may read.
const EXPOSED: &str = "Content-Range, Content-Length, Accept-Ranges, ETag";

/// Adds the headers of every response, including 304 and refusals: types must not be guessed, and which pages may use
/// it.
///
/// `exposed` names more headers that scripts may read. A 304 without the CORS headers would break a `fetch` that
/// follows an `<img>` of the same URL.
pub fn add<B>(request: &Request<B>, admission: Option<&Admission>, exposed: &'static str, headers: &mut HeaderMap) {
    const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
    const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let policy = match admission {
        Some(Admission { row: Row::Tool, .. }) => "same-site",
        _ => "cross-origin",
    };
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static(policy));

    let Some(origin) = admission.and_then(|admission| admission.origin.as_ref()) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if !exposed.is_empty() {
        headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    }
    if request.method() != Method::OPTIONS || !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return;
    }
    if let Some(methods) = headers.get(header::ALLOW).cloned() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if request.headers().contains_key(PRIVATE_NETWORK) {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
}
