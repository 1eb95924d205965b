//! `--placeholder`: serves placeholders for missing files, so that a page keeps its layout without its images.
//!
//! The placeholder of an image is an SVG of the requested size that shows the file name. The placeholder of a video or audio
//! file is a short silent file of the same type. Other types stay a 404, and so do requests of another devmedia, which would
//! store the placeholder.

mod clip;
mod image;

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode};

use crate::access_log::{Reason, Source};
use crate::answer::decide::{Decision, Undecided, decide};
use crate::answer::piece::Piece;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::request::via::{DEVMEDIA, came_through_devmedia};
use crate::site::Site;
use crate::storage::entity::Entity;
use crate::storage::media_type::MediaType;

/// The placeholder settings of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder {
    /// Whether the response keeps the status 404.
    pub keeps_status: bool,
    /// Whether paths that an access policy guards get placeholders as well.
    pub guarded: bool,
}

/// Answers with a placeholder for `path`, which is missing; `missing` is the refusal to log. Returns `None` if there is no
/// placeholder for this request.
pub async fn draw(
    site: &Arc<Site>,
    placeholder: Placeholder,
    path: &MediaPath,
    request: &Request<()>,
    missing: &Refusal,
) -> Result<Option<Response<Body>>, Undecided> {
    let asked = request.headers();
    if path.has_slash() || came_through_devmedia(asked) || !site.is_open(path, placeholder.guarded).await {
        return Ok(None);
    }
    let promised = site.root.types().by_name(path.file_name());
    let drawn = promised.and_then(|promised| placeholder_for(&promised, path, Query::new(request.uri().query())));
    let Some((media_type, bytes)) = drawn else { return Ok(None) };
    let entity = Entity::incomplete(bytes.len() as u64, None, media_type);
    // clients never store placeholders, so their conditions are about a file that existed once
    let part = [header::RANGE, header::IF_RANGE].into_iter();
    let part = part.filter_map(|name| Some((name.clone(), asked.get(&name)?.clone()))).collect();
    let decision = if placeholder.keeps_status { Decision::Whole } else { decide(request.method(), &part, &entity)? };
    let mut response = site.answer(path, decision, &entity, |pieces| body(&bytes, pieces));
    if placeholder.keeps_status {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(DEVMEDIA, HeaderValue::from_static("placeholder"));
    response.extensions_mut().insert(Source::Placeholder);
    response.extensions_mut().insert(Reason(missing.reason()));
    Ok(Some(response))
}

/// The placeholder for a file of this type, if there is one.
fn placeholder_for(promised: &MediaType, path: &MediaPath, query: Query<'_>) -> Option<(MediaType, Bytes)> {
    if promised.essence().starts_with("image/") {
        let svg = MediaType::parse("image/svg+xml").expect("a media type");
        return Some((svg, image::svg(path, query).into()));
    }
    let (media_type, bytes) = clip::of(promised.essence())?;
    Some((MediaType::parse(media_type).expect("a media type"), Bytes::from_static(bytes)))
}

/// Creates a body from pieces of a file in memory.
fn body(bytes: &Bytes, pieces: Vec<Piece>) -> Body {
    let part = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Span(span) => {
            let at = |offset| usize::try_from(offset).expect("a file in memory");
            bytes.slice(at(span.start)..at(span.end))
        }
    };
    match pieces.len() {
        0 | 1 => pieces.into_iter().next().map_or(Body::Empty, |piece| Body::full(part(piece))),
        _ => Body::full(pieces.into_iter().map(part).collect::<Vec<_>>().concat()),
    }
}
