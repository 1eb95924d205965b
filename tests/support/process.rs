//! The binary as a process: what it prints, how it ends.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, wait_for_end};

/// A running binary; killed when dropped.
pub struct Process {
    child: Child,
    pub stdout: Lines,
    pub stderr: Lines,
    /// Closed when the process has ended.
    ended: Receiver<()>,
}

/// A process that has ended, and all that it printed.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let (lives, ended) = channel();
        let stdout = Lines::of(child.stdout.take().expect("piped"), lives.clone());
        let stderr = Lines::of(child.stderr.take().expect("piped"), lives);
        Self { child, stdout, stderr, ended }
    }

    /// Starts a binary whose stderr nobody reads: the other end of the pipe is closed, as in `devmedia 2>&1 | head`.
    pub fn start_unread(mut command: Command) -> Self {
        let (unread, stderr) = std::io::pipe().expect("a pipe");
        drop(unread);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().expect("the binary starts");
        let (lives, ended) = channel();
        let stdout = Lines::of(child.stdout.take().expect("piped"), lives.clone());
        Self { child, stdout, stderr: Lines::of(std::io::empty(), lives), ended }
    }

    /// The next ready line. A process that ends without one fails with what it said instead.
    pub fn ready(&self) -> String {
        self.stdout.next().unwrap_or_else(|| panic!("no ready line, but: {:?}", self.stderr.rest()))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child of this process");
    }

    /// Waits for its end: both streams are closed then, so nothing has to be polled.
    pub fn end(mut self) -> Ended {
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        Ended { code: self.wait().code(), stdout, stderr }
    }

    /// Waits for the end; what it has printed can still be read.
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

/// The lines of a stream, read as they come so that the process never waits for this one.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Reads a stream to its end, and drops `lives` then.
    fn of(stream: impl Read + Send + 'static, lives: Sender<()>) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                // the test may have ended already
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
            drop(lives);
        });
        Self(receiver)
    }

    /// The next line; `None` when the stream is closed.
    pub fn next(&self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("neither a line nor the end of the stream"),
        }
    }

    /// Waits for a line that holds this text.
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
