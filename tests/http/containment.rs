//! Files and folders that are replaced while they are served (design section 4, "Containment" and "Root").

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{prepared, start};
use crate::support::{PATIENCE, SECRET, Server, skip, skip_on_windows};

/// The number of requests of each race. Each uses its own connection, so that the replacements happen at any point.
const REQUESTS: usize = 300;

/// Requests `target` while `swap` runs repeatedly. The response must be `inside` or a refusal, never anything else.
/// Continues until both have been seen.
fn race(server: &Server, target: &str, inside: &str, mut swap: impl FnMut() + Send) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                swap();
            }
        });
        // the other thread must end even if an assertion fails
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let until = Instant::now() + PATIENCE;
            let (mut shown, mut refused) = (0, 0);
            while shown + refused < REQUESTS || shown == 0 || refused == 0 {
                let answer = server.get(target);
                match answer.status {
                    200 => assert_eq!(answer.text(), inside),
                    403 | 404 => assert!(!answer.text().contains(SECRET)),
                    _ => panic!("{answer:?}"),
                }
                *if answer.status == 200 { &mut shown } else { &mut refused } += 1;
                assert!(Instant::now() < until, "always the same response: {shown} shown, {refused} refused");
            }
        }));
        over.store(true, Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn a_link_replaced_during_requests_never_leads_out() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = start(&[]);
    server.put("inside.txt", "inside");
    let (link, next) = (server.root.join("a.txt"), server.root.join("next"));
    let targets = [Path::new("inside.txt").to_owned(), server.outside.join("secret.txt")];
    let mut turn = 0;
    let mut swap = || {
        turn += 1;
        symlink(&targets[turn % 2], &next).expect("a link");
        std::fs::rename(&next, &link).expect("a swap");
    };
    swap();
    race(&server, "/media/a.txt", "inside", swap);
}

#[test]
fn an_absolute_link_replaced_during_requests_never_leads_out() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = start(&[]);
    let inside = server.put("inside.txt", "inside");
    let (link, next) = (server.root.join("a.txt"), server.root.join("next"));
    let targets = [inside, server.outside.join("secret.txt")];
    let mut turn = 0;
    let mut swap = || {
        turn += 1;
        symlink(&targets[turn % 2], &next).expect("a link");
        std::fs::rename(&next, &link).expect("a swap");
    };
    swap();
    race(&server, "/media/a.txt", "inside", swap);
}

/// SWS used a cache of containment checks for a minute.
#[test]
fn a_folder_replaced_by_a_link_never_leads_out() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = start(&[]);
    server.put("pics/secret.txt", "inside");
    server.put("pics/deep/a.txt", "inside");
    let (folder, link) = (server.root.join("pics"), server.root.join("other"));
    symlink(&server.outside, &link).expect("a link");
    let swap = || renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
    if let Err(error) = swap() {
        skip(format_args!("this file system does not exchange names: {error}"));
        return;
    }
    race(&server, "/media/pics/secret.txt", "inside", || swap().expect("a swap"));
}

/// A folder is moved out of the root while a path below it is resolved.
#[test]
fn a_folder_moved_out_during_requests_never_leads_out() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = start(&[]);
    server.put("d/e/a.txt", "inside");
    symlink("../../secret.txt", server.root.join("d/e/up")).expect("a link");
    let (inside, moved) = (server.root.join("d"), server.outside.join("d"));
    // in the root `up` leads to a missing /media/secret.txt; one folder higher it leads to the secret
    server.put("secret.txt", "inside");
    race(&server, "/media/d/e/up", "inside", || {
        std::fs::rename(&inside, &moved).expect("out");
        std::fs::rename(&moved, &inside).expect("in");
    });
}

#[test]
fn a_root_that_is_removed_and_created_again_is_served_again() {
    let server = start(&[]);
    server.put("a.txt", "one");
    assert_eq!(server.get("/media/a.txt").text(), "one");
    for round in ["two", "three"] {
        std::fs::remove_dir_all(&server.root).expect("our folder");
        let gone = server.until("/media/a.txt", |answer| answer.text().contains("does not exist at the moment"));
        assert_eq!(gone.status, 404);
        assert_eq!(server.get("/media/").status, 404);
        assert_eq!(server.get("/").status, 200, "the server is still running");
        std::fs::create_dir(&server.root).expect("the root again");
        server.put("a.txt", round);
        server.until("/media/a.txt", |answer| answer.status == 200 && answer.text() == round);
    }
}

#[test]
fn a_root_that_becomes_a_file_is_treated_as_missing() {
    if skip_on_windows("under Wine, the response is a 500 for a moment; the cause is not known") {
        return;
    }
    let server = start(&[]);
    server.put("a.txt", "one");
    std::fs::remove_dir_all(&server.root).expect("our folder");
    std::fs::write(&server.root, "not a folder").expect("a file");
    let gone = server.until("/media/", |answer| answer.status != 200);
    assert_eq!(gone.status, 404);
    assert_eq!(server.get("/media/a.txt").status, 404);
    std::fs::remove_file(&server.root).expect("our file");
    std::fs::create_dir(&server.root).expect("the root again");
    server.put("a.txt", "two");
    server.until("/media/a.txt", |answer| answer.status == 200 && answer.text() == "two");
}

#[test]
fn a_root_replaced_by_rename_is_served_soon() {
    let server = start(&[]);
    server.put("a.txt", "old");
    assert_eq!(server.get("/media/a.txt").text(), "old");
    let new = server.outside.join("new");
    std::fs::create_dir(&new).expect("a folder");
    std::fs::write(new.join("a.txt"), "new").expect("a file");
    std::fs::rename(&server.root, server.outside.join("old")).expect("away");
    std::fs::rename(&new, &server.root).expect("in its place");
    let before = Instant::now();
    server.until("/media/a.txt", |answer| answer.status == 200 && answer.text() == "new");
    assert!(before.elapsed().as_secs() < 2, "a moment: {:?}", before.elapsed());
}

#[test]
fn a_root_that_is_a_link_is_served_at_its_current_target() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let server = prepared(&[], |outside| {
        for release in ["one", "two"] {
            std::fs::create_dir(outside.join(release)).expect("a folder");
            std::fs::write(outside.join(release).join("a.txt"), release).expect("a file");
            symlink(outside.join(release).join("a.txt"), outside.join(release).join("absolute")).expect("a link");
        }
        symlink("one", outside.join("media")).expect("a link");
    });
    assert_eq!(server.get("/media/a.txt").text(), "one");
    assert_eq!(server.get("/media/absolute").text(), "one", "an absolute link inside a root that is a link");
    for release in ["two", "one"] {
        let next = server.outside.join("next");
        symlink(release, &next).expect("a link");
        std::fs::rename(&next, &server.root).expect("a swap");
        server.until("/media/a.txt", |answer| answer.status == 200 && answer.text() == release);
        assert_eq!(server.get("/media/absolute").text(), release);
    }
}

/// actix GHSA-8v2v-wjwg-vx6r: without its root, it served the working directory.
#[test]
fn nothing_else_is_served_while_the_root_is_missing() {
    let server = start(&[]);
    std::fs::remove_dir_all(&server.root).expect("our folder");
    for target in ["/media/secret.txt", "/media/media-private/secret.txt", "/media/", "/media/Cargo.toml"] {
        let answer = server.until(target, |answer| answer.status != 200);
        assert_eq!(answer.status, 404, "{target}");
    }
}
