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
//!
//! Windows has neither signals nor `/proc`: the command is a child, and `PORT` or `--app` says where it listens.

#[cfg(unix)]
mod listening;
mod port;
mod process;
mod shown;
#[cfg(unix)]
mod supervisor;
#[cfg(unix)]
mod tree;

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::process::Process;
use self::shown::shown;
use crate::app::Find;
use crate::forward::address::Address;
use crate::system::Stop;
use crate::system::advice::Family;

/// The environment variable with the URL to open in a browser, without a slash at the end.
pub const URL: &str = "DEVMEDIA_URL";

/// How often to look for the app while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// A running command.
#[derive(Debug)]
pub struct Running {
    process: Process,
    ended: watch::Receiver<Option<u8>>,
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

/// Runs the supervisor if the arguments of this process say so; only systems with signals have one.
pub fn supervise() -> Option<ExitCode> {
    #[cfg(unix)]
    return supervisor::run();
    #[cfg(not(unix))]
    None
}

/// Starts a command. `url` is devmedia's URL, and `app` the value of `--app`. The error is a message for the user.
///
/// Must be called by the main thread: the supervisor exits when the thread that started it ends.
pub fn start(command: &[OsString], url: &str, app: Option<&Address>) -> Result<Started, String> {
    let shown = shown(command, Family::HERE);
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
    let mut variables = vec![(URL, url.to_owned())];
    variables.extend(port.map(|port| ("PORT", port.to_string())));
    let started = Process::start(command, &variables);
    let (process, ended) = started.map_err(|error| format!("cannot start '{shown}': {error}"))?;
    let address = app.cloned().or_else(|| port.filter(|_| !cfg!(target_os = "linux")).map(Address::of_port));
    let find = if address.is_some() { None } else { process.find(port) };
    Ok(Started { running: Running { process, ended }, shown, address, find })
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
    /// Waits until the command has exited, and returns its exit code by the convention of shells.
    pub async fn ended(&self) -> u8 {
        let mut ended = self.ended.clone();
        ended.wait_for(Option::is_some).await.ok().and_then(|code| *code).unwrap_or_default()
    }

    /// Forwards a request to stop to the command.
    pub fn forward(&self, stop: Stop) {
        self.process.forward(stop);
    }

    /// Waits at most `grace` for the command to exit, then ends it. Returns its exit code.
    pub async fn finish(&self, grace: Duration) -> u8 {
        if let Ok(code) = timeout(grace, self.ended()).await {
            return code;
        }
        self.process.end();
        self.ended().await
    }
}
