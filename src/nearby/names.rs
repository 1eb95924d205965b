//! The names in one folder, ordered so that the name most similar to a missing one is found without a look at all others.

use std::cmp::Ordering;

use percent_encoding::percent_decode;
use unicode_normalization::UnicodeNormalization as _;

/// The names in a folder.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// In the order of their normal forms, then of their bytes.
    all: Vec<Name>,
    /// Hashes of the letters between word separators and the extension, with an index into `all`.
    by_words: Vec<(u64, usize)>,
    /// What a quick look at typing errors needs, in the order of the digits.
    by_digits: Vec<Outline>,
}

#[derive(Debug)]
struct Name {
    stored: Box<[u8]>,
    folded: Folded,
}

/// What a name must have in common with another one that differs by few letters.
#[derive(Debug, Clone, Copy)]
struct Outline {
    /// A hash of the digits.
    digits: u64,
    letters: u64,
    len: usize,
    /// Into [`Names::all`].
    index: usize,
}

impl Names {
    /// Orders names.
    pub(super) fn new(names: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut names: Vec<Name> =
            names.map(|stored| Name { folded: Folded::new(&stored), stored: stored.into_boxed_slice() }).collect();
        names.sort_unstable_by(|one, other| (&one.folded.text, &one.stored).cmp(&(&other.folded.text, &other.stored)));
        let all = || names.iter().map(|name| &name.folded).enumerate();
        let mut by_words: Vec<_> = all().map(|(index, folded)| (folded.words(), index)).collect();
        by_words.sort_unstable();
        let mut by_digits: Vec<_> = all().map(|(index, folded)| folded.outline(index)).collect();
        by_digits.sort_unstable_by_key(|outline| outline.digits);
        Self { all: names, by_words, by_digits }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether the folder has this very name.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.spelled(&fold(name)).iter().any(|known| *known.stored == *name)
    }

    /// The name that is most similar to the wanted one, if any is similar. Among equals, the first in byte order.
    pub(super) fn nearest(&self, wanted: &[u8]) -> Option<&[u8]> {
        let wanted = Folded::new(wanted);
        if let [first, ..] = self.spelled(&wanted.text) {
            return Some(&first.stored);
        }
        let similar = self.candidates(&wanted).filter_map(|name| Some((wanted.likeness(&name.folded)?, &*name.stored)));
        similar.min().map(|(_, name)| name)
    }

    /// All names that may be similar to the wanted one, and some that are not.
    fn candidates(&self, wanted: &Folded) -> impl Iterator<Item = &Name> {
        let (stem, extension) = (wanted.stem(), wanted.extension());
        let cuts = |marks: &'static [char]| stem.match_indices(marks).map(|(cut, _)| &stem[..cut]);
        // photo.jpg for photo-300x200.jpg
        let shorter = cuts(&['_', '-', '.', '@']).flat_map(move |short| self.spelled(&format!("{short}{extension}")));
        // photo.jpg for photo.jpg.300x200_q85.jpg, and photo for photo.jpg
        let inner = cuts(&['.']).chain([stem]).flat_map(|short| self.spelled(short));
        // photo.png and photo-300x200.jpg for photo.jpg
        let mut start = format!("{stem}_");
        let longer = ['_', '-', '.', '@'].into_iter().flat_map(move |mark| {
            start.truncate(stem.len());
            start.push(mark);
            self.starting_with(&start)
        });
        let wanted_words = wanted.words();
        let words = equal_range(&self.by_words, |(words, _)| words.cmp(&wanted_words));
        let words = words.iter().map(|(_, index)| &self.all[*index]);
        let outline = wanted.outline(0);
        let alike = equal_range(&self.by_digits, |other| other.digits.cmp(&outline.digits));
        let most = wanted.most_typos();
        let alike = alike.iter().filter(move |other| most.is_some_and(|most| outline.may_be_typo(other, most)));
        let alike = alike.map(|other| &self.all[other.index]);
        shorter.chain(inner).chain(longer).chain(words).chain(alike)
    }

    /// The names with this normal form.
    fn spelled(&self, text: &str) -> &[Name] {
        equal_range(&self.all, |name| (*name.folded.text).cmp(text))
    }

    /// The names whose normal form starts with this text.
    fn starting_with(&self, text: &str) -> &[Name] {
        let start = self.all.partition_point(|name| *name.folded.text < *text);
        let rest = &self.all[start..];
        &rest[..rest.partition_point(|name| name.folded.text.starts_with(text))]
    }
}

impl Outline {
    /// Whether the names may differ by at most this many wrong letters.
    fn may_be_typo(&self, other: &Self, most: usize) -> bool {
        let unlike = (self.letters ^ other.letters).count_ones() as usize;
        self.len.abs_diff(other.len) <= 4 * most && unlike <= 2 * most
    }
}

/// The elements that compare as equal, of a slice that is sorted by this comparison.
fn equal_range<T>(slice: &[T], compare: impl Fn(&T) -> Ordering) -> &[T] {
    let rest = &slice[slice.partition_point(|element| compare(element).is_lt())..];
    &rest[..rest.partition_point(|element| compare(element).is_eq())]
}

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
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

/// A name in a normal form that all equivalent spellings share.
#[derive(Debug)]
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

    /// How many letters may be wrong.
    fn most_typos(&self) -> Option<usize> {
        match self.stem {
            0..=2 => None,
            3..=7 => Some(1),
            _ => Some(2),
        }
    }

    fn outline(&self, index: usize) -> Outline {
        Outline { digits: hash(digits(&self.text)), letters: self.letters, len: self.text.len(), index }
    }

    /// A hash of the stem without word separators, and the extension.
    fn words(&self) -> u64 {
        let separators = |b: &u8| !matches!(b, b' ' | b'-' | b'_' | b'.');
        hash(self.stem().bytes().filter(separators).chain([0]).chain(self.extension().bytes()))
    }

    /// The number of wrong letters, if it is small enough for a typo.
    fn typos(&self, other: &Self) -> Option<usize> {
        let most = self.most_typos()?;
        if !self.outline(0).may_be_typo(&other.outline(0), most) {
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
pub(super) fn fold(name: &[u8]) -> String {
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
            let names = Names::new(names.iter().map(|name| name.as_bytes().to_vec()));
            let found = names.nearest(wanted.as_bytes()).map(|name| std::str::from_utf8(name).unwrap());
            assert_eq!(found, expected, "{wanted}");
        }
    }

    /// The index must find what a look at every name finds.
    #[test]
    fn no_similar_name_is_overlooked() {
        const PARTS: [&str; 14] =
            ["photo", "a", "img_", "-", "_", ".", " ", "300x200", "@2x", "scaled", "k3J9sQx", "1", "\u{e9}", ".jpg"];
        let mut random = 1_u64;
        let mut name = || {
            let mut next = |below: usize| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                usize::try_from(random >> 33).expect("31 bits") % below
            };
            (0..=next(4)).map(|_| PARTS[next(PARTS.len())]).collect::<String>()
        };
        let mut found = 0;
        for _ in 0..400 {
            let names: Vec<Vec<u8>> = (0..30).map(|_| name().into_bytes()).collect();
            let index = Names::new(names.iter().cloned());
            for _ in 0..10 {
                let wanted = name();
                let folded = Folded::new(wanted.as_bytes());
                let all = names.iter().filter_map(|name| Some((folded.likeness(&Folded::new(name))?, name)));
                let expected = all.min().map(|(_, name)| name.as_slice());
                assert_eq!(index.nearest(wanted.as_bytes()), expected, "{wanted:?}");
                assert_eq!(index.contains(wanted.as_bytes()), names.contains(&wanted.clone().into_bytes()));
                found += usize::from(expected.is_some());
            }
        }
        assert!(found > 1000, "{found}");
    }
}
