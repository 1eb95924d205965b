//! `Target`: the object that a request is about, and how an object is stored, so that it is whole or not at all.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use hyper::Method;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::bucket::{Bucket, Caller};
use super::error::{Code, S3Error};
use super::key::Key;
use super::object::{self, EMPTY_MD5, Known, Object};
use super::record::Record;
use crate::answer::conditional::{self, Precondition};
use crate::request::path::MediaPath;
use crate::storage::blocking;
use crate::storage::root::reach::Reach;
use crate::storage::root::{Found, OpenError};
use crate::system;
use crate::upload::staged::StagedFile;

/// An object of a bucket, which may not exist yet.
#[derive(Debug, Clone)]
pub struct Target {
    /// The bucket.
    pub bucket: Arc<Bucket>,
    /// ETags that could not be stored.
    pub known: Arc<Known>,
    /// The key.
    pub key: Key,
    /// Who sends the request.
    pub caller: Caller,
}

/// An object that is being received.
#[derive(Debug)]
pub struct Staged {
    file: StagedFile,
    path: MediaPath,
}

impl Staged {
    /// The file to write to.
    pub fn file(&self) -> Arc<File> {
        self.file.file()
    }
}

/// What is at a path.
enum There {
    Nothing,
    Object,
    Folder,
}

impl Target {
    /// Finds the object.
    pub async fn find(&self) -> Result<Object, S3Error> {
        if let Some(object) = object::find_now(&self.bucket, self.caller, &self.key)? {
            return Ok(object);
        }
        let target = self.clone();
        blocking(move || object::find(&target.bucket, &target.known, target.caller, &target.key)).await
    }

    /// The path where the object is stored; or why none can be.
    pub fn path(&self) -> Result<MediaPath, S3Error> {
        let path = self.key.path().map_err(|error| error.refuse(self.key.as_str()))?;
        let visible = self.bucket.site.check_visible(&path);
        visible
            .map_err(|error| S3Error::new(Code::AccessDenied, object::hidden(error)).with("Key", self.key.as_str()))?;
        Ok(path)
    }

    /// Prepares a file for the object. `headers` has the conditions, which are checked again at the end; checking them here
    /// saves the client from sending the body. Blocks.
    pub fn stage(&self, headers: &HeaderMap) -> Result<Staged, S3Error> {
        self.bucket.check_writable()?;
        let path = self.path()?;
        let (site, root) = (&self.bucket.site, self.bucket.root());
        self.check(&path, headers)?;
        let file = StagedFile::create(root, &path.parent())?;
        file.place(site, &site.access.owner(), path.file_name())?;
        Ok(Staged { file, path })
    }

    /// Publishes a complete file with its record. No other request of this process can change the object between the check
    /// of the conditions and the publication. Blocks.
    pub fn publish(&self, staged: Staged, mut record: Record, headers: &HeaderMap) -> Result<Record, S3Error> {
        let Staged { file: mut staged, path } = staged;
        let (site, root) = (&self.bucket.site, self.bucket.root());
        let file = staged.file();
        let is_within = record.save_within(&*file).map_err(S3Error::system)?;
        let changing = root.changing();
        // another request may have removed the folder with its last object
        staged.find_folder_again(root)?;
        let name = path.file_name();
        staged.place(site, &site.access.owner(), name)?;
        match self.check(&path, headers)? {
            There::Object => staged.replace(root, name)?,
            There::Folder => {
                self.remove_folder(&path)?;
                staged.replace(root, name)?;
            }
            There::Nothing => {
                if let Err(staged) = staged.publish_new(root, name)? {
                    // the name exists but leads nowhere: a dangling link, or another program was faster
                    if headers.contains_key(header::IF_NONE_MATCH) {
                        return Err(exists(&self.key));
                    }
                    staged.replace(root, name)?;
                }
            }
        }
        if is_within {
            Record::remove_beside(root, &path);
        } else {
            record.save_beside(root, &path).map_err(S3Error::system)?;
        }
        drop(changing);
        Ok(record)
    }

    /// Creates the marker of a folder. Blocks.
    pub fn publish_folder(&self, mut record: Record, headers: &HeaderMap) -> Result<Record, S3Error> {
        self.bucket.check_writable()?;
        let path = self.path()?;
        let (site, root) = (&self.bucket.site, self.bucket.root());
        EMPTY_MD5.clone_into(&mut record.etag);
        let changing = root.changing();
        self.check(&path, headers)?;
        let cannot_open = |error| S3Error::from(crate::refusal::Refusal::cannot_open(error, &path));
        let (folder, missing) = match root.reach(&path).map_err(cannot_open)? {
            Reach::Folder(folder, missing) => (folder, missing),
            Reach::InTheWay(there) => return Err(in_the_way(&there)),
        };
        site.allows_changing(&site.access.owner(), &folder, missing.iter().map(Vec::as_slice))?;
        let mut dir = folder;
        for name in missing {
            let name = &*system::name(&name);
            match dir.create_dir(name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => result.map_err(S3Error::system)?,
            }
            dir = dir.open_dir(name).map_err(S3Error::system)?;
        }
        record.save(root, &path, &dir).map_err(S3Error::system)?;
        drop(changing);
        Ok(record)
    }

    /// Removes the object. It is not an error if there is none. Blocks.
    pub fn remove(&self, headers: &HeaderMap) -> Result<(), S3Error> {
        self.bucket.check_writable()?;
        let Ok(path) = self.key.path() else { return Ok(()) };
        let path = self.path().map(|_| path)?;
        let (site, root) = (&self.bucket.site, self.bucket.root());
        let changing = root.changing();
        let there = self.check(&path, headers)?;
        let Ok(Reach::Folder(folder, missing)) = root.reach(&path.parent()) else { return Ok(()) };
        if !missing.is_empty() {
            return Ok(());
        }
        let name = &*system::name(path.file_name());
        match there {
            There::Nothing => return Ok(()),
            There::Folder if !path.has_slash() => return Ok(()),
            There::Object if path.has_slash() => return Ok(()),
            There::Object => {
                site.allows_changing(&site.access.owner(), &folder, [path.file_name()])?;
                folder.remove_file(name).map_err(S3Error::system)?;
                Record::remove_beside(root, &path);
                self.remove_empty_parents(&path);
            }
            There::Folder => {
                site.allows_changing(&site.access.owner(), &folder, [path.file_name()])?;
                if let Ok(dir) = folder.open_dir(name) {
                    Record::remove(root, &path, &dir);
                }
                // a folder with objects stays
                if folder.remove_dir(name).is_ok() {
                    self.remove_empty_parents(&path);
                }
            }
        }
        drop(changing);
        Ok(())
    }

    /// Removes the folders of a deleted object that have nothing else in them: a prefix disappears with its last key. The
    /// marker of a folder is a key. Blocks.
    fn remove_empty_parents(&self, path: &MediaPath) {
        let (root, mut folder) = (self.bucket.root(), path.parent());
        while !folder.is_top() {
            let Ok(Reach::Folder(parent, missing)) = root.reach(&folder.parent()) else { return };
            let name = &*system::name(folder.file_name());
            if !missing.is_empty() || self.is_marker(&parent, &folder) || parent.remove_dir(name).is_err() {
                return;
            }
            folder = folder.parent();
        }
    }

    /// Whether the folder at `path` in `parent` is an object itself. Blocks.
    fn is_marker(&self, parent: &Dir, path: &MediaPath) -> bool {
        parent.open_dir(&*system::name(path.file_name())).is_ok_and(|dir| {
            let path = path.with_slash(true);
            matches!(Record::load(self.bucket.root(), &path, &dir), Ok((_, Some(_))))
        })
    }

    /// What is at the path, if the conditions of the request hold.
    fn check(&self, path: &MediaPath, headers: &HeaderMap) -> Result<There, S3Error> {
        let (site, root) = (&self.bucket.site, self.bucket.root());
        let there = match site.find(path) {
            Ok(opened) => {
                self.bucket.check_access(self.caller, path, &opened.location)?;
                object::check_spelling(&self.key, path, &opened.location)
                    .map_err(|error| S3Error { code: Code::InvalidArgument, ..error })?;
                match opened.found {
                    Found::File(..) => There::Object,
                    Found::Directory(_) => There::Folder,
                }
            }
            Err(OpenError::RootGone | OpenError::NotRegular) => There::Nothing,
            Err(OpenError::LeavesRoot) if root.is_free(path) => There::Nothing,
            Err(error) if error.is_missing() => There::Nothing,
            Err(error) => return Err(crate::refusal::Refusal::cannot_open(error, path).into()),
        };
        let conditions = write_conditions(headers);
        if conditions.is_empty() {
            return Ok(there);
        }
        // the ETag may have to be computed, so only where it is needed
        let condition = match object::find(&self.bucket, &self.known, self.caller, &self.key) {
            Ok(object) => conditional::evaluate(&Method::PUT, &conditions, &object.entity()),
            Err(error) if error.code == Code::NoSuchKey => {
                if conditions.contains_key(header::IF_MATCH) {
                    let message = format!("There is no object {}, and If-Match needs one.", self.key);
                    return Err(S3Error::no_such_key(self.key.as_str(), message));
                }
                conditional::evaluate_missing(&conditions)
            }
            Err(error) => return Err(error),
        };
        match condition {
            Precondition::Holds => Ok(there),
            _ if conditions.contains_key(header::IF_NONE_MATCH) => Err(exists(&self.key)),
            _ => Err(S3Error::new(
                Code::PreconditionFailed,
                format!("The object {} has another ETag than the request requires. Read it again.", self.key),
            )
            .with("Condition", "If-Match")),
        }
    }

    /// Removes a folder that is in the way of an object, if it has no objects. Blocks.
    fn remove_folder(&self, path: &MediaPath) -> Result<(), S3Error> {
        let in_the_way = || {
            S3Error::new(
                Code::InvalidArgument,
                format!(
                    "The object {0} cannot be stored, because there are objects with keys that start with {0}/. S3 allows \
                     both; here {0} would be a file and a folder at once. Choose another key, or delete those objects.",
                    self.key
                ),
            )
            .with("Key", self.key.as_str())
        };
        let Ok(Reach::Folder(parent, _)) = self.bucket.root().reach(&path.parent()) else { return Err(in_the_way()) };
        let name = &*system::name(path.file_name());
        if self.is_marker(&parent, path) {
            Err(in_the_way())
        } else {
            remove_empty(&parent, name).map_err(|_| in_the_way())
        }
    }
}

/// The conditions of a request that writes. The S3 API reference has no dates among them.
pub fn write_conditions(headers: &HeaderMap) -> HeaderMap {
    let mut conditions = HeaderMap::new();
    for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
        if let Some(value) = headers.get(&name) {
            conditions.insert(name, value.clone());
        }
    }
    quoted(&conditions)
}

/// Removes a folder that holds nothing but such folders.
fn remove_empty(parent: &Dir, name: &OsStr) -> io::Result<()> {
    let folder = parent.open_dir(name)?;
    for entry in folder.entries()? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_empty(&folder, &entry.file_name())?;
    }
    parent.remove_dir(name)
}

fn in_the_way(there: &MediaPath) -> S3Error {
    crate::refusal::Refusal::from(crate::upload::UploadError::InTheWay { path: there.clone() }).into()
}

fn exists(key: &Key) -> S3Error {
    let message =
        format!("The object {key} exists already, and the request may only create a new one (If-None-Match: *).");
    S3Error::new(Code::PreconditionFailed, message).with("Condition", "If-None-Match")
}

/// The conditions of a request, with quotes around ETags that were sent without them: S3 accepts both.
pub fn quoted(headers: &HeaderMap) -> HeaderMap {
    let mut quoted = HeaderMap::new();
    for (name, value) in headers {
        let tags = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE].contains(name);
        let is_bare = |tag: &str| !tag.contains(['"', '*', ' ', ',']) && !tag.is_empty();
        let bare = value.to_str().ok().map(str::trim).filter(|tag| tags && is_bare(tag));
        let value =
            bare.and_then(|tag| HeaderValue::try_from(format!("\"{tag}\"")).ok()).unwrap_or_else(|| value.clone());
        quoted.append(name, value);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_are_accepted_with_and_without_quotes() {
        for (sent, expected) in [
            ("abc-2", "\"abc-2\""),
            ("\"abc\"", "\"abc\""),
            ("*", "*"),
            ("\"a\", \"b\"", "\"a\", \"b\""),
            ("Thu, 01 Dec 2026 16:00:00 GMT", "Thu, 01 Dec 2026 16:00:00 GMT"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_RANGE, HeaderValue::from_static(sent));
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
            let found = quoted(&headers);
            assert_eq!(found[header::IF_RANGE], expected);
            assert_eq!(found[header::RANGE], "bytes=0-1");
        }
    }
}
