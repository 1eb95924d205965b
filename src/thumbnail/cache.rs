//! The thumbnail cache: a folder that outlives the process and that all devmedia processes of a user share.
//!
//! A cache file is a SHA-256 digest followed by the content it covers. A file that is truncated or that another program
//! has changed counts as missing. An error in this module is never more than a cache miss.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::make::Size;
use crate::storage::entity::Entity;
use crate::system;

/// The approximate limit of the folder's size. It is checked each time [`SWEEP_AFTER`] bytes have been written.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// How many bytes this process writes between two sweeps of the folder.
const SWEEP_AFTER: u64 = 16 * 1024 * 1024;

/// A temporary file this old belongs to a process that has ended.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// The length of the SHA-256 digest in front of the content.
const DIGEST: usize = 32;

/// The prefix of temporary files. No key starts with it.
const UNFINISHED: &str = ".new-";

/// Must change when the same files get different thumbnails within one version of devmedia.
const LOOK: &[u8] = b"2";

/// Everything a thumbnail depends on, hashed: the file's state, its media type, the size, and the version of devmedia.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// `None` for a file that is too new to have a validator: it may change again without a visible difference.
    pub fn of(entity: &Entity, size: Size) -> Option<Self> {
        let etag = entity.etag.as_ref()?;
        let mut hash = Sha256::new();
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        for part in [version, LOOK, etag.as_bytes(), entity.media_type.essence().as_bytes()] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.update(entity.device.to_le_bytes());
        hash.update(size.pixels().to_le_bytes());
        // half of a SHA-256 distinguishes 2^64 files
        Some(Self(hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The thumbnail's own validator. It is strong, because one version of devmedia always creates the same bytes.
    pub fn etag(&self) -> HeaderValue {
        HeaderValue::try_from(format!("\"{}\"", self.0)).expect("hex digits and quotes")
    }
}

/// A folder of thumbnails.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    max_bytes: u64,
    /// Bytes written since the last sweep. Starts high, so that a process sweeps after its first write.
    written: AtomicU64,
    /// A write has failed, and the failure has been logged.
    complained: AtomicBool,
    /// Makes the names of this process's temporary files unique.
    next: AtomicU64,
}

impl Cache {
    /// The folder need not exist. It is created with the first thumbnail.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            max_bytes: MAX_BYTES,
            written: AtomicU64::new(SWEEP_AFTER),
            complained: AtomicBool::new(false),
            next: AtomicU64::new(0),
        }
    }

    /// The thumbnail stored under a key, if it is intact.
    pub fn get(&self, key: &Key) -> Option<Bytes> {
        let kept = Bytes::from(fs::read(self.folder.join(&key.0)).ok()?);
        let content = (kept.len() > DIGEST).then(|| kept.slice(DIGEST..))?;
        (kept[..DIGEST] == *Sha256::digest(&content)).then_some(content)
    }

    /// Stores a thumbnail, if possible.
    pub fn put(&self, key: &Key, content: &[u8]) {
        if let Err(error) = self.write(key, content) {
            if !self.complained.swap(true, Relaxed) {
                tracing::info!("thumbnails cannot be cached in {}: {error}", self.folder.display());
            }
            return;
        }
        let written = self.written.fetch_add(content.len() as u64, Relaxed) + content.len() as u64;
        if written >= SWEEP_AFTER && self.written.compare_exchange(written, 0, Relaxed, Relaxed).is_ok() {
            self.sweep(SystemTime::now());
        }
    }

    /// Writes atomically: the name never refers to an incomplete file.
    fn write(&self, key: &Key, content: &[u8]) -> io::Result<()> {
        let unfinished =
            self.folder.join(format!("{UNFINISHED}{}-{}", std::process::id(), self.next.fetch_add(1, Relaxed)));
        let mut file = self.create(&unfinished)?;
        let written = file
            .write_all(&Sha256::digest(content))
            .and_then(|()| file.write_all(content))
            .and_then(|()| fs::rename(&unfinished, self.folder.join(&key.0)));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Images may be private, so only this user can read the folder and its files.
    fn create(&self, path: &std::path::Path) -> io::Result<File> {
        let open = || system::with_mode(OpenOptions::new().write(true).create(true).truncate(true), 0o600).open(path);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                system::private_folder().recursive(true).create(&self.folder)?;
                open()
            }
            result => result,
        }
    }

    /// Removes the oldest thumbnails if the folder is too large, and abandoned temporary files.
    fn sweep(&self, now: SystemTime) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut kept = Vec::new();
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if !entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                kept.push((modified, metadata.len(), entry.path()));
            } else if now.duration_since(modified).is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let mut total: u64 = kept.iter().map(|(_, len, _)| len).sum();
        if total <= self.max_bytes {
            return;
        }
        kept.sort_unstable();
        for (_, len, path) in kept {
            // well below the limit, so that the next sweep is not due soon
            if total <= self.max_bytes / 10 * 9 {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= len;
            }
        }
    }
}

#[cfg(test)]
mod tests;
