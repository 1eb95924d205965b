//! Ranges, byte by byte (RFC 9110 section 14).

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::{pattern, start};
use crate::support::{Answer, Server};

const LEN: usize = 1000;

fn server() -> Server {
    let server = start(&[]);
    server.put("a.bin", pattern(LEN));
    server
}

fn range(server: &Server, target: &str, range: &str) -> Answer {
    server.request("GET", target, &[("Range", range)])
}

#[test]
fn a_single_range_returns_exactly_its_bytes() {
    let server = server();
    for (field, start, end) in [
        ("bytes=0-9", 0, 10),
        ("bytes=500-599", 500, 600),
        ("bytes=0-0", 0, 1),
        ("bytes=999-999", 999, 1000),
        ("bytes=0-", 0, 1000), // the first request of every browser for a video; without a 206, Safari does not play it
        ("bytes=0-999", 0, 1000),
        ("bytes=990-", 990, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-1000", 0, 1000),
        ("bytes=-5000", 0, 1000), // dufs: 416
        ("bytes=-999999999999999999999999", 0, 1000),
        ("bytes=990-5000", 990, 1000),
        ("bytes=0-18446744073709551615", 0, 1000),
        ("bytes=990-99999999999999999999999", 990, 1000),
        ("bytes=007-0010", 7, 11),
        ("Bytes=0-9", 0, 10), // 14.1: units are case-insensitive
        ("bytes= 0-9", 0, 10),
        ("bytes=0-9,", 0, 10), // 5.6.1.2: empty elements are ignored
        ("bytes=,,0-9 ,\t,", 0, 10),
        ("bytes=0-9,2000-3000", 0, 10), // dufs: 416, although one range is satisfiable
        ("bytes=2000-,-0,5-5", 5, 6),
        // 15.3.7.2: ranges that overlap or almost touch are combined
        ("bytes=0-9,5-14", 0, 15),
        ("bytes=0-9,10-19", 0, 20),
        ("bytes=10-19,0-9", 0, 20),
        ("bytes=0-99,20-29,100-109", 0, 110),
        ("bytes=0-0,0-0,0-0", 0, 1),
    ] {
        let answer = range(&server, "/media/a.bin", field);
        assert_eq!(answer.status, 206, "{field}");
        assert_eq!(answer.field("content-range"), format!("bytes {start}-{}/{LEN}", end - 1), "{field}");
        assert_eq!(answer.field("content-length"), (end - start).to_string(), "{field}");
        assert_eq!(answer.field("content-type"), "application/octet-stream", "{field}");
        assert_eq!(answer.field("accept-ranges"), "bytes", "{field}");
        assert_eq!(answer.body, &pattern(LEN)[start..end], "{field}");
    }
}

#[test]
fn an_invalid_range_returns_the_whole_file() {
    let server = server();
    for field in [
        "", // actix GHSA-gcqf-3g44-vc9p: an empty header caused a panic
        "=",
        "-",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=5-4",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=1-+2",
        "bytes=A-Z",
        "bytes=0x1-0x2",
        "bytes=0-1-2",
        "bytes=0 - 1",
        "bytes=0-1;5-6",
        "bytes=0-1,5-4", // one invalid range makes the whole set invalid (14.1.1)
        "bytes=0-1,x",
        "bytes =0-1",
        "0-1,5-6",
        "items=0-1",
        "bytes=\u{661}-\u{662}", // digits, but not ASCII
    ] {
        let answer = range(&server, "/media/a.bin", field);
        assert_eq!((answer.status, answer.field("content-range")), (200, ""), "{field:?}");
        assert_eq!(answer.body, pattern(LEN), "{field:?}");
    }
    let twice = server.request("GET", "/media/a.bin", &[("Range", "bytes=0-1"), ("Range", "bytes=5-6")]);
    assert_eq!((twice.status, twice.body.len()), (200, LEN));
}

#[test]
fn a_range_beyond_the_end_is_416() {
    let server = server();
    for field in [
        "bytes=1000-",
        "bytes=1000-1000",
        "bytes=5000-6000",
        "bytes=-0",
        "bytes=18446744073709551615-", // dufs #690
        "bytes=99999999999999999999999-",
        "bytes=1000-,2000-,-0",
    ] {
        let answer = range(&server, "/media/a.bin", field);
        assert_eq!((answer.status, answer.field("content-range")), (416, "bytes */1000"), "{field}");
        assert!(answer.text().contains("1000 bytes"), "{}", answer.text());
    }
}

#[test]
fn a_range_of_an_empty_file_returns_the_whole_file() {
    let server = start(&[]);
    server.put("empty.bin", "");
    for field in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-", "bytes=0-0,5-9", ""] {
        // Go 54794
        let answer = range(&server, "/media/empty.bin", field);
        assert_eq!((answer.status, answer.field("content-length")), (200, "0"), "{field}");
        assert_eq!(answer.field("content-range"), "", "{field}");
    }
}

#[test]
fn head_ignores_ranges() {
    let server = server();
    for field in ["bytes=0-9", "bytes=5000-", "bytes=0-9,500-509"] {
        let answer = server.request("HEAD", "/media/a.bin", &[("Range", field)]);
        assert_eq!((answer.status, answer.field("content-length")), (200, "1000"), "RFC 9110 section 14.2; {field}");
        assert_eq!(answer.field("content-range"), "", "{field}");
    }
}

#[test]
fn several_ranges_return_a_multipart_body_in_the_requested_order() {
    let server = server();
    server.put("page.html", pattern(LEN));
    for (field, parts) in [
        ("bytes=0-9,500-509", &[(0, 10), (500, 510)][..]),
        ("bytes=500-509,0-9", &[(500, 510), (0, 10)]),
        ("bytes=0-0,-1", &[(0, 1), (999, 1000)]),
        ("bytes=0-9, 300-309 ,600-609,900-", &[(0, 10), (300, 310), (600, 610), (900, 1000)]),
        ("bytes=0-9,5000-,900-909", &[(0, 10), (900, 910)]),
        ("bytes=500-509,0-9,505-514", &[(500, 515), (0, 10)]),
    ] {
        for (target, content_type) in
            [("/media/a.bin", "application/octet-stream"), ("/media/page.html", "text/html; charset=utf-8")]
        {
            let answer = range(&server, target, field);
            assert_eq!(answer.status, 206, "{field}");
            assert_eq!(answer.field("content-range"), "", "15.3.7.2: only the parts have one; {field}");
            let expected: Vec<Part> = parts
                .iter()
                .map(|&(start, end)| Part {
                    content_type: content_type.to_owned(),
                    content_range: format!("bytes {start}-{}/{LEN}", end - 1),
                    body: pattern(LEN)[start..end].to_vec(),
                })
                .collect();
            assert_eq!(multipart(&answer), expected, "{field}");
        }
    }
}

#[test]
fn every_multipart_response_has_another_boundary() {
    let server = server();
    let boundary = || range(&server, "/media/a.bin", "bytes=0-0,-1").field("content-type").to_owned();
    assert_ne!(boundary(), boundary());
}

#[test]
fn too_many_ranges_return_the_whole_file() {
    let server = start(&[]);
    let content = pattern(100_000);
    server.put("a.bin", &content);
    let spread = |count: usize| {
        let ranges: Vec<String> = (0..count).map(|at| format!("{0}-{0}", at * 1000)).collect();
        format!("bytes={}", ranges.join(","))
    };
    let sixteen = range(&server, "/media/a.bin", &spread(16));
    assert_eq!((sixteen.status, multipart(&sixteen).len()), (206, 16));
    for field in [
        spread(17),
        format!("bytes={}", "0-,".repeat(10_000)), // Starlette CVE-2025-62727, Apache CVE-2011-3192
        format!("bytes={}0-0", "0-99999,".repeat(5_000)),
        "bytes=0-99999,50000-50000".to_owned(),
        "bytes=0-18446744073709551615,1-18446744073709551615".to_owned(),
        format!("bytes={}", (0..9_000).map(|at| format!("{},", at * 11)).collect::<String>()), // malformed and long
    ] {
        let answer = range(&server, "/media/a.bin", &field);
        assert_eq!((answer.status, answer.body == content), (200, true), "{}...", &field[..20]);
    }
    // many, but all identical
    let answer = range(&server, "/media/a.bin", &format!("bytes={}", "7-7,".repeat(10_000)));
    assert_eq!((answer.status, answer.body.as_slice()), (206, &content[7..8]));
}

#[test]
fn offsets_beyond_four_gib_are_correct() {
    const LEN: u64 = 5 << 30;
    let server = start(&[]);
    let file = File::create(server.root.join("sparse.bin")).expect("a file");
    file.set_len(LEN).expect("a file system with sparse files");
    file.write_all_at(b"before|after", (4 << 30) - 7).expect("room");
    file.write_all_at(b"tail", LEN - 4).expect("room");
    for (field, body, content_range) in [
        ("bytes=-4", "tail", "bytes 5368709116-5368709119/5368709120"),
        ("bytes=5368709116-", "tail", "bytes 5368709116-5368709119/5368709120"),
        ("bytes=4294967289-4294967300", "before|after", "bytes 4294967289-4294967300/5368709120"),
        ("bytes=4294967296-4294967300", "after", "bytes 4294967296-4294967300/5368709120"),
    ] {
        let answer = range(&server, "/media/sparse.bin", field);
        assert_eq!((answer.status, answer.text().as_str()), (206, body), "{field}");
        assert_eq!(answer.field("content-range"), content_range);
    }
    assert_eq!(server.request("HEAD", "/media/sparse.bin", &[]).field("content-length"), "5368709120");
    let answer = range(&server, "/media/sparse.bin", "bytes=5368709120-");
    assert_eq!((answer.status, answer.field("content-range")), (416, "bytes */5368709120"));
    let listed = server.get("/media/?format=json").json();
    assert_eq!(listed[0]["size"].as_u64(), Some(LEN));
}

#[derive(Debug, PartialEq, Eq)]
struct Part {
    content_type: String,
    content_range: String,
    body: Vec<u8>,
}

/// Reads a `multipart/byteranges` body strictly (RFC 2046 section 5.1.1): nothing before, between or after the parts.
fn multipart(answer: &Answer) -> Vec<Part> {
    let content_type = answer.field("content-type");
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("a boundary");
    assert!((1..=70).contains(&boundary.len()), "{boundary}");
    let mut rest = answer.body.as_slice();
    let mut delimiter = format!("--{boundary}\r\n");
    let mut parts = Vec::new();
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("an end of the part's head");
        let head = std::str::from_utf8(&rest[..end]).expect("ASCII");
        rest = &rest[end + 4..];
        let field = |name: &str| {
            let mut values = head.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let value = values.next().expect("the field").to_owned();
            assert_eq!(values.next(), None, "one {name} a part");
            value
        };
        let content_range = field("Content-Range");
        let (start, last) = content_range
            .strip_prefix("bytes ")
            .and_then(|text| text.split_once('/'))
            .and_then(|(range, _)| range.split_once('-'))
            .expect("a range");
        let len = last.parse::<usize>().expect("a number") - start.parse::<usize>().expect("a number") + 1;
        let (body, after) = rest.split_at(len);
        rest = after;
        parts.push(Part { content_type: field("Content-Type"), content_range, body: body.to_vec() });
        if rest == format!("\r\n--{boundary}--\r\n").as_bytes() {
            return parts;
        }
        delimiter = format!("\r\n--{boundary}\r\n");
    }
}
