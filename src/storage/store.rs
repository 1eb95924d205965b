//! `Store`: where the files of a mount are.

use std::fmt;
use std::path::Path;

use super::bucket::Bucket;
use super::media_type::MediaTypes;
use super::root::{Found, OpenError, Root};
use crate::request::path::MediaPath;

/// Where the files of a mount are. There are two cases, and each has its own way through the pipeline: the way of folders
/// knows nothing about buckets.
#[derive(Debug)]
pub enum Store {
    /// A folder of this machine.
    Folder(Root),
    /// A bucket of an object store.
    Bucket(Bucket),
}

/// A feature that needs a folder was used on a mount without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAFolder;

impl Store {
    /// The folder, for everything that needs files of this machine.
    pub fn folder(&self) -> Result<&Root, NotAFolder> {
        match self {
            Self::Folder(root) => Ok(root),
            Self::Bucket(_) => Err(NotAFolder),
        }
    }

    /// The bucket, if it is one.
    pub fn bucket(&self) -> Option<&Bucket> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket(bucket) => Some(bucket),
        }
    }

    /// The folder's path, for messages at start-up. It is never sent to a client.
    pub fn path(&self) -> Option<&Path> {
        self.folder().ok().map(Root::path)
    }

    /// Opens a file or a folder of a folder; see [`Root::open`]. Blocks.
    pub fn open(&self, path: &MediaPath) -> Result<Found, OpenError> {
        self.folder()?.open(path)
    }

    /// The path after all links have been followed; see [`Root::real`]. A bucket has no links. Blocks.
    pub fn real(&self, path: &MediaPath) -> Result<Option<MediaPath>, OpenError> {
        match self {
            Self::Folder(root) => root.real(path),
            Self::Bucket(_) => Ok(None),
        }
    }

    /// Whether `path` is known to contain no link; see [`Root::is_straight_now`].
    pub fn is_straight_now(&self, path: &MediaPath) -> bool {
        match self {
            Self::Folder(root) => root.is_straight_now(path),
            Self::Bucket(_) => true,
        }
    }

    /// The media types of its files.
    pub fn types(&self) -> &MediaTypes {
        match self {
            Self::Folder(root) => root.types(),
            Self::Bucket(bucket) => bucket.types(),
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(root) => write!(f, "{}", root.path().display()),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl From<NotAFolder> for OpenError {
    fn from(_: NotAFolder) -> Self {
        Self::NotAFolder
    }
}
