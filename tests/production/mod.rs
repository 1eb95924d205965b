//! Fetching over real sockets, from a real nginx and from faulty upstreams.

mod drawn;
mod faults;
mod fetching;
mod nginx;
mod upstream;
mod pulling;
mod refreshing;
mod sharing;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use self::upstream::Upstream;
use crate::support::{Answer, PATIENCE, Server, Way, skip_on_windows, wait_until};

/// A server whose first mount falls back to this URL.
fn server(fallback: &str, args: &[&str]) -> Server {
    Server::start(Way::Fast, &[&["--fallback", fallback], args].concat())
}

/// Bytes that differ at every offset.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) ^ (at >> 8)).to_le_bytes()[0]).collect()
}

/// All files below a folder, by their paths in it.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, content)| (format!("{name}/{below}"), content)));
        } else {
            found.insert(name, fs::read(&path).expect("a file"));
        }
    }
    found
}
