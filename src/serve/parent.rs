//! `--exit-with-parent`: notices when the process that started this one has ended, however it ended.
//!
//! The parent is watched as a process. `PR_SET_PDEATHSIG` would watch the thread that started this process instead, so a
//! server that a worker thread of a test runner has started would end with that thread, while other tests still use it
//! (Go issue 27505 is the same). A parent that has ended before this process could look is not noticed by that, but
//! by the end of stdin, if stdin is a pipe that the parent holds.

use std::future::Future;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

/// How often to look where the system cannot notify.
const LOOK: Duration = Duration::from_millis(500);

/// Watches the parent process from now on. The future completes when it has ended, or when stdin is a pipe and ends.
/// `watch_stdin` is false if stdin belongs to the command of `devmedia run`.
pub(super) fn ended(watch_stdin: bool) -> impl Future<Output = ()> {
    // threads, because tokio registers handles of the system by unsafe functions only
    let ended = Arc::new(Notify::new());
    let notify = Arc::clone(&ended);
    // before anybody is told that this process is ready, and may end the parent
    let parent = process::parent();
    thread::spawn(move || {
        process::wait_for(parent);
        notify.notify_one();
    });
    if watch_stdin && process::stdin_is_pipe() {
        let notify = Arc::clone(&ended);
        thread::spawn(move || {
            read_to_end(io::stdin().lock());
            notify.notify_one();
        });
    }
    async move { ended.notified().await }
}

/// Reads until the stream ends or fails.
fn read_to_end(mut stream: impl Read) {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // another process that shares the pipe has made it non-blocking
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(LOOK),
            Err(_) => return,
        }
    }
}

#[cfg(unix)]
mod process {
    use super::{LOOK, io, thread};
    use rustix::fs::{FileType, fstat};
    use rustix::process::{Pid, getppid};

    /// Whether stdin is a pipe, or a socket as Node gives its children.
    pub(super) fn stdin_is_pipe() -> bool {
        let kind = fstat(io::stdin()).map(|status| FileType::from_raw_mode(status.st_mode));
        matches!(kind, Ok(FileType::Fifo | FileType::Socket))
    }

    /// The parent process. The first process of a container has none.
    pub(super) fn parent() -> Option<Pid> {
        getppid()
    }

    /// Returns when this process has another parent, because its parent has ended.
    pub(super) fn wait_for(parent: Option<Pid>) {
        // kernels before 5.3 have no such notification, and some sandboxes forbid it
        if parent.is_none_or(|parent| notified_of(parent).is_err()) {
            while getppid() == parent {
                thread::sleep(LOOK);
            }
        }
    }

    /// Waits for the system's notification of the end of a process.
    #[cfg(target_os = "linux")]
    fn notified_of(parent: Pid) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, poll};
        use rustix::io::{Errno, retry_on_intr};
        use rustix::process::{PidfdFlags, pidfd_open};

        let handle = match pidfd_open(parent, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(()),
            handle => handle?,
        };
        // if the parent has ended meanwhile, the handle may be of another process with the same number
        if getppid() == Some(parent) {
            retry_on_intr(|| poll(&mut [PollFd::new(&handle, PollFlags::IN)], None))?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn notified_of(_: Pid) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(unix))]
mod process {
    use super::{io, thread};
    use std::io::IsTerminal as _;

    /// Whether stdin is something that ends when the process that holds its other end has ended.
    pub(super) fn stdin_is_pipe() -> bool {
        !io::stdin().is_terminal()
    }

    /// The system has no notification of its end: only the end of stdin is noticed.
    pub(super) struct Parent;

    /// The parent process.
    pub(super) fn parent() -> Parent {
        Parent
    }

    /// Never returns.
    pub(super) fn wait_for(_: Parent) {
        loop {
            thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_over_interruptions_until_the_end() {
        let mut steps = [Err(ErrorKind::Interrupted), Ok(1), Err(ErrorKind::WouldBlock), Ok(1024), Ok(0)].into_iter();
        let stream = Steps(|| steps.next().expect("it stops at the end").map_err(io::Error::from));
        read_to_end(stream);
        assert_eq!(steps.next(), None);
    }

    #[test]
    fn a_stream_that_fails_has_ended() {
        let mut reads = 0;
        read_to_end(Steps(|| {
            reads += 1;
            Err(ErrorKind::BrokenPipe.into())
        }));
        assert_eq!(reads, 1);
    }

    struct Steps<F>(F);

    impl<F: FnMut() -> io::Result<usize>> Read for Steps<F> {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            (self.0)()
        }
    }
}
