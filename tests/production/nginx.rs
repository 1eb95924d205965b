//! A production server: Debian's nginx with TLS, on this machine.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::support::nginx;

/// A running nginx.
pub(super) struct Nginx {
    nginx: nginx::Nginx,
    /// Its files are served at `/media/`, and as a JSON listing at `/listed/`.
    pub(super) root: PathBuf,
}

impl Nginx {
    /// Starts nginx with a certificate for `localhost` from its own authority. Returns `None` if nginx is not
    /// installed. `slowly` limits the bytes per second.
    pub(super) fn start(slowly: Option<u32>) -> Option<Self> {
        let nginx = nginx::Nginx::start("--with-http_ssl_module", |address, home| {
            let root = home.path().join("files");
            fs::create_dir(&root).expect("the root");
            certify(home.path());
            configuration(address, &root, slowly)
        })?;
        let root = nginx.home.path().join("files");
        Some(Self { nginx, root })
    }

    /// The URL of a folder, over TLS.
    pub(super) fn url(&self, folder: &str) -> String {
        format!("https://{}/{folder}/", self.host())
    }

    /// The certificate of the authority, as a file.
    pub(super) fn authority(&self) -> String {
        self.file("authority.pem").display().to_string()
    }

    /// The `Host` header of requests to it.
    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.nginx.address.port())
    }

    pub(super) fn put(&self, path: &str, content: &[u8]) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("the folders");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Its access log, one line per completed request.
    pub(super) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.file("access.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.nginx.home.path().join(name)
    }
}

fn configuration(address: SocketAddr, root: &Path, slowly: Option<u32>) -> String {
    let root = root.display();
    let rate = slowly.map(|rate| format!("limit_rate {rate};")).unwrap_or_default();
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user} daemon off; worker_processes 1; pid nginx.pid;
         events {{}}
         http {{
           log_format all '$request_method $uri $status cookie=$http_cookie authorization=$http_authorization '
                          'host=$http_host sni=$ssl_server_name range=$http_range none=$http_if_none_match';
           access_log access.log all;
           client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
           types {{ image/jpeg jpg; image/png png; video/mp4 mp4; text/html html; }}
           server {{
             listen {address} ssl;
             ssl_certificate server.pem; ssl_certificate_key server.key;
             {rate}
             location /media/ {{ alias {root}/; }}
             location /listed/ {{ alias {root}/; autoindex on; autoindex_format json; }}
           }}
         }}"
    )
}

/// Writes an authority, a certificate for `localhost` signed by it, and the key.
pub(super) fn certify(folder: &Path) {
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
