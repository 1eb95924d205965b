//! Formats a refusal: a page for a browser, two lines for curl, or a JSON object for a program.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use maud::{Markup, html};
use serde_json::json;

use super::way;
use crate::access_log::{Reason, Source};
use crate::body::Body;
use crate::fallback::reason::REMEMBERED_MISS;
use crate::mount::Mounts;
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::{MediaPath, Visible};
use crate::thumbnail::Subject;
use crate::thumbnail::icon::Icon;

/// The whole answer to a rejected request for `target`. Its extension contains the reason for the log.
pub fn explain(refusal: Refusal, format: Format, mounts: &Mounts, target: &str) -> Response<Body> {
    let reason = Reason(refusal.reason());
    let Refusal { status, code, what, advice, suggestion, fields, .. } = refusal;
    let shown = suggestion.as_deref().map(|url| look(mounts, url));
    let (content_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", {
            let body = html! {
                p.status { (status) }
                h1 { (what) }
                @match &suggestion {
                    Some(url) => p.meant {
                        (suggested(url, shown))
                        span { "Did you mean " a href=(url) { (readable(url)) } "?" }
                    },
                    None => p.soft { (advice) },
                }
            };
            // a host name that is refused here is refused on every page
            let way = match MediaPath::parse(target.as_bytes()) {
                Ok(asked) if status != StatusCode::MISDIRECTED_REQUEST => way::back(mounts, &asked),
                _ => Markup::default(),
            };
            super::frame(&status.to_string(), &way, &body).into_string()
        }),
        Format::Text => ("text/plain; charset=utf-8", {
            let reason = status.canonical_reason().unwrap_or_default();
            let [before, hint, after] = match &suggestion {
                Some(url) => ["Did you mean ", url, " ?"],
                None => ["", &advice, ""],
            };
            // quicker than a format; clients without a page get this for each missing file
            [status.as_str(), " ", reason, ": ", &what, "\n", before, hint, after, "\n"].concat()
        }),
        Format::Json => ("application/json", {
            // upload widgets show the value of `error` to their users
            let error = format!("{what} {advice}");
            let object = json!({
                "status": status.as_u16(), "error": error.trim_end(), "code": code,
                "reason": what, "advice": advice, "meant": suggestion,
            });
            format!("{object}\n")
        }),
    };
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    *response.headers_mut() = super::headers(content_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if matches!(shown, Some(Subject::Picture | Subject::Itself)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, super::PICTURE_POLICY.clone());
    }
    response.headers_mut().extend(fields);
    if code == REMEMBERED_MISS {
        response.extensions_mut().insert(Source::RememberedMiss);
    }
    response.extensions_mut().insert(reason);
    response
}

/// How a thumbnail represents the file at a suggested URL.
fn look(mounts: &Mounts, url: &str) -> Subject {
    let found = MediaPath::parse(url.as_bytes()).ok();
    let Some((mount, path)) = found.as_ref().and_then(|path| mounts.find(path)) else {
        return Subject::Icon(Icon::Folder);
    };
    if path.is_top() || path.has_slash() {
        return Subject::Icon(Icon::Folder);
    }
    let media_type = mount.site.root.types().by_name(path.file_name());
    media_type.as_ref().map_or(Subject::Icon(Icon::File), Subject::of)
}

/// A suggested file: its thumbnail or its icon.
fn suggested(url: &str, shown: Option<Subject>) -> Markup {
    html! {
        @match shown {
            Some(Subject::Picture) => img src={ (url) "?thumbnail=256" } alt="";,
            Some(Subject::Itself) => img src=(url) alt="";,
            Some(Subject::Icon(icon)) => (super::drawing(icon)),
            None => {},
        }
    }
}

/// A URL in readable form.
fn readable(url: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(url).decode_utf8_lossy();
    Visible(&decoded).to_string()
}
