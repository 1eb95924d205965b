//! What is known of a copy: that it is one, and which state of the upstream's file it is.
//!
//! It is noted in an extended attribute of the file itself, so there is no index to keep or to lose. A file that the
//! developer puts in its place does not have the attribute; one that is changed in place has it, but another length or time
//! than it says; one that is moved, or copied with its attributes, another path. None of them is ever touched again.

use std::fs::File;
use std::sync::Once;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::request::path::MediaPath;

/// The attribute (xattr(7): the user's own are in `user.`).
const NAME: &str = "user.devmedia.copy";

/// The validators of the upstream's answer, which the next question is made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    /// Where it was stored, as a digest: the path itself may be longer than an attribute.
    path: String,
    /// When it was stored, in seconds since 1970.
    at: u64,
    /// The copy's own length and time when it was stored.
    len: u64,
    mtime: u128,
}

impl Copied {
    /// The validators of an answer.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED), ..Self::default() }
    }

    /// When the upstream says that its file was changed.
    pub fn modified(&self) -> Option<HttpDate> {
        self.last_modified.as_ref()?.parse().ok()
    }

    /// Gives a whole file the upstream's time, and notes what it is a copy of. Where the file system has no attributes, it
    /// becomes one of the developer's own: it is never refreshed. Blocks.
    pub fn note(mut self, file: &File, path: &MediaPath) {
        if let Some(modified) = self.modified().map(SystemTime::from).filter(|modified| *modified <= SystemTime::now())
        {
            let _ = file.set_modified(modified);
        }
        let Some((len, mtime)) = state(file) else { return };
        (self.len, self.mtime, self.at, self.path) = (len, mtime, now(), digest(path));
        let text = serde_json::to_vec(&self).unwrap_or_default();
        if let Err(error) = fsetxattr(file, NAME, &text, XattrFlags::empty()) {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| tracing::debug!("copies cannot be noted as such here, and are never refreshed: {error}"));
        }
    }

    /// What the open file at `path` is a copy of, if it is one, as it was stored and where. Blocks.
    pub fn read(file: &File, path: &MediaPath) -> Option<Self> {
        let mut text = [0; 4096];
        let len = fgetxattr(file, NAME, &mut text).ok()?;
        let copied: Self = serde_json::from_slice(text.get(..len)?).ok()?;
        (state(file)? == (copied.len, copied.mtime) && copied.path == digest(path)).then_some(copied)
    }

    /// How long ago it was stored.
    pub fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.at))
    }

    /// Whether both are of one state of the upstream's file, which has a validator.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag) {
            (Some(one), Some(other)) => one == other,
            _ => self.last_modified.is_some() && self.last_modified == other.last_modified,
        }
    }

    /// The fields that ask whether the upstream's file is still the same (RFC 9110 section 13.1); none where it cannot be
    /// told.
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

/// Length and time of change, in nanoseconds.
fn state(file: &File) -> Option<(u64, u128)> {
    let metadata = file.metadata().ok()?;
    let modified = metadata.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((metadata.len(), modified.as_nanos()))
}
