//! The real binary on a free port, and raw HTTP to it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod client;
pub mod nginx;
pub mod process;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use tempfile::TempDir;

/// No response takes this long, not even on a busy machine. A server that hangs fails the test instead of blocking it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The content of files outside every root. No response may contain it: [`Server::request`] checks that.
pub const SECRET: &str = "a secret beside the root";

/// The user `nobody`, who can read only world-readable files.
const NOBODY: u32 = 65534;

/// The system calls with which the server reads files. The responses must be the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All that this kernel supports.
    Fast,
    /// Without `preadv2` and `sendfile`: every byte is read on a blocking thread and copied.
    Reading,
    /// Without `sendfile`: long ranges use its fallback, everything else is as in `Fast`.
    NoSendfile,
    /// Without extended attributes, as on a file system that has none.
    NoAttributes,
    /// Without `openat2`, as in an old container: cap-std opens one segment at a time.
    HandWalk,
}

impl Way {
    /// The system calls that fail with ENOSYS.
    #[cfg(target_os = "linux")]
    fn missing_calls(self) -> &'static [i64] {
        match self {
            Self::Fast => &[],
            Self::Reading => &[libc::SYS_preadv2, libc::SYS_sendfile],
            Self::NoAttributes => &[libc::SYS_fsetxattr],
            Self::NoSendfile => &[libc::SYS_sendfile],
            Self::HandWalk => &[libc::SYS_openat2],
        }
    }

    /// Makes the kernel refuse the missing calls, for this thread and all processes that it starts.
    #[cfg(target_os = "linux")]
    fn refuse_missing_calls(self) {
        if self.missing_calls().is_empty() {
            return;
        }
        let rules = self.missing_calls().iter().map(|call| (*call, vec![])).collect();
        let nosys = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
        let arch = std::env::consts::ARCH.try_into().expect("an architecture with seccomp");
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, nosys, arch).expect("a sound filter");
        let program: BpfProgram = filter.try_into().expect("a small filter");
        apply_filter(&program).expect("a kernel with seccomp");
    }

    /// Other systems have only one way.
    #[cfg(not(target_os = "linux"))]
    fn refuse_missing_calls(self) {}

    /// Starts a command with the filter of this way, in a new thread, because the filter applies to the thread for
    /// ever.
    fn spawn(self, mut command: Command) -> Child {
        let start = move || {
            self.refuse_missing_calls();
            command.spawn().expect("the binary starts")
        };
        std::thread::spawn(start).join().expect("the starting thread does not panic")
    }
}

/// The words of the command in `DEVMEDIA_TEST_PROGRAM`, which is tested in place of the binary that cargo has built: the
/// program for Windows run by Wine (`wine /build/devmedia.exe`), or one for another processor run by QEMU.
fn other_program() -> Option<Vec<String>> {
    let command = std::env::var("DEVMEDIA_TEST_PROGRAM").ok().filter(|command| !command.is_empty())?;
    Some(command.split(' ').map(str::to_owned).collect())
}

/// Whether the binary under test is the one for Windows.
fn is_for_windows() -> bool {
    other_program()
        .is_some_and(|words| words.last().is_some_and(|program| Path::new(program).extension() == Some("exe".as_ref())))
}

/// The binary under test, without the caller's environment.
pub fn command() -> Command {
    let words = other_program().unwrap_or_else(|| vec![env!("CARGO_BIN_EXE_devmedia").to_owned()]);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env_clear().env("HOME", "/nonexistent");
    if is_for_windows() {
        // where Wine keeps its drive C, what it prints, and how names are encoded
        let inherited =
            ["WINEPREFIX", "WINEDEBUG"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.envs(inherited).env("LANG", "C.UTF-8");
    }
    command
}

/// An absolute path as the binary under test reads it: Wine has the files of Unix on drive Z.
pub fn absolute(path: &Path) -> OsString {
    let mut absolute = OsString::from(if is_for_windows() { "Z:" } else { "" });
    absolute.push(path);
    absolute
}

/// A running server with its own media root; stopped on drop.
pub struct Server {
    child: Child,
    /// The ready lines, one per `--listen`.
    pub urls: Vec<String>,
    /// The address to connect to.
    pub address: SocketAddr,
    /// The media root.
    pub root: PathBuf,
    /// The folder that contains the root, for files that must never be served.
    pub outside: PathBuf,
    /// Behind a lock, so that several threads can use one server.
    log: Mutex<Receiver<String>>,
    /// Closed when the process has ended.
    ended: Mutex<Receiver<()>>,
    keep: TempDir,
}

impl Server {
    /// Starts a server with these arguments in addition to `--debug --root ... --listen 127.0.0.1:0`.
    pub fn start(way: Way, args: &[&str]) -> Self {
        Self::prepared(way, args, |_| {})
    }

    /// The same, after `prepare` has filled the folder that contains the root `media`. The folder is the working
    /// directory, so arguments can name files in it. It also contains the secrets `secret.txt` and
    /// `media-private/secret.txt`.
    pub fn prepared(way: Way, args: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        Self::start_in(way, workplace(prepare), args, command())
    }

    /// The same, run by a user who cannot read everything; `None` if that is not possible, see [`skip`].
    pub fn unprivileged(way: Way, args: &[&str], prepare: impl FnOnce(&Path)) -> Option<Self> {
        if skip_on_windows("Wine has no permissions of Unix") {
            return None;
        }
        let keep = workplace(prepare);
        let mut command = command();
        if rustix::process::geteuid().is_root() {
            std::fs::set_permissions(keep.path(), Permissions::from_mode(0o755)).expect("our own folder");
            command.uid(NOBODY).gid(NOBODY);
            let probe = Command::new(command.get_program()).arg("--version").uid(NOBODY).gid(NOBODY).output();
            if let Err(error) = probe {
                skip(format_args!("the user nobody cannot run {}: {error}", command.get_program().display()));
                return None;
            }
        }
        Some(Self::start_in(way, keep, args, command))
    }

    /// The same with [`Way::Fast`] and these environment variables.
    pub fn with_variables(args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::prepared_with_variables(args, variables, |_| {})
    }

    /// The same, after `prepare` has filled the folder as for [`Server::prepared`].
    pub fn prepared_with_variables(args: &[&str], variables: &[(&str, &str)], prepare: impl FnOnce(&Path)) -> Self {
        let mut command = command();
        command.envs(variables.iter().copied());
        Self::start_in(Way::Fast, workplace(prepare), args, command)
    }

    fn start_in(way: Way, keep: TempDir, args: &[&str], mut command: Command) -> Self {
        allow_descriptors();
        let root = keep.path().join("media");
        command.current_dir(keep.path()).env("XDG_CACHE_HOME", absolute(&keep.path().join("cache")));
        command.args(["--debug", "--log-format", "json", "-v", "--listen", "127.0.0.1:0"]);
        command.arg("--root").arg(&root).args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = way.spawn(command);

        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, log) = channel();
        let (alive, ended) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // the test may have ended already
                let _ = sender.send(line);
            }
            drop(alive);
        });
        let listens = 1 + args.iter().filter(|arg| arg.starts_with("--listen")).count();
        let urls: Vec<String> = (0..listens)
            .map(|_| {
                let mut line = String::new();
                stdout.read_line(&mut line).expect("a ready line");
                assert!(!line.is_empty(), "no ready line; the log: {:?}", log.iter().collect::<Vec<_>>());
                line.trim_end().to_owned()
            })
            .collect();
        let authority = urls[0].strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a URL");
        let address = authority.parse().expect("an address");
        let outside = keep.path().to_owned();
        Self { child, urls, address, root, outside, log: Mutex::new(log), ended: Mutex::new(ended), keep }
    }

    /// Writes a file below the root and creates its folders. It gets validators a moment later, see
    /// [`Server::settled`].
    pub fn put(&self, path: impl AsRef<OsStr>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.join(path.as_ref());
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("the folders");
        std::fs::write(&path, content).expect("the file");
        path
    }

    /// A connection with time-outs.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        stream
    }

    /// Sends raw bytes, closes the sending side, and reads until the server closes the connection.
    pub fn raw(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // the server may close before it has read all of a malformed request
        let _ = stream.write_all(request);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            result => drop(result.expect("the server answers or closes")),
        }
        answer
    }

    /// Sends one request on a new connection. `target` is sent unchanged.
    pub fn request(&self, method: &str, target: impl AsRef<[u8]>, fields: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} ").into_bytes();
        request.extend_from_slice(target.as_ref());
        request.extend_from_slice(b" HTTP/1.1\r\n");
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.extend_from_slice(format!("Host: {}\r\n", self.address).as_bytes());
        }
        for (name, value) in fields {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.extend_from_slice(b"Connection: close\r\n\r\n");
        let bytes = self.raw(&request);
        let mut rest = bytes.as_slice();
        let answer = Answer::take(&mut rest, method);
        assert!(
            rest.is_empty(),
            "unexpected bytes after the response to {method}: {:?}",
            String::from_utf8_lossy(rest)
        );
        answer.check(method);
        answer
    }

    /// Sends a GET without further headers.
    pub fn get(&self, target: impl AsRef<[u8]>) -> Answer {
        self.request("GET", target, &[])
    }

    /// Repeats a request until the response is as expected, for effects that may take a moment.
    pub fn until(&self, target: &str, expected: impl Fn(&Answer) -> bool) -> Answer {
        let mut last = None;
        poll(|| {
            let answer = self.get(target);
            let is_expected = expected(&answer);
            last = Some(answer);
            is_expected
        })
        .unwrap_or_else(|()| panic!("still not as expected: {last:?}"));
        last.expect("asked")
    }

    /// The response for a file that is old enough to have validators (20 ms).
    pub fn settled(&self, target: &str) -> Answer {
        self.until(target, |answer| !answer.field("etag").is_empty())
    }

    /// Waits for a log line that contains this text.
    pub fn logged(&self, text: &str) -> String {
        let log = self.log.lock().expect("nothing panics while holding it");
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = log.recv_timeout(left).unwrap_or_else(|_| panic!("no log line with {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The process id, for signals and `/proc`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process ends.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        wait_for_end(self.ended.get_mut().expect("nothing panics while holding it"));
        self.child.wait().expect("a child")
    }

    /// Whether the process is still running.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A strictly parsed HTTP response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code; 0 if the connection was closed without a response.
    pub status: u16,
    /// Headers with names in lower case; values of the same name are joined by commas.
    pub fields: BTreeMap<String, String>,
    /// The body, without the chunked encoding.
    pub body: Vec<u8>,
}

impl Answer {
    /// Parses one response to a request with this method, and removes it from the start of `bytes`.
    pub fn take(bytes: &mut &[u8], method: &str) -> Self {
        if bytes.is_empty() {
            return Self { status: 0, fields: BTreeMap::new(), body: Vec::new() };
        }
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head in UTF-8");
        *bytes = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let line = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).expect("a status line");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut fields = BTreeMap::<String, String>::new();
        for line in lines {
            let (name, value) = line.split_once(':').expect("a field");
            let value = value.trim();
            fields
                .entry(name.to_ascii_lowercase())
                .and_modify(|before| *before = format!("{before}, {value}"))
                .or_insert_with(|| value.to_owned());
        }
        let mut answer = Self { status, fields, body: Vec::new() };
        if method == "HEAD" || matches!(status, 204 | 304) {
            return answer;
        }
        answer.body = if answer.field("transfer-encoding") == "chunked" {
            dechunk(bytes)
        } else {
            let len = answer.fields.get("content-length").map_or(bytes.len(), |len| len.parse().expect("a length"));
            assert!(len <= bytes.len(), "the body has {} of the {len} bytes announced", bytes.len());
            let (body, rest) = bytes.split_at(len);
            *bytes = rest;
            body.to_vec()
        };
        answer
    }

    /// Checks what every response must have (design section 4: containment, nosniff, CORS and CORP, freshness).
    fn check(&self, method: &str) {
        let secret = SECRET.as_bytes();
        assert!(
            !self.body.windows(secret.len()).any(|part| part == secret),
            "the response contains the secret: {self:?}"
        );
        if self.is_bare() {
            assert_eq!(self.text(), "", "hyper's own refusals have no body");
            return;
        }
        assert_eq!(self.field("x-content-type-options"), "nosniff", "{self:?}");
        assert!(self.field("vary").split(", ").any(|name| name == "Origin"), "{self:?}");
        assert!(["same-site", "cross-origin"].contains(&self.field("cross-origin-resource-policy")), "{self:?}");
        if self.status >= 400 {
            assert_eq!(self.field("cache-control"), "no-store", "{self:?}");
            assert!(method == "HEAD" || self.body.len() > 10, "every refusal explains itself: {self:?}");
        }
        if matches!(self.status, 204 | 304) {
            assert_eq!(self.field("content-length"), "", "RFC 9110 sections 8.6 and 15.4.5: {self:?}");
            assert_eq!(self.field("content-type"), "", "there is no content: {self:?}");
        }
    }

    /// Whether hyper itself refused a malformed request, with a status but no explanation, or closed the connection.
    pub fn is_bare(&self) -> bool {
        matches!(self.status, 0 | 400 | 414 | 431) && !self.fields.contains_key("vary")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The value of a header, or an empty string.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Prints on stderr that a test, or a part of it, is skipped, and why. In CI on Linux, where everything that the tests
/// need is installed, this is a failure.
///
/// The test harness captures the output of `println!` and `eprintln!` in tests that pass, but not this.
pub fn skip(reason: impl Display) {
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!(is_ci && cfg!(target_os = "linux")), "tests must not be skipped in CI: {reason}");
    print_skipped(reason);
}

/// Whether the binary under test is the one for Windows. If so, prints that the test, or a part of it, is skipped because it
/// needs what only Unix has.
pub fn skip_on_windows(reason: impl Display) -> bool {
    let skips = is_for_windows();
    if skips {
        print_skipped(reason);
    }
    skips
}

fn print_skipped(reason: impl Display) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {reason}\n", thread.name().unwrap_or("a test"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Waits for a condition that the system does not report: checks it repeatedly, with short pauses. Fails after
/// [`PATIENCE`].
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    poll(condition).unwrap_or_else(|()| panic!("timed out waiting for {what}"));
}

fn poll(mut condition: impl FnMut() -> bool) -> Result<(), ()> {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > until {
            return Err(());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Waits until the other end of the channel is dropped, which happens when the process closes its output.
fn wait_for_end(ended: &Receiver<()>) {
    assert_eq!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "the process did not end");
}

/// Raises the limit of open files to the maximum, because many tests with many connections run in parallel.
fn allow_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // macOS refuses "unlimited"; then the tests run with the current limit
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Creates a folder with a root and the secrets.
fn workplace(prepare: impl FnOnce(&Path)) -> TempDir {
    let keep = tempfile::tempdir().expect("a temporary folder");
    prepare(keep.path());
    let root = keep.path().join("media");
    if !root.exists() {
        std::fs::create_dir(&root).expect("the root");
    }
    // a sibling whose name begins with the root's (CVE-2025-58751)
    let sibling = keep.path().join("media-private");
    std::fs::create_dir(&sibling).expect("the sibling");
    for folder in [keep.path(), &sibling] {
        std::fs::write(folder.join("secret.txt"), SECRET).expect("the secret");
    }
    keep
}

/// Decodes a chunked body (RFC 9112 section 7.1), and removes it from the start of `bytes`.
fn dechunk(bytes: &mut &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n").expect("a chunk size");
        let size = std::str::from_utf8(&bytes[..line]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal");
        let (chunk, rest) = bytes[line + 2..].split_at(size);
        body.extend_from_slice(chunk);
        *bytes = rest.strip_prefix(b"\r\n").expect("the end of the chunk");
        if size == 0 {
            return body;
        }
    }
}

/// A Python with these modules; `None` if there is none, see [`skip`].
pub fn python(modules: &[&str]) -> Option<String> {
    let python = std::env::var("DEVMEDIA_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = format!("import {}", modules.join(", "));
    let found = std::process::Command::new(&python).args(["-c", &import]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    skip(format_args!("{python} does not have {modules:?}; set DEVMEDIA_TEST_PYTHON to a Python that does"));
    None
}
