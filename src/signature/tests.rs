mod bodies;
mod documented;
mod forms;
mod recorded;
mod refusals;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::secret::Secret;
use super::*;

fn key(id: &str, secret: &str) -> Key {
    Key { id: id.to_owned(), secret: Secret::new(secret).expect("not empty") }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A request in a form that tables can hold.
#[derive(Debug, Clone)]
struct Sent {
    method: Method,
    host: String,
    target: String,
    headers: HeaderMap,
    bucket: Option<String>,
}

impl Sent {
    fn new(method: &str, host: &str, target: &str) -> Self {
        let method = method.parse().expect("a method");
        Self { method, host: host.into(), target: target.into(), headers: HeaderMap::new(), bucket: None }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        self
    }

    fn bucket(mut self, bucket: &str) -> Self {
        self.bucket = Some(bucket.to_owned());
        self
    }

    fn verify(&self, keys: &[Key], alternatives: &[&str], now: Timestamp) -> Result<Verdict, SignatureError> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let alternatives: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
        let request = SignedRequest {
            method: &self.method,
            path,
            query,
            headers: &self.headers,
            host: &self.host,
            virtual_bucket: self.bucket.as_deref(),
        };
        verify(&request, keys, &alternatives, now)
    }

    fn verified(&self, keys: &[Key], now: Timestamp) -> Verified {
        match self.verify(keys, &[], now) {
            Ok(Verdict::Verified(verified)) => verified,
            other => panic!("{self:?}: {other:#?}"),
        }
    }
}

/// The payload of a body that arrives in pieces of `size` bytes.
fn read(headers: &HeaderMap, payload: &Payload, body: &[u8], size: usize) -> Result<Vec<u8>, SignatureError> {
    let mut headers = headers.clone();
    headers.remove("content-length");
    let mut verifier = BodyVerifier::new(&headers, payload, None)?;
    let mut read = Vec::new();
    for piece in body.chunks(size) {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(decoded) = verifier.decode(&mut input)? {
            read.extend_from_slice(&decoded);
        }
        assert!(input.is_empty());
    }
    let verified = verifier.finish()?;
    assert_eq!(verified.length, read.len() as u64);
    Ok(read)
}
