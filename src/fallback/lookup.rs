//! Finds a response to a request for a missing file.

use std::sync::Arc;

use hyper::{Method, Request};

use super::answer_cache::Answered;
use super::arrival::FetchStart;
use super::reason::NotFetched;
use super::substitute::{FallbackError, Substitute};
use super::{Fallback, fetch, partial, proxy};
use crate::guard::Row;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::request::via::came_through_devmedia;
use crate::site::Site;

/// Finds the fallback's response to a GET or HEAD request for `path`, a missing file; the guard admitted the request by
/// `row`. Looks in the cache, then joins the running fetch of this file, if there is one, then asks the upstream.
pub async fn lookup(
    site: &Arc<Site>,
    fallback: &Arc<Fallback>,
    path: &MediaPath,
    request: &Request<()>,
    row: Row,
) -> Result<Substitute, FallbackError> {
    let (method, headers) = (request.method(), request.headers());
    if path.has_slash() || !fallback.is_for(site, path).await {
        return Err(FallbackError::NotAsked);
    }
    // perhaps a page of another site, which must not make this machine fetch and store files
    if row == Row::Opaque {
        return Err(NotFetched::Opaque.into());
    }
    let key = &fallback.key(path, Query::new(request.uri().query()));
    if !fetch::is_storable(path) {
        return Err(NotFetched::TooLong.into());
    }
    if came_through_devmedia(headers) {
        return Err(NotFetched::Loop.into());
    }
    let remembered = fallback.cache.get(key);
    if remembered == Some(Answered::Missing) {
        return Err(NotFetched::Missing { remembered: true }.into());
    }
    // HEAD only asks whether a file exists; that does not start a fetch
    let is_query = method == Method::HEAD && !fetch::is_running(fallback, key);
    if !fallback.rules.store || is_query || remembered == Some(Answered::NotStored) {
        let answer = proxy::proxy(site, fallback, key, method, headers).await;
        if let Err(FallbackError::NotFetched(NotFetched::Missing { .. })) = answer {
            fallback.cache.put(key, Answered::Missing);
        }
        return answer.map(Substitute::Answer);
    }
    let arrival = match fetch::join(site, fallback, key).await? {
        FetchStart::Arriving(arrival) => arrival,
        FetchStart::Proxy => return proxy::proxy(site, fallback, key, method, headers).await.map(Substitute::Answer),
        FetchStart::Here => return Ok(Substitute::Here),
    };
    partial::answer(site, fallback, key, request, arrival).await
}
