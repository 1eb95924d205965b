//! Uploads to a mount whose files are in a bucket: the same names, conditions and answers as in a folder. An object is
//! visible when it is complete.

use hyper::header;
use hyper::{Method, Response, StatusCode};

use super::chunk::{self, Chunk};
use super::error::UploadError;
use super::names;
use super::rules::{self, Upload};
use super::stored::{self, Stored};
use crate::answer::conditional::{self, Precondition};
use crate::answer::decide::Undecided;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::bucket::error::BucketError;
use crate::storage::bucket::write::{Expected, ObjectWriter};
use crate::storage::bucket::{Bucket, Object};
use crate::storage::store::NotAFolder;

/// Stores the body under exactly this key: 201 for a new object, 204 if an object was replaced.
pub(super) async fn put(
    upload: Upload<'_>,
    bucket: &Bucket,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let Upload { site, path, request, .. } = upload;
    let refuse = |error: BucketError| Refusal::of_bucket(bucket, &error, path);
    // RFC 9110 section 14.5: a part must not be stored as the whole file
    let query = Chunk::of_query(Query::new(request.uri().query()));
    if let Some(field) = chunk::part_field(request.headers()).or_else(|| query.is_part().map(str::to_owned)) {
        return Err(UploadError::Chunk { field }.into());
    }
    rules::check_content_encoding(request.headers())?;
    rules::check_length(path)?;
    if path.has_slash() {
        return Err(UploadError::IsFolder.into());
    }
    body.limit(upload.uploads.max)?;
    // checked again at the end; checking it here saves the client from sending the body
    check(upload, bucket).await?;
    let mut writer = bucket.writer(path).map_err(|_| bad_key(path))?;
    while let Some(bytes) = body.next().await? {
        writer.push(bytes).await.map_err(refuse)?;
    }
    writer.stage_parts().await.map_err(refuse)?;

    let changing = bucket.changing().await;
    let existing = check(upload, bucket).await?;
    let is_conditional = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE]
        .iter()
        .any(|name| request.headers().contains_key(name));
    let expected = match &existing {
        _ if !is_conditional => Expected::Anything,
        Some(object) => Expected::This(object),
        None => Expected::Nothing,
    };
    match writer.publish(&expected).await {
        Err(BucketError::Changed) if is_conditional => return Err(Undecided::PreconditionFailed.into()),
        result => result.map_err(refuse)?,
    }
    drop(changing);
    Ok(match existing {
        Some(_) => stored::done(),
        None => stored::created(&[described(site, path, writer.len())]),
    })
}

/// Removes an object.
pub(super) async fn delete(upload: Upload<'_>, bucket: &Bucket) -> Result<Response<Body>, Refusal> {
    let path = upload.path;
    let _changing = bucket.changing().await;
    if path.has_slash() || check(upload, bucket).await?.is_none() {
        return Err(Refusal::not_found(path));
    }
    bucket.delete(path).await.map_err(|error| Refusal::of_bucket(bucket, &error, path))?;
    Ok(stored::done())
}

/// The object at the path. Checks the request's precondition (RFC 9110 section 13.2).
async fn check(upload: Upload<'_>, bucket: &Bucket) -> Result<Option<Object>, Refusal> {
    let (path, request) = (upload.path, upload.request);
    let (condition, existing) = match bucket.object(path).await {
        Ok(object) => (conditional::evaluate(request.method(), request.headers(), &object.entity), Some(object)),
        Err(error) if error.is_missing() => match *request.method() {
            Method::PUT => (conditional::evaluate_missing(request.headers()), None),
            _ => (Precondition::Holds, None),
        },
        Err(error) => return Err(Refusal::of_bucket(bucket, &error, path)),
    };
    match condition {
        Precondition::Holds => Ok(existing),
        _ if request.headers().get(header::IF_NONE_MATCH).is_some_and(|value| value == "*") && existing.is_some() => {
            Err(UploadError::Exists.into())
        }
        _ => Err(Undecided::PreconditionFailed.into()),
    }
}

/// Publishes the files of a form. If one fails, those already published are removed again.
pub(super) async fn publish(
    site: &Site,
    bucket: &Bucket,
    files: Vec<(MediaPath, ObjectWriter)>,
) -> Result<Vec<Stored>, Refusal> {
    let _changing = bucket.changing().await;
    let mut published: Vec<(MediaPath, Stored)> = Vec::new();
    for (path, mut writer) in files {
        match publish_free(bucket, &path, &mut writer).await {
            Ok(path) => {
                let stored = described(site, &path, writer.len());
                published.push((path, stored));
            }
            Err(refusal) => {
                for (path, _) in &published {
                    if let Err(error) = bucket.delete(path).await {
                        tracing::warn!("{path} was stored, though the form failed: {error}");
                    }
                }
                return Err(refusal);
            }
        }
    }
    Ok(published.into_iter().map(|(_, stored)| stored).collect())
}

/// Why an object that arrives cannot be written.
pub(super) fn refusal(bucket: Option<&Bucket>, error: &BucketError) -> Refusal {
    match bucket {
        Some(bucket) => Refusal::of_bucket(bucket, error, &MediaPath::top()),
        None => NotAFolder.into(),
    }
}

/// Starts to write a file of a form, under a name that is free.
pub(super) async fn start(bucket: &Bucket, path: &MediaPath) -> Result<(MediaPath, ObjectWriter), Refusal> {
    let path = free(bucket, path).await?;
    let writer = bucket.writer(&path).map_err(|_| bad_key(&path))?;
    Ok((path, writer))
}

/// The path, or one with an alternative name if an object has this one (Django's `get_available_name`).
async fn free(bucket: &Bucket, wanted: &MediaPath) -> Result<MediaPath, Refusal> {
    let mut path = wanted.clone();
    loop {
        match bucket.object(&path).await {
            Ok(_) => path = alternative(wanted)?,
            Err(error) if error.is_missing() => return Ok(path),
            Err(error) => return Err(Refusal::of_bucket(bucket, &error, &path)),
        }
    }
}

fn alternative(wanted: &MediaPath) -> Result<MediaPath, Refusal> {
    let fits = |name: &str| rules::check_length(&wanted.parent().join(name.as_bytes())).is_ok();
    let name = names::alternative(&String::from_utf8_lossy(wanted.file_name()), fits)?;
    Ok(wanted.parent().join(name.as_bytes()))
}

/// Publishes a file of a form. If another object has got its name in the meantime, a small file gets another name; the parts
/// of a large one are bound to theirs.
async fn publish_free(bucket: &Bucket, path: &MediaPath, writer: &mut ObjectWriter) -> Result<MediaPath, Refusal> {
    let mut path = path.clone();
    loop {
        let is_taken = match bucket.object(&path).await {
            Ok(_) => true,
            Err(error) if error.is_missing() => match writer.publish(&Expected::Nothing).await {
                Ok(()) => return Ok(path),
                Err(BucketError::Changed) => true,
                Err(error) => return Err(Refusal::of_bucket(bucket, &error, &path)),
            },
            Err(error) => return Err(Refusal::of_bucket(bucket, &error, &path)),
        };
        if is_taken && writer.is_named() {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "name-taken",
                format!("Another object was stored as {path} while this one arrived; nothing was stored."),
                "Send it again.",
            ));
        }
        path = alternative(&path)?;
        writer.rename(bucket, &path).map_err(|_| bad_key(&path))?;
    }
}

fn described(site: &Site, path: &MediaPath, size: u64) -> Stored {
    let media_type = site.root.types().by_name(path.file_name());
    Stored {
        name: String::from_utf8_lossy(path.as_bytes()).into_owned(),
        url: site.prefix.url_of(path),
        size,
        r#type: media_type.map_or("application/octet-stream".to_owned(), |found| found.essence().to_owned()),
    }
}

/// Keys are UTF-8 without control characters.
fn bad_key(path: &MediaPath) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "bad-key",
        format!("No object can have the name {path}."),
        "Choose a name in UTF-8 without control characters.",
    )
}

/// The parts of an upload that is resumed later would have to be remembered somewhere.
pub(super) fn no_tus() -> Refusal {
    Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "no-tus",
        "The files of this mount are in a bucket, and resumable uploads (tus) need a folder.",
        "POST a form to the folder, or PUT the bytes to the file's own URL.",
    )
}
