//! `Wanted`: the file that a fetch is about.

use crate::request::path::MediaPath;

/// What a fetch is about. Requests for the same path with another query ask the upstream for another file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The file's path, here and below the upstream.
    pub path: MediaPath,
    /// The query that is sent, without the upstream's own.
    pub(super) query: Option<String>,
}

impl Wanted {
    /// A file that is asked for without a query.
    pub fn plain(path: &MediaPath) -> Self {
        Self { path: path.clone(), query: None }
    }
}
