//! `[[mount.rule]]`, and that no other way leads past a rule.

use std::fs;
use std::os::unix::fs::symlink;

use super::app::App;
use crate::support::{SECRET, Server, Way};

const NO: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\n\r\nMembers only";

/// `/media/` for everybody but for its `private` folder; `/other/` beside it.
fn guarded(policy: &str) -> Server {
    Server::prepared(Way::Fast, &["--upload"], |folder| {
        fs::create_dir_all(folder.join("media/private/deep")).expect("the folder");
        fs::create_dir(folder.join("other")).expect("the folder");
        for name in ["media/private/x.txt", "media/private/deep/y.txt"] {
            fs::write(folder.join(name), SECRET).expect("the file");
        }
        fs::write(folder.join("media/open.txt"), "open").expect("the file");
        symlink("private", folder.join("media/link")).expect("a link");
        symlink("private/x.txt", folder.join("media/link.txt")).expect("a link");
        symlink(folder.join("media/private/x.txt"), folder.join("media/absolute.txt")).expect("a link");
        let text = format!(
            "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n\n[[mount.rule]]\nmatch = \"private/**\"\n\
             access = {policy}\n\n[[mount]]\nurl = \"/other/\"\nroot = \"other\"\n"
        );
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
    })
}

/// The policies that let nobody in who asks without more.
fn policies(app: &App) -> [String; 5] {
    [
        r#""deny""#.to_owned(),
        format!(r#"{{ ask = "{}" }}"#, app.url()),
        r#"{ signed = "hmac", secret = "s" }"#.to_owned(),
        r#"{ signed = "secure_link", secret = "s" }"#.to_owned(),
        r#"{ signed = "s3", access_key = "k", secret = "s" }"#.to_owned(),
    ]
}

/// [`Server::request`] fails the test where an answer holds the secret.
#[test]
fn no_other_spelling_leads_past_a_rule() {
    let app = App::saying(NO);
    for policy in policies(&app) {
        let server = guarded(&policy);
        for target in [
            "/media/private/x.txt",
            "/media/%70rivate/x.txt",
            "/media/%50RIVATE/x.txt",
            "/media/PRIVATE/X.TXT",
            "/media//private/x.txt",
            "/media/private//x.txt",
            "/media/./private/x.txt",
            "/media/private/./x.txt",
            "/media/private/%2e/x.txt",
            "/media/private%2Fx.txt",
            "/media/%2fprivate%2fx.txt",
            "//media/private/x.txt",
            "/%6dedia/private/x.txt",
            "/media/private/x.txt/",
            "/media/private/x.txt?",
            "/media/private/x.txt#a",
            "/media/private/x.txt?/media/open.txt",
            "/media/open.txt/../private/x.txt",
            "/media/open.txt%2f..%2fprivate/x.txt",
            "/media/private;a=b/x.txt",
            "/media/private\\x.txt",
            "/media/private%5Cx.txt",
            "/media/private/x.txt%00",
            "/media/private/x.txt%20",
            "/media/private/x.txt.",
            "/media/private/deep/y.txt",
            "/media/link/x.txt",
            "/media/link/deep/y.txt",
            "/media/link.txt",
            "/media/absolute.txt",
            "/media/private/x.txt?thumbnail=64",
            "/media/private/x.txt?format=json",
            "http://localhost/media/private/x.txt",
        ] {
            for method in ["GET", "HEAD"] {
                for fields in
                    [&[][..], &[("Range", "bytes=0-3")], &[("If-None-Match", "*")], &[("Accept", "text/html")]]
                {
                    let answer = server.request(method, target, fields);
                    assert!(answer.status >= 400, "{policy} {method} {target} {fields:?}: {answer:?}");
                    assert_eq!(answer.field("etag"), "", "{policy} {target}");
                }
            }
        }
        for target in
            ["/media/private/", "/media/private", "/media/link/", "/media/private/?events", "/media/link/?events"]
        {
            let answer = server.get(target);
            assert!(answer.status >= 400, "{policy} {target}: {answer:?}");
            assert!(!answer.text().contains("x.txt") && !answer.text().contains("deep"), "{answer:?}");
        }
        for target in ["/media/private/new.txt", "/media/link/new.txt", "/media/PRIVATE/new.txt"] {
            assert!(server.request("PUT", target, &[("Content-Length", "0")]).status >= 400, "{policy} {target}");
        }
        for target in ["/media/private/x.txt", "/media/link/x.txt", "/media/link.txt"] {
            assert!(server.request("DELETE", target, &[]).status >= 400, "{policy} {target}");
        }
        assert!(server.root.join("private/x.txt").exists() && !server.root.join("private/new.txt").exists());
        assert_eq!(server.get("/media/open.txt").text(), "open");
    }
}

#[test]
fn what_is_guarded_is_not_named_elsewhere() {
    let app = App::saying(NO);
    for policy in policies(&app) {
        let server = guarded(&policy);
        // a listing of what everybody may see
        let names: Vec<String> = server
            .get("/media/?format=json")
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["name"].as_str().expect("a name").to_owned())
            .collect();
        assert_eq!(names, ["absolute.txt", "link", "link.txt", "open.txt"], "{policy}");
        let listing = server.get("/media/?format=json").json();
        assert_eq!(listing[0]["size"], serde_json::Value::Null, "what is behind the link is not told");
        // what was probably meant: by case, by extension, on another mount, by a mistyped prefix
        for target in [
            "/media/privat/x.txt",
            "/media/x.txt",
            "/media/Private",
            "/other/private/x.txt",
            "/private/x.txt",
            "/mediaa/private/x.txt",
            "/media/media/private/x.txt",
            "/media/link/X.txt",
            "/media/link.TXT",
        ] {
            let answer = server.get(target);
            assert!(answer.status >= 400, "{target}");
            assert!(!answer.text().contains("private/x.txt ?"), "{policy} {target}: {}", answer.text());
            assert!(!answer.text().contains("link.txt ?"), "{policy} {target}: {}", answer.text());
        }
        assert!(server.get("/media/OPEN.txt").text().contains("Did you mean /media/open.txt ?"), "others still are");
    }
}

#[test]
fn a_rule_says_how_a_file_is_served() {
    let server = Server::prepared(Way::Fast, &[], |folder| {
        fs::create_dir_all(folder.join("media/docs")).expect("the folder");
        for name in ["docs/r\u{e9}sum\u{e9}.pdf", "a.svg", "b.txt"] {
            fs::write(folder.join("media").join(name), "%PDF").expect("the file");
        }
        let text = r#"
            [[mount]]
            url = "/media/"
            root = "media"
            cache_control = "max-age=1"

            [[mount.rule]]
            match = ["*.pdf", "*.svg"]
            cache_control = "public, max-age=3600"
            disposition = "attachment"
            headers = { X-Robots-Tag = "noindex", Content-Security-Policy = "frame-ancestors 'none'" }

            [[mount.rule]]
            match = "**"
            disposition = "inline"
        "#;
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
    });
    let pdf = server.settled("/media/docs/r%C3%A9sum%C3%A9.pdf");
    assert_eq!(pdf.field("cache-control"), "public, max-age=3600");
    assert_eq!(pdf.field("content-disposition"), "attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf");
    assert_eq!(pdf.field("x-robots-tag"), "noindex");
    let svg = server.get("/media/a.svg");
    assert_eq!(svg.field("content-security-policy"), "sandbox, frame-ancestors 'none'", "the sandbox stays");
    let text = server.get("/media/b.txt");
    assert_eq!(text.field("content-disposition"), "inline; filename=\"b.txt\"", "the first match decides");
    assert_eq!(text.field("cache-control"), "max-age=1");
    let same = server.request("GET", "/media/docs/r%C3%A9sum%C3%A9.pdf", &[("If-None-Match", pdf.field("etag"))]);
    assert_eq!((same.status, same.field("cache-control")), (304, "public, max-age=3600"));
}
