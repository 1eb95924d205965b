//! The files of the authority: `$XDG_DATA_HOME/devmedia/`, and the keys in a folder below it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::error::TlsError;
use crate::system;

/// Where the keys are. No mount serves, lists or overwrites a name that begins with `.devmedia-`, not even with `--hidden`.
const KEYS: &str = ".devmedia-keys";

/// The folder of the authority, locked so that two processes do not make two authorities.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Unlocks when it is closed.
    _lock: File,
}

/// The XDG Base Directory Specification: a relative path in the variable is ignored, as if it were not set. Without the
/// variable, `~/.local/share`; on Windows, `%LOCALAPPDATA%`.
pub(super) fn folder(variable: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let set = variable.map(PathBuf::from).filter(|folder| folder.is_absolute());
    let data = set.or_else(|| system::user_folder(home, ".local/share"))?;
    Some(data.join("devmedia"))
}

impl Store {
    /// Opens the folder, and makes it first if it is missing. Blocks while another process makes an authority.
    pub(super) fn open(folder: &Path) -> Result<Self, TlsError> {
        let open = || {
            if let Some(above) = folder.parent() {
                fs::create_dir_all(above)?;
            }
            for folder in [folder, &folder.join(KEYS)] {
                match system::private_folder().create(folder) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
                system::restrict(folder, 0o700)?;
            }
            system::lock_folder(folder)
        };
        let lock = open().map_err(|error| TlsError::Store(folder.to_owned(), error))?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The path of a certificate.
    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The path of a key.
    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.folder.join(KEYS).join(name)
    }

    /// A certificate; `None` if there is none.
    pub(super) fn read_certificate(&self, name: &str) -> Result<Option<String>, TlsError> {
        read(&self.certificate(name))
    }

    /// Reads a key, and takes the permission to read it from all others.
    pub(super) fn read_key(&self, name: &str) -> Result<Option<String>, TlsError> {
        let path = &self.key(name);
        let text = read(path)?;
        if text.is_some() {
            system::restrict(path, 0o600).map_err(|error| TlsError::Store(path.to_owned(), error))?;
        }
        Ok(text)
    }

    /// Writes a key, which only its owner may read.
    pub(super) fn write_key(&self, name: &str, text: &str) -> Result<(), TlsError> {
        write(&self.key(name), text, 0o600)
    }

    /// Writes a certificate. A copy of it in the system's folder must be readable by all.
    pub(super) fn write_certificate(&self, name: &str, text: &str) -> Result<(), TlsError> {
        write(&self.certificate(name), text, 0o644)
    }
}

/// A file's text; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(TlsError::Damaged(path.to_owned(), "it is not text".to_owned()))
        }
        Err(error) => Err(TlsError::Store(path.to_owned(), error)),
    }
}

/// Writes a file, at once or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let write = || {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = system::with_mode(OpenOptions::new().write(true).create_new(true), mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| TlsError::Store(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_xdg() {
        for (variable, home, expected) in [
            (Some("/data"), Some("/home/a"), Some("/data/devmedia")),
            (None, Some("/home/a"), Some("/home/a/.local/share/devmedia")),
            (Some("data"), Some("/home/a"), Some("/home/a/.local/share/devmedia")),
            (Some(""), None, None),
        ] {
            let folder = folder(variable.map(OsStr::new), home.map(Path::new));
            assert_eq!(folder.as_deref(), expected.map(Path::new), "{variable:?} {home:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read() {
        use std::fs::Permissions;
        use std::os::unix::fs::PermissionsExt as _;

        let place = tempfile::tempdir().expect("a temporary folder");
        let folder = place.path().join("share/devmedia");
        let store = Store::open(&folder).expect("it is made");
        let path = store.key("a.pem");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        for text in ["one", "two"] {
            store.write_key("a.pem", text).expect("written");
            assert_eq!(store.read_key("a.pem").expect("readable").as_deref(), Some(text));
            assert_eq!((mode(&path), mode(&folder), mode(&folder.join(KEYS))), (0o600, 0o700, 0o700));
            fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
            store.read_key("a.pem").expect("readable");
            assert_eq!(mode(&path), 0o600, "what was opened is closed again");
        }
        drop(store);
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("ours");
        Store::open(&folder).expect("not locked any more");
        assert_eq!(mode(&folder), 0o700);
        assert!(crate::request::path::is_own(KEYS.as_bytes()), "no mount serves it");
    }
}
