//! The files of a project that `devmedia init` looks at: a bounded number of names and texts.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

/// How deep folders are read: `lib/shop_web/endpoint.ex`, `src/server/routes/uploads.js`.
const MAX_DEPTH: usize = 4;
/// How many names are read. Larger projects are read in part, from the top.
const MAX_NAMES: usize = 20_000;
/// The longest text that is read.
const MAX_TEXT: u64 = 256 * 1024;
/// How many bytes of text are read in all.
const MAX_TEXTS: usize = 8 * 1024 * 1024;

/// Folders that hold other people's code, or what a build makes.
const SKIPPED: &[&str] = &[
    "node_modules",
    "vendor",
    "venv",
    "env",
    "deps",
    "_build",
    "target",
    "dist",
    "build",
    "out",
    "__pycache__",
    "site-packages",
    "tmp",
    "log",
    "coverage",
];

/// Extensions of the texts that are read.
const TEXTS: &[&str] =
    &["py", "rb", "php", "js", "mjs", "cjs", "ts", "mts", "go", "ex", "exs", "toml", "json", "yml", "yaml", "txt"];

/// Names without an extension, or with one that is not read otherwise.
const TEXT_NAMES: &[&str] =
    &[".env", "Gemfile", "Gemfile.lock", "Pipfile", "artisan", "go.mod", "uv.lock", "poetry.lock"];

/// Names that are only looked for, in folders that are not read.
const PROBED: &[&str] =
    &[".venv/bin/python", ".venv/Scripts/python.exe", "venv/bin/python", "venv/Scripts/python.exe", "env/bin/python"];

/// The names below a folder, with `/` between segments, and the texts that were read.
#[derive(Debug, Default, Clone)]
pub(super) struct Snapshot {
    files: BTreeMap<String, Option<String>>,
    folders: Vec<String>,
}

impl Snapshot {
    /// Reads a folder. What cannot be read is omitted.
    pub(super) fn read(top: &Path) -> Self {
        let mut snapshot = Self::default();
        let (mut names, mut bytes) = (0, 0);
        // level by level, so that the limit cuts off the deepest names
        let mut level = vec![String::new()];
        for depth in 0..=MAX_DEPTH {
            let mut next = Vec::new();
            for folder in level {
                let Ok(entries) = fs::read_dir(top.join(&folder)) else { continue };
                for entry in entries.flatten() {
                    names += 1;
                    if names > MAX_NAMES {
                        return snapshot;
                    }
                    let Ok(name) = entry.file_name().into_string() else { continue };
                    let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                    // links are followed for names, but no folder behind one is read
                    let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                    let Ok(metadata) = entry.path().metadata() else { continue };
                    if metadata.is_dir() {
                        let is_skipped = name.starts_with('.') || SKIPPED.contains(&name.as_str());
                        if !is_skipped && !is_link && depth < MAX_DEPTH {
                            next.push(path.clone());
                        }
                        snapshot.folders.push(path);
                        continue;
                    }
                    let is_wanted = metadata.is_file() && is_text(&name) && bytes < MAX_TEXTS;
                    let text = is_wanted.then(|| text_of(&entry.path())).flatten();
                    bytes += text.as_ref().map_or(0, String::len);
                    snapshot.files.insert(path, text);
                }
            }
            next.sort();
            level = next;
        }
        for probed in PROBED {
            if top.join(probed).is_file() {
                snapshot.files.insert((*probed).to_owned(), None);
            }
        }
        snapshot
    }

    /// The text of a file, if it exists and was read.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether a file or a folder exists.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.has_folder(path)
    }

    /// Whether a folder exists.
    pub(super) fn has_folder(&self, path: &str) -> bool {
        self.folders.iter().any(|folder| folder == path)
    }

    /// The texts of files with one of these extensions, those near the top first.
    pub(super) fn texts(&self, extensions: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        let mut texts: Vec<(&str, &str)> = self
            .files
            .iter()
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
            .filter(|(path, _)| path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension)))
            .collect();
        texts.sort_by_key(|(path, _)| (path.matches('/').count(), *path));
        texts.into_iter()
    }

    /// The files of this name in folders directly below the top.
    pub(super) fn below(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_name = move |path: &&str| path.split_once('/').is_some_and(|(_, rest)| rest == name);
        self.files.keys().map(String::as_str).filter(is_name)
    }

    /// The part of the snapshot in a folder.
    pub(super) fn folder(&self, folder: &str) -> Self {
        let inside = |path: &String| Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
        Self {
            files: self.files.iter().filter_map(|(path, text)| Some((inside(path)?, text.clone()))).collect(),
            folders: self.folders.iter().filter_map(inside).collect(),
        }
    }

    /// A project for tests: names that end in `/` are folders.
    #[cfg(test)]
    pub(super) fn of(entries: &[(&str, &str)]) -> Self {
        let mut snapshot = Self::default();
        for (path, text) in entries {
            let mut parents: Vec<&str> = path.match_indices('/').map(|(at, _)| &path[..at]).collect();
            parents.retain(|parent| !snapshot.has_folder(parent));
            snapshot.folders.extend(parents.into_iter().map(str::to_owned));
            if !path.ends_with('/') {
                snapshot.files.insert((*path).to_owned(), Some((*text).to_owned()));
            }
        }
        snapshot
    }
}

fn is_text(name: &str) -> bool {
    let by_extension = name.rsplit_once('.').is_some_and(|(_, extension)| TEXTS.contains(&extension));
    by_extension || TEXT_NAMES.contains(&name)
}

/// The text of a file; `None` if it is too long or not UTF-8.
fn text_of(path: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_TEXT + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MAX_TEXT).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_within_limits() {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let top = keep.path();
        for folder in ["a/b/c/d/e", "node_modules/x", ".venv/bin", "media"] {
            fs::create_dir_all(top.join(folder)).expect("a folder");
        }
        let long = "x".repeat(300 * 1024);
        for (path, text) in [
            ("manage.py", "django"),
            ("a/b/c/d/deep.py", "deep"),
            ("a/b/c/d/e/deeper.py", "deeper"),
            ("node_modules/x/index.js", "skipped"),
            (".venv/bin/python", ""),
            ("long.py", long.as_str()),
            ("photo.jpg", "not read"),
        ] {
            fs::write(top.join(path), text).expect("a file");
        }
        fs::write(top.join("bytes.py"), b"\xff").expect("a file");
        let snapshot = Snapshot::read(top);
        assert_eq!(snapshot.text("manage.py"), Some("django"));
        assert_eq!(snapshot.text("a/b/c/d/deep.py"), Some("deep"));
        assert!(!snapshot.has("a/b/c/d/e/deeper.py") && !snapshot.has("node_modules/x/index.js"));
        assert!(snapshot.has(".venv/bin/python") && snapshot.has_folder("media") && snapshot.has("photo.jpg"));
        assert_eq!([snapshot.text("long.py"), snapshot.text("bytes.py"), snapshot.text("photo.jpg")], [None; 3]);
        assert_eq!(snapshot.folder("a/b").text("c/d/deep.py"), Some("deep"));
    }
}
