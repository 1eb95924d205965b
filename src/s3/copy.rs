//! CopyObject, and the source of a copy, which UploadPartCopy has, too.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Response, StatusCode};
use md5::{Digest as _, Md5};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::bucket::{Buckets, Caller};
use super::error::{Code, S3Error};
use super::key::Key;
use super::metadata;
use super::object::{Object, hex};
use super::read::{ChecksumElement, iso};
use super::record::{Checksum, Record};
use super::target::{Target, quoted, write_conditions};
use super::xml::{self, NAMESPACE};
use crate::answer::conditional::{self, Precondition};
use crate::body::Body;
use crate::signature::Algorithm;
use crate::signature::checksum::Hasher;
use crate::storage::blocking;
use crate::storage::byte_range::ByteRange;
use crate::system;

/// The conditions on the source, and the headers that they correspond to.
const CONDITIONS: [(&str, HeaderName); 4] = [
    ("x-amz-copy-source-if-match", header::IF_MATCH),
    ("x-amz-copy-source-if-none-match", header::IF_NONE_MATCH),
    ("x-amz-copy-source-if-modified-since", header::IF_MODIFIED_SINCE),
    ("x-amz-copy-source-if-unmodified-since", header::IF_UNMODIFIED_SINCE),
];

/// The bucket and the key in `x-amz-copy-source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    bucket: String,
    key: String,
}

impl SourceName {
    /// Parses `/bucket/key?versionId=null`, escaped or not, with or without the first slash.
    pub fn parse(text: &str) -> Result<Self, S3Error> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let version = query.split('&').find_map(|pair| pair.strip_prefix("versionId="));
        if version.is_some_and(|version| version != "null") {
            let message = "There are no versions here: each object has the one version \"null\".";
            return Err(S3Error::new(Code::NoSuchVersion, message));
        }
        let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
        match path.strip_prefix('/').unwrap_or(&path).split_once('/') {
            Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            _ => Err(S3Error::new(
                Code::InvalidArgument,
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )
            .with("ArgumentName", "x-amz-copy-source")
            .with("ArgumentValue", text)),
        }
    }

    /// Finds the source, if its conditions hold.
    pub async fn open(
        self,
        buckets: &Arc<Buckets>,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<(Target, Object), S3Error> {
        let buckets = Arc::clone(buckets);
        let name = self.bucket;
        let bucket = blocking(move || buckets.find(&name)).await?;
        let key = Key::new(self.key.clone().into_bytes()).map_err(|error| {
            S3Error::no_such_key(&self.key, format!("The source of the copy is not a key: {error}."))
        })?;
        let source = Target { bucket, known: Arc::clone(&target.known), key, caller: Caller::Owner };
        let object = source.find().await?;
        let mut conditions = HeaderMap::new();
        for (name, field) in CONDITIONS {
            conditions.extend(headers.get(name).cloned().map(|value| (field, value)));
        }
        match conditional::evaluate(&Method::GET, &quoted(&conditions), &object.entity()) {
            Precondition::Holds => Ok((source, object)),
            _ => Err(S3Error::new(
                Code::PreconditionFailed,
                format!("The source {} is not in the state that the conditions of the copy require.", source.key),
            )),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CopyResult {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(flatten)]
    checksum: ChecksumElement,
}

/// The answer to a copy. `root` is the name of its element.
pub fn answer(root: &str, record: &Record) -> Response<Body> {
    let result = CopyResult {
        namespace: NAMESPACE,
        last_modified: iso(SystemTime::now()),
        etag: format!("\"{}\"", record.etag),
        checksum: record.checksum.as_ref().map(ChecksumElement::of).unwrap_or_default(),
    };
    xml::answer_as(StatusCode::OK, root, &result)
}

/// Copies an object.
pub async fn copy(target: &Target, buckets: &Arc<Buckets>, headers: &HeaderMap) -> Result<Response<Body>, S3Error> {
    let name = SourceName::parse(&text(headers, "x-amz-copy-source"))?;
    let replaces = directive(headers, "x-amz-metadata-directive")?;
    let replaces_tags = directive(headers, "x-amz-tagging-directive")?;
    let is_itself = name.bucket == target.bucket.name && name.key == target.key.as_str();
    if is_itself && !replaces && !replaces_tags {
        return Err(S3Error::new(
            Code::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
             metadata. Add x-amz-metadata-directive: REPLACE.",
        ));
    }
    let (_, source) = name.open(buckets, target, headers).await?;
    let mut record = metadata::record_of(headers)?;
    if !replaces {
        record.headers.clone_from(&source.record.headers);
        record.metadata.clone_from(&source.record.metadata);
    }
    if !replaces_tags {
        record.tags.clone_from(&source.record.tags);
    }
    let algorithm = wanted_algorithm(headers)?;
    let (target, headers) = (target.clone(), write_conditions(headers));
    let record = blocking(move || {
        if target.key.is_folder() {
            if source.len > 0 {
                let message = "A key that ends in '/' is a folder here, and the source of the copy is not empty.";
                return Err(S3Error::new(Code::InvalidArgument, message));
            }
            return target.publish_folder(record, &headers);
        }
        if source.len > target.bucket.max_put() {
            let message = "The source is larger than this bucket accepts at once. Copy it in parts (UploadPartCopy).";
            return Err(S3Error::new(Code::EntityTooLarge, message));
        }
        let staged = target.stage(&headers)?;
        let copied = match &source.file {
            None => copied_whole(&source.record, None),
            Some(file) => {
                let file: File = file.try_clone().map_err(S3Error::system)?;
                let known = copied_whole(&source.record, algorithm);
                copy_bytes(&file, ByteRange::whole(source.len), &staged.file(), algorithm, known)
                    .map_err(S3Error::system)?
                    .into()
            }
        };
        let Copied { etag, checksum } = copied.unwrap_or_default();
        (record.etag, record.checksum) = (etag, checksum);
        target.publish(staged, record, &headers)
    });
    Ok(answer("CopyObjectResult", &record.await?))
}

/// The hashes of copied bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    /// The MD5 in hexadecimal.
    pub etag: String,
    /// The checksum that was asked for.
    pub checksum: Option<Checksum>,
}

/// The hashes of a whole copy, if the source has them. The ETag of a multipart upload is not an MD5.
fn copied_whole(source: &Record, algorithm: Option<Algorithm>) -> Option<Copied> {
    let checksum = source.checksum.clone().filter(|checksum| checksum.kind() == "FULL_OBJECT");
    let fits =
        algorithm.is_none_or(|wanted| checksum.as_ref().is_some_and(|checksum| checksum.algorithm == wanted.name()));
    (fits && !source.etag.contains('-')).then(|| Copied { etag: source.etag.clone(), checksum })
}

/// Copies bytes, and hashes them unless the hashes are known. `None` is an empty range. Blocks.
pub fn copy_bytes(
    mut from: &File,
    range: Option<ByteRange>,
    mut to: &File,
    algorithm: Option<Algorithm>,
    known: Option<Copied>,
) -> io::Result<Copied> {
    let range = range.unwrap_or(ByteRange { start: 0, end: 0 });
    if let Some(known) = known {
        // the kernel copies, or shares the blocks where the file system can
        let copied = io::copy(&mut (&mut from).take(range.end), &mut to)?;
        return if copied == range.len() { Ok(known) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
    }
    let (mut md5, mut hasher) = (Md5::new(), algorithm.map(Hasher::new));
    let mut buffer = vec![0; 256 * 1024];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let got = match system::read_at(from, &mut buffer[..wanted], at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        };
        md5.update(&buffer[..got]);
        if let Some(hasher) = &mut hasher {
            hasher.update(&buffer[..got]);
        }
        to.write_all(&buffer[..got])?;
        at += got as u64;
    }
    let checksum = hasher.map(|hasher| Checksum::of(&hasher.finish()));
    Ok(Copied { etag: hex(&md5.finalize()), checksum })
}

/// The algorithm that a request asks for without a value.
pub fn wanted_algorithm(headers: &HeaderMap) -> Result<Option<Algorithm>, S3Error> {
    let name = text(headers, "x-amz-checksum-algorithm");
    match (name.as_str(), Algorithm::parse(&name)) {
        ("", _) => Ok(None),
        (_, Some(algorithm)) => Ok(Some(algorithm)),
        (_, None) => {
            let message = "Checksum algorithm provided is unsupported. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.";
            Err(S3Error::new(Code::InvalidRequest, message))
        }
    }
}

/// Whether a directive says REPLACE.
fn directive(headers: &HeaderMap, name: &'static str) -> Result<bool, S3Error> {
    match text(headers, name).as_str() {
        "" | "COPY" => Ok(false),
        "REPLACE" => Ok(true),
        other => Err(S3Error::new(Code::InvalidArgument, format!("{name} must be COPY or REPLACE."))
            .with("ArgumentName", name)
            .with("ArgumentValue", other)),
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_buckets_and_keys() {
        for (text, expected) in [
            ("b/k", Some(("b", "k"))),
            ("/b/k", Some(("b", "k"))),
            ("b/a%20b/c%2Bd", Some(("b", "a b/c+d"))),
            ("b/a/b?versionId=null", Some(("b", "a/b"))),
            ("b/a%3Fb", Some(("b", "a?b"))),
            ("b/k?versionId=1", None),
            ("b", None),
            ("b/", None),
            ("", None),
        ] {
            let found = SourceName::parse(text).ok();
            let expected = expected.map(|(bucket, key)| SourceName { bucket: bucket.into(), key: key.into() });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn hashes_of_a_copy_are_those_of_its_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("from"), "hello world").expect("a file");
        let (from, to) = (File::open(path("from")).expect("it"), File::create(path("to")).expect("another"));
        let range = Some(ByteRange { start: 6, end: 11 });
        let copied = copy_bytes(&from, range, &to, Some(Algorithm::Crc32), None).expect("copied");
        assert_eq!(std::fs::read(path("to")).expect("it"), b"world");
        assert_eq!(copied.etag, "7d793037a0760186574b0282f2f435e7");
        assert_eq!(copied.checksum.map(|checksum| checksum.value).as_deref(), Some("OncRQw=="));
        let beyond = Some(ByteRange { start: 6, end: 12 });
        assert!(copy_bytes(&from, beyond, &to, None, None).is_err(), "a source that became shorter");
    }
}
