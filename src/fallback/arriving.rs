//! Answering out of a file that is still being fetched.

use std::io;
use std::sync::Arc;

use futures_util::{Stream, stream};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response};

use super::fetch::Arrival;
use super::pass::{self, Stop};
use super::reason::NotFetched;
use super::{Fallback, Instead, here};
use crate::access_log::Source;
use crate::answer::decide::{Decision, decide};
use crate::answer::head::{content_range, head};
use crate::answer::range::ByteRange;
use crate::body::Body;
use crate::body::streamed::Streamed;
use crate::mount::Mount;
use crate::request::path::MediaPath;
use crate::service::blocking;
use crate::storage::open_file::OpenFile;
use crate::storage::root::Found;
use crate::thumbnail;

/// A part that starts this far behind what has been fetched is asked of the origin by itself: a player that seeks to the
/// end (where an MP4 may have its index) must not wait for all that lies between.
const FAR: u64 = 4 * 1024 * 1024;

/// The file that arrives, as one that is there; or the part of it that would take too long to come.
pub(super) async fn answer(
    mount: &Arc<Mount>,
    fallback: &Fallback,
    path: &MediaPath,
    request: &Request<()>,
    arrival: Arrival,
) -> Result<Instead, Stop> {
    let (method, headers, query) = (request.method(), request.headers(), request.uri().query());
    let failed = |error: io::Error| Stop::Not(NotFetched::Unreachable(error.to_string()));
    let (file, entity) = arrival.open(mount, path).await.map_err(failed)?;
    if thumbnail::asked(query, &entity).map_err(Stop::Refused)?.is_some() {
        // a picture is decoded when all of it is there
        arrival.growth.whole().await.map_err(failed)?;
        return here(mount, path).await.map(Instead::Found);
    }
    if arrival.len.is_none() {
        let (status, mut headers, _) = head(Decision::Whole, &entity, &mount.cache_control);
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::ACCEPT_RANGES);
        mount.access.dress(path, &mut headers);
        let mut response = Response::new(Body::Streamed(Streamed::new(tail(file, arrival), None)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response.extensions_mut().insert(Source::Fetched);
        return Ok(Instead::Answer(response));
    }
    if let Ok(Decision::Part(part)) = decide(method, headers, &entity)
        && part.start > arrival.growth.written().saturating_add(FAR)
        && let Some(validator) = &arrival.validator
    {
        // the same part of the same state of the file, or it is waited for
        let range = HeaderValue::try_from(format!("bytes={}-{}", part.start, part.end - 1)).expect("digits");
        let fields = HeaderMap::from_iter([(header::RANGE, range), (header::IF_RANGE, validator.clone())]);
        let passed = pass::pass(mount, fallback, path, method, &fields).await;
        let wanted = content_range(part, entity.len);
        if let Ok(response) = passed
            && response.headers().get(header::CONTENT_RANGE) == Some(&wanted)
            && is_of_state(response.headers(), validator)
        {
            return Ok(Instead::Answer(response));
        }
    }
    Ok(Instead::Found(Found::File(file, entity)))
}

/// Whether an answer is of the state that this validator names, as far as it says. An origin that does not know `If-Range`
/// answers with a part of any state.
fn is_of_state(headers: &HeaderMap, validator: &HeaderValue) -> bool {
    let name = if validator.as_bytes().starts_with(b"\"") { header::ETAG } else { header::LAST_MODIFIED };
    headers.get(name).is_none_or(|named| named == validator)
}

/// The bytes of a file whose length is not known, as they arrive.
fn tail(file: OpenFile, arrival: Arrival) -> impl Stream<Item = io::Result<Bytes>> {
    /// Bytes read at once.
    const CHUNK: u64 = 64 * 1024;
    let file = Arc::new(file);
    stream::try_unfold(0, move |start| {
        let (file, growth) = (Arc::clone(&file), arrival.growth.clone());
        async move {
            let written = growth.at_least(start + 1).await?;
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
