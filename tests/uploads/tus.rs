//! Resumable uploads: the tus protocol, byte by byte and by a real client.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Command;

use rustix::process::Signal;

use super::*;
use crate::support::process::Process;

const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
const OFFSET_STREAM: (&str, &str) = ("Content-Type", "application/offset+octet-stream");
/// `a.txt`
const NAMED: (&str, &str) = ("Upload-Metadata", "filename YS50eHQ=,filetype dGV4dC9wbGFpbg==");

fn create(address: SocketAddr, target: &str, length: usize) -> String {
    let answer = send(address, "POST", target, &[TUS, NAMED, ("Upload-Length", &length.to_string())], b"");
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.field("tus-resumable"), "1.0.0");
    assert!(answer.field("upload-expires").ends_with("GMT"), "{:?}", answer.fields);
    answer.field("location").to_owned()
}

fn patch(address: SocketAddr, url: &str, offset: usize, body: &[u8]) -> Answer {
    send(address, "PATCH", url, &[TUS, OFFSET_STREAM, ("Upload-Offset", &offset.to_string())], body)
}

fn offset(address: SocketAddr, url: &str) -> Option<usize> {
    let answer = send(address, "HEAD", url, &[TUS], b"");
    assert_eq!(answer.field("cache-control"), "no-store");
    answer.field("upload-offset").parse().ok()
}

#[test]
fn an_upload_in_pieces_becomes_one_file_when_it_is_complete() {
    let server = server(&[]);
    server.put("in/a.txt", "taken");
    let url = create(server.address, "/media/in/", 10);
    assert!(url.starts_with("/media/.devmedia-partial/"), "{url}");
    assert_eq!(offset(server.address, &url), Some(0));
    assert_eq!(patch(server.address, &url, 0, b"01234").status, 204);
    let head = send(server.address, "HEAD", &url, &[TUS], b"");
    let fields = ["upload-offset", "upload-length", "upload-metadata"].map(|name| head.field(name));
    assert_eq!((head.status, fields), (200, ["5", "10", NAMED.1]));
    assert_eq!(patch(server.address, &url, 0, b"01234").status, 409);
    assert_eq!(patch(server.address, &url, 6, b"6789").status, 409);
    assert_eq!(patch(server.address, &url, 5, b"567890123").status, 413, "more than was announced");
    assert_eq!(send(server.address, "PATCH", &url, &[TUS, ("Upload-Offset", "5")], b"x").status, 415);
    assert_eq!(send(server.address, "PATCH", &url, &[TUS, OFFSET_STREAM], b"x").status, 400);
    assert_eq!(server.get("/media/in/?format=text").text(), "/media/in/a.txt\n");
    assert_eq!(server.get(&url).status, 405);

    let last = patch(server.address, &url, 5, b"56789");
    assert_eq!((last.status, last.field("upload-offset")), (204, "10"), "{}", last.text());
    let stored = last.field("content-location");
    assert!(stored.starts_with("/media/in/a_") && stored.contains(".txt"), "{stored}");
    assert_eq!(server.get(stored).text(), "0123456789");
    assert_eq!(server.get("/media/in/a.txt").text(), "taken");
    // a client that missed the last answer
    let again = send(server.address, "HEAD", &url, &[TUS], b"");
    assert_eq!((again.status, again.field("upload-offset"), again.field("content-location")), (200, "10", stored));
    assert_eq!(patch(server.address, &url, 10, b"").status, 204);
}

#[test]
fn messages_that_cannot_be_followed() {
    let server = server(&["--max-upload", "100B"]);
    server.put("file", "x");
    let length = ("Upload-Length", "3");
    let rows: &[(&str, &str, Fields<'_>, u16)] = &[
        ("POST", "/media/", &[("Tus-Resumable", "0.2.2"), length], 412),
        ("POST", "/media/", &[TUS], 400),
        ("POST", "/media/", &[TUS, ("Upload-Length", "-1")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Defer-Length", "1")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Length", "101")], 413),
        ("POST", "/media/", &[TUS, length, ("Upload-Metadata", "filename %%%")], 400),
        ("POST", "/media/", &[TUS, length, ("Upload-Metadata", "filename LmJhc2hyYw==")], 400), // .bashrc
        ("POST", "/media/file/", &[TUS, length], 409),
        ("POST", "/media/.hidden/", &[TUS, length], 404),
        ("HEAD", "/media/.devmedia-partial/AAAAAAAAAAAAAAAAAAAAAA", &[TUS], 404),
        ("HEAD", "/media/.devmedia-partial/AAAAAAAAAAAAAAAAAAAAAA", &[], 412),
        ("HEAD", "/media/.devmedia-partial/short", &[TUS], 404),
    ];
    for (method, target, fields, status) in rows {
        let answer = send(server.address, method, target, fields, b"");
        assert_eq!(answer.status, *status, "{method} {target} {fields:?}");
    }
    assert_eq!(files(&server.root), [server.root.join("file")]);
    let options = server.request("OPTIONS", "/media/", &[]);
    let fields = ["tus-version", "tus-extension", "tus-max-size"].map(|name| options.field(name));
    assert_eq!(fields, ["1.0.0", "creation,expiration,termination", "100"]);
}

#[test]
fn an_upload_can_be_ended_and_empty_and_spoken_by_post() {
    let server = server(&[]);
    let url = create(server.address, "/media/", 10);
    patch(server.address, &url, 0, b"01234");
    assert_eq!(send(server.address, "DELETE", &url, &[TUS], b"").status, 204);
    assert_eq!(send(server.address, "HEAD", &url, &[TUS], b"").status, 404);
    assert_eq!(files(&server.root).len(), 0);

    let answer = send(server.address, "POST", "/media/", &[TUS, NAMED, ("Upload-Length", "0")], b"");
    assert_eq!((answer.status, answer.field("content-location")), (201, "/media/a.txt"));

    let url = create(server.address, "/media/", 2);
    let over = ("X-HTTP-Method-Override", "PATCH");
    let answer = send(server.address, "POST", &url, &[TUS, OFFSET_STREAM, over, ("Upload-Offset", "0")], b"ok");
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(server.get(answer.field("content-location")).text(), "ok");
}

#[test]
fn what_has_come_survives_the_client_and_the_process() {
    const LEN: usize = 8 * 1024 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("media");
    let start = || {
        let mut command = command();
        command.args(["--debug", "--upload", "--listen", "127.0.0.1:0", "--root"]).arg(&root);
        let process = Process::start(command);
        let url = process.ready();
        let authority = url.trim_start_matches("http://").split('/').next().expect("an authority").to_owned();
        (process, authority.parse::<SocketAddr>().expect("an address"))
    };
    let content: Vec<u8> = (0..LEN).map(|at| (at ^ (at >> 9)).to_le_bytes()[0]).collect();
    let (mut process, mut address) = start();
    let url = create(address, "/media/", LEN);
    let mut at = 0;
    for round in 1..=5 {
        let mut stream = TcpStream::connect(address).expect("the server accepts");
        let fields = [TUS, OFFSET_STREAM, ("Upload-Offset", &at.to_string())];
        stream.write_all(&head(address, "PATCH", &url, &fields, LEN - at)).expect("open");
        stream.write_all(&content[at..LEN * round / 6]).expect("open");
        if round % 2 == 0 {
            // the client is cut off, and asks again once the server has noticed
            stream.shutdown(std::net::Shutdown::Write).expect("open");
            assert_eq!(answer(&mut stream, "PATCH").status, 400);
        } else {
            process.signal(Signal::KILL);
            process.wait();
            (process, address) = start();
        }
        let now = offset(address, &url).expect("it is still there");
        assert!(now >= at && now <= LEN * round / 6, "{at} {now}");
        if round % 2 == 0 {
            assert_eq!(now, LEN * round / 6, "all that had come is kept");
        }
        at = now;
    }
    assert_eq!(files(&root).iter().filter(|path| path.ends_with("a.txt")).count(), 0);
    assert_eq!(patch(address, &url, at, &content[at..]).status, 204);
    assert!(fs::read(root.join("a.txt")).expect("stored") == content);
}

#[test]
fn two_who_add_to_one_upload_do_not_mix() {
    let server = server(&[]);
    let url = create(server.address, "/media/", 1000);
    let mut first = server.connect();
    let fields = [TUS, OFFSET_STREAM, ("Upload-Offset", "0"), ("Expect", "100-continue")];
    first.write_all(&head(server.address, "PATCH", &url, &fields, 1000)).expect("open");
    // the go-ahead says that the first has the upload
    first.read_exact(&mut [0; "HTTP/1.1 100 Continue\r\n\r\n".len()]).expect("a go-ahead");
    assert_eq!(patch(server.address, &url, 0, &[b'2'; 1000]).status, 423);
    first.write_all(&[b'1'; 1000]).expect("open");
    assert_eq!(answer(&mut first, "PATCH").status, 204);
    assert_eq!(server.get("/media/a.txt").text(), "1".repeat(1000));
}

#[test]
fn tuspy_uploads_and_resumes() {
    let Some(python) = python(&["tusclient"]) else { return };
    let server = server(&["--upload-to", "uploads/"]);
    let local = server.outside.join("film.mp4");
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at ^ (at >> 9)).to_le_bytes()[0]).collect();
    fs::write(&local, &content).expect("a file");
    let script = "
import sys
from tusclient import client
tus = client.TusClient(sys.argv[1])
uploader = tus.uploader(sys.argv[2], chunk_size=700_000, metadata={'filename': 'my film.mp4'})
uploader.upload_chunk()
uploader.upload_chunk()
# another process goes on
again = tus.uploader(sys.argv[2], chunk_size=700_000, url=uploader.url)
assert again.get_offset() == 1_400_000, again.get_offset()
again.upload()
assert again.get_offset() == 3_000_000
";
    let output = Command::new(python).args(["-c", script, &server.urls[0]]).arg(&local).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(server.root.join("uploads/my_film.mp4")).expect("stored") == content);
}
