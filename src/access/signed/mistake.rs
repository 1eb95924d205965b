//! The likely mistakes behind a signature that does not match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Method;
use hyper::header::{self, HeaderValue};

use super::{Asked, BadSignature, Part, host};
use crate::request::path::Visible;

/// Finds the mistake that explains a signature; returns [`BadSignature::Mismatch`] if there is none.
///
/// `is_valid` checks the signature against a request with the given path. `path` is the path that should have been
/// signed, `variants` are texts that may have been signed in its place, and `message` is the whole text that should
/// have been signed.
pub(super) fn explain(
    asked: &Asked<'_>,
    path: &[u8],
    variants: &[Vec<u8>],
    message: &[u8],
    is_valid: impl Fn(&Asked<'_>, &[u8]) -> bool,
) -> BadSignature {
    let text = |bytes: &[u8]| Visible(&String::from_utf8_lossy(bytes)).to_string();
    let variants = std::iter::once(path).chain(variants.iter().map(Vec::as_slice));
    if let Some(signed) = variants.flat_map(spellings).find(|signed| is_valid(asked, signed)) {
        return BadSignature::SignedFor { part: Part::Path, signed: text(&signed), requested: text(path) };
    }
    let methods = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
    if let Some(method) = methods.iter().find(|&method| is_valid(&Asked { method, ..*asked }, path)) {
        let requested = asked.method.to_string();
        return BadSignature::SignedFor { part: Part::Method, signed: method.to_string(), requested };
    }
    for name in local_hosts(asked) {
        let mut headers = asked.headers.clone();
        headers.insert(header::HOST, name.clone());
        if is_valid(&Asked { headers: &headers, ..*asked }, path) {
            let (signed, requested) = (text(name.as_bytes()), text(host(asked)));
            return BadSignature::SignedFor { part: Part::Host, signed, requested };
        }
    }
    for remote in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        if is_valid(&Asked { remote: Some(remote), ..*asked }, path) {
            let requested = asked.remote.map_or_else(|| "none (a Unix socket)".to_owned(), |remote| remote.to_string());
            return BadSignature::SignedFor { part: Part::Address, signed: remote.to_string(), requested };
        }
    }
    BadSignature::Mismatch { message: text(message) }
}

/// Texts that an app may sign in place of the decoded path: the encoded path, the path with the query, and the whole
/// URL. `own` are the parameters of the scheme, which are not part of the query.
pub(super) fn path_variants(asked: &Asked<'_>, own: &[&str]) -> Vec<Vec<u8>> {
    let path = asked.uri.path();
    let is_own = |pair: &str| own.iter().any(|name| pair.split('=').next() == Some(*name));
    let query = asked.uri.query().unwrap_or_default().split('&').filter(|pair| !is_own(pair));
    let with_query = format!("{path}?{}", query.collect::<Vec<_>>().join("&"));
    let whole = format!("http://{}{path}", String::from_utf8_lossy(host(asked)));
    [path.to_owned(), with_query, whole].map(String::into_bytes).to_vec()
}

/// The path with and without its trailing slash, without its leading slash, and without up to three leading segments.
fn spellings(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).take(4);
    let starts = std::iter::once(0).chain(slashes.flat_map(|slash| [slash, slash + 1]));
    starts.map(|start| &path[start..]).flat_map(|text| {
        let toggled = text.strip_suffix(b"/").map_or_else(|| [text, b"/"].concat(), <[u8]>::to_vec);
        [text.to_vec(), toggled]
    })
}

/// The names of this machine, with the port of the request and without a port.
fn local_hosts(asked: &Asked<'_>) -> impl Iterator<Item = HeaderValue> {
    let host = String::from_utf8_lossy(host(asked));
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let ports = [port.map_or_else(String::new, |port| format!(":{port}")), String::new()];
    let names = ["localhost", "127.0.0.1", "[::1]"].into_iter();
    names
        .flat_map(move |name| ports.clone().map(|port| format!("{name}{port}")))
        .map(|name| HeaderValue::try_from(name).expect("letters, digits, colons and brackets"))
}
