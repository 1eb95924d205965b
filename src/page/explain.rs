//! A refusal, explained to a person: a page for a browser, two lines for curl, an object for a program.

use hyper::Response;
use hyper::header::{self, HeaderValue};

use maud::html;
use serde_json::json;

use crate::access_log::{Reason, Source};
use crate::body::Body;
use crate::fallback::reason::REMEMBERED_MISS;
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::Visible;

/// The whole answer to a request that is refused, with the reason for the log as an extension.
pub fn explain(refusal: Refusal, format: Format) -> Response<Body> {
    let reason = Reason(refusal.reason());
    let Refusal { status, code, what, advice, suggestion, fields, .. } = refusal;
    let (content_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", {
            let body = html! {
                p.status { (status) }
                h1 { (what) }
                @match &suggestion {
                    Some(url) => p.meant { "Did you mean " a href=(url) { (readable(url)) } "?" },
                    None => p.soft { (advice) },
                }
            };
            super::frame(&status.to_string(), &body).into_string()
        }),
        Format::Text => (
            "text/plain; charset=utf-8",
            match &suggestion {
                Some(url) => format!("{status}: {what}\nDid you mean {url} ?\n"),
                None => format!("{status}: {what}\n{advice}\n"),
            },
        ),
        Format::Json => ("application/json", {
            let object = json!({
                "status": status.as_u16(), "error": status.canonical_reason(), "code": code,
                "reason": what, "advice": advice, "meant": suggestion,
            });
            format!("{object}\n")
        }),
    };
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    *response.headers_mut() = super::headers(content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend(fields);
    if code == REMEMBERED_MISS {
        response.extensions_mut().insert(Source::RememberedMiss);
    }
    response.extensions_mut().insert(reason);
    response
}

/// A URL as a person reads it.
fn readable(url: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(url).decode_utf8_lossy();
    Visible(&decoded).to_string()
}
