//! Checksums of objects ("Checking object integrity" in the S3 user guide).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{Crc, Table};
use hyper::header::HeaderMap;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::error::{Code, SignatureError};

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&crc::CRC_64_NVME);

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The default of boto3 and of the AWS SDK for JavaScript.
    Crc32,
    /// Castagnoli's.
    Crc32c,
    /// The default of the AWS CLI.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name of the header and trailer field, such as `x-amz-checksum-crc32`.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The name in `x-amz-checksum-algorithm` and XML, such as `CRC32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The name of the element in XML, such as `ChecksumCRC32`.
    pub fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// The algorithm with this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm of a header or trailer field, in any case.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    /// The length of a value in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether a multipart upload gets a composite checksum by default. CRC64NVME is always of the full object.
    pub fn is_composite_by_default(self) -> bool {
        self != Self::Crc64Nvme
    }

    /// Whether the checksum of the full object can be asked for in a multipart upload.
    pub fn has_full_object(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }
}

/// A checksum in the making.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Crc32(crc32fast::Hasher),
    Crc32c(crc::Digest<'static, u32, Table<16>>),
    Crc64Nvme(crc::Digest<'static, u64, Table<16>>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Crc32 => State::Crc32(crc32fast::Hasher::new()),
            Algorithm::Crc32c => State::Crc32c(CRC32C.digest()),
            Algorithm::Crc64Nvme => State::Crc64Nvme(CRC64NVME.digest()),
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(state) => state.update(bytes),
            State::Crc32c(state) => state.update(bytes),
            State::Crc64Nvme(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
        }
    }

    /// The checksum of all bytes.
    pub fn finish(self) -> Checksum {
        let (algorithm, value) = match self.0 {
            State::Crc32(state) => (Algorithm::Crc32, state.finalize().to_be_bytes().to_vec()),
            State::Crc32c(state) => (Algorithm::Crc32c, state.finalize().to_be_bytes().to_vec()),
            State::Crc64Nvme(state) => (Algorithm::Crc64Nvme, state.finalize().to_be_bytes().to_vec()),
            State::Sha1(state) => (Algorithm::Sha1, state.finalize().to_vec()),
            State::Sha256(state) => (Algorithm::Sha256, state.finalize().to_vec()),
        };
        Checksum { algorithm, value, parts: None }
    }
}

/// A checksum. `Display` writes it as S3 does: Base64, and `-N` after the composite checksum of N parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    algorithm: Algorithm,
    value: Vec<u8>,
    parts: Option<u32>,
}

impl Checksum {
    /// Parses a value. The error is the one of S3 for a header that is not valid.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, SignatureError> {
        let (encoded, parts) = match text.split_once('-') {
            Some((encoded, parts)) => (encoded, Some(parts)),
            None => (text, None),
        };
        let value = STANDARD.decode(encoded).ok().filter(|value| value.len() == algorithm.length());
        let parts = parts.map(|parts| parts.parse().ok().filter(|parts| (1..=10_000).contains(parts)));
        match (value, parts) {
            (Some(value), None) => Ok(Self { algorithm, value, parts: None }),
            (Some(value), Some(Some(parts))) => Ok(Self { algorithm, value, parts: Some(parts) }),
            _ => Err(SignatureError::new(
                Code::InvalidRequest,
                format!(
                    "Value for {} header is invalid: it should be the Base64 of {} bytes.",
                    algorithm.header(),
                    algorithm.length()
                ),
            )),
        }
    }

    /// The composite checksum of a multipart upload: the checksum of the checksums of its parts. `None` if there are no
    /// parts, or if they have another algorithm.
    pub fn composite(algorithm: Algorithm, parts: &[Self]) -> Option<Self> {
        let count = u32::try_from(parts.len()).ok().filter(|count| *count > 0)?;
        let mut hasher = Hasher::new(algorithm);
        for part in parts {
            if part.algorithm != algorithm {
                return None;
            }
            hasher.update(&part.value);
        }
        Some(Self { parts: Some(count), ..hasher.finish() })
    }

    /// The checksum of an object that consists of `self` and `next`, which is `next_length` bytes long. Only the CRCs can
    /// be combined.
    pub fn followed_by(&self, next: &Self, next_length: u64) -> Option<Self> {
        if self.algorithm != next.algorithm || self.parts.is_some() || next.parts.is_some() {
            return None;
        }
        let number = |value: &[u8]| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let (width, polynomial) = match self.algorithm {
            Algorithm::Crc32 => (32, u64::from(crc::CRC_32_ISO_HDLC.poly.reverse_bits())),
            Algorithm::Crc32c => (32, u64::from(crc::CRC_32_ISCSI.poly.reverse_bits())),
            Algorithm::Crc64Nvme => (64, crc::CRC_64_NVME.poly.reverse_bits()),
            Algorithm::Sha1 | Algorithm::Sha256 => return None,
        };
        let combined = shifted(number(&self.value), next_length, width, polynomial) ^ number(&next.value);
        let value = combined.to_be_bytes()[8 - self.algorithm.length()..].to_vec();
        Some(Self { algorithm: self.algorithm, value, parts: None })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The number of parts of a composite checksum.
    pub fn parts(&self) -> Option<u32> {
        self.parts
    }

    /// `COMPOSITE` or `FULL_OBJECT`, as in `x-amz-checksum-type`.
    pub fn kind(&self) -> &'static str {
        if self.parts.is_some() { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.value))?;
        self.parts.map_or(Ok(()), |parts| write!(f, "-{parts}"))
    }
}

/// The register of a reflected CRC after `length` zero bytes: multiplied by x^8 as often, by repeated squaring (as
/// `crc32_combine` in zlib).
fn shifted(register: u64, length: u64, width: u32, polynomial: u64) -> u64 {
    let multiplied = |one: u64, other: u64| {
        let (mut product, mut one) = (0, one);
        // the highest bit of a reflected polynomial is its constant term
        for bit in (0..width).rev() {
            if other >> bit & 1 == 1 {
                product ^= one;
            }
            one = if one & 1 == 1 { one >> 1 ^ polynomial } else { one >> 1 };
        }
        product
    };
    let mut power = 1 << (width - 1 - 8);
    let (mut register, mut length) = (register, length);
    while length > 0 {
        if length & 1 == 1 {
            register = multiplied(power, register);
        }
        power = multiplied(power, power);
        length >>= 1;
    }
    register
}

/// The checksum that the headers announce: its algorithm, and its value unless it follows in the trailer.
pub fn announced(headers: &HeaderMap) -> Result<Option<(Algorithm, Option<Checksum>)>, SignatureError> {
    let invalid = |message: String| SignatureError::new(Code::InvalidRequest, message);
    let sent = |algorithm: Algorithm| headers.get_all(algorithm.header()).iter().map(move |value| (algorithm, value));
    let mut values = Algorithm::ALL.into_iter().flat_map(sent);
    let first = values.next();
    if values.next().is_some() {
        let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
        return Err(invalid(message.to_owned()));
    }
    let in_trailer =
        trailer_names(headers).into_iter().filter_map(|name| Algorithm::of_header(&name)).collect::<Vec<_>>();
    let found = match (first, in_trailer.as_slice()) {
        (None, []) => None,
        (None, [algorithm]) => Some((*algorithm, None)),
        (Some((algorithm, value)), []) => {
            let checksum = Checksum::parse(algorithm, value.to_str().unwrap_or_default().trim())?;
            Some((algorithm, Some(checksum)))
        }
        _ => {
            let message =
                "Expecting a single x-amz-checksum- header or trailer. Multiple checksum Types are not allowed.";
            return Err(invalid(message.to_owned()));
        }
    };
    let named = headers.get("x-amz-sdk-checksum-algorithm").map(|value| value.to_str().unwrap_or_default());
    match (named, &found) {
        (Some(name), Some((algorithm, _))) if Algorithm::parse(name) != Some(*algorithm) => {
            Err(invalid("Value for x-amz-sdk-checksum-algorithm header is invalid.".to_owned()))
        }
        // a Content-MD5 satisfies clients that must send a checksum
        (Some(_), None) if !headers.contains_key("content-md5") => Err(invalid(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were \
             found."
                .to_owned(),
        )),
        _ => Ok(found),
    }
}

/// The headers without those about the checksum: in `CompleteMultipartUpload` they are about the object, not about the body.
pub fn without_checksum(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in Algorithm::ALL.map(Algorithm::header).into_iter().chain(["x-amz-sdk-checksum-algorithm"]) {
        headers.remove(name);
    }
    headers
}

/// The names in `x-amz-trailer`, in lower case.
pub fn trailer_names(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("x-amz-trailer").iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// Parses a `Content-MD5` (RFC 1864).
pub fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, SignatureError> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let decoded = STANDARD.decode(value.as_bytes().trim_ascii()).ok().and_then(|value| value.try_into().ok());
    decoded.map(Some).ok_or_else(|| {
        SignatureError::new(
            Code::InvalidDigest,
            "The Content-MD5 you specified was invalid: it should be the Base64 of 16 bytes.",
        )
    })
}
