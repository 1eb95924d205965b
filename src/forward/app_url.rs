//! [`AppUrl`]: the URL to request from an app, and the address where the app listens.

use std::fmt;
use std::path::{Path, PathBuf};

use hyper::Uri;
use percent_encoding::percent_decode_str;

use super::address::Address;

/// A URL of an app, over TCP or over a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUrl {
    /// The URL to request. For a Unix socket, its host is `localhost`, as in nginx.
    url: Uri,
    address: Address,
}

impl AppUrl {
    /// Parses `http://HOST:PORT/PATH`, nginx's `http://unix:/run/app.sock:/PATH`, or `http+unix://%2Frun%2Fapp.sock/PATH`. The
    /// error is advice; it does not repeat the text, which may contain a secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const ADVICE: &str = "not the address of an app; write one such as http://127.0.0.1:8000/media-auth/";
        const SOCKET: &str = "not the address of a Unix socket; write http://unix:/run/app.sock:/media-auth/, with the \
                              absolute path of the socket between the colons";
        let nginx = text.strip_prefix("http://unix:").or_else(|| text.strip_prefix("unix:"));
        if let Some(rest) = nginx {
            let (socket, path) = rest.split_once(':').unwrap_or((rest, "/"));
            return Self::by_socket(socket.into(), path).ok_or(SOCKET);
        }
        if let Some(rest) = text.strip_prefix("http+unix://") {
            let (socket, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let socket = percent_decode_str(socket).decode_utf8().map_err(|_| SOCKET)?;
            return Self::by_socket(socket.as_ref().into(), if path.is_empty() { "/" } else { path }).ok_or(SOCKET);
        }
        if text.starts_with("unix") || text.starts_with("https://unix:") {
            return Err(SOCKET);
        }
        let url: Uri = text.parse().map_err(|_| ADVICE)?;
        match (url.scheme_str(), url.authority()) {
            (Some("http"), Some(authority)) if authority.as_str().contains('@') => {
                Err("it contains a user name or a password, which devmedia does not send; remove it. The app gets the \
                     client's cookies and Authorization header")
            }
            // an invalid or missing port after the colon would be read as 80
            (Some("http"), Some(authority)) if authority.port_u16().is_none() && !is_host(authority.as_str()) => {
                Err(ADVICE)
            }
            // no app listens on port 0
            (Some("http"), Some(authority)) if authority.port_u16() == Some(0) => Err(ADVICE),
            (Some("http"), Some(_)) => Address::of(&url).map(|address| Self { url, address }).ok_or(ADVICE),
            (Some("https"), _) => {
                Err("devmedia asks the app over http, not https: it runs on this machine; write http://")
            }
            _ => Err(ADVICE),
        }
    }

    fn by_socket(socket: PathBuf, path: &str) -> Option<Self> {
        let is_path = |path: &Path| path.is_absolute() && path.file_name().is_some();
        let url = format!("http://localhost{path}").parse().ok().filter(|_| path.starts_with('/'))?;
        is_path(&socket).then(|| Self { url, address: Address::of_socket(socket) })
    }

    /// The URL to request from the app.
    pub fn url(&self) -> &Uri {
        &self.url
    }

    /// The address where the app listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the app listens on a Unix socket, which browsers cannot reach.
    pub fn has_socket(&self) -> bool {
        self.address.socket().is_some()
    }
}

/// A host without a port: a name, or an address in brackets.
fn is_host(authority: &str) -> bool {
    !authority.contains(':') || authority.ends_with(']')
}

/// Omits the query, which may contain a key.
impl fmt::Display for AppUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.url.path();
        match self.address.socket() {
            Some(socket) => write!(f, "http://unix:{}:{path}", socket.display()),
            None => write!(f, "http://{}{path}", self.url.authority().map_or("", |authority| authority.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_urls_are_parsed_for_tcp_and_unix_sockets() {
        for (text, shown) in [
            ("http://127.0.0.1:8000/media-auth/", "http://127.0.0.1:8000/media-auth/"),
            ("http://localhost/auth?key=s", "http://localhost/auth"),
            ("http://[::1]/auth", "http://[::1]/auth"),
            ("http://[::1]:8000/auth", "http://[::1]:8000/auth"),
            ("http://app:8000", "http://app:8000/"),
            // nginx, proxy_pass
            ("http://unix:/run/app.sock:/media-auth/", "http://unix:/run/app.sock:/media-auth/"),
            ("http://unix:/run/app.sock:/a?key=s", "http://unix:/run/app.sock:/a"),
            ("http://unix:/run/app.sock:", ""),
            ("http://unix:/run/app.sock", "http://unix:/run/app.sock:/"),
            ("unix:/run/app.sock:/media-auth/", "http://unix:/run/app.sock:/media-auth/"),
            // Python's requests-unixsocket
            ("http+unix://%2Frun%2Fapp.sock/auth", "http://unix:/run/app.sock:/auth"),
            ("http+unix://%2Frun%2Fapp.sock", "http://unix:/run/app.sock:/"),
            ("http+unix:///run/app.sock", ""),
            ("http+unix://run.sock/auth", ""),
            ("http://unix:run/app.sock:/auth", ""),
            ("http://unix:/:/auth", ""),
            ("http://unix:", ""),
            ("http://unix:/run/app.sock:auth", ""),
            ("unix//run/app.sock", ""), // Caddy
            ("unix:///run/app.sock:/auth", "http://unix:///run/app.sock:/auth"),
            ("https://unix:/run/app.sock:/auth", ""),
            ("https://app/auth", ""),
            ("http://me@app/auth", ""),
            ("http://app:http/auth", ""),
            ("http://app:/auth", ""),
            ("http://127.0.0.1:0/", ""),
            ("/run/app.sock", ""),
            ("", ""),
        ] {
            let read = AppUrl::parse(text).map(|app| app.to_string()).unwrap_or_default();
            assert_eq!(read, shown, "{text}");
        }
    }
}
