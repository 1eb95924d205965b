//! The S3 endpoint, by raw requests to the real binary: access, keys, races, and what a killed process leaves behind.
//! Rounds of real clients are in `tests/s3/`.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use devmedia::signature::Key;
use devmedia::signature::secret::Secret;
use devmedia::signature::sign::presign;
use hyper::{Method, Uri};
use jiff::Timestamp;
use support::{Answer, PATIENCE, Server, Way, skip_on_windows, wait_until};

/// A server with an S3 endpoint.
struct Store {
    server: Server,
    /// `127.0.0.1:PORT`
    address: String,
}

impl Store {
    /// Starts a server with `--s3` and these arguments.
    fn start(args: &[&str]) -> Self {
        Self::prepared(args, |_| {})
    }

    fn prepared(args: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        Self::prepared_on(Way::Fast, args, prepare)
    }

    fn prepared_on(way: Way, args: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let args = [&["--s3=127.0.0.1:0"], args].concat();
        let server = Server::prepared(way, &args, prepare);
        let line = server.logged("S3 endpoint at http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
        let address = address.to_owned();
        Self { server, address }
    }

    /// Sends a request without a signature.
    fn unsigned(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut lines = vec![format!("{method} {target} HTTP/1.1"), "Connection: close".to_owned()];
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            lines.push(format!("Host: {}", self.address));
        }
        if !body.is_empty() || matches!(method, "PUT" | "POST") {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        lines.extend(fields.iter().map(|(name, value)| format!("{name}: {value}")));
        let request = lines.join("\r\n") + "\r\n\r\n";
        let mut stream = TcpStream::connect(&self.address).expect("the endpoint accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.write_all(&[request.as_bytes(), body].concat()).expect("sent");
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).expect("an answer");
        let answer = Answer::take(&mut answer.as_slice(), method);
        assert!(!answer.field("x-amz-request-id").is_empty(), "every answer has an id: {answer:?}");
        assert_eq!(answer.field("x-content-type-options"), "nosniff", "{answer:?}");
        if answer.status >= 400 && method != "HEAD" {
            let text = answer.text();
            for element in ["<Code>", "<Message>", "<Resource>", "<RequestId>"] {
                assert!(text.contains(element), "{element}: {text}");
            }
        }
        answer
    }

    /// The target of a presigned URL.
    fn signed_target(&self, method: &str, target: &str) -> String {
        signed_target(&self.address, method, target)
    }

    /// Sends a presigned request.
    fn signed(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        self.unsigned(method, &self.signed_target(method, target), fields, body)
    }

    /// Stores an object.
    fn put(&self, key: &str, content: &[u8]) -> Answer {
        self.signed("PUT", &format!("/media/{key}"), &[], content)
    }
}

fn signed_target(host: &str, method: &str, target: &str) -> String {
    let key = Key { id: "devmedia".to_owned(), secret: Secret::new("devmedia").expect("not empty") };
    let url: Uri = format!("http://{host}{target}").parse().expect("a URL");
    let method: Method = method.parse().expect("a method");
    let (now, expires) = (Timestamp::now(), Timestamp::now() + Duration::from_secs(60));
    let url = presign(&key, "us-east-1", &method, &url, now, expires).expect("a URL");
    url.split_once(host).expect("its host").1.to_owned()
}

/// The content of `<Name>...</Name>`.
fn element<'t>(text: &'t str, name: &str) -> &'t str {
    let rest = text.split_once(&format!("<{name}>")).map_or("", |(_, rest)| rest);
    rest.split_once(&format!("</{name}>")).map_or("", |(content, _)| content)
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, element(&answer.text(), "Code").to_owned())
}

fn keys(listing: &Answer) -> Vec<String> {
    listing.text().split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())).collect()
}

/// All files below a folder, without devmedia's own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.file_name().to_string_lossy().starts_with(".devmedia-") {
            continue;
        }
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

const CONFIGURATION: &str = r#"
[[mount]]
url = "/media/"
root = "./media"
upload = true

[[mount.rule]]
match = "secret/**"
access = "deny"

[[mount.rule]]
match = "signed/**"
access = { signed = "hmac", secret = "env:HOME" }

[[mount]]
url = "/static/"
root = "./static"

[[mount]]
url = "/private/"
root = "./private"
internal = true
upload = true
bucket = "inside"
"#;

#[test]
fn access_rules_hold() {
    access_rules_hold_on(Way::Fast);
}

#[test]
fn access_rules_hold_without_openat2() {
    access_rules_hold_on(Way::HandWalk);
}

fn access_rules_hold_on(way: Way) {
    let has_links = !skip_on_windows("the rows with links: Wine follows symbolic links before the program sees them");
    let store = Store::prepared_on(way, &["--config", "devmedia.toml"], |folder| {
        fs::write(folder.join("devmedia.toml"), CONFIGURATION).expect("the file");
        for path in ["media/a.txt", "media/secret/a.txt", "media/signed/a.txt", "static/a.txt", "private/a.txt"] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
            fs::write(path, "content").expect("the file");
        }
        if has_links {
            std::os::unix::fs::symlink("secret/a.txt", folder.join("media/link.txt")).expect("a link");
        }
    });
    for (method, target, unsigned, signed) in [
        ("GET", "/media/a.txt", 200, 200),
        ("HEAD", "/media/a.txt", 200, 200),
        ("GET", "/media/secret/a.txt", 403, 403),
        ("GET", "/media/secret/missing.txt", 403, 403),
        ("GET", "/media/link.txt", 403, 403),
        ("GET", "/media/signed/a.txt", 403, 200),
        ("GET", "/static/a.txt", 200, 200),
        ("GET", "/inside/a.txt", 403, 200),
        ("GET", "/media/missing.txt", 404, 404),
        ("GET", "/other/a.txt", 404, 404),
        ("GET", "/media", 403, 200),
        ("GET", "/", 403, 200),
        ("PUT", "/media/new.txt", 403, 200),
        ("PUT", "/media/secret/new.txt", 403, 403),
        ("PUT", "/static/new.txt", 403, 403),
        ("DELETE", "/media/secret/a.txt", 403, 403),
        ("DELETE", "/static/a.txt", 403, 403),
        ("DELETE", "/media/new.txt", 403, 204),
        ("GET", "/media/a.txt?response-content-type=text/html", 400, 200),
        ("GET", "/media/a.txt?versionId=1", 404, 404),
        ("GET", "/media?analytics", 501, 501),
        ("PUT", "/media/a.txt?retention", 501, 501),
    ] {
        if target.contains("link") && !has_links {
            continue;
        }
        assert_eq!(store.unsigned(method, target, &[], b"").status, unsigned, "unsigned {method} {target}");
        assert_eq!(store.signed(method, target, &[], b"").status, signed, "signed {method} {target}");
    }
    let listing = store.signed("GET", "/media?list-type=2", &[], b"");
    assert_eq!(keys(&listing), ["a.txt", "signed/a.txt"], "denied files and links to them are not listed");
    let refused = store.signed("PUT", "/static/new.txt", &[], b"x");
    assert!(element(&refused.text(), "Message").contains("--upload"), "{}", refused.text());
    assert_eq!(fs::read_to_string(store.server.outside.join("media/secret/a.txt")).expect("it"), "content");
}

#[test]
fn pages_of_strangers_are_refused_whatever_they_sign() {
    let store = Store::start(&["--upload", "--allow-origin", "https://app.example", "--s3-hosts", "media:9000"]);
    let host = "media:9000";
    for (fields, expected) in [
        (&[][..], 200),
        (&[("Origin", "http://localhost:3000")], 200),
        (&[("Origin", "https://app.example")], 200),
        (&[("Origin", "https://evil.example")], 403),
        (&[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")], 403),
        (&[("Referer", "https://evil.example/")], 403),
        (&[("Host", "evil.example")], 403),
    ] {
        let answer = store.signed("PUT", "/media/a.txt", fields, b"content");
        assert_eq!(answer.status, expected, "{fields:?}: {}", answer.text());
        assert_eq!(store.server.root.join("a.txt").exists(), expected == 200, "{fields:?}");
        let _ = fs::remove_file(store.server.root.join("a.txt"));
    }
    // signed for the name in a compose file, sent to the port on this machine, and the other way round
    for (signed_for, sent_to) in [(host, store.address.as_str()), (store.address.as_str(), host)] {
        let target = signed_target(signed_for, "PUT", "/media/a.txt");
        let answer = store.unsigned("PUT", &target, &[("Host", sent_to)], b"content");
        assert_eq!(answer.status, 200, "{signed_for} {sent_to}: {}", answer.text());
    }
    store.server.logged("signed for media:9000");
    let preflight = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "content-type,x-amz-acl"),
    ];
    let answer = store.unsigned("OPTIONS", "/media/a.txt", &preflight, b"");
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (204, "https://app.example"));
    assert!(answer.field("access-control-allow-methods").contains("PUT"), "{answer:?}");
    assert!(answer.field("access-control-allow-headers").contains("x-amz-acl"), "{answer:?}");
}

/// The rows of the table in docs/s3.md.
#[test]
fn each_key_works_or_is_a_clear_error() {
    let store = Store::start(&["--upload"]);
    let long_name = "n".repeat(256);
    let long_key = ["n".repeat(200).as_str(); 6].join("/");
    for (key, put, get) in [
        ("a/b.jpg", (200, ""), (200, "")),
        ("%C3%A9%20%C3%BC%2B%25.txt", (200, ""), (200, "")),
        ("a%5Cb", (200, ""), (200, "")),
        ("...", (403, "AccessDenied"), (404, "NoSuchKey")), // it starts with a dot
        ("a", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a/b.jpg/c", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a/b.jpg/", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a/", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("/a", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a//b", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a/./b", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a/../b", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a%00b", (400, "InvalidArgument"), (404, "NoSuchKey")),
        ("a%FFb", (400, "InvalidArgument"), (400, "InvalidArgument")),
        (&*long_name, (400, "KeyTooLongError"), (404, "NoSuchKey")),
        (&*long_key, (400, "KeyTooLongError"), (400, "KeyTooLongError")),
        ("a%01b", (200, ""), (200, "")),
        (".name", (403, "AccessDenied"), (404, "NoSuchKey")),
        ("x/.devmedia-a", (403, "AccessDenied"), (404, "NoSuchKey")),
    ] {
        let answer = store.put(key, b"content");
        assert_eq!(code(&answer), (put.0, put.1.to_owned()), "PUT {key}: {}", answer.text());
        let answer = store.signed("GET", &format!("/media/{key}"), &[], b"");
        assert_eq!(code(&answer), (get.0, get.1.to_owned()), "GET {key}: {}", answer.text());
        assert!(answer.status != 200 || answer.body == b"content", "GET {key}");
    }
    assert_eq!(files(&store.server.root).len(), 4);
    let listing = store.signed("GET", "/media?list-type=2&encoding-type=url", &[], b"");
    assert_eq!(keys(&listing), ["a%01b", "a/b.jpg", "a%5Cb", "%C3%A9%20%C3%BC%2B%25.txt"], "in the order of bytes");

    // the marker of a folder
    assert_eq!(store.put("folder/", b"").status, 200);
    assert_eq!(keys(&store.signed("GET", "/media?prefix=folder", &[], b"")), ["folder/"]);
    assert_eq!(store.signed("GET", "/media/folder/", &[], b"").status, 200);
    assert_eq!(store.put("folder", b"x").status, 400, "it would replace the marker");
    assert_eq!(store.signed("DELETE", "/media/folder/", &[], b"").status, 204);
    assert_eq!(store.put("folder", b"x").status, 200, "an empty folder is not in the way");
}

#[test]
fn files_that_are_changed_by_hand_are_objects() {
    let store = Store::start(&["--upload"]);
    store.server.put("hand.txt", "hand");
    let etag = |answer: &Answer| answer.field("etag").to_owned();
    let head = || store.signed("HEAD", "/media/hand.txt", &[], b"");
    assert_eq!(etag(&head()), format!("\"{}\"", md5("hand")));
    let listed = |name: &str| store.signed("GET", &format!("/media?prefix={name}"), &[], b"").text();
    assert!(listed("hand").contains(&md5("hand")));
    assert_eq!(head().field("content-type"), "text/plain; charset=utf-8", "the type of the mount");
    // in place, with the same size
    let mut file = fs::OpenOptions::new().write(true).open(store.server.root.join("hand.txt")).expect("the file");
    file.write_all(b"HAND").expect("written");
    wait_until("the new ETag", || etag(&head()) == format!("\"{}\"", md5("HAND")));

    let conditions = [("If-Match", &*format!("\"{}\"", md5("hand")))];
    assert_eq!(store.signed("PUT", "/media/hand.txt", &conditions, b"x").status, 412);
    assert_eq!(store.signed("PUT", "/media/hand.txt", &[("If-None-Match", "*")], b"x").status, 412);
    assert_eq!(
        store.signed("PUT", "/media/hand.txt", &[("If-Match", &md5("HAND"))], b"x").status,
        200,
        "without quotes"
    );
    assert_eq!(store.signed("GET", "/media/hand.txt", &[("If-None-Match", &md5("x"))], b"").status, 304);
    let part = store.signed("GET", "/media/hand.txt", &[("Range", "bytes=5-")], b"");
    assert_eq!(code(&part), (416, "InvalidRange".to_owned()));
    // stored without a type, as in S3; the mount knows the name
    assert_eq!(head().field("content-type"), "binary/octet-stream");
    assert_eq!(store.server.get("/media/hand.txt").field("content-type"), "text/plain; charset=utf-8");
}

/// As on a file system without extended attributes; only Linux can imitate that.
#[cfg(target_os = "linux")]
#[test]
fn without_attributes_records_are_in_files() {
    let store = Store::prepared_on(Way::NoAttributes, &["--upload"], |_| {});
    let put = || {
        let body = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
        assert_eq!(store.signed("PUT", "/media?cors", &[], body.as_bytes()).status, 200);
        store.signed(
            "PUT",
            "/media/a/b.html",
            &[("Content-Type", "text/special"), ("Content-Language", "de")],
            b"content",
        )
    };
    assert_eq!(put().status, 200);
    let records = || fs::read_dir(store.server.root.join(".devmedia-meta")).map_or(0, Iterator::count);
    assert_eq!(records(), 2, "the record and the CORS configuration");
    let read = || store.signed("GET", "/media/a/b.html", &[], b"");
    assert_eq!((read().field("content-type"), read().field("content-language")), ("text/special", "de"));
    let tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    assert_eq!(store.signed("PUT", "/media/a/b.html?tagging", &[], tags).status, 200);
    assert_eq!((read().field("x-amz-tagging-count"), read().field("content-language")), ("1", "de"));
    // a part has a record, too
    let created = store.signed("POST", "/media/big?uploads", &[], b"");
    let id = element(&created.text(), "UploadId").to_owned();
    let etag =
        store.signed("PUT", &format!("/media/big?partNumber=1&uploadId={id}"), &[], b"part").field("etag").to_owned();
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = store.signed("POST", &format!("/media/big?uploadId={id}"), &[], body.as_bytes());
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(store.signed("HEAD", "/media/big", &[], b"").field("etag").ends_with("-1\""));
    // another file under the name is not that object
    store.server.put("a/b.html", "by hand");
    assert_eq!(read().field("content-type"), "text/html; charset=utf-8");
    for key in ["a/b.html", "big"] {
        assert_eq!(store.signed("DELETE", &format!("/media/{key}"), &[], b"").status, 204);
    }
    assert_eq!(records(), 1, "only the CORS configuration is left");
}

fn md5(text: &str) -> String {
    use md5::{Digest as _, Md5};
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn of_200_parallel_writes_of_one_key_one_is_there_as_a_whole() {
    let store = Store::start(&["--upload"]);
    let content = |number: usize| format!("{number:03}").repeat(20_000);
    thread::scope(|scope| {
        for worker in 0..20 {
            let store = &store;
            scope.spawn(move || {
                for turn in 0..10 {
                    let written = store.put("one.txt", content(worker * 10 + turn).as_bytes());
                    assert_eq!(written.status, 200, "{}", written.text());
                    let read = store.signed("GET", "/media/one.txt", &[], b"");
                    let number = read.text().get(..3).and_then(|number| number.parse().ok()).expect("a number");
                    assert!(read.text() == content(number), "a mixture of two writes");
                    assert_eq!(read.field("etag"), format!("\"{}\"", md5(&read.text())), "the ETag is of these bytes");
                }
            });
        }
    });
    assert_eq!(files(&store.server.root).len(), 1);
}

/// A folder disappears with its last object, which must not disturb another request that stores an object in it.
#[test]
fn objects_of_one_prefix_come_and_go_without_a_conflict() {
    let store = Store::start(&["--upload"]);
    thread::scope(|scope| {
        for worker in 0..10 {
            let store = &store;
            scope.spawn(move || {
                let key = format!("/media/a/b/{worker}.txt");
                for _ in 0..30 {
                    let put = store.signed("PUT", &key, &[], b"content");
                    assert_eq!(put.status, 200, "{}", put.text());
                    assert_eq!(store.signed("GET", &key, &[], b"").body, b"content");
                    assert_eq!(store.signed("DELETE", &key, &[], b"").status, 204);
                    assert_eq!(store.signed("GET", &key, &[], b"").status, 404);
                }
            });
        }
    });
    assert!(!store.server.root.join("a").exists());
}

#[test]
fn of_parallel_creations_one_wins() {
    let store = Store::start(&["--upload"]);
    let created = thread::scope(|scope| {
        let create = |number: usize| {
            store.signed("PUT", "/media/new.txt", &[("If-None-Match", "*")], number.to_string().as_bytes())
        };
        let workers: Vec<_> = (0..20).map(|number| scope.spawn(move || create(number).status)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).filter(|status| *status == 200).count()
    });
    assert_eq!(created, 1);
}

#[test]
fn kill_in_mid_upload_leaves_only_whole_objects() {
    let keep = tempfile::tempdir().expect("a folder");
    let root = keep.path().join("kept");
    fs::create_dir(&root).expect("the root");
    let content = vec![b'x'; 300_000];
    for round in 0..50 {
        let store = Store::start(&["--upload", "--mount", &format!("/kept/={}", root.display())]);
        let whole = store.signed("PUT", &format!("/kept/whole-{round}"), &[], &content);
        assert_eq!(whole.status, 200, "{}", whole.text());
        let created = store.signed("POST", "/kept/parts?uploads", &[], b"");
        let id = element(&created.text(), "UploadId").to_owned();
        // an object and a part, each sent by half
        let streams: Vec<TcpStream> =
            [format!("/kept/half-{round}"), format!("/kept/parts?partNumber=1&uploadId={id}")]
                .iter()
                .map(|target| {
                    let target = store.signed_target("PUT", target);
                    let head =
                        format!("PUT {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 600000\r\n\r\n", store.address);
                    let mut stream = TcpStream::connect(&store.address).expect("connected");
                    stream.write_all(&[head.as_bytes(), &content].concat()).expect("sent");
                    stream
                })
                .collect();
        // Server's drop is kill -9
        drop(store);
        drop(streams);
    }
    let found: BTreeSet<PathBuf> = files(&root).into_iter().collect();
    assert_eq!(found.len(), 50, "only the whole objects: {found:?}");
    assert!(found.iter().all(|path| fs::read(path).is_ok_and(|read| read == content)), "all of them are whole");
    let parts = fs::read_dir(root.join(".devmedia-s3")).expect("the uploads").flatten();
    assert!(
        parts
            .flat_map(|upload| fs::read_dir(upload.path()).expect("an upload"))
            .flatten()
            .all(|entry| entry.file_name() == "upload.json"),
        "no part is half"
    );
}

#[test]
fn parts_become_an_object_and_are_never_visible() {
    let store = Store::start(&["--upload"]);
    let created = store.signed("POST", "/media/big.bin?uploads", &[], b"");
    let id = element(&created.text(), "UploadId").to_owned();
    let part = |number: u32, content: &[u8]| {
        let target = format!("/media/big.bin?partNumber={number}&uploadId={id}");
        store.signed("PUT", &target, &[], content)
    };
    let first = vec![b'a'; 5 * 1024 * 1024];
    let (second, third) = (part(2, b"end"), part(1, &first));
    assert_eq!((second.status, third.status), (200, 200));
    let nothing = store.signed("GET", "/media?list-type=2", &[], b"");
    assert_eq!(keys(&nothing), [""; 0]);
    let gallery = || store.server.get("/media/?format=json").json().as_array().expect("an array").len();
    assert_eq!(gallery(), 0);
    assert_eq!(store.signed("GET", "/media/big.bin", &[], b"").status, 404);
    let complete = |parts: &[(u32, &str)]| {
        let parts: String = parts
            .iter()
            .map(|(number, etag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"))
            .collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        store.signed("POST", &format!("/media/big.bin?uploadId={id}"), &[], body.as_bytes())
    };
    let etags = (third.field("etag").to_owned(), second.field("etag").to_owned());
    assert_eq!(code(&complete(&[])), (400, "MalformedXML".to_owned()));
    assert_eq!(code(&complete(&[(2, &etags.1), (1, &etags.0)])), (400, "InvalidPartOrder".to_owned()));
    assert_eq!(code(&complete(&[(1, "\"0\""), (2, &etags.1)])), (400, "InvalidPart".to_owned()));
    assert_eq!(code(&complete(&[(1, &etags.0), (3, &etags.1)])), (400, "InvalidPart".to_owned()));
    let done = complete(&[(1, &etags.0), (2, &etags.1)]);
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(gallery(), 1);
    let read = store.signed("GET", "/media/big.bin", &[], b"");
    assert_eq!(read.body, [first.as_slice(), b"end"].concat());
    assert!(read.field("etag").ends_with("-2\""), "{}", read.field("etag"));
    let last = store.signed("GET", "/media/big.bin?partNumber=2", &[], b"");
    assert_eq!((last.status, last.body.as_slice(), last.field("x-amz-mp-parts-count")), (206, &b"end"[..], "2"));
    assert_eq!(code(&complete(&[(1, &etags.0)])), (404, "NoSuchUpload".to_owned()));

    // a part that is too small, and a part after the end of its upload
    let created = store.signed("POST", "/media/small.bin?uploads", &[], b"");
    let id = element(&created.text(), "UploadId").to_owned();
    let target = |number: u32| format!("/media/small.bin?partNumber={number}&uploadId={id}");
    let etag = store.signed("PUT", &target(1), &[], b"a").field("etag").to_owned();
    store.signed("PUT", &target(2), &[], b"a");
    let part = |number: u32| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    let body = format!("<CompleteMultipartUpload>{}{}</CompleteMultipartUpload>", part(1), part(2));
    let upload = format!("/media/small.bin?uploadId={id}");
    assert_eq!(code(&store.signed("POST", &upload, &[], body.as_bytes())), (400, "EntityTooSmall".to_owned()));
    assert_eq!(store.signed("DELETE", &upload, &[], b"").status, 204);
    assert_eq!(code(&store.signed("PUT", &target(3), &[], b"a")), (404, "NoSuchUpload".to_owned()));
    assert_eq!(fs::read_dir(store.server.root.join(".devmedia-s3")).expect("the uploads").count(), 0);
}

#[test]
fn old_uploads_are_swept() {
    let store = Store::prepared(&["--upload"], |folder| {
        let upload = folder.join("media/.devmedia-s3").join("a".repeat(32));
        fs::create_dir_all(&upload).expect("an upload");
        fs::write(upload.join("part-00001"), "x").expect("a part");
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
        fs::File::open(&upload).expect("it").set_modified(long_ago).expect("its time");
    });
    let uploads = store.server.root.join(".devmedia-s3");
    wait_until("the sweep", || fs::read_dir(&uploads).expect("the uploads").count() == 0);
}

#[test]
fn a_response_that_can_run_scripts_is_sandboxed() {
    let store = Store::start(&["--upload"]);
    let typed = |content_type| store.signed("PUT", "/media/b.jpg", &[("Content-Type", content_type)], b"<script>");
    for (content_type, query, expected) in [
        ("image/jpeg", "", ""),
        ("image/jpeg", "?response-content-type=text%2Fhtml", "sandbox"),
        ("image/jpeg", "?response-content-type=image%2Fsvg%2Bxml", "sandbox"),
        ("text/html", "", "sandbox"),
        // Chromium takes the last type of a list
        ("image/jpeg, text/html", "", "sandbox"),
    ] {
        assert_eq!(typed(content_type).status, 200, "{content_type}");
        let found = store.signed("GET", &format!("/media/b.jpg{query}"), &[], b"");
        assert_eq!(found.status, 200, "{content_type} {query}");
        assert_eq!(found.field("content-security-policy"), expected, "{content_type} {query}");
    }
}

#[test]
fn a_form_of_empty_fields_is_refused() {
    let store = Store::start(&["--upload"]);
    let field = "--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n";
    let form = field.repeat(30_000) + "--b--\r\n";
    let fields = [("Content-Type", "multipart/form-data; boundary=b")];
    let answer = store.unsigned("POST", "/media", &fields, form.as_bytes());
    assert_eq!(code(&answer), (400, "MalformedPOSTRequest".to_owned()));
}

#[test]
fn buckets_are_folders() {
    let has_links = !skip_on_windows("the rows with links: Wine follows symbolic links before the program sees them");
    let args = ["--s3-buckets", "buckets", "--upload=/media/", "--mount", "/secret/=buckets/shared/deep"];
    let store = Store::prepared(&args, |folder| {
        fs::create_dir_all(folder.join("buckets/old")).expect("a bucket");
        fs::create_dir_all(folder.join("buckets/shared/deep")).expect("the folder of a mount");
        fs::write(folder.join("buckets/shared/deep/a"), "a").expect("a file");
        fs::create_dir(folder.join("buckets/Not_A_Bucket")).expect("a folder");
        if has_links {
            std::os::unix::fs::symlink("/", folder.join("buckets/rooted")).expect("a link");
        }
    });
    let status = |method: &str, target: &str, body: &[u8]| store.signed(method, target, &[], body).status;
    let names = |answer: &Answer| -> Vec<String> {
        answer
            .text()
            .split("<Name>")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("</Name>")?.0.to_owned()))
            .collect()
    };
    assert_eq!(names(&store.signed("GET", "/", &[], b"")), ["media", "old", "secret"]);
    for (method, target, expected) in [
        ("GET", "/rooted/etc/passwd", 404),
        ("PUT", "/rooted", 409),
        ("GET", "/secret/a", 200),
        // as a bucket of its own, the folder of the mount would have no access rules
        ("GET", "/shared/deep/a", 404),
        ("PUT", "/shared", 409),
        ("PUT", "/Bad_Name", 400),
        ("PUT", "/new", 200),
        ("PUT", "/new", 200),
        ("PUT", "/media", 200),
        ("HEAD", "/new", 200),
        ("PUT", "/new/.well-known/a", 200),
        ("GET", "/new/.well-known/a", 200),
        ("DELETE", "/new", 409),
        ("DELETE", "/new/.well-known/a", 204),
        ("DELETE", "/new", 204),
        ("HEAD", "/new", 404),
        ("DELETE", "/media", 403),
    ] {
        if target.contains("rooted") && !has_links {
            continue;
        }
        assert_eq!(status(method, target, b""), expected, "{method} {target}");
    }
    // the bucket in the host name
    let host = format!("old.localhost:{}", store.address.rsplit(':').next().expect("a port"));
    let target = signed_target(&host, "PUT", "/a/b.txt");
    assert_eq!(store.unsigned("PUT", &target, &[("Host", &host)], b"x").status, 200);
    assert!(store.server.outside.join("buckets/old/a/b.txt").exists());
}
