//! The files that a pull downloads, and their sources.

use std::sync::Arc;

use crate::fallback::Fallback;
use crate::request::path::MediaPath;
use crate::site::Site;

/// A site and its fallback.
pub(super) type Source = (Arc<Site>, Arc<Fallback>);

/// A file that is wanted: the index of its source, and its path there.
pub(super) type Wanted = (usize, MediaPath);

/// The names from a list or a listing.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub wanted: Vec<Wanted>,
    /// The entries that could not be read, one sentence each. The others are downloaded anyway.
    pub troubles: Vec<String>,
}

/// The reason why nothing was downloaded; `Display` is advice.
#[derive(Debug)]
pub enum PullError {
    /// A flag or a value is wrong.
    Usage(String),
    /// The system or the upstream failed.
    System(String),
}
