//! PUT and DELETE of one file, by its own path.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use hyper::header;
use hyper::{Method, Request, Response};
use rustix::fs::{AtFlags, unlinkat};

use super::filling::Filling;
use super::store::Draft;
use super::stored::{self, Stored};
use crate::answer::conditional::{self, Precondition};
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::mount::{Mount, Uploads};
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::service::blocking;
use crate::storage::root::reach::Reach;
use crate::storage::root::{Found, OpenError};

/// Stores the body under exactly this path: 201 where nothing was, 204 where a file was replaced.
pub async fn put(
    mount: &Arc<Mount>,
    uploads: &Uploads,
    path: &MediaPath,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let headers = request.headers();
    // RFC 9110 section 14.5: a part must not pass for the whole
    if headers.contains_key(header::CONTENT_RANGE) {
        return Err(Refusal::PartialPut);
    }
    // files are sent without one, so the bytes would come back as something else
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Refusal::UnsupportedMediaType { wanted: "a body without Content-Encoding" });
    }
    if path.has_slash() {
        return Err(Refusal::IsFolder);
    }
    body.limit(uploads.max)?;
    let draft = in_thread(mount, path, request, |mount, path, request| {
        // also asked at the end; here it spares the client the sending
        check(mount, path, request)?;
        Draft::create(&mount.root, &path.parent())
    });
    let draft = draft.await?;
    let mut filling = Filling::new(draft.file());
    while let Some(bytes) = body.next().await? {
        filling.push(bytes).await?;
    }
    filling.flush().await?;

    let new = in_thread(mount, path, request, |mount, path, request| publish(mount, path, request, draft)).await?;
    Ok(match new {
        Some(file) => stored::created(&[file]),
        None => stored::done(),
    })
}

/// Removes a file.
pub async fn delete(mount: &Arc<Mount>, path: &MediaPath, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    in_thread(mount, path, request, |mount, path, request| {
        let changing = mount.root.changing();
        if !check(mount, path, request)? || path.has_slash() {
            return Err(Refusal::NotFound { path: path.clone(), meant: None });
        }
        let refuse = |error| Refusal::of_open(error, path);
        // the folder is opened as any path, so that no link leads the removal out of the root
        let Reach::Folder(folder, missing) = mount.root.reach(&path.parent()).map_err(refuse)? else {
            return Err(Refusal::NotFound { path: path.clone(), meant: None });
        };
        if !missing.is_empty() {
            return Err(Refusal::NotFound { path: path.clone(), meant: None });
        }
        unlinkat(&folder, OsStr::from_bytes(path.file_name()), AtFlags::empty())
            .map_err(|errno| Refusal::of_write(errno.into()))?;
        drop(changing);
        Ok(stored::done())
    })
    .await
}

/// Gives a complete file its name; `None` where it replaced another. The condition of the request holds at that moment
/// for all that this process changes.
fn publish(mount: &Mount, path: &MediaPath, request: &Request<()>, draft: Draft) -> Result<Option<Stored>, Refusal> {
    let changing = mount.root.changing();
    let name = path.file_name();
    if check(mount, path, request)? {
        draft.replace(name)?;
        return Ok(None);
    }
    if let Err(draft) = draft.publish_new(name)? {
        // something that leads to nothing: a dangling link, or another program was faster
        if headers_demand_none(request) {
            return Err(Refusal::PreconditionFailed);
        }
        draft.replace(name)?;
    }
    drop(changing);
    Ok(Some(Stored::describe(mount, path)))
}

fn headers_demand_none(request: &Request<()>) -> bool {
    request.headers().contains_key(header::IF_NONE_MATCH)
}

/// Whether a file is there that may be changed, and the request's condition holds (RFC 9110 section 13.2). What is
/// missing cannot be removed, whatever the condition.
fn check(mount: &Mount, path: &MediaPath, request: &Request<()>) -> Result<bool, Refusal> {
    let missing = || match *request.method() {
        Method::PUT => (conditional::evaluate_missing(request.headers()), false),
        _ => (Precondition::Holds, false),
    };
    let (condition, exists) = match mount.root.open(path) {
        Ok(Found::Directory(_)) => return Err(Refusal::IsFolder),
        Ok(Found::File(_, entity)) => (conditional::evaluate(request.method(), request.headers(), &entity), true),
        Err(OpenError::RootGone) => missing(),
        // in a folder that an absolute link leads to
        Err(OpenError::LeavesRoot) if mount.root.is_free(path) => missing(),
        Err(error) => match Refusal::of_open(error, path) {
            Refusal::NotFound { .. } => missing(),
            refusal => return Err(refusal),
        },
    };
    if condition == Precondition::Holds { Ok(exists) } else { Err(Refusal::PreconditionFailed) }
}

/// Runs what waits for the disk, with what the request is about.
async fn in_thread<T: Send + 'static>(
    mount: &Arc<Mount>,
    path: &MediaPath,
    request: &Request<()>,
    work: impl FnOnce(&Mount, &MediaPath, &Request<()>) -> T + Send + 'static,
) -> T {
    let (mount, path, request) = (Arc::clone(mount), path.clone(), request.clone());
    blocking(move || work(&mount, &path, &request)).await
}
