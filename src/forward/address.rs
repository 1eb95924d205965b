//! Where an app listens.

use std::fmt;
use std::path::{Path, PathBuf};

use hyper::Uri;
use hyper::http::uri::Authority;
use url::{Host, Url};

/// The port of `http://` without one.
const HTTP: u16 = 80;

/// The address of an app that speaks plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As in a URL: `127.0.0.1:8000`; `localhost` for a Unix socket, as in nginx.
    authority: Authority,
    socket: Option<PathBuf>,
}

impl Address {
    /// The address in a URL; `None` if the URL has no host or its scheme is not http.
    pub fn of(url: &Uri) -> Option<Self> {
        let authority = url.authority().filter(|_| url.scheme_str() == Some("http"))?;
        // a port that is not a number would be taken for 80
        let has_port = authority.as_str().len() > authority.host().len();
        let is_bare = !authority.as_str().contains('@')
            && !authority.host().is_empty()
            && (!has_port || authority.port_u16().is_some());
        is_bare.then(|| Self { authority: authority.clone(), socket: None })
    }

    /// A port of this machine, at its loopback address.
    pub fn of_port(port: u16) -> Self {
        let authority = format!("127.0.0.1:{port}").parse().expect("an address and a port");
        Self { authority, socket: None }
    }

    /// A port of this machine, at its IPv6 loopback address.
    pub fn of_port_v6(port: u16) -> Self {
        let authority = format!("[::1]:{port}").parse().expect("an address and a port");
        Self { authority, socket: None }
    }

    /// A Unix socket.
    pub fn of_socket(path: PathBuf) -> Self {
        Self { authority: Authority::from_static("localhost"), socket: Some(path) }
    }

    /// The path of a Unix socket.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// `host:port`, as in the `Host` field.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The host to connect to: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(HTTP)
    }

    /// Whether a URL is at this address. All names of this machine are equal.
    pub fn is_of(&self, url: &Url) -> bool {
        let is_local = |host: &str| host == "localhost" || host == "127.0.0.1" || host == "::1";
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return false,
        };
        let same_host = host.eq_ignore_ascii_case(self.host()) || (is_local(&host) && is_local(self.host()));
        self.socket.is_none() && url.scheme() == "http" && same_host && url.port_or_known_default() == Some(self.port())
    }
}

/// Formats the address as the beginning of a URL.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(socket) => write!(f, "http://unix:{}:", socket.display()),
            None => write!(f, "http://{}", self.authority),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Option<Address> {
        Address::of(&url.parse().expect("a URL"))
    }

    #[test]
    fn host_and_port_are_parsed_from_a_url() {
        for (url, host, port) in [
            ("http://127.0.0.1:8000", "127.0.0.1", 8000),
            ("http://localhost/auth/", "localhost", 80),
            ("http://[::1]:5173/", "::1", 5173),
        ] {
            let address = of(url).expect("an address");
            assert_eq!((address.host(), address.port()), (host, port), "{url}");
        }
        for url in ["https://127.0.0.1:8000", "/auth/", "http://user@127.0.0.1/", "127.0.0.1:8000", "http://app:99999"]
        {
            assert_eq!(of(url), None, "{url}");
        }
    }

    #[test]
    fn urls_of_the_app_are_recognised_under_every_name_of_this_machine() {
        for (app, url, expected) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/x", true),
            ("http://127.0.0.1:8000", "http://localhost:8000/x", true),
            ("http://localhost:8000", "http://[::1]:8000/x", true),
            ("http://app:8000", "http://APP:8000/", true),
            ("http://localhost", "http://localhost:80/", true),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8001/x", false),
            ("http://127.0.0.1:8000", "https://127.0.0.1:8000/x", false),
            ("http://127.0.0.1:8000", "http://sso.example:8000/x", false),
            ("http://app:8000", "http://localhost:8000/", false),
        ] {
            let (app, url) = (of(app).expect("an address"), Url::parse(url).expect("a URL"));
            assert_eq!(app.is_of(&url), expected, "{app} {url}");
        }
    }
}
