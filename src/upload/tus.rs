//! The tus protocol, version 1.0 (<https://tus.io/protocols/resumable-upload>), with creation, termination and expiration:
//! a client that lost its connection asks how far it came, and goes on from there.
//!
//! An upload is created by POST to a folder, as a form is; its URL is `/media/.devmedia-partial/ID`, a name that no
//! served file can have. When its last byte has come the file gets its name by Django's rules, and the answer says where
//! it is in `Content-Location`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::file_writer::FileWriter;
use super::partial::{Info, Partial, PartialId};
use super::{Upload, UploadError, Uploads, form, stored};
use crate::body::Body;
use crate::body::incoming::{BodyError, RequestBody};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::root::reach::Reach;

/// The version spoken here.
pub const VERSION: &str = "1.0.0";

/// The extensions spoken here.
pub const EXTENSIONS: &str = "creation,expiration,termination";

/// The protocol's fields.
pub const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The methods of an upload by its own URL (POST with `X-HTTP-Method-Override`).
pub const METHODS: &str = "HEAD, PATCH, DELETE, POST, OPTIONS";

/// The name of an upload whose client did not say one.
const NAMELESS: &str = "upload";

/// Why a message of the protocol cannot be followed. The statuses are the protocol's where it names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TusError {
    /// Another version, or none.
    Version,
    /// `Upload-Length` or `Upload-Offset` is missing or no number.
    Number(&'static str),
    /// `Upload-Metadata` is garbled.
    Metadata,
    /// The body of a PATCH is of another type.
    ContentType,
    /// The upload is at another offset.
    Offset(u64),
    /// More bytes than `Upload-Length` announced.
    TooMuch,
    /// Another request is adding to it.
    Locked,
    /// No such upload, or not any more.
    Gone,
}

impl From<TusError> for Refusal {
    fn from(error: TusError) -> Self {
        use StatusCode as Status;
        let (status, code, what, advice) = match error {
            TusError::Version => (
                Status::PRECONDITION_FAILED,
                "tus-version",
                format!("Only version {VERSION} of the tus protocol is supported."),
                "Send Tus-Resumable: 1.0.0; a tus client does.",
            ),
            TusError::Number(field) => (
                Status::BAD_REQUEST,
                "tus-number",
                format!("{field} is missing or not a number."),
                "Send it as a decimal number; the whole length must be known at the start.",
            ),
            TusError::Metadata => (
                Status::BAD_REQUEST,
                "tus-metadata",
                "Upload-Metadata cannot be read.".to_owned(),
                "Send pairs of a key and its value in base64, with commas between the pairs.",
            ),
            TusError::ContentType => (
                Status::UNSUPPORTED_MEDIA_TYPE,
                "tus-content-type",
                "The bytes of an upload must have the content type of the tus protocol.".to_owned(),
                "Send Content-Type: application/offset+octet-stream.",
            ),
            TusError::Offset(offset) => (
                Status::CONFLICT,
                "tus-offset",
                format!("The upload is at another offset: {offset} bytes have arrived."),
                "Request the offset with HEAD, and continue from there.",
            ),
            TusError::TooMuch => (
                Status::PAYLOAD_TOO_LARGE,
                "tus-too-much",
                "More bytes arrived than Upload-Length announced.".to_owned(),
                "Send only the missing bytes; the length of an upload cannot change.",
            ),
            TusError::Locked => (
                Status::LOCKED,
                "tus-locked",
                "Another request is adding to this upload.".to_owned(),
                "Wait until the other request has ended, then request the offset with HEAD.",
            ),
            TusError::Gone => (
                Status::NOT_FOUND,
                "tus-gone",
                "There is no such upload, or it has expired.".to_owned(),
                "Start again with POST to the folder; uploads can be resumed for 24 hours.",
            ),
        };
        let refusal = Self::new(status, code, what, advice);
        match error {
            TusError::Version => {
                refusal.with_field(HeaderName::from_static("tus-version"), HeaderValue::from_static(VERSION))
            }
            _ => refusal,
        }
    }
}

/// Adds `Tus-Resumable` to the answer to any request of this protocol, and to the description of it.
pub fn add_version(request: &HeaderMap, answer: &mut HeaderMap) {
    if is_spoken(request) || answer.contains_key("tus-version") {
        answer.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    }
}

/// Whether a request is of this protocol.
pub fn is_spoken(headers: &HeaderMap) -> bool {
    headers.contains_key(RESUMABLE)
}

/// What OPTIONS says of the protocol.
pub fn describe(uploads: &Uploads, headers: &mut HeaderMap) {
    headers.insert("tus-version", HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-max-size", uploads.max.into());
}

/// Begins an upload to a folder (the extension "creation").
pub async fn create(upload: Upload<'_>) -> Result<Response<Body>, Refusal> {
    let Upload { site, uploads, path: folder, request, passed } = upload;
    let headers = request.headers();
    check_version(headers)?;
    let length = number(headers, &UPLOAD_LENGTH, "Upload-Length")?;
    if length > uploads.max {
        return Err(BodyError::TooLarge(uploads.max).into());
    }
    let metadata = headers.get(UPLOAD_METADATA).map_or(Ok(""), HeaderValue::to_str).map_err(|_| TusError::Metadata)?;
    let name = file_name(metadata)?.unwrap_or_else(|| NAMELESS.to_owned());
    let path = form::place(site, &uploads.to, folder, &name)?;
    let mut info =
        Info { length, metadata: metadata.to_owned(), path: path.to_url(), place: String::new(), complete: false };
    let (owner, posted_to, passed) = (Arc::clone(site), folder.clone(), passed.clone());
    let partial = blocking(move || {
        owner.allows_storing_at(&posted_to, &path)?;
        // it would be sad to learn this after the last byte
        let parent = path.parent();
        let reached = owner.root.reach(&parent).map_err(|error| Refusal::cannot_open(error, &parent))?;
        let (reached, missing) = match reached {
            Reach::Folder(reached, missing) => (reached, missing),
            Reach::InTheWay(path) => return Err(Refusal::from(UploadError::InTheWay { path })),
        };
        let below = missing.iter().map(Vec::as_slice).chain([path.file_name()]);
        info.place = owner.allows_changing(&passed, &reached, below)?.to_url();
        let mut partial = Partial::create(&owner.root, &info)?;
        if length == 0 {
            partial.publish(&owner)?;
        }
        Ok(partial)
    });
    let partial = partial.await?;
    let mut response = progress(site, &partial);
    *response.status_mut() = StatusCode::CREATED;
    let url = site.prefix.url_of(&partial.id.path());
    response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(url).expect("percent-encoded"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(response)
}

/// Whatever is asked of an upload by its URL.
pub async fn resume(
    site: &Arc<Site>,
    id: PartialId,
    request: &Request<()>,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    let headers = request.headers();
    check_version(headers)?;
    // for clients behind something that lets only GET and POST pass; no method is less guarded than POST
    let meant = headers.get(METHOD_OVERRIDE).filter(|_| *request.method() == Method::POST);
    let method = meant.map_or(request.method().as_str().as_bytes(), HeaderValue::as_bytes);
    let owner = Arc::clone(site);
    let partial = blocking(move || Partial::open(&owner.root, id)).await?;
    match method {
        b"HEAD" => {
            let mut response = progress(site, &partial);
            let fields = response.headers_mut();
            fields.insert(UPLOAD_LENGTH, partial.info.length.into());
            if let Ok(metadata) = HeaderValue::try_from(&partial.info.metadata) {
                fields.insert(UPLOAD_METADATA, metadata);
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

/// Adds to an upload; the last byte makes it a file.
async fn patch(
    site: &Arc<Site>,
    mut partial: Partial,
    headers: &HeaderMap,
    body: &mut RequestBody,
) -> Result<Response<Body>, Refusal> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != "application/offset+octet-stream") {
        return Err(TusError::ContentType.into());
    }
    let offset = number(headers, &UPLOAD_OFFSET, "Upload-Offset")?;
    if !partial.info.complete {
        partial.lock()?;
        partial.offset = partial.file().metadata().map_err(|error| Refusal::failed(&error))?.len();
    }
    if offset != partial.offset {
        return Err(TusError::Offset(partial.offset).into());
    }
    body.limit(partial.info.length.saturating_sub(offset)).map_err(|_| TusError::TooMuch)?;

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
    // whatever ended it, what has come is kept: that is what the protocol is for
    writer.flush().await?;
    received?;
    if partial.offset < partial.info.length || partial.info.complete {
        return Ok(progress(site, &partial));
    }
    let owner = Arc::clone(site);
    let partial = blocking(move || partial.publish(&owner).map(|_| partial)).await?;
    Ok(progress(site, &partial))
}

/// 204: how far an upload has come, how long it can be resumed, and where the file is when it is complete.
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

fn number(headers: &HeaderMap, name: &HeaderName, spelled: &'static str) -> Result<u64, TusError> {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = text.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(TusError::Number(spelled))
}

/// `filename` among `key base64, key base64` (or `name`, as some clients call it).
fn file_name(metadata: &str) -> Result<Option<String>, TusError> {
    let mut found = None;
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = BASE64.decode(value.trim()).map_err(|_| TusError::Metadata)?;
        if key == "filename" || (key == "name" && found.is_none()) {
            found = super::names::part_name(&String::from_utf8_lossy(&value));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_metadata() {
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
