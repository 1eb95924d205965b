//! Django: the settings as the project's own Python sees them. Pure; [`super::python`] runs Python.

use serde::Deserialize;

use super::plan::{Lines, Mount, Plan};
use super::scan;
use super::snapshot::Snapshot;

/// The settings that matter here, as [`PROBE`] prints them. No secret is among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Settings {
    /// `MEDIA_ROOT`, as Django has it.
    pub media_root: String,
    /// `MEDIA_URL`, as Django has it.
    pub media_url: String,
    /// `DEBUG`.
    pub debug: bool,
    /// The class of the default storage.
    pub storage: String,
    /// The bucket of an S3 storage.
    pub bucket: Option<String>,
    /// The endpoint of an S3 storage.
    pub endpoint: Option<String>,
    /// The name of the settings module.
    pub module: String,
}

/// Begins the line with the settings: a settings file may print lines of its own.
pub(super) const MARK: &str = "devmedia-settings:";

/// Prints the settings as JSON. `faulthandler` ends a settings file that hangs, and prints where it hangs.
///
/// The sources of the names: Django 5.2's settings reference (`STORAGES`, and `DEFAULT_FILE_STORAGE` before 4.2) and
/// django-storages' S3 page.
pub(super) const PROBE: &str = r#"
import faulthandler, json, os, sys
faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", sys.argv[1])
from django.conf import settings
def get(name, default=None):
    return getattr(settings, name, default)
default = (get("STORAGES") or {}).get("default") or {}
options = default.get("OPTIONS") or {}
old = get("DEFAULT_FILE_STORAGE")
backend = default.get("BACKEND") or old or ""
if old and backend.endswith(".FileSystemStorage"):
    backend = old
def text(value):
    return None if value is None or value == "" else str(value)
print("devmedia-settings:" + json.dumps({
    "media_root": os.path.abspath(str(options.get("location") or get("MEDIA_ROOT")))
        if backend.endswith(".FileSystemStorage") and (options.get("location") or get("MEDIA_ROOT"))
        else str(get("MEDIA_ROOT") or ""),
    "media_url": str((backend.endswith(".FileSystemStorage") and options.get("base_url")) or get("MEDIA_URL") or ""),
    "debug": bool(get("DEBUG")),
    "storage": str(backend),
    "bucket": text(options.get("bucket_name") or get("AWS_STORAGE_BUCKET_NAME")),
    "endpoint": text(options.get("endpoint_url") or get("AWS_S3_ENDPOINT_URL")),
    "module": os.environ["DJANGO_SETTINGS_MODULE"],
}), flush=True)
# a thread that a settings file has started must not keep the process running
sys.stderr.flush()
os._exit(0)
"#;

/// The settings in the output of [`PROBE`].
pub(super) fn parse(output: &str) -> Option<Settings> {
    let line = output.lines().rev().find_map(|line| line.split_once(MARK))?.1;
    serde_json::from_str(line).ok()
}

/// The name of the settings module in `manage.py`.
pub(super) fn settings_module(snapshot: &Snapshot) -> Option<&str> {
    let text = snapshot.text("manage.py")?;
    let at = text.find("DJANGO_SETTINGS_MODULE")?;
    let module =
        scan::strings(text[at + "DJANGO_SETTINGS_MODULE".len()..].trim_start_matches(['"', '\''])).first().copied()?;
    module.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).then_some(module)
}

/// The settings as the text of the settings files has them, for a project whose Python does not run.
fn scanned(snapshot: &Snapshot) -> Settings {
    let mut settings = Settings { debug: true, ..Settings::default() };
    for (file, text) in snapshot.texts(&["py"]).filter(|(file, _)| file.contains("settings")) {
        let code = scan::code(text);
        if let Some(path) = scan::assigned(&code, "MEDIA_ROOT").and_then(|value| scan::path(value, file)) {
            settings.media_root = path;
        }
        if let Some(url) = scan::assigned(&code, "MEDIA_URL").and_then(|value| scan::strings(value).first().copied()) {
            url.clone_into(&mut settings.media_url);
        }
    }
    settings
}

/// The plan for the settings that Python has printed; without them, for what the text of the settings files shows.
///
/// `place` finds out where `MEDIA_ROOT` is, `python` is the command that people type.
#[allow(clippy::too_many_lines, reason = "one case after the other")]
pub(super) fn plan(
    settings: Option<&Settings>,
    snapshot: &Snapshot,
    place: impl Fn(&str) -> Place,
    python: &str,
) -> Plan {
    let (mut notes, mut lines) = (Vec::new(), Vec::new());
    let scanned = scanned(snapshot);
    let read = settings.unwrap_or(&scanned);
    let file =
        settings_module(snapshot).map_or_else(|| "settings.py".to_owned(), |module| module.replace('.', "/") + ".py");
    if settings.is_none() {
        let (root, url) = (!scanned.media_root.is_empty(), !scanned.media_url.is_empty());
        notes.push(match (root, url) {
            (true, true) => {
                "MEDIA_ROOT and MEDIA_URL are taken from the text of the settings file. Check them.".to_owned()
            }
            _ => "Python could not read the settings, so some values are Django's usual ones. Check them.".to_owned(),
        });
    }
    let place = place(&read.media_root);
    let (root, why_root) = match &place {
        Place::Below(path) | Place::Elsewhere(path) => (path.clone(), "MEDIA_ROOT"),
        Place::Missing => ("media".to_owned(), "MEDIA_ROOT is not set; see the lines to add"),
        Place::Banned(_) => ("media".to_owned(), "MEDIA_ROOT holds more than media; see the lines to add"),
    };
    if let Place::Banned(why) = &place {
        notes.push(format!(
            "MEDIA_ROOT is {why}, and devmedia does not serve that: it would publish source code and secrets. Use a folder of \
             its own."
        ));
    }
    let url = Url::of(&read.media_url);
    if let Url::Elsewhere { full, .. } = &url {
        notes.push(format!(
            "MEDIA_URL is {full:?}, so pages load the media from there and not from devmedia. In development, write the path \
             alone."
        ));
    }
    let (prefix, why_url) = match &url {
        Url::Path(path) => (path.clone(), "MEDIA_URL"),
        Url::Elsewhere { path, .. } => (path.clone(), "the path of MEDIA_URL"),
        Url::Missing => ("/media/".to_owned(), "MEDIA_URL is not set; see the lines to add"),
    };
    let mut missing = Vec::new();
    if matches!(place, Place::Missing | Place::Banned(_)) {
        missing.push("MEDIA_ROOT = BASE_DIR / \"media\"".to_owned());
    }
    if !matches!(url, Url::Path(_)) {
        missing.push(format!("MEDIA_URL = {prefix:?}"));
    }
    if !missing.is_empty() {
        lines.push(Lines::new(&file, "so that Django and devmedia use the same folder and URL", missing.join("\n")));
    }
    let is_file_storage = read.storage.is_empty() || read.storage.ends_with("FileSystemStorage");
    if !is_file_storage {
        let (storage, bucket) = (&read.storage, read.bucket.as_deref());
        let bucket = bucket.map(|bucket| format!(" (bucket {bucket})")).unwrap_or_default();
        notes.push(format!(
            "The default storage is {storage}{bucket}, so uploads are not in MEDIA_ROOT. The lines below keep them in the folder \
             while DEBUG is true."
        ));
        // the setting before Django 4.2; with it, there is no STORAGES that could be changed
        let is_old = snapshot.texts(&["py"]).any(|(_, text)| text.contains("DEFAULT_FILE_STORAGE"));
        let setting = if is_old {
            "DEFAULT_FILE_STORAGE = \"django.core.files.storage.FileSystemStorage\""
        } else {
            "STORAGES[\"default\"] = {\"BACKEND\": \"django.core.files.storage.FileSystemStorage\"}"
        };
        lines.push(Lines::new(
            &file,
            "to keep uploads on this machine while DEBUG is true; put them at the end",
            format!("if DEBUG:\n    {setting}"),
        ));
    }
    if settings.is_some() && !read.debug {
        notes.push(
            "DEBUG is False in these settings. devmedia is for development: use the settings that you develop with."
                .to_owned(),
        );
    }
    let urls =
        snapshot.texts(&["py"]).find(|(path, text)| path.ends_with("urls.py") && text.contains("settings.MEDIA_URL"));
    if let Some((path, _)) = urls {
        notes.push(format!(
            "static(settings.MEDIA_URL, ...) in {path} may stay: devmedia answers these requests first."
        ));
    }
    let mount = Mount::new(
        prefix,
        root,
        if why_url == why_root { why_url.to_owned() } else { format!("{why_url}; {why_root}") },
    );
    let mount = if why_url == "MEDIA_URL" && why_root == "MEDIA_ROOT" {
        Mount {
            why: format!("MEDIA_URL and MEDIA_ROOT of {}", if settings.is_some() { &read.module } else { &file }),
            ..mount
        }
    } else {
        mount
    };
    Plan { mounts: vec![mount], notes, lines, command: Some(format!("{python} manage.py runserver")) }
}

/// Where `MEDIA_ROOT` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Below the project: relative to it.
    Below(String),
    /// Outside of it: absolute.
    Elsewhere(String),
    /// It is empty.
    Missing,
    /// It may not be served: what it is.
    Banned(&'static str),
}

enum Url {
    Path(String),
    Elsewhere { full: String, path: String },
    Missing,
}

impl Url {
    /// Django's default is empty, which its settings turn into `/`; the app could get no request then.
    fn of(text: &str) -> Self {
        let path = match text.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None if text.starts_with("//") => text[2..].split_once('/').map_or("", |(_, path)| path),
            None => text,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let is_remote = text.contains("://") || text.starts_with("//");
        match (path.is_empty(), is_remote) {
            (true, false) => Self::Missing,
            (false, false) => Self::Path(format!("/{path}/")),
            (true, true) => Self::Elsewhere { full: text.to_owned(), path: "/media/".to_owned() },
            (false, true) => Self::Elsewhere { full: text.to_owned(), path: format!("/{path}/") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(root: &str, url: &str) -> Settings {
        let storage = "django.core.files.storage.FileSystemStorage".to_owned();
        let (media_root, media_url) = (root.to_owned(), url.to_owned());
        Settings {
            media_root,
            media_url,
            debug: true,
            storage,
            module: "shop.settings".to_owned(),
            ..Settings::default()
        }
    }

    fn place(root: &str) -> Place {
        match root {
            "" => Place::Missing,
            "/p" => Place::Banned("the project"),
            root => {
                root.strip_prefix("/p/").map_or(Place::Elsewhere(root.to_owned()), |path| Place::Below(path.to_owned()))
            }
        }
    }

    #[test]
    fn the_mount_is_media_url_and_media_root() {
        for (root, url, expected, adds) in [
            ("/p/media", "/media/", "/media/=media", ""),
            ("/p/var/files", "/files/", "/files/=var/files", ""),
            ("/srv/files", "/media/", "/media/=/srv/files", ""),
            ("", "/", "/media/=media", "MEDIA_ROOT = BASE_DIR / \"media\"\nMEDIA_URL = \"/media/\""),
            ("/p", "/media/", "/media/=media", "MEDIA_ROOT = BASE_DIR / \"media\""),
            ("/p/media", "https://cdn.example/m/", "/m/=media", "MEDIA_URL = \"/m/\""),
            ("/p/media", "//cdn.example/", "/media/=media", "MEDIA_URL = \"/media/\""),
        ] {
            let plan = plan(Some(&settings(root, url)), &Snapshot::default(), place, "python");
            let mount = &plan.mounts[0];
            assert_eq!(format!("{}={}", mount.url, mount.root), expected, "{root} {url}");
            assert_eq!(plan.lines.first().map_or("", |lines| &lines.text), adds, "{root} {url}");
        }
    }

    #[test]
    fn a_bucket_and_debug_are_explained() {
        let s3 = "storages.backends.s3.S3Storage".to_owned();
        let settings =
            Settings { debug: false, storage: s3, bucket: Some("shop".to_owned()), ..settings("/p/media", "/media/") };
        for (text, setting) in
            [("STORAGES = {}", "STORAGES[\"default\"] = "), ("DEFAULT_FILE_STORAGE = 'x'", "DEFAULT_FILE_STORAGE = ")]
        {
            let plan = plan(Some(&settings), &Snapshot::of(&[("shop/settings.py", text)]), place, "python");
            assert!(plan.notes.iter().any(|note| note.contains("(bucket shop)")), "{plan:?}");
            assert!(plan.notes.iter().any(|note| note.contains("DEBUG is False")), "{plan:?}");
            assert!(plan.lines.iter().any(|lines| lines.text.contains(&format!("    {setting}"))), "{plan:?}");
        }
    }

    #[test]
    fn without_python_the_text_of_the_settings_is_scanned() {
        let text = "MEDIA_URL = \"files/\"\nMEDIA_ROOT = BASE_DIR / 'data' / 'files'\n";
        let snapshot = Snapshot::of(&[("shop/settings.py", text)]);
        let below = |root: &str| if root.is_empty() { Place::Missing } else { Place::Below(root.to_owned()) };
        let plan = plan(None, &snapshot, below, "python");
        assert_eq!((plan.mounts[0].url.as_str(), plan.mounts[0].root.as_str()), ("/files/", "data/files"));
    }

    #[test]
    fn the_settings_module_is_found_in_manage_py() {
        for (text, expected) in [
            ("os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')", Some("shop.settings")),
            (
                "os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"config.settings.local\")",
                Some("config.settings.local"),
            ),
            ("os.environ[\"DJANGO_SETTINGS_MODULE\"] = \"a; import os\"", None),
            ("", None),
        ] {
            assert_eq!(settings_module(&Snapshot::of(&[("manage.py", text)])), expected, "{text}");
        }
    }

    #[test]
    fn settings_are_found_among_other_output() {
        let json = r#"{"media_root":"/p/media","media_url":"/media/","debug":true,"storage":"","bucket":null,"endpoint":null,"module":"a"}"#;
        let read = parse(&format!("hello\n{MARK}{json}\n")).expect("settings");
        assert_eq!(read.media_root, "/p/media");
        for other in ["", "hello", MARK, "devmedia-settings:{}"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
