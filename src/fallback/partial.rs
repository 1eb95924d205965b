//! Answers requests from a file that is still being fetched.

use std::io;
use std::sync::Arc;

use futures_util::{Stream, stream};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::arrival::Arrival;
use super::fetch_key::FetchKey;
use super::reason::NotFetched;
use super::substitute::{FallbackError, Substitute};
use super::{Fallback, proxy};
use crate::access_log::Source;
use crate::answer::decide::{Decision, decide};
use crate::answer::piece::content_range;
use crate::body::Body;
use crate::body::streamed::Streamed;
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::byte_range::ByteRange;
use crate::storage::open_file::OpenFile;
use crate::storage::root::Found;
use crate::thumbnail;

/// A range that starts more than this many bytes after the fetched bytes is requested from the upstream separately. A player
/// that seeks to the end, where an MP4 may have its index, must not wait for everything in between.
const FAR: u64 = 4 * 1024 * 1024;

/// Answers with the file as if it were already stored, or with the range that would take too long to arrive.
pub(super) async fn answer(
    site: &Arc<Site>,
    fallback: &Fallback,
    key: &FetchKey,
    request: &Request<()>,
    arrival: Arrival,
) -> Result<Substitute, FallbackError> {
    let path = &key.path;
    let (method, headers, query) = (request.method(), request.headers(), Query::new(request.uri().query()));
    let failed = |error: io::Error| FallbackError::NotFetched(NotFetched::Unreachable(error.to_string()));
    let (file, entity) = arrival.open(site, path).await.map_err(failed)?;
    if thumbnail::asked(query, &entity).map_err(|error| FallbackError::Refused(error.into()))?.is_some() {
        // an image is decoded when it is complete
        arrival.progress.whole().await.map_err(failed)?;
        return Ok(Substitute::Here);
    }
    if arrival.len.is_none() {
        let body = Body::Streamed(Streamed::new(tail(file, arrival), None));
        let mut response = site.answer(path, Decision::Stream, &entity, |_| body);
        response.extensions_mut().insert(Source::Fetched);
        return Ok(Substitute::Answer(response));
    }
    if let Ok(Decision::Part(part)) = decide(method, headers, &entity)
        && part.start > arrival.progress.written().saturating_add(FAR)
        && let Some(validator) = &arrival.validator
    {
        // the response must be the same range of the same version of the file; otherwise the request waits for the fetch
        let range = HeaderValue::try_from(format!("bytes={}-{}", part.start, part.end - 1)).expect("digits");
        let fields = HeaderMap::from_iter([(header::RANGE, range), (header::IF_RANGE, validator.clone())]);
        let proxied = proxy::proxy(site, fallback, key, method, &fields).await;
        let expected = content_range(part, entity.len);
        if let Ok(response) = proxied
            && response.headers().get(header::CONTENT_RANGE) == Some(&expected)
            && is_of_state(response.headers(), validator)
        {
            return Ok(Substitute::Answer(response));
        }
    }
    Ok(Substitute::Arriving(Found::File(file, entity)))
}

/// Whether a response is of the version that this validator identifies, or has no validator. A server without support for
/// `If-Range` may answer with a range of another version.
fn is_of_state(headers: &HeaderMap, validator: &HeaderValue) -> bool {
    let name = if validator.as_bytes().starts_with(b"\"") { header::ETAG } else { header::LAST_MODIFIED };
    headers.get(name).is_none_or(|named| named == validator)
}

/// Streams the bytes of a file of unknown length as they arrive.
fn tail(file: OpenFile, arrival: Arrival) -> impl Stream<Item = io::Result<Bytes>> {
    /// The size of a read, in bytes.
    const CHUNK: u64 = 64 * 1024;
    let file = Arc::new(file);
    stream::try_unfold(0, move |start| {
        let (file, progress) = (Arc::clone(&file), arrival.progress.clone());
        async move {
            let written = progress.at_least(start + 1).await?;
            let Some(range) = file.arrived(ByteRange { start, end: written.max(start + 1) }) else { return Ok(None) };
            let range = range.front(CHUNK);
            let bytes = match file.read_now(range) {
                Some(bytes) => bytes,
                None => blocking(move || file.read(range)).await?,
            };
            let next = start + bytes.len() as u64;
            Ok(Some((bytes, next)))
        }
    })
}
