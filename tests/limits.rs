//! The server at its limits: memory, connections, file descriptors.

mod support;

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
#[cfg(target_os = "linux")]
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::process::Process;
use support::{PATIENCE, skip, wait_until};
use tempfile::TempDir;

/// `Server::MAX_CONNECTIONS`.
const CONNECTIONS: usize = 1024;

/// Long enough for a response to arrive. A test that expects silence waits this long.
const SILENCE: Duration = Duration::from_millis(300);

/// Starts `devmedia` in a folder with media, after a shell command such as `ulimit -Hn 40`.
fn start(limit: &str) -> (TempDir, Process, SocketAddr) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("media");
    fs::create_dir(&root).expect("the root");
    fs::write(root.join("a.txt"), "hello").expect("a file");
    let mut command = Command::new("sh");
    command.env_clear().current_dir(folder.path());
    command.args(["-c", &format!("{limit}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_devmedia")]);
    command.args(["--debug", "--listen", "127.0.0.1:0"]);
    let process = Process::start(command);
    let url = process.ready();
    let authority = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/media/")).expect("a URL");
    let address = authority.parse().expect("an address");
    (folder, process, address)
}

/// Whether this process, which also needs a descriptor for each connection, can open this many.
fn can_open(descriptors: usize) -> bool {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the hard limit");
    let can = maximum.is_none_or(|maximum| maximum >= descriptors as u64);
    if !can {
        skip(format_args!("only {maximum:?} descriptors here (ulimit -Hn), {descriptors} are needed"));
    }
    can
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the kernel accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

fn ask(stream: &mut TcpStream, name: &str) {
    write!(stream, "GET /media/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
}

/// Reads exactly one head, and not a byte more.
fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("ASCII")
}

fn read_hello(stream: &mut TcpStream) {
    let head = read_head(stream);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut body = [0; 5];
    stream.read_exact(&mut body).expect("a body");
    assert_eq!(&body, b"hello");
}

/// Repeats a request while the response is 503: the server may not yet have closed all connections that the test
/// closed.
fn wait_until_recovered(address: SocketAddr) {
    wait_until("an answer of 200", || {
        let mut stream = connect(address);
        ask(&mut stream, "a.txt");
        let head = read_head(&mut stream);
        let is_well = head.starts_with("HTTP/1.1 200 ");
        assert!(is_well || head.starts_with("HTTP/1.1 503 "), "{head}");
        is_well
    });
}

/// Whether nothing arrives for a while on an open connection.
fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(SILENCE)).expect("a time-out");
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
#[cfg(target_os = "linux")]
fn two_hundred_slow_downloads_of_ten_gigabytes_stay_under_64_mebibytes() {
    const DOWNLOADS: usize = 200;
    const ROUNDS: usize = 64;
    const STEP: usize = 16 * 1024;
    if !can_open(DOWNLOADS + 100) {
        return;
    }
    let (folder, process, address) = start("true");
    let file = File::create(folder.path().join("media/huge.bin")).expect("a file");
    let start: Vec<u8> = (0..ROUNDS * STEP).map(|at| u8::try_from(at / 7 % 251).expect("below 251")).collect();
    file.set_len(10_000_000_000).expect("a sparse file");
    file.write_all_at(&start, 0).expect("a start");

    let mut downloads: Vec<TcpStream> = (0..DOWNLOADS).map(|_| connect(address)).collect();
    for download in &mut downloads {
        ask(download, "huge.bin");
    }
    for download in &mut downloads {
        let head = read_head(download);
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-length: 10000000000\r\n"), "{head}");
    }
    // each reads a little in turn, so the server is busy with all of them and none ends
    let mut step = vec![0; STEP];
    for expected in start.chunks(STEP) {
        for download in &mut downloads {
            download.read_exact(&mut step).expect("bytes");
            assert!(step == expected, "the bytes differ from the file");
        }
    }
    let resident = peak_resident_kib(process.pid());
    println!("{DOWNLOADS} downloads: {resident} KiB resident at the most");
    assert!(resident < 64 * 1024, "{resident} KiB");
}

/// `VmHWM` of `proc_pid_status(5)`: the peak of the resident memory.
#[cfg(target_os = "linux")]
fn peak_resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a process with memory");
    line.trim().strip_suffix(" kB").and_then(|number| number.parse().ok()).expect("a number of kB")
}

#[test]
fn a_new_connection_takes_the_place_of_the_one_that_has_been_idle_the_longest() {
    if !can_open(CONNECTIONS + 100) {
        return;
    }
    let (_folder, process, address) = start("true");
    let mut connections: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(address)).collect();
    for stream in &mut connections {
        ask(stream, "a.txt");
        read_hello(stream);
    }
    // the second is idle the longest now
    ask(&mut connections[0], "a.txt");
    read_hello(&mut connections[0]);
    for oldest in 1..4 {
        let mut one_more = connect(address);
        ask(&mut one_more, "a.txt");
        read_hello(&mut one_more);
        assert_eq!(connections[oldest].read(&mut [0]).expect("closed, not reset"), 0);
        connections.push(one_more);
    }
    drop(connections.drain(1..4));
    for stream in &mut connections {
        ask(stream, "a.txt");
        read_hello(stream);
    }
    process.signal(rustix::process::Signal::TERM);
    let lines = process.end().stderr;
    let notes = lines.iter().filter(|line| line.contains("all 1024 connections are in use")).count();
    assert_eq!(notes, 1, "{lines:#?}");
}

#[test]
fn a_new_connection_waits_while_all_others_are_busy() {
    if !can_open(CONNECTIONS + 100) {
        return;
    }
    let (folder, _process, address) = start("true");
    let file = File::create(folder.path().join("media/huge.bin")).expect("a file");
    file.set_len(10_000_000_000).expect("a sparse file");
    let mut connections: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(address)).collect();
    for stream in &mut connections {
        ask(stream, "huge.bin");
    }
    for stream in &mut connections {
        assert!(read_head(stream).starts_with("HTTP/1.1 200 "));
    }
    let mut one_more = connect(address);
    ask(&mut one_more, "a.txt");
    assert!(is_silent(&mut one_more), "all places are taken, and none is idle");
    drop(connections.pop());
    read_hello(&mut one_more);
    for stream in &mut connections {
        stream.read_exact(&mut [0; 4096]).expect("it goes on");
    }
}

#[test]
fn running_out_of_descriptors_is_logged_once_and_recovers() {
    let (_folder, process, address) = start("ulimit -n 40");
    process.stderr.with(" serving ");
    let mut connections: Vec<TcpStream> = (0..60).map(|_| connect(address)).collect();
    let line = process.stderr.with(" error ");
    assert!(line.contains("no more connections can be accepted for now") && line.contains("ulimit -n"), "{line}");

    // the last ones wait in the kernel; none is refused
    for stream in &mut connections {
        ask(stream, "a.txt");
    }
    let waiting = connections.iter_mut().position(is_silent).expect("no descriptor is left for the last ones");
    for _ in 0..5 {
        // one closes, another connects, and the server is at its limit again
        drop(connections.remove(0));
        read_head(&mut connections[waiting - 1]);
    }
    let mut last = connections.pop().expect("sixty");
    assert!(is_silent(&mut last), "it is not its turn");
    drop(connections);
    read_head(&mut last);
    wait_until_recovered(address);

    process.signal(rustix::process::Signal::TERM);
    let ended = process.end();
    assert_eq!(ended.code, Some(0));
    assert!(!ended.stderr.iter().any(|line| line.contains("no more connections")), "printed twice: {ended:?}");
}

#[test]
fn a_file_that_cannot_be_opened_without_descriptors_is_503_not_404() {
    let (_folder, process, address) = start("ulimit -n 40");
    let mut connections: Vec<TcpStream> = (0..60).map(|_| connect(address)).collect();
    process.stderr.with("no more connections");
    let first = &mut connections[0];
    ask(first, "a.txt");
    let head = read_head(first);
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("cache-control: no-store\r\n") && head.contains("retry-after: "), "{head}");
    drop(connections.split_off(1));
    wait_until_recovered(address);
}
