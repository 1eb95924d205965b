//! The binary as a process: its output and its end.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, wait_for_end};

/// A running binary; killed on drop.
pub struct Process {
    child: Child,
    pub stdout: Lines,
    pub stderr: Lines,
    /// Closed when the process has ended.
    ended: Receiver<()>,
}

/// A process that has ended, with its output.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        Self::start_with_stdin(command)
    }

    /// Starts a binary with the stdin of the command.
    pub fn start_with_stdin(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let (alive, ended) = channel();
        let stdout = Lines::of(child.stdout.take().expect("piped"), alive.clone());
        let stderr = Lines::of(child.stderr.take().expect("piped"), alive);
        Self { child, stdout, stderr, ended }
    }

    /// Starts a binary whose stderr is a closed pipe, as in `devmedia 2>&1 | head`.
    pub fn start_unread(mut command: Command) -> Self {
        let (unread, stderr) = std::io::pipe().expect("a pipe");
        drop(unread);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().expect("the binary starts");
        let (alive, ended) = channel();
        let stdout = Lines::of(child.stdout.take().expect("piped"), alive.clone());
        Self { child, stdout, stderr: Lines::of(std::io::empty(), alive), ended }
    }

    /// The next ready line. Panics with the content of stderr if the process ends without one.
    pub fn ready(&self) -> String {
        self.stdout.next().unwrap_or_else(|| panic!("no ready line, but: {:?}", self.stderr.rest()))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child of this process");
    }

    /// Waits until the process ends, which closes both streams, so no polling is necessary.
    pub fn end(mut self) -> Ended {
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        Ended { code: self.wait().code(), stdout, stderr }
    }

    /// Waits until the process ends. Its output can still be read.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for_end(&self.ended);
        self.child.wait().expect("a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command that is expected to end by itself.
pub fn run(command: Command) -> Ended {
    Process::start(command).end()
}

/// The lines of a stream. They are read as they arrive, so that the process never blocks on a full pipe.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Reads a stream to its end, and then drops `alive`.
    fn of(stream: impl Read + Send + 'static, alive: Sender<()>) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                // the test may have ended already
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
            drop(alive);
        });
        Self(receiver)
    }

    /// The next line; `None` if the stream is closed.
    pub fn next(&self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("timed out waiting for a line or the end of the stream"),
        }
    }

    /// Waits for a line that contains this text.
    pub fn with(&self, text: &str) -> String {
        let mut seen = Vec::new();
        while let Some(line) = self.next() {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {text:?} in {seen:#?}");
    }

    /// All lines until the stream is closed.
    pub fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
