//! Where an open handle lies. Access rules and hidden names are judged by it: between asking what a path leads to and opening
//! it, a link may have been pointed elsewhere, and some file systems open a file under names that it is not stored under.

use std::io;

use cap_std::fs::Dir;
#[cfg(not(any(target_vendor = "apple", windows)))]
use rustix::fs::{Mode, OFlags, openat};

use super::{OpenError, RECHECK, Root};
use crate::request::path::MediaPath;
use crate::storage::location::Location;
use crate::system::{self, AsHandle, FileStat};

impl Root {
    /// Whether no folder on the way to `path` knows names by other spellings, as far as the kernel's caches tell at once.
    /// `false` says nothing.
    #[cfg(target_os = "linux")]
    pub fn is_exact_now(&self, path: &MediaPath) -> bool {
        use rustix::fs::{ResolveFlags, openat2};
        let Ok(root) = self.dir(RECHECK) else { return false };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::CACHED;
        let count = path.segments().count();
        is_exact(&*root)
            && (1..count).all(|depth| {
                let folder = path.head(depth);
                openat2(&*root, &*folder.as_path(), FOLDER, Mode::empty(), resolve).is_ok_and(is_exact)
            })
    }

    /// Elsewhere there is no way to ask the caches only.
    #[cfg(not(target_os = "linux"))]
    pub fn is_exact_now(&self, _path: &MediaPath) -> bool {
        false
    }

    /// Whether a folder finds a name only by the bytes that it is stored as. Blocks.
    pub fn is_exact(&self, folder: &Dir) -> bool {
        is_exact(folder)
    }

    /// Where the handle of a file or folder that `asked` led to lies, with each name as it is stored. Blocks.
    pub fn locate(&self, handle: impl AsHandle, asked: &MediaPath) -> Result<Location, OpenError> {
        let root = self.dir(RECHECK)?;
        match path_of(&*root, &handle)? {
            Some(path) => Ok(Location::of(stored(&root, &path)?, asked)),
            None if self.follows_links() => Ok(Location::Outside),
            None => self.locate_by_name(&handle, asked),
        }
    }

    /// The same where the system does not tell the path of a handle: by following the links once more. It is an error if they
    /// lead to something else by now.
    fn locate_by_name(&self, handle: impl AsHandle, asked: &MediaPath) -> Result<Location, OpenError> {
        let Some(real) = self.real(asked)? else { return Err(OpenError::LeavesRoot) };
        let found = self.open_file(&*self.dir(RECHECK)?, &real, self.links)?;
        let is_same = FileStat::of(&found)?.is_same(&system::stat_of_handle(handle)?);
        if is_same { Ok(Location::of(real, asked)) } else { Err(OpenError::Io(io::ErrorKind::NotFound.into())) }
    }
}

/// How a folder on the way is opened to be looked at.
#[cfg(not(any(target_vendor = "apple", windows)))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The path of a handle beneath that of the root, without links; `None` where it lies elsewhere or is not known.
#[cfg(target_os = "linux")]
fn path_of(root: impl AsHandle, handle: impl AsHandle) -> io::Result<Option<MediaPath>> {
    use std::os::fd::AsRawFd as _;
    /// What the kernel adds to the path of a file that was removed or replaced.
    const DELETED: &[u8] = b" (deleted)";

    let link = |fd: &dyn AsHandle| {
        let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
        rustix::fs::readlink(path, Vec::new()).map(std::ffi::CString::into_bytes)
    };
    let (Ok(top), Ok(own)) = (link(&root), link(&handle)) else { return Ok(None) };
    let below = own.strip_prefix(top.as_slice()).filter(|below| below.is_empty() || below.starts_with(b"/"));
    let Some(below) = below.map(joined) else { return Ok(None) };
    let Some(before) = below.as_bytes().strip_suffix(DELETED) else { return Ok(Some(below)) };
    // it may be a part of the name all the same
    let named = rustix::fs::statat(&root, &*below.as_path(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
    let own = rustix::fs::fstat(&handle)?;
    let is_name = named.is_ok_and(|named| (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino));
    Ok(Some(if is_name { below } else { joined(before) }))
}

#[cfg(target_vendor = "apple")]
fn path_of(root: impl AsHandle, handle: impl AsHandle) -> io::Result<Option<MediaPath>> {
    // F_GETPATH gives names as they are stored
    let (root, own) = (rustix::fs::getpath(root)?.into_bytes(), rustix::fs::getpath(handle)?.into_bytes());
    let below = own.strip_prefix(root.as_slice()).filter(|below| below.is_empty() || below.starts_with(b"/"));
    Ok(below.map(joined))
}

#[cfg(windows)]
fn path_of(root: impl AsHandle, handle: impl AsHandle) -> io::Result<Option<MediaPath>> {
    let (root, own) = (system::path_of(root)?, system::path_of(handle)?);
    let Ok(below) = own.strip_prefix(&root) else { return Ok(None) };
    Ok(Some(below.iter().fold(MediaPath::top(), |path, name| path.join(name.as_encoded_bytes()))))
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
fn path_of(_root: impl AsHandle, _handle: impl AsHandle) -> io::Result<Option<MediaPath>> {
    Ok(None)
}

/// Names that the system gave, joined by slashes.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn joined(below: &[u8]) -> MediaPath {
    let names = below.split(|&b| b == b'/').filter(|name| !name.is_empty());
    names.fold(MediaPath::top(), |path, name| path.join(name))
}

/// A path without links on its way, with each name as it is stored; from where a name is missing, as it is. Blocks.
#[cfg(any(target_vendor = "apple", windows))]
#[expect(clippy::unnecessary_wraps, reason = "other systems read folders")]
pub(super) fn stored(_root: &Dir, path: &MediaPath) -> io::Result<MediaPath> {
    // these systems give names as they are stored
    Ok(path.clone())
}

/// A path without links on its way, with each name as it is stored; from where a name is missing, as it is. Blocks.
#[cfg(not(any(target_vendor = "apple", windows)))]
pub(super) fn stored(root: &Dir, path: &MediaPath) -> io::Result<MediaPath> {
    let mut folder: std::os::fd::OwnedFd = openat(root, ".", FOLDER, Mode::empty())?;
    let mut found = MediaPath::top();
    let mut segments = path.segments().peekable();
    while let Some(segment) = segments.next() {
        let name = if is_exact(&folder) { segment.to_vec() } else { stored_name(&folder, segment)? };
        found = found.join(&name);
        if segments.peek().is_some() {
            match openat(&folder, &*system::name(segment), FOLDER, Mode::empty()) {
                Ok(below) => folder = below,
                Err(_) => break,
            }
        }
    }
    Ok(segments.fold(found, |path, segment| path.join(segment)))
}

/// The name under which a folder stores what it opens as `wanted`: that name itself if it is there, else one of the same
/// file; `wanted` if there is none.
#[cfg(any(test, not(any(target_vendor = "apple", windows))))]
fn stored_name(folder: impl cap_std::io_lifetimes::AsFilelike, wanted: &[u8]) -> io::Result<Vec<u8>> {
    let dir = Dir::reopen_dir(&folder)?;
    let Ok(own) = FileStat::of_entry(&dir, &system::name(wanted)) else { return Ok(wanted.to_vec()) };
    let mut names = Vec::new();
    for entry in dir.entries()? {
        let name = entry?.file_name();
        if name.as_encoded_bytes() == wanted {
            return Ok(wanted.to_vec());
        }
        names.push(name);
    }
    let is_same = |name: &&std::ffi::OsString| FileStat::of_entry(&dir, name).is_ok_and(|other| other.is_same(&own));
    Ok(names.iter().find(is_same).map_or_else(|| wanted.to_vec(), |name| name.as_encoded_bytes().to_vec()))
}

/// Whether a folder finds a name only by the bytes that it is stored as. Where that is not known, it does not.
#[cfg(target_os = "linux")]
fn is_exact(folder: impl AsHandle) -> bool {
    use rustix::fs::{fstatfs, ioctl_getflags};
    /// From linux/fs.h: the folder ignores case.
    const CASEFOLD: u32 = 0x4000_0000;
    /// From linux/magic.h: ext2 to ext4, Btrfs, tmpfs, overlayfs, F2FS, ramfs, `SquashFS`, EROFS; and those of ZFS and bcachefs.
    const EXACT: [u32; 10] = [
        0xef53,
        0x9123_683e,
        0x0102_1994,
        0x794c_7630,
        0xf2f5_2010,
        0x8584_58f6,
        0x7371_7368,
        0xe0f5_e1e2,
        0x2fc1_2fc1,
        0xca45_1a4e,
    ];
    let kind = fstatfs(&folder).map(|system| u32::try_from(system.f_type).unwrap_or_default());
    // of these, some can fold case folder by folder (chattr +F)
    kind.is_ok_and(|kind| EXACT.contains(&kind))
        && !ioctl_getflags(&folder).is_ok_and(|flags| flags.bits() & CASEFOLD != 0)
}

#[cfg(not(target_os = "linux"))]
fn is_exact(_folder: impl AsHandle) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::media_type::MediaTypes;
    use crate::storage::root::Links;

    fn path(text: &str) -> MediaPath {
        MediaPath::parse(text.as_bytes()).expect("a path")
    }

    #[test]
    fn a_handle_says_where_it_lies() {
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().join("media");
        fs::create_dir_all(top.join("sub/deep")).expect("folders");
        fs::create_dir(folder.path().join("media-private")).expect("a sibling");
        for name in ["sub/deep/a.txt", "b (deleted)", "../media-private/s.txt"] {
            fs::write(top.join(name), "x").expect("a file");
        }
        for (link, target) in [("l.txt", "sub/deep/a.txt"), ("l", "sub"), ("sub/up", ".."), ("out", "../media-private")]
        {
            std::os::unix::fs::symlink(target, top.join(link)).expect("a link");
        }
        let root = Root::new(&top, Links::Anywhere, MediaTypes::default()).expect("a root");
        for (asked, expected) in [
            ("sub/deep/a.txt", Location::AsAsked),
            ("sub/deep", Location::AsAsked),
            ("sub/deep/", Location::AsAsked),
            ("", Location::AsAsked),
            ("b (deleted)", Location::AsAsked),
            ("l.txt", Location::At(path("sub/deep/a.txt"))),
            ("l/deep/a.txt", Location::At(path("sub/deep/a.txt"))),
            ("l", Location::At(path("sub"))),
            ("sub/up/l.txt", Location::At(path("sub/deep/a.txt"))),
            ("out/s.txt", Location::Outside),
        ] {
            let asked = path(asked);
            let handle = fs::File::open(top.join(&*asked.as_path())).expect("a handle");
            let location = root.locate(&handle, &asked).expect("a location");
            let bare = |location: &Location| location.path().map(|path| path.as_bytes().to_vec());
            assert_eq!(bare(&location), bare(&expected), "{asked}");
            assert_eq!(matches!(location, Location::Outside), matches!(expected, Location::Outside), "{asked}");
        }
        // a file that is replaced or removed while it is open is judged where it was
        let handle = fs::File::open(top.join("l.txt")).expect("a handle");
        fs::remove_file(top.join("sub/deep/a.txt")).expect("removed");
        let location = root.locate(&handle, &path("l.txt")).expect("a location");
        assert_eq!(location.path().expect("another path").as_bytes(), b"sub/deep/a.txt");
    }

    /// VFAT's `INVOIC~1`: another name of the same folder. A hard link is one on any file system.
    #[test]
    fn a_name_is_given_as_it_is_stored() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("invoices.txt"), "x").expect("a file");
        fs::write(at("other.txt"), "x").expect("a file");
        fs::hard_link(at("invoices.txt"), at("INVOIC~1.TXT")).expect("a link");
        let handle = fs::File::open(folder.path()).expect("a handle");
        let name = |wanted: &str| stored_name(&handle, wanted.as_bytes()).expect("a name");
        assert_eq!(name("invoices.txt"), b"invoices.txt", "it is there itself");
        assert_eq!(name("none"), b"none", "nothing is there");
        #[cfg(target_os = "linux")]
        assert!(is_exact(&handle), "a file system of Linux");
    }
}
