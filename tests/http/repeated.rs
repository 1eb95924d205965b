//! The same request again, after a change. devmedia keeps files open for a moment, and remembers the names of folders; no
//! response may be that of before the change.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::{WAY, prepared, start};
use crate::support::{Server, skip_on_windows};

const TARGET: &str = "/media/folder/a.txt";

/// What changes: the folder beside the root, the file, and what TARGET answers from then on.
type Row = (&'static str, fn(&Path, &Path), u16, &'static str);

/// Lets the server remember `target`: it is requested in several forms, one right after the other.
fn remember(server: &Server, target: &str) -> String {
    let tag = server.settled(target).field("etag").to_owned();
    for (method, fields, status) in
        [("GET", &[][..], 200), ("HEAD", &[], 200), ("GET", &[("If-None-Match", tag.as_str())], 304), ("GET", &[], 200)]
    {
        let answer = server.request(method, target, fields);
        assert_eq!((answer.status, answer.field("etag")), (status, tag.as_str()), "{method} {fields:?}");
    }
    tag
}

#[test]
fn a_change_between_two_requests_is_seen() {
    let rows: [Row; 12] = [
        ("replaced", |_, file| replace(file, "2nd"), 200, "2nd"),
        ("written in place with the old time", |_, file| keeping_time(file, |file| fs::write(file, "2nd")), 200, "2nd"),
        (
            "replaced with the old time",
            |_, file| {
                keeping_time(file, |file| {
                    replace(file, "2nd");
                    Ok(())
                });
            },
            200,
            "2nd",
        ),
        ("longer", |_, file| fs::write(file, "longer").expect("our file"), 200, "longer"),
        ("empty", |_, file| fs::write(file, "").expect("our file"), 200, ""),
        ("removed", |_, file| fs::remove_file(file).expect("our file"), 404, "There is no folder/a.txt"),
        ("renamed", |_, file| fs::rename(file, file.with_extension("jpg")).expect("our file"), 404, "folder/a.jpg"),
        ("a folder", |_, file| again(file, |file| fs::create_dir(file)), 302, ""),
        ("a link inside", |_, file| again(file, |file| symlink("../b.txt", file)), 200, "other"),
        ("a link outside", |top, file| again(file, |file| symlink(top.join("secret.txt"), file)), 403, "leads out"),
        (
            "its folder is renamed",
            |_, file| fs::rename(folder(file), folder(file).with_extension("x")).expect("ours"),
            404,
            "",
        ),
        (
            "its folder is a link",
            |top, file| {
                fs::rename(folder(file), folder(file).with_extension("x")).expect("our folder");
                fs::write(top.join("media-private/a.txt"), "1st").expect("a file outside");
                symlink(top.join("media-private"), folder(file)).expect("a link");
            },
            403,
            "",
        ),
    ];
    let has_all_rows = !skip_on_windows("the rows with links and the one with an old time");
    for (what, change, status, text) in rows {
        // a time that is put back hides a change of the same length on Windows, see docs/windows.md
        if (what.contains("link") || what.starts_with("written in place with")) && !has_all_rows {
            continue;
        }
        let server = start(&[]);
        server.put("b.txt", "other");
        let file = server.put("folder/a.txt", "1st");
        let tag = remember(&server, TARGET);
        change(&server.outside, &file);
        let answer = server.get(TARGET);
        let body = answer.text();
        assert_eq!(answer.status, status, "{what}: {body}");
        assert!(body.contains(text) && (status != 200 || body == text), "{what}: {body}");
        let again = server.request("GET", TARGET, &[("If-None-Match", tag.as_str())]);
        assert_eq!(again.status, status, "{what}: the old tag is not that of the new state");
        let head = server.request("HEAD", TARGET, &[]);
        assert_eq!(head.status, status, "{what}");
        if status == 200 {
            assert_eq!(head.field("content-length"), text.len().to_string(), "{what}");
        }
    }
}

#[test]
fn a_file_that_becomes_unreadable_is_refused_at_once() {
    let Some(server) = Server::unprivileged(WAY, &[], |top| {
        fs::create_dir_all(top.join("media/folder")).expect("folders");
        fs::write(top.join("media/folder/a.txt"), "1st").expect("a file");
    }) else {
        return;
    };
    let file = server.root.join("folder/a.txt");
    remember(&server, TARGET);
    for (mode, status) in [(0o000, 403), (0o644, 200), (0o200, 403)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("our file");
        assert_eq!(server.get(TARGET).status, status, "{mode:o}");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("our file");
    remember(&server, TARGET);
    fs::set_permissions(folder(&file), fs::Permissions::from_mode(0o000)).expect("our folder");
    let answer = server.get(TARGET);
    fs::set_permissions(folder(&file), fs::Permissions::from_mode(0o755)).expect("our folder");
    assert_eq!(answer.status, 403, "the folder is closed");
}

#[test]
fn a_file_that_moves_into_a_guarded_folder_is_refused_at_once() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&["--config", "devmedia.toml"], |top| {
        let rule = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n[[mount.rule]]\nmatch = \"guarded/**\"\naccess = \"deny\"\n";
        fs::write(top.join("devmedia.toml"), rule).expect("a configuration");
        fs::create_dir_all(top.join("media/guarded")).expect("folders");
    });
    let file = server.put("folder/a.txt", "1st");
    remember(&server, TARGET);
    fs::rename(folder(&file), server.root.join("guarded/folder")).expect("our folder");
    symlink("guarded/folder", folder(&file)).expect("a link");
    assert_eq!(server.get(TARGET).status, 403);
}

#[test]
fn a_missing_file_that_appears_is_served_at_once() {
    let server = start(&[]);
    server.put("folder/b.txt", "other");
    let file = server.root.join("folder/a.txt");
    for round in 0..20 {
        let missing = server.get(TARGET);
        assert_eq!((missing.status, missing.text().contains("Did you mean")), (404, false), "{round}");
        fs::write(&file, "1st").expect("our file");
        assert_eq!((server.get(TARGET).status, server.get(TARGET).text().as_str()), (200, "1st"), "{round}");
        fs::remove_file(&file).expect("our file");
    }
}

#[test]
fn a_name_that_appears_or_goes_is_suggested_or_not() {
    if skip_on_windows("Windows opens a file by any case of its name") {
        return;
    }
    let server = start(&[]);
    server.put("folder/other.txt", "other");
    for round in 0..20 {
        assert!(!server.get(TARGET).text().contains("Did you mean"), "{round}");
        let similar = server.put("folder/A.txt", "similar");
        assert!(server.get(TARGET).text().contains("Did you mean /media/folder/A.txt"), "{round}");
        fs::remove_file(similar).expect("our file");
    }
}

fn folder(file: &Path) -> &Path {
    file.parent().expect("below the root")
}

fn replace(file: &Path, content: &str) {
    let next = file.with_extension("next");
    fs::write(&next, content).expect("a file");
    fs::rename(next, file).expect("a replacement");
}

fn again(file: &Path, create: impl FnOnce(&Path) -> std::io::Result<()>) {
    fs::remove_file(file).expect("our file");
    create(file).expect("created in its place");
}

fn keeping_time(file: &Path, change: impl FnOnce(&Path) -> std::io::Result<()>) {
    let before = fs::metadata(file).and_then(|metadata| metadata.modified()).expect("a time");
    change(file).expect("our file");
    fs::File::options().write(true).open(file).and_then(|file| file.set_modified(before)).expect("a time that fits");
}
