//! Bytes arrive, get a safe name, are stored beneath the root, and have a URL (`--upload`).
//!
//! ```text
//! POST a form --form--> names ---\
//! PUT a body  --put-------------> FileWriter --> StagedFile --complete--> a visible name
//! POST, PATCH --tus--> partial --/
//! ```

pub mod disposition;
mod error;
pub mod file_writer;
pub mod folder;
pub mod form;
pub mod names;
pub mod partial;
pub mod put;
pub mod staged;
pub mod stored;
pub mod sweep;
pub mod tus;

use std::sync::Arc;

use hyper::{Method, Request, Response};

pub use self::error::{UploadError, cannot_write};
use self::folder::UploadTo;
use crate::access::rules::PolicySet;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::site::Site;

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
                           Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires";

/// Does what a request asks to change. Its method is one that the mount allows, its path one that the site shows.
pub async fn receive(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    match *upload.request.method() {
        Method::PUT => put::put(upload, body).await,
        Method::DELETE => put::delete(upload).await,
        _ if tus::is_spoken(upload.request.headers()) => tus::create(upload).await,
        _ => form::post(upload, body).await,
    }
}
