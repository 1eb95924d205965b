//! Storing: nothing half-made is ever visible.
//!
//! A file is written without a name (`O_TMPFILE`) and linked to its name when it is complete; when the process dies, the
//! kernel forgets it. File systems without unnamed files, and the moment in which an existing file is replaced, need a
//! name all the same: one that starts with `.devmedia-`, which is never served and which the next start sweeps away.
//!
//! Nothing is synced to the disk (fsync): the server is for development, and what a power cut takes is uploaded again.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use cap_std::fs::Dir;
use hyper::body::Bytes;
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::{UploadError, cannot_write, names};
use crate::refusal::Refusal;
use crate::request::path::{MediaPath, OWN};
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
    /// The deepest folder that is there; the file is on its file system.
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

impl StagedFile {
    /// Begins a file for `folder`, whose missing parts are made later. Blocks.
    pub fn create(root: &Root, folder: &MediaPath) -> Result<Self, Refusal> {
        let (reached, missing) = match root.reach(folder).map_err(|error| Refusal::cannot_open(error, folder))? {
            Reach::Folder(reached, missing) => (reached, missing),
            Reach::InTheWay(path) => return Err(UploadError::InTheWay { path }.into()),
        };
        let (file, temporary) = match unnamed(&reached) {
            Some(file) => (file, None),
            None => named(&reached).map(|(file, temporary)| (file, Some(temporary))).map_err(cannot_write)?,
        };
        // for the sweeper: a file whose lock is taken belongs to a process that lives
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self { file: Arc::new(file), reached, missing, temporary })
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

    /// The open folder that the file goes below, and the folders on the way to it that are made later.
    pub fn destination(&self) -> (&Dir, impl Iterator<Item = &[u8]>) {
        (&self.reached, self.missing.iter().map(Vec::as_slice))
    }

    /// What to write to; it may be read meanwhile.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Gives the file a name that nothing has: this one, or alternatives of it until one is free, so that uploads of one
    /// name at one time each get their own. Gives the folder it is in and the name it got. Blocks.
    pub fn publish(mut self, name: &str) -> Result<(Dir, String), Refusal> {
        let folder = self.folder()?;
        let fits = |name: &str| name.len() <= NAME_MAX;
        let mut candidate = name.to_owned();
        loop {
            let taken = if fits(&candidate) { self.link(&folder, candidate.as_bytes()) } else { Err(Errno::EXIST) };
            match taken {
                Ok(()) => return Ok((folder, candidate)),
                Err(Errno::EXIST) => candidate = names::alternative(name, fits)?,
                Err(errno) => return Err(cannot_write(errno.into())),
            }
        }
    }

    /// Gives the file exactly this name if nothing has it; else gives it back. Blocks.
    pub fn publish_new(mut self, name: &[u8]) -> Result<Result<(), Self>, Refusal> {
        let folder = self.folder()?;
        match self.link(&folder, name) {
            Ok(()) => Ok(Ok(())),
            Err(Errno::EXIST) => Ok(Err(self)),
            Err(errno) => Err(cannot_write(errno.into())),
        }
    }

    /// Gives the file this name, and takes it from the file that has it. A reader sees the one or the other. Blocks.
    pub fn replace(mut self, name: &[u8]) -> Result<(), Refusal> {
        let folder = self.folder()?;
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            None => self.named_in(&folder).map_err(|errno| cannot_write(errno.into()))?,
        };
        renameat(&temporary.folder, &temporary.name, &folder, OsStr::from_bytes(name))
            .map_err(|errno| cannot_write(errno.into()))?;
        temporary.forget();
        Ok(())
    }

    /// The folder it belongs to, made as far as it is missing.
    fn folder(&mut self) -> Result<Dir, Refusal> {
        let mut folder = self.reached.try_clone().map_err(cannot_write)?;
        for segment in std::mem::take(&mut self.missing) {
            let segment = OsStr::from_bytes(&segment);
            match folder.create_dir(segment) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot_write(error)),
                _ => folder = folder.open_dir(segment).map_err(cannot_write)?,
            }
        }
        self.reached = folder.try_clone().map_err(cannot_write)?;
        Ok(folder)
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
