//! `devmedia init` with the real binary: miniature projects, and a real Django.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::process::{Ended, run};
use support::{command, skip, skip_on_windows};
use tempfile::TempDir;

/// The files of a project. A name that ends in `/` is a folder.
type Files<'a> = &'a [(&'a str, &'a str)];

fn project(files: Files<'_>) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        if path.to_string_lossy().ends_with('/') {
            fs::create_dir_all(path).expect("a folder");
            continue;
        }
        fs::create_dir_all(path.parent().expect("below the project")).expect("the folders");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn devmedia(folder: &Path, args: &[&str]) -> Command {
    let mut command = command();
    command.current_dir(folder).env("PATH", "/usr/bin:/bin").args(args);
    command
}

fn init(folder: &Path, args: &[&str]) -> Ended {
    run(devmedia(folder, &[&["init"], args].concat()))
}

/// Makes a script executable.
fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folders");
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file");
}

const STORAGE: &str = "local:\n  service: Disk\n  root: <%= Rails.root.join(\"storage\") %>\n";
const FILESYSTEMS: &str =
    "'public' => [ 'driver' => 'local', 'root' => storage_path('app/public'), 'url' => env('APP_URL').'/storage', ],";

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn the_file_of_every_framework_passes_check() {
    let express = "app.use('/uploads', express.static('uploads'))";
    let django = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nimport django\n";
    let rows: &[(Files<'_>, &[&str], &str)] = &[
        (&[], &["No framework", "devmedia --debug"], "/media/"),
        (&[("public/uploads/", "")], &["No framework"], "/uploads/"),
        (
            &[
                ("manage.py", django),
                ("shop/settings.py", "MEDIA_URL = 'files/'\nMEDIA_ROOT = BASE_DIR / 'files'\n"),
                (".venv/bin/python", ""),
            ],
            &["Django was recognised by manage.py", "-- .venv/bin/python manage.py runserver"],
            "/files/",
        ),
        (
            &[
                ("Gemfile", "gem 'rails'\ngem 'carrierwave'\n"),
                ("config/storage.yml", STORAGE),
                ("storage/", ""),
                ("bin/rails", ""),
            ],
            &["Rails was recognised by Gemfile", "x_sendfile_header", "-- bin/rails server"],
            "/uploads/",
        ),
        (
            &[("Gemfile", "gem 'rails'\n"), ("config/storage.yml", STORAGE)],
            &["-- bundle exec rails server"],
            "/storage/",
        ),
        (
            &[
                ("artisan", ""),
                ("composer.json", r#"{"require":{"laravel/framework":"^12"}}"#),
                ("config/filesystems.php", FILESYSTEMS),
            ],
            &["Laravel was recognised", "storage:link is not needed", "-- php artisan serve"],
            "/storage/",
        ),
        (&[("mix.exs", "{:phoenix, \"~> 1.8\"}")], &["Phoenix was recognised", "-- mix phx.server"], "/uploads/"),
        (
            &[("requirements.txt", "flask"), ("app.py", "UPLOAD_FOLDER = 'up'")],
            &["Flask was recognised", "-- flask run"],
            "/up/",
        ),
        (
            &[("pyproject.toml", "dependencies = [\"fastapi\"]")],
            &["FastAPI was recognised", "-- fastapi dev"],
            "/media/",
        ),
        (
            &[
                ("go.mod", "module a"),
                ("main.go", "http.Handle(\"/f/\", http.StripPrefix(\"/f/\", http.FileServer(http.Dir(\"f\"))))"),
            ],
            &["Go was recognised", "-- go run .", "os.Getenv(\"PORT\")"],
            "/f/",
        ),
        (
            &[
                ("package.json", r#"{"dependencies":{"express":"5"},"devDependencies":{"vite":"7"}}"#),
                ("server.js", express),
            ],
            &["Express was recognised", "There is also Vite (package.json); Express was chosen", "-- node server.js"],
            "/uploads/",
        ),
        (
            &[("package.json", r#"{"dependencies":{"next":"16"}}"#)],
            &["Next was recognised", "-- npx next dev"],
            "/media/",
        ),
        (
            &[("package.json", r#"{"devDependencies":{"vite":"7"},"scripts":{"dev":"vite"}}"#), ("public/img/", "")],
            &["Vite was recognised", "-- npm run dev"],
            "/img/",
        ),
        (
            &[
                ("app.py", "import flask\nUPLOAD_FOLDER = 'it\\'s \u{e9}'"),
                ("x/package.json", r#"{"dependencies":{"next":"16"}}"#),
            ],
            &["x/ has Next"],
            "/",
        ),
    ];
    for (files, says, prefix) in rows {
        let folder = project(files);
        let dry = init(folder.path(), &["--dry-run"]);
        assert_eq!(dry.code, Some(0), "{files:?}: {dry:#?}");
        assert!(!folder.path().join("devmedia.toml").exists(), "{files:?}: --dry-run wrote the file");
        let ended = init(folder.path(), &[]);
        assert_eq!(ended.code, Some(0), "{files:?}: {ended:#?}");
        let text = ended.stdout.join("\n");
        assert!(says.iter().all(|says| text.contains(says)), "{files:?} {says:?}: {text}");
        // what was printed by --dry-run is what was written
        let toml = fs::read_to_string(folder.path().join("devmedia.toml")).expect("the file");
        for line in toml.lines().filter(|line| !line.is_empty()) {
            assert!(dry.stdout.contains(&format!("    {line}")), "{files:?}: {line:?} in {dry:#?}");
        }
        let checked = run(devmedia(folder.path(), &["check"]));
        assert_eq!(checked.code, Some(0), "{files:?}: {checked:#?}\n{toml}");
        assert!(!checked.stdout.iter().any(|line| line.contains("warning")), "{files:?}: {checked:#?}");
        assert!(checked.stdout.iter().any(|line| line.starts_with(prefix)), "{files:?}: {checked:#?}");
        // each suggested setting is valid where it is written
        for line in toml.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
            let changed = toml.replace(line, &line[2..]);
            fs::write(folder.path().join("devmedia.toml"), &changed).expect("the file");
            let checked = run(devmedia(folder.path(), &["check"]));
            assert_eq!(checked.code, Some(0), "{line}: {checked:#?}");
        }
    }
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let folder = project(&[("devmedia.toml", "grace = \"1s\"\n"), ("app/package.json", "{}")]);
    for args in [&[][..], &["."]] {
        let ended = init(folder.path(), args);
        assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{ended:#?}");
        assert!(ended.stderr[0].contains("devmedia init never overwrites it"), "{ended:#?}");
        assert!(ended.stderr[0].contains("mv ") && ended.stderr[0].contains("--dry-run"), "{ended:#?}");
    }
    assert_eq!(init(folder.path(), &["--dry-run"]).code, Some(0));
    assert_eq!(fs::read_to_string(folder.path().join("devmedia.toml")).expect("the file"), "grace = \"1s\"\n");
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    // not even a broken link, which would create its target
    let other = project(&[]);
    std::os::unix::fs::symlink("elsewhere.toml", other.path().join("devmedia.toml")).expect("a link");
    assert_eq!(init(other.path(), &[]).code, Some(2));
    assert!(!other.path().join("elsewhere.toml").exists());
}

#[test]
fn another_folder_can_be_named() {
    let files: Files<'_> = &[("backend/package.json", r#"{"dependencies":{"express":"5"}}"#)];
    let folder = project(files);
    let ended = init(folder.path(), &[]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr[0].contains("backend/ has Express. Write the folder: devmedia init backend"), "{ended:#?}");
    let ended = init(folder.path(), &["backend"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.iter().any(|line| line == "    cd backend"), "{ended:#?}");
    assert!(folder.path().join("backend/devmedia.toml").is_file() && folder.path().join("backend/media").is_dir());
    for (args, code) in [("none", 1), ("backend/package.json", 2)] {
        let ended = init(folder.path(), &[args]);
        assert_eq!((ended.code, ended.stdout.len(), ended.stderr.len()), (Some(code), 0, 1), "{ended:#?}");
    }
}

#[test]
fn a_python_that_hangs_is_ended() {
    let folder = project(&[("manage.py", "django"), ("shop/settings.py", "MEDIA_URL = '/m/'\n")]);
    executable(&folder.path().join(".venv/bin/python"), "#!/bin/sh\necho $$ > pid\necho waiting >&2\nexec sleep 600\n");
    let ended = init(folder.path(), &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let errors = ended.stderr.join("\n");
    assert!(errors.contains("was ended because Django's settings were not there after 10 s"), "{errors}");
    assert!(errors.contains("waiting"), "{errors}");
    let toml = fs::read_to_string(folder.path().join("devmedia.toml")).expect("the file");
    assert!(toml.contains("url = \"/m/\""), "{toml}");
    let pid = fs::read_to_string(folder.path().join("pid")).expect("it has started");
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().expect("a number")).expect("not 0");
    assert!(rustix::process::test_kill_process_group(pid).is_err(), "a process is still there");
}

/// A Python with Django; `None` if there is none.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("DEVMEDIA_TEST_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| "python3".into());
    let probe = Command::new(&python).args(["-c", "import django, sys; print(sys.executable)"]).output();
    match probe {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).trim().into()),
        _ => {
            skip(format_args!("no Python with Django; set DEVMEDIA_TEST_PYTHON"));
            None
        }
    }
}

/// `django-admin startproject`, with lines added to its settings, and with `.venv/bin/python`.
fn django_project(python: &Path, settings: &str) -> TempDir {
    let folder = project(&[]);
    let made = Command::new(python)
        .args(["-m", "django", "startproject", "shop", "."])
        .current_dir(folder.path())
        .output()
        .expect("Python starts");
    assert!(made.status.success(), "{made:?}");
    let path = folder.path().join("shop/settings.py");
    let text = fs::read_to_string(&path).expect("the settings") + settings;
    fs::write(path, text).expect("the settings");
    let python = python.display();
    executable(&folder.path().join(".venv/bin/python"), &format!("#!/bin/sh\nexec '{python}' \"$@\"\n"));
    folder
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn a_real_django_project_is_read_by_its_python() {
    let Some(python) = python() else { return };
    let rows: &[(&str, &[&str], &[&str])] = &[
        (
            "",
            &["MEDIA_ROOT = BASE_DIR / \"media\"", "MEDIA_URL = \"/media/\""],
            &["url = \"/media/\"", "root = \"./media\""],
        ),
        (
            "MEDIA_ROOT = BASE_DIR / 'var' / 'files'\nMEDIA_URL = 'files/'\nprint('noise')\n",
            &["MEDIA_URL and MEDIA_ROOT of shop.settings", "The app needs no change."],
            &["url = \"/files/\"", "root = \"./var/files\""],
        ),
        (
            "MEDIA_ROOT = BASE_DIR\nMEDIA_URL = '/media/'\n",
            &["MEDIA_ROOT is the folder of the project"],
            &["root = \"./media\""],
        ),
        ("import pathlib\nMEDIA_ROOT = pathlib.Path.cwd() / 'a b'\nMEDIA_URL = '/m/'", &[], &["root = \"./a b\""]),
        ("MEDIA_ROOT = 'media'\nMEDIA_URL = 'https://cdn.example/m/'", &["MEDIA_URL = \"/m/\""], &["url = \"/m/\""]),
        (
            "STORAGES = {'default': {'BACKEND': 'storages.backends.s3.S3Storage', 'OPTIONS': {'bucket_name': 'shop', 'secret_key': 'hunter2'}}}\nDEBUG = False",
            &["storages.backends.s3.S3Storage (bucket shop)", "DEBUG is False"],
            &[],
        ),
        (
            "STORAGES = {'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage', 'OPTIONS': {'location': BASE_DIR / 'up', 'base_url': '/up/'}}}",
            &[],
            &["url = \"/up/\"", "root = \"./up\""],
        ),
    ];
    for (settings, says, holds) in rows {
        let folder = django_project(&python, settings);
        let ended = init(folder.path(), &[]);
        assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{settings}: {ended:#?}");
        let (text, toml) = (ended.stdout.join("\n"), fs::read_to_string(folder.path().join("devmedia.toml")));
        let toml = toml.expect("the file");
        assert!(says.iter().all(|says| text.contains(says)), "{settings} {says:?}: {text}");
        assert!(holds.iter().all(|holds| toml.contains(holds)), "{settings} {holds:?}: {toml}");
        assert!(!text.contains("hunter2") && !toml.contains("hunter2"), "{text}{toml}");
        let checked = run(devmedia(folder.path(), &["check"]));
        assert_eq!(checked.code, Some(0), "{settings}: {checked:#?}");
    }
}

#[test]
fn the_errors_of_broken_settings_are_shown() {
    let Some(python) = python() else { return };
    let scanned = "MEDIA_URL = '/m/'\nMEDIA_ROOT = BASE_DIR / 'm'\n";
    for (settings, says) in [
        ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("X = (\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "could not read Django's settings"),
        ("import time\ndef wait():\n    time.sleep(600)\nwait()\n", "in wait"),
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n", ""),
    ] {
        let folder = django_project(&python, &format!("{scanned}{settings}"));
        let ended = init(folder.path(), &[]);
        let errors = ended.stderr.join("\n");
        assert_eq!(ended.code, Some(0), "{settings}: {ended:#?}");
        assert!(errors.contains(says) && errors.is_empty() == says.is_empty(), "{settings}: {errors}");
        let toml = fs::read_to_string(folder.path().join("devmedia.toml")).expect("the file");
        assert!(toml.contains("url = \"/m/\"\nroot = \"./m\""), "{settings}: {toml}");
    }
}
