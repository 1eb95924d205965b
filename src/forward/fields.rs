//! Decides which header fields are forwarded between a client and an app, and which are hop-by-hop. Pure.

use std::net::IpAddr;
use std::sync::LazyLock;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri};
use url::{Position, Url};

use super::address::Address;
use crate::connection::Scheme;
use crate::request::via;
use crate::storage::token::token;

/// Hop-by-hop fields (RFC 9110 section 7.6.1), in addition to those that `Connection` names. `Trailer` is not one of them: it
/// announces fields for the recipient.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The prefix of fields for the proxy in front of the app; nginx does not pass them on to the client either.
const TO_THE_PROXY: &str = "x-accel-";

/// The name of this process in `Via`, by which it recognises request loops (RFC 9110 section 7.6.3).
static VIA: LazyLock<HeaderValue> =
    LazyLock::new(|| HeaderValue::try_from(via::field(&token(16))).expect("letters and digits"));

/// Distinguishes hop-by-hop fields from end-to-end fields.
#[derive(Debug)]
pub struct HopByHop {
    /// The fields that `Connection` names.
    named: Vec<HeaderName>,
}

impl HopByHop {
    /// The rules for a message with these fields.
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
        let named = lines.flat_map(|line| line.split(',')).map(str::trim);
        // the most common option; the field of that name is hop-by-hop anyway
        let named = named.filter(|name| !name.eq_ignore_ascii_case("keep-alive"));
        Self { named: named.filter_map(|name| name.parse().ok()).collect() }
    }

    /// Whether a field is hop-by-hop. `Host` never is, even if `Connection` names it: without it, the app would take the
    /// request for one to another host.
    pub fn has(&self, name: &HeaderName) -> bool {
        HOP_BY_HOP.contains(name) || (*name != header::HOST && self.named.contains(name))
    }

    fn names(&self, name: &HeaderName) -> bool {
        self.named.contains(name)
    }
}

/// The protocol that a request wants to switch to, if that is forwarded. `h2c` is not: it is for the next hop only, and
/// deprecated (RFC 9113 section 3.1).
pub fn upgrade<B>(request: &Request<B>) -> Option<&HeaderValue> {
    let wanted = request.headers().get(header::UPGRADE)?;
    let mut protocols = wanted.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii);
    let is_h2c = protocols.any(|protocol| protocol.eq_ignore_ascii_case(b"h2c"));
    let is_named = HopByHop::of(request.headers()).names(&header::UPGRADE);
    (is_named && !is_h2c && request.version() == hyper::Version::HTTP_11).then_some(wanted)
}

/// Whether this process has forwarded the request before.
pub fn came_back(headers: &HeaderMap) -> bool {
    let own = VIA.as_bytes();
    headers.get_all(header::VIA).iter().any(|via| via.as_bytes().windows(own.len()).any(|part| part == own))
}

/// The target in origin form. The path is forwarded unchanged, without decoding.
pub fn target(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// The header fields of a request to the app.
///
/// `Host` is kept, so that the app's links, cookies and CSRF checks use the URL that the client sees. `X-Forwarded-*` is
/// trusted only from a proxy on this machine.
pub fn request<B>(request: &Request<B>, peer: Option<IpAddr>, scheme: Scheme, app: &Address) -> HeaderMap {
    let headers = request.headers();
    let hop = HopByHop::of(headers);
    let is_local = peer.is_none_or(|peer| peer.to_canonical().is_loopback());
    let mut fields = HeaderMap::with_capacity(headers.len() + 8);
    for (name, value) in headers {
        if !(is_false_claim(name, is_local) || hop.has(name)) {
            fields.append(name, value.clone());
        }
    }
    if hop.names(&header::TE) && headers.get(header::TE).is_some_and(|te| te == "trailers") {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
        fields.append(header::CONNECTION, HeaderValue::from_static("te"));
    }
    if let Some(protocol) = upgrade(request) {
        fields.insert(header::UPGRADE, protocol.clone());
        fields.append(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    // an absolute-form target overrides the field (RFC 9112 section 3.2.2); HTTP/1.0 requests may omit it
    let named = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = named {
        fields.insert(header::HOST, host);
    } else if !fields.contains_key(header::HOST) {
        fields.insert(header::HOST, HeaderValue::from_str(app.authority()).expect("it was in a URL"));
    }
    let host = fields.get(header::HOST).cloned();
    if let (Some(host), false) = (host, fields.contains_key(FORWARDED_HOST)) {
        fields.insert(FORWARDED_HOST, host);
    }
    if !fields.contains_key(FORWARDED_PROTO) {
        fields.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme.as_str()));
    }
    if let Some(peer) = peer {
        let peer = peer.to_canonical().to_string();
        let before = fields.get(FORWARDED_FOR).and_then(|before| before.to_str().ok());
        let all = before.map_or(peer.clone(), |before| format!("{before}, {peer}"));
        fields.insert(FORWARDED_FOR, HeaderValue::try_from(all).expect("text and an address"));
    }
    fields.append(header::VIA, VIA.clone());
    fields
}

/// Whether a field makes a claim about the client that the app must not trust: the client is another machine, or the name
/// has an underscore, which CGI and WSGI do not distinguish from a hyphen.
fn is_false_claim(name: &HeaderName, is_local: bool) -> bool {
    let text = name.as_str();
    let meant = text.replace('_', "-");
    (meant == "forwarded" || meant.starts_with("x-forwarded-")) && (!is_local || meant != text)
}

/// The header fields of the app's response for the client.
pub fn answer(headers: &HeaderMap, app: &Address) -> HeaderMap {
    let hop = HopByHop::of(headers);
    // RFC 9112 section 6.3: the length beside a transfer coding is not that of the body
    let is_coded = headers.contains_key(header::TRANSFER_ENCODING);
    let mut fields = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let is_wrong = is_coded && *name == header::CONTENT_LENGTH;
        if !(is_wrong || hop.has(name) || name.as_str().starts_with(TO_THE_PROXY)) {
            fields.append(name, value.clone());
        }
    }
    if let Some(here) = fields.get(header::LOCATION).and_then(|location| relative(location, app)) {
        fields.insert(header::LOCATION, here);
    }
    fields
}

/// Converts a `Location` at the app's own address to a path, so that the client requests the page through this server. Returns
/// `None` for other locations and for paths.
fn relative(location: &HeaderValue, app: &Address) -> Option<HeaderValue> {
    let text = location.to_str().ok()?;
    let url = match text.strip_prefix("//") {
        Some(rest) => Url::parse(&format!("http://{rest}")),
        None => Url::parse(text),
    };
    let url = url.ok().filter(|url| app.is_of(url))?;
    let path = &url[Position::BeforePath..];
    // a path that begins with two slashes would name a host
    let path = if path.starts_with("//") { format!("/.{path}") } else { path.to_owned() };
    HeaderValue::try_from(path).ok()
}

#[cfg(test)]
mod tests;
