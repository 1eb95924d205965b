//! Steps 7 to 10 for a mount whose files are in a bucket: the same decisions as for files, and bytes from the store.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};

use super::{Service, listing_off, redirect};
use crate::answer::decide::{Decision, decide};
use crate::answer::piece::{Piece, length};
use crate::body::Body;
use crate::body::streamed::Streamed;
use crate::connection::Connection;
use crate::live;
use crate::mount::Mount;
use crate::nearby::in_bucket::in_bucket;
use crate::page::listing;
use crate::placeholder;
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::storage::bucket::error::BucketError;
use crate::storage::bucket::{Bucket, FoundInBucket, LOOKUPS, Object, Reader};
use crate::storage::byte_range::ByteRange;
use crate::storage::spool;
use crate::thumbnail::{self, Thumbnail};

/// Images up to this size get thumbnails; they are downloaded for that.
const MAX_IMAGE: u64 = 64 * 1024 * 1024;

impl Service {
    /// Answers a request for a path of a bucket.
    pub(super) async fn answer_from_bucket(
        &self,
        mount: &Arc<Mount>,
        bucket: &Bucket,
        path: &MediaPath,
        request: &Request<()>,
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        let query = Query::new(request.uri().query());
        let refuse = |error: BucketError| Refusal::of_bucket(bucket, &error, path);
        // 7. storage
        match bucket.find(path).await {
            Ok(FoundInBucket::Object(object)) => {
                let object = match thumbnail::asked(query, &object.entity)? {
                    None => *object,
                    Some(size) => match self.thumbnail_of(bucket, request, size, *object, connection).await? {
                        Err(response) => return Ok(response),
                        Ok(object) => object,
                    },
                };
                object_answer(mount, bucket, path, request, object).await.map_err(|error| error.refusal(refuse))
            }
            Ok(FoundInBucket::Folder) if !path.has_slash() && !path.is_top() => Ok(redirect(&mount.site, path, query)),
            Ok(FoundInBucket::Folder) if !mount.listing => Err(listing_off()),
            Ok(FoundInBucket::Folder) if live::asked(query).is_some() => Err(no_events()),
            Ok(FoundInBucket::Folder) => {
                let format = Format::negotiate(request.headers(), query, Format::Html);
                let mut entries = bucket.entries(path, mount.site.hidden).await.map_err(refuse)?;
                mount.site.retain_shown(path, &mut entries);
                Ok(listing::listing(&self.mounts, mount, path, entries, format, query))
            }
            Err(error) if error.is_missing() => {
                // 8. a placeholder, or an explanation
                let refusal = refuse(error);
                if let Some(placeholder) = mount.placeholder
                    && let Some(drawing) = placeholder::draw(&mount.site, placeholder, path, request, &refusal).await?
                {
                    return Ok(drawing);
                }
                Err(refusal.with_suggestion(in_bucket(&self.nearby, &self.mounts, mount, bucket, path).await))
            }
            Err(error) => Err(refuse(error)),
        }
    }

    /// A thumbnail of an object, or the object itself if it is its own thumbnail.
    async fn thumbnail_of(
        &self,
        bucket: &Bucket,
        request: &Request<()>,
        size: thumbnail::make::Size,
        mut object: Object,
        connection: &Connection,
    ) -> Result<Result<Object, Response<Body>>, Refusal> {
        let is_needed = object.entity.len <= MAX_IMAGE && self.thumbnails.needs_file(size, &object.entity).await;
        let range = ByteRange::whole(object.entity.len).filter(|_| is_needed);
        let file = match range {
            None => spool::spool(stream::empty()).await,
            Some(range) => match bucket.reader(&object).read(range).await {
                Ok(bytes) => spool::spool(bytes).await,
                Err(error) => return Err(Refusal::of_bucket(bucket, &error, &MediaPath::top())),
            },
        };
        let file = file.map_err(|error| Refusal::failed(&error))?;
        Ok(match self.thumbnails.answer(request, size, file, object.entity.clone(), connection).await? {
            Thumbnail::Answer(response) => Err(response),
            Thumbnail::Itself(_, entity) => {
                object.entity = entity;
                Ok(object)
            }
        })
    }
}

/// Why an object is not sent.
enum Unsent {
    Refused(Refusal),
    Failed(BucketError),
}

impl Unsent {
    fn refusal(self, refuse: impl FnOnce(BucketError) -> Refusal) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Failed(error) => refuse(error),
        }
    }
}

/// Steps 9 and 10 for an object. The transfer has begun when this returns, so a failure is a refusal with its own status.
async fn object_answer(
    mount: &Mount,
    bucket: &Bucket,
    path: &MediaPath,
    request: &Request<()>,
    mut object: Object,
) -> Result<Response<Body>, Unsent> {
    let mut lookups = 1;
    loop {
        let decision = decide(request.method(), request.headers(), &object.entity);
        let decision = decision.map_err(|undecided| Unsent::Refused(undecided.into()))?;
        let coding = object.coding.clone().filter(|_| decision != Decision::NotModified);
        let mut sent = Vec::new();
        let mut response = mount.site.answer(path, decision, &object.entity, |pieces| {
            sent = pieces;
            Body::Empty
        });
        if let Some(coding) = coding {
            response.headers_mut().insert(header::CONTENT_ENCODING, coding);
        }
        if *request.method() == Method::HEAD || sent.is_empty() {
            return Ok(response);
        }
        let len = length(&sent);
        match bytes_of(bucket.reader(&object), sent).await {
            Ok(bytes) => {
                *response.body_mut() = Body::Streamed(Streamed::new(bytes, Some(len)));
                return Ok(response);
            }
            Err(BucketError::Changed) if lookups < LOOKUPS => {
                lookups += 1;
                object = bucket.object(path).await.map_err(Unsent::Failed)?;
            }
            Err(error) => return Err(Unsent::Failed(error)),
        }
    }
}

/// The bytes of a body. The first bytes of the object are requested before this returns; those of further ranges when the
/// client has taken all bytes before them.
async fn bytes_of(
    reader: Reader,
    pieces: Vec<Piece>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, BucketError> {
    let mut pieces = VecDeque::from(pieces);
    let mut before = Vec::new();
    let first = loop {
        match pieces.pop_front() {
            Some(Piece::Text(text)) => before.push(Ok(text)),
            Some(Piece::Span(range)) => break reader.read(range).await?.boxed(),
            None => break stream::empty().boxed(),
        }
    };
    let rest = stream::iter(pieces).then(move |piece| {
        let reader = reader.clone();
        async move {
            match piece {
                Piece::Text(text) => Ok(stream::iter([Ok(text)]).boxed()),
                Piece::Span(range) => match reader.read(range).await {
                    Ok(bytes) => Ok(bytes.boxed()),
                    Err(error) => Err(io::Error::other(error.to_string())),
                },
            }
        }
    });
    Ok(stream::iter(before).chain(first).chain(rest.try_flatten()))
}

/// A bucket does not report changes.
fn no_events() -> Refusal {
    Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "no-events",
        "The files of this mount are in a bucket, which does not report changes.",
        "Reload the page, or request the listing again.",
    )
}
