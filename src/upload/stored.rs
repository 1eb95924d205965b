//! What is said of files that have been stored.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::body::Body;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::root::Found;

/// A stored file, as its uploader gets it.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    /// Relative to the root, as Django's `FileField` has it.
    pub name: String,
    /// The path of its URL.
    pub url: String,
    /// Bytes.
    pub size: u64,
    /// The media type that it is served with.
    pub r#type: String,
}

/// The first file's fields at the top, because most uploads are one file; all of them in `files`.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    first: Option<&'a Stored>,
    files: &'a [Stored],
}

impl Stored {
    /// Describes a file as it is served. Blocks.
    pub fn describe(site: &Site, path: &MediaPath) -> Self {
        let (size, media_type) = match site.root.open(path) {
            Ok(Found::File(_, entity)) => (entity.len, entity.media_type.essence().to_owned()),
            // gone again already
            _ => (0, "application/octet-stream".to_owned()),
        };
        let name = String::from_utf8_lossy(path.as_bytes()).into_owned();
        Self { name, url: site.prefix.url_of(path), size, r#type: media_type }
    }
}

/// 201: what was stored, and where the first of it is.
pub fn created(files: &[Stored]) -> Response<Body> {
    let json = serde_json::to_string(&Answer { first: files.first(), files }).unwrap_or_default();
    let mut response = answer(StatusCode::CREATED, files.first().map_or("", |file| &file.url));
    *response.body_mut() = Body::full(json + "\n");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 303: a browser's form shows the folder again.
pub fn back_to(site: &Site, folder: &MediaPath) -> Response<Body> {
    let mut response = answer(StatusCode::SEE_OTHER, &site.prefix.url_of(&folder.with_slash(true)));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

fn answer(status: StatusCode, location: &str) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::try_from(location).expect("percent-encoded"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// 204: done, and nothing to say.
pub fn done() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
