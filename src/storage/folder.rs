//! What a folder holds, for a listing.

use std::cmp::Ordering;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::time::SystemTime;

use cap_std::fs::Dir;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Directory,
    /// A regular file, with its length in bytes.
    File(u64),
    /// A link that leads out or nowhere, a FIFO, a socket, a device: shown, not served.
    Other,
}

/// Reads a folder: folders first, then by name without regard to case. Hidden names only where `hidden` says so.
///
/// Cost: one call an entry. An entry that vanishes while it is read is left out.
pub fn read(dir: &Dir, hidden: bool) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        if !hidden && name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Ok(own) = entry.metadata() else { continue };
        let metadata = if own.is_symlink() { dir.metadata(&name).ok() } else { Some(own) };
        let kind = match &metadata {
            Some(metadata) if metadata.is_dir() => Kind::Directory,
            Some(metadata) if metadata.is_file() => Kind::File(metadata.len()),
            _ => Kind::Other,
        };
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        entries.push(Entry {
            name: name.into_vec(),
            kind,
            modified: modified.map(cap_std::time::SystemTime::into_std),
        });
    }
    entries.sort_unstable_by(order);
    Ok(entries)
}

fn order(a: &Entry, b: &Entry) -> Ordering {
    let is_file = |entry: &Entry| entry.kind != Kind::Directory;
    is_file(a)
        .cmp(&is_file(b))
        .then_with(|| {
            let (a, b) = (a.name.iter(), b.name.iter());
            a.map(u8::to_ascii_lowercase).cmp(b.map(u8::to_ascii_lowercase))
        })
        .then_with(|| a.name.cmp(&b.name))
}
