//! PUT and DELETE.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_new_file_is_created_with_its_folders_and_an_old_one_replaced() {
    let server = server(&[]);
    let made = send(server.address, "PUT", "/media/a/b/name%20x.txt", &[], b"one");
    assert_eq!((made.status, made.field("location")), (201, "/media/a/b/name%20x.txt"), "{}", made.text());
    let file = r#""name":"a/b/name x.txt","url":"/media/a/b/name%20x.txt","size":3,"type":"text/plain""#;
    assert_eq!(made.text(), format!("{{{file},\"files\":[{{{file}}}]}}\n"));
    let path = server.root.join("a/b/name x.txt");
    let before = fs::metadata(&path).expect("stored");

    let replaced = send(server.address, "PUT", "/media/a/b/name%20x.txt", &[], b"another");
    assert_eq!((replaced.status, replaced.body.len()), (204, 0));
    assert_eq!(server.get("/media/a/b/name%20x.txt").text(), "another");
    assert_ne!(fs::metadata(&path).expect("stored").ino(), before.ino(), "renamed over, never written over");
    assert_eq!(files(&server.root), [path]);
    assert!(server.logged("\"PUT\"").contains("\"received\":3"));
}

#[test]
fn modes_follow_the_umask() {
    if skip_on_windows("Wine has no permissions of Unix") {
        return;
    }
    let server = server(&[]);
    send(server.address, "PUT", "/media/new/a.txt", &[], b"x");
    let beside = server.outside.join("folder");
    fs::create_dir(&beside).expect("a folder");
    fs::write(beside.join("file"), "x").expect("a file");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
    assert_eq!(mode(&server.root.join("new")), mode(&beside));
    assert_eq!(mode(&server.root.join("new/a.txt")), mode(&beside.join("file")));
}

#[test]
fn preconditions_are_checked_when_the_file_changes() {
    let server = server(&[]);
    let put = |fields: Fields<'_>| send(server.address, "PUT", "/media/a.txt", fields, b"new").status;
    assert_eq!(put(&[("If-Match", "*")]), 412, "there is nothing yet");
    assert_eq!(put(&[("If-Match", "\"x\"")]), 412);
    assert_eq!(put(&[("If-None-Match", "*")]), 201);
    assert_eq!(put(&[("If-None-Match", "*")]), 412);
    // a file is too young for a validator at first
    let etag = || server.settled("/media/a.txt").field("etag").to_owned();
    let old = etag();
    assert_eq!(put(&[("If-Match", "\"other\"")]), 412);
    assert_eq!(put(&[("If-Match", &old)]), 204);
    assert_eq!(put(&[("If-Match", &old)]), 412, "it was replaced");
    let delete = |fields: Fields<'_>| send(server.address, "DELETE", "/media/a.txt", fields, b"").status;
    assert_eq!(delete(&[("If-Match", &old)]), 412);
    let new = etag();
    assert_eq!(delete(&[("If-Match", &new)]), 204);
    assert_eq!(delete(&[("If-Match", &new)]), 404);
}

#[test]
fn exactly_one_of_many_concurrent_writers_wins() {
    let server = server(&[]);
    let race = |fields: Fields<'_>, won: u16| {
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let put =
                |index: usize| send(server.address, "PUT", "/media/a.txt", fields, index.to_string().as_bytes()).status;
            let threads: Vec<_> = (0..20).map(|index| scope.spawn(move || put(index))).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        assert_eq!(answers.iter().filter(|status| **status == won).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 412).count(), 19, "{answers:?}");
    };
    race(&[("If-None-Match", "*")], 201);
    let etag = server.settled("/media/a.txt").field("etag").to_owned();
    race(&[("If-Match", &etag)], 204);
}

#[test]
fn rejected_requests_get_advice_and_leave_nothing_behind() {
    type Row<'a> = (&'a str, &'a str, Fields<'a>, &'a [u8], u16, &'a str);
    let server = server(&["--max-upload", "1KB"]);
    server.put("file.txt", "old");
    fs::create_dir(server.root.join("folder")).expect("a folder");
    let long = format!("/media/{}", "x".repeat(300));
    let deep = format!("/media/{}a.txt", "d/".repeat(2100));
    let large = vec![b'x'; 1001];
    let rows: &[Row<'_>] = &[
        ("PUT", "/media/a.txt", &[("Content-Range", "bytes 0-1/2")], b"ab", 400, "Content-Range"),
        ("PUT", "/media/a.txt", &[("X-Update-Range", "bytes=0-1")], b"ab", 400, "X-Update-Range: bytes=0-1"),
        ("PUT", "/media/a.txt", &[("OC-Chunked", "1")], b"ab", 400, "Oc-Chunked: 1"),
        ("PUT", "/media/a.txt?chunk=1&chunks=3", &[], b"ab", 400, "chunks=3"),
        ("PUT", "/media/a.txt", &[("Content-Encoding", "gzip")], b"ab", 415, "Content-Encoding"),
        ("PUT", "/media/file.txt", &[("If-None-Match", "*")], b"ab", 412, "(If-None-Match: *)"),
        ("PUT", &deep, &[], b"ab", 400, "at most 1024"),
        ("PUT", "/media/file.txt/", &[("Transfer-Encoding", "gzip, chunked")], b"", 501, "gzip, chunked"),
        ("PUT", "/media/folder", &[], b"ab", 409, "This is a folder"),
        ("PUT", "/media/new/", &[], b"ab", 409, "This is a folder"),
        ("PUT", "/media/", &[], b"ab", 409, "This is a folder"),
        ("PUT", "/media/file.txt/a/b.txt", &[], b"ab", 409, "file.txt is a file"),
        ("PUT", "/media/.hidden", &[], b"ab", 404, "--hidden"),
        ("PUT", "/media/.devmedia-x", &[], b"ab", 404, "reserved for incomplete uploads"),
        ("PUT", "/media/.devmedia-partial/x", &[], b"ab", 404, "reserved for incomplete uploads"),
        ("PUT", "/media/../a.txt", &[], b"ab", 400, "'..'"),
        ("PUT", &long, &[], b"ab", 400, "at most 255"),
        ("PUT", "/media/large", &[], &large, 413, "--max-upload"),
        ("PUT", "/other/a.txt", &[], b"ab", 405, "GET, HEAD, OPTIONS"),
        ("PATCH", "/media/file.txt", &[], b"ab", 405, "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        ("DELETE", "/media/folder/", &[], b"", 409, "This is a folder"),
        ("DELETE", "/media/missing", &[], b"", 404, "There is no missing"),
        ("DELETE", "/media/file.txt/", &[], b"", 404, "There is no"),
        ("DELETE", "/media/a/b/c", &[], b"", 404, "There is no"),
    ];
    for (method, target, fields, body, status, says) in rows {
        let answer = send(server.address, method, target, fields, body);
        assert_eq!(answer.status, *status, "{method} {target} {fields:?}: {}", answer.text());
        assert!(answer.text().contains(says), "{method} {target}: {}", answer.text());
    }
    let chunked = format!(
        "PUT /media/large HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        server.address,
        "x".repeat(1001)
    );
    assert_eq!(
        Answer::take(&mut server.raw(chunked.as_bytes()).as_slice(), "PUT").status,
        413,
        "a length that is not announced"
    );
    assert_eq!(files(&server.root), [server.root.join("file.txt")]);
    assert_eq!(fs::read(server.root.join("file.txt")).expect("there"), b"old");
}

/// Features of S3 and similar protocols that devmedia does not implement change nothing.
#[test]
fn unimplemented_features_are_501_and_change_nothing() {
    let server = server(&[]);
    server.put("a.txt", "precious");
    let queries = [
        "acl",
        "tagging",
        "uploads",
        "partNumber=1&uploadId=abc",
        "uploadId=abc",
        "versioning",
        "cors",
        "policy",
        "retention",
        "legal-hold",
        "torrent",
        "select&select-type=2",
        "restore",
        "delete",
        "lifecycle",
        "versionId=null",
        "website",
        "%74agging",
        "tagging=&X-Amz-Signature=0",
        "x-id=CopyObject",
        "comp=block&blockid=AAAA",
    ];
    for query in queries {
        for method in ["PUT", "DELETE", "GET", "HEAD", "POST"] {
            for path in ["/media/a.txt", "/media/new.txt", "/media/"] {
                let target = format!("{path}?{query}");
                let answer = send(server.address, method, &target, &[], b"");
                assert_eq!(answer.status, 501, "{method} {target}: {}", answer.text());
                assert!(method == "HEAD" || answer.text().contains("not implement"), "{}", answer.text());
            }
        }
    }
    let rows: &[Fields<'_>] = &[
        &[("x-amz-copy-source", "/media/a.txt")],
        &[("x-amz-copy-source", "/media/a.txt"), ("x-amz-copy-source-range", "bytes=0-1")],
        &[("x-amz-metadata-directive", "REPLACE")],
        &[("x-oss-copy-source", "/media/a.txt")],
        &[("x-amz-write-offset-bytes", "8")],
        &[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), ("x-amz-decoded-content-length", "1")],
        &[("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-trailer", "x-amz-checksum-crc32")],
        &[("Content-Encoding", "aws-chunked")],
    ];
    for fields in rows {
        let body = b"1;chunk-signature=0\r\nx\r\n0;chunk-signature=0\r\n\r\n";
        for target in ["/media/a.txt", "/media/new.txt"] {
            let answer = send(server.address, "PUT", target, fields, body);
            assert_eq!(answer.status, 501, "{target} {fields:?}: {}", answer.text());
        }
    }
    assert_eq!(files(&server.root), [server.root.join("a.txt")]);
    assert_eq!(fs::read(server.root.join("a.txt")).expect("there"), b"precious");
    // the parameters of presigned URLs and of the AWS SDKs are accepted
    let presigned = "/media/a.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&x-id=PutObject";
    let fields = [("x-amz-acl", "public-read"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
    assert_eq!(send(server.address, "PUT", presigned, &fields, b"new").status, 204);
}

/// RFC 9112 section 6.1.
#[test]
fn a_body_in_another_transfer_coding_is_501() {
    let server = server(&[]);
    for coding in ["gzip, chunked", "chunked, chunked", "GZip, chunked"] {
        for (method, target) in [("PUT", "/media/a.txt"), ("POST", "/media/")] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: {coding}\r\nConnection: close\r\n\r\n\
                 2\r\nok\r\n0\r\n\r\n",
                server.address
            );
            let answer = Answer::take(&mut server.raw(request.as_bytes()).as_slice(), method);
            // hyper itself refuses some of them
            assert!(matches!(answer.status, 501 | 400), "{method} {coding}: {answer:?}");
        }
    }
    assert_eq!(files(&server.root).len(), 0);
}

/// Changes to a folder while a file for it arrives.
#[test]
fn a_file_for_a_folder_that_changes_is_409_and_is_not_stored() {
    type Change = fn(&Path);
    if skip_on_windows("/proc does not show what a program in Wine has open") {
        return;
    }
    let rows: &[(&str, Change)] = &[
        ("replaced", |folder| {
            fs::rename(folder, folder.with_extension("old")).expect("moved");
            fs::create_dir(folder).expect("a folder");
        }),
        ("moved away", |folder| fs::rename(folder, folder.with_extension("old")).expect("moved")),
        ("replaced by a link that leads out", |folder| {
            fs::rename(folder, folder.with_extension("old")).expect("moved");
            let out = folder.parent().and_then(Path::parent).expect("above the root").join("out");
            fs::create_dir(&out).expect("a folder");
            symlink(out, folder).expect("a link");
        }),
        ("removed", |folder| fs::remove_dir_all(folder).expect("removed")),
    ];
    for (row, change) in rows {
        for target in ["in/new.txt", "in/old.txt", "in/deep/er/new.txt"] {
            let server = server(&[]);
            server.put("in/old.txt", "old");
            let mut stream = server.connect();
            let fields = [("Expect", "100-continue")];
            stream.write_all(&head(server.address, "PUT", &format!("/media/{target}"), &fields, 3)).expect("open");
            go_ahead(&mut stream);
            until(|| holds(server.pid(), "/in/"));
            change(&server.root.join("in"));
            stream.write_all(b"new").expect("open");
            let answer = answer(&mut stream, "PUT");
            assert_eq!(answer.status, 409, "{row} {target}: {}", answer.text());
            let left: Vec<_> = files(&server.root).into_iter().map(|file| fs::read(file).expect("there")).collect();
            assert!(left.is_empty() || left == [b"old"], "{row} {target}: {left:?}");
            assert!(!server.outside.join("out/new.txt").exists(), "{row} {target}");
        }
    }
}

/// A client that waits for `100 Continue` sends no body after a refusal, so the next request must not be read as one.
#[test]
fn a_refusal_before_100_continue_closes_the_connection() {
    let server = server(&["--max-upload", "10B"]);
    let fields = [("Expect", "100-continue")];
    for (method, target, length, status) in [
        ("PUT", "/media/a.txt", 100, 413),
        ("PUT", "/media/folder/", 3, 409),
        ("PUT", "/elsewhere", 3, 405),
        ("PATCH", "/media/a.txt", 3, 405),
        ("PUT", "/media/a.txt?acl", 3, 501),
        ("POST", "/media/", 3, 415),
        ("GET", "/media/", 3, 200),
    ] {
        let mut stream = server.connect();
        let request = head(server.address, method, target, &fields, length);
        let request = String::from_utf8(request).expect("text").replace("Connection: close\r\n", "");
        // like boto3: it reads the refusal and sends the next request
        stream.write_all(request.as_bytes()).expect("open");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("an answer");
        assert_eq!(first, format!("HTTP/1.1 {status}").as_bytes(), "{method} {target}");
        let _ = stream.write_all(format!("HEAD /media/ HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes());
        let mut rest = String::new();
        let _ = stream.read_to_string(&mut rest);
        assert!(rest.to_ascii_lowercase().contains("connection: close"), "{method} {target}: {rest}");
        assert!(!rest.contains("HTTP/1.1"), "{method} {target}: the next request is not answered: {rest}");
    }
    // a body that is sent at once is received, and the connection stays open
    let mut stream = server.connect();
    let request = format!("PUT /media/a.txt HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\n", server.address);
    stream.write_all(format!("{request}Content-Length: 2\r\n\r\nok").as_bytes()).expect("open");
    let last = format!("GET /media/a.txt HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
    stream.write_all(last.as_bytes()).expect("open");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("answers");
    assert!(all.contains("201 Created") && all.ends_with("ok"), "{all}");
}

/// boto3 sends its bodies with Expect: 100-continue and reuses its connection.
#[test]
fn boto3_loses_no_request_after_a_refusal() {
    let Some(python) = python(&["boto3"]) else { return };
    let server = server(&[]);
    server.put("a.txt", "precious");
    let script = "
import sys
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
config = Config(signature_version='s3v4', retries={'total_max_attempts': 1}, max_pool_connections=1)
s3 = boto3.client('s3', endpoint_url=sys.argv[1], region_name='eu-central-1', aws_access_key_id='a',
                  aws_secret_access_key='b', config=config)
def refused(status, call, **parameters):
    try:
        call(Bucket='media', **parameters)
    except ClientError as error:
        assert error.response['ResponseMetadata']['HTTPStatusCode'] == status, error
    else:
        raise AssertionError((call, parameters))
for _ in range(3):
    refused(501, s3.put_object_acl, Key='a.txt', ACL='private')
    refused(501, s3.put_object_tagging, Key='a.txt', Tagging={'TagSet': []})
    refused(501, s3.delete_object_tagging, Key='a.txt')
    refused(501, s3.copy_object, Key='b.txt', CopySource='media/a.txt')
    refused(501, s3.create_multipart_upload, Key='a.txt')
    refused(501, s3.upload_part, Key='a.txt', UploadId='x', PartNumber=1, Body=b'part')
    refused(501, s3.abort_multipart_upload, Key='a.txt', UploadId='x')
    refused(404, s3.put_object, Key='.hidden', Body=b'x' * 100)
    assert s3.head_object(Bucket='media', Key='a.txt')['ContentLength'] == 8
s3.delete_object(Bucket='media', Key='a.txt')
";
    let url = format!("http://{}", server.address);
    let output = Command::new(python).args(["-c", script, &url]).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(files(&server.root).len(), 0);
}

#[test]
fn uploads_are_accepted_only_where_they_are_enabled() {
    let read_only = Server::start(Way::Fast, &[]);
    for method in ["PUT", "POST", "DELETE", "PATCH"] {
        let answer = send(read_only.address, method, "/media/a.txt", &[], b"x");
        assert_eq!((answer.status, answer.field("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
        assert!(answer.text().contains("--upload"), "{}", answer.text());
    }
    let server = Server::start(Way::Fast, &["--mount", "/drop/=./made/here", "--upload=/drop"]);
    assert!(server.outside.join("made/here").is_dir(), "a missing root is made");
    assert_eq!(send(server.address, "PUT", "/media/a.txt", &[], b"x").status, 405);
    assert_eq!(send(server.address, "PUT", "/drop/a.txt", &[], b"x").status, 201);
    let asked = |target| server.request("OPTIONS", target, &[]).field("allow").to_owned();
    assert_eq!(asked("/media/"), "GET, HEAD, OPTIONS");
    assert_eq!(asked("/drop/"), "GET, HEAD, POST, PUT, DELETE, OPTIONS");
}

#[test]
fn an_upload_through_a_link_stays_below_the_root() {
    if skip_on_windows("Wine follows symbolic links before the program sees them") {
        return;
    }
    for args in [&[][..], &["--follow-links"]] {
        let server = server(args);
        let out = server.outside.join("out");
        fs::create_dir(&out).expect("a folder");
        fs::write(out.join("precious"), "precious").expect("a file");
        fs::create_dir(server.root.join("real")).expect("a folder");
        symlink(&out, server.root.join("away")).expect("a link");
        symlink("../out", server.root.join("relative")).expect("a link");
        symlink("real", server.root.join("inside")).expect("a link");
        symlink(server.root.join("real"), server.root.join("absolute")).expect("a link");
        symlink("nowhere", server.root.join("dangling")).expect("a link");
        for target in ["/media/away/new", "/media/relative/new", "/media/away/deep/er/new"] {
            let answer = send(server.address, "PUT", target, &[], b"x");
            assert_eq!(answer.status, 403, "{args:?} {target}: {}", answer.text());
        }
        for target in ["/media/away/", "/media/relative/"] {
            let form = form(&[("form-data; name=f; filename=new", b"x")]);
            assert_eq!(send(server.address, "POST", target, &[FORM], &form).status, 403, "{args:?} {target}");
        }
        assert_eq!(send(server.address, "DELETE", "/media/away/precious", &[], b"").status, 403, "{args:?}");
        assert_eq!(files(&out), [out.join("precious")], "{args:?}");
        for (target, stored) in [("/media/inside/a", "real/a"), ("/media/absolute/b", "real/b")] {
            assert_eq!(send(server.address, "PUT", target, &[], b"x").status, 201, "{target}");
            assert!(server.root.join(stored).is_file(), "{target}");
        }
        assert_eq!(send(server.address, "PUT", "/media/dangling", &[], b"x").status, 201, "the link is replaced");
        assert_eq!(fs::read(server.root.join("dangling")).expect("a file"), b"x");
        assert!(!server.root.join("nowhere").exists());
    }
}

#[test]
fn a_page_of_another_site_cannot_change_anything() {
    let server = server(&[]);
    server.put("precious.txt", "precious");
    let evil = ("Origin", "https://evil.example");
    let rows: &[Fields<'_>] = &[
        &[evil],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")],
        &[("Referer", "http://localhost:3000/")],
    ];
    for fields in rows {
        for (method, target) in [("PUT", "/media/new"), ("DELETE", "/media/precious.txt"), ("POST", "/media/")] {
            let body = form(&[("form-data; name=f; filename=new", b"x")]);
            let answer = send(server.address, method, target, &[&[FORM], *fields].concat(), &body);
            assert_eq!(answer.status, 403, "{method} {fields:?}");
            assert_eq!(answer.field("access-control-allow-origin"), "", "{method} {fields:?}");
        }
    }
    assert_eq!(files(&server.root), [server.root.join("precious.txt")]);
    let friends: &[Fields<'_>] = &[
        &[("Origin", "http://localhost:3000")],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Sec-Fetch-Site", "none"), ("Origin", "null")],
        &[],
    ];
    for fields in friends {
        let answer = send(server.address, "PUT", "/media/new", &[*fields, &[("If-None-Match", "*")]].concat(), b"x");
        assert_eq!(answer.status, 201, "{fields:?}");
        assert_eq!(send(server.address, "DELETE", "/media/new", fields, b"").status, 204, "{fields:?}");
    }
}

#[test]
fn a_preflight_lists_the_methods_of_the_mount() {
    let server = server(&[]);
    let fields = [("Origin", "http://localhost:3000"), ("Access-Control-Request-Method", "PUT")];
    let answer = server.request("OPTIONS", "/media/a.txt", &fields);
    assert_eq!(answer.status, 204);
    assert_eq!(answer.field("access-control-allow-methods"), "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    for name in ["Content-Type", "If-Match", "If-None-Match", "Upload-Offset", "Tus-Resumable"] {
        assert!(answer.field("access-control-allow-headers").contains(name), "{name}");
    }
    for name in ["Location", "Upload-Offset", "Tus-Resumable"] {
        assert!(answer.field("access-control-expose-headers").contains(name), "{name}");
    }
    let evil = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "PUT")];
    assert_eq!(server.request("OPTIONS", "/media/a.txt", &evil).status, 403);
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = server(&["--max-upload", "1MB"]);
    for (target, status) in [("/media/large", 413), ("/media/.hidden", 404), ("/elsewhere", 405)] {
        let length = 64 * 1024 * 1024;
        let mut stream = server.connect();
        stream.write_all(&head(server.address, "PUT", target, &[], length)).expect("a head");
        let mut sender = stream.try_clone().expect("a handle");
        let sending = std::thread::spawn(move || {
            // as much as the server takes; it may close before the end, but not before its answer was read
            let chunk = vec![0; 64 * 1024];
            for _ in 0..16 * 1024 * 1024 / chunk.len() {
                if sender.write_all(&chunk).is_err() {
                    return false;
                }
            }
            let _ = sender.shutdown(std::net::Shutdown::Write);
            true
        });
        let answer = answer(&mut stream, "PUT");
        assert_eq!((answer.status, answer.field("connection")), (status, "close"), "{target}");
        assert!(sending.join().expect("sent"), "{target}: the rest is read for a while");
    }
    assert_eq!(files(&server.root).len(), 0);
}

#[test]
fn a_connection_is_reused_after_an_upload() {
    let server = server(&[]);
    let mut stream = server.connect();
    for index in 0..3 {
        let request =
            format!("PUT /media/{index} HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nhello", server.address);
        stream.write_all(request.as_bytes()).expect("open");
    }
    let last = format!("GET /media/2 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
    stream.write_all(last.as_bytes()).expect("open");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("answers");
    let all = String::from_utf8_lossy(&all);
    assert_eq!((all.matches("201 Created").count(), all.ends_with("hello")), (3, true), "{all}");
}

#[test]
fn common_curl_commands_work() {
    if Command::new("curl").arg("--version").output().is_err() {
        skip("there is no curl");
        return;
    }
    let server = server(&["--max-upload", "3MB"]);
    let local = server.outside.join("photo.jpg");
    let content: Vec<u8> = (0..2_000_000_u32).flat_map(u32::to_le_bytes).take(2_000_000).collect();
    fs::write(&local, &content).expect("a file");
    let huge = server.outside.join("huge.bin");
    fs::write(&huge, vec![1; 30_000_000]).expect("a file");
    let curl = |args: &[&str]| {
        let output = Command::new("curl").args(["-sS", "-w", "%{http_code}", "-o", "/dev/null"]).args(args).output();
        let output = output.expect("curl runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (local, huge) = (local.to_str().expect("text"), huge.to_str().expect("text"));
    let url = |path: &str| format!("http://{}/media/{path}", server.address);
    assert_eq!(curl(&["-T", local, &url("put/")]), "201");
    assert_eq!(curl(&["-T", local, &url("put/photo.jpg")]), "204");
    assert_eq!(curl(&["-F", &format!("file=@{local}"), &url("")]), "201");
    assert_eq!(curl(&["-F", &format!("file=@{local}"), &url("form")]), "201");
    assert_eq!(curl(&["-H", "Transfer-Encoding: chunked", "-T", local, &url("chunked.jpg")]), "201");
    for expect in ["Expect: 100-continue", "Expect:"] {
        assert_eq!(curl(&["-H", expect, "-T", huge, &url("huge")]), "413", "{expect}");
    }
    assert_eq!(curl(&["-X", "DELETE", &url("photo.jpg")]), "204");
    for stored in ["put/photo.jpg", "form/photo.jpg", "chunked.jpg"] {
        assert!(fs::read(server.root.join(stored)).expect("stored") == content, "{stored}");
    }
    assert_eq!(files(&server.root).len(), 3);
}
