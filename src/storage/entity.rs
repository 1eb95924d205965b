//! `Entity`: what HTTP needs to know about an open file. Made from the handle only, never from a path.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use hyper::header::HeaderValue;

use super::media_type::MediaType;

/// A file changed less than this ago may change again without its times moving: kernels before 6.13 stamp files in
/// ticks of up to 10 ms. Until then it has no validator, so that no cache keeps a half-written upload.
const RACY: Duration = Duration::from_millis(20);

/// The selected representation (RFC 9110 section 3.2) and its metadata.
#[derive(Debug, Clone)]
pub struct Entity {
    /// The file system that it is on: inode numbers, and so validators, are unique only there.
    pub device: u64,
    /// Bytes, when the file was opened. Bounds the answer even if the file grows.
    pub len: u64,
    /// A strong validator, quotes included; `None` while the file is too young for one.
    pub etag: Option<HeaderValue>,
    /// Whole seconds; `None` before 1970 or at its start, in the future (RFC 9110 section 8.8.2.1), or while the file is too young.
    pub last_modified: Option<HttpDate>,
    /// By its name or its first bytes.
    pub media_type: MediaType,
}

impl Entity {
    /// Describes a file that is still being fetched. Its only validator is the time it will have: the
    /// others depend on an inode that still changes.
    pub fn incomplete(len: u64, last_modified: Option<HttpDate>, media_type: MediaType) -> Self {
        Self { device: 0, len, etag: None, last_modified, media_type }
    }

    /// Describes a file by the metadata of its handle, read at `now`.
    pub fn new(metadata: &Metadata, media_type: MediaType, now: SystemTime) -> Self {
        let settled = age_of_change(metadata, now) >= RACY;
        Self {
            device: metadata.dev(),
            len: metadata.len(),
            etag: settled.then(|| etag(metadata)),
            last_modified: metadata
                .modified()
                .ok()
                .filter(|_| settled)
                .and_then(|modified| last_modified(modified, now)),
            media_type,
        }
    }
}

/// Time since the inode last changed; a change in the future is an old one (a clock was set back).
fn age_of_change(metadata: &Metadata, now: SystemTime) -> Duration {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let changed = match (u64::try_from(metadata.ctime()), u32::try_from(metadata.ctime_nsec())) {
        (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    };
    since_epoch.checked_sub(changed).unwrap_or(Duration::MAX)
}

/// Strong because any write moves ctime, which no program can set back, and a replaced file has another inode.
fn etag(metadata: &Metadata) -> HeaderValue {
    let tag = format!(
        "\"{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    );
    HeaderValue::try_from(tag).expect("hex digits, quotes, dots and dashes")
}

/// Times up to this one are artificial: 0 is what Docker layers and `OSTree` set, 1 what Nix sets. Every version of a file
/// would have the same, and a client that sends only `If-Modified-Since` would get 304 for ever.
const ARTIFICIAL: Duration = Duration::from_secs(1);

fn last_modified(modified: SystemTime, now: SystemTime) -> Option<HttpDate> {
    // `HttpDate` cannot be made from a time before 1970 or after 9999; the second is in the future anyway
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).ok().filter(|since| *since > ARTIFICIAL)?;
    let whole = SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs());
    (modified <= now).then(|| whole.into())
}
