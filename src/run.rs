//! `devmedia run -- COMMAND`: starts the app, finds the address where it listens, and exits with it.
//!
//! A supervisor process, which is the same binary, starts the command. It ends all processes that the command has started:
//! when the command exits, when it receives a signal, and when this process has exited or was killed.
//!
//! ```text
//! devmedia run ──> supervisor ──> npm ──> sh ──> node
//!     └─ finds the sockets that the processes below the supervisor listen on
//! ```
//!
//! Signals: in a terminal, all these processes are one process group, so the terminal sends Ctrl-C to each of them, and the
//! command may read from the terminal (a debugger, Vite's shortcuts). Without a terminal, the supervisor leads its own process
//! group, and devmedia forwards signals to it.

pub mod supervisor;
mod listening;
mod port;
mod shown;
mod tree;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::shown::shown;
use crate::app::Find;
use crate::forward::address::Address;

/// The environment variable with the URL to open in a browser, without a slash at the end.
pub const URL: &str = "DEVMEDIA_URL";

/// How often to look for the app while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// A running command.
#[derive(Debug)]
pub struct Running {
    supervisor: Pid,
    /// Whether the supervisor leads its own process group.
    own_group: bool,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// An app whose command has just been started.
pub struct Started {
    /// The running command.
    pub running: Running,
    /// The command as typed in a shell.
    pub shown: String,
    /// The address where the app will listen, if it is known in advance.
    pub address: Option<Address>,
    /// Finds the address if it is not known in advance.
    pub find: Option<Find>,
}

/// Starts a command. `url` is devmedia's URL, and `app` the value of `--app`. The error is a message for the user.
///
/// Must be called by the main thread: the supervisor exits when the thread that started it ends.
pub fn start(command: &[OsString], url: &str, app: Option<&Address>) -> Result<Started, String> {
    let shown = shown(command);
    let given = std::env::var("PORT").ok().and_then(|port| port.parse().ok());
    let named = app.is_some() || port::is_named(command);
    let port: Option<u16> = match given {
        None if !named => Some(free_port().map_err(|error| format!("there is no free port: {error}"))?),
        given => given,
    };
    if !cfg!(target_os = "linux") && app.is_none() && (port.is_none() || named) {
        return Err(format!(
            "devmedia cannot find out where '{shown}' listens on this system; add --app, such as --app http://127.0.0.1:8000"
        ));
    }
    let own_group = !is_on_terminal();
    let program = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let mut supervisor = Command::new(program);
    supervisor.arg(supervisor::ARGUMENT).arg(std::process::id().to_string()).args(command).env(URL, url);
    if let Some(port) = port {
        supervisor.env("PORT", port.to_string());
    }
    if own_group {
        supervisor.process_group(0);
    }
    let mut child = supervisor.spawn().map_err(|error| format!("cannot start '{shown}': {error}"))?;
    let pid = Pid::from_child(&child);
    let (sender, ended) = watch::channel(None);
    std::thread::spawn(move || {
        // if wait() fails, the child does not exist any more
        let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        sender.send_replace(Some(status));
    });
    let address = app.cloned().or_else(|| port.filter(|_| !cfg!(target_os = "linux")).map(Address::of_port));
    let find: Option<Find> = match address {
        Some(_) => None,
        None => Some(Box::new(move || listening::first(&tree::below(pid), port))),
    };
    Ok(Started { running: Running { supervisor: pid, own_group, ended }, shown, address, find })
}

/// Whether stdin is a terminal that sends its signals to this process group.
fn is_on_terminal() -> bool {
    let stdin = io::stdin();
    stdin.is_terminal() && rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until the app accepts connections at the address that `look` returns. `look` may block.
pub async fn until_up(look: impl Fn() -> Option<Address> + Clone + Send + 'static) -> Address {
    loop {
        let found = tokio::task::spawn_blocking(look.clone()).await.ok().flatten();
        if let Some(address) = found
            && TcpStream::connect((address.host(), address.port())).await.is_ok()
        {
            return address;
        }
        sleep(LOOK).await;
    }
}

impl Running {
    /// Waits until the command has exited.
    pub async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        status.unwrap_or_else(|| ExitStatus::from_raw(0))
    }

    /// Forwards a signal: SIGINT to the process group, unless the terminal has sent it already, and SIGTERM to the supervisor.
    pub fn forward_signal(&self, signal: Signal) {
        // the process may have exited already
        let _ = match signal {
            Signal::INT if self.own_group => kill_process_group(self.supervisor, Signal::INT),
            Signal::INT => Ok(()),
            _ => kill_process(self.supervisor, Signal::TERM),
        };
    }

    /// Waits at most `grace` for the command to exit, then ends it. Returns its exit code by the convention of shells.
    pub async fn finish(&self, grace: Duration) -> u8 {
        let status = if let Ok(status) = timeout(grace, self.ended()).await {
            status
        } else {
            self.forward_signal(Signal::TERM);
            self.ended().await
        };
        let code = status.code().or_else(|| Some(128 + status.signal()?));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}
