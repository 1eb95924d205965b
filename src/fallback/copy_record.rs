//! Records which files are copies of files at the upstream, and of which version.
//!
//! The record is an extended attribute of the file itself, so there is no index to maintain. A file that the developer puts
//! in place of a copy does not have the attribute. A copy that was modified has a different length or time than the record,
//! and one that was moved, or record with its attributes, has a different path. devmedia never replaces any of these.

use std::fs::File;
use std::sync::Once;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::request::path::MediaPath;
use crate::system;

/// The name of the attribute (xattr(7): user attributes start with `user.`).
const NAME: &str = "user.devmedia.copy";

/// The record of a copy: the validators of the upstream's response, which the next conditional request uses, and the state of
/// the stored file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    /// A digest of the path where it was stored; the path itself may be too long for an attribute.
    path: String,
    /// When it was stored, in seconds since 1970.
    at: u64,
    /// The length and the modification time of the copy when it was stored.
    len: u64,
    mtime: u128,
}

impl CopyRecord {
    /// Creates a record with the validators of a response.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED), ..Self::default() }
    }

    /// When the upstream's file was last modified, according to the upstream.
    pub fn modified(&self) -> Option<HttpDate> {
        self.last_modified.as_ref()?.parse().ok()
    }

    /// Sets the modification time of a complete file to the upstream's, and writes the record. On Windows and on file
    /// systems without attributes, the file counts as the developer's own and is never refreshed. Blocks.
    pub fn note(mut self, file: &File, path: &MediaPath) {
        if let Some(modified) = self.modified().map(SystemTime::from).filter(|modified| *modified <= SystemTime::now())
        {
            let _ = file.set_modified(modified);
        }
        let Some((len, mtime)) = state(file) else { return };
        (self.len, self.mtime, self.at, self.path) = (len, mtime, now(), digest(path));
        let text = serde_json::to_vec(&self).unwrap_or_default();
        if let Err(error) = system::set_attribute(file, NAME, &text) {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                tracing::debug!("fetched files are never refreshed, because they cannot be marked as copies: {error}");
            });
        }
    }

    /// Reads the record of the open file at `path`; `None` if the file is not an unmodified copy stored at this path. Blocks.
    pub fn read(file: &File, path: &MediaPath) -> Option<Self> {
        let text = system::attribute(file, NAME, 4096)?;
        let record: Self = serde_json::from_slice(&text).ok()?;
        (state(file)? == (record.len, record.mtime) && record.path == digest(path)).then_some(record)
    }

    /// How long ago it was stored.
    pub fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.at))
    }

    /// Whether the validators show that both are the same version of the upstream's file.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag) {
            (Some(one), Some(other)) => one == other,
            _ => self.last_modified.is_some() && self.last_modified == other.last_modified,
        }
    }

    /// The header fields of a conditional request for the upstream's file (RFC 9110 section 13.1); empty if the upstream sent
    /// no validators.
    pub fn conditions(&self) -> HeaderMap {
        let value = |text: &Option<String>| HeaderValue::try_from(text.as_deref()?).ok();
        let tag = value(&self.etag).map(|tag| (header::IF_NONE_MATCH, tag));
        let date = value(&self.last_modified).map(|date| (header::IF_MODIFIED_SINCE, date));
        tag.into_iter().chain(date).collect()
    }
}

fn digest(path: &MediaPath) -> String {
    Sha256::digest(path.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The length in bytes and the modification time in nanoseconds since 1970.
fn state(file: &File) -> Option<(u64, u128)> {
    let metadata = file.metadata().ok()?;
    let modified = metadata.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((metadata.len(), modified.as_nanos()))
}
