//! Suggestions: finds the URL that a request for a missing file probably meant.
//!
//! The names of the folders that were looked at are remembered until the folders change, so that the next missing file costs no
//! look at all names again, and usually no wait for a disk ([`Look::Now`]).

pub mod in_bucket;
mod names;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;

use self::names::Names;
use crate::mount::{Mount, Mounts};
use crate::request::path::{MediaPath, is_own};
use crate::site::Site;
use crate::storage::root::{Found, Root};
use crate::storage::version::Version;

/// The most names to compare in one folder. The rest of a larger folder is ignored.
const MAX_NAMES: usize = 10_000;

/// The most names to remember, of all folders together: some 2 MiB.
const MAX_REMEMBERED: usize = 20_000;

/// The most typos in a mistyped prefix.
const PREFIX_TYPOS: usize = 2;

/// How far a search may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Only what is known without waiting for a disk.
    Now,
    /// As far as necessary: it blocks.
    Waiting,
}

/// The answer is not known without waiting for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WouldWait;

/// Searches for the URLs that were probably meant, and remembers the names that it saw.
#[derive(Debug, Default)]
pub struct Nearby {
    /// By device, inode, and whether hidden names are included.
    folders: Mutex<HashMap<(u64, u64, bool), Folder>>,
}

#[derive(Debug, Clone)]
struct Folder {
    version: Version,
    names: Arc<Names>,
    /// No other name leads to a file in the folder: all its names are known, and it compares names byte by byte.
    is_complete: bool,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

impl Nearby {
    /// The URL that was probably meant by a missing path of a mount: the path without a doubled prefix, with its
    /// backslashes replaced, with a similar name, or on another mount.
    pub fn in_mounts(
        &self,
        look: Look,
        mounts: &Mounts,
        mount: &Mount,
        missing: &MediaPath,
    ) -> Result<Option<String>, WouldWait> {
        let spelled_otherwise = [mount.site.prefix.strip(missing), missing.with_backslashes_turned()];
        for path in spelled_otherwise.into_iter().flatten() {
            if let Some(url) = self.exists(look, mounts, mount, &path)? {
                return Ok(Some(url));
            }
        }
        if let Some(path) = self.find(look, mount, missing)?
            && let Some(url) = url(look, mounts, mount, &path)?
        {
            return Ok(Some(url));
        }
        for other in mounts.iter().filter(|other| other.site.prefix != mount.site.prefix) {
            if let Some(url) = self.exists(look, mounts, other, missing)? {
                return Ok(Some(url));
            }
        }
        Ok(None)
    }

    /// The URL that was probably meant by a path outside all mounts: the same path on a mount, or a prefix that nearly
    /// matches.
    pub fn outside_mounts(&self, look: Look, mounts: &Mounts, asked: &MediaPath) -> Result<Option<String>, WouldWait> {
        for mount in mounts.iter() {
            if let Some(url) = self.exists(look, mounts, mount, asked)? {
                return Ok(Some(url));
            }
        }
        let similar = mounts
            .iter()
            .map(|mount| {
                let depth = mount.site.prefix.path().segments().count();
                let wanted = names::fold(mount.site.prefix.path().to_string().as_bytes());
                let typed = names::fold(asked.head(depth).to_string().as_bytes());
                (mount, depth, strsim::damerau_levenshtein(&wanted, &typed))
            })
            .filter(|(_, _, typos)| *typos <= PREFIX_TYPOS)
            .min_by_key(|(_, _, typos)| *typos);
        let Some((mount, depth, _)) = similar else { return Ok(None) };
        let rest = asked.segments().skip(depth).fold(MediaPath::top(), |path, segment| path.join(segment));
        let rest = if rest.is_top() { rest } else { rest.with_slash(asked.has_slash()) };
        Ok(self.exists(look, mounts, mount, &rest)?.or_else(|| Some(mount.site.prefix.to_string())))
    }

    /// Whether `path` does not exist, as far as the remembered names tell. `false` says nothing.
    pub fn is_missing_now(&self, site: &Site, path: &MediaPath) -> bool {
        site.root.folder().is_ok_and(Root::is_current) && self.is_absent(Look::Now, site, path) == Ok(true)
    }

    /// The URL of a path that the mount serves.
    fn exists(
        &self,
        look: Look,
        mounts: &Mounts,
        mount: &Mount,
        path: &MediaPath,
    ) -> Result<Option<String>, WouldWait> {
        if mount.site.check_visible(path).is_err() || url(look, mounts, mount, path)?.is_none() {
            return Ok(None);
        }
        let slash = match kind(look, &mount.site, path) {
            Ok(Some(kind)) => kind == Kind::Folder,
            Ok(None) => {
                if look == Look::Waiting {
                    // so that the next missing path need not wait
                    let _ = self.is_absent(look, &mount.site, path);
                }
                return Ok(None);
            }
            Err(WouldWait) if self.is_missing_now(&mount.site, path) => return Ok(None),
            Err(WouldWait) => return Err(WouldWait),
        };
        Ok(Some(mount.site.prefix.url_of(&path.with_slash(slash))))
    }

    /// The nearest existing path of this mount, with each missing segment replaced by the most similar name. Hidden names
    /// are suggested only if they are served.
    ///
    /// Walks from the top and stops at the first segment without a similar name. A path of 30,000 segments therefore costs
    /// no more than the folders that exist.
    fn find(&self, look: Look, mount: &Mount, missing: &MediaPath) -> Result<Option<MediaPath>, WouldWait> {
        let site = &mount.site;
        let (mut here, mut known) = self.start(look, site, missing);
        let mut renamed = false;
        for segment in missing.segments().skip(here.segments().count()) {
            let mut next = here.join(segment);
            let is_missing = next.as_bytes() == missing.as_bytes();
            let mut found = if is_missing { None } else { kind(look, site, &next)? };
            if found.is_none() {
                let folder = if known.is_some() { known.take() } else { self.folder(look, site, &here)? };
                let Some(name) = folder.as_ref().and_then(|folder| folder.names.nearest(segment)) else { break };
                renamed = true;
                next = here.join(name);
                found = kind(look, site, &next)?;
            }
            match found {
                Some(Kind::Folder) => here = next,
                // if the path continues below a file, or ends in a slash, the file itself was meant
                Some(Kind::File) => return Ok(Some(next)),
                None => break,
            }
        }
        Ok((renamed && !here.is_top()).then(|| here.with_slash(true)))
    }

    /// Where a walk to a path may start: in its folder, if that is remembered, since all folders above it exist then.
    fn start(&self, look: Look, site: &Site, path: &MediaPath) -> (MediaPath, Option<Folder>) {
        let folder = path.parent();
        let known = if look == Look::Now { self.folder(look, site, &folder).ok().flatten() } else { None };
        if known.is_some() { (folder, known) } else { (MediaPath::top(), None) }
    }

    /// Whether a folder on the way to `path` does not have the next name.
    fn is_absent(&self, look: Look, site: &Site, path: &MediaPath) -> Result<bool, WouldWait> {
        let (mut here, mut known) = self.start(look, site, path);
        for segment in path.segments().skip(here.segments().count()) {
            let folder = if known.is_some() { known.take() } else { self.folder(look, site, &here)? };
            let Some(folder) = folder else { return Ok(false) };
            if !folder.is_complete || !is_listed(site, segment) {
                return Err(WouldWait);
            }
            if !folder.names.contains(segment) {
                return Ok(true);
            }
            here = here.join(segment);
        }
        Ok(false)
    }

    /// The names in a folder; `None` if it cannot be read.
    fn folder(&self, look: Look, site: &Site, path: &MediaPath) -> Result<Option<Folder>, WouldWait> {
        let Ok(root) = site.root.folder() else { return Ok(None) };
        if look == Look::Now {
            let version = root.version_now(path).ok_or(WouldWait)?;
            return self.remembered(site, &version).map(Some).ok_or(WouldWait);
        }
        let Ok(Found::Directory(dir)) = root.open(path) else { return Ok(None) };
        let version = root.settled_version(&dir);
        if let Some(folder) = version.and_then(|version| self.remembered(site, &version)) {
            return Ok(Some(folder));
        }
        let (names, is_all) = list(&dir);
        let is_complete = is_all && root.is_exact(&dir);
        let names = Arc::new(Names::new(names.into_iter().filter(|name| is_listed(site, name))));
        let folder = Folder { version: version.unwrap_or_default(), names, is_complete };
        if version.is_some() {
            self.remember(site, folder.clone());
        }
        Ok(Some(folder))
    }

    fn remembered(&self, site: &Site, version: &Version) -> Option<Folder> {
        let folder = self.folders().get(&(version.device, version.inode, site.hidden)).cloned();
        folder.filter(|folder| folder.version == *version)
    }

    fn remember(&self, site: &Site, folder: Folder) {
        let mut folders = self.folders();
        let key = (folder.version.device, folder.version.inode, site.hidden);
        folders.remove(&key);
        // an empty folder costs something as well
        let size = |folder: &Folder| folder.names.len() + 100;
        let total: usize = folders.values().map(size).sum();
        if total + size(&folder) > MAX_REMEMBERED {
            folders.clear();
        }
        folders.insert(key, folder);
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<(u64, u64, bool), Folder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The URL of a path that anybody may see, or `None` if another mount serves that URL.
fn url(look: Look, mounts: &Mounts, mount: &Mount, path: &MediaPath) -> Result<Option<String>, WouldWait> {
    if mount.internal || !mounts.leads_to(&mount.site, path) {
        return Ok(None);
    }
    let is_public = match look {
        Look::Now => mount.site.is_public_now(path).ok_or(WouldWait)?,
        Look::Waiting => mount.site.is_public_all_the_way(path),
    };
    Ok(is_public.then(|| mount.site.prefix.url_of(path)))
}

/// What a path leads to, if it can be opened.
fn kind(look: Look, site: &Site, path: &MediaPath) -> Result<Option<Kind>, WouldWait> {
    let Ok(root) = site.root.folder() else { return Ok(None) };
    let found = match look {
        Look::Now => root.open_now(path).ok_or(WouldWait)?,
        Look::Waiting => root.open(path),
    };
    Ok(found.ok().map(|found| if matches!(found, Found::Directory(_)) { Kind::Folder } else { Kind::File }))
}

/// The names in a folder, up to the limit, and whether these are all.
fn list(dir: &Dir) -> (Vec<Vec<u8>>, bool) {
    let mut names = Vec::new();
    let Ok(entries) = dir.entries() else { return (names, false) };
    for entry in entries.take(MAX_NAMES) {
        match entry {
            Ok(entry) => names.push(entry.file_name().into_encoded_bytes()),
            Err(_) => return (names, false),
        }
    }
    let is_all = names.len() < MAX_NAMES;
    (names, is_all)
}

/// Whether a name of this form may be suggested.
fn is_listed(site: &Site, name: &[u8]) -> bool {
    !is_own(name) && (site.hidden || !name.starts_with(b"."))
}
