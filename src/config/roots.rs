//! Which folders may be served, and what to do about one that is missing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::problems::Problems;
use super::typed::{Source, Typed};
use crate::storage::bucket::Bucket;
use crate::storage::bucket::url::BucketUrl;
use crate::storage::media_type::MediaTypes;
use crate::storage::root::{Links, Root};
use crate::storage::store::Store;
use crate::system::advice::Family;

/// Files that mark a folder as a project's: serving it would serve its source and its secrets (Django's
/// `MEDIA_ROOT = ""` trap). A `*` matches any prefix.
const PROJECT_MARKS: &[&str] = &[
    "manage.py",
    ".git",
    "package.json",
    ".env",
    ".hg",
    ".svn",
    "artisan",
    "build.gradle",
    "build.gradle.kts",
    "Cargo.toml",
    "CMakeLists.txt",
    "compose.yaml",
    "compose.yml",
    "composer.json",
    "config.ru",
    "deno.json",
    "docker-compose.yaml",
    "docker-compose.yml",
    "Dockerfile",
    "Gemfile",
    "go.mod",
    "mix.exs",
    "node_modules",
    "Package.swift",
    "Pipfile",
    "pom.xml",
    "Procfile",
    "pubspec.yaml",
    "pyproject.toml",
    "Rakefile",
    "requirements.txt",
    "setup.py",
    "wp-config.php",
    "*.csproj",
    "*.sln",
];

/// Where frameworks keep uploads, suggested if `./media` does not exist.
const USUAL_FOLDERS: &[&str] =
    &["uploads", "public/uploads", "storage/app/public", "wp-content/uploads", "priv/static/uploads", "public/media"];

/// How many letters the name of a missing folder may differ in from one that exists.
const TYPOS: usize = 2;

/// How many folders above the working directory are searched for a missing root.
const LEVELS_UP: usize = 3;

/// The rules by which a folder may be served.
#[derive(Debug)]
pub(super) struct Roots {
    pub types: MediaTypes,
    /// The home directory, resolved.
    pub home: Option<PathBuf>,
    pub allow_project: bool,
    /// Folders that were missing and have been created.
    pub created: Vec<PathBuf>,
    /// The buckets, as they were typed.
    pub buckets: HashMap<BucketUrl, String>,
}

impl Roots {
    /// Opens the root of a mount: a bucket if it is the URL of one, otherwise a folder; see [`Roots::open`].
    pub(super) fn open_store(
        &mut self,
        typed: &Typed,
        base: &Path,
        links: Links,
        writes: bool,
        problems: &mut Problems,
    ) -> Option<Store> {
        let Some(url) = BucketUrl::parse(&typed.value) else {
            return self.open(typed, base, links, writes, problems).map(Store::Folder);
        };
        let url = problems.check(typed, |_| url)?;
        self.buckets.insert(url.clone(), typed.shown.clone());
        let bucket = Bucket::open(url, self.types.clone());
        let bucket = bucket.map_err(|error| problems.system(format!("{}: {error}", typed.shown))).ok()?;
        Some(Store::Bucket(bucket))
    }

    /// Opens the root of a mount, relative to `base`. Creates it if it is missing and `writes` says that files will be
    /// stored in it, or if it is the `media` folder of a Django project.
    pub(super) fn open(
        &mut self,
        typed: &Typed,
        base: &Path,
        links: Links,
        writes: bool,
        problems: &mut Problems,
    ) -> Option<Root> {
        let flag = &typed.shown;
        if typed.value.is_empty() {
            problems.usage(format!("{flag}: the folder's name is empty; write the folder to serve, such as ./media"));
            return None;
        }
        if let Some(advice) = self.unexpanded_home(&typed.value, typed.source) {
            problems.usage(format!("{flag}: {advice}"));
            return None;
        }
        let path = &base.join(&typed.value);
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let is_missing = path.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_missing && (writes || is_django_media(&absolute)) {
            let similar = above(path, &absolute).or_else(|| similar_folder(&absolute));
            if let Err(error) = std::fs::create_dir_all(path) {
                let shown = absolute.display();
                problems.system(format!("{flag}: the folder {shown} is missing and cannot be created: {error}"));
                return None;
            }
            if let Some(similar) = similar {
                problems.warn(format!(
                    "{flag}: created the folder {}, but there is also {}; if you meant that, write it instead",
                    absolute.display(),
                    similar.display()
                ));
            }
            self.created.push(absolute.clone());
        }
        let root = match Root::new(path, links, self.types.clone()) {
            Ok(root) => root,
            Err(error) => {
                problems.system(format!("{flag}: {}", root_advice(typed, path, &absolute, &error)));
                return None;
            }
        };
        if let Some(trap) = self.trap(path) {
            problems.usage(format!("{flag}: {trap}"));
            return None;
        }
        Some(root)
    }

    /// Advice about `~` and `$HOME` that no shell has expanded.
    fn unexpanded_home(&self, value: &str, source: Source) -> Option<String> {
        let rest = ["~/", "~\\", "$HOME/", "${HOME}/"].iter().find_map(|start| value.strip_prefix(start));
        let rest = rest.or_else(|| ["~", "$HOME", "${HOME}"].contains(&value).then_some(""))?;
        if Path::new(value).exists() {
            return None;
        }
        let full = self.home.as_deref().unwrap_or(Family::HERE.example_home()).join(rest);
        let who = match source {
            Source::CommandLine => "the shell does not expand this to the home directory here",
            _ => "only a shell expands this to the home directory",
        };
        Some(format!("{who}; write the whole path: {}", quoted(&full)))
    }

    /// Why a folder that can be read should not be served.
    fn trap(&self, path: &Path) -> Option<String> {
        let whole = path.canonicalize().ok()?;
        if whole.parent().is_none() {
            return Some("this is the whole file system; name the folder with the media".to_owned());
        }
        if self.home.as_ref().is_some_and(|home| home.starts_with(&whole)) {
            return Some("this is the home directory, or contains it; name the folder with the media".to_owned());
        }
        if self.allow_project {
            return None;
        }
        let mark = project_mark(&whole)?;
        Some(format!(
            "this folder contains {mark}, so it looks like a project, whose source would be served. Name the folder with \
             the media, such as {}, or add --allow-project-root",
            quoted(&path.join("media"))
        ))
    }
}

/// A file that marks this folder as a project's.
fn project_mark(folder: &Path) -> Option<String> {
    let (patterns, names): (Vec<&str>, Vec<&str>) = PROJECT_MARKS.iter().partition(|mark| mark.starts_with('*'));
    if let Some(name) = names.into_iter().find(|name| is_mark(&folder.join(name))) {
        return Some(name.to_owned());
    }
    let entries =
        folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    entries.into_iter().find(|name| patterns.iter().any(|pattern| name.ends_with(&pattern[1..])))
}

/// Whether a project file exists. An upload may also be named `.env`: the file counts only if all its lines look like
/// settings.
fn is_mark(path: &Path) -> bool {
    if path.file_name() != Some(OsStr::new(".env")) {
        return path.symlink_metadata().is_ok();
    }
    let text = std::fs::read(path).unwrap_or_default();
    let mut lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    path.is_file() && lines.all(|line| line.is_empty() || line.starts_with(b"#") || line.contains(&b'='))
}

/// Django creates `MEDIA_ROOT` with the first upload, so `media` beside a `manage.py` may be missing.
fn is_django_media(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new("media"))
        && path.parent().is_some_and(|project| project.join("manage.py").is_file())
}

fn root_advice(typed: &Typed, path: &Path, absolute: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => missing(typed, path, absolute),
        io::ErrorKind::NotADirectory => "this is not a folder; name the folder with the media".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!(
                "permission denied: this user may not read the folder. See its permissions with: {}",
                Family::HERE.show_permissions(path)
            )
        }
        _ => format!("the folder cannot be opened: {error}"),
    }
}

/// Advice about a root that does not exist: a folder that may be meant, and the command that creates it.
fn missing(typed: &Typed, path: &Path, absolute: &Path) -> String {
    let shown = absolute.display();
    if path.symlink_metadata().is_ok() {
        return format!(
            "{shown} is a symbolic link to something that does not exist; see it with: {}",
            Family::HERE.show_link(path)
        );
    }
    let near = above(path, absolute).or_else(|| similar_folder(absolute)).or_else(|| {
        let is_default = typed.source == Source::Default;
        let base = absolute.parent().filter(|_| is_default)?;
        USUAL_FOLDERS.iter().map(|usual| base.join(usual)).find(|usual| usual.is_dir())
    });
    let create = Family::HERE.create_folder(path);
    match near {
        Some(near) => format!(
            "there is no folder {shown}, but there is {}. To serve that, write {}; to create the missing one, run: {create}",
            near.display(),
            instead(typed, &near),
        ),
        None => format!("there is no folder {shown}. Create it with: {create}"),
    }
}

/// What to type to name another folder in place of this one.
fn instead(typed: &Typed, folder: &Path) -> String {
    match (typed.source, typed.shown.starts_with("--mount")) {
        // a backslash is an escape between double quotes
        (Source::File, _) if cfg!(windows) => format!("root = '{}'", folder.display()),
        (Source::File, _) => format!("root = \"{}\"", folder.display()),
        (_, true) => match typed.shown.split_once('"').and_then(|(_, rest)| rest.split_once('=')) {
            Some((prefix, _)) => format!("--mount {prefix}={}", quoted(folder)),
            None => quoted(folder),
        },
        _ => format!("--root {}", quoted(folder)),
    }
}

/// The folder of the same relative path in one of the directories above the working directory; of an absolute path, the
/// folder of the same name one level up.
fn above(path: &Path, absolute: &Path) -> Option<PathBuf> {
    if path.is_absolute() {
        let above = absolute.parent()?.parent().filter(|folder| folder.parent().is_some())?;
        return Some(above.join(absolute.file_name()?)).filter(|folder| folder.is_dir());
    }
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let here = absolute.ancestors().nth(path.components().count())?;
    // /media belongs to the system
    let above = here.ancestors().skip(1).take(LEVELS_UP).filter(|folder| folder.parent().is_some());
    above.map(|folder| folder.join(&path)).find(|folder| folder.is_dir())
}

/// A folder whose path differs from this one only in case, or in a letter or two of one name.
fn similar_folder(absolute: &Path) -> Option<PathBuf> {
    let mut found = PathBuf::new();
    let mut names = absolute.components();
    for part in names.by_ref() {
        let next = found.join(part);
        if next.is_dir() {
            found = next;
            continue;
        }
        let wanted = part.as_os_str().to_str()?.to_lowercase();
        let names = found.read_dir().ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let near = names.filter(|name| found.join(name).is_dir()).filter_map(|name| {
            let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &wanted);
            let is_near = distance == 0 || (distance <= TYPOS && wanted.chars().count() > 2 * TYPOS);
            is_near.then_some((distance, name))
        });
        found.push(near.min()?.1);
        break;
    }
    let below = names.as_path();
    let whole = if below.as_os_str().is_empty() { found } else { found.join(below) };
    whole.is_dir().then_some(whole)
}

/// Quoted for a shell, if necessary.
fn quoted(path: &Path) -> String {
    Family::HERE.quoted_path(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_another_case_or_with_a_typing_error_are_found() {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let top = keep.path().canonicalize().expect("it exists");
        for folder in ["Media/photos", "uploads", "ab", "m\u{e9}dia"] {
            std::fs::create_dir_all(top.join(folder)).expect("a folder");
        }
        std::fs::write(top.join("medias"), "a file").expect("a file");
        for (missing, expected) in [
            ("media", Some("Media")),
            ("MEDIA/photos", Some("Media/photos")),
            ("medai", Some("Media")),
            ("upload", Some("uploads")),
            ("uplods", Some("uploads")),
            ("Media/Photos", Some("Media/photos")),
            ("aa", None),
            ("other", None),
            ("media/none", None),
        ] {
            let found = similar_folder(&top.join(missing));
            assert_eq!(found, expected.map(|expected| top.join(expected)), "{missing}");
        }
    }
}
