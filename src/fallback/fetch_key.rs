//! [`FetchKey`] identifies a file of the upstream.

use crate::request::path::MediaPath;

/// Identifies a file of the upstream. Requests for the same path with different queries are about different files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FetchKey {
    /// The file's path below the media root and below the upstream.
    pub path: MediaPath,
    /// The query that is sent, without the query of the upstream's URL.
    pub(super) query: Option<String>,
}

impl FetchKey {
    /// A file that is requested without a query.
    pub fn plain(path: &MediaPath) -> Self {
        Self { path: path.clone(), query: None }
    }
}
