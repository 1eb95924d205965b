//! ListParts and ListMultipartUploads.

use std::sync::Arc;

use hyper::{Response, StatusCode};
use serde::Serialize;

use super::bucket::Bucket;
use super::error::{Code, S3Error};
use super::listing::{CommonPrefix, OWNER, Owner, Spelling};
use super::parameters::Parameters;
use super::read::{ChecksumElement, iso};
use super::target::Target;
use super::uploads::{self, OpenUpload, Part};
use super::xml::{self, NAMESPACE};
use crate::body::Body;
use crate::storage::blocking;

/// The most elements of a page.
const MAX: usize = 1000;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartsPage {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    bucket: String,
    key: String,
    upload_id: String,
    initiator: Owner,
    owner: Owner,
    storage_class: &'static str,
    part_number_marker: u32,
    next_part_number_marker: u32,
    max_parts: usize,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_type: Option<&'static str>,
    part: Vec<PartElement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartElement {
    part_number: u32,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: String,
    size: u64,
    #[serde(flatten)]
    checksum: ChecksumElement,
}

impl PartElement {
    fn of(part: &Part) -> Self {
        Self {
            part_number: part.number,
            last_modified: iso(part.modified),
            etag: format!("\"{}\"", part.record.etag),
            size: part.record.state.size,
            checksum: part.record.checksum.as_ref().map(ChecksumElement::of_part).unwrap_or_default(),
        }
    }
}

/// Answers ListParts.
pub async fn parts(target: &Target, query: &Parameters) -> Result<Response<Body>, S3Error> {
    let max = max_of(query, "max-parts")?;
    let after = number(query, "part-number-marker")?.unwrap_or_default();
    let after = u32::try_from(after).unwrap_or(u32::MAX);
    let id = query.get("uploadId").unwrap_or_default().to_owned();
    let (bucket, key) = (Arc::clone(&target.bucket), target.key.clone());
    let (open, listed, is_truncated) = blocking(move || {
        let open = uploads::open(&bucket, &key, &id)?;
        let mut wanted = open.numbers();
        wanted.retain(|number| *number > after);
        let is_truncated = wanted.len() > max;
        let listed = wanted.into_iter().take(max).filter_map(|number| open.part(&bucket, number));
        let listed: Vec<PartElement> = listed.map(|part| PartElement::of(&part)).collect();
        Ok::<_, S3Error>((open, listed, is_truncated))
    })
    .await?;
    let has_checksum = open.upload.algorithm.is_some();
    let kind = if open.upload.full_object { "FULL_OBJECT" } else { "COMPOSITE" };
    let result = PartsPage {
        namespace: NAMESPACE,
        bucket: target.bucket.name.clone(),
        key: xml::text(target.key.as_str()),
        upload_id: open.id,
        initiator: OWNER,
        owner: OWNER,
        storage_class: "STANDARD",
        part_number_marker: after,
        next_part_number_marker: listed.last().map_or(0, |part| part.part_number),
        max_parts: max,
        is_truncated,
        checksum_algorithm: open.upload.algorithm,
        checksum_type: has_checksum.then_some(kind),
        part: listed,
    };
    Ok(xml::answer_as(StatusCode::OK, "ListPartsResult", &result))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UploadsPage {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    bucket: String,
    key_marker: String,
    upload_id_marker: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_upload_id_marker: Option<String>,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_type: Option<&'static str>,
    max_uploads: usize,
    is_truncated: bool,
    upload: Vec<UploadElement>,
    common_prefixes: Vec<CommonPrefix>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UploadElement {
    key: String,
    upload_id: String,
    initiator: Owner,
    owner: Owner,
    storage_class: &'static str,
    initiated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<String>,
}

/// Answers ListMultipartUploads. Blocks.
pub fn uploads(bucket: &Bucket, query: &Parameters) -> Result<Response<Body>, S3Error> {
    let max = max_of(query, "max-uploads")?;
    let text = |name: &str| query.get(name).unwrap_or_default();
    let spelling = Spelling::of_query(query)?;
    let (prefix, delimiter) = (text("prefix"), text("delimiter"));
    let marker = (text("key-marker"), text("upload-id-marker"));
    let all = uploads::all(bucket);
    // without an id, all uploads of the marker's key are over
    let is_after = |open: &OpenUpload| match marker {
        ("", _) => true,
        (key, "") => open.upload.key.as_str() > key,
        (key, id) => (open.upload.key.as_str(), open.id.as_str()) > (key, id),
    };
    let mut result = UploadsPage {
        namespace: NAMESPACE,
        bucket: bucket.name.clone(),
        key_marker: spelling.of(marker.0),
        upload_id_marker: marker.1.to_owned(),
        next_key_marker: None,
        next_upload_id_marker: None,
        prefix: spelling.of(prefix),
        delimiter: Some(spelling.of(delimiter)).filter(|delimiter| !delimiter.is_empty()),
        encoding_type: query.get("encoding-type").map(|_| "url"),
        max_uploads: max,
        is_truncated: false,
        upload: Vec::new(),
        common_prefixes: Vec::new(),
    };
    let mut last_common: Option<&str> = None;
    for open in all.iter().filter(|open| open.upload.key.starts_with(prefix) && is_after(open)) {
        let key = open.upload.key.as_str();
        let rest = &key[prefix.len()..];
        let common = Some(delimiter).filter(|delimiter| !delimiter.is_empty());
        let common = common.and_then(|delimiter| Some(&key[..prefix.len() + rest.find(delimiter)? + delimiter.len()]));
        if common.is_some() && common == last_common {
            continue;
        }
        if result.upload.len() + result.common_prefixes.len() == max {
            result.is_truncated = true;
            break;
        }
        last_common = common;
        result.next_key_marker = Some(spelling.of(common.unwrap_or(key)));
        result.next_upload_id_marker = Some(open.id.clone());
        match common {
            Some(common) => result.common_prefixes.push(CommonPrefix::new(spelling.of(common))),
            None => result.upload.push(UploadElement {
                key: spelling.of(key),
                upload_id: open.id.clone(),
                initiator: OWNER,
                owner: OWNER,
                storage_class: "STANDARD",
                initiated: iso(open.upload.initiated()),
                checksum_algorithm: open.upload.algorithm.clone(),
            }),
        }
    }
    if !result.is_truncated {
        (result.next_key_marker, result.next_upload_id_marker) = (None, None);
    }
    Ok(xml::answer_as(StatusCode::OK, "ListMultipartUploadsResult", &result))
}

fn max_of(query: &Parameters, name: &'static str) -> Result<usize, S3Error> {
    Ok(number(query, name)?.and_then(|max| usize::try_from(max).ok()).unwrap_or(MAX).min(MAX))
}

fn number(query: &Parameters, name: &'static str) -> Result<Option<u64>, S3Error> {
    let Some(text) = query.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        S3Error::new(Code::InvalidArgument, format!("{name} must be a number"))
            .with("ArgumentName", name)
            .with("ArgumentValue", text)
    })
}
