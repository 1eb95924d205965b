//! Folders to write to. Links are followed only if they stay beneath the root, even with `--follow-links`: that flag
//! applies to reading only.

use std::fs;
use std::io;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use cap_std::fs::Dir;

use super::{Links, OpenError, RECHECK, Root};
use crate::request::path::MediaPath;
use crate::system::{self, FileStat};

/// How much of a path exists.
#[derive(Debug)]
pub enum Reach {
    /// The deepest existing folder of the path, and the missing segments.
    Folder(Dir, Vec<Vec<u8>>),
    /// A segment exists and is not a folder.
    InTheWay(MediaPath),
}

impl Root {
    /// Locks the root while a file is replaced or removed, so that a preceding check stays valid: of two requests with
    /// the same `If-Match`, the second must fail.
    pub fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the deepest existing folder of `folder`; creates the root itself if it is missing. Blocks.
    pub fn reach(&self, folder: &MediaPath) -> Result<Reach, OpenError> {
        let root = match self.dir(RECHECK) {
            Err(OpenError::RootGone) => {
                fs::create_dir_all(&self.path)?;
                self.dir(Duration::ZERO)?
            }
            result => result?,
        };
        self.reach_from(&root, folder)
    }

    fn reach_from(&self, root: &Dir, folder: &MediaPath) -> Result<Reach, OpenError> {
        let mut reached = root.try_clone()?;
        let mut here = MediaPath::top();
        let segments: Vec<&[u8]> = folder.segments().collect();
        for (depth, segment) in segments.iter().enumerate() {
            here = here.join(segment);
            match self.open_file(root, &here, Links::Inside) {
                Ok(file) if file.metadata()?.is_dir() => reached = Dir::from_std_file(file),
                Ok(_) | Err(OpenError::NotRegular) => return Ok(Reach::InTheWay(here)),
                // below an absolute link that stays inside, a missing file looks like a file outside
                Err(_) if is_free(&reached, segment) => {
                    let missing = segments[depth..].iter().map(|segment| segment.to_vec());
                    return Ok(Reach::Folder(reached, missing.collect()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Reach::Folder(reached, Vec::new()))
    }

    /// The folder that `path` leads to now: a root that was replaced a moment ago counts as replaced. Blocks.
    fn folder_now(&self, path: &MediaPath) -> Option<Dir> {
        match self.reach_from(&*self.dir(Duration::ZERO).ok()?, path).ok()? {
            Reach::Folder(dir, missing) if missing.is_empty() => Some(dir),
            _ => None,
        }
    }

    /// Whether `path` leads to this very folder. Blocks.
    pub fn leads_to_folder(&self, path: &MediaPath, folder: &Dir) -> bool {
        let found = self.folder_now(path).and_then(|found| system::stat_of_folder(&found).ok());
        found.is_some_and(|found| system::stat_of_folder(folder).is_ok_and(|folder| folder.is_same(&found)))
    }

    /// Whether `path` leads to this very file, not by a link of that name. Blocks.
    pub fn leads_to_file(&self, path: &MediaPath, file: &FileStat) -> bool {
        let name = system::name(path.file_name());
        let found = self.folder_now(&path.parent()).and_then(|folder| FileStat::of_entry(&folder, &name).ok());
        found.is_some_and(|found| {
            // some network file systems give a file another number when it is looked up again
            found.is_same(file) || (found.is_file && found.len == file.len && found.modified == file.modified)
        })
    }

    /// Whether the name is free; not even a broken link has it. Blocks.
    pub fn is_free(&self, path: &MediaPath) -> bool {
        match self.reach(&path.parent()) {
            Ok(Reach::Folder(folder, missing)) => !missing.is_empty() || is_free(&folder, path.file_name()),
            _ => false,
        }
    }
}

fn is_free(folder: &Dir, name: &[u8]) -> bool {
    let own = folder.symlink_metadata(&*system::name(name));
    own.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
