//! Production: Debian's nginx with TLS, on this machine.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::PATIENCE;

/// A running nginx; killed when dropped.
pub(super) struct Nginx {
    process: Child,
    keep: TempDir,
    /// What it serves at `/media/`, and as a listing in JSON at `/listed/`.
    pub(super) root: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts one with a certificate for `localhost` by an authority of its own; `None`, with the reason printed, where
    /// nginx is not installed. `slowly` sends at most this many bytes a second.
    pub(super) fn start(slowly: Option<u32>) -> Option<Self> {
        let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
            let found = Command::new(program).arg("-v").stderr(Stdio::null()).status();
            found.is_ok_and(|status| status.success())
        });
        let Some(program) = program else {
            assert!(std::env::var_os("CI").is_none(), "nginx is installed in CI");
            println!("skipped: there is no nginx on PATH");
            return None;
        };
        let keep = tempfile::tempdir().expect("a temporary folder");
        let root = keep.path().join("files");
        fs::create_dir(&root).expect("the root");
        certify(keep.path());
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let rate = slowly.map(|rate| format!("limit_rate {rate};")).unwrap_or_default();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let configuration = format!(
            "{user} daemon off; master_process off; pid nginx.pid; error_log error.log;
             events {{}}
             http {{
               log_format all '$request_method $uri $status cookie=$http_cookie authorization=$http_authorization '
                              'host=$http_host sni=$ssl_server_name range=$http_range none=$http_if_none_match';
               access_log access.log all;
               client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
               types {{ image/jpeg jpg; image/png png; video/mp4 mp4; text/html html; }}
               server {{
                 listen 127.0.0.1:{port} ssl;
                 ssl_certificate server.pem; ssl_certificate_key server.key;
                 {rate}
                 location /media/ {{ alias files/; }}
                 location /listed/ {{ alias files/; autoindex on; autoindex_format json; }}
               }}
             }}"
        )
        .replace("alias files/", &format!("alias {}/", root.display()));
        fs::write(keep.path().join("nginx.conf"), configuration).expect("the configuration");
        let mut command = Command::new(program);
        command.arg("-p").arg(keep.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        let process = command.stderr(Stdio::null()).spawn().expect("nginx starts");
        let nginx = Self { process, keep, root, port };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
            assert!(Instant::now() < until, "nginx does not listen: {:?}", fs::read_to_string(nginx.file("error.log")));
            std::thread::yield_now();
        }
        Some(nginx)
    }

    /// The URL of a folder of it, over TLS.
    pub(super) fn url(&self, folder: &str) -> String {
        format!("https://localhost:{}/{folder}/", self.port)
    }

    /// The authority that signed its certificate, as a file.
    pub(super) fn authority(&self) -> String {
        self.file("authority.pem").display().to_string()
    }

    /// What `Host` says in a request to it.
    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(super) fn put(&self, path: &str, content: &[u8]) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("the folders");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Its access log, a line a request that has been answered.
    pub(super) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.file("access.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes an authority, and a certificate for `localhost` that it signed, with its key.
fn certify(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let server = server.signed_by(&key, &authority).expect("signed");
    for (name, text) in
        [("authority.pem", authority.pem()), ("server.pem", server.pem()), ("server.key", key.serialize_pem())]
    {
        fs::write(folder.join(name), text).expect("a file");
    }
}
