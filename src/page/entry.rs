//! Attributes of an entry that the listing and the gallery share.

use crate::request::path::encode_segment;
use crate::storage::folder::{Entry, Kind};

/// The entry's URL relative to the folder. Every `:` is escaped, so it cannot be read as a scheme.
pub(super) fn href(entry: &Entry) -> String {
    let slash = if entry.kind == Kind::Directory { "/" } else { "" };
    encode_segment(&entry.name) + slash
}

pub(super) fn size(entry: &Entry) -> Option<u64> {
    match entry.kind {
        Kind::File(len) => Some(len),
        Kind::Directory | Kind::Other => None,
    }
}
