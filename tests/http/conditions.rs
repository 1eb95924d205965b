//! Validators and preconditions (RFC 9110 sections 8.8 and 13).

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::start;
use crate::support::{Answer, PATIENCE, Server, skip_on_windows};

/// 2001-09-09, between [`EARLIER`] and [`LATER`].
const MODIFIED: u64 = 1_000_000_000;
const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
const LATER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

/// A server with a file of 100 bytes, and the file's strong `ETag`.
fn server() -> (Server, String) {
    let server = start(&[]);
    let path = server.put("a.txt", super::pattern(100));
    set_modified(&path, UNIX_EPOCH + Duration::new(MODIFIED, 999_999_999));
    let answer = server.settled("/media/a.txt");
    assert_eq!(answer.field("last-modified"), DATE, "whole seconds, rounded down");
    let tag = answer.field("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong tag: {tag}");
    (server, tag)
}

fn set_modified(path: &std::path::Path, time: SystemTime) {
    File::options().write(true).open(path).expect("our file").set_modified(time).expect("a time that fits");
}

/// Sends a request with these headers, in which `{tag}` is replaced by the file's strong `ETag`.
fn ask(server: &Server, tag: &str, method: &str, fields: &[(&str, &str)]) -> Answer {
    let fields: Vec<(&str, String)> = fields.iter().map(|(name, value)| (*name, value.replace("{tag}", tag))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.request(method, "/media/a.txt", &fields)
}

#[test]
fn preconditions_are_evaluated_in_the_order_of_the_rfc() {
    const NONE: &str = "If-None-Match";
    const SINCE: &str = "If-Modified-Since";
    const MATCH: &str = "If-Match";
    const UNLESS: &str = "If-Unmodified-Since";

    let (server, tag) = server();
    for (fields, status) in [
        // 13.1.2: weak comparison, lists, `*`
        (&[(NONE, "{tag}")][..], 304),
        (&[(NONE, "W/{tag}")], 304),
        (&[(NONE, "\"x\", {tag}")], 304),
        (&[(NONE, "\"x\",,\t{tag} ,")], 304),
        (&[(NONE, "\"a,b\", {tag}")], 304), // tower-http: a comma inside a tag
        (&[(NONE, "\"x\""), (NONE, "{tag}")], 304),
        (&[(NONE, "*")], 304),
        (&[(NONE, "\"x\"")], 200),
        (&[(NONE, "w/{tag}")], 200), // the prefix is case-sensitive (8.8.3)
        (&[(NONE, ",")], 200),
        (&[(NONE, "")], 200),
        (&[(NONE, "x")], 200),
        (&[(NONE, "\"")], 200),
        // 13.1.3
        (&[(SINCE, DATE)], 304),
        (&[(SINCE, LATER)], 304),
        (&[(SINCE, EARLIER)], 200),
        (&[(SINCE, "Sunday, 09-Sep-01 01:46:40 GMT")], 304), // 5.6.7: the old formats count
        (&[(SINCE, "Sun Sep  9 01:46:40 2001")], 304),
        (&[(SINCE, DATE), (SINCE, DATE)], 200), // a list is not a date
        (&[(SINCE, "yesterday")], 200),
        (&[(SINCE, "")], 200),
        (&[(SINCE, "Sun, 99 Sep 2001 01:46:40 GMT")], 200), // ecstatic CVE-2015-9242 crashed
        (&[(SINCE, "9999999999999999999")], 200),
        // an ETag overrides a date, both ways (dufs and nginx fail)
        (&[(NONE, "\"x\""), (SINCE, DATE)], 200),
        (&[(NONE, "{tag}"), (SINCE, EARLIER)], 304),
        // 13.1.1: strong comparison
        (&[(MATCH, "{tag}")], 200),
        (&[(MATCH, "\"x\", {tag}")], 200),
        (&[(MATCH, "*")], 200),
        (&[(MATCH, "W/{tag}")], 412),
        (&[(MATCH, "\"x\"")], 412),
        (&[(MATCH, "")], 412),
        // 13.1.4
        (&[(UNLESS, DATE)], 200),
        (&[(UNLESS, LATER)], 200),
        (&[(UNLESS, EARLIER)], 412),
        (&[(UNLESS, "tomorrow")], 200),
        (&[(MATCH, "{tag}"), (UNLESS, EARLIER)], 200),
        (&[(MATCH, "\"x\""), (UNLESS, DATE)], 412),
        // 13.2.2: the order of the steps
        (&[(MATCH, "\"x\""), (NONE, "{tag}")], 412),
        (&[(MATCH, "{tag}"), (NONE, "{tag}")], 304),
        (&[(UNLESS, EARLIER), (SINCE, DATE)], 412),
        (&[(UNLESS, DATE), (SINCE, DATE)], 304),
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&server, &tag, method, fields).status, status, "{method} {fields:?}");
        }
        // an unsupported method is refused before the conditions are evaluated (13.2.1)
        assert_eq!(ask(&server, &tag, "PUT", fields).status, 405, "{fields:?}");
    }
}

#[test]
fn a_range_applies_only_if_the_conditions_hold() {
    const RANGE: (&str, &str) = ("Range", "bytes=0-9");
    const BEHIND: (&str, &str) = ("Range", "bytes=1000-");

    let (server, tag) = server();
    for (fields, status) in [
        (&[RANGE, ("If-Match", "{tag}")][..], 206),
        (&[RANGE, ("If-Match", "\"x\"")], 412),
        (&[BEHIND, ("If-Match", "\"x\"")], 412),
        (&[RANGE, ("If-None-Match", "{tag}")], 304),
        (&[BEHIND, ("If-None-Match", "{tag}")], 304), // 304 has priority over 416
        (&[RANGE, ("If-None-Match", "\"x\"")], 206),
        // 13.1.5
        (&[RANGE, ("If-Range", "{tag}")], 206),
        (&[RANGE, ("If-Range", DATE)], 206),
        (&[RANGE, ("If-Range", "W/{tag}")], 200), // never a weak tag
        (&[RANGE, ("If-Range", "\"x\"")], 200),
        (&[RANGE, ("If-Range", "{tag}, \"x\"")], 200), // one validator, not a list
        (&[RANGE, ("If-Range", "*")], 200),
        (&[RANGE, ("If-Range", EARLIER)], 200), // only exactly this date
        (&[RANGE, ("If-Range", LATER)], 200),
        (&[RANGE, ("If-Range", "yesterday")], 200),
        (&[RANGE, ("If-Range", "")], 200),
        (&[RANGE, ("If-Range", "{tag}"), ("If-Range", "{tag}")], 200),
        (&[BEHIND, ("If-Range", "{tag}")], 416),
        (&[BEHIND, ("If-Range", "\"x\"")], 200),
        (&[("If-Range", "{tag}")], 200),
        (&[("If-Range", "\"x\"")], 200),
    ] {
        let answer = ask(&server, &tag, "GET", fields);
        assert_eq!(answer.status, status, "{fields:?}");
        if status == 200 {
            assert_eq!(answer.body, super::pattern(100), "{fields:?}");
            assert_eq!(answer.field("content-range"), "", "actix: 200 with a Content-Range; {fields:?}");
        }
    }
}

/// RFC 9110 section 15.4.5, and the CORS headers, without which `<img>` followed by `fetch` breaks.
#[test]
fn a_304_has_the_caching_headers_of_a_200() {
    let (server, tag) = server();
    let page = ("Origin", "http://localhost:3000");
    let whole = ask(&server, &tag, "GET", &[page]);
    let not_modified = ask(&server, &tag, "GET", &[page, ("If-None-Match", "{tag}")]);
    assert_eq!((whole.status, not_modified.status), (200, 304));
    for name in [
        "etag",
        "last-modified",
        "cache-control",
        "vary",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-expose-headers",
        "cross-origin-resource-policy",
        "x-content-type-options",
    ] {
        assert!(!whole.field(name).is_empty(), "{name}");
        assert_eq!(not_modified.field(name), whole.field(name), "{name}");
    }
    for name in ["content-length", "content-type", "content-range", "transfer-encoding"] {
        assert_eq!(not_modified.field(name), "", "{name}");
    }
}

#[test]
fn cache_control_applies_to_files_and_not_to_refusals() {
    let server = start(&["--cache-control", "public, max-age=3600"]);
    server.put("a.txt", "hello");
    let answer = server.settled("/media/a.txt");
    assert_eq!(answer.field("cache-control"), "public, max-age=3600");
    let fields = [("If-None-Match", answer.field("etag"))];
    assert_eq!(server.request("GET", "/media/a.txt", &fields).field("cache-control"), "public, max-age=3600");
    assert_eq!(server.get("/media/missing").field("cache-control"), "no-store");
    assert_eq!(server.get("/media/").field("cache-control"), "no-cache");
}

#[test]
fn every_change_of_a_file_changes_its_etag() {
    if skip_on_windows("a change of the same length is not seen if its time is put back") {
        return;
    }
    let server = start(&[]);
    let path = server.put("a.txt", "one");
    let mut tags = vec![server.settled("/media/a.txt").field("etag").to_owned()];
    let mut changed = |what: &str| {
        let tag = server.settled("/media/a.txt").field("etag").to_owned();
        assert!(!tags.contains(&tag), "{what}: {tag} was there before");
        tags.push(tag);
    };
    // the same length and the old modification time, as with rsync, tar and cp -p
    let before = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    std::fs::write(&path, "two").expect("our file");
    set_modified(&path, before);
    changed("written in place, time put back");
    let other = server.root.join("other");
    std::fs::copy(&path, &other).expect("a copy");
    set_modified(&other, before);
    std::fs::rename(&other, &path).expect("a replacement");
    changed("replaced by another file of the same time, length and bytes");
    std::fs::write(&path, "longer").expect("our file");
    changed("longer");
}

/// Kernels before 6.13 have coarse file times: a file that changed within the last 20 ms may change again unnoticed.
#[test]
fn a_file_that_has_just_changed_has_no_validators() {
    if skip_on_windows("Wine needs more time for a response than a file is new") {
        return;
    }
    let server = start(&[]);
    let path = server.put("a.txt", "x");
    let mut file = File::options().append(true).open(path).expect("our file");
    let until = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < 3 {
        let before = Instant::now();
        file.write_all(b"x").expect("room");
        let answer = server.get("/media/a.txt");
        // on a busy machine, more time may have passed between the two; a coarse time is up to 10 ms old from the start
        if before.elapsed() < Duration::from_millis(8) {
            assert_eq!((answer.field("etag"), answer.field("last-modified")), ("", ""), "{:?}", before.elapsed());
            assert_eq!(answer.status, 200);
            seen += 1;
        }
        assert!(Instant::now() < until, "this machine never responds within 8 ms");
    }
    let answer = server.settled("/media/a.txt");
    assert!(!answer.field("last-modified").is_empty());
}

#[test]
fn unusual_modification_times_are_handled() {
    const YEAR: u64 = 31_556_952;
    let before_1970 = |seconds| UNIX_EPOCH - Duration::from_secs(seconds);
    let server = start(&[]);
    for (name, time, last_modified) in [
        ("zero", UNIX_EPOCH, ""), // Docker layers: all versions of a file have this time
        ("one", UNIX_EPOCH + Duration::from_secs(1), ""), // Nix
        ("two", UNIX_EPOCH + Duration::from_secs(2), "Thu, 01 Jan 1970 00:00:02 GMT"),
        ("just-before", UNIX_EPOCH - Duration::from_nanos(1), ""),
        ("1960", before_1970(10 * YEAR), ""), // dufs and miniserve crashed
        ("1902", before_1970(68 * YEAR), ""),
        ("2262", UNIX_EPOCH + Duration::from_secs(293 * YEAR), ""), // beyond the range of i64 nanoseconds
        ("tomorrow", SystemTime::now() + Duration::from_secs(86_400), ""), // RFC 9110 section 8.8.2.1
    ] {
        let path = server.put(format!("{name}.txt"), name);
        set_modified(&path, time);
        let target = format!("/media/{name}.txt");
        let answer = server.settled(&target);
        assert_eq!((answer.status, answer.text().as_str()), (200, name));
        assert_eq!(answer.field("last-modified"), last_modified, "{name}");
        // 13.1.3, 13.1.4: without a date these are ignored, and the tag counts all the same
        for (fields, status) in [
            (("If-None-Match", answer.field("etag")), 304),
            (("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"), if name == "two" { 412 } else { 200 }),
            (("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT"), if last_modified.is_empty() { 200 } else { 304 }),
        ] {
            assert_eq!(server.request("GET", &target, &[fields]).status, status, "{name} {fields:?}");
        }
    }
    for format in ["html", "json", "text"] {
        let listing = server.get(format!("/media/?format={format}"));
        assert_eq!(listing.status, 200);
        assert!(listing.text().contains("1902"), "{format}");
    }
}
