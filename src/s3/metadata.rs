//! The metadata of an object: from the headers of a request into its record, and from there into the headers of a
//! response ("Working with object metadata" in the S3 user guide).

use std::collections::BTreeMap;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::error::{Code, S3Error};
use super::parameters::Parameters;
use super::record::Record;

/// The prefix of the user's own metadata.
const META: &str = "x-amz-meta-";

/// The most bytes of the user's metadata, names and values together.
const MAX_META: usize = 2048;

/// The headers that are stored with an object.
const STORED: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::EXPIRES,
];

/// The type of an object whose request has none, as in S3.
const DEFAULT_TYPE: &str = "binary/octet-stream";

/// Headers whose wish devmedia cannot fulfil, and what they ask for.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("x-amz-server-side-encryption-customer-algorithm", "encryption with keys of the client (SSE-C)"),
    ("x-amz-copy-source-server-side-encryption-customer-algorithm", "encryption with keys of the client (SSE-C)"),
    ("x-amz-object-lock-mode", "object lock"),
    ("x-amz-object-lock-retain-until-date", "object lock"),
    ("x-amz-object-lock-legal-hold", "object lock"),
    ("x-amz-website-redirect-location", "redirects of objects"),
    ("x-amz-bucket-object-lock-enabled", "object lock"),
    ("x-amz-mfa", "versions with multi-factor authentication"),
];

/// The most tags of an object, and the most characters of their keys and values ("Categorizing your objects using tags").
const MAX_TAGS: usize = 10;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// Refuses a request with a header that would not have its effect.
pub fn check_supported(headers: &HeaderMap) -> Result<(), S3Error> {
    let is_meant = |value: &HeaderValue| !matches!(value.as_bytes(), b"false" | b"OFF" | b"");
    let unsupported = UNSUPPORTED.iter().find(|(name, _)| headers.get(*name).is_some_and(is_meant));
    unsupported.map_or(Ok(()), |(name, what)| Err(S3Error::not_implemented(&format!("{what} ({name})"))))
}

/// Creates a record with the metadata and the tags of a request that stores an object.
pub fn record_of(headers: &HeaderMap) -> Result<Record, S3Error> {
    let mut record = Record::default();
    for name in STORED {
        let value = joined(headers, &name);
        let value =
            if name == header::CONTENT_ENCODING { value.and_then(|value| without_chunks(&value)) } else { value };
        if let Some(value) = value {
            record.headers.insert(name.to_string(), value);
        }
    }
    record.headers.entry(header::CONTENT_TYPE.to_string()).or_insert_with(|| DEFAULT_TYPE.to_owned());
    for name in headers.keys() {
        if let (Some(short), Some(value)) = (name.as_str().strip_prefix(META), joined(headers, name)) {
            record.metadata.insert(short.to_owned(), value);
        }
    }
    let bytes: usize = record.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_META {
        return Err(S3Error::new(
            Code::MetadataTooLarge,
            format!("The metadata headers have {bytes} bytes; at most {MAX_META} are allowed. Store long values in the object."),
        )
        .with("Size", bytes.to_string())
        .with("MaxSizeAllowed", MAX_META.to_string()));
    }
    if let Some(tags) = headers.get("x-amz-tagging") {
        let tags = Parameters::parse(tags.to_str().ok());
        record.tags = tags_of(tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())))?;
    }
    Ok(record)
}

/// Checks a set of tags.
pub fn tags_of(pairs: impl IntoIterator<Item = (String, String)>) -> Result<BTreeMap<String, String>, S3Error> {
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        let is_long = key.chars().count() > MAX_TAG_KEY || value.chars().count() > MAX_TAG_VALUE;
        if key.is_empty() || is_long {
            let message =
                format!("A tag has a key of 1 to {MAX_TAG_KEY} characters and a value of up to {MAX_TAG_VALUE}.");
            return Err(S3Error::new(Code::InvalidTag, message).with("TagKey", key));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(S3Error::new(Code::InvalidTag, "Two tags have the same key.").with("TagKey", key));
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(S3Error::new(Code::InvalidTag, format!("An object has at most {MAX_TAGS} tags.")));
    }
    Ok(tags)
}

/// Adds the stored metadata to the headers of a response.
pub fn apply(record: &Record, headers: &mut HeaderMap) {
    for (name, value) in &record.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    for (name, value) in &record.metadata {
        let name = HeaderName::try_from(format!("{META}{name}"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    if !record.tags.is_empty() {
        headers.insert("x-amz-tagging-count", record.tags.len().into());
    }
}

/// The values of all lines of a header.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// `aws-chunked` is about the request, not about the object.
fn without_chunks(codings: &str) -> Option<String> {
    let is_real = |coding: &&str| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked");
    let codings: Vec<&str> = codings.split(',').map(str::trim).filter(is_real).collect();
    (!codings.is_empty()).then(|| codings.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        headers
    }

    #[test]
    fn metadata_survives_a_round() {
        let sent = headers(&[
            ("content-type", "image/png"),
            ("cache-control", "max-age=60"),
            ("content-encoding", "aws-chunked, gzip"),
            ("expires", "Thu, 01 Dec 2026 16:00:00 GMT"),
            ("x-amz-meta-colour", "bl\u{e4}u"),
            ("x-amz-meta-two", "a"),
            ("x-amz-meta-two", "b"),
            ("x-amz-tagging", "a=1&b=x%20y"),
            ("authorization", "secret"),
        ]);
        let record = record_of(&sent).expect("a record");
        let mut found = HeaderMap::new();
        apply(&record, &mut found);
        for (name, expected) in [
            ("content-type", "image/png"),
            ("cache-control", "max-age=60"),
            ("content-encoding", "gzip"),
            ("expires", "Thu, 01 Dec 2026 16:00:00 GMT"),
            ("x-amz-meta-colour", "bl\u{e4}u"),
            ("x-amz-meta-two", "a,b"),
            ("x-amz-tagging-count", "2"),
        ] {
            assert_eq!(found.get(name).map(HeaderValue::as_bytes), Some(expected.as_bytes()), "{name}");
        }
        assert_eq!(found.len(), 7);
        assert_eq!(record.tags.get("b").map(String::as_str), Some("x y"));
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        let long = "x".repeat(2049);
        for (lines, expected) in [
            (&[("x-amz-meta-a", &*long)][..], Code::MetadataTooLarge),
            (&[("x-amz-tagging", "a=1&a=2")], Code::InvalidTag),
            (&[("x-amz-tagging", "=1")], Code::InvalidTag),
            (&[("x-amz-tagging", "1&2&3&4&5&6&7&8&9&10&11")], Code::InvalidTag),
        ] {
            assert_eq!(record_of(&headers(lines)).expect_err("refused").code, expected, "{lines:?}");
        }
        for (name, value, is_supported) in [
            ("x-amz-acl", "public-read", true),
            ("x-amz-server-side-encryption", "AES256", true),
            ("x-amz-storage-class", "STANDARD_IA", true),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256", false),
            ("x-amz-object-lock-mode", "GOVERNANCE", false),
            ("x-amz-object-lock-legal-hold", "OFF", true),
            ("x-amz-website-redirect-location", "/a", false),
        ] {
            assert_eq!(check_supported(&headers(&[(name, value)])).is_ok(), is_supported, "{name}");
        }
    }

    #[test]
    fn an_object_without_a_type_has_the_default_of_s3() {
        let record = record_of(&HeaderMap::new()).expect("a record");
        assert_eq!(record.headers.get("content-type").map(String::as_str), Some("binary/octet-stream"));
    }
}
