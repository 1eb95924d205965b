use std::path::Component;

use proptest::prelude::*;

use super::*;

#[test]
fn targets_become_paths() {
    for (target, expected) in [
        // (target, path; a trailing slash is one that asks for a directory)
        ("/media/a.jpg", Ok("media/a.jpg")),
        ("/media/", Ok("media/")),
        ("/media", Ok("media")),
        ("/", Ok("")),
        ("", Ok("")),
        ("*", Ok("*")),
        // collapsed, as in nginx and Django
        ("//media///a.jpg", Ok("media/a.jpg")),
        ("/./media/./a.jpg", Ok("media/a.jpg")),
        ("/media/.", Ok("media/")),
        ("/media/a.jpg/.", Ok("media/a.jpg/")),
        ("/.env/.", Ok(".env/")), // CVE-2025-46565
        // decoded exactly once (RFC 3986 section 2.4)
        ("/m%65dia/a%20b.jpg", Ok("media/a b.jpg")),
        ("/media/a%2Fb", Ok("media/a/b")),
        ("/media/%252e%252e/x", Ok("media/%2e%2e/x")),
        ("/media/%252F.txt", Ok("media/%2F.txt")), // Django #27948
        ("/media/100%.txt", Ok("media/100%.txt")),
        ("/media/%zz%4", Ok("media/%zz%4")),
        ("/media/a+b", Ok("media/a+b")),
        ("/media/..%5Csecret", Ok("media/..\\secret")),
        ("/media/..;/x", Ok("media/..;/x")),
        ("/media/...", Ok("media/...")),
        // the target ends at ? or # (CVE-2025-32395, CVE-2025-31486)
        ("/media/a?/../b", Ok("media/a")),
        ("/media/a#/../b", Ok("media/a")),
        ("/media/a%3Fb%23c", Ok("media/a?b#c")),
        // refused
        ("/media/../x", Err(PathError::Parent)),
        ("/media/%2e%2e/x", Err(PathError::Parent)),
        ("/media/.%2e/x", Err(PathError::Parent)),
        ("/media/..%2fx", Err(PathError::Parent)),
        ("/media/x/..", Err(PathError::Parent)),
        ("..", Err(PathError::Parent)),
        ("/media/a%00.png", Err(PathError::Nul)),
    ] {
        let found = MediaPath::parse(target.as_bytes()).map(|path| path.to_string());
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{target}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_stay_as_they_are() {
    let path = MediaPath::parse(b"/media/caf%E9\xff.txt").unwrap();
    assert_eq!(path.file_name(), b"caf\xe9\xff.txt");
    assert_eq!(path.to_url(), "media/caf%E9%FF.txt");
}

#[test]
fn prefixes_are_whole_segments() {
    for (path, prefix, expected) in [
        ("/media/a", "/media/", Some("a")),
        ("/media/", "/media/", Some("")),
        ("/media", "/media/", Some("")),
        ("/media/a/b/", "/media/a/", Some("b/")),
        ("/mediaX/a", "/media/", None),
        ("/media-private/s", "/media/", None), // CVE-2025-58751
        ("/media..", "/media/", None),
        ("/a", "/media/", None),
        ("/a/b", "/", Some("a/b")),
        ("/Media/a", "/media/", None),
    ] {
        let [path, prefix] = [path, prefix].map(|text| MediaPath::parse(text.as_bytes()).unwrap());
        assert_eq!(path.strip(&prefix).map(|rest| rest.to_string()).as_deref(), expected, "{path} in {prefix}");
    }
}

#[test]
fn hidden_is_a_dot_at_the_start_of_any_segment() {
    for (path, expected) in
        [("/a/b.txt", false), ("/.env", true), ("/a/.git/config", true), ("/a.b/c", false), ("/", false)]
    {
        assert_eq!(MediaPath::parse(path.as_bytes()).unwrap().is_hidden(), expected, "{path}");
    }
}

#[test]
fn what_would_act_on_a_terminal_is_escaped() {
    for (text, expected) in [
        ("caf\u{e9} \u{1f600}", "caf\u{e9} \u{1f600}"),
        ("a\nb\r\u{1b}[31m", "a\\nb\\r\\u{1b}[31m"),
        ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ("\u{9b}2J", "\\u{9b}2J"),
        ("", ""),
    ] {
        assert_eq!(Visible(text).to_string(), expected);
    }
}

proptest! {
    #[test]
    fn no_target_leaves_or_repeats(target: Vec<u8>) {
        if let Ok(path) = MediaPath::parse(&target) {
            for segment in path.segments() {
                prop_assert!(!matches!(segment, b"" | b"." | b".."));
                prop_assert!(!segment.contains(&b'/') && !segment.contains(&0));
            }
            prop_assert!(path.as_path().is_relative());
            let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            prop_assert!(path.as_path().components().all(plain));
        }
    }

    #[test]
    fn a_url_leads_back_to_its_path(target in "(/|%2e|%2f|%25|\\.|[a-z?#%+:é\\\\\n]){0,20}") {
        if let Ok(path) = MediaPath::parse(target.as_bytes()) {
            let url = format!("/{}", path.to_url());
            prop_assert!(url.is_ascii() && !url.starts_with("//") && !url.contains(['\\', ':', '\n']));
            prop_assert_eq!(MediaPath::parse(url.as_bytes()), Ok(path));
        }
    }
}
