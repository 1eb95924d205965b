//! A folder's listing. It is created in pieces while it is sent, so that a text of 100,000 entries never has to be in
//! memory.

use std::borrow::Cow;
use std::iter;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::entry::{href, size};
use super::gallery::{self, FILES, ROWS};
use crate::body::Body;
use crate::live::change::State;
use crate::mount::{Mount, Mounts};
use crate::request::format::Format;
use crate::request::path::MediaPath;
use crate::request::query::Query;
use crate::storage::folder::{Entry, Kind};
use crate::storage::media_type::MediaType;

/// The number of entries in one piece of the body.
const PIECE: usize = 256;

/// An entry in the JSON listing.
#[derive(Serialize)]
struct Item<'a> {
    name: Cow<'a, str>,
    url: String,
    /// `directory`, or the media type that a GET answers with. `null` for an entry that is not served, and for a file
    /// whose type is unknown because its name does not reveal it and its content was not inspected (after the first
    /// thousand in a folder).
    r#type: Option<&'a str>,
    /// The size in bytes, or `null` for an entry that is not a file.
    size: Option<u64>,
    /// RFC 3339, UTC.
    modified: Option<Timestamp>,
}

/// The names in a query such as `only=a.png&only=b.png`, or `None` if the query does not select entries.
fn only(query: Query<'_>) -> Option<Vec<Vec<u8>>> {
    let names = query.pairs().filter(|(key, _)| *key == "only").map(|(_, name)| percent_decode_str(name).collect());
    Some(names.collect()).filter(|names: &Vec<_>| !names.is_empty())
}

/// The listing of `path` on `mount`. `entries` are in display order. `?only=NAME` in the query selects the entries with
/// these names, and reduces the page to their rows. An open page uses it to fetch what has changed.
pub fn listing(
    mounts: &Mounts,
    mount: &Mount,
    path: &MediaPath,
    mut entries: Vec<Entry>,
    format: Format,
    query: Query<'_>,
) -> Response<Body> {
    let base = mount.site.prefix.url_of(&path.with_slash(true));
    let state = State::of(&entries);
    let only = only(query);
    if let Some(only) = &only {
        entries.retain(|entry| only.contains(&entry.name));
    }
    let (content_type, chunks): (_, Box<dyn Iterator<Item = Vec<u8>> + Send + Sync>) = match format {
        Format::Html => ("text/html; charset=utf-8", {
            let page = match only {
                Some(_) => gallery::rows_only(),
                None => gallery::page(mounts, mount, path, &entries, state),
            };
            let page = page.into_string();
            let (top, bottom) = page.split_once(ROWS).expect("the page holds it");
            let (zone, types) = (TimeZone::system(), mount.site.root.types().clone());
            let mut folders = true;
            let rows = pieces(entries, move |entry, text| {
                // folders come first
                let ends = std::mem::replace(&mut folders, entry.kind == Kind::Directory) && !folders;
                if ends {
                    text.extend_from_slice(FILES.as_bytes());
                }
                text.extend_from_slice(gallery::row(entry, &types, &zone).into_string().as_bytes());
            });
            Box::new(iter::once(top.into()).chain(rows).chain(iter::once(bottom.into())))
        }),
        Format::Text => ("text/plain; charset=utf-8", {
            Box::new(pieces(entries, move |entry, text| {
                for part in [&base, &*href(entry), "\n"] {
                    text.extend_from_slice(part.as_bytes());
                }
            }))
        }),
        Format::Json => ("application/json", {
            let types = mount.site.root.types().clone();
            let mut before = "\n";
            let items = pieces(entries, move |entry, text| {
                let media_type = match entry.kind {
                    Kind::File(_) => entry.sniffed.as_deref().cloned().or_else(|| types.by_name(&entry.name)),
                    Kind::Directory | Kind::Other => None,
                };
                let item = Item {
                    name: String::from_utf8_lossy(&entry.name),
                    url: base.clone() + &href(entry),
                    r#type: match entry.kind {
                        Kind::Directory => Some("directory"),
                        Kind::File(_) | Kind::Other => media_type.as_ref().map(MediaType::essence),
                    },
                    size: size(entry),
                    modified: entry.modified.and_then(|modified| Timestamp::try_from(modified).ok()),
                };
                text.extend_from_slice(std::mem::replace(&mut before, ",\n").as_bytes());
                serde_json::to_writer(text, &item).expect("it has no map whose keys could fail");
            });
            Box::new(iter::once("[".into()).chain(items).chain(iter::once("\n]\n".into())))
        }),
    };
    let mut response = Response::new(Body::Chunks(Box::new(chunks.map(Bytes::from))));
    *response.headers_mut() = super::headers(content_type);
    if format == Format::Html {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, gallery::policy(mount));
    }
    response
}

/// Joins the texts of many entries into one piece, because each piece becomes a packet. `write` adds the text of an entry.
fn pieces(
    entries: Vec<Entry>,
    mut write: impl FnMut(&Entry, &mut Vec<u8>) + Send + Sync,
) -> impl Iterator<Item = Vec<u8>> + Send + Sync {
    let mut entries = entries.into_iter();
    let mut room = 0;
    iter::from_fn(move || {
        let mut piece = Vec::with_capacity(room);
        entries.by_ref().take(PIECE).for_each(|entry| write(&entry, &mut piece));
        // the next piece will be as long
        room = piece.len();
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_chooses_entries() {
        for (query, expected) in [
            (None, None),
            (Some("format=json"), None),
            (Some("only"), Some(vec![&b""[..]])),
            (Some("only="), Some(vec![&b""[..]])),
            (Some("only=a.png"), Some(vec![&b"a.png"[..]])),
            (Some("format=json&only=a%26b&only=%FF"), Some(vec![&b"a&b"[..], b"\xff"])),
            (Some("only=a+b"), Some(vec![&b"a+b"[..]])),
            (Some("onlyx=a"), None),
        ] {
            let expected = expected.map(|names| names.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
            assert_eq!(only(Query::new(query)), expected, "{query:?}");
        }
    }
}
