//! Suggestions: finds the URL that a request for a missing file probably meant.

use std::os::unix::ffi::OsStringExt as _;

use cap_std::fs::Dir;
use percent_encoding::percent_decode;
use unicode_normalization::UnicodeNormalization as _;

use crate::mount::{Mount, Mounts};
use crate::request::path::{MediaPath, is_own};
use crate::storage::root::Found;

/// The most names to compare in one folder. The rest of a larger folder is ignored.
const MAX_NAMES: usize = 10_000;

/// The most typos in a mistyped prefix.
const PREFIX_TYPOS: usize = 2;

/// The URL that was probably meant by a missing path of a mount: the path without a doubled prefix, with its
/// backslashes replaced, with a similar name, or on another mount. Blocks.
pub fn in_mounts(mounts: &Mounts, mount: &Mount, missing: &MediaPath) -> Option<String> {
    let spelled_otherwise = [mount.site.prefix.strip(missing), missing.with_backslashes_turned()];
    let mut others = mounts.iter().filter(|other| other.site.prefix != mount.site.prefix);
    (spelled_otherwise.into_iter().flatten().find_map(|path| exists(mounts, mount, &path)))
        .or_else(|| find(mount, missing).and_then(|path| url(mounts, mount, &path)))
        .or_else(|| others.find_map(|other| exists(mounts, other, missing)))
}

/// The URL that was probably meant by a path outside all mounts: the same path on a mount, or a prefix that nearly
/// matches. Blocks.
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

/// The URL of a path that anybody may see, or `None` if another mount serves that URL.
fn url(mounts: &Mounts, mount: &Mount, path: &MediaPath) -> Option<String> {
    (!mount.internal && mounts.leads_to(&mount.site, path) && mount.site.is_public_all_the_way(path))
        .then(|| mount.site.prefix.url_of(path))
}

/// The URL of a path that the mount serves.
fn exists(mounts: &Mounts, mount: &Mount, path: &MediaPath) -> Option<String> {
    mount.site.check_visible(path).ok()?;
    url(mounts, mount, path)?;
    let slash = match mount.site.root.open(path).ok()? {
        Found::Directory(_) => true,
        Found::File(..) => false,
    };
    Some(mount.site.prefix.url_of(&path.with_slash(slash)))
}

/// The nearest existing path of this mount, with each missing segment replaced by the most similar name. Hidden names
/// are suggested only if they are served.
///
/// Walks from the top and stops at the first segment without a similar name. A path of 30,000 segments therefore costs
/// no more than the folders that exist.
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
            // if the path continues below a file, or ends in a slash, the file itself was meant
            Ok(Found::File(..)) => return Some(next),
            Err(_) => break,
        }
    }
    (renamed && !here.is_top()).then(|| here.with_slash(true))
}

/// The names in a folder, up to the limit.
fn names(mount: &Mount, dir: &Dir) -> impl Iterator<Item = Vec<u8>> {
    let names = dir.entries().into_iter().flatten().take(MAX_NAMES);
    let names = names.filter_map(|entry| Some(entry.ok()?.file_name().into_vec()));
    names.filter(|name| !is_own(name) && (mount.site.hidden || !name.starts_with(b".")))
}

/// How similar two names are, from the most to the least similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// Equal except for case, Unicode form, escapes, `+`, and the kind of space.
    Spelling,
    /// Equal except for word separators: spaces, hyphens, underscores or nothing.
    Separators,
    /// The same stem with another extension.
    Extension,
    /// One is derived from the other by a suffix: `photo-300x200.jpg`, `photo_k3J9sQx.jpg`.
    Derivative,
    /// This many letters differ.
    Typos(usize),
}

/// The name that is most similar to the wanted one, if any is similar. Among equals, the first in byte order.
fn nearest(wanted: &[u8], names: impl Iterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
    let wanted = Folded::new(wanted);
    let mut best: Option<(Likeness, Vec<u8>)> = None;
    for name in names {
        let Some(likeness) = wanted.likeness(&Folded::new(&name)) else { continue };
        if likeness == Likeness::Spelling {
            return Some(name);
        }
        if best.as_ref().is_none_or(|(known, best)| (likeness, &name) < (*known, best)) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

/// A name in a normal form that all equivalent spellings share.
struct Folded {
    text: String,
    /// The length of the stem: the part before the last dot.
    stem: usize,
    /// One bit for each letter or digit that occurs. Names that differ in many bits are not typos of each other.
    letters: u64,
}

impl Folded {
    fn new(name: &[u8]) -> Self {
        let text = fold(name);
        let stem = stem(&text).len();
        let letters = text.bytes().fold(0, |letters, byte| letters | 1 << (byte % 64));
        Self { text, stem, letters }
    }

    fn stem(&self) -> &str {
        &self.text[..self.stem]
    }

    fn extension(&self) -> &str {
        &self.text[self.stem..]
    }

    /// How similar `other` is to this name, or `None` if it is not.
    fn likeness(&self, other: &Self) -> Option<Likeness> {
        if self.text == other.text {
            return Some(Likeness::Spelling);
        }
        if self.stem().is_empty() || other.stem().is_empty() {
            return None;
        }
        if self.extension() == other.extension() {
            if words(self.stem()).eq(words(other.stem())) {
                return Some(Likeness::Separators);
            }
            if is_derivative(self.stem(), other.stem()) || is_derivative(other.stem(), self.stem()) {
                return Some(Likeness::Derivative);
            }
        }
        if self.stem() == other.stem() {
            return Some(Likeness::Extension);
        }
        // photo.jpg.300x200_q85.jpg (easy-thumbnails)
        let suffix = self.text.strip_prefix(&other.text).and_then(|suffix| suffix.strip_prefix('.'));
        if suffix.and_then(|suffix| suffix.split(['_', '.']).next()).is_some_and(is_size) {
            return Some(Likeness::Derivative);
        }
        self.typos(other).map(Likeness::Typos)
    }

    /// The number of wrong letters, if it is small enough for a typo.
    fn typos(&self, other: &Self) -> Option<usize> {
        let most = match self.stem {
            0..=2 => return None,
            3..=7 => 1,
            _ => 2,
        };
        let unlike = (self.letters ^ other.letters).count_ones() as usize;
        if self.text.len().abs_diff(other.text.len()) > 4 * most || unlike > 2 * most {
            return None;
        }
        // digits number files: photo-2.jpg is not a misspelling of photo-1.jpg
        if digits(&self.text).ne(digits(&other.text)) {
            return None;
        }
        let typos = strsim::osa_distance(&self.text, &other.text);
        (typos <= most).then_some(typos)
    }
}

/// True if `long` is `short` plus a suffix that programs append to the names of derived files.
fn is_derivative(long: &str, short: &str) -> bool {
    let Some(suffix) = long.strip_prefix(short) else { return false };
    let is_random = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match suffix.chars().next() {
        // Django's get_alternative_name, and its older format
        Some('_') if is_random(&suffix[1..], &[7]) => true,
        // WordPress, sorl, imgproxy
        Some('-' | '_' | '.') if is_size(&suffix[1..]) => true,
        Some('-' | '_') if matches!(&suffix[1..], "scaled" | "rotated" | "thumb" | "thumbnail" | "small" | "large") => {
            true
        }
        // ManifestStaticFilesStorage, Vite, webpack
        Some('.' | '-') if is_random(&suffix[1..], &[8, 12, 20, 32]) && suffix.bytes().any(|b| b.is_ascii_digit()) => {
            true
        }
        Some('@') => matches!(&suffix[1..], "1x" | "2x" | "3x"),
        _ => false,
    }
}

/// `300x200`, `300x` or `x200`.
fn is_size(text: &str) -> bool {
    let is_side = |side: &&str| side.len() <= 5 && side.bytes().all(|b| b.is_ascii_digit());
    text.len() > 1 && text.split_once('x').is_some_and(|(width, height)| [width, height].iter().all(is_side))
}

/// Letters and digits, without word separators.
fn words(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !matches!(c, ' ' | '-' | '_' | '.'))
}

fn digits(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(u8::is_ascii_digit)
}

/// The normal form of a name. All kinds of space become one: macOS puts U+202F before AM and PM in the names of
/// screenshots, and web pages use U+00A0. Zero-width characters are removed.
fn fold(name: &[u8]) -> String {
    if name.iter().all(|b| b.is_ascii() && !matches!(b, b'%' | b'+')) {
        return String::from_utf8_lossy(name).to_ascii_lowercase();
    }
    let decoded = percent_decode(name).decode_utf8_lossy();
    let visible =
        decoded.chars().filter(|c| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'));
    let spaced = visible.map(|c| if c == '+' || (c.is_whitespace() && c != '\n') { ' ' } else { c });
    spaced.nfc().flat_map(char::to_lowercase).collect()
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
            ("photo.jpg", &["photo.webp", "PHOTO.JPG"], Some("PHOTO.JPG")), // case has priority over extension
            ("photo", &["photo.png"], Some("photo.png")),
            ("e\u{301}te\u{301}.jpg", &["\u{e9}t\u{e9}.jpg"], Some("\u{e9}t\u{e9}.jpg")), // NFD for NFC
            ("\u{e9}t\u{e9}.jpg", &["e\u{301}te\u{301}.jpg"], Some("e\u{301}te\u{301}.jpg")),
            ("my+cat.jpg", &["my cat.jpg"], Some("my cat.jpg")),
            ("my%20cat.jpg", &["my cat.jpg"], Some("my cat.jpg")), // encoded twice
            ("photo.jpg", &["other.jpg"], None),
            (".jpg", &[".png"], None),
            ("photo.jpg", &[], None),
            // kinds of space: macOS screenshots have U+202F, web pages U+00A0
            ("Shot 9.41 AM.png", &["Shot 9.41\u{202f}AM.png"], Some("Shot 9.41\u{202f}AM.png")),
            ("a\u{a0}b.png", &["a b.png"], Some("a b.png")),
            ("a\u{200b}b.png", &["ab.png"], Some("ab.png")),
            // separators
            ("misty_ridges.jpg", &["misty-ridges.jpg", "misty.jpg"], Some("misty-ridges.jpg")),
            ("misty ridges.jpg", &["misty-ridges.jpg"], Some("misty-ridges.jpg")),
            ("mistyridges.jpg", &["misty-ridges.jpg"], Some("misty-ridges.jpg")),
            // derivatives, both ways
            ("dunes_aFDAWZz.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("dunes.jpg", &["dunes_aFDAWZz.jpg"], Some("dunes_aFDAWZz.jpg")),
            ("dunes-300x200.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("dunes.300x200.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("dunes.jpg.300x200_q85.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("dunes-scaled.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("logo@2x.png", &["logo.png"], Some("logo.png")),
            ("app.5f2d4a7c8b1e.css", &["app.css"], Some("app.css")),
            ("dunes_at_night.jpg", &["dunes.jpg"], None),
            // typing errors
            ("dune.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("dunse.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("duunes.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("dines.jpg", &["dunes.jpg"], Some("dunes.jpg")),
            ("photo", &["photos"], Some("photos")),
            ("misty-rigdes.jgp", &["misty-ridges.jpg"], Some("misty-ridges.jpg")),
            ("dnues.jpg", &["dunes.jpg", "dunes.png"], Some("dunes.jpg")),
            ("day.jpg", &["dog.jpg"], None), // two of three letters differ
            ("ab.jpg", &["ac.jpg"], None),   // too short to be a typo
            ("photo-1.jpg", &["photo-2.jpg"], None),
            ("2025.jpg", &["2024.jpg"], None),
        ] {
            let names = names.iter().map(|name| name.as_bytes().to_vec());
            let found = nearest(wanted.as_bytes(), names).map(|name| String::from_utf8(name).unwrap());
            assert_eq!(found.as_deref(), expected, "{wanted}");
        }
    }
}
