//! Bytes arrive, get a safe name, are stored beneath the root, and have a URL (`--upload`).
//!
//! ```text
//! POST a form --form--> names ---\
//! PUT a body  --put-------------> FileWriter --> StagedFile --complete--> a visible name
//! POST, PATCH --tus--> partial --/
//! ```

pub mod chunk;
pub mod disposition;
mod error;
pub mod file_writer;
pub mod folder;
pub mod form;
mod multipart;
pub mod names;
pub mod partial;
pub mod put;
pub mod staged;
pub mod stored;
pub mod sweep;
pub mod tus;
mod unsupported;

use std::sync::Arc;

use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, Response};

use self::chunk::Chunk;
pub use self::error::{UploadError, cannot_write};
use self::folder::UploadTo;
use crate::access::rules::PolicySet;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;

/// Bytes in the path of a file that is stored: as many as a key of S3 has. Without a limit a path could be made, folder by
/// folder, that no program can open.
pub const MAX_PATH: usize = 1024;

/// How a mount accepts uploads.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// The most bytes that one request may bring, and one resumable upload.
    pub max: u64,
    /// Where uploads to the mount's top go.
    pub to: UploadTo,
}

/// A request that changes something: what it is about, and by which rules.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Where it is stored.
    pub site: &'a Arc<Site>,
    /// The rules of the mount.
    pub uploads: &'a Uploads,
    /// The file, or the folder that is posted to.
    pub path: &'a MediaPath,
    /// The request without its body.
    pub request: &'a Request<()>,
    /// The access policies that the request has passed.
    pub passed: &'a PolicySet,
}

/// The fields of answers that scripts of other origins may read, beside those of every answer.
pub const EXPOSED: &str = "Location, Content-Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, \
                           Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Upload-Concat";

/// Refuses a request to a mount that accepts uploads if it asks for what is not implemented, whatever its method.
pub fn check(request: &Request<()>) -> Result<(), UploadError> {
    unsupported::check(request.headers(), Query::new(request.uri().query()))
}

/// Whether an upload widget asks whether a chunk has arrived already. No chunk ever has: the answer must not be a 200, which
/// means that the chunk need not be sent.
pub fn asks_for_chunk(request: &Request<()>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && Chunk::of_query(Query::new(request.uri().query())).is_test()
}

/// 204: Resumable.js, flow.js and their relatives take it for "not here", without an error.
pub fn no_chunk() -> Response<Body> {
    let mut response = stored::done();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// Does what a request asks to change. Its method is one that the mount allows, its path one that the site shows.
pub async fn receive(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    match *upload.request.method() {
        Method::PUT => put::put(upload, body).await,
        Method::DELETE => put::delete(upload).await,
        _ if tus::is_spoken(upload.request.headers()) => tus::create(upload, body).await,
        _ => form::post(upload, body).await,
    }
}

/// Files are sent without a `Content-Encoding`, so a coded body would come back as something else.
fn check_content_encoding(headers: &HeaderMap) -> Result<(), UploadError> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(UploadError::UnsupportedMediaType { wanted: "a body without Content-Encoding" })
        }
        _ => Ok(()),
    }
}

fn check_length(path: &MediaPath) -> Result<(), UploadError> {
    match path.as_bytes().len() {
        ..=MAX_PATH => Ok(()),
        length => Err(UploadError::LongPath { length }),
    }
}
