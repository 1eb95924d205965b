//! `Operation`: what a request asks for, by its method, its address and the names in its query. Pure.

use hyper::Method;
use hyper::header::HeaderMap;

use super::address::Address;
use super::parameters::Parameters;

/// The operations of the S3 API that devmedia has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the S3 API reference describes each under its name")]
pub enum Operation {
    ListBuckets,
    CreateBucket,
    DeleteBucket,
    HeadBucket,
    ListObjects,
    ListObjectsV2,
    ListObjectVersions,
    ListMultipartUploads,
    DeleteObjects,
    PostObject,
    GetBucketSetting(Setting),
    PutBucketSetting(Setting),
    DeleteBucketSetting(Setting),
    GetObject,
    HeadObject,
    PutObject,
    CopyObject,
    DeleteObject,
    GetObjectAttributes,
    GetObjectTagging,
    PutObjectTagging,
    DeleteObjectTagging,
    GetObjectAcl,
    PutObjectAcl,
    GetObjectLegalHold,
    GetObjectRetention,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
}

/// The settings of a bucket that clients ask for on their own. Most of them are never configured here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as in the query")]
pub enum Setting {
    Accelerate,
    Acl,
    Cors,
    Encryption,
    Lifecycle,
    Location,
    Logging,
    Notification,
    ObjectLock,
    OwnershipControls,
    Policy,
    PolicyStatus,
    PublicAccessBlock,
    Replication,
    RequestPayment,
    Tagging,
    Versioning,
    Website,
}

/// The names in the query that choose a setting.
const SETTINGS: &[(&str, Setting)] = &[
    ("accelerate", Setting::Accelerate),
    ("acl", Setting::Acl),
    ("cors", Setting::Cors),
    ("encryption", Setting::Encryption),
    ("lifecycle", Setting::Lifecycle),
    ("location", Setting::Location),
    ("logging", Setting::Logging),
    ("notification", Setting::Notification),
    ("object-lock", Setting::ObjectLock),
    ("ownershipControls", Setting::OwnershipControls),
    ("policy", Setting::Policy),
    ("policyStatus", Setting::PolicyStatus),
    ("publicAccessBlock", Setting::PublicAccessBlock),
    ("replication", Setting::Replication),
    ("requestPayment", Setting::RequestPayment),
    ("tagging", Setting::Tagging),
    ("versioning", Setting::Versioning),
    ("website", Setting::Website),
];

/// Names in the query that choose an operation devmedia does not have. Without this list, `GET ?torrent` would be answered
/// as GET of the object.
const UNKNOWN: &[&str] = &[
    "abac",
    "analytics",
    "intelligent-tiering",
    "inventory",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "renameObject",
    "restore",
    "select",
    "session",
    "torrent",
];

impl Operation {
    /// The operation, or the name of what is not implemented.
    pub fn of(method: &Method, address: &Address, query: &Parameters, headers: &HeaderMap) -> Result<Self, String> {
        if let Some(unknown) = UNKNOWN.iter().find(|name| query.has(name)) {
            return Err(format!("{method} ?{unknown}"));
        }
        match (&address.bucket, &address.key) {
            (None, _) if *method == Method::GET || *method == Method::HEAD => Ok(Self::ListBuckets),
            (None, _) => Err(format!("{method} without a bucket")),
            (Some(_), None) => Self::of_bucket(method, query, headers),
            (Some(_), Some(_)) => Self::of_object(method, query, headers),
        }
    }

    fn of_bucket(method: &Method, query: &Parameters, headers: &HeaderMap) -> Result<Self, String> {
        if let Some((name, setting)) = SETTINGS.iter().find(|(name, _)| query.has(name)) {
            return match method.as_str() {
                "GET" | "HEAD" => Ok(Self::GetBucketSetting(*setting)),
                "PUT" => Ok(Self::PutBucketSetting(*setting)),
                "DELETE" => Ok(Self::DeleteBucketSetting(*setting)),
                _ => Err(format!("{method} ?{name}")),
            };
        }
        match method.as_str() {
            "GET" if query.has("uploads") => Ok(Self::ListMultipartUploads),
            "GET" if query.has("versions") => Ok(Self::ListObjectVersions),
            "GET" if query.get("list-type") == Some("2") => Ok(Self::ListObjectsV2),
            "GET" if query.has("list-type") => Err("this list-type".to_owned()),
            "GET" => Ok(Self::ListObjects),
            "HEAD" => Ok(Self::HeadBucket),
            "PUT" => Ok(Self::CreateBucket),
            "DELETE" => Ok(Self::DeleteBucket),
            "POST" if query.has("delete") => Ok(Self::DeleteObjects),
            "POST" if is_form(headers) => Ok(Self::PostObject),
            _ => Err(format!("{method} of a bucket")),
        }
    }

    fn of_object(method: &Method, query: &Parameters, headers: &HeaderMap) -> Result<Self, String> {
        let is_copy = headers.contains_key("x-amz-copy-source");
        match method.as_str() {
            "GET" if query.has("attributes") => Ok(Self::GetObjectAttributes),
            "GET" if query.has("tagging") => Ok(Self::GetObjectTagging),
            "GET" if query.has("acl") => Ok(Self::GetObjectAcl),
            "GET" if query.has("legal-hold") => Ok(Self::GetObjectLegalHold),
            "GET" if query.has("retention") => Ok(Self::GetObjectRetention),
            "GET" if query.has("uploadId") => Ok(Self::ListParts),
            "GET" => Ok(Self::GetObject),
            "HEAD" => Ok(Self::HeadObject),
            "PUT" if query.has("tagging") => Ok(Self::PutObjectTagging),
            "PUT" if query.has("acl") => Ok(Self::PutObjectAcl),
            "PUT" if query.has("legal-hold") || query.has("retention") => Err("object lock".to_owned()),
            "PUT" if query.has("uploadId") && is_copy => Ok(Self::UploadPartCopy),
            "PUT" if query.has("uploadId") => Ok(Self::UploadPart),
            "PUT" if is_copy => Ok(Self::CopyObject),
            "PUT" if query.has("append") || headers.contains_key("x-amz-write-offset-bytes") => {
                Err("appending to an object".to_owned())
            }
            "PUT" => Ok(Self::PutObject),
            "POST" if query.has("uploads") => Ok(Self::CreateMultipartUpload),
            "POST" if query.has("uploadId") => Ok(Self::CompleteMultipartUpload),
            "DELETE" if query.has("tagging") => Ok(Self::DeleteObjectTagging),
            "DELETE" if query.has("uploadId") => Ok(Self::AbortMultipartUpload),
            "DELETE" => Ok(Self::DeleteObject),
            _ => Err(format!("{method} of an object")),
        }
    }

    /// Whether it is a read that does not need a signature where the bucket is public.
    pub fn may_be_unsigned(self) -> bool {
        matches!(self, Self::GetObject | Self::HeadObject)
    }

    /// Whether the parameter that chooses it is not among those that Signature Version 2 covers.
    pub fn is_outside_v2(self) -> bool {
        matches!(self, Self::GetObjectAttributes | Self::GetObjectLegalHold | Self::GetObjectRetention)
    }

    /// Whether the form that the request sends has the signature.
    pub fn is_form(self) -> bool {
        self == Self::PostObject
    }

    /// Whether the bucket, or an object in it, changes.
    pub fn writes(self) -> bool {
        matches!(
            self,
            Self::DeleteBucket
                | Self::DeleteObjects
                | Self::PostObject
                | Self::PutBucketSetting(_)
                | Self::DeleteBucketSetting(_)
                | Self::PutObject
                | Self::CopyObject
                | Self::DeleteObject
                | Self::PutObjectTagging
                | Self::DeleteObjectTagging
                | Self::PutObjectAcl
                | Self::CreateMultipartUpload
                | Self::UploadPart
                | Self::UploadPartCopy
                | Self::CompleteMultipartUpload
                | Self::AbortMultipartUpload
        )
    }
}

/// Whether the body is a form ("POST Object" in the S3 API reference).
fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get("content-type").map_or(&[][..], |value| value.as_bytes());
    content_type.get(..19).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/form-data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_operations_or_not_implemented() {
        use Operation as Op;
        let copy = ("x-amz-copy-source", "/b/k");
        let form = ("content-type", "multipart/form-data; boundary=x");
        let none = ("accept", "*/*");
        // the requests of boto3 1.44 and of the AWS SDK for JavaScript 3.1175
        for (method, target, field, expected) in [
            ("GET", "/", none, Some(Op::ListBuckets)),
            ("GET", "/?x-id=ListBuckets", none, Some(Op::ListBuckets)),
            ("PUT", "/", none, None),
            ("PUT", "/b", none, Some(Op::CreateBucket)),
            ("DELETE", "/b", none, Some(Op::DeleteBucket)),
            ("HEAD", "/b/", none, Some(Op::HeadBucket)),
            ("GET", "/b?delimiter=%2F&prefix=&encoding-type=url", none, Some(Op::ListObjects)),
            ("GET", "/b/?list-type=2", none, Some(Op::ListObjectsV2)),
            ("GET", "/b?list-type=3", none, None),
            ("GET", "/b?versions", none, Some(Op::ListObjectVersions)),
            ("GET", "/b?uploads", none, Some(Op::ListMultipartUploads)),
            ("POST", "/b?delete", none, Some(Op::DeleteObjects)),
            ("POST", "/b", form, Some(Op::PostObject)),
            ("POST", "/b", none, None),
            ("GET", "/b?location", none, Some(Op::GetBucketSetting(Setting::Location))),
            ("PUT", "/b?cors", none, Some(Op::PutBucketSetting(Setting::Cors))),
            ("DELETE", "/b?cors", none, Some(Op::DeleteBucketSetting(Setting::Cors))),
            ("GET", "/b?analytics", none, None),
            ("PATCH", "/b", none, None),
            ("GET", "/b/k", none, Some(Op::GetObject)),
            ("GET", "/b/k?x-id=GetObject", none, Some(Op::GetObject)),
            ("GET", "/b/k?torrent", none, None),
            ("GET", "/b/k?tagging", none, Some(Op::GetObjectTagging)),
            ("GET", "/b/k?attributes", none, Some(Op::GetObjectAttributes)),
            ("GET", "/b/k?uploadId=u", none, Some(Op::ListParts)),
            ("HEAD", "/b/k", none, Some(Op::HeadObject)),
            ("PUT", "/b/k", none, Some(Op::PutObject)),
            ("PUT", "/b/k", copy, Some(Op::CopyObject)),
            ("PUT", "/b/k?partNumber=1&uploadId=u", none, Some(Op::UploadPart)),
            ("PUT", "/b/k?partNumber=1&uploadId=u", copy, Some(Op::UploadPartCopy)),
            ("PUT", "/b/k?legal-hold", none, None),
            ("POST", "/b/k?uploads", none, Some(Op::CreateMultipartUpload)),
            ("POST", "/b/k?uploadId=u", none, Some(Op::CompleteMultipartUpload)),
            ("POST", "/b/k?select&select-type=2", none, None),
            ("DELETE", "/b/k?uploadId=u", none, Some(Op::AbortMultipartUpload)),
            ("DELETE", "/b/k", none, Some(Op::DeleteObject)),
        ] {
            let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
            let address = Address::parse("localhost", path, []).expect("an address");
            let mut headers = HeaderMap::new();
            headers.insert(field.0, field.1.parse().expect("a value"));
            let method: Method = method.parse().expect("a method");
            let found = Operation::of(&method, &address, &Parameters::parse(query), &headers);
            assert_eq!(found.ok(), expected, "{method} {target} {field:?}");
        }
    }
}
