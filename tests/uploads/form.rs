//! POST of a form.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;

use serde_json::Value;

use super::*;

fn names(answer: &Answer) -> Vec<String> {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.text()));
    let files = json["files"].as_array().expect("files");
    files.iter().map(|file| file["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn files_get_the_names_that_django_gives_them() {
    let server = server(&[]);
    server.put("taken.tar.gz", "old");
    let long = format!("form-data; name=f; filename={}.txt", "\u{e9}".repeat(250));
    for (disposition, expected) in [
        ("form-data; name=f; filename=\"my photo.JPG\"", "my_photo.JPG"),
        ("form-data; name=f; filename=\"C:\\Users\\me\\a.txt\"", "a.txt"),
        ("form-data; name=f; filename=\"../../../etc/passwd\"", "passwd"),
        ("form-data; name=f; filename=\"..&sol;..&sol;up.txt\"", "up.txt"),
        ("form-data; name=f; filename*=UTF-8''na%C3%AFve%20file.txt", "na\u{ef}ve_file.txt"),
        ("form-data; name=f; filename=\"<script>alert(1)</script>.html\"", "script.html"),
        ("form-data; name=f; filename=\"a\u{202e}gpj.exe\"", "agpj.exe"),
        ("form-data; name=f; filename=\"%2e%2e%2fx.txt\"", "2e2e2fx.txt"),
    ] {
        let answer = send(server.address, "POST", "/media/in/", &[FORM], &form(&[(disposition, b"content")]));
        assert_eq!(answer.status, 201, "{disposition}: {}", answer.text());
        assert_eq!(names(&answer), [format!("in/{expected}")], "{disposition}");
        assert_eq!(fs::read(server.root.join("in").join(expected)).expect("stored"), b"content", "{disposition}");
        assert_eq!(server.get(answer.field("location")).status, 200, "{disposition}");
    }
    let answer = send(server.address, "POST", "/media/", &[FORM], &form(&[(&long, b"")]));
    let [name] = &names(&answer)[..] else { panic!("one file") };
    assert!(name.len() <= 255 && name.starts_with("\u{e9}\u{e9}") && name.contains(".txt"), "{name}");

    let taken = form(&[("form-data; name=f; filename=taken.tar.gz", b"new")]);
    let answer = send(server.address, "POST", "/media/", &[FORM], &taken);
    let [name] = &names(&answer)[..] else { panic!("one file") };
    let random =
        name.strip_prefix("taken_").and_then(|rest| rest.strip_suffix(".tar.gz")).expect("before all suffixes");
    assert!(random.len() == 7 && random.bytes().all(|b| b.is_ascii_alphanumeric()), "{name}");
    assert_eq!(fs::read(server.root.join("taken.tar.gz")).expect("there"), b"old");
}

#[test]
fn many_files_are_stored_together_and_fields_are_passed_over() {
    let server = server(&[]);
    let body = form(&[
        ("form-data; name=csrf", b"token"),
        ("form-data; name=f; filename=a.txt", b"one"),
        ("form-data; name=f; filename=a.txt", b"two"),
        ("form-data; name=g; filename=\"\"", b""),
        ("form-data; name=g; filename=empty.bin", b""),
    ]);
    let answer = send(server.address, "POST", "/media/x/y", &[FORM], &body);
    let names = names(&answer);
    assert_eq!(
        (answer.status, names.len(), names[0].as_str(), names[2].as_str()),
        (201, 3, "x/y/a.txt", "x/y/empty.bin")
    );
    assert_eq!(fs::read(server.root.join(&names[1])).expect("stored"), b"two");
    assert_eq!(fs::read(server.root.join("x/y/empty.bin")).expect("stored"), b"");
    assert_eq!(files(&server.root).len(), 3);

    let browser = [FORM, ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let answer = send(server.address, "POST", "/media/x/y", &browser, &body);
    assert_eq!((answer.status, answer.field("location")), (303, "/media/x/y/"));
}

#[test]
fn upload_to_is_where_posts_to_the_top_go() {
    let server = server(&["--upload-to", "uploads/%Y/%m/"]);
    let body = form(&[("form-data; name=f; filename=a.txt", b"x")]);
    let [name] = &names(&send(server.address, "POST", "/media/", &[FORM], &body))[..] else { panic!("one file") };
    let parts: Vec<&str> = name.split('/').collect();
    assert!(matches!(parts[..], ["uploads", year, month, "a.txt"] if year.len() == 4 && month.len() == 2), "{name}");
    assert_eq!(names(&send(server.address, "POST", "/media/else/", &[FORM], &body)), ["else/a.txt"]);
}

#[test]
fn a_form_that_cannot_be_read_stores_nothing() {
    let server = server(&[]);
    let good: (&str, &[u8]) = ("form-data; name=f; filename=good.txt", b"good");
    let whole = form(&[good, ("form-data; name=f; filename=b.txt", b"content")]);
    let many: Vec<(&str, &[u8])> = vec![("form-data; name=a", b"1"); 1001];
    let files_101: Vec<(&str, &[u8])> = vec![("form-data; name=a; filename=a", b"1"); 101];
    let wide = format!("form-data; name=f; filename=x\r\nX-Wide: {}", "x".repeat(9000));
    let endless = format!("form-data; name=f; filename=x\r\nX-Wide: {}", "x".repeat(2_000_000));
    let other = [("Content-Type", "application/json")];
    let no_boundary = [("Content-Type", "multipart/form-data")];
    let rows: Vec<(&str, Fields<'_>, Vec<u8>, u16, &str)> = vec![
        ("truncated in a part", &[FORM], whole[..whole.len() - 30].to_vec(), 400, "last boundary"),
        ("truncated before the end", &[FORM], whole[..whole.len() - 4].to_vec(), 400, "last boundary"),
        ("empty", &[FORM], Vec::new(), 400, "last boundary"),
        ("no part", &[FORM], b"--frontier--\r\n".to_vec(), 400, "no file"),
        ("no file", &[FORM], form(&[("form-data; name=a", b"1")]), 400, "no file"),
        ("only dots", &[FORM], form(&[("form-data; name=a; filename=..", b"1")]), 400, "no file"),
        ("no letters", &[FORM], form(&[good, ("form-data; name=a; filename=\"???\"", b"1")]), 400, "derive file name"),
        ("hidden", &[FORM], form(&[good, ("form-data; name=a; filename=.bashrc", b"1")]), 400, "--hidden"),
        ("own", &[FORM], form(&[good, ("form-data; name=a; filename=.devmedia-x", b"1")]), 400, "never served"),
        ("1,001 parts", &[FORM], form(&many), 400, "1000 parts"),
        ("101 files", &[FORM], form(&files_101), 400, "100 files"),
        ("a wide part", &[FORM], form(&[good, (&wide, b"1")]), 400, "8 KiB"),
        ("an endless part", &[FORM], form(&[good, (&endless, b"1")]), 400, "no part is found"),
        (
            "base64",
            &[FORM],
            form(&[("form-data; name=f; filename=x\r\nContent-Transfer-Encoding: base64", b"eA==")]),
            400,
            "Transfer-Encoding",
        ),
        ("not a form", &other, b"{}".to_vec(), 415, "multipart/form-data"),
        ("no boundary", &no_boundary, whole.clone(), 400, "boundary"),
    ];
    for (row, fields, body, status, says) in rows {
        let answer = send(server.address, "POST", "/media/in/", fields, &body);
        assert_eq!(answer.status, status, "{row}: {}", answer.text());
        assert!(answer.text().contains(says), "{row}: {}", answer.text());
        assert_eq!(files(&server.root).len(), 0, "{row}");
    }
    assert!(!server.root.join("in").exists(), "not even the folder is made");
}

#[test]
fn a_form_cut_off_by_the_connection_stores_nothing() {
    let server = server(&[]);
    let body = form(&[("form-data; name=f; filename=a.txt", &vec![b'x'; 100_000])]);
    for sent in [0, 100, body.len() / 2, body.len() - 1] {
        let mut stream = server.connect();
        stream.write_all(&head(server.address, "POST", "/media/", &[FORM], body.len())).expect("open");
        stream.write_all(&body[..sent]).expect("open");
        stream.shutdown(std::net::Shutdown::Write).expect("open");
        assert_eq!(answer(&mut stream, "POST").status, 400, "{sent} bytes");
    }
    assert_eq!(files(&server.root).len(), 0);
}

#[test]
fn hidden_names_are_taken_where_they_are_served() {
    let server = server(&["--hidden"]);
    let body = form(&[("form-data; name=f; filename=.bashrc", b"x")]);
    assert_eq!(names(&send(server.address, "POST", "/media/", &[FORM], &body)), [".bashrc"]);
    let own = form(&[("form-data; name=f; filename=.DevMedia-x", b"x")]);
    assert_eq!(send(server.address, "POST", "/media/", &[FORM], &own).status, 400);
}

#[test]
fn a_hundred_uploads_of_one_name_become_a_hundred_files() {
    let server = server(&[]);
    let given: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..100_usize)
            .map(|index| {
                let address = server.address;
                scope.spawn(move || {
                    let content = format!("{index}").repeat(5000);
                    let body = form(&[("form-data; name=f; filename=one.txt", content.as_bytes())]);
                    let answer = send(address, "POST", "/media/", &[FORM], &body);
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    names(&answer).remove(0)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    let stored = files(&server.root);
    assert_eq!(stored.len(), 100);
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 100);
    for (index, name) in given.iter().enumerate() {
        assert_eq!(fs::read_to_string(server.root.join(name)).expect("stored"), format!("{index}").repeat(5000));
    }
}
