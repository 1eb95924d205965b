//! The fields that tell browsers which pages may use an answer. Pure.

use std::collections::HashSet;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};

use crate::guard::{Admission, Row};

/// Fields that scripts of allowed origins may send, whether a preflight asks for them or not (the Fetch standard's CORS
/// protocol).
const ALLOWED: &str = "Authorization, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, \
                       Cache-Control, Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, \
                       X-HTTP-Method-Override";

/// Fields of an answer that such scripts may read.
const EXPOSED: &str = "Content-Range, Content-Length, Accept-Ranges, ETag";

/// The most field names, and the most bytes of them, that a preflight may ask for.
const MAX_NAMES: usize = 128;
const MAX_BYTES: usize = 4096;

/// Adds what every answer carries, a 304 and a refusal too: no guessing of types, and which pages may use it.
///
/// `exposed` names more fields that scripts may read. A 304 without the CORS fields would break a `fetch` that follows an
/// `<img>` of the same URL.
pub fn add<B>(request: &Request<B>, admission: Option<&Admission>, exposed: &'static str, headers: &mut HeaderMap) {
    const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
    const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    const PREFLIGHT_VARY: &str = "Access-Control-Request-Method, Access-Control-Request-Headers";

    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if request.method() == Method::OPTIONS {
        headers.append(header::VARY, HeaderValue::from_static(PREFLIGHT_VARY));
    }
    let policy = match admission {
        Some(Admission { row: Row::Tool, .. }) => "same-site",
        _ => "cross-origin",
    };
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static(policy));

    let Some(origin) = admission.and_then(|admission| admission.origin.as_ref()) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if !exposed.is_empty() {
        headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    }
    if !is_preflight(request) {
        return;
    }
    if let Some(methods) = headers.get(header::ALLOW).cloned() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    let allowed = match requested_fields(request.headers()) {
        Ok(Some(more)) => HeaderValue::try_from(format!("{ALLOWED}, {more}")).expect("names of fields"),
        _ => HeaderValue::from_static(ALLOWED),
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if request.headers().contains_key(PRIVATE_NETWORK) {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
}

/// Whether a browser asks if a page may send a request (the Fetch standard's CORS preflight).
fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Why a browser will take this answer to a preflight as a no, if it will: a sentence for the log. `allow` lists the
/// methods that the path has.
pub fn refused_preflight<B>(request: &Request<B>, allow: &str) -> Option<String> {
    if !is_preflight(request) {
        return None;
    }
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    let wanted = String::from_utf8_lossy(wanted.as_bytes());
    if !allow.split(", ").any(|method| method == wanted) {
        return Some(format!("The browser refuses {wanted} to the page: only {allow} are allowed here."));
    }
    let why = requested_fields(request.headers()).err()?;
    Some(format!("The browser refuses {wanted} to the page: Access-Control-Request-Headers {why}."))
}

/// The names in `Access-Control-Request-Headers` that [`ALLOWED`] lacks, in lower case, each once. The error ends a sentence
/// about that field.
fn requested_fields(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let lines = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if lines.iter().map(HeaderValue::len).sum::<usize>() > MAX_BYTES {
        return Err("is longer than 4096 bytes");
    }
    let names = lines.iter().flat_map(|line| line.as_bytes().split(|&b| b == b',')).map(<[u8]>::trim_ascii);
    // RFC 9110 section 5.6.1: empty elements of a list are ignored
    let names: Vec<&[u8]> = names.filter(|name| !name.is_empty()).collect();
    if names.len() > MAX_NAMES {
        return Err("has more than 128 names");
    }
    let mut seen: HashSet<HeaderName> = ALLOWED.split(", ").map(|name| name.parse().expect("a name")).collect();
    let mut more = Vec::new();
    for name in names {
        let name = HeaderName::from_bytes(name).map_err(|_| "holds something that is not the name of a field")?;
        if seen.insert(name.clone()) {
            more.push(name);
        }
    }
    let more: Vec<&str> = more.iter().map(HeaderName::as_str).collect();
    Ok((!more.is_empty()).then(|| more.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(method: &str, fields: &[&str]) -> Request<()> {
        let mut request = Request::builder().method("OPTIONS").uri("/media/a");
        request = request.header("Access-Control-Request-Method", method);
        for field in fields {
            request = request.header("Access-Control-Request-Headers", *field);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn a_preflight_is_granted_the_fields_that_it_asks_for() {
        let many = ["x-a"; 129].join(",");
        let long = format!("x-{}", "a".repeat(4096));
        for (fields, expected) in [
            (&[][..], Ok(None)),
            (&["range,if-none-match"], Ok(None)),
            (&["x-requested-with"], Ok(Some("x-requested-with"))), // dropzone#354, axios in Laravel
            (&["sentry-trace,baggage"], Ok(Some("sentry-trace, baggage"))), // sentry-javascript#7358
            (&["traceparent, tracestate"], Ok(Some("traceparent, tracestate"))), // OpenTelemetry
            (&["X-CSRF-Token"], Ok(Some("x-csrf-token"))),
            (&["content-md5,x-amz-acl,content-type"], Ok(Some("content-md5, x-amz-acl"))), // a presigned PUT
            (&["x-a,x-a", "X-A"], Ok(Some("x-a"))),
            (&["x-a", "x-b"], Ok(Some("x-a, x-b"))),
            (&[" , x-a ,\t,"], Ok(Some("x-a"))),
            (&["*"], Ok(Some("*"))), // a name like any other when credentials are allowed
            (&["x a"], Err(())),
            (&["x-a: b"], Err(())),
            (&["x-a;x-b"], Err(())),
            (&["\"x\""], Err(())),
            (&[&*many], Err(())),
            (&[&*long], Err(())),
        ] {
            let found = requested_fields(preflight("GET", fields).headers());
            let expected = expected.map(|names| names.map(str::to_owned));
            assert_eq!(found.map_err(|_| ()), expected, "{fields:?}");
        }
    }

    #[test]
    fn the_log_says_why_a_browser_takes_an_answer_as_a_no() {
        for (method, fields, expected) in [
            ("GET", &["x-a"][..], None),
            ("PUT", &[], Some("refuses PUT to the page: only GET, HEAD, OPTIONS are allowed here.")),
            ("put", &[], Some("refuses put to the page")),
            ("PURGE", &["x a"], Some("refuses PURGE to the page: only")),
            ("GET", &["x a"], Some("holds something that is not the name of a field")),
        ] {
            let found = refused_preflight(&preflight(method, fields), "GET, HEAD, OPTIONS");
            assert_eq!(found.is_some(), expected.is_some(), "{method} {fields:?}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{method} {fields:?}");
        }
        let plain = Request::builder().method("OPTIONS").body(()).expect("a request");
        assert_eq!(refused_preflight(&plain, "GET"), None, "not a preflight");
    }
}
