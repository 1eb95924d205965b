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

/// The body of a request that has not been read, and what the request says about it.
#[derive(Debug)]
pub struct Payload<'b> {
    /// The body.
    pub body: &'b mut RequestBody,
    /// The headers, which may have an MD5, a checksum and lengths.
    pub headers: &'b HeaderMap,
    /// What the signature says.
    pub signed: &'b signature::Payload,
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

impl Payload<'_> {
    /// Receives everything into memory, at most `limit` bytes.
    pub async fn collect(self, limit: u64) -> Result<Vec<u8>, S3Error> {
        let mut verifier = BodyVerifier::new(self.headers, self.signed, None)?;
        let mut all = Vec::new();
        while let Some(mut bytes) = self.body.next().await? {
            while let Some(piece) = verifier.decode(&mut bytes)? {
                all.extend_from_slice(&piece);
                check_length(all.len() as u64, limit)?;
            }
        }
        verifier.finish()?;
        Ok(all)
    }

    /// Receives everything into a file, at most `limit` bytes. `algorithm` is the checksum to compute if the request has
    /// none. Nothing may be published unless this succeeds.
    pub async fn receive(self, file: Arc<File>, limit: u64, algorithm: Option<Algorithm>) -> Result<Received, S3Error> {
        let verifier = BodyVerifier::new(self.headers, self.signed, algorithm)?;
        let mut receiver = Receiver::new(verifier, file, limit)?;
        while let Some(bytes) = self.body.next().await? {
            receiver.push(bytes).await?;
        }
        receiver.finish().await
    }

    /// Refuses a body where none may be.
    pub async fn expect_empty(self, what: &'static str) -> Result<(), S3Error> {
        match self.collect(0).await {
            Err(error) if error.code == Code::EntityTooLarge => Err(S3Error::new(Code::InvalidArgument, what)),
            result => result.map(drop),
        }
    }
}

/// Writes a payload into a file. The bytes are decoded and hashed where they are written, on a blocking thread.
pub struct Receiver {
    /// `None` while a batch is being written.
    verifier: Option<BodyVerifier>,
    file: Arc<File>,
    limit: u64,
    batch: Vec<Bytes>,
    waiting: usize,
    len: u64,
}

impl Receiver {
    /// Starts to write. Fails immediately if the announced length exceeds the limit.
    pub fn new(verifier: BodyVerifier, file: Arc<File>, limit: u64) -> Result<Self, S3Error> {
        check_length(verifier.announced_length().unwrap_or_default(), limit)?;
        Ok(Self { verifier: Some(verifier), file, limit, batch: Vec::new(), waiting: 0, len: 0 })
    }

    /// Adds bytes as they were sent. Waits for the disk when a batch is full.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), S3Error> {
        self.waiting += bytes.len();
        self.batch.push(bytes);
        if self.waiting < BATCH { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), S3Error> {
        self.waiting = 0;
        let (arrived, file) = (std::mem::take(&mut self.batch), Arc::clone(&self.file));
        let mut verifier = self.verifier.take().expect("no batch has failed");
        let (before, limit) = (self.len, self.limit);
        let written = blocking(move || {
            let (mut pieces, mut len) = (Vec::new(), before);
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
        let (verifier, len) = written.await?;
        (self.verifier, self.len) = (Some(verifier), len);
        Ok(())
    }

    /// Writes what is waiting, and checks the whole.
    pub async fn finish(mut self) -> Result<Received, S3Error> {
        self.flush().await?;
        let verified = self.verifier.take().expect("no batch has failed").finish()?;
        let checksum = verified.checksum.as_ref().map(Checksum::of);
        Ok(Received { len: self.len, etag: hex(&verified.md5), checksum })
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
