//! An incomplete file is never visible: not if a client disconnects, the disk is full, or the process is killed.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use tempfile::TempDir;

use super::*;
use crate::support::process::Process;

/// Bytes that differ at every offset, and by upload.
fn content(upload: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ upload.wrapping_mul(17)).to_le_bytes()[0]).collect()
}

/// A process that accepts uploads to `folder`, and its address.
fn start(folder: &TempDir, args: &[&str]) -> (Process, SocketAddr) {
    let mut command = command();
    command.args(["--debug", "--upload", "--listen", "127.0.0.1:0", "--root"]).arg(folder.path().join("media"));
    let process = Process::start({
        command.args(args);
        command
    });
    let url = process.ready();
    let authority = url.trim_start_matches("http://").split('/').next().expect("an authority").to_owned();
    (process, authority.parse().expect("an address"))
}

#[test]
fn a_client_that_disconnects_leaves_nothing_behind() {
    let server = server(&[]);
    server.put("old.bin", "old");
    for target in ["/media/new.bin", "/media/old.bin"] {
        let mut stream = server.connect();
        stream.write_all(&head(server.address, "PUT", target, &[], 10_000_000)).expect("open");
        stream.write_all(&content(0, 3_000_000)).expect("open");
        drop(stream);
        server.logged("ended before the body");
    }
    assert_eq!(files(&server.root), [server.root.join("old.bin")]);
    assert_eq!(fs::read(server.root.join("old.bin")).expect("there"), b"old");
}

#[test]
fn a_running_upload_is_not_visible() {
    let server = server(&["--hidden"]);
    server.put("old.bin", "old");
    let mut stream = server.connect();
    stream.write_all(&head(server.address, "PUT", "/media/old.bin", &[], 2_000_000)).expect("open");
    let body = content(0, 2_000_000);
    stream.write_all(&body[..1_500_000]).expect("open");
    for _ in 0..20 {
        assert_eq!(server.get("/media/old.bin").text(), "old");
        let listing = server.request("GET", "/media/", &[("Accept", "text/plain")]).text();
        assert_eq!(listing, "/media/old.bin\n");
    }
    stream.write_all(&body[1_500_000..]).expect("open");
    assert_eq!(answer(&mut stream, "PUT").status, 204);
    assert!(server.get("/media/old.bin").body == body);
}

#[test]
fn temporary_names_are_never_visible() {
    for args in [&[][..], &["--hidden"], &["--hidden", "--upload"]] {
        let server = Server::start(Way::Fast, args);
        server.put(".devmedia-abc", "half");
        server.put(".devmedia-partial/abc", "half");
        server.put("folder/.DEVMEDIA-abc", "half");
        server.put(".other", "whole");
        for target in [
            "/media/.devmedia-abc",
            "/media/.devmedia-partial/abc",
            "/media/folder/.DEVMEDIA-abc",
            "/media/.devmedia-partial/",
            "/media/%2edevmedia-abc",
        ] {
            assert_eq!(server.get(target).status, 404, "{args:?} {target}");
        }
        for target in ["/media/", "/media/folder/", "/media/?format=json"] {
            let listing = server.get(target).text();
            assert!(!listing.to_lowercase().contains("devmedia-"), "{args:?} {target}: {listing}");
        }
        let meant = server.get("/media/.devmedia-ab.txt").text();
        assert!(!meant.contains("mean"), "{meant}");
    }
}

#[test]
fn a_kill_during_an_upload_leaves_only_complete_files() {
    const LEN: usize = 1024 * 1024;
    const ROUNDS: usize = 50;
    let folder = tempfile::tempdir().expect("a folder");
    let contents: Vec<Vec<u8>> = (0..ROUNDS).map(|round| content(round, LEN)).collect();
    for (round, body) in contents.iter().enumerate() {
        let (mut process, address) = start(&folder, &["-qq"]);
        let mut stream = TcpStream::connect(address).expect("the server accepts");
        // by turns a file is replaced, made, and posted
        let put = |target: String| ("PUT", target, &[][..], body.clone());
        let (method, target, fields, message) = match round % 3 {
            0 => put("/media/same.bin".to_owned()),
            1 => put(format!("/media/{round}.bin")),
            _ => ("POST", "/media/".to_owned(), &[FORM][..], form(&[("form-data; name=f; filename=f.bin", body)])),
        };
        stream.write_all(&head(address, method, &target, fields, message.len())).expect("open");
        // killed at ever later points: within the body, about its end, after the answer
        stream.write_all(&message[..message.len().min(message.len() * (round + 1) / 30)]).expect("open");
        match round {
            ..30 => {}
            30..44 => (30..round).for_each(|_| std::thread::sleep(Duration::from_micros(150))),
            _ => assert!(matches!(answer(&mut stream, method).status, 201 | 204), "{round}"),
        }
        process.signal(Signal::KILL);
        process.wait();
    }
    let stored = files(&folder.path().join("media"));
    let visible: Vec<_> = stored.iter().filter(|path| !path.to_string_lossy().contains("/.devmedia-")).collect();
    for path in &visible {
        let found = fs::read(path).expect("stored");
        assert!(contents.contains(&found), "{} is not whole: {} bytes", path.display(), found.len());
    }
    eprintln!(
        "{} files have their names, {} have names of devmedia's own",
        visible.len(),
        stored.len() - visible.len()
    );
    assert!((5..=15).contains(&visible.len()), "the last are whole, those cut off in the body are not there");
}

#[test]
fn abandoned_files_are_swept_at_start_and_locked_files_are_kept() {
    use rustix::fs::{FlockOperation, flock};
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("media");
    fs::create_dir_all(root.join("deep/er/.devmedia-partial")).expect("folders");
    fs::create_dir_all(root.join(".devmedia-partial")).expect("a folder");
    let write = |name: &str, age: u64| {
        let file = fs::File::create(root.join(name)).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("a time");
        file
    };
    write(".devmedia-stale", 3600);
    write("deep/er/.devmedia-stale", 3600);
    write(".devmedia-partial/expired", 25 * 3600);
    let fresh = write("deep/.devmedia-fresh", 0);
    let held = write("deep/.devmedia-held", 3600);
    flock(&held, FlockOperation::LockExclusive).expect("a lock");
    write(".devmedia-partial/resumable", 23 * 3600);
    write(".devmedia-partial/resumable.json", 72 * 3600);
    write(".other", 3600);
    let (process, _) = start(&folder, &[]);
    process.stderr.with("removed 3 incomplete uploads");
    let partial = [".devmedia-partial/resumable", ".devmedia-partial/resumable.json"];
    let left = [&partial[..], &[".other", "deep/.devmedia-fresh", "deep/.devmedia-held"]].concat();
    assert_eq!(files(&root), left.iter().map(|name| root.join(name)).collect::<Vec<_>>());
    drop((fresh, held));
}

#[test]
fn a_full_disk_is_507_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("media");
    fs::create_dir(&root).expect("a folder");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&root).output();
    if !mount.as_ref().is_ok_and(|output| output.status.success()) {
        skip(format_args!("a tmpfs cannot be mounted here: {mount:?}"));
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        let (_process, address) = start(&folder, &[]);
        let large = vec![b'x'; 5_000_000];
        let answer = send(address, "PUT", "/media/large.bin", &[], &large);
        assert_eq!(answer.status, 507, "{}", answer.text());
        assert!(answer.text().contains("disk is full"), "{}", answer.text());
        let form = form(&[("form-data; name=f; filename=a", b"x"), ("form-data; name=f; filename=b", &large)]);
        assert_eq!(send(address, "POST", "/media/", &[FORM], &form).status, 507);
        assert_eq!(files(&root).len(), 0);
        assert_eq!(send(address, "PUT", "/media/small.bin", &[], b"x").status, 201, "there is room again");
    });
    let unmounted = Command::new("umount").arg("-l").arg(&root).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// `ulimit -f`: writing beyond it sends a signal that ends a process without a handler.
#[test]
fn a_file_over_the_process_limit_is_507_and_the_server_survives() {
    if skip_on_windows("Windows has no such limit") {
        return;
    }
    if Command::new("prlimit").arg("--version").output().is_err() {
        eprintln!("skipped: there is no prlimit");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (process, address) = start(&folder, &[]);
    let limit = ["--fsize=1000000", "--pid", &process.pid().to_string()].map(str::to_owned);
    assert!(Command::new("prlimit").args(limit).status().expect("prlimit runs").success());
    let large = vec![b'x'; 3_000_000];
    let form = form(&[("form-data; name=f; filename=a", &large)]);
    for (method, target, fields, body) in
        [("PUT", "/media/a.bin", &[][..], &large), ("POST", "/media/", &[FORM][..], &form)]
    {
        let answer = send(address, method, target, fields, body);
        assert_eq!(answer.status, 507, "{method}: {}", answer.text());
        assert!(answer.text().contains("ulimit -f"), "{}", answer.text());
    }
    assert_eq!(send(address, "PUT", "/media/small.bin", &[], b"x").status, 201, "the server lives");
    assert_eq!(files(&folder.path().join("media")).len(), 1);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn memory_use_does_not_grow_with_the_upload() {
    const MIB: usize = 1024 * 1024;
    if skip_on_windows("/proc does not show what a program in Wine has open") {
        return;
    }
    let peak = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak").to_owned();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a number") / 1024
    };
    let server = server(&["--max-upload", "1GiB"]);
    let before = peak(server.pid());
    let chunk = content(0, MIB);
    let stream_up = |method: &str, target: &str, fields: Fields<'_>, around: (&[u8], &[u8]), chunks: usize| {
        let mut stream = server.connect();
        let length = around.0.len() + chunks * MIB + around.1.len();
        stream.write_all(&head(server.address, method, target, fields, length)).expect("open");
        stream.write_all(around.0).expect("open");
        let began = Instant::now();
        for _ in 0..chunks {
            stream.write_all(&chunk).expect("open");
        }
        stream.write_all(around.1).expect("open");
        let answer = answer(&mut stream, method);
        assert_eq!(answer.status, 201, "{}", answer.text());
        eprintln!("{method}: {chunks} MiB in {:?}", began.elapsed());
    };
    stream_up("PUT", "/media/large.bin", &[], (b"", b""), 768);
    assert_eq!(fs::metadata(server.root.join("large.bin")).expect("stored").len(), 768 * MIB as u64);
    fs::remove_file(server.root.join("large.bin")).expect("stored");
    let first = b"--frontier\r\nContent-Disposition: form-data; name=f; filename=f.bin\r\n\r\n";
    stream_up("POST", "/media/", &[FORM], (first, b"\r\n--frontier--\r\n"), 256);
    assert_eq!(fs::metadata(server.root.join("f.bin")).expect("stored").len(), 256 * MIB as u64);
    let after = peak(server.pid());
    eprintln!("peak memory: {before} MiB before, {after} MiB after");
    assert!(after < before + 16, "{before} MiB before, {after} MiB after");
}

#[test]
fn django_reads_an_uploaded_file() {
    let Some(python) = python(&["django"]) else { return };
    let server = server(&["--upload-to", "uploads/%Y/"]);
    let body = form(&[("form-data; name=f; filename=\"na\u{ef}ve photo.jpg\"", b"content")]);
    let answer = send(server.address, "POST", "/media/", &[FORM], &body);
    let json: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let script = "
import sys
from django.conf import settings
settings.configure(MEDIA_ROOT=sys.argv[1], MEDIA_URL='/media/')
from django.core.files.storage import FileSystemStorage
storage = FileSystemStorage()
name, url, size = sys.argv[2], sys.argv[3], int(sys.argv[4])
assert storage.exists(name), name
assert storage.open(name).read() == b'content'
assert storage.size(name) == size
assert storage.url(name) == url, storage.url(name)
assert storage.generate_filename(name) == name
";
    let field = |name: &str| json[name].as_str().map_or_else(|| json[name].to_string(), str::to_owned);
    let mut run = Command::new(python);
    run.args(["-c", script]).arg(&server.root).args([field("name"), field("url"), field("size")]);
    let output = run.output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
