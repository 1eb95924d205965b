//! `s3`: presigned URLs, as in S3: AWS Signature Version 4 in the query ("Authenticating Requests: Using Query
//! Parameters" in the S3 API reference).
//!
//! The signature covers the request as it arrived: the method, the path encoded once, the query without the signature,
//! and the signed headers. So the bucket may be in the path or in the host name, and adding a parameter to the query
//! makes the signature invalid. The body is not covered (`UNSIGNED-PAYLOAD`), as in all presigned URLs.

mod canonical;

use ::hmac::Mac as _;
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode, Uri};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use sha2::{Digest as _, Sha256};

use self::canonical::{Parameters, UNSIGNED_PAYLOAD, canonical_request, encode_path, encode_segments};
use super::hmac::mac;
use super::mistake::explain;
use super::{Asked, BadSignature, Part, hex, unhex, with_query};
use crate::access::secret::Secret;
use crate::request::path::Visible;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The S3 API reference: `X-Amz-Expires` is at most seven days.
const LONGEST: i64 = 7 * 24 * 60 * 60;

/// How far a URL may be dated in the future. S3 tolerates a difference of 15 minutes (`RequestTimeTooSkewed`).
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// The default region of boto3 and other clients.
const REGION: &str = "us-east-1";

const METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::PUT];

const DATE: &str = "%Y%m%dT%H%M%SZ";

/// URLs that an S3 client presigns.
#[derive(Debug, Clone)]
pub struct S3 {
    access_key: String,
    secret: Secret,
    /// `None` accepts every region; the signature covers the region of the client.
    region: Option<String>,
}

/// The parsed parameters of a presigned URL.
struct Presigned {
    date: String,
    /// `DAY/REGION/s3/aws4_request`
    scope: String,
    signed_headers: String,
    signature: [u8; 32],
    from: Timestamp,
    until: Timestamp,
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
            canonical_request(asked.method, path, &query, asked.headers, &presigned.signed_headers)
        };
        let key = self.key(&presigned.scope);
        let is_valid = |asked: &Asked<'_>, path: &[u8]| {
            let mac = signature(&key, &presigned.date, &presigned.scope, &canonical(asked, path));
            mac.verify_slice(&presigned.signature).is_ok()
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
        let host =
            url.authority().ok_or("s3 also signs the host: write the whole URL, such as http://localhost:8001/...")?;
        if !METHODS.contains(method) {
            return Err("only URLs for GET, HEAD and PUT can be presigned".to_owned());
        }
        let seconds = expires.as_second() - now.as_second();
        if !(1..=LONGEST).contains(&seconds) {
            return Err("presigned URLs must expire after 1 second to 7 days".to_owned());
        }
        let date = now.to_zoned(TimeZone::UTC).strftime(DATE).to_string();
        let scope = format!("{}/{}/s3/aws4_request", &date[..8], self.region.as_deref().unwrap_or(REGION));
        let credential = canonical::encode(format!("{}/{scope}", self.access_key).as_bytes());
        let unsigned = with_query(
            url,
            &format!(
                "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={date}&X-Amz-Expires={seconds}\
                 &X-Amz-SignedHeaders=host"
            ),
        );
        let (_, query) = unsigned.split_once('?').unwrap_or_default();
        let query = Parameters::parse(query).canonical();
        let mut headers = HeaderMap::new();
        headers.insert(
            "host",
            host.as_str().try_into().map_err(|_| "the host name contains characters that a header cannot contain")?,
        );
        let canonical = canonical_request(method, &encode_path(url.path()), &query, &headers, "host");
        let signed = hex(&signature(&self.key(&scope), &date, &scope, &canonical).finalize().into_bytes());
        Ok(format!("{unsigned}&X-Amz-Signature={signed}"))
    }

    fn parse(&self, parameters: &Parameters) -> Result<Presigned, BadSignature> {
        if ["AWSAccessKeyId", "Signature"].iter().all(|name| parameters.first(name).is_some()) {
            return Err(BadSignature::Version2);
        }
        let names = ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"];
        let names = names.map(|name| format!("X-Amz-{name}"));
        let missing: Vec<_> = names.iter().filter(|name| parameters.first(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            return Err(BadSignature::Missing(missing));
        }
        if let Some(repeated) = names.iter().find(|name| parameters.all(name).count() > 1) {
            return Err(malformed(repeated, "given only once"));
        }
        let [algorithm, credential, date, expires, signed_headers, signature] =
            names.map(|name| parameters.first(&name).unwrap_or_default().to_owned());
        if algorithm != ALGORITHM {
            return Err(malformed("X-Amz-Algorithm", ALGORITHM));
        }
        if parameters.first("X-Amz-Content-Sha256").is_some_and(|hash| hash != UNSIGNED_PAYLOAD) {
            return Err(malformed("X-Amz-Content-Sha256", UNSIGNED_PAYLOAD));
        }
        let scope = self.scope(&credential)?;
        let from = timestamp(&date).ok_or_else(|| malformed("X-Amz-Date", "a date such as 20130524T000000Z"))?;
        if !scope.starts_with(&date[..8]) {
            return Err(malformed("X-Amz-Credential", "for the same day as X-Amz-Date"));
        }
        let digits = expires.bytes().all(|b| b.is_ascii_digit()).then(|| expires.parse().ok()).flatten();
        let seconds = digits
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .ok_or_else(|| malformed("X-Amz-Expires", "a number of seconds from 1 to 604800 (seven days)"))?;
        let signature = unhex(signature.as_bytes())
            .ok_or_else(|| malformed("X-Amz-Signature", "64 lower-case hexadecimal digits"))?;
        let until = from.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        Ok(Presigned { date, scope, signed_headers, signature, from, until })
    }

    /// The scope in `KEY/DAY/REGION/s3/aws4_request`, if the key and the region are the configured ones.
    fn scope(&self, credential: &str) -> Result<String, BadSignature> {
        const EXPECTED: &str = "KEY/YYYYMMDD/REGION/s3/aws4_request";
        // an access key may contain slashes, the other parts cannot
        let mut parts = credential.rsplitn(5, '/');
        let (Some("aws4_request"), Some("s3"), Some(region), Some(day), Some(key)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("X-Amz-Credential", EXPECTED));
        };
        let mismatch = |part, signed: &str, requested: &str| {
            let signed = Visible(signed).to_string();
            Err(BadSignature::SignedFor { part, signed, requested: requested.to_owned() })
        };
        match &self.region {
            _ if key != self.access_key => mismatch(Part::AccessKey, key, &self.access_key),
            Some(expected) if region != expected => mismatch(Part::Region, region, expected),
            _ => Ok(format!("{day}/{region}/s3/aws4_request")),
        }
    }

    /// The key for a day, region and service ("Calculate the signature" in the Signature Version 4 documentation).
    fn key(&self, scope: &str) -> Vec<u8> {
        let secret = [b"AWS4", self.secret.as_bytes()].concat();
        scope.split('/').fold(secret, |key, part| mac(&key, part.as_bytes()).finalize().into_bytes().to_vec())
    }
}

/// The signature of the "string to sign", which contains the hash of the canonical request.
fn signature(key: &[u8], date: &str, scope: &str, canonical: &[u8]) -> ::hmac::Hmac<Sha256> {
    mac(key, format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical))).as_bytes())
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
fn malformed(parameter: &str, expected: &'static str) -> BadSignature {
    BadSignature::Malformed { parameter: parameter.to_owned(), expected, status: StatusCode::BAD_REQUEST }
}

/// Parses a date in the basic format of ISO 8601. Other spellings are not valid.
fn timestamp(text: &str) -> Option<Timestamp> {
    let date = civil::DateTime::strptime(DATE, text).ok()?.to_zoned(TimeZone::UTC).ok()?;
    (date.strftime(DATE).to_string() == text).then(|| date.timestamp())
}
