//! The transport below hyper: it enforces the time-outs of a connection.
//!
//! hyper's own `header_read_timeout` includes the time that a kept-alive connection is idle. This transport has a
//! separate limit for each.

use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The first byte of a TLS record that holds a hello (RFC 8446 section 5.1).
pub const TLS_HANDSHAKE: u8 = 0x16;

/// The moment from which the idle times of all connections are counted.
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time-outs of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time from the first byte of a request's head to the last.
    pub head: Duration,
    /// The time between two requests, and before the first one.
    pub idle: Duration,
    /// The time during which the client reads no byte of a response.
    pub stalled: Duration,
    /// The time from the start of a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// The time after the client has closed its sending side, while no byte of the response is available.
    pub gone: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stalled: Duration::from_secs(300),
            handshake: Duration::from_secs(10),
            gone: Duration::from_secs(10),
        }
    }
}

/// Notes from the service to the transport of the same connection.
#[derive(Debug, Default)]
pub struct Activity {
    answering: AtomicBool,
    /// The number of the request whose body is being received, counted from 1; 0 if there is none.
    receiving: AtomicU64,
    received: AtomicU64,
    requests: AtomicU64,
    spoke_tls: AtomicBool,
    streaming: AtomicBool,
    waiting: AtomicBool,
    upgraded: AtomicBool,
    queued: AtomicBool,
    ended: AtomicBool,
    /// Since when the connection is idle, in milliseconds since [`BEGINNING`], counted from 1; 0 while it is not.
    idle_since: AtomicU64,
    /// Close as soon as it is idle: its place is needed.
    close: AtomicBool,
    /// The task of the connection, which waits for the client's next byte.
    task: AtomicWaker,
}

impl Activity {
    /// A request's head has arrived.
    pub fn requested(&self) {
        self.idle_since.store(0, Relaxed);
        self.answering.store(true, Relaxed);
        self.received.store(0, Relaxed);
        self.requests.fetch_add(1, Relaxed);
    }

    /// The body of the current request follows, so the next bytes are not a head, and the reader of the body has its
    /// own time-out. Returns the number of the request, for later notes about its body: by then, the next request may
    /// have begun.
    pub fn receiving(&self) -> u64 {
        let request = self.requests.load(Relaxed);
        self.receiving.store(request, Relaxed);
        request
    }

    /// Bytes of a request's body have arrived.
    pub fn received(&self, request: u64, bytes: usize) {
        if self.requests.load(Relaxed) == request {
            self.received.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// No more of a request's body will be read.
    pub fn received_all(&self, request: u64) {
        let _ = self.receiving.compare_exchange(request, 0, Relaxed, Relaxed);
    }

    /// The number of bytes of the current request's body that have arrived.
    pub fn bytes_received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// The current response is endless (a stream of events): it ends when the client disconnects.
    pub fn streaming(&self) {
        self.streaming.store(true, Relaxed);
    }

    /// Sets whether the request waits in a queue. Meanwhile, the connection checks whether the client has disconnected.
    pub fn set_queued(&self, yes: bool) {
        self.queued.store(yes, Relaxed);
    }

    /// The client has ended its side of the connection.
    pub fn set_ended(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Whether the client has ended its side while its request waited.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// The current response may have to wait for a long time before more of it can be sent.
    pub fn waiting(&self) {
        self.waiting.store(true, Relaxed);
    }

    /// The connection was upgraded to another protocol, which has its own time-outs.
    pub fn upgraded(&self) {
        self.upgraded.store(true, Relaxed);
    }

    /// The response has been passed to hyper completely.
    pub fn answered(&self) {
        self.answering.store(false, Relaxed);
        self.streaming.store(false, Relaxed);
        self.waiting.store(false, Relaxed);
    }

    /// Since when the connection has been idle: between two requests, or before the first. `None` while it is not. Counted
    /// from a moment that is the same for all connections.
    pub fn idle_since(&self) -> Option<Duration> {
        self.idle_since.load(Relaxed).checked_sub(1).map(Duration::from_millis)
    }

    /// Whether the connection has been idle for this time: all has been sent, and no request is being received.
    pub fn is_idle_for(&self, time: Duration) -> bool {
        self.idle_since().is_some_and(|since| BEGINNING.elapsed() >= since + time)
    }

    /// Closes the connection if it is idle, else when it is next.
    pub fn close(&self) {
        self.close.store(true, Relaxed);
        self.task.wake();
    }

    fn set_idle(&self, since: Option<Instant>) {
        let since = since.map_or(0, |since| since.saturating_duration_since(*BEGINNING).as_millis() + 1);
        self.idle_since.store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether the first bytes of the client were a TLS handshake.
    pub fn spoke_tls(&self) -> bool {
        self.spoke_tls.load(Relaxed)
    }
}

/// A connection with time-outs.
#[derive(Debug)]
pub struct Transport<S> {
    io: S,
    limits: Limits,
    activity: Arc<Activity>,
    /// The number of requests whose head has been read.
    requests: u64,
    /// When the first byte of the current head arrived.
    head_began: Option<Instant>,
    /// When the client was found to have closed its sending side, during a response that waits.
    ended: Option<Instant>,
    /// When the client stopped reading.
    stalled_since: Option<Instant>,
    /// When bytes that were written began to wait below: TLS keeps some.
    unflushed_since: Option<Instant>,
    last_progress: Instant,
    began: bool,
    /// Bytes that were read too early: to check whether the client is still connected, or while the connection was idle.
    early: Bytes,
    /// Set to the deadline or earlier. If the deadline has moved, it is checked when the timer fires, so a busy
    /// connection never resets the timer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Transport<S> {
    /// Wraps a connection that has just been accepted.
    pub fn new(io: S, limits: Limits, activity: Arc<Activity>) -> Self {
        Self {
            io,
            limits,
            activity,
            requests: 0,
            head_began: None,
            ended: None,
            stalled_since: None,
            unflushed_since: None,
            last_progress: Instant::now(),
            began: false,
            early: Bytes::new(),
            timer: None,
        }
    }

    /// Its notes.
    pub fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// The time at which the connection is closed if nothing happens until then; `None` while the server is working.
    fn deadline(&mut self) -> Option<Instant> {
        if self.activity.upgraded.load(Relaxed) {
            return None;
        }
        let requests = self.activity.requests.load(Relaxed);
        if requests != self.requests {
            self.requests = requests;
            self.head_began = None;
            self.last_progress = Instant::now();
        }
        if let Some(since) = self.stalled_since.or(self.unflushed_since) {
            Some(since + self.limits.stalled)
        } else if let Some(ended) = self.ended {
            Some(ended.max(self.last_progress) + self.limits.gone)
        } else if self.activity.answering.load(Relaxed) || self.activity.receiving.load(Relaxed) > 0 {
            None
        } else if let Some(began) = self.head_began {
            Some(began + self.limits.head)
        } else {
            Some(self.last_progress + self.limits.idle)
        }
    }

    /// Notes since when the connection is idle, if it is, and is ready where it is to be closed then. hyper takes the end of
    /// a connection between two requests as the client's.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let activity = &self.activity;
        let is_busy = activity.answering.load(Relaxed) || activity.receiving.load(Relaxed) > 0;
        let is_idle = !is_busy && self.head_began.is_none() && self.stalled_since.is_none();
        activity.set_idle(is_idle.then_some(self.last_progress));
        activity.task.register(cx.waker());
        if is_idle && activity.close.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready when the client has taken too long.
    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let Some(deadline) = self.deadline() else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client took too long"));
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// Records the result of a write: progress, or the start of a stall.
    fn wrote(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(_) => {
                self.stalled_since = None;
                self.unflushed_since = None;
                self.last_progress = Instant::now();
                result
            }
            Poll::Pending => {
                self.stalled_since.get_or_insert_with(Instant::now);
                self.activity.set_idle(None);
                self.poll_timeout(cx).map(Err)
            }
        }
    }

    /// What a flush came to: below TLS, the socket may be full.
    fn flushed(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        match result {
            Poll::Ready(_) => {
                self.unflushed_since = None;
                result
            }
            Poll::Pending => {
                self.unflushed_since.get_or_insert_with(Instant::now);
                self.activity.set_idle(None);
                self.poll_timeout(cx).map(Err)
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Transport<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let early = this.early.split_to(this.early.len().min(buf.remaining()));
        buf.put_slice(&early);
        let result = match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Pending if !early.is_empty() => Poll::Ready(Ok(())),
            result => result,
        };
        match result {
            Poll::Pending => match this.poll_timeout(cx) {
                Poll::Pending => this.poll_closed(cx).map(Ok),
                Poll::Ready(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(_) => {
                this.activity.set_idle(None);
                if let Some(first) = buf.filled().get(before) {
                    if !this.began {
                        this.began = true;
                        this.activity.spoke_tls.store(*first == TLS_HANDSHAKE, Relaxed);
                    }
                    if this.activity.receiving.load(Relaxed) > 0 {
                        this.last_progress = Instant::now();
                    } else {
                        this.head_began.get_or_insert_with(Instant::now);
                    }
                }
                result
            }
        }
    }
}

impl<S: AsyncRead + Unpin> Transport<S> {
    /// Puts bytes back, which will be read first.
    pub fn unread(&mut self, bytes: &[u8]) {
        // copied, because the bytes of hyper belong to a buffer of 8 KiB
        self.early = [bytes, &self.early].concat().into();
    }

    /// Waits for the next bytes, which stay to be read. Returns whether there are any; the end is `false`.
    pub async fn has_more(&mut self) -> io::Result<bool> {
        poll_fn(|cx| {
            if self.early.is_empty() {
                // on the stack, because what waits for many connections must be small; most heads fit, and need no second read
                let mut buffer = [MaybeUninit::uninit(); 4096];
                let mut buffer = ReadBuf::uninit(&mut buffer);
                ready!(Pin::new(&mut *self).poll_read(cx, &mut buffer))?;
                self.early = Bytes::copy_from_slice(buffer.filled());
            }
            Poll::Ready(Ok(!self.early.is_empty()))
        })
        .await
    }

    /// Fails if the client has disconnected. hyper does not read while it responds, and with `half_close` it ignores
    /// the end of the client's data, so a stream of events would continue without a reader until a write fails. A
    /// client of such a stream has nothing more to send, so the end of its data means that it has disconnected. A
    /// pending read wakes the connection.
    fn poll_disconnected(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        if !self.early.is_empty() || Pin::new(&mut self.io).poll_read(cx, &mut buf)?.is_pending() {
            return Ok(());
        }
        match buf.filled() {
            byte @ [_] => self.early = Bytes::copy_from_slice(byte),
            _ => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client hung up")),
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.activity.streaming.load(Relaxed) {
            this.poll_disconnected(cx)?;
        } else if this.activity.waiting.load(Relaxed) {
            // a client that only closed its sending side gets some time: it looks like a disconnected one until a write
            // fails
            if this.ended.is_none() {
                this.ended = this.poll_disconnected(cx).is_err().then(Instant::now);
            }
            if this.ended.is_some()
                && let Poll::Ready(error) = this.poll_timeout(cx)
            {
                return Poll::Ready(Err(error));
            }
        }
        if this.activity.queued.load(Relaxed) {
            match this.poll_disconnected(cx) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => this.activity.set_ended(),
                result => result?,
            }
        }
        let result = Pin::new(&mut this.io).poll_flush(cx);
        this.flushed(cx, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_shutdown(cx);
        this.flushed(cx, result)
    }
}
