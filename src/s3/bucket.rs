//! `Bucket`: a folder with a name; `Buckets`: those of the mounts, and those in the folder of `--s3-buckets`.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hyper::header::HeaderValue;

use super::error::{Code, S3Error};
use crate::access::Policy;
use crate::access::rules::Access;
use crate::mount::{Mount, Mounts};
use crate::request::path::{MediaPath, Visible, is_own};
use crate::request::prefix::Prefix;
use crate::site::Site;
use crate::storage::location::Location;
use crate::storage::media_type::MediaTypes;
use crate::storage::root::{Links, Root};
use crate::storage::store::Store;

/// The largest object that one PUT can store, in a bucket without a limit of its own ("Uploading objects" in the S3 user
/// guide).
const MAX_PUT: u64 = 5 * 1024 * 1024 * 1024;

/// A folder whose files are objects.
#[derive(Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its folder, and the access rules of its mount.
    pub site: Arc<Site>,
    /// The mount whose folder it is; `None` for a folder of `--s3-buckets`.
    pub mount: Option<Arc<Mount>>,
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A client with a key.
    Owner,
    /// A client without a signature.
    Anonymous,
}

impl Bucket {
    /// The bucket of a mount.
    fn of_mount(mount: &Arc<Mount>) -> Option<Self> {
        mount.site.root.folder().ok()?;
        let name = mount.bucket.as_ref()?.to_string();
        Some(Self { name, site: Arc::clone(&mount.site), mount: Some(Arc::clone(mount)) })
    }

    /// Its folder.
    pub fn root(&self) -> &Root {
        self.site.root.folder().expect("only folders are buckets")
    }

    /// Whether objects can be stored.
    pub fn is_writable(&self) -> bool {
        self.mount.as_ref().is_none_or(|mount| mount.uploads.is_some())
    }

    /// The most bytes of one request that stores an object or a part of one.
    pub fn max_put(&self) -> u64 {
        self.max_object().min(MAX_PUT)
    }

    /// The most bytes of an object.
    pub fn max_object(&self) -> u64 {
        let uploads = self.mount.as_ref().and_then(|mount| mount.uploads.as_ref());
        uploads.map_or(u64::MAX, |uploads| uploads.max)
    }

    /// Refuses to store anything if the mount does not accept uploads.
    pub fn check_writable(&self) -> Result<(), S3Error> {
        if self.is_writable() {
            return Ok(());
        }
        let prefix = &self.site.prefix;
        Err(S3Error::new(
            Code::AccessDenied,
            format!(
                "The bucket {} is read-only: its mount {prefix} does not accept uploads. To accept them, start devmedia with \
                 --upload (or --upload {prefix} for this mount only; in devmedia.toml: upload = true).",
                self.name
            ),
        ))
    }

    /// Refuses a caller that may not see the file at `path`, which is really at `location`. `deny` holds for everybody; a key
    /// counts as the owner's approval for all other policies.
    pub fn check_access(&self, caller: Caller, path: &MediaPath, location: &Location) -> Result<(), S3Error> {
        let guarding = self.site.access.guarding([Some(path), location.path()].into_iter().flatten());
        let policies = || self.site.access.policies(&guarding);
        if policies().any(|policy| matches!(policy, Policy::Deny)) {
            return Err(S3Error::new(
                Code::AccessDenied,
                format!("Nobody may see or change {path}: the access rule of the mount is \"deny\"."),
            ));
        }
        let is_public = match &self.mount {
            Some(mount) => !mount.internal && policies().all(Policy::is_public),
            None => false,
        };
        if caller == Caller::Owner || is_public {
            return Ok(());
        }
        Err(S3Error::new(
            Code::AccessDenied,
            "The request is not signed, and this object is not public. Sign the request, or use a presigned URL.",
        ))
    }

    /// Whether nobody may see `path`: it is not listed.
    pub fn denies(&self, path: &MediaPath) -> bool {
        let guarding = self.site.access.guarding([path]);
        self.site.access.policies(&guarding).any(|policy| matches!(policy, Policy::Deny))
    }

    /// When its folder was created, or else changed.
    pub fn created(&self) -> SystemTime {
        let metadata = fs::metadata(self.root().path());
        let created = metadata.and_then(|metadata| metadata.created().or_else(|_| metadata.modified()));
        created.unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Why a text is not the name of a bucket ("General purpose bucket naming rules" in the S3 user guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// It has fewer than 3 or more than 63 characters.
    Length,
    /// It has another character than a-z, 0-9, '-' and '.', or starts or ends with '-' or '.'.
    Character,
    /// It has two dots in a row, or is an IP address.
    Dots,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a bucket name has 3 to 63 characters",
            Self::Character => {
                "a bucket name has only lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit"
            }
            Self::Dots => "a bucket name has no two dots in a row and is not an IP address",
        })
    }
}

/// Checks the name of a bucket.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    if !(3..=63).contains(&bytes.len()) {
        Err(NameError::Length)
    } else if !bytes.iter().all(|&b| letter(b) || matches!(b, b'-' | b'.'))
        || !letter(bytes[0])
        || !letter(bytes[bytes.len() - 1])
    {
        Err(NameError::Character)
    } else if name.contains("..") || name.parse::<std::net::Ipv4Addr>().is_ok() {
        Err(NameError::Dots)
    } else {
        Ok(())
    }
}

/// All buckets.
#[derive(Debug)]
pub struct Buckets {
    of_mounts: Vec<Arc<Bucket>>,
    /// The folder of `--s3-buckets`.
    folder: Option<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// The folders of all mounts.
    roots: Vec<PathBuf>,
    types: MediaTypes,
    open: Mutex<HashMap<String, Arc<Bucket>>>,
}

impl Buckets {
    /// The buckets of the mounts, and those that are or will be in a folder.
    pub fn new(mounts: &Mounts, folder: Option<(PathBuf, MediaTypes)>) -> Self {
        let of_mounts = mounts.iter().filter_map(Bucket::of_mount).map(Arc::new).collect();
        let roots = mounts.iter().filter_map(|mount| mount.site.root.folder().ok()?.path().canonicalize().ok());
        let roots = roots.collect();
        let folder = folder.map(|(path, types)| Folder { path, roots, types, open: Mutex::default() });
        Self { of_mounts, folder }
    }

    /// Finds a bucket. Blocks.
    pub fn find(&self, name: &str) -> Result<Arc<Bucket>, S3Error> {
        if let Some(bucket) = self.of_mounts.iter().find(|bucket| bucket.name == name) {
            return Ok(Arc::clone(bucket));
        }
        let found = self.folder.as_ref().and_then(|folder| folder.find(name));
        found.ok_or_else(|| self.no_such_bucket(name))
    }

    fn no_such_bucket(&self, name: &str) -> S3Error {
        let names: Vec<&str> = self.of_mounts.iter().map(|bucket| bucket.name.as_str()).collect();
        let advice = match &self.folder {
            Some(folder) if check_name(name).is_ok() && folder.is_shared(&folder.path.join(name)) => {
                "The folder of this name is also the folder of a mount, is in one, or holds one, and a bucket of its own would \
                 bypass the rules of the mount. Use the bucket of the mount, or another folder for --s3-buckets."
            }
            Some(_) => "Create it: CreateBucket makes a folder in the folder of --s3-buckets.",
            None => "Set bucket = \"...\" in a [[mount]], or add --s3-buckets DIR, in which each folder is a bucket.",
        };
        let message = format!("There is no bucket {}. The mounts have: {}. {advice}", Visible(name), names.join(", "));
        S3Error::new(Code::NoSuchBucket, message).with("BucketName", name)
    }

    /// All buckets by name. Blocks.
    pub fn all(&self) -> Vec<Arc<Bucket>> {
        let mut all = self.of_mounts.clone();
        let names = self.folder.iter().flat_map(|folder| fs::read_dir(&folder.path)).flatten().flatten();
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            if !all.iter().any(|bucket| bucket.name == name) {
                all.extend(self.folder.as_ref().and_then(|folder| folder.find(&name)));
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Creates a bucket. It is not an error if it exists: so it is in us-east-1 (CreateBucket in the S3 API reference), and
    /// apps create theirs when they start. Blocks.
    pub fn create(&self, name: &str) -> Result<(), S3Error> {
        if self.of_mounts.iter().any(|bucket| bucket.name == name) {
            return Ok(());
        }
        check_name(name).map_err(|error| {
            S3Error::new(Code::InvalidBucketName, format!("{} is not a valid bucket name: {error}.", Visible(name)))
                .with("BucketName", name)
        })?;
        let Some(folder) = &self.folder else {
            return Err(S3Error::new(
                Code::AccessDenied,
                format!(
                    "No bucket can be created, because there is no folder for it. Start devmedia with --s3-buckets DIR, or \
                     set bucket = {name:?} in a [[mount]]."
                ),
            ));
        };
        match fs::create_dir(folder.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.find(name).is_some() => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(S3Error::new(
                Code::BucketAlreadyExists,
                format!(
                    "In the folder of --s3-buckets, {name} is a file, a link, or a folder that a mount serves. Choose another \
                     name, or remove it."
                ),
            )),
            result => result.map_err(S3Error::system),
        }
    }

    /// Removes a bucket whose folder has no files. Blocks.
    pub fn delete(&self, bucket: &Bucket) -> Result<(), S3Error> {
        let (Some(folder), None) = (&self.folder, &bucket.mount) else {
            return Err(S3Error::new(
                Code::AccessDenied,
                format!("The bucket {} is the folder of a mount; remove the mount to remove it.", bucket.name),
            ));
        };
        let path = folder.path.join(&bucket.name);
        // no other request stores an object between the look and the removal
        let changing = bucket.root().changing();
        if holds_files(&path).map_err(S3Error::system)? {
            return Err(S3Error::new(
                Code::BucketNotEmpty,
                "The bucket is not empty; delete its objects first. Files that are not listed count, too, such as links and \
                 names that are not UTF-8.",
            ));
        }
        fs::remove_dir_all(path).map_err(S3Error::system)?;
        drop(changing);
        folder.opened().remove(&bucket.name);
        Ok(())
    }
}

/// Whether there is anything but folders and devmedia's own files below a folder.
fn holds_files(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_own(entry.file_name().as_encoded_bytes()) {
            continue;
        }
        if !entry.file_type()?.is_dir() || holds_files(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Folder {
    fn opened(&self) -> MutexGuard<'_, HashMap<String, Arc<Bucket>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a mount serves files of this folder. Its access rules, and whether it accepts uploads, would not hold in a bucket.
    fn is_shared(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        self.roots.iter().any(|root| root.starts_with(&path) || path.starts_with(root))
    }

    /// The bucket of this name, if there is a folder for it. A link is not one: it could lead anywhere.
    fn find(&self, name: &str) -> Option<Arc<Bucket>> {
        check_name(name).ok()?;
        let path = self.path.join(name);
        if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) || self.is_shared(&path) {
            self.opened().remove(name);
            return None;
        }
        if let Some(bucket) = self.opened().get(name) {
            return Some(Arc::clone(bucket));
        }
        let bucket = Arc::new(open(name, &path, self.types.clone()).ok()?);
        // of two requests at once, both must use one root, because it has the lock
        Some(Arc::clone(self.opened().entry(name.to_owned()).or_insert(bucket)))
    }
}

fn open(name: &str, path: &Path, types: MediaTypes) -> io::Result<Bucket> {
    let root = Root::new(path, Links::Inside, types)?;
    let site = Site {
        prefix: Prefix::parse(&format!("/{name}/")).map_err(|_| io::ErrorKind::InvalidInput)?,
        root: Store::Folder(root),
        // `.well-known/a` is a key like any other
        hidden: true,
        cache_control: HeaderValue::from_static("no-cache"),
        access: Access::default(),
    };
    Ok(Bucket { name: name.to_owned(), site: Arc::new(site), mount: None })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A bucket over a folder.
    pub(in crate::s3) fn bucket_at(path: &Path) -> Bucket {
        open("bucket", path, MediaTypes::default()).expect("a folder")
    }

    #[test]
    fn names_of_buckets_follow_the_rules_of_s3() {
        let long = "a".repeat(64);
        for (name, expected) in [
            ("media", Ok(())),
            ("my-app.media-2", Ok(())),
            ("0a0", Ok(())),
            ("ab", Err(NameError::Length)),
            ("", Err(NameError::Length)),
            (&*long, Err(NameError::Length)),
            ("Media", Err(NameError::Character)),
            ("my_media", Err(NameError::Character)),
            ("-media", Err(NameError::Character)),
            ("media.", Err(NameError::Character)),
            ("..", Err(NameError::Length)),
            ("a/b", Err(NameError::Character)),
            ("a..b", Err(NameError::Dots)),
            ("192.168.0.1", Err(NameError::Dots)),
        ] {
            assert_eq!(check_name(name), expected, "{name}");
        }
    }
}
