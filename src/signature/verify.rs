//! `verify`: who signed a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use jiff::Timestamp;

use super::canonical::{Canonical, Parameters, UNSIGNED_PAYLOAD, encode_path};
use super::digest::{hex, mac_sha1};
use super::error::{Code, SignatureError};
use super::explain;
use super::key::{Key, find};
use super::payload::{ChunkSeed, ContentSha256, Payload};
use super::sent::{SignedRequest, split_port};
use super::time;
use super::v2::Parts;
use super::v4::{self, ALGORITHM, Authorization, Credential, Presigned, SKEW};
use super::verdict::{Verdict, Verified, Version};

/// Checks the signature of a request.
///
/// `alternative_hosts` are other names of this server, such as `media:9000`; a name without a port stands for any port
/// of the request. A signature for one of them is valid, and [`Verified::accepted_host`] says so.
pub fn verify(
    request: &SignedRequest<'_>,
    keys: &[Key],
    alternative_hosts: &[String],
    now: Timestamp,
) -> Result<Verdict, SignatureError> {
    let parameters = Parameters::parse(request.query);
    let header = request.headers.get_all("authorization").iter().collect::<Vec<_>>();
    let in_v4_query = ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"].iter().any(|it| parameters.has(it));
    let in_v2_query = ["AWSAccessKeyId", "Signature"].iter().any(|name| parameters.has(name));
    if header.len() + usize::from(in_v4_query) + usize::from(in_v2_query) > 1 {
        return Err(SignatureError::new(
            Code::InvalidArgument,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter \
             or the Authorization header should be specified",
        ));
    }
    let check = Check { request, keys, alternative_hosts, now, parameters: &parameters };
    let verified = if in_v4_query {
        check.presigned()
    } else if in_v2_query {
        check.presigned_v2()
    } else if let Some(value) = header.first() {
        let value = value.to_str().unwrap_or_default().trim();
        match value.split_once(' ').unwrap_or((value, "")) {
            (ALGORITHM, rest) => check.header(rest),
            ("AWS", rest) => check.header_v2(rest.trim()),
            _ => Err(unsupported(value)),
        }
    } else {
        return Ok(Verdict::Anonymous);
    };
    verified.map(Verdict::Verified)
}

fn unsupported(value: &str) -> SignatureError {
    let scheme = value.split(' ').next().unwrap_or_default();
    if scheme.starts_with("AWS4-") {
        return SignatureError::new(
            Code::NotImplemented,
            format!("The algorithm {scheme} is not supported here. Sign with {ALGORITHM}."),
        );
    }
    SignatureError::new(
        Code::InvalidArgument,
        format!(
            "Unsupported Authorization Type {scheme:?}. Sign the request with an S3 client, or send no Authorization."
        ),
    )
    .with("ArgumentName", "Authorization")
}

struct Check<'a> {
    request: &'a SignedRequest<'a>,
    keys: &'a [Key],
    alternative_hosts: &'a [String],
    now: Timestamp,
    parameters: &'a Parameters,
}

/// A Signature Version 4 from a header or a query.
struct Claim<'a> {
    credential: &'a Credential,
    date: &'a str,
    signed_headers: &'a str,
    signature: &'a [u8; 32],
    payload: &'a str,
}

impl Check<'_> {
    /// Signature Version 4 in the Authorization header.
    fn header(&self, text: &str) -> Result<Verified, SignatureError> {
        let authorization = Authorization::parse(text)?;
        let credential = &authorization.credential;
        check_service(credential)?;
        let (date, sent) = self.date()?;
        let date = if time::basic(&date).is_some() { date } else { time::to_basic(sent) };
        self.check_skew(sent, &date)?;
        if date.get(..8) != Some(&credential.day) {
            return Err(SignatureError::new(
                Code::AuthorizationHeaderMalformed,
                format!(
                    "The authorization header is malformed; Invalid credential date {:?}. This date is not the same as \
                     X-Amz-Date: {date:?}.",
                    credential.day
                ),
            ));
        }
        let payload = self.request.header("x-amz-content-sha256").ok_or_else(|| {
            SignatureError::new(
                Code::MissingSecurityHeader,
                "Your request was missing a required header: x-amz-content-sha256. Its value is the SHA-256 of the body \
                 in hexadecimal, or UNSIGNED-PAYLOAD.",
            )
            .with("MissingHeaderName", "x-amz-content-sha256")
        })?;
        let claim = Claim {
            credential,
            date: &date,
            signed_headers: &authorization.signed_headers,
            signature: &authorization.signature,
            payload,
        };
        self.check_v4(&claim, None)
    }

    /// Signature Version 4 in the query.
    fn presigned(&self) -> Result<Verified, SignatureError> {
        let presigned = Presigned::parse(self.parameters)?;
        let is_signed = |name: &str| presigned.signed_headers.split(';').any(|it| it == name);
        let header = self.request.header("x-amz-content-sha256").filter(|_| is_signed("x-amz-content-sha256"));
        let payload = presigned.payload.as_deref().or(header).unwrap_or(UNSIGNED_PAYLOAD);
        let claim = Claim {
            credential: &presigned.credential,
            date: &presigned.date,
            signed_headers: &presigned.signed_headers,
            signature: &presigned.signature,
            payload,
        };
        let verified = self.check_v4(&claim, Some(presigned.until))?;
        if presigned.from.duration_since(self.now) > SKEW {
            let message = "Request is not valid yet: correct the clock of the machine that signed it, or of this one.";
            let error = SignatureError::new(Code::AccessDenied, message);
            return Err(error.with("X-Amz-Date", presigned.date).with("ServerTime", self.now.to_string()));
        }
        self.check_expiry(presigned.until)?;
        Ok(verified)
    }

    fn check_v4(&self, claim: &Claim<'_>, expires: Option<Timestamp>) -> Result<Verified, SignatureError> {
        let content = ContentSha256::parse(claim.payload)?;
        let key = self.key(&claim.credential.key_id)?;
        check_signed_headers(self.request, claim.signed_headers)?;
        let scope = claim.credential.scope();
        let signing_key = v4::signing_key(&key.secret, &scope);
        let path = encode_path(self.request.path);
        let headers = self.request.headers_with_host();
        let query = self.parameters.canonical();
        let method = self.request.method;
        let canonical = Canonical::new(method, path, query, &headers, claim.signed_headers, claim.payload);
        let is_valid_for = |signing_key: &[u8; 32], canonical: &Canonical| {
            let text = v4::string_to_sign(claim.date, &scope, &canonical.to_bytes());
            v4::is_signature(signing_key, &text, claim.signature)
        };
        let is_valid = |canonical: &Canonical| is_valid_for(&signing_key, canonical);
        let accepted_host = if is_valid(&canonical) {
            None
        } else if let Some(host) = self.other_hosts().into_iter().find(|host| {
            let mut other = canonical.clone();
            if let Some(value) = other.header_mut("host") {
                *value = host.clone().into_bytes();
            }
            is_valid(&other)
        }) {
            Some(host)
        } else {
            let others = self.keys.iter().filter(|other| other.id != key.id);
            let mut by_other = others.filter(|other| is_valid_for(&v4::signing_key(&other.secret, &scope), &canonical));
            let reason = match by_other.next() {
                Some(other) => Some(explain::other_secret(&key.id, &other.id)),
                None => explain::v4(self.request, self.parameters, &canonical, is_valid),
            };
            let canonical = canonical.to_bytes();
            let text = v4::string_to_sign(claim.date, &scope, &canonical);
            let error = explain::mismatch(reason, &key.id, &text, &hex(claim.signature));
            return Err(error.with("CanonicalRequest", String::from_utf8_lossy(&canonical)));
        };
        let payload = match content {
            ContentSha256::Unsigned => Payload::Unsigned,
            ContentSha256::Sha256(hash) => Payload::Sha256(hash),
            ContentSha256::UnsignedTrailer => Payload::UnsignedChunks,
            ContentSha256::Signed { has_trailer } => Payload::SignedChunks(ChunkSeed {
                signing_key,
                date: claim.date.to_owned(),
                scope,
                signature: hex(claim.signature),
                has_trailer,
            }),
        };
        Ok(Verified { key_id: key.id.clone(), payload, accepted_host, version: Version::V4, expires })
    }

    /// Signature Version 2 in the Authorization header.
    fn header_v2(&self, text: &str) -> Result<Verified, SignatureError> {
        let (id, signature) = text.rsplit_once(':').ok_or_else(|| {
            SignatureError::new(
                Code::InvalidArgument,
                "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
            )
        })?;
        let (date, sent) = self.date()?;
        self.check_skew(sent, &date)?;
        let date = self.request.header("date").unwrap_or_default();
        let date = if self.request.headers.contains_key("x-amz-date") { "" } else { date };
        self.check_v2(id, signature, date, None)
    }

    /// Signature Version 2 in the query.
    fn presigned_v2(&self) -> Result<Verified, SignatureError> {
        let names = ["AWSAccessKeyId", "Signature", "Expires"];
        let [Some(id), Some(signature), Some(expires)] = names.map(|name| self.parameters.first(name)) else {
            return Err(SignatureError::new(
                Code::AccessDenied,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            ));
        };
        if let Some(name) = names.iter().find(|name| self.parameters.all(name).count() > 1) {
            return Err(SignatureError::new(Code::InvalidArgument, format!("{name} should be given only once."))
                .with("ArgumentName", *name));
        }
        let seconds = expires.parse().ok().filter(|_| expires.bytes().all(|b| b.is_ascii_digit()));
        let until = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
            let message = format!("Invalid date (should be seconds since epoch): {expires}");
            SignatureError::new(Code::AccessDenied, message)
        })?;
        let verified = self.check_v2(id, signature, expires, Some(until))?;
        self.check_expiry(until)?;
        Ok(verified)
    }

    fn check_v2(
        &self,
        id: &str,
        signature: &str,
        date: &str,
        expires: Option<Timestamp>,
    ) -> Result<Verified, SignatureError> {
        let key = self.key(id)?;
        let decoded = STANDARD.decode(signature).unwrap_or_default();
        let is_signed = |secret: &[u8], text: &[u8]| mac_sha1(secret, text).verify_slice(&decoded).is_ok();
        let parts = Parts::new(self.request, self.parameters, date, expires.is_some());
        let is_valid_for = |secret: &[u8], parts: &Parts| parts.spellings().iter().any(|text| is_signed(secret, text));
        let is_valid = |parts: &Parts| is_valid_for(key.secret.as_bytes(), parts);
        if !is_valid(&parts) {
            let mut others = self.keys.iter().filter(|other| other.id != key.id);
            let reason = match others.find(|other| is_valid_for(other.secret.as_bytes(), &parts)) {
                Some(other) => Some(explain::other_secret(&key.id, &other.id)),
                None => explain::v2(self.request, &parts, is_valid),
            };
            let text = String::from_utf8_lossy(&parts.to_bytes()).into_owned();
            return Err(explain::mismatch(reason, &key.id, &text, signature));
        }
        let payload = Payload::of_unsigned(self.request.headers)?;
        Ok(Verified { key_id: key.id.clone(), payload, accepted_host: None, version: Version::V2, expires })
    }

    fn key(&self, id: &str) -> Result<&Key, SignatureError> {
        find(self.keys, id).ok_or_else(|| {
            let message = "The AWS Access Key Id you provided does not exist in our records. Give the client the keys that \
                           devmedia prints at its start, or start devmedia with --s3-key or AWS_ACCESS_KEY_ID.";
            SignatureError::new(Code::InvalidAccessKeyId, message).with("AWSAccessKeyId", id)
        })
    }

    /// The date of a request with an Authorization header, as sent and parsed.
    fn date(&self) -> Result<(String, Timestamp), SignatureError> {
        let sent = self.request.header("x-amz-date").or_else(|| self.request.header("date"));
        sent.and_then(|text| time::header(text).map(|time| (text.to_owned(), time))).ok_or_else(|| {
            let message = "AWS authentication requires a valid Date or x-amz-date header";
            SignatureError::new(Code::AccessDenied, message)
        })
    }

    fn check_skew(&self, sent: Timestamp, text: &str) -> Result<(), SignatureError> {
        let difference = sent.duration_since(self.now).abs();
        if difference <= SKEW {
            return Ok(());
        }
        let message = format!(
            "The difference between the request time and the current time is too large: {:#}. Correct the clock of one of \
             the two machines.",
            jiff::SignedDuration::from_secs(difference.as_secs())
        );
        Err(SignatureError::new(Code::RequestTimeTooSkewed, message)
            .with("RequestTime", text)
            .with("ServerTime", self.now.to_string())
            .with("MaxAllowedSkewMilliseconds", SKEW.as_millis().to_string()))
    }

    fn check_expiry(&self, until: Timestamp) -> Result<(), SignatureError> {
        if self.now <= until {
            return Ok(());
        }
        let ago = jiff::SignedDuration::from_secs(self.now.duration_since(until).as_secs());
        Err(SignatureError::new(Code::AccessDenied, format!("Request has expired {ago:#} ago. Sign a new URL."))
            .with("Expires", until.to_string())
            .with("ServerTime", self.now.to_string()))
    }

    /// The hosts that are accepted in place of the request's host.
    fn other_hosts(&self) -> Vec<String> {
        let (name, port) = split_port(self.request.host);
        let mut hosts = vec![name.to_owned()];
        for alternative in self.alternative_hosts.iter().filter(|host| !host.contains('*')) {
            let (name, _) = split_port(alternative);
            hosts.extend([alternative.clone(), name.to_owned()]);
            hosts.extend(port.map(|port| format!("{name}:{port}")));
        }
        if let Some(bucket) = self.request.virtual_bucket {
            let prefixed = hosts.iter().map(|host| format!("{bucket}.{host}")).collect::<Vec<_>>();
            hosts.extend(prefixed);
        }
        hosts.sort();
        hosts.dedup();
        hosts.retain(|host| host != self.request.host);
        hosts
    }
}

/// Every region is accepted, because the signature covers the region of the client. The service must be S3.
fn check_service(credential: &Credential) -> Result<(), SignatureError> {
    if credential.service == "s3" {
        return Ok(());
    }
    let message = format!(
        "The authorization header is malformed; incorrect service {:?}. This endpoint belongs to \"s3\".",
        credential.service
    );
    Err(SignatureError::new(Code::AuthorizationHeaderMalformed, message))
}

/// Checks that host and all `x-amz-` headers are signed, and that all signed headers are present (the S3 API
/// reference).
fn check_signed_headers(request: &SignedRequest<'_>, signed: &str) -> Result<(), SignatureError> {
    let names = request.headers.keys().map(hyper::header::HeaderName::as_str);
    let required = std::iter::once("host").chain(names.filter(|name| name.starts_with("x-amz-")));
    let unsigned: Vec<_> = required.filter(|name| !signed.split(';').any(|it| it == *name)).collect();
    if !unsigned.is_empty() {
        let names = unsigned.join(", ");
        let message = format!(
            "There were headers present in the request which were not signed: {names}. Sign them, or do not send them."
        );
        return Err(SignatureError::new(Code::AccessDenied, message).with("HeadersNotSigned", names));
    }
    let missing: Vec<_> =
        signed.split(';').filter(|name| *name != "host" && !request.headers.contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "The request signature we calculated does not match the signature you provided: it covers headers that were not \
         sent: {}. Send them with the signed value.",
        missing.join(", ")
    );
    Err(SignatureError::new(Code::SignatureDoesNotMatch, message).with("HeadersNotSent", missing.join(", ")))
}
