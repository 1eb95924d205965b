//! What a person sees. Every page has one frame, one style sheet and one strict policy; the gallery adds its own.

pub mod app_down;
pub mod explain;
pub mod gallery;
pub mod landing;
pub mod listing;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{self, HeaderMap, HeaderValue};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page/style.css");

/// Nothing loads, nothing runs, nobody frames it: names in these pages come from strangers.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(&[STYLE], &[], "img-src data:", "'none'"));

/// A policy under which only these styles and scripts count, by their hashes, only `sources` are loaded, and forms are
/// sent to `forms`.
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

/// The fields of a page made here, of this content type.
fn headers(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers
}

/// The frame of every page.
fn frame(title: &str, body: &Markup) -> Markup {
    document(title, &Markup::default(), &html! { main { (body) } })
}

/// A page with more in its head, and its own layout.
fn document(title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
                (head)
            }
            body { (body) }
        }
    }
}
