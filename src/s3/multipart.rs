//! Multipart upload: create, upload and copy parts, abort ("Uploading and copying objects using multipart
//! upload" in the S3 user guide).

use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::bucket::Buckets;
use super::copy::{self, SourceName, copy_bytes, wanted_algorithm};
use super::error::{Code, S3Error};
use super::metadata;
use super::parameters::Parameters;
use super::payload::Payload;
use super::put;
use super::record::Record;
use super::target::Target;
use super::uploads::{self, MAX_PARTS, OpenUpload, Upload};
use super::xml::{self, NAMESPACE};
use crate::body::Body;
use crate::signature::Algorithm;
use crate::storage::blocking;
use crate::storage::byte_range::ByteRange;

#[derive(Serialize)]
#[serde(rename = "InitiateMultipartUploadResult", rename_all = "PascalCase")]
struct Initiated {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    bucket: String,
    key: String,
    upload_id: String,
}

/// Creates an upload.
pub async fn create(target: &Target, headers: &HeaderMap) -> Result<Response<Body>, S3Error> {
    let record = metadata::record_of(headers)?;
    target.path()?;
    if target.key.is_folder() {
        let message = "A key that ends in '/' is a folder here, which has no parts. Remove the slash.";
        return Err(S3Error::new(Code::InvalidArgument, message));
    }
    let algorithm = wanted_algorithm(headers)?;
    let kind = headers.get("x-amz-checksum-type").and_then(|kind| kind.to_str().ok());
    let full_object = match (kind, algorithm) {
        (None, None) => false,
        (None, Some(algorithm)) => !algorithm.is_composite_by_default(),
        (Some("FULL_OBJECT"), Some(algorithm)) if algorithm.has_full_object() => true,
        (Some("COMPOSITE"), Some(algorithm)) if algorithm != Algorithm::Crc64Nvme => false,
        (Some(kind), _) => {
            let message = format!("The checksum type {kind} cannot be used with this x-amz-checksum-algorithm.");
            return Err(S3Error::new(Code::InvalidRequest, message));
        }
    };
    let initiated = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let upload = Upload {
        key: target.key.as_str().to_owned(),
        record,
        algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
        full_object,
        initiated: u64::try_from(initiated).unwrap_or_default(),
    };
    let bucket = Arc::clone(&target.bucket);
    let upload_id = blocking(move || {
        uploads::sweep(&bucket);
        uploads::create(&bucket, &upload)
    });
    let (bucket, key) = (target.bucket.name.clone(), xml::text(target.key.as_str()));
    let initiated = Initiated { namespace: NAMESPACE, bucket, key, upload_id: upload_id.await? };
    let mut response = xml::answer(StatusCode::OK, &initiated);
    if let Some(algorithm) = algorithm {
        let fields = response.headers_mut();
        fields.insert("x-amz-checksum-algorithm", algorithm.name().parse().expect("letters and digits"));
        let kind = if full_object { "FULL_OBJECT" } else { "COMPOSITE" };
        fields.insert("x-amz-checksum-type", kind.parse().expect("letters"));
    }
    Ok(response)
}

/// Finds the upload that a request names.
pub async fn upload_of(target: &Target, query: &Parameters) -> Result<OpenUpload, S3Error> {
    let (bucket, key) = (Arc::clone(&target.bucket), target.key.clone());
    let id = query.get("uploadId").unwrap_or_default().to_owned();
    blocking(move || uploads::open(&bucket, &key, &id)).await
}

fn number_of(query: &Parameters) -> Result<u32, S3Error> {
    let text = query.get("partNumber").unwrap_or_default();
    text.parse().ok().filter(|number| (1..=MAX_PARTS).contains(number)).ok_or_else(|| {
        S3Error::new(Code::InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive")
            .with("ArgumentName", "partNumber")
            .with("ArgumentValue", text)
    })
}

/// Receives a part.
pub async fn upload_part(target: &Target, query: &Parameters, payload: Payload<'_>) -> Result<Response<Body>, S3Error> {
    let number = number_of(query)?;
    let upload = upload_of(target, query).await?;
    let algorithm = upload.upload.algorithm();
    let bucket = Arc::clone(&target.bucket);
    let (staged, upload) = blocking(move || upload.stage(&bucket).map(|staged| (staged, upload))).await?;
    let received = payload.receive(staged.file(), target.bucket.max_put(), algorithm).await?;
    let record = Record { etag: received.etag, checksum: received.checksum, ..Record::default() };
    let (bucket, published) = (Arc::clone(&target.bucket), record.clone());
    blocking(move || upload.publish(&bucket, staged, number, published)).await?;
    let mut response = put::stored(&record);
    response.headers_mut().remove("x-amz-checksum-type");
    Ok(response)
}

/// Copies a part from another object.
pub async fn copy_part(
    target: &Target,
    buckets: &Arc<Buckets>,
    query: &Parameters,
    headers: &HeaderMap,
) -> Result<Response<Body>, S3Error> {
    let number = number_of(query)?;
    let upload = upload_of(target, query).await?;
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (_, source) =
        SourceName::parse(value("x-amz-copy-source").unwrap_or_default())?.open(buckets, target, headers).await?;
    let range = match value("x-amz-copy-source-range") {
        None => ByteRange::whole(source.len),
        Some(text) => Some(source_range(text, source.len)?),
    };
    let bucket = Arc::clone(&target.bucket);
    let record = blocking(move || {
        let staged = upload.stage(&bucket)?;
        let from: File = match &source.file {
            Some(file) => file.try_clone().map_err(S3Error::system)?,
            // the marker of a folder has no bytes
            None => staged.file().try_clone().map_err(S3Error::system)?,
        };
        let algorithm = upload.upload.algorithm();
        let copied = copy_bytes(&from, range, &staged.file(), algorithm, None).map_err(S3Error::system)?;
        let record = Record { etag: copied.etag, checksum: copied.checksum, ..Record::default() };
        upload.publish(&bucket, staged, number, record.clone())?;
        Ok::<_, S3Error>(record)
    });
    Ok(copy::answer("CopyPartResult", &record.await?))
}

/// The range of a copied part: `bytes=first-last`, both of them, and within the source.
fn source_range(text: &str, len: u64) -> Result<ByteRange, S3Error> {
    let numbers = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let parsed = numbers.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match parsed {
        Some((first, last)) if first <= last && last < len => Ok(ByteRange { start: first, end: last + 1 }),
        Some(_) => {
            let message = format!("Range specified is not valid for source object of size: {len}");
            Err(S3Error::new(Code::InvalidArgument, message).with("ArgumentName", "x-amz-copy-source-range"))
        }
        None => {
            let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
                           zero-based offsets of the first and last bytes to copy";
            Err(S3Error::new(Code::InvalidArgument, message).with("ArgumentName", "x-amz-copy-source-range"))
        }
    }
}

/// Removes an upload.
pub async fn abort(target: &Target, query: &Parameters) -> Result<Response<Body>, S3Error> {
    let upload = upload_of(target, query).await?;
    let bucket = Arc::clone(&target.bucket);
    blocking(move || upload.remove(&bucket)).await;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_sources_are_complete() {
        for (text, expected) in [
            ("bytes=0-4", Some((0, 5))),
            ("bytes=5-9", Some((5, 10))),
            ("bytes=5-10", None),
            ("bytes=5-", None),
            ("bytes=-5", None),
            ("bytes=6-5", None),
            ("0-4", None),
        ] {
            let found = source_range(text, 10).ok().map(|range| (range.start, range.end));
            assert_eq!(found, expected, "{text}");
        }
    }
}
