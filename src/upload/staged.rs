//! Storing files so that an incomplete file is never visible.
//!
//! A file is written without a name (`O_TMPFILE`) and linked to its name when it is complete. If the process dies, the
//! kernel frees the file. Two cases still need a temporary name: file systems without unnamed files, and the moment in
//! which an existing file is replaced. Temporary names start with `.devmedia-`, are never served, and are swept at the
//! next start.
//!
//! Nothing is synced to the disk (fsync): this is a development server, and files lost in a power cut can be uploaded
//! again.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::sync::Arc;

use cap_std::fs::Dir;
use hyper::body::Bytes;

use super::{UploadError, cannot_write, names};
use crate::access::rules::PolicySet;
use crate::refusal::Refusal;
use crate::request::path::{MediaPath, OWN};
use crate::site::Site;
use crate::storage::root::Root;
use crate::storage::root::reach::Reach;
use crate::storage::token::token;
use crate::system::{self, FileStat};

/// The most bytes in a name, on every common file system (`NAME_MAX`).
pub const NAME_MAX: usize = 255;

/// A file that is being received and that is not visible yet. Dropping it removes it.
#[derive(Debug)]
pub struct StagedFile {
    file: Arc<File>,
    /// The destination folder, relative to the root.
    folder: MediaPath,
    /// The deepest existing folder on the path to the destination. The file is on its file system.
    reached: Dir,
    /// The folders to create below it when the file is complete.
    missing: Vec<Vec<u8>>,
    /// The temporary name, if the file needs one.
    temporary: Option<Temporary>,
}

/// A temporary `.devmedia-` name. Dropping it removes the file.
#[derive(Debug)]
struct Temporary {
    folder: Dir,
    name: String,
    /// There is nothing to remove, or the file must stay.
    keep: bool,
}

/// A folder to store a file in. Dropping it removes the folders that were created for it.
#[derive(Debug)]
struct Folder {
    dir: Dir,
    /// Each created folder, with its parent.
    made: Vec<(Dir, OsString)>,
}

/// A file that has received its final name.
#[derive(Debug)]
pub struct Published {
    /// The path relative to the root.
    pub path: MediaPath,
    file: Arc<File>,
    folder: Folder,
}

impl StagedFile {
    /// Starts a file for `folder`, whose missing parts are created later. Blocks.
    pub fn create(root: &Root, folder: &MediaPath) -> Result<Self, Refusal> {
        let (reached, missing) = match root.reach(folder).map_err(|error| Refusal::cannot_open(error, folder))? {
            Reach::Folder(reached, missing) => (reached, missing),
            Reach::InTheWay(path) => return Err(UploadError::InTheWay { path }.into()),
        };
        let (file, temporary) = if let Some(file) = unnamed::create(&reached) {
            (file, None)
        } else {
            let (file, temporary) = named(&reached).map_err(|error| cannot_store(error, folder))?;
            (file, Some(temporary))
        };
        // tells the sweeper that the file belongs to a running process
        system::mark_used(&file);
        Ok(Self { file: Arc::new(file), folder: folder.clone(), reached, missing, temporary })
    }

    /// Takes over a complete file with a temporary name, which it keeps if it cannot get a better one. Copies a file
    /// from another file system. Blocks.
    pub fn adopt(root: &Root, wanted: &MediaPath, file: &Arc<File>, folder: &Dir, name: &str) -> Result<Self, Refusal> {
        let mut staged = Self::create(root, wanted)?;
        let device = |file: &File| FileStat::of(file).map(|stat| stat.device);
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

    /// The path that the file will have under this name, if the policies that guard that path were passed. Blocks.
    pub fn place(&self, site: &Site, passed: &PolicySet, name: &[u8]) -> Result<MediaPath, Refusal> {
        let below = self.missing.iter().map(Vec::as_slice).chain([name]);
        let place = site.allows_changing(passed, &self.reached, below);
        // a folder that was just moved out of the root has no path in it
        place.or_else(|refusal| self.check_folder(site.root.folder()?).and(Err(refusal)))
    }

    /// Looks for the destination folder again, if it was removed or replaced while the file arrived: for a client that names
    /// keys, not folders. Blocks.
    pub fn find_folder_again(&mut self, root: &Root) -> Result<(), Refusal> {
        if self.check_folder(root).is_ok() {
            return Ok(());
        }
        match root.reach(&self.folder).map_err(|error| Refusal::cannot_open(error, &self.folder))? {
            Reach::Folder(reached, missing) => (self.reached, self.missing) = (reached, missing),
            Reach::InTheWay(path) => return Err(UploadError::InTheWay { path }.into()),
        }
        Ok(())
    }

    /// The file to write to. It may be read at the same time.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Publishes the file under a new name: this one, or else an alternative, so that concurrent uploads of the same
    /// name each get their own. Blocks.
    pub fn publish(mut self, root: &Root, name: &str) -> Result<Published, Refusal> {
        let folder = self.make_folder(root)?;
        let fits = |name: &str| name.len() <= NAME_MAX;
        let mut candidate = name.to_owned();
        loop {
            let exists = || Err(io::ErrorKind::AlreadyExists.into());
            let taken = if fits(&candidate) { self.link(&folder.dir, candidate.as_bytes()) } else { exists() };
            match taken {
                Ok(()) => return self.verified(root, folder, candidate.as_bytes()),
                Err(error) if is_taken(&error) => candidate = names::alternative(name, fits)?,
                Err(error) => return Err(self.refusal(error)),
            }
        }
    }

    /// Publishes the file under exactly this name, or returns it if the name exists. Blocks.
    pub fn publish_new(mut self, root: &Root, name: &[u8]) -> Result<Result<(), Self>, Refusal> {
        let folder = self.make_folder(root)?;
        match self.link(&folder.dir, name) {
            Ok(()) => {
                self.verified(root, folder, name)?.stay();
                Ok(Ok(()))
            }
            Err(error) if is_taken(&error) => Ok(Err(self)),
            Err(error) => Err(self.refusal(error)),
        }
    }

    /// Publishes the file under this name and replaces the file that has it. Readers see either the old or the new
    /// file. Blocks.
    pub fn replace(mut self, root: &Root, name: &[u8]) -> Result<(), Refusal> {
        let folder = self.make_folder(root)?;
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            None => self.named_in(&folder.dir).map_err(|error| self.refusal(error))?,
        };
        system::replace(&temporary.folder, &temporary.name, &folder.dir, &system::name(name))
            .map_err(|error| self.refusal(error))?;
        temporary.forget();
        self.verified(root, folder, name).map(Published::stay)
    }

    /// Fails if the folder is no longer at the path where it was when the upload started: nobody would find a file in a
    /// folder that was moved or removed. Blocks.
    pub fn check_folder(&self, root: &Root) -> Result<(), Refusal> {
        let there = self.folder.segments().count() - self.missing.len();
        let is_there = root.leads_to_folder(&self.folder.head(there), &self.reached);
        if is_there { Ok(()) } else { Err(self.changed()) }
    }

    /// The destination folder. Creates its missing parts.
    fn make_folder(&mut self, root: &Root) -> Result<Folder, Refusal> {
        self.check_folder(root)?;
        let mut folder = Folder { dir: self.reached.try_clone().map_err(cannot_write)?, made: Vec::new() };
        for segment in std::mem::take(&mut self.missing) {
            let segment = &*system::name(&segment);
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

    /// Checks that the path leads to this very file, and otherwise removes the file.
    fn verified(&self, root: &Root, folder: Folder, name: &[u8]) -> Result<Published, Refusal> {
        let published = Published { path: self.folder.join(name), file: Arc::clone(&self.file), folder };
        let stat = FileStat::of(&self.file).map_err(|error| Refusal::failed(&error))?;
        if root.leads_to_file(&published.path, &stat) {
            return Ok(published);
        }
        published.withdraw();
        Err(self.changed())
    }

    fn changed(&self) -> Refusal {
        changed(&self.folder)
    }

    /// Why the file cannot be published.
    fn refusal(&self, error: io::Error) -> Refusal {
        cannot_store(error, &self.folder)
    }

    /// Links the file to a name that does not exist.
    fn link(&mut self, folder: &Dir, name: &[u8]) -> io::Result<()> {
        let name = &*system::name(name);
        let Some(temporary) = &self.temporary else { return unnamed::link(&self.file, folder, name) };
        system::rename_new(&temporary.folder, &temporary.name, folder, name)?;
        if let Some(temporary) = self.temporary.take() {
            temporary.forget();
        }
        Ok(())
    }

    /// A temporary name for an unnamed file, for a rename.
    fn named_in(&self, folder: &Dir) -> io::Result<Temporary> {
        let name = temporary_name();
        unnamed::link(&self.file, folder, name.as_ref())?;
        Ok(Temporary { folder: folder.try_clone()?, name, keep: false })
    }
}

impl Published {
    /// Removes the file again, and the folders that were created for it.
    pub fn withdraw(self) {
        let name = &*system::name(self.path.file_name());
        let named = FileStat::of_entry(&self.folder.dir, name);
        // another program may have put its own file there
        if FileStat::of(&self.file).is_ok_and(|own| named.is_ok_and(|named| named.is_same(&own))) {
            let _ = self.folder.dir.remove_file(name);
        }
    }

    /// Keeps the file and its folders.
    pub fn stay(mut self) {
        self.folder.made.clear();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for (parent, name) in self.made.iter().rev() {
            // a folder that is not empty stays
            let _ = parent.remove_dir(name);
        }
    }
}

impl Temporary {
    /// Disarms the name after a rename: there is nothing left to remove.
    fn forget(mut self) {
        self.keep = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            let _ = self.folder.remove_file(&self.name);
        }
    }
}

fn changed(folder: &MediaPath) -> Refusal {
    UploadError::FolderChanged { folder: folder.clone() }.into()
}

/// Why no file can be created in `folder`. Nothing can be created in a folder that was removed.
fn cannot_store(error: io::Error, folder: &MediaPath) -> Refusal {
    if error.kind() == io::ErrorKind::NotFound { changed(folder) } else { cannot_write(error) }
}

/// Appends pieces in order, with as few system calls as possible.
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

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AlreadyExists
}

fn temporary_name() -> String {
    format!("{OWN}{}", token(16))
}

/// A file with a temporary name.
fn named(folder: &Dir) -> io::Result<(File, Temporary)> {
    let name = temporary_name();
    let file = system::create_new(folder, &name)?;
    Ok((file, Temporary { folder: folder.try_clone()?, name, keep: false }))
}

/// Files without a name (`O_TMPFILE`).
#[cfg(target_os = "linux")]
mod unnamed {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::sync::LazyLock;

    use cap_std::fs::Dir;
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};

    /// New files can be read and written by all users that the umask permits.
    const MODE: Mode = Mode::from_raw_mode(0o666);

    /// Creates one. `None` if the file system does not support it, or if the file could not be linked later: without
    /// privileges that works only through `/proc` (open(2), `O_TMPFILE`).
    pub(super) fn create(folder: &Dir) -> Option<File> {
        static HAS_PROC: LazyLock<bool> = LazyLock::new(|| std::fs::metadata("/proc/self/fd").is_ok());
        if !*HAS_PROC {
            return None;
        }
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        // an error that also affects named files is reported when one is created
        openat(folder, ".", flags, MODE).ok().map(File::from)
    }

    /// Links one to a name that does not exist.
    pub(super) fn link(file: &File, folder: &Dir, name: &OsStr) -> io::Result<()> {
        let file = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, file, folder, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

/// Other systems have no such files.
#[cfg(not(target_os = "linux"))]
mod unnamed {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io;

    use cap_std::fs::Dir;

    pub(super) fn create(_folder: &Dir) -> Option<File> {
        None
    }

    pub(super) fn link(_file: &File, _folder: &Dir, _name: &OsStr) -> io::Result<()> {
        unreachable!("this system has no unnamed files")
    }
}

#[cfg(test)]
mod tests;
