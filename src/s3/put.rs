//! PutObject.

use hyper::Response;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::error::S3Error;
use super::metadata;
use super::payload::Payload;
use super::read::add_checksum;
use super::record::Record;
use super::target::Target;
use crate::body::Body;
use crate::storage::blocking;

/// Stores the body as the object.
pub async fn put(target: &Target, headers: &HeaderMap, payload: Payload<'_>) -> Result<Response<Body>, S3Error> {
    let mut record = metadata::record_of(headers)?;
    if target.key.is_folder() {
        target.bucket.check_writable()?;
        target.path()?;
        let what =
            "A key that ends in '/' is a folder here, so the object must be empty. Remove the slash, or the content.";
        payload.expect_empty(what).await?;
        let (target, headers) = (target.clone(), headers.clone());
        let record = blocking(move || target.publish_folder(record, &headers)).await?;
        return Ok(stored(&record));
    }
    let (staging, conditions) = (target.clone(), headers.clone());
    let staged = blocking(move || staging.stage(&conditions)).await?;
    let received = payload.receive(staged.file(), target.bucket.max_put(), None).await?;
    record.etag = received.etag;
    record.checksum = received.checksum;
    let (target, headers) = (target.clone(), headers.clone());
    let record = blocking(move || target.publish(staged, record, &headers)).await?;
    Ok(stored(&record))
}

/// The answer to a request that stored an object.
pub fn stored(record: &Record) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    let etag = HeaderValue::try_from(format!("\"{}\"", record.etag)).expect("hexadecimal digits and a dash");
    response.headers_mut().insert(header::ETAG, etag);
    if let Some(checksum) = &record.checksum {
        add_checksum(checksum, response.headers_mut());
    }
    response
}
