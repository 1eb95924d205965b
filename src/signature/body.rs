//! `BodyVerifier`: everything that a request says about its body, checked while the body passes.

use hyper::body::Bytes;
use hyper::header::HeaderMap;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::checksum::{self, Algorithm, Checksum, Hasher};
use super::chunked::ChunkDecoder;
use super::digest::hex;
use super::error::{Code, SignatureError};
use super::payload::Payload;

/// Checks the signed SHA-256, `aws-chunked` framing with its signatures, `Content-MD5`, `x-amz-checksum-*` and the
/// lengths, and computes the MD5 for the `ETag`.
///
/// It reads no socket: bytes go in, payload comes out. The caller keeps nothing of the payload unless `finish` succeeds.
pub struct BodyVerifier {
    decoder: Option<ChunkDecoder>,
    sha256: Option<([u8; 32], Sha256)>,
    md5: Md5,
    expected_md5: Option<[u8; 16]>,
    hasher: Option<Hasher>,
    expected: Option<Checksum>,
    length: u64,
    announced: Option<u64>,
}

/// A body that is what the request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBody {
    /// The number of bytes of the payload.
    pub length: u64,
    /// The MD5 of the payload.
    pub md5: [u8; 16],
    /// The checksum of the payload: the one that was sent, or the one that the caller wanted.
    pub checksum: Option<Checksum>,
}

impl BodyVerifier {
    /// Creates a verifier for the body of a request. `algorithm` is the checksum to compute if the request has none.
    pub fn new(headers: &HeaderMap, payload: &Payload, algorithm: Option<Algorithm>) -> Result<Self, SignatureError> {
        let announced = checksum::announced(headers)?;
        if let Some((algorithm, Some(checksum))) = &announced
            && checksum.parts().is_some()
        {
            let message = format!("Value for {} header is invalid: a body has no parts.", algorithm.header());
            return Err(SignatureError::new(Code::InvalidRequest, message));
        }
        let expected_md5 = checksum::content_md5(headers)?;
        let decoded_length = length(headers, "x-amz-decoded-content-length")?;
        let trailers = checksum::trailer_names(headers);
        let seed = match payload {
            Payload::SignedChunks(seed) => Some(Some(seed.clone())),
            Payload::UnsignedChunks => Some(None),
            Payload::Unsigned | Payload::Sha256(_) => None,
        };
        let may_have_trailer = match &seed {
            Some(Some(seed)) => seed.has_trailer,
            Some(None) => true,
            None => false,
        };
        if !trailers.is_empty() && !may_have_trailer {
            let message = "The request announces a trailer in x-amz-trailer, but its x-amz-content-sha256 is not one of the \
                           STREAMING-...-TRAILER values.";
            return Err(SignatureError::new(Code::InvalidRequest, message));
        }
        let announced_length = if seed.is_some() { decoded_length } else { length(headers, "content-length")? };
        let sha256 = if let Payload::Sha256(hash) = payload { Some((*hash, Sha256::new())) } else { None };
        let (used, expected) = match announced {
            Some((used, expected)) => (Some(used), expected),
            None => (algorithm, None),
        };
        Ok(Self {
            decoder: seed.map(|seed| ChunkDecoder::new(seed, decoded_length, trailers)),
            sha256,
            md5: Md5::new(),
            expected_md5,
            hasher: used.map(Hasher::new),
            expected,
            length: 0,
            announced: announced_length,
        })
    }

    /// The length of the payload, if the headers say it.
    pub fn announced_length(&self) -> Option<u64> {
        self.announced
    }

    /// Takes bytes from `input` and returns the next piece of the payload, or `None` when it needs more input.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, SignatureError> {
        let piece = match &mut self.decoder {
            Some(decoder) => decoder.decode(input)?,
            None => Some(input.split_to(input.len())).filter(|piece| !piece.is_empty()),
        };
        if let Some(piece) = &piece {
            self.length += piece.len() as u64;
            self.md5.update(piece);
            if let Some((_, hash)) = &mut self.sha256 {
                hash.update(piece);
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(piece);
            }
        }
        Ok(piece)
    }

    /// Checks the whole body after its last byte.
    pub fn finish(self) -> Result<VerifiedBody, SignatureError> {
        let trailers = self.decoder.map(ChunkDecoder::finish).transpose()?.unwrap_or_default();
        if let Some(announced) = self.announced.filter(|announced| *announced != self.length) {
            let message = format!(
                "You did not provide the number of bytes specified by the Content-Length HTTP header: {} of {announced}.",
                self.length
            );
            return Err(SignatureError::new(Code::IncompleteBody, message));
        }
        if let Some((expected, hash)) = self.sha256 {
            let computed = hash.finalize();
            if computed[..] != expected {
                let message = "The provided 'x-amz-content-sha256' header does not match what was computed. The body was \
                               changed after it was signed, or it was cut.";
                return Err(SignatureError::new(Code::XAmzContentSHA256Mismatch, message)
                    .with("ClientComputedContentSHA256", hex(&expected))
                    .with("S3ComputedContentSHA256", hex(&computed)));
            }
        }
        let md5: [u8; 16] = self.md5.finalize().into();
        if let Some(expected) = self.expected_md5.filter(|expected| *expected != md5) {
            return Err(SignatureError::new(
                Code::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            )
            .with("ExpectedDigest", hex(&expected))
            .with("CalculatedDigest", hex(&md5)));
        }
        let checksum = self.hasher.map(Hasher::finish);
        let mut expected = self.expected;
        if let Some(checksum) = &checksum {
            let algorithm = checksum.algorithm();
            if let Some((_, value)) = trailers.iter().find(|(name, _)| name == algorithm.header()) {
                expected = Some(Checksum::parse(algorithm, value)?);
            }
            if expected.is_some_and(|expected| expected != *checksum) {
                let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
                return Err(
                    SignatureError::new(Code::BadDigest, message).with("CalculatedChecksum", checksum.to_string())
                );
            }
        }
        Ok(VerifiedBody { length: self.length, md5, checksum })
    }
}

/// A length in a header.
fn length(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, SignatureError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    number.map(Some).ok_or_else(|| {
        SignatureError::new(Code::InvalidArgument, format!("{name} should be a number of bytes."))
            .with("ArgumentName", name)
            .with("ArgumentValue", text)
    })
}

/// The `Content-Encoding` to store with the object: without `aws-chunked`, which is the framing of this request only.
pub fn stored_encoding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all("content-encoding").iter().filter_map(|value| value.to_str().ok());
    let codings = values.flat_map(|value| value.split(',')).map(str::trim);
    let stored: Vec<_> = codings.filter(|it| !it.is_empty() && !it.eq_ignore_ascii_case("aws-chunked")).collect();
    (!stored.is_empty()).then(|| stored.join(", "))
}
