//! Resumable uploads on disk: two files each in `.devmedia-partial/` below the root. The offset is the length of the
//! stored bytes, so bytes that the client was told have arrived survive a kill -9.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::error::{UploadError, cannot_write};
use super::staged::StagedFile;
use super::stored::Stored;
use super::tus_error::TusError;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::site::Site;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::storage::token::token;
use crate::system::{self, Lock};

/// The folder. Its name starts with devmedia's own prefix, so it is never served.
pub const FOLDER: &str = ".devmedia-partial";

/// How long an upload can be resumed after its last byte.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The length of the random id. It is long enough not to be guessed, because anybody who knows the URL can continue the
/// upload.
const ID_LEN: usize = 22;

/// The last segment of the upload's URL, and the name of its data file on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialId(String);

impl PartialId {
    /// The id in the path of an upload's URL.
    pub fn of(path: &MediaPath) -> Option<Self> {
        let mut segments = path.segments();
        let (folder, id) = (segments.next()?, segments.next()?);
        let fits = folder == FOLDER.as_bytes() && id.len() == ID_LEN && id.iter().all(u8::is_ascii_alphanumeric);
        (fits && segments.next().is_none()).then(|| Self(String::from_utf8_lossy(id).into_owned()))
    }

    /// The id in a URL from a client, absolute or not.
    pub fn of_url(url: &str) -> Option<Self> {
        let (_, path) = url.rsplit_once(&format!("/{FOLDER}/"))?;
        Self::of(&MediaPath::parse(format!("{FOLDER}/{path}").as_bytes()).ok()?)
    }

    /// The path of the URL on the mount.
    pub fn path(&self) -> MediaPath {
        MediaPath::top().join(FOLDER.as_bytes()).join(self.0.as_bytes())
    }

    fn info(&self) -> String {
        format!("{}.json", self.0)
    }
}

/// What is known about an upload apart from its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Info {
    /// The total length in bytes.
    pub length: u64,
    /// The metadata as the client sent it, to be returned unchanged.
    pub metadata: String,
    /// The destination, percent-encoded, or the actual path once the upload is complete.
    pub path: String,
    /// The real path of the destination when the upload began, percent-encoded. Its access policies were applied.
    #[serde(default)]
    pub place: String,
    /// The file has been published. Only this information is left, for a client that missed the last answer.
    pub complete: bool,
    /// `Upload-Concat`, as the client sent it.
    #[serde(default)]
    pub concat: Option<String>,
}

impl Info {
    /// True if this upload will become a part of another upload and not a file of its own (the extension
    /// "concatenation").
    pub fn is_part(&self) -> bool {
        self.concat.as_deref() == Some(PART)
    }
}

/// The `Upload-Concat` of such a part.
pub const PART: &str = "partial";

/// An upload that has begun.
#[derive(Debug)]
pub struct Partial {
    /// Its id.
    pub id: PartialId,
    /// Its information.
    pub info: Info,
    /// The number of bytes that have arrived.
    pub offset: u64,
    /// When it expires.
    pub expires: SystemTime,
    folder: Dir,
    file: Arc<File>,
    /// Set while this request may append.
    lock: Option<Lock>,
}

impl Partial {
    /// Starts an upload. Like all functions here, it blocks.
    pub fn create(root: &Root, info: &Info) -> Result<Self, Refusal> {
        let folder = folder(root)?.map_or_else(|top| make_folder(&top), Ok).map_err(cannot_write)?;
        let id = PartialId(token(ID_LEN));
        write_info(&folder, &id, info).map_err(cannot_write)?;
        system::create_new(&folder, &id.0).map_err(cannot_write)?;
        Self::open(root, id)
    }

    /// Opens an upload that was started earlier, possibly by another process.
    pub fn open(root: &Root, id: PartialId) -> Result<Self, Refusal> {
        let gone = |_: io::Error| Refusal::from(TusError::Gone);
        let folder = folder(root)?.map_err(|_| TusError::Gone)?;
        let mut info = folder.open_with(id.info(), &system::reading_no_link()).map_err(gone)?.into_std();
        let mut text = String::new();
        info.read_to_string(&mut text).map_err(|error| Refusal::failed(&error))?;
        // interrupted by a kill -9 before anybody knew its URL
        let known: Info = serde_json::from_str(&text).map_err(|_| TusError::Gone)?;
        let file = if known.complete { info } else { system::open_to_append(&folder, &id.0).map_err(gone)? };
        let metadata = file.metadata().map_err(|error| Refusal::failed(&error))?;
        let offset = if known.complete { known.length } else { metadata.len() };
        // a time in the future, even beyond the year 9999, counts as now
        let now = SystemTime::now();
        let age = metadata.modified().map(|modified| now.duration_since(modified).unwrap_or_default());
        let left = LIFETIME.checked_sub(age.map_err(|error| Refusal::failed(&error))?).ok_or(TusError::Gone)?;
        let expires = now + left;
        Ok(Self { id, info: known, offset, expires, folder, file: Arc::new(file), lock: None })
    }

    /// Keeps other requests, also those of other processes, from appending until the upload is dropped.
    pub fn lock(&mut self) -> Result<(), TusError> {
        self.lock = Some(Lock::try_new(&self.file, &self.folder, &self.id.0).map_err(|_| TusError::Locked)?);
        Ok(())
    }

    /// The file to append to.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// The path of the destination or of the published file.
    pub fn path(&self) -> Result<MediaPath, Refusal> {
        Ok(MediaPath::parse(self.info.path.as_bytes())?)
    }

    /// Publishes the complete file.
    pub fn publish(&mut self, site: &Site) -> Result<Stored, Refusal> {
        let wanted = self.path()?;
        let folder = wanted.parent();
        let staged = StagedFile::adopt(site.root.folder()?, &folder, &self.file, &self.folder, &self.id.0)?;
        // a link on the path may have been changed since the upload began
        let place = MediaPath::parse(self.info.place.as_bytes())?;
        let passed = site.access.guarding([&wanted, &place]);
        staged.place(site, &passed, wanted.file_name())?;
        let changing = site.root.folder()?.changing();
        let published = staged.publish(site.root.folder()?, &String::from_utf8_lossy(wanted.file_name()))?;
        drop(changing);
        let path = published.path.clone();
        published.stay();
        self.info.path = path.to_url();
        self.info.complete = true;
        self.offset = self.info.length;
        // the file is stored; without this information, a client that retries learns only that the upload is gone
        if let Err(error) = write_info(&self.folder, &self.id, &self.info) {
            tracing::warn!("cannot record that an upload is complete: {error}");
        }
        Ok(Stored::describe(site, &path))
    }

    /// Appends the bytes of another upload.
    pub fn append(&mut self, part: &Partial) -> io::Result<()> {
        let mut source = part.folder.open(&part.id.0)?;
        self.offset += io::copy(&mut source, &mut &*self.file)?;
        Ok(())
    }

    /// Removes the upload and its bytes. A published file stays.
    pub fn remove(self) {
        for name in [&self.id.0, &self.id.info()] {
            let _ = self.folder.remove_file(name);
        }
    }
}

/// The folder of partial uploads, or the root's handle if the folder does not exist yet.
fn folder(root: &Root) -> Result<Result<Dir, Dir>, Refusal> {
    let path = MediaPath::top().join(FOLDER.as_bytes());
    match root.reach(&path).map_err(|error| Refusal::cannot_open(error, &path))? {
        Reach::Folder(folder, missing) if missing.is_empty() => Ok(Ok(folder)),
        Reach::Folder(top, _) => Ok(Err(top)),
        Reach::InTheWay(path) => Err(UploadError::InTheWay { path }.into()),
    }
}

fn make_folder(top: &Dir) -> io::Result<Dir> {
    match top.create_dir(FOLDER) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => top.open_dir(FOLDER),
    }
}

/// Writes atomically: renames a new file over the old one.
fn write_info(folder: &Dir, id: &PartialId, info: &Info) -> io::Result<()> {
    let fresh = format!("{}.new", id.0);
    folder.write(&fresh, serde_json::to_vec(info).map_err(io::Error::other)?)?;
    folder.rename(&fresh, folder, id.info())
}
