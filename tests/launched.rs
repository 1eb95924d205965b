//! Devmedia as a test runner or an editor starts it: `--ready-file` and `--exit-with-parent`.

mod support;

use std::fs;
use std::io::{Read as _, Write as _, pipe};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::process::{Process, run};
use support::{PATIENCE, command};

const ENDED: &str = "the parent process has ended";

/// `devmedia --debug -p 0 ARGS` in this folder, which gets a media root; not started yet.
fn devmedia(folder: &Path, args: &[&str]) -> Command {
    let mut command = command();
    command.current_dir(folder).args(["--debug", "--listen", "127.0.0.1:0"]).args(args);
    fs::create_dir_all(folder.join("media")).expect("the root");
    command
}

/// Panics if no server answers at this URL.
fn assert_answers(url: &str) {
    let address = url.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix("/media/")).expect("a URL");
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(b"GET /media/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn the_ready_file_has_the_lines_of_stdout_and_exists_until_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("ready");
    // an empty file, as mktemp makes it, or the URLs of a server that was killed
    for before in [None, Some(""), Some("http://127.0.0.1:1/media/\n")] {
        if let Some(before) = before {
            fs::write(&file, before).expect("the file");
        }
        let process = Process::start(devmedia(folder.path(), &["--ready-file=ready", "--listen=unix:socket"]));
        let lines = format!("{}\n{}\n", process.ready(), process.ready());
        assert_eq!(fs::read_to_string(&file).expect("written before stdout"), lines, "{before:?}");
        assert_answers(lines.lines().next().expect("the first"));
        process.signal(Signal::TERM);
        assert_eq!(process.end().code, Some(0), "{before:?}");
        let left: Vec<_> =
            fs::read_dir(folder.path()).expect("the folder").flatten().map(|it| it.file_name()).collect();
        assert_eq!(left, ["media"], "{before:?}");
    }
}

#[test]
fn the_ready_file_also_has_the_s3_endpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::start(devmedia(folder.path(), &["--ready-file=ready", "--s3=127.0.0.1:0"]));
    let url = process.ready();
    let lines = fs::read_to_string(folder.path().join("ready")).expect("written before stdout");
    let endpoint = lines.strip_prefix(&format!("{url}\ns3 ")).and_then(|rest| rest.strip_suffix('\n')).expect(&lines);
    assert!(process.stderr.with("S3 endpoint at").contains(&format!(" {endpoint} ")), "{endpoint}");
}

#[test]
fn a_ready_file_that_cannot_be_written_is_an_error_and_never_replaces_other_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "precious\n").expect("the file");
    for (path, code, says) in [
        ("notes.txt", 2, "this file exists and was not written by devmedia; write the path of a new file"),
        ("media", 1, "cannot read this file: "),
        ("none/ready", 1, "cannot write this file: No such file or directory"),
    ] {
        let ended = run(devmedia(folder.path(), &["--ready-file", path]));
        assert_eq!((ended.code, ended.stdout.len()), (Some(code), 0), "{path}: {:?}", ended.stderr);
        let says = format!("devmedia: --ready-file {path:?}: {says}");
        assert!(ended.stderr.iter().any(|line| line.starts_with(&says)), "{path}: {:?}", ended.stderr);
    }
    assert_eq!(fs::read_to_string(&notes).expect("still there"), "precious\n");
}

/// The parent is killed, so it cannot tell its children.
#[test]
fn it_stops_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = devmedia(folder.path(), &["--exit-with-parent"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#""$0" "$@" & wait"#]).arg(server.get_program()).args(server.get_args());
    shell.current_dir(folder.path());
    let mut shell = Process::start(shell);
    assert_answers(&shell.ready());
    shell.signal(Signal::KILL);
    shell.stderr.with(ENDED);
    // the server holds the streams, too
    shell.wait();
}

/// A worker of a test runner may be a thread, and the other workers still use the server.
#[test]
fn it_outlives_the_thread_that_started_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = devmedia(folder.path(), &["--exit-with-parent"]);
    let (process, url) = std::thread::spawn(|| {
        let process = Process::start(server);
        let url = process.ready();
        (process, url)
    })
    .join()
    .expect("it started");
    assert_answers(&url);
    process.signal(Signal::TERM);
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.iter().any(|line| line.contains(ENDED)), "{ended:?}");
}

/// Python and Rust give their children pipes, Node gives them sockets.
#[test]
fn it_stops_at_the_end_of_a_stdin_that_is_a_pipe_or_a_socket() {
    let (reader, writer) = pipe().expect("a pipe");
    let (theirs, ours) = UnixStream::pair().expect("sockets");
    let rows: [(OwnedFd, OwnedFd); 2] = [(reader.into(), writer.into()), (theirs.into(), ours.into())];
    for (theirs, ours) in rows {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = devmedia(folder.path(), &["--exit-with-parent"]);
        server.stdin(theirs);
        let process = Process::start_with_stdin(server);
        let mut ours = fs::File::from(ours);
        ours.write_all(b"ignored\n").expect("open");
        assert_answers(&process.ready());
        drop(ours);
        let ended = process.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.iter().any(|line| line.contains(ENDED)), "{ended:?}");
    }
}

#[test]
fn without_the_flag_the_end_of_stdin_does_not_matter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (reader, writer) = pipe().expect("a pipe");
    let mut server = devmedia(folder.path(), &[]);
    server.stdin(reader);
    let process = Process::start_with_stdin(server);
    let url = process.ready();
    drop(writer);
    assert_answers(&url);
    process.signal(Signal::TERM);
    let ended = process.end();
    assert!(!ended.stderr.iter().any(|line| line.contains(ENDED)), "{ended:?}");
}
