//! Types, and the protection against untrusted content (design section 4, "Types" and "User content is not trusted").

use super::start;
use crate::support::skip_on_windows;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const PAGE: &[u8] = b"<!DOCTYPE html><script>alert(1)</script>";

#[test]
fn the_type_is_determined_by_the_name_or_else_the_first_bytes() {
    let server = start(&["--type", "stl=model/stl", "--type", "jpg=image/x-mine", "--type", ".LST=text/plain"]);
    for (name, content, content_type) in [
        ("a.png", PAGE, "image/png"), // determined by the name, whatever the content is
        ("A.PNG", PNG, "image/png"),
        ("a.b.webp", PNG, "image/webp"),
        ("a.txt", PAGE, "text/plain; charset=utf-8"),
        ("a.css", PAGE, "text/css; charset=utf-8"),
        ("a.csv", PAGE, "text/csv; charset=utf-8"),
        ("a.md", PAGE, "text/markdown; charset=utf-8"),
        ("a.js", PAGE, "text/javascript; charset=utf-8"), // RFC 9239
        ("a.mjs", PAGE, "text/javascript; charset=utf-8"),
        ("a.vtt", b"WEBVTT", "text/vtt; charset=utf-8"),
        ("a.json", b"{}", "application/json"),
        ("a.pdf", PAGE, "application/pdf"),
        ("a.mp4", PAGE, "video/mp4"),
        ("a.ts", PAGE, "video/mp2t"),
        ("a.m3u8", PAGE, "application/vnd.apple.mpegurl"),
        ("a.heic", PAGE, "image/heic"),
        ("a.avif", PAGE, "image/avif"),
        ("a.jxl", PAGE, "image/jxl"),
        ("a.m4a", PAGE, "audio/mp4"),
        ("a.glb", PAGE, "model/gltf-binary"),
        ("a.webmanifest", PAGE, "application/manifest+json"),
        // Django sends these with a Content-Encoding, and browsers decompress them (miniserve #160)
        ("a.gz", PAGE, "application/gzip"),
        ("a.tar.gz", PAGE, "application/gzip"),
        ("a.txt.gz", PAGE, "application/gzip"),
        ("a.woff", PAGE, "font/woff"), // RFC 8081
        ("a.otf", PAGE, "font/otf"),
        ("a.obj", PAGE, "model/obj"),
        ("a.cjs", PAGE, "text/javascript; charset=utf-8"),
        ("a.js.map", PAGE, "application/json"),
        ("a.vcf", PAGE, "text/vcard; charset=utf-8"),
        ("a.toml", PAGE, "application/toml"),
        ("a.mid", PAGE, "audio/midi"),
        ("a.zst", PAGE, "application/zstd"),
        ("a.jsonl", PAGE, "application/jsonl"),
        ("a.ndjson", PAGE, "application/x-ndjson"),
        ("a.psd", PAGE, "image/vnd.adobe.photoshop"),
        ("a.ktx2", PAGE, "image/ktx2"),
        ("a.exr", PAGE, "image/x-exr"),
        ("a.lottie", PAGE, "application/zip+dotlottie"),
        ("a.pmtiles", PAGE, "application/vnd.pmtiles"),
        ("a.svgz", PAGE, "image/svg+xml"), // not compressed
        // --type overrides all tables, case-insensitively
        ("a.stl", PAGE, "model/stl"),
        ("a.JPG", PAGE, "image/x-mine"),
        ("a.lst", PAGE, "text/plain; charset=utf-8"),
        // without a known extension: by the first bytes, but never a page
        ("png", PNG, "image/png"),
        ("png.unknown", PNG, "image/png"),
        ("png.", PNG, "image/png"),
        ("gif", b"GIF89a", "image/gif"),
        ("pdf", b"%PDF-1.7", "application/pdf"),
        // the same type as by name (findings 4.2)
        ("woff2", b"wOF2\0\x01\0\0", "font/woff2"),
        ("m4a", b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        ("flac", b"fLaC\0\0\0\x22", "audio/flac"),
        ("wav", b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        ("page", PAGE, "application/octet-stream"),
        ("page.unknown", PAGE, "application/octet-stream"),
        ("xml", b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"/>", "application/octet-stream"),
        ("svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>", "application/octet-stream"),
        ("script", b"#!/bin/sh\nrm", "application/octet-stream"),
        ("zip", b"PK\x03\x04", "application/octet-stream"),
        ("text", b"hello", "application/octet-stream"),
        ("nothing", b"", "application/octet-stream"),
    ] {
        if name.ends_with('.') && skip_on_windows("a name that ends in a dot") {
            continue;
        }
        server.put(name, content);
        let answer = server.get(format!("/media/{name}"));
        assert_eq!((answer.status, answer.field("content-type")), (200, content_type), "{name}");
        assert_eq!(answer.field("content-encoding"), "", "{name}");
        assert_eq!(answer.body, content, "{name}");
    }
}

#[test]
fn types_that_can_run_scripts_are_sandboxed() {
    let server = start(&["--type", "safe=text/plain", "--type", "page=text/html", "--type", "xhtml=text/plain"]);
    for (name, sandboxed) in [
        ("a.html", true),
        ("a.HTM", true),
        ("a.svg", true),
        ("a.xml", true),
        ("a.xsl", true),
        ("a.xslt", true),
        ("a.rss", true),
        ("a.atom", true),
        ("a.mpd", true),
        ("a.eml", true), // message/rfc822
        ("a.page", true),
        ("a.xhtml", false), // --type makes it text
        ("a.safe", false),
        ("a.txt", false),
        ("a.png", false),
        ("a.js", false),
        ("a.pdf", false), // Chrome does not display a sandboxed PDF
        ("a.mp4", false),
        ("page", false),
    ] {
        server.put(name, PAGE);
        let target = format!("/media/{name}");
        let policy = if sandboxed { "sandbox" } else { "" };
        for (fields, status) in [(&[][..], 200), (&[("Range", "bytes=0-3")], 206)] {
            let answer = server.request("GET", &target, fields);
            assert_eq!(answer.status, status, "{name}");
            assert_eq!(answer.field("content-security-policy"), policy, "{name}: {}", answer.field("content-type"));
        }
        assert_eq!(server.request("HEAD", &target, &[]).field("content-security-policy"), policy, "{name}");
    }
}

#[test]
fn devmedias_pages_have_a_strict_content_security_policy() {
    let server = start(&[]);
    for target in ["/", "/media/", "/media/missing", "/media/../x"] {
        let answer = server.request("GET", target, &[("Accept", "text/html")]);
        assert_eq!(answer.field("content-type"), "text/html; charset=utf-8", "{target}");
        let policy = answer.field("content-security-policy");
        for directive in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(directive), "{target}: {directive} is not in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{target}: {policy}");
    }
}

/// [`crate::support::Server::request`] checks every response for `nosniff`. This test sends a request of each kind.
#[test]
fn every_response_has_nosniff() {
    let server = start(&[]);
    server.put("a.txt", "hello");
    server.put("dir/a.txt", "hello");
    let tag = server.settled("/media/a.txt").field("etag").to_owned();
    for (method, target, field, status) in [
        ("GET", "/media/a.txt", ("Range", ""), 200),
        ("GET", "/media/a.txt", ("Range", "bytes=0-0"), 206),
        ("GET", "/media/dir", ("Range", ""), 302),
        ("GET", "/media/a.txt", ("If-None-Match", tag.as_str()), 304),
        ("GET", "/media/../x", ("Range", ""), 400),
        ("GET", "/media/a.txt", ("Origin", "https://evil.com"), 403),
        ("GET", "/media/missing", ("Range", ""), 404),
        ("POST", "/media/a.txt", ("Content-Length", "0"), 405),
        ("GET", "/media/a.txt", ("If-Match", "\"x\""), 412),
        ("GET", "/media/a.txt", ("Range", "bytes=9-"), 416),
        ("GET", "/media/a.txt", ("Host", "evil.com"), 421),
        ("OPTIONS", "/media/a.txt", ("Range", ""), 204),
    ] {
        let answer = server.request(method, target, &[field]);
        assert_eq!((answer.status, answer.field("x-content-type-options")), (status, "nosniff"), "{method} {target}");
    }
}

/// A browser displays an .svgz in an `<img>` only with its Content-Encoding; twelve projects had this bug.
#[test]
fn a_compressed_svg_is_sent_whole_with_its_encoding() {
    const SVGZ: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
    let server = start(&[]);
    server.put("a.svgz", SVGZ);
    for (method, fields) in
        [("GET", &[][..]), ("GET", &[("Range", "bytes=0-3")]), ("GET", &[("Range", "bytes=0-1,5-6")]), ("HEAD", &[])]
    {
        let answer = server.request(method, "/media/a.svgz", fields);
        assert_eq!((answer.status, answer.field("content-type")), (200, "image/svg+xml"), "{method} {fields:?}");
        assert_eq!(answer.field("content-encoding"), "gzip");
        assert_eq!(answer.field("accept-ranges"), "none");
        assert_eq!(answer.field("content-security-policy"), "sandbox");
        assert_eq!(answer.field("content-length"), SVGZ.len().to_string());
        assert!(method == "HEAD" || answer.body == SVGZ);
    }
    let etag = server.settled("/media/a.svgz").field("etag").to_owned();
    assert_eq!(server.request("GET", "/media/a.svgz", &[("If-None-Match", &etag)]).status, 304);
}
