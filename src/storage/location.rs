//! `Location`: where an open handle is, which need not be where its path says.

use crate::request::path::MediaPath;

/// Where an open handle is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// Where its path says: no link is on the way, and each name is spelled as it is stored.
    AsAsked,
    /// Beneath the root, at this path.
    At(MediaPath),
    /// Outside the root (`--follow-links`).
    Outside,
}

impl Location {
    /// The path beneath the root, if it is another one than that which was opened.
    pub fn path(&self) -> Option<&MediaPath> {
        match self {
            Self::At(path) => Some(path),
            Self::AsAsked | Self::Outside => None,
        }
    }

    /// Of a handle at `path` that `asked` led to.
    pub(super) fn of(path: MediaPath, asked: &MediaPath) -> Self {
        if path.as_bytes() == asked.as_bytes() { Self::AsAsked } else { Self::At(path) }
    }
}
