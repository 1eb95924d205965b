//! `--placeholder`: what nobody has is drawn, so that a page without its pictures keeps its shape.
//!
//! A picture becomes an SVG of the size that the page asked for, which says what is missing; film and sound become a
//! short silent file of their type. Everything else stays a 404, and so does what another devmedia asks for: it would
//! store the drawing.

mod clip;
mod picture;

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use crate::access_log::{Reason, Source};
use crate::answer::decide::{Decision, decide};
use crate::answer::head::{Piece, head};
use crate::body::Body;
use crate::fallback::client::came_through_devmedia;
use crate::fallback::is_open;
use crate::fallback::verdict::DEVMEDIA;
use crate::mount::Mount;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::storage::entity::Entity;
use crate::storage::media_type::MediaType;

/// How a mount draws what nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder {
    /// Whether the answer keeps the status 404.
    pub keeps_status: bool,
    /// What an access policy judges is drawn, too.
    pub guarded: bool,
}

/// A drawing for `path`, which nobody has, as `missing` says; or that refusal, where none is drawn.
pub async fn draw(
    mount: &Arc<Mount>,
    path: &MediaPath,
    request: &Request<()>,
    missing: Refusal,
) -> Result<Response<Body>, Refusal> {
    let asked = request.headers();
    let (Some(placeholder), false, false) = (mount.placeholder, path.has_slash(), came_through_devmedia(asked)) else {
        return Err(missing);
    };
    if !is_open(mount, path, placeholder.guarded).await {
        return Err(missing);
    }
    let promised = mount.root.types().by_name(path.file_name());
    let Some((media_type, bytes)) = promised.and_then(|promised| stand_in(&promised, path, request.uri().query()))
    else {
        return Err(missing);
    };
    let entity = Entity::growing(bytes.len() as u64, None, media_type);
    // nothing of a drawing is ever stored by the client, so its conditions are about a file that was there
    let part = [header::RANGE, header::IF_RANGE].into_iter();
    let part = part.filter_map(|name| Some((name.clone(), asked.get(&name)?.clone()))).collect();
    let decision = if placeholder.keeps_status { Decision::Whole } else { decide(request.method(), &part, &entity)? };
    let (status, headers, pieces) = head(decision, &entity, &HeaderValue::from_static("no-store"));
    let mut response = Response::new(body(&bytes, pieces));
    *response.status_mut() = if placeholder.keeps_status { StatusCode::NOT_FOUND } else { status };
    *response.headers_mut() = headers;
    response.headers_mut().insert(HeaderName::from_static(DEVMEDIA), HeaderValue::from_static("placeholder"));
    response.extensions_mut().insert(Source::Placeholder);
    response.extensions_mut().insert(Reason(missing.reason()));
    Ok(response)
}

/// What stands in for a file of this type, if anything does.
fn stand_in(promised: &MediaType, path: &MediaPath, query: Option<&str>) -> Option<(MediaType, Bytes)> {
    if promised.essence().starts_with("image/") {
        let svg = MediaType::parse("image/svg+xml").expect("a media type");
        return Some((svg, picture::svg(path, query).into()));
    }
    let (media_type, bytes) = clip::of(promised.essence())?;
    Some((MediaType::parse(media_type).expect("a media type"), Bytes::from_static(bytes)))
}

/// The pieces of a file that is in memory.
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
