//! Bodies of S3 uploads: the pieces in which a body arrives do not matter, and a payload is never longer than announced.
#![no_main]

use devmedia_fuzz::signature::{BodyVerifier, Code, Payload};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    body: &'a [u8],
    size: u8,
    length: Option<u16>,
    has_trailer: bool,
}

fn read(headers: &HeaderMap, body: &[u8], size: usize) -> Result<Vec<u8>, Code> {
    let mut verifier = BodyVerifier::new(headers, &Payload::UnsignedChunks, None).map_err(|error| error.code)?;
    let mut read = Vec::new();
    for piece in body.chunks(size) {
        let mut input = Bytes::copy_from_slice(piece);
        while let Some(decoded) = verifier.decode(&mut input).map_err(|error| error.code)? {
            read.extend_from_slice(&decoded);
            assert!(verifier.announced_length().is_none_or(|length| read.len() as u64 <= length));
        }
        assert!(input.is_empty());
    }
    verifier.finish().map_err(|error| error.code).map(|body| {
        assert_eq!(body.length, read.len() as u64);
        read
    })
}

fuzz_target!(|input: Input<'_>| {
    let mut headers = HeaderMap::new();
    if let Some(length) = input.length {
        headers.insert("x-amz-decoded-content-length", length.into());
    }
    if input.has_trailer {
        headers.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32"));
    }
    let whole = read(&headers, input.body, input.body.len().max(1));
    assert_eq!(whole, read(&headers, input.body, usize::from(input.size).max(1)));
});
