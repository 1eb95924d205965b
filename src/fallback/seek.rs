//! Finds a response to a request for a missing file.

use std::sync::Arc;

use hyper::{Method, Request};

use super::arrival::Beginning;
use super::instead::{FallbackError, Instead};
use super::memory::Answered;
use super::reason::NotFetched;
use super::{Fallback, arriving, fetch, pass};
use crate::guard::Row;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::request::via::came_through_devmedia;
use crate::site::Site;

/// Finds the fallback's response to a GET or HEAD request for `path`, a missing file; the guard admitted the request by
/// `row`. Looks in the cache, then joins the running fetch of this file, if there is one, then asks the upstream.
pub async fn seek(
    site: &Arc<Site>,
    fallback: &Arc<Fallback>,
    path: &MediaPath,
    request: &Request<()>,
    row: Row,
) -> Result<Instead, FallbackError> {
    let (method, headers) = (request.method(), request.headers());
    if path.has_slash() || !fallback.is_for(site, path).await {
        return Err(FallbackError::NotAsked);
    }
    // perhaps a page of another site, which must not make this machine fetch and store files
    if row == Row::Opaque {
        return Err(NotFetched::Opaque.into());
    }
    let wanted = &fallback.wanted(path, Query::new(request.uri().query()));
    if !fetch::is_storable(path) {
        return Err(NotFetched::TooLong.into());
    }
    if came_through_devmedia(headers) {
        return Err(NotFetched::Loop.into());
    }
    let remembered = fallback.memory.recall(wanted);
    if remembered == Some(Answered::Missing) {
        return Err(NotFetched::Missing { remembered: true }.into());
    }
    // HEAD only asks whether a file exists; that does not start a fetch
    let is_query = method == Method::HEAD && !fetch::is_running(fallback, wanted);
    if !fallback.rules.store || is_query || remembered == Some(Answered::Pass) {
        let answer = pass::pass(site, fallback, wanted, method, headers).await;
        if let Err(FallbackError::NotFetched(NotFetched::Missing { .. })) = answer {
            fallback.memory.note(wanted, Answered::Missing);
        }
        return answer.map(Instead::Answer);
    }
    let arrival = match fetch::join(site, fallback, wanted).await? {
        Beginning::Arriving(arrival) => arrival,
        Beginning::Pass => return pass::pass(site, fallback, wanted, method, headers).await.map(Instead::Answer),
        Beginning::Here => return Ok(Instead::Here),
    };
    arriving::answer(site, fallback, wanted, request, arrival).await
}
