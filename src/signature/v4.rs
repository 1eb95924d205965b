//! Signature Version 4: the parts of a signature, and how it is computed.

use std::collections::HashSet;
use std::fmt;

use hmac::Mac as _;
use jiff::{SignedDuration, Timestamp};

use super::canonical::Parameters;
use super::digest::{hex, mac, sha256_hex, unhex};
use super::error::{Code, SignatureError};
use super::secret::Secret;
use super::time;

/// The name of the algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The S3 API reference: `X-Amz-Expires` is at most seven days.
pub const LONGEST: i64 = 7 * 24 * 60 * 60;

/// S3 tolerates a difference of 15 minutes between the clocks (`RequestTimeTooSkewed`).
pub const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// `KEY/DAY/REGION/SERVICE/aws4_request`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The access key ID.
    pub key_id: String,
    /// The day, such as `20130524`.
    pub day: String,
    /// The region that the client is configured for.
    pub region: String,
    /// The service, which is `s3`.
    pub service: String,
}

impl Credential {
    /// The form of a valid credential.
    pub const EXPECTED: &str = "KEY/YYYYMMDD/REGION/s3/aws4_request";

    /// Parses a credential. The service may be another one than `s3`.
    pub fn parse(text: &str) -> Option<Self> {
        // an access key may contain slashes, the other parts cannot
        let mut parts = text.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(day), Some(key_id)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let [key_id, day, region, service] = [key_id, day, region, service].map(str::to_owned);
        Some(Self { key_id, day, region, service })
    }

    /// `DAY/REGION/SERVICE/aws4_request`
    pub fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.day, self.region, self.service)
    }
}

/// The key for a day, region and service ("Calculate the signature" in the Signature Version 4 documentation).
pub fn signing_key(secret: &Secret, scope: &str) -> [u8; 32] {
    let secret = [b"AWS4", secret.as_bytes()].concat();
    let key = scope.split('/').fold(secret, |key, part| mac(&key, part.as_bytes()).finalize().into_bytes().to_vec());
    key.try_into().unwrap_or_else(|_| unreachable!("a scope has parts, and a SHA-256 has 32 bytes"))
}

/// The string to sign, which contains the hash of the canonical request.
pub fn string_to_sign(date: &str, scope: &str, canonical: &[u8]) -> String {
    format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256_hex(canonical))
}

/// The signature of a text in hexadecimal.
pub fn signature(key: &[u8], text: &str) -> String {
    hex(&mac(key, text.as_bytes()).finalize().into_bytes())
}

/// Whether `signature` is the signature of a text, in constant time.
pub fn is_signature(key: &[u8], text: &str, signature: &[u8; 32]) -> bool {
    mac(key, text.as_bytes()).verify_slice(signature).is_ok()
}

/// Whether a list of signed headers has each name once. The value of a header would be copied for every repetition.
fn are_different(signed_headers: &str) -> bool {
    let mut names = HashSet::new();
    signed_headers.split(';').all(|name| !name.is_empty() && names.insert(name))
}

/// The signature in an Authorization header, parsed.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The key and the scope.
    pub credential: Credential,
    /// The signed headers, separated by semicolons.
    pub signed_headers: String,
    /// The signature.
    pub signature: [u8; 32],
}

impl Authorization {
    /// Parses what follows `AWS4-HMAC-SHA256` in the header. Clients put spaces after the commas or do not.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        const NAMES: [&str; 3] = ["Credential", "SignedHeaders", "Signature"];
        let malformed = |what: String| {
            SignatureError::new(
                Code::AuthorizationHeaderMalformed,
                format!("The authorization header is malformed; {what}"),
            )
        };
        let mut found = [None; 3];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let Some(index) = NAMES.iter().position(|known| *known == name) else {
                return Err(malformed(format!("it has an unknown part {name:?}.")));
            };
            if found[index].replace(value).is_some() {
                return Err(malformed(format!("it has {name} twice.")));
            }
        }
        let [Some(credential), Some(signed_headers), Some(signature)] = found else {
            let missing = NAMES.iter().zip(found).find(|(_, value)| value.is_none()).map_or("", |(name, _)| name);
            return Err(malformed(format!("it lacks {missing}=.")));
        };
        let credential = Credential::parse(credential).ok_or_else(|| {
            malformed(format!("the Credential is mal-formed; expecting \"{}\".", Credential::EXPECTED))
        })?;
        let signature = unhex(signature.as_bytes())
            .ok_or_else(|| malformed("the Signature should be 64 lower-case hexadecimal digits.".to_owned()))?;
        if !are_different(signed_headers) {
            return Err(malformed("SignedHeaders should list the name of each header only once.".to_owned()));
        }
        Ok(Self { credential, signed_headers: signed_headers.to_owned(), signature })
    }
}

/// The parameters of a presigned URL, parsed.
#[derive(Debug, Clone)]
pub struct Presigned {
    /// The key and the scope. The service is `s3`, and the day is the day of the date.
    pub credential: Credential,
    /// The date as it was sent.
    pub date: String,
    /// The signed headers, separated by semicolons.
    pub signed_headers: String,
    /// The signature.
    pub signature: [u8; 32],
    /// The date.
    pub from: Timestamp,
    /// The expiry.
    pub until: Timestamp,
    /// `X-Amz-Content-Sha256`, which is optional.
    pub payload: Option<String>,
}

/// The reason why the parameters of a presigned URL are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryError {
    /// These parameters are missing.
    Missing(Vec<String>),
    /// A parameter is not valid.
    Malformed {
        /// Its name.
        parameter: String,
        /// The valid values.
        expected: &'static str,
    },
}

impl QueryError {
    /// A parameter that is not valid.
    pub fn malformed(parameter: &str, expected: &'static str) -> Self {
        Self::Malformed { parameter: parameter.to_owned(), expected }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => write!(
                f,
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
                 X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters. Missing: {}.",
                names.join(", ")
            ),
            Self::Malformed { parameter, expected } => write!(f, "{parameter} should be {expected}."),
        }
    }
}

impl From<QueryError> for SignatureError {
    fn from(error: QueryError) -> Self {
        Self::new(Code::AuthorizationQueryParametersError, error.to_string())
    }
}

impl Presigned {
    /// Parses the parameters of a presigned URL.
    pub fn parse(parameters: &Parameters) -> Result<Self, QueryError> {
        let names = ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"];
        let names = names.map(|name| format!("X-Amz-{name}"));
        let missing: Vec<_> = names.iter().filter(|name| parameters.first(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            return Err(QueryError::Missing(missing));
        }
        if let Some(repeated) = names.iter().find(|name| parameters.all(name).count() > 1) {
            return Err(QueryError::malformed(repeated, "given only once"));
        }
        let [algorithm, credential, date, expires, signed_headers, signature] =
            names.map(|name| parameters.first(&name).unwrap_or_default().to_owned());
        if algorithm != ALGORITHM {
            return Err(QueryError::malformed("X-Amz-Algorithm", ALGORITHM));
        }
        let credential = Credential::parse(&credential)
            .filter(|credential| credential.service == "s3")
            .ok_or_else(|| QueryError::malformed("X-Amz-Credential", Credential::EXPECTED))?;
        let from =
            time::basic(&date).ok_or_else(|| QueryError::malformed("X-Amz-Date", "a date such as 20130524T000000Z"))?;
        if date.get(..8) != Some(&credential.day) {
            return Err(QueryError::malformed("X-Amz-Credential", "for the same day as X-Amz-Date"));
        }
        let digits = expires.bytes().all(|b| b.is_ascii_digit()).then(|| expires.parse().ok()).flatten();
        let seconds = digits.filter(|seconds| (1..=LONGEST).contains(seconds)).ok_or_else(|| {
            QueryError::malformed("X-Amz-Expires", "a number of seconds from 1 to 604800 (seven days)")
        })?;
        if !are_different(&signed_headers) {
            return Err(QueryError::malformed("X-Amz-SignedHeaders", "the names of headers, each only once"));
        }
        let signature = unhex(signature.as_bytes())
            .ok_or_else(|| QueryError::malformed("X-Amz-Signature", "64 lower-case hexadecimal digits"))?;
        let until = from.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        let payload = parameters.first("X-Amz-Content-Sha256").map(str::to_owned);
        Ok(Self { credential, date, signed_headers, signature, from, until, payload })
    }
}
