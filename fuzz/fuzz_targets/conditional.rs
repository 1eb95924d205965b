//! Conditional requests: what RFC 9110 section 13 says of any fields, and an answer that agrees with itself.
#![no_main]

use devmedia_fuzz::{Decision, Entity, MediaType, Precondition, Value, append, conditional, decide, head, length};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    len: u32,
    etag: bool,
    /// Seconds since 1970.
    modified: Option<u32>,
    if_match: Vec<Value>,
    if_none_match: Vec<Value>,
    if_modified_since: Vec<Value>,
    if_unmodified_since: Vec<Value>,
    if_range: Vec<Value>,
    range: Vec<Value>,
    /// Adds the file's own validators to these fields.
    own: [bool; 5],
}

fuzz_target!(|input: Input| {
    let date = |seconds: u32| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.into());
        httpdate_of(time)
    };
    let media_type = MediaType::parse("text/plain").expect("a type");
    let mut entity = Entity::incomplete(u64::from(input.len), None, media_type);
    let etag = HeaderValue::from_static("\"7-1a-5f\"");
    entity.etag = input.etag.then(|| etag.clone());
    let modified = input.modified.map(date);
    entity.last_modified = modified.as_deref().map(|date| date.parse().expect("a date"));

    let mut headers = HeaderMap::new();
    append(&mut headers, &header::IF_MATCH, &input.if_match);
    append(&mut headers, &header::IF_NONE_MATCH, &input.if_none_match);
    append(&mut headers, &header::IF_MODIFIED_SINCE, &input.if_modified_since);
    append(&mut headers, &header::IF_UNMODIFIED_SINCE, &input.if_unmodified_since);
    append(&mut headers, &header::IF_RANGE, &input.if_range);
    append(&mut headers, &header::RANGE, &input.range);
    for (name, own) in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE].into_iter().zip(input.own) {
        if own {
            headers.append(name, etag.clone());
        }
    }
    if let Some(modified) = &modified {
        for (name, own) in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE].into_iter().zip(&input.own[3..]) {
            if *own {
                headers.append(name, HeaderValue::try_from(modified).expect("a date"));
            }
        }
    }
    check(&headers, &entity, &etag);
});

fn httpdate_of(time: std::time::SystemTime) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&jiff::Timestamp::try_from(time).expect("before 2107"))
        .expect("before 2107")
}

fn check(headers: &HeaderMap, entity: &Entity, etag: &HeaderValue) {
    let get = conditional::evaluate(&Method::GET, headers, entity);
    let put = conditional::evaluate(&Method::PUT, headers, entity);
    assert_eq!(get, conditional::evaluate(&Method::HEAD, headers, entity), "HEAD is GET without the body");
    assert_ne!(put, Precondition::NotModified, "304 answers GET and HEAD only");
    let has = |name| headers.contains_key(name);
    let conditions = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE];
    if !conditions.into_iter().any(has) {
        assert_eq!(get, Precondition::Holds);
    }
    // section 13.1.2: the file's own tag is never a new state of it
    let lists_own = |name| headers.get_all(name).iter().any(|line| line == etag) && entity.etag.is_some();
    if lists_own(header::IF_NONE_MATCH) {
        assert_ne!(get, Precondition::Holds);
        assert_eq!(put, Precondition::Failed);
    }
    // section 13.1.1
    if lists_own(header::IF_MATCH) && !has(header::IF_NONE_MATCH) {
        assert_eq!(put, Precondition::Holds);
    }
    // section 13.2.2: a date does not count beside a tag
    let mut without_dates = headers.clone();
    for (tag, date) in
        [(header::IF_MATCH, header::IF_UNMODIFIED_SINCE), (header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE)]
    {
        if has(tag) {
            without_dates.remove(date);
        }
    }
    assert_eq!(get, conditional::evaluate(&Method::GET, &without_dates, entity));

    // `Range` and `If-Range` cannot change what the preconditions say
    for method in [Method::GET, Method::HEAD] {
        match (get, decide(&method, headers, entity)) {
            (Precondition::NotModified, Ok(Decision::NotModified)) | (Precondition::Failed, Err(_)) => {}
            (Precondition::Holds, Ok(Decision::NotModified)) => panic!("304 though the preconditions hold"),
            (Precondition::Holds, Ok(Decision::Part(_) | Decision::Parts(_))) if method == Method::HEAD => {
                panic!("a range of HEAD")
            }
            (Precondition::Holds, Ok(decision)) => answer(decision, entity),
            (Precondition::Holds, Err(_)) => assert!(method == Method::GET && has(header::RANGE)),
            (precondition, decision) => panic!("{precondition:?} and {decision:?}"),
        }
    }
}

/// The length that is announced is the length that is sent, and no byte lies outside the file.
fn answer(decision: Decision, entity: &Entity) {
    let partial = decision != Decision::Whole;
    let (status, headers, pieces) =
        head(decision, entity, &HeaderValue::from_static("no-cache"), || "boundary".to_owned());
    assert_eq!(status, if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
    let announced: u64 = headers[header::CONTENT_LENGTH].to_str().expect("digits").parse().expect("digits");
    assert_eq!(announced, length(&pieces));
    if !partial {
        assert_eq!(announced, entity.len);
    }
}
