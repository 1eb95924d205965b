//! Files that are not regular (design section 4, "Not regular"), and unreadable ones.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

#[cfg(target_os = "linux")]
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::start;
use crate::WAY;
#[cfg(target_os = "linux")]
use crate::support::skip;
use crate::support::{Server, skip_on_windows};

#[test]
fn a_fifo_and_a_socket_are_404_without_delay() {
    if skip_on_windows("Windows has no FIFOs") {
        return;
    }
    let server = start(&[]);
    let made = Command::new("mkfifo").arg(server.root.join("fifo")).status();
    assert!(made.expect("mkfifo runs").success());
    // with a short path: the name of a socket is limited to 108 bytes
    let _socket = UnixListener::bind(server.root.join("socket")).expect("a socket");
    std::os::unix::fs::symlink("fifo", server.root.join("link.mp4")).expect("a link");
    for target in ["/media/fifo", "/media/socket", "/media/link.mp4", "/media/fifo/", "/media/fifo/x"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(server.request(method, target, &[]).status, 404, "{method} {target}");
        }
    }
    for target in ["/media/fifo", "/media/socket"] {
        let answer = server.get(target);
        assert!(answer.text().contains("not a regular file"), "{target}: {}", answer.text());
    }
    let listed = server.request("GET", "/media/?format=json", &[]);
    assert_eq!(listed.json().as_array().expect("a list").len(), 3, "listed without blocking");
}

#[test]
#[cfg(target_os = "linux")]
fn a_device_is_404_without_delay() {
    if skip_on_windows("Windows has no devices in folders") {
        return;
    }
    let server = start(&[]);
    let null = rustix::fs::makedev(1, 3);
    let made = mknodat(CWD, server.root.join("null.png"), FileType::CharacterDevice, Mode::RWXU, null);
    if let Err(error) = made {
        skip(format_args!("this user may not make devices: {error}"));
        return;
    }
    let answer = server.get("/media/null.png");
    assert_eq!(answer.status, 404);
    // on a `nodev` mount, the system refuses to open devices at all
    assert!(answer.text().contains("not a regular file"), "{}", answer.text());
}

#[test]
fn unreadable_files_and_folders_are_403() {
    let unreadable = |path: &std::path::Path| {
        let media = path.join("media");
        std::fs::create_dir_all(media.join("closed")).expect("a folder");
        std::fs::create_dir_all(media.join("blind")).expect("a folder");
        for name in ["open.txt", "closed.txt", "closed/a.txt", "blind/a.txt"] {
            std::fs::write(media.join(name), name).expect("a file");
        }
        for (name, mode) in [("closed.txt", 0), ("closed", 0), ("blind", 0o311)] {
            std::fs::set_permissions(media.join(name), Permissions::from_mode(mode)).expect("our own file");
        }
    };
    let Some(server) = Server::unprivileged(WAY, &[], unreadable) else { return };
    for (target, status) in [
        ("/media/open.txt", 200),
        ("/media/closed.txt", 403),
        ("/media/closed/a.txt", 403),
        ("/media/closed/", 403),
        // the folder cannot be listed, but the file in it can be read
        ("/media/blind/a.txt", 200),
        ("/media/blind/", 403),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        if status == 403 {
            assert!(answer.text().contains("no permission to read"), "{target}: {}", answer.text());
            assert!(!answer.text().contains("os error"), "{target}: {}", answer.text());
        }
    }
    // so that the tree can be removed
    for name in ["closed", "blind"] {
        std::fs::set_permissions(server.root.join(name), Permissions::from_mode(0o755)).expect("our own folder");
    }
}

#[test]
fn a_file_with_a_trailing_slash_is_404() {
    let server = start(&[]);
    server.put("a.txt", "hello");
    for (target, meant) in [
        ("/media/a.txt/", "/media/a.txt"),
        ("/media/a.txt/.", "/media/a.txt"),
        ("/media/a.txt//", "/media/a.txt"),
        ("/media/a.txt/b", "/media/a.txt"), // ENOTDIR (Go 18984)
        ("/media/a.txt/b/c/", "/media/a.txt"),
    ] {
        let answer = server.request("GET", target, &[("Accept", "application/json")]);
        assert_eq!((answer.status, answer.json()["meant"].as_str()), (404, Some(meant)), "{target}");
    }
}
