//! HTML pages. All pages share a frame, a style sheet and a strict content security policy. The gallery adds its own.

pub mod app_down;
mod entry;
pub mod explain;
pub mod gallery;
pub mod landing;
pub mod listing;
mod way;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{self, HeaderMap, HeaderValue};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::thumbnail::icon::Icon;

const STYLE: &str = include_str!("page/style.css");

/// The favicon, embedded in the page: it needs no request and no exception in the policy.
const FAVICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect \
                       width='32' height='32' rx='7' fill='%232456d6'/%3E%3Ccircle cx='10.5' cy='11' r='2.7' \
                       fill='%23fff'/%3E%3Cpath d='M4.5 25.5l7.2-7.6a1.7 1.7 0 0 1 2.4 0l3 3 4.6-5.3a1.7 1.7 0 0 1 2.5 \
                       0l3.8 4.3v3.1a2.5 2.5 0 0 1-2.5 2.5z' fill='%23fff'/%3E%3C/svg%3E";

/// Loads nothing, runs no scripts and allows no framing, because file names on the page come from untrusted sources.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(&[STYLE], &[], "img-src data:", "'none'"));

/// The same policy for a page that shows a thumbnail.
static PICTURE_POLICY: LazyLock<HeaderValue> =
    LazyLock::new(|| policy(&[STYLE], &[], "img-src 'self' data:", "'none'"));

/// A policy that allows only these styles and scripts (by their hashes), loads only from `sources`, and sends forms
/// only to `forms`.
fn policy(styles: &[&str], scripts: &[&str], sources: &str, forms: &str) -> HeaderValue {
    let directive = |name: &str, texts: &[&str]| match texts {
        [] => String::new(),
        texts => {
            let hash = |text: &&str| format!(" 'sha256-{}'", BASE64.encode(Sha256::digest(text)));
            format!("{name}{}; ", texts.iter().map(hash).collect::<String>())
        }
    };
    let policy = format!(
        "default-src 'none'; {}{}{sources}; base-uri 'none'; form-action {forms}; frame-ancestors 'none'",
        directive("style-src", styles),
        directive("script-src", scripts),
    );
    HeaderValue::try_from(policy).expect("visible ASCII")
}

/// The headers of a page with this content type.
fn headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers
}

/// The frame of a plain page: the breadcrumbs, if there are any, and the body.
fn frame(title: &str, way: &Markup, body: &Markup) -> Markup {
    document(title, &Markup::default(), &html! { (way) main { (body) } })
}

/// A page with additions to its head and its own layout.
fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(FAVICON);
                style { (PreEscaped(STYLE)) }
                (head)
            }
            body { (body) }
        }
    }
}

/// An icon, for a page that does not define all icons as symbols.
fn drawing(icon: Icon) -> Markup {
    html! { svg class={ "i i-" (icon.name()) } viewBox="0 0 24 24" aria-hidden="true" { (PreEscaped(icon.drawing())) } }
}
