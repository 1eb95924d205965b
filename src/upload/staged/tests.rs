//! Both ways to keep a file from being seen: without a name, and under one of devmedia's own.

use std::collections::HashMap;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::storage::media_type::MediaTypes;
use crate::storage::root::Links;

fn root() -> (TempDir, Root) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::new(folder.path(), Links::Inside, MediaTypes::new(HashMap::new())).expect("a root");
    (folder, root)
}

/// A draft as file systems without unnamed files have it.
fn draft(root: &Root, named_one: bool) -> StagedFile {
    let mut draft = StagedFile::create(root, &MediaPath::top()).expect("a draft");
    if named_one {
        let (file, temporary) = named(&draft.reached).expect("a file");
        (draft.file, draft.temporary) = (Arc::new(file), Some(temporary));
    }
    write_all(&draft.file(), &[Bytes::from_static(b"new"), Bytes::new(), Bytes::from_static(b"er")]).expect("written");
    draft
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_draft_is_seen_when_it_is_published_and_not_before() {
    for named_one in [false, true] {
        let (folder, root) = root();
        let visible = |names: &[String]| names.iter().filter(|name| !name.starts_with(OWN)).count();
        let first = draft(&root, named_one);
        assert_eq!(visible(&names(&folder)), 0);
        drop(first);
        assert_eq!(names(&folder), [""; 0], "dropped, it leaves nothing");

        assert!(draft(&root, named_one).publish_new(b"a.txt").expect("published").is_ok());
        assert_eq!(
            (names(&folder), fs::read(folder.path().join("a.txt")).expect("read")),
            (vec!["a.txt".to_owned()], b"newer".to_vec())
        );
        fs::write(folder.path().join("a.txt"), "old").expect("written");
        let taken = draft(&root, named_one).publish_new(b"a.txt").expect("asked").expect_err("taken");
        assert_eq!(fs::read(folder.path().join("a.txt")).expect("read"), b"old");
        taken.replace(b"a.txt").expect("replaced");
        assert_eq!(fs::read(folder.path().join("a.txt")).expect("read"), b"newer");
        let (_, name) = draft(&root, named_one).publish("a.txt").expect("published");
        assert_eq!(names(&folder), ["a.txt".to_owned(), name], "{named_one}");
    }
}

#[test]
fn a_folder_cannot_be_replaced_and_nothing_is_left() {
    for named_one in [false, true] {
        let (folder, root) = root();
        fs::create_dir(folder.path().join("folder")).expect("a folder");
        let refusal = draft(&root, named_one).replace(b"folder").expect_err("a folder");
        assert_eq!(refusal.code, "is-a-folder", "{refusal:?}");
        assert_eq!(names(&folder), ["folder"]);
    }
}
