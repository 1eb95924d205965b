//! DeleteObject and DeleteObjects.

use hyper::header::HeaderMap;
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::error::{Code, S3Error};
use super::key::Key;
use super::parameters::Parameters;
use super::read::check_version;
use super::target::Target;
use super::xml;
use crate::body::Body;
use crate::storage::blocking;

/// The most keys of one request (DeleteObjects in the S3 API reference).
const MAX_KEYS: usize = 1000;

/// Removes an object: 204, also if there is none.
pub async fn one(target: &Target, headers: &HeaderMap, query: &Parameters) -> Result<Response<Body>, S3Error> {
    check_version(query)?;
    let (target, headers) = (target.clone(), headers.clone());
    blocking(move || target.remove(&headers)).await?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

#[derive(Deserialize)]
struct Delete {
    #[serde(rename = "Object", default)]
    objects: Vec<Wanted>,
    #[serde(rename = "Quiet", default)]
    quiet: bool,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "VersionId")]
    version: Option<String>,
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteResult {
    #[serde(rename = "@xmlns")]
    namespace: &'static str,
    deleted: Vec<DeletedKey>,
    error: Vec<Failed>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeletedKey {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    key: String,
    code: &'static str,
    message: String,
}

/// Removes several objects. `at` makes the target of a key.
pub async fn several(body: Vec<u8>, at: impl Fn(Key) -> Target + Send + 'static) -> Result<Response<Body>, S3Error> {
    let wanted: Delete = xml::parse(&body)?;
    if wanted.objects.is_empty() || wanted.objects.len() > MAX_KEYS {
        let message = format!("A request deletes 1 to {MAX_KEYS} objects.");
        return Err(S3Error::new(Code::MalformedXML, message));
    }
    let quiet = wanted.quiet;
    let result = blocking(move || {
        let mut result = DeleteResult { namespace: xml::NAMESPACE, deleted: Vec::new(), error: Vec::new() };
        for wanted in wanted.objects {
            match delete(&wanted, &at) {
                Ok(()) => result.deleted.push(DeletedKey { key: xml::text(&wanted.key), version_id: wanted.version }),
                Err(error) => {
                    let (code, message) = (error.code.as_str(), error.message.into_owned());
                    result.error.push(Failed { key: xml::text(&wanted.key), code, message });
                }
            }
        }
        result
    });
    let mut result = result.await;
    if quiet {
        result.deleted.clear();
    }
    Ok(xml::answer(StatusCode::OK, &result))
}

fn delete(wanted: &Wanted, at: &impl Fn(Key) -> Target) -> Result<(), S3Error> {
    if wanted.version.as_ref().is_some_and(|version| !matches!(version.as_str(), "" | "null")) {
        return Err(S3Error::new(Code::NoSuchVersion, "There are no versions here, only \"null\"."));
    }
    // no object has a key that cannot be one
    let Ok(key) = Key::new(wanted.key.clone().into_bytes()) else { return Ok(()) };
    let mut conditions = HeaderMap::new();
    if let Some(etag) = wanted.etag.as_ref().and_then(|etag| etag.parse().ok()) {
        conditions.insert("if-match", etag);
    }
    at(key).remove(&conditions)
}
