//! Which fields a question carries, and which of an answer's are passed on. Pure.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Uri};
use url::Url;

use crate::connection::Scheme;

/// Who asks, so that a question that comes back is recognised (RFC 9110 section 7.6.3).
const VIA: &str = "1.1 devmedia-ask";

/// Fields of one connection (RFC 9110 section 7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What an app would answer with 206, 304 or 412, or wait for a body for.
const OF_THE_REQUEST: [HeaderName; 8] = [
    header::HOST,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::EXPECT,
];

/// What tells an app where a request came from and what it was about, beside `X-Forwarded-*` and `X-Original-*`: this
/// server's to say, not its client's.
const CLAIMS: [&str; 5] = ["forwarded", "x-real-ip", "x-rewrite-url", "x-http-method-override", "remote-user"];

/// What a browser would keep of a no: for this server's whole host, or for the next request.
const LASTING: [&str; 8] = [
    "strict-transport-security",
    "service-worker-allowed",
    "clear-site-data",
    "etag",
    "last-modified",
    "accept-ranges",
    "content-range",
    "cache-control",
];

/// Whether a request is itself a question to an app.
pub(super) fn is_question(headers: &HeaderMap) -> bool {
    headers.get_all(header::VIA).iter().any(|via| via.to_str().is_ok_and(|via| via.contains(VIA)))
}

/// The fields of the question about a request for `target`.
///
/// `X-Original-URI` is the one spelling of the path, escaped the one way: an app that decides by it decides about what
/// is served. What a client says of itself in `X-Original-*`, `X-Forwarded-*` and the like is not believed, nor in any name
/// with an underscore, which CGI and WSGI take for a hyphen (nginx drops them, too: `underscores_in_headers`).
pub(super) fn question(request: &Request<()>, target: &str, peer: Option<IpAddr>, scheme: Scheme) -> HeaderMap {
    let named = connection_options(request.headers());
    let mut fields = HeaderMap::new();
    for (name, value) in request.headers() {
        let text = name.as_str();
        let is_claim = text.starts_with("x-forwarded-")
            || text.starts_with("x-original-")
            || text.contains('_')
            || CLAIMS.contains(&text);
        let is_content = text.starts_with("content-");
        let is_local = HOP_BY_HOP.contains(name) || OF_THE_REQUEST.contains(name) || named.contains(name);
        if !(is_claim || is_content || is_local) {
            fields.append(name, value.clone());
        }
    }
    let mut say = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            fields.insert(HeaderName::from_static(name), value);
        }
    };
    let method = HeaderValue::from_str(request.method().as_str()).ok();
    let target = HeaderValue::from_str(target).ok();
    say("x-original-uri", target.clone());
    say("x-original-method", method.clone());
    say("x-forwarded-proto", Some(HeaderValue::from_static(scheme.as_str())));
    say("x-forwarded-host", request.headers().get(header::HOST).cloned());
    say("x-forwarded-uri", target);
    say("x-forwarded-method", method);
    say("x-forwarded-for", peer.and_then(|peer| HeaderValue::from_str(&peer.to_string()).ok()));
    fields.append(header::VIA, HeaderValue::from_static(VIA));
    fields
}

/// The fields of an app's no that its client gets: all but those of the connection and those that are devmedia's to set.
///
/// A `Location` without a host means a page of the app, which lives elsewhere: it is made whole.
pub(super) fn no(answer: &HeaderMap, app: &Uri) -> HeaderMap {
    let named = connection_options(answer);
    let mut fields = HeaderMap::new();
    for (name, value) in answer {
        let is_ours = name.as_str().starts_with("access-control-")
            || matches!(*name, header::CONTENT_LENGTH | header::DATE | header::X_CONTENT_TYPE_OPTIONS)
            || LASTING.contains(&name.as_str());
        if !(is_ours || HOP_BY_HOP.contains(name) || named.contains(name)) {
            fields.append(name, value.clone());
        }
    }
    if let Some(location) = fields.get(header::LOCATION).and_then(|location| whole(location, app)) {
        fields.insert(header::LOCATION, location);
    }
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields
}

/// The absolute form of a `Location` that is a path of the app (RFC 9110 section 10.2.2); nothing where it is one already.
fn whole(location: &HeaderValue, app: &Uri) -> Option<HeaderValue> {
    let location = location.to_str().ok()?;
    if Url::parse(location) != Err(url::ParseError::RelativeUrlWithoutBase) {
        return None;
    }
    let whole = Url::parse(&app.to_string()).ok()?.join(location).ok()?;
    HeaderValue::try_from(whole.as_str()).ok()
}

/// The fields that `Connection` names.
fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests;
