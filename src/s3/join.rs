//! CompleteMultipartUpload: checks the parts and joins them into the object.

use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::error::{Code, S3Error};
use super::multipart::upload_of;
use super::object::hex;
use super::parameters::Parameters;
use super::read::ChecksumElement;
use super::record::{Checksum, Record};
use super::target::Target;
use super::uploads::{self, OpenUpload, Part, Upload};
use super::xml::{self, NAMESPACE};
use crate::body::Body;
use crate::signature;
use crate::storage::blocking;

/// The smallest part but the last ("Amazon S3 multipart upload limits").
const MIN_PART: u64 = 5 * 1024 * 1024;

#[derive(Deserialize)]
struct Complete {
    #[serde(rename = "Part", default)]
    parts: Vec<WantedPart>,
}

/// A part as the client lists it.
#[derive(Debug, Clone, Default, Deserialize)]
struct WantedPart {
    #[serde(rename = "PartNumber")]
    number: u32,
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(rename = "ChecksumCRC32")]
    crc32: Option<String>,
    #[serde(rename = "ChecksumCRC32C")]
    crc32c: Option<String>,
    #[serde(rename = "ChecksumCRC64NVME")]
    crc64nvme: Option<String>,
    #[serde(rename = "ChecksumSHA1")]
    sha1: Option<String>,
    #[serde(rename = "ChecksumSHA256")]
    sha256: Option<String>,
}

impl WantedPart {
    fn checksum(&self) -> Option<&String> {
        [&self.crc32, &self.crc32c, &self.crc64nvme, &self.sha1, &self.sha256].into_iter().flatten().next()
    }

    /// Whether it is the part that was received.
    fn is(&self, part: &Part) -> bool {
        let stored = part.record.checksum.as_ref().map(|checksum| &checksum.value);
        let same_checksum = match (self.checksum(), stored) {
            (Some(wanted), Some(stored)) => wanted == stored,
            (Some(_), None) => false,
            (None, _) => true,
        };
        self.etag.trim_matches('"') == part.record.etag && same_checksum
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Completed {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    location: String,
    bucket: String,
    key: String,
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(flatten)]
    checksum: ChecksumElement,
}

/// Joins the parts into the object.
pub async fn complete(
    target: &Target,
    query: &Parameters,
    headers: &HeaderMap,
    location: String,
    body: Vec<u8>,
) -> Result<Response<Body>, S3Error> {
    let wanted: Complete = xml::parse(&body)?;
    check_order(&wanted.parts)?;
    let upload = upload_of(target, query).await?;
    let announced = signature::checksum::announced(headers)?.and_then(|(_, checksum)| checksum);
    let (joining, conditions) = (target.clone(), headers.clone());
    let record = blocking(move || join(&joining, upload, &wanted.parts, announced.as_ref(), &conditions)).await?;
    let completed = Completed {
        namespace: NAMESPACE,
        location,
        bucket: target.bucket.name.clone(),
        key: xml::text(target.key.as_str()),
        etag: format!("\"{}\"", record.etag),
        checksum: record.checksum.as_ref().map(ChecksumElement::of).unwrap_or_default(),
    };
    Ok(xml::answer_as(StatusCode::OK, "CompleteMultipartUploadResult", &completed))
}

fn check_order(parts: &[WantedPart]) -> Result<(), S3Error> {
    if parts.is_empty() {
        return Err(S3Error::new(Code::MalformedXML, "You must specify at least one part"));
    }
    if !parts.is_sorted_by(|one, other| one.number < other.number) {
        let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
        return Err(S3Error::new(Code::InvalidPartOrder, message));
    }
    Ok(())
}

fn join(
    target: &Target,
    upload: OpenUpload,
    wanted: &[WantedPart],
    announced: Option<&signature::Checksum>,
    headers: &HeaderMap,
) -> Result<Record, S3Error> {
    let bucket = &target.bucket;
    let mut parts = Vec::with_capacity(wanted.len());
    for (place, wanted) in wanted.iter().enumerate() {
        let part = upload.part(bucket, wanted.number).filter(|part| wanted.is(part)).ok_or_else(|| {
            let message = "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
                           specified entity tag may not match the part's entity tag.";
            S3Error::new(Code::InvalidPart, message)
                .with("UploadId", &upload.id)
                .with("PartNumber", wanted.number.to_string())
                .with("ETag", wanted.etag.trim_matches('"'))
        })?;
        let is_last = place + 1 == parts.capacity();
        if part.record.state.size < MIN_PART && !is_last {
            let message = format!(
                "Your proposed upload is smaller than the minimum allowed size: each part but the last has at least {MIN_PART} bytes."
            );
            return Err(S3Error::new(Code::EntityTooSmall, message)
                .with("ProposedSize", part.record.state.size.to_string())
                .with("MinSizeAllowed", MIN_PART.to_string())
                .with("PartNumber", part.number.to_string()));
        }
        // only the hashes are kept: 10,000 parts are more than a process may open
        parts.push((part.number, part.record));
    }
    let total: u64 = parts.iter().map(|(_, record)| record.state.size).sum();
    if total > bucket.max_object() {
        let message = "The object is larger than --max-upload allows. Start devmedia with a larger one, such as --max-upload 10GiB.";
        return Err(S3Error::new(Code::EntityTooLarge, message).with("ProposedSize", total.to_string()));
    }
    let mut record = upload.upload.record.clone();
    let records: Vec<&Record> = parts.iter().map(|(_, record)| record).collect();
    record.etag = etag_of(&records);
    record.set_part_sizes(records.iter().map(|record| record.state.size));
    let checksum = checksum_of(&upload.upload, &records)?;
    if let (Some(announced), Some(checksum)) = (announced, &checksum)
        && announced != checksum
    {
        let message =
            format!("The {} you specified did not match the calculated checksum.", announced.algorithm().name());
        return Err(S3Error::new(Code::BadDigest, message).with("CalculatedChecksum", checksum.to_string()));
    }
    record.checksum = checksum.as_ref().map(Checksum::of);
    let staged = target.stage(headers)?;
    let file = staged.file();
    for (number, record) in &parts {
        let part = upload.part(bucket, *number).filter(|part| part.record == *record);
        let mut part = part.ok_or_else(|| uploads::no_such_upload(&upload.id))?;
        // the kernel copies, or shares the blocks where the file system can
        let copied = std::io::copy(&mut part.file, &mut &*file).map_err(S3Error::system)?;
        if copied != record.state.size {
            return Err(uploads::no_such_upload(&upload.id));
        }
    }
    let record = target.publish(staged, record, headers)?;
    upload.remove(bucket);
    Ok(record)
}

/// The MD5 of the MD5s of the parts, and their number.
fn etag_of(parts: &[&Record]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        let digits = part.etag.as_bytes().chunks_exact(2);
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16).unwrap_or_default();
        md5.update(digits.map(byte).collect::<Vec<u8>>());
    }
    format!("{}-{}", hex(&md5.finalize()), parts.len())
}

/// The checksum of the object: of the checksums of its parts, or of all its bytes.
fn checksum_of(upload: &Upload, parts: &[&Record]) -> Result<Option<signature::Checksum>, S3Error> {
    let Some(algorithm) = upload.algorithm() else { return Ok(None) };
    let of_parts: Option<Vec<signature::Checksum>> = parts
        .iter()
        .map(|part| part.checksum.as_ref().and_then(|stored| signature::Checksum::parse(algorithm, &stored.value).ok()))
        .collect();
    let of_parts = of_parts.ok_or_else(|| {
        let message = format!("The upload was initiated with {} checksums, and a part has none.", algorithm.name());
        S3Error::new(Code::InvalidRequest, message)
    })?;
    if !upload.full_object {
        return Ok(signature::Checksum::composite(algorithm, &of_parts));
    }
    let mut rest = of_parts.into_iter().zip(parts.iter().map(|part| part.state.size));
    let Some((first, _)) = rest.next() else { return Ok(None) };
    Ok(rest.try_fold(first, |whole, (next, len)| whole.followed_by(&next, len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etag_is_the_md5_of_the_md5s() {
        // two parts with the MD5 of nothing
        let part = Record { etag: super::super::object::EMPTY_MD5.to_owned(), ..Record::default() };
        assert_eq!(etag_of(&[&part, &part]), "5873dd45edd01f09c1ef2e7819369e8e-2".to_owned());
    }

    #[test]
    fn parts_must_be_in_order() {
        let parts = |numbers: &[u32]| -> Vec<WantedPart> {
            numbers.iter().map(|&number| WantedPart { number, ..WantedPart::default() }).collect()
        };
        for (numbers, expected) in [
            (&[][..], Some(Code::MalformedXML)),
            (&[1], None),
            (&[1, 3, 10_000], None),
            (&[2, 1], Some(Code::InvalidPartOrder)),
            (&[1, 1], Some(Code::InvalidPartOrder)),
        ] {
            assert_eq!(check_order(&parts(numbers)).err().map(|error| error.code), expected, "{numbers:?}");
        }
    }
}
