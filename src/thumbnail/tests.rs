use std::collections::HashMap;

use super::*;
use crate::storage::media_type::MediaTypes;

fn entity(name: &str) -> Entity {
    let media_type = MediaTypes::new(HashMap::new()).by_name(name.as_bytes()).expect("a known extension");
    Entity { device: 1, len: 1, etag: Some(HeaderValue::from_static("\"1-1\"")), last_modified: None, media_type }
}

#[test]
fn sizes_are_read_from_the_query() {
    for (query, expected) in [
        (None, Ok(None)),
        (Some(""), Ok(None)),
        (Some("v=256"), Ok(None)),
        (Some("thumbnails=256"), Ok(None)),
        (Some("thumbnail"), Ok(Some(256))),
        (Some("thumbnail="), Ok(Some(256))),
        (Some("thumbnail=0"), Ok(Some(128))),
        (Some("thumbnail=128"), Ok(Some(128))),
        (Some("thumbnail=129"), Ok(Some(256))),
        (Some("thumbnail=256&v=1"), Ok(Some(256))),
        (Some("v=1&thumbnail=300"), Ok(Some(512))),
        (Some("thumbnail=99999999999999999999"), Ok(Some(512))),
        (Some("thumbnail=large"), Err(())),
        (Some("thumbnail=-1"), Err(())),
        (Some("thumbnail=256x256"), Err(())),
        (Some("thumbnail=%32"), Err(())),
    ] {
        let asked = asked(Query::new(query), &entity("a.jpg")).map(|size| size.map(Size::pixels));
        assert_eq!(asked.map_err(|_| ()), expected, "{query:?}");
    }
}

#[test]
fn types_have_subjects() {
    for (name, expected) in [
        ("a.jpg", Subject::Picture),
        ("a.png", Subject::Picture),
        ("a.gif", Subject::Picture),
        ("a.webp", Subject::Picture),
        ("a.svg", Subject::Itself),
        ("a.avif", Subject::Picture),
        ("a.bmp", Subject::Picture),
        ("a.ico", Subject::Picture),
        ("a.heic", Subject::Picture),
        ("a.mp4", Subject::Icon(Icon::Video)),
        ("a.mp3", Subject::Icon(Icon::Audio)),
        ("a.pdf", Subject::Icon(Icon::Document)),
    ] {
        let entity = entity(name);
        assert_eq!(Subject::of(&entity.media_type), expected, "{name}");
        let asked = asked(Query::new(Some("thumbnail")), &entity).expect("a bare parameter is valid");
        assert_eq!(asked.is_none(), expected == Subject::Itself, "{name}");
    }
}
