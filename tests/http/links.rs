//! Symbolic links (design section 4, "Links" and "Containment").

use std::os::unix::fs::symlink;
use std::path::Path;

use super::{prepared, start};
use crate::support::{SECRET, Server, skip_on_windows};

/// Creates files and links of every kind, inside and outside the root.
fn tree(outside: &Path) {
    let root = outside.join("media");
    std::fs::create_dir_all(root.join("sub/deep")).expect("folders");
    std::fs::create_dir_all(outside.join("elsewhere")).expect("a folder");
    std::fs::write(root.join("a.txt"), "hello").expect("a file");
    std::fs::write(root.join("sub/b.txt"), "below").expect("a file");
    std::fs::write(outside.join("elsewhere/secret.txt"), SECRET).expect("a file");
    std::fs::write(outside.join("elsewhere/shared.txt"), "shared").expect("a file");
    let whole = |path: &str| outside.join(path).display().to_string();
    for (link, target) in [
        // inside
        ("relative", "a.txt".to_owned()),
        ("absolute", whole("media/a.txt")),
        ("folder", "sub".to_owned()),
        ("absolute-folder", whole("media/sub")),
        ("sub/up", "../a.txt".to_owned()),
        ("sub/deep/upup", "../../sub/b.txt".to_owned()),
        ("chain", "chain2".to_owned()),
        ("chain2", "sub/deep/upup".to_owned()),
        ("top", ".".to_owned()),
        ("out-and-in", "../media/a.txt".to_owned()),
        ("absolute-chain", whole("media/absolute")),
        // leading out
        ("file", whole("elsewhere/secret.txt")),
        ("file-relative", "../elsewhere/secret.txt".to_owned()),
        ("outside", whole("elsewhere")),
        ("parent", "..".to_owned()),
        ("sub/parent", "../..".to_owned()),
        ("slash", "/".to_owned()),
        ("passwd", "/etc/passwd".to_owned()),
        ("leaving-chain", "leaving-chain2".to_owned()),
        ("leaving-chain2", "sub/leaving-chain3".to_owned()),
        ("sub/leaving-chain3", whole("elsewhere/secret.txt")),
        ("sibling", whole("media-private/secret.txt")),
        ("missing-outside", whole("elsewhere/missing.txt")),
        // /proc
        ("mem", "/proc/self/mem".to_owned()),
        ("environ", "/proc/self/environ".to_owned()),
        ("cwd", "/proc/self/cwd".to_owned()),
        ("proc-root", "/proc/self/root".to_owned()),
        ("fd", "/proc/self/fd".to_owned()),
        ("exe", "/proc/self/exe".to_owned()),
        ("magic", format!("/proc/self/root{}", whole("elsewhere/shared.txt"))),
        // broken
        ("loop", "loop".to_owned()),
        ("ping", "pong".to_owned()),
        ("pong", "ping".to_owned()),
        ("dangling", "missing.txt".to_owned()),
    ] {
        symlink(target, root.join(link)).expect("a link");
    }
    let mut previous = "a.txt".to_owned();
    for number in 0..60 {
        let link = format!("long-chain-{number}");
        symlink(&previous, root.join(&link)).expect("a link");
        previous = link;
    }
}

/// The targets of the links that stay inside the root.
const INSIDE: &[(&str, &str)] = &[
    ("/media/relative", "hello"),
    ("/media/absolute", "hello"),
    ("/media/folder/b.txt", "below"),
    ("/media/absolute-folder/b.txt", "below"),
    ("/media/sub/up", "hello"),
    ("/media/sub/deep/upup", "below"),
    ("/media/chain", "below"),
    ("/media/top/a.txt", "hello"),
    ("/media/top/top/top/a.txt", "hello"),
    ("/media/out-and-in", "hello"),
    ("/media/absolute-chain", "hello"),
    ("/media/long-chain-10", "hello"),
];

/// Links that leave the root: to files, to folders, paths below them, chains.
const LEAVING: &[&str] = &[
    "/media/file",
    "/media/file-relative",
    "/media/outside",
    "/media/outside/",
    "/media/outside/secret.txt",
    "/media/outside/missing.txt", // whether it exists outside must not be revealed
    "/media/parent/secret.txt",
    "/media/parent/media-private/secret.txt",
    "/media/sub/parent/secret.txt",
    "/media/top/parent/secret.txt",
    "/media/slash/etc/passwd",
    "/media/passwd",
    "/media/leaving-chain",
    "/media/sibling",
    "/media/missing-outside",
    "/media/mem",
    "/media/environ",
    "/media/cwd/secret.txt",
    "/media/proc-root/etc/passwd",
    "/media/fd/0",
    "/media/fd/",
    "/media/exe",
    "/media/magic",
];

#[test]
fn links_that_stay_inside_are_followed() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&[], tree);
    for (target, body) in INSIDE {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.text().as_str()), (200, *body), "{target}");
    }
    let listing = server.get("/media/folder/?format=text");
    assert!(listing.text().contains("/media/folder/b.txt"), "{}", listing.text());
    assert_eq!(server.get("/media/absolute-folder").field("location"), "/media/absolute-folder/");
}

/// SWS CVE-2025-67487 and similar ones. `Server::request` checks every body for the secret.
#[test]
fn links_that_leave_the_root_are_403_with_the_reason() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&[], tree);
    for target in LEAVING {
        for method in ["GET", "HEAD"] {
            assert_eq!(server.request(method, target, &[]).status, 403, "{method} {target}");
        }
        let told = server.get(target).text();
        assert!(told.contains("leads out of the media root"), "{target}: {told}");
        assert!(!told.contains("elsewhere"), "reveals something outside the root: {told}");
    }
}

#[test]
fn broken_links_are_404() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&[], tree);
    for target in ["/media/loop", "/media/ping", "/media/loop/x", "/media/dangling", "/media/long-chain-59"] {
        assert_eq!(server.get(target).status, 404, "{target}");
    }
}

#[test]
fn a_listing_describes_a_link_by_its_target() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&[], tree);
    for (folder, name, kind) in [
        ("", "relative", Some("application/octet-stream")),
        ("", "absolute", Some("application/octet-stream")),
        ("", "folder", Some("directory")),
        ("", "absolute-folder", Some("directory")),
        ("", "file", None),
        ("", "outside", None),
        ("", "mem", None),
        ("", "loop", None),
        ("", "dangling", None),
        ("sub/", "up", Some("application/octet-stream")),
        ("sub/", "parent", None),
        ("sub/deep/", "upup", Some("application/octet-stream")),
    ] {
        let listing = server.get(format!("/media/{folder}?format=json")).json();
        let item = listing.as_array().expect("a list").iter().find(|item| item["name"] == name).expect("the link");
        assert_eq!(item["type"].as_str(), kind, "{folder}{name}: {item}");
        // the listing reveals nothing outside the root
        assert_eq!(item["size"].is_null(), kind.is_none_or(|kind| kind == "directory"), "{folder}{name}: {item}");
        let url = item["url"].as_str().expect("a URL");
        assert_eq!(server.get(url).status == 200, kind.is_some(), "{url}");
    }
}

#[test]
fn follow_links_follows_all_links_except_magic_ones() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&["--follow-links"], |outside| {
        tree(outside);
        symlink("../elsewhere/shared.txt", outside.join("media/shared.txt")).expect("a link");
        symlink(outside.join("elsewhere"), outside.join("media/mounted")).expect("a link");
    });
    for (target, body) in INSIDE {
        assert_eq!(server.get(target).text(), *body, "{target}");
    }
    for target in ["/media/shared.txt", "/media/mounted/shared.txt", "/media/outside/shared.txt"] {
        assert_eq!(server.get(target).text(), "shared", "{target}");
    }
    assert_eq!(server.get("/media/mounted").field("location"), "/media/mounted/");
    assert!(server.get("/media/mounted/?format=text").text().contains("/media/mounted/shared.txt"));
    assert_eq!(server.get("/media/mounted/missing.txt").status, 404);
    assert_eq!(
        server.get("/media/parent/elsewhere/shared.txt").text(),
        "shared",
        "'..' in a link is the link's affair"
    );
    for target in [
        "/media/magic",
        "/media/cwd/elsewhere/shared.txt",
        "/media/proc-root/etc/passwd",
        "/media/fd/0",
        "/media/fd/1",
        "/media/fd/3",
        "/media/exe",
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, 403, "{target}: {}", answer.text());
    }
    // the URL itself still cannot lead out
    for target in ["/media/../secret.txt", "/media/%2e%2e/secret.txt", "/media/mounted/../secret.txt"] {
        assert_eq!(server.get(target).status, 400, "aiohttp CVE-2024-23334: {target}");
    }
}

#[test]
fn neither_a_link_nor_its_target_may_be_hidden() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server: Server = start(&[]);
    server.put(".store/a.txt", "stored");
    symlink(".store/a.txt", server.root.join("a.txt")).expect("a link");
    assert_eq!(server.get("/media/a.txt").status, 404, "a link must not make a hidden file public");
    assert_eq!(server.get("/media/.store/a.txt").status, 404);
    // a content store is served with --hidden
    let server: Server = start(&["--hidden"]);
    server.put(".store/a.txt", "stored");
    symlink(".store/a.txt", server.root.join("a.txt")).expect("a link");
    assert_eq!(server.get("/media/a.txt").text(), "stored");
}
