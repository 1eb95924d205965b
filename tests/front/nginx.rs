//! Debian's nginx in front of the same app.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::free_port;
use crate::support::{skip, wait_until};

/// A running nginx; killed when dropped.
pub(super) struct Nginx {
    process: Child,
    _keep: TempDir,
    pub(super) address: SocketAddr,
}

impl Nginx {
    /// One that passes all requests to `app` but those below `/protected/`, which is `root` and internal; `None`, with the
    /// reason printed, where nginx is not installed.
    pub(super) fn before(app: SocketAddr, root: &Path) -> Option<Self> {
        let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
            let found = Command::new(program).arg("-v").stderr(Stdio::null()).status();
            found.is_ok_and(|status| status.success())
        });
        let Some(program) = program else {
            skip("there is no nginx on PATH");
            return None;
        };
        let keep = tempfile::tempdir().expect("a temporary folder");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let root = root.display();
        let configuration = format!(
            "{user} daemon off; master_process off; pid nginx.pid; error_log error.log;
             events {{}}
             http {{
               access_log off;
               client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
               types {{ application/pdf pdf; text/html html; image/png png; }}
               server {{
                 listen {address};
                 location / {{ proxy_pass http://{app}; }}
                 location /protected/ {{ internal; alias {root}/; }}
               }}
             }}"
        );
        fs::write(keep.path().join("nginx.conf"), configuration).expect("the configuration");
        let mut command = Command::new(program);
        command.arg("-p").arg(keep.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        let process = command.stderr(Stdio::null()).spawn().expect("nginx starts");
        wait_until("nginx", || TcpStream::connect(address).is_ok());
        Some(Self { process, _keep: keep, address })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
