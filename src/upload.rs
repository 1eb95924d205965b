//! Bytes arrive, get a safe name, are stored beneath the root, and have a URL (`--upload`).
//!
//! ```text
//! POST a form --form--> names ---\
//! PUT a body  --put-------------> filling --> store::Draft --complete--> a visible name
//! POST, PATCH --tus--> partial --/
//! ```

pub mod disposition;
pub mod filling;
pub mod folder;
pub mod form;
pub mod names;
pub mod partial;
pub mod put;
pub mod store;
pub mod stored;
pub mod sweep;
pub mod tus;

use std::sync::Arc;

use hyper::{Method, Request, Response};

use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::mount::{Mount, Uploads};
use crate::refusal::Refusal;
use crate::request::path::MediaPath;

/// Does what a request wants changed. Its method is one that [`Mount::allows`], its path one that [`Mount::shows`].
pub async fn receive(
    mount: &Arc<Mount>,
    uploads: &Uploads,
    path: &MediaPath,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    match *request.method() {
        Method::PUT => put::put(mount, uploads, path, request, body).await,
        Method::DELETE => put::delete(mount, path, request).await,
        _ if tus::is_spoken(request.headers()) => tus::create(mount, uploads, path, request.headers()).await,
        _ => form::post(mount, uploads, path, request, body).await,
    }
}
