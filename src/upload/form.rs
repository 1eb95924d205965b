//! POST of `multipart/form-data` (RFC 7578) to a folder: what an HTML form, `curl -F` and every HTTP library send.
//!
//! All files of a form are stored, or none: they get their names when the whole body has come.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::stream::{self, Stream};
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};
use jiff::Zoned;
use multer::{Field, Multipart};

use super::disposition;
use super::file_writer::FileWriter;
use super::folder::UploadTo;
use super::names;
use super::staged::StagedFile;
use super::stored::{self, Stored};
use super::{Upload, UploadError};
use crate::body::Body;
use crate::body::incoming::{BodyError, RequestBody};
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::blocking;

/// Parts of a form; Django takes as many fields, and as many files.
const MAX_PARTS: usize = 1000;
const MAX_FILES: usize = 100;

/// Bytes in the header lines of one part.
const MAX_HEAD: usize = 8 * 1024;

/// Bytes that multer may hold without finding a part in them: it would collect an endless head in memory.
const MAX_FRUITLESS: usize = 256 * 1024;

/// A file whose bytes have all come, and where it shall be.
type Received = (MediaPath, StagedFile);

/// Stores the files of a form: 201 with what they are called now, or for a browser's form 303 back to the folder.
pub async fn post(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    let Upload { site, uploads, path: folder, request, .. } = upload;
    let boundary = boundary(request.headers())?;
    body.limit(uploads.max)?;
    let files = read(upload, boundary, body).await?;
    // what follows the last boundary says nothing, but a connection that is kept must be past it
    while body.next().await?.is_some() {}
    if files.is_empty() {
        return Err(UploadError::NoFile.into());
    }
    let owner = Arc::clone(site);
    let stored = blocking(move || publish(&owner, files)).await?;
    Ok(match Format::negotiate(request.headers(), Query::new(request.uri().query()), Format::Json) {
        Format::Html => stored::back_to(site, folder),
        Format::Json | Format::Text => stored::created(&stored),
    })
}

/// What separates the parts (RFC 2046 section 5.1.1).
fn boundary(headers: &HeaderMap) -> Result<String, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    multer::parse_boundary(content_type).map_err(|error| match error {
        multer::Error::NoBoundary => UploadError::BadForm { why: "its Content-Type has no boundary" }.into(),
        _ => UploadError::UnsupportedMediaType { wanted: "multipart/form-data" }.into(),
    })
}

/// Receives the files of a form. A part without a file name is an ordinary field, and passed over.
async fn read(upload: Upload<'_>, boundary: String, body: &mut RequestBody) -> Result<Vec<Received>, Refusal> {
    let Upload { site, uploads, path: folder, passed, .. } = upload;
    let fruitless = Arc::new(AtomicUsize::new(0));
    let mut form = Multipart::new(feed(body, Arc::clone(&fruitless)), boundary);
    let mut files = Vec::new();
    let mut parts = 0;
    while let Some(mut part) = form.next_field().await? {
        fruitless.store(0, Relaxed);
        parts += 1;
        if parts > MAX_PARTS {
            return Err(UploadError::BadForm { why: "it has more than 1000 parts" }.into());
        }
        let Some(name) = file_name(&part)? else {
            while part.chunk().await?.is_some() {
                fruitless.store(0, Relaxed);
            }
            continue;
        };
        if files.len() == MAX_FILES {
            return Err(UploadError::BadForm { why: "it has more than 100 files" }.into());
        }
        let path = place(site, &uploads.to, folder, &name)?;
        let (owner, posted_to, place) = (Arc::clone(site), folder.clone(), path.clone());
        let passed = passed.clone();
        let staged = blocking(move || {
            owner.allows_storing_at(&posted_to, &place)?;
            let staged = StagedFile::create(&owner.root, &place.parent())?;
            let (folder, below) = staged.destination();
            owner.allows_changing(&passed, folder, below.chain([place.file_name()]))?;
            Ok::<_, Refusal>(staged)
        });
        let staged = staged.await?;
        let mut writer = FileWriter::new(staged.file());
        while let Some(bytes) = part.chunk().await? {
            fruitless.store(0, Relaxed);
            writer.push(bytes).await?;
        }
        writer.flush().await?;
        files.push((path, staged));
    }
    Ok(files)
}

/// The name of a part's file, without the folders it had at home.
fn file_name(part: &Field<'_>) -> Result<Option<String>, Refusal> {
    let headers = part.headers();
    let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if head > MAX_HEAD {
        return Err(UploadError::BadForm { why: "the header lines of a part are longer than 8 KiB" }.into());
    }
    // RFC 7578 section 4.7: nobody sends it any more, and decoding it wrongly would store another file
    if headers.get("content-transfer-encoding").is_some_and(|value| {
        !["binary", "8bit", "7bit"].iter().any(|plain| value.as_bytes().eq_ignore_ascii_case(plain.as_bytes()))
    }) {
        return Err(UploadError::BadForm { why: "a part has a Content-Transfer-Encoding" }.into());
    }
    let raw = headers.get(header::CONTENT_DISPOSITION).and_then(|value| disposition::file_name(value.as_bytes()));
    Ok(raw.and_then(|raw| names::part_name(&raw)))
}

/// Where a file of this name goes: into the folder that was posted to, or by `--upload-to` where that is the top.
pub fn place(site: &Site, to: &UploadTo, folder: &MediaPath, name: &str) -> Result<MediaPath, Refusal> {
    let name = names::uploaded_name(name)?;
    let relative = if folder.is_top() { to.generated(&name, &Zoned::now())? } else { names::generated("", &name)? };
    let path = relative.split('/').fold(folder.clone(), |path, segment| path.join(segment.as_bytes()));
    match site.shows(&path) {
        Ok(()) => Ok(path),
        Err(_) => Err(UploadError::WouldBeHidden { path }.into()),
    }
}

/// Gives all files their names. If one cannot have one, those that have are removed again.
fn publish(site: &Site, files: Vec<Received>) -> Result<Vec<Stored>, Refusal> {
    let mut paths: Vec<(MediaPath, _)> = Vec::new();
    for (path, staged) in files {
        match staged.publish(&String::from_utf8_lossy(path.file_name())) {
            Ok((folder, name)) => paths.push((path.parent().join(name.as_bytes()), folder)),
            Err(refusal) => {
                for (path, folder) in paths {
                    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(path.file_name());
                    let _ = folder.remove_file(name);
                }
                return Err(refusal);
            }
        }
    }
    Ok(paths.iter().map(|(path, _)| Stored::describe(site, path)).collect())
}

/// Why multer got no more.
#[derive(Debug)]
enum Starved {
    Body(BodyError),
    Fruitless,
}

impl fmt::Display for Starved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(error) => error.fmt(f),
            Self::Fruitless => f.write_str("no part is found in it"),
        }
    }
}

impl Error for Starved {}

/// The body for multer, which collects in memory whatever is ready: so one piece is ready at a time.
fn feed(body: &mut RequestBody, fruitless: Arc<AtomicUsize>) -> impl Stream<Item = Result<Bytes, Starved>> + Send {
    stream::unfold((body, fruitless), |(body, fruitless)| async move {
        tokio::task::yield_now().await;
        let bytes = match body.next().await {
            Ok(None) => return None,
            Ok(Some(bytes)) if fruitless.fetch_add(bytes.len(), Relaxed) > MAX_FRUITLESS => Err(Starved::Fruitless),
            Ok(Some(bytes)) => Ok(bytes),
            Err(error) => Err(Starved::Body(error)),
        };
        Some((bytes, (body, fruitless)))
    })
}

impl From<multer::Error> for Refusal {
    fn from(error: multer::Error) -> Self {
        let why = match error {
            multer::Error::StreamReadFailed(cause) => match cause.downcast_ref() {
                Some(Starved::Body(error)) => return (*error).into(),
                _ => "no part is found in it",
            },
            multer::Error::IncompleteFieldData { .. }
            | multer::Error::IncompleteStream
            | multer::Error::IncompleteHeaders => "it ends before its last boundary",
            _ => "the header lines of a part are garbled",
        };
        UploadError::BadForm { why }.into()
    }
}
