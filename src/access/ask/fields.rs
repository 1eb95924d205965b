//! The header fields of a request to the app, and those of its response that are passed on to the client. Pure.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use url::{Position, Url};

use crate::access::admission::RequestContext;
use crate::connection::Scheme;
use crate::forward::app_url::AppUrl;
use crate::forward::fields::HopByHop;

/// The name of devmedia in `Via`, so that it recognises its own requests in a loop (RFC 9110 section 7.6.3).
const VIA: &str = "1.1 devmedia-ask";

/// Fields that would make an app answer 206, 304 or 412, or wait for a body.
const NOT_SENT: [HeaderName; 9] = [
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

/// Fields by which a proxy describes the original request to an app, in addition to `X-Forwarded-*` and `X-Original-*`. A
/// client must not be able to set them.
const CLAIMS: [&str; 5] = ["forwarded", "x-real-ip", "x-rewrite-url", "x-http-method-override", "remote-user"];

/// Fields of a refusal that a browser would apply to the whole host of this server, or to later requests.
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

/// Whether a request is one that devmedia sent to an app.
pub(super) fn is_own_request(headers: &HeaderMap) -> bool {
    headers.get_all(header::VIA).iter().any(|via| via.to_str().is_ok_and(|via| via.contains(VIA)))
}

/// The header fields of the request that asks the app about a client's request for `target`.
///
/// `X-Original-URI` is the normalized path, escaped in one canonical way, so an app that decides by it decides about the file
/// that is served. The client's own `X-Original-*`, `X-Forwarded-*` and similar fields are removed, and so are all names with
/// an underscore, which CGI and WSGI do not distinguish from a hyphen (nginx drops them as well: `underscores_in_headers`).
/// The one exception is `X-Forwarded-Proto: https` from this machine, which a TLS-terminating proxy sends.
pub(super) fn request_fields(context: &RequestContext<'_>, target: &str) -> HeaderMap {
    let request = context.request;
    let hop = HopByHop::of(request.headers());
    let mut fields = HeaderMap::new();
    for (name, value) in request.headers() {
        let text = name.as_str();
        let is_claim = text.starts_with("x-forwarded-")
            || text.starts_with("x-original-")
            || text.contains('_')
            || CLAIMS.contains(&text);
        let is_content = text.starts_with("content-");
        let is_local = hop.has(name) || NOT_SENT.contains(name);
        if !(is_claim || is_content || is_local) {
            fields.append(name, value.clone());
        }
    }
    let mut set = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            fields.insert(HeaderName::from_static(name), value);
        }
    };
    let method = HeaderValue::from_str(request.method().as_str()).ok();
    let proto = if is_https(context) { "https" } else { "http" };
    let host = request.headers().get(header::HOST);
    let url = host.and_then(|host| HeaderValue::try_from(format!("{proto}://{}{target}", host.to_str().ok()?)).ok());
    let target = HeaderValue::from_str(target).ok();
    set("x-original-uri", target.clone());
    set("x-original-url", url);
    set("x-original-method", method.clone());
    set("x-forwarded-proto", Some(HeaderValue::from_static(proto)));
    set("x-forwarded-host", host.cloned());
    set("x-forwarded-uri", target);
    set("x-forwarded-method", method);
    set("x-forwarded-for", context.peer.and_then(|peer| HeaderValue::from_str(&peer.to_string()).ok()));
    fields.append(header::VIA, HeaderValue::from_static(VIA));
    fields
}

/// Whether a proxy on this machine says that it received the request over https. With several proxies, the first value of
/// the field is about the browser's connection.
fn is_https(context: &RequestContext<'_>) -> bool {
    const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    let is_local = context.peer.is_none_or(|peer| peer.to_canonical().is_loopback());
    let proto =
        context.request.headers().get(FORWARDED_PROTO).and_then(|proto| proto.to_str().ok()).unwrap_or_default();
    let is_https_proxy =
        is_local && proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"));
    context.scheme == Scheme::Https || is_https_proxy
}

/// Whether the request came through a proxy: the port in `Host` is not the listener's, or the listener is a Unix socket.
fn came_through_proxy(context: &RequestContext<'_>) -> bool {
    let Some(ours) = context.port else { return true };
    let host = context.request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else { return false };
    host.port_u16().unwrap_or(if context.scheme == Scheme::Https { 443 } else { 80 }) != ours
}

/// The header fields of an app's refusal that the client gets: all except hop-by-hop fields and those that devmedia sets.
///
/// A `Location` without a host is a page of the app. Behind a proxy, which serves the app and the media under one origin, it
/// stays a path. Otherwise the app has another origin, and the URL is made absolute.
pub(super) fn refusal(answer: &HeaderMap, app: &AppUrl, context: &RequestContext<'_>) -> HeaderMap {
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
    let is_path = app.has_socket() || came_through_proxy(context);
    if let Some(location) = fields.get(header::LOCATION).and_then(|location| resolved(location, app, is_path)) {
        fields.insert(header::LOCATION, location);
    }
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields
}

/// Resolves a `Location` that is relative to the app's URL (RFC 9110 section 10.2.2); the result has no origin if `is_path`.
/// Returns `None` for a `Location` that names a host and stays as it is.
fn resolved(location: &HeaderValue, app: &AppUrl, is_path: bool) -> Option<HeaderValue> {
    let location = location.to_str().ok()?;
    if Url::parse(location) != Err(url::ParseError::RelativeUrlWithoutBase) {
        return None;
    }
    let base = Url::parse(&app.url().to_string()).ok()?;
    let whole = base.join(location).ok()?;
    match (is_path, whole.origin() == base.origin()) {
        (true, true) => HeaderValue::try_from(&whole[Position::BeforePath..]).ok(),
        // "//sso.test/login" has a host; the browser uses the proxy's scheme
        (true, false) => None,
        (false, _) => HeaderValue::try_from(whole.as_str()).ok(),
    }
}

#[cfg(test)]
mod tests;
