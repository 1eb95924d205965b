//! Small files in `.devmedia-meta/` below the root: what cannot be an attribute of a file, and the CORS configuration of
//! the bucket. The name of the folder is one of devmedia's own, so it is never served.

use std::io::{self, Write as _};

use cap_std::fs::Dir;

use crate::request::path::{MediaPath, OWN};
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::storage::token::token;
use crate::system;

/// The folder.
const FOLDER: &str = ".devmedia-meta";

/// Reads a file; `None` if it is missing. Blocks.
pub fn read(root: &Root, name: &str) -> Option<Vec<u8>> {
    folder(root)?.read(name).ok()
}

/// Writes a file, whole or not at all. Blocks.
pub fn write(root: &Root, name: &str, text: &[u8]) -> io::Result<()> {
    let top = match root.reach(&MediaPath::top()).map_err(|_| io::ErrorKind::NotFound)? {
        Reach::Folder(top, _) => top,
        Reach::InTheWay(_) => return Err(io::ErrorKind::NotADirectory.into()),
    };
    match top.create_dir(FOLDER) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        result => result?,
    }
    let folder = top.open_dir(FOLDER)?;
    let temporary = format!("{OWN}{}", token(16));
    system::create_new(&folder, &temporary)?.write_all(text)?;
    system::replace(&folder, &temporary, &folder, name.as_ref())
}

/// Removes a file, if it exists. Blocks.
pub fn remove(root: &Root, name: &str) {
    if let Some(folder) = folder(root) {
        let _ = folder.remove_file(name);
    }
}

fn folder(root: &Root) -> Option<Dir> {
    match root.reach(&MediaPath::top().join(FOLDER.as_bytes())).ok()? {
        Reach::Folder(folder, missing) if missing.is_empty() => Some(folder),
        _ => None,
    }
}
