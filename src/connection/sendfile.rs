//! sendfile through hyper: file bytes that never enter this process.
//!
//! hyper wants a body's bytes in memory, and then writes them to the connection. So a body gives it *stand-ins*:
//! slices of one buffer of zeros, as long as the stretch of the file they stand for, and puts the stretch itself into
//! the connection's [`Outbox`]. hyper does not copy what it writes to a vectored transport, it passes on slices; so the
//! transport below ([`Outbox::poll_send`]) sees by a slice's address that it is a stand-in, and calls `sendfile(2)` for
//! the stretch at the front of the outbox instead of sending zeros.
//!
//! ```text
//! FileBody --stand-in--> hyper --[head][stand-in]--> transport --head, MSG_MORE--> socket
//!        \--stretch---> Outbox ------------------------^    \------sendfile------> socket
//! ```
//!
//! What must never happen is that the zeros themselves are sent. hyper copies bodies in some modes (`pipeline_flush`,
//! a transport that is not vectored); the copy has another address and would pass for data. Therefore, while a stretch
//! waits in the outbox, the connection fails when it is asked for anything but a vectored write that holds the stand-in
//! of exactly that stretch. A test turns copying on and sees the failure.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use hyper::body::Bytes;
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::storage::byte_range::ByteRange;
use crate::storage::open_file::OpenFile;
use crate::storage::progress::shrank;

/// Whether this system's sendfile is the one that is used here.
pub const SUPPORTED: bool = cfg!(target_os = "linux");

/// The longest stretch at a time: a longer one holds the reactor too long, and says nothing about the last page.
pub const LONGEST: u64 = 1024 * 1024;

/// After so many bytes without a pause another connection gets its turn.
const TURN: u64 = 4 * LONGEST;

/// What stand-ins are slices of. Never written, so all of it is one page of zeros to the kernel; never freed, so its
/// addresses can be nobody else's.
static STAND_IN: LazyLock<&'static [u8]> = LazyLock::new(|| {
    let len = usize::try_from(LONGEST).expect("a megabyte fits");
    Box::leak(vec![0; len].into_boxed_slice())
});

/// What a connection still has to send of files, front first; shared by the bodies that fill it and the transport that
/// empties it.
#[derive(Default)]
pub struct Outbox {
    stretches: Mutex<VecDeque<Stretch>>,
    /// The failure that ended the connection.
    error: Mutex<Option<String>>,
}

/// A part of an open file, in the order in which its stand-ins are.
struct Stretch {
    file: Arc<OpenFile>,
    /// What is left of it; never empty.
    rest: ByteRange,
    /// Told when this one is gone, if it is the last of an answer.
    at_end: Option<AtEnd>,
}

/// Called once, with what came of the bytes that hyper believes to be sent.
pub type AtEnd = Box<dyn FnOnce(Unsent) + Send>;

/// What was handed over and did not go out.
#[derive(Debug, Default)]
pub struct Unsent {
    /// Bytes of the answer that stayed here.
    pub bytes: u64,
    /// Why, if it is not the client that went away.
    pub error: Option<String>,
}

/// What the transport has sent since it last paused.
#[derive(Debug, Default)]
pub struct Turn(u64);

impl Outbox {
    /// Queues a stretch, at most [`LONGEST`] bytes; gives the stand-in that hyper must be given next.
    pub fn push(&self, file: &Arc<OpenFile>, part: ByteRange) -> Bytes {
        let len = usize::try_from(part.len()).expect("at most a megabyte");
        self.stretches().push_back(Stretch { file: Arc::clone(file), rest: part, at_end: None });
        Bytes::from_static(&STAND_IN[..len])
    }

    /// Calls `at_end` when what waits now has gone out, or will not any more; at once if nothing waits.
    pub fn when_sent(&self, at_end: AtEnd) {
        match self.stretches().back_mut() {
            Some(last) => last.at_end = Some(at_end),
            None => at_end(Unsent::default()),
        }
    }

    /// Whether nothing waits: a write is just a write.
    pub fn is_empty(&self) -> bool {
        self.stretches().is_empty()
    }

    /// The failure of a write that is not the one that must come.
    pub fn out_of_step() -> io::Error {
        io::Error::other("hyper copied a stand-in: the connection is closed before zeros pass for a file")
    }

    /// A vectored write while stretches wait: what precedes the first stand-in, or the stretch behind it. Counts the
    /// bytes that hyper takes off its slices.
    pub fn poll_send(
        &self,
        socket: &TcpStream,
        turn: &mut Turn,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut stretches = self.stretches();
        let stretch = stretches.front_mut().ok_or_else(Self::out_of_step)?;
        let before = slices.iter().position(|slice| is_stand_in(slice)).ok_or_else(Self::out_of_step)?;
        if slices[before].len() as u64 != stretch.rest.len() {
            return Poll::Ready(Err(Self::out_of_step()));
        }
        if before > 0 {
            return poll_write(socket, cx, || send_more(socket, &slices[..before]));
        }
        if turn.0 >= TURN {
            turn.0 = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let sent = poll_write(socket, cx, || stretch.send(socket));
        match &sent {
            Poll::Pending => turn.0 = 0,
            Poll::Ready(Ok(sent)) => {
                turn.0 += *sent as u64;
                stretch.rest.start += *sent as u64;
                if stretch.rest.start == stretch.rest.end
                    && let Some(Stretch { at_end: Some(at_end), .. }) = stretches.pop_front()
                {
                    at_end(Unsent::default());
                }
            }
            Poll::Ready(Err(error)) if is_hang_up(error) => {}
            Poll::Ready(Err(error)) => *self.error.lock().expect("only set here") = Some(error.to_string()),
        }
        sent
    }

    fn stretches(&self) -> MutexGuard<'_, VecDeque<Stretch>> {
        self.stretches.lock().expect("nothing panics while holding it")
    }
}

/// The connection is over: whoever waits for the end of an answer learns what was not sent of it.
impl Drop for Outbox {
    fn drop(&mut self) {
        let error = self.error.get_mut().expect("nothing panics while holding it");
        let mut bytes = 0;
        for stretch in self.stretches.get_mut().expect("nothing panics while holding it").drain(..) {
            bytes += stretch.rest.len();
            if let Some(at_end) = stretch.at_end {
                at_end(Unsent { bytes: std::mem::take(&mut bytes), error: error.clone() });
            }
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting: u64 = self.stretches().iter().map(|stretch| stretch.rest.len()).sum();
        f.debug_tuple("Outbox").field(&waiting).finish()
    }
}

impl Stretch {
    /// Sends from the front, as much as the socket takes.
    fn send(&self, socket: &TcpStream) -> io::Result<usize> {
        let len = usize::try_from(self.rest.len()).expect("at most a megabyte");
        let mut offset = self.rest.start;
        match sendfile(socket, &self.file, &mut offset, len) {
            Ok(0) => Err(shrank()),
            Ok(sent) => Ok(sent),
            // not every file system has it
            Err(Errno::INVAL | Errno::NOSYS) => {
                let bytes = self.file.read(self.rest.front(64 * 1024))?;
                send(socket, &bytes)
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A TCP connection that sends stretches of files for stand-ins.
#[derive(Debug)]
pub struct SendfileStream {
    socket: TcpStream,
    outbox: Arc<Outbox>,
    turn: Turn,
}

impl SendfileStream {
    /// The bodies of this connection fill `outbox`.
    pub fn new(socket: TcpStream, outbox: Arc<Outbox>) -> Self {
        Self { socket, outbox, turn: Turn::default() }
    }
}

impl AsyncRead for SendfileStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for SendfileStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.outbox.is_empty() {
            return Poll::Ready(Err(Outbox::out_of_step()));
        }
        Pin::new(&mut this.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.outbox.is_empty() {
            return Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        }
        this.outbox.poll_send(&this.socket, &mut this.turn, cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

/// Whether these bytes only stand for bytes of a file.
pub fn is_stand_in(slice: &[u8]) -> bool {
    STAND_IN.as_ptr_range().contains(&slice.as_ptr())
}

/// The client went away, which is its right.
fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | TimedOut)
}

/// Runs a system call when the socket takes bytes, until it is not refused for being full.
fn poll_write(
    socket: &TcpStream,
    cx: &mut Context<'_>,
    mut call: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_write_ready(cx))?;
        match socket.try_io(Interest::WRITABLE, &mut call) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// Sends a head that a file follows at once, so that they share a packet.
#[cfg(target_os = "linux")]
fn send_more(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    Ok(rustix::net::sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags)?)
}

#[cfg(target_os = "linux")]
fn sendfile(socket: &TcpStream, file: &OpenFile, offset: &mut u64, len: usize) -> Result<usize, Errno> {
    rustix::fs::sendfile(socket, file, Some(offset), len)
}

#[cfg(target_os = "linux")]
fn send(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
}

/// Elsewhere no connection has an outbox ([`SUPPORTED`]).
#[cfg(not(target_os = "linux"))]
fn send_more(_socket: &TcpStream, _slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Err(Outbox::out_of_step())
}

#[cfg(not(target_os = "linux"))]
fn sendfile(_socket: &TcpStream, _file: &OpenFile, _offset: &mut u64, _len: usize) -> Result<usize, Errno> {
    Err(Errno::NOSYS)
}

#[cfg(not(target_os = "linux"))]
fn send(_socket: &TcpStream, _bytes: &[u8]) -> io::Result<usize> {
    Err(Outbox::out_of_step())
}
