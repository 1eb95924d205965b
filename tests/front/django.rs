//! A real Django project behind one origin: started by devmedia, with its own settings untouched.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use super::ask;
use crate::support::process::Process;
use crate::support::{self, Answer, python};

/// A browser, as far as Django sees one: cookies, and the fields by which it recognises a form of another site.
struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn ask(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (cookie, origin) = (cookies.join("; "), format!("http://{}", self.address));
        let mut all = vec![("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "same-origin")];
        if method == "POST" {
            all.push(("Origin", &origin));
        }
        let answer = ask(self.address, method, target, &[&all, fields].concat(), body);
        for name in ["csrftoken", "sessionid"] {
            let value =
                answer.field("set-cookie").split(&format!("{name}=")).nth(1).and_then(|rest| rest.split(';').next());
            if let Some(value) = value {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn get(&mut self, target: &str) -> Answer {
        self.ask("GET", target, &[], b"")
    }
}

#[cfg(target_os = "linux")]
#[test]
fn log_in_admin_static_files_forms_and_protected_files_work() {
    let Some(python) = python(&["django"]) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["media", "protected"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    fs::write(folder.path().join("protected/report.pdf"), "%PDF for members").expect("the file");
    fs::write(folder.path().join("project.py"), include_str!("project.py")).expect("the project");
    let configuration = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n\n\
                         [[mount]]\nurl = \"/protected/\"\nroot = \"protected\"\ninternal = true\n";
    fs::write(folder.path().join("devmedia.toml"), configuration).expect("the configuration");
    let mut command = support::command();
    command.current_dir(folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["run", "--debug", "--listen", "127.0.0.1:0", "--"]);
    command.args([&python, "project.py", "runserver", "--noreload", "0"]);
    let process = Process::start(command);
    let url = process.stdout.with("http://127.0.0.1:");
    // Django prints its own address first
    let url = if url.ends_with('/') && !url.contains("development server") {
        url
    } else {
        process.stdout.with("http://127.0.0.1:")
    };
    let address = url.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
    let mut browser = Browser { address, cookies: BTreeMap::new() };

    let stranger = browser.get("/files/report.pdf");
    assert_eq!((stranger.status, stranger.field("location")), (302, "/admin/login/?next=/files/report.pdf"));

    let page = browser.get("/admin/login/?next=/admin/");
    assert_eq!(page.status, 200, "{page:?}");
    let token = page
        .text()
        .split("csrfmiddlewaretoken\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token")
        .to_owned();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("csrfmiddlewaretoken={token}&username=ada&password=lovelace&next=/admin/");
    let forged = [form[0], ("Origin", "https://evil.example")];
    assert_eq!(
        ask(address, "POST", "/admin/login/", &forged, body.as_bytes()).status,
        403,
        "CSRF is Django's own affair"
    );
    let answer = browser.ask("POST", "/admin/login/", &form, body.as_bytes());
    assert_eq!((answer.status, answer.field("location")), (302, "/admin/"), "{}", answer.text());
    assert!(browser.get("/admin/").text().contains("Site administration"));
    let style = browser.get("/static/admin/css/base.css");
    assert_eq!((style.status, style.field("content-type")), (200, "text/css"));

    let token = browser.get("/upload/").text();
    let boundary = "xxboundaryxx";
    let multipart = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n{}\r\n--{boundary}--\r\n",
        "uploaded ".repeat(100_000)
    );
    let kind = format!("multipart/form-data; boundary={boundary}");
    let stored = browser.ask("POST", "/upload/", &[("Content-Type", &kind)], multipart.as_bytes());
    assert_eq!((stored.status, stored.text().as_str()), (200, "/media/a.txt"), "{stored:?}");
    let media = browser.get("/media/a.txt");
    assert_eq!((media.status, media.body.len()), (200, 900_000), "MEDIA_URL leads to devmedia");
    assert_eq!(media.field("x-content-type-options"), "nosniff");

    assert_eq!(browser.get("/stream/").text(), "line 0\nline 1\nline 2\n");
    assert_eq!(browser.get("/where/").text(), format!("{url}here/"), "Django knows the URL that the browser sees");
    let part = browser.ask("GET", "/files/report.pdf", &[("Range", "bytes=0-3")], b"");
    assert_eq!((part.status, part.text().as_str(), part.field("content-type")), (206, "%PDF", "application/pdf"));
    assert_eq!(browser.get("/protected/report.pdf").status, 404);

    process.signal(rustix::process::Signal::INT);
    process.end();
}
