use std::time::{Duration, SystemTime};

use super::*;
use crate::storage::media_type::MediaType;

/// The `Last-Modified` of the file under test, a second before and after it, in the forms of RFC 9110 section 5.6.7.
const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AT_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const AT_ASCTIME: &str = "Sun Nov  6 08:49:37 1994";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn entity() -> Entity {
    Entity {
        device: 1,
        len: 10,
        etag: Some(HeaderValue::from_static("\"now\"")),
        last_modified: Some(HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)).into()),
        media_type: MediaType::parse("image/png").unwrap(),
    }
}

/// A file too young for validators.
fn young() -> Entity {
    Entity { etag: None, last_modified: None, ..entity() }
}

/// Field lines as `Name: value`.
fn fields(lines: &[&str]) -> HeaderMap {
    lines
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(':').expect("a field");
            let name = HeaderName::try_from(name).expect("a name");
            (name, HeaderValue::try_from(value.trim()).expect("a value"))
        })
        .collect()
}

use Precondition::{Failed, Holds, NotModified};

#[test]
fn one_precondition() {
    for (line, expected) in [
        // 13.1.2, weak comparison (8.8.3.2)
        ("If-None-Match: \"now\"", NotModified),
        ("If-None-Match: W/\"now\"", NotModified),
        ("If-None-Match: \"then\"", Holds),
        ("If-None-Match: *", NotModified),
        ("If-None-Match: \"then\", \"now\"", NotModified),
        ("If-None-Match: \"a,b\", \"now\"", NotModified), // a comma inside a tag (tower-http)
        ("If-None-Match: \"a,\"now\"", Holds),
        ("If-None-Match: ,, \"now\" ,", NotModified), // 5.6.1.2
        ("If-None-Match: ,", Holds),
        ("If-None-Match: now", Holds),
        ("If-None-Match: w/\"now\"", Holds), // the weak mark is upper case
        ("If-None-Match: \"now", Holds),
        ("If-None-Match: \"\"", Holds),
        ("If-None-Match:", Holds),
        // 13.1.1, strong comparison
        ("If-Match: \"now\"", Holds),
        ("If-Match: W/\"now\"", Failed),
        ("If-Match: \"then\"", Failed),
        ("If-Match: *", Holds), // tower-http fails
        ("If-Match: \"then\", \"now\"", Holds),
        ("If-Match:", Failed),
        // 13.1.3
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", NotModified),
        ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", NotModified),
        ("If-Modified-Since: Sun Nov  6 08:49:37 1994", NotModified),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT", NotModified),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", Holds),
        ("If-Modified-Since: yesterday", Holds),
        ("If-Modified-Since:", Holds), // Django #33571
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT; length=10", Holds),
        // 13.1.4
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", Holds),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:38 GMT", Holds),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", Failed),
        ("If-Unmodified-Since: whenever", Holds),
    ] {
        assert_eq!(evaluate(&Method::GET, &fields(&[line]), &entity()), expected, "{line}");
    }
}

#[test]
fn the_order_is_that_of_section_13_2_2() {
    let before = &format!("If-Modified-Since: {BEFORE}");
    let at = &format!("If-Modified-Since: {AT}");
    let unmodified_before = &format!("If-Unmodified-Since: {BEFORE}");
    for (lines, expected) in [
        // a tag is asked instead of a date (nginx and dufs fail)
        (&["If-None-Match: \"then\"", at][..], Holds),
        (&["If-None-Match: \"now\"", before], NotModified),
        (&["If-Match: \"now\"", unmodified_before], Holds),
        (&["If-Match: \"then\"", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:38 GMT"], Failed),
        // first the state that is demanded, then the copy that is had
        (&["If-Match: \"then\"", "If-None-Match: \"now\""], Failed),
        (&["If-Match: \"now\"", "If-None-Match: \"now\""], NotModified),
        (&[unmodified_before, "If-None-Match: \"now\""], Failed),
        // a list may come in several lines, a date may not
        (&["If-None-Match: \"then\"", "If-None-Match: \"now\""], NotModified),
        (&[at, at], Holds),
    ] {
        assert_eq!(evaluate(&Method::GET, &fields(lines), &entity()), expected, "{lines:?}");
    }
}

#[test]
fn methods_that_change_things_get_412_for_what_they_have() {
    for (method, line, expected) in [
        (Method::HEAD, "If-None-Match: \"now\"", NotModified),
        (Method::PUT, "If-None-Match: *", Failed),
        (Method::PUT, "If-None-Match: \"now\"", Failed),
        (Method::PUT, "If-Match: \"now\"", Holds),
        // 13.1.3: GET and HEAD only
        (Method::PUT, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", Holds),
    ] {
        assert_eq!(evaluate(&method, &fields(&[line]), &entity()), expected, "{method} {line}");
    }
}

#[test]
fn a_file_without_validators() {
    for (line, expected) in [
        ("If-None-Match: \"now\"", Holds),
        ("If-None-Match: *", NotModified),
        ("If-Match: \"now\"", Failed),
        ("If-Match: *", Holds),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", Holds),
        ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", Holds), // 13.1.4: ignored (SWS fails)
    ] {
        assert_eq!(evaluate(&Method::GET, &fields(&[line]), &young()), expected, "{line}");
    }
    // what somebody has written a moment ago is not overwritten
    let since = fields(&["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"]);
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(evaluate(&method, &since, &young()), Failed, "{method}");
    }
    let undated = Entity { last_modified: None, ..entity() };
    assert_eq!(evaluate(&Method::PUT, &since, &undated), Holds, "its date is before 1970");
}

#[test]
fn a_range_counts_where_if_range_agrees() {
    for (validator, expected) in [
        ("\"now\"", true),
        ("\"then\"", false),
        ("W/\"now\"", false), // 13.1.5: strong comparison
        ("\"now\", \"now\"", false),
        (AT, true),
        (AT_850, true),
        (AT_ASCTIME, true),
        (BEFORE, false),
        (AFTER, false), // an exact match, not an order
        ("now", false),
        ("", false),
    ] {
        let headers = fields(&["Range: bytes=0-1", &format!("If-Range: {validator}")]);
        assert_eq!(range(&Method::GET, &headers, &entity()).is_some(), expected, "{validator:?}");
        assert_eq!(range(&Method::GET, &headers, &young()), None, "{validator:?} of a young file");
    }
}

#[test]
fn a_range_is_for_get_and_stands_alone() {
    let one = fields(&["Range: bytes=0-1"]);
    assert!(range(&Method::GET, &one, &entity()).is_some());
    assert!(range(&Method::HEAD, &one, &entity()).is_none()); // 14.2
    assert!(range(&Method::GET, &fields(&["Range: bytes=0-1", "Range: bytes=2-3"]), &entity()).is_none());
    assert!(range(&Method::GET, &fields(&["If-Range: \"now\""]), &entity()).is_none());
}
