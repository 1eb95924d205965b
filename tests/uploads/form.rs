//! POST of a form.

use std::slice;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
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

/// Names in a charset, names without letters, boundaries without quotes.
#[test]
fn unusual_forms_are_read_like_django() {
    let server = server(&[]);
    for (disposition, expected) in [
        ("form-data; name=f; filename=\"lost.txt\"; filename*=klingon''%C1.txt", "lost.txt"),
        ("form-data; name=f; filename=\"lost.txt\"; filename*=koi8-r''%C1.txt", "\u{430}.txt"),
        ("form-data; name=f; filename*0=long; filename*1=er.txt", "longer.txt"),
        ("form-data; name=f; filename=\"\u{1f389}.png\"", "upload.png"),
        ("form-data; name=f; filename=\"\u{1f389}\"", "upload"),
    ] {
        let answer = send(server.address, "POST", "/media/in/", &[FORM], &form(&[(disposition, b"content")]));
        assert_eq!(answer.status, 201, "{disposition}: {}", answer.text());
        assert_eq!(names(&answer), [format!("in/{expected}")], "{disposition}");
        assert_eq!(fs::read(server.root.join("in").join(expected)).expect("stored"), b"content", "{disposition}");
    }
    for boundary in ["a:b", "\"a:b\"", "a/b=c", "----WebKitFormBoundary\"; charset=utf-8"] {
        let text = boundary.trim_start_matches('"').split('"').next().expect("a boundary");
        let body = String::from_utf8(form(&[("form-data; name=f; filename=b.txt", b"x")])).expect("text");
        let content_type = format!("multipart/form-data; boundary={}", boundary.replacen("----", "\"----", 1));
        let body = body.replace("frontier", text);
        let answer = send(server.address, "POST", "/media/b/", &[("Content-Type", &content_type)], body.as_bytes());
        assert_eq!(answer.status, 201, "{content_type}: {}", answer.text());
    }
}

/// Random forms, including malformed ones, store the same files as Django's own parser finds.
#[test]
fn random_forms_match_django() {
    const JUDGE: &str = r#"
import base64, io, json, sys
from django.conf import settings
settings.configure(DATA_UPLOAD_MAX_NUMBER_FIELDS=None)
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParser
for line in sys.stdin:
    body = base64.b64decode(line)
    meta = {"CONTENT_TYPE": "multipart/form-data; boundary=frontier", "CONTENT_LENGTH": len(body)}
    _, files = MultiPartParser(meta, io.BytesIO(body), [TemporaryFileUploadHandler()]).parse()
    files = [file for name in files for file in files.getlist(name)]
    print(json.dumps([[file.name, base64.b64encode(file.read()).decode()] for file in files]), flush=True)
"#;
    let Some(python) = python(&["django"]) else { return };
    // a generator with a fixed seed
    let mut state = 7_u32;
    let mut pick = |of: &[&'static str]| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        of[(state >> 16) as usize % of.len()]
    };
    let bodies: Vec<Vec<u8>> = (0..150)
        .map(|_| {
            let mut body = pick(&["", "", "preamble\r\n"]).to_owned();
            for part in 0..3 {
                body += "--frontier";
                body += pick(&["\r\n", "\r\n", "\r\n", " \r\n", "\r\nX: y\r\n", "\r\ngarbled\r\n"]);
                body += "Content-Disposition: form-data; name=f; filename";
                body += pick(&[
                    "=",
                    "=",
                    "*=utf-8''%41",
                    "*=koi8-r''%C1",
                    "=x; filename*0=",
                    "=x; filename*1=b; filename*0=",
                ]);
                body += &part.to_string();
                body += pick(&[".txt", ".txt; a=\"b;c\"", ".txt\r\nContent-Type: text/plain", "\r\nContent-Type:"]);
                body += pick(&["\r\n\r\n", "\r\n\r\n", "\r\n\r\n", "\r\n"]);
                body += pick(&["", "content", "\r\n", "--", "-\r\n-", "\r", "--front", "\r\n--frontie", "\r\n\r\n"]);
                body += pick(&["\r\n", "\r\n", "\r\n", "\n", "", "\r"]);
            }
            (body + "--frontier--" + pick(&["", "\r\n", "\r\nepilogue"])).into_bytes()
        })
        .collect();
    let mut command = Command::new(python);
    command.args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut judge = command.spawn().expect("Python starts");
    let asked: String = bodies.iter().map(|body| BASE64.encode(body) + "\n").collect();
    judge.stdin.take().expect("piped").write_all(asked.as_bytes()).expect("Python reads");
    let output = judge.wait_with_output().expect("Python ends");
    let verdicts: Vec<Vec<(String, String)>> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a list of files"))
        .collect();
    assert_eq!(verdicts.len(), bodies.len());
    assert!(verdicts.iter().filter(|files| files.len() > 1).count() > 50, "most forms have files");
    let server = server(&[]);
    for (index, (body, expected)) in bodies.iter().zip(verdicts).enumerate() {
        let answer = send(server.address, "POST", &format!("/media/{index}/"), &[FORM], body);
        let stored = if expected.is_empty() {
            assert_eq!(answer.status, 400, "{}", answer.text());
            Vec::new()
        } else {
            assert_eq!(answer.status, 201, "{:?}: {}", String::from_utf8_lossy(body), answer.text());
            names(&answer)
        };
        let contents: Vec<_> =
            stored.iter().map(|name| BASE64.encode(fs::read(server.root.join(name)).expect("stored"))).collect();
        let wanted: Vec<_> = expected.iter().map(|(_, content)| content.clone()).collect();
        assert_eq!(contents, wanted, "{:?}", String::from_utf8_lossy(body));
        for (name, (wanted, _)) in stored.iter().zip(&expected) {
            // a name that occurs twice in the form gets seven random characters
            let stem = wanted.split('.').next().unwrap_or_default();
            assert!(name.starts_with(&format!("{index}/{stem}")), "{name}: {wanted}");
        }
    }
}

/// The fields as the widgets send them.
#[test]
fn a_chunk_is_never_stored_as_the_whole_file() {
    type Row<'a> = (&'a str, Fields<'a>, &'a [(&'a str, &'a str)]);
    let server = server(&[]);
    let rows: &[Row<'_>] = &[
        ("/media/", &[], &[("dzuuid", "a"), ("dzchunkindex", "0"), ("dztotalchunkcount", "2")]),
        ("/media/", &[], &[("resumableChunkNumber", "1"), ("resumableTotalChunks", "2")]),
        ("/media/", &[], &[("flowChunkNumber", "1"), ("flowTotalChunks", "2")]),
        ("/media/", &[], &[("name", "a.bin"), ("chunk", "0"), ("chunks", "3")]),
        ("/media/", &[], &[("qqpartindex", "1"), ("qqtotalparts", "2")]),
        ("/media/?chunk=0&chunks=3", &[], &[]),
        ("/media/", &[("Content-Range", "bytes 0-6/20")], &[]),
        ("/media/", &[("Upload-Length", "20")], &[]),
        ("/media/", &[("X-Chunk-Index", "0"), ("X-Total-Chunks", "4")], &[]),
    ];
    for (target, fields, form_fields) in rows {
        let file = ("form-data; name=file; filename=a.bin".to_owned(), "content");
        let named = form_fields.iter().map(|(name, value)| (format!("form-data; name={name}"), *value));
        let parts: Vec<(String, &str)> = named.collect();
        // the fields may precede the file or follow it
        for parts in [[&parts[..], slice::from_ref(&file)].concat(), [slice::from_ref(&file), &parts[..]].concat()] {
            let parts: Vec<(&str, &[u8])> =
                parts.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let answer = send(server.address, "POST", target, &[&[FORM], *fields].concat(), &form(&parts));
            assert_eq!(answer.status, 400, "{target} {fields:?} {form_fields:?}: {}", answer.text());
            assert!(answer.text().contains("part of a file"), "{}", answer.text());
        }
    }
    assert_eq!(files(&server.root).len(), 0);
    let whole = form(&[
        ("form-data; name=resumableTotalChunks", b"1"),
        ("form-data; name=resumableChunkNumber", b"1"),
        ("form-data; name=file; filename=a.bin", b"content"),
    ]);
    assert_eq!(send(server.address, "POST", "/media/", &[FORM], &whole).status, 201, "a file of one chunk is whole");
}

/// Resumable.js and flow.js understand 200, 201 and 202 as "the chunk exists", and do not send it.
#[test]
fn a_chunk_test_is_answered_with_204() {
    for args in [&["--upload"][..], &[]] {
        let server = Server::start(Way::Fast, args);
        server.put("a.txt", "x");
        for query in [
            "resumableChunkNumber=1&resumableIdentifier=x",
            "resumableChunkNumber=1&resumableChunkSize=1048576&resumableTotalChunks=1&resumableFilename=a.txt",
            "flowChunkNumber=1&flowTotalChunks=3&flowIdentifier=x",
            "chunkNumber=1&totalChunks=3&identifier=x",
        ] {
            for (method, path) in [("GET", "/media/"), ("HEAD", "/media/"), ("GET", "/media/a.txt")] {
                let answer = server.request(method, format!("{path}?{query}"), &[]);
                assert_eq!(
                    (answer.status, answer.field("cache-control")),
                    (204, "no-store"),
                    "{method} {path}?{query}"
                );
            }
        }
        assert_eq!(server.get("/media/?chunk=1").status, 200);
        assert_eq!(server.get("/media/a.txt?v=1").status, 200);
    }
}

/// The folder is replaced while the files of a form arrive.
#[test]
fn a_form_into_a_folder_that_changes_stores_nothing() {
    let server = server(&[]);
    server.put("in/old.txt", "old");
    let body = form(&[("form-data; name=f; filename=a.txt", b"a"), ("form-data; name=f; filename=b.txt", b"b")]);
    let fields = [FORM, ("Expect", "100-continue")];
    let mut stream = server.connect();
    stream.write_all(&head(server.address, "POST", "/media/in/", &fields, body.len())).expect("open");
    go_ahead(&mut stream);
    stream.write_all(&body[..body.len() - 1]).expect("open");
    until(|| holds(server.pid(), "/in/"));
    fs::rename(server.root.join("in"), server.root.join("moved")).expect("moved");
    fs::create_dir(server.root.join("in")).expect("a folder");
    stream.write_all(&body[body.len() - 1..]).expect("open");
    let answer = answer(&mut stream, "POST");
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(files(&server.root), [server.root.join("moved/old.txt")]);
}

#[test]
fn many_files_are_stored_together_and_fields_are_ignored() {
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
fn posts_to_the_top_are_stored_in_upload_to() {
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
        ("an endless part", &[FORM], form(&[good, (&endless, b"1")]), 400, "8 KiB"),
        (
            "base64",
            &[FORM],
            form(&[("form-data; name=f; filename=x\r\nContent-Transfer-Encoding: base64", b"eA==")]),
            400,
            "Transfer-Encoding",
        ),
        ("not a form", &other, b"{}".to_vec(), 415, "multipart/form-data"),
        ("gzip", &[FORM, ("Content-Encoding", "gzip")], whole.clone(), 415, "without Content-Encoding"),
        (
            "an unknown charset",
            &[FORM],
            form(&[good, ("form-data; name=f; filename*=klingon''%C1.txt", b"1")]),
            400,
            "unknown charset",
        ),
        (
            "a presigned POST",
            &[FORM],
            form(&[("form-data; name=key", b"a/b.txt"), ("form-data; name=policy", b"e30="), good]),
            501,
            "presigned POST",
        ),
        ("no boundary", &no_boundary, whole.clone(), 400, "boundary"),
    ];
    for (row, fields, body, status, says) in rows {
        let answer = send(server.address, "POST", "/media/in/", fields, &body);
        assert_eq!(answer.status, status, "{row}: {}", answer.text());
        assert!(answer.text().contains(says), "{row}: {}", answer.text());
        assert_eq!(files(&server.root).len(), 0, "{row}");
    }
    assert!(!server.root.join("in").exists(), "not even the folder is created");
}

#[test]
fn a_truncated_form_stores_nothing() {
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
fn hidden_names_are_accepted_if_they_are_served() {
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
