//! Mounts whose files are in a bucket, and a bucket as the fallback. The store is devmedia's own S3 endpoint, or a stub that
//! misbehaves. `.ci/s3` runs a real distributed store.

#[path = "bucket/rules.rs"]
mod rules;
#[path = "bucket/stub.rs"]
mod stub;
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use stub::Stub;
use support::process::{Ended, run};
use support::{Answer, Server, Way};

/// A devmedia with the bucket `media` over its folder, and the variables of a client.
struct Store {
    server: Server,
    endpoint: String,
}

impl Store {
    fn start(prepare: impl FnOnce(&Path)) -> Self {
        let fill = |outside: &Path| prepare(&outside.join("media"));
        let server = Server::prepared(Way::Fast, &["--upload", "--s3=127.0.0.1:0"], fill);
        let line = server.logged("S3 endpoint at ");
        let endpoint =
            line.split("S3 endpoint at ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
        let endpoint = endpoint.to_owned();
        Self { server, endpoint }
    }
}

fn variables(endpoint: &str) -> [(&str, &str); 4] {
    [
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ACCESS_KEY_ID", "devmedia"),
        ("AWS_SECRET_ACCESS_KEY", "devmedia"),
        ("AWS_REGION", "us-east-1"),
    ]
}

/// A devmedia with this bucket at `/b/`.
fn client(endpoint: &str, args: &[&str]) -> Server {
    Server::with_variables(&[&["--mount", "/b/=s3://media"], args].concat(), &variables(endpoint))
}

fn big() -> Vec<u8> {
    (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn a_bucket_is_served_like_a_folder() {
    let store = Store::start(|root| {
        fs::create_dir_all(root.join("photos/deep")).expect("folders");
        for (name, bytes) in [
            ("a.txt", &b"hello"[..]),
            ("empty.txt", b""),
            (".hidden", b"h"),
            ("photos/one.txt", b"1"),
            ("photos/deep/two.txt", b"2"),
            ("sp \u{e9}+%.txt", b"e"),
        ] {
            fs::write(root.join(name), bytes).expect("a file");
        }
    });
    let server = client(&store.endpoint, &[]);
    let get = |target: &str| server.get(target);

    let whole = get("/b/a.txt");
    assert_eq!(
        (whole.status, whole.text().as_str(), whole.field("content-type")),
        (200, "hello", "text/plain; charset=utf-8")
    );
    let tag = whole.field("etag").to_owned();
    assert_eq!(tag, "\"5d41402abc4b2a76b9719d911017c592\"", "the store's");
    let with = |name: &str, value: &str| server.request("GET", "/b/a.txt", &[(name, value)]);
    assert_eq!(with("If-None-Match", &tag).status, 304);
    assert_eq!(with("If-Match", "\"other\"").status, 412);
    assert_eq!(with("If-Modified-Since", whole.field("last-modified")).status, 304);
    let part = with("Range", "bytes=1-2");
    assert_eq!((part.status, part.text().as_str(), part.field("content-range")), (206, "el", "bytes 1-2/5"));
    assert_eq!(with("Range", "bytes=9-").status, 416);
    let head = server.request("HEAD", "/b/a.txt", &[]);
    assert_eq!((head.status, head.field("content-length")), (200, "5"));

    for (target, status) in [
        ("/b/empty.txt", 200),
        ("/b/sp%20%C3%A9+%25.txt", 200),
        ("/b/photos", 302),
        ("/b/.hidden", 404),
        ("/b/%FF", 404),
        ("/b/a.txt/", 404),
        ("/b/none.txt", 404),
        ("/b/none/", 404),
        ("/b/?events", 501),
    ] {
        assert_eq!(get(target).status, status, "{target}");
    }
    for (target, meant) in
        [("/b/photso/one.txt", "/b/photos/one.txt"), ("/b/A.TXT", "/b/a.txt"), ("/b/a.txt/", "/b/a.txt")]
    {
        assert!(get(target).text().contains(&format!("Did you mean {meant} ?")), "{target}: {}", get(target).text());
    }
    let listing = server.request("GET", "/b/", &[("Accept", "application/json")]).json();
    let names: Vec<&str> =
        listing.as_array().expect("a list").iter().filter_map(|entry| entry["name"].as_str()).collect();
    assert_eq!(names, ["photos", "a.txt", "empty.txt", "sp \u{e9}+%.txt"]);
    assert!(get("/b/photos/").text().contains("href=\"deep/\""), "a page: {}", get("/b/photos/").text());
}

#[test]
fn objects_are_stored_whole_and_with_djangos_names() {
    let store = Store::start(|_| {});
    let server = client(&store.endpoint, &["--upload"]);
    let put = |target: &str, fields: &[(&str, &str)], body: &[u8]| send(&server, "PUT", target, fields, body);

    assert_eq!(put("/b/up/n.txt", &[], b"one").status, 201);
    assert_eq!(put("/b/up/n.txt", &[], b"two").status, 204);
    assert_eq!(put("/b/up/n.txt", &[("If-None-Match", "*")], b"three").status, 412);
    assert_eq!(put("/b/up/n.txt", &[("If-Match", "\"other\"")], b"three").status, 412);
    let tag = server.get("/b/up/n.txt").field("etag").to_owned();
    assert_eq!(put("/b/up/n.txt", &[("If-Match", &tag)], b"three").status, 204);
    assert_eq!(fs::read(store.server.root.join("up/n.txt")).expect("a file"), b"three");
    assert_eq!(put("/b/up/", &[], b"x").status, 409);

    // a multipart upload
    let big = big();
    assert_eq!(put("/b/up/big.bin", &[], &big).status, 201);
    assert_eq!(fs::read(store.server.root.join("up/big.bin")).expect("a file").len(), big.len());
    assert_eq!(server.get("/b/up/big.bin").body, big);

    // the name is taken, so the file of a form gets another one
    let form = "--b\r\nContent-Disposition: form-data; name=f; filename=\"n.txt\"\r\n\r\nfour\r\n--b--\r\n";
    let posted =
        send(&server, "POST", "/b/up/", &[("Content-Type", "multipart/form-data; boundary=b")], form.as_bytes());
    assert_eq!(posted.status, 201);
    let name = posted.json()["name"].as_str().expect("a name").to_owned();
    assert!(name.strip_prefix("up/n_").is_some_and(|rest| rest.len() == "k3J9sQx.txt".len()), "{name}");
    assert_eq!(server.get(format!("/b/{name}")).text(), "four");

    assert_eq!(send(&server, "DELETE", "/b/up/n.txt", &[], b"").status, 204);
    assert_eq!(send(&server, "DELETE", "/b/up/n.txt", &[], b"").status, 404);
    assert_eq!(send(&server, "POST", "/b/up/", &[("Tus-Resumable", "1.0.0"), ("Upload-Length", "3")], b"").status, 501);

    // a client that gives up leaves nothing
    let mut stream = server.connect();
    let head = "PUT /b/up/half.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000000\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("a head");
    stream.write_all(&big[..9_000_000]).expect("a part");
    drop(stream);
    server.logged("/b/up/half.bin");
    assert_eq!(server.get("/b/up/half.bin").status, 404);
    assert!(!store.server.root.join("up/half.bin").exists());
}

#[test]
fn missing_files_come_from_a_bucket_and_are_stored() {
    let store = Store::start(|root| {
        fs::create_dir_all(root.join("photos")).expect("a folder");
        fs::write(root.join("photos/a b.txt"), "from the bucket").expect("a file");
        fs::write(root.join("other.txt"), "other").expect("a file");
    });
    let server = Server::with_variables(&["--fallback", "s3://media"], &variables(&store.endpoint));
    let found = server.get("/media/photos/a%20b.txt");
    assert_eq!((found.status, found.text().as_str()), (200, "from the bucket"));
    support::wait_until("the copy", || server.root.join("photos/a b.txt").exists());
    let missing = server.get("/media/none.txt");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("the fallback s3://media/ does not have it either"), "{}", missing.text());

    let ended = devmedia(
        &store.endpoint,
        &["pull", "--no-config", "--root", server.root.to_str().expect("UTF-8"), "--fallback", "s3://media"],
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.concat().starts_with("1 downloaded"), "{ended:?}");
    assert_eq!(fs::read_to_string(server.root.join("other.txt")).expect("a file"), "other");
}

#[test]
fn a_store_that_fails_is_never_a_short_file() {
    let stub = Stub::start();
    let server = client(&format!("http://{}", stub.address), &[]);
    let all = stub::content();

    // broken off once: the rest is requested
    let cut = server.get("/b/cut.bin");
    assert_eq!((cut.status, cut.body == all), (200, true));
    let half = all.len() / 2;
    assert_eq!(stub.ranges("cut.bin"), [format!("0-{}", all.len() - 1), format!("{half}-{}", all.len() - 1)]);

    // busy twice
    let busy = server.get("/b/busy.bin");
    assert_eq!((busy.status, busy.body == all, stub.ranges("busy.bin").len()), (200, true, 3));

    for (target, status, says) in [
        ("/b/denied.bin", 403, "Allow s3:GetObject on arn:aws:s3:::media/*, and s3:ListBucket"),
        ("/b/unreadable.bin", 403, "Allow s3:GetObject"),
        ("/b/lies.bin", 503, "changes at the moment"),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(answer.text().contains(says), "{target}: {}", answer.text());
    }

    // broken off for ever: the client sees a transfer that is not complete
    let mut stream = server.connect();
    stream.write_all(b"GET /b/broken.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.starts_with("HTTP/1.1 200") && text.contains(&format!("content-length: {}", all.len())),
        "{text:.300}"
    );
    assert!(bytes.len() < all.len(), "{} bytes", bytes.len());
}

#[test]
fn a_bucket_that_cannot_be_used_is_an_error_at_start() {
    let stub = Stub::start();
    let endpoint = format!("http://{}", stub.address);
    for (root, says) in [
        ("s3://none/x", "There is no bucket none at http://127.0.0.1:"),
        ("s3://foreign", "does not accept the credentials (InvalidAccessKeyId: said the stub)"),
        ("s3://elsewhere", "Set AWS_REGION"),
        ("s3://secret", "Allow s3:ListBucket on arn:aws:s3:::secret."),
        ("s3://", "there is no bucket in it"),
        ("s3:/media", "write s3://BUCKET/PREFIX"),
    ] {
        let ended = devmedia(&endpoint, &["--no-config", "--debug", "--listen", "127.0.0.1:0", "--root", root]);
        let text = ended.stderr.join("\n");
        assert!(matches!(ended.code, Some(1 | 2)), "{root}: {ended:?}");
        assert!(text.contains(&format!("--root {root:?}")) && text.contains(says), "{root}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let checked = devmedia(&endpoint, &["check", "--no-config", "--root", "s3://media/a"]);
    let text = checked.stdout.join("\n");
    assert!(
        text.contains("root           s3://media/a/") && text.contains("signed by the key devmedia"),
        "{checked:?}"
    );
}

/// Runs devmedia until it ends.
fn devmedia(endpoint: &str, args: &[&str]) -> Ended {
    let mut command = support::command();
    command.args(args).envs(variables(endpoint));
    run(command)
}

/// Sends a request with a body on a connection of its own.
fn send(server: &Server, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    support::client::send(server.address, method, target, fields, body)
}
