//! A real Django project with session login controls access to a mount.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::client::{Fields, send};
use crate::support::{Answer, Server, Way, python};

const PROJECT: &str = include_str!("project.py");

/// A running project. Dropping it kills the process.
struct Django {
    child: Child,
    authority: String,
}

impl Django {
    fn start(python: &str) -> Self {
        let mut child = Command::new(python)
            .args(["-c", PROJECT])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the Python starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("the project's address");
        assert!(!line.is_empty(), "the project does not start");
        Self { child, authority: line.trim().to_owned() }
    }

    fn post(&self, target: &str, fields: Fields<'_>, body: &str) -> Answer {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let address = self.authority.parse().expect("an address");
        send(address, "POST", target, &[&form, fields].concat(), body.as_bytes())
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn logged_in_users_see_the_members_files() {
    let Some(python) = python(&["django"]) else { return };
    let django = Django::start(&python);
    let server = Server::prepared(Way::Fast, &[], |folder| {
        let text = format!(
            "[[mount]]\nurl = \"/members/\"\nroot = \"media\"\n\
             access = {{ ask = \"http://{}/media-auth/\", copy = \"X-User\" }}\n",
            django.authority
        );
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
        fs::create_dir(folder.join("media")).expect("the root");
    });
    // --root and --url of the test server apply to the first mount
    server.put("a b.txt", "for members");

    let stranger = server.get("/members/a%20b.txt?x=1");
    assert_eq!(stranger.status, 302);
    let login = stranger.field("location");
    assert_eq!(login, format!("http://{}/login/?next=/members/a%2520b.txt%3Fx%3D1", django.authority));

    let wrong = django.post("/login/", &[], "username=ada&password=wrong");
    assert_eq!((wrong.status, wrong.field("set-cookie")), (403, ""));
    let right = django.post("/login/", &[], "username=ada&password=lovelace");
    let session = right.field("set-cookie").split(';').next().expect("a cookie").to_owned();
    assert!(session.starts_with("sessionid="), "{right:?}");

    let cookie = [("Cookie", session.as_str())];
    let member = server.request("GET", "/members/a%20b.txt", &cookie);
    assert_eq!((member.status, member.text().as_str(), member.field("x-user")), (200, "for members", "ada"));
    let part = server.request("GET", "/members/a%20b.txt", &[cookie[0], ("Range", "bytes=0-2")]);
    assert_eq!((part.status, part.text().as_str()), (206, "for"));
    assert_eq!(server.request("GET", "/members/staff/a.txt", &cookie).status, 403, "Django's PermissionDenied");

    django.post("/logout/", &cookie, "");
    assert_eq!(server.request("GET", "/members/a%20b.txt", &cookie).status, 302, "logging out takes effect at once");
}
