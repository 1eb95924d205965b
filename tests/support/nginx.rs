//! A real nginx. Its port is open before nginx starts, so clients wait in the kernel until it is ready.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::skip;

/// A running nginx; stopped on drop.
pub struct Nginx {
    child: Child,
    pub address: SocketAddr,
    /// Its folder, which contains its logs.
    pub home: TempDir,
}

impl Nginx {
    /// Starts an nginx with this module. `configuration` receives the address to listen on and the home, into which it
    /// may put files. Returns `None` if there is no such nginx, see [`skip`].
    pub fn start(module: &str, configuration: impl FnOnce(SocketAddr, &TempDir) -> String) -> Option<Self> {
        let program = ["nginx", "/usr/sbin/nginx"].into_iter().find(|program| {
            let version = Command::new(program).arg("-V").output();
            version.is_ok_and(|version| String::from_utf8_lossy(&version.stderr).contains(module))
        });
        let Some(program) = program else {
            skip(format_args!("nginx with {module} is not installed"));
            return None;
        };
        let home = tempfile::tempdir().expect("a temporary folder");
        // nginx inherits a listening socket that is named in its environment (its way of upgrading its binary)
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        fcntl_setfd(&listener, FdFlags::empty()).expect("our own descriptor");
        let address = listener.local_addr().expect("bound");
        fs::write(home.path().join("nginx.conf"), configuration(address, &home)).expect("the configuration");
        let nginx = || {
            let mut command = Command::new(program);
            command.arg("-p").arg(home.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
            command.env("NGINX", format!("{};", listener.as_raw_fd()));
            command
        };
        let checked = nginx().arg("-t").output().expect("nginx checks its configuration");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let child = nginx().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts");
        Some(Self { child, address, home })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // not SIGKILL, because the worker would survive it
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
