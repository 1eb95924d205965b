//! `Prefix`: where a mount is in the URL space (Django's `MEDIA_URL`).

use std::fmt;

use super::path::MediaPath;

/// A URL prefix such as `/media/`: whole segments, a slash at both ends. `/` is the whole site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefix {
    path: MediaPath,
    /// Percent-encoded, from the first slash to the last.
    url: String,
}

/// Why a text is not a prefix. `Display` is advice, to be read after the flag and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixError {
    /// Empty, or only spaces.
    Empty,
    /// A scheme or a host: the production form of `MEDIA_URL`.
    HasHost,
    /// A query, a fragment, `..` or a NUL.
    NotAPath,
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the prefix is empty; write a path such as /media/, or / to serve at the top",
            Self::HasHost => {
                "the prefix names a scheme or a host, but here it is only the path part of a URL; write a path such \
                 as /media/ (a CDN's address belongs to production)"
            }
            Self::NotAPath => "the prefix is not a plain path (no '..', '?' or '#'); write a path such as /media/",
        })
    }
}

impl Prefix {
    /// Reads a prefix as people type it; missing slashes are added.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let text = text.trim();
        let scheme = text.split(['/', '?', '#']).next().unwrap_or_default();
        match text {
            "" => return Err(PrefixError::Empty),
            _ if text.starts_with("//") || scheme.contains(':') => return Err(PrefixError::HasHost),
            _ if text.contains(['?', '#']) => return Err(PrefixError::NotAPath),
            _ => {}
        }
        let path = MediaPath::parse(text.as_bytes()).map_err(|_| PrefixError::NotAPath)?;
        Ok(Self::from_path(&path))
    }

    fn from_path(path: &MediaPath) -> Self {
        let path = path.with_slash(true);
        let url = format!("/{}", path.to_url());
        Self { path, url }
    }

    /// What remains of `path` below this prefix, matched by whole segments (`/mediaX` is not in `/media/`).
    pub fn strip(&self, path: &MediaPath) -> Option<MediaPath> {
        path.strip(&self.path)
    }

    /// The URL path of `path` on this mount. It starts with exactly one slash, so it can never name another host.
    pub fn url_of(&self, path: &MediaPath) -> String {
        format!("{}{}", self.url, path.to_url())
    }

    /// The prefix itself as a URL path, such as `/media/`.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The prefix as a path.
    pub fn path(&self) -> &MediaPath {
        &self.path
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests;
