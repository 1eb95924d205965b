//! The likely mistakes behind a signature that does not match.

use super::canonical::{Canonical, Parameters, UNSIGNED_PAYLOAD, encode_segments};
use super::digest::sha256_hex;
use super::error::{Code, SignatureError};
use super::sent::{SignedRequest, split_port};
use super::v2::Parts;
use crate::request::path::Visible;

const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "POST", "DELETE"];

/// The types that clients and browsers add on their own.
const TYPES: [&str; 5] = [
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
    "text/plain;charset=UTF-8",
];

/// At most this many parameters and headers are left out, one at a time.
const LEFT_OUT: usize = 32;

/// No mistake is looked for in a longer text, because every attempt hashes all of it.
const LONGEST_TEXT: usize = 16 * 1024;

/// The error for a signature that does not match.
pub(super) fn mismatch(reason: Option<String>, key_id: &str, text: &str, signature: &str) -> SignatureError {
    let reason = reason.unwrap_or_else(|| {
        "Check the secret of your key. If it is the right one, compare StringToSign (and CanonicalRequest) below with the \
         text that your client signs; a proxy may have changed the request."
            .to_owned()
    });
    let message = format!("The request signature we calculated does not match the signature you provided. {reason}");
    SignatureError::new(Code::SignatureDoesNotMatch, message)
        .with("AWSAccessKeyId", key_id)
        .with("StringToSign", text)
        .with("SignatureProvided", signature)
}

/// The secret of another known key was used.
pub(super) fn other_secret(key_id: &str, other: &str) -> String {
    let (key_id, other) = (Visible(key_id), Visible(other));
    format!(
        "It was made with the secret of the key {other}, but names the key {key_id}: give the client a matching pair."
    )
}

/// Finds the mistake behind a Signature Version 4.
pub(super) fn v4(
    request: &SignedRequest<'_>,
    parameters: &Parameters,
    right: &Canonical,
    is_valid: impl Fn(&Canonical) -> bool,
) -> Option<String> {
    if right.to_bytes().len() > LONGEST_TEXT {
        return None;
    }
    let tried = |change: &dyn Fn(&mut Canonical)| {
        let mut other = right.clone();
        change(&mut other);
        is_valid(&other)
    };
    if let Some(method) = METHODS.iter().find(|method| tried(&|it| (**method).clone_into(&mut it.method))) {
        return Some(for_another_method(method, &right.method));
    }
    if let Some(host) = hosts(request).into_iter().find(|host| tried(&|it| set(it, "host", host.as_bytes()))) {
        return Some(format!(
            "It was made for the host {host}, but the request came to {}: let the client use the same endpoint_url as the \
             signer, or start devmedia with --s3-hosts {host}.",
            Visible(request.host)
        ));
    }
    for (path, what) in paths(request, &right.path) {
        if tried(&|it| it.path.clone_from(&path)) {
            let signed = String::from_utf8_lossy(&path).into_owned();
            return Some(format!("It was made for {what}: {}.", Visible(&signed)));
        }
    }
    for (name, value) in right.headers.iter().filter(|(name, _)| name != "host").take(LEFT_OUT) {
        let mut others: Vec<Vec<u8>> = vec![Vec::new(), value.to_ascii_lowercase()];
        if name == "content-type" {
            others.extend(types(value));
        }
        if let Some(other) = others.iter().find(|other| tried(&|it| set(it, name, other))) {
            return Some(another_header(name, other, value));
        }
        if tried(&|it| it.headers.retain(|(found, _)| found != name)) {
            return Some(format!("It was made without the header {name}, although SignedHeaders lists it."));
        }
    }
    for (index, (name, _)) in parameters.pairs().iter().enumerate().take(LEFT_OUT) {
        let query = parameters.without(index).canonical();
        if tried(&|it| it.query.clone_from(&query)) {
            return Some(format!(
                "It was made without the parameter {}: it was added to the URL afterwards.",
                Visible(&String::from_utf8_lossy(name))
            ));
        }
    }
    if tried(&|it| it.query = it.query.replace("%20", "%2B")) {
        return Some("It was made for a query with +: write a space as %20 and a plus as %2B.".to_owned());
    }
    let empty = sha256_hex(b"");
    for (payload, what) in [
        (UNSIGNED_PAYLOAD, "the text UNSIGNED-PAYLOAD"),
        (empty.as_str(), "the hash of an empty body"),
        ("", "nothing"),
    ] {
        let with_header = |it: &mut Canonical| {
            payload.clone_into(&mut it.payload);
            set(it, "x-amz-content-sha256", payload.as_bytes());
        };
        if tried(&|it| payload.clone_into(&mut it.payload)) || tried(&with_header) {
            return Some(format!(
                "It was made with {what} in place of the body's hash, but the request says {}: x-amz-content-sha256 must \
                 be the signed value.",
                right.payload
            ));
        }
    }
    None
}

/// Finds the mistake behind a Signature Version 2.
pub(super) fn v2(request: &SignedRequest<'_>, right: &Parts, is_valid: impl Fn(&Parts) -> bool) -> Option<String> {
    if right.to_bytes().len() > LONGEST_TEXT {
        return None;
    }
    let tried = |change: &dyn Fn(&mut Parts)| {
        let mut other = right.clone();
        change(&mut other);
        is_valid(&other)
    };
    if let Some(method) = METHODS.iter().find(|method| tried(&|it| (**method).clone_into(&mut it.method))) {
        return Some(for_another_method(method, &right.method));
    }
    let types = types(&right.content_type);
    if let Some(other) = types.iter().find(|other| tried(&|it| it.content_type.clone_from(other))) {
        return Some(another_header("content-type", other, &right.content_type));
    }
    if tried(&|it| it.content_md5.clear()) {
        return Some(another_header("content-md5", b"", &right.content_md5));
    }
    for name in right.amz_headers.keys().take(LEFT_OUT) {
        let change = |it: &mut Parts| {
            it.amz_headers.remove(name);
        };
        if tried(&change) {
            return Some(format!("It was made without {}.", Visible(name)));
        }
    }
    for (path, what) in paths(request, &right.path) {
        if tried(&|it| it.path.clone_from(&path)) {
            let signed = String::from_utf8_lossy(&path).into_owned();
            return Some(format!("It was made for {what}: {}.", Visible(&signed)));
        }
    }
    for index in 0..right.subresources.len().min(LEFT_OUT) {
        let name = &right.subresources[index].0;
        let change = |it: &mut Parts| {
            it.subresources.remove(index);
        };
        if tried(&change) {
            return Some(format!("It was made without the parameter {name}: it was added to the URL afterwards."));
        }
    }
    if tried(&|it| it.date.clone_from(&request.header("date").unwrap_or_default().to_owned())) {
        return Some("It was made with the Date header, which does not count if x-amz-date is sent.".to_owned());
    }
    None
}

fn set(canonical: &mut Canonical, name: &str, value: &[u8]) {
    if let Some(found) = canonical.header_mut(name) {
        *found = value.to_vec();
    }
}

fn for_another_method(signed: &str, sent: &str) -> String {
    format!("It was made for the method {signed}, but the request has the method {sent}: sign a URL for each method.")
}

fn another_header(name: &str, signed: &[u8], sent: &[u8]) -> String {
    let text = |value: &[u8]| match value {
        b"" => "none".to_owned(),
        value => Visible(&String::from_utf8_lossy(value)).to_string(),
    };
    format!("It was made for the {name} {}, but the request has {}: send what was signed.", text(signed), text(sent))
}

/// Types that may have been signed in place of this one.
fn types(sent: &[u8]) -> Vec<Vec<u8>> {
    let mut types: Vec<Vec<u8>> = TYPES.iter().map(|it| it.as_bytes().to_vec()).collect();
    if let Some(end) = sent.iter().position(|b| *b == b';') {
        types.push(sent[..end].trim_ascii().to_vec());
    } else {
        types.push([sent, b"; charset=utf-8"].concat());
        types.push([sent, b";charset=UTF-8"].concat());
    }
    types
}

/// Hosts that clients in containers, on this machine and for AWS itself use.
fn hosts(request: &SignedRequest<'_>) -> Vec<String> {
    const NAMES: [&str; 11] = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        "host.docker.internal",
        "devmedia",
        "media",
        "minio",
        "s3",
        "localstack",
        "s3.localhost",
    ];
    let (_, port) = split_port(request.host);
    let ports = [port, Some("9000"), Some("4566"), Some("8001"), None];
    let with_port = |name: &str, port: Option<&str>| port.map_or(name.to_owned(), |port| format!("{name}:{port}"));
    let mut hosts: Vec<String> =
        NAMES.iter().flat_map(|name| ports.iter().map(|port| with_port(name, *port))).collect();
    hosts.push("s3.amazonaws.com".to_owned());
    let bucket = request.virtual_bucket.or_else(|| request.path.split('/').nth(1)).unwrap_or_default();
    let prefixed = hosts.iter().map(|host| format!("{bucket}.{host}")).collect::<Vec<_>>();
    hosts.extend(prefixed);
    hosts
}

/// Paths that may have been signed in place of this one, each with a description.
fn paths(request: &SignedRequest<'_>, right: &[u8]) -> Vec<(Vec<u8>, &'static str)> {
    let mut paths = vec![
        (encode_segments(right), "the path encoded twice, as other AWS services want it"),
        (request.path.as_bytes().to_vec(), "the path as it was sent, which is not encoded as S3 encodes it"),
        (percent_encoding::percent_decode(right).collect(), "the path without its escapes"),
    ];
    let segments: Vec<&[u8]> = right.split(|b| *b == b'/').filter(|part| !part.is_empty()).collect();
    let collapsed = [b"/", segments.join(&b'/').as_slice()].concat();
    let toggled = right.strip_suffix(b"/").map_or_else(|| [right, b"/"].concat(), <[u8]>::to_vec);
    paths.push((toggled, "a path that differs in its last slash"));
    paths.push(([collapsed.as_slice(), b"/"].concat(), "the path without its empty segments"));
    paths.push((collapsed, "the path without its empty segments"));
    let slashes = right.iter().enumerate().skip(1).filter(|(_, b)| **b == b'/').map(|(at, _)| at).take(3);
    paths.extend(slashes.map(|at| (right[at..].to_vec(), "the path without its first segments")));
    if let Some(bucket) = request.virtual_bucket {
        let path = [b"/", bucket.as_bytes(), right].concat();
        paths.push((path, "the path with the bucket, which is already in the host name"));
    }
    paths
}
