//! The tus protocol, version 1.0 (<https://tus.io/protocols/resumable-upload>), with creation (also with the first
//! bytes), termination, expiration and concatenation. A client that lost its connection asks how many bytes arrived,
//! and continues from there.
//!
//! A POST to a folder creates an upload, like the POST of a form. The URL of the upload is
//! `/media/.devmedia-partial/ID`, a name that no served file can have. When its last byte has arrived, the file gets
//! its name by Django's rules, and `Content-Location` in the answer says where it is.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::error::cannot_write;
use super::file_writer::FileWriter;
use super::partial::{Info, PART, Partial, PartialId};
use super::rules::{Upload, Uploads};
use super::staged::StagedFile;
use super::tus_error::{TusError, VERSION};
use super::{form, names, stored, sweep};
use crate::body::Body;
use crate::body::incoming::{BodyError, RequestBody};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::storage::blocking;

/// The supported extensions.
pub const EXTENSIONS: &str = "creation,creation-with-upload,expiration,termination,concatenation";

/// The headers of the protocol.
pub const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The methods for an upload's own URL (POST with `X-HTTP-Method-Override`).
pub const METHODS: &str = "HEAD, PATCH, DELETE, POST, OPTIONS";

/// Adds `Tus-Resumable` to the answer to a tus request or to OPTIONS.
pub fn add_version(request: &HeaderMap, answer: &mut HeaderMap) {
    if is_spoken(request) || answer.contains_key("tus-version") {
        answer.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    }
}

/// True if a request uses this protocol.
pub fn is_spoken(headers: &HeaderMap) -> bool {
    headers.contains_key(RESUMABLE)
}

/// Describes the protocol in the answer to OPTIONS.
pub fn describe(uploads: &Uploads, headers: &mut HeaderMap) {
    headers.insert("tus-version", HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-max-size", uploads.max.into());
}

/// Starts an upload to a folder (the extension "creation"). The body may contain its first bytes
/// ("creation-with-upload").
pub async fn create(upload: Upload<'_>, body: &mut RequestBody) -> Result<Response<Body>, Refusal> {
    let Upload { site, uploads, path: folder, request, passed } = upload;
    let headers = request.headers();
    check_version(headers)?;
    check_extensions(headers)?;
    let concat = headers.get(UPLOAD_CONCAT).map(HeaderValue::to_str).transpose().map_err(|_| TusError::Concat)?;
    let parts = match concat {
        None | Some(PART) => None,
        Some(concat) => Some(parts(concat.strip_prefix("final;").ok_or(TusError::Concat)?)?),
    };
    let length = if parts.is_some() { 0 } else { number(headers, &UPLOAD_LENGTH, "Upload-Length")? };
    if length > uploads.max {
        return Err(BodyError::TooLarge(uploads.max).into());
    }
    let has_bytes = body.is_unread();
    if has_bytes {
        check_content_type(headers)?;
        body.limit(length).map_err(|_| TusError::TooMuch)?;
    }
    let metadata = headers.get(UPLOAD_METADATA).map_or(Ok(""), HeaderValue::to_str).map_err(|_| TusError::Metadata)?;
    let name = file_name(metadata)?.unwrap_or_else(|| names::STEM.to_owned());
    let path = form::place(site, &uploads.to, folder, &name)?;
    let mut info = Info {
        length,
        metadata: metadata.to_owned(),
        path: path.to_url(),
        place: String::new(),
        complete: false,
        concat: concat.map(str::to_owned),
    };
    sweep::expired_now_and_then(site);
    let (owner, posted_to, passed, max) = (Arc::clone(site), folder.clone(), passed.clone(), uploads.max);
    let partial = blocking(move || {
        owner.allows_storing_at(&posted_to, &path)?;
        if !info.is_part() {
            // a client must learn before the first byte that nothing can be stored there
            let staged = StagedFile::create(owner.root.folder()?, &path.parent())?;
            info.place = staged.place(&owner, &passed, path.file_name())?.to_url();
        }
        if let Some(parts) = parts {
            return concatenated(&owner, info, parts, max);
        }
        let mut partial = Partial::create(owner.root.folder()?, &info)?;
        if length == 0 && !info.is_part() {
            partial.publish(&owner)?;
        }
        Ok(partial)
    });
    let mut partial = partial.await?;
    if has_bytes {
        partial.lock()?;
        if let Err(refusal) = receive(&mut partial, body).await {
            // the client does not know its URL
            blocking(move || partial.remove()).await;
            return Err(refusal);
        }
        partial = completed(site, partial).await?;
    }
    let mut response = progress(site, &partial);
    *response.status_mut() = StatusCode::CREATED;
    let url = site.prefix.url_of(&partial.id.path());
    response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(url).expect("percent-encoded"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(response)
}

/// The uploads in a list of URLs.
fn parts(urls: &str) -> Result<Vec<PartialId>, TusError> {
    let ids: Option<Vec<_>> = urls.split_ascii_whitespace().map(PartialId::of_url).collect();
    ids.filter(|ids| !ids.is_empty()).ok_or(TusError::Concat)
}

/// Joins complete parts into one file and removes the parts (the extension "concatenation"). Blocks.
fn concatenated(site: &Site, mut info: Info, ids: Vec<PartialId>, max: u64) -> Result<Partial, Refusal> {
    let mut parts = Vec::new();
    for id in ids {
        let mut part = Partial::open(site.root.folder()?, id)?;
        if !part.info.is_part() || part.offset != part.info.length {
            return Err(TusError::Concat.into());
        }
        part.lock()?;
        info.length += part.info.length;
        parts.push(part);
    }
    if info.length > max {
        return Err(BodyError::TooLarge(max).into());
    }
    let mut whole = Partial::create(site.root.folder()?, &info)?;
    let appended = parts.iter().try_for_each(|part| whole.append(part)).map_err(cannot_write);
    if let Err(refusal) = appended.and_then(|()| whole.publish(site).map(drop)) {
        whole.remove();
        return Err(refusal);
    }
    parts.into_iter().for_each(Partial::remove);
    Ok(whole)
}

/// Handles every request to the URL of an upload.
pub async fn resume(
    site: &Arc<Site>,
    id: PartialId,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let headers = request.headers();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_read && !is_spoken(headers) || *request.method() == Method::GET {
        return read(site, id, request).await;
    }
    check_version(headers)?;
    check_extensions(headers)?;
    // for clients behind proxies that pass only GET and POST; the other methods are guarded no less than POST
    let meant = headers.get(METHOD_OVERRIDE).filter(|_| *request.method() == Method::POST);
    let method = meant.map_or(request.method().as_str().as_bytes(), HeaderValue::as_bytes);
    let owner = Arc::clone(site);
    let partial = blocking(move || Partial::open(owner.root.folder()?, id)).await?;
    match method {
        b"HEAD" => {
            let mut response = progress(site, &partial);
            let fields = response.headers_mut();
            fields.insert(UPLOAD_LENGTH, partial.info.length.into());
            if let Ok(metadata) = HeaderValue::try_from(&partial.info.metadata) {
                fields.insert(UPLOAD_METADATA, metadata);
            }
            if let Some(concat) = partial.info.concat.as_deref().and_then(|concat| concat.try_into().ok()) {
                fields.insert(UPLOAD_CONCAT, concat);
            }
            fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            *response.status_mut() = StatusCode::OK;
            Ok(response)
        }
        b"PATCH" => patch(site, partial, headers, body).await,
        b"DELETE" => {
            blocking(move || partial.remove()).await;
            Ok(stored::done())
        }
        _ => Err(Refusal::method_not_allowed(METHODS, "HEAD, PATCH or DELETE an upload by its URL.")),
    }
}

/// Some clients (Uppy) show only the URL of the upload. Once the upload is complete, this URL redirects to the file.
async fn read(site: &Arc<Site>, id: PartialId, request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let owner = Arc::clone(site);
    let partial = blocking(move || Partial::open(owner.root.folder()?, id)).await;
    match partial {
        Ok(partial) if partial.info.complete => {
            let url = site.prefix.url_of(&partial.path()?);
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::FOUND;
            let headers = response.headers_mut();
            headers.insert(header::LOCATION, HeaderValue::try_from(url).expect("percent-encoded"));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
            Ok(response)
        }
        _ if *request.method() == Method::HEAD => Err(TusError::Version.into()),
        Ok(_) => Err(Refusal::method_not_allowed(
            METHODS,
            "The upload is not complete; when it is, this URL redirects to the file.",
        )),
        Err(refusal) => Err(refusal),
    }
}

/// Appends to an upload. The last byte completes the file.
async fn patch(
    site: &Arc<Site>,
    mut partial: Partial,
    headers: &HeaderMap,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    check_content_type(headers)?;
    let offset = number(headers, &UPLOAD_OFFSET, "Upload-Offset")?;
    if partial.info.complete && partial.info.concat.is_some() {
        return Err(TusError::Final.into());
    }
    if !partial.info.complete {
        partial.lock()?;
        partial.offset = partial.file().metadata().map_err(|error| Refusal::failed(&error))?.len();
    }
    if offset != partial.offset {
        return Err(TusError::Offset(partial.offset).into());
    }
    body.limit(partial.info.length.saturating_sub(offset)).map_err(|_| TusError::TooMuch)?;
    receive(&mut partial, body).await?;
    Ok(progress(site, &completed(site, partial).await?))
}

/// Appends the body. If the request is interrupted, the bytes that arrived are kept, as the protocol requires.
async fn receive(partial: &mut Partial, body: &mut RequestBody) -> Result<(), Refusal> {
    let mut writer = FileWriter::new(partial.file());
    let received = loop {
        match body.next().await {
            Ok(Some(bytes)) => {
                partial.offset += bytes.len() as u64;
                writer.push(bytes).await?;
            }
            Ok(None) => break Ok(()),
            Err(BodyError::TooLarge(_)) => break Err(TusError::TooMuch.into()),
            Err(error) => break Err(Refusal::from(error)),
        }
    };
    writer.flush().await?;
    received
}

/// Publishes an upload that has all its bytes.
async fn completed(site: &Arc<Site>, mut partial: Partial) -> Result<Partial, Refusal> {
    let Info { length, complete, .. } = partial.info;
    if partial.offset < length || complete || partial.info.is_part() {
        return Ok(partial);
    }
    let owner = Arc::clone(site);
    blocking(move || partial.publish(&owner).map(|_| partial)).await
}

/// 204: how many bytes have arrived, when the upload expires, and where the file is when it is complete.
fn progress(site: &Site, partial: &Partial) -> Response<Body> {
    let mut response = stored::done();
    let headers = response.headers_mut();
    headers.insert(UPLOAD_OFFSET, partial.offset.into());
    if partial.info.complete {
        let url = partial.path().map(|path| site.prefix.url_of(&path)).unwrap_or_default();
        headers.insert(header::CONTENT_LOCATION, HeaderValue::try_from(url).expect("percent-encoded"));
    } else {
        let expires = httpdate::fmt_http_date(partial.expires);
        headers.insert(UPLOAD_EXPIRES, HeaderValue::try_from(expires).expect("a date"));
    }
    response
}

fn check_version(headers: &HeaderMap) -> Result<(), TusError> {
    if headers.get(RESUMABLE).is_some_and(|version| version == VERSION) { Ok(()) } else { Err(TusError::Version) }
}

/// Headers of extensions that are not announced must be rejected: otherwise a checksum, for example, would not be
/// verified.
fn check_extensions(headers: &HeaderMap) -> Result<(), TusError> {
    if headers.contains_key(UPLOAD_DEFER_LENGTH) {
        return Err(TusError::Extension("Upload-Defer-Length"));
    }
    if headers.contains_key(UPLOAD_CHECKSUM) {
        return Err(TusError::Extension("Upload-Checksum"));
    }
    Ok(())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), TusError> {
    let is_right = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "application/offset+octet-stream");
    if is_right { Ok(()) } else { Err(TusError::ContentType) }
}

fn number(headers: &HeaderMap, name: &HeaderName, spelled: &'static str) -> Result<u64, TusError> {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = text.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(TusError::Number(spelled))
}

/// Finds `filename` in `key base64, key base64`, or `name`, which some clients use instead.
fn file_name(metadata: &str) -> Result<Option<String>, TusError> {
    let mut found = None;
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = BASE64.decode(value.trim()).map_err(|_| TusError::Metadata)?;
        if key == "filename" || (key == "name" && found.is_none()) {
            found = names::part_name(&String::from_utf8_lossy(&value));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_read_from_metadata() {
        for (metadata, expected) in [
            ("", Ok(None)),
            ("filename YS50eHQ=", Ok(Some("a.txt"))),
            ("filetype aW1hZ2UvcG5n,filename YS50eHQ=", Ok(Some("a.txt"))),
            ("filename YS50eHQ=, is_confidential", Ok(Some("a.txt"))),
            ("name YS50eHQ=", Ok(Some("a.txt"))),
            ("filename L2V0Yy9wYXNzd2Q=", Ok(Some("passwd"))), // /etc/passwd
            ("filename Li4=", Ok(None)),                       // ..
            ("filename ???", Err(TusError::Metadata)),
        ] {
            assert_eq!(file_name(metadata), expected.map(|name| name.map(str::to_owned)), "{metadata}");
        }
    }
}
