//! The page at `/`: which mounts there are.

use hyper::Response;
use maud::html;
use serde_json::json;

use super::format::Format;
use crate::body::Body;
use crate::mount::Mounts;

/// The landing page. It names prefixes, never a path of this machine.
pub fn landing(mounts: &Mounts, format: Format) -> Response<Body> {
    let urls = || mounts.iter().map(|mount| mount.prefix.as_str());
    let (content_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", {
            let body = html! {
                h1 { "devmedia" }
                p.soft { "Media files for development. Mounted here:" }
                table {
                    tbody {
                        @for url in urls() {
                            tr { td { a href=(url) { (url) } } }
                        }
                    }
                }
            };
            super::frame("devmedia", &body).into_string()
        }),
        Format::Text => ("text/plain; charset=utf-8", urls().map(|url| format!("{url}\n")).collect()),
        Format::Json => ("application/json", {
            let mounts: Vec<_> = urls().map(|url| json!({ "url": url })).collect();
            format!("{}\n", json!({ "mounts": mounts }))
        }),
    };
    let mut response = Response::new(Body::full(text));
    *response.headers_mut() = super::headers(content_type);
    response
}
