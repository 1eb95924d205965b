//! Rejects requests for features that devmedia lacks in protocols that it implements only in part: S3, `WebDAV` and
//! other object stores. A server that ignores such a request does something else instead: it overwrites a file with the
//! list of its tags, or removes the file instead of aborting an upload. Pure.

use std::borrow::Cow;

use hyper::header::{self, HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;

use super::UploadError;
use crate::request::codings;
use crate::request::query::Query;

/// Query parameters that name a resource other than the object (the S3 API's subresources and operations, and those of
/// compatible stores).
const SUBRESOURCES: &[&str] = &[
    "accelerate",
    "acl",
    "allowunordered",
    "analytics",
    "append",
    "attributes",
    "bulk-delete", // Swift
    "comp",        // Azure: block, blocklist, metadata, lease ...
    "compose",
    "continuation-token",
    "cors",
    "defaultobjectacl",
    "delete",
    "encryption",
    "extract-archive", // Swift
    "ifgenerationmatch",
    "ifgenerationnotmatch",
    "ifmetagenerationmatch",
    "ifmetagenerationnotmatch",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "list-type",
    "location",
    "logging",
    "metadataconfiguration",
    "metadatainventorytable",
    "metadatajournaltable",
    "metadatatable",
    "metrics",
    "multipart-manifest", // Swift: the body is a list of segments
    "notification",
    "object-lock",
    "ownershipcontrols",
    "partnumber",
    "policy",
    "policystatus",
    "publicaccessblock",
    "renameobject",
    "replication",
    "requestpayment",
    "restore",
    "restype", // Azure
    "retention",
    "select",
    "select-type",
    "session",
    "symlink",
    "tagging",
    "torrent",
    "upload_id", // Google
    "uploadid",
    "uploads",
    "uploadtype", // Google: resumable
    "versionid",
    "versioning",
    "versions",
    "website",
    "x-oss-process",
];

/// The operations that the AWS SDKs name in `x-id` and that need no special treatment.
const OPERATIONS: &[&str] = &["getobject", "headobject", "putobject", "deleteobject"];

/// Request headers that change what a request does, or how its body must be read, or that set a condition. If a condition were
/// ignored, a file that should be kept could be overwritten or deleted.
const FIELDS: &[&str] = &[
    "if", // WebDAV (RFC 4918 section 10.4)
    "x-amz-copy-source",
    "x-amz-decoded-content-length",
    "x-amz-if-match-initiated-time",
    "x-amz-if-match-last-modified-time",
    "x-amz-if-match-size",
    "x-amz-metadata-directive",
    "x-amz-rename-source",
    "x-amz-tagging-directive",
    "x-amz-trailer",
    "x-amz-write-offset-bytes",
    "x-copy-from", // Swift
    "x-goog-copy-source",
    "x-goog-if-generation-match",
    "x-goog-if-metageneration-match",
    "x-goog-metadata-directive",
    "x-goog-resumable",
    "x-ms-copy-source",
    "x-ms-if-tags",
    "x-ms-rename-source",
    "x-object-manifest", // Swift: the file is made of others
    "x-symlink-target",  // Swift
];

/// Rejects a request to a mount that accepts uploads if it needs something that is not implemented.
pub(super) fn check(headers: &HeaderMap, query: Query<'_>) -> Result<(), UploadError> {
    if let Some(what) = subresource(query).or_else(|| field(headers)) {
        return Err(UploadError::NotImplemented { what });
    }
    match codings::unknown(headers) {
        Some(codings) => Err(UploadError::TransferEncoding { codings }),
        None => Ok(()),
    }
}

/// The query parameter that names another resource or operation, as it was sent.
fn subresource(query: Query<'_>) -> Option<String> {
    let asks = |&(name, value): &(&str, &str)| {
        let name = decoded(name);
        match name.as_str() {
            "x-id" => !OPERATIONS.contains(&decoded(value).as_str()),
            name => SUBRESOURCES.contains(&name),
        }
    };
    let (name, value) = query.pairs().find(asks)?;
    Some(if value.is_empty() { format!("?{name}") } else { format!("?{name}={value}") })
}

fn decoded(text: &str) -> String {
    let text: Cow<'_, str> = percent_decode_str(text).decode_utf8_lossy();
    text.to_ascii_lowercase()
}

/// The request header that changes what the request does.
fn field(headers: &HeaderMap) -> Option<String> {
    let is_framed = |value: &HeaderValue| value.as_bytes().to_ascii_uppercase().starts_with(b"STREAMING-");
    let aws_chunked =
        || codings::list(headers, header::CONTENT_ENCODING).any(|coding| coding.eq_ignore_ascii_case("aws-chunked"));
    if headers.get_all("x-amz-content-sha256").iter().any(is_framed) || aws_chunked() {
        return Some("a body in aws-chunked coding".to_owned());
    }
    let names = || headers.keys().map(header::HeaderName::as_str);
    let changes = |name: &&str| FIELDS.contains(name) || (name.starts_with("x-") && name.contains("-copy-source"));
    names().find(changes).map(|name| format!("the header field {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subresources_are_refused_and_signatures_are_not() {
        // (query, rejected feature): rows from the S3 API reference and the SDKs of AWS
        for (query, expected) in [
            ("acl", Some("?acl")),
            ("acl=", Some("?acl")),
            ("tagging", Some("?tagging")),
            ("%74agging", Some("?%74agging")),
            ("uploads", Some("?uploads")),
            ("partNumber=2&uploadId=abc", Some("?partNumber=2")),
            ("uploadId=abc", Some("?uploadId=abc")),
            ("versionId=null", Some("?versionId=null")),
            ("list-type=2&prefix=a", Some("?list-type=2")),
            ("X-Amz-Date=20260101T000000Z&legal-hold", Some("?legal-hold")),
            ("x-id=CopyObject", Some("?x-id=CopyObject")),
            ("x-id=UploadPart", Some("?x-id=UploadPart")),
            ("comp=block&blockid=AAAA", Some("?comp=block")),
            ("multipart-manifest=put", Some("?multipart-manifest=put")),
            ("extract-archive=tar.gz", Some("?extract-archive=tar.gz")),
            ("ifGenerationMatch=0", Some("?ifGenerationMatch=0")),
            ("x-id=PutObject", None),
            ("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", None),
            ("response-content-type=text/plain", None),
            ("size=200&format=json", None),
            ("v=acl", None),
            ("aclx", None),
            ("", None),
        ] {
            assert_eq!(subresource(Query::new(Some(query))).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn fields_that_change_the_meaning() {
        for (name, value, is_refused) in [
            ("x-amz-copy-source", "/bucket/a.txt", true),
            ("x-amz-copy-source-range", "bytes=0-1", true),
            ("x-amz-copy-source-if-match", "\"a\"", true),
            ("x-oss-copy-source", "/bucket/a.txt", true),
            ("x-ms-copy-source", "http://a", true),
            ("x-amz-metadata-directive", "REPLACE", true),
            ("x-amz-trailer", "x-amz-checksum-crc32", true),
            ("x-amz-if-match-size", "1", true),
            ("x-goog-if-generation-match", "0", true),
            ("if", "([\"a\"])", true),
            ("x-copy-from", "container/a.txt", true),
            ("x-object-manifest", "container/prefix", true),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true),
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", true),
            ("content-encoding", "aws-chunked", true),
            ("content-encoding", "gzip, AWS-chunked", true),
            ("transfer-encoding", "gzip, chunked", true),
            ("transfer-encoding", "chunked, chunked", true),
            ("transfer-encoding", "identity", true),
            ("transfer-encoding", "Chunked", false),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD", false),
            ("x-amz-acl", "public-read", false),
            ("x-amz-meta-a", "b", false),
        ] {
            let headers =
                HeaderMap::from_iter([(header::HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(check(&headers, Query::default()).is_err(), is_refused, "{name}: {value}");
        }
    }
}
