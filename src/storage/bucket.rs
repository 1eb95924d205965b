//! `Bucket`: a mount's files in an object store. Each file is an object; folders are the parts of keys between slashes.
//!
//! ```text
//! url    s3://bucket/prefix, gs://, az://                                    pure
//! aws    keys, region and endpoint from AWS_* variables and profiles         pure
//! open   the client of the service (object_store), over http (hyper, rustls)
//! error  why the store did not do it, from its answers                       pure
//! ```
//!
//! Nothing is kept: every request asks the store. Bytes are streamed as fast as the client takes them.

pub mod aws;
pub mod error;
mod explain;
mod http;
mod open;
pub mod url;
pub mod write;

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use futures_util::{Stream, StreamExt as _};
use httpdate::HttpDate;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{Attribute, GetOptions, GetRange, ObjectMeta, ObjectStore};
use tokio::sync::{Mutex, MutexGuard};

use self::error::{Action, BucketError};
pub use self::open::OpenBucketError;
use self::url::BucketUrl;
use super::byte_range::ByteRange;
use super::entity::Entity;
use super::folder::{self, Entry, Kind};
use super::media_type::{MediaType, MediaTypes};
use crate::request::path::{MediaPath, is_own};

/// How often a request looks an object up again that was replaced between two requests to the store.
pub const LOOKUPS: usize = 3;

/// A bucket, and the prefix of the keys that are served.
pub struct Bucket {
    url: BucketUrl,
    objects: Arc<dyn ObjectStore>,
    pages: Arc<dyn PaginatedListStore>,
    types: MediaTypes,
    endpoint: Option<String>,
    signer: String,
    is_signed: bool,
    region: Arc<OnceLock<String>>,
    /// Stands in for the file system of an entity: distinguishes thumbnails of equal keys in two buckets.
    device: u64,
    /// Held while a request of this process looks at an object and then changes it.
    changing: Mutex<()>,
}

/// What is at a path of a bucket.
#[derive(Debug)]
pub enum FoundInBucket {
    /// An object.
    Object(Box<Object>),
    /// A folder: some key begins with the path and a slash.
    Folder,
}

/// An object, as the store described it.
#[derive(Debug)]
pub struct Object {
    key: Path,
    /// The store's entity tag, for `If-Match`.
    tag: Option<String>,
    /// The store's version, for those that compare it and not the tag (Google).
    version: Option<String>,
    /// Its metadata.
    pub entity: Entity,
    /// The `Content-Encoding` that it is stored with.
    pub coding: Option<HeaderValue>,
}

/// Reads one version of an object.
#[derive(Debug, Clone)]
pub struct Reader {
    objects: Arc<dyn ObjectStore>,
    key: Path,
    tag: Option<String>,
    len: u64,
}

impl Reader {
    /// Streams a range. Fails if the object is not the one that was described any more.
    ///
    /// A body that breaks off is continued by another request for the rest of the same version; the stream ends in an error
    /// if that fails as well, so a part never looks whole.
    pub async fn read(
        &self,
        range: ByteRange,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, BucketError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.start..range.end)),
            if_match: self.tag.clone(),
            ..GetOptions::default()
        };
        let got = self.objects.get_opts(&self.key, options).await;
        let got = got.map_err(|error| BucketError::of(&error, Action::Read))?;
        if got.meta.size != self.len {
            return Err(BucketError::Changed);
        }
        let key = self.key.clone();
        Ok(got.into_stream().map(move |bytes| {
            bytes.map_err(|error| {
                let why = BucketError::of(&error, Action::Read);
                tracing::warn!("the transfer of {key} broke off: {why}");
                io::Error::other(why.to_string())
            })
        }))
    }
}

impl Bucket {
    /// Opens a bucket with the credentials of the environment. No request is sent.
    pub fn open(url: BucketUrl, types: MediaTypes) -> Result<Self, OpenBucketError> {
        let opened = open::open(&url)?;
        let mut device = DefaultHasher::new();
        (&url, &opened.endpoint).hash(&mut device);
        Ok(Self {
            url,
            objects: opened.objects,
            pages: opened.pages,
            types,
            endpoint: opened.endpoint,
            signer: opened.signer,
            is_signed: opened.is_signed,
            region: opened.region,
            device: device.finish(),
            changing: Mutex::default(),
        })
    }

    /// Waits until no other request of this process changes the bucket: of two requests with the same `If-Match`, the second
    /// must fail, also in a store that does not compare it.
    pub async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Its URL.
    pub fn url(&self) -> &BucketUrl {
        &self.url
    }

    /// The endpoint, if it is not the usual one of the service.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// How requests are signed, for messages. Contains no secret.
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// The media types of its files.
    pub fn types(&self) -> &MediaTypes {
        &self.types
    }

    /// Asks the store for one key, which finds wrong keys, a missing bucket and a wrong endpoint.
    pub async fn check(&self) -> Result<(), BucketError> {
        self.has_keys(&self.url.prefix).await.map(drop)
    }

    /// Finds the object or the folder at `path`.
    pub async fn find(&self, path: &MediaPath) -> Result<FoundInBucket, BucketError> {
        if path.is_top() {
            return Ok(FoundInBucket::Folder);
        }
        if !path.has_slash() {
            match self.object(path).await {
                Err(error) if error.is_missing() => {}
                result => return result.map(Box::new).map(FoundInBucket::Object),
            }
        }
        let prefix = self.prefix(path)?;
        if self.has_keys(&prefix).await? { Ok(FoundInBucket::Folder) } else { Err(BucketError::Missing) }
    }

    /// Describes the object at `path`.
    pub async fn object(&self, path: &MediaPath) -> Result<Object, BucketError> {
        let key = self.key(path)?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        let got = self.objects.get_opts(&key, options).await.map_err(|error| BucketError::of(&error, Action::Read))?;
        let own_type = got.attributes.get(&Attribute::ContentType).and_then(|value| MediaType::parse(value));
        let coding = got.attributes.get(&Attribute::ContentEncoding).map(|value| value.trim().to_owned());
        let coding = coding.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
        let ObjectMeta { last_modified, size, e_tag, version, .. } = got.meta;
        let entity = Entity {
            device: self.device,
            len: size,
            etag: e_tag.as_deref().and_then(entity_tag),
            last_modified: http_date(last_modified.into()).map(Into::into),
            media_type: media_type(&self.types, path.file_name(), own_type, coding.is_some()),
        };
        let coding = coding.and_then(|coding| HeaderValue::try_from(coding).ok());
        Ok(Object { key, tag: e_tag, version, entity, coding })
    }

    /// Reads the bytes of an object that was described.
    pub fn reader(&self, object: &Object) -> Reader {
        let Object { key, tag, entity, .. } = object;
        Reader { objects: Arc::clone(&self.objects), key: key.clone(), tag: tag.clone(), len: entity.len }
    }

    /// Lists a folder in display order. Hidden names are included only if `hidden` is set.
    pub async fn entries(&self, folder: &MediaPath, hidden: bool) -> Result<Vec<Entry>, BucketError> {
        self.first_entries(folder, hidden, usize::MAX).await
    }

    /// The same for the first keys of a large folder: `pages` answers of the store, of some thousand keys each.
    pub async fn first_entries(
        &self,
        folder: &MediaPath,
        hidden: bool,
        pages: usize,
    ) -> Result<Vec<Entry>, BucketError> {
        let prefix = self.prefix(folder)?;
        let mut entries = Vec::new();
        let mut page_token = None;
        for _ in 0..pages {
            let options =
                PaginatedListOptions { delimiter: Some("/".into()), page_token, ..PaginatedListOptions::default() };
            let page = self.page(&prefix, options).await?;
            let name = |path: &Path| {
                let name = path.as_ref().strip_prefix(&prefix)?.as_bytes();
                let is_shown = !name.is_empty() && !is_own(name) && (hidden || !name.starts_with(b"."));
                is_shown.then(|| name.to_vec())
            };
            let folders = page.result.common_prefixes.iter().filter_map(name);
            entries.extend(folders.map(|name| Entry { name, kind: Kind::Directory, modified: None, sniffed: None }));
            entries.extend(page.result.objects.iter().filter_map(|object| {
                let modified = Some(object.last_modified.into());
                Some(Entry { name: name(&object.location)?, kind: Kind::File(object.size), modified, sniffed: None })
            }));
            page_token = page.page_token;
            if page_token.is_none() {
                break;
            }
        }
        folder::sort(&mut entries);
        Ok(entries)
    }

    /// Whether any key begins with this prefix.
    async fn has_keys(&self, prefix: &str) -> Result<bool, BucketError> {
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        match self.page(prefix, options).await {
            Ok(page) => Ok(!page.result.objects.is_empty()),
            // there is a key, though no path can name it
            Err(BucketError::Key(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn page(
        &self,
        prefix: &str,
        options: PaginatedListOptions,
    ) -> Result<object_store::list::PaginatedListResult, BucketError> {
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let page = self.pages.list_paginated(prefix, options).await;
        page.map_err(|error| match BucketError::of(&error, Action::List) {
            // a list of nothing is empty
            BucketError::Missing => BucketError::NoBucket,
            error => error,
        })
    }

    /// The key of the object at `path`. Keys are UTF-8, and paths need not be.
    fn key(&self, path: &MediaPath) -> Result<Path, BucketError> {
        let name = std::str::from_utf8(path.as_bytes()).map_err(|_| BucketError::Missing)?;
        Path::parse(format!("{}{}", self.url.prefix, name.trim_end_matches('/'))).map_err(|_| BucketError::Missing)
    }

    /// What the keys in the folder `path` begin with.
    fn prefix(&self, path: &MediaPath) -> Result<String, BucketError> {
        let name = std::str::from_utf8(path.as_bytes()).map_err(|_| BucketError::Missing)?;
        let slash = if path.is_top() { "" } else { "/" };
        Ok(format!("{}{}{slash}", self.url.prefix, name.trim_end_matches('/')))
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for Bucket {
    /// Without the clients, which know the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, endpoint, signer, .. } = self;
        f.debug_struct("Bucket")
            .field("url", url)
            .field("endpoint", endpoint)
            .field("signer", signer)
            .finish_non_exhaustive()
    }
}

/// The type of an object: by its name, as for files. If the name says nothing, the type that it is stored with, unless that
/// says nothing either.
///
/// Unlike a file, an object with a `Content-Encoding` is not what its name says, but what that coding contains: a `.svgz` or
/// `.css` stored with gzip.
fn media_type(types: &MediaTypes, name: &[u8], own: Option<MediaType>, is_coded: bool) -> MediaType {
    let by_name = types.by_name(name);
    let own = own.filter(|own| !matches!(own.essence(), "application/octet-stream" | "binary/octet-stream"));
    let mut found = by_name.or(own).unwrap_or_else(MediaType::octet_stream);
    if is_coded {
        found.is_gzip = false;
    }
    found
}

/// The store's entity tag, if it is one (RFC 9110 section 8.8.3); some stores omit the quotes.
fn entity_tag(tag: &str) -> Option<HeaderValue> {
    let quoted = if tag.ends_with('"') { tag.to_owned() } else { format!("\"{tag}\"") };
    HeaderValue::try_from(quoted).ok()
}

/// The date of an object, in whole seconds. `HttpDate` cannot represent times before 1970 or after 9999.
fn http_date(modified: SystemTime) -> Option<HttpDate> {
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    // not the one that stands for "unknown"
    (1..253_402_300_800).contains(&since_epoch).then_some(())?;
    (modified <= SystemTime::now())
        .then(|| (SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since_epoch)).into())
}
