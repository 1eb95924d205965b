//! Protects the media from web pages of other sites.
//!
//! Any web page can make a browser send requests to a server on the developer's machine. Two checks keep such a page from
//! reading the media: the `Host` check stops DNS rebinding, and the rows of [`Guard::admit`] separate the pages that may read
//! the media from those that may not. An app on another port of this machine needs no configuration.

use std::fmt;
use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Version};
use url::Url;

use crate::connection::ListenerKind;
use crate::refusal::Refusal;
use crate::request::path::Visible;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Names that no other machine can claim: browsers resolve `localhost` themselves, and names below `.test` cannot be
/// registered (RFC 6761).
const OWN_SUFFIXES: &[&str] = &[".localhost", ".test"];

/// Names that any machine on the local network can claim (RFC 6762, RFC 8375, ICANN's `.internal`). So can it claim names
/// without a dot.
const NETWORK_SUFFIXES: &[&str] = &[".local", ".internal", ".home.arpa"];

/// Public services whose names resolve to a loopback address. They are refused, because a DNS server can make them resolve to
/// any address; the 421 response has specific advice for them.
const LOOPBACK_SERVICES: &[&str] = &["lvh.me", "localtest.me", "nip.io", "sslip.io", "vcap.me", "lacolhost.com"];

/// The hosts and origins of `--allow-host` and `--allow-origin`.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Accepted `Host` names in addition to the local ones.
    pub hosts: Vec<HostPattern>,
    /// Origins, in addition to the local ones, whose pages may read the media.
    pub origins: Vec<OriginPattern>,
}

/// Why a request is admitted; decides the CORS and CORP fields of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The origin that may read the response, as in the `Origin` field.
    pub origin: Option<HeaderValue>,
    /// The row that admitted the request.
    pub row: Row,
}

/// The row of the admission table that admitted a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// (a) An allowed `Origin`.
    Origin,
    /// (b) The browser says that the request comes from a page of this site, or from no page.
    SameSite,
    /// (c) The user followed a link to the file.
    Navigation,
    /// (d) An allowed `Referer`.
    Referer,
    /// (e) An image, video or audio file on a page that hides its origin. The page can show the file, but not read it.
    Opaque,
    /// (g) The client is not a browser, but curl or a test.
    Tool,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardError {
    /// The `Host` field is missing, doubled or malformed.
    BadHost {
        /// What is wrong, as a clause about the request.
        why: &'static str,
    },
    /// The `Host` does not name this machine: DNS rebinding, or a name that has to be allowed.
    UnknownHost {
        /// The host that the client sent, in lower case.
        host: String,
    },
    /// The `Host` is a name that anybody on the local network can claim, and this listener does not accept such names.
    NetworkHost {
        /// The host that the client sent, in lower case.
        host: String,
    },
    /// The `Host` is such a name, and the listener accepts it for reading only.
    NetworkWrite {
        /// The host that the client sent, in lower case.
        host: String,
        /// The request's method.
        method: Method,
    },
    /// A web page of another site sent the request.
    CrossSite {
        /// The page's origin, if it is known.
        origin: Option<String>,
    },
}

impl From<GuardError> for Refusal {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::BadHost { why } => Self::new(
                StatusCode::BAD_REQUEST,
                "bad-host",
                format!("The request does not name a valid host: {why}."),
                "Send one Host field, such as 'Host: localhost:8001'.",
            ),
            GuardError::UnknownHost { host } => Self::new(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown-host",
                format!("This server does not answer to the name {host}."),
                match loopback_service(&host) {
                    Some(service) => format!(
                        "{service} is a public name, so it is as safe as the DNS server that resolves it. Open the page \
                         as http://app.localhost, which needs no flag, or start devmedia with --allow-host {host}"
                    ),
                    None => format!(
                        "An attacker could point such a name at this machine (DNS rebinding). If {host} is yours, start \
                         devmedia with --allow-host {host}"
                    ),
                },
            ),
            GuardError::NetworkHost { host } => Self::new(
                StatusCode::MISDIRECTED_REQUEST,
                "network-host",
                format!("devmedia listens on this machine only, where it does not answer to the name {host}."),
                format!(
                    "Anybody on the local network could point such a name at this machine (DNS rebinding). Use localhost, \
                     or start devmedia with --allow-host {host}"
                ),
            ),
            GuardError::NetworkWrite { host, method } => Self::new(
                StatusCode::MISDIRECTED_REQUEST,
                "network-host-write",
                format!("Under the name {host} files can be read, but {method} is not accepted."),
                format!(
                    "Anybody on the local network could point such a name at this machine (DNS rebinding). Use localhost \
                     or the machine's address, or start devmedia with --allow-host {host}"
                ),
            ),
            GuardError::CrossSite { origin: Some(origin) } => Self::new(
                StatusCode::FORBIDDEN,
                "cross-site",
                format!("A page of {origin} sent this request, and pages of this origin may not read the media."),
                format!(
                    "If the page is yours, start devmedia with --allow-origin {origin}; behind a proxy, configure the \
                     proxy to keep the Host field (Vite: changeOrigin: false)"
                ),
            ),
            GuardError::CrossSite { origin: None } => Self::new(
                StatusCode::FORBIDDEN,
                "cross-site",
                "A page of another site sent this request, and pages of other sites may not read the media.",
                "If the page is yours, open it under the same host name as the media: localhost or 127.0.0.1 for both.",
            ),
        }
    }
}

impl Guard {
    /// Admits a request on this kind of listener, or returns why it is refused. The first matching row decides.
    pub fn admit<B>(&self, request: &Request<B>, listener: ListenerKind) -> Result<Admission, GuardError> {
        let headers = request.headers();
        let method = request.method();
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let host = self.host(request, listener, safe)?;
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let origin = text(headers, header::ORIGIN);
        let referer = text(headers, header::REFERER);
        let site = text(headers, SEC_FETCH_SITE);
        let admitted = |row| Ok(Admission { origin: None, row });

        // (a)
        if let Some(origin) = origin.filter(|origin| *origin != "null") {
            return if only_one(headers, header::ORIGIN) && self.is_allowed(origin, host.as_ref()) {
                Ok(Admission { origin: headers.get(header::ORIGIN).cloned(), row: Row::Origin })
            } else {
                Err(GuardError::CrossSite { origin: Some(Visible(origin).to_string()) })
            };
        }
        // (b)
        if matches!(site, Some("same-origin" | "same-site" | "none")) {
            return admitted(Row::SameSite);
        }
        let destination = text(headers, SEC_FETCH_DEST);
        let mode = text(headers, SEC_FETCH_MODE);
        // (c)
        if reads && site.is_some() && mode == Some("navigate") && destination == Some("document") {
            return admitted(Row::Navigation);
        }
        // (d)
        if let Some(referer) = referer {
            return if safe && only_one(headers, header::REFERER) && self.is_allowed(referer, host.as_ref()) {
                admitted(Row::Referer)
            } else {
                Err(GuardError::CrossSite { origin: Origin::parse(referer).map(|origin| origin.to_string()) })
            };
        }
        // (e)
        let is_embedded = matches!(destination, Some("image" | "video" | "audio" | "track"));
        if reads && site.is_some() && mode == Some("no-cors") && is_embedded && origin.is_none() {
            return admitted(Row::Opaque);
        }
        // (f)
        if site.is_some() || origin.is_some() {
            return Err(GuardError::CrossSite { origin: None });
        }
        // (g)
        admitted(Row::Tool)
    }

    /// Checks the host. An absolute-form target overrides the `Host` field (RFC 9112 section 3.2.2). HTTP/1.0 requests may
    /// omit it; no browser sends those.
    fn host<B>(&self, request: &Request<B>, listener: ListenerKind, safe: bool) -> Result<Option<Host>, GuardError> {
        let mut fields = request.headers().get_all(header::HOST).iter();
        let field = fields.next();
        if fields.next().is_some() {
            return Err(GuardError::BadHost { why: "it has more than one Host field" });
        }
        let authority = request.uri().authority();
        let is_http2 = request.version() >= Version::HTTP_2;
        if field.is_none() && (request.version() == Version::HTTP_11 || (is_http2 && authority.is_none())) {
            return Err(GuardError::BadHost { why: "it has no Host field" });
        }
        if let (Some(authority), Some(field), true) = (authority, field, is_http2)
            && !authority.as_str().as_bytes().eq_ignore_ascii_case(field.as_bytes())
        {
            // RFC 9113 section 8.3.1
            return Err(GuardError::BadHost { why: "its Host field is not its :authority" });
        }
        let named = match (authority, field) {
            (Some(authority), _) => Some(authority.as_str()),
            (None, Some(field)) => Some(field.to_str().unwrap_or_default()),
            (None, None) => None,
        };
        let Some(named) = named else { return Ok(None) };
        let host = host_of(named).ok_or(GuardError::BadHost { why: "its Host field is not a host name" })?;
        let is_allowed = self.hosts.iter().any(|pattern| pattern.matches(&host));
        match host.trust() {
            _ if is_allowed => Ok(Some(host)),
            Trust::Own => Ok(Some(host)),
            Trust::Network if listener == ListenerKind::Loopback => {
                Err(GuardError::NetworkHost { host: host.to_string() })
            }
            Trust::Network if safe => Ok(Some(host)),
            Trust::Network => {
                Err(GuardError::NetworkWrite { host: host.to_string(), method: request.method().clone() })
            }
            Trust::Public => Err(GuardError::UnknownHost { host: host.to_string() }),
        }
    }

    /// Whether the page with this URL may read the media: its host is this machine, its origin is in `--allow-origin`, or it
    /// has the same host as this request (a phone that opens both by the address of the developer's machine).
    fn is_allowed(&self, url: &str, asked: Option<&Host>) -> bool {
        Origin::parse(url).is_some_and(|origin| {
            let web = matches!(origin.scheme.as_str(), "http" | "https");
            (web && (origin.host.is_loopback() || Some(&origin.host) == asked))
                || self.origins.iter().any(|pattern| pattern.matches(&origin))
        })
    }
}

/// The loopback service that this name belongs to, if there is one.
fn loopback_service(host: &str) -> Option<&'static str> {
    let is_below =
        |service: &&&str| host.strip_suffix(**service).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    LOOPBACK_SERVICES.iter().find(is_below).copied()
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    // a value that is not text must not count as absent; it matches no row that admits a request
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn only_one(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().count() == 1
}

/// Who can make a host name resolve to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// Only this machine: an address, `localhost`, `*.localhost`, `*.test`. No page of another site has such a name.
    Own,
    /// Anybody on the local network, by mDNS, DHCP or a DNS server.
    Network,
    /// Anybody.
    Public,
}

/// A host: an address, or a name in lower case without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP literal.
    Address(IpAddr),
    /// A registered name, in its ASCII form.
    Name(String),
}

impl Host {
    /// Parses a host without a port: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        // what nearly every request of a developer has; the parser for URLs also reads 0x7f.1 and other scripts
        match text.parse().map(Self::Address) {
            Ok(address @ Self::Address(IpAddr::V4(_))) => Some(address),
            _ if text == "localhost" => Some(Self::Name(text.to_owned())),
            _ => Self::new(url::Host::parse(text).ok()?),
        }
    }

    fn new<S: AsRef<str>>(host: url::Host<S>) -> Option<Self> {
        let name = match host {
            url::Host::Ipv4(address) => return Some(Self::Address(address.into())),
            url::Host::Ipv6(address) => return Some(Self::Address(address.into())),
            url::Host::Domain(name) => name.as_ref().to_ascii_lowercase(),
        };
        let name = name.strip_suffix('.').unwrap_or(&name);
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let whole = name.bytes().all(letter) && !name.split('.').any(str::is_empty);
        whole.then(|| Self::Name(name.to_owned()))
    }

    /// Who can make it resolve to this machine.
    fn trust(&self) -> Trust {
        match self {
            // there is no name that DNS could rebind
            Self::Address(_) => Trust::Own,
            Self::Name(name) if is_own(name) => Trust::Own,
            Self::Name(name) if !name.contains('.') || NETWORK_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) => {
                Trust::Network
            }
            Self::Name(_) => Trust::Public,
        }
    }

    /// Whether pages of this host are served by this machine.
    fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.to_canonical().is_loopback(),
            Self::Name(name) => is_own(name),
        }
    }
}

fn is_own(name: &str) -> bool {
    name == "localhost" || OWN_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Parses the host of `host[:port]` in a `Host` field (RFC 9110 section 7.2): ASCII, without escapes and user information.
fn host_of(authority: &str) -> Option<Host> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'[' | b']');
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let has_port = port.bytes().all(|b| b.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    (has_port && host.bytes().all(letter)).then(|| Host::parse(host))?
}

/// `scheme://host[:port]` (RFC 6454); the path of a `Referer` is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: Host,
    /// The default port of the scheme if the URL has no port.
    port: Option<u16>,
}

impl Origin {
    fn parse(url: &str) -> Option<Self> {
        // "http:localhost" is a valid URL, but no browser sends it
        url.split_once("://")?;
        let url = Url::parse(url).ok()?;
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        Some(Self { scheme: url.scheme().to_owned(), host: Host::new(url.host()?)?, port: url.port_or_known_default() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            (_, None) | ("http", Some(80)) | ("https", Some(443)) => Ok(()),
            (_, Some(port)) => write!(f, ":{port}"),
        }
    }
}

/// `--allow-host`: a name, or `*.suffix` for all names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exactly(Host),
    /// Every name with this suffix, which starts with a dot.
    Below(String),
}

impl HostPattern {
    /// Parses a pattern; `None` if it is neither a host nor `*.name`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("*.") {
            None => Some(Self::Exactly(Host::parse(text)?)),
            Some(suffix) => match Host::parse(suffix)? {
                Host::Name(name) => Some(Self::Below(format!(".{name}"))),
                Host::Address(_) => None,
            },
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(expected), host) => expected == host,
            (Self::Below(suffix), Host::Name(name)) => name.ends_with(suffix),
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

/// `--allow-origin`: `scheme://host`, with `:port`, or with `:*` for any port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    origin: Origin,
    any_port: bool,
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(host) => host.fmt(f),
            Self::Below(suffix) => write!(f, "*{suffix}"),
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any_port = if self.any_port { ":*" } else { "" };
        write!(f, "{}{any_port}", self.origin)
    }
}

impl OriginPattern {
    /// Parses a pattern; `None` if it is not an origin (it has a path, a `*` instead of a host, or no scheme).
    pub fn parse(text: &str) -> Option<Self> {
        let (text, any_port) = match text.strip_suffix(":*") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (_, rest) = text.split_once("://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let is_bare = !authority.contains(['/', '\\', '?', '#', '@', '*', '%']);
        (is_bare && !(any_port && has_port)).then(|| Some(Self { origin: Origin::parse(text)?, any_port }))?
    }

    fn matches(&self, origin: &Origin) -> bool {
        self.origin.scheme == origin.scheme
            && self.origin.host == origin.host
            && (self.any_port || self.origin.port == origin.port)
    }
}

#[cfg(test)]
mod tests;
