//! `ChunkDecoder`: the body of `aws-chunked` requests ("Transferring payload in multiple chunks" and "trailing headers"
//! in the S3 API reference).
//!
//! ```text
//! SIZE[;chunk-signature=HEX]\r\n DATA\r\n ... 0[;chunk-signature=HEX]\r\n
//! [x-amz-checksum-crc32:BASE64\r\n] [x-amz-trailer-signature:HEX\r\n] \r\n
//! ```
//!
//! It reads no socket: bytes go in, payload comes out. A payload is passed on before the signature of its chunk has been
//! checked, so that memory is constant. The caller keeps nothing of it unless `finish` succeeds.

use hyper::body::Bytes;
use sha2::{Digest as _, Sha256};

use super::digest::{hex, sha256_hex, unhex};
use super::error::{Code, SignatureError};
use super::payload::ChunkSeed;
use super::v4;

/// The longest line with the size of a chunk: 16 digits and a signature, with room for an extension.
const LONGEST_SIZE_LINE: usize = 256;

/// The longest trailer field: the name and value of a checksum, with room.
const LONGEST_TRAILER_LINE: usize = 1024;

/// The largest number of trailer fields.
const MOST_TRAILERS: usize = 8;

/// A decoder of one body.
#[derive(Debug)]
pub struct ChunkDecoder {
    state: State,
    line: Vec<u8>,
    /// The number of decoded bytes that the headers announce.
    announced: Option<u64>,
    /// Including the chunk that is being read.
    total: u64,
    signed: Option<Signed>,
    /// The names in `x-amz-trailer`.
    expected_trailers: Vec<String>,
    trailers: Vec<(String, String)>,
    trailer_signature: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Data { remaining: u64 },
    DataEnd { has_return: bool },
    Trailer,
    Done,
}

#[derive(Debug)]
struct Signed {
    seed: ChunkSeed,
    /// The signature before this chunk.
    previous: String,
    hash: Sha256,
    /// The signature of the chunk that is being read.
    claimed: [u8; 32],
}

impl ChunkDecoder {
    /// Creates a decoder. `seed` is there if chunks are signed, `length` is `x-amz-decoded-content-length`, and
    /// `trailers` are the names in `x-amz-trailer`, in lower case.
    pub fn new(seed: Option<ChunkSeed>, length: Option<u64>, trailers: Vec<String>) -> Self {
        let signed =
            seed.map(|seed| Signed { previous: seed.signature.clone(), seed, hash: Sha256::new(), claimed: [0; 32] });
        Self {
            state: State::Size,
            line: Vec::new(),
            announced: length,
            total: 0,
            signed,
            expected_trailers: trailers,
            trailers: Vec::new(),
            trailer_signature: None,
        }
    }

    /// Takes bytes from `input` and returns the next piece of the payload, or `None` when it needs more input.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, SignatureError> {
        while !input.is_empty() {
            match self.state {
                State::Size => {
                    if let Some(line) = self.line(input, LONGEST_SIZE_LINE, Code::InvalidChunkSizeError)? {
                        self.start_chunk(&line)?;
                    }
                }
                State::Data { remaining } => {
                    let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(input.len());
                    let piece = input.split_to(length);
                    if let Some(signed) = &mut self.signed {
                        signed.hash.update(&piece);
                    }
                    let remaining = remaining - length as u64;
                    self.state = if remaining == 0 {
                        self.end_chunk()?;
                        State::DataEnd { has_return: false }
                    } else {
                        State::Data { remaining }
                    };
                    return Ok(Some(piece));
                }
                State::DataEnd { has_return } => {
                    let byte = input.split_to(1)[0];
                    self.state = match (byte, has_return) {
                        (b'\r', false) => State::DataEnd { has_return: true },
                        (b'\n', true) => State::Size,
                        _ => {
                            let message =
                                "The data of a chunk is longer than its size says: a line break should follow it.";
                            return Err(SignatureError::new(Code::IncompleteBody, message));
                        }
                    };
                }
                State::Trailer => {
                    if let Some(line) = self.line(input, LONGEST_TRAILER_LINE, Code::MalformedTrailerError)? {
                        self.take_trailer(&line)?;
                    }
                }
                State::Done => {
                    // some clients end the trailer with one line break more
                    let byte = input.split_to(1)[0];
                    self.line.push(byte);
                    if !b"\r\n".starts_with(&self.line) {
                        let message = "The body continues after its last chunk.";
                        return Err(SignatureError::new(Code::IncompleteBody, message));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Checks that the body is complete, and returns the trailer fields with their names in lower case.
    pub fn finish(self) -> Result<Vec<(String, String)>, SignatureError> {
        if self.state != State::Done {
            let message =
                "The request body terminated unexpectedly: the last chunk (of size 0) is missing or incomplete.";
            return Err(SignatureError::new(Code::IncompleteBody, message));
        }
        if let Some(announced) = self.announced.filter(|announced| *announced != self.total) {
            let message = format!(
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header: {} of \
                 {announced}.",
                self.total
            );
            return Err(SignatureError::new(Code::IncompleteBody, message));
        }
        Ok(self.trailers)
    }

    /// The next line without its line break, when it is complete.
    fn line(&mut self, input: &mut Bytes, longest: usize, code: Code) -> Result<Option<Vec<u8>>, SignatureError> {
        let end = memchr::memchr(b'\n', input);
        let part = input.split_to(end.map_or(input.len(), |end| end + 1));
        if self.line.len() + part.len() > longest {
            let message = format!("A line between the chunks is longer than {longest} bytes. Is the body aws-chunked?");
            return Err(SignatureError::new(code, message));
        }
        self.line.extend_from_slice(&part);
        Ok(end.map(|_| {
            let mut line = std::mem::take(&mut self.line);
            line.pop();
            line.pop_if(|last| *last == b'\r');
            line
        }))
    }

    fn start_chunk(&mut self, line: &[u8]) -> Result<(), SignatureError> {
        let invalid = || {
            let message = "A chunk does not start with its size in hexadecimal. Is the body aws-chunked?";
            SignatureError::new(Code::InvalidChunkSizeError, message)
        };
        let line = std::str::from_utf8(line).map_err(|_| invalid())?;
        let (digits, extension) = line.split_once(';').unwrap_or((line, ""));
        let is_number = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let size = u64::from_str_radix(digits, 16).ok().filter(|_| is_number).ok_or_else(invalid)?;
        let total = self.total.checked_add(size).ok_or_else(invalid)?;
        if self.announced.is_some_and(|announced| total > announced) {
            let message = "The chunks have more bytes than the x-amz-decoded-content-length header says.";
            return Err(SignatureError::new(Code::IncompleteBody, message));
        }
        self.total = total;
        if let Some(signed) = &mut self.signed {
            let claimed = extension.trim().strip_prefix("chunk-signature=").and_then(|text| unhex(text.as_bytes()));
            signed.claimed = claimed.ok_or_else(|| {
                let message = "A chunk has no chunk-signature of 64 lower-case hexadecimal digits.";
                SignatureError::new(Code::SignatureDoesNotMatch, message)
            })?;
        }
        self.state = State::Data { remaining: size };
        if size == 0 {
            self.end_chunk()?;
            self.state = State::Trailer;
        }
        Ok(())
    }

    /// Checks the signature of a chunk, which covers the signature before it.
    fn end_chunk(&mut self) -> Result<(), SignatureError> {
        let Some(signed) = &mut self.signed else { return Ok(()) };
        let hash = hex(&std::mem::take(&mut signed.hash).finalize());
        let text = chunk_text(&signed.seed, &signed.previous, &hash);
        if !v4::is_signature(&signed.seed.signing_key, &text, &signed.claimed) {
            let message = format!(
                "The signature of the chunk that ends at byte {} does not match: its data was changed, or chunks are missing \
                 or in another order.",
                self.total
            );
            return Err(SignatureError::new(Code::SignatureDoesNotMatch, message)
                .with("StringToSign", text)
                .with("SignatureProvided", hex(&signed.claimed)));
        }
        signed.previous = hex(&signed.claimed);
        Ok(())
    }

    fn take_trailer(&mut self, line: &[u8]) -> Result<(), SignatureError> {
        if line.is_empty() {
            return self.end_trailer();
        }
        let malformed = |what: &str| SignatureError::new(Code::MalformedTrailerError, what);
        let text = std::str::from_utf8(line).map_err(|_| malformed("A trailer field is not text."))?;
        let (name, value) =
            text.split_once(':').ok_or_else(|| malformed("The trailing headers should have the form name:value."))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if self.trailers.len() + usize::from(self.trailer_signature.is_some()) >= MOST_TRAILERS {
            return Err(malformed("There are too many trailing headers."));
        }
        if name == "x-amz-trailer-signature" && self.signed.is_some() {
            return match self.trailer_signature.replace(value) {
                Some(_) => Err(malformed("The x-amz-trailer-signature should be sent only once.")),
                None => Ok(()),
            };
        }
        if self.trailer_signature.is_some() {
            return Err(malformed("The x-amz-trailer-signature should be the last trailing header."));
        }
        if !self.expected_trailers.contains(&name) {
            return Err(malformed("The trailing headers should be the ones that the x-amz-trailer header lists."));
        }
        if self.trailers.iter().any(|(found, _)| *found == name) {
            return Err(malformed("A trailing header should be sent only once."));
        }
        self.trailers.push((name, value));
        Ok(())
    }

    fn end_trailer(&mut self) -> Result<(), SignatureError> {
        let is_sent = |name: &String| self.trailers.iter().any(|(found, _)| found == name);
        if let Some(missing) = self.expected_trailers.iter().find(|name| !is_sent(name)) {
            let message = format!("The x-amz-trailer header lists {missing}, but the trailer does not have it.");
            return Err(SignatureError::new(Code::MalformedTrailerError, message));
        }
        if let Some(signed) = self.signed.as_ref().filter(|signed| signed.seed.has_trailer) {
            let text = trailer_text(&signed.seed, &signed.previous, &self.trailers);
            let claimed = self.trailer_signature.as_deref().unwrap_or_default();
            let is_valid = unhex(claimed.as_bytes())
                .is_some_and(|claimed| v4::is_signature(&signed.seed.signing_key, &text, &claimed));
            if !is_valid {
                let message = "The x-amz-trailer-signature does not match the trailing headers.";
                return Err(SignatureError::new(Code::SignatureDoesNotMatch, message)
                    .with("StringToSign", text)
                    .with("SignatureProvided", claimed));
            }
        }
        self.state = State::Done;
        Ok(())
    }
}

/// The string to sign of a chunk, whose SHA-256 is `hash`.
pub(super) fn chunk_text(seed: &ChunkSeed, previous: &str, hash: &str) -> String {
    let ChunkSeed { date, scope, .. } = seed;
    format!("AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{}\n{hash}", sha256_hex(b""))
}

/// The string to sign of a trailer.
pub(super) fn trailer_text(seed: &ChunkSeed, previous: &str, trailers: &[(String, String)]) -> String {
    let ChunkSeed { date, scope, .. } = seed;
    let fields: String = trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    format!("AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{}", sha256_hex(fields.as_bytes()))
}
