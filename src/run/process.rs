//! The process of the command, and how it is told to stop.

#[cfg(unix)]
pub(super) use self::unix::Process;
#[cfg(windows)]
pub(super) use self::windows::Process;

/// With a supervisor, which ends all processes that the command has started.
#[cfg(unix)]
mod unix {
    use std::ffi::OsString;
    use std::io::{self, IsTerminal as _};
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Command, ExitStatus};

    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    use tokio::sync::watch;

    use super::super::{listening, supervisor, tree};
    use crate::app::Find;
    use crate::system::Stop;

    /// A running command.
    #[derive(Debug)]
    pub(in super::super) struct Process {
        supervisor: Pid,
        /// Whether the supervisor leads its own process group.
        own_group: bool,
    }

    impl Process {
        /// Starts a command with these environment variables. The receiver gets its exit code.
        pub(in super::super) fn start(
            command: &[OsString],
            variables: &[(&str, String)],
        ) -> io::Result<(Self, watch::Receiver<Option<u8>>)> {
            let own_group = !is_on_terminal();
            let mut supervisor = Command::new(std::env::current_exe()?);
            supervisor.arg(supervisor::ARGUMENT).arg(std::process::id().to_string()).args(command);
            supervisor.envs(variables.iter().map(|(name, value)| (name, value)));
            if own_group {
                supervisor.process_group(0);
            }
            let mut child = supervisor.spawn()?;
            let pid = Pid::from_child(&child);
            let (sender, ended) = watch::channel(None);
            std::thread::spawn(move || {
                // if wait() fails, the child does not exist any more
                let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
                sender.send_replace(Some(code(status)));
            });
            Ok((Self { supervisor: pid, own_group }, ended))
        }

        /// Finds where the processes of the command listen; `None` where the system does not tell.
        pub(in super::super) fn find(&self, port: Option<u16>) -> Option<Find> {
            let supervisor = self.supervisor;
            cfg!(target_os = "linux")
                .then(|| Box::new(move || listening::first(&tree::below(supervisor), port)) as Find)
        }

        /// Forwards a request to stop: SIGINT to the process group, unless the terminal has sent it already, and SIGTERM to
        /// the supervisor.
        pub(in super::super) fn forward(&self, stop: Stop) {
            // the process may have exited already
            let _ = match stop {
                Stop::Interrupt if self.own_group => kill_process_group(self.supervisor, Signal::INT),
                Stop::Interrupt => Ok(()),
                Stop::Terminate => kill_process(self.supervisor, Signal::TERM),
            };
        }

        /// Ends all processes of the command, whether they want to or not.
        pub(in super::super) fn end(&self) {
            self.forward(Stop::Terminate);
        }
    }

    /// The exit code by the convention of shells.
    fn code(status: ExitStatus) -> u8 {
        let code = status.code().or_else(|| Some(128 + status.signal()?));
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }

    /// Whether stdin is a terminal that sends its signals to this process group.
    fn is_on_terminal() -> bool {
        let stdin = io::stdin();
        stdin.is_terminal() && rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp())
    }
}

/// As a child. The console sends Ctrl-C and Ctrl-Break to the command as well.
#[cfg(windows)]
mod windows {
    use std::ffi::{OsStr, OsString};
    use std::io;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use tokio::sync::watch;

    use crate::app::Find;
    use crate::system::{self, Stop};

    /// A running command.
    #[derive(Debug)]
    pub(in super::super) struct Process {
        pid: u32,
    }

    impl Process {
        /// Starts a command with these environment variables. The receiver gets its exit code.
        pub(in super::super) fn start(
            command: &[OsString],
            variables: &[(&str, String)],
        ) -> io::Result<(Self, watch::Receiver<Option<u8>>)> {
            let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            let program = program_file(program).unwrap_or_else(|| program.into());
            let mut child = Command::new(program).args(arguments).envs(variables.iter().cloned()).spawn()?;
            let pid = child.id();
            let (sender, ended) = watch::channel(None);
            std::thread::spawn(move || {
                let code = child.wait().ok().and_then(|status| status.code());
                sender.send_replace(Some(code.map_or(0, |code| u8::try_from(code).unwrap_or(1))));
            });
            Ok((Self { pid }, ended))
        }

        /// The system does not tell without unsafe code.
        #[expect(clippy::unused_self, reason = "other systems need it")]
        pub(in super::super) fn find(&self, _port: Option<u16>) -> Option<Find> {
            None
        }

        /// Nothing to do: the console has told the command already.
        #[expect(clippy::unused_self, reason = "other systems need it")]
        pub(in super::super) fn forward(&self, _stop: Stop) {}

        /// Ends all processes of the command, whether they want to or not.
        pub(in super::super) fn end(&self) {
            system::end_process_tree(self.pid);
        }
    }

    /// The file that a shell would run. `npm`, `yarn` and many others are scripts (`npm.cmd`), which are found only by the
    /// extensions in `PATHEXT`.
    fn program_file(program: &OsStr) -> Option<PathBuf> {
        let extensions = std::env::var("PATHEXT").unwrap_or_else(|_| ".COM;.EXE;.BAT;.CMD".to_owned());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_bare = Path::new(program).components().count() == 1;
        let folders: Vec<PathBuf> = if is_bare { std::env::split_paths(&path).collect() } else { vec![PathBuf::new()] };
        let with = |extension: &str| {
            let mut name = program.to_owned();
            name.push(extension);
            folders.iter().map(|folder| folder.join(&name)).find(|file| file.is_file())
        };
        let given = Path::new(program).extension().and_then(|_| with(""));
        given.or_else(|| extensions.split(';').filter(|extension| !extension.is_empty()).find_map(with))
    }
}
