//! A folder, shown. Made in pieces while it is sent, so that 100,000 entries are never one text in memory.

use std::borrow::Cow;
use std::iter;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::gallery::{self, FILES, ROWS};
use crate::body::Body;
use crate::mount::Mount;
use crate::request::format::Format;
use crate::request::path::{MediaPath, encode_segment};
use crate::storage::folder::{Entry, Kind};

/// Entries made into one piece of the body.
const PIECE: usize = 256;

/// One entry as a program gets it.
#[derive(Serialize)]
struct Item<'a> {
    name: Cow<'a, str>,
    url: String,
    /// `directory`, or the media type that a GET answers with; `null` where nobody has looked at a file whose name does
    /// not tell it (beyond the thousandth in a folder), and for what is not served.
    r#type: Option<String>,
    /// Bytes; `null` for what is not a file.
    size: Option<u64>,
    /// RFC 3339, UTC.
    modified: Option<Timestamp>,
}

/// The listing of `path` on `mount`. `entries` are in the order to show.
pub fn listing(mount: &Mount, path: &MediaPath, entries: Vec<Entry>, format: Format) -> Response<Body> {
    let base = mount.site.prefix.url_of(&path.with_slash(true));
    let (content_type, chunks): (_, Box<dyn Iterator<Item = String> + Send + Sync>) = match format {
        Format::Html => ("text/html; charset=utf-8", {
            let page = gallery::page(mount, path, &entries).into_string();
            let (top, bottom) = page.split_once(ROWS).expect("the page holds it");
            let (zone, types) = (TimeZone::system(), mount.site.root.types().clone());
            let mut folders = true;
            let rows = pieces(entries, move |entry| {
                // they come folders first
                let ends = std::mem::replace(&mut folders, entry.kind == Kind::Directory) && !folders;
                let before = if ends { FILES } else { "" };
                format!("{before}{}", gallery::row(&entry, &types, &zone).into_string())
            });
            Box::new(iter::once(top.to_owned()).chain(rows).chain(iter::once(bottom.to_owned())))
        }),
        Format::Text => ("text/plain; charset=utf-8", {
            Box::new(pieces(entries, move |entry| format!("{base}{}\n", href(&entry))))
        }),
        Format::Json => ("application/json", {
            let types = mount.site.root.types().clone();
            let mut comma = "";
            let items = pieces(entries, move |entry| {
                let r#type = match entry.kind {
                    Kind::Directory => Some("directory".to_owned()),
                    Kind::File(_) => {
                        let media_type = entry.sniffed.clone().or_else(|| types.by_name(&entry.name));
                        media_type.map(|media_type| media_type.essence().to_owned())
                    }
                    Kind::Other => None,
                };
                let item = Item {
                    name: String::from_utf8_lossy(&entry.name),
                    url: format!("{base}{}", href(&entry)),
                    r#type,
                    size: size(&entry),
                    modified: entry.modified.and_then(|modified| Timestamp::try_from(modified).ok()),
                };
                let before = std::mem::replace(&mut comma, ",");
                format!("{before}\n{}", serde_json::to_string(&item).unwrap_or_default())
            });
            Box::new(iter::once("[".to_owned()).chain(items).chain(iter::once("\n]\n".to_owned())))
        }),
    };
    let mut response = Response::new(Body::Chunks(Box::new(chunks.map(Bytes::from))));
    *response.headers_mut() = super::headers(content_type);
    if format == Format::Html {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, gallery::policy(mount));
    }
    response
}

/// Texts of many entries at a time: one write each would be one packet each.
fn pieces(
    entries: Vec<Entry>,
    mut text: impl FnMut(Entry) -> String + Send + Sync,
) -> impl Iterator<Item = String> + Send + Sync {
    let mut entries = entries.into_iter();
    iter::from_fn(move || {
        let piece: String = entries.by_ref().take(PIECE).map(&mut text).collect();
        (!piece.is_empty()).then_some(piece)
    })
}

/// Relative to the folder. Every `:` is escaped, so it cannot be read as a scheme.
pub(super) fn href(entry: &Entry) -> String {
    let slash = if entry.kind == Kind::Directory { "/" } else { "" };
    encode_segment(&entry.name) + slash
}

pub(super) fn size(entry: &Entry) -> Option<u64> {
    match entry.kind {
        Kind::File(len) => Some(len),
        Kind::Directory | Kind::Other => None,
    }
}
