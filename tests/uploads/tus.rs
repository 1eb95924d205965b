//! Resumable uploads: the tus protocol, byte by byte and by a real client.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;

use super::*;
use crate::support::process::Process;

const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
const OFFSET_STREAM: (&str, &str) = ("Content-Type", "application/offset+octet-stream");
const SUM: (&str, &str) = ("Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
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
fn an_upload_in_pieces_is_published_when_it_is_complete() {
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
    assert_eq!(
        send(server.address, "PATCH", &url, &[TUS, OFFSET_STREAM, ("Upload-Offset", "5"), SUM], b"x").status,
        400
    );

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
    // the URL that Uppy shows as the result redirects to the file
    for method in ["GET", "HEAD"] {
        let answer = server.request(method, &url, &[]);
        assert_eq!((answer.status, answer.field("location")), (302, stored), "{method}");
    }
}

/// The extension "creation-with-upload": a POST may bring the first bytes, or all of them.
#[test]
fn a_creation_may_contain_the_first_bytes() {
    let server = server(&["--max-upload", "100B"]);
    let create = |length: &str, fields: Fields<'_>, body: &[u8]| {
        send(server.address, "POST", "/media/", &[&[TUS, NAMED, ("Upload-Length", length)], fields].concat(), body)
    };
    let answer = create("10", &[OFFSET_STREAM], b"01234");
    assert_eq!((answer.status, answer.field("upload-offset")), (201, "5"), "{}", answer.text());
    assert_eq!(patch(server.address, answer.field("location"), 5, b"56789").status, 204);
    assert_eq!(server.get("/media/a.txt").text(), "0123456789");
    let answer = create("3", &[OFFSET_STREAM], b"abc");
    assert_eq!((answer.status, answer.field("upload-offset")), (201, "3"), "{}", answer.text());
    assert_eq!(server.get(answer.field("content-location")).text(), "abc");
    let before = files(&server.root).len();
    assert_eq!(create("3", &[], b"abc").status, 415, "bytes of no type are not dropped");
    assert_eq!(create("3", &[OFFSET_STREAM], b"abcd").status, 413);
    assert_eq!(files(&server.root).len(), before);
}

/// The extension "concatenation", as tus-js-client with `parallelUploads` speaks it.
#[test]
fn parts_are_joined() {
    let server = server(&["--max-upload", "20B"]);
    let partial = ("Upload-Concat", "partial");
    let part = |content: &[u8], sent: usize| {
        let length = content.len().to_string();
        let answer = send(server.address, "POST", "/media/in/", &[TUS, partial, ("Upload-Length", &length)], b"");
        assert_eq!(answer.status, 201, "{}", answer.text());
        let url = answer.field("location").to_owned();
        assert_eq!(patch(server.address, &url, 0, &content[..sent]).status, 204);
        url
    };
    let join = |urls: &[String]| {
        let concat = format!("final;{}", urls.join(" "));
        send(server.address, "POST", "/media/in/", &[TUS, NAMED, ("Upload-Concat", &concat)], b"")
    };
    let (first, second) = (part(b"01234", 5), format!("http://{}{}", server.address, part(b"56789", 5)));
    let head = send(server.address, "HEAD", &first, &[TUS], b"");
    assert_eq!((head.field("upload-concat"), head.field("upload-offset")), ("partial", "5"));
    assert_eq!(server.get("/media/?format=text").text(), "", "a part is not a file");

    let unfinished = part(b"xyz", 2);
    assert_eq!(join(&[first.clone(), unfinished.clone()]).status, 400);
    assert_eq!(join(&[first.clone(), create(server.address, "/media/in/", 3)]).status, 400, "not a part");
    let large = part(&[b'x'; 16], 16);
    assert_eq!(join(&[first.clone(), large]).status, 413);

    let whole = join(&[first.clone(), second]);
    assert_eq!(whole.status, 201, "{}", whole.text());
    assert_eq!(whole.field("content-location"), "/media/in/a.txt");
    assert_eq!(server.get("/media/in/a.txt").text(), "0123456789");
    let url = whole.field("location");
    let head = send(server.address, "HEAD", url, &[TUS], b"");
    assert_eq!((head.status, head.field("upload-length"), head.field("upload-offset")), (200, "10", "10"));
    assert!(head.field("upload-concat").starts_with("final;"), "{:?}", head.fields);
    assert_eq!(patch(server.address, url, 10, b"").status, 403);
    assert_eq!(send(server.address, "HEAD", &first, &[TUS], b"").status, 404, "the parts are gone");
    assert_eq!(patch(server.address, &unfinished, 2, b"z").status, 204);
    assert_eq!(server.get("/media/?format=text").text(), "/media/in/\n");
}

/// A client must learn before the last byte that nothing can be stored there.
#[test]
fn an_upload_into_a_folder_that_cannot_be_written_is_403_at_once() {
    if skip_on_windows("Wine has no permissions of Unix") {
        return;
    }
    let prepared = Server::unprivileged(Way::Fast, &["--upload"], |folder| {
        for (name, mode) in [("media", 0o777), ("media/locked", 0o555)] {
            fs::create_dir(folder.join(name)).expect("a folder");
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("our own folder");
        }
    });
    let Some(server) = prepared else { return };
    let answer = send(server.address, "POST", "/media/locked/", &[TUS, NAMED, ("Upload-Length", "3")], b"");
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("permission"), "{}", answer.text());
}

/// File systems can store dates that do not fit into an HTTP header.
#[test]
fn an_upload_with_an_odd_time_can_be_resumed() {
    let server = server(&[]);
    for seconds in [253_402_300_800, 1 << 40, 4_000_000_000] {
        let url = create(server.address, "/media/", 4);
        let id = url.rsplit('/').next().expect("an id");
        let bytes = server.root.join(".devmedia-partial").join(id);
        let file = fs::File::options().write(true).open(&bytes).expect("the bytes");
        // not every file system can hold such a time
        let _ = file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let head = send(server.address, "HEAD", &url, &[TUS], b"");
        assert_eq!((head.status, head.field("upload-offset")), (200, "0"), "{seconds}");
        assert_eq!(patch(server.address, &url, 0, b"okay").status, 204, "{seconds}");
    }
    let url = create(server.address, "/media/", 4);
    let bytes = server.root.join(".devmedia-partial").join(url.rsplit('/').next().expect("an id"));
    let file = fs::File::options().write(true).open(bytes).expect("the bytes");
    file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40))
        .or_else(|_| file.set_modified(SystemTime::UNIX_EPOCH))
        .expect("a time");
    assert_eq!(send(server.address, "HEAD", &url, &[TUS], b"").status, 404, "long expired");
}

#[test]
fn invalid_requests_are_rejected() {
    let server = server(&["--max-upload", "100B"]);
    server.put("file", "x");
    let length = ("Upload-Length", "3");
    let rows: &[(&str, &str, Fields<'_>, u16)] = &[
        ("POST", "/media/", &[("Tus-Resumable", "0.2.2"), length], 412),
        ("POST", "/media/", &[TUS], 400),
        ("POST", "/media/", &[TUS, ("Upload-Length", "-1")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Defer-Length", "1")], 400),
        ("POST", "/media/", &[TUS, length, ("Upload-Defer-Length", "1")], 400),
        ("POST", "/media/", &[TUS, length, ("Upload-Checksum", "sha1 AAAA")], 400),
        ("POST", "/media/", &[TUS, length, ("Upload-Concat", "partly")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Concat", "partial")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Concat", "final;")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Concat", "final;/media/a.txt")], 400),
        ("POST", "/media/", &[TUS, ("Upload-Concat", "final;/media/.devmedia-partial/AAAAAAAAAAAAAAAAAAAAAA")], 404),
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
    let extensions = "creation,creation-with-upload,expiration,termination,concatenation";
    assert_eq!(fields, ["1.0.0", extensions, "100"]);
}

#[test]
fn an_upload_can_be_terminated_or_empty_or_use_a_method_override() {
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
fn received_bytes_survive_a_disconnect_and_a_kill() {
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
            // the client is disconnected, and retries once the server has noticed
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
fn concurrent_appends_do_not_mix() {
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
