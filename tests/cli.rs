//! The command line: valid and invalid arguments, and the output of the binary.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use devmedia::config::settings;
use support::process::{Ended, Process, run};
use support::{command, skip_on_windows};
use tempfile::TempDir;

/// Environment variables and their values.
type Env<'a> = &'a [(&'a str, &'a str)];

/// A working directory with a `media` folder in it.
fn workspace() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("media")).expect("the root");
    folder
}

/// `devmedia ARGS` in a folder, with only these environment variables.
fn devmedia(folder: &Path, env: Env<'_>, args: &[&str]) -> Command {
    let mut command = command();
    command.current_dir(folder).envs(env.iter().copied()).args(args);
    command
}

/// Runs `devmedia --debug --listen 127.0.0.1:0 ARGS` in a new folder, and checks that it refuses to start.
fn refused(args: &[&str]) -> Ended {
    let folder = workspace();
    refused_in(folder.path(), &[], args)
}

fn refused_in(folder: &Path, env: Env<'_>, args: &[&str]) -> Ended {
    // a free port, unless the test is about the address
    let is_where = |arg: &&str| ["--port", "--host", "--listen"].iter().any(|flag| arg.starts_with(flag));
    let listen: &[&str] = if args.iter().any(is_where) { &[] } else { &["--listen", "127.0.0.1:0"] };
    let args = [&["--debug"], listen, args].concat();
    let ended = run(devmedia(folder, env, &args));
    assert_eq!(ended.stdout, [""; 0], "{args:?} {env:?}");
    ended
}

/// The URL at which `devmedia --debug ARGS` serves.
fn url_of(folder: &Path, env: Env<'_>, args: &[&str]) -> String {
    Process::start(devmedia(folder, env, &[&["--debug"], args].concat())).ready()
}

#[test]
fn without_debug_it_refuses_to_start_and_says_how_to_enable_debug() {
    let folder = workspace();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound").to_string();
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).expect("a socket"));

    let rows: &[(Env<'_>, &[&str], &str)] = &[
        (&[], &[], "neither --debug nor DEBUG is set"),
        (&[("DEBUG", "0")], &[], r#"DEBUG="0" does not turn debugging on"#),
        (&[("DEBUG", "false")], &[], r#"DEBUG="false" does not turn debugging on"#),
        (&[("DEBUG", "")], &[], r#"DEBUG="" does not turn debugging on"#),
        (&[("DEBUG", "app:*")], &[], r#"DEBUG="app:*" does not turn debugging on"#),
        (&[("DEBUG", "2")], &[], r#"DEBUG="2" does not turn debugging on"#),
        (&[("DEVMEDIA_DEBUG", "no"), ("DEBUG", "1")], &[], r#"DEVMEDIA_DEBUG="no" does not turn debugging on"#),
        (&[("DEVMEDIA_DEBUG", "maybe"), ("DEBUG", "1")], &[], r#"DEVMEDIA_DEBUG="maybe" does not turn debugging on"#),
        (&[("DEBUG", "1")], &["--debug=false"], "--debug=false does not turn debugging on"),
        (&[("DEBUG", "1"), ("DEVMEDIA_DEBUG", "1")], &["--debug=OFF"], "--debug=OFF does not turn debugging on"),
        (&[("DEBUG", "1")], &["--debug=maybe"], "--debug=maybe does not turn debugging on"),
        (&[("DEBUG", "1")], &["--debug="], "--debug= does not turn debugging on"),
    ];
    for (env, args, says) in rows {
        // if it had tried to listen, the error would be about the port in use
        let listen = ["--listen", "unix:dead.sock", "--listen", &taken];
        let ended = run(devmedia(folder.path(), env, &[&listen, *args].concat()));
        assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{env:?} {args:?} {ended:?}");
        let [who, how, instead] = &ended.stderr[..] else { panic!("{env:?} {args:?}: three lines, not {ended:?}") };
        assert_eq!(*who, format!("devmedia: this server is for development only, and {says}: nothing was started."));
        assert!(how.contains("--debug") && how.contains("DEVMEDIA_DEBUG=1") && how.contains("DEBUG=1"), "{how}");
        assert!(instead.contains("production") && instead.contains("nginx"), "{instead}");
        assert!(std::os::unix::net::UnixStream::connect(&dead).is_err() && dead.exists(), "the socket is as it was");
    }
}

#[test]
fn debug_can_be_enabled_by_flag_or_variable() {
    let folder = workspace();
    let rows: &[(Env<'_>, &[&str])] = &[
        (&[], &["--debug"]),
        (&[], &["--debug=Yes"]),
        (&[("DEBUG", "1")], &[]),
        (&[("DEBUG", "True")], &[]),
        (&[("DEBUG", " on ")], &[]),
        (&[("DEVMEDIA_DEBUG", "YES")], &[]),
        (&[("DEVMEDIA_DEBUG", "1"), ("DEBUG", "app:*")], &[]),
        (&[("DEVMEDIA_DEBUG", "0"), ("DEBUG", "0")], &["--debug"]),
    ];
    for (env, args) in rows {
        let process = Process::start(devmedia(folder.path(), env, &[&["--listen", "127.0.0.1:0"], *args].concat()));
        assert!(process.ready().starts_with("http://127.0.0.1:"), "{env:?} {args:?}");
    }
}

#[test]
fn the_documented_command_works_with_debug_in_the_environment() {
    let folder = workspace();
    let process =
        Process::start(devmedia(folder.path(), &[("DEBUG", "1")], &["--root", "./media", "--url", "/media/"]));
    if let Some(url) = process.stdout.next() {
        assert_eq!(url, "http://127.0.0.1:8001/media/");
    } else {
        // the default port is the only resource that this test shares with others
        let ended = process.end();
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr[0].starts_with("devmedia: 127.0.0.1:8001 is in use by another process"), "{ended:?}");
        eprintln!("port 8001 is taken on this machine: only the advice was tested");
    }
}

#[test]
fn the_error_of_a_wrong_value_names_the_flag_and_a_valid_value() {
    assert_wrong_values(&[
        ("--url", "", "/media/"),
        ("--url", "  ", "/media/"),
        ("--url", "https://cdn.example/media/", "/media/"),
        ("--url", "s3://bucket/media/", "/media/"),
        ("--url", "//cdn.example/media/", "/media/"),
        ("--url", "cdn.example:8000/media/", "/media/"),
        ("--url", "/media/?v=1", "/media/"),
        ("--url", "/media/#top", "/media/"),
        ("--url", "/media/../static/", "/media/"),
        ("--url", "/%2e%2e/", "/media/"),
        ("--url", "/a%00b/", "/media/"),
        ("--root", "", "./media"),
        ("--mount", "", "/static/=./static"),
        ("--mount", "static", "/static/=./static"),
        ("--mount", "=./media", "/media/"),
        ("--mount", "/static/=", "./media"),
        ("--mount", "https://cdn.example/=./media", "/media/"),
        ("--upload", "/nowhere/", "a mount: /media/"),
        ("--upload", "https://cdn.example/media/", "/media/"),
        ("--upload-to", "/uploads/", "uploads/%Y/%m/%d/"),
        ("--upload-to", "../uploads/", "uploads/%Y/%m/%d/"),
        ("--upload-to", "uploads/%!/", "uploads/%Y/%m/%d/"),
        ("--upload-to", ".uploads/", "--hidden"),
        ("--max-upload", "", "1GiB"),
        ("--max-upload", "lots", "1GiB"),
        ("--max-upload", "-1", "1GiB"),
        ("--max-upload", "10", "10MB"),
        ("--max-upload", "0", "1GiB"),
        ("--fallback-max", "5", "5MB"),
        ("--fallback-refresh", "7", "1d"),
        ("--config", "", "--no-config"),
        ("--no-config", "perhaps", "true or false"),
        ("--no-index", "maybe", "true or false"),
        ("--hidden", "", "true or false"),
        ("--follow-links", "2", "true or false"),
        ("--allow-project-root", "y", "true or false"),
        ("--open", "firefox", "true or false"),
        ("--ready-file", "", "devmedia.url"),
        ("--exit-with-parent", "init", "true or false"),
        ("--allow-host", "", "app.example.dev"),
        ("--allow-host", "*", "*.example.dev"),
        ("--allow-host", "app.example.dev:8001", "without a port"),
        ("--allow-host", "http://app.example.dev", "app.example.dev"),
        ("--allow-origin", "", "https://app.example:3000"),
        ("--allow-origin", "*", "https://app.example:3000"),
        ("--allow-origin", "app.example", "https://app.example:3000"),
        ("--allow-origin", "https://app.example/page", "https://app.example:3000"),
        ("--cache-control", "", "'public, max-age=3600'"),
        ("--cache-control", "no-store\r\nX: y", "'public, max-age=3600'"),
        ("--cache-control", "3600", "'max-age=3600'"),
        ("--cache-control", "public max-age=60", "'public, max-age=60'"),
        ("--cache-control", "max-age=1h", "max-age=3600"),
        ("--cache-control", "Cache-Control: no-store", "'no-store'"),
        ("--type", "", "stl=model/stl"),
        ("--type", "stl", "stl=model/stl"),
        ("--type", "=model/stl", "stl=model/stl"),
        ("--type", "stl=", "stl=model/stl"),
        ("--type", "stl=model", "stl=model/stl"),
        ("--type", "tar.gz=application/gzip", "stl=model/stl"),
        ("--grace", "", "10s"),
        ("--grace", "10", "10s"),
        ("--grace", "soon", "10s"),
        ("--grace", "-1s", "10s"),
        ("--poll", "", "1s"),
        ("--poll", "often", "1s"),
        ("--poll", "0s", "50ms or more"),
        ("--log-format", "", "pretty or json"),
        ("--log-format", "JSON5", "pretty or json"),
    ]);
}

#[test]
fn the_error_of_a_wrong_address_names_the_flag_and_a_valid_address() {
    assert_wrong_values(&[
        ("--listen", "", "127.0.0.1:8001"),
        ("--listen", "media", "127.0.0.1:8001"),
        ("--listen", "example.com:8001", "127.0.0.1:8001"),
        ("--listen", "127.0.0.1", "127.0.0.1:8001"),
        ("--listen", "0.0.0.0", "0.0.0.0:8001"),
        ("--listen", "::1", "[::1]:8001"),
        ("--listen", "[::]", "[::]:8001"),
        ("--listen", ":9000", "127.0.0.1:9000"),
        ("--listen", "65536", "127.0.0.1:8001"),
        ("--listen", "127.0.0.1:65536", "127.0.0.1:8001"),
        ("--listen", "localhost:http", "127.0.0.1:8001"),
        ("--listen", "localhost", "127.0.0.1:8001"),
        ("--listen", "*:9000", "0.0.0.0:9000"),
        ("--listen", "/tmp/media.sock", "unix:/tmp/media.sock"),
        ("--port", "", "8001"),
        ("--port", "http", "8001"),
        ("--port", "65536", "8001"),
        ("--port", "-1", "8001"),
        ("--port", "127.0.0.1:9000", "--listen 127.0.0.1:9000"),
        ("--host", "", "0.0.0.0"),
        ("--host", "*", "0.0.0.0"),
        ("--host", "media.example", "--allow-host"),
        ("--host", "0.0.0.0:9000", "--listen 0.0.0.0:9000"),
        ("--host", "[::1]:9000", "--listen [::1]:9000"),
        ("--host", "http://localhost", "0.0.0.0"),
        ("--listen", "http://127.0.0.1:8001", "127.0.0.1:8001"),
        ("--listen", "unix:", "unix:/tmp/media.sock"),
    ]);
}

#[test]
fn s3_settings_are_checked_before_anything_is_bound() {
    let folder = workspace();
    for (args, advice) in [
        (&["--s3="][..], "--s3=127.0.0.1:9000"),
        (&["--s3=maybe"], "--s3=127.0.0.1:9000"),
        (&["--s3=example.com:9000"], "--s3=127.0.0.1:9000"),
        (&["--s3=127.0.0.1:8001", "--listen=127.0.0.1:8001"], "--s3=127.0.0.1:9001"),
        (&["--s3", "--s3-key=devmedia"], "ID:env:NAME"),
        (&["--s3", "--s3-key=devmedia:env:UNSET"], "UNSET is not set, or empty; set it"),
        (&["--s3", "--s3-hosts=http://minio:9000"], "minio:9000, without a scheme"),
        (&["--s3", "--bucket=My_Media"], "bucket = \"my-media\""),
        (&["--s3", "--mount=/a/=./media"], "3 to 63 characters"),
        (&["--s3", "--mount=/x/media/=./media"], "has a bucket of this name already"),
        (&["--s3=foo:bar"], "not an IP address and a port; write --s3 alone"),
        (&["--s3", "--s3-buckets=/"], "the whole file system"),
    ] {
        let ended = refused_in(folder.path(), &[], args);
        assert_eq!((ended.code, ended.stderr.len()), (Some(2), 1), "{args:?}: {ended:?}");
        assert!(ended.stderr[0].contains(advice), "{args:?}: {ended:?}");
    }
    let variables = [("DEVMEDIA_S3", "9001"), ("AWS_ACCESS_KEY_ID", "me"), ("AWS_SECRET_ACCESS_KEY", "a secret")];
    let args = ["check", "--s3-hosts", "minio:9000", "--s3-buckets", "buckets", "--mount", "/static/=./media"];
    let report = run(devmedia(folder.path(), &variables, &args)).stdout.join("\n");
    for line in [
        "s3             127.0.0.1:9001, with the keys me",
        "s3_hosts       minio:9000",
        "s3_buckets     each folder in",
        "bucket         media",
        "bucket         static",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains("a secret"), "{report}");
    let warned =
        run(devmedia(folder.path(), &[], &["check", "--bucket", "x", "--s3-hosts", "minio"])).stdout.join("\n");
    assert_eq!(warned.matches("has no effect: the S3 endpoint is off; add --s3").count(), 2, "{warned}");
}

/// Each row is a flag, an invalid value, and a part of the advice.
fn assert_wrong_values(rows: &[(&str, &str, &str)]) {
    let folder = workspace();
    for (flag, value, advice) in rows {
        let ended = refused_in(folder.path(), &[], &[&format!("{flag}={value}")]);
        assert_eq!(ended.code, Some(2), "{flag}={value}: {ended:?}");
        let [line] = &ended.stderr[..] else { panic!("{flag}={value}: one line, not {ended:?}") };
        assert!(line.starts_with(&format!("devmedia: {flag} {value:?}: ")), "{flag}={value}: {line}");
        assert!(line.contains(advice), "{flag}={value}: {line}");
        assert!(line.contains("write "), "{flag}={value}: it says what to do: {line}");
    }
}

#[test]
fn all_mistakes_are_reported_together() {
    let folder = workspace();
    let args = ["--url=//cdn/", "--root=./none", "--mount=x", "--grace=x", "--allow-host=*", "--hidden=x", "--type=x"];
    let ended = refused_in(folder.path(), &[], &args);
    assert_eq!(ended.code, Some(2), "a wrong command line has priority over a system error");
    assert_eq!(ended.stderr.len(), args.len(), "{:#?}", ended.stderr);
    for flag in args.map(|arg| arg.split_once('=').expect("a flag").0) {
        assert_eq!(ended.stderr.iter().filter(|line| line.contains(&format!(" {flag} "))).count(), 1, "{flag}");
    }
    let ended = refused_in(folder.path(), &[], &["--mount=/media/=./media", "--grace=x"]);
    assert_eq!(ended.stderr.len(), 2, "a doubled prefix is one of them: {:#?}", ended.stderr);
}

#[test]
fn two_mounts_with_one_prefix_are_refused() {
    for mount in ["/media/=./media", "media=./media", "//media//=./media", "/%6Dedia=./media"] {
        let prefix_is_a_host = mount.starts_with("//");
        let ended = refused(&["--mount", mount]);
        assert_eq!(ended.code, Some(2), "{mount}: {ended:?}");
        let says = if prefix_is_a_host { "a scheme or a host" } else { "two mounts have the prefix /media/" };
        assert!(ended.stderr[0].contains(says), "{mount}: {ended:?}");
    }
    let ended = refused(&["--mount", "/a/=./media", "--mount", "/a=./media"]);
    assert!(ended.stderr[0].contains("two mounts have the prefix /a/"), "{ended:?}");
}

#[test]
fn the_error_of_a_missing_root_has_the_full_path_and_a_mkdir_command() {
    let folder = workspace();
    fs::remove_dir(folder.path().join("media")).expect("empty");
    let here = folder.path().canonicalize().expect("it exists");
    let rows = [
        (&[][..], "--root \"./media\"", "media", "mkdir -p ./media"),
        (&["--root", "up/loads"], "--root \"up/loads\"", "up/loads", "mkdir -p up/loads"),
        (&["some/where"], "\"some/where\"", "some/where", "mkdir -p some/where"),
        (&["--root", "it's here"], "--root \"it's here\"", "it's here", r"mkdir -p 'it'\''s here'"),
    ];
    for (args, shown, root, says) in rows {
        let ended = refused_in(folder.path(), &[], args);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let whole = here.join(root);
        let line = format!("devmedia: {shown}: there is no folder {}. Create it with: {says}", whole.display());
        assert_eq!(ended.stderr, [line]);
        let made = Command::new("sh").current_dir(folder.path()).args(["-c", says]).status().expect("a shell");
        assert!(made.success() && folder.path().join(root).is_dir(), "the command in the advice works");
    }
    let ended = refused_in(folder.path(), &[], &["--mount", "/static/=./static"]);
    assert_eq!(ended.code, Some(1));
    let says = format!(
        r#"devmedia: --mount "/static/=./static": there is no folder {}. Create it with: mkdir -p ./static"#,
        here.join("static").display()
    );
    assert_eq!(ended.stderr, [says]);
}

/// Findings 5.4.
#[test]
fn the_error_of_a_missing_root_suggests_a_folder_nearby() {
    let folder = workspace();
    let here = folder.path().canonicalize().expect("it exists");
    for name in ["sub/deeper", "Uploads", "public"] {
        fs::create_dir_all(here.join(name)).expect("a folder");
    }
    let media = here.join("media").display().to_string();
    let uploads = here.join("Uploads").display().to_string();
    let rows: [(&str, &[&str], String); 9] = [
        ("sub", &[], format!("--root {media}")),
        ("sub/deeper", &["--root", "./media"], format!("--root {media}")),
        (".", &["--root", "./Media"], format!("--root {media}")),
        (".", &["./MEDIA"], format!("--root {media}")),
        (".", &["medai"], format!("--root {media}")),
        (".", &["--root", "uploads"], format!("--root {uploads}")),
        (".", &["--root", "upload"], format!("--root {uploads}")),
        (".", &["--root", &format!("{}/uploads", here.display())], format!("--root {uploads}")),
        (".", &["--mount", "/static/=Publik"], format!("--mount /static/={}", here.join("public").display())),
    ];
    for (working, args, says) in &rows {
        let ended = refused_in(&here.join(working), &[], args);
        assert_eq!(ended.code, Some(1), "{args:?}: {ended:?}");
        assert!(ended.stderr[0].contains(&format!("write {says};")), "{args:?}: {says} in {ended:?}");
        assert!(ended.stderr[0].contains("mkdir -p "), "{args:?}: {ended:?}");
    }
    fs::remove_dir(here.join("media")).expect("empty");
    fs::create_dir_all(here.join("storage/app/public")).expect("Laravel's folder");
    fs::remove_dir(here.join("Uploads")).expect("empty");
    let ended = refused_in(&here, &[], &[]);
    assert!(ended.stderr[0].contains("/storage/app/public"), "{ended:?}");
}

/// Findings 5.4: Django creates the folder with the first upload.
#[test]
fn a_missing_root_is_created_if_files_will_be_stored_in_it() {
    let rows: [(&[&str], &[&str]); 5] = [
        (&["--upload"], &[]),
        (&["--upload", "--root", "only-in-this-test/media"], &[]),
        (&["--fallback", "https://www.example.com/media/"], &[]),
        (&[], &["manage.py"]),
        (&["./media"], &["manage.py"]),
    ];
    for (args, files) in rows {
        let folder = workspace();
        fs::remove_dir(folder.path().join("media")).expect("empty");
        for file in files {
            fs::write(folder.path().join(file), "").expect("a file");
        }
        let args = [&["--debug", "--listen", "127.0.0.1:0"], args].concat();
        let process = Process::start(devmedia(folder.path(), &[], &args));
        process.ready();
        let line = process.stderr.with("created the folder ");
        assert!(line.ends_with("/media"), "{args:?}: {line}");
    }
    let folder = workspace();
    fs::write(folder.path().join("manage.py"), "").expect("a file");
    let ended = refused_in(folder.path(), &[], &["--root", "other"]);
    assert_eq!(ended.code, Some(1), "only ./media is created: {ended:?}");
    let ended =
        refused_in(folder.path(), &[], &["--fallback", "https://www.example.com/m/", "--fallback-store=no", "x"]);
    assert_eq!(ended.code, Some(1), "nothing is stored: {ended:?}");

    let args = ["--debug", "--listen", "127.0.0.1:0", "--upload", "--root", "Media"];
    let process = Process::start(devmedia(folder.path(), &[], &args));
    process.ready();
    let line = process.stderr.with(" warning ");
    assert!(line.contains("/Media") && line.contains("there is also ") && line.contains("/media"), "{line}");
}

#[test]
fn a_tilde_that_no_shell_expanded_is_expanded_in_the_advice() {
    let folder = workspace();
    let home = folder.path().join("home/me");
    fs::create_dir_all(&home).expect("a folder");
    let home = home.canonicalize().expect("it exists");
    let says = format!("write the whole path: {}/media", home.display());
    let env = [("HOME", home.to_str().expect("text"))];
    for args in [&["--root=~/media"][..], &["~/media"], &["--root", "$HOME/media"], &["--upload", "--root=~/media"]] {
        let ended = refused_in(folder.path(), &env, args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr[0].contains(&says), "{args:?}: {ended:?}");
    }
    fs::write(folder.path().join("devmedia.toml"), "[[mount]]\nurl = \"/media/\"\nroot = \"~/media\"").expect("a file");
    let ended = refused_in(folder.path(), &env, &[]);
    assert!(ended.stderr[0].starts_with("devmedia: devmedia.toml:3: ") && ended.stderr[0].contains(&says), "{ended:?}");
}

#[test]
fn a_root_that_is_a_file_is_refused() {
    let folder = workspace();
    fs::write(folder.path().join("file"), "").expect("a file");
    for root in ["file", "file/below"] {
        let ended = refused_in(folder.path(), &[], &["--root", root]);
        assert_eq!(ended.code, Some(1), "{root}");
        assert!(ended.stderr[0].contains("this is not a folder"), "{root}: {ended:?}");
    }
}

#[test]
fn the_file_system_root_and_the_home_directory_are_always_refused() {
    let folder = workspace();
    let home = folder.path().join("home/me");
    fs::create_dir_all(home.join("media")).expect("folders");
    std::os::unix::fs::symlink("/", folder.path().join("disk")).expect("a link");
    std::os::unix::fs::symlink(&home, folder.path().join("link")).expect("a link");
    let home = home.to_str().expect("text");
    let rows = [
        ("/", "the whole file system"),
        ("/usr/..", "the whole file system"),
        ("disk", "the whole file system"),
        (home, "the home directory"),
        ("home/me", "the home directory"),
        ("home/me/media/..", "the home directory"),
        ("link", "the home directory"),
        ("home", "the home directory"),
    ];
    for (root, says) in rows {
        for more in [&[][..], &["--allow-project-root"]] {
            let ended = refused_in(folder.path(), &[("HOME", home)], &[&["--root", root], more].concat());
            assert_eq!(ended.code, Some(2), "{root} {more:?}");
            assert!(ended.stderr[0].contains(says), "{root} {more:?}: {ended:?}");
        }
        let mount = format!("/static/={root}");
        let ended = refused_in(folder.path(), &[("HOME", home)], &["--mount", &mount]);
        assert!(ended.code == Some(2) && ended.stderr[0].contains(says), "{mount}: {ended:?}");
    }
    url_of(folder.path(), &[("HOME", home)], &["--listen", "127.0.0.1:0", "--root", "home/me/media"]);
}

#[test]
fn a_project_folder_is_refused_without_allow_project_root() {
    // findings 5.5
    for mark in [
        "manage.py",
        ".git",
        "package.json",
        "artisan",
        "Gemfile",
        "pyproject.toml",
        "go.mod",
        "composer.json",
        "Cargo.toml",
        "pom.xml",
        "mix.exs",
        ".env",
        "Shop.csproj",
    ] {
        let folder = workspace();
        fs::write(folder.path().join(mark), "").expect("a file");
        let ended = refused_in(folder.path(), &[], &["--root", "."]);
        assert_eq!(ended.code, Some(2), "{mark}");
        assert!(ended.stderr[0].contains(&format!("this folder contains {mark}, ")), "{mark}: {ended:?}");
        assert!(ended.stderr[0].contains("--allow-project-root"), "{mark}: {ended:?}");
        url_of(folder.path(), &[], &["--listen", "127.0.0.1:0", "--root", ".", "--allow-project-root"]);
        url_of(folder.path(), &[("DEVMEDIA_ALLOW_PROJECT_ROOT", "1")], &["--listen", "127.0.0.1:0", "--root", "."]);
    }
}

#[test]
fn the_error_of_a_port_in_use_suggests_another_port() {
    let folder = workspace();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    for (listen, says) in [
        (port.to_string(), "another port: -p "),
        (format!("localhost:{port}"), "another port: -p "),
        (format!("127.0.0.1:{port}"), "another port: --listen 127.0.0.1:"),
    ] {
        let ended = run(devmedia(folder.path(), &[], &["--debug", "--listen", &listen]));
        assert_eq!((ended.code, ended.stdout.len()), (Some(1), 0), "{ended:?}");
        let [line] = &ended.stderr[..] else { panic!("one line, not {ended:?}") };
        assert!(line.starts_with(&format!("devmedia: 127.0.0.1:{port} is in use by another process")), "{line}");
        assert!(line.contains(says), "{line}");
    }
    let ended = run(devmedia(folder.path(), &[], &["--debug", "--listen", "192.0.2.1:0"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr[0].contains("192.0.2.1:0 is not an address of this machine"), "{ended:?}");
}

/// Findings 5.2: the port is not in use by another process, but by this one.
#[test]
fn an_address_given_twice_is_refused() {
    for (one, other) in [
        ("8001", "8001"),
        ("8001", "127.0.0.1:8001"),
        ("127.0.0.1:8001", "0.0.0.0:8001"),
        ("0.0.0.0:8001", "127.0.0.1:8001"),
        ("[::]:8001", "[::1]:8001"),
        ("unix:a.sock", "unix:a.sock"),
    ] {
        let ended = refused(&["--listen", one, "--listen", other]);
        assert_eq!(ended.code, Some(2), "{one} {other}: {ended:?}");
        assert!(ended.stderr[0].starts_with(&format!("devmedia: --listen {other:?}: ")), "{ended:?}");
        assert!(ended.stderr[0].contains("overlaps with this address; remove one"), "{ended:?}");
    }
}

#[test]
fn a_path_that_is_not_an_unused_socket_is_never_deleted() {
    if skip_on_windows("devmedia has no Unix sockets on Windows") {
        return;
    }
    let folder = workspace();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "precious").expect("a file");
    std::os::unix::fs::symlink("file", path("link")).expect("a link");
    std::os::unix::fs::symlink("nowhere", path("dangling")).expect("a link");
    let alive = UnixListener::bind(path("alive")).expect("a socket");
    let dead = UnixListener::bind(path("dead")).expect("a socket");
    drop(dead);
    std::os::unix::fs::symlink("dead", path("link-to-dead")).expect("a link");

    for name in ["file", "link", "dangling", "alive", "media", "link-to-dead"] {
        let listen = format!("unix:{name}");
        let ended = run(devmedia(folder.path(), &[], &["--debug", "--listen", &listen]));
        assert_eq!((ended.code, ended.stdout.len()), (Some(1), 0), "{name}: {ended:?}");
        assert!(ended.stderr[0].contains(&format!("unix:{name} exists and is not an unused socket")), "{ended:?}");
        assert!(path(name).symlink_metadata().is_ok(), "{name} is still there");
    }
    assert_eq!(fs::read_to_string(path("link")).expect("the file"), "precious");
    drop(alive);

    let ended = run(devmedia(folder.path(), &[], &["--debug", "--listen", "unix:none/media.sock"]));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr[0].contains("a folder that does not exist"), "{ended:?}");
}

#[test]
fn an_unused_socket_is_replaced() {
    if skip_on_windows("devmedia has no Unix sockets on Windows") {
        return;
    }
    let folder = workspace();
    let path = folder.path().join("media.sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.symlink_metadata().expect("left behind").file_type().is_socket());
    let process = Process::start(devmedia(folder.path(), &[], &["--debug", "--listen", "unix:media.sock"]));
    assert_eq!(process.ready(), "unix:media.sock");
    std::os::unix::net::UnixStream::connect(&path).expect("a process listens on it now");
}

#[test]
fn every_flag_has_a_variable_which_the_error_of_a_wrong_value_names() {
    let rows = [
        ("MEDIA_ROOT", "--root", "./none"),
        ("MEDIA_URL", "--url", "https://cdn.example/media/"),
        ("DEVMEDIA_MOUNT", "--mount", "static"),
        ("DEVMEDIA_LISTEN", "--listen", "nowhere"),
        ("DEVMEDIA_NO_INDEX", "--no-index", "maybe"),
        ("DEVMEDIA_HIDDEN", "--hidden", "maybe"),
        ("DEVMEDIA_FOLLOW_LINKS", "--follow-links", "maybe"),
        ("DEVMEDIA_ALLOW_HOST", "--allow-host", "*"),
        ("DEVMEDIA_ALLOW_ORIGIN", "--allow-origin", "*"),
        ("DEVMEDIA_ALLOW_PROJECT_ROOT", "--allow-project-root", "maybe"),
        ("DEVMEDIA_CACHE_CONTROL", "--cache-control", ""),
        ("DEVMEDIA_TYPE", "--type", "stl"),
        ("DEVMEDIA_GRACE", "--grace", "soon"),
        ("DEVMEDIA_POLL", "--poll", "often"),
        ("DEVMEDIA_LOG_FORMAT", "--log-format", "xml"),
        ("DEVMEDIA_OPEN", "--open", "maybe"),
        ("DEVMEDIA_NO_CONFIG", "--no-config", "maybe"),
        ("DEVMEDIA_READY_FILE", "--ready-file", ""),
        ("DEVMEDIA_EXIT_WITH_PARENT", "--exit-with-parent", "maybe"),
        ("DEVMEDIA_CONFIG", "--config", ""),
        ("DEVMEDIA_ENV_FILE", "--env-file", ""),
        ("DEVMEDIA_UPLOAD", "--upload", "/nowhere/"),
        ("DEVMEDIA_UPLOAD_TO", "--upload-to", "/"),
        ("DEVMEDIA_MAX_UPLOAD", "--max-upload", "10"),
        ("DEVMEDIA_PLACEHOLDER", "--placeholder", "maybe"),
        ("DEVMEDIA_FALLBACK", "--fallback", "nowhere"),
    ];
    let folder = workspace();
    for (variable, flag, value) in rows {
        let ended = run(devmedia(folder.path(), &[(variable, value)], &["--debug"]));
        assert!(ended.stdout.is_empty() && ended.stderr.len() == 1, "{variable}: {ended:?}");
        let says = format!("devmedia: {flag} {value:?} (from {variable}): ");
        assert!(ended.stderr[0].starts_with(&says), "{variable}: {ended:?}");
    }
    for variable in ["DEVMEDIA_VERBOSE", "DEVMEDIA_QUIET"] {
        let ended = run(devmedia(folder.path(), &[(variable, "true")], &["--debug"]));
        assert_eq!(ended.code, Some(2), "{variable}: {ended:?}");
        assert!(ended.stderr[0].contains("0, 1 or 2"), "{variable}: {ended:?}");
    }
}

/// A flag is declared in one place, and described in `--help` and in `docs/flags.md`.
#[test]
fn every_flag_is_documented_with_its_variable() {
    let folder = workspace();
    let help = run(devmedia(folder.path(), &[], &["--help"])).stdout;
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/flags.md")).expect("the documentation");
    let manual = run(devmedia(folder.path(), &[], &["man"])).stdout.join("\n").replace('\\', "");
    for declared in settings::ALL.iter().filter(|declared| declared.has_flag()) {
        let flag = declared.flag();
        let line = help.iter().find(|line| line.contains(&format!("{flag}[=<")) || line.contains(&format!("{flag} <")));
        assert!(
            line.is_some_and(|line| line.contains(declared.help)),
            "{flag} and its help are not one line: {line:?}"
        );
        let names = |line: &&str| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{flag}")));
        let row = docs.lines().find(names);
        let row = row.unwrap_or_else(|| panic!("docs/flags.md has no row for {flag}"));
        let variable = declared.variable.unwrap_or_default();
        assert!(row.contains(variable), "{row}: the variable is {variable}");
        assert!(manual.contains(&flag) && manual.contains(variable), "the manual page has no {flag} or {variable}");
    }
    for line in &help {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let texts = ["MEDIA_ROOT", "MEDIA_URL", "DEVMEDIA_DEBUG", "DEBUG", "DEVMEDIA_LISTEN"];
    assert!(texts.iter().all(|text| help.join("\n").contains(text)), "{help:#?}");
}

#[test]
fn the_flag_overrides_the_variable() {
    let folder = workspace();
    let env = [("MEDIA_ROOT", "./none"), ("MEDIA_URL", "/env/"), ("DEVMEDIA_LISTEN", "nowhere"), ("DEBUG", "0")];
    let args = ["--root", "./media", "--url", "/flag", "--listen", "127.0.0.1:0"];
    let url = url_of(folder.path(), &env, &args);
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/flag/"), "{url}");
}

#[test]
fn the_variable_of_a_repeatable_flag_is_a_comma_separated_list() {
    let folder = workspace();
    fs::create_dir(folder.path().join("other")).expect("a folder");
    let env = [
        ("MEDIA_ROOT", "./other"),
        ("MEDIA_URL", "uploads"),
        ("DEVMEDIA_LISTEN", "127.0.0.1:0, unix:a.sock,"),
        ("DEVMEDIA_MOUNT", "/a/=./media,/b/=./media"),
        ("DEVMEDIA_ALLOW_HOST", "a.example,*.b.example"),
        ("DEVMEDIA_ALLOW_ORIGIN", "https://a.example,https://b.example:*"),
        ("DEVMEDIA_TYPE", "stl=model/stl,obj=model/obj"),
    ];
    let process = Process::start(devmedia(folder.path(), &env, &["--debug"]));
    assert!(process.ready().ends_with("/uploads/"));
    assert_eq!(process.ready(), "unix:a.sock");
    for (root, prefix) in [("/other", "/uploads/"), ("/media", "/a/"), ("/media", "/b/")] {
        let line = process.stderr.next().expect("a line for each mount");
        assert!(line.ends_with(&format!("{root} at {prefix}")), "{line}");
    }

    let ended = refused_in(folder.path(), &[("DEVMEDIA_TYPE", "stl=model/stl,x")], &[]);
    assert!(ended.stderr[0].starts_with(r#"devmedia: --type "x" (from DEVMEDIA_TYPE): "#), "{ended:?}");
}

/// Findings 5.2.
#[test]
fn the_error_of_an_unknown_flag_or_word_has_a_hint() {
    let folder = workspace();
    let rows: &[(&[&str], &str)] = &[
        (&["--rot", "./media"], "--root"),
        (&["--debgu"], "--debug"),
        (&["--prot", "8000"], "--port"),
        (&["--nonsense"], "devmedia --help lists the flags"),
        (&["--debug", "true"], "--debug=true"),
        (&["--debug", "false", "./media"], "only one folder"),
        (&["--listen"], "--listen <WHERE>"),
        (&["--host"], "--host 0.0.0.0"),
        (&["serve"], "devmedia --debug ./media"),
        (&["run"], "devmedia --debug ./media"),
        (&["start"], "devmedia --debug ./media"),
        (&["setup"], "devmedia init"),
        (&["serve", "./media"], "devmedia --debug ./media"),
        (&["--debug", "runserver", "0.0.0.0:8000"], "devmedia --debug ./media"),
        (&["chekc"], "devmedia check"),
        (&["8000"], "--port 8000"),
        (&["./media", "8000"], "--port 8000"),
        (&["./media", "./static"], "--mount /static/=./static"),
        (&["0.0.0.0:8000"], "--listen 0.0.0.0:8000"),
        (&["--upload", "/media/"], "--upload=/media/"),
        (&["--upload", "/files/"], "--upload=/files/"),
        (&["--placeholder", "status"], "--placeholder=status"),
        (&["-b", "0.0.0.0"], "--host 0.0.0.0"),
        (&["--bind=0.0.0.0"], "--host 0.0.0.0"),
        (&["--addr", "0.0.0.0"], "--host 0.0.0.0"),
        (&["--ip", "127.0.0.1"], "--host 127.0.0.1"),
        (&["-l", "3000"], "--port 3000"),
        (&["--prefix=files"], "--url /files/"),
        (&["--dir", "./media"], "devmedia ./media"),
        (&["--path", "./media"], "devmedia ./media"),
        (&["-d", "./media"], "devmedia ./media"),
        (&["--cors"], "--allow-origin"),
        (&["--ssl"], "--tls"),
        (&["--cert", "a.pem"], "--tls-cert FILE"),
        (&["--delay", "1s"], "--network latency"),
        (&["-s"], "index.html has no special meaning"),
        (&["--no-dirlist"], "--no-index"),
        (&["--allow-upload"], "--upload"),
        (&["-c", "nginx.conf"], "--config"),
        (&["--insecure"], "--debug"),
        (&["check", "--cors"], "--allow-origin"),
        (&["./media", "--root", "./media"], "both name the folder"),
        (&["http://127.0.0.1:8000/"], "--fallback"),
    ];
    for (args, hint) in rows {
        let ended = run(devmedia(folder.path(), &[("DEBUG", "1")], args));
        assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{args:?}: {ended:?}");
        assert!(ended.stderr.join("\n").contains(hint), "{args:?}: {ended:#?}");
    }
}

/// Findings 5.1: as in `http.server`, serve, miniserve and dufs.
#[test]
fn folder_port_and_host_work_as_in_other_servers() {
    let folder = workspace();
    fs::create_dir(folder.path().join("serve")).expect("a folder");
    let port = TcpListener::bind("0.0.0.0:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let (port, at) = (port.to_string(), format!("http://127.0.0.1:{port}/media/"));
    let joined = format!("-p{port}");
    let rows: &[(&[&str], &str, &str)] = &[
        (&["./media", "-p", "0"], "http://127.0.0.1:", "/media"),
        (&["serve", "-p", "0"], "http://127.0.0.1:", "/serve"),
        (&["-p", &port, "media"], &at, "/media"),
        (&[&joined], &at, "/media"),
        (&["--port", &port, "--host", "0.0.0.0"], &at, "/media"),
        (&["--port", "0", "--host", "localhost"], "http://127.0.0.1:", "/media"),
        (&["--port=0", "--host=127.0.0.1"], "http://127.0.0.1:", "/media"),
        (&["--root", "serve", "--port", "0"], "http://127.0.0.1:", "/serve"),
    ];
    for (args, url, root) in rows {
        // flags win over the environment
        let env = [("MEDIA_ROOT", "./none"), ("DEVMEDIA_LISTEN", "nowhere")];
        let env =
            if args.iter().any(|arg| arg.ends_with("media") || arg.ends_with("serve")) { &env[..] } else { &env[1..] };
        let process = Process::start(devmedia(folder.path(), env, &[&["--debug"], *args].concat()));
        let ready = process.ready();
        assert!(ready.starts_with(url), "{args:?}: {ready}");
        let line = process.stderr.with(" serving ");
        assert!(line.contains(&format!("{root} at /media/")), "{args:?}: {line}");
    }
    let ended = run(devmedia(folder.path(), &[], &["--debug", "-p", "0", "--listen", "127.0.0.1:0"]));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr[0].contains("both say where to listen; write only --listen"), "{ended:?}");
}

/// Findings 5.3.
#[test]
fn settings_without_an_effect_are_warnings() {
    let rows: &[(&[&str], &str)] = &[
        (&["--max-upload", "10MB"], "--max-upload \"10MB\" has no effect: no mount accepts uploads; add --upload"),
        (
            &["--upload-to", "uploads/"],
            "--upload-to \"uploads/\" has no effect: no mount accepts uploads; add --upload",
        ),
        (&["--fallback-max", "10MB"], "--fallback-max \"10MB\" has no effect: there is no fallback; add --fallback"),
        (&["--fallback-store=no"], "has no effect: there is no fallback"),
        (&["--fallback-header", "X-Token: hunter2"], "--fallback-header \"...\" has no effect"),
        (
            &["--fallback", "https://www.example.com/m/", "--fallback-store=no", "--fallback-refresh", "1d"],
            "--fallback-refresh \"1d\" has no effect: the fallback stores nothing",
        ),
        (
            &["--fallback", "https://www.example.com"],
            "write https://www.example.com/media/ (Drupal: https://www.example.com/sites/default/files/)",
        ),
    ];
    let folder = workspace();
    for (args, says) in rows {
        let ended = run(devmedia(folder.path(), &[], &[&["check"], *args].concat()));
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        let warnings: Vec<&String> = ended.stdout.iter().filter(|line| line.starts_with("warning: ")).collect();
        assert!(warnings.len() == 1 && warnings[0].contains(says), "{args:?}: {says} in {ended:#?}");
        let served = [&["--debug", "--listen", "127.0.0.1:0"], *args].concat();
        let process = Process::start(devmedia(folder.path(), &[], &served));
        process.ready();
        let line = process.stderr.with(" warning ");
        assert!(line.contains(says), "{args:?}: {line}");
    }
    for args in [
        &["--upload", "--max-upload", "10MB", "--upload-to", "uploads/"][..],
        &["--fallback", "https://www.example.com/media/", "--fallback-max", "10MB", "--fallback-header", "X: y"],
        &["--url", "/", "--fallback", "https://www.example.com"],
    ] {
        let ended = run(devmedia(folder.path(), &[], &[&["check"], args].concat()));
        assert!(!ended.stdout.iter().any(|line| line.contains("warning")), "{args:?}: {ended:#?}");
    }
    let ended = run(devmedia(folder.path(), &[("DEVMEDIA_PORT", "8000")], &["check"]));
    assert!(
        ended.stdout.iter().any(|line| line.contains("does not read") && line.contains("DEVMEDIA_PORT")),
        "{ended:?}"
    );
}

/// Findings 5.3.
#[test]
fn a_fallback_that_is_this_server_is_refused() {
    let folder = workspace();
    for (listen, fallback) in [
        ("8001", "http://127.0.0.1:8001/media/"),
        ("8001", "http://localhost:8001/media/"),
        ("8001", "http://[::1]:8001/media/"),
        ("0.0.0.0:8001", "http://127.0.0.1:8001/media/"),
    ] {
        for command in [&["check"][..], &["--debug"]] {
            let args = [command, &["--listen", listen, "--fallback", fallback]].concat();
            let ended = run(devmedia(folder.path(), &[], &args));
            assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{args:?}: {ended:?}");
            assert!(ended.stderr[0].contains(fallback) && ended.stderr[0].contains("https://www."), "{ended:?}");
        }
    }
    let args = ["check", "--listen", "8001", "--fallback", "http://127.0.0.1:8000/media/"];
    assert_eq!(run(devmedia(folder.path(), &[], &args)).code, Some(0));
}

/// Findings 2.6.
#[test]
fn no_config_ignores_the_file() {
    let folder = workspace();
    let text = "[[mount]]\nurl = \"/from-the-file/\"\nroot = \"media\"\n";
    fs::write(folder.path().join("devmedia.toml"), text).expect("the configuration");
    fs::write(folder.path().join("other.toml"), text.replace("from", "of")).expect("the configuration");
    let rows: &[(Env<'_>, &[&str], &str)] = &[
        (&[], &[], "/from-the-file/"),
        (&[], &["--no-config"], "/media/"),
        (&[("DEVMEDIA_NO_CONFIG", "1")], &[], "/media/"),
        (&[("DEVMEDIA_CONFIG", "other.toml")], &[], "/of-the-file/"),
        (&[("DEVMEDIA_CONFIG", "other.toml")], &["--no-config"], "/media/"),
        (&[("DEVMEDIA_NO_CONFIG", "1")], &["--config", "other.toml"], "/of-the-file/"),
        (&[("DEVMEDIA_NO_CONFIG", "1")], &["--no-config=no"], "/from-the-file/"),
    ];
    for (env, args, prefix) in rows {
        let url = url_of(folder.path(), env, &[&["--listen", "127.0.0.1:0"], *args].concat());
        assert!(url.ends_with(prefix), "{env:?} {args:?}: {url}");
    }
    let ended = refused_in(folder.path(), &[], &["--no-config", "--config", "other.toml"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr[0].contains("contradicts --no-config"), "{ended:?}");
}

/// Findings 5.2.
#[test]
fn settings_in_the_style_of_other_servers_get_an_explanation() {
    let folder = workspace();
    for (text, says) in [
        ("root = ./media", "devmedia.toml:1: this is not TOML"),
        ("root = ./media", "write texts in quotes: root = \"./media\""),
        ("root: ./media", "there is no '='; write root = \"./media\""),
        ("[[mount]]\nurl = \"/media/\"\nroot = \"./media", "devmedia.toml:3: "),
        ("grace = 10s", "grace = \"10s\""),
        ("upload = yes", "write upload = true"),
        ("{ \"grace\": \"10s\" }", "JSON"),
        ("port = 8000", "unknown key \"port\"; write listen = \"127.0.0.1:8000\""),
        ("host = \"0.0.0.0\"", "write listen = \"0.0.0.0:8001\""),
        ("max-upload = \"10MB\"", "unknown key \"max-upload\"; write max_upload"),
        ("logFormat = \"json\"", "write log_format"),
        ("[[rule]]\nmatch = \"*\"", "write [[mount.rule]]"),
        ("[server]\nlisten = \"8001\"", "write settings at the top of the file"),
        ("[[mounts]]\nurl = \"/media/\"", "write [[mount]]"),
        ("root = \"./media\"", "write it below [[mount]]"),
        ("{M}path = \"./media\"", "write root = \"./media\""),
        ("{M}listen = \"8001\"", "write listen at the top of the file"),
        ("{M}[[mount.rules]]\nmatch = \"*\"", "write [[mount.rule]]"),
        ("{M}match = \"*.pdf\"", "[[mount.rule]]"),
        ("{M}cache_control = 3600", "'max-age=3600'"),
        ("allowed_hosts = [\"a.example\"]", "write allow_host"),
        ("grace = \"1s\"\ngrace = \"2s\"", "remove one of the two"),
    ] {
        let mount = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n";
        fs::write(folder.path().join("devmedia.toml"), text.replace("{M}", mount)).expect("the configuration");
        let ended = run(devmedia(folder.path(), &[], &["check"]));
        assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{text}: {ended:?}");
        assert!(ended.stderr.iter().any(|line| line.contains(says)), "{text}: {says} in {ended:#?}");
    }
}

#[test]
fn version_help_completions_and_manual_work_without_debug() {
    let folder = workspace();
    let rows: [(&[&str], &str); 6] = [
        (&["--version"], concat!("devmedia ", env!("CARGO_PKG_VERSION"))),
        (&["--help"], "--allow-project-root"),
        (&["-h"], "--allow-project-root"),
        (&["completions", "zsh"], "#compdef devmedia"),
        (&["completions", "fish"], "complete -c devmedia"),
        (&["man"], ".TH devmedia"),
    ];
    for (args, holds) in rows {
        for env in [&[][..], &[("MEDIA_ROOT", "./none"), ("DEVMEDIA_LISTEN", "x")]] {
            let ended = run(devmedia(folder.path(), env, args));
            assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{args:?}: {ended:?}");
            assert!(ended.stdout.join("\n").contains(holds), "{args:?}");
        }
    }
}

#[test]
fn completions_and_the_manual_page_are_valid() {
    let folder = workspace();
    let rows: [(&[&str], &[&str]); 5] = [
        (&["completions", "bash"], &["bash", "-n"]),
        (&["completions", "zsh"], &["zsh", "-n"]),
        (&["completions", "fish"], &["fish", "--no-execute"]),
        (&["man"], &["mandoc", "-T", "lint", "-W", "error"]),
        (&["man"], &["man", "--warnings", "-l"]),
    ];
    for (args, reader) in rows {
        let text = run(devmedia(folder.path(), &[], args)).stdout.join("\n") + "\n";
        let file = folder.path().join("text");
        fs::write(&file, text).expect("a file");
        let read = Command::new(reader[0]).args(&reader[1..]).arg(&file).env("MANPAGER", "cat").output();
        let Ok(read) = read else {
            eprintln!("{} is not installed: {args:?} was not checked with it", reader[0]);
            continue;
        };
        let said = String::from_utf8_lossy(&read.stderr);
        assert!(read.status.success() && said.is_empty(), "{reader:?} on {args:?}: {said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_unwritable_stdout_is_an_error_and_does_not_panic() {
    let folder = workspace();
    let rows: [&[&str]; 4] =
        [&["completions", "bash"], &["completions", "fish"], &["man"], &["--debug", "--listen", "127.0.0.1:0"]];
    for args in rows {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a Linux");
        let mut command = devmedia(folder.path(), &[], args);
        let output = command.stdin(std::process::Stdio::null()).stdout(full).output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.starts_with("devmedia: cannot write ") && said.lines().count() == 1, "{args:?}: {said}");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused_without_a_panic() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = workspace();
    let mut command = devmedia(folder.path(), &[], &["--debug", "--root"]);
    command.arg(OsStr::from_bytes(b"\xff"));
    let ended = run(command);
    assert_eq!((ended.code, ended.stdout.len()), (Some(2), 0), "{ended:?}");
}
