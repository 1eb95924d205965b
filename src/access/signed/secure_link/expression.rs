//! The argument of nginx's `secure_link_md5`: text with variables.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::HeaderValue;

use super::super::{Asked, host};
use super::argument::argument;

/// What is hashed.
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
    /// `$secret`, which nginx does not have: there the secret is text.
    Secret,
    /// `$arg_NAME`
    Argument(String),
    /// `$http_NAME`, as the field's own name
    Field(String),
}

const VARIABLES: &str = "$secure_link_expires, $uri, $secret, $remote_addr, $request_method, $host, $scheme, $arg_NAME \
                         and $http_NAME";

/// What a variable's name is made of.
pub(super) fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl Expression {
    /// Reads one as nginx does: `$name` or `${name}`, and no way to write a dollar sign. The error is advice.
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
            return Err("the expression does not hold the secret, so anybody could make links: write $secret where \
                        nginx's secure_link_md5 has it"
                .to_owned());
        }
        Ok(Self(pieces))
    }

    /// Whether a link is good for one method only.
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
                Piece::Field(name) => {
                    let lines = asked.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
                    value.extend_from_slice(&lines.join(&b", "[..]));
                }
            }
        }
        value
    }

    /// Whether a URL says all that is hashed. The error is a sentence of advice.
    pub(super) fn can_sign(&self, url: &Uri) -> Result<(), String> {
        for piece in &self.0 {
            match piece {
                Piece::Host if url.authority().is_none() => {
                    return Err("the expression covers $host: write the whole URL, such as http://localhost:8001/..."
                        .to_owned());
                }
                Piece::Field(name) => {
                    return Err(format!(
                        "the expression covers the header field {name}, which only the browser knows: sign it in the app"
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
                return Err(
                    "$request_uri holds the signature itself, so nothing could be signed: write $uri".to_owned()
                );
            }
            _ => match (lower.strip_prefix("arg_"), lower.strip_prefix("http_")) {
                (Some(name), _) if !name.is_empty() => Self::Argument(name.to_owned()),
                (_, Some(name)) if !name.is_empty() => Self::Field(name.replace('_', "-")),
                _ => return Err(format!("the expression's ${name} is not known here; there are {VARIABLES}")),
            },
        })
    }
}

/// As nginx writes a client's address. A dual socket shows IPv4 clients as mapped addresses, which nginx's has not.
fn text_of(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// nginx's `$host`: the name in the request line or the Host field, in lower case, without the port.
fn host_name(asked: &Asked<'_>) -> Vec<u8> {
    let host = host(asked).to_ascii_lowercase();
    let port = host.iter().rposition(|&b| b == b':').filter(|&colon| !host[colon..].contains(&b']'));
    host[..port.unwrap_or(host.len())].to_vec()
}
