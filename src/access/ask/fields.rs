//! Which fields a question carries, and which of an answer's are passed on. Pure.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use url::{Position, Url};

use crate::access::admission::Visitor;
use crate::connection::Scheme;
use crate::forward::app_url::AppUrl;
use crate::forward::fields::HopByHop;

/// What devmedia calls itself in a question, so that one that comes back is recognised (RFC 9110 section 7.6.3).
const VIA: &str = "1.1 devmedia-ask";

/// Fields by which an app would answer 206, 304 or 412, or wait for a body.
const OF_THE_REQUEST: [HeaderName; 9] = [
    header::TRAILER,
    header::HOST,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::EXPECT,
];

/// Fields that tell an app where a request came from and what it was about, in addition to `X-Forwarded-*` and
/// `X-Original-*`: they are set by this server, not by its client.
const CLAIMS: [&str; 5] = ["forwarded", "x-real-ip", "x-rewrite-url", "x-http-method-override", "remote-user"];

/// Fields of a no that a browser would remember, for this server's whole host or for the next request.
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
/// with an underscore, which CGI and WSGI take for a hyphen (nginx drops them, too: `underscores_in_headers`). The one
/// exception is `X-Forwarded-Proto: https` from this machine: that is a proxy that takes the TLS off.
pub(super) fn question(visitor: &Visitor<'_>, target: &str) -> HeaderMap {
    let request = visitor.request;
    let hop = HopByHop::of(request.headers());
    let mut fields = HeaderMap::new();
    for (name, value) in request.headers() {
        let text = name.as_str();
        let is_claim = text.starts_with("x-forwarded-")
            || text.starts_with("x-original-")
            || text.contains('_')
            || CLAIMS.contains(&text);
        let is_content = text.starts_with("content-");
        let is_local = hop.has(name) || OF_THE_REQUEST.contains(name);
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
    let proto = if is_https(visitor) { "https" } else { "http" };
    let host = request.headers().get(header::HOST);
    let url = host.and_then(|host| HeaderValue::try_from(format!("{proto}://{}{target}", host.to_str().ok()?)).ok());
    let target = HeaderValue::from_str(target).ok();
    say("x-original-uri", target.clone());
    say("x-original-url", url);
    say("x-original-method", method.clone());
    say("x-forwarded-proto", Some(HeaderValue::from_static(proto)));
    say("x-forwarded-host", host.cloned());
    say("x-forwarded-uri", target);
    say("x-forwarded-method", method);
    say("x-forwarded-for", visitor.peer.and_then(|peer| HeaderValue::from_str(&peer.to_string()).ok()));
    fields.append(header::VIA, HeaderValue::from_static(VIA));
    fields
}

/// Whether the request came over https to a proxy of this machine, as that says itself. Of several proxies the first in the
/// field is the browser's.
fn is_https(visitor: &Visitor<'_>) -> bool {
    const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    let is_local = visitor.peer.is_none_or(|peer| peer.to_canonical().is_loopback());
    let proto =
        visitor.request.headers().get(FORWARDED_PROTO).and_then(|proto| proto.to_str().ok()).unwrap_or_default();
    let is_https_proxy =
        is_local && proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"));
    visitor.scheme == Scheme::Https || is_https_proxy
}

/// Whether the request came through a proxy: its Host has another port than the listener, or the listener is a socket in the
/// file system.
fn came_through_proxy(visitor: &Visitor<'_>) -> bool {
    let Some(ours) = visitor.port else { return true };
    let host = visitor.request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else { return false };
    host.port_u16().unwrap_or(if visitor.scheme == Scheme::Https { 443 } else { 80 }) != ours
}

/// The fields of an app's no that its client gets: all but those of the connection and those that are devmedia's to set.
///
/// A `Location` without a host is a page of the app. Behind a proxy, which serves app and media under one origin, it stays a
/// path; else the app is elsewhere, and the URL is made absolute.
pub(super) fn no(answer: &HeaderMap, app: &AppUrl, visitor: &Visitor<'_>) -> HeaderMap {
    let hop = HopByHop::of(answer);
    let mut fields = HeaderMap::new();
    for (name, value) in answer {
        let is_ours = name.as_str().starts_with("access-control-")
            || matches!(*name, header::CONTENT_LENGTH | header::DATE | header::X_CONTENT_TYPE_OPTIONS)
            || LASTING.contains(&name.as_str());
        if !(is_ours || hop.has(name)) {
            fields.append(name, value.clone());
        }
    }
    let is_path = app.has_socket() || came_through_proxy(visitor);
    if let Some(location) = fields.get(header::LOCATION).and_then(|location| resolved(location, app, is_path)) {
        fields.insert(header::LOCATION, location);
    }
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields
}

/// A `Location` that is relative to the app's URL, resolved (RFC 9110 section 10.2.2): without the app's origin if `is_path`
/// says so. `None` where it names a host, and stays as it is.
fn resolved(location: &HeaderValue, app: &AppUrl, is_path: bool) -> Option<HeaderValue> {
    let location = location.to_str().ok()?;
    if Url::parse(location) != Err(url::ParseError::RelativeUrlWithoutBase) {
        return None;
    }
    let base = Url::parse(&app.url().to_string()).ok()?;
    let whole = base.join(location).ok()?;
    match (is_path, whole.origin() == base.origin()) {
        (true, true) => HeaderValue::try_from(&whole[Position::BeforePath..]).ok(),
        // "//sso.test/login": it has a host, and the scheme is the proxy's
        (true, false) => None,
        (false, _) => HeaderValue::try_from(whole.as_str()).ok(),
    }
}

#[cfg(test)]
mod tests;
