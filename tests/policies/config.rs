//! `devmedia.toml`, `devmedia check` and `devmedia sign`.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::process::{Ended, Process, run};
use crate::support::{Server, Way, command, skip_on_windows};

/// A folder with a `media` folder and a configuration file.
fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["media", "members", "elsewhere"] {
        fs::create_dir(folder.path().join(name)).expect("a root");
    }
    fs::write(folder.path().join("devmedia.toml"), text).expect("the configuration");
    folder
}

fn devmedia(folder: &Path, args: &[&str]) -> Command {
    let mut command = command();
    command.current_dir(folder).args(args);
    command
}

fn check(text: &str, args: &[&str]) -> Ended {
    let folder = folder(text);
    run(devmedia(folder.path(), &[&["check"], args].concat()))
}

#[test]
fn problems_name_the_line_and_a_correction() {
    const MOUNT: &str = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n";
    for (text, says) in [
        ("graze = \"1s\"", r#"devmedia.toml:1: unknown key "graze"; did you mean grace?"#),
        ("[[mout]]\nurl = \"/a/\"", r#"devmedia.toml:1: unknown key "mout"; did you mean mount?"#),
        ("debug = true", "a file that is deployed by accident must not turn debugging on"),
        ("root = \"media\"", "root belongs to a mount; write it below [[mount]]"),
        (
            "grace = \"5 apples\"",
            r#"devmedia.toml:1: grace = "5 apples": not a duration; write one such as 10s, 500ms or 1m"#,
        ),
        ("hidden = \"perhaps\"", "neither yes nor no; write true or false"),
        ("listen = 80.5", "devmedia.toml:1: listen is not a text; write listen = \"...\""),
        ("listen = [\"nowhere\"]", "not an IP address and a port"),
        ("mount = { url = \"/a/\" }", "write [[mount]] in double brackets"),
        ("a = [", "devmedia.toml:1: this is not TOML"),
        ("[[mount]]\nurl = \"/media/\"", "devmedia.toml:1: this [[mount]] has no root"),
        (
            "[[mount]]\nurl = \"/media/\"\nroot = \"nowhere\"",
            "devmedia.toml:3: root = \"nowhere\": there is no folder ",
        ),
        ("{M}acess = \"deny\"", r#"devmedia.toml:4: unknown key "acess"; did you mean access?"#),
        ("{M}access = \"private\"", r#"access = "private": not an access rule; write "public", "deny""#),
        ("{M}access = {}", "devmedia.toml:4: access is either { ask = \"http://...\" } or { signed = \"...\" }"),
        (
            "{M}access = { ask = \"localhost:8000\" }",
            "not the address of an app; write one such as http://127.0.0.1:8000/",
        ),
        ("{M}access = { ask = \"https://a/\" }", "devmedia asks the app over http, not https"),
        ("{M}access = { ask = \"http://u:p@a/\" }", "it contains a user name or a password"),
        ("{M}access = { ask = \"http://a/\", cache = \"1m\" }", "an approval is remembered for 10s at most"),
        ("{M}access = { ask = \"http://a/\", copy = \"X User\" }", "not a header name"),
        (
            "{M}access = { signed = \"hmac\" }",
            "signed access needs a secret; write secret = { env = \"MEDIA_SECRET\" }",
        ),
        ("{M}access = { signed = \"hmac\", secret = { env = \"NONE\" } }", "the variable NONE is not set"),
        ("{M}access = { signed = \"hmac\", secret = { file = \"none\" } }", "none cannot be read"),
        ("{M}access = { signed = \"hmac\", secret = \"\" }", "the secret is empty"),
        ("{M}access = { signed = \"jwt\", secret = \"s\" }", "not a kind of signature; write secure_link, hmac or s3"),
        ("{M}access = { signed = \"s3\", secret = \"s\" }", "access_key is missing"),
        ("{M}[[mount.rule]]\naccess = \"deny\"", "devmedia.toml:4: this [[mount.rule]] has no match"),
        ("{M}[[mount.rule]]\nmatch = \"a[\"", "match = \"a[\":"),
        ("{M}[[mount.rule]]\nmatch = \"*\"\ndisposition = \"save\"", "write attachment or inline"),
        ("{M}[[mount.rule]]\nmatch = \"*\"\nheaders = { Content-Length = 1 }", "devmedia sets this header itself"),
        ("{M}[[mount.rule]]\nmatch = \"/media/a/**\"", "patterns are relative to the mount; write a/**"),
        ("{M}[[mount.rule]]\nmatch = \"./a/**\"", "it has an empty segment, '.' or '..'"),
        ("{M}[[mount.rule]]\nmatch = \"*\"\nupload = true", "write upload in the [[mount]], not in its rule"),
        ("{M}access = { ask = \"http://a/\", timeout = \"0s\" }", "too short for any app"),
        ("{M}access = { ask = \"http://a/\", copy = \"Content-Length\" }", "devmedia sets this header itself"),
        ("{M}access = { signed = \"hmac\", secret = \"s\", cache = \"1s\" }", "it is valid only beside ask"),
        ("[mount]\nurl = \"/a/\"", "write [[mount]] in double brackets"),
        ("[[mount.rule]]\nmatch = \"*\"\n{M}", "a [[mount.rule]] stands below its [[mount]]"),
        ("{M}[[mount]]\nurl = \"/media\"\nroot = \"members\"", "two mounts have the prefix /media/"),
    ] {
        let ended = check(&text.replace("{M}", MOUNT), &[]);
        assert_eq!((ended.code == Some(0), ended.stdout.len()), (false, 0), "{text}: {ended:?}");
        assert!(ended.stderr.iter().any(|line| line.contains(says)), "{text}: {says:?} in {:#?}", ended.stderr);
        assert!(!ended.stderr.iter().any(|line| line.contains("panicked")), "{ended:?}");
    }
    let both = check("graze = 1\nhiden = true", &[]);
    assert_eq!(both.stderr.len(), 2, "all problems at once: {both:?}");
}

/// Configuration pasted from nginx contains the secret, and a URL may contain a password or a key.
#[test]
fn problems_never_show_a_secret() {
    const MOUNT: &str = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n";
    for access in [
        r#"{ signed = "secure_link", secret = "hunter2", expression = "$nothing hunter2" }"#,
        r#"{ signed = "secure_link", secret = "hunter2", link = "hunter2" }"#,
        r#"{ ask = "http://u:hunter2@127.0.0.1/" }"#,
    ] {
        let ended = check(&format!("{MOUNT}access = {access}"), &[]);
        assert_eq!(ended.code, Some(2), "{access}");
        assert!(!ended.stderr.join("\n").contains("hunter2"), "{access}: {ended:?}");
    }
    let ended = check(&format!("{MOUNT}access = {{ ask = \"http://127.0.0.1:9/?key=hunter2\" }}"), &[]);
    assert!(ended.code == Some(0) && !ended.stdout.join("\n").contains("hunter2"), "{ended:?}");
}

/// If a deployment's link points to a removed release, the access rules must not disappear with it.
#[test]
fn a_configuration_file_that_is_a_dangling_link_is_an_error() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    let folder = folder("");
    fs::remove_file(folder.path().join("devmedia.toml")).expect("the file");
    std::os::unix::fs::symlink("gone", folder.path().join("devmedia.toml")).expect("a link");
    let ended = run(devmedia(folder.path(), &["check"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr[0].contains("the configuration cannot be read"), "{ended:?}");
}

#[test]
fn a_named_configuration_file_must_exist() {
    let ended = check("", &["--config", "nowhere.toml"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr[0].contains(r#"--config "nowhere.toml": the configuration cannot be read"#), "{ended:?}");
}

#[test]
fn flags_and_environment_override_the_file() {
    let text = "grace = \"3s\"\ncache_control = \"max-age=3\"\n\n[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n\n\
                [[mount]]\nurl = \"/members/\"\nroot = \"members\"\ncache_control = \"max-age=4\"\nupload = true\n";
    let stdout = |args: &[&str]| check(text, args).stdout.join("\n");
    let plain = stdout(&[]);
    assert!(
        plain.contains("grace          3 s") && plain.contains("max-age=3") && plain.contains("max-age=4"),
        "{plain}"
    );
    assert_eq!(plain.matches("upload         up to").count(), 1);
    let flags = stdout(&["--grace", "5s", "--cache-control", "max-age=5", "--upload=/media/"]);
    assert!(flags.contains("grace          5 s"), "{flags}");
    assert_eq!(flags.matches("max-age=5").count(), 2, "a flag applies to all mounts: {flags}");
    assert!(flags.find("upload         up to") < flags.find("/members/"), "{flags}");
    let moved = stdout(&["--root", "elsewhere", "--url", "/m/", "--mount", "/members/=media", "--mount", "/x/=media"]);
    let of = |prefix: &str| {
        let (_, rest) = moved.split_once(&format!("\n{prefix}\n  root")).unwrap_or_else(|| panic!("{prefix}: {moved}"));
        rest.lines().next().expect("a root").to_owned()
    };
    assert!(of("/m/").ends_with("/elsewhere") && of("/members/").ends_with("/media") && of("/x/").ends_with("/media"));

    let folder = folder("grace = \"nonsense\"");
    let mut by_environment = devmedia(folder.path(), &["check"]);
    by_environment.env("DEVMEDIA_GRACE", "7s");
    let ended = run(by_environment);
    assert_eq!(ended.code, Some(0), "an overridden value is not parsed: {ended:?}");
}

#[test]
fn roots_are_relative_to_the_configuration_file_which_the_log_names() {
    let folder = folder("[[mount]]\nurl = \"/media/\"\nroot = \"media\"\n");
    fs::write(folder.path().join("media/a.txt"), "a").expect("a file");
    let below = folder.path().join("elsewhere");
    let process =
        Process::start(devmedia(&below, &["--debug", "--listen", "127.0.0.1:0", "--config", "../devmedia.toml"]));
    process.ready();
    assert!(process.stderr.next().is_some_and(|line| line.contains("configured by ../devmedia.toml")));
}

#[test]
fn check_shows_each_policy_without_secrets() {
    let text = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\naccess = { signed = \"hmac\", secret = \"hunter2\" }\n\
                [[mount.rule]]\nmatch = [\"a/**\", \"*.pdf\"]\naccess = \"deny\"\n\
                [[mount]]\nurl = \"/members/\"\nroot = \"members\"\naccess = { ask = \"http://127.0.0.1:9/\" }\n";
    let said = check(text, &[]).stdout.join("\n");
    for part in [
        "access         signed: hmac",
        r#""a/**", "*.pdf""#,
        "deny",
        "access         ask: http://127.0.0.1:9/, 10 s at most",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("hunter2"));
    let overlap = "[[mount]]\nurl = \"/all/\"\nroot = \".\"\n[[mount]]\nurl = \"/members/\"\nroot = \"members\"\naccess = \"deny\"\n";
    let said = check(overlap, &[]).stdout.join("\n");
    assert!(said.contains("warning: /all/ and /members/ share a folder"), "{said}");
}

#[test]
fn the_landing_page_shows_each_policy() {
    let server = Server::prepared(Way::Fast, &[], |folder| {
        let text =
            "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\naccess = { signed = \"hmac\", secret = \"hunter2\" }\n";
        fs::write(folder.join("devmedia.toml"), text).expect("the configuration");
    });
    let landing = server.request("GET", "/", &[("Accept", "application/json")]);
    assert_eq!(landing.json()["mounts"][0]["access"], "hmac");
    let page = server.request("GET", "/", &[("Accept", "text/html")]);
    assert!(page.text().contains("hmac") && !page.text().contains("hunter2"));
}

#[test]
fn a_url_from_sign_is_accepted() {
    for policy in [
        r#"{ signed = "hmac", secret = "s" }"#,
        r#"{ signed = "secure_link", secret = "s" }"#,
        r#"{ signed = "s3", access_key = "k", secret = "s" }"#,
    ] {
        let text = format!("[[mount]]\nurl = \"/media/\"\nroot = \"media\"\naccess = {policy}\n");
        let server = Server::prepared(Way::Fast, &[], |folder| {
            fs::write(folder.join("devmedia.toml"), &text).expect("the configuration");
        });
        server.put("a b.txt", "signed");
        let address = server.address.to_string();
        let ended =
            run(devmedia(&server.outside, &["sign", "/media/a%20b.txt", "--expires", "1d", "--listen", &address]));
        assert_eq!(ended.code, Some(0), "{policy}: {ended:?}");
        let target = ended.stdout[0].strip_prefix(&format!("http://{address}")).expect("a URL of the server");
        assert_eq!(server.get(target).text(), "signed", "{policy} {target}");
        assert!(server.logged("/media/a b.txt").contains("signed"), "{policy}");
        let other = target.replace("a%20b", "ab");
        assert_eq!(server.get(&other).status, 403, "{policy} {other}");
    }
    for (args, says) in [
        (&["sign", "/media/a.txt"][..], "needs no signature: its access is public"),
        (&["sign", "/nowhere/a.txt"], "no mount serves this path"),
        (&["sign", "/media/a.txt", "--expires", "soon"], "write one such as 10m, 1h or 7d"),
    ] {
        let folder = folder("");
        let ended = run(devmedia(folder.path(), args));
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr[0].contains(says), "{ended:?}");
    }
}
