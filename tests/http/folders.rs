//! Folders (design section 4, "Directories").

use super::{prepared, start};

#[test]
fn a_folder_without_a_slash_redirects_and_keeps_the_query() {
    let server = start(&[]);
    server.put("dir/sub dir/a.txt", "hello");
    for (target, location) in [
        ("/media/dir", "/media/dir/"),
        ("/media/dir?x=1&y=%2F", "/media/dir/?x=1&y=%2F"),
        ("/media/dir?", "/media/dir/?"),
        ("/media/dir/sub%20dir", "/media/dir/sub%20dir/"),
        ("//media//dir", "/media/dir/"),
        ("http://localhost:1/media/dir", "/media/dir/"),
    ] {
        let answer = server.get(target);
        assert_eq!((answer.status, answer.field("location")), (302, location), "{target}");
        assert_eq!(answer.field("cache-control"), "no-cache");
        assert!(answer.body.is_empty());
    }
    // the top of the mount is also a folder, and it needs no redirect
    assert!([200, 302].contains(&server.get("/media").status));
    let top = server.get("/media");
    assert!(top.status == 200 || top.field("location") == "/media/");
}

#[test]
fn index_html_is_an_ordinary_file() {
    let server = start(&[]);
    server.put("site/index.html", "<script>alert(1)</script>");
    let answer = server.get("/media/site/");
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("alert(1)"), "{}", answer.text());
    assert!(answer.text().contains("index.html"));
    assert!(server.get("/media/site/index.html").text().contains("alert(1)"));
}

#[test]
fn without_listings_a_folder_is_404_with_the_reason() {
    let server = start(&["--no-index"]);
    server.put("dir/a.txt", "hello");
    server.put("index.html", "<p>");
    for target in ["/media/", "/media/dir/"] {
        let answer = server.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.text().contains("--no-index"), "{}", answer.text());
        assert!(!answer.text().contains("a.txt"), "{}", answer.text());
    }
    assert_eq!(server.get("/media/dir/a.txt").text(), "hello");
}

#[test]
fn a_listing_has_the_requested_format() {
    const HTML: &str = "text/html; charset=utf-8";
    const TEXT: &str = "text/plain; charset=utf-8";
    const JSON: &str = "application/json";

    let server = start(&[]);
    server.put("a.txt", "hello");
    for (query, accept, content_type) in [
        ("", None, HTML),
        ("", Some("*/*"), HTML), // curl, fetch
        ("", Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), HTML), // browsers
        ("", Some("application/json"), JSON),
        ("", Some("application/json, text/plain, */*"), JSON), // axios
        ("", Some("text/plain"), TEXT),
        ("", Some("text/html;q=0.1, application/json"), JSON),
        ("", Some("application/json;q=0, */*"), HTML), // RFC 9110 section 12.4.2
        ("", Some("image/png"), HTML),
        ("?format=json", None, JSON),
        ("?format=json", Some("text/html"), JSON),
        ("?a=b&format=text", None, TEXT),
        ("?format=html", Some("application/json"), HTML),
        ("?format=nonsense", Some("application/json"), JSON),
    ] {
        let fields: Vec<(&str, &str)> = accept.iter().map(|accept| ("Accept", *accept)).collect();
        let answer = server.request("GET", format!("/media/{query}"), &fields);
        assert_eq!((answer.status, answer.field("content-type")), (200, content_type), "{query} {accept:?}");
        assert!(answer.field("vary").split(", ").any(|name| name == "Accept"), "{}", answer.field("vary"));
        assert_eq!(answer.field("cache-control"), "no-cache");
        assert!(answer.text().contains("a.txt"));
    }
}

#[test]
fn a_json_listing_has_name_url_type_size_and_time() {
    let server = start(&[]);
    let path = server.put("Photo 1.JPG", "12345");
    server.put("sub/x.txt", "");
    server.put("a.unknown", "");
    server.put("b.txt", "");
    server.put("B.txt", "");
    server.put(".env", "");
    std::fs::File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)))
        .expect("our file");
    let listing = server.get("/media/?format=json").json();
    let items = listing.as_array().expect("a list");
    let column = |key: &str| items.iter().map(|item| item[key].as_str().unwrap_or("-")).collect::<Vec<_>>();
    // folders first, then case-insensitive
    assert_eq!(column("name"), ["sub", "a.unknown", "B.txt", "b.txt", "Photo 1.JPG"]);
    assert_eq!(column("type"), ["directory", "application/octet-stream", "text/plain", "text/plain", "image/jpeg"]);
    assert_eq!(column("url")[0], "/media/sub/");
    assert_eq!(column("url")[4], "/media/Photo%201.JPG");
    assert_eq!(column("modified")[4], "2001-09-09T01:46:40Z");
    assert_eq!((items[4]["size"].as_u64(), items[0]["size"].as_u64()), (Some(5), None));
    for item in items {
        let keys: Vec<&String> = item.as_object().expect("an object").keys().collect();
        assert_eq!(keys.len(), 5, "{keys:?}");
    }
}

#[test]
fn names_are_in_natural_order() {
    const ORDER: [&str; 16] = [
        "1.txt",
        "2.txt",
        "10.txt",
        "18446744073709551615.txt", // the largest number of 64 bits
        "18446744073709551616.txt",
        "a",
        "A1",
        "a2",
        "img 007.png",
        "img 7.png",
        "img 07a.png",
        "IMG 8.png",
        "photo2.jpg",
        "photo10.jpg",
        "v1.9.10",
        "v1.10.2",
    ];
    let server = start(&[]);
    for name in ORDER.iter().rev() {
        server.put(name, "");
    }
    let listing = server.get("/media/?format=json").json();
    let names: Vec<_> = listing.as_array().expect("a list").iter().filter_map(|item| item["name"].as_str()).collect();
    assert_eq!(names, ORDER);
}

#[test]
fn hidden_names_are_listed_only_if_they_are_served() {
    for (args, shown) in [(&[][..], false), (&["--hidden"], true)] {
        let server = start(args);
        server.put(".env", "");
        for format in ["html", "json", "text"] {
            let listing = server.get(format!("/media/?format={format}")).text();
            assert_eq!(listing.contains(".env"), shown, "{args:?} {format}");
        }
    }
}

#[test]
fn an_empty_folder_is_an_empty_list() {
    let server = start(&[]);
    assert_eq!(server.get("/media/?format=json").json(), serde_json::json!([]));
    assert_eq!(server.get("/media/?format=text").text(), "");
    assert!(server.get("/media/").text().contains("empty"));
}

#[test]
fn a_folder_with_ten_thousand_files_is_listed_completely() {
    let server = start(&[]);
    for number in 0..10_000 {
        std::fs::File::create(server.root.join(format!("{number:05}.png"))).expect("a file");
    }
    let listing = server.get("/media/?format=json").json();
    let items = listing.as_array().expect("a list");
    assert_eq!(items.len(), 10_000);
    assert!(items.iter().enumerate().all(|(at, item)| item["name"] == format!("{at:05}.png")), "in order");
    assert_eq!(server.get("/media/?format=text").text().lines().count(), 10_000);
    assert_eq!(server.get("/media/").text().matches("<td class=\"name\">").count(), 10_000);
}

#[test]
fn the_longest_prefix_wins_and_the_landing_page_lists_all_mounts() {
    let folders = |outside: &std::path::Path| {
        for (folder, name) in [("static", "a.txt"), ("deep", "a.txt"), ("media", "a.txt"), ("media/deep", "b.txt")] {
            std::fs::create_dir_all(outside.join(folder)).expect("a folder");
            std::fs::write(outside.join(folder).join(name), folder).expect("a file");
        }
    };
    let server = prepared(&["--mount", "/static/=./static", "--mount=media/deep=deep"], folders);
    for (target, body) in [
        ("/media/a.txt", "media"),
        ("/static/a.txt", "static"),
        ("/media/deep/a.txt", "deep"),
        ("/media//deep//a.txt", "deep"),
        ("/media/%64eep/a.txt", "deep"),
        ("/media%2fdeep%2fa.txt", "deep"),
    ] {
        assert_eq!(server.get(target).text(), body, "{target}");
    }
    for target in ["/media/deep/b.txt", "/staticX/a.txt", "/static/../media/a.txt", "/mediadeep/a.txt", "/media/deepX"]
    {
        let status = server.get(target).status;
        assert!([400, 404].contains(&status), "{target}: {status}");
    }
    let landing = server.get("/?format=json").json();
    let urls: Vec<&str> =
        landing["mounts"].as_array().expect("a list").iter().filter_map(|mount| mount["url"].as_str()).collect();
    assert_eq!(urls, ["/media/", "/static/", "/media/deep/"]);
    for format in ["html", "text", "json"] {
        let page = server.get(format!("/?format={format}")).text();
        assert!(page.contains("/static/"), "{page}");
        assert!(!page.contains(server.outside.to_str().expect("UTF-8")), "no path of this machine: {page}");
    }
}

#[test]
fn with_the_prefix_slash_there_is_no_landing_page() {
    let server = start(&["--url", "/"]);
    server.put("a.txt", "hello");
    assert!(server.get("/?format=text").text().contains("/a.txt"));
    assert_eq!(server.get("/a.txt").text(), "hello");
    assert_eq!(server.get("/media/a.txt").status, 404);
}

#[test]
fn a_listing_has_the_same_types_as_get() {
    let server = start(&[]);
    for (name, content) in [
        ("webp", &b"RIFF\x24\0\0\0WEBPVP8 "[..]),
        ("png.unknown", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("page", b"<!DOCTYPE html>"),
        ("empty", b""),
        ("a.svgz", b"\x1f\x8b\x08"),
        ("a.jpg", b"GIF89a"),
    ] {
        server.put(name, content);
    }
    let listing = server.get("/media/?format=json").json();
    for item in listing.as_array().expect("a list") {
        let answer = server.get(item["url"].as_str().expect("a URL"));
        assert_eq!(item["type"], answer.field("content-type"), "{item}");
    }
}
