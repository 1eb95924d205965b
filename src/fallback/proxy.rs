//! Forwards a request to the upstream and streams the response: for files that are not stored, and for a range of a file that
//! has not been fetched that far.
//!
//! The head of the response is created here, as for a local file. Only the upstream's fields about the body are used.

use std::io;

use futures_util::{Stream, stream};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::action::{self, Action};
use super::client::UpstreamBody;
use super::fetch_key::FetchKey;
use super::reason::NotFetched;
use super::substitute::FallbackError;
use super::{Fallback, client};
use crate::access_log::Source;
use crate::answer::decide::{Decision, Undecided};
use crate::answer::piece::length;
use crate::answer::range::{self, Requested};
use crate::body::Body;
use crate::body::streamed::Streamed;
use crate::site::Site;
use crate::storage::byte_range::ByteRange;
use crate::storage::entity::{Entity, LastModified};

/// The fields of a client's request that are forwarded: ranges and conditions. Cookies, credentials and everything else about
/// the client stay here.
const FORWARDED: [HeaderName; 4] = [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// Sends a client's range and conditions to the upstream and returns the upstream's response.
pub async fn proxy(
    site: &Site,
    fallback: &Fallback,
    key: &FetchKey,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Body>, FallbackError> {
    let path = &key.path;
    let mut fields = HeaderMap::new();
    for name in FORWARDED {
        // RFC 9110 section 14.2: ranges apply to GET only
        if *method != Method::GET && matches!(name, header::RANGE | header::IF_RANGE) {
            continue;
        }
        if let Some(value) = headers.get(&name) {
            fields.insert(name, value.clone());
        }
    }
    // the upstream would answer several ranges with a multipart body of its own
    if headers.get(header::RANGE).is_some_and(|range| range.as_bytes().contains(&b',')) {
        fields.remove(header::RANGE);
    }
    let url = || fallback.url_of(key);
    let mut answer = fallback.send(method, url(), &fields).await?;
    // some production servers support GET only; the body of that response is not read
    if *method == Method::HEAD
        && matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
    {
        answer = fallback.send(&Method::GET, url(), &fields).await?;
    }

    let promised = site.root.types().by_name(path.file_name());
    let (status, said) = (answer.status(), answer.headers());
    let asks = |names: &[HeaderName]| names.iter().any(|name| fields.contains_key(name));
    let (decision, len) = match status {
        StatusCode::NOT_MODIFIED if asks(&[header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]) => {
            (Decision::NotModified, None)
        }
        StatusCode::RANGE_NOT_SATISFIABLE if asks(&[header::RANGE]) => {
            let len = action::unsatisfied(said).ok_or(NotFetched::Answered(status))?;
            return Err(FallbackError::Refused(Undecided::RangeNotSatisfiable { len }.into()));
        }
        StatusCode::PARTIAL_CONTENT => match action::content_range(said) {
            Some((part, len)) if is_requested(part, fields.get(header::RANGE), len) => {
                (Decision::Part(part), Some(len))
            }
            _ => return Err(NotFetched::Garbled("a range that was not requested").into()),
        },
        _ => match action::classify(status, said, promised.as_ref(), u64::MAX) {
            Action::Reject(why) => return Err(why.into()),
            _ => (Decision::Whole, action::content_length(said)),
        },
    };
    let entity = Entity {
        device: 0,
        len: len.unwrap_or_default(),
        etag: said.get(header::ETAG).cloned(),
        last_modified: said.get(header::LAST_MODIFIED).and_then(LastModified::parse),
        media_type: action::media_type(said, promised),
    };
    let decision = if decision == Decision::Whole && len.is_none() { Decision::Stream } else { decision };
    let is_sent = *method == Method::GET && status != StatusCode::NOT_MODIFIED;
    let is_stream = decision == Decision::Stream;
    let coding = said.get(header::CONTENT_ENCODING).filter(|_| status != StatusCode::NOT_MODIFIED).cloned();
    let mut response = site.answer(path, decision, &entity, |pieces| {
        let announced = (!is_stream).then(|| length(&pieces));
        if is_sent { Body::Streamed(Streamed::new(bytes(answer.into_body()), announced)) } else { Body::Empty }
    });
    if let Some(coding) = coding {
        response.headers_mut().insert(header::CONTENT_ENCODING, coding);
    }
    response.extensions_mut().insert(Source::Fetched);
    Ok(response)
}

/// Whether `part` of a file of `len` bytes is within the ranges that this `Range` field requests.
fn is_requested(part: ByteRange, asked: Option<&HeaderValue>, len: u64) -> bool {
    match asked.map(|asked| range::requested(asked.as_bytes(), len)) {
        Some(Requested::Parts(asked)) => asked.iter().any(|asked| asked.start <= part.start && part.end <= asked.end),
        _ => false,
    }
}

/// Streams the bytes of a body.
fn bytes(body: UpstreamBody) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(body, |mut body| async {
        let next = client::next(&mut body).await.map_err(io::Error::other)?;
        Ok(next.map(|bytes| (bytes, body)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_must_be_within_the_requested_range() {
        for (asked, start, end, expected) in [
            (Some("bytes=0-1"), 0, 2, true),
            (Some("bytes=0-1"), 0, 1, true),
            (Some("bytes=0-1"), 5, 10, false),
            (Some("bytes=0-1"), 0, 3, false),
            (Some("bytes=5-"), 5, 10, true),
            (Some("bytes=-3"), 7, 10, true),
            (Some("bytes=-3"), 6, 10, false),
            (Some("lines=1-2"), 1, 2, false),
            (None, 0, 10, false),
        ] {
            let asked = asked.map(HeaderValue::from_static);
            assert_eq!(is_requested(ByteRange { start, end }, asked.as_ref(), 10), expected, "{asked:?} {start} {end}");
        }
    }
}
