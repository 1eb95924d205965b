//! Thumbnails: `?thumbnail=256` after a file's URL answers with a small picture of it.
//!
//! ```text
//! Found::File --> asked     is a thumbnail asked for, of what size?                               pure
//!             --> Subject   does the type have one: a picture, or an icon?                        pure
//!             --> cache     is it on disk, under the file's validator?
//!             --> format    by its first bytes: decoded here, its own thumbnail, or an icon?      pure
//!             --> turns     a bounded number at a time, the newest request first
//!             --> decode    the pixels, reduced as they come (raster)                             pure
//!             --> make      to sRGB (colour), upright (exif), encoded                             pure
//! ```
//!
//! A file without a thumbnail gets an icon, with status 200: an `<img>` never shows a broken image. The field
//! `X-Devmedia-Thumbnail` says where the answer came from: `made`, `cached` or `icon`; for the icon of a picture,
//! `X-Devmedia-Thumbnail-Reason` says why.

pub mod cache;
pub mod colour;
pub mod decode;
pub mod exif;
pub mod format;
pub mod icon;
pub mod make;
pub mod raster;
pub mod turns;

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::task::spawn_blocking;

use self::cache::{Cache, Key};
use self::icon::Icon;
use self::make::{Opened, Size, Unmade};
use self::turns::{Request, Turns};
use crate::answer::conditional::{self, Precondition};
use crate::answer::decide::Undecided;
use crate::body::Body;
use crate::connection::Connection;
use crate::refusal::Refusal;
use crate::request::query::Query;
use crate::storage::entity::Entity;
use crate::storage::media_type::MediaType;
use crate::storage::open_file::OpenFile;

/// Where the answer came from.
const SOURCE: HeaderName = HeaderName::from_static("x-devmedia-thumbnail");

/// Why a picture has an icon instead of a thumbnail.
const REASON: HeaderName = HeaderName::from_static("x-devmedia-thumbnail-reason");

/// Pictures decoded at once, at most; fewer on fewer cores.
const PARALLEL: usize = 4;

/// Files looked into at once, for their format and in the cache.
const LOOKING: usize = 16;

/// Why there is no thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailError {
    /// `?thumbnail=` is followed by something that is not a number.
    Size,
    /// Too many clients wait for thumbnails that have ended their side of the connection.
    TooMany,
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
            ThumbnailError::TooMany => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-thumbnails",
                "Too many thumbnails are waiting to be made.",
                "Request it again, and keep the connection open in both directions until the answer has arrived.",
            )
            .with_field(header::RETRY_AFTER, HeaderValue::from_static("1")),
        }
    }
}

/// The size that a query asks for; `None` where it asks for none, or the file is its own thumbnail. A bare `?thumbnail`
/// has the default size.
///
/// Any number gets the nearest size that is made. Anything else is refused: it is a typing error, and a picture of some
/// size would hide it.
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
    /// A picture: its first bytes say more.
    Picture,
    /// A picture that is told by its type only and that every browser shows: the file is its own thumbnail.
    Itself,
    /// What has no picture.
    Icon(Icon),
}

impl Subject {
    /// By type. SVG is never recognised by its bytes: it can hold script.
    pub fn of(media_type: &MediaType) -> Self {
        match media_type.essence() {
            "image/svg+xml" => Self::Itself,
            essence if essence.starts_with("image/") => Self::Picture,
            essence => Self::Icon(Icon::of(essence)),
        }
    }
}

/// What is sent for a thumbnail.
#[derive(Debug)]
pub enum Thumbnail {
    /// A small picture or an icon.
    Answer(Response<Body>),
    /// The file: a picture that browsers show and that is not decoded here. There is no AVIF decoder here, for example:
    /// the maintained ones are C (dav1d) or a port of it with its `unsafe` (rav1d).
    Itself(OpenFile, Entity),
}

/// Makes thumbnails: the cache, and the limits of parallel work.
#[derive(Debug)]
pub struct Thumbnails {
    cache: Option<Arc<Cache>>,
    /// For reading a file's beginning, and the cache.
    looking: Turns,
    /// For decoding.
    decoding: Turns,
    /// For pictures that need much memory: one at a time. It is taken before the turn for decoding, so that such
    /// pictures never make others wait.
    large: Turns,
}

/// What a file turned out to be.
enum Looked {
    Cached(Bytes),
    Picture { large: bool },
    Browser(&'static str),
    None(Unmade),
}

/// Bytes to send, their media type, and where they came from.
struct Small {
    source: &'static str,
    content_type: &'static str,
    bytes: Bytes,
    reason: Option<Unmade>,
}

impl Thumbnails {
    /// `cache` is the folder to keep them in; without one each is made whenever it is asked for.
    pub fn new(cache: Option<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cache: cache.map(|folder| Arc::new(Cache::new(folder))),
            looking: Turns::new(LOOKING),
            decoding: Turns::new(cores.min(PARALLEL)),
            large: Turns::new(1),
        }
    }

    /// Answers with a thumbnail of an open file. Conditions are decided first: a 304 decodes nothing.
    pub async fn answer(
        &self,
        request: &hyper::Request<()>,
        size: Size,
        file: OpenFile,
        entity: Entity,
        connection: &Connection,
    ) -> Result<Thumbnail, Refusal> {
        let key = Key::of(&entity, size);
        let mut response = Response::new(Body::Empty);
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(key) = &key {
            fields.insert(header::ETAG, key.etag());
        }
        // The thumbnail is a representation of its own: it has its own tag, and no date, for its look may change with
        // the program that makes it.
        let own = Entity { etag: key.as_ref().map(Key::etag), last_modified: None, ..entity.clone() };
        let precondition = conditional::evaluate(request.method(), request.headers(), &own);
        if precondition == Precondition::NotModified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(Thumbnail::Answer(response));
        }
        let small = match Subject::of(&entity.media_type) {
            Subject::Icon(icon) => Small::icon(icon, None),
            Subject::Picture | Subject::Itself => {
                let (file, request) = (Arc::new(file), Request::new(&connection.activity));
                match self.look(key.clone(), size, &file, entity.len, &request).await? {
                    Looked::Cached(bytes) => Small::picture("cached", bytes),
                    Looked::Browser(media_type) => {
                        let file = Arc::into_inner(file).ok_or_else(Refusal::panicked)?;
                        let media_type = MediaType::from_static(media_type);
                        return Ok(Thumbnail::Itself(file, Entity { media_type, ..entity }));
                    }
                    // what fails the condition is not worth decoding
                    Looked::Picture { .. } if precondition == Precondition::Failed => {
                        return Err(Undecided::PreconditionFailed.into());
                    }
                    Looked::Picture { large } => self.picture(key, size, file, &entity, large, &request).await?,
                    Looked::None(why) => Small::unmade(why, &entity),
                }
            }
        };
        if precondition == Precondition::Failed {
            return Err(Undecided::PreconditionFailed.into());
        }
        let fields = response.headers_mut();
        fields.insert(SOURCE, HeaderValue::from_static(small.source));
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(small.content_type));
        fields.insert(header::CONTENT_LENGTH, small.bytes.len().into());
        if let Some(reason) = small.reason.and_then(|reason| HeaderValue::try_from(reason.to_string()).ok()) {
            fields.insert(REASON, reason);
        }
        if small.content_type == icon::CONTENT_TYPE {
            fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        }
        *response.body_mut() = Body::full(small.bytes);
        Ok(Thumbnail::Answer(response))
    }

    /// Looks into the cache, else at the file's beginning.
    async fn look(
        &self,
        key: Option<Key>,
        size: Size,
        file: &Arc<OpenFile>,
        len: u64,
        request: &Request,
    ) -> Result<Looked, Refusal> {
        let turn = self.looking.take(request).await.ok_or(ThumbnailError::TooMany)?;
        let (cached, file) = (self.cache.clone().zip(key), Arc::clone(file));
        let work = spawn_blocking(move || {
            let _turn = turn;
            if let Some(bytes) = cached.and_then(|(cache, key)| cache.get(&key)) {
                return Looked::Cached(bytes);
            }
            match Opened::new(Source::new(file, len), len) {
                Ok(Opened::Picture(picture)) => Looked::Picture { large: picture.is_large(size.pixels()) },
                Ok(Opened::Browser(media_type)) => Looked::Browser(media_type),
                Err(why) => Looked::None(why),
            }
        });
        // A panic of a decoder is one more way of not decoding.
        Ok(work.await.unwrap_or_else(|panic| Looked::None(Unmade::Broken(panic.to_string()))))
    }

    /// Decodes a picture when it is its turn. A client that hangs up before costs nothing more.
    async fn picture(
        &self,
        key: Option<Key>,
        size: Size,
        file: Arc<OpenFile>,
        entity: &Entity,
        large: bool,
        request: &Request,
    ) -> Result<Small, Refusal> {
        let large = if large { Some(self.large.take(request).await.ok_or(ThumbnailError::TooMany)?) } else { None };
        let turn = self.decoding.take(request).await.ok_or(ThumbnailError::TooMany)?;
        let (cached, len) = (self.cache.clone().zip(key), entity.len);
        let work = spawn_blocking(move || {
            // the work goes on when the client has gone, and so do its turns
            let _turns = (large, turn);
            // somebody else may have asked for it as well
            if let Some(bytes) = cached.as_ref().and_then(|(cache, key)| cache.get(key)) {
                return Ok(Small::picture("cached", bytes));
            }
            let bytes = make::make(Source::new(file, len), len, size)?;
            if let Some((cache, key)) = cached {
                cache.put(&key, &bytes);
            }
            Ok(Small::picture("made", bytes.into()))
        });
        let made = work.await.unwrap_or_else(|panic| Err(Unmade::Broken(panic.to_string())));
        Ok(made.unwrap_or_else(|why| Small::unmade(why, entity)))
    }
}

impl Small {
    fn picture(source: &'static str, bytes: Bytes) -> Self {
        let content_type = make::content_type(&bytes).unwrap_or("application/octet-stream");
        Self { source, content_type, bytes, reason: None }
    }

    fn icon(icon: Icon, reason: Option<Unmade>) -> Self {
        Self { source: "icon", content_type: icon::CONTENT_TYPE, bytes: icon.svg().into(), reason }
    }

    fn unmade(why: Unmade, entity: &Entity) -> Self {
        let icon = match &why {
            Unmade::TooLong { .. } | Unmade::TooLarge { .. } => Icon::LargePicture,
            // such a type promises a format that is known
            Unmade::Unknown if Icon::is_decoded(entity.media_type.essence()) => Icon::BrokenPicture,
            Unmade::Unknown => Icon::Picture,
            Unmade::Broken(_) => Icon::BrokenPicture,
        };
        tracing::debug!("no thumbnail: {why}");
        Self::icon(icon, Some(why))
    }
}

/// The open handle as a decoder reads it: from it only, and not past the announced length.
struct Source {
    file: Arc<OpenFile>,
    len: u64,
    at: u64,
}

impl Source {
    fn new(file: Arc<OpenFile>, len: u64) -> BufReader<Self> {
        BufReader::with_capacity(64 * 1024, Self { file, len, at: 0 })
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let got = self.file.read_into(self.at, &mut buffer[..room])?;
        self.at += got as u64;
        Ok(got)
    }
}

impl Seek for Source {
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
