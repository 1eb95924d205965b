//! The argument of nginx's `secure_link_md5`: text with variables.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::HeaderValue;

use super::super::{Asked, host};
use super::argument::argument;

/// The text to hash.
#[derive(Debug, Clone)]
pub(super) struct Expression(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `$secure_link_expires`
    Expires,
    /// `$uri`
    Path,
    /// `$remote_addr`
    Remote,
    /// `$request_method`
    Method,
    /// `$host`
    Host,
    /// `$scheme`
    Scheme,
    /// `$secret`, which is not a variable of nginx: its configuration contains the secret itself.
    Secret,
    /// `$arg_NAME`
    Argument(String),
    /// `$http_NAME`, with the name of the header
    Header(String),
}

const VARIABLES: &str = "$secure_link_expires, $uri, $secret, $remote_addr, $request_method, $host, $scheme, $arg_NAME \
                         or $http_NAME";

/// Whether a variable's name may contain this byte.
pub(super) fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl Expression {
    /// Parses as nginx does: `$name` or `${name}`; a dollar sign cannot be escaped. The error is advice for the user.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut parts = text.split('$');
        let literal = |text: &str, pieces: &mut Vec<Piece>| {
            if !text.is_empty() {
                pieces.push(Piece::Text(text.to_owned()));
            }
        };
        literal(parts.next().unwrap_or_default(), &mut pieces);
        for part in parts {
            let (name, rest) = match part.strip_prefix('{') {
                Some(braced) => braced.split_once('}').unwrap_or_default(),
                None => part.split_at(part.bytes().position(|b| !is_name(b)).unwrap_or(part.len())),
            };
            pieces.push(Piece::parse(name)?);
            literal(rest, &mut pieces);
        }
        if !pieces.contains(&Piece::Secret) {
            return Err(
                "the expression does not contain $secret, so anybody could create links: write $secret in place \
                        of the secret in nginx's secure_link_md5"
                    .to_owned(),
            );
        }
        Ok(Self(pieces))
    }

    /// Whether a link is valid for one method only.
    pub(super) fn covers_method(&self) -> bool {
        self.0.contains(&Piece::Method)
    }

    /// The expression's value for a request.
    pub(super) fn value(&self, asked: &Asked<'_>, path: &[u8], expires: &str, secret: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => value.extend_from_slice(text.as_bytes()),
                Piece::Expires => value.extend_from_slice(expires.as_bytes()),
                Piece::Path => value.extend_from_slice(path),
                Piece::Remote => {
                    value.extend_from_slice(asked.remote.map(text_of).unwrap_or_default().as_bytes());
                }
                Piece::Method => value.extend_from_slice(asked.method.as_str().as_bytes()),
                Piece::Host => value.extend_from_slice(&host_name(asked)),
                Piece::Scheme => value.extend_from_slice(b"http"),
                Piece::Secret => value.extend_from_slice(secret),
                Piece::Argument(name) => value.extend_from_slice(argument(asked.uri, name).as_bytes()),
                Piece::Header(name) => {
                    let lines = asked.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
                    value.extend_from_slice(&lines.join(&b", "[..]));
                }
            }
        }
        value
    }

    /// Checks that the text to hash can be computed from the URL alone. The error is advice for the user.
    pub(super) fn can_sign(&self, url: &Uri) -> Result<(), String> {
        for piece in &self.0 {
            match piece {
                Piece::Host if url.authority().is_none() => {
                    return Err(
                        "the expression contains $host: write the whole URL, such as http://localhost:8001/..."
                            .to_owned(),
                    );
                }
                Piece::Header(name) => {
                    return Err(format!(
                        "the expression contains the header {name}, which only the browser knows: sign the URL in the app"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Piece {
    fn parse(name: &str) -> Result<Self, String> {
        let lower = name.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "secure_link_expires" => Self::Expires,
            "uri" => Self::Path,
            "remote_addr" => Self::Remote,
            "request_method" => Self::Method,
            "host" => Self::Host,
            "scheme" => Self::Scheme,
            "secret" => Self::Secret,
            "request_uri" => {
                return Err("$request_uri contains the signature itself, so it cannot be signed: write $uri".to_owned());
            }
            _ => match (lower.strip_prefix("arg_"), lower.strip_prefix("http_")) {
                (Some(name), _) if !name.is_empty() => Self::Argument(name.to_owned()),
                (_, Some(name)) if !name.is_empty() => Self::Header(name.replace('_', "-")),
                _ => return Err(format!("the expression contains ${name}, which is not supported; use {VARIABLES}")),
            },
        })
    }
}

/// The client's address as nginx prints it. A dual-stack socket maps IPv4 addresses to IPv6, which nginx's does not.
fn text_of(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// nginx's `$host`: the name in the request line or the Host header, in lower case, without the port.
fn host_name(asked: &Asked<'_>) -> Vec<u8> {
    let host = host(asked).to_ascii_lowercase();
    let port = host.iter().rposition(|&b| b == b':').filter(|&colon| !host[colon..].contains(&b']'));
    host[..port.unwrap_or(host.len())].to_vec()
}
