//! `Walk`: the keys of a bucket in the order of their bytes, one at a time.
//!
//! S3 sorts keys, and a file system has folders: `a.txt` comes before everything in `a/`, because `.` is before `/`. So the
//! names of a folder are sorted as they appear in keys, folders with a slash at their end. A folder is read when the walk
//! reaches it, and of a large one only the next `BATCH` names are in memory.

use std::collections::BinaryHeap;
use std::io;
use std::vec::IntoIter;

use cap_std::fs::Dir;

use super::bucket::Bucket;
use super::key::MAX_KEY;
use super::record::Record;
use crate::request::path::{MediaPath, is_own};
use crate::storage::root::Found;
use crate::system;

/// How many names of a folder are in memory at a time.
const BATCH: usize = 4096;

/// What the walk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An object: a file, or the marker of a folder.
    Object(String, MediaPath),
    /// A folder, with the slash at its end. Its keys follow if [`Walk::enter`] is called.
    Folder(String, MediaPath),
}

/// A walk over a bucket.
#[derive(Debug)]
pub struct Walk<'b> {
    bucket: &'b Bucket,
    prefix: String,
    /// Only keys after this one are wanted.
    after: String,
    /// The open folders, the top one first.
    open: Vec<Names>,
    /// The folder that the last step was.
    pending: Option<MediaPath>,
}

/// The names of an open folder that have not been visited.
#[derive(Debug)]
struct Names {
    dir: Dir,
    /// Its number, to notice a link that leads back to it.
    id: (u64, u64),
    path: MediaPath,
    /// The key of the folder, with a slash at its end; empty at the top.
    key: String,
    batch: IntoIter<Name>,
    /// Where the next batch begins, if there is one.
    next: Option<Vec<u8>>,
}

/// A name as it is in keys: of a folder, with a slash at its end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(Vec<u8>);

impl<'b> Walk<'b> {
    /// Starts a walk over the keys that start with `prefix` and come after `after`. Blocks.
    pub fn start(bucket: &'b Bucket, prefix: &str, after: &str) -> io::Result<Self> {
        let mut walk =
            Self { bucket, prefix: prefix.to_owned(), after: after.to_owned(), open: Vec::new(), pending: None };
        // nothing outside the folder of the prefix is read
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Some(path) = folder_path(folder) else { return Ok(walk) };
        walk.pending = Some(path.clone());
        if walk.enter()? && !path.is_top() {
            // its own marker is a key with this prefix
            walk.open[0].has_marker_first(walk.bucket);
        }
        Ok(walk)
    }

    /// The next object or folder. Blocks.
    pub fn step(&mut self) -> io::Result<Option<Step>> {
        self.pending = None;
        while let Some(names) = self.open.last_mut() {
            let Some(Name(name)) = names.next(self.bucket, &self.after, &self.prefix)? else {
                self.open.pop();
                continue;
            };
            // only names in UTF-8 are keys
            let Ok(name) = String::from_utf8(name) else { continue };
            if name.is_empty() {
                // the marker of the folder itself
                let (key, path) = (names.key.clone(), names.path.with_slash(true));
                if self.is_wanted(&key) {
                    return Ok(Some(Step::Object(key, path)));
                }
                continue;
            }
            let key = format!("{}{name}", names.key);
            let path = names.path.join(name.trim_end_matches('/').as_bytes());
            if key.len() > MAX_KEY || self.bucket.site.check_visible(&path).is_err() {
                continue;
            }
            if name.ends_with('/') {
                let is_on_the_way = key.starts_with(&self.prefix) || self.prefix.starts_with(&key);
                // all keys in it are before the one to start after
                let is_over = key < self.after && !self.after.starts_with(&key);
                if is_on_the_way && !is_over {
                    self.pending = Some(path.clone());
                    return Ok(Some(Step::Folder(key, path.with_slash(true))));
                }
            } else if self.is_wanted(&key) && !self.bucket.denies(&path) {
                return Ok(Some(Step::Object(key, path)));
            }
        }
        Ok(None)
    }

    /// Goes into the folder that the last step was. Blocks.
    pub fn enter(&mut self) -> io::Result<bool> {
        let Some(path) = self.pending.take() else { return Ok(false) };
        // through the root, so that no link leads out of it
        let Ok(Found::Directory(dir)) = self.bucket.root().open(&path) else { return Ok(false) };
        let stat = system::stat_of_folder(&dir)?;
        let id = (stat.device, stat.inode);
        if self.open.iter().any(|names| names.id == id) {
            return Ok(false);
        }
        let mut key = String::from_utf8_lossy(path.as_bytes()).into_owned();
        if !key.is_empty() {
            key.push('/');
        }
        let mut names = Names { dir, id, path, key, batch: Vec::new().into_iter(), next: Some(Vec::new()) };
        if !self.open.is_empty() {
            names.has_marker_first(self.bucket);
        }
        self.open.push(names);
        Ok(true)
    }

    /// Whether there is an object in the folder that the last step was. Blocks.
    pub fn has_object(&self) -> io::Result<bool> {
        let Some(path) = &self.pending else { return Ok(false) };
        let prefix = format!("{}/", String::from_utf8_lossy(path.as_bytes()));
        let mut walk = Walk::start(self.bucket, &prefix, "")?;
        while let Some(step) = walk.step()? {
            match step {
                Step::Object(..) => return Ok(true),
                Step::Folder(..) => drop(walk.enter()?),
            }
        }
        Ok(false)
    }

    fn is_wanted(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && *key > *self.after
    }
}

impl Names {
    /// Puts the folder's own key first, if it is the marker of a folder.
    fn has_marker_first(&mut self, bucket: &Bucket) {
        let path = self.path.with_slash(true);
        if matches!(Record::load(bucket.root(), &path, &self.dir), Ok((_, Some(_)))) {
            self.batch = vec![Name(Vec::new())].into_iter();
        }
    }

    /// The next name.
    fn next(&mut self, bucket: &Bucket, after: &str, prefix: &str) -> io::Result<Option<Name>> {
        loop {
            if let Some(name) = self.batch.next() {
                return Ok(Some(name));
            }
            let Some(from) = self.next.take() else { return Ok(None) };
            // names before the first segment of the key to start after are not wanted
            let first = |text: &str| {
                let rest = text.strip_prefix(&self.key)?;
                Some(rest.split_inclusive('/').next().unwrap_or_default().as_bytes().to_vec())
            };
            let from = from.max(first(after).unwrap_or_default());
            let start = first(prefix).unwrap_or_default();
            self.read(bucket, &from, &start)?;
        }
    }

    /// Reads the next batch of names, which are `from` or after it, and start with `start` or are a folder that does.
    fn read(&mut self, bucket: &Bucket, from: &[u8], start: &[u8]) -> io::Result<()> {
        let mut batch: BinaryHeap<Name> = BinaryHeap::new();
        let mut is_cut = false;
        for entry in self.dir.entries()? {
            let entry = entry?;
            let mut name = entry.file_name().as_encoded_bytes().to_vec();
            if is_own(&name) || !(name.starts_with(start) || start.starts_with(&name)) {
                continue;
            }
            let kind = entry.file_type()?;
            let is_folder = kind.is_dir() || (kind.is_symlink() && self.leads_to_folder(bucket, &name));
            if is_folder {
                name.push(b'/');
            }
            if name.as_slice() < from || !(is_folder || kind.is_file() || kind.is_symlink()) {
                continue;
            }
            batch.push(Name(name));
            if batch.len() > BATCH {
                batch.pop();
                is_cut = true;
            }
        }
        // a batch is followed by the names after its last one
        let after = |name: &Name| [name.0.as_slice(), b"\0"].concat();
        self.next = batch.peek().filter(|_| is_cut).map(after);
        self.batch = batch.into_sorted_vec().into_iter();
        Ok(())
    }

    /// Whether a link leads to a folder beneath the root.
    fn leads_to_folder(&self, bucket: &Bucket, name: &[u8]) -> bool {
        bucket.root().follow(&self.path.join(name)).is_some_and(|(stat, _)| stat.is_dir)
    }
}

/// The path of the folder of a prefix; `None` if no key can start with it.
fn folder_path(folder: &str) -> Option<MediaPath> {
    if folder.is_empty() {
        return Some(MediaPath::top());
    }
    super::key::Key::new(folder.as_bytes().to_vec()).ok()?.path().ok().filter(|path| !path.has_slash())
}
