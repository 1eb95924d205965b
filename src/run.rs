//! `devmedia run -- COMMAND`: starts the app, finds where it listens, and ends with it.
//!
//! Between this process and the command stands a *keeper*, this same binary. It ends all that the command has started,
//! when the command ends, when it is told to, and when this process is gone, however that was killed.
//!
//! ```text
//! devmedia run ──> keeper ──> npm ──> sh ──> node
//!     └─ looks at what the processes below the keeper listen on
//! ```
//!
//! Signals: on a terminal all of them are one process group, so the terminal sends Ctrl-C to each, and the command may
//! read from it (a debugger, Vite's shortcuts). Without a terminal the keeper leads a group of its own, and signals are
//! passed on to it.

pub mod keeper;
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

/// The variable in which the app finds the URL that a browser opens, without a slash at its end.
pub const URL: &str = "DEVMEDIA_URL";

/// How often the app is looked for while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    keeper: Pid,
    /// Whether the keeper leads a process group of its own.
    own_group: bool,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// What is known of the app when its command has just been started.
pub struct Started {
    /// The command's processes.
    pub running: Running,
    /// The command as a person types it.
    pub shown: String,
    /// Where the app listens, where that is decided.
    pub address: Option<Address>,
    /// How to find out otherwise.
    pub find: Option<Find>,
}

/// Starts a command whose app is reached at `url`. `app` is `--app`. The error is a sentence for a person.
///
/// Must be called by the main thread: the keeper ends when the thread that started it does.
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
            "where '{shown}' listens cannot be found on this system; add --app, such as --app http://127.0.0.1:8000"
        ));
    }
    let own_group = !is_on_terminal();
    let program = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let mut keeper = Command::new(program);
    keeper.arg(keeper::ARGUMENT).arg(std::process::id().to_string()).args(command).env(URL, url);
    if let Some(port) = port {
        keeper.env("PORT", port.to_string());
    }
    if own_group {
        keeper.process_group(0);
    }
    let mut child = keeper.spawn().map_err(|error| format!("cannot start '{shown}': {error}"))?;
    let pid = Pid::from_child(&child);
    let (sender, ended) = watch::channel(None);
    std::thread::spawn(move || {
        // a child that cannot be waited for is gone
        let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        sender.send_replace(Some(status));
    });
    let address = app.cloned().or_else(|| port.filter(|_| !cfg!(target_os = "linux")).map(Address::of_port));
    let find: Option<Find> = match address {
        Some(_) => None,
        None => Some(Box::new(move || listening::first(&tree::below(pid), port))),
    };
    Ok(Started { running: Running { keeper: pid, own_group, ended }, shown, address, find })
}

/// Whether this process has the terminal on stdin, so that its group gets the terminal's signals.
fn is_on_terminal() -> bool {
    let stdin = io::stdin();
    stdin.is_terminal() && rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until something accepts where `look` says that the app listens. `look` blocks.
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
    /// Waits until the command has ended.
    pub async fn ended(&self) -> ExitStatus {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        status.unwrap_or_else(|| ExitStatus::from_raw(0))
    }

    /// Passes on a signal that this process got: an interrupt to the whole group, which a terminal has done already, and
    /// an order to end to the keeper.
    pub fn pass_on(&self, signal: Signal) {
        // it may have ended by itself
        let _ = match signal {
            Signal::INT if self.own_group => kill_process_group(self.keeper, Signal::INT),
            Signal::INT => Ok(()),
            _ => kill_process(self.keeper, Signal::TERM),
        };
    }

    /// Gives the command as long as `grace` to end, then ends it. Gives its exit code as a shell counts.
    pub async fn finish(&self, grace: Duration) -> u8 {
        let status = if let Ok(status) = timeout(grace, self.ended()).await {
            status
        } else {
            self.pass_on(Signal::TERM);
            self.ended().await
        };
        let code = status.code().or_else(|| Some(128 + status.signal()?));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}
