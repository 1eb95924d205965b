//! The page at `/`: which mounts there are.

use hyper::Response;
use maud::html;
use serde_json::json;

use crate::body::Body;
use crate::mount::Mounts;
use crate::request::format::Format;

/// The landing page. It names prefixes and policies, never a path of this machine nor a secret.
pub fn landing(mounts: &Mounts, format: Format) -> Response<Body> {
    let rows = || {
        mounts
            .iter()
            .filter(|mount| !mount.internal)
            .map(|mount| (mount.site.prefix.as_str(), mount.site.access.name()))
    };
    let (content_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", {
            let body = html! {
                h1 { "devmedia" }
                p.soft { "Media files for development. Mounted here:" }
                ul.mounts {
                    @for (url, access) in rows() {
                        li { a href=(url) { (url) } " " span.soft { (access) } }
                    }
                }
            };
            super::frame("devmedia", &body).into_string()
        }),
        Format::Text => {
            ("text/plain; charset=utf-8", rows().map(|(url, access)| format!("{url} {access}\n")).collect())
        }
        Format::Json => ("application/json", {
            let mounts: Vec<_> = rows().map(|(url, access)| json!({ "url": url, "access": access })).collect();
            format!("{}\n", json!({ "mounts": mounts }))
        }),
    };
    let mut response = Response::new(Body::full(text));
    *response.headers_mut() = super::headers(content_type);
    response
}
