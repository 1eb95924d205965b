//! GetObject, HeadObject and GetObjectAttributes.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::error::{Code, S3Error};
use super::metadata;
use super::parameters::Parameters;
use super::record::{Checksum, Record};
use super::target::{Target, quoted};
use super::xml;
use crate::answer::decide::{Decision, Undecided, decide};
use crate::answer::head::head;
use crate::body::Body;
use crate::body::file::FileBody;
use crate::connection::Connection;
use crate::storage::byte_range::ByteRange;
use crate::storage::media_type::MediaType;
use crate::storage::token::token;

/// The parameters that replace a header of the response, for signed requests only.
const OVERRIDES: [(&str, HeaderName); 6] = [
    ("response-cache-control", header::CACHE_CONTROL),
    ("response-content-disposition", header::CONTENT_DISPOSITION),
    ("response-content-encoding", header::CONTENT_ENCODING),
    ("response-content-language", header::CONTENT_LANGUAGE),
    ("response-content-type", header::CONTENT_TYPE),
    ("response-expires", header::EXPIRES),
];

/// Answers GET and HEAD of an object. The pipeline removes the body for HEAD, which S3 answers like GET, ranges included.
pub async fn get(
    target: &Target,
    headers: &HeaderMap,
    query: &Parameters,
    connection: &Connection,
) -> Result<Response<Body>, S3Error> {
    check_version(query)?;
    let overrides = overrides(target, query)?;
    let object = target.find().await?;
    let entity = object.entity();
    let headers = quoted(headers);
    let mut parts = None;
    let decision = match query.get("partNumber") {
        None => decide(&Method::GET, &headers, &entity)?,
        Some(number) => {
            let (part, count) = part(&object.record, object.len, number)?;
            parts = count;
            match (decide(&Method::GET, &conditions_only(&headers), &entity)?, part) {
                (Decision::Whole, Some(part)) => Decision::Part(part),
                (decision, _) => decision,
            }
        }
    };
    let is_whole = decision == Decision::Whole;
    let is_unmodified = decision == Decision::NotModified;
    let none = HeaderValue::from_static("");
    let (status, mut fields, pieces) = head(decision, &entity, &none, || token(32));
    fields.remove(header::CACHE_CONTROL);
    let is_several = fields.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"multipart/"));
    if !is_unmodified {
        let content_type = fields.get(header::CONTENT_TYPE).cloned();
        metadata::apply(&object.record, &mut fields);
        for (name, value) in overrides {
            fields.insert(name, value);
        }
        if let (true, Some(content_type)) = (is_several, content_type) {
            fields.insert(header::CONTENT_TYPE, content_type);
        }
        if !is_several {
            sandbox(&mut fields);
        }
        if let Some(count) = parts {
            fields.insert("x-amz-mp-parts-count", count.into());
        }
        let wants =
            headers.get("x-amz-checksum-mode").is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"enabled"));
        if let (true, true, Some(checksum)) = (wants, is_whole, &object.record.checksum) {
            add_checksum(checksum, &mut fields);
        }
    } else if let Some(value) = object.record.headers.get("cache-control") {
        fields.extend(HeaderValue::from_bytes(value.as_bytes()).ok().map(|value| (header::CACHE_CONTROL, value)));
    }
    let send_queue = connection.send_queue.clone();
    let body = match object.file {
        Some(file) => {
            // sendfile would bypass the imitated network
            let is_direct = target.bucket.mount.as_ref().is_none_or(|mount| mount.network.is_none());
            Body::File(FileBody::new(file, pieces, send_queue.filter(|_| is_direct)))
        }
        None => Body::Empty,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    Ok(response)
}

/// The type of the response may be another one than that of the object. Without the sandbox, a page of another site could sign
/// a URL with the default keys that turns an uploaded image into a page with scripts, and these could read all buckets.
fn sandbox(fields: &mut HeaderMap) {
    let shown = fields.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if shown.and_then(|shown| MediaType::verbatim(&shown)).is_some_and(|shown| shown.can_script) {
        fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    }
}

/// Adds a stored checksum to a response.
pub fn add_checksum(checksum: &Checksum, fields: &mut HeaderMap) {
    let name = HeaderName::try_from(format!("x-amz-checksum-{}", checksum.algorithm.to_ascii_lowercase()));
    if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(&checksum.value)) {
        fields.insert(name, value);
        fields.insert("x-amz-checksum-type", HeaderValue::from_static(checksum.kind()));
    }
}

/// There are no versions: only `null` is one.
pub fn check_version(query: &Parameters) -> Result<(), S3Error> {
    match query.get("versionId") {
        None | Some("" | "null") => Ok(()),
        Some(version) => {
            let message = "There are no versions here: each object has the one version \"null\".";
            Err(S3Error::new(Code::NoSuchVersion, message).with("VersionId", version))
        }
    }
}

/// A presigned PUT could otherwise choose the headers of what everybody reads.
fn overrides(target: &Target, query: &Parameters) -> Result<Vec<(HeaderName, HeaderValue)>, S3Error> {
    let mut overrides = Vec::new();
    for (name, field) in OVERRIDES {
        let Some(value) = query.get(name) else { continue };
        if target.caller == super::bucket::Caller::Anonymous {
            let message =
                format!("{name} is only allowed in signed requests. Sign the request, or remove the parameter.");
            return Err(S3Error::new(Code::InvalidRequest, message));
        }
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            let message = format!("The value of {name} cannot be the value of a header.");
            S3Error::new(Code::InvalidArgument, message).with("ArgumentName", name)
        })?;
        overrides.push((field, value));
    }
    Ok(overrides)
}

fn conditions_only(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove(header::RANGE);
    headers
}

/// The bytes of a part, and the number of parts of a multipart upload. An empty object has no bytes to name.
fn part(record: &Record, len: u64, number: &str) -> Result<(Option<ByteRange>, Option<u32>), S3Error> {
    let number: usize = number.parse().ok().filter(|number| (1..=10_000).contains(number)).ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive.";
        S3Error::new(Code::InvalidArgument, message).with("ArgumentName", "partNumber").with("ArgumentValue", number)
    })?;
    let count = record.part_sizes().count();
    if number > count.max(1) {
        let message = format!("The object has {} parts.", count.max(1));
        return Err(S3Error::new(Code::InvalidPartNumber, message).with("ActualPartCount", count.max(1).to_string()));
    }
    if count == 0 {
        return Ok((ByteRange::whole(len), None));
    }
    let start: u64 = record.part_sizes().take(number - 1).sum();
    let end = start + record.part_sizes().nth(number - 1).unwrap_or_default();
    let part = (start < end).then_some(ByteRange { start, end });
    Ok((part, u32::try_from(count).ok()))
}

impl From<Undecided> for S3Error {
    fn from(error: Undecided) -> Self {
        crate::refusal::Refusal::from(error).into()
    }
}

#[derive(Serialize)]
#[serde(rename = "GetObjectAttributesResponse", rename_all = "PascalCase")]
struct Attributes {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    #[serde(rename = "ETag", skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<ChecksumElement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_parts: Option<Parts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_size: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    /// As in S3 for an upload whose parts have no checksums: only their number.
    #[serde(rename = "PartsCount")]
    count: usize,
}

/// A stored checksum as elements of a document.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ChecksumElement {
    #[serde(rename = "ChecksumCRC32", skip_serializing_if = "Option::is_none")]
    crc32: Option<String>,
    #[serde(rename = "ChecksumCRC32C", skip_serializing_if = "Option::is_none")]
    crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME", skip_serializing_if = "Option::is_none")]
    crc64nvme: Option<String>,
    #[serde(rename = "ChecksumSHA1", skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    #[serde(rename = "ChecksumSHA256", skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(rename = "ChecksumType", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

impl ChecksumElement {
    /// The elements of the checksum of a part.
    pub fn of_part(checksum: &Checksum) -> Self {
        Self { kind: None, ..Self::of(checksum) }
    }

    /// The elements of a stored checksum.
    pub fn of(checksum: &Checksum) -> Self {
        let value = |name: &str| (checksum.algorithm == name).then(|| checksum.value.clone());
        Self {
            crc32: value("CRC32"),
            crc32c: value("CRC32C"),
            crc64nvme: value("CRC64NVME"),
            sha1: value("SHA1"),
            sha256: value("SHA256"),
            kind: Some(checksum.kind()),
        }
    }
}

/// Answers GetObjectAttributes.
pub async fn attributes(target: &Target, headers: &HeaderMap, query: &Parameters) -> Result<Response<Body>, S3Error> {
    check_version(query)?;
    let lines = headers.get_all("x-amz-object-attributes").iter();
    let wanted: Vec<String> = lines
        .flat_map(|line| {
            String::from_utf8_lossy(line.as_bytes()).split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let known = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
    if wanted.is_empty() || !wanted.iter().all(|name| known.contains(&name.as_str())) {
        let message = format!("x-amz-object-attributes must name some of: {}.", known.join(", "));
        return Err(S3Error::new(Code::InvalidArgument, message).with("ArgumentName", "x-amz-object-attributes"));
    }
    let has = |name: &str| wanted.iter().any(|wanted| wanted == name);
    let object = target.find().await?;
    let count = object.record.part_sizes().count();
    let attributes = Attributes {
        namespace: xml::NAMESPACE,
        etag: has("ETag").then(|| object.record.etag.clone()),
        checksum: object.record.checksum.as_ref().filter(|_| has("Checksum")).map(ChecksumElement::of),
        object_parts: (has("ObjectParts") && count > 0).then_some(Parts { count }),
        storage_class: has("StorageClass").then_some("STANDARD"),
        object_size: has("ObjectSize").then_some(object.len),
    };
    let mut response = xml::answer(StatusCode::OK, &attributes);
    let modified = object.entity().last_modified.map(|modified| (header::LAST_MODIFIED, modified.field));
    response.headers_mut().extend(modified);
    Ok(response)
}

/// A time as in S3's documents: ISO 8601 with milliseconds.
pub fn iso(time: std::time::SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.").to_string() + &format!("{:03}Z", time.subsec_millisecond().max(0))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn parts_are_byte_ranges() {
        let mut record = Record::default();
        assert_eq!(part(&record, 9, "1").expect("whole"), (ByteRange::whole(9), None));
        assert_eq!(part(&record, 0, "1").expect("empty"), (None, None));
        assert_eq!(part(&record, 9, "2").expect_err("one part").code, Code::InvalidPartNumber);
        record.set_part_sizes([5, 5, 2]);
        for (number, expected) in [("1", (0, 5)), ("2", (5, 10)), ("3", (10, 12))] {
            let range = ByteRange { start: expected.0, end: expected.1 };
            assert_eq!(part(&record, 12, number).expect("a part"), (Some(range), Some(3)));
        }
        for (number, expected) in [
            ("4", Code::InvalidPartNumber),
            ("0", Code::InvalidArgument),
            ("10001", Code::InvalidArgument),
            ("x", Code::InvalidArgument),
        ] {
            assert_eq!(part(&record, 12, number).expect_err("no part").code, expected, "{number}");
        }
    }

    #[test]
    fn a_response_that_can_run_scripts_is_sandboxed() {
        for (content_type, expected) in
            [("text/html", true), ("image/png, text/html", true), ("image/svg+xml", true), ("image/png", false)]
        {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            sandbox(&mut fields);
            assert_eq!(fields.contains_key(header::CONTENT_SECURITY_POLICY), expected, "{content_type}");
        }
    }

    #[test]
    fn times_have_milliseconds() {
        for (millis, expected) in [(0, "1970-01-01T00:00:00.000Z"), (1_704_164_645_007, "2024-01-02T03:04:05.007Z")] {
            assert_eq!(iso(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)), expected);
        }
    }
}
