//! Thumbnails: `?thumbnail=256` after a file's URL answers with a small picture of it.
//!
//! ```text
//! Found::File --> asked     is a thumbnail asked for, of what size?                               pure
//!             --> Subject   does the type have one: made here, the file itself, or an icon?       pure
//!             --> cache     is it on disk, under the file's validator?
//!             --> make      decode, turn, shrink, encode: bounded, off the reactor                pure
//! ```
//!
//! What cannot be shown gets an icon that says so, with status 200: an `<img>` never shows a torn picture. The field
//! `X-Devmedia-Thumbnail` tells which way it came: `made`, `cached` or `icon`.

pub mod cache;
pub mod icon;
pub mod make;

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use self::cache::{Cache, Key};
use self::icon::Icon;
use self::make::{Size, Unmade};
use crate::answer::conditional::{self, Precondition};
use crate::answer::decide::Undecided;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::request::query::Query;
use crate::storage::entity::Entity;
use crate::storage::media_type::MediaType;
use crate::storage::open_file::OpenFile;

/// How the answer came about.
const ORIGIN: HeaderName = HeaderName::from_static("x-devmedia-thumbnail");

/// Pictures in work at once, at most; fewer on fewer cores.
const PARALLEL: usize = 4;

/// Why no thumbnail can be asked for like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailError {
    /// `?thumbnail=` is followed by something that is not a number.
    Size,
}

impl From<ThumbnailError> for Refusal {
    fn from(error: ThumbnailError) -> Self {
        match error {
            ThumbnailError::Size => Self::new(
                StatusCode::BAD_REQUEST,
                "bad-thumbnail-size",
                "The size of the thumbnail is not a number.",
                "Write ?thumbnail=256 for a thumbnail that fits into 256 by 256 pixels (128, 256 and 512 are available), or \
                 omit ?thumbnail to get the file itself.",
            ),
        }
    }
}

/// The size that a query asks for; `None` where it asks for none, or the file is its own thumbnail. A bare `?thumbnail`
/// has the default size.
///
/// Any number gets the nearest size that is made. What is no number is refused: it is a typing error, and a picture of
/// some size would hide it.
pub fn asked(query: Query<'_>, entity: &Entity) -> Result<Option<Size>, ThumbnailError> {
    let Some(value) = query.get("thumbnail") else { return Ok(None) };
    let size = match value {
        "" => Size::default(),
        // a number too long for the type is large, and the largest size is nearest
        number if number.bytes().all(|b| b.is_ascii_digit()) => Size::nearest(number.parse().unwrap_or(u32::MAX)),
        _ => return Err(ThumbnailError::Size),
    };
    Ok((Subject::of(&entity.media_type) != Subject::Itself).then_some(size))
}

/// How a type is shown small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A picture that is decoded here.
    Picture,
    /// A picture that only the browser can decode: the file is its own thumbnail.
    Itself,
    /// What has no picture.
    Icon(Icon),
}

impl Subject {
    /// By type. There is no AVIF decoder here: the kept ones are C (dav1d) or a port of it with its `unsafe` (rav1d), and
    /// neither is worth its size while every browser has one. The same holds for SVG.
    pub fn of(media_type: &MediaType) -> Self {
        match media_type.essence() {
            "image/jpeg" | "image/png" | "image/apng" | "image/gif" | "image/webp" => Self::Picture,
            "image/svg+xml" | "image/avif" => Self::Itself,
            essence => Self::Icon(Icon::of(essence)),
        }
    }
}

/// What makes thumbnails: the cache, and the limits of parallel work.
#[derive(Debug)]
pub struct Thumbnails {
    cache: Option<Arc<Cache>>,
    permits: Semaphore,
    /// Held while a large picture is in memory: one at a time.
    large: Arc<Mutex<()>>,
}

impl Thumbnails {
    /// `cache` is the folder to keep them in; without one each is made whenever it is asked for.
    pub fn new(cache: Option<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cache: cache.map(|folder| Arc::new(Cache::new(folder))),
            permits: Semaphore::new(cores.min(PARALLEL)),
            large: Arc::default(),
        }
    }

    /// Answers with a thumbnail of an open file. Conditions are decided first: a 304 decodes nothing.
    pub async fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        size: Size,
        file: OpenFile,
        entity: &Entity,
    ) -> Result<Response<Body>, Undecided> {
        let key = Key::of(entity, size);
        let mut response = Response::new(Body::Empty);
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(key) = &key {
            fields.insert(header::ETAG, key.etag());
        }
        // The thumbnail is a representation of its own: it has its own tag, and no date, for its look may change with
        // the program that makes it.
        let own = Entity { etag: key.as_ref().map(Key::etag), last_modified: None, ..entity.clone() };
        match conditional::evaluate(method, headers, &own) {
            Precondition::Holds => {}
            Precondition::Failed => return Err(Undecided::PreconditionFailed),
            Precondition::NotModified => {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(response);
            }
        }
        let (origin, content_type, bytes) = match Subject::of(&entity.media_type) {
            Subject::Icon(icon) => ("icon", icon::CONTENT_TYPE, icon.svg().into()),
            Subject::Picture | Subject::Itself => self.picture(key, size, file, entity.len).await,
        };
        let fields = response.headers_mut();
        fields.insert(ORIGIN, HeaderValue::from_static(origin));
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        fields.insert(header::CONTENT_LENGTH, bytes.len().into());
        if content_type == icon::CONTENT_TYPE {
            fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        }
        *response.body_mut() = Body::full(bytes);
        Ok(response)
    }

    /// From the cache, else made. A client that hangs up while it waits for its turn costs nothing more.
    async fn picture(
        &self,
        key: Option<Key>,
        size: Size,
        file: OpenFile,
        len: u64,
    ) -> (&'static str, &'static str, Bytes) {
        let cached = self.cache.clone().zip(key);
        if let Some((cache, key)) = cached.clone()
            && let Ok(Some(bytes)) = spawn_blocking(move || cache.get(&key)).await
            && let Some(content_type) = make::content_type(&bytes)
        {
            return ("cached", content_type, bytes);
        }
        let _permit = self.permits.acquire().await.expect("never closed");
        let large = Arc::clone(&self.large);
        let work = spawn_blocking(move || {
            let source = BufReader::with_capacity(64 * 1024, Source { file: &file, len, at: 0 });
            let bytes = make::make(source, len, size, || large.lock().unwrap_or_else(PoisonError::into_inner))?;
            if let Some((cache, key)) = cached {
                cache.put(&key, &bytes);
            }
            Ok::<_, Unmade>(bytes)
        });
        // A panic of a decoder is one more way of not decoding.
        let made = work.await.unwrap_or_else(|panic| Err(Unmade::Broken(panic.to_string())));
        match made {
            Ok(bytes) => ("made", make::content_type(&bytes).unwrap_or("application/octet-stream"), bytes.into()),
            Err(unmade) => {
                tracing::debug!("no thumbnail: {unmade}");
                ("icon", icon::CONTENT_TYPE, Icon::BrokenPicture.svg().into())
            }
        }
    }
}

/// The open handle as a decoder reads it: from it only, and not past the announced length.
struct Source<'a> {
    file: &'a OpenFile,
    len: u64,
    at: u64,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let got = self.file.read_into(self.at, &mut buffer[..room])?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests;
