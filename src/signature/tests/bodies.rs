//! Bodies: checksums, framing, and what is done to them on the way.

use proptest::prelude::*;

use super::sign::{authorize, chunks};
use super::*;

const CHECK: &[u8] = b"123456789";

fn checksum(algorithm: Algorithm, bytes: &[u8]) -> Checksum {
    let mut hasher = checksum::Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// The check values of the CRC catalogue, FIPS 180's hashes of the same text, and the default of an empty body.
#[test]
fn checksums_are_those_of_their_definitions() {
    for (algorithm, expected, empty) in [
        (Algorithm::Crc32, "y/Q5Jg==", "AAAAAA=="),
        (Algorithm::Crc32c, "4waSgw==", "AAAAAA=="),
        (Algorithm::Crc64Nvme, "rosUhgp5mIg=", "AAAAAAAAAAA="),
        (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE=", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        (
            Algorithm::Sha256,
            "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ),
    ] {
        assert_eq!(checksum(algorithm, CHECK).to_string(), expected, "{algorithm:?}");
        assert_eq!(checksum(algorithm, b"").to_string(), empty, "{algorithm:?}");
        let parsed = Checksum::parse(algorithm, expected).expect("valid");
        assert_eq!(parsed, checksum(algorithm, CHECK));
        for wrong in ["", "AAAA", "y/Q5Jg", "=", "y/Q5Jg==-0", "y/Q5Jg==-x", "y/Q5Jg==-10001", "é"] {
            let error = Checksum::parse(algorithm, wrong).expect_err(wrong);
            assert_eq!(error.code, Code::InvalidRequest, "{wrong}");
        }
        let composite = Checksum::composite(algorithm, &[parsed.clone(), parsed.clone()]).expect("parts");
        assert!(composite.to_string().ends_with("-2"));
        assert_eq!(Checksum::parse(algorithm, &composite.to_string()), Ok(composite.clone()));
        assert_eq!((composite.kind(), parsed.kind()), ("COMPOSITE", "FULL_OBJECT"));
        assert_eq!(Checksum::composite(algorithm, &[]), None);
        assert_eq!(Algorithm::parse(&algorithm.name().to_lowercase()), Some(algorithm));
        assert_eq!(Algorithm::of_header(algorithm.header()), Some(algorithm));
    }
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().expect("a value"));
    }
    headers
}

/// What the headers of "hello world" say, and what S3 answers.
#[test]
fn a_body_is_what_its_headers_say() {
    let crc = ("x-amz-checksum-crc32", "DUoRhQ==");
    let md5 = ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==");
    for (fields, expected) in [
        (vec![], Ok(())),
        (vec![("content-length", "11"), md5, crc], Ok(())),
        (vec![("content-length", "12")], Err(Code::IncompleteBody)),
        (vec![("content-length", "10")], Err(Code::IncompleteBody)),
        (vec![("x-amz-checksum-crc32", "DUoRhA==")], Err(Code::BadDigest)),
        (vec![("x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0=")], Ok(())),
        (vec![("x-amz-checksum-sha1", "DUoRhQ==")], Err(Code::InvalidRequest)),
        (vec![("x-amz-checksum-crc32", "DUoRhQ==-1")], Err(Code::InvalidRequest)),
        (vec![crc, ("x-amz-checksum-crc32c", "yZRlqg==")], Err(Code::InvalidRequest)),
        (vec![crc, crc], Err(Code::InvalidRequest)),
        (vec![crc, ("x-amz-sdk-checksum-algorithm", "CRC32")], Ok(())),
        (vec![crc, ("x-amz-sdk-checksum-algorithm", "SHA1")], Err(Code::InvalidRequest)),
        (vec![("x-amz-sdk-checksum-algorithm", "CRC32")], Err(Code::InvalidRequest)),
        (vec![md5, ("x-amz-sdk-checksum-algorithm", "MD5")], Ok(())),
        (vec![("content-md5", "XrY7u+Ae7tCTyyK7j1rNwA==")], Err(Code::BadDigest)),
        (vec![("content-md5", "5eb63bbbe01eeed093cb22bb8f5acdc3")], Err(Code::InvalidDigest)),
        (vec![("x-amz-trailer", "x-amz-checksum-crc32")], Err(Code::InvalidRequest)),
        (vec![("x-amz-checksum-mode", "ENABLED"), ("x-amz-checksum-type", "FULL_OBJECT")], Ok(())),
    ] {
        let run = || {
            let mut verifier = BodyVerifier::new(&headers(&fields), &Payload::Unsigned, None)?;
            let mut input = Bytes::from_static(b"hello world");
            while verifier.decode(&mut input)?.is_some() {}
            verifier.finish().map(|body| assert_eq!(body.length, 11))
        };
        assert_eq!(run().map_err(|error| error.code), expected, "{fields:?}");
    }
    let wrong = Payload::Sha256([0; 32]);
    let error = read(&HeaderMap::new(), &wrong, b"hello world", 4).expect_err("another hash");
    assert_eq!(error.code, Code::XAmzContentSHA256Mismatch);
}

/// `CompleteMultipartUpload` sends the checksum of the object, with its number of parts if it is composite.
#[test]
fn the_checksum_of_an_object_is_not_one_of_the_body() {
    let sent = headers(&[("x-amz-checksum-crc32", "DUoRhQ==-2"), ("x-amz-checksum-type", "COMPOSITE")]);
    let (_, checksum) = checksum::announced(&sent).expect("valid").expect("sent");
    assert_eq!(checksum.map(|checksum| checksum.to_string()).as_deref(), Some("DUoRhQ==-2"));
    let about_body = checksum::without_checksum(&sent);
    assert_eq!(read(&about_body, &Payload::Unsigned, b"<CompleteMultipartUpload/>", 5).map(|read| read.len()), Ok(26));
    assert!(read(&sent, &Payload::Unsigned, b"<CompleteMultipartUpload/>", 5).is_err());
}

#[test]
fn the_coding_of_the_framing_is_not_stored() {
    for (sent, stored) in [
        (vec!["aws-chunked"], None),
        (vec![], None),
        (vec!["gzip,aws-chunked"], Some("gzip")),
        (vec!["AWS-Chunked, gzip", "br"], Some("gzip, br")),
        (vec!["gzip"], Some("gzip")),
    ] {
        let fields: Vec<_> = sent.iter().map(|value| ("content-encoding", *value)).collect();
        assert_eq!(body::stored_encoding(&headers(&fields)).as_deref(), stored, "{sent:?}");
    }
}

/// `0x14` bytes in two chunks without signatures, with a trailer, and what may happen to them.
#[test]
fn framing_is_checked() {
    let fields = [("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-decoded-content-length", "11")];
    let good = "6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let long = format!("6;{}\r\n", "x".repeat(300));
    let many = format!("b\r\nhello world\r\n0\r\n{}\r\n", "x-amz-checksum-crc32:DUoRhQ==\r\n".repeat(9));
    let wide = format!("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:{}", "A".repeat(2000));
    for (body, expected) in [
        (good, Ok(())),
        // line breaks as in an example of the documentation, and as some clients end
        ("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\n\r\n\r\n", Ok(())),
        ("000B\r\nhello world\r\n0\r\nX-Amz-Checksum-Crc32: DUoRhQ== \r\n\r\n", Ok(())),
        ("b;any=thing\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", Ok(())),
        ("", Err(Code::IncompleteBody)),
        ("b\r\nhello world\r\n", Err(Code::IncompleteBody)),
        ("b\r\nhello world\r\n0\r\n", Err(Code::IncompleteBody)),
        ("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n", Err(Code::IncompleteBody)),
        ("a\r\nhello worl\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", Err(Code::IncompleteBody)),
        ("c\r\nhello world!\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", Err(Code::IncompleteBody)),
        ("b\r\nhello world0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", Err(Code::IncompleteBody)),
        ("b\r\nhello world\r0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", Err(Code::IncompleteBody)),
        ("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\nmore", Err(Code::IncompleteBody)),
        ("b\r\nhello World\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n", Err(Code::BadDigest)),
        ("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhA==\r\n\r\n", Err(Code::BadDigest)),
        ("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUo\r\n\r\n", Err(Code::InvalidRequest)),
        ("b\r\nhello world\r\n0\r\n\r\n", Err(Code::MalformedTrailerError)),
        ("b\r\nhello world\r\n0\r\nx-amz-checksum-sha1:x\r\n\r\n", Err(Code::MalformedTrailerError)),
        ("b\r\nhello world\r\n0\r\nno colon\r\n\r\n", Err(Code::MalformedTrailerError)),
        ("b\r\nhello world\r\n0\r\nx-amz-meta-a:1\r\n\r\n", Err(Code::MalformedTrailerError)),
        (many.as_str(), Err(Code::MalformedTrailerError)),
        (wide.as_str(), Err(Code::MalformedTrailerError)),
        (long.as_str(), Err(Code::InvalidChunkSizeError)),
        ("hello world", Err(Code::IncompleteBody)),
        ("hello\r\nworld", Err(Code::InvalidChunkSizeError)),
        ("-b\r\nhello world\r\n", Err(Code::InvalidChunkSizeError)),
        ("+b\r\nhello world\r\n", Err(Code::InvalidChunkSizeError)),
        ("\r\n", Err(Code::InvalidChunkSizeError)),
        ("fffffffffffffffff\r\n", Err(Code::InvalidChunkSizeError)),
        ("ffffffffffffffff\r\nhello", Err(Code::IncompleteBody)),
        ("1\r\nx\r\nffffffffffffffff\r\nhello", Err(Code::InvalidChunkSizeError)),
    ] {
        for size in [1, 3, 10_000] {
            let result = read(&headers(&fields), &Payload::UnsignedChunks, body.as_bytes(), size);
            let result = result.map(|read| assert_eq!(read, b"hello world")).map_err(|error| error.code);
            assert_eq!(result, expected, "{body:?} by {size}");
        }
    }
}

fn seed(content: &str) -> (HeaderMap, Payload) {
    let now = at("2026-11-29T10:00:00Z");
    let key = key("devmedia", "devmedia");
    let mut headers =
        headers(&[("host", "127.0.0.1:9000"), ("x-amz-date", "20261129T100000Z"), ("x-amz-content-sha256", content)]);
    if content.ends_with("-TRAILER") {
        headers.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32"));
    }
    let (authorization, _) = authorize(&key, "us-east-1", &Method::PUT, "/media/a", "", &headers).expect("signed");
    let mut sent = Sent::new("PUT", "127.0.0.1:9000", "/media/a");
    sent.headers = headers;
    let sent = sent.header("authorization", &authorization);
    let verified = sent.verified(&[key], now);
    (sent.headers, verified.payload)
}

proptest! {
    /// Whatever the sizes of the chunks and of the pieces in which they arrive, the payload is the same; any changed byte
    /// and any cut is noticed.
    #[test]
    fn signed_chunks_give_their_payload_and_nothing_else(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        size in 1_usize..50,
        has_trailer: bool,
        place: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let content = format!("STREAMING-AWS4-HMAC-SHA256-PAYLOAD{}", if has_trailer { "-TRAILER" } else { "" });
        let (headers, payload) = seed(&content);
        let Payload::SignedChunks(seed) = &payload else { panic!("{payload:?}") };
        let whole = parts.concat();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let trailer = ("x-amz-checksum-crc32".to_owned(), checksum(Algorithm::Crc32, &whole).to_string());
        let trailers = if has_trailer { vec![trailer] } else { Vec::new() };
        let body = chunks(seed, &parts, &trailers);
        prop_assert_eq!(read(&headers, &payload, &body, size), Ok(whole.clone()));

        let cut = &body[..place.index(body.len())];
        prop_assert!(read(&headers, &payload, cut, size).is_err());

        let mut changed = body.clone();
        changed[place.index(body.len())] ^= 1 << bit;
        // the case of a hexadecimal size and of a name, and a space beside a value, mean nothing
        if let Ok(read) = read(&headers, &payload, &changed, size) {
            prop_assert_eq!(read, whole);
        }

        // a chunk twice, or chunks in another order
        if let [first, second, ..] = parts.as_slice() && first != second {
            let swapped = [&[*second, *first], &parts[2..]].concat();
            let mut forged = chunks(seed, &swapped, &trailers);
            let own: Vec<_> = body.split(|b| *b == b'\n').collect();
            prop_assert_ne!(&own.concat(), &forged);
            let start = body.windows(2).position(|two| two == b"\r\n").expect("a line");
            forged.splice(..forged.windows(2).position(|two| two == b"\r\n").expect("a line"), body[..start].to_vec());
            prop_assert!(read(&headers, &payload, &forged, size).is_err());
        }
    }

    /// The checksum of a whole object from those of its parts, as CompleteMultipartUpload needs it.
    #[test]
    fn crcs_of_parts_give_the_crc_of_the_whole(
        first in prop::collection::vec(any::<u8>(), 0..300),
        second in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for algorithm in Algorithm::ALL {
            let combined = checksum(algorithm, &first).followed_by(&checksum(algorithm, &second), second.len() as u64);
            let whole = checksum(algorithm, &[first.as_slice(), &second].concat());
            prop_assert_eq!(combined, algorithm.has_full_object().then_some(whole));
        }
    }

    /// No bytes make the decoder panic or hang, and pieces do not matter.
    #[test]
    fn any_bytes_are_decoded_alike_in_any_pieces(body in "[0-9a-c;:=\r\nx]{0,60}", size in 1_usize..10) {
        let fields = headers(&[]);
        let codes = [size, 1000].map(|size| {
            read(&fields, &Payload::UnsignedChunks, body.as_bytes(), size).map_err(|error| error.code)
        });
        prop_assert_eq!(&codes[0], &codes[1]);
    }
}
