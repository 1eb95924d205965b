//! The entries of a folder, for a listing.

use std::io;
use std::time::SystemTime;

use cap_std::fs::Dir;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::media_type::MediaType;
use crate::request::path::is_own;
use crate::system::FileStat;

/// An entry of a folder. A link is described by its target, if that is inside the root.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name in the file system: bytes, never empty, `.` or `..`.
    pub name: Vec<u8>,
    /// The kind of the file.
    pub kind: Kind,
    /// The modification time, if the system reports it.
    pub modified: Option<SystemTime>,
    /// The type according to its first bytes, if the name has no known extension and the bytes have been read.
    /// Boxed, because it is rare and there may be many entries.
    pub sniffed: Option<Box<MediaType>>,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A regular file, with its length in bytes.
    File(u64),
    /// A link that leads out of the root or is broken, a FIFO, a socket or a device: listed, but not served.
    Other,
}

impl Kind {
    fn new(is_dir: bool, is_file: bool, len: u64) -> Self {
        match (is_dir, is_file) {
            (true, _) => Self::Directory,
            (_, true) => Self::File(len),
            _ => Self::Other,
        }
    }
}

/// The target of a link in a folder.
#[derive(Debug)]
pub enum Target {
    /// A file or folder that is served.
    Served(FileStat),
    /// The target is not served; the link is listed as [`Kind::Other`].
    Broken,
    /// The target must not be named; the link is omitted.
    Secret,
}

/// Reads a folder and sorts it: folders first, then by name in natural order. Hidden names are included only if
/// `hidden` is set. `follow` describes the target of a link; beneath this folder's handle alone, a link such as
/// `../a.jpg` would lead out.
///
/// Cost: one system call per entry, and one open per link. An entry that disappears meanwhile is omitted.
pub fn read(dir: &Dir, hidden: bool, follow: impl Fn(&[u8]) -> Target) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        if is_own(bytes) || (!hidden && bytes.starts_with(b".")) {
            continue;
        }
        // on Windows, this opens no file: one that another program uses is listed as well
        let Ok(own) = entry.metadata() else { continue };
        let (kind, modified) = if own.is_symlink() {
            match follow(name.as_encoded_bytes()) {
                Target::Served(target) => (Kind::new(target.is_dir, target.is_file, target.len), target.modified()),
                Target::Broken => (Kind::Other, None),
                Target::Secret => continue,
            }
        } else {
            let modified = own.modified().ok().map(cap_std::time::SystemTime::into_std);
            (Kind::new(own.is_dir(), own.is_file(), own.len()), modified)
        };
        entries.push(Entry { name: name.into_encoded_bytes(), kind, modified, sniffed: None });
    }
    sort(&mut entries);
    Ok(entries)
}

/// Sorts entries for display: folders first, then by name in natural order.
pub fn sort(entries: &mut [Entry]) {
    entries.sort_by_cached_key(|entry| {
        let mut key = Vec::with_capacity(2 * entry.name.len() + 8);
        key.push(u8::from(entry.kind != Kind::Directory));
        add_sort_key(&entry.name, &mut key);
        // names with equal keys are in the order of their bytes; no part of a key begins with this byte
        key.push(0);
        key.extend_from_slice(&entry.name);
        key
    });
}

/// The ASCII punctuation in the order of the root of the Unicode Collation Algorithm, which browsers use
/// (`Intl.Collator`).
const SIGNS: &[u8] = b"\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// The rank of each ASCII character in a key: punctuation first.
const RANKS: [u8; 128] = {
    let mut ranks = [0; 128];
    let mut at = 0_u8;
    while at < 128 {
        ranks[at as usize] = at.to_ascii_lowercase();
        at += 1;
    }
    let mut rank = 0;
    while rank < SIGNS.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 37")]
        let place = rank as u8 + 1;
        ranks[SIGNS[rank] as usize] = place;
        rank += 1;
    }
    ranks
};

/// Adds the key that sorts names in natural order: `photo2` before `photo10`, ignoring case and accents (`Été` beside `Ete`),
/// punctuation before digits before letters.
///
/// For most names, this is the order of the gallery's script, which also takes the reader's language into account.
fn add_sort_key(name: &[u8], key: &mut Vec<u8>) {
    /// The byte before a character that is not ASCII, after all letters.
    const OTHER: u8 = 0x80;
    if name.is_ascii() {
        return add_ascii_sort_key(name, key);
    }
    let text = String::from_utf8_lossy(name);
    let plain = text.nfd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase);
    let plain: String = plain.collect();
    // what is not ASCII ends a number, like any letter
    for part in plain.split_inclusive(|c: char| !c.is_ascii()) {
        let ascii = part.trim_end_matches(|c: char| !c.is_ascii());
        add_ascii_sort_key(ascii.as_bytes(), key);
        for c in part[ascii.len()..].chars() {
            key.push(OTHER);
            key.extend_from_slice(&u32::from(c).to_be_bytes());
        }
    }
}

/// Adds the key of a name of ASCII characters, which most names are.
fn add_ascii_sort_key(name: &[u8], key: &mut Vec<u8>) {
    /// The byte before the length of a number, after all punctuation.
    const NUMBER: u8 = 0x40;
    let mut rest = name;
    while let [first, after @ ..] = rest {
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            key.push(RANKS[usize::from(*first)]);
            rest = after;
            continue;
        }
        // a number of any length, without leading zeros: the longer one is greater
        let (digits, after) = rest.split_at(count);
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        key.push(NUMBER);
        key.extend_from_slice(&u16::try_from(count - zeros).unwrap_or(u16::MAX).to_be_bytes());
        key.extend_from_slice(&digits[zeros..]);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort_key(name: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        add_sort_key(name, &mut key);
        key
    }

    #[test]
    fn names_sort_in_natural_order() {
        // each row is in the order of `Intl.Collator('en', { numeric: true })` in Chromium
        for line in [
            &["_draft", "-draft", ",draft", "(draft)", "1", "2", "10", "a", "B", "c", "\u{65e5}\u{672c}"][..],
            &["a 1.txt", "a_1", "a-1", "a1", "a01b", "a2", "a10"],
            &["cafe", "caf\u{e9}", "cafe\u{301}s", "cafz"],
            &["Ecole", "\u{c9}t\u{e9} \u{e0} la plage.jpg", "Ete.jpg", "eu", "Zoo"],
            &["IMG_2.jpg", "img_10.jpg"],
        ] {
            let mut keys: Vec<_> = line.iter().map(|name| sort_key(name.as_bytes())).collect();
            keys.dedup();
            assert!(keys.is_sorted(), "{line:?}");
        }
        assert_eq!(sort_key("\u{c9}t\u{e9}".as_bytes()), sort_key(b"ete"));
        assert_eq!(sort_key(b"img 007.png"), sort_key(b"IMG 7.png"));
    }
}
