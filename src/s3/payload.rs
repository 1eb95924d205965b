//! `Payload`: the body of a request as it was meant: without the framing of `aws-chunked`, and checked against all that the
//! request says about it.

use std::fs::File;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::HeaderMap;

use super::error::{Code, S3Error};
use super::object::hex;
use super::record::Checksum;
use crate::body::incoming::RequestBody;
use crate::signature::{self, Algorithm, BodyVerifier};
use crate::storage::blocking;
use crate::upload::staged::write_all;

/// Bytes collected for one blocking write.
const BATCH: usize = 256 * 1024;

/// The body of a request that has not been read.
pub struct Payload<'b> {
    body: &'b mut RequestBody,
    verifier: BodyVerifier,
}

/// What was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The number of bytes.
    pub len: u64,
    /// The ETag, without quotes: their MD5 in hexadecimal.
    pub etag: String,
    /// The checksum, if the client sent one or asked for one.
    pub checksum: Option<Checksum>,
}

impl<'b> Payload<'b> {
    /// Wraps a body. `algorithm` is the checksum to compute if the request has none.
    pub fn new(
        body: &'b mut RequestBody,
        headers: &HeaderMap,
        signed: &signature::Payload,
        algorithm: Option<Algorithm>,
    ) -> Result<Self, S3Error> {
        Ok(Self { body, verifier: BodyVerifier::new(headers, signed, algorithm)? })
    }

    /// Receives everything into memory, at most `limit` bytes.
    pub async fn collect(mut self, limit: u64) -> Result<Vec<u8>, S3Error> {
        let mut all = Vec::new();
        while let Some(mut bytes) = self.body.next().await? {
            while let Some(piece) = self.verifier.decode(&mut bytes)? {
                all.extend_from_slice(&piece);
                check_length(all.len() as u64, limit)?;
            }
        }
        self.verifier.finish()?;
        Ok(all)
    }

    /// Receives everything into a file, at most `limit` bytes. The bytes are checked where they are written, on a blocking
    /// thread. Nothing may be published unless this succeeds.
    pub async fn receive(self, file: Arc<File>, limit: u64) -> Result<Received, S3Error> {
        let Self { body, mut verifier } = self;
        if let Some(announced) = verifier.announced_length() {
            check_length(announced, limit)?;
        }
        let (mut batch, mut waiting, mut len) = (Vec::new(), 0, 0);
        loop {
            let bytes = body.next().await?;
            let is_end = bytes.is_none();
            waiting += bytes.as_ref().map_or(0, Bytes::len);
            batch.extend(bytes);
            if waiting < BATCH && !is_end {
                continue;
            }
            let (arrived, file) = (std::mem::take(&mut batch), Arc::clone(&file));
            let written = blocking(move || {
                let mut pieces = Vec::new();
                for mut bytes in arrived {
                    while let Some(piece) = verifier.decode(&mut bytes)? {
                        len += piece.len() as u64;
                        pieces.push(piece);
                    }
                }
                check_length(len, limit)?;
                write_all(&file, &pieces).map_err(S3Error::system)?;
                Ok::<_, S3Error>((verifier, len))
            });
            (verifier, len) = written.await?;
            waiting = 0;
            if is_end {
                let verified = verifier.finish()?;
                let checksum = verified.checksum.as_ref().map(Checksum::of);
                return Ok(Received { len, etag: hex(&verified.md5), checksum });
            }
        }
    }

    /// Refuses a body where none may be.
    pub async fn expect_empty(self, what: &'static str) -> Result<(), S3Error> {
        match self.collect(0).await {
            Err(error) if error.code == Code::EntityTooLarge => Err(S3Error::new(Code::InvalidArgument, what)),
            result => result.map(drop),
        }
    }
}

fn check_length(length: u64, limit: u64) -> Result<(), S3Error> {
    if length <= limit {
        return Ok(());
    }
    let shown = bytesize::ByteSize::b(limit).display().iec();
    let message = format!(
        "Your proposed upload exceeds the maximum allowed size, {shown}. Upload larger objects in parts, or start devmedia \
         with a larger --max-upload, such as --max-upload 10GiB."
    );
    Err(S3Error::new(Code::EntityTooLarge, message)
        .with("ProposedSize", length.to_string())
        .with("MaxSizeAllowed", limit.to_string()))
}
