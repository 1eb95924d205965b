//! Storing: nothing half-made is ever visible.
//!
//! A file is written without a name (`O_TMPFILE`) and linked to its name when it is complete; when the process dies, the
//! kernel forgets it. File systems without unnamed files, and the moment in which an existing file is replaced, need a
//! name all the same: one that starts with `.devmedia-`, which is never served and which the next start sweeps away.
//!
//! Nothing is synced to the disk (fsync): the server is for development, and what a power cut takes is uploaded again.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use cap_std::fs::{Dir, MetadataExt as CapMetadataExt};
use hyper::body::Bytes;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::{UploadError, cannot_write, names};
use crate::access::rules::PolicySet;
use crate::refusal::Refusal;
use crate::request::path::{MediaPath, OWN};
use crate::site::Site;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::storage::token::token;

/// Bytes in a name, on every file system in use (`NAME_MAX`).
pub const NAME_MAX: usize = 255;

/// New files are read and written by all whom the umask does not keep from it.
pub const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// A file that is being received, visible to nobody. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct StagedFile {
    file: Arc<File>,
    /// The folder it is for, relative to the root.
    folder: MediaPath,
    /// The deepest folder on the way there that exists; the file is on its file system.
    reached: Dir,
    /// Folders to make below it, once the file is complete.
    missing: Vec<Vec<u8>>,
    /// The name it has meanwhile, where it cannot do without.
    temporary: Option<Temporary>,
}

/// A `.devmedia-` name, removed when dropped.
#[derive(Debug)]
struct Temporary {
    folder: Dir,
    name: String,
    /// There is nothing to remove, or it must stay.
    keep: bool,
}

/// A folder that a file is stored in. Those that were made for it are removed again if it is dropped.
#[derive(Debug)]
struct Folder {
    dir: Dir,
    /// Each with the folder that holds it.
    made: Vec<(Dir, OsString)>,
}

/// A file that has its name.
#[derive(Debug)]
pub struct Published {
    /// Relative to the root.
    pub path: MediaPath,
    file: Arc<File>,
    folder: Folder,
}

impl StagedFile {
    /// Begins a file for `folder`, whose missing parts are made later. Blocks.
    pub fn create(root: &Root, folder: &MediaPath) -> Result<Self, Refusal> {
        let (reached, missing) = match root.reach(folder).map_err(|error| Refusal::cannot_open(error, folder))? {
            Reach::Folder(reached, missing) => (reached, missing),
            Reach::InTheWay(path) => return Err(UploadError::InTheWay { path }.into()),
        };
        let (file, temporary) = if let Some(file) = unnamed(&reached) {
            (file, None)
        } else {
            let (file, temporary) = named(&reached).map_err(|error| cannot_store(error, folder))?;
            (file, Some(temporary))
        };
        // for the sweeper: a file whose lock is taken belongs to a process that lives
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { file: Arc::new(file), folder: folder.clone(), reached, missing, temporary })
    }

    /// Takes over a complete file that has a name of devmedia's own, which it keeps if no better one can be given. A file
    /// on another file system is copied. Blocks.
    pub fn adopt(root: &Root, wanted: &MediaPath, file: &Arc<File>, folder: &Dir, name: &str) -> Result<Self, Refusal> {
        let mut staged = Self::create(root, wanted)?;
        let device = |file: &File| file.metadata().map(|metadata| metadata.dev());
        if device(file).map_err(cannot_write)? == device(&staged.file).map_err(cannot_write)? {
            let folder = folder.try_clone().map_err(cannot_write)?;
            staged.file = Arc::clone(file);
            staged.temporary = Some(Temporary { folder, name: name.to_owned(), keep: true });
        } else {
            let mut source = folder.open(name).map_err(cannot_write)?;
            io::copy(&mut source, &mut &*staged.file).map_err(cannot_write)?;
        }
        Ok(staged)
    }

    /// Where the file will lie under this name, if the policies that guard that place were passed. Blocks.
    pub fn place(&self, site: &Site, passed: &PolicySet, name: &[u8]) -> Result<MediaPath, Refusal> {
        let below = self.missing.iter().map(Vec::as_slice).chain([name]);
        let place = site.allows_changing(passed, &self.reached, below);
        // a folder that was moved out of the root a moment ago lies nowhere in it
        place.or_else(|refusal| self.check_folder(&site.root).and(Err(refusal)))
    }

    /// What to write to; it may be read meanwhile.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Gives the file a name that nothing has: this one, or alternatives of it until one is free, so that uploads of one
    /// name at one time each get their own. Blocks.
    pub fn publish(mut self, root: &Root, name: &str) -> Result<Published, Refusal> {
        let folder = self.make_folder(root)?;
        let fits = |name: &str| name.len() <= NAME_MAX;
        let mut candidate = name.to_owned();
        loop {
            let taken = if fits(&candidate) { self.link(&folder.dir, candidate.as_bytes()) } else { Err(Errno::EXIST) };
            match taken {
                Ok(()) => return self.verified(root, folder, candidate.as_bytes()),
                Err(Errno::EXIST) => candidate = names::alternative(name, fits)?,
                Err(errno) => return Err(self.refusal(errno.into())),
            }
        }
    }

    /// Gives the file exactly this name if nothing has it; else gives it back. Blocks.
    pub fn publish_new(mut self, root: &Root, name: &[u8]) -> Result<Result<(), Self>, Refusal> {
        let folder = self.make_folder(root)?;
        match self.link(&folder.dir, name) {
            Ok(()) => {
                self.verified(root, folder, name)?.stay();
                Ok(Ok(()))
            }
            Err(Errno::EXIST) => Ok(Err(self)),
            Err(errno) => Err(self.refusal(errno.into())),
        }
    }

    /// Gives the file this name, and takes it from the file that has it. A reader sees the one or the other. Blocks.
    pub fn replace(mut self, root: &Root, name: &[u8]) -> Result<(), Refusal> {
        let folder = self.make_folder(root)?;
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            None => self.named_in(&folder.dir).map_err(|errno| self.refusal(errno.into()))?,
        };
        renameat(&temporary.folder, &temporary.name, &folder.dir, OsStr::from_bytes(name))
            .map_err(|errno| self.refusal(errno.into()))?;
        temporary.forget();
        self.verified(root, folder, name).map(Published::stay)
    }

    /// Refuses a folder that is no longer where it was when the file began to arrive: nobody finds a file in a folder that
    /// was moved away or removed. Blocks.
    pub fn check_folder(&self, root: &Root) -> Result<(), Refusal> {
        let there = self.folder.segments().count() - self.missing.len();
        let is_there = root.leads_to_folder(&self.folder.head(there), &self.reached);
        if is_there { Ok(()) } else { Err(self.changed()) }
    }

    /// The folder it belongs to, made as far as it is missing.
    fn make_folder(&mut self, root: &Root) -> Result<Folder, Refusal> {
        self.check_folder(root)?;
        let mut folder = Folder { dir: self.reached.try_clone().map_err(cannot_write)?, made: Vec::new() };
        for segment in std::mem::take(&mut self.missing) {
            let segment = OsStr::from_bytes(&segment);
            match folder.dir.create_dir(segment) {
                Ok(()) => {
                    folder.made.push((folder.dir.try_clone().map_err(cannot_write)?, segment.to_owned()));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.refusal(error)),
            }
            folder.dir = folder.dir.open_dir(segment).map_err(|error| self.refusal(error))?;
        }
        self.reached = folder.dir.try_clone().map_err(cannot_write)?;
        Ok(folder)
    }

    /// Makes sure that the path leads to this very file; a file that nobody would find is removed again.
    fn verified(&self, root: &Root, folder: Folder, name: &[u8]) -> Result<Published, Refusal> {
        let published = Published { path: self.folder.join(name), file: Arc::clone(&self.file), folder };
        let metadata = self.file.metadata().map_err(|error| Refusal::failed(&error))?;
        if root.leads_to_file(&published.path, &metadata) {
            return Ok(published);
        }
        published.withdraw();
        Err(self.changed())
    }

    fn changed(&self) -> Refusal {
        changed(&self.folder)
    }

    /// Why it cannot get its name.
    fn refusal(&self, error: io::Error) -> Refusal {
        cannot_store(error, &self.folder)
    }

    /// Makes it visible under a name that is free.
    fn link(&mut self, folder: &Dir, name: &[u8]) -> Result<(), Errno> {
        let name = OsStr::from_bytes(name);
        let Some(temporary) = &self.temporary else { return link_unnamed(&self.file, folder, name) };
        rename_new(temporary, folder, name)?;
        if let Some(temporary) = self.temporary.take() {
            temporary.forget();
        }
        Ok(())
    }

    /// A `.devmedia-` name for an unnamed file, for as long as it takes to rename it.
    fn named_in(&self, folder: &Dir) -> Result<Temporary, Errno> {
        let name = temporary_name();
        link_unnamed(&self.file, folder, OsStr::new(&name))?;
        let folder = folder.try_clone().map_err(|_| Errno::MFILE)?;
        Ok(Temporary { folder, name, keep: false })
    }
}

impl Published {
    /// Removes it again, and the folders that were made for it.
    pub fn withdraw(self) {
        let name = OsStr::from_bytes(self.path.file_name());
        let named = self.folder.dir.symlink_metadata(name).map(|named| CapMetadataExt::ino(&named));
        // another program may have put its own file there
        if self.file.metadata().is_ok_and(|own| named.is_ok_and(|named| named == own.ino())) {
            let _ = unlinkat(&self.folder.dir, name, AtFlags::empty());
        }
    }

    /// It stays.
    pub fn stay(mut self) {
        self.folder.made.clear();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for (parent, name) in self.made.iter().rev() {
            // one that holds something stays
            let _ = parent.remove_dir(name);
        }
    }
}

impl Temporary {
    /// It has been renamed: there is nothing to remove.
    fn forget(mut self) {
        self.keep = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            let _ = unlinkat(&self.folder, &self.name, AtFlags::empty());
        }
    }
}

fn changed(folder: &MediaPath) -> Refusal {
    UploadError::FolderChanged { folder: folder.clone() }.into()
}

/// Why nothing can be made in `folder`. One that was removed while it is open holds no files any more.
fn cannot_store(error: io::Error, folder: &MediaPath) -> Refusal {
    if error.kind() == io::ErrorKind::NotFound { changed(folder) } else { cannot_write(error) }
}

/// Appends pieces in order, in as few calls as the system takes.
pub fn write_all(mut file: &File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut slices = slices.as_mut_slice();
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) if slices.iter().all(|slice| slice.is_empty()) => break,
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives `temporary` a name that nothing has, or fails with EEXIST.
fn rename_new(temporary: &Temporary, folder: &Dir, name: &OsStr) -> Result<(), Errno> {
    use rustix::fs::{RenameFlags, linkat, renameat_with};
    match renameat_with(&temporary.folder, &temporary.name, folder, name, RenameFlags::NOREPLACE) {
        // the file system does not know the flag: a hard link refuses to replace as well
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            linkat(&temporary.folder, &temporary.name, folder, name, AtFlags::empty())?;
            unlinkat(&temporary.folder, &temporary.name, AtFlags::empty())
        }
        result => result,
    }
}

fn temporary_name() -> String {
    format!("{OWN}{}", token(16))
}

/// A file with a `.devmedia-` name.
fn named(folder: &Dir) -> io::Result<(File, Temporary)> {
    let name = temporary_name();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(folder, &name, flags, FILE_MODE)?;
    Ok((file.into(), Temporary { folder: folder.try_clone()?, name, keep: false }))
}

/// A file without a name; `None` where the file system has none, or where it could not be linked later: without
/// privileges that goes through `/proc` only (open(2), `O_TMPFILE`).
#[cfg(target_os = "linux")]
fn unnamed(folder: &Dir) -> Option<File> {
    use std::sync::LazyLock;
    static HAS_PROC: LazyLock<bool> = LazyLock::new(|| std::fs::metadata("/proc/self/fd").is_ok());
    if !*HAS_PROC {
        return None;
    }
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    // whatever goes wrong goes wrong with a name too, and is reported then
    openat(folder, ".", flags, FILE_MODE).ok().map(File::from)
}

#[cfg(target_os = "linux")]
fn link_unnamed(file: &File, folder: &Dir, name: &OsStr) -> Result<(), Errno> {
    use std::os::fd::AsRawFd as _;
    let file = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(rustix::fs::CWD, file, folder, name, AtFlags::SYMLINK_FOLLOW)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_folder: &Dir) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn link_unnamed(_file: &File, _folder: &Dir, _name: &OsStr) -> Result<(), Errno> {
    unreachable!("there are no unnamed files on this system")
}

#[cfg(test)]
mod tests;
