use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::storage::media_type::MediaType;

fn entity() -> Entity {
    Entity {
        device: 1,
        len: 7,
        etag: Some(HeaderValue::from_static("\"1-7\"")),
        last_modified: None,
        media_type: MediaType::parse("image/png").expect("a type"),
    }
}

fn key(entity: &Entity) -> Key {
    Key::of(entity, Size::Medium).expect("it has a validator")
}

#[test]
fn a_key_depends_on_everything_the_thumbnail_depends_on() {
    let same = key(&entity());
    assert_eq!(same, key(&entity()));
    let tag = |tag| Some(HeaderValue::from_static(tag));
    for (what, other) in [
        ("the file", key(&Entity { etag: tag("\"1-8\""), ..entity() })),
        ("the device", key(&Entity { device: 2, ..entity() })),
        ("the type", key(&Entity { media_type: MediaType::parse("image/gif").expect("a type"), ..entity() })),
        ("the size", Key::of(&entity(), Size::Large).expect("it has a validator")),
    ] {
        assert_ne!(same, other, "{what}");
    }
    assert_eq!(Key::of(&Entity { etag: None, ..entity() }, Size::Medium), None);
    assert_eq!(same.etag().len(), 34);
}

#[test]
fn a_damaged_thumbnail_is_not_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = Cache::new(folder.path().join("deep/in/it"));
    let key = key(&entity());
    assert_eq!(cache.get(&key), None);
    cache.put(&key, b"picture");
    assert_eq!(cache.get(&key).as_deref(), Some(&b"picture"[..]));

    let path = cache.folder.join(&key.0);
    let whole = fs::read(&path).expect("kept");
    let mut turned = whole.clone();
    turned[DIGEST + 2] ^= 1;
    for (what, content) in [
        ("nothing", &b""[..]),
        ("cut short", &whole[..whole.len() - 1]),
        ("a digest", &whole[..DIGEST]),
        ("a bit", &turned),
    ] {
        fs::write(&path, content).expect("our own file");
        assert_eq!(cache.get(&key), None, "{what}");
    }
    cache.put(&key, b"picture");
    assert_eq!(cache.get(&key).as_deref(), Some(&b"picture"[..]));
    assert_eq!(fs::read_dir(&cache.folder).expect("a folder").count(), 1);
}

#[test]
fn only_this_user_can_read_the_cache() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = Cache::new(folder.path().join("deep/in/it"));
    let key = key(&entity());
    cache.put(&key, b"picture");
    for (path, expected) in
        [("deep", 0o700), ("deep/in", 0o700), ("deep/in/it", 0o700), (&*format!("deep/in/it/{}", key.0), 0o600)]
    {
        let mode = fs::metadata(folder.path().join(path)).expect("it was created").permissions().mode();
        assert_eq!(mode & 0o777, expected, "{path}");
    }
}

#[test]
fn an_unusable_folder_disables_the_cache_without_errors() {
    let cache = Cache::new("/dev/null/thumbnails".into());
    let key = key(&entity());
    cache.put(&key, b"picture");
    assert_eq!(cache.get(&key), None);
}

#[test]
fn the_oldest_thumbnails_are_removed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = Cache { max_bytes: 1000, ..Cache::new(folder.path().to_owned()) };
    let now = SystemTime::now();
    let put = |name: String, age: u64| {
        let file = File::create(folder.path().join(name)).expect("our own folder");
        file.set_len(100).expect("a length");
        file.set_modified(now - Duration::from_secs(age)).expect("a time");
    };
    for age in 0..11 {
        put(format!("{age:02}"), age);
    }
    put(format!("{UNFINISHED}1-0"), ABANDONED.as_secs() + 1);
    put(format!("{UNFINISHED}1-1"), 1);
    cache.sweep(now);
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    let expected: Vec<_> =
        std::iter::once(format!("{UNFINISHED}1-1")).chain((0..9).map(|age| format!("{age:02}"))).collect();
    assert_eq!(left, expected.iter().map(std::ffi::OsString::from).collect::<Vec<_>>());
}
