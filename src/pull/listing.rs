//! The names of files, from the listing of the upstream: a bucket, another devmedia, or nginx with `autoindex_format json`.

use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::wanted::{Names, PullError, Source};
use crate::fallback::client;
use crate::mount::Mounts;
use crate::request::path::MediaPath;
use crate::storage::folder::Kind;

/// The maximum depth of nested folders, for listings that contain themselves.
const MAX_DEPTH: usize = 32;

/// The maximum number of folders and files of a fallback.
const MAX_FOLDERS: usize = 100_000;
const MAX_FILES: usize = 1_000_000;

/// The maximum number of bytes of a listing.
const MAX_LISTING: usize = 64 * 1024 * 1024;

/// What both listings say about an entry.
#[derive(Deserialize)]
struct Entry {
    name: String,
    /// `directory`; anything else is a file, except `other` (nginx). devmedia sends `null` for a file whose name does
    /// not tell its type, and for what is neither: only the file has a size.
    r#type: Option<String>,
    size: Option<u64>,
}

/// All files of all fallbacks, folder by folder. Without the listing of the top folder there is nothing to download; a
/// folder below it that cannot be read is reported, and the others are used.
pub(super) async fn walk(mounts: &Mounts, sources: &[Source]) -> Result<Names, PullError> {
    let mut names = Names::default();
    for (index, source) in sources.iter().enumerate() {
        let mut folders = vec![MediaPath::top()];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            let found = match entries(source, &folder).await {
                Ok(found) => found,
                Err(why) if folder.is_top() => return Err(PullError::System(why)),
                Err(why) => {
                    names.troubles.push(why);
                    continue;
                }
            };
            read += 1;
            if read > MAX_FOLDERS || names.wanted.len() > MAX_FILES {
                return Err(PullError::System(format!(
                    "{} has more than {MAX_FOLDERS} folders or {MAX_FILES} files, or contains itself; write the names into a \
                     file, a line each, and use --from FILE",
                    source.1.upstream
                )));
            }
            for (path, is_folder) in found {
                if source.0.check_visible(&path).is_err() || !mounts.leads_to(&source.0, &path) {
                    // it would not be served here
                } else if !is_folder {
                    names.wanted.push((index, path));
                } else if path.segments().count() < MAX_DEPTH {
                    folders.push(path);
                }
            }
        }
    }
    Ok(names)
}

/// The entries of a folder, and whether each is a folder itself.
async fn entries((_, fallback): &Source, folder: &MediaPath) -> Result<Vec<(MediaPath, bool)>, String> {
    if let Some(bucket) = fallback.bucket() {
        let found = bucket.entries(folder, true).await.map_err(|error| {
            let explained = bucket.explain(&error);
            format!("{}: {} {}", fallback.upstream, explained.what, explained.advice)
        })?;
        return Ok(found.iter().map(|entry| (folder.join(&entry.name), entry.kind == Kind::Directory)).collect());
    }
    let url = fallback.upstream.url_of(&folder.with_slash(true), None);
    let mut shown = url.clone();
    // it may be a secret
    shown.set_query(None);
    let unreadable = |why: String| {
        format!(
            "{shown} has no listing that can be read ({why}). devmedia has one, and so has nginx with 'autoindex on; \
             autoindex_format json;'. Otherwise write the names into a file, a line each, and use --from FILE"
        )
    };
    let fields = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
    let answer = fallback.send(&Method::GET, url, &fields).await.map_err(|why| unreadable(format!("it {why}")))?;
    if !answer.status().is_success() {
        return Err(unreadable(format!("it answered {}", answer.status())));
    }
    let (mut answer, mut body) = (answer.into_body(), Vec::new());
    while let Some(bytes) = client::next(&mut answer).await.map_err(&unreadable)? {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_LISTING {
            return Err(unreadable(format!("it is longer than {MAX_LISTING} bytes")));
        }
    }
    let entries: Vec<Entry> = serde_json::from_slice(&body).map_err(|_| unreadable("it is not JSON".to_owned()))?;
    Ok(entries.iter().filter_map(|entry| below(folder, entry)).collect())
}

/// The path of an entry; `None` if it is neither a file nor a folder, or if its name leads elsewhere.
fn below(folder: &MediaPath, entry: &Entry) -> Option<(MediaPath, bool)> {
    let kind = entry.r#type.as_deref().or(entry.size.map(|_| "file")).filter(|kind| *kind != "other")?;
    let leads_elsewhere = matches!(&*entry.name, "" | "." | "..") || entry.name.contains(['/', '\0']);
    (!leads_elsewhere).then(|| (folder.join(entry.name.as_bytes()), kind == "directory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_lies_in_its_folder_or_is_left_out() {
        let folder = MediaPath::parse(b"a/").unwrap();
        for (name, kind, expected) in [
            ("b.jpg", Some("file"), Some(("a/b.jpg", false))),
            ("b.jpg", Some("image/jpeg"), Some(("a/b.jpg", false))),
            ("b", Some("directory"), Some(("a/b", true))),
            ("b", None, None),
            ("sized", None, Some(("a/sized", false))),
            ("b", Some("other"), None),
            ("..", Some("directory"), None),
            ("../../etc/passwd", Some("file"), None),
            ("/etc/passwd", Some("file"), None),
            ("", Some("file"), None),
            ("a\0b", Some("file"), None),
        ] {
            let size = (name == "sized").then_some(1);
            let entry = Entry { name: name.to_owned(), r#type: kind.map(str::to_owned), size };
            let found = below(&folder, &entry).map(|(path, is_folder)| (path.to_string(), is_folder));
            assert_eq!(found.as_ref().map(|(path, folder)| (path.as_str(), *folder)), expected, "{name} {kind:?}");
        }
    }
}
