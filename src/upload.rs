//! Uploads (`--upload`): receives files, gives them safe names, stores them below the root, and answers with their
//! URLs.
//!
//! ```text
//! POST a form --form--> names ---\
//! PUT a body  --put-------------> FileWriter --> StagedFile --complete--> a visible name
//! POST, PATCH --tus--> partial --/
//! ```

pub mod chunk;
pub mod disposition;
mod bucket;
mod error;
pub mod file_writer;
pub mod folder;
pub mod form;
pub mod multipart;
pub mod names;
pub mod partial;
pub mod put;
mod rules;
mod sink;
pub mod staged;
pub mod stored;
pub mod sweep;
pub mod tus;
pub mod tus_error;
mod unsupported;

use hyper::header;
use hyper::{Method, Request, Response};

use self::chunk::Chunk;
pub use self::error::{UploadError, cannot_write};
pub use self::names::MAX_PATH;
pub use self::rules::{Upload, Uploads};
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::request::query::Query;

/// The response headers of uploads that scripts of other origins may read, in addition to those of every response.
pub const EXPOSED: &str = "Location, Content-Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, \
                           Upload-Offset, Upload-Length, Upload-Metadata, Upload-Expires, Upload-Concat";

/// Rejects a request to a mount that accepts uploads if it needs something that is not implemented, whatever its
/// method.
pub fn check(request: &Request<()>) -> Result<(), UploadError> {
    unsupported::check(request.headers(), Query::new(request.uri().query()))
}

/// True if an upload widget asks whether the server already has a chunk. The server never has one, and the answer must
/// not be a 200, which would mean that the chunk need not be sent.
pub fn asks_for_chunk(request: &Request<()>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && Chunk::of_query(Query::new(request.uri().query())).is_test()
}

/// 204, which Resumable.js, flow.js and similar widgets understand as "missing" without reporting an error.
pub fn no_chunk() -> Response<Body> {
    let mut response = stored::done();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// Performs a request that changes something. The mount must allow its method, and the site must show its path.
pub async fn receive(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    if let Some(store) = upload.site.root.bucket() {
        return match *upload.request.method() {
            Method::PUT => bucket::put(upload, store, body).await,
            Method::DELETE => bucket::delete(upload, store).await,
            _ if tus::is_spoken(upload.request.headers()) => Err(bucket::no_tus()),
            _ => form::post(upload, body).await,
        };
    }
    match *upload.request.method() {
        Method::PUT => put::put(upload, body).await,
        Method::DELETE => put::delete(upload).await,
        _ if tus::is_spoken(upload.request.headers()) => tus::create(upload, body).await,
        _ => form::post(upload, body).await,
    }
}
