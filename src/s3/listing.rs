//! ListBuckets, ListObjects (both versions) and ListObjectVersions.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use hyper::{Response, StatusCode};
use md5::{Digest as _, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::bucket::{Bucket, Buckets, Caller};
use super::error::{Code, S3Error};
use super::object::{EMPTY_MD5, Known, etag_within, hex};
use super::page::{Page, Wanted};
use super::parameters::Parameters;
use super::read::iso;
use super::record::{Checksum, Record, State};
use super::xml::{self, NAMESPACE};
use crate::body::Body;
use crate::request::path::MediaPath;
use crate::storage::location::Location;
use crate::storage::root::reach::Reach;
use crate::storage::root::{Found, OpenError};
use crate::system;

/// The most keys of a page.
const MAX_KEYS: usize = 1000;

/// How many bytes a page may read to compute the ETags of files that have none yet. MD5 takes about 1.5 s for a GiB.
const HASH_BUDGET: u64 = 128 * 1024 * 1024;

/// What `encoding-type=url` leaves as it is (botocore decodes it with `unquote_plus`).
const URL_SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/');

/// The owner of everything.
pub const OWNER: Owner = Owner { id: "devmedia", display_name: "devmedia" };

/// The owner of a bucket, an object or an upload.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Owner {
    #[serde(rename = "ID")]
    id: &'static str,
    #[serde(rename = "DisplayName")]
    display_name: &'static str,
}

#[derive(Serialize)]
#[serde(rename = "ListAllMyBucketsResult", rename_all = "PascalCase")]
struct AllBuckets {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    owner: Owner,
    buckets: BucketList,
}

#[derive(Serialize)]
struct BucketList {
    #[serde(rename = "Bucket")]
    buckets: Vec<BucketElement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BucketElement {
    name: String,
    creation_date: String,
}

/// Answers ListBuckets. Blocks.
pub fn buckets(buckets: &Buckets) -> Response<Body> {
    let element =
        |bucket: &Arc<Bucket>| BucketElement { name: bucket.name.clone(), creation_date: iso(bucket.created()) };
    let buckets = BucketList { buckets: buckets.all().iter().map(element).collect() };
    xml::answer(StatusCode::OK, &AllBuckets { namespace: NAMESPACE, owner: OWNER, buckets })
}

/// The kind of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ListObjects, which django-storages uses.
    V1,
    /// ListObjectsV2.
    V2,
    /// ListObjectVersions, which test tools use to delete everything.
    Versions,
}

#[derive(Serialize, Default)]
#[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
struct Listing {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    name: String,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id_marker: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_key_marker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_version_id_marker: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_continuation_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_count: Option<usize>,
    max_keys: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delimiter: Option<String>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_type: Option<&'static str>,
    contents: Vec<Item>,
    version: Vec<Item>,
    common_prefixes: Vec<CommonPrefix>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_latest: Option<bool>,
    last_modified: String,
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_type: Option<&'static str>,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
    storage_class: &'static str,
}

/// The text that several keys start with.
#[derive(Serialize)]
pub struct CommonPrefix {
    #[serde(rename = "Prefix")]
    prefix: String,
}

impl CommonPrefix {
    /// A common prefix in the spelling that the client wants.
    pub fn new(prefix: String) -> Self {
        Self { prefix }
    }
}

/// How keys are written in a document: as they are, or percent-encoded (`encoding-type=url`).
pub struct Spelling {
    is_url: bool,
}

impl Spelling {
    /// The spelling that a request asks for.
    pub fn of_query(query: &Parameters) -> Result<Self, S3Error> {
        match query.get("encoding-type") {
            None | Some("") => Ok(Self { is_url: false }),
            Some("url") => Ok(Self { is_url: true }),
            Some(other) => Err(argument("encoding-type", other, "Invalid Encoding Method specified in Request")),
        }
    }

    /// Writes a key or a part of one.
    pub fn of(&self, text: &str) -> String {
        if self.is_url { utf8_percent_encode(text, URL_SAFE).to_string() } else { xml::text(text) }
    }
}

/// Answers a listing. Blocks.
pub fn objects(bucket: &Bucket, known: &Known, kind: Kind, query: &Parameters) -> Result<Response<Body>, S3Error> {
    bucket_is_not_denied(bucket)?;
    let spelling = Spelling::of_query(query)?;
    let max = match query.get("max-keys") {
        None | Some("") => MAX_KEYS,
        Some(number) => number
            .parse::<u32>()
            .map_err(|_| argument("max-keys", number, "max-keys must be an integer from 0 to 2147483647"))?
            .min(1000) as usize,
    };
    let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
    let token = query.get("continuation-token").filter(|_| kind == Kind::V2);
    let after = match (kind, token) {
        (Kind::V1, _) => text("marker"),
        (Kind::Versions, _) => text("key-marker"),
        (Kind::V2, None) => text("start-after"),
        (Kind::V2, Some(token)) => key_of(token)
            .ok_or_else(|| argument("continuation-token", token, "The continuation token provided is incorrect"))?,
    };
    let wanted = Wanted { prefix: text("prefix"), delimiter: text("delimiter"), after, max };
    let page = Page::read(bucket, &wanted).map_err(S3Error::system)?;
    let mut listing = Listing {
        namespace: NAMESPACE,
        name: bucket.name.clone(),
        prefix: spelling.of(&wanted.prefix),
        max_keys: max,
        delimiter: Some(spelling.of(&wanted.delimiter)).filter(|delimiter| !delimiter.is_empty()),
        is_truncated: page.next.is_some(),
        encoding_type: spelling.is_url.then_some("url"),
        ..Listing::default()
    };
    let next = page.next.as_deref();
    match kind {
        Kind::V1 => {
            listing.marker = Some(spelling.of(&wanted.after));
            // the S3 API reference: only with a delimiter; without one, clients use the last key
            listing.next_marker = next.filter(|_| !wanted.delimiter.is_empty()).map(|next| spelling.of(next));
        }
        Kind::V2 => {
            listing.start_after = query.get("start-after").map(|after| spelling.of(after));
            listing.continuation_token = token.map(str::to_owned);
            listing.next_continuation_token = next.map(token_of);
            listing.key_count = Some(page.objects.len() + page.common_prefixes.len());
        }
        Kind::Versions => {
            listing.key_marker = Some(spelling.of(&wanted.after));
            listing.version_id_marker = Some("");
            listing.next_key_marker = next.map(|next| spelling.of(next));
            listing.next_version_id_marker = next.map(|_| "null");
        }
    }
    let has_owner = kind != Kind::V2 || query.get("fetch-owner") == Some("true");
    let mut describer = Describer { bucket, known, budget: HASH_BUDGET, folder: None };
    let items = page.objects.iter().filter_map(|(key, path)| {
        // a file that has disappeared since is not listed
        let (state, modified, record) = describer.describe(path).ok()?;
        Some(item(spelling.of(key), state, modified, record, kind, has_owner))
    });
    let items = items.collect();
    match kind {
        Kind::Versions => listing.version = items,
        Kind::V1 | Kind::V2 => listing.contents = items,
    }
    let common = page.common_prefixes.iter().map(|prefix| CommonPrefix { prefix: spelling.of(prefix) });
    listing.common_prefixes = common.collect();
    if kind == Kind::Versions {
        return Ok(xml::answer_as(StatusCode::OK, "ListVersionsResult", &listing));
    }
    Ok(xml::answer(StatusCode::OK, &listing))
}

fn item(key: String, state: State, modified: SystemTime, record: Option<Record>, kind: Kind, has_owner: bool) -> Item {
    let is_version = kind == Kind::Versions;
    let checksum = record.as_ref().and_then(|record| record.checksum.as_ref());
    let (checksum_algorithm, checksum_type) = (checksum.map(|it| it.algorithm.clone()), checksum.map(Checksum::kind));
    Item {
        key,
        version_id: is_version.then_some("null"),
        is_latest: is_version.then_some(true),
        last_modified: iso(modified),
        etag: format!("\"{}\"", record.map_or_else(|| uncertain_etag(&state), |record| record.etag)),
        checksum_algorithm,
        checksum_type,
        size: state.size,
        owner: has_owner.then_some(OWNER),
        storage_class: "STANDARD",
    }
}

/// The ETag in a listing of a file whose MD5 is not known: it changes with the file, and no client takes it for an MD5,
/// because it has a `-`.
fn uncertain_etag(state: &State) -> String {
    let text = format!("{}-{}-{}", state.ino, state.size, state.mtime);
    format!("{}-0", hex(&Md5::digest(text)))
}

/// Describes the objects of a page. Neighbours are mostly in one folder, which is opened once.
struct Describer<'b> {
    bucket: &'b Bucket,
    known: &'b Known,
    /// How many bytes may still be read to compute ETags.
    budget: u64,
    folder: Option<(MediaPath, Dir)>,
}

impl Describer<'_> {
    /// The state of an object, the time of its last change, and its record, if it is known or quickly computed.
    fn describe(&mut self, path: &MediaPath) -> io::Result<(State, SystemTime, Option<Record>)> {
        if path.has_slash() {
            return self.describe_marker(path);
        }
        let file = self.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (state, record) = etag_within(self.bucket, self.known, path, &file, &mut self.budget)?;
        let since = Duration::from_nanos(u64::try_from(state.mtime).unwrap_or_default());
        Ok((state, SystemTime::UNIX_EPOCH + since, record))
    }

    fn describe_marker(&self, path: &MediaPath) -> io::Result<(State, SystemTime, Option<Record>)> {
        let Found::Directory(dir) = self.bucket.root().open(path).map_err(gone)? else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let (state, record) = Record::load(self.bucket.root(), path, &dir)?;
        let marker = Record { etag: EMPTY_MD5.to_owned(), ..Record::default() };
        Ok((state, dir.dir_metadata()?.modified()?.into_std(), Some(record.unwrap_or(marker))))
    }

    fn open(&mut self, path: &MediaPath) -> io::Result<File> {
        let parent = path.parent();
        if self.folder.as_ref().is_none_or(|(open, _)| *open != parent) {
            let Reach::Folder(folder, _) = self.bucket.root().reach(&parent).map_err(gone)? else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            self.folder = Some((parent, folder));
        }
        let Some((_, folder)) = &self.folder else { return Err(io::ErrorKind::NotFound.into()) };
        match folder.open_with(&*system::name(path.file_name()), &system::reading_no_link()) {
            Ok(file) if file.metadata()?.is_symlink() => self.open_link(path),
            Ok(file) => Ok(file.into_std()),
            Err(error) if system::is_link(&error) => self.open_link(path),
            Err(error) => Err(error),
        }
    }

    /// Opens a link through the root, so that it leads nowhere else.
    fn open_link(&self, path: &MediaPath) -> io::Result<File> {
        let opened = self.bucket.site.find(path).map_err(gone)?;
        let is_visible = self.bucket.site.check_location_visible(&opened.location).is_ok();
        let is_allowed = self.bucket.check_access(Caller::Owner, path, &opened.location).is_ok();
        match opened.found {
            Found::File(file, _) if is_visible && is_allowed => file.try_clone(),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn gone(_: OpenError) -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// A bucket that nobody may see as a whole is not listed. Rules for a part of it hide that part.
fn bucket_is_not_denied(bucket: &Bucket) -> Result<(), S3Error> {
    if bucket.site.access.is_uniform() {
        bucket.check_access(Caller::Owner, &MediaPath::top(), &Location::AsAsked)?;
    }
    Ok(())
}

fn argument(name: &'static str, value: &str, message: &'static str) -> S3Error {
    S3Error::new(Code::InvalidArgument, message).with("ArgumentName", name).with("ArgumentValue", value)
}

/// A continuation token is opaque: base64 of the last key.
fn token_of(key: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

fn key_of(token: &str) -> Option<String> {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_keys() {
        for key in ["a", "a/b c", "\u{e9}"] {
            assert_eq!(key_of(&token_of(key)).as_deref(), Some(key));
        }
        assert_eq!(key_of("%"), None);
    }

    #[test]
    fn names_are_encoded_as_botocore_decodes_them() {
        let url = Spelling { is_url: true };
        for (key, expected) in [("a/b", "a/b"), ("a b+c", "a%20b%2Bc"), ("\u{e9}\n", "%C3%A9%0A"), ("a%20", "a%2520")] {
            assert_eq!(url.of(key), expected);
        }
    }

    #[test]
    fn the_etag_of_an_unread_file_is_not_taken_for_an_md5() {
        let etag = uncertain_etag(&State { ino: 1, size: 2, mtime: 3 });
        assert_eq!((etag.len(), &etag[32..]), (34, "-0"));
    }
}
