//! The likely mistakes behind a signature that does not fit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Method;
use hyper::header::{self, HeaderValue};

use super::{Asked, BadSignature, Part, host};
use crate::request::path::Visible;

/// The mistake that explains a signature; [`BadSignature::Wrong`] where none does.
///
/// `genuine` says whether the signature fits a request, and a path in it. `right` is the path that should have been
/// signed, `wrong` is what may have been taken for it, and `message` is what should have been signed.
pub(super) fn explain(
    asked: &Asked<'_>,
    right: &[u8],
    wrong: &[Vec<u8>],
    message: &[u8],
    genuine: impl Fn(&Asked<'_>, &[u8]) -> bool,
) -> BadSignature {
    let text = |bytes: &[u8]| Visible(&String::from_utf8_lossy(bytes)).to_string();
    let taken = std::iter::once(right).chain(wrong.iter().map(Vec::as_slice));
    if let Some(path) = taken.flat_map(spellings).find(|path| genuine(asked, path)) {
        return BadSignature::Other { part: Part::Path, signed: text(&path), asked: text(right) };
    }
    let methods = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
    if let Some(method) = methods.iter().find(|&method| genuine(&Asked { method, ..*asked }, right)) {
        return BadSignature::Other { part: Part::Method, signed: method.to_string(), asked: asked.method.to_string() };
    }
    for name in names(asked) {
        let mut headers = asked.headers.clone();
        headers.insert(header::HOST, name.clone());
        if genuine(&Asked { headers: &headers, ..*asked }, right) {
            return BadSignature::Other { part: Part::Host, signed: text(name.as_bytes()), asked: text(host(asked)) };
        }
    }
    for remote in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        if genuine(&Asked { remote: Some(remote), ..*asked }, right) {
            let asked = asked.remote.map_or_else(|| "none (a Unix socket)".to_owned(), |remote| remote.to_string());
            return BadSignature::Other { part: Part::Address, signed: remote.to_string(), asked };
        }
    }
    BadSignature::Wrong { message: text(message) }
}

/// What an app may take for the path, for a scheme whose own parameters these are: the path as it is encoded, the query
/// with it, the whole URL.
pub(super) fn taken_for_path(asked: &Asked<'_>, own: &[&str]) -> Vec<Vec<u8>> {
    let path = asked.uri.path();
    let is_own = |pair: &str| own.iter().any(|name| pair.split('=').next() == Some(*name));
    let query = asked.uri.query().unwrap_or_default().split('&').filter(|pair| !is_own(pair));
    let with_query = format!("{path}?{}", query.collect::<Vec<_>>().join("&"));
    let whole = format!("http://{}{path}", String::from_utf8_lossy(host(asked)));
    [path.to_owned(), with_query, whole].map(String::into_bytes).to_vec()
}

/// A path with and without its last slash; without its first slash; without its prefix, up to three segments of it.
fn spellings(path: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).take(4);
    let starts = std::iter::once(0).chain(slashes.flat_map(|slash| [slash, slash + 1]));
    starts.map(|start| &path[start..]).flat_map(|text| {
        let turned = text.strip_suffix(b"/").map_or_else(|| [text, b"/"].concat(), <[u8]>::to_vec);
        [text.to_vec(), turned]
    })
}

/// This machine's names, with the port that was asked and without one.
fn names(asked: &Asked<'_>) -> impl Iterator<Item = HeaderValue> {
    let host = String::from_utf8_lossy(host(asked));
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let ports = [port.map_or_else(String::new, |port| format!(":{port}")), String::new()];
    let names = ["localhost", "127.0.0.1", "[::1]"].into_iter();
    names
        .flat_map(move |name| ports.clone().map(|port| format!("{name}{port}")))
        .map(|name| HeaderValue::try_from(name).expect("letters, digits, colons and brackets"))
}
