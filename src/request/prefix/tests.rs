use super::*;

#[test]
fn prefixes_as_people_type_them() {
    for (text, expected) in [
        ("/media/", Ok("/media/")),
        ("media", Ok("/media/")),
        ("/media", Ok("/media/")),
        ("/", Ok("/")),
        ("/a/b/", Ok("/a/b/")),
        ("/a//./b", Ok("/a/b/")),
        (" /media/ ", Ok("/media/")),
        ("/m\u{e9}dias/", Ok("/m%C3%A9dias/")),
        ("/media%20files/", Ok("/media%20files/")),
        ("/media files/", Ok("/media%20files/")),
        ("/a:b/", Ok("/a%3Ab/")),
        ("", Err(PrefixError::Empty)),
        ("  ", Err(PrefixError::Empty)),
        ("//media/", Err(PrefixError::HasHost)), // Django takes it for a host and serves nothing
        ("http://cdn.example/media/", Err(PrefixError::HasHost)),
        ("http:/x/", Err(PrefixError::HasHost)),
        ("localhost:8001/media/", Err(PrefixError::HasHost)),
        ("/media/?x", Err(PrefixError::NotAPath)),
        ("/media/#x", Err(PrefixError::NotAPath)),
        ("/../media/", Err(PrefixError::NotAPath)),
    ] {
        let found = Prefix::parse(text).map(|prefix| prefix.to_string());
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{text:?}");
    }
}
