//! Signature Version 2: the text that is signed ("Signing and authenticating REST requests" in the S3 documentation).
//! It is boto3's default for presigned URLs and forms in `us-east-1`, and what old tools send in the header.

use std::collections::BTreeMap;

use hyper::header::HeaderName;
use percent_encoding::percent_decode;

use super::canonical::{Parameters, encode_path};
use super::sent::SignedRequest;

/// The parameters that name a part of a resource or change the response; only these are signed. The list is
/// botocore's (`HmacV1Auth.QSAOfInterest`).
const SUBRESOURCES: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// The parts of the signed text. They can be changed, to find out what was signed by mistake.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The method.
    pub method: String,
    /// `Content-MD5`, or empty.
    pub content_md5: Vec<u8>,
    /// `Content-Type`, or empty.
    pub content_type: Vec<u8>,
    /// `Date`, or empty if there is an `x-amz-date`; the expiry of a presigned URL.
    pub date: String,
    /// The `x-amz-` headers.
    pub amz_headers: BTreeMap<String, Vec<u8>>,
    /// The path as it was sent, with the bucket.
    pub path: Vec<u8>,
    /// The signed parameters, sorted and decoded; `None` if there was no `=`.
    pub subresources: Vec<(String, Option<Vec<u8>>)>,
}

impl Parts {
    /// Takes the parts of a request. In a presigned URL, botocore puts `content-type` and the `x-amz-` headers that it
    /// signed into the query as well; they count where the request does not have the header.
    pub fn new(request: &SignedRequest<'_>, parameters: &Parameters, date: &str, is_query: bool) -> Self {
        let joined = |name: &str| {
            let values = request.headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
            values.collect::<Vec<_>>().join(&b',')
        };
        let mut amz_headers = BTreeMap::new();
        let mut others = [joined("content-md5"), joined("content-type")];
        for (name, value) in parameters.pairs().iter().filter(|_| is_query) {
            let Ok(name) = std::str::from_utf8(name).map(str::to_ascii_lowercase) else { continue };
            if name.starts_with("x-amz-") {
                amz_headers.insert(name, value.clone());
            } else if let Some(index) = ["content-md5", "content-type"].iter().position(|it| *it == name) {
                let names = ["content-md5", "content-type"];
                if !request.headers.contains_key(names[index]) {
                    others[index].clone_from(value);
                }
            }
        }
        for name in request.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-")) {
            amz_headers.insert(name.to_owned(), joined(name));
        }
        let [content_md5, content_type] = others;
        let bucket = request.virtual_bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
        Self {
            method: request.method.to_string(),
            content_md5,
            content_type,
            date: date.to_owned(),
            amz_headers,
            path: format!("{bucket}{}", request.path).into_bytes(),
            subresources: subresources(request.query),
        }
    }

    /// The string to sign.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = [self.method.as_bytes(), &self.content_md5, &self.content_type, self.date.as_bytes(), b""];
        let mut text = lines.join(&b'\n');
        for (name, value) in &self.amz_headers {
            text.extend_from_slice(&[name.as_bytes(), b":", value, b"\n"].concat());
        }
        text.extend_from_slice(&self.path);
        for (index, (name, value)) in self.subresources.iter().enumerate() {
            text.push(if index == 0 { b'?' } else { b'&' });
            text.extend_from_slice(name.as_bytes());
            if let Some(value) = value {
                text.push(b'=');
                text.extend_from_slice(value);
            }
        }
        text
    }

    /// The strings to sign that mean the same request: with the path as it was sent and with S3's own escapes, with a
    /// slash after the bucket (botocore signs `/media/` and sends `/media`), and with `?acl=` as it was sent and as `?acl`.
    pub fn spellings(&self) -> Vec<Vec<u8>> {
        let mut texts = vec![self.to_bytes()];
        let mut other = self.clone();
        other.path = encode_path(&String::from_utf8_lossy(&self.path));
        texts.push(other.to_bytes());
        if memchr::memrchr(b'/', &self.path) == Some(0) && self.path != b"/" {
            other.path = [&self.path, &b"/"[..]].concat();
            texts.push(other.to_bytes());
        }
        if self.subresources.iter().any(|(_, value)| value.as_deref() == Some(b"")) {
            let mut other = self.clone();
            for (_, value) in &mut other.subresources {
                *value = value.take().filter(|value| !value.is_empty());
            }
            texts.push(other.to_bytes());
        }
        texts.dedup();
        texts
    }
}

fn subresources(query: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let decode = |text: &str| percent_decode(text.replace('+', " ").as_bytes()).collect::<Vec<u8>>();
    // `%61cl` means `acl` to the reader of the query, so it must be signed as well
    let name = |text: &str| String::from_utf8_lossy(&decode(text)).into_owned();
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((text, value)) => (name(text), Some(decode(value))),
        None => (name(pair), None),
    });
    let mut found: Vec<_> = pairs.filter(|(name, _)| SUBRESOURCES.contains(&name.as_str())).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}
