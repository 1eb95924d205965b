//! Tests both ways to hide a file: without a name, and under a temporary name.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::access::rules::Access;
use crate::request::prefix::Prefix;
use crate::storage::media_type::MediaTypes;
use crate::storage::root::Links;

fn root() -> (TempDir, Root) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::new(folder.path(), Links::Inside, MediaTypes::new(HashMap::new())).expect("a root");
    (folder, root)
}

/// A staged file as on file systems without unnamed files.
fn staged(root: &Root, named_one: bool) -> StagedFile {
    let mut staged = StagedFile::create(root, &MediaPath::top()).expect("a staged file");
    if named_one {
        let (file, temporary) = named(&staged.reached).expect("a file");
        (staged.file, staged.temporary) = (Arc::new(file), Some(temporary));
    }
    write_all(&staged.file(), &[Bytes::from_static(b"new"), Bytes::new(), Bytes::from_static(b"er")]).expect("written");
    staged
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_staged_file_is_visible_only_after_publication() {
    for named_one in [false, true] {
        let (folder, root) = root();
        let visible = |names: &[String]| names.iter().filter(|name| !name.starts_with(OWN)).count();
        let first = staged(&root, named_one);
        assert_eq!(visible(&names(&folder)), 0);
        drop(first);
        assert_eq!(names(&folder), [""; 0], "dropping it leaves nothing behind");

        assert!(staged(&root, named_one).publish_new(&root, b"a.txt").expect("published").is_ok());
        assert_eq!(
            (names(&folder), fs::read(folder.path().join("a.txt")).expect("read")),
            (vec!["a.txt".to_owned()], b"newer".to_vec())
        );
        fs::write(folder.path().join("a.txt"), "old").expect("written");
        let taken = staged(&root, named_one).publish_new(&root, b"a.txt").expect("asked").expect_err("taken");
        assert_eq!(fs::read(folder.path().join("a.txt")).expect("read"), b"old");
        taken.replace(&root, b"a.txt").expect("replaced");
        assert_eq!(fs::read(folder.path().join("a.txt")).expect("read"), b"newer");
        let published = staged(&root, named_one).publish(&root, "a.txt").expect("published");
        let name = String::from_utf8_lossy(published.path.as_bytes()).into_owned();
        assert_eq!(names(&folder), ["a.txt".to_owned(), name.clone()], "{named_one}");
        published.withdraw();
        assert_eq!(names(&folder), ["a.txt"], "{named_one}");
    }
}

#[test]
fn replacing_a_folder_fails_and_leaves_nothing_behind() {
    for named_one in [false, true] {
        let (folder, root) = root();
        fs::create_dir(folder.path().join("folder")).expect("a folder");
        let refusal = staged(&root, named_one).replace(&root, b"folder").expect_err("a folder");
        assert_eq!(refusal.code, "is-a-folder", "{refusal:?}");
        assert_eq!(names(&folder), ["folder"]);
    }
}

/// Changes to the folder `a` while a file for `a/b` arrives.
#[test]
fn a_folder_that_changes_meanwhile_receives_no_file() {
    type Change = fn(&Path);
    let rows: &[(&str, Change)] = &[
        ("moved away", |root| fs::rename(root.join("a"), root.join("old")).expect("moved")),
        ("replaced", |root| {
            fs::rename(root.join("a"), root.join("old")).expect("moved");
            fs::create_dir_all(root.join("a")).expect("a folder");
        }),
        ("replaced by a link", |root| {
            fs::rename(root.join("a"), root.join("old")).expect("moved");
            std::os::unix::fs::symlink("/tmp", root.join("a")).expect("a link");
        }),
        ("replaced by a file", |root| {
            fs::rename(root.join("a"), root.join("old")).expect("moved");
            fs::write(root.join("a"), "x").expect("a file");
        }),
        ("removed", |root| fs::remove_dir(root.join("a")).expect("removed")),
    ];
    for (row, change) in rows {
        for name in ["a", "a/b/c"] {
            for way in 0..3 {
                let (folder, root) = root();
                fs::create_dir(folder.path().join("a")).expect("a folder");
                let wanted = MediaPath::parse(name.as_bytes()).expect("a path");
                let staged = StagedFile::create(&root, &wanted).expect("a staged file");
                change(folder.path());
                let refusal = match way {
                    0 => staged.publish(&root, "a.txt").expect_err("nowhere"),
                    1 => staged.publish_new(&root, b"a.txt").expect_err("nowhere"),
                    _ => staged.replace(&root, b"a.txt").expect_err("nowhere"),
                };
                assert_eq!(
                    (refusal.status.as_u16(), refusal.code),
                    (409, "folder-changed"),
                    "{row}, {name}: {refusal:?}"
                );
                let old = folder.path().join("old");
                assert!(!old.exists() || fs::read_dir(old).expect("a folder").next().is_none(), "{row}, {name}");
            }
        }
    }
}

#[test]
fn a_folder_that_was_moved_out_of_the_root_is_no_failure_of_the_system() {
    let (folder, root) = root();
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("a")).expect("a folder");
    let site = Site {
        prefix: Prefix::parse("/media/").expect("a prefix"),
        root: crate::storage::store::Store::Folder(root),
        hidden: false,
        cache_control: hyper::header::HeaderValue::from_static("no-cache"),
        access: Access::default(),
    };
    let wanted = MediaPath::parse(b"a").expect("a path");
    let place = |staged: &StagedFile| staged.place(&site, &PolicySet::default(), b"b.txt");
    let staged = StagedFile::create(site.root.folder().expect("a folder"), &wanted).expect("a staged file");
    assert_eq!(place(&staged).expect("a place"), wanted.join(b"b.txt"));
    fs::rename(folder.path().join("a"), elsewhere.path().join("a")).expect("moved");
    let refusal = place(&staged).expect_err("nowhere");
    assert_eq!((refusal.status.as_u16(), refusal.code), (409, "folder-changed"), "{refusal:?}");

    // removed before the file is made
    fs::remove_dir(elsewhere.path().join("a")).expect("removed");
    let refusal = named(&staged.reached).map_err(|error| cannot_store(error, &wanted)).expect_err("nowhere");
    assert_eq!(refusal.code, "folder-changed");
}
