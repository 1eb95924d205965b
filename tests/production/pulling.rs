//! `devmedia pull`.

use std::process::Command;

use tempfile::TempDir;

use super::nginx::Nginx;
use super::*;
use crate::support::process::{Ended, run};

/// Runs `devmedia pull` with these arguments in a folder whose `media` is the root.
fn pull(folder: &TempDir, args: &[&str], trust: Option<&str>) -> Ended {
    let mut command = crate::support::command();
    command.current_dir(folder.path()).arg("pull").args(args);
    if let Some(trust) = trust {
        command.env("SSL_CERT_FILE", trust);
    }
    run(command)
}

#[test]
fn a_tree_is_downloaded_once_by_its_listing() {
    let Some(nginx) = Nginx::start(None) else { return };
    let names = ["a.jpg", "b/c d.jpg", "b/e/\u{e9}.jpg", "b/f.png", "g/h.jpg", "g/.hidden.jpg"];
    for name in names {
        nginx.put(name, name.as_bytes());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("media");
    let (url, trust) = (nginx.url("listed"), nginx.authority());

    let ended = pull(&folder, &["--fallback", &url, "b/**/*.jpg"], Some(&trust));
    assert_eq!((ended.code, ended.stderr.len()), (Some(0), 0), "{ended:?}");
    assert!(ended.stdout[0].starts_with("2 downloaded ("), "{ended:?}");
    assert_eq!(files(&root).into_keys().collect::<Vec<_>>(), ["b/c d.jpg", "b/e/\u{e9}.jpg"]);

    fs::write(root.join("a.jpg"), "mine").expect("a file");
    let ended = pull(&folder, &["--fallback", &url, "--parallel", "2"], Some(&trust));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout[0].contains("2 downloaded (") && ended.stdout[0].contains("3 already here"), "{ended:?}");
    let stored = files(&root);
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["a.jpg", "b/c d.jpg", "b/e/\u{e9}.jpg", "b/f.png", "g/h.jpg"]);
    assert_eq!(stored["a.jpg"], b"mine");
    assert_eq!(stored["g/h.jpg"], b"g/h.jpg");
    let fetched = nginx.log().iter().filter(|line| !line.contains("/ 200")).count();
    assert_eq!(fetched, 4, "each file once: {:?}", nginx.log());
}

#[test]
fn a_list_names_files_by_url_by_path_or_by_stored_name() {
    let upstream = Upstream::start(|asked, stream| {
        use std::io::Write as _;
        let _ = match asked.target.as_str() {
            "/files/gone.jpg" => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            "/files/broken.jpg" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            _ => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"),
        };
    });
    let folder = tempfile::tempdir().expect("a folder");
    let url = upstream.url();
    let list = format!("# from the database\n{url}a.jpg?v=1\n\n/media/b%20b.jpg\nc/50% off.jpg\nc/50% off.jpg\n");
    fs::write(folder.path().join("list"), &list).expect("a list");
    let ended = pull(&folder, &["--fallback", &url, "--from", "list"], None);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, ["3 downloaded (15 B), 0 already here, 0 missing at the fallback, 0 failed"]);
    let stored = files(&folder.path().join("media"));
    assert_eq!(stored.keys().collect::<Vec<_>>(), ["a.jpg", "b b.jpg", "c/50% off.jpg"]);

    // an entry that cannot be read or stored does not affect the others
    let strange = b"\xef\xbb\xbfHTTPS://gravatar.example/a.png\nlatin-\xe9.jpg\na.jpg/below.jpg\n".as_slice();
    fs::write(folder.path().join("list"), strange).expect("a list");
    let ended = pull(&folder, &["--fallback", &url, "--from", "list"], None);
    assert_eq!(ended.stdout, ["1 downloaded (5 B), 0 already here, 0 missing at the fallback, 2 failed"], "{ended:?}");
    assert!(ended.stderr.iter().any(|line| line.starts_with("list:1: \"HTTPS://gravatar")), "{ended:?}");
    assert!(ended.stderr.iter().any(|line| line.contains("a.jpg/below.jpg: ")), "{ended:?}");

    fs::write(folder.path().join("list"), list + "gone.jpg\nbroken.jpg\n.hidden.jpg\n").expect("a list");
    let ended = pull(&folder, &["--fallback", &url, "--from", "list"], None);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, ["0 downloaded (0 B), 3 already here, 1 missing at the fallback, 2 failed"]);
    let told = ended.stderr.join("\n");
    for says in [
        "gone.jpg: the fallback does not have it",
        "broken.jpg: the fallback's response is incomplete",
        "start with a dot",
        "run it again",
    ] {
        assert!(told.contains(says), "{says}: {told}");
    }
}

#[test]
fn failures_are_explained() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
    let folder = tempfile::tempdir().expect("a folder");
    let url = upstream.url();
    fs::write(folder.path().join("list"), "https://elsewhere.example/a.jpg\n").expect("a list");
    fs::create_dir(folder.path().join("media")).expect("a root");
    for (args, code, says) in [
        (&["--fallback", &url][..], 1, "use --from FILE"),
        (
            &["--fallback", &url, "--from", "list"],
            1,
            "list:1: \"https://elsewhere.example/a.jpg\" is not below any fallback",
        ),
        (&["--fallback", &url, "--from", "nowhere"], 1, "the names cannot be read"),
        (&["--fallback", &url, "a[.jpg"], 2, "write '*.jpg'"),
        (&["--fallback", &url, "--fallback-store=no"], 2, "remove --fallback-store=no"),
        (&[], 2, "no mount has a fallback"),
        (&["--fallback", "www.example.com"], 2, "write https://www.example.com/media/"),
    ] {
        let ended = pull(&folder, args, None);
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
        assert!(ended.stderr.join(" ").contains(says), "{args:?}: {ended:?}");
    }
}

#[test]
fn secrets_appear_in_no_problem_and_no_report() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("media")).expect("a root");
    for (field, code) in [
        ("Authorization: Bearer s3cret\u{7f}", 2),
        ("Authorization Bearer s3cret", 2),
        ("Author ization: s3cret", 2),
        ("Host: s3cret", 2),
        ("Authorization: env:MISSING s3cret", 2),
        ("Authorization=s3cret", 2),
        ("s3cret", 2),
        ("Authorization\ts3cret", 2),
        ("Host: it's s3cret", 2),
        ("Authorization: it's s3cret\u{7f}", 2),
        ("Authorization: env:TOKEN", 0),
        ("Authorization: s3cret", 0),
    ] {
        let mut command = crate::support::command();
        command.current_dir(folder.path()).env("TOKEN", "s3cret\n");
        command.args(["check", "--fallback", "http://localhost:1/", "--fallback-header", field]);
        let ended = run(command);
        assert_eq!(ended.code, Some(code), "{field}: {ended:?}");
        assert!(!format!("{ended:?}").contains("s3cret"), "{field}: {ended:?}");
    }
}

#[test]
fn another_devmedia_can_be_pulled_from() {
    let production = Server::start(Way::Fast, &[]);
    production.put("a/b.jpg", "whole");
    production.put("a/c.txt", "whole");
    let folder = tempfile::tempdir().expect("a folder");
    let ended = pull(&folder, &["--fallback", &production.urls[0], "*.jpg"], None);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(files(&folder.path().join("media")), [("a/b.jpg".to_owned(), b"whole".to_vec())].into());
    let check = Command::new(env!("CARGO_BIN_EXE_devmedia"))
        .args(["check", "--fallback", &production.urls[0], "--placeholder=status"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8(check.stdout).expect("text");
    assert!(text.contains(&format!("fallback       {}, stored", production.urls[0])), "{text}");
    assert!(text.contains("placeholder    with status 404"), "{text}");
}

/// A mount below another mount has its own folder. The outer mount never serves files from there.
#[test]
fn a_file_is_stored_for_the_mount_that_serves_it() {
    let upstream = Upstream::start(|_, stream| {
        use std::io::Write as _;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    });
    let folder = tempfile::tempdir().expect("a folder");
    let url = upstream.url();
    let text = format!(
        "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\nfallback = \"{url}\"\n\
         [[mount]]\nurl = \"/media/inner/\"\nroot = \"inner\"\nfallback = \"{url}inner/\"\n"
    );
    fs::write(folder.path().join("devmedia.toml"), text).expect("the configuration");
    let list = format!("/media/inner/a.jpg\n{url}inner/b.jpg\ninner/c.jpg\n/media/d.jpg\n");
    fs::write(folder.path().join("list"), list).expect("a list");
    let ended = pull(&folder, &["--from", "list"], None);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(files(&folder.path().join("inner")).into_keys().collect::<Vec<_>>(), ["a.jpg", "b.jpg"]);
    assert_eq!(files(&folder.path().join("media")).into_keys().collect::<Vec<_>>(), ["d.jpg"]);
}
