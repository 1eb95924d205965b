//! The answers that describe stored files.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::body::Body;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::root::Found;

/// A stored file, as the answer describes it.
#[derive(Debug, Clone, Serialize)]
pub struct Stored {
    /// The path relative to the root, as Django's `FileField` stores it.
    pub name: String,
    /// The path of the URL.
    pub url: String,
    /// The size in bytes.
    pub size: u64,
    /// The media type it is served with.
    pub r#type: String,
}

/// The first file's fields are at the top level, because most uploads are one file. `files` contains all files.
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
            // the file has been removed already
            _ => (0, "application/octet-stream".to_owned()),
        };
        let name = String::from_utf8_lossy(path.as_bytes()).into_owned();
        Self { name, url: site.prefix.url_of(path), size, r#type: media_type }
    }
}

/// 201, with the stored files, and the location of the first one.
pub fn created(files: &[Stored]) -> Response<Body> {
    let json = serde_json::to_string(&Answer { first: files.first(), files }).unwrap_or_default();
    let mut response = answer(StatusCode::CREATED, files.first().map_or("", |file| &file.url));
    *response.body_mut() = Body::full(json + "\n");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 303, so that a browser that sent a form shows the folder again.
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

/// 204: the request succeeded.
pub fn done() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
