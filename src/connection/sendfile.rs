//! sendfile through hyper: file bytes that are never copied into this process.
//!
//! hyper expects a body's bytes in memory and writes them to the connection. So a body passes it *placeholder bytes*: a
//! slice of one buffer of zeros, as long as the range of the file to send. It also puts the range into the connection's
//! [`SendQueue`]. hyper does not copy data for a vectored transport but passes on the slices. So the transport
//! ([`SendQueue::poll_send`]) recognises placeholder bytes by their address, and calls `sendfile(2)` for the first
//! range in the queue instead of sending the zeros.
//!
//! ```text
//! FileBody --placeholder--> hyper --[head][placeholder]--> transport --head, MSG_MORE--> socket
//!        \---- range ----> SendQueue -------------------------^    \------sendfile------> socket
//! ```
//!
//! The zeros themselves must never be sent. In some modes, hyper copies bodies (`pipeline_flush`, a transport that is
//! not vectored). The copy has another address and would be sent as data. Therefore, while a range is queued, every
//! call fails the connection unless it is a vectored write with placeholder bytes of exactly the length of that range.
//! A test enables copying and checks that the connection fails.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use hyper::body::Bytes;
#[cfg(target_os = "linux")]
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::storage::byte_range::ByteRange;
use crate::storage::open_file::OpenFile;
#[cfg(target_os = "linux")]
use crate::storage::progress::shrank;

/// Whether this module supports the system's sendfile.
pub const SUPPORTED: bool = cfg!(target_os = "linux");

/// The maximum length of a queued range. A longer one would block the reactor for too long, and the check whether its
/// pages are cached would be less reliable. It also costs more CPU time for each byte: the bytes leave the CPU's cache before the
/// client reads them. Measured with 256 KiB and 2 MiB on an Intel Xeon: 3,881 and 2,020 MiB in a second of CPU time for files of
/// 1 MiB.
pub const MAX_RANGE: u64 = 256 * 1024;

/// How many bytes the kernel holds of each connection that it has not sent yet. By default it holds up to some MiB, so that
/// most writes find a full buffer and each makes little progress; and what it holds has left the CPU's cache before the client
/// reads it. Measured on an Intel Xeon: 6,044 instead of 4,056 MiB in a second of CPU time for files of 1 MiB, and 5,878
/// instead of 3,094 for ranges of 1 MiB. Files of 200 MiB cost a quarter more, but arrive 1.6 to 2 times as fast.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 16 * 1024;

/// After this many bytes without a pause, the connection yields to others.
const YIELD_AFTER: u64 = 2 * MAX_RANGE;

/// The buffer behind all placeholder bytes. It is never written, so the kernel maps it to a single page of zeros, and
/// never freed, so no other data can have its addresses.
static PLACEHOLDER: LazyLock<&'static [u8]> = LazyLock::new(|| {
    let len = usize::try_from(MAX_RANGE).expect("it fits");
    Box::leak(vec![0; len].into_boxed_slice())
});

/// The file ranges that a connection still has to send, in order. Bodies fill the queue, and the transport empties it.
#[derive(Default)]
pub struct SendQueue {
    ranges: Mutex<VecDeque<QueuedRange>>,
    /// The failure that ended the connection.
    error: Mutex<Option<String>>,
}

/// A range of an open file. The queue has the same order as the placeholder bytes.
struct QueuedRange {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "there is no sendfile"))]
    file: OpenFile,
    /// The part that is not sent yet; never empty.
    rest: ByteRange,
    /// Called when this range has been sent, if it is the last one of a response.
    on_sent: Option<OnSent>,
}

/// Called once per response, when the bytes that hyper considers sent have been sent or the connection has ended.
pub type OnSent = Box<dyn FnOnce(SendOutcome) + Send>;

/// The result of sending the queued ranges of a response.
#[derive(Debug, Default)]
pub struct SendOutcome {
    /// The number of bytes that were queued but not sent.
    pub unsent: u64,
    /// The error, unless the client closed the connection.
    pub error: Option<String>,
}

/// Counts the bytes that the transport has sent since it last paused.
#[derive(Debug, Default)]
pub struct SentSincePause(u64);

impl SendQueue {
    /// Queues a range of at most [`MAX_RANGE`] bytes. Returns the placeholder bytes, which must be passed to hyper
    /// next.
    pub fn push(&self, file: &OpenFile, range: ByteRange) -> Bytes {
        let len = usize::try_from(range.len()).expect("at most MAX_RANGE");
        self.ranges().push_back(QueuedRange { file: file.clone(), rest: range, on_sent: None });
        Bytes::from_static(&PLACEHOLDER[..len])
    }

    /// Calls `on_sent` when all ranges that are queued now have been sent or the connection has ended; immediately if
    /// the queue is empty.
    pub fn on_sent(&self, on_sent: OnSent) {
        match self.ranges().back_mut() {
            Some(last) => last.on_sent = Some(on_sent),
            None => on_sent(SendOutcome::default()),
        }
    }

    /// Whether no range is queued, so that writes are ordinary writes.
    pub fn is_empty(&self) -> bool {
        self.ranges().is_empty()
    }

    /// The error of a write that does not match the queue.
    pub fn out_of_sync() -> io::Error {
        io::Error::other(
            "hyper copied placeholder bytes: the connection is closed before zeros are sent in place of a file",
        )
    }

    /// Handles a vectored write while ranges are queued. Sends the slices before the first placeholder bytes, or the
    /// range that the placeholder bytes represent. Returns how many bytes of `slices` hyper may consider written.
    pub fn poll_send(
        &self,
        socket: &TcpStream,
        sent_since_pause: &mut SentSincePause,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut ranges = self.ranges();
        let queued = ranges.front_mut().ok_or_else(Self::out_of_sync)?;
        let before = slices.iter().position(|slice| is_placeholder(slice)).ok_or_else(Self::out_of_sync)?;
        if slices[before].len() as u64 != queued.rest.len() {
            return Poll::Ready(Err(Self::out_of_sync()));
        }
        if before > 0 {
            return poll_write(socket, cx, || send_more(socket, &slices[..before]));
        }
        if sent_since_pause.0 >= YIELD_AFTER {
            sent_since_pause.0 = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let sent = poll_write(socket, cx, || queued.send(socket));
        match &sent {
            Poll::Pending => sent_since_pause.0 = 0,
            Poll::Ready(Ok(sent)) => {
                sent_since_pause.0 += *sent as u64;
                queued.rest.start += *sent as u64;
                if queued.rest.start == queued.rest.end
                    && let Some(QueuedRange { on_sent: Some(on_sent), .. }) = ranges.pop_front()
                {
                    on_sent(SendOutcome::default());
                }
            }
            Poll::Ready(Err(error)) if is_disconnect(error) => {}
            Poll::Ready(Err(error)) => {
                *self.error.lock().expect("nothing panics while holding it") = Some(error.to_string());
            }
        }
        sent
    }

    fn ranges(&self) -> MutexGuard<'_, VecDeque<QueuedRange>> {
        self.ranges.lock().expect("nothing panics while holding it")
    }
}

/// The connection has ended: the callbacks receive the number of bytes that were not sent.
impl Drop for SendQueue {
    fn drop(&mut self) {
        let error = self.error.get_mut().expect("nothing panics while holding it");
        let mut unsent = 0;
        for queued in self.ranges.get_mut().expect("nothing panics while holding it").drain(..) {
            unsent += queued.rest.len();
            if let Some(on_sent) = queued.on_sent {
                on_sent(SendOutcome { unsent: std::mem::take(&mut unsent), error: error.clone() });
            }
        }
    }
}

impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued: u64 = self.ranges().iter().map(|queued| queued.rest.len()).sum();
        f.debug_tuple("SendQueue").field(&queued).finish()
    }
}

impl QueuedRange {
    /// Sends as much of the range as the socket accepts.
    #[cfg(target_os = "linux")]
    fn send(&self, socket: &TcpStream) -> io::Result<usize> {
        let len = usize::try_from(self.rest.len()).expect("at most MAX_RANGE");
        let mut offset = self.rest.start;
        match sendfile(socket, &self.file, &mut offset, len) {
            Ok(0) => Err(shrank()),
            Ok(sent) => Ok(sent),
            // not every file system supports it
            Err(Errno::INVAL | Errno::NOSYS) => {
                let bytes = self.file.read(self.rest.front(64 * 1024))?;
                send(socket, &bytes)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// On other systems, connections have no send queue ([`SUPPORTED`]).
    #[cfg(not(target_os = "linux"))]
    fn send(&self, _socket: &TcpStream) -> io::Result<usize> {
        Err(SendQueue::out_of_sync())
    }
}

/// A TCP connection that sends file ranges in place of placeholder bytes.
#[derive(Debug)]
pub struct SendfileStream {
    socket: TcpStream,
    send_queue: Arc<SendQueue>,
    sent_since_pause: SentSincePause,
}

impl SendfileStream {
    /// Wraps a connection whose bodies fill `send_queue`.
    pub fn new(socket: TcpStream, send_queue: Arc<SendQueue>) -> Self {
        // without it, the connection works as well, but slower
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&socket).set_tcp_notsent_lowat(MAX_UNSENT);
        Self { socket, send_queue, sent_since_pause: SentSincePause::default() }
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
        if !this.send_queue.is_empty() {
            return Poll::Ready(Err(SendQueue::out_of_sync()));
        }
        Pin::new(&mut this.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.send_queue.is_empty() {
            return Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        }
        this.send_queue.poll_send(&this.socket, &mut this.sent_since_pause, cx, slices)
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

/// Whether these are placeholder bytes for a file range.
pub fn is_placeholder(slice: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&slice.as_ptr())
}

/// Whether the client closed the connection, which is not an error.
fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted | TimedOut)
}

/// Waits until the socket is writable, and repeats the system call as long as it reports that the socket is full.
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

/// Sends a head that a file follows immediately, so that they share a packet.
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

/// On other systems, connections have no send queue ([`SUPPORTED`]).
#[cfg(not(target_os = "linux"))]
fn send_more(_socket: &TcpStream, _slices: &[IoSlice<'_>]) -> io::Result<usize> {
    Err(SendQueue::out_of_sync())
}
