//! What a folder holds, for a listing.

use std::cmp::Ordering;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::time::SystemTime;

use cap_std::fs::Dir;

use crate::request::path::is_own;

/// One name in a folder. Links are described by what they lead to, if that is inside the root.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// As the file system has it: bytes, neither empty nor `.` nor `..`.
    pub name: Vec<u8>,
    /// What is behind it.
    pub kind: Kind,
    /// When it was last written, if the system says.
    pub modified: Option<SystemTime>,
}

/// What is behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A regular file, with its length in bytes.
    File(u64),
    /// A link that leads out or nowhere, a FIFO, a socket, a device: shown, not served.
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

/// What a link in a folder leads to.
#[derive(Debug)]
pub enum Target {
    /// A file or folder that is served.
    Served(Metadata),
    /// Nothing that is served: the link is shown as [`Kind::Other`].
    Broken,
    /// Something that must not be named: the link is left out.
    Secret,
}

/// Reads a folder: folders first, then by name as people number them. Hidden names only where `hidden` says so. What a
/// link leads to is asked of `follow`: beneath this folder's handle alone a link such as `../a.jpg` would lead out.
///
/// Cost: one call an entry, an open a link. An entry that vanishes while it is read is left out.
pub fn read(dir: &Dir, hidden: bool, follow: impl Fn(&[u8]) -> Target) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        if is_own(bytes) || (!hidden && bytes.starts_with(b".")) {
            continue;
        }
        let Ok(own) = entry.metadata() else { continue };
        let (kind, modified) = if own.is_symlink() {
            match follow(name.as_encoded_bytes()) {
                Target::Served(target) => {
                    (Kind::new(target.is_dir(), target.is_file(), target.len()), target.modified().ok())
                }
                Target::Broken => (Kind::Other, None),
                Target::Secret => continue,
            }
        } else {
            let modified = own.modified().ok().map(cap_std::time::SystemTime::into_std);
            (Kind::new(own.is_dir(), own.is_file(), own.len()), modified)
        };
        entries.push(Entry { name: name.into_vec(), kind, modified });
    }
    entries.sort_unstable_by(order);
    Ok(entries)
}

fn order(a: &Entry, b: &Entry) -> Ordering {
    let is_file = |entry: &Entry| entry.kind != Kind::Directory;
    is_file(a)
        .cmp(&is_file(b))
        .then_with(|| natural(&a.name, &b.name))
        // what only case or leading zeros tell apart still has an order
        .then_with(|| a.name.cmp(&b.name))
}

/// Names as people number them: `photo2` before `photo10`, without regard to case.
fn natural(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let ([x, after_x @ ..], [y, after_y @ ..]) = (a, b) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (m, n) = (take_number(&mut a), take_number(&mut b));
            m.len().cmp(&n.len()).then_with(|| m.cmp(n))
        } else {
            (a, b) = (after_x, after_y);
            x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Takes the digits off the front, of any length, and gives them without leading zeros: the longer is the greater.
fn take_number<'a>(name: &mut &'a [u8]) -> &'a [u8] {
    let end = name.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(name.len());
    let (digits, rest) = name.split_at(end);
    *name = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}
