//! POST Object: a browser sends a form with a signed policy ("Browser-Based Uploads Using POST" in the S3 API reference).

use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use super::bucket::{Bucket, Caller};
use super::error::{Code, S3Error};
use super::key::Key;
use super::metadata;
use super::object::Known;
use super::payload::Receiver;
use super::put::stored;
use super::record::Record;
use super::target::Target;
use super::xml;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::refusal::Refusal;
use crate::signature::{self, BodyVerifier, Payload, verify_form};
use crate::storage::blocking;
use crate::upload::disposition::parameter;
use crate::upload::form::boundary;
use crate::upload::multipart::{Form, FormError, Head};

/// The most bytes of all fields before the file ("POST Object": 20 KB).
const MAX_FIELDS: usize = 20 * 1024;

/// The variable in a key that stands for the name of the file.
const FILENAME: &str = "${filename}";

/// Fields that are headers of a PUT.
const HEADERS: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];

#[derive(Serialize)]
#[serde(rename = "PostResponse", rename_all = "PascalCase")]
struct Posted {
    location: String,
    bucket: String,
    key: String,
    #[serde(rename = "ETag")]
    etag: String,
}

impl From<FormError> for S3Error {
    fn from(error: FormError) -> Self {
        Refusal::from(error).into()
    }
}

/// The fields of a form before its file, in their order.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Puts the name of the file into the key.
    fn replace_filename(&mut self, filename: &str) {
        for (_, value) in self.0.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("key")) {
            *value = value.replace(FILENAME, filename);
        }
    }

    /// The headers of a PUT that would store the same object.
    fn headers(&self) -> Result<HeaderMap, S3Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.0 {
            let name = name.to_ascii_lowercase();
            let is_header = HEADERS.contains(&name.as_str())
                || ["x-amz-meta-", "x-amz-checksum-", "x-amz-server-side-", "x-amz-website-"]
                    .iter()
                    .any(|start| name.starts_with(start));
            if !is_header {
                continue;
            }
            let malformed = || {
                let message = format!("The value of the field {name} cannot be the value of a header.");
                S3Error::new(Code::InvalidArgument, message).with("ArgumentName", &name)
            };
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| malformed())?;
            headers.append(HeaderName::try_from(&name).map_err(|_| malformed())?, value);
        }
        Ok(headers)
    }
}

/// Stores the file of a form. `origin` is the start of the object's URL.
pub async fn post(
    bucket: Arc<Bucket>,
    known: Arc<Known>,
    keys: &[signature::Key],
    headers: &HeaderMap,
    origin: &str,
    body: &mut RequestBody,
) -> Result<(Response<Body>, String), S3Error> {
    let boundary = boundary(headers).map_err(Refusal::from)?;
    let mut form = Form::new(body, &boundary);
    let (mut fields, mut len) = (Fields::default(), 0);
    let filename = loop {
        let Some(head) = form.next_part().await? else {
            let message = "POST requires exactly one file upload per request: the form has no field named file. It must be the last one.";
            return Err(S3Error::new(Code::InvalidArgument, message).with("ArgumentName", "file"));
        };
        let name = of_disposition(&head, "name").unwrap_or_default();
        if name.eq_ignore_ascii_case("file") {
            break of_disposition(&head, "filename").unwrap_or_default();
        }
        // a field without a name and a value takes memory, too
        len += name.len() + 1;
        check_fields(len)?;
        let mut value = Vec::new();
        while let Some(bytes) = form.chunk().await? {
            len += bytes.len();
            check_fields(len)?;
            value.extend_from_slice(&bytes);
        }
        fields.0.push((name, String::from_utf8_lossy(&value).into_owned()));
    };
    // some browsers send a whole path
    fields.replace_filename(filename.rsplit(['/', '\\']).next().unwrap_or_default());

    let policy = verify_form(&fields.0, &bucket.name, keys, Timestamp::now())?.ok_or_else(|| {
        let message = "The form has no policy and no signature. Create it with your client's presigned POST.";
        S3Error::new(Code::AccessDenied, message)
    })?;
    let key = fields.get("key").filter(|key| !key.is_empty()).ok_or_else(|| {
        let message =
            "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.";
        S3Error::new(Code::InvalidArgument, message).with("ArgumentName", "key")
    })?;
    let key = Key::new(key.as_bytes().to_vec()).map_err(|error| error.refuse(key))?;
    let target = Target { bucket, known, key, caller: Caller::Owner };
    let headers = fields.headers()?;
    metadata::check_supported(&headers)?;
    let mut record = metadata::record_of(&headers)?;
    let verifier = BodyVerifier::new(&headers, &Payload::Unsigned, None)?;

    let record = if target.key.is_folder() {
        if form.chunk().await?.is_some() {
            let message =
                "A key that ends in '/' is a folder here, so the file must be empty. Did you mean ${filename}?";
            return Err(S3Error::new(Code::InvalidArgument, message));
        }
        policy.check_length(0)?;
        let target = target.clone();
        blocking(move || target.publish_folder(record, &HeaderMap::new())).await?
    } else {
        let staging = target.clone();
        let staged = blocking(move || staging.stage(&HeaderMap::new())).await?;
        let limit = target.bucket.max_put();
        let mut receiver = Receiver::new(verifier, staged.file(), limit)?;
        let mut len = 0;
        while let Some(bytes) = form.chunk().await? {
            len += bytes.len() as u64;
            if policy.max_length().is_some_and(|max| len > max) {
                policy.check_length(len)?;
            }
            receiver.push(bytes).await?;
        }
        policy.check_length(len)?;
        // fields after the file are ignored, but a form that was cut must not be stored
        while form.next_part().await?.is_some() {}
        let received = receiver.finish().await?;
        (record.etag, record.checksum) = (received.etag, received.checksum);
        let target = target.clone();
        blocking(move || target.publish(staged, record, &HeaderMap::new())).await?
    };
    Ok((answer(&target, &fields, origin, &record), policy.key_id))
}

fn check_fields(len: usize) -> Result<(), S3Error> {
    if len <= MAX_FIELDS {
        return Ok(());
    }
    let message = "The fields before the file are longer than 20 KB. Is the file the last field, and is it named file?";
    Err(S3Error::new(Code::MalformedPOSTRequest, message))
}

fn of_disposition(head: &Head, name: &str) -> Option<String> {
    head.get("content-disposition").and_then(|field| parameter(field, name))
}

fn answer(target: &Target, fields: &Fields, origin: &str, record: &Record) -> Response<Body> {
    let (bucket, key) = (&target.bucket.name, target.key.as_str());
    let location = format!("{origin}/{}", target.key.path().map(|path| path.to_url()).unwrap_or_default());
    let etag = format!("\"{}\"", record.etag);
    let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
    let redirect = redirect.and_then(|url| Url::parse(url).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    if let Some(mut url) = redirect {
        url.query_pairs_mut().append_pair("bucket", bucket).append_pair("key", key).append_pair("etag", &etag);
        let mut response = stored(record);
        *response.status_mut() = StatusCode::SEE_OTHER;
        let url = HeaderValue::try_from(String::from(url)).expect("a URL is ASCII");
        response.headers_mut().insert(header::LOCATION, url);
        return response;
    }
    let status = match fields.get("success_action_status") {
        Some("200") => StatusCode::OK,
        Some("201") => StatusCode::CREATED,
        _ => StatusCode::NO_CONTENT,
    };
    let mut response = stored(record);
    if status == StatusCode::CREATED {
        let posted = Posted { location: location.clone(), bucket: bucket.clone(), key: xml::text(key), etag };
        let fields = std::mem::take(response.headers_mut());
        response = xml::answer(status, &posted);
        response.headers_mut().extend(fields);
    }
    *response.status_mut() = status;
    response.headers_mut().extend(HeaderValue::try_from(location).ok().map(|url| (header::LOCATION, url)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_name_of_the_file_is_put_into_the_key_only() {
        let mut form = fields(&[("Key", "up/${filename}"), ("x-amz-meta-a", "${filename}")]);
        form.replace_filename("a b.jpg");
        assert_eq!((form.get("key"), form.get("x-amz-meta-a")), (Some("up/a b.jpg"), Some("${filename}")));
    }

    #[test]
    fn fields_are_the_headers_of_a_put() {
        let form = fields(&[
            ("key", "k"),
            ("Content-Type", "image/png"),
            ("x-amz-meta-A", "1"),
            ("policy", "p"),
            ("x-amz-date", "d"),
            ("host", "h"),
        ]);
        let headers = form.headers().expect("headers");
        assert_eq!(headers.len(), 2);
        assert_eq!(
            (&headers["content-type"], &headers["x-amz-meta-a"]),
            (&HeaderValue::from_static("image/png"), &HeaderValue::from_static("1"))
        );
        assert!(fields(&[("content-type", "a\nb")]).headers().is_err());
    }
}
