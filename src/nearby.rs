//! What was probably meant by a path that leads to nothing.

use std::os::unix::ffi::OsStringExt as _;

use cap_std::fs::Dir;
use percent_encoding::percent_decode;
use unicode_normalization::UnicodeNormalization as _;

use crate::mount::{Mount, Mounts};
use crate::request::path::{MediaPath, is_own};
use crate::storage::root::Found;

/// Names looked at in the one directory concerned; a larger folder is searched in part.
const MAX_NAMES: usize = 10_000;

/// How many letters a mistyped prefix may differ in.
const PREFIX_TYPOS: usize = 2;

/// The URL that was probably meant by a path that is not in its mount: the path without a doubled prefix or with the
/// slashes of Windows turned, a like name beside it, or the same path on another mount. Blocks.
pub fn in_mounts(mounts: &Mounts, mount: &Mount, missing: &MediaPath) -> Option<String> {
    let spelled_otherwise = [mount.site.prefix.strip(missing), missing.with_backslashes_turned()];
    let mut others = mounts.iter().filter(|other| other.site.prefix != mount.site.prefix);
    (spelled_otherwise.into_iter().flatten().find_map(|path| exists(mounts, mount, &path)))
        .or_else(|| find(mount, missing).and_then(|path| url(mounts, mount, &path)))
        .or_else(|| others.find_map(|other| exists(mounts, other, missing)))
}

/// The URL that was probably meant by a path on no mount: the same path on one, or a prefix that nearly matches.
/// Blocks.
pub fn outside_mounts(mounts: &Mounts, asked: &MediaPath) -> Option<String> {
    mounts.iter().find_map(|mount| exists(mounts, mount, asked)).or_else(|| {
        let (mount, depth, _) = mounts
            .iter()
            .map(|mount| {
                let depth = mount.site.prefix.path().segments().count();
                let wanted = fold(mount.site.prefix.path().to_string().as_bytes());
                let typed = fold(asked.head(depth).to_string().as_bytes());
                (mount, depth, strsim::damerau_levenshtein(&wanted, &typed))
            })
            .filter(|(_, _, typos)| *typos <= PREFIX_TYPOS)
            .min_by_key(|(_, _, typos)| *typos)?;
        let rest = asked.segments().skip(depth).fold(MediaPath::top(), |path, segment| path.join(segment));
        let rest = if rest.is_top() { rest } else { rest.with_slash(asked.has_slash()) };
        exists(mounts, mount, &rest).or_else(|| Some(mount.site.prefix.to_string()))
    })
}

/// The URL of a path that everybody may see; nothing where another mount has that URL.
fn url(mounts: &Mounts, mount: &Mount, path: &MediaPath) -> Option<String> {
    (!mount.internal && mounts.leads_to(&mount.site, path) && mount.site.is_public_all_the_way(path))
        .then(|| mount.site.prefix.url_of(path))
}

/// The URL of a path on a mount that serves it.
fn exists(mounts: &Mounts, mount: &Mount, path: &MediaPath) -> Option<String> {
    mount.site.shows(path).ok()?;
    url(mounts, mount, path)?;
    let slash = match mount.site.root.open(path).ok()? {
        Found::Directory(_) => true,
        Found::File(..) => false,
    };
    Some(mount.site.prefix.url_of(&path.with_slash(slash)))
}

/// The nearest path of this mount that does exist: each segment that is missing is taken for the name that reads like
/// it. Hidden names are suggested only where they are served.
///
/// Goes down from the top and ends at the first segment that nothing reads like, so a path of 30,000 segments costs no
/// more than the folders that are there.
fn find(mount: &Mount, missing: &MediaPath) -> Option<MediaPath> {
    let root = &mount.site.root;
    let top = MediaPath::top();
    let Ok(Found::Directory(mut dir)) = root.open(&top) else { return None };
    let mut here = top;
    let mut renamed = false;
    for segment in missing.segments() {
        let mut next = here.join(segment);
        let mut found = root.open(&next);
        if found.is_err() {
            let Some(name) = nearest(segment, names(mount, &dir)) else { break };
            renamed = true;
            next = here.join(&name);
            found = root.open(&next);
        }
        match found {
            Ok(Found::Directory(below)) => (here, dir) = (next, below),
            // where the path goes on below a file, or ends in a slash, the file itself was meant
            Ok(Found::File(..)) => return Some(next),
            Err(_) => break,
        }
    }
    (renamed && !here.is_top()).then(|| here.with_slash(true))
}

/// The names in a folder, as far as they are looked at.
fn names(mount: &Mount, dir: &Dir) -> impl Iterator<Item = Vec<u8>> {
    let names = dir.entries().into_iter().flatten().take(MAX_NAMES);
    let names = names.filter_map(|entry| Some(entry.ok()?.file_name().into_vec()));
    names.filter(|name| !is_own(name) && (mount.site.hidden || !name.starts_with(b".")))
}

/// The name that reads like the wanted one: the same but for case, Unicode form, escapes and `+`; else the same stem
/// with another extension.
fn nearest(wanted: &[u8], names: impl Iterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
    let wanted = fold(wanted);
    let mut same_stem: Option<Vec<u8>> = None;
    for name in names {
        let folded = fold(&name);
        if folded == wanted {
            return Some(name);
        }
        let better = same_stem.as_ref().is_none_or(|best| name < *best);
        if better && !stem(&wanted).is_empty() && stem(&folded) == stem(&wanted) {
            same_stem = Some(name);
        }
    }
    same_stem
}

/// One spelling for names that people take for the same.
fn fold(name: &[u8]) -> String {
    percent_decode(name).decode_utf8_lossy().replace('+', " ").nfc().flat_map(char::to_lowercase).collect()
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        for (wanted, names, expected) in [
            ("photo.jpg", &["a.jpg", "Photo.JPG"][..], Some("Photo.JPG")),
            ("photo.jpg", &["photo.jpeg", "photo2.jpg"], Some("photo.jpeg")),
            ("photo.jpg", &["photo.webp", "PHOTO.JPG"], Some("PHOTO.JPG")), // case beats extension
            ("photo", &["photo.png"], Some("photo.png")),
            ("e\u{301}te\u{301}.jpg", &["\u{e9}t\u{e9}.jpg"], Some("\u{e9}t\u{e9}.jpg")), // NFD for NFC
            ("\u{e9}t\u{e9}.jpg", &["e\u{301}te\u{301}.jpg"], Some("e\u{301}te\u{301}.jpg")),
            ("my+cat.jpg", &["my cat.jpg"], Some("my cat.jpg")),
            ("my%20cat.jpg", &["my cat.jpg"], Some("my cat.jpg")), // encoded twice
            ("photo.jpg", &["other.jpg"], None),
            (".jpg", &[".png"], None),
            ("photo.jpg", &[], None),
        ] {
            let names = names.iter().map(|name| name.as_bytes().to_vec());
            let found = nearest(wanted.as_bytes(), names).map(|name| String::from_utf8(name).unwrap());
            assert_eq!(found.as_deref(), expected, "{wanted}");
        }
    }
}
