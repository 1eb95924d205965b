//! Thumbnails: a file's URL with `?thumbnail=256` returns a small version of the image.
//!
//! ```text
//! Found::File --> asked     does the query ask for a thumbnail, and of what size?                 pure
//!             --> Subject   what does the media type get: a decoded image, or an icon?            pure
//!             --> cache     is it on disk, under the file's validator?
//!             --> format    by the first bytes: decoded here, sent as it is, or an icon?          pure
//!             --> turns     a limited number at a time, the newest request first
//!             --> decode    the pixels, reduced while they are read (raster)                      pure
//!             --> make      to sRGB (colour), upright (exif), encoded                             pure
//! ```
//!
//! A file without a thumbnail gets an icon with status 200, so an `<img>` never shows a broken image. The header
//! `X-Devmedia-Thumbnail` says where the answer came from: `made`, `cached` or `icon`. If an image gets an icon,
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
use self::make::{DecodeError, Opened, Size};
use self::turns::{Request, Turns};
use crate::answer::conditional::{self, Precondition};
use crate::answer::decide::Undecided;
use crate::body::Body;
use crate::connection::Connection;
use crate::refusal::Refusal;
use crate::request::query::Query;
use crate::storage::blocking;
use crate::storage::entity::Entity;
use crate::storage::media_type::MediaType;
use crate::storage::open_file::OpenFile;

/// Says where the answer came from.
const SOURCE: HeaderName = HeaderName::from_static("x-devmedia-thumbnail");

/// Says why an image has an icon instead of a thumbnail.
const REASON: HeaderName = HeaderName::from_static("x-devmedia-thumbnail-reason");

/// The most images to decode at once. Fewer on a machine with fewer cores.
const PARALLEL: usize = 4;

/// The most files to inspect at once: their first bytes and their cache entries.
const INSPECTIONS: usize = 16;

/// Why there is no thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailError {
    /// The value of `?thumbnail=` is not a number.
    Size,
    /// Too many clients that have closed their sending side are waiting for thumbnails.
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
                "Too many requests are waiting for thumbnails.",
                "Request it again, and keep the connection open in both directions until the answer has arrived.",
            )
            .with_field(header::RETRY_AFTER, HeaderValue::from_static("1")),
        }
    }
}

/// The size that a query asks for. `None` if it asks for none, or if the file serves as its own thumbnail. A bare
/// `?thumbnail` means the default size.
///
/// Any number selects the nearest available size. Anything else is an error: it is a typo, and a thumbnail of some
/// other size would hide it.
pub fn asked(query: Query<'_>, entity: &Entity) -> Result<Option<Size>, ThumbnailError> {
    let Some(value) = query.get("thumbnail") else { return Ok(None) };
    let size = match value {
        "" => Size::default(),
        // a number too large for `u32` selects the largest size
        number if number.bytes().all(|b| b.is_ascii_digit()) => Size::nearest(number.parse().unwrap_or(u32::MAX)),
        _ => return Err(ThumbnailError::Size),
    };
    Ok((Subject::of(&entity.media_type) != Subject::Itself).then_some(size))
}

/// How a media type is represented as a thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An image. Its first bytes decide what happens.
    Picture,
    /// An image recognised by its media type alone, which every browser can show. The file is its own thumbnail.
    Itself,
    /// A file that is not an image.
    Icon(Icon),
}

impl Subject {
    /// Decides by media type. SVG is never recognised by its content, because it can contain scripts.
    pub fn of(media_type: &MediaType) -> Self {
        match media_type.essence() {
            "image/svg+xml" => Self::Itself,
            essence if essence.starts_with("image/") => Self::Picture,
            essence => Self::Icon(Icon::of(essence)),
        }
    }
}

/// The answer to a thumbnail request.
#[derive(Debug)]
pub enum Thumbnail {
    /// A small image or an icon.
    Answer(Response<Body>),
    /// The file itself: an image that browsers show and devmedia does not decode. AVIF is one: its maintained decoders
    /// are written in C (dav1d) or are a port of it that uses `unsafe` (rav1d).
    Itself(OpenFile, Entity),
}

/// Creates thumbnails. Holds the cache and the limits on parallel work.
#[derive(Debug)]
pub struct Thumbnails {
    cache: Option<Arc<Cache>>,
    /// Limits how many files are inspected: their first bytes, and the cache.
    inspecting: Turns,
    /// Limits decoding.
    decoding: Turns,
    /// For images that need much memory: one at a time. This turn is taken before the one for decoding, so that large
    /// images never make others wait.
    large: Turns,
}

/// The result of inspecting a file.
enum Inspected {
    Cached(Bytes),
    Picture { large: bool },
    Browser(&'static str),
    None(DecodeError),
}

/// Bytes to send, their media type and their source.
struct Small {
    source: &'static str,
    content_type: &'static str,
    bytes: Bytes,
    reason: Option<DecodeError>,
}

impl Thumbnails {
    /// `cache` is the folder that keeps thumbnails. Without one, every request creates its thumbnail.
    pub fn new(cache: Option<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cache: cache.map(|folder| Arc::new(Cache::new(folder))),
            inspecting: Turns::new(INSPECTIONS),
            decoding: Turns::new(cores.min(PARALLEL)),
            large: Turns::new(1),
        }
    }

    /// Whether an answer needs the bytes of the file: it is an image, and its thumbnail is not in the cache.
    pub async fn needs_file(&self, size: Size, entity: &Entity) -> bool {
        if matches!(Subject::of(&entity.media_type), Subject::Icon(_)) {
            return false;
        }
        let Some((cache, key)) = self.cache.clone().zip(Key::of(entity, size)) else { return true };
        blocking(move || cache.get(&key).is_none()).await
    }

    /// Answers with a thumbnail of an open file. Preconditions come first, so that a 304 decodes nothing.
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
        // A thumbnail is a representation of its own. It has its own entity tag and no date, because another version of
        // devmedia may create a different thumbnail.
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
                match self.inspect(key.clone(), size, &file, entity.len, &request).await? {
                    Inspected::Cached(bytes) => Small::picture("cached", bytes),
                    Inspected::Browser(media_type) => {
                        let file = Arc::into_inner(file).ok_or_else(Refusal::panicked)?;
                        let media_type = MediaType::from_static(media_type);
                        return Ok(Thumbnail::Itself(file, Entity { media_type, ..entity }));
                    }
                    // do not decode an image whose precondition fails
                    Inspected::Picture { .. } if precondition == Precondition::Failed => {
                        return Err(Undecided::PreconditionFailed.into());
                    }
                    Inspected::Picture { large } => self.picture(key, size, file, &entity, large, &request).await?,
                    Inspected::None(why) => Small::icon_for_error(why, &entity),
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

    /// Looks in the cache, then at the beginning of the file.
    async fn inspect(
        &self,
        key: Option<Key>,
        size: Size,
        file: &Arc<OpenFile>,
        len: u64,
        request: &Request,
    ) -> Result<Inspected, Refusal> {
        let turn = self.inspecting.take(request).await.ok_or(ThumbnailError::TooMany)?;
        let (cached, file) = (self.cache.clone().zip(key), Arc::clone(file));
        let work = spawn_blocking(move || {
            let _turn = turn;
            if let Some(bytes) = cached.and_then(|(cache, key)| cache.get(&key)) {
                return Inspected::Cached(bytes);
            }
            match Opened::new(Source::new(file, len), len) {
                Ok(Opened::Picture(picture)) => Inspected::Picture { large: picture.is_large(size.pixels()) },
                Ok(Opened::Browser(media_type)) => Inspected::Browser(media_type),
                Err(why) => Inspected::None(why),
            }
        });
        // If a decoder panics, the image counts as damaged.
        Ok(work.await.unwrap_or_else(|panic| Inspected::None(DecodeError::Broken(panic.to_string()))))
    }

    /// Decodes an image when its turn comes. If the client disconnects before that, nothing is decoded.
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
            // the work continues if the client disconnects, so it keeps its turns
            let _turns = (large, turn);
            // another request may have created it meanwhile
            if let Some(bytes) = cached.as_ref().and_then(|(cache, key)| cache.get(key)) {
                return Ok(Small::picture("cached", bytes));
            }
            let bytes = make::make(Source::new(file, len), len, size)?;
            if let Some((cache, key)) = cached {
                cache.put(&key, &bytes);
            }
            Ok(Small::picture("made", bytes.into()))
        });
        let made = work.await.unwrap_or_else(|panic| Err(DecodeError::Broken(panic.to_string())));
        Ok(made.unwrap_or_else(|why| Small::icon_for_error(why, entity)))
    }
}

impl Small {
    fn picture(source: &'static str, bytes: Bytes) -> Self {
        let content_type = make::content_type(&bytes).unwrap_or("application/octet-stream");
        Self { source, content_type, bytes, reason: None }
    }

    fn icon(icon: Icon, reason: Option<DecodeError>) -> Self {
        Self { source: "icon", content_type: icon::CONTENT_TYPE, bytes: icon.svg().into(), reason }
    }

    fn icon_for_error(why: DecodeError, entity: &Entity) -> Self {
        let icon = match &why {
            DecodeError::TooLong { .. } | DecodeError::TooLarge { .. } => Icon::LargePicture,
            // these types promise a format that is decoded here
            DecodeError::Unknown if Icon::is_decoded(entity.media_type.essence()) => Icon::BrokenPicture,
            DecodeError::Unknown => Icon::Picture,
            DecodeError::Broken(_) => Icon::BrokenPicture,
        };
        tracing::debug!("no thumbnail: {why}");
        Self::icon(icon, Some(why))
    }
}

/// Lets a decoder read the open file, up to the announced length.
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
