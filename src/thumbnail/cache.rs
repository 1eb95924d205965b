//! Thumbnails on disk, between runs and for all devmedias of a user.
//!
//! A file in the cache is a SHA-256 of its content and the content: one that was cut short, or that anybody else wrote
//! something into, is not found and is made again. Nothing that goes wrong here is more than a cache miss.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::make::Size;
use crate::storage::entity::Entity;

/// What the folder may hold, more or less: it is looked through after each [`SWEEP_AFTER`] written.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes written by this process between two looks at the whole folder.
const SWEEP_AFTER: u64 = 16 * 1024 * 1024;

/// A half-written file this old belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Of the SHA-256 in front of the content.
const DIGEST: usize = 32;

/// Half-written files; no key starts like that.
const UNFINISHED: &str = ".new-";

/// Changes when thumbnails of the same files come to look different within a version.
const LOOK: &[u8] = b"2";

/// What a thumbnail depends on, hashed: the file's state, its type, the size, and this program's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// `None` for a file too young for a validator: it may change again unnoticed.
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
        // half of a SHA-256 tells 2^64 files apart
        Some(Self(hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The thumbnail's own validator: strong, since one version of the program makes the same bytes each time.
    pub fn etag(&self) -> HeaderValue {
        HeaderValue::try_from(format!("\"{}\"", self.0)).expect("hex digits and quotes")
    }
}

/// A folder of thumbnails.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    max_bytes: u64,
    /// Since the last sweep; starts high, so that the first write of a process sweeps.
    written: AtomicU64,
    /// Something could not be written, and the log has it.
    complained: AtomicBool,
    /// Tells the half-written files of one process apart.
    next: AtomicU64,
}

impl Cache {
    /// The folder need not exist: it is made with the first thumbnail.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            max_bytes: MAX_BYTES,
            written: AtomicU64::new(SWEEP_AFTER),
            complained: AtomicBool::new(false),
            next: AtomicU64::new(0),
        }
    }

    /// What is kept under a key, if it is whole.
    pub fn get(&self, key: &Key) -> Option<Bytes> {
        let kept = Bytes::from(fs::read(self.folder.join(&key.0)).ok()?);
        let content = (kept.len() > DIGEST).then(|| kept.slice(DIGEST..))?;
        (kept[..DIGEST] == *Sha256::digest(&content)).then_some(content)
    }

    /// Keeps a thumbnail, if that can be done.
    pub fn put(&self, key: &Key, content: &[u8]) {
        if let Err(error) = self.write(key, content) {
            if !self.complained.swap(true, Relaxed) {
                tracing::info!("thumbnails are not kept in {}: {error}", self.folder.display());
            }
            return;
        }
        let written = self.written.fetch_add(content.len() as u64, Relaxed) + content.len() as u64;
        if written >= SWEEP_AFTER && self.written.compare_exchange(written, 0, Relaxed, Relaxed).is_ok() {
            self.sweep(SystemTime::now());
        }
    }

    /// Under its name it is there whole or not at all.
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

    /// Pictures may be private: the folder and its files are for this user only.
    fn create(&self, path: &std::path::Path) -> io::Result<File> {
        let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
                open()
            }
            result => result,
        }
    }

    /// Removes the oldest thumbnails when they have become too many, and what was left half-written.
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
            // well below, so that the next sweep is far
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
