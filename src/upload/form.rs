//! POST of `multipart/form-data` (RFC 7578) to a folder, as sent by HTML forms, `curl -F` and HTTP libraries.
//!
//! Either all files of a form are stored or none: they are published when the whole body has arrived.

use std::sync::Arc;

use hyper::Response;
use hyper::header::{self, HeaderMap};
use jiff::Zoned;

use super::bucket;
use super::chunk::{self, Chunk};
use super::disposition;
use super::error::UploadError;
use super::folder::UploadTo;
use super::multipart::{Boundary, Form, Head};
use super::names;
use super::rules::{self, Upload};
use super::sink::Sink;
use super::staged::Published;
use super::stored::{self, Stored};
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::site::{Site, SiteError};
use crate::storage::blocking;

/// The most parts of a form. Django's limits on fields and on files are the same.
const MAX_PARTS: usize = 1000;
const MAX_FILES: usize = 100;

/// The most bytes of an ordinary field's value that are read.
const MAX_VALUE: usize = 4 * 1024;

/// A completely received file, and its destination.
type Received = (MediaPath, Sink);

/// Stores the files of a form. Answers 201 with their names, or 303 back to the folder for a form of a browser.
pub async fn post(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    let Upload { site, uploads, path: folder, request, .. } = upload;
    let headers = request.headers();
    let query = Query::new(request.uri().query());
    let fields = Fields { chunk: Chunk::of_query(query), ..Fields::default() };
    fields.check()?;
    if let Some(field) = chunk::part_field(headers) {
        return Err(UploadError::Chunk { field }.into());
    }
    let boundary = boundary(headers)?;
    rules::check_content_encoding(headers)?;
    body.limit(uploads.max)?;
    let files = read(upload, fields, &boundary, body).await?;
    // the epilogue means nothing, but a persistent connection must be read past it
    while body.next().await?.is_some() {}
    if files.is_empty() {
        return Err(UploadError::NoFile.into());
    }
    let stored = if let Some(bucket) = site.root.bucket() {
        let objects = files.into_iter().filter_map(|(path, sink)| match sink {
            Sink::Bucket(writer) => Some((path, *writer)),
            Sink::Folder(..) => None,
        });
        bucket::publish(site, bucket, objects.collect()).await?
    } else {
        let owner = Arc::clone(site);
        blocking(move || publish(&owner, files)).await?
    };
    Ok(match Format::negotiate(headers, query, Format::Json) {
        Format::Html => stored::back_to(site, folder),
        Format::Json | Format::Text => stored::created(&stored),
    })
}

/// The boundary between the parts (RFC 2046 section 5.1.1).
pub fn boundary(headers: &HeaderMap) -> Result<Boundary, UploadError> {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes());
    let essence = content_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    if !essence.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(UploadError::UnsupportedMediaType { wanted: "multipart/form-data" });
    }
    let boundary = disposition::parameter(content_type, "boundary");
    let boundary = boundary.ok_or(UploadError::BadForm { why: "its Content-Type has no boundary" })?;
    Boundary::new(&boundary).ok_or(UploadError::BadForm { why: "the boundary in its Content-Type is not valid" })
}

/// Receives the files of a form. A part without a file name is an ordinary field.
async fn read(
    upload: Upload<'_>,
    mut fields: Fields,
    boundary: &Boundary,
    body: &mut RequestBody,
) -> Result<Vec<Received>, Refusal> {
    let Upload { site, uploads, path: folder, .. } = upload;
    let mut form = Form::new(body, boundary);
    let mut files = Vec::new();
    let mut parts = 0;
    while let Some(head) = form.next_part().await? {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(UploadError::BadForm { why: "it has more than 1000 parts" }.into());
        }
        let Some(name) = file_name(&head)? else {
            let name = head.get("content-disposition").and_then(|field| disposition::parameter(field, "name"));
            let mut value = Vec::new();
            while let Some(bytes) = form.chunk().await? {
                value.extend_from_slice(&bytes[..bytes.len().min(MAX_VALUE - value.len())]);
            }
            fields.note(&name.unwrap_or_default(), &String::from_utf8_lossy(&value));
            continue;
        };
        if files.len() == MAX_FILES {
            return Err(UploadError::BadForm { why: "it has more than 100 files" }.into());
        }
        fields.check()?;
        let path = place(site, &uploads.to, folder, &name)?;
        let (path, mut sink) = Sink::open(upload, path).await?;
        while let Some(bytes) = form.chunk().await? {
            sink.push(bytes, site.root.bucket()).await?;
        }
        sink.finish(site.root.bucket()).await?;
        files.push((path, sink));
    }
    // fields may also follow the files
    fields.check()?;
    Ok(files)
}

/// What the ordinary fields of a form say about its files.
#[derive(Debug, Default)]
struct Fields {
    chunk: Chunk,
    has_key: bool,
    has_policy: bool,
}

impl Fields {
    fn note(&mut self, name: &str, value: &str) {
        self.chunk.note(name, value);
        self.has_key |= name.eq_ignore_ascii_case("key");
        self.has_policy |= name.eq_ignore_ascii_case("policy");
    }

    /// Rejects a form whose files are not complete files, or need more than devmedia implements.
    fn check(&self) -> Result<(), UploadError> {
        if let Some(field) = self.chunk.is_part() {
            return Err(UploadError::Chunk { field: field.to_owned() });
        }
        // the field `key` contains the name, and the policy would have to be checked
        if self.has_key && self.has_policy {
            return Err(UploadError::NotImplemented { what: "a presigned POST (a form with a policy)".to_owned() });
        }
        Ok(())
    }
}

/// The name of a part's file, without the folders on the client's machine.
fn file_name(head: &Head) -> Result<Option<String>, UploadError> {
    // RFC 7578 section 4.7: nobody sends it any more, and decoding it wrongly would store a different file
    if head.get("content-transfer-encoding").is_some_and(|value| {
        !["binary", "8bit", "7bit"].iter().any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()))
    }) {
        return Err(UploadError::BadForm { why: "a part has a Content-Transfer-Encoding" });
    }
    let Some(field) = head.get("content-disposition") else { return Ok(None) };
    let raw = disposition::parameter(field, "filename");
    if raw.is_none() && disposition::has_unknown_charset(field, "filename") {
        return Err(UploadError::BadForm { why: "the name of a file in it is in an unknown charset" });
    }
    Ok(raw.and_then(|raw| names::part_name(&raw)))
}

/// The destination of a file: in the folder of the URL, or by `--upload-to` if that is the top.
pub fn place(site: &Site, to: &UploadTo, folder: &MediaPath, name: &str) -> Result<MediaPath, Refusal> {
    let name = names::uploaded_name(&names::with_stem(name))?;
    let relative = if folder.is_top() { to.generated(&name, &Zoned::now())? } else { names::generated("", &name)? };
    let path = relative.split('/').fold(folder.clone(), |path, segment| path.join(segment.as_bytes()));
    rules::check_length(&path)?;
    match site.check_visible(&path) {
        Ok(()) => Ok(path),
        Err(error @ SiteError::Name(_)) => Err(error.into()),
        Err(SiteError::Hidden | SiteError::Own) => Err(UploadError::WouldBeHidden { path }.into()),
    }
}

/// Publishes all files. If one fails, those already published are removed again.
fn publish(site: &Site, files: Vec<Received>) -> Result<Vec<Stored>, Refusal> {
    // no other request can replace or remove a file before all are published
    let _changing = site.root.folder()?.changing();
    let mut published: Vec<Published> = Vec::new();
    for (path, sink) in files {
        let Sink::Folder(staged, _) = sink else { continue };
        match staged.publish(site.root.folder()?, &String::from_utf8_lossy(path.file_name())) {
            Ok(file) => published.push(file),
            Err(refusal) => {
                published.into_iter().rev().for_each(Published::withdraw);
                return Err(refusal);
            }
        }
    }
    let stored = published.iter().map(|file| Stored::describe(site, &file.path)).collect();
    published.into_iter().for_each(Published::stay);
    Ok(stored)
}
