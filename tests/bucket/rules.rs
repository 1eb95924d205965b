//! The settings of a mount hold for a bucket as for a folder: access rules, placeholders, thumbnails, internal redirects.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::stub::Stub;
use super::support::client::send;
use super::support::process::run;
use super::support::{self, Server};
use super::{Store, client, devmedia, variables};

const CONFIG: &str = r#"
[[mount]]
url = "/media/"
root = "./media"

[[mount]]
url = "/b/"
root = "s3://media"
placeholder = true
[[mount.rule]]
match = "private/**"
access = { signed = "hmac", secret = { env = "KEY" } }
[[mount.rule]]
match = "denied/**"
access = "deny"

[[mount]]
url = "/protected/"
root = "s3://media/inner"
internal = true
"#;

/// An app that answers every request with an internal redirect to an object.
fn app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let answer = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /protected/report.txt\r\nX-Custom: dropped\r\n\
                          Set-Cookie: a=b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn the_settings_of_a_mount_hold_for_a_bucket() {
    let store = Store::start(|root| {
        for (name, bytes) in [
            ("private/a.txt", "a private object"),
            ("denied/a.txt", "denied"),
            ("inner/report.txt", "the report"),
            ("inner.txt", "beside the prefix inner/"),
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        }
        let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/media/photos/dunes.jpg");
        fs::copy(picture, root.join("dunes.jpg")).expect("a picture");
    });
    let variables = [&variables(&store.endpoint)[..], &[("KEY", "0123456789abcdef0123456789abcdef")]].concat();
    let write_config = |outside: &std::path::Path| fs::write(outside.join("devmedia.toml"), CONFIG).expect("a file");
    let server = Server::prepared_with_variables(&["--app", &app()], &variables, write_config);

    for (target, status) in [
        ("/b/private/a.txt", 403),
        ("/b/private/none.txt", 403),
        ("/b/private/", 403),
        ("/b/private/a.txt?thumbnail", 403),
        ("/b/denied/a.txt", 403),
        ("/b/denied/none.jpg", 403),
        ("/b/deneid/a.txt", 404),
        ("/b/inner/report.txt", 200),
        ("/protected/report.txt", 404),
        ("/protected/", 404),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(!answer.text().contains("a private object") && !answer.text().contains("denied/a"), "{target}");
    }
    // a listing does not name what a rule guards
    let listing = server.request("GET", "/b/", &[("Accept", "application/json")]).json();
    let names = listing.as_array().expect("a list").iter().filter_map(|entry| entry["name"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["inner", "dunes.jpg", "inner.txt"]);

    // a signed URL
    let mut sign = support::command();
    sign.args(["sign", "/b/private/a.txt", "--expires", "1h"]).current_dir(&server.outside).envs(variables.clone());
    let signed = run(sign).stdout.concat();
    let target = &signed[signed.find("/b/private").unwrap_or_else(|| panic!("a URL: {signed}"))..];
    let part = server.request("GET", target, &[("Range", "bytes=2-8")]);
    assert_eq!((part.status, part.text().as_str()), (206, "private"));
    assert_eq!(server.get(target.replace("a.txt", "b.txt")).status, 403, "another path");

    // a placeholder of a missing image
    let drawing = server.get("/b/none.jpg");
    assert_eq!((drawing.status, drawing.field("x-devmedia")), (200, "placeholder"));

    // a thumbnail, and its conditions
    let thumbnail = server.get("/b/dunes.jpg?thumbnail=128");
    assert_eq!((thumbnail.status, thumbnail.field("x-devmedia-thumbnail")), (200, "made"));
    let tag = thumbnail.field("etag").to_owned();
    assert_eq!(server.request("GET", "/b/dunes.jpg?thumbnail=128", &[("If-None-Match", &tag)]).status, 304);
    assert_ne!(server.get("/b/dunes.jpg").field("etag"), tag);

    // an internal redirect of the app
    let of_app = |fields: &[(&str, &str)]| send(server.address, "GET", "/x", fields, b"");
    let report = of_app(&[]);
    assert_eq!((report.status, report.text().as_str(), report.field("set-cookie")), (200, "the report", "a=b"));
    assert_eq!(report.field("x-custom"), "");
    let tag = report.field("etag").to_owned();
    for (fields, status, body) in [
        (("Range", "bytes=4-"), 206, "report"),
        (("Range", "bytes=10-"), 416, ""),
        (("If-None-Match", tag.as_str()), 304, ""),
    ] {
        let answer = of_app(&[fields]);
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text());
        assert!(answer.text().starts_with(body), "{fields:?}: {}", answer.text());
    }
}

#[test]
fn a_prefix_is_a_folder() {
    let store = Store::start(|root| {
        fs::create_dir_all(root.join("media")).expect("a folder");
        fs::write(root.join("media/a.txt"), "a").expect("a file");
    });
    for (url, target, status) in [
        ("s3://media/media", "/c/a.txt", 200),
        ("s3://media/med", "/c/a.txt", 404),
        ("s3://media/med", "/c/ia/a.txt", 404),
        ("s3://media/med", "/c/../media/a.txt", 400),
        ("s3://media/med", "/c/%2e%2e/media/a.txt", 400),
    ] {
        let server = client(&store.endpoint, &["--mount", &format!("/c/={url}")]);
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{url} {target}: {}", answer.text());
    }
}

#[test]
fn keys_that_no_path_names() {
    let stub = Stub::start();
    let server = client(&format!("http://{}", stub.address), &[]);
    // the object `marker/` only says that there is a folder
    let listing = server.request("GET", "/b/marker/", &[("Accept", "application/json")]).json();
    let names = listing.as_array().expect("a list").iter().filter_map(|entry| entry["name"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["one.txt"]);
    assert_eq!(server.get("/b/marker").status, 302);
    // a key with an empty segment: the folder that has it says so
    let answer = server.get("/b/double/");
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(answer.text().contains("double//"), "{}", answer.text());
}

#[test]
fn settings_without_effect_are_said_at_start() {
    let stub = Stub::start();
    let endpoint = format!("http://{}", stub.address);
    for (args, says) in [
        (&["--root", "s3://media", "--follow-links"][..], "has no effect: the root is a bucket"),
        (&["--root", "s3://media", "--poll", "1s"], "has no effect: every root is a bucket"),
        (
            &["--root", "media", "--fallback", "s3://media", "--fallback-header", "X-Key: hunter2"],
            "the fallback is a bucket",
        ),
        (&["--root", "s3://media", "--s3"], "the mount /media/ has no bucket in the S3 endpoint"),
    ] {
        let ended = devmedia(&endpoint, &[&["check", "--no-config"], args].concat());
        let text = [ended.stdout.concat(), ended.stderr.concat()].concat();
        assert!(ended.code == Some(0) && text.contains(says), "{args:?}: {ended:?}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn the_keys_may_be_in_the_file_of_env_file() {
    let stub = Stub::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (root, lines, says) in [
        (
            "s3://media",
            format!(
                "AWS_ACCESS_KEY_ID=of-file\nAWS_SECRET_ACCESS_KEY=s3cret\nAWS_ENDPOINT_URL_S3=http://{}\n",
                stub.address
            ),
            "signed by the key of-file",
        ),
        (
            "az://secret",
            format!(
                "AZURE_STORAGE_ACCOUNT=acc\nAZURE_STORAGE_KEY=c2VjcmV0\nAZURE_STORAGE_ENDPOINT=http://{}\n",
                stub.address
            ),
            "signed for the account acc",
        ),
    ] {
        let file = folder.path().join(".env");
        fs::write(&file, lines).expect("a file");
        let mut command = support::command();
        command.args(["check", "--no-config", "--root", root, "--env-file"]).arg(&file);
        let ended = run(command);
        let text = [ended.stdout.concat(), ended.stderr.concat()].concat();
        assert!(text.contains(says), "{root}: {ended:?}");
        assert!(!text.contains("s3cret") && !text.contains("c2VjcmV0"), "{text}");
    }
}
