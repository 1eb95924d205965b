//! `Entity`: the metadata of an open file that HTTP needs. It is created from the handle only, never from a path.

use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use hyper::header::HeaderValue;

use super::media_type::MediaType;
use super::version::Version;
use crate::system::FileStat;

/// The selected representation (RFC 9110 section 3.2) and its metadata.
#[derive(Debug, Clone)]
pub struct Entity {
    /// The file system of the file: inode numbers, and so validators, are unique only within it.
    pub device: u64,
    /// The number of bytes when the file was opened. It limits the response even if the file grows.
    pub len: u64,
    /// A strong validator, including the quotes; `None` if the file has changed too recently.
    pub etag: Option<HeaderValue>,
    /// In whole seconds; `None` if it is not later than the first second of 1970, in the future (RFC 9110 section
    /// 8.8.2.1), or if the file has changed too recently.
    pub last_modified: Option<LastModified>,
    /// The type, determined by the name or the first bytes of the file.
    pub media_type: MediaType,
}

impl Entity {
    /// Describes a file that is still being fetched. Its only validator is its final modification time; the `ETag`
    /// depends on an inode that still changes.
    pub fn incomplete(len: u64, last_modified: Option<HttpDate>, media_type: MediaType) -> Self {
        Self { device: 0, len, etag: None, last_modified: last_modified.map(Into::into), media_type }
    }

    /// Describes a file by the state of its handle, read just after `now`.
    pub fn new(stat: &FileStat, media_type: MediaType, now: SystemTime) -> Self {
        let settled = Version::of(stat).is_settled(now);
        Self {
            device: stat.device,
            len: stat.len,
            etag: settled.then(|| etag(stat)),
            last_modified: stat.modified().filter(|_| settled).and_then(|modified| last_modified(modified, now)),
            media_type,
        }
    }
}

/// When a file was last modified, with the field that says so, which is formatted once.
#[derive(Debug, Clone)]
pub struct LastModified {
    /// The time.
    pub date: HttpDate,
    /// The value of `Last-Modified`.
    pub field: HeaderValue,
}

impl LastModified {
    /// The time in a field of another server; `None` if it is not one.
    pub fn parse(field: &HeaderValue) -> Option<Self> {
        let date: HttpDate = field.to_str().ok()?.parse().ok()?;
        Some(date.into())
    }
}

impl From<HttpDate> for LastModified {
    fn from(date: HttpDate) -> Self {
        Self { date, field: HeaderValue::try_from(date.to_string()).expect("letters, digits and colons") }
    }
}

/// The `ETag` is strong, because every write changes ctime, which programs cannot set, and a replaced file has another
/// inode. On Windows, a program that sets the times back can hide a write of the same length.
fn etag(stat: &FileStat) -> HeaderValue {
    let tag = format!(
        "\"{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
        stat.inode, stat.len, stat.modified.seconds, stat.modified.nanos, stat.changed.seconds, stat.changed.nanos,
    );
    HeaderValue::try_from(tag).expect("hex digits, quotes, dots and dashes")
}

/// Times up to this one are artificial: Docker layers and `OSTree` set 0, and Nix sets 1. Every version of a file would
/// have the same time, and a client that sends only `If-Modified-Since` would always get 304.
const ARTIFICIAL: Duration = Duration::from_secs(1);

fn last_modified(modified: SystemTime, now: SystemTime) -> Option<LastModified> {
    // `HttpDate` cannot represent times before 1970 or after 9999; the latter are in the future anyway
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).ok().filter(|since| *since > ARTIFICIAL)?;
    let whole = SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.as_secs());
    (modified <= now).then(|| HttpDate::from(whole).into())
}
