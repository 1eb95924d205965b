//! `s3`: presigned URLs, as in S3: AWS Signature Version 4 in the query ("Authenticating Requests: Using Query
//! Parameters" in the S3 API reference).
//!
//! The signature covers the request as it arrived: the method, the path encoded once, the query without the signature,
//! and the signed headers. So the bucket may be in the path or in the host name, and adding a parameter to the query
//! makes the signature invalid. The body is not covered (`UNSIGNED-PAYLOAD`), as in all presigned URLs.

use hyper::header::HeaderMap;
use hyper::{Method, StatusCode, Uri};
use jiff::Timestamp;

use super::mistake::explain;
use super::{Asked, BadSignature, Part};
use crate::request::path::Visible;
use crate::signature::canonical::{Canonical, Parameters, UNSIGNED_PAYLOAD, encode_path, encode_segments};
use crate::signature::secret::Secret;
use crate::signature::v4::{self, Credential, Presigned, QueryError, SKEW};
use crate::signature::{Key, sign};

/// The default region of boto3 and other clients.
const REGION: &str = "us-east-1";

const METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::PUT];

/// URLs that an S3 client presigns.
#[derive(Debug, Clone)]
pub struct S3 {
    access_key: String,
    secret: Secret,
    /// `None` accepts every region; the signature covers the region of the client.
    region: Option<String>,
}

impl S3 {
    /// Creates the scheme with the keys of the app's S3 client. Without a region, every region is accepted.
    pub fn new(access_key: impl Into<String>, secret: Secret, region: Option<String>) -> Self {
        Self { access_key: access_key.into(), secret, region }
    }

    /// Checks the signature and returns the expiry of the URL.
    pub fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Timestamp, BadSignature> {
        let parameters = Parameters::parse(asked.uri.query().unwrap_or_default());
        let is_form =
            || asked.headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"multipart/"));
        if *asked.method == Method::POST && is_form() && parameters.first("X-Amz-Signature").is_none() {
            return Err(BadSignature::PresignedPost);
        }
        let presigned = self.parse(&parameters)?;
        if !METHODS.contains(asked.method) {
            return Err(BadSignature::Method { method: asked.method.clone(), allowed: "GET, HEAD and PUT" });
        }
        check_headers(asked.headers, &presigned.signed_headers)?;

        let query = parameters.canonical();
        let canonical = |asked: &Asked<'_>, path: &[u8]| {
            let (path, signed) = (path.to_vec(), &presigned.signed_headers);
            Canonical::new(asked.method, path, query.clone(), asked.headers, signed, UNSIGNED_PAYLOAD).to_bytes()
        };
        let scope = presigned.credential.scope();
        let key = v4::signing_key(&self.secret, &scope);
        let is_valid = |asked: &Asked<'_>, path: &[u8]| {
            let text = v4::string_to_sign(&presigned.date, &scope, &canonical(asked, path));
            v4::is_signature(&key, &text, &presigned.signature)
        };
        let path = encode_path(asked.uri.path());
        if !is_valid(asked, &path) {
            // other AWS services encode the path twice, and so do signers that are not configured for S3
            let variants = [encode_segments(&path), asked.uri.path().into()];
            return Err(explain(asked, &path, &variants, &canonical(asked, &path), is_valid));
        }
        let ahead = presigned.from.duration_since(now);
        if ahead > SKEW {
            return Err(BadSignature::NotYet { ahead });
        }
        if now > presigned.until {
            let ago = now.duration_since(presigned.until);
            return Err(BadSignature::Expired { ago, status: StatusCode::FORBIDDEN });
        }
        Ok(presigned.until)
    }

    /// Returns the presigned URL. `url` must contain the host of the request. The error is advice for the user.
    pub fn sign(&self, method: &Method, url: &Uri, now: Timestamp, expires: Timestamp) -> Result<String, String> {
        if !METHODS.contains(method) {
            return Err("only URLs for GET, HEAD and PUT can be presigned".to_owned());
        }
        let key = Key { id: self.access_key.clone(), secret: self.secret.clone() };
        sign::presign(&key, self.region.as_deref().unwrap_or(REGION), method, url, now, expires)
    }

    fn parse(&self, parameters: &Parameters) -> Result<Presigned, BadSignature> {
        if ["AWSAccessKeyId", "Signature"].iter().all(|name| parameters.first(name).is_some()) {
            return Err(BadSignature::Version2);
        }
        let presigned = Presigned::parse(parameters)?;
        if presigned.payload.as_deref().is_some_and(|hash| hash != UNSIGNED_PAYLOAD) {
            return Err(QueryError::malformed("X-Amz-Content-Sha256", UNSIGNED_PAYLOAD).into());
        }
        let Credential { key_id, region, .. } = &presigned.credential;
        let mismatch = |part, signed: &str, requested: &str| {
            let signed = Visible(signed).to_string();
            Err(BadSignature::SignedFor { part, signed, requested: requested.to_owned() })
        };
        match &self.region {
            _ if *key_id != self.access_key => mismatch(Part::AccessKey, key_id, &self.access_key),
            Some(expected) if region != expected => mismatch(Part::Region, region, expected),
            _ => Ok(presigned),
        }
    }
}

/// Checks that host and all `x-amz-` headers are signed (the S3 API reference), and that all signed headers are
/// present.
fn check_headers(headers: &HeaderMap, signed: &str) -> Result<(), BadSignature> {
    let required = headers.keys().map(hyper::header::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    if let Some(name) = std::iter::once("host").chain(required).find(|name| !signed.split(';').any(|it| it == *name)) {
        return Err(BadSignature::HeaderNotSigned(name.to_owned()));
    }
    match signed.split(';').find(|name| !headers.contains_key(*name)) {
        Some(name) => Err(BadSignature::HeaderNotSent(Visible(name).to_string())),
        None => Ok(()),
    }
}

/// S3 responds with 400 to invalid parameters (`AuthorizationQueryParametersError`).
impl From<QueryError> for BadSignature {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Missing(names) => Self::Missing(names),
            QueryError::Malformed { parameter, expected } => {
                Self::Malformed { parameter, expected, status: StatusCode::BAD_REQUEST }
            }
        }
    }
}
