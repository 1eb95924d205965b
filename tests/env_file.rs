//! `--env-file`: which variable has priority, and the errors of the file.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::command;
use support::process::{Ended, Process, run};
use tempfile::TempDir;

/// Environment variables and their values.
type Env<'a> = &'a [(&'a str, &'a str)];

/// A working directory with the roots `media` and `other`, and with the file `.env`.
fn workspace(env_file: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for root in ["media", "other"] {
        fs::create_dir(folder.path().join(root)).expect("a root");
    }
    fs::write(folder.path().join(".env"), env_file).expect("a file");
    folder
}

fn devmedia(folder: &Path, env: Env<'_>, args: &[&str]) -> Command {
    let mut command = command();
    command.current_dir(folder).envs(env.iter().copied()).args(args);
    command
}

/// Runs `devmedia check` with these lines in `devmedia.toml` and `.env`.
fn check(toml: &str, env_file: &str, env: Env<'_>, args: &[&str]) -> Ended {
    let folder = workspace(env_file);
    if !toml.is_empty() {
        fs::write(folder.path().join("devmedia.toml"), toml).expect("a file");
    }
    run(devmedia(folder.path(), env, &[&["check"], args].concat()))
}

#[test]
fn the_file_is_above_devmedia_toml_and_below_flags_and_the_environment() {
    let by_file: &[&str] = &["--env-file", ".env"];
    let toml = "grace = \"4s\"\n[[mount]]\nurl = \"/media/\"\nroot = \"./media\"\n";
    let rows: &[(&str, &str, Env<'_>, &[&str], &str)] = &[
        ("", "DEVMEDIA_GRACE=3s", &[], by_file, "grace          3 s"),
        ("", "DEVMEDIA_GRACE=3s", &[], &[], "grace          10 s"),
        (toml, "DEVMEDIA_GRACE=3s", &[], by_file, "grace          3 s"),
        (toml, "DEVMEDIA_GRACE=3s", &[("DEVMEDIA_GRACE", "2s")], by_file, "grace          2 s"),
        (
            "",
            "DEVMEDIA_GRACE=3s",
            &[("DEVMEDIA_GRACE", "2s")],
            &["--env-file=.env", "--grace=1s"],
            "grace          1 s",
        ),
        ("", "export MEDIA_URL='/files/' # here", &[], by_file, "/files/"),
        ("", "MEDIA_URL=\"/files/\"", &[("DEVMEDIA_ENV_FILE", ".env")], &[], "/files/"),
        ("", "DEVMEDIA_LISTEN=127.0.0.1:7001, 127.0.0.1:7002", &[], by_file, "listen         127.0.0.1:7002"),
        ("", "A=b", &[], by_file, "env_file       .env"),
        // no file is read from the file
        ("", "DEVMEDIA_ENV_FILE=none.env", &[], by_file, "env_file       .env"),
        ("", "DEVMEDIA_ROOT=./other", &[], by_file, "does not read the environment variable DEVMEDIA_ROOT"),
        (
            "[[mount]]\nurl = \"/media/\"\nroot = \"./media\"\naccess = { signed = \"hmac\", secret = { env = \"KEY\" } }\n",
            "KEY=hunter2",
            &[],
            by_file,
            "access         signed",
        ),
    ];
    for (toml, env_file, env, args, says) in rows {
        let ended = check(toml, env_file, env, args);
        assert_eq!(ended.code, Some(0), "{env_file} {args:?}: {ended:#?}");
        assert!(ended.stdout.iter().any(|line| line.contains(says)), "{env_file} {args:?}: {ended:#?}");
    }
}

#[test]
fn mistakes_in_the_file_name_the_file_and_the_line() {
    for (env_file, args, code, says) in [
        (
            "DEBUG=1\nDEVMEDIA_GRACE=soon",
            ".env",
            2,
            r#"--grace "soon" (from DEVMEDIA_GRACE in .env:2): not a duration"#,
        ),
        ("MEDIA_ROOT=${HERE}/media", ".env", 2, ".env:1: MEDIA_ROOT: devmedia does not replace ${NAME}"),
        ("# a\nnonsense", ".env", 2, r#"--env-file ".env", line 2: nonsense: there is no '='"#),
        ("A=\"b", ".env", 2, "line 1: A: the closing \" is missing"),
        ("", "none.env", 1, r#"--env-file "none.env": the file cannot be read"#),
        ("", "media", 1, r#"--env-file "media": the file cannot be read"#),
        ("", "", 2, r#"--env-file "": the name of the file is empty"#),
        ("DEVMEDIA_VERBOSE=lots", ".env", 2, r#"-v "lots" (from DEVMEDIA_VERBOSE in .env:1): write how many times"#),
        ("MEDIA_ROOT=./none", ".env", 1, r#"--root "./none" (from MEDIA_ROOT in .env:1): there is no folder"#),
    ] {
        let ended = check("", env_file, &[], &["--env-file", args]);
        assert_eq!((ended.code, ended.stdout.len()), (Some(code), 0), "{env_file:?}: {ended:#?}");
        assert!(ended.stderr[0].contains(says), "{env_file:?}: {ended:#?}");
    }
}

#[test]
fn debug_in_the_file_is_a_yes_unless_the_environment_says_no() {
    let rows: &[(&str, Env<'_>, Option<&str>)] = &[
        ("DEBUG=1", &[], None),
        ("export DEVMEDIA_DEBUG=true", &[], None),
        ("DEBUG=1", &[("DEBUG", "0")], Some("DEBUG=\"0\" does not turn debugging on")),
        ("DEVMEDIA_DEBUG=1", &[("DEBUG", "false")], Some("DEBUG=\"false\" does not turn debugging on")),
        ("DEBUG=0", &[], Some("in the file of --env-file, DEBUG=\"0\" does not turn debugging on")),
        ("A=b", &[], Some("neither --debug nor DEBUG is set")),
    ];
    for (env_file, env, refused) in rows {
        let folder = workspace(env_file);
        let process = Process::start(devmedia(folder.path(), env, &["--env-file", ".env", "--listen", "127.0.0.1:0"]));
        let ready = process.stdout.next();
        let line = process.stderr.next().unwrap_or_default();
        match refused {
            None => assert!(ready.is_some(), "{env_file}: {line}"),
            Some(says) => assert!(ready.is_none() && line.contains(says), "{env_file}: {line}"),
        }
    }
}

#[test]
fn an_app_that_is_started_does_not_see_the_file() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = workspace("DEBUG=1\nSECRET_OF_THE_FILE=hunter2\n");
    let ended = run(devmedia(
        folder.path(),
        &[("PATH", "/usr/bin:/bin")],
        &["--env-file", ".env", "--listen", "127.0.0.1:0", "run", "--", "sh", "-c", "echo \"<$SECRET_OF_THE_FILE>\""],
    ));
    assert!(ended.stdout.iter().any(|line| line == "<>"), "{ended:#?}");
}
