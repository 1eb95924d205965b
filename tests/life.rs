//! The process from the ready line to the last signal: its output, its signals and its log.

mod support;

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;

use devmedia::server::listener::local_addresses;
use rustix::process::Signal;
use serde_json::Value;
use support::process::Process;
use support::{Answer, PATIENCE, command, skip, wait_until};
use tempfile::TempDir;

/// More than the kernel buffers for a client that does not read.
const LARGE: u64 = 64 * 1024 * 1024;

/// Environment variables and their values.
type Env<'a> = &'a [(&'a str, &'a str)];

/// A server on a free port of 127.0.0.1, with a small and a large file.
struct Served {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl Served {
    fn start(args: &[&str]) -> Self {
        Self::start_with(&[], args)
    }

    fn start_with(env: Env<'_>, args: &[&str]) -> Self {
        let (folder, mut command) = prepare(&[&["--listen", "127.0.0.1:0"], args].concat());
        command.envs(env.iter().copied());
        let process = Process::start(command);
        let address = address(&process.ready());
        Self { process, address, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// One request on a connection of its own.
    fn get(&self, target: &str) -> Answer {
        self.get_with(target, "")
    }

    fn get_with(&self, target: &str, fields: &str) -> Answer {
        let mut stream = self.connect();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n").expect("open");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        Answer::take(&mut answer.as_slice(), "GET")
    }

    /// Starts a transfer: the head has been read, but not the body.
    fn begin_transfer(&self) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(b"GET /media/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        stream
    }

    /// The next event of a request, in a log of JSON lines.
    fn event(&self) -> Value {
        loop {
            let line = self.process.stderr.next().expect("the process is still running");
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if event.get("status").is_some() {
                return event;
            }
        }
    }
}

/// `devmedia --debug ARGS` in a folder with media; not started yet.
fn prepare(args: &[&str]) -> (TempDir, Command) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("media");
    fs::create_dir(&root).expect("the root");
    fs::write(root.join("a.txt"), "hello").expect("a file");
    File::create(root.join("large.bin")).and_then(|file| file.set_len(LARGE)).expect("a sparse file");
    let mut command = command();
    command.current_dir(folder.path()).arg("--debug").args(args);
    (folder, command)
}

fn address(url: &str) -> SocketAddr {
    let authority = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/media/")).expect("a URL");
    authority.parse().expect("an address")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

/// Sends one request and leaves the connection open.
fn get_and_stay(stream: &mut (impl std::io::Read + std::io::Write)) {
    stream.write_all(b"GET /media/a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\nhello") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
}

/// Reads to the end and counts the bytes. A reset counts as the end.
fn drain(mut stream: TcpStream) -> u64 {
    let (mut buffer, mut read) = (vec![0; 256 * 1024], 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return read,
            Ok(got) => read += got as u64,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return read,
            Err(error) => panic!("neither bytes nor an end: {error}"),
        }
    }
}

fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skip("this machine has no IPv6");
    }
    has
}

#[test]
fn stdout_has_exactly_one_ready_line_per_listen() {
    let (_folder, command) =
        prepare(&["--listen", "127.0.0.1:0", "--listen", "0", "--listen", "unix:media.sock", "-vv", "--mount", "/b=."]);
    let process = Process::start(command);
    let urls: Vec<String> = (0..3).map(|_| process.ready()).collect();
    for url in &urls[..2] {
        let address = address(url);
        assert!(address.ip().is_loopback() && address.port() != 0, "{url}");
        get_and_stay(&mut connect(address));
    }
    assert_eq!(urls[2], "unix:media.sock");
    process.signal(Signal::TERM);
    let ended = process.end();
    assert_eq!((ended.code, ended.stdout), (Some(0), vec![]));
}

#[test]
fn a_public_address_is_printed_as_loopback_and_is_a_warning() {
    let rows = [
        ("127.0.0.1:0", "http://127.0.0.1:", false),
        ("127.0.0.2:0", "http://127.0.0.2:", false),
        ("0", "http://127.0.0.1:", false),
        ("localhost:0", "http://127.0.0.1:", false),
        ("0.0.0.0:0", "http://127.0.0.1:", true),
        ("[::1]:0", "http://[::1]:", false),
        ("[::]:0", "http://[::1]:", true),
    ];
    let ipv6 = has_ipv6();
    for (listen, starts, warns) in rows.into_iter().filter(|row| ipv6 || !row.0.starts_with('[')) {
        let (_folder, mut command) = prepare(&["--listen", listen]);
        if listen == "127.0.0.2:0" && !cfg!(target_os = "linux") {
            continue;
        }
        command.env("NO_COLOR", "");
        let process = Process::start(command);
        let url = process.ready();
        assert!(url.starts_with(starts) && url.ends_with("/media/"), "{listen}: {url}");
        get_and_stay(&mut connect(address(&url)));
        process.signal(Signal::TERM);
        let stderr = process.end().stderr;
        // findings 5.7: the URL to type on a phone
        let of_family = |ip: &std::net::IpAddr| ip.is_ipv4() || listen.starts_with("[::]");
        let ips = if warns { local_addresses() } else { Vec::new() };
        for ip in ips.iter().copied().filter(of_family) {
            let url = format!("on your network: http://{}/media/", SocketAddr::new(ip, address(&url).port()));
            assert!(stderr.iter().any(|line| line.contains(&url)), "{listen}: {url} in {stderr:?}");
        }
        assert!(warns || !stderr.iter().any(|line| line.contains("on your network")), "{listen}: {stderr:?}");
        let warnings: Vec<_> = stderr.into_iter().filter(|line| line.contains("warning")).collect();
        assert_eq!(warnings.len(), usize::from(warns), "{listen}: {warnings:?}");
        let says = format!("{listen} can be reached from other machines");
        assert!(warnings.iter().all(|line| line.contains(&says)), "{listen}: {warnings:?}");
    }
}

#[test]
fn a_port_alone_listens_on_both_loopback_addresses() {
    let (_folder, command) = prepare(&["--listen", "0"]);
    let process = Process::start(command);
    let address = address(&process.ready());
    get_and_stay(&mut connect(address));
    if has_ipv6() {
        get_and_stay(&mut connect(SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port())));
    }
}

#[test]
fn a_unix_socket_is_removed_at_exit() {
    let (folder, command) = prepare(&["--listen", "unix:media.sock"]);
    let process = Process::start(command);
    assert_eq!(process.ready(), "unix:media.sock");
    let path = folder.path().join("media.sock");
    let mut stream = UnixStream::connect(&path).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    get_and_stay(&mut stream);
    process.signal(Signal::TERM);
    assert_eq!(process.end().code, Some(0));
    assert!(path.symlink_metadata().is_err(), "the socket does not block the next start");
}

#[test]
fn after_a_signal_transfers_finish_and_other_connections_close() {
    for signal in [Signal::INT, Signal::TERM] {
        let server = Served::start(&["--grace", "1h"]);
        let transfer = server.begin_transfer();
        let mut idle = server.connect();
        get_and_stay(&mut idle);
        // the kernel keeps the order of connections, so the earlier ones are accepted before the signal
        let silent = server.connect();
        get_and_stay(&mut server.connect());

        server.process.signal(signal);
        server.process.stderr.with("stopping");
        assert_eq!(drain(idle), 0, "an idle connection is closed at once");
        assert_eq!(drain(silent), 0, "so is one that has sent nothing yet");
        wait_until("the end of accepting", || TcpStream::connect(server.address).is_err());

        assert_eq!(drain(transfer), LARGE, "{signal:?}");
        let ended = server.process.end();
        assert_eq!(ended.code, Some(0), "{signal:?}: {ended:?}");
        let line = ended.stderr.iter().find(|line| line.contains("large.bin")).expect("the transfer is logged");
        assert!(line.contains(" 200 64.0 MiB ") && !line.contains("hung up"), "{line}");
    }
}

#[test]
fn a_transfer_longer_than_the_grace_is_aborted_and_the_exit_code_is_0() {
    for grace in ["0s", "100ms"] {
        let server = Served::start(&["--grace", grace]);
        let transfer = server.begin_transfer();
        server.process.signal(Signal::TERM);
        let ended = server.process.end();
        assert_eq!(ended.code, Some(0), "{grace}: {ended:?}");
        assert!(ended.stderr.iter().any(|line| line.contains("and were aborted")), "{grace}: {ended:?}");
        assert!(drain(transfer) < LARGE);
    }
}

#[test]
fn a_second_signal_ends_the_process_immediately() {
    for (first, second, code) in
        [(Signal::INT, Signal::INT, 130), (Signal::TERM, Signal::TERM, 143), (Signal::TERM, Signal::INT, 130)]
    {
        let server = Served::start(&["--grace", "1h"]);
        let transfer = server.begin_transfer();
        server.process.signal(first);
        server.process.stderr.with("a second signal stops immediately");
        server.process.signal(second);
        assert_eq!(server.process.end().code, Some(code), "{first:?} {second:?}");
        assert!(drain(transfer) < LARGE);
    }
}

#[test]
fn a_pretty_log_line_is_readable_and_has_no_colours_in_a_file() {
    let server = Served::start(&[]);
    server.get_with("/media/a.txt", "Range: bytes=1-3\r\n");
    server.get("/media/a.jpg");
    let stderr = &server.process.stderr;
    let start = stderr.next().expect("a line at the start");
    assert!(start.contains(" info serving /") && start.ends_with("/media at /media/"), "{start}");

    let line = stderr.next().expect("a line for the range");
    let words: Vec<&str> = line.split(' ').collect();
    let [time, method, path, status, bytes, unit, ms, "ms", media_type, charset, range] = words[..] else {
        panic!("{line}")
    };
    assert!(time.len() == 8 && time.split(':').all(|two| two.parse::<u8>().is_ok()), "{line}");
    assert!(ms.parse::<f64>().is_ok_and(|ms| ms >= 0.0), "{line}");
    let rest = [method, path, status, bytes, unit, media_type, charset, range];
    assert_eq!(rest, ["GET", "/media/a.txt", "206", "3", "B", "text/plain;", "charset=utf-8", "bytes=1-3"]);

    let line = stderr.next().expect("a line for the refusal");
    assert!(line.contains(" GET /media/a.jpg 404 ") && line.contains(" - "), "{line}");
    assert!(line.contains("a.txt"), "the reason names the name that was probably meant: {line}");
    assert!(!line.contains('\x1b'), "{line:?}");
}

#[test]
fn a_path_cannot_control_the_terminal_or_forge_a_log_line() {
    let rows = [
        ("/media/a%0a00:00:00%20GET%20/forged%20200", r"/media/a\n00:00:00 GET /forged 200"),
        ("/media/%0d", r"/media/\r"),
        ("/media/%1b%5b31mred", r"/media/\u{1b}[31mred"),
        ("/media/%c2%9b31m", r"/media/\u{9b}31m"),
        ("/media/%7f%08", r"/media/\u{7f}\u{8}"),
        ("/media/gpj.%e2%80%aeexe", r"/media/gpj.\u{202e}exe"),
        ("/media/%e2%81%a6%e2%80%8f%d8%9c", r"/media/\u{2066}\u{200f}\u{61c}"),
        ("/media/%e2%80%a8", r"/media/\u{2028}"),
        ("/media/%ff", "/media/\u{fffd}"),
        ("/media/%e4%b8%ad", "/media/中"),
    ];
    let acts = |c: char| c.is_control() || "\u{61c}\u{200f}\u{2028}\u{202e}\u{2066}".contains(c);
    let pretty = Served::start(&["-v"]);
    let json = Served::start(&["-v", "--log-format", "json"]);
    for (target, shown) in rows {
        assert_eq!(pretty.get(target).status, 404);
        let line = pretty.process.stderr.with(" GET ");
        assert!(line.contains(&format!(" GET {shown} 404 ")), "{target}: {line:?}");
        assert!(!line.contains(acts), "{target}: {line:?}");
        assert_eq!(json.get(target).status, 404);
        let event = json.event();
        assert_eq!(event["path"], shown, "{target}");
        assert!(!event.to_string().contains(acts), "{target}: {event}");
    }
}

#[test]
fn raw_bytes_in_a_target_cannot_control_the_terminal() {
    let server = Served::start(&[]);
    // an image on a page without a Referer: the only line outside the access log that shows a path
    let fields = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n";
    assert_eq!(server.get_with("/media/gpj.\u{202e}exe", fields).status, 404);
    for says in ["Referrer-Policy", " GET "] {
        let line = server.process.stderr.with(says);
        assert!(line.contains(r"/media/gpj.\u{202e}exe") && !line.contains('\u{202e}'), "{line:?}");
    }
}

#[test]
fn json_log_lines_are_valid_and_have_all_fields() {
    let server = Served::start(&["--log-format", "json", "-vv"]);
    server.get_with("/media/a.txt", "Range: bytes=1-3\r\n");
    let event = server.event();
    let rows = [
        ("level", "INFO"),
        ("method", "GET"),
        ("path", "/media/a.txt"),
        ("type", "text/plain; charset=utf-8"),
        ("range", "bytes=1-3"),
    ];
    for (field, value) in rows {
        assert_eq!(event[field], value, "{event}");
    }
    assert_eq!((&event["status"], &event["bytes"]), (&206.into(), &3.into()), "{event}");
    assert!(event["ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{event}");
    let time = event["timestamp"].as_str().expect("a time");
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time} is not RFC 3339");

    server.get("/media/a.jpg");
    let event = server.event();
    assert_eq!((&event["level"], &event["status"]), (&"WARN".into(), &404.into()), "{event}");
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("a.txt")), "{event}");
    server.process.signal(Signal::TERM);
    for line in server.process.end().stderr {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|value| value.is_object()), "{line}");
    }
}

#[test]
fn quiet_and_rust_log_select_the_log_lines() {
    // for: the start, a success, a refusal
    let rows: &[(Env<'_>, &[&str], [bool; 3])] = &[
        (&[], &[], [true, true, true]),
        (&[], &["-q"], [false, false, true]),
        (&[("DEVMEDIA_QUIET", "1")], &[], [false, false, true]),
        (&[], &["-qq"], [false, false, false]),
        (&[], &["-q", "-v"], [true, true, true]),
        (&[("RUST_LOG", "warn")], &["-vv"], [false, false, true]),
        (&[("RUST_LOG", "info")], &["-qq"], [true, true, true]),
        (&[("RUST_LOG", "devmedia::access=info")], &[], [false, true, true]),
        (&[("RUST_LOG", "off")], &[], [false, false, false]),
        (&[("RUST_LOG", "")], &[], [true, true, true]),
    ];
    for (env, args, expected) in rows {
        let server = Served::start_with(env, args);
        assert_eq!(server.get("/media/a.txt").status, 200);
        assert_eq!(server.get("/media/none.bin").status, 404);
        server.process.signal(Signal::TERM);
        let ended = server.process.end();
        let logged = [" serving ", " 200 ", " 404 "].map(|part| ended.stderr.iter().any(|line| line.contains(part)));
        assert_eq!(logged, *expected, "{env:?} {args:?}: {:#?}", ended.stderr);
    }
}

#[test]
fn a_client_that_disconnects_is_not_an_error() {
    let server = Served::start(&["--log-format", "json", "-v"]);
    drop(server.connect());
    drop(server.begin_transfer());
    let event = server.event();
    let level_status_reason = (&event["level"], &event["status"], &event["reason"]);
    assert_eq!(level_status_reason, (&"INFO".into(), &200.into(), &"the client hung up".into()), "{event}");
    assert!(event["bytes"].as_u64().is_some_and(|bytes| bytes < LARGE), "{event}");

    let mut half = server.connect();
    half.write_all(b"GET /media/a.txt HT").expect("open");
    drop(half);
    assert_eq!(server.get("/media/a.txt").status, 200, "and the server goes on");
    server.process.signal(Signal::TERM);
    for line in server.process.end().stderr {
        assert!(!line.contains(r#""level":"WARN""#) && !line.contains(r#""level":"ERROR""#), "{line}");
    }
}

#[test]
fn the_log_names_the_protocol_of_clients_that_do_not_use_http() {
    // the first bytes of a TLS 1.2 ClientHello from curl
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    let rows = [
        (hello, "this server speaks http, not https"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
        (b"\x00\x01\x02\x03\r\n\r\n", "malformed"),
    ];
    let server = Served::start(&[]);
    for (bytes, says) in rows {
        let mut stream = server.connect();
        stream.write_all(bytes).expect("open");
        drain(stream);
        let line = server.process.stderr.with(" warning ");
        assert!(line.contains(says), "{says}: {line}");
    }
}

#[test]
fn it_continues_to_serve_if_its_log_is_closed() {
    let (_folder, command) = prepare(&["--listen", "127.0.0.1:0", "-vv"]);
    let process = Process::start_unread(command);
    let address = address(&process.ready());
    for _ in 0..3 {
        let mut stream = connect(address);
        get_and_stay(&mut stream);
        get_and_stay(&mut stream);
    }
    process.signal(Signal::TERM);
    assert_eq!(process.end().code, Some(0));
}
