//! `devmedia init`: looks at a project, writes a commented `devmedia.toml`, and prints how to start.
//!
//! ```text
//! folder --snapshot--> Snapshot --detect--> Seen --node, backends, django--> Plan --render--> devmedia.toml, text
//!                                                          ^ python: Django's settings
//! ```
//!
//! Reading is bounded: names and texts by the limits in `snapshot`, Python by a time limit. All decisions are pure functions of
//! the snapshot. A file that exists is never changed.

mod backends;
mod detect;
mod django;
mod node;
mod plan;
mod python;
mod render;
mod scan;
mod snapshot;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use self::detect::Seen;
use self::django::Place;
use self::plan::{Framework, Plan};
use self::python::Failure;
use self::snapshot::Snapshot;
use crate::config::settings::CONFIG;
use crate::config::{Config, Layer, Problems, Typed, file};
use crate::request::prefix::Prefix;
use crate::system::advice::Family;

/// How long Django's settings may take to load, and how long Python may take in all (`uv run` starts it first).
const SETTINGS_LIMIT: Duration = Duration::from_secs(8);
const PYTHON_LIMIT: Duration = Duration::from_secs(10);

/// More folders than these are not written into the file.
const MAX_MOUNTS: usize = 5;

/// What was done.
#[derive(Debug)]
pub struct Report {
    /// For stdout.
    pub text: String,
    /// For stderr, a paragraph each.
    pub warnings: Vec<String>,
}

/// Looks at a folder and writes its `devmedia.toml`; with `dry_run`, only prints what it would write.
pub fn run(folder: Option<&str>, dry_run: bool) -> Result<Report, Problems> {
    let top = folder.map_or(Path::new("."), Path::new);
    let project = top.canonicalize().map_err(|error| {
        let shown = top.display();
        Problems::of_system(format!("{shown}: the folder cannot be read: {error}. Write the folder of the project"))
    })?;
    if !project.is_dir() {
        let shown = top.display();
        return Err(Problems::of_usage(format!("{shown}: this is not a folder; write the folder of the project")));
    }
    let target = top.join(file::NAME);
    let exists = target.symlink_metadata().is_ok();
    if exists && !dry_run {
        return Err(already_there(&target));
    }
    let snapshot = Snapshot::read(&project);
    let seen = detect::frameworks(&snapshot);
    let below = frameworks_below(&snapshot);
    if seen.is_empty() && !below.is_empty() {
        return Err(Problems::of_usage(format!(
            "there is no framework in {}, but {}. Write the folder: devmedia init {}",
            top.display(),
            list_below(&below),
            typed_path(top, &below[0].0)
        )));
    }
    let mut warnings = Vec::new();
    let mut plan = match seen.first().map(|seen| seen.framework) {
        Some(Framework::Django) => django_plan(&snapshot, &project, &mut warnings),
        Some(Framework::Express) => node::express(&snapshot),
        Some(framework @ (Framework::Next | Framework::Vite)) => node::pages(&snapshot, framework == Framework::Next),
        Some(framework) => backends::plan(framework, &snapshot).unwrap_or_default(),
        None => without_framework(&snapshot),
    };
    settle(&mut plan, &project);
    if !below.is_empty() {
        plan.notes.push(format!("Elsewhere, {}; for that one, run devmedia init in its folder.", list_below(&below)));
    }
    let name = seen.first().map_or_else(|| "no framework".to_owned(), |seen| seen.framework.to_string());
    let toml = render::toml(&plan, &name);

    let mut text = format!("{}\n\n", render::seen(&seen));
    if dry_run {
        let but = if exists { ", if there were none already" } else { "" };
        let _ = writeln!(text, "devmedia init would write {}{but}:\n", target.display());
        for line in toml.lines() {
            let _ = writeln!(text, "{}", if line.is_empty() { String::new() } else { format!("    {line}") });
        }
    } else {
        write_new(&target, &toml)?;
        let _ = writeln!(text, "wrote {}:\n", target.display());
        for mount in &plan.mounts {
            let _ = writeln!(text, "    {:<12} {}  ({})", mount.url, mount.root, mount.why);
        }
    }
    for mount in &plan.mounts {
        make_root(&project, &mount.root, dry_run, &mut text, &mut warnings);
    }
    text.push_str(&render::steps(&plan, folder));
    if !dry_run && let Err(problems) = check(&target) {
        warnings.push(format!("devmedia cannot start with these settings yet:\n{problems}"));
    }
    Ok(Report { text: printable(&text), warnings: warnings.iter().map(|warning| printable(warning)).collect() })
}

/// Names and values of the project must not control the terminal.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "\u{fffd}")
}

/// The file is created only if there is none, also if another process writes it in this moment.
fn write_new(target: &Path, toml: &str) -> Result<(), Problems> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)
        .and_then(|mut file| file.write_all(toml.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => already_there(target),
        _ => Problems::of_system(format!("{} cannot be written: {error}", target.display())),
    })
}

fn already_there(target: &Path) -> Problems {
    let shown = target.display();
    Problems::of_usage(format!(
        "{shown} exists, and devmedia init never overwrites it. To see what it would write: devmedia init --dry-run; to start \
         again, rename it first: {}",
        Family::HERE.set_aside(target)
    ))
}

/// The written file, read as `devmedia check` reads it, without flags and variables.
fn check(target: &Path) -> Result<(), Problems> {
    let mut flags = Layer::default();
    flags.set(&CONFIG.declared, vec![Typed::by_flag(&CONFIG.declared.flag(), &target.display().to_string(), None)]);
    Config::read(&flags).map(drop)
}

/// Creates a root that is missing in the project. Folders elsewhere are left to the user.
fn make_root(project: &Path, root: &str, dry_run: bool, text: &mut String, warnings: &mut Vec<String>) {
    let path = project.join(root);
    if path.exists() {
        return;
    }
    if Path::new(root).is_absolute() || dry_run {
        let _ = writeln!(
            text,
            "\nThe folder {root} is missing{}",
            if dry_run {
                "; devmedia init would create it.".to_owned()
            } else {
                format!(". Create it with: {}", Family::HERE.create_folder(Path::new(root)))
            }
        );
    } else {
        match fs::create_dir_all(&path) {
            Ok(()) => {
                let _ = writeln!(text, "\ncreated the folder {root}");
            }
            Err(error) => warnings.push(format!("the folder {root} is missing and cannot be created: {error}")),
        }
    }
}

/// The settings as the project's own Python prints them.
fn django_plan(snapshot: &Snapshot, project: &Path, warnings: &mut Vec<String>) -> Plan {
    let active = std::env::var("VIRTUAL_ENV").ok();
    let words = python::interpreter(snapshot, active.as_deref());
    let python = python::shown(&words, active.as_deref());
    let module = django::settings_module(snapshot).unwrap_or("settings");
    let limit = SETTINGS_LIMIT.as_secs().to_string();
    let printed = python::run(&words, &["-c", django::PROBE, module, &limit], project, PYTHON_LIMIT);
    let settings = match printed {
        Ok(printed) => {
            let settings = django::parse(&printed);
            if settings.is_none() {
                warnings.push(format!("{python} printed no settings; {HAND}"));
            }
            settings
        }
        Err(failure) => {
            warnings.push(explain(&python, &failure));
            None
        }
    };
    let home = home();
    django::plan(settings.as_ref(), snapshot, |root| place(root, project, home.as_deref()), &python)
}

const HAND: &str = "the values in devmedia.toml are taken from the text of the settings files";

fn explain(python: &str, failure: &Failure) -> String {
    let (what, lines): (String, &[String]) = match failure {
        Failure::NotStarted(error) => (
            format!(
                "{python} cannot be started: {error}. Activate the virtual environment of the project, then try again"
            ),
            &[],
        ),
        Failure::TooSlow { lines } => (
            format!("{python} was ended because Django's settings were not there after {} s", PYTHON_LIMIT.as_secs()),
            lines,
        ),
        Failure::Failed { lines, .. } if lines.iter().any(|line| line.starts_with("Timeout (")) => (
            format!(
                "Django's settings were not there after {} s. They hang here, in the first line",
                SETTINGS_LIMIT.as_secs()
            ),
            lines.get(2..).unwrap_or_default(),
        ),
        Failure::Failed { lines, .. } if lines.iter().any(|line| line.contains("No module named 'django'")) => {
            (format!("{python} has no Django. Activate the virtual environment of the project, then try again"), lines)
        }
        Failure::Failed { status, lines } => (format!("{python} could not read Django's settings ({status})"), lines),
    };
    let colon = if lines.is_empty() { "" } else { ":" };
    let lines: String = lines.iter().map(|line| format!("\n    {line}")).collect();
    format!("{what}; {HAND}{colon}{lines}")
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().and_then(|home| home.canonicalize().ok())
}

/// The absolute path of a folder that may be missing, without links and `..`: otherwise `a/../../b`, or a folder behind a link,
/// would count as a folder of the project, and `init` would create it elsewhere.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Component::Normal(name))) => resolved(parent).join(name),
        (Some(parent), Some(Component::ParentDir)) => {
            let parent = resolved(parent);
            parent.parent().map_or_else(|| parent.clone(), Path::to_path_buf)
        }
        _ => path.to_owned(),
    }
}

/// Where a folder is, seen from the project. The project itself, the home directory and all that contains them are banned.
fn place(root: &str, project: &Path, home: Option<&Path>) -> Place {
    if root.is_empty() {
        return Place::Missing;
    }
    let path = resolved(&project.join(root));
    if project.starts_with(&path) {
        return Place::Banned("the folder of the project, or contains it");
    }
    if home.is_some_and(|home| home.starts_with(&path)) {
        return Place::Banned("the home directory, or contains it");
    }
    match path.strip_prefix(project).map(Path::to_str) {
        Ok(Some(below)) => Place::Below(below.replace('\\', "/")),
        _ => Place::Elsewhere(path.display().to_string()),
    }
}

/// Makes sure that the mounts can be served: valid and different prefixes, and no banned folder.
fn settle(plan: &mut Plan, project: &Path) {
    let home = home();
    let Plan { mounts, notes, .. } = plan;
    let mut urls: Vec<String> = Vec::new();
    mounts.retain_mut(|mount| {
        match place(&mount.root, project, home.as_deref()) {
            Place::Below(path) | Place::Elsewhere(path) => mount.root = path,
            Place::Missing | Place::Banned(_) => {
                notes.push(format!("{} is not a folder of media alone; ./media is used instead.", mount.root));
                "media".clone_into(&mut mount.root);
            }
        }
        if !Prefix::parse(&mount.url).is_ok_and(|prefix| !prefix.path().is_top()) {
            notes.push(format!("{:?} is not a prefix for media; /media/ is used instead.", mount.url));
            "/media/".clone_into(&mut mount.url);
        }
        let is_new = !urls.contains(&mount.url);
        urls.push(mount.url.clone());
        is_new
    });
    mounts.truncate(MAX_MOUNTS);
}

/// The plan for a folder in which no framework was recognised.
fn without_framework(snapshot: &Snapshot) -> Plan {
    let folder = ["media", "uploads", "public/uploads", "public/media", "static/uploads"]
        .into_iter()
        .find(|folder| snapshot.has_folder(folder));
    let mount = match folder {
        Some(folder) => plan::Mount::new(format!("/{}/", plan::last_segment(folder)), folder, "the folder exists"),
        None => plan::Mount::new("/media/", "media", "the usual place"),
    };
    let notes = vec![
        "If an app runs on this machine, devmedia can stand in front of it: devmedia run --debug -- COMMAND, or write app = \
         \"http://127.0.0.1:8000\" at the top of devmedia.toml."
            .to_owned(),
    ];
    Plan { mounts: vec![mount], notes, ..Plan::default() }
}

/// The preferred framework of each folder directly below.
fn frameworks_below(snapshot: &Snapshot) -> Vec<(String, Seen)> {
    let marks =
        ["manage.py", "Gemfile", "artisan", "mix.exs", "go.mod", "package.json", "pyproject.toml", "requirements.txt"];
    let mut folders: Vec<&str> =
        marks.iter().flat_map(|mark| snapshot.below(mark)).filter_map(|path| Some(path.split_once('/')?.0)).collect();
    folders.sort_unstable();
    folders.dedup();
    let seen = |folder: &&str| detect::frameworks(&snapshot.folder(folder)).into_iter().next();
    let mut all: Vec<(String, Seen)> =
        folders.iter().filter_map(|folder| Some(((*folder).to_owned(), seen(folder)?))).collect();
    all.sort_by_key(|(_, seen)| seen.framework);
    all
}

fn list_below(below: &[(String, Seen)]) -> String {
    let all: Vec<String> = below.iter().map(|(folder, seen)| format!("{folder}/ has {}", seen.framework)).collect();
    all.join(", and ")
}

fn typed_path(top: &Path, folder: &str) -> String {
    if top == Path::new(".") { folder.to_owned() } else { top.join(folder).display().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_folders_are_recognised() {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let top = keep.path().canonicalize().expect("it exists");
        let (home, project) = (top.join("home"), top.join("home/shop"));
        fs::create_dir_all(project.join("media")).expect("a folder");
        let shown = |path: PathBuf| path.display().to_string();
        for (root, expected) in [
            (String::new(), Place::Missing),
            ("media".to_owned(), Place::Below("media".to_owned())),
            ("none/a".to_owned(), Place::Below("none/a".to_owned())),
            ("none/../a".to_owned(), Place::Below("a".to_owned())),
            ("../other".to_owned(), Place::Elsewhere(shown(top.join("home/other")))),
            ("none/../../../other".to_owned(), Place::Elsewhere(shown(top.join("other")))),
            (shown(project.join("media")), Place::Below("media".to_owned())),
            (shown(top.join("other")), Place::Elsewhere(shown(top.join("other")))),
            (".".to_owned(), Place::Banned("the folder of the project, or contains it")),
            (shown(project.clone()), Place::Banned("the folder of the project, or contains it")),
            ("/".to_owned(), Place::Banned("the folder of the project, or contains it")),
        ] {
            assert_eq!(place(&root, &project, Some(&home)), expected, "{root}");
        }
        let elsewhere = top.join("elsewhere");
        let banned = Place::Banned("the home directory, or contains it");
        assert_eq!(place(&shown(home.clone()), &elsewhere, Some(&home)), banned);
    }

    #[test]
    fn values_of_the_project_do_not_control_the_terminal() {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let manage = "import django\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')";
        fs::write(keep.path().join("manage.py"), manage).expect("a file");
        fs::write(keep.path().join("settings.py"), "MEDIA_URL = '/m/'\nMEDIA_ROOT = BASE_DIR / 'a\u{1b}[2Jb'\n")
            .expect("a file");
        let report = run(keep.path().to_str(), true).expect("a report");
        assert!(report.text.contains("a\u{fffd}[2Jb is missing"), "{}", report.text);
        assert!(!report.text.contains('\u{1b}') && report.warnings.iter().all(|warning| !warning.contains('\u{1b}')));
    }

    #[test]
    fn mounts_get_different_and_valid_prefixes() {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let project = keep.path().canonicalize().expect("it exists");
        let mount = |url: &str, root: &str| plan::Mount::new(url, root, "");
        let mounts = vec![mount("/a/", "a"), mount("/a/", "b"), mount("/../", "c"), mount("/d/", ".")];
        let mut plan = Plan { mounts, ..Plan::default() };
        settle(&mut plan, &project);
        let settled: Vec<_> = plan.mounts.iter().map(|mount| format!("{}={}", mount.url, mount.root)).collect();
        assert_eq!(settled, ["/a/=a", "/media/=c", "/d/=media"]);
        assert_eq!(plan.notes.len(), 2, "{plan:?}");
    }
}
