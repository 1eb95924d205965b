//! A bucket as the upstream: its answers in the form of an HTTP server's, so that everything after them is the same.

use std::io;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::client::UpstreamBody;
use super::reason::NotFetched;
use crate::answer::decide::{Decision, Undecided, decide};
use crate::answer::head::head;
use crate::answer::piece::Piece;
use crate::request::path::MediaPath;
use crate::storage::bucket::error::BucketError;
use crate::storage::bucket::{Bucket, LOOKUPS};

/// Sends a request with these conditions and ranges to a bucket. The status is 200, 206, 304 or 416.
pub(super) async fn answer(
    bucket: &Bucket,
    method: &Method,
    path: &MediaPath,
    fields: &HeaderMap,
) -> Result<Response<UpstreamBody>, NotFetched> {
    let refuse = |error: BucketError| match error {
        BucketError::Missing => NotFetched::Missing { remembered: false },
        error => {
            let explained = bucket.explain(&error);
            NotFetched::Store { what: explained.what, advice: explained.advice }
        }
    };
    // no object has a slash at its end here, and the fallback fetches no folders
    if path.has_slash() || path.is_top() {
        return Err(NotFetched::Missing { remembered: false });
    }
    for _ in 0..LOOKUPS {
        let object = bucket.object(path).await.map_err(refuse)?;
        let decision = match decide(method, fields, &object.entity) {
            // several ranges are not asked for
            Ok(Decision::Parts(_)) => Decision::Whole,
            Ok(decision) => decision,
            Err(Undecided::RangeNotSatisfiable { len }) => return Ok(unsatisfiable(len)),
            Err(Undecided::PreconditionFailed) => return Err(NotFetched::Answered(StatusCode::PRECONDITION_FAILED)),
        };
        let (status, mut headers, pieces) =
            head(decision, &object.entity, &HeaderValue::from_static("no-cache"), String::new);
        if let Some(coding) = &object.coding {
            headers.insert(header::CONTENT_ENCODING, coding.clone());
        }
        let range = pieces.into_iter().find_map(|piece| match piece {
            Piece::Span(range) if *method == Method::GET => Some(range),
            _ => None,
        });
        let bytes = match range {
            None => stream::empty().boxed(),
            Some(range) => match bucket.reader(&object).read(range).await {
                Ok(bytes) => bytes.boxed(),
                Err(BucketError::Changed) => continue,
                Err(error) => return Err(refuse(error)),
            },
        };
        let body = BodyExt::map_err(StreamBody::new(bytes.map_ok(Frame::data)), Into::into).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        return Ok(response);
    }
    Err(refuse(BucketError::Changed))
}

fn unsatisfiable(len: u64) -> Response<UpstreamBody> {
    let nothing = stream::empty::<io::Result<Frame<hyper::body::Bytes>>>();
    let mut response = Response::new(BodyExt::map_err(StreamBody::new(nothing), Into::into).boxed_unsync());
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    let range = HeaderValue::try_from(format!("bytes */{len}")).expect("digits");
    response.headers_mut().insert(header::CONTENT_RANGE, range);
    response
}
