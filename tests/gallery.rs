//! Thumbnails, and the HTML and the headers of the pages. `browser_gallery.rs` tests their appearance and behaviour in
//! a browser.

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::{DynamicImage, GenericImageView as _, ImageFormat};
use support::{Answer, Server, Way, client, skip_on_windows};

/// A file of the sample media.
fn sample(path: &str) -> Vec<u8> {
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("media");
    fs::read(media.join(path)).expect("a sample")
}

/// A file of `tests/pictures`.
fn fault(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    fs::read(folder.join(name)).expect("a file of this repository")
}

/// A JPEG that announces another size.
fn resized(name: &str, frame: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = fault(name);
    let frame = jpeg.windows(2).position(|two| two == frame).expect("a frame");
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

fn server_with(samples: &[&str]) -> Server {
    let server = Server::start(Way::Fast, &[]);
    for path in samples {
        server.put(path, sample(path));
    }
    server
}

fn came(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.field("x-devmedia-thumbnail"))
}

fn picture(answer: &Answer) -> DynamicImage {
    image::load_from_memory(&answer.body).expect("a picture")
}

#[test]
fn every_format_has_a_thumbnail_in_every_size() {
    let files = [
        ("photos/dunes.jpg", "image/jpeg"),
        ("avatars/ada.png", "image/webp"), // it has a transparent border
        ("art/bloom.gif", "image/jpeg"),
        ("art/paper-strata.webp", "image/jpeg"),
        ("blobs/q7v2n0x4kd9tz1w8hb3yfm5rj6sc", "image/jpeg"), // detected by its first bytes
    ];
    let server = server_with(&files.map(|(path, _)| path));
    for (path, content_type) in files {
        let original = image::load_from_memory(&sample(path)).expect("a picture");
        for (asked, size) in [("=128", 128), ("", 256), ("=500", 512)] {
            let answer = server.get(format!("/media/{path}?thumbnail{asked}"));
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.field("content-type"), content_type, "{path}");
            assert_eq!(answer.field("x-content-type-options"), "nosniff");
            assert_eq!(answer.field("cache-control"), "no-cache");
            let (made, longer) = (picture(&answer), original.width().max(original.height()));
            assert_eq!(made.width().max(made.height()), longer.min(size), "{path} at {size}");
        }
    }
}

#[test]
fn a_thumbnail_is_rotated_by_its_exif_orientation() {
    let server = server_with(&["photos/IMG_2043.jpg"]);
    // stored as 1200 by 800, rotated by Exif
    assert_eq!(picture(&server.get("/media/photos/IMG_2043.jpg?thumbnail=256")).dimensions(), (171, 256));
}

#[test]
fn a_thumbnail_is_cached() {
    let server = server_with(&["photos/dunes.jpg"]);
    let target = "/media/photos/dunes.jpg?thumbnail=256";
    let made = server.settled(target);
    let cached = server.get(target);
    assert_eq!(came(&cached), (200, "cached"));
    assert_eq!((&cached.body, cached.field("etag")), (&made.body, made.field("etag")));
    assert_eq!(cached.field("content-type"), "image/jpeg");

    // another size is another thumbnail
    let small = server.get("/media/photos/dunes.jpg?thumbnail=128");
    assert_eq!(came(&small), (200, "made"));
    assert_ne!(small.field("etag"), made.field("etag"));

    // a cache file that was overwritten is not used
    let kept: Vec<PathBuf> = fs::read_dir(server.outside.join("cache/devmedia/thumbnails"))
        .expect("the cache")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(kept.len(), 2);
    for path in kept {
        fs::write(path, "<script>").expect("our own file");
    }
    assert_eq!(came(&server.get(target)), (200, "made"));
    assert_eq!(came(&server.get(target)), (200, "cached"));
}

#[test]
fn a_changed_file_gets_a_new_thumbnail() {
    let server = Server::start(Way::Fast, &[]);
    server.put("me.png", sample("avatars/ada.png"));
    let before = server.settled("/media/me.png?thumbnail");
    server.put("me.png", sample("avatars/noor.png"));
    let after = server.settled("/media/me.png?thumbnail");
    assert_ne!(before.field("etag"), after.field("etag"));
    assert_ne!(before.body, after.body);
    let stale = [("If-None-Match", before.field("etag"))];
    assert_eq!(server.request("GET", "/media/me.png?thumbnail", &stale).status, 200);
}

#[test]
fn a_thumbnail_has_its_own_etag_for_conditional_requests() {
    let server = server_with(&["photos/dunes.jpg"]);
    let target = "/media/photos/dunes.jpg?thumbnail=256";
    let whole = server.settled(target);
    let tag = whole.field("etag").to_owned();
    let file = server.settled("/media/photos/dunes.jpg");
    assert_ne!(tag, file.field("etag"));

    let same = server.request("GET", target, &[("If-None-Match", &tag), ("Origin", "http://localhost:3000")]);
    assert_eq!((same.status, same.body.len(), same.field("etag")), (304, 0, tag.as_str()));
    assert_eq!(same.field("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(server.request("GET", target, &[("If-None-Match", file.field("etag"))]).status, 200);
    assert_eq!(server.request("GET", target, &[("If-Match", "\"other\"")]).status, 412);
    let date = [("If-Modified-Since", file.field("last-modified"))];
    assert_eq!(server.request("GET", target, &date).status, 200, "the thumbnail does not have the date of the file");
    // it is sent completely
    assert_eq!(server.request("GET", target, &[("Range", "bytes=0-9")]).status, 200);

    let head = server.request("HEAD", target, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    for field in ["content-length", "content-type", "etag"] {
        assert_eq!(head.field(field), whole.field(field), "{field}");
    }
    assert_eq!(server.request("POST", target, &[]).status, 405);
}

#[test]
fn a_file_that_is_not_an_image_gets_the_icon_of_its_type() {
    let server = server_with(&["video/daybreak.mp4", "audio/notification.ogg", "documents/hello.txt"]);
    server.put("broken.jpg", "no picture");
    server.put("photo.heic", "unknown");
    let mut drawings = Vec::new();
    for path in ["video/daybreak.mp4", "audio/notification.ogg", "documents/hello.txt", "broken.jpg", "photo.heic"] {
        let answer = server.get(format!("/media/{path}?thumbnail=256"));
        assert_eq!(came(&answer), (200, "icon"), "{path}");
        assert_eq!(answer.field("content-type"), "image/svg+xml");
        assert_eq!(answer.field("content-security-policy"), "sandbox");
        assert!(answer.text().starts_with("<svg"), "{path}");
        drawings.push(answer.body);
    }
    drawings.sort();
    drawings.dedup();
    assert_eq!(drawings.len(), 5, "each kind has its own");
}

#[test]
fn a_picture_that_only_the_browser_decodes_is_its_own_thumbnail() {
    let server = server_with(&["art/tides.svg"]);
    for (name, file) in [("avif.jpg", "avif.jpg"), ("bmp.jpg", "bmp.jpg"), ("ico.png", "ico.png"), ("a.bmp", "bmp.jpg")]
    {
        server.put(name, fault(file));
    }
    server.put("favicon.ico", fault("ico.png"));
    server.put("blob", fault("avif.jpg"));
    for (path, content_type) in [
        ("art/tides.svg", "image/svg+xml"),
        ("avif.jpg", "image/avif"),
        ("bmp.jpg", "image/bmp"),
        ("ico.png", "image/vnd.microsoft.icon"),
        ("a.bmp", "image/bmp"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("blob", "image/avif"),
    ] {
        let target = format!("/media/{path}?thumbnail=256");
        let answer = server.settled(&target);
        let file = server.get(format!("/media/{path}"));
        assert_eq!((answer.status, &answer.body), (200, &file.body), "{path}");
        assert_eq!(answer.field("content-type"), content_type, "{path}");
        assert_eq!(answer.field("etag"), file.field("etag"), "{path}");
        assert_eq!(server.request("GET", &target, &[("If-None-Match", file.field("etag"))]).status, 304, "{path}");
        assert_eq!(server.request("GET", &target, &[("If-Match", file.field("etag"))]).status, 200, "{path}");
        assert_eq!(server.request("GET", &target, &[("If-Match", "\"other\"")]).status, 412, "{path}");
    }
    assert_eq!(server.get("/media/art/tides.svg?thumbnail").field("content-security-policy"), "sandbox");
}

/// SVG can hold script: a file is only taken for one when its name says so, as in browsers.
#[test]
fn an_svg_with_another_name_is_not_shown() {
    let server = Server::start(Way::Fast, &[]);
    server.put("tides.png", sample("art/tides.svg"));
    let answer = server.get("/media/tides.png?thumbnail=256");
    assert_eq!(came(&answer), (200, "icon"));
    assert_ne!(answer.body, sample("art/tides.svg"));
}

#[test]
fn a_picture_is_known_by_its_first_bytes() {
    let server = Server::start(Way::Fast, &[]);
    for name in ["photo.heic", "photo.png", "photo.tiff", "photo.bmp", "photo.avif"] {
        server.put(name, sample("photos/dunes.jpg"));
        assert_eq!(came(&server.get(format!("/media/{name}?thumbnail=256"))), (200, "made"), "{name}");
    }
}

#[test]
fn an_icon_says_why() {
    let server = Server::start(Way::Fast, &[]);
    server.put("large.jpg", resized("cut-progressive.jpg", b"\xff\xc2", 16_128, 16_384));
    server.put("damaged.png", &b"\x89PNG\r\n\x1a\nand then nothing"[..]);
    server.put("text.jpg", "no picture");
    server.put("photo.heic", &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..]);
    let mut drawings = Vec::new();
    for (path, reason) in [
        ("large.jpg", "the image is too large: 16128 x 16384 pixels"),
        ("damaged.png", "the image is damaged: "),
        ("photo.heic", "the format is not supported"),
    ] {
        let answer = server.get(format!("/media/{path}?thumbnail=256"));
        assert_eq!(came(&answer), (200, "icon"), "{path}");
        let found = answer.field("x-devmedia-thumbnail-reason");
        assert!(found.starts_with(reason), "{path}: {found}");
        assert_eq!(answer.text().contains("too large"), path == "large.jpg", "{path}");
        drawings.push(answer.body);
    }
    assert_eq!(server.get("/media/text.jpg?thumbnail").body, drawings[1]);
    drawings.sort();
    drawings.dedup();
    assert_eq!(drawings.len(), 3);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn a_decompression_bomb_is_refused_by_its_declared_size() {
    let server = Server::start(Way::Fast, &[]);
    // a PNG of 50,000 by 50,000 pixels: 7.5 GB when decoded
    let header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xc3\x50\0\0\xc3\x50\x08\x02\0\0\0\xc4\xcd\xaa\x9d";
    let mut bomb = header.to_vec();
    bomb.extend(b"\0\x10\0\0IDAT");
    bomb.resize(bomb.len() + (1 << 20) + 4, 0);
    server.put("bomb.png", bomb);
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(came(&server.get("/media/bomb.png?thumbnail=512")), (200, "icon"));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "it was decoded");
    let peak = peak(&server);
    assert!(peak < 100 * 1024, "{peak} KiB were used");
}

/// The most memory that a server has had, in KiB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a Linux process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The largest that are decoded, all at once.
#[test]
fn large_pictures_are_bounded_in_memory() {
    let server = Server::start(Way::Fast, &[]);
    let encoded = |picture: DynamicImage, format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("it encodes");
        bytes.into_inner()
    };
    server.put("lossless.webp", encoded(DynamicImage::new_rgba8(5000, 5000), ImageFormat::WebP));
    server.put("photo.jpg", resized("cut.jpg", b"\xff\xc0", 12_000, 9_000));
    server.put("progressive.jpg", resized("cut-progressive.jpg", b"\xff\xc2", 7000, 7000));
    std::thread::scope(|scope| {
        for number in 0..6 {
            let server = &server;
            scope.spawn(move || {
                let name = ["lossless.webp", "photo.jpg", "progressive.jpg"][number % 3];
                let size = [128, 512][number / 3];
                let answer = server.get(format!("/media/{name}?thumbnail={size}"));
                assert!(["made", "cached"].contains(&answer.field("x-devmedia-thumbnail")), "{name}: {answer:?}");
            });
        }
    });
    let peak = peak(&server);
    assert!(peak < 256 * 1024, "{peak} KiB were used");
}

/// 150 of them kept the next one waiting for 11 to 15 seconds.
#[test]
fn thumbnails_that_nobody_waits_for_are_not_made() {
    let server = Server::start(Way::Fast, &[]);
    let mut picture = std::io::Cursor::new(Vec::new());
    DynamicImage::new_rgb8(1500, 1500).write_to(&mut picture, ImageFormat::Png).expect("it encodes");
    for number in 0..150 {
        server.put(format!("{number}.png"), picture.get_ref());
    }
    server.put("wanted.png", sample("avatars/ada.png"));
    let asked: Vec<_> = (0..150)
        .map(|number| {
            let mut stream = server.connect();
            write!(stream, "GET /media/{number}.png?thumbnail=128 HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
            stream
        })
        .collect();
    drop(asked);
    // unlike `server.get`, this client keeps its sending side open, as a browser does
    let answer = client::send(server.address, "GET", "/media/wanted.png?thumbnail=128", &[], b"");
    assert_eq!(came(&answer), (200, "made"));
    // the two or three that had begun are finished
    let kept = fs::read_dir(server.outside.join("cache/devmedia/thumbnails")).map_or(0, Iterator::count);
    assert!(kept < 75, "{kept} thumbnails were made before the one that somebody waits for");
}

#[test]
fn a_thumbnail_size_that_is_not_a_number_is_400() {
    let server = server_with(&["photos/dunes.jpg"]);
    let answer = server.get("/media/photos/dunes.jpg?thumbnail=big");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("?thumbnail=256"), "{}", answer.text());
}

#[test]
fn a_thumbnail_of_a_refused_file_is_refused() {
    let has_links = !skip_on_windows("the rows with links: Wine follows symbolic links before the program sees them");
    let server = server_with(&["photos/dunes.jpg"]);
    server.put(".private/dunes.jpg", sample("photos/dunes.jpg"));
    fs::write(server.outside.join("outside.jpg"), sample("photos/dunes.jpg")).expect("a file beside the root");
    if has_links {
        std::os::unix::fs::symlink("../outside.jpg", server.root.join("link.jpg")).expect("a link");
    }
    for target in [
        "/media/.private/dunes.jpg",
        "/media/link.jpg",
        "/media/%2e%2e/outside.jpg",
        "/media/none.jpg",
        "/media/photos/dunes.jpg/",
    ] {
        let whole = server.get(target);
        let small = server.get(format!("{target}?thumbnail=256"));
        assert!(matches!(whole.status, 400 | 403 | 404), "{target}");
        assert_eq!((small.status, small.text()), (whole.status, whole.text()), "{target}");
    }
    let stranger = [("Origin", "https://evil.example")];
    assert_eq!(server.request("GET", "/media/photos/dunes.jpg?thumbnail=256", &stranger).status, 403);
    assert!(!server.outside.join("cache").exists(), "nothing was created");
}

#[test]
fn without_a_cache_folder_thumbnails_are_created_for_each_request() {
    let server =
        Server::prepared(Way::Fast, &[], |folder| fs::write(folder.join("cache"), "in the way").expect("a file"));
    server.put("dunes.jpg", sample("photos/dunes.jpg"));
    server.settled("/media/dunes.jpg?thumbnail");
    assert_eq!(came(&server.get("/media/dunes.jpg?thumbnail")), (200, "made"));
    server.logged("thumbnails cannot be cached");
}

#[test]
fn many_simultaneous_requests_all_get_thumbnails() {
    let server = Server::start(Way::Fast, &[]);
    // just large enough that they are created one at a time
    let large = DynamicImage::new_rgb8(4200, 4000);
    let mut bytes = std::io::Cursor::new(Vec::new());
    large.write_to(&mut bytes, ImageFormat::Png).expect("it encodes");
    for number in 0..4 {
        server.put(format!("{number}.png"), bytes.get_ref());
    }
    std::thread::scope(|scope| {
        for number in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let answer = server.get(format!("/media/{}.png?thumbnail=128", number % 4));
                assert_eq!(picture(&answer).dimensions(), (128, 122));
            });
        }
    });
}

#[test]
fn the_content_security_policy_of_a_page_allows_only_its_own_resources() {
    let server = Server::start(Way::Fast, &[]);
    server.put("dunes.jpg", sample("photos/dunes.jpg"));
    server.put("note.txt", "a note");
    let html = [("Accept", "text/html")];
    let gallery = server.request("GET", "/media/", &html);
    let policy = gallery.field("content-security-policy");
    for needed in
        ["default-src 'none'", "img-src 'self' data:", "media-src 'self'", "connect-src 'self'", "frame-src 'self'"]
    {
        assert!(policy.contains(needed), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for target in ["/", "/media/none", "/nosuchmount/", "/media/NOTE.txt"] {
        let other = server.request("GET", target, &html);
        let policy = other.field("content-security-policy");
        assert!(!policy.contains("'self'") && !policy.contains("script-src"), "{target}: {policy}");
    }
    // only a page with a thumbnail may load images
    let near_miss = server.request("GET", "/media/DUNES.jpg", &html);
    let policy = near_miss.field("content-security-policy");
    assert!(policy.contains("img-src 'self' data:;") && !policy.contains("script-src"), "{policy}");
    assert!(near_miss.text().contains("<img src=\"/media/dunes.jpg?thumbnail=256\""), "{}", near_miss.text());
}

#[test]
fn folders_and_files_are_separate_groups_of_rows() {
    let server = Server::start(Way::Fast, &[]);
    let groups = |folders: &[&str], files: &[&str]| {
        let folder = server.root.join("folder");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        for name in folders {
            fs::create_dir(folder.join(name)).expect("a folder");
        }
        for name in files {
            fs::write(folder.join(name), name).expect("a file");
        }
        let page = server.request("GET", "/media/folder/", &[("Accept", "text/html")]).text();
        let rows: Vec<usize> = page.split("<tbody").skip(1).map(|group| group.matches("<tr").count()).collect();
        rows
    };
    assert_eq!(groups(&["a", "b"], &["c"]), [2, 1]);
    assert_eq!(groups(&[], &["c", "d"]), [0, 2]);
    assert_eq!(groups(&["a"], &[]), [1]);
    assert_eq!(groups(&[], &[]), [0]);
}

#[test]
fn the_json_listing_has_name_url_type_size_and_time() {
    let server = server_with(&["photos/dunes.jpg"]);
    fs::create_dir(server.root.join("photos/more")).expect("a folder");
    let list: serde_json::Value = serde_json::from_str(&server.get("/media/photos/?format=json").text()).expect("JSON");
    let items = list.as_array().expect("a list");
    let keys: Vec<_> = items[0].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["modified", "name", "size", "type", "url"]);
    assert_eq!((&items[0]["name"], &items[0]["url"]), (&"more".into(), &"/media/photos/more/".into()));
    assert_eq!(items[1]["url"], "/media/photos/dunes.jpg");
    assert_eq!(items[1]["type"], "image/jpeg");
}

#[test]
fn single_entries_can_be_listed() {
    let server =
        server_with(&["photos/dunes.jpg", "photos/misty-ridges.jpg", "photos/\u{c9}t\u{e9} \u{e0} la plage.jpg"]);
    fs::create_dir(server.root.join("photos/more")).expect("a folder");
    let names = |query: &str| {
        let list = server.get(format!("/media/photos/?format=json&{query}")).json();
        let items = list.as_array().expect("a list").iter();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("only=dunes.jpg"), ["dunes.jpg"]);
    assert_eq!(names("only=misty-ridges.jpg&only=more&only=none"), ["more", "misty-ridges.jpg"]);
    assert_eq!(names("only=%C3%89t%C3%A9%20%C3%A0%20la%20plage.jpg"), ["\u{c9}t\u{e9} \u{e0} la plage.jpg"]);
    assert!(names("only=").is_empty());
    assert_eq!(names("other=x").len(), 4);

    // only the rows are sent, and they are the same as on the whole page
    let page = |target: &str| server.request("GET", target, &[("Accept", "text/html")]).text();
    let rows = page("/media/photos/?only=dunes.jpg&only=more");
    let whole = page("/media/photos/");
    assert_eq!((rows.matches("<tr").count(), rows.contains("<script"), rows.contains("<style>")), (2, false, false));
    for row in rows.split("<tr").skip(1).map(|row| row.split("</tr>").next().expect("a row")) {
        assert!(whole.contains(row), "{row}");
    }
}
