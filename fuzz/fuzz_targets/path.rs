//! A `MediaPath` is a proof: whatever bytes a target has, the path stays beneath the root and has one spelling.
#![no_main]

use std::path::Component;

use devmedia_fuzz::{MediaPath, Prefix, Visible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (prefix, target) = input;
    let Ok(path) = MediaPath::parse(target) else { return };

    for segment in path.segments() {
        assert!(!matches!(segment, b"" | b"." | b".."));
        assert!(!segment.contains(&0) && !segment.contains(&b'/'));
    }
    let on_disk = path.as_path();
    let stays = on_disk.components().all(|part| matches!(part, Component::Normal(_)));
    assert!(stays || (path.is_top() && on_disk.as_os_str() == "."));

    // the URL leads to the same path, and nothing in it acts in HTML, in a header or in a shell
    let url = path.to_url();
    assert!(url.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%/".contains(&b)));
    assert!(!url.starts_with('/'));
    assert_eq!(MediaPath::parse(url.as_bytes()).as_ref(), Ok(&path));
    // no query and no fragment belongs to it
    for more in ["?a=../b", "#../b"] {
        assert_eq!(MediaPath::parse(format!("{url}{more}").as_bytes()).as_ref(), Ok(&path));
    }

    let rebuilt = path.segments().fold(MediaPath::top(), |path, name| path.join(name)).with_slash(path.has_slash());
    assert_eq!(rebuilt, path);
    assert!(path.parent().segments().eq(path.segments().take(path.segments().count().saturating_sub(1))));
    if let Some(turned) = path.with_backslashes_turned() {
        assert!(!turned.as_bytes().contains(&b'\\'));
    }
    let shown = Visible(&String::from_utf8_lossy(path.as_bytes())).to_string();
    assert!(!shown.chars().any(char::is_control));

    let Ok(prefix) = Prefix::parse(prefix) else { return };
    assert_eq!(Prefix::parse(prefix.as_str()).as_ref(), Ok(&prefix));
    let url = prefix.url_of(&path);
    assert!(url.starts_with('/') && !url.starts_with("//"), "another host: {url}");
    let whole = MediaPath::parse(url.as_bytes()).expect("a URL that devmedia makes is a path");
    assert_eq!(prefix.strip(&whole), Some(path));
});
