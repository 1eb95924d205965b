//! https: the local certificate authority, files of mkcert's kind, http on the same port, and HTTP/2.

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use support::process::{Process, run};
use support::{PATIENCE, command, python, skip};
use tempfile::TempDir;

/// A running server that speaks https.
struct Secure {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
}

impl Secure {
    /// With these arguments; media and the authority are in folders of their own.
    fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), "share", args)
    }

    /// The authority is kept in this folder below the working directory.
    fn start_in(folder: TempDir, data: &str, args: &[&str]) -> Self {
        let root = folder.path().join("media");
        fs::create_dir_all(&root).expect("the root");
        fs::write(root.join("a.txt"), "hello").expect("a file");
        let mut command = command();
        command.current_dir(folder.path()).env("XDG_DATA_HOME", folder.path().join(data));
        command.args(["--debug", "-v", "--listen", "127.0.0.1:0"]).args(args);
        let process = Process::start(command);
        let url = process.ready();
        let authority = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix("/media/"));
        let address = authority.unwrap_or_else(|| panic!("not https: {url}")).parse().expect("an address");
        Self { process, folder, address }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    /// The certificate of the authority.
    fn authority(&self) -> PathBuf {
        self.folder.path().join("share/devmedia/ca.pem")
    }

    /// curl, which trusts the authority.
    fn curl(&self, args: &[&str]) -> Output {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60", "--cacert"]).arg(self.authority()).args(args);
        let loopback = |name| format!("{name}:{}:127.0.0.1", self.address.port());
        for name in ["localhost", "shop.localhost", "shop.test", "www.example.com"] {
            curl.args(["--resolve", &loopback(name)]);
        }
        curl.output().expect("curl")
    }

    /// What curl prints of a request.
    fn written(&self, args: &[&str]) -> String {
        let output = self.curl(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("{}{error}", String::from_utf8_lossy(&output.stdout)).trim_end().to_owned()
    }

    /// Raw bytes without TLS, and all that comes back.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The most memory that the process has used, in KiB.
    #[cfg(target_os = "linux")]
    fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

#[test]
fn curl_trusts_the_authority_over_both_versions() {
    let server = Secure::start(&["--tls"]);
    for (host, version, expected) in [
        ("localhost", "--http2", "hello 2 200"),
        ("localhost", "--http1.1", "hello 1.1 200"),
        ("127.0.0.1", "--http2", "hello 2 200"),
        // a certificate is made for a name that is asked for
        ("shop.localhost", "--http2", "hello 2 200"),
        ("shop.test", "--http1.1", "hello 1.1 200"),
    ] {
        let url = server.url(host, "/media/a.txt");
        assert_eq!(
            server.written(&[version, "-w", " %{http_version} %{http_code}", &url]),
            expected,
            "{host} {version}"
        );
    }
    let other = server.curl(&[&server.url("www.example.com", "/media/a.txt")]);
    assert_eq!(other.status.code(), Some(60), "a name that is not ours: {other:?}");
    let stranger = Command::new("curl").args(["-sS", &server.url("localhost", "/")]).output().expect("curl");
    assert_eq!(stranger.status.code(), Some(60), "who does not trust it: {stranger:?}");
    server.process.stderr.with("a client does not trust the certificate");
}

#[test]
fn the_authority_is_kept_and_its_commands_are_printed_until_it_is_trusted() {
    let first = Secure::start(&["--tls"]);
    let line = first.process.stderr.with("made a certificate authority: ");
    assert!(line.contains("share/devmedia/ca.pem"), "{line}");
    let line = first.process.stderr.with("to try it: curl --cacert ");
    assert!(line.ends_with(&first.url("localhost", "/media/")), "{line}");
    let certificate = fs::read(first.authority()).expect("the authority");
    let data = first.folder.path().join("share/devmedia");
    for (name, expected) in [
        ("", 0o700),
        (".devmedia-keys", 0o700),
        (".devmedia-keys/ca-key.pem", 0o600),
        (".devmedia-keys/key.pem", 0o600),
    ] {
        let mode = fs::metadata(data.join(name)).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{name:?}");
    }
    let Secure { process, folder, .. } = first;
    drop(process);
    let second = Secure::start_in(folder, "share", &["--tls", "--allow-host", "shop.test"]);
    assert_eq!(fs::read(second.authority()).expect("the authority"), certificate);
    assert_eq!(second.written(&[&second.url("shop.test", "/media/a.txt")]), "hello");
}

/// Python is the strictest: `VERIFY_X509_STRICT` is the default since 3.13.
#[test]
fn python_trusts_the_authority() {
    let Some(python) = python(&["ssl"]) else { return };
    let server = Secure::start(&["--tls"]);
    let script = "import ssl, sys, urllib.request\n\
                  context = ssl.create_default_context(cafile=sys.argv[1])\n\
                  context.verify_flags |= ssl.VERIFY_X509_STRICT\n\
                  for url in sys.argv[2:]: print(urllib.request.urlopen(url, context=context).read().decode())";
    let urls = [server.url("localhost", "/media/a.txt"), server.url("127.0.0.1", "/media/a.txt")];
    let output =
        Command::new(python).args(["-c", script]).arg(server.authority()).args(urls).output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\nhello\n", "{output:?}");
}

/// The command that is printed, in a home of its own.
#[test]
fn chromium_trusts_the_authority() {
    for tool in ["chromium", "certutil"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return skip(format_args!("there is no {tool}"));
        }
    }
    let server = Secure::start(&["--tls"]);
    let home = server.folder.path().join("home");
    fs::create_dir_all(home.join(".pki/nssdb")).expect("a folder");
    let shell = |script: &str| {
        let output = Command::new("sh").args(["-ec", script]).env("HOME", &home).output().expect("a shell");
        assert!(output.status.success(), "{script}: {output:?}");
    };
    shell("certutil -d sql:$HOME/.pki/nssdb -N --empty-password");
    let line = server.process.stderr.with("to trust it in Chromium and Chrome: ");
    shell(line.split_once("Chrome: ").expect("a command").1);
    let page = |url: &str| {
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"])
            .arg(format!("--user-data-dir={}", home.join("profile").display()))
            .arg(url)
            .env("HOME", &home)
            .output();
        String::from_utf8_lossy(&output.expect("chromium").stdout).into_owned()
    };
    let trusted = page(&server.url("localhost", "/media/"));
    assert!(trusted.contains("a.txt"), "{trusted}");
    // http in the address bar leads to https
    let led = page(&format!("http://localhost:{}/media/", server.address.port()));
    assert!(led.contains("a.txt"), "{led}");
    server.process.stderr.with("/media/ 307");
}

#[test]
fn http_on_the_same_port_is_sent_to_https() {
    let server = Secure::start(&["--tls", "--upload", "--allow-host", "app.example"]);
    let port = server.address.port();
    for (request, status, location) in [
        (
            format!("GET /media/a.txt?x=1 HTTP/1.1\r\nHost: localhost:{port}\r\n"),
            307,
            format!("https://localhost:{port}/media/a.txt?x=1"),
        ),
        (
            format!("PUT /media/b.txt HTTP/1.1\r\nHost: app.example:{port}\r\nContent-Length: 0\r\n"),
            307,
            format!("https://app.example:{port}/media/b.txt"),
        ),
        ("GET / HTTP/1.1\r\nHost: [::1]:1\r\n".to_owned(), 307, "https://[::1]:1/".to_owned()),
        (
            "GET http://localhost:2/a HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
            307,
            "https://localhost:2/a".to_owned(),
        ),
        // DNS rebinding, and a stranger's page: no redirect that says what is here
        ("GET /media/a.txt HTTP/1.1\r\nHost: evil.example\r\n".to_owned(), 421, String::new()),
        (
            format!("GET /media/a.txt HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: https://evil.example\r\n"),
            403,
            String::new(),
        ),
        ("GET /media/a.txt HTTP/1.0\r\n".to_owned(), 400, String::new()),
    ] {
        let answer = server.raw(&format!("{request}Connection: close\r\n\r\n"));
        assert_eq!(answer.get(9..12), Some(status.to_string().as_str()), "{request}: {answer}");
        let found = answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_default();
        assert_eq!(found, location, "{request}");
        assert!(!answer.contains("hello"), "{request}");
    }
    assert!(!server.folder.path().join("media/b.txt").exists(), "nothing is done by http");
}

#[test]
fn without_tls_a_hello_is_explained() {
    let mut command = command();
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("media")).expect("the root");
    command.current_dir(folder.path()).args(["--debug", "--listen", "127.0.0.1:0"]);
    let process = Process::start(command);
    let url = process.ready().replace("http://", "https://");
    let output = Command::new("curl").args(["-sSk", &url]).output().expect("curl");
    assert_eq!(output.status.code(), Some(35), "{output:?}");
    process.stderr.with("a client tried https");
}

/// The keys beneath a root, of which nothing is hidden and everything may be overwritten.
#[test]
fn the_keys_are_never_served() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Secure::start_in(folder, "media/share", &["--tls", "--hidden", "--upload"]);
    let keys = server.folder.path().join("media/share/devmedia/.devmedia-keys");
    let key = fs::read(keys.join("ca-key.pem")).expect("the key");
    let status = |args: &[&str]| server.written(&[&["-k", "-o", "/dev/null", "-w", "%{http_code}"], args].concat());
    let url = |path: &str| server.url("127.0.0.1", &format!("/media/share/devmedia/{path}"));
    for path in
        [".devmedia-keys/ca-key.pem", ".devmedia-keys/key.pem", ".devmedia-keys/", "%2Edevmedia-keys/ca-key.pem"]
    {
        assert_eq!(status(&[&url(path)]), "404", "{path}");
    }
    for args in [["-X", "DELETE"], ["-X", "PUT"]] {
        assert_eq!(status(&[&args[..], &["-d", "x", &url(".devmedia-keys/ca-key.pem")]].concat()), "404", "{args:?}");
    }
    let listing = server.written(&["-k", &url("?format=json")]);
    assert!(listing.contains("ca.pem") && !listing.contains("keys"), "{listing}");
    assert_eq!(fs::read(keys.join("ca-key.pem")).expect("still there"), key);
}

/// A certificate and its key as mkcert writes them.
fn pair(folder: &Path, name: &str, until: i32) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("a file");
    fs::write(folder.join(format!("{name}-key.pem")), key.serialize_pem()).expect("a file");
    (format!("{name}.pem"), format!("{name}-key.pem"))
}

#[test]
fn files_of_a_certificate_are_used() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (certificate, key) = pair(folder.path(), "localhost", 4000);
    let server = Secure::start_in(folder, "share", &["--tls-cert", &certificate, "--tls-key", &key]);
    let file = server.folder.path().join(&certificate);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert"]).arg(&file).arg(server.url("localhost", "/media/a.txt"));
    let output = curl.output().expect("curl");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello", "{output:?}");
    assert!(!server.folder.path().join("share").exists(), "no authority is made");
}

#[test]
fn files_that_do_not_fit_are_explained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path();
    fs::create_dir(place.join("media")).expect("the root");
    pair(place, "a", 4000);
    pair(place, "b", 4000);
    pair(&place.join("media"), "served", 4000);
    fs::write(place.join("text.pem"), "hello").expect("a file");
    fs::write(
        place.join("locked.pem"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .expect("a file");
    for (args, says) in [
        (&["--tls-cert", "none.pem", "--tls-key", "a-key.pem"][..], "none.pem cannot be read: No such file"),
        (&["--tls-cert", "a.pem", "--tls-key", "b-key.pem"], "is not the key of the certificate"),
        (&["--tls-cert", "a-key.pem", "--tls-key", "a.pem"], "mixed up"),
        (&["--tls-cert", "a.pem", "--tls-key", "a.pem"], "mixed up"),
        (&["--tls-cert", "text.pem", "--tls-key", "a-key.pem"], "holds no certificate"),
        (&["--tls-cert", "a.pem", "--tls-key", "text.pem"], "holds no private key"),
        (&["--tls-cert", "a.pem", "--tls-key", "locked.pem"], "protected by a password"),
        (&["--tls-cert", "a.pem"], "add --tls-key FILE"),
        (&["--tls-key", "a-key.pem"], "add --tls-cert FILE"),
        (&["--tls-cert", "media/served.pem", "--tls-key", "media/served-key.pem"], "in the folder that is served"),
    ] {
        let mut command = command();
        command.current_dir(place).args(["--debug", "--listen", "127.0.0.1:0"]).args(args);
        let ended = run(command);
        assert_eq!(ended.code, Some(2), "{args:?}: {:?}", ended.stderr);
        assert!(ended.stderr.iter().any(|line| line.contains(says)), "{args:?}: {:?}", ended.stderr);
    }
    pair(place, "old", 2020);
    let mut command = command();
    command.current_dir(place).args(["check", "--tls-cert", "old.pem", "--tls-key", "old-key.pem"]);
    let ended = run(command);
    assert!(ended.stdout.iter().any(|line| line.contains("expired at 2020-01-01")), "{ended:?}");
}

#[test]
fn many_requests_share_a_connection() {
    let server = Secure::start(&["--tls"]);
    for i in 0..300 {
        let content = format!("{i}-").repeat(1 + i * 40);
        fs::write(server.folder.path().join(format!("media/{i}.txt")), content).expect("a file");
    }
    let out = server.folder.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let (url, files) = (server.url("localhost", "/media/[0-299].txt"), format!("{}/#1.txt", out.display()));
    let args =
        ["--http2", "-Z", "--parallel-max", "100", "-w", "%{num_connects} %{http_version} %{http_code}\\n", "-o"];
    let written = server.written(&[&args[..], &[&files, &url]].concat());
    let connections: usize = written.lines().filter_map(|line| line.split(' ').next()?.parse::<usize>().ok()).sum();
    assert_eq!(written.lines().filter(|line| line.ends_with(" 2 200")).count(), 300, "{written}");
    assert!(connections < 10, "{connections} connections");
    for i in 0..300 {
        let content = fs::read_to_string(out.join(format!("{i}.txt"))).expect("it came");
        assert_eq!(content, format!("{i}-").repeat(1 + i * 40));
    }
}

/// `Connection` and `Transfer-Encoding` do not exist in HTTP/2 (RFC 9113 section 8.2.2): clients end the stream for one.
#[test]
fn answers_over_http_2_have_its_fields_only() {
    let server = Secure::start(&["--tls"]);
    let big = server.folder.path().join("big.bin");
    fs::write(&big, vec![7; 4 * 1024 * 1024]).expect("a file");
    let big = format!("@{}", big.display());
    for (args, status) in [
        (&[][..], 200),
        (&["-I"], 200),
        (&["-r", "0-1"], 206),
        (&["-H", "Accept: text/html"], 200),
        // a long body that nobody reads
        (&["-X", "POST", "--data-binary", &big], 405),
        (&["-H", "Host: evil.example"], 421),
        (&["-H", "Origin: https://evil.example"], 403),
        (&["-H", "Origin: https://localhost:3000"], 200),
    ] {
        for target in ["/media/a.txt", "/media/"] {
            let url = server.url("localhost", target);
            let answer = server.written(&[&["--http2", "-i"], args, &[&url]].concat()).to_lowercase();
            let status = if args.contains(&"-r") && target == "/media/" { 200 } else { status };
            assert!(answer.starts_with(&format!("http/2 {status}")), "{args:?} {target}: {answer}");
            assert!(
                !answer.contains("\nconnection:") && !answer.contains("\ntransfer-encoding:"),
                "{args:?}: {answer}"
            );
        }
    }
}

#[test]
fn an_imitated_network_resets_a_stream() {
    for (network, code) in [("offline", "92 0"), ("cut=100%", "92 200")] {
        let server = Secure::start(&["--tls", "--network", network]);
        let url = server.url("localhost", "/media/a.txt");
        let written = server.written(&["--http2", "-o", "/dev/null", "-w", "%{exitcode} %{response_code}\\n", &url]);
        assert!(written.starts_with(code), "{network}: {written}");
        assert_eq!(server.written(&["-o", "/dev/null", "-w", "%{http_code}", &server.url("localhost", "/")]), "200");
    }
}

/// Fifty answers of 20 MB on one connection, of which the client takes 64 KiB each.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn slow_readers_over_http_2_cost_little_memory() {
    use std::sync::Arc;

    use http_body_util::{BodyExt as _, Empty};
    use hyper::body::Bytes;
    use hyper::client::conn::http2;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};

    const STREAMS: usize = 50;
    const LENGTH: u64 = 20 * 1024 * 1024;
    let server = Secure::start(&["--tls"]);
    fs::File::create(server.folder.path().join("media/big.bin")).and_then(|file| file.set_len(LENGTH)).expect("a file");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.authority()).expect("a certificate")).expect("a root");
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(server.address).await.expect("it accepts");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("trusted");
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(16 * 1024 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    let before = server.peak();
    let mut answers = Vec::new();
    for _ in 0..STREAMS {
        let request = hyper::Request::get(server.url("localhost", "/media/big.bin")).body(Empty::<Bytes>::new());
        sender.ready().await.expect("open");
        let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answers.push(answer.into_body());
    }
    // every window is full when the first bytes of the last answer are here, and another request is still answered
    for answer in &mut answers {
        answer.frame().await.expect("a frame").expect("data");
    }
    let request = hyper::Request::get(server.url("localhost", "/media/a.txt")).body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "hello");
    let grown = server.peak() - before;
    assert!(grown < 24 * 1024, "{grown} KiB for {STREAMS} slow readers");
    // and whoever reads on gets all
    let mut length = 0;
    let mut last = answers.pop().expect("fifty");
    while let Some(frame) = last.frame().await {
        length += frame.expect("data").data_ref().map_or(0, Bytes::len) as u64;
    }
    assert!(length > LENGTH - 65_536 && length < LENGTH, "{length}: the first frame was read above");
}
