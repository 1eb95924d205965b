//! Unusual file names (peers.md section 4, miniserve's FILES): each must be listed and can be requested.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::start;
use crate::support::{Server, skip, skip_on_windows};

const NAMES: &[&[u8]] = &[
    b"plain.txt",
    b"with space.txt",
    b" leading and trailing ",
    b"double\"quote.txt",
    b"single'quote.txt",
    b"back`tick.txt",
    b"hash#tag.txt",
    b"question?.txt",
    b"100%.txt",
    b"%20.txt",
    b"%2e%2e%2fsecret.txt",
    b"%00",
    b"a&b=c;d.txt",
    b"a+b.txt",
    b"semi;colon,comma.txt",
    b"<img src=x onerror=alert(1)>.txt", // SWS CVE-2024-32966
    b"<!--rows-->",
    b"&lt;b&gt;&amp;",
    b"javascript:alert(1)",
    b"c:\\windows",
    b"..\\..\\x",
    b"dots...",
    b"tilde~1",
    b"[brackets]{braces}|pipe^",
    b"$DATA::x*",
    b"new\nline.txt",
    b"carriage\rreturn.txt",
    b"tab\t.txt",
    b"escape\x1b[2J.txt",
    b"delete\x7f",
    "emoji \u{1f600}\u{1f468}\u{200d}\u{1f469}.jpg".as_bytes(),
    "nfc \u{e9}t\u{e9}.jpg".as_bytes(),
    "nfd e\u{301}te\u{301}.jpg".as_bytes(),
    "\u{e9}.jpg".as_bytes(),
    "e\u{301}.jpg".as_bytes(),
    "\u{202e}gpj.exe".as_bytes(), // displayed right to left
    "\u{65e5}\u{672c}\u{8a9e}.png".as_bytes(),
    b"latin-1 \xe9.jpg",
    b"\xff\xfe\x80",
    b"\xc0\xae\xc0\xae",
];

/// A server with a file for each name in `names/`, whose content is its number, and a folder for each name in
/// `folders/`.
fn server() -> Option<Server> {
    if skip_on_windows("files on Windows cannot have these names") {
        return None;
    }
    // names that start with a dot have their own tests
    let server = start(&["--hidden"]);
    for folder in ["names", "folders"] {
        std::fs::create_dir(server.root.join(folder)).expect("a folder");
    }
    for (number, name) in NAMES.iter().enumerate() {
        if let Err(error) = std::fs::write(server.root.join("names").join(OsStr::from_bytes(name)), number.to_string())
        {
            skip(format_args!("this file system has no name {}: {error}", name.escape_ascii()));
            return None;
        }
        let folder = server.root.join("folders").join(OsStr::from_bytes(name));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("x"), number.to_string()).expect("a file");
    }
    Some(server)
}

fn numbers() -> BTreeSet<String> {
    (0..NAMES.len()).map(|number| number.to_string()).collect()
}

/// The raw `href`s of the rows of a listing.
fn hrefs(html: &str) -> Vec<&str> {
    let rows = html.split_once("<tbody").expect("a table").1.rsplit_once("</tbody>").expect("its end").0;
    rows.split("<a href=\"").skip(1).map(|rest| rest.split_once('"').expect("a quote").0).collect()
}

#[test]
fn every_name_can_be_requested_by_its_url_in_the_listing() {
    let Some(server) = server() else { return };
    let json = server.get("/media/names/?format=json").json();
    let urls: Vec<String> =
        json.as_array().expect("a list").iter().map(|item| item["url"].as_str().expect("a URL").to_owned()).collect();
    let html = server.get("/media/names/?format=html").text();
    let relative = hrefs(&html).into_iter().map(|href| format!("/media/names/{href}")).collect::<Vec<_>>();
    let text = server.get("/media/names/?format=text").text();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (form, urls) in [("JSON", urls), ("HTML", relative), ("text", lines)] {
        assert_eq!(urls.len(), NAMES.len(), "{form}");
        let mut found = BTreeSet::new();
        for url in &urls {
            assert!(url.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>`\\{}|^".contains(&b)), "RFC 3986: {url}");
            let answer = server.get(url);
            assert_eq!(answer.status, 200, "{form} {url}");
            found.insert(answer.text());
        }
        assert_eq!(found, numbers(), "{form}: each name once");
    }
}

#[test]
fn every_name_can_be_requested_with_all_characters_escaped() {
    let Some(server) = server() else { return };
    for (number, name) in NAMES.iter().enumerate() {
        let escaped: String = name.iter().map(|b| format!("%{b:02x}")).collect();
        assert_eq!(server.get(format!("/media/names/{escaped}")).text(), number.to_string(), "{}", name.escape_ascii());
    }
}

#[test]
fn a_folder_with_any_name_can_be_listed() {
    let Some(server) = server() else { return };
    let html = server.get("/media/folders/?format=html").text();
    let folders: Vec<String> = hrefs(&html).into_iter().map(|href| format!("/media/folders/{href}")).collect();
    let mut found = BTreeSet::new();
    for url in &folders {
        let listing = server.request("GET", url, &[("Accept", "application/json")]);
        assert_eq!(listing.status, 200, "{url}");
        let file = listing.json()[0]["url"].as_str().expect("a URL").to_owned();
        assert_eq!(file, format!("{url}x"));
        found.insert(server.get(&file).text());
        let without = url.strip_suffix('/').expect("a folder's URL ends in a slash");
        let redirect = server.get(without);
        assert_eq!((redirect.status, redirect.field("location")), (302, url.as_str()));
    }
    assert_eq!(found, numbers());
}

#[test]
fn hostile_names_are_escaped_in_pages() {
    let Some(server) = server() else { return };
    let pages = [
        server.request("GET", "/media/names/", &[("Accept", "text/html")]).text(),
        server.request("GET", "/media/folders/%3Cimg%20src=x%20onerror=alert(1)%3E.txt/", &[]).text(),
        server
            .request("GET", "/media/names/%3Cimg%20src=x%20onerror=alert(1)%3E.tx", &[("Accept", "text/html")])
            .text(),
        server.request("GET", "/%3Cimg%20src=x%3E", &[("Accept", "text/html")]).text(),
        server.request("GET", "/media/?%3Cimg%20src=x%3E&\"><img", &[("Accept", "text/html")]).text(), // dufs #669
    ];
    for page in &pages {
        assert!(!page.contains("<img src=x"), "{page}");
        for acts in ['\u{1b}', '\u{202e}', '\u{7f}', '\r'] {
            assert!(!page.contains(acts), "{acts:?} acts on a page or a terminal");
        }
        assert!(!page.contains("href=\"javascript:"), "{page}");
    }
    assert!(pages[0].contains("&lt;img src=x"), "and it is still readable");
    let text = server.get("/media/names/?format=text").text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
}

#[test]
fn hostile_names_are_escaped_in_the_log() {
    let server = start(&[]);
    // Rack CVE-2025-27111, dufs #691
    server.get("/media/a%0d%0a%1b%5b2Jforged%20line");
    let line = server.logged("forged line");
    assert!(line.starts_with('{') && line.contains("404"), "still one line: {line}");
    assert!(!line.contains('\u{1b}'), "{line}");
}

#[test]
fn two_unicode_forms_are_two_names() {
    let server = start(&[]);
    server.put("\u{e9}.txt", "composed");
    server.put("e\u{301}.txt", "decomposed");
    if std::fs::read_dir(&server.root).expect("our folder").count() < 2 {
        skip("this file system takes the two for one");
        return;
    }
    assert_eq!(server.get("/media/%C3%A9.txt").text(), "composed");
    assert_eq!(server.get("/media/e%CC%81.txt").text(), "decomposed");
    // raw UTF-8, as some clients send it
    assert_eq!(server.get("/media/\u{e9}.txt").text(), "composed");
    assert_eq!(server.get("/media/e\u{301}.txt").text(), "decomposed");
}
