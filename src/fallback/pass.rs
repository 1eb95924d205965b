//! Passing a request on, and its answer back: for what is not stored, and for a part of a file that is far from fetched.
//!
//! The answer's head is made here, as for a file of our own; of the upstream's fields only those are taken that say which
//! bytes come.

use std::io;

use futures_util::{Stream, stream};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::reason::NotFetched;
use super::verdict::{self, Verdict};
use super::{Fallback, FallbackError, Wanted, client};
use crate::access_log::Source;
use crate::answer::decide::{Decision, Undecided};
use crate::answer::piece::length;
use crate::answer::range::{self, Requested};
use crate::body::Body;
use crate::body::streamed::Streamed;
use crate::site::Site;
use crate::storage::byte_range::ByteRange;
use crate::storage::entity::Entity;

/// What is passed on of a client's request: which bytes, under which conditions. No Cookie, no Authorization, nothing that
/// says whose request it is.
const PASSED_ON: [HeaderName; 4] = [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// Asks the upstream with a client's range and conditions, and answers as it does.
pub async fn pass(
    site: &Site,
    fallback: &Fallback,
    wanted: &Wanted,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Body>, FallbackError> {
    let path = &wanted.path;
    let mut fields = HeaderMap::new();
    for name in PASSED_ON {
        // RFC 9110 section 14.2: a range is about a GET
        if *method != Method::GET && matches!(name, header::RANGE | header::IF_RANGE) {
            continue;
        }
        if let Some(value) = headers.get(&name) {
            fields.insert(name, value.clone());
        }
    }
    // several parts would come in the upstream's own wrapping
    if headers.get(header::RANGE).is_some_and(|range| range.as_bytes().contains(&b',')) {
        fields.remove(header::RANGE);
    }
    let url = || fallback.url_of(wanted);
    let mut answer = fallback.ask(method, url(), &fields).await?;
    // some production servers know GET only; the body of its answer is not read
    if *method == Method::HEAD
        && matches!(answer.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
    {
        answer = fallback.ask(&Method::GET, url(), &fields).await?;
    }

    let promised = site.root.types().by_name(path.file_name());
    let (status, said) = (answer.status(), answer.headers());
    let asks = |names: &[HeaderName]| names.iter().any(|name| fields.contains_key(name));
    let (decision, len) = match status {
        StatusCode::NOT_MODIFIED if asks(&[header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]) => {
            (Decision::NotModified, None)
        }
        StatusCode::RANGE_NOT_SATISFIABLE if asks(&[header::RANGE]) => {
            let len = verdict::unsatisfied(said).ok_or(NotFetched::Answered(status))?;
            return Err(FallbackError::Refused(Undecided::RangeNotSatisfiable { len }.into()));
        }
        StatusCode::PARTIAL_CONTENT => match verdict::content_range(said) {
            Some((part, len)) if lies_in(part, fields.get(header::RANGE), len) => (Decision::Part(part), Some(len)),
            _ => return Err(NotFetched::Garbled("a part that was not asked for").into()),
        },
        _ => match verdict::judge(status, said, promised.as_ref(), u64::MAX) {
            Verdict::Not(why) => return Err(why.into()),
            _ => (Decision::Whole, verdict::content_length(said)),
        },
    };
    let entity = Entity {
        device: 0,
        len: len.unwrap_or_default(),
        etag: said.get(header::ETAG).cloned(),
        last_modified: said.get(header::LAST_MODIFIED).and_then(|date| date.to_str().ok()?.parse().ok()),
        media_type: verdict::media_type(said, promised),
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

/// Whether a part of a file of `len` bytes lies in what this field asks for.
fn lies_in(part: ByteRange, asked: Option<&HeaderValue>, len: u64) -> bool {
    match asked.map(|asked| range::requested(asked.as_bytes(), len)) {
        Some(Requested::Parts(asked)) => asked.iter().any(|asked| asked.start <= part.start && part.end <= asked.end),
        _ => false,
    }
}

/// The bytes of a body as they come.
fn bytes(body: Incoming) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(body, |mut body| async {
        let next = client::next(&mut body).await.map_err(io::Error::other)?;
        Ok(next.map(|bytes| (bytes, body)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_one_that_was_asked_for() {
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
            assert_eq!(lies_in(ByteRange { start, end }, asked.as_ref(), 10), expected, "{asked:?} {start} {end}");
        }
    }
}
