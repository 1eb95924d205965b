//! Which folder may be a root.

use std::io;
use std::path::{Path, PathBuf};

use super::problems::Problems;
use super::typed::Typed;
use crate::storage::media_type::MediaTypes;
use crate::storage::root::{Links, Root};

/// Files that mark a folder as a project's: serving it would serve its source and secrets (Django's `MEDIA_ROOT = ""`
/// trap).
const PROJECT_MARKS: &[&str] = &["manage.py", ".git", "package.json"];

/// The rules by which a folder may be a root.
#[derive(Debug)]
pub(super) struct Roots {
    pub types: MediaTypes,
    /// Resolved.
    pub home: Option<PathBuf>,
    pub allow_project: bool,
}

impl Roots {
    /// Opens the root of a mount, relative to `base`; with `make` it is made where it is missing.
    pub(super) fn open(
        &self,
        typed: &Typed,
        base: &Path,
        links: Links,
        make: bool,
        problems: &mut Problems,
    ) -> Option<Root> {
        let flag = &typed.shown;
        if typed.value.is_empty() {
            problems.usage(format!("{flag}: the folder's name is empty; write the folder to serve, such as ./media"));
            return None;
        }
        let path = &base.join(&typed.value);
        if make && let Err(error) = std::fs::create_dir_all(path) {
            problems.system(format!("{flag}: the folder is missing and cannot be made: {error}"));
            return None;
        }
        let root = match Root::new(path, links, self.types.clone()) {
            Ok(root) => root,
            Err(error) => {
                problems.system(format!("{flag}: {}", root_advice(path, &error)));
                return None;
            }
        };
        if let Some(trap) = self.trap(path) {
            problems.usage(format!("{flag}: {trap}"));
            return None;
        }
        Some(root)
    }

    /// Why a folder that can be read should not be served.
    fn trap(&self, path: &Path) -> Option<String> {
        let whole = path.canonicalize().ok()?;
        if whole.parent().is_none() {
            return Some("this is the whole file system; name the folder that holds the media".to_owned());
        }
        if self.home.as_ref().is_some_and(|home| home.starts_with(&whole)) {
            return Some("this is or holds the home directory; name the folder that holds the media".to_owned());
        }
        let mark = PROJECT_MARKS.iter().find(|mark| whole.join(mark).symlink_metadata().is_ok())?;
        (!self.allow_project).then(|| {
            format!(
                "it holds {mark}, so it looks like a project whose source would be served. Name the folder that holds \
                 the media, or add --allow-project-root"
            )
        })
    }
}

fn root_advice(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if path.starts_with("~") => {
            "the shell did not turn ~ into the home directory; write it out, such as \"$HOME/media\"".to_owned()
        }
        io::ErrorKind::NotFound => {
            format!("there is no such folder. Make it with: mkdir -p {}", quoted(path))
        }
        io::ErrorKind::NotADirectory => "this is not a folder; name the folder that holds the media".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("this user may not read the folder. See its permissions with: ls -ld {}", quoted(path))
        }
        _ => format!("the folder cannot be opened: {error}"),
    }
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ',' | '@' | ':');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
