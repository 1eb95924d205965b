//! The code in `docs/signed-urls.md`: the server accepts the URLs that it prints in each language.

use std::fs;
use std::process::Command;

use super::{SECRET, server};
use crate::support::skip;

/// A heading of the page, a file name for its code, and the command that runs the file. The path to sign follows.
const LANGUAGES: [(&str, &str, &[&str]); 5] = [
    ("Python", "sign.py", &["python3"]),
    ("JavaScript", "sign.js", &["node"]),
    ("Ruby", "sign.rb", &["ruby"]),
    ("PHP", "sign.php", &["php"]),
    ("Go", "sign.go", &["go", "run"]),
];

/// Kept between runs: if it is empty, Go first compiles its standard library.
const GO_CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/go");

/// The code below a heading.
fn code<'a>(page: &'a str, heading: &str) -> &'a str {
    let section = page.split(&format!("### {heading}\n")).nth(1).expect("its heading");
    section.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("its code").1
}

#[test]
fn the_documented_code_creates_valid_urls() {
    let config = format!(
        "[[mount]]
         url = '/private/'
         root = 'media'
         access = {{ signed = 'hmac', secret = '{SECRET}' }}"
    );
    let server = server(&config, &[]);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/signed-urls.md")).expect("the page");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (language, file, command) in LANGUAGES {
        if Command::new(command[0]).arg("--version").output().is_err() {
            skip(format_args!("{language}; there is no {}", command[0]));
            continue;
        }
        let file = folder.path().join(file);
        fs::write(&file, code(&page, language)).expect("the code");
        for path in ["a.jpg", "été à la plage/b+c & d.jpg", "100%/(1)~'x'.jpg", "no/such?name#x"] {
            server.put(path, path);
            let mut run = Command::new(command[0]);
            run.args(&command[1..]).arg(&file).arg(format!("/private/{path}"));
            let output = run.env("MEDIA_SECRET", SECRET).env("GOCACHE", GO_CACHE).output().expect("it runs");
            assert!(output.status.success(), "{language}: {}", String::from_utf8_lossy(&output.stderr));
            let url = String::from_utf8(output.stdout).expect("a URL");
            let answer = server.get(url.trim_end());
            assert_eq!((answer.status, answer.text().as_str()), (200, path), "{language}: {url}");
            assert_eq!(server.request("HEAD", url.trim_end(), &[]).status, 200, "{language}: {url}");
            assert_eq!(server.get(url.trim_end().replace("expires=", "expires=9")).status, 403, "{language}: {url}");
        }
    }
}
