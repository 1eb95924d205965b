//! Who asks: this developer's machine, or a stranger's web page?
//!
//! A web page anywhere can make a browser send requests to a server on the developer's machine. Two rules keep it from
//! reading anything: the `Host` rule stops DNS rebinding, and the rows of [`Guard::admit`] tell the pages that may ask
//! from those that may not. They work without configuration for an app on another port of this machine.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Version};

use crate::refusal::Refusal;
use crate::request::path::Visible;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Names that only this machine or its own network resolves (RFC 6761, RFC 8375, RFC 6762, ICANN's `.internal`).
const LOCAL_SUFFIXES: &[&str] = &[".localhost", ".test", ".local", ".internal", ".home.arpa"];

/// The rules, from `--allow-host` and `--allow-origin`.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Names a request's `Host` may have beside the local ones.
    pub hosts: Vec<HostPattern>,
    /// Pages that may ask beside the local ones.
    pub origins: Vec<OriginPattern>,
}

/// How a request got in; it decides the CORS and CORP fields of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The origin that may read the answer, as it named itself.
    pub origin: Option<HeaderValue>,
    /// The row that let it in.
    pub row: Row,
}

/// The rows of the design's table, named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// (a) An `Origin` that is allowed.
    Origin,
    /// (b) The browser says that the page is of this site, or that there is none.
    SameSite,
    /// (c) Somebody followed a link to it.
    Navigation,
    /// (d) A `Referer` that is allowed.
    Referer,
    /// (e) A picture, sound or video shown by a page that does not say who it is; it cannot read it.
    Opaque,
    /// (g) No browser at all: curl, a test.
    Tool,
}

/// Why a request is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardError {
    /// The `Host` field is missing, doubled or malformed.
    BadHost {
        /// What is wrong, as a main clause about the request.
        why: &'static str,
    },
    /// The `Host` does not name this machine: DNS rebinding, or a name to allow.
    UnknownHost {
        /// As the client sent it, in lower case.
        host: String,
    },
    /// A web page of another site.
    Stranger {
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
                format!("The request cannot be assigned to a host: {why}."),
                "Send one Host field, such as 'Host: localhost:8001'.",
            ),
            GuardError::UnknownHost { host } => Self::new(
                StatusCode::MISDIRECTED_REQUEST,
                "unknown-host",
                format!("This server is not known by the name {host}."),
                format!(
                    "Names that a stranger could point at this machine are refused (DNS rebinding). If {host} is yours, \
                     start devmedia with --allow-host {host}"
                ),
            ),
            GuardError::Stranger { origin: Some(origin) } => Self::new(
                StatusCode::FORBIDDEN,
                "cross-site",
                format!("This request was made by a page of {origin}, which may not read media from here."),
                format!(
                    "If the page is yours, start devmedia with --allow-origin {origin}; behind a proxy, configure the \
                     proxy to keep the Host field (Vite: changeOrigin: false)"
                ),
            ),
            GuardError::Stranger { origin: None } => Self::new(
                StatusCode::FORBIDDEN,
                "cross-site",
                "This request was made by a page of another site, which may not read media from here.",
                "If the page is yours, open it under the same host name as the media: localhost or 127.0.0.1 for both.",
            ),
        }
    }
}

impl Guard {
    /// Admits a request or says why not. The first fitting row decides.
    pub fn admit<B>(&self, request: &Request<B>) -> Result<Admission, GuardError> {
        let host = self.host(request)?;
        let headers = request.headers();
        let method = request.method();
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
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
                Err(GuardError::Stranger { origin: Some(Visible(origin).to_string()) })
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
                Err(GuardError::Stranger { origin: Origin::parse(referer).map(|origin| origin.to_string()) })
            };
        }
        // (e)
        let shows = matches!(destination, Some("image" | "video" | "audio" | "track"));
        if reads && site.is_some() && mode == Some("no-cors") && shows && origin.is_none() {
            return admitted(Row::Opaque);
        }
        // (f)
        if site.is_some() || origin.is_some() {
            return Err(GuardError::Stranger { origin: None });
        }
        // (g)
        admitted(Row::Tool)
    }

    /// The `Host` rule. An absolute-form target overrides the field (RFC 9112 section 3.2.2); HTTP/1.0 may have none,
    /// and no browser speaks it.
    fn host<B>(&self, request: &Request<B>) -> Result<Option<Host>, GuardError> {
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
        let host =
            Authority::parse(named).ok_or(GuardError::BadHost { why: "its Host field is not a host name" })?.host;
        if host.is_local() || self.hosts.iter().any(|pattern| pattern.fits(&host)) {
            Ok(Some(host))
        } else {
            Err(GuardError::UnknownHost { host: host.to_string() })
        }
    }

    /// Whether a page of this URL may ask: it is of this machine, named by `--allow-origin`, or served under the very
    /// host name that this request was sent to (a phone that opens both by the developer's address).
    fn is_allowed(&self, url: &str, asked: Option<&Host>) -> bool {
        Origin::parse(url).is_some_and(|origin| {
            let host = &origin.authority.host;
            let web = matches!(origin.scheme.as_str(), "http" | "https");
            (web && (host.is_loopback() || Some(host) == asked))
                || self.origins.iter().any(|pattern| pattern.fits(&origin))
        })
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    // a value that is not text is still a value: it fits no row that lets in
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn only_one(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().count() == 1
}

/// A host: an address, or a name in lower case without its root dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP literal.
    Address(IpAddr),
    /// A registered name.
    Name(String),
}

impl Host {
    /// Reads a host without a port: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inside) = text.strip_prefix('[') {
            let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return address.is_ipv4().then_some(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let whole = !name.is_empty() && name.bytes().all(ok) && !name.split('.').any(str::is_empty);
        whole.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// A name or address that cannot be a stranger's domain pointed at this machine.
    fn is_local(&self) -> bool {
        match self {
            // no domain is involved, so none can be rebound
            Self::Address(_) => true,
            Self::Name(name) => !name.contains('.') || LOCAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)),
        }
    }

    /// A page under this host is of this machine.
    fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.to_canonical().is_loopback(),
            Self::Name(name) => name == "localhost" || [".localhost", ".test"].iter().any(|top| name.ends_with(top)),
        }
    }
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

/// `host[:port]` (RFC 3986 section 3.2, without user information).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    host: Host,
    port: Option<u16>,
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None | Some("") => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(Self { host: Host::parse(host)?, port })
    }
}

/// `scheme://host[:port]` (RFC 6454); the path of a `Referer` is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    authority: Authority,
}

impl Origin {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Some(Self { scheme: scheme.to_ascii_lowercase(), authority: Authority::parse(authority)? })
    }

    fn port(&self) -> Option<u16> {
        self.authority.port.or(match self.scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority.host)?;
        self.authority.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// `--allow-host`: a name, or `*.suffix` for all names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This name.
    Exactly(Host),
    /// Every name that ends in this, which starts with a dot.
    Below(String),
}

impl HostPattern {
    /// Reads a pattern; `None` if it is neither a name nor `*.name`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("*.") {
            None => Some(Self::Exactly(Host::parse(text)?)),
            Some(suffix) => match Host::parse(suffix)? {
                Host::Name(name) => Some(Self::Below(format!(".{name}"))),
                Host::Address(_) => None,
            },
        }
    }

    fn fits(&self, host: &Host) -> bool {
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
    /// Reads a pattern; `None` if it is not an origin (a path, a `*` in place of a host, no scheme).
    pub fn parse(text: &str) -> Option<Self> {
        let (text, any_port) = match text.strip_suffix(":*") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let text = text.strip_suffix('/').unwrap_or(text);
        let origin = Origin::parse(text)?;
        let bare = text.split_once("://").is_some_and(|(scheme, rest)| {
            let starts_well = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
            let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
            starts_well && scheme.chars().all(letter) && !rest.contains(['/', '?', '#'])
        });
        (bare && !(any_port && origin.authority.port.is_some())).then_some(Self { origin, any_port })
    }

    fn fits(&self, origin: &Origin) -> bool {
        self.origin.scheme == origin.scheme
            && self.origin.authority.host == origin.authority.host
            && (self.any_port || self.origin.port() == origin.port())
    }
}

#[cfg(test)]
mod tests;
