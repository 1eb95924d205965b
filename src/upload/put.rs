//! PUT and DELETE of a single file at its own path.

use std::sync::Arc;

use hyper::header;
use hyper::{Method, Request, Response};

use super::chunk::{self, Chunk};
use super::error::{UploadError, cannot_write};
use super::file_writer::FileWriter;
use super::rules::{self, Upload};
use super::staged::StagedFile;
use super::stored::{self, Stored};
use crate::answer::conditional::{self, Precondition};
use crate::answer::decide::Undecided;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::root::reach::Reach;
use crate::storage::root::{Found, OpenError};
use crate::system;

/// Stores the body under exactly this path: 201 for a new file, 204 if a file was replaced.
pub async fn put(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    let (path, headers) = (upload.path, upload.request.headers());
    // RFC 9110 section 14.5: a part must not be stored as the whole file
    let query = Chunk::of_query(Query::new(upload.request.uri().query()));
    if let Some(field) = chunk::part_field(headers).or_else(|| query.is_part().map(str::to_owned)) {
        return Err(UploadError::Chunk { field }.into());
    }
    rules::check_content_encoding(headers)?;
    rules::check_length(path)?;
    if path.has_slash() {
        return Err(UploadError::IsFolder.into());
    }
    body.limit(upload.uploads.max)?;
    let passed = upload.passed.clone();
    let staged = in_thread(upload, move |site, path, request| {
        // checked again at the end; checking it here saves the client from sending the body
        check(site, path, request)?;
        let staged = StagedFile::create(site.root.folder()?, &path.parent())?;
        staged.place(site, &passed, path.file_name())?;
        Ok::<_, Refusal>(staged)
    });
    let staged = staged.await?;
    let mut writer = FileWriter::new(staged.file());
    while let Some(bytes) = body.next().await? {
        writer.push(bytes).await?;
    }
    writer.flush().await?;

    let new = in_thread(upload, |site, path, request| publish(site, path, request, staged)).await?;
    Ok(match new {
        Some(file) => stored::created(&[file]),
        None => stored::done(),
    })
}

/// Removes a file.
pub async fn delete(upload: Upload<'_>) -> Result<Response<Body>, Refusal> {
    let passed = upload.passed.clone();
    in_thread(upload, move |site, path, request| {
        let changing = site.root.folder()?.changing();
        if !check(site, path, request)? || path.has_slash() {
            return Err(Refusal::not_found(path));
        }
        let refuse = |error| Refusal::cannot_open(error, path);
        // opened like any path, so that no link can lead out of the root
        let Reach::Folder(folder, missing) = site.root.folder()?.reach(&path.parent()).map_err(refuse)? else {
            return Err(Refusal::not_found(path));
        };
        if !missing.is_empty() {
            return Err(Refusal::not_found(path));
        }
        site.allows_changing(&passed, &folder, [path.file_name()])?;
        folder.remove_file(&*system::name(path.file_name())).map_err(cannot_write)?;
        drop(changing);
        Ok(stored::done())
    })
    .await
}

/// Publishes a complete file. Returns `None` if it replaced another. No other request of this process can change the
/// file between the check of the request's precondition and the publication.
fn publish(
    site: &Site,
    path: &MediaPath,
    request: &Request<()>,
    staged: StagedFile,
) -> Result<Option<Stored>, Refusal> {
    let changing = site.root.folder()?.changing();
    let name = path.file_name();
    staged.check_folder(site.root.folder()?)?;
    if check(site, path, request)? {
        staged.replace(site.root.folder()?, name)?;
        return Ok(None);
    }
    if let Err(staged) = staged.publish_new(site.root.folder()?, name)? {
        // the name exists but leads nowhere: a dangling link, or another program was faster
        if requires_new_file(request) {
            return Err(UploadError::Exists.into());
        }
        staged.replace(site.root.folder()?, name)?;
    }
    drop(changing);
    Ok(Some(Stored::describe(site, path)))
}

fn requires_new_file(request: &Request<()>) -> bool {
    request.headers().contains_key(header::IF_NONE_MATCH)
}

/// True if the path names an existing file that may be changed. Checks the request's precondition (RFC 9110 section
/// 13.2). A missing file cannot be removed, whatever the precondition.
fn check(site: &Site, path: &MediaPath, request: &Request<()>) -> Result<bool, Refusal> {
    let missing = || match *request.method() {
        Method::PUT => (conditional::evaluate_missing(request.headers()), false),
        _ => (Precondition::Holds, false),
    };
    let (condition, exists) = match site.root.folder()?.open(path) {
        Ok(Found::Directory(_)) => return Err(UploadError::IsFolder.into()),
        Ok(Found::File(_, entity)) => (conditional::evaluate(request.method(), request.headers(), &entity), true),
        Err(OpenError::RootGone) => missing(),
        // inside a folder that an absolute link leads to
        Err(OpenError::LeavesRoot) if site.root.folder()?.is_free(path) => missing(),
        Err(error) if error.is_missing() => missing(),
        Err(error) => return Err(Refusal::cannot_open(error, path)),
    };
    match condition {
        Precondition::Holds => Ok(exists),
        _ if request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value == "*") && exists => {
            Err(UploadError::Exists.into())
        }
        _ => Err(Undecided::PreconditionFailed.into()),
    }
}

/// Runs blocking work with the details of the request.
async fn in_thread<T: Send + 'static>(
    upload: Upload<'_>,
    work: impl FnOnce(&Site, &MediaPath, &Request<()>) -> T + Send + 'static,
) -> T {
    let (site, path, request) = (Arc::clone(upload.site), upload.path.clone(), upload.request.clone());
    blocking(move || work(&site, &path, &request)).await
}
