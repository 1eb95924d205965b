//! The supervisor: the parent process of the command, which ends all processes that the command leaves behind.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use super::shown::shown;
use super::tree;
use crate::system::advice::Family;

/// The first argument of a supervisor. It is internal and not part of the documented command line.
pub(super) const ARGUMENT: &str = "__supervise";

/// How long processes may take to exit after SIGTERM.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often to check for the parent process on systems that do not send a signal when it exits.
const ASK: Duration = Duration::from_millis(500);

/// The exit codes of shells for a program that does not exist, and for one that cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;

/// Runs the supervisor if the arguments are `__supervise PARENT COMMAND...`.
pub(super) fn run() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok().and_then(Pid::from_raw)?;
    let command: Vec<OsString> = arguments.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let code = runtime.block_on(keep(parent, &command)).unwrap_or_else(|error| {
        let shown = shown(&command, Family::Unix);
        if error.kind() == io::ErrorKind::NotFound {
            eprintln!("devmedia: there is no command '{shown}'; write it as you type it in a terminal, after --");
            NOT_FOUND
        } else {
            eprintln!("devmedia: cannot start '{shown}': {error}");
            NOT_RUNNABLE
        }
    });
    Some(ExitCode::from(code))
}

async fn keep(parent: Pid, command: &[OsString]) -> io::Result<u8> {
    // registered before the command starts, so that no signal is missed
    let mut children = signal(SignalKind::child())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    // ignored: the command receives them itself, with the whole process group
    let _interrupt = signal(SignalKind::interrupt())?;
    let _quit = signal(SignalKind::quit())?;
    end_with_parent()?;
    if getppid() != Some(parent) {
        return Ok(0);
    }
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let child = Command::new(program).args(arguments).spawn()?;
    let child = Pid::from_child(&child);

    let mut kill_at: Option<Instant> = None;
    let code = loop {
        let deadline = kill_at.unwrap_or_else(|| Instant::now() + TIMEOUT);
        tokio::select! {
            _ = children.recv() => {
                if let Some(code) = reap(child) {
                    break code;
                }
            }
            _ = terminate.recv() => kill_at = Some(end(child, kill_at)),
            _ = hang_up.recv() => kill_at = Some(end(child, kill_at)),
            () = sleep_until(deadline), if kill_at.is_some() => signal_all(child, Signal::KILL),
            () = sleep(ASK), if !cfg!(target_os = "linux") => {
                if getppid() != Some(parent) {
                    kill_at = Some(end(child, kill_at));
                }
            }
        }
    };

    // end the processes that the command has left behind
    let deadline = Instant::now() + TIMEOUT;
    signal_all(child, Signal::TERM);
    while tree::any_running(child) {
        if Instant::now() >= deadline {
            signal_all(child, Signal::KILL);
        }
        tokio::select! {
            _ = children.recv() => {}
            () = sleep(Duration::from_millis(20)) => {}
        }
        reap(child);
    }
    Ok(code)
}

/// Asks the system for a SIGTERM when the parent exits, and to become the parent of orphaned descendants.
#[cfg(target_os = "linux")]
fn end_with_parent() -> io::Result<()> {
    use rustix::process::{getpid, set_child_subreaper, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::TERM))?;
    Ok(set_child_subreaper(Some(getpid()))?)
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent() -> io::Result<()> {
    Ok(())
}

/// Sends SIGTERM to all processes; returns when they should be killed.
fn end(child: Pid, kill_at: Option<Instant>) -> Instant {
    signal_all(child, Signal::TERM);
    kill_at.unwrap_or_else(|| Instant::now() + TIMEOUT)
}

fn signal_all(child: Pid, signal: Signal) {
    for process in tree::descendants(child) {
        // the process may have exited already
        let _ = kill_process(process, signal);
    }
}

/// Reaps all children that have exited. Returns the exit code of the command if it is among them.
fn reap(command: Pid) -> Option<u8> {
    let mut code = None;
    while let Ok(Some((pid, status))) = rustix::process::waitpid(None, WaitOptions::NOHANG) {
        if pid == command {
            let raw = status.exit_status().or_else(|| Some(128 + status.terminating_signal()?));
            code = raw.and_then(|raw| u8::try_from(raw).ok());
        }
    }
    code
}
