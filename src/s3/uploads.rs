//! Multipart uploads on disk: a folder each in `.devmedia-s3/` below the root, with `upload.json` and a file per part. The
//! name is one of devmedia's own, so parts are never listed, served or shown in the gallery.
//!
//! A part is staged and published like an object, and its record has its ETag and checksum, so a part is whole or missing,
//! also after kill -9.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::error::{Code, S3Error};
use super::key::Key;
use super::record::Record;
use crate::refusal::Refusal;
use crate::request::path::{MediaPath, OWN};
use crate::signature::Algorithm;
use crate::storage::root::reach::Reach;
use crate::storage::token::token;
use crate::system;
use crate::upload::staged::StagedFile;

/// The folder of all uploads.
const FOLDER: &str = ".devmedia-s3";

/// The file that describes an upload.
const INFO: &str = "upload.json";

/// How long an upload is kept after its last part.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The time between two sweeps of a bucket.
const AGAIN: Duration = Duration::from_secs(15 * 60);

/// The length of an upload id.
const ID_LEN: usize = 32;

/// The most parts of an upload ("Amazon S3 multipart upload limits").
pub const MAX_PARTS: u32 = 10_000;

/// An upload that was created and is not complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    /// The key of the object.
    pub key: String,
    /// The metadata and tags of the object.
    pub record: Record,
    /// The checksum algorithm of its parts.
    pub algorithm: Option<String>,
    /// Whether the checksum is that of the full object.
    pub full_object: bool,
    /// When it was created, in milliseconds since 1970.
    pub initiated: u64,
}

impl Upload {
    /// The checksum algorithm of its parts.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.as_deref().and_then(Algorithm::parse)
    }

    /// When it was created.
    pub fn initiated(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.initiated)
    }
}

/// An upload whose folder is open.
#[derive(Debug)]
pub struct OpenUpload {
    /// Its id.
    pub id: String,
    /// Its description.
    pub upload: Upload,
    folder: Dir,
}

/// A part that was received.
#[derive(Debug)]
pub struct Part {
    /// Its number.
    pub number: u32,
    /// Its bytes.
    pub file: File,
    /// Its size, ETag and checksum.
    pub record: Record,
    /// When it was received.
    pub modified: SystemTime,
}

/// Creates an upload and returns its id. Blocks.
pub fn create(bucket: &Bucket, upload: &Upload) -> Result<String, S3Error> {
    let id = token(ID_LEN);
    let folder = made(bucket, &[FOLDER, &id]).map_err(S3Error::system)?;
    let temporary = format!("{OWN}{}", token(16));
    let text = serde_json::to_vec(upload).unwrap_or_default();
    let write = || {
        system::create_new(&folder, &temporary)?.write_all(&text)?;
        folder.rename(&temporary, &folder, INFO)
    };
    write().map_err(S3Error::system)?;
    Ok(id)
}

/// The folder with these names below the root, which is created.
fn made(bucket: &Bucket, names: &[&str]) -> io::Result<Dir> {
    let top = match bucket.root().reach(&MediaPath::top()).map_err(|_| io::ErrorKind::NotFound)? {
        Reach::Folder(top, _) => top,
        Reach::InTheWay(_) => return Err(io::ErrorKind::NotADirectory.into()),
    };
    names.iter().try_fold(top, |folder, name| {
        match folder.create_dir(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
        folder.open_dir(name)
    })
}

/// Opens an upload of this key. Blocks.
pub fn open(bucket: &Bucket, key: &Key, id: &str) -> Result<OpenUpload, S3Error> {
    let found = find(bucket, id).filter(|found| found.upload.key == key.as_str());
    found.ok_or_else(|| no_such_upload(id))
}

/// The error for an upload that does not exist.
pub fn no_such_upload(id: &str) -> S3Error {
    let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
                   completed. (devmedia removes uploads that received nothing for seven days.)";
    S3Error::new(Code::NoSuchUpload, message).with("UploadId", id)
}

fn find(bucket: &Bucket, id: &str) -> Option<OpenUpload> {
    if id.len() != ID_LEN || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let Ok(Reach::Folder(folder, missing)) = bucket.root().reach(&path(id)) else { return None };
    if !missing.is_empty() {
        return None;
    }
    let mut text = Vec::new();
    folder.open(INFO).ok()?.read_to_end(&mut text).ok()?;
    Some(OpenUpload { id: id.to_owned(), upload: serde_json::from_slice(&text).ok()?, folder })
}

fn path(id: &str) -> MediaPath {
    MediaPath::top().join(FOLDER.as_bytes()).join(id.as_bytes())
}

/// All uploads of a bucket, sorted by key and time. Blocks.
pub fn all(bucket: &Bucket) -> Vec<OpenUpload> {
    let Ok(Reach::Folder(folder, missing)) = bucket.root().reach(&MediaPath::top().join(FOLDER.as_bytes())) else {
        return Vec::new();
    };
    if !missing.is_empty() {
        return Vec::new();
    }
    let entries = folder.entries().into_iter().flatten().flatten();
    let mut all: Vec<_> = entries.filter_map(|entry| find(bucket, entry.file_name().to_str()?)).collect();
    all.sort_by(|one, other| {
        let order = |open: &OpenUpload| (open.upload.key.clone(), open.upload.initiated, open.id.clone());
        order(one).cmp(&order(other))
    });
    all
}

impl OpenUpload {
    /// Prepares a file for a part. Blocks.
    pub fn stage(&self, bucket: &Bucket) -> Result<StagedFile, S3Error> {
        StagedFile::create(bucket.root(), &path(&self.id)).map_err(|refusal| self.gone(refusal))
    }

    /// Publishes a part. A part that was received before is replaced. Blocks.
    pub fn publish(&self, bucket: &Bucket, staged: StagedFile, number: u32, mut record: Record) -> Result<(), S3Error> {
        let (name, file) = (name(number), staged.file());
        let is_within = record.save_within(&*file).map_err(S3Error::system)?;
        // the upload may have been completed or aborted meanwhile
        staged.check_folder(bucket.root()).map_err(|refusal| self.gone(refusal))?;
        staged.replace(bucket.root(), name.as_bytes()).map_err(|refusal| self.gone(refusal))?;
        if !is_within {
            record.save_beside(bucket.root(), &path(&self.id).join(name.as_bytes())).map_err(S3Error::system)?;
        }
        Ok(())
    }

    fn gone(&self, refusal: Refusal) -> S3Error {
        if refusal.code == "folder-changed" { no_such_upload(&self.id) } else { refusal.into() }
    }

    /// A part that was received. Blocks.
    pub fn part(&self, bucket: &Bucket, number: u32) -> Option<Part> {
        let name = name(number);
        let file = self.folder.open_with(&name, &system::reading_no_link()).ok()?.into_std();
        let (_, record) = Record::load(bucket.root(), &path(&self.id).join(name.as_bytes()), &file).ok()?;
        let modified = file.metadata().ok()?.modified().ok()?;
        Some(Part { number, file, record: record?, modified })
    }

    /// The numbers of the parts that were received, in order. Blocks.
    pub fn numbers(&self) -> Vec<u32> {
        let entries = self.folder.entries().into_iter().flatten().flatten();
        let mut numbers: Vec<u32> =
            entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("part-")?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Removes the upload and its parts. Blocks.
    pub fn remove(self, bucket: &Bucket) {
        for number in self.numbers() {
            Record::remove_beside(bucket.root(), &path(&self.id).join(name(number).as_bytes()));
        }
        let _ = self.folder.remove_open_dir_all();
    }
}

fn name(number: u32) -> String {
    format!("part-{number:05}")
}

/// Removes uploads that have received nothing for seven days, unless a recent sweep did so. Blocks.
pub fn sweep(bucket: &Bucket) {
    static LAST: LazyLock<Mutex<HashMap<PathBuf, Instant>>> = LazyLock::new(Mutex::default);
    {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(bucket.root().path()).is_some_and(|last| last.elapsed() < AGAIN) {
            return;
        }
        last.insert(bucket.root().path().to_owned(), Instant::now());
    }
    let Ok(Reach::Folder(folder, missing)) = bucket.root().reach(&MediaPath::top().join(FOLDER.as_bytes())) else {
        return;
    };
    if !missing.is_empty() {
        return;
    }
    let mut removed = 0;
    for entry in folder.entries().into_iter().flatten().flatten() {
        // each part that arrives changes the folder
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified.into_std()).ok());
        if age.is_some_and(|age| age > LIFETIME) {
            let name = entry.file_name();
            let is_removed = match find(bucket, &name.to_string_lossy()) {
                Some(upload) => {
                    upload.remove(bucket);
                    true
                }
                None => folder.remove_dir_all(&name).is_ok(),
            };
            removed += usize::from(is_removed);
        }
    }
    if removed > 0 {
        tracing::info!("removed {removed} multipart uploads of the bucket {} that were never completed", bucket.name);
    }
}
