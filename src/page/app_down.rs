//! The page shown while the app is down or starting. It reloads itself when the app answers.

use std::sync::LazyLock;

use hyper::header::{self, HeaderValue};
use hyper::{Method, Response};
use maud::{PreEscaped, html};

use crate::access_log::Reason;
use crate::app::DOWN;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::request::via::DEVMEDIA;

const SCRIPT: &str = include_str!("app_down.js");

static POLICY: LazyLock<HeaderValue> =
    LazyLock::new(|| super::policy(&[super::STYLE], &[SCRIPT], "img-src data:; connect-src 'self'", "'none'"));

/// True if a refusal is answered with this page. A submitted form is never submitted again automatically.
pub fn is_for(method: &Method, refusal: &Refusal) -> bool {
    *method == Method::GET && refusal.fields.iter().any(|(name, value)| *name == DEVMEDIA && value == DOWN)
}

/// The page.
pub fn page(refusal: Refusal) -> Response<Body> {
    let reason = Reason(refusal.reason());
    let Refusal { status, what, advice, fields, .. } = refusal;
    let body = html! {
        p.status { (status) }
        h1 { (what) }
        p.soft { (advice) }
        p.soft { "This page reloads itself when the app answers." }
        script { (PreEscaped(SCRIPT)) }
    };
    let mut response = Response::new(Body::full(super::frame(&status.to_string(), &html! {}, &body).into_string()));
    *response.status_mut() = status;
    *response.headers_mut() = super::headers("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend(fields);
    response.extensions_mut().insert(reason);
    response
}
